"""Who may go forward on this router, who is out, and what does the ledger say afterwards?

Pure: a ledger, a request and the time go in; the next ledger comes out, or a Refusal that says why not.
"""

from __future__ import annotations

from releaser.onhost.answers import Refusal
from releaser.onhost.clock import Now

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from typing import Any

KEPT_GOOD = 10
KEPT_BAD = 100
KEPT_TAKEN = 50


def acquire(ledger: dict[str, Any], request: dict[str, Any], now: Now) -> dict[str, Any]:
    """Take the lease. `force` (the way back, recovery) waits for nobody's lease and heeds no freeze or drift."""
    claim, fence, force = request["claim"], request["fence"], request["force"]
    holder = ledger["holder"]
    if holder and (holder["rollout"], holder["fence"]) == (claim["rollout"], fence) and alive(holder, now):
        return renewed(ledger, now)
    _check_environment(ledger, request)
    if not force:
        _check_held(ledger, claim, now)
        _check_frozen(ledger, claim, now)
        _check_drift(ledger, claim)
    if fence <= ledger["fence"]:
        raise Refusal("fenced", f"fence {fence} is over here: the ledger is at {ledger['fence']} already", "fenced")
    release = claim["release"]
    taken = {
        "environment": request.get("environment") or ledger["environment"],
        "fence": fence,
        "rollout": claim["rollout"],
        "holder": _holder(claim, fence, force, now),
        # A rollback is not what is being tried: people, and a second rollback, look here for what it takes back.
        "candidate": (ledger["candidate"] if force else None) or claim.get("leaving") or release["id"],
        "before": (ledger["before"] if force and claim["before"] is None else claim["before"]),
        "slots": dict(claim["binding"]) or ledger["slots"],
        "releases": {**ledger["releases"], release["id"]: release},
        "journal": claim["journal"] or ledger["journal"],
        "frozen": None if claim["unfreeze"] else ledger["frozen"],
        "fired": ledger["fired"] if force else None,
    }
    return _pruned({**ledger, **taken})


def writer(ledger: dict[str, Any], fence: int, now: Now) -> None:
    """Raises Refusal unless `fence` may change this router now."""
    fired, holder = ledger["fired"], ledger["holder"]
    if fired and fired["fence"] == fence:
        raise Refusal(
            "fenced", f"the router's own timer ran out {_ago(fired, now)} and restored the split before", "fired"
        )
    if fence < ledger["fence"]:
        by = f"{holder['name']} (rollout {holder['rollout']})" if holder else "a newer holder"
        raise Refusal(
            "fenced", f"fence {fence} is over here: {by} took this router with fence {ledger['fence']}", "fenced"
        )
    if fence > ledger["fence"]:
        raise Refusal(
            "failed", f"fence {fence} was never acquired here, the ledger is at {ledger['fence']}", "not-acquired"
        )
    if not holder:
        raise Refusal("fenced", f"the rollout that held fence {fence} has ended on this router", "ended")
    # A rollback that took the site by force owes its right to the fence alone: slow renewals must not stop it.
    if (holder["armed"] or not holder["forced"]) and not alive(holder, now):
        raise Refusal(
            "fenced", f"the lease of {holder['lease']['seconds']:g} s is over: it was not renewed", "lease-over"
        )


def renewed(ledger: dict[str, Any], now: Now, **changes: Any) -> dict[str, Any]:
    """The holder's lease starts again."""
    holder = {**ledger["holder"], **changes}
    return {**ledger, "holder": {**holder, "lease": {**holder["lease"], "boot": now.boot, "renewed": now.at}}}


def written(ledger: dict[str, Any], fence: int, split: dict[str, int], generation: int) -> dict[str, Any]:
    """`written` is the fence of the last write: a switch of an older fence has nothing to restore after it."""
    return {**ledger, "written": fence, "split": split, "generation": generation}


