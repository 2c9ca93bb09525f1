"""A stable release that is dead or missing: `plan` and `promote` refuse, `status` says so, and it can be started again."""

from pathlib import Path

import pytest
from cli_world import Place

from releaser.core.values import Split


@pytest.fixture
def down(place: Place) -> Place:
    """1.4.1 is committed and has been killed."""
    assert place.run("promote", "1.4.1").code == 0
    (run,) = place.host.slots.values()
    run.wanted = False
    return place


@pytest.mark.parametrize("verb", ["plan", "promote"])
def test_nothing_is_released_beside_a_stable_release_that_is_down(down: Place, verb: str) -> None:
    before = down.digest()
    refused = down.run(verb, "1.4.2", "-o", "json")
    assert (refused.code, refused.document["reason"]) == (6, "stable-down")
    assert "web: web1 stopped" in refused.document["message"]
    assert any("--stable-is-down" in fix for fix in refused.document["fix"])
    assert down.digest() == before


def test_a_person_who_knows_that_it_is_down_may_release(down: Place) -> None:
    words = ("1.4.2", "--stable-is-down", "--reason", "the disk of 1.4.1 is gone")
    shown = down.run("plan", *words)
    assert shown.code == 0
    assert "stable is said to be down" in shown.out
    assert down.run("promote", *words).code == 0
    assert down.site.split is not None
    assert down.site.split.weights[0][0].startswith("1.4.2-")


@pytest.mark.parametrize("verb", ["plan", "promote"])
def test_a_stable_release_that_runs_and_never_answers_is_down_too(place: Place, verb: str) -> None:
    assert place.run("promote", "1.4.1").code == 0
    place.hung.add("1.4.1")
    before = place.digest()
    refused = place.run(verb, "1.4.2", "-o", "json")
    assert (refused.code, refused.document["reason"]) == (6, "stable-down")
    assert "web: web1 runs and gives no answer" in refused.document["message"]
    logs, anyway = refused.document["fix"]
    assert logs.startswith("releaser logs -e production --release 1.4.1-")
    assert "--stable-is-down" in anyway
    assert place.digest() == before
    assert place.run("plan", "1.4.2", "--stable-is-down").code == 0
    same = place.run(verb, "1.4.1", "-o", "json")
    assert (same.code, same.document["reason"], len(same.document["fix"])) == (6, "stable-down", 1)


@pytest.mark.parametrize("verb", ["plan", "promote"])
def test_a_stable_release_that_answers_with_errors_is_the_judges_business(place: Place, verb: str) -> None:
    assert place.run("promote", "1.4.1").code == 0
    place.sick.add("1.4.1")
    assert place.run(verb, "1.4.2").code == 0


def test_status_says_it_and_how_to_start_it_again(down: Place) -> None:
    shown = down.run("status")
    assert "DOWN 1.4.1-" in shown.out
    assert "web: web1 stopped" in shown.out
    assert "rollback -e production --to 1.4.1-" in shown.out
    assert down.run("status", "--check").code == 1
    assert down.run("status", "-o", "json").document["status"][0]["trouble"] == "web: web1 stopped"


def test_it_is_started_again_and_not_said_to_run_already(down: Place) -> None:
    again = down.run("promote", "1.4.1", "-o", "json")
    assert (again.code, again.document["reason"]) == (6, "stable-down")
    (fix,) = again.document["fix"]
    back = down.run(*fix.split()[1:], "-o", "json")
    assert (back.code, back.document["outcome"], back.document["frozen"]) == (0, "rolled_back", None), back
    assert down.run("status").out.startswith("production  SERVING 1.4.1-")
    assert down.run("status", "--check").code == 0  # nothing was taken back
    assert down.site.split == Split.all_to(back.document["release"])
    assert down.site.ledger["bad"] == {}
    assert down.run("promote", "1.4.1").code == 0
    assert down.run("promote", "1.4.2").code == 0


def test_a_slot_that_holds_nothing_is_missing_too(down: Place) -> None:
    down.host.slots.clear()
    refused = down.run("plan", "1.4.2", "-o", "json")
    assert (refused.code, "no slot of web holds it" in refused.document["message"]) == (6, True)


def test_every_remedy_names_a_verb_that_exists() -> None:
    """In every string of the package that is a command line, or has one in it in backquotes."""
    import ast
    import re

    from releaser.cli.verbs import VERBS

    named = re.compile(r"(?:^|`|first release: |see what is there: )releaser ([a-z]+)(?= |$|`)")
    found = set()
    for path in (Path(__file__).parents[3] / "releaser").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                found |= {(verb, path.name) for verb in named.findall(node.value)}
    assert len(found) > 30
    prose = {"itself", "runs", "is", "has", "of", "knows", "and", "on", "that"}
    assert {one for one in found if one[0] not in VERBS and one[0] not in prose} == set()
