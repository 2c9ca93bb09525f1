"""Thousands of command lines that nobody meant: each ends with a code of the table, one document, and no traceback."""

import io
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from cli_world import Place
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from releaser.cli.main import run, wanted_output
from releaser.cli.verbs import VERBS
from releaser.errors import ConfigError

CODES = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 130}
WORDS = st.sampled_from(
    [
        "-e", "--env", "production", "-o", "json", "-ojson", "--output=json", "yaml", "jsonl", "-y", "--reason", "why",
        "--timeout", "3s", "1", "--set", "a=b", "--no-color", "-v", "-vv", "--help", "-h", "--version", "--", "-",
        "1.4.2", "../../etc", "1.4.2/1", "--to", "100%", "--list", "--not-bad", "--check", "--plan", "--expect-plan",
        "--wait-lock", "15m", "--supersede", "--stable-is-down", "--retry-bad", "--unfreeze", "--offline", "--save",
        "--detailed-exitcode", "--back", "--finish", "--until", "2h", "--allow", "hotfix", "--release", "-f", "-n", "3",
        "--explain", "--schema", "playbook", "environment", "verify", "bash", "zsh", "fish", "--max", "--expect",
        "", " ", "--name", "x", "--host", "local", "--app", "shop", "--run", "./x", "--attached-to",
    ]
)  # fmt: skip
HOSTILE = st.text(alphabet=st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12)
VERB = st.sampled_from([name for name in VERBS if name != "demo"])
LINES = st.one_of(
    st.builds(lambda verb, rest: [verb, *rest], VERB, st.lists(st.one_of(WORDS, HOSTILE), max_size=7)),
    st.lists(st.one_of(WORDS, HOSTILE, VERB), max_size=6),
)


def nowhere(*args: object, **more: object) -> object:
    raise ConfigError("there is no environment here", fix=("releaser init",), code="no-environment")


@pytest.fixture(scope="module")
def somewhere(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A working folder of its own: `init` and `--save` may write there."""
    folder = tmp_path_factory.mktemp("lines")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        yield folder


@settings(max_examples=2000, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(LINES)
def test_no_command_line_ends_in_a_traceback(somewhere: Path, words: list[str]) -> None:
    out, err = io.StringIO(), io.StringIO()
    environ = {"RELEASER_STATE": str(somewhere / "state")}
    code = run(words, environ=environ, stdin=io.StringIO(), out=out, err=err, opener=nowhere)  # type: ignore[arg-type]  # raises before it would answer
    assert code in CODES
    assert code != 1, (words, out.getvalue(), err.getvalue())
    assert "Traceback" not in out.getvalue() + err.getvalue()
    assert "\x1b" not in out.getvalue() + err.getvalue()
    if wanted_output(words) == "json":
        document = json.loads(out.getvalue())
        assert document["exit"] == code
        assert err.getvalue() == ""
    if wanted_output(words) == "jsonl":
        assert [json.loads(one) for one in out.getvalue().splitlines()][-1]["exit"] == code


QUICK = ["status", "plan", "history", "show", "approve", "pause", "resume", "advance", "abort", "recover", "freeze", "unfreeze",
         "config", "adopt", "watch", "audit", "journal", "down", "completion"]  # fmt: skip
MEANT = st.sampled_from(
    ["1.4.1", "1.4.2", "-e", "production", "--reason", "why", "--until", "2h", "--expect", "1.4.2/1", "--to", "50%", "--playbook",
     "slow", "--retry-bad", "--offline", "--set", "fleet.drain=1s", "--timeout", "1s", "verify", "--check", "-y"]
)  # fmt: skip


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """1.4.1 runs in production, over fake hosts."""
    place = Place(tmp_path_factory.mktemp("released"))
    place.build("1.4.1", "1.4.2")
    assert place.run("promote", "1.4.1").code == 0
    return place


@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(QUICK), st.lists(st.one_of(MEANT, WORDS, HOSTILE), max_size=6))
def test_none_does_where_there_is_something_to_answer_with_either(
    somewhere: Path, released: Place, verb: str, rest: list[str]
) -> None:
    out, err = io.StringIO(), io.StringIO()
    words = [verb, "--folder", str(released.folder), *rest]
    code = run(words, environ=released.environ, stdin=io.StringIO(), out=out, err=err, opener=released.open)
    assert code in CODES
    assert code != 1, (words, out.getvalue(), err.getvalue())
    assert "Traceback" not in out.getvalue() + err.getvalue()
    if wanted_output(words) == "json":
        assert json.loads(out.getvalue())["exit"] == code