def fired(ledger: dict[str, Any], switch: dict[str, Any], now: Now, *, restored: bool) -> dict[str, Any]:
    """The guard ran `switch`. Its holder, should it wake, is out; a newer one, or one that rehearses, stays."""
    after = dict(ledger)
    if not switch["rehearsal"] and (ledger["fired"] or {}).get("n") != switch["n"]:
        after["fired"] = {"fence": switch["fence"], "n": switch["n"], "at": now.at, "boot": now.boot}
        if ledger["fence"] == switch["fence"]:
            after.update(fence=ledger["fence"] + 1, holder=None)
    if restored:
        after.update(split=switch["split"], generation=switch["generation"])
    return after


def settled(ledger: dict[str, Any], settling: dict[str, Any], fence: int) -> bool:
    """Whether this very ending was written before and nobody has taken the site since."""
    return bool(ledger["settled"] == [settling["rollout"], settling["settlement"], fence] and not ledger["holder"])


def settle(ledger: dict[str, Any], request: dict[str, Any], now: Now) -> dict[str, Any]:
    """The rollout's end on this router."""
    settling, fence = request["settling"], request["fence"]
    settlement = settling["settlement"]
    if settlement == "committed" or not _holds(ledger, fence):
        writer(ledger, fence, now)  # only a live holder commits; one that goes back may be late, but not out
    after = {
        **ledger,
        "holder": None,
        "before": None,
        "candidate": None,
        "journal": settling["journal"] or ledger["journal"],
        "settled": [settling["rollout"], settlement, fence],
    }
    current, bad = settling["current"], settling["bad"]
    if settlement != "cancelled":
        after["current"] = current
        if settling.get("away") is not None:
            after["away"] = {**ledger["away"], current: settling["away"]}
    if settlement == "committed":
        good = [current, *(release for release in ledger["good"] if release != current)]
        after["good"] = good[: settling.get("keep", KEPT_GOOD)]
        after["bad"] = {release: why for release, why in ledger["bad"].items() if release != current}
    if bad:
        after["good"] = [release for release in after["good"] if release != bad[0]]
        after["bad"] = dict(list({**after["bad"], bad[0]: bad[1]}.items())[-KEPT_BAD:])
        after["evidence"] = bad[0]
    if settling["freeze"]:
        after["frozen"] = freeze(settling["freeze"], now)
    return _pruned(after)


def freeze(frozen: dict[str, Any], now: Now) -> dict[str, Any]:
    """`seconds` (None: until somebody lifts it) count by this site's own clock."""
    words = {"by": frozen["by"], "reason": frozen["reason"], "allow": list(frozen.get("allow", ()))}
    return {**words, "seconds": frozen["seconds"], "boot": now.boot, "since": now.at}


def rebooted(ledger: dict[str, Any], now: Now) -> dict[str, Any]:
    """After a restart of the host nobody knows how long it was away: a freeze starts again at its full length."""
    frozen = ledger["frozen"]
    if not frozen or frozen["boot"] == now.boot:
        return ledger
    return {**ledger, "frozen": {**frozen, "boot": now.boot, "since": now.at}}


def frozen_left(frozen: dict[str, Any], now: Now) -> float | None:
    """Seconds, 0 where it is over, None where it has no end."""
    if frozen["seconds"] is None:
        return None
    past = now.at - frozen["since"] if frozen["boot"] == now.boot else 0.0
    return max(0.0, float(frozen["seconds"]) - past)


def adopt(ledger: dict[str, Any], adopted: dict[str, Any], environment: str) -> dict[str, Any]:
    """What serves already is current and good. Refused where the ledger knows of something current."""
    release = adopted["release"]
    known = release if isinstance(release, dict) else {}
    name = known.get("id", release)
    if ledger["current"] not in (None, name):
        raise Refusal(
            "refused",
            f"this router's ledger says already that {ledger['current']} is current, so nothing is adopted",
            "not-empty",
            ("see what it knows: releaser status",),
        )
    return {
        **ledger,
        "environment": environment or ledger["environment"],
        "current": name,
        "good": [name, *(other for other in ledger["good"] if other != name)][:KEPT_GOOD],
        "releases": {**ledger["releases"], name: known} if known else ledger["releases"],
        "slots": {**ledger["slots"], adopted["slot"]: name},
        "split": adopted["split"],
        "generation": max(ledger["generation"], adopted["generation"]),
    }


