"""What does a person need at 3 a.m., on one screen? A handful of lines, always in the same order."""

from datetime import datetime
from typing import TYPE_CHECKING

from releaser.cli.bringing_back import named
from releaser.cli.lines import Line, Span, line, row
from releaser.cli.render import clock_time
from releaser.cli.status_of import State, Status
from releaser.cli.views.evidence import error_rate, soon
from releaser.cli.views.latency import latency_lines, most
from releaser.cli.views.names import names_of, version_of
from releaser.cli.views.shares import candidate_share, stable_share, strays
from releaser.core.phrases import say_seconds, say_split
from releaser.core.values import Split
from releaser.store.summaries import Summary

if TYPE_CHECKING:
    from releaser.core.rollout import Rollout

__all__ = ["status_lines"]

WORDS: dict[State, Span] = {
    "unreachable": ("UNREACHABLE", "bad"),
    "empty": ("EMPTY", "strong"),
    "running": ("RELEASING", "strong"),
    "held": ("HELD", "bad"),
    "abandoned": ("ABANDONED", "bad"),
    "differ": ("ROUTERS DIFFER", "bad"),
    "down": ("DOWN", "bad"),
    "frozen": ("FROZEN", "warn"),
    "serving": ("SERVING", "good"),
}
ENDED = {"promoted": "promoted", "rolled_back": "rolled back", "incomplete": "INCOMPLETE", None: "started"}


def status_lines(status: Status, wall: float) -> list[Line]:
    lines = [_heading(status, wall), row("traffic", *_traffic(status))]
    errors = _errors(status, wall)
    lines += [row("errors", *errors)] if errors else []
    r = status.following.rollout
    if errors and r and r.judged:
        lines += latency_lines(r.judged.figures, *names_of(r.plan))
    lines += [row("down", (status.trouble, "bad"))] if status.trouble else []
    lines += [row("behind", (named(status.behind), "warn"))] if status.behind and not status.trouble else []
    if status.journal:
        lines.append(row("journal", (status.journal, "bad"), "; nothing goes forward until it is restored"))
    else:
        lines.append(row("last 24 h", _recent(status.recent) or "nothing"))
    lines.append(row("way back", *_way_back(status)))
    lines.append(row("do", *_join([(one, "strong") for one in _commands(status)], " | ")))
    return lines


def _heading(status: Status, wall: float) -> Line:
    name: Span = (status.name.ljust(10) + "  ", "strong")
    newest, r = status.newest, status.following.rollout
    if newest is None:
        return line(name, WORDS["unreachable"], "  no router answers: ", "; ".join(status.observed.silent.values()))
    if newest.holder is None and newest.candidate is None:
        frozen = newest.frozen
        until = f" for {say_seconds(frozen.left)} more" if frozen and frozen.left is not None else ""
        said = f"   frozen by {frozen.by}{until}: {frozen.reason}" if frozen else ""
        return line(name, WORDS[status.state], f" {newest.current or 'nothing was released yet'}", said)
    word = WORDS[status.state]
    if r and not r.finished and status.state != "abandoned":
        from releaser.cli.views.release import word_of

        word = word_of(r)
    weight = newest.split.weight(newest.candidate or "") if newest.split else 0
    since = f" since {clock_time(_since(status, r))}" if r and status.following.last else ""
    by = f"   by {newest.holder.name}" if newest.holder else ""
    return line(name, word, f" {weight} % of {newest.candidate}{since}{by}", *_alive(status, r))


def _since(status: Status, r: "Rollout") -> float:
    last = status.following.last
    return last.moment.wall - (last.moment.at - r.since) if last else 0.0


def _alive(status: Status, r: "Rollout | None") -> list[Span]:
    holder = status.newest.holder if status.newest else None
    if holder is None or holder.left <= 0:
        return [("   its process is gone: each router goes back by its own timer", "bad")]
    if r is None:
        return [(f"   holder alive, {say_seconds(holder.left)} of its lease left", "")]
    return [(f"   holder alive {say_seconds(max(0.0, r.plan.budget.deadman - holder.left))} ago", "")]


def _traffic(status: Status) -> list[str | Span]:
    splits = list(dict.fromkeys(state.split for state in status.observed.routers.values()))
    if not splits:
        why = next(iter(status.observed.silent.values()), "there is none")
        return [("unknown", "bad"), f": no router answers: {why}" if status.newest else ""]
    waves = _by_target(status)
    if len(splits) > 1 and waves:
        return ["   ".join(f"{target}: {said}" for target, said in waves.items()), "   ", *_routers(status)]
    if len(splits) > 1:
        said: list[str | Span] = [("ROUTERS DIFFER  ", "bad")]
        return said + [
            f"{name}: {say_split(state.split, version_of)}   "
            for name, state in sorted(status.observed.routers.items())
        ]
    return [_shares(status, splits[0]), "   ", *_routers(status), *strays(status.following.rollout)]


def _by_target(status: Status) -> dict[str, str]:
    """While a release goes from wave to wave its targets differ, and that is as it should be; empty where it is not."""
    splits: dict[str, set[Split | None]] = {}
    for name, state in sorted(status.observed.routers.items()):
        splits.setdefault(name.partition("/")[0], set()).add(state.split)
    if status.state not in ("running", "held") or any(len(found) > 1 for found in splits.values()):
        return {}
    return {target: say_split(found.pop(), version_of) for target, found in splits.items()}


