"""Who goes without a release, how many may, and what is said of them."""

from dataclasses import replace

import pytest

from releaser.core import events as e
from releaser.core.absent import Allowed, Missing, beyond, say_missing
from releaser.core.codec import decode_event, encode_event
from releaser.core.decide import decide
from releaser.core.fold import evolve
from releaser.core.plan import Absence, Plan, RouterRef, Step, TargetRef
from releaser.core.rollout import Rollout
from releaser.core.story import tell
from releaser.core.values import Moment, Release, Split
from releaser.core.watch import Watch

OLD, NEW = Release.of("1.0", "a" * 64, "c" * 64), Release.of("1.1", "b" * 64, "c" * 64)
GONE = Missing("web3", "unreachable", "no route")
BROKEN = Missing("web4", "failed", "disk full")
PLAN = Plan(
    kind="promote",
    environment="production",
    to=NEW,
    origin=OLD.id,
    binding=(("blue", OLD.id), ("green", NEW.id)),
    targets=(TargetRef("web"), TargetRef("api"), TargetRef("late", 1)),
    routers=(RouterRef("web/lb1", "web"), RouterRef("api/lb1", "api"), RouterRef("late/lb1", "late", 1)),
    steps=(Step(100), Step(100, 1)),
    before=Split.all_to(OLD.id),
)


def after(plan: Plan, *events: e.Event) -> Rollout:
    rollout: Rollout | None = None
    for seq, event in enumerate((e.Opened(plan, "ada"), *events)):
        rollout = evolve(rollout, e.Entry("r", seq, Moment(float(seq), "boot", 0.0), event))
    assert rollout is not None
    return rollout


@pytest.mark.parametrize(
    ("missing", "allowed", "says"),
    [
        ((), Allowed(), ""),
        ((GONE,), Allowed(unreachable=1), ""),
        ((GONE, BROKEN), Allowed(1, 1), ""),
        ((GONE,), Allowed(failed=1), "1 host of one wave is out of reach, 0 may be: web3 (unreachable: no route)"),
        ((BROKEN, BROKEN), Allowed(1, 1), "2 hosts of one wave failed, 1 may: web4, web4 (failed: disk full)"),
    ],
)
def test_failed_and_unreachable_are_counted_apart(missing: tuple[Missing, ...], allowed: Allowed, says: str) -> None:
    said = beyond(missing, allowed)
    assert said.startswith(says)
    assert bool(said) == bool(says)


def test_of_many_only_some_are_named() -> None:
    said = say_missing([replace(GONE, host=f"web{n}") for n in range(9)])
    assert said == "web0, web1, web2, web3, web4 and 4 more (unreachable: no route)"


def test_of_many_reasons_that_of_most_hosts_comes_first_and_whole() -> None:
    long = "it printed: " + "x" * 400
    some = [replace(BROKEN, host=f"db{n}", why=f"{n} {long}") for n in range(7)]
    said = say_missing([*some, replace(GONE, host="web1", why=long), replace(GONE, host="web2", why=long)])
    assert said.startswith(f"web1, web2 (unreachable: {long}), db0 (failed: 0 it printed: xxx")
    assert said.endswith("xxx ...) and 3 more")
    assert len(said) < 1200


def test_a_wave_counts_the_hosts_of_all_its_targets() -> None:
    one_each = replace(PLAN, allowed=Allowed(unreachable=1))
    placed = (
        e.Acquired(2, ("web/lb1", "api/lb1", "late/lb1")),
        e.Placed("web", NEW.id, (GONE,)),
        e.Placed("late", NEW.id, (GONE,)),
    )
    fine = after(one_each, *placed)
    assert not any(isinstance(one, e.TurnedBack) for one in decide(fine, Watch(one_each), 4.0).record)
    (turned,) = decide(after(one_each, *placed, e.Placed("api", NEW.id, (GONE,))), Watch(one_each), 5.0).record
    assert isinstance(turned, e.TurnedBack)
    assert (turned.cause, "2 hosts of one wave are out of reach, 1 may be" in turned.why) == ("failure", True)


def test_what_was_told_to_start_is_stopped_again_also_where_that_failed() -> None:
    """One host of a target said no: the others have started the release."""
    from releaser.core.commands import Start, Stop

    start = Start("web", NEW.id, "green")
    everywhere = tuple(e.Placed(target.name, NEW.id) for target in PLAN.targets)
    failed = (e.Issued(start, 1), e.EffectFailed(start, 1, "failed", "web4: port taken"))
    turned = e.TurnedBack("failure", "releaser", "web4: port taken")
    r = after(PLAN, e.Acquired(2, ("web/lb1", "api/lb1", "late/lb1")), *everywhere, *failed, turned)
    assert Stop("web", NEW.id, "green") in decide(r, Watch(PLAN), 20.0).issue


def test_routers_hear_of_those_without_the_new_release_and_of_those_without_the_old_one() -> None:
    known = replace(PLAN, absent=(Absence("web", OLD.id, ("web9",)), Absence("web", NEW.id, ("web1",))))
    r = after(known, e.Acquired(2, ("web/lb1", "api/lb1", "late/lb1")), e.Placed("web", NEW.id, (GONE,)))
    assert r.away("web/lb1") == {OLD.id: frozenset({"web9"}), NEW.id: frozenset({"web3"})}
    assert r.away("api/lb1") == {}
    back = replace(known, kind="rollback", to=OLD, origin=NEW.id)
    assert after(back).without("web") == {"web9"}
    assert after(PLAN).away("web/lb1") == {}


def test_an_event_of_an_earlier_version_has_none() -> None:
    old = '{"kind":"Placed","release":"1.1-00000000","target":"web"}'
    assert decode_event(old) == e.Placed("web", "1.1-00000000")
    placed = e.Placed("web", NEW.id, (GONE,))
    assert decode_event(encode_event(placed)) == placed
    assert tell(placed) == "1.1 lies on the hosts of web but web3 (unreachable: no route)"
