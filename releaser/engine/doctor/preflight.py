"""Which findings of a host stop a release before it begins? `plan` asks what `doctor` asks, of the hosts and in the same turn."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from releaser.config.environment import Environment
from releaser.config.observed import Refusal, Refusals, Unchanged, Underway
from releaser.core.plan import Plan
from releaser.engine.doctor.asking import Asked, asked_of
from releaser.engine.doctor.finding import Finding
from releaser.engine.doctor.hosts import CHECK_OF, SILENT, allowed, host_findings, silent_finding
from releaser.engine.doctor.routers import ledger_finding, router_finding, setting_findings
from releaser.engine.doctor.visitors import visitors_of
from releaser.engine.observe import WITHIN, Looked, Observed, look
from releaser.errors import FailedError, ReleaserError
from releaser.shell.questions import ask_all

if TYPE_CHECKING:
    from releaser.engine.session import Session

__all__ = ["Preflight", "observe_and_ask", "refused_by", "with_refusals"]

UNREACHABLE = "unreachable"
"""The code of every reason why a host gives no answer."""
NO_AGENT = frozenset({"agent-start", "agent-broke"})
"""How a host answers on which the agent cannot be kept."""
THEIRS = frozenset({"abandoned"})
"""What a plan says itself, and in which a release has a way of its own."""


@dataclass(frozen=True, slots=True)
class Preflight:
    """What is there now, why a release could not be placed, and whether some host could not even be asked."""

    observed: Observed
    refusals: tuple[Refusal, ...] = ()
    silent: bool = False


def observe_and_ask(session: "Session") -> Preflight:
    """Never raises for a silent host: it is a refusal."""
    environment, wiring, world = session.environment, session.wiring, session.world
    paths = {name: wiring.path_of(target) for name, target in environment.targets.items()}
    asked = [one for one in asked_of(environment, paths) if (one.target, one.host) in wiring.shells]
    looked = look(world, [one.question(wiring.shells[one.target, one.host]) for one in asked])
    told = {one.label: _heard(session, one, said) for one, said in zip(asked, looked.beside, strict=True)}
    found = [finding for one in asked for finding in _of(environment, one, told[one.label], looked)]
    silent = any(one.level != "OK" and one.check in SILENT for one in found)
    return Preflight(looked.observed(), tuple(refused_by(found, asked, environment)), silent)


def _heard(session: "Session", asked: Asked, said: Any) -> Any:
    """A host on which nothing of ours can be kept is asked by a visitor, who leaves nothing there, for the reason."""
    if not isinstance(said, ReleaserError):
        return said
    if said.code not in NO_AGENT and (not isinstance(said, FailedError) or said.code in CHECK_OF):
        return said
    visitor = visitors_of(session.wiring)[asked.target, asked.host]
    (told,) = ask_all([asked.question(visitor)], within=WITHIN)
    return told


def _of(
    environment: Environment, asked: Asked, facts: Mapping[str, Any] | ReleaserError, looked: Looked
) -> Iterator[Finding]:
    """A router that releaser runs itself may stand still: that is no reason against a release."""
    if isinstance(facts, ReleaserError):
        yield silent_finding(asked, facts)
        return
    yield from host_findings(asked, facts, None)
    router, name = environment.targets[asked.target].router, f"{asked.target}/{asked.host}"
    if asked.routes and not router.managed:
        ledger = looked.ledgers[name]
        settings = list(setting_findings(asked, router, facts))
        yield from settings
        yield ledger_finding(asked.label, ledger, environment.name)
        if not isinstance(ledger, ReleaserError) and not any(one.level == "FAIL" for one in settings):
            yield router_finding(asked.label, looked.routers[name], idle=False)


def refused_by(found: Sequence[Finding], asked: Sequence[Asked], environment: Environment) -> Iterator[Refusal]:
    """Those that a fleet does not go without: of the hosts of an application `max_failed` in each wave may say no."""
    bad = [
        one for one in allowed(found, asked, environment) if one.level in ("FAIL", "UNKNOWN") and one.code not in THEIRS
    ]
    spared: set[str] = set()
    for wave in environment.waves:
        of_wave = {one.label for one in asked if one.target in wave and not one.routes} & {one.where for one in bad}
        spared |= of_wave if len(of_wave) <= environment.fleet.max_failed else set()
    for alike in _alike(one for one in bad if one.where not in spared):
        hosts = [one.where for one in alike]
        named = ", ".join(hosts[:5]) + (f" and {len(hosts) - 5} more" if len(hosts) > 5 else "")
        code = UNREACHABLE if alike[0].check == "reach" or alike[0].level == "UNKNOWN" else alike[0].code
        yield Refusal(code, f"{named}: {alike[0].found}", alike[0].fix)


def _alike(found: Iterable[Finding]) -> Iterator[list[Finding]]:
    """Two hundred full disks are one reason."""
    groups: dict[tuple[object, ...], list[Finding]] = {}
    for one in found:
        groups.setdefault((one.check, one.found, one.fix), []).append(one)
    yield from groups.values()


def with_refusals(
    planned: Plan | Refusals | Unchanged | Underway, asked: Preflight
) -> Plan | Refusals | Unchanged | Underway:
    """A plan that would fail on a host is none. Here it is known why each that gives no answer does not, and a host that
    could not be asked does not count as one on which the stable release is down.
    """
    refusals = asked.refusals
    if not refusals or isinstance(planned, (Unchanged, Underway)):
        return planned
    if isinstance(planned, Plan):
        return Refusals(refusals)
    known = {UNREACHABLE, *(refusal.code for refusal in refusals), *(["stable-down"] if asked.silent else [])}
    return Refusals((*refusals, *(one for one in planned.items if one.code not in known)))
