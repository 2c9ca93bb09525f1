"""Is every event one plain sentence, and is a release's journal a clear story?"""

from dataclasses import fields, replace
from typing import get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.core import commands as c
from releaser.core import events as e
from releaser.core.absent import Missing
from releaser.core.phrases import callings, doing, say_seconds
from releaser.core.plan import Plan
from releaser.core.story import narrate, tell
from releaser.core.values import Outcome, Release, Split, Verdict
from releaser.testing.samples import BAD_RELEASE, GOOD_RELEASE, NEW, OLD, ONE_OF_EACH, PLAN, entries

KINDS = get_args(e.Event)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_has_a_sentence_without_raw_names(kind: type) -> None:
    event = next(event for event in ONE_OF_EACH if type(event) is kind)
    sentence = tell(event)
    assert len(sentence) > 10
    assert "(" + kind.__name__ not in sentence
    for raw in ("rolled_back", "{", "}", "None", "Split(", "Counts(", "=", OLD.id, NEW.id):
        assert raw not in sentence, sentence


@pytest.mark.parametrize("command", get_args(c.Command), ids=lambda command: command.__name__)
def test_every_command_can_be_said(command: type) -> None:
    values = {"target": "web", "router": "lb1", "release": NEW.id, "slot": "green", "generation": 1}
    values |= {"split": Split.all_to(NEW.id), "settlement": "committed", "missing": (Missing("app3", "failed", "503"),)}
    built = command(**{name: values[name] for name in (f.name for f in fields(command)) if name in values})
    assert doing(built, callings(PLAN))


def test_every_outcome_verdict_verb_and_failure_can_be_said() -> None:
    for outcome in Outcome:
        assert tell(e.Finished(outcome, "so"))
    for verdict in Verdict:
        assert "step 1" in tell(e.Judged(0, verdict, ""))
    for verb in get_args(e.Verb):
        assert tell(e.Asked(verb, "ada"))
    for how in ("failed", "unreachable", "unknown"):
        assert "lb1" in tell(e.EffectFailed(c.Arm("lb1"), 1, how, "it is dark"))


def test_a_good_release_reads_as_a_story() -> None:
    told = [sentence for _, sentence in narrate(entries("r", GOOD_RELEASE))]
    assert told[0] == "ada brings 1.4.2 to production, where 1.4.1 answers, by the canary playbook: ticket OPS-12"
    assert "web/lb1 read back 1.4.1 75 %, 1.4.2 25 % (generation 7003, 0.08 s)" in told
    assert "step 1 looks good (failed requests: new 2 of 800, old 5 of 2400)" in told
    assert told[-1] == "PROMOTED: 1.4.2 answers everywhere"


def test_a_bad_release_reads_as_a_story() -> None:
    told = [sentence for _, sentence in narrate(entries("r", BAD_RELEASE))]
    assert told[-6:] == [
        "step 1 is bad: it fails more (failed requests: new 9 of 90, old 1 of 270)",
        "GOING BACK: 1.4.2 fails more of its requests than 1.4.1 (decided by the judge, the version will be marked bad)",
        "web/lb1 went back: it read back 1.4.1 100 % (generation 7004, 0.06 s)",
        "web/lb1 is disarmed and has the release down as reverted",
        "1.4.2 was stopped on web",
        "ROLLED BACK: 1.4.2 failed 9 of 90 requests (all traffic back 0.31 s after the decision)",
    ]


def test_two_releases_of_one_version_are_told_apart() -> None:
    other = Release.of("1.4.1", "a" * 64, "e" * 64)
    plan = replace(PLAN, to=other, binding=(("blue", OLD.id), ("green", other.id)))
    assert tell(e.Placed("web", other.id), plan) == f"{other.id} lies on every host of web"
    assert other.id in tell(e.Opened(plan, "ada"))
    mixed = Split.of({OLD.id: 75, other.id: 25})
    assert f"{other.id} 25 %" in tell(e.Shifted("lb1", mixed, 7))


def test_a_first_release_and_a_rollback_say_what_they_are() -> None:
    first = Plan("promote", "staging", NEW, None, (("blue", NEW.id),), PLAN.targets, PLAN.routers)
    assert tell(e.Opened(first, "ada")) == "ada brings 1.4.2 to staging, the first release there: no way back"
    back = replace(PLAN, kind="rollback", to=OLD, origin=NEW.id)
    assert tell(e.Opened(back, "ada", "it is slow")) == "ada takes production back from 1.4.2 to 1.4.1: it is slow"


@given(st.sampled_from(("why", "router")), st.text(max_size=40))
def test_nothing_that_people_write_breaks_the_line(field: str, text: str) -> None:
    sentence = tell(replace(e.Lost("lb1", "so"), **{field: text}))
    assert sentence.isprintable()
    assert sentence == " ".join(sentence.split())


def test_a_thing_that_is_no_event_is_a_mistake_of_ours() -> None:
    with pytest.raises(TypeError, match="has no sentence"):
        tell("Shifted")  # type: ignore[arg-type]  # what the test is about


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (0.0, "0 s"), (0.081, "0.081 s"), (0.5, "0.5 s"), (9.94, "9.9 s"), (9.96, "10 s"), (20.0, "20 s"),
        (119.6, "2 min"), (3600.0, "1 h"), (5400.0, "1 h 30 min"), (86400.0, "24 h"),
    ],
)  # fmt: skip
def test_durations_as_people_say_them(seconds: float, said: str) -> None:
    assert say_seconds(seconds) == said
