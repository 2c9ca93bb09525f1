"""What is found on all hosts at once, and what came of preparing them?"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

from releaser.engine.setup.script import Script
from releaser.engine.setup.steps import Finding
from releaser.errors import ReleaserError, UnknownError

__all__ = ["Found", "LogsIn", "Runs", "carry_out", "look", "shut_out"]

AT_ONCE = 32
LOOK, DO = 60.0, 180.0
"""Seconds for a host."""
Found = Mapping[str, "tuple[Finding, ...] | ReleaserError"]
"""By host: its findings in order, or why there are none."""


class Runs(Protocol):
    def run(self, host: str, script: str, words: tuple[str, ...], *, within: float) -> str:
        """What a script printed that root ran there. Raises ReleaserError."""
        ...


class LogsIn(Protocol):
    def log_in(self, host: str, *, within: float) -> None:
        """Raises ReleaserError where it is not let in."""
        ...


def look(reach: Runs, script: Script, hosts: Sequence[str]) -> Found:
    """Changes nothing."""
    return _everywhere(
        hosts, lambda host: _findings(host, script, reach.run(host, script.text, (host, "look"), within=LOOK))
    )


def carry_out(reach: Runs, script: Script, hosts: Sequence[str]) -> Found:
    """Each host to the end of its steps, or to the first that fails. Safe to repeat."""
    return _everywhere(hosts, lambda host: _findings(host, script, reach.run(host, script.text, (host,), within=DO)))


def shut_out(reach: LogsIn, hosts: Sequence[str]) -> Mapping[str, ReleaserError]:
    """The hosts that do not let in whoever releases, and why."""

    def one(host: str) -> tuple[Finding, ...]:
        reach.log_in(host, within=LOOK)
        return ()

    return {host: found for host, found in _everywhere(hosts, one).items() if isinstance(found, ReleaserError)}


def _findings(host: str, script: Script, output: str) -> tuple[Finding, ...]:
    findings = script.findings(output)
    if not findings:
        raise UnknownError(f"{host} ran the script and said nothing of it; see what --print gives, and run that there")
    return findings


def _everywhere(hosts: Sequence[str], ask: Callable[[str], tuple[Finding, ...]]) -> Found:
    def one(host: str) -> tuple[Finding, ...] | ReleaserError:
        try:
            return ask(host)
        except ReleaserError as error:
            return error

    with ThreadPoolExecutor(AT_ONCE) as pool:
        return dict(zip(hosts, pool.map(one, hosts), strict=True))
