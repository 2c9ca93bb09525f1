"""Which hosts does the person mean? --host and --group of the verbs that look at hosts; a match of nothing is an error."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

import click

from releaser.errors import UsageError

if TYPE_CHECKING:
    from releaser.config.environment import Environment

__all__ = ["HostChoice", "chosen_hosts", "host_options"]

LISTED = 8
"""So many names fit into an error that is still read."""


@dataclass(frozen=True, slots=True)
class HostChoice:
    """What was asked for on the command line: nothing means all hosts."""

    hosts: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        return not (self.hosts or self.groups)


def host_options(command: Any) -> Any:
    """--host and --group, both repeatable, for a verb that takes `hosts` and `groups` (tuples of names)."""
    command = click.option("--group", "groups", metavar="NAME", multiple=True, help="Only hosts of this group.")(
        command
    )
    return click.option("--host", "hosts", metavar="NAME", multiple=True, help="Only this host; may be repeated.")(
        command
    )


def chosen_hosts(environment: "Environment", choice: HostChoice, *, routers: bool = False) -> frozenset[str]:
    """The names of the hosts that are named or in one of the groups; all of them where nothing was chosen.

    With `routers` the hosts of the routers can be named too; they are in no group. Raises UsageError for a name or group
    that matches nothing, naming what there is.
    """
    groups = _groups(environment)
    known = {host for target in environment.targets.values() for host in _names(target)}
    if routers:
        known |= {host for target in environment.targets.values() for host in target.router.hosts}
    if choice.everything:
        return frozenset(known)
    _expect(environment.name, "host", choice.hosts, known)
    _expect(environment.name, "group", choice.groups, groups)
    return frozenset(choice.hosts).union(*(groups[name] for name in choice.groups))


def _names(target: Any) -> list[str]:
    return [host.name for host in getattr(target.options, "hosts", ())]


def _groups(environment: "Environment") -> Mapping[str, frozenset[str]]:
    found: dict[str, set[str]] = {}
    for target in environment.targets.values():
        placed: Any = target.options
        for host in getattr(placed, "hosts", ()):
            for group in host.groups:
                found.setdefault(group, set()).add(host.name)
    return {group: frozenset(hosts) for group, hosts in found.items()}


def _expect(environment: str, what: str, asked: Sequence[str], known: Iterable[str]) -> None:
    names = sorted(known)
    for name in asked:
        if name in names:
            continue
        if not names:
            raise UsageError(
                f"{environment} has no {what} {name}: none of its hosts is in a group; write groups beside a host's name",
                code="no-match",
            )
        near = get_close_matches(name, names, 1)
        meant = f" (did you mean {near[0]}?)" if near else ""
        listed = ", ".join(names[:LISTED]) + (f" and {len(names) - LISTED} more" if len(names) > LISTED else "")
        raise UsageError(f"{environment} has no {what} {name}{meant}; it has {listed}", code="no-match")
