"""The verbs of a router site's ledger: read, take the lease, end a rollout, edit what needs no lease."""

from __future__ import annotations

from releaser.onhost import clock, files, guard, rules, statedir
from releaser.onhost.answers import Refusal, deadline
from releaser.onhost.statedir import inside, load, save, site

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from pathlib import Path
    from typing import Any

COPIED = (
    "environment fence rollout current good bad evidence releases slots generation split before candidate journal fired away".split()  # noqa: SIM905 - a list of words
)


def read(request: dict[str, Any]) -> dict[str, Any]:
    """{state} -> the ledger as people and releases see it. Changes nothing."""
    return view(site(request))


def acquire(request: dict[str, Any]) -> dict[str, Any]:
    """{state, environment, claim, fence, force} -> the ledger. Safe to repeat with the same rollout and fence."""
    state, until = site(request), deadline(request)
    with inside(state, until):
        found, now = load(state), clock.now(state)
        ledger = rules.rebooted(found, now)
        if ledger is not found:
            save(state, ledger)
        if not request["force"]:
            _check_restored(state, ledger, request, now, until)
        save(state, rules.acquire(ledger, request, now))
        files.reserve(state)
        return view(state)


def settle(request: dict[str, Any]) -> dict[str, Any]:
    """{state, settling, fence} -> the ledger. Disarms, writes the ending, gives the lease back. Safe to repeat."""
    state = site(request)
    with inside(state, deadline(request)):
        ledger = load(state)
        if not rules.settled(ledger, request["settling"], request["fence"]):
            after = rules.settle(ledger, request, clock.now(state))
            if request["settling"]["settlement"] == "committed":
                _win(state, request["fence"])
            statedir.disarm(state)
            save(state, after)
        return view(state)


def edit(request: dict[str, Any]) -> dict[str, Any]:
    """{state, environment, change} -> the ledger. Needs no lease; safe to repeat."""
    state, change = site(request), request["change"]
    with inside(state, deadline(request)):
        ledger = load(state)
        now = clock.now(state)
        for name, what in change.items():
            if name == "post" and what["id"] not in ledger["taken"]:
                statedir.post(state, what)
            elif name == "taken":
                for heard in what:
                    statedir.take(state, heard)
                ledger = rules.taken(ledger, list(what))
            elif name == "freeze":
                ledger = {**ledger, "frozen": rules.freeze(what, now)}
            elif name == "unfreeze":
                ledger = {**ledger, "frozen": None}
            elif name == "adopt":
                ledger = rules.adopt(ledger, what, request.get("environment", ""))
        save(state, ledger)
        return view(state)


def view(state: Path) -> dict[str, Any]:
    """The ledger with what only the host can say: time left by its clock, the switch, the guard, the inbox."""
    ledger, now = load(state), clock.now(state)
    holder, frozen = ledger["holder"], ledger["frozen"]
    shown = {key: ledger[key] for key in COPIED}
    if holder:
        words = {key: holder[key] for key in ("name", "rollout", "release", "fence")}
        shown["holder"] = {**words, "left": rules.lease_left(holder, now)}
    if frozen and rules.frozen_left(frozen, now) != 0.0:
        words = {key: frozen[key] for key in ("by", "reason", "allow")}
        shown["frozen"] = {**words, "left": rules.frozen_left(frozen, now)}
    return {
        "holder": None,
        "frozen": None,
        **shown,
        "settled": ledger["settled"] and ledger["settled"][:2],
        "armed_left": _armed_left(state, now),
        "guard": guard.health(state),
        "inbox": statedir.inbox(state),
    }


def _armed_left(state: Path, now: clock.Now) -> float | None:
    return min((_left(switch, now) for switch in statedir.switches(state)), default=None)


def _left(switch: statedir.SwitchFile, now: clock.Now) -> float:
    """Seconds; a file that is damaged or gone since is one that nobody should count on."""
    try:
        body = files.read_json(switch.path)
    except Refusal:
        body = None
    return max(0.0, statedir.left(body, now)) if body else 0.0


def _check_restored(state: Path, ledger: dict[str, Any], request: dict[str, Any], now: clock.Now, until: float) -> None:
    """Nobody goes forward while an earlier rollout's switch is still to restore the split before it."""
    mine = request["fence"]
    if [switch for switch in statedir.switches(state) if switch.fence != mine] and not _held(ledger, now):
        guard.ensure(state, until)
        raise Refusal(
            "held",
            "the switch of a rollout that nobody drives any more is still armed here; its guard restores the split before it",
            "armed",
            ("finish it: releaser recover", "or take it back now: releaser rollback"),
        )


def _held(ledger: dict[str, Any], now: clock.Now) -> bool:
    return bool(ledger["holder"] and rules.alive(ledger["holder"], now))


def _win(state: Path, fence: int) -> None:
    """A commit and the guard both rename the armed file, and it exists once: who is second, lost."""
    for switch in statedir.switches(state):
        if switch.fence == fence and (switch.status == "fired" or not statedir.put_away(switch, "disarmed")):
            raise Refusal("fenced", "the router's own timer ran out before the commit and restores the split", "fired")
