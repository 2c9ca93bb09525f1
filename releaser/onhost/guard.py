"""Who takes users back to the split before the first shift, when nobody renews any more?

The guard: one detached process per router site that compares its own boot-time clock with the armed file.
"""

from __future__ import annotations

import os
import sys
import time
from contextlib import suppress
from pathlib import Path

from releaser.onhost import clock, detach, files, lock, recipe, rules, statedir
from releaser.onhost.answers import Refusal
from releaser.onhost.statedir import SwitchFile, inside, load, save

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from typing import Any

TURN = 0.2
"""Seconds between two looks: the switch's own delay is this and the time that the recipe takes."""
ATTEMPT = 2.5
"""Seconds that one attempt may hold the site's lock; whoever goes back by force waits no longer than this."""
IDLE = 60.0
REHEARSED_WITHIN = 30.0
"""Seconds after which nobody waits for a rehearsal any more: it must not come to pass in a later release."""
LOG_BYTES = 1 << 20
POLL = 0.01


def guard(request: dict[str, Any]) -> dict[str, Any]:
    """{state, idle}: the detached process itself. Ends after `idle` seconds with nothing armed, or with its directory."""
    state = Path(request["state"])
    claimed = lock.claim(state / "guard.lock")
    if claimed is None:
        return {"ended": "another guard is alive"}
    boot, quiet, said = "", clock.seconds(), ""
    while state.is_dir():
        try:
            if boot != clock.boot(state):
                boot = _announce(state)
            busy, problems = _turn(state)
            said = _say("; ".join(problems), said)
            if busy:
                quiet = clock.seconds()
            elif clock.seconds() - quiet > float(request.get("idle", IDLE)) and _leave(state, claimed):
                return {"ended": "nothing is armed"}
        except (OSError, Refusal) as error:
            said = _say(str(error), said)  # a guard that died of one bad turn would guard nobody
        time.sleep(TURN)
    return {"ended": "the site is gone"}


def ensure(state: Path, until: float) -> int:
    """The pid of this site's guard, started where there is none. Call it inside the site's lock.

    Raises Refusal where it is not alive by the monotonic time `until`.
    """
    pid = _pid(state)
    if pid is not None:
        return pid
    log = state / "guard.log"
    if log.exists() and log.stat().st_size > LOG_BYTES:
        log.unlink()
    detach.start("guard", {"state": str(state)}, log)
    while time.monotonic() < until:
        pid = _pid(state)
        if pid is not None:
            return pid
        time.sleep(POLL)
    raise Refusal("failed", f"the guard of this router does not start: {last_words(state)}", "guard", (f"see {log}",))


def health(state: Path) -> str:
    """One of "alive", "dead" (it should be there and is not) and "none" (nobody needs one)."""
    if _pid(state) is not None:
        return "alive"
    return "dead" if (state / "guard.json").exists() or statedir.switches(state) else "none"


def last_words(state: Path) -> str:
    log = state / "guard.log"
    lines = log.read_text(errors="replace").strip().splitlines() if log.exists() else []
    return lines[-1] if lines else "it says nothing"


def _pid(state: Path) -> int | None:
    known = files.read_json(state / "guard.json")
    if known is None or known["boot"] != clock.boot(state) or clock.started(known["pid"]) != known["start"]:
        return None
    return int(known["pid"])


def _announce(state: Path) -> str:
    boot = clock.boot(state)
    files.write_json(state / "guard.json", {"pid": os.getpid(), "start": clock.started(os.getpid()), "boot": boot})
    return boot


def _leave(state: Path, claimed: int) -> bool:
    """Under the site's lock, so that nobody arms between the last look and the end."""
    with inside(state, time.monotonic() + ATTEMPT):
        if statedir.switches(state):
            return False
        (state / "guard.json").unlink()
        os.close(claimed)
        return True


def _turn(state: Path) -> tuple[bool, list[str]]:
    """Whether there is anything to guard, and what went wrong. The newest first; one that fails keeps no other waiting."""
    pending, problems = statedir.switches(state), []
    for switch in reversed(pending):
        try:
            body = files.read_json(switch.path)
            if body is not None and (switch.status == "fired" or statedir.expired(body, clock.now(state))):
                _go_back(state, switch)
        except (OSError, ValueError, KeyError, Refusal) as error:
            problems.append(f"{switch.path.name}: {type(error).__name__}: {error}")
    return bool(pending), problems


def _go_back(state: Path, switch: SwitchFile) -> None:
    """Once more inside the lock, because a renewal or an ending may have come first. Raises Refusal to be tried again."""
    with inside(state, time.monotonic() + ATTEMPT):
        body, now = files.read_json(switch.path), clock.now(state)
        if body is None or (switch.status == "armed" and not statedir.expired(body, now)):
            return
        if body["rehearsal"] and statedir.left(body, now) < -REHEARSED_WITHIN:
            statedir.put_away(switch, "disarmed")
            return
        mine = switch if switch.status == "fired" else statedir.fire(switch)
        if mine is not None:
            _restore(state, mine, body, now)


def _restore(state: Path, switch: SwitchFile, body: dict[str, Any], now: clock.Now) -> None:
    """Users first: the recipe runs before the ledger is written, and whether or not it can be read."""
    ledger = _ledger(state)
    if ledger is not None and ledger["written"] > switch.fence:
        statedir.put_away(switch, "disarmed")  # a newer holder has written since: its split is the one that counts
        return
    problem = _attempt(body)
    if problem is None:
        body = {**body, "restored": clock.seconds()}
    if ledger is not None:
        save(state, rules.fired(ledger, body, now, restored=problem is None))
    if problem is not None:
        raise problem
    files.write_json(switch.path, body)
    statedir.put_away(switch, "restored")
    for older in statedir.switches(state):
        if (older.fence, older.number) < (switch.fence, switch.number):
            statedir.put_away(older, "disarmed")  # or it would restore an older split after this one


def _attempt(body: dict[str, Any]) -> OSError | Refusal | None:
    try:
        recipe.run([*body["revert"], *body["look"]], time.monotonic() + ATTEMPT)
    except (OSError, Refusal) as error:
        return error
    return None


def _ledger(state: Path) -> dict[str, Any] | None:
    try:
        return load(state)
    except Refusal as refusal:
        _say(refusal.message, "")
        return None


def _say(words: str, before: str) -> str:
    """Into guard.log, once for as long as it stays the same."""
    if words and words != before:
        with suppress(OSError):  # a log on a full disk is no reason to stop
            print(words, file=sys.stderr, flush=True)  # noqa: T201 - stderr of the detached process is its log
    return words