def taken(ledger: dict[str, Any], requests: list[str]) -> dict[str, Any]:
    """Requests that were heard: a repeated post of one of them is not a second request."""
    return {**ledger, "taken": [*ledger["taken"], *(r for r in requests if r not in ledger["taken"])][-KEPT_TAKEN:]}


def lease_left(holder: dict[str, Any], now: Now) -> float:
    lease = holder["lease"]
    return float(lease["renewed"] + lease["seconds"] - now.at) if lease["boot"] == now.boot else 0.0


def alive(holder: dict[str, Any], now: Now) -> bool:
    return lease_left(holder, now) > 0.0


def _holder(claim: dict[str, Any], fence: int, force: bool, now: Now) -> dict[str, Any]:
    return {
        "name": claim["holder"],
        "rollout": claim["rollout"],
        "release": claim["release"]["id"],
        "playbook": claim["playbook"],
        "fence": fence,
        "forced": force,
        "armed": False,
        "lease": {"boot": now.boot, "renewed": now.at, "seconds": claim["lease"]},
    }


def _holds(ledger: dict[str, Any], fence: int) -> bool:
    return bool(ledger["holder"] and ledger["holder"]["fence"] == fence == ledger["fence"])


def _check_environment(ledger: dict[str, Any], request: dict[str, Any]) -> None:
    mine, theirs = request.get("environment"), ledger["environment"]
    if mine and theirs and mine != theirs:
        raise Refusal(
            "refused",
            f"this router belongs to the environment {theirs}, not to {mine}",
            "environment",
            (f"release to it with: -e {theirs}", "or give each environment a state directory of its own"),
        )


def _check_held(ledger: dict[str, Any], claim: dict[str, Any], now: Now) -> None:
    holder = ledger["holder"]
    if holder and holder["rollout"] != claim["rollout"] and alive(holder, now):
        raise Refusal(
            "held",
            f"{holder['name']} is releasing {holder['release']} here (rollout {holder['rollout']}), "
            f"and its lease has {lease_left(holder, now):.0f} s left",
            "lock-held",
            ("wait for it: --wait-lock", "see it: releaser status", "take it back: releaser rollback"),
        )


def _check_frozen(ledger: dict[str, Any], claim: dict[str, Any], now: Now) -> None:
    frozen = ledger["frozen"]
    if not frozen or claim["unfreeze"] or claim["playbook"] in frozen["allow"]:
        return
    left = frozen_left(frozen, now)
    if left is None or left > 0.0:
        until = "until somebody lifts it" if left is None else f"for another {_span(left)}"
        raise Refusal(
            "refused",
            f"{frozen['by']} froze this environment {until}: {frozen['reason']}",
            "frozen",
            ("lift it: releaser unfreeze --reason ...", "or go through it once: --unfreeze --reason ..."),
        )


def _check_drift(ledger: dict[str, Any], claim: dict[str, Any]) -> None:
    if claim["expected_fence"] not in (None, ledger["fence"]):
        raise Refusal(
            "refused",
            f"somebody wrote here since the plan was made (fence {ledger['fence']}, planned on {claim['expected_fence']})",
            "drift",
            ("make a new plan: releaser plan",),
        )


def _pruned(ledger: dict[str, Any]) -> dict[str, Any]:
    """Releases that nothing names any more are forgotten."""
    named = {ledger["current"], ledger["candidate"], *ledger["good"], *ledger["slots"].values()}
    named.update(ledger["split"] or (), ledger["before"] or ())
    away = {name: hosts for name, hosts in ledger["away"].items() if name in named and hosts}
    kept = {name: about for name, about in ledger["releases"].items() if name in named}
    return {**ledger, "releases": kept, "away": away}


def _ago(fired_at: dict[str, Any], now: Now) -> str:
    return f"{_span(now.at - fired_at['at'])} ago" if fired_at["boot"] == now.boot else "before this host was restarted"


def _span(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