def _shares(status: Status, split: Split | None) -> str:
    if split is None:
        return "nothing serves here yet"
    r = status.following.rollout
    going = r if r and not r.finished and not r.turned else None
    parts = []
    for release, weight in split.weights:
        share = candidate_share(going) if going and release == going.plan.to.id else stable_share(going)
        parts.append(f"{version_of(release)}  set {weight} %" + (f", observed {share}" if share else ""))
    return "   ".join(parts)


def _routers(status: Status) -> list[str | Span]:
    """Each router in a word; one that is silent with what happens there by itself."""
    names = sorted(
        {*status.observed.routers, *status.observed.ledgers, *(n for n in status.observed.silent if "/" in n)}
    )
    parts: list[Span] = []
    for name in names:
        ledger = status.observed.ledgers.get(name)
        if name in status.idle:
            parts.append((f"{name} does not run: a release starts it", "warn"))
        elif name in status.observed.silent:
            parts.append((f"{name} UNREACHABLE (its own timer takes it back)", "bad"))
        elif ledger and ledger.guard == "dead" and ledger.holder:
            parts.append((f"{name} ok, its guard is DEAD", "bad"))
        else:
            armed = f" (armed, {say_seconds(ledger.armed_left)})" if ledger and ledger.armed_left is not None else ""
            parts.append((f"{name} ok{armed}", ""))
    return list(_join(parts, ", "))


def _errors(status: Status, wall: float) -> list[str | Span]:
    r = status.following.rollout
    if r is None or r.judged is None or r.finished:
        return []
    candidate, stable = names_of(r.plan)
    figures = r.judged.figures
    said = (status.state == "running" and soon(status.following, wall)) or f"verdict {r.judged.verdict}: {r.judged.why}"
    beside = f"{stable}  {error_rate(figures.stable)}   " if stable else ""
    why = most(figures.candidate)
    return [f"{beside}{candidate}  {error_rate(figures.candidate)}   ", f"{why}   " if why else "", said]


def _recent(recent: tuple[Summary, ...]) -> str:
    told = []
    for one in recent[:4]:
        when = one.finished if one.finished is not None else one.opened
        clock = datetime.fromtimestamp(when).astimezone().strftime("%H:%M")
        kind = "rollback " if one.kind == "rollback" else ""
        told.append(f"{clock} {kind}{one.version} {ENDED.get(one.outcome, one.outcome)}")
    return " · ".join(told)


def _way_back(status: Status) -> list[str | Span]:
    newest, r = status.newest, status.following.rollout
    if newest is None:
        return ["unknown: no router answers"]
    open_ = newest.candidate not in {None, newest.current}
    target = (
        newest.current
        if open_
        else next((one.release for one in status.choices if not one.current and not one.bad), None)
    )
    if target is None:
        return [(f"none: {_no_way_back(status)}", "warn")]
    warm = "warm" if target in newest.slots.values() else "cold: it is started first"
    rehearsed = max(r.rehearsed.values(), default=None) if r else None
    if rehearsed is None and status.undo is not None:
        rehearsed = status.undo.seconds
    known = f", rehearsed {say_seconds(rehearsed)}" if rehearsed is not None else ", never rehearsed"
    undone = r.plan.undo.not_reversed if r else ()
    said: list[str | Span] = [f"{version_of(target)} {warm}{known}"]
    return said + ([(f"   NOT reversed: {', '.join(undone)}", "warn")] if undone else [])


def _no_way_back(status: Status) -> str:
    newest = status.newest
    if newest is None or (newest.current is None and newest.candidate is None):
        return "nothing was released yet"
    if newest.candidate is not None or len(status.choices) <= 1:
        return "the first release"
    return "every other release was taken back"


def _commands(status: Status) -> list[str]:
    """What a person would type now, the most likely first; a rollback only where there is something to go back to."""
    name, newest = f"-e {status.name}", status.newest
    candidate, current = (newest.candidate, newest.current) if newest else (None, None)
    version = version_of(candidate) if candidate else "VERSION"
    waits = status.following.rollout is not None and status.following.rollout.asked_approval is not None
    back = [f"releaser rollback {name}"] if _can_go_back(status) else []
    off = back or [f"releaser abort {name}"]
    again = [f"releaser rollback {name} --to {current}"] if current else []
    table: dict[State, list[str]] = {
        "unreachable": [f"releaser status {name}"],
        "empty": [f"releaser promote VERSION {name}"],
        "running": [*off, f"releaser pause {name}", f"releaser watch {name}"],
        "held": [*off, f"releaser resume {name}", f"releaser logs {name} --release {version}"],
        "abandoned": [f"releaser recover {name}", *back],
        "differ": [f"releaser recover {name}", *back],
        "down": [*again, f"releaser logs {name}", *back],
        "frozen": [f"releaser unfreeze {name} --reason ...", *back],
        "serving": [f"releaser plan VERSION {name}", *back],
    }
    bring = [f"releaser recover {name}"] if status.behind and status.state in ("serving", "frozen") else []
    return ([f"releaser approve {name}"] if waits else []) + bring + table[status.state]


def _can_go_back(status: Status) -> bool:
    """Whether `releaser rollback` without --to would move traffic."""
    newest = status.newest
    if newest is None:
        return False
    if newest.candidate is not None:
        return newest.current is not None and newest.current not in newest.bad
    if newest.settled is not None and newest.settled[1] == "reverted":
        return False
    return any(not one.current and one.bad is None for one in status.choices)


def _join(parts: list[Span], between: str) -> list[Span]:
    joined: list[Span] = []
    for part in parts:
        joined += [(between, ""), part] if joined else [part]
    return joined
