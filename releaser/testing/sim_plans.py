"""Which releases and plans are simulated? Compiled by the shipped code from one environment and the shipped steps.

The cadences are coarser than in production (they are values of the plan), so that many releases fit in a second.
"""

from dataclasses import dataclass, field, replace
from functools import cache, lru_cache

from releaser.config.compile import compile_promotion
from releaser.config.compile_back import compile_rollback
from releaser.config.environment import Artifact, Environment, Fleet, Router, Target
from releaser.config.environment import Probe as ProbeModel
from releaser.config.observed import Seen
from releaser.config.playbook import Playbook, load_playbook
from releaser.core.plan import Approval, Budget, HealthRule, Plan
from releaser.core.values import Release
from releaser.engine.places import shipped
from releaser.testing.sim_world import PRODUCTION, ROUTERS

__all__ = ["BAD", "NEW", "NEWER", "OLD", "STABLE", "promotion", "way_back"]

OLD, STABLE, NEW, NEWER, BAD = (Release.of(v, letter * 64, "c" * 64) for v, letter in zip(("1.3.9", "1.4.0", "1.5.0", "1.6.0", "1.3.8"), "abdef", strict=True))  # fmt: skip
CADENCE = 28.0
"""Seconds between two readings of counters, health and routers."""
COARSE = Budget(step=900.0, release=7200.0, rollback=60.0, deadman=45.0)
BAKE = 140.0
"""Five cadences: the shipped ten minutes bring nothing new to a simulated judge; the shape "long" has them."""
FINE = Budget(step=120.0, release=600.0, rollback=30.0, deadman=12.0)


@cache
def environment(name: str = PRODUCTION) -> Environment:
    target = Target(kind="hosts", router=Router(kind="envoy", hosts=ROUTERS))
    return Environment(
        name=name,
        app="shop",
        artifact=Artifact(file="shop.tar"),
        targets={"web": target},
        waves=(("web",),),
        fleet=Fleet.model_validate({"drain": "20s"}),
        probes={"up": ProbeModel(kind="http"), "errors": ProbeModel(kind="router")},
    )


@cache
def playbook(name: str) -> Playbook:
    return load_playbook((shipped("playbooks"),), name)


def shaped(plan: Plan, shape: str) -> Plan:
    """The same plan with the cadence of the simulator, and with what `shape` asks for."""
    health = HealthRule(every=CADENCE, ready_within=150.0)
    plan = replace(plan, budget=COARSE, poll=CADENCE, health=health, bake=plan.bake if shape == "long" else BAKE)
    match shape:
        case "approval":
            asked = Approval("release-managers", 600.0)
            return replace(plan, steps=tuple(replace(s, approve=asked if s.weight == 50 else None) for s in plan.steps))
        case "approval or hold":
            asked = Approval("release-managers", 600.0, "hold")
            return replace(plan, steps=tuple(replace(s, approve=asked if s.weight == 25 else None) for s in plan.steps))
        case "hold":
            return replace(plan, on_failure="hold")
        case "fine":
            quick = HealthRule(every=1.0, ready_within=20.0)
            return replace(plan, budget=FINE, poll=2.0, health=quick, bake=20.0)
        case "probes":
            return replace(plan, judging=replace(plan.judging, errors=False))
        case _:
            return plan


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a plan is made from. Most releases begin in the same world, so each is compiled once."""

    release: Release
    shape: str
    name: str
    told: str
    """`seen` in words: it holds mappings and has no hash, and what reads the same is the same."""
    seen: tuple[Seen, ...] = field(compare=False)


def promotion(seen: tuple[Seen, ...], release: Release, shape: str, name: str = PRODUCTION) -> Plan | None:
    """What would bring `release` to the environment `name`; None where the plan is refused or void."""
    return compiled(Wanted(release, shape, name, repr(seen), seen))


@lru_cache(maxsize=100)
def compiled(wanted: Wanted) -> Plan | None:
    made = compile_promotion(environment(wanted.name), playbook("canary"), wanted.release, wanted.seen)
    return shaped(made, wanted.shape) if isinstance(made, Plan) else None


def way_back(seen: tuple[Seen, ...], running: frozenset[str] | None, *, to: str | None = None) -> Plan | None:
    """The plan of `releaser rollback`; None where there is nothing to go back to."""
    made = compile_rollback(environment(), seen, to=to, running=running)
    if not isinstance(made, Plan):
        return None
    return replace(made, budget=COARSE, health=HealthRule(every=CADENCE, ready_within=150.0), poll=CADENCE)
