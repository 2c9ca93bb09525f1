"""What is said of hosts and routers that were away and come to the committed release?"""

from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from releaser.cli.answer import done
from releaser.cli.lines import Line, row
from releaser.cli.run import Reply, Run
from releaser.cli.views.names import version_of
from releaser.core.values import Outcome

if TYPE_CHECKING:
    from releaser.engine.behind import Behind
    from releaser.engine.bringing import Brought
    from releaser.engine.session import Session

__all__ = ["brought_back", "named"]

NAMED = 5
NOTHING = "nothing to recover: no release was left in the middle"


def brought_back(run: Run, session: "Session") -> Reply:
    """No release was left in the middle; whoever went without the committed one is brought to it."""
    brought = session.bring_back(wait=run.pause)
    if brought is None:
        return Reply(done(session.name, NOTHING))
    failed = [one for one in brought.still if not one.away]
    answer = done(session.name, _message(brought), release=brought.release, version=version_of(brought.release))
    if failed:
        again = (f"releaser recover -e {session.name}", f"releaser logs -e {session.name} --host {failed[0].host}")
        answer = replace(answer, outcome=Outcome.ERROR, exit=1, reason="behind", fix=again)
    return Reply(
        answer, _data(brought), (*_lines(session.name, brought), *(row("next", (one, "strong")) for one in answer.fix))
    )


def named(hosts: Sequence["Behind"]) -> str:
    """web3 (unreachable), web5 (holds 1.1.0-4f2a9c11, running) and 3 more; hosts with the same word together."""
    groups: dict[str, list[str]] = {}
    for one in hosts:
        groups.setdefault(one.why, []).append(one.host)
    shown = list(groups.items())[:NAMED]
    said = [f"{', '.join(names[:NAMED])}{_more(names)} ({why})" for why, names in shown]
    return ", ".join(said) + (f" and {len(groups) - NAMED} more reasons" if len(groups) > NAMED else "")


def _more(names: Sequence[str]) -> str:
    return f" and {len(names) - NAMED} more" if len(names) > NAMED else ""


def _message(brought: "Brought") -> str:
    version = version_of(brought.release)
    failed = [one for one in brought.still if not one.away]
    away = [one for one in brought.still if one.away]
    said = [f"{named_only([one.host for one in brought.hosts])} came to {version}"] if brought.hosts else []
    said += [f"{named_only(brought.routers)} told anew who has {version}"] if brought.routers else []
    said += [f"still behind: {named(failed)}"] if failed else []
    said += (
        [f"no answer from {named_only([*(one.host for one in away), *brought.silent])}"]
        if away or brought.silent
        else []
    )
    return "; ".join(said) or f"{NOTHING}, and every host is at {version}"


def named_only(names: Sequence[str]) -> str:
    return ", ".join(names[:NAMED]) + _more(names)


def _lines(environment: str, brought: "Brought") -> list[Line]:
    version = version_of(brought.release)
    lines = [row("brought", (one.host, "good"), f" to {version}; it was behind: {one.why}") for one in brought.hosts]
    lines += [row("routers", f"{name} sends requests to every host that has {version}") for name in brought.routers]
    failed = [one for one in brought.still if not one.away]
    lines += [row("behind", (f"{one.host}: {one.why}", "bad"), "; it gets no requests") for one in failed]
    away = [*(one.host for one in brought.still if one.away), *brought.silent]
    lines += [row("away", f"{named_only(away)}: no answer; run this again once it is back")] if away else []
    return lines


def _data(brought: "Brought") -> dict[str, Any]:
    return {
        "brought": [{"target": one.target, "host": one.host, "was": one.why} for one in brought.hosts],
        "routers": list(brought.routers),
        "behind": [{"target": one.target, "host": one.host, "why": one.why} for one in brought.still],
    }
