"""The page of figures: a part that is measured again takes the place of what was there of it, and what was missed is listed."""

import sys
from pathlib import Path

ROOT = Path(__file__).parents[3]
sys.path.append(str(ROOT))
from bench.figures import Figure  # noqa: E402 - the bench is no package that is installed
from bench.page import page, section, sections  # noqa: E402 - the same

PAGE = ROOT / "docs" / "reference" / "figures.md"
SLOW = Figure("a commit, median", 1.55, target=1.0, floor=1.2, how="real")
QUICK = Figure("a reading", 30.0, target=40.0)


def test_one_part_is_replaced_and_the_others_stay() -> None:
    before = {"agent": section("here", [QUICK], quick=False), "journal": section("here", [SLOW], quick=True)}
    text = page(before, ["agent", "journal"])
    assert "1 of 2 targets missed or not measured:\n- a commit, median: 1.55 ms, target <= 1 ms\n" in text
    after = sections(text) | {"journal": section("there", [Figure("a commit, median", None, target=1.0)], quick=False)}
    assert after["agent"] == before["agent"]
    assert "- a commit, median: nothing, target <= 1 ms\n" in page(after, ["agent", "journal"])


def test_the_page_as_it_is_can_be_read_and_written_again() -> None:
    text = PAGE.read_text(encoding="utf-8")
    found = sections(text)
    assert {"agent", "cli", "ssh"} <= found.keys()
    assert page(found, found) == text
