"""A router reads back the split and its requests go otherwise: the release waits, says so, and goes back only by its limit."""

from dataclasses import replace

from rollout_town import NEW, OLD, OPENING, PLAN, Town

from releaser.core import events as e
from releaser.core.plan import RouterRef, Step
from releaser.core.rollout import Phase, Rollout
from releaser.core.values import Counts, Outcome, Verdict

LONG = replace(PLAN, steps=(Step(50, at_least=10.0, eps=0.2), Step(100, eps=0.2)))


class StrayTown(Town):
    """A rule of the router's own sends a part of all requests to the new release, whatever the split says."""

    past_the_split = 0.6

    def count(self) -> dict[str, Counts]:
        before = dict(self.served)
        super().count()
        moved = int(self.past_the_split * (self.served[OLD.id] - before[OLD.id]))
        self.served[OLD.id] -= moved
        self.served[NEW.id] += moved
        return {release: Counts(number) for release, number in self.served.items()}


def judged(town: Town) -> list[e.Judged]:
    return [entry.event for entry in town.journal.read("r1") if isinstance(entry.event, e.Judged)]


def begun(seconds: float, town: Town) -> Rollout:
    """The release `seconds` after its first shift."""
    shifted = town.turn_until(lambda r: r.phase is Phase.WATCHING).since
    return town.turn_until(lambda _: town.clock.at >= shifted + seconds)


def test_a_step_does_not_pass_and_nothing_is_undone_until_the_rule_is_gone() -> None:
    town = StrayTown()
    town.open(LONG)
    waiting = begun(60.0, town)
    assert (waiting.phase, waiting.step, waiting.passed, waiting.held) == (Phase.WATCHING, 0, None, None)
    assert town.story() == OPENING
    last = judged(town)[-1]
    assert (last.verdict, last.astray) == (Verdict.INCONCLUSIVE, ("web/lb1",))
    assert last.why.startswith("web/lb1 was told 50 % and sends 8")
    town.past_the_split = 0.0
    assert town.end().finished == e.Finished(Outcome.PROMOTED, f"{NEW.id} answers everywhere, read back")


def test_it_is_journaled_as_soon_as_it_is_known_and_not_five_seconds_later() -> None:
    town = StrayTown()
    town.open(LONG)
    begun(15.0, town)
    first = next(index for index, one in enumerate(judged(town)) if one.astray)
    times = [entry.moment.at for entry in town.journal.read("r1") if isinstance(entry.event, e.Judged)]
    assert times[first] - times[first - 1] < 5.0


def test_the_limit_of_the_step_takes_it_back_with_the_reason_and_without_a_mark() -> None:
    town = StrayTown()
    town.open(replace(LONG, budget=replace(LONG.budget, step=60.0)))
    ended = town.end()
    assert ended.turned is not None
    assert (ended.turned.cause, ended.turned.mark_bad) == ("deadline", False)
    assert "web/lb1 was told 50 % and sends 8" in ended.turned.why


def test_a_person_may_pass_the_step_all_the_same() -> None:
    town = StrayTown()
    town.open(LONG)
    begun(30.0, town)
    town.ask("advance", reason="the rule is ours, for /api")
    assert town.turn_until(lambda r: r.step == 1).passed is None


def test_where_users_stay_by_design_it_goes_on() -> None:
    town = StrayTown()
    town.open(replace(LONG, routers=(RouterRef("web/lb1", "web", sticky=True),)))
    town.turn_until(lambda r: r.step == 1)
    assert [one.astray for one in judged(town) if one.astray] == []
