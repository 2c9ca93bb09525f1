"""What do a router's own answer, its ledger and its guard mean for the next release? PURE."""

from collections.abc import Iterator, Mapping
from typing import Any

from releaser.config.environment import Router
from releaser.engine.doctor.asking import Asked
from releaser.engine.doctor.finding import Finding, fail, ok, unknown, warn
from releaser.engine.doctor.haproxy import haproxy_findings
from releaser.engine.doctor.nginx import nginx_findings
from releaser.engine.doctor.watched import envoy_findings, traefik_findings
from releaser.errors import ReleaserError, UnknownError
from releaser.ports import LedgerState, RouterState

__all__ = ["guard_finding", "ledger_finding", "router_finding", "setting_findings"]


def setting_findings(asked: Asked, router: Router, told: Mapping[str, Any]) -> Iterator[Finding]:
    """Of a router of somebody's own, in the words of its kind."""
    facts, kind = told.get("router") or {}, router.kind
    options: Any = router.options
    if kind == "haproxy" and "haproxy" in facts:
        yield from haproxy_findings(asked.label, options, facts["haproxy"], told["user"], sticky=router.sticky)
    if kind == "nginx" and "nginx" in facts:
        yield from nginx_findings(asked.label, options, facts["nginx"])
    if kind == "envoy" and "envoy" in facts:
        yield from envoy_findings(asked.label, options, facts["envoy"])
    if kind == "traefik" and "traefik" in facts:
        yield from traefik_findings(asked.label, options, facts["traefik"])


def router_finding(where: str, said: RouterState | ReleaserError, *, idle: bool) -> Finding:
    """What the router applies. `idle`: releaser runs it itself, and it stands still."""
    if idle:
        return ok("router", where, "does not run; the next release starts it")
    if isinstance(said, ReleaserError):
        return _silent("router", where, said, "releaser status")
    split = said.split
    gives = (
        ", ".join(f"{weight} % to {release}" for release, weight in split.weights)
        if split
        else "nothing to anybody yet"
    )
    return ok("router", where, f"gives {gives} (generation {said.generation})")


def ledger_finding(where: str, said: LedgerState | ReleaserError, environment: str) -> Finding:
    if isinstance(said, ReleaserError):
        return _silent("ledger", where, said, "releaser status")
    if said.environment not in ("", environment):
        other = f"this ledger belongs to the environment {said.environment}"
        apart = "give each environment a directory of its own: router.state"
        return fail("ledger", where, other, f"releaser status -e {said.environment}", apart, code="environment")
    if said.candidate is not None and not (said.holder and said.holder.left > 0):
        left = f"a release of {said.candidate} was left in the middle"
        return fail("ledger", where, left, f"releaser recover -e {environment}", code="abandoned")
    if said.frozen is not None:
        frozen = f"{said.frozen.by} froze {environment}: {said.frozen.reason}"
        return warn("ledger", where, frozen, f"releaser unfreeze -e {environment} --reason ...")
    return ok("ledger", where, f"{said.current} is current (fence {said.fence})" if said.current else "is empty")


def guard_finding(where: str, said: LedgerState, environment: str) -> Finding:
    """Nobody needs a guard while nothing is armed; a promote starts it, and rehearses with it before the first shift."""
    if said.guard == "dead":
        gone = "the guard is gone that goes back by itself where nobody renews"
        return fail("guard", where, gone, f"releaser recover -e {environment}", code="guard")
    if said.guard == "alive":
        armed = "" if said.armed_left is None else f", armed for {said.armed_left:.0f} s more"
        return ok("guard", where, f"lives{armed}")
    return ok("guard", where, "nothing is armed; the next release starts and rehearses it")


def _silent(check: str, where: str, error: ReleaserError, look: str) -> Finding:
    said = error.message.partition(": ")[2] if error.message.partition(": ")[0] in where.split("/") else error.message
    if isinstance(error, UnknownError):
        return unknown(check, where, said, *error.fix)
    return fail(check, where, said, *(error.fix or (look,)), code=error.code)
