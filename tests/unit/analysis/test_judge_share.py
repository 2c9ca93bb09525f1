"""What does the judge make of a router that sends another share than it was told?"""

from dataclasses import replace

from judged_world import BASE, NEW, OLD, World

from releaser.core.plan import RouterRef, Step
from releaser.core.values import Counts, Verdict


def test_a_step_does_not_pass_while_its_router_sends_another_share() -> None:
    world = World()
    told = [world.second((160, 0), (40, 0)) for _ in range(60)]
    assert {one.verdict for one in told[20:]} == {Verdict.INCONCLUSIVE}
    assert told[-1].why.startswith("web/lb1 was told 10 % and sends 20.0 % (")
    assert "requests to 1.4.2" in told[-1].why
    assert list(world.judge.astray) == ["web/lb1"]
    judgement = world.until(Verdict.GOOD, lambda: world.second((180, 0), (20, 0)))
    assert list(world.judge.astray) == []
    assert "1.4.2 answered 0 of" in judgement.why


def test_at_the_next_step_the_share_is_asked_anew() -> None:
    world = World()
    for _ in range(20):
        world.second((50, 0), (50, 0))
    assert list(world.judge.astray) == ["web/lb1"]
    world.begin(1)
    for _ in range(20):
        world.second((50, 0), (50, 0))
    (share,) = world.judge.shares()
    assert list(world.judge.astray) == []
    assert (share.weight, share.candidate, share.requests) == (50, 1000, 2000)


def test_at_a_hundred_percent_requests_that_still_go_to_stable_keep_it_from_passing() -> None:
    world = World(replace(BASE, steps=(Step(100, at_least=5),), bake=20))
    for _ in range(60):
        judgement = world.second((20, 0), (80, 0))
    assert (judgement.verdict, list(world.judge.astray)) == (Verdict.INCONCLUSIVE, ["web/lb1"])
    assert "was told 100 % and sends 80.0 %" in judgement.why


def test_a_bad_version_is_bad_whatever_the_share() -> None:
    world = World()
    world.until(Verdict.BAD, lambda: world.second((50, 0), (50, 25)))


def test_sticky_users_keep_no_step_from_passing() -> None:
    world = World(replace(BASE, routers=(RouterRef("web/lb1", "web", sticky=True),)))
    world.until(Verdict.GOOD, lambda: world.second((195, 0), (5, 0)))


def test_what_began_before_the_step_is_no_share_of_it_where_a_router_counts_only_ends() -> None:
    """Websockets of stable close one after the other; such a router cannot say what is under way, only how long it lasted."""

    def after(long: bool) -> World:
        world = World(replace(BASE, steps=(Step(100, at_least=5),), bake=20))
        for second in range(1, 61):
            closed = 40 * second
            counts = {OLD.id: Counts(50_000 + closed, 100, long=closed if long else 0), NEW.id: Counts(60 * second)}
            world.judge.counted("web/lb1", counts, float(second))
        return world

    assert list(after(long=True).judge.astray) == []
    assert list(after(long=False).judge.astray) == ["web/lb1"]
