"""What every shell must do, as checks that take one and an empty directory that both sides see.

@pytest.mark.parametrize("check", CHECKS)
def test_contract(check, tmp_path): check(MyShell(...), tmp_path)
"""

import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from releaser.errors import PortError, ReleaserError, UnknownError, UnreachableError, UsageError
from releaser.shell import Shell

__all__ = ["CHECKS", "Check"]

Check = Callable[[Shell, Path], None]
WITHIN = 20.0
SIZE = 3_000_000


def check_a_verb_answers(shell: Shell, directory: Path) -> None:
    _same(shell.call("ledger.read", _site(directory), within=WITHIN)["fence"], 0)


def check_the_answers_of_threads_are_not_mixed_up(shell: Shell, directory: Path) -> None:
    verbs = [f"no.verb{number}" for number in range(6)]

    def ask(verb: str) -> str:
        return _raises(UsageError, lambda: shell.call(verb, {}, within=WITHIN)).message

    with ThreadPoolExecutor(len(verbs)) as pool:
        for verb, said in zip(verbs, pool.map(ask, verbs), strict=True):
            _same(verb in said, expected=True)


def check_an_unknown_verb_is_a_usage_error(shell: Shell, directory: Path) -> None:
    _raises(UsageError, lambda: shell.call("router.burn", {}, within=WITHIN))


def check_an_agent_that_breaks_off_leaves_us_not_knowing(shell: Shell, directory: Path) -> None:
    said = _raises(UnknownError, lambda: shell.call("ledger.read", {}, within=WITHIN))
    if "KeyError" not in said.message:
        raise AssertionError(f"the reason is missing: {said.message}")


def check_a_verb_without_time_does_nothing_or_is_not_known(shell: Shell, directory: Path) -> None:
    _raises(PortError, lambda: shell.call("ledger.read", _site(directory), within=0.0))


def check_a_file_arrives_whole_and_private(shell: Shell, directory: Path) -> None:
    source, target = directory / "source", directory / "target"
    source.write_bytes(secrets.token_bytes(SIZE))
    for _ in range(2):
        shell.put(source, str(target), within=WITHIN)
        _same(target.read_bytes(), source.read_bytes())
        _same(target.stat().st_mode & 0o777, 0o600)
    _same(sorted(entry.name for entry in directory.iterdir()), ["source", "target"])


def check_an_empty_file_arrives(shell: Shell, directory: Path) -> None:
    (directory / "source").touch()
    shell.put(directory / "source", str(directory / "target"), within=WITHIN)
    _same((directory / "target").read_bytes(), b"")


def check_a_copy_that_cannot_be_made_leaves_nothing(shell: Shell, directory: Path) -> None:
    source = directory / "source"
    source.write_bytes(b"x")
    for local, remote, within in (
        (source, directory / "none" / "target", WITHIN),
        (source, directory / "target", -1.0),
        (directory / "missing", directory / "target", WITHIN),
    ):
        _raises(UnreachableError, lambda: shell.put(local, str(remote), within=within))  # noqa: B023 - called at once
    _same([entry.name for entry in directory.iterdir()], ["source"])


def _site(directory: Path) -> dict[str, str]:
    return {"state": str(directory / "state")}


def _raises(kind: type[ReleaserError], call: Callable[[], object]) -> ReleaserError:
    try:
        call()
    except kind as error:
        return error
    raise AssertionError(f"no {kind.__name__} was raised")


def _same(found: object, expected: object) -> None:
    if found != expected:
        raise AssertionError(f"{str(found)[:200]} is not {str(expected)[:200]}")


CHECKS: tuple[Check, ...] = tuple(check for name, check in list(globals().items()) if name.startswith("check_"))
