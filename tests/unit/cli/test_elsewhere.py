"""What another machine sees and can do: it has the routers, and not the journal."""

import io
import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from cli_running import Running, until
from cli_world import PLAYBOOK, Place

from releaser.cli.detach import check_may_detach, command_line
from releaser.cli.follow import Following
from releaser.cli.narrate import Narrator, StoryLines, said_once
from releaser.cli.promotion import Wanted
from releaser.cli.render import Screen
from releaser.cli.run import Options, Run
from releaser.core.plan import Plan
from releaser.core.values import Outcome
from releaser.engine.session import Session
from releaser.errors import RefusedError
from releaser.ports import Request
from releaser.testing.samples import GOOD_RELEASE, entries


@contextmanager
def from_elsewhere(place: Place) -> Iterator[None]:
    """The same environment, with the empty journal of another laptop."""
    here = dict(place.environ)
    place.environ |= {"RELEASER_STATE": str(place.folder / "elsewhere"), "RELEASER_BY": "bo@desk"}
    yield
    place.environ = here


def test_watch_and_pause_and_abort_from_another_machine(place: Place) -> None:
    assert place.run("promote", "1.4.1").code == 0
    running = Running(place)
    with from_elsewhere(place):
        watched = place.run("watch", "--timeout", "300ms", "-o", "json")
        assert (watched.code, watched.document["outcome"]) == (8, "running")
        attached = place.run("promote", "1.4.2", "--playbook", "slow", "--timeout", "300ms", "-o", "json")
        assert attached.code == 8, attached
        paused = place.run("pause")
        assert (paused.code, "reads it within seconds" in paused.out) == (0, True)
        assert "RELEASING 50 % of 1.4.2" in place.run("status").out
        aborted = place.run("abort", "-o", "json")
        assert (aborted.code, aborted.document["outcome"]) == (0, "rolled_back"), aborted
    ended = running.end()
    assert ended.outcome is Outcome.ROLLED_BACK
    assert ended.turned is not None
    assert ended.turned.by == "bo@desk"


def test_a_request_to_a_release_that_ended_unheard_is_none_to_the_next(place: Place) -> None:
    """An abort lay in the inbox of the second load balancer when the first one had handed it on; the next release was aborted."""
    assert place.run("promote", "1.4.1").code == 0
    place.site.edit({"post": Request("left-over", "abort", "bo@desk", {"for": "the one before"})})
    playbook = place.folder / "playbooks" / "long.yaml"
    playbook.write_text(PLAYBOOK.replace("{ weight: 50% }", "{ weight: 50%, at_least: 3s }"))
    assert place.run("promote", "1.4.2", "--playbook", "long").code == 0
    assert place.site.inbox == {}


def test_a_rollback_from_another_machine_needs_no_journal(place: Place) -> None:
    assert place.run("promote", "1.4.1").code == 0
    assert place.run("promote", "1.4.2").code == 0
    with from_elsewhere(place):
        back = place.run("rollback", "-o", "json")
        assert (back.code, back.document["version"]) == (0, "1.4.1"), back


def test_what_a_dead_process_left_is_recovered_from_another_machine(place: Place) -> None:
    assert place.run("promote", "1.4.1").code == 0
    running = Running(place)
    leave(place)
    with from_elsewhere(place):
        assert place.run("status", "--check").code == 5
        refused = place.run("recover", "--finish", "--reason", "x", "-o", "json")
        assert (refused.code, refused.document["reason"]) == (6, "no-journal")
        recovered = place.run("recover", "-o", "json")
        assert (recovered.code, recovered.document["version"]) == (0, "1.4.1"), recovered
    running.end()


def leave(place: Place) -> None:
    """The lease of the running release is over, as if its process had died."""
    holder = place.site.ledger["holder"]
    lease = {**holder["lease"], "seconds": 0.0}
    place.site.ledger = {**place.site.ledger, "holder": {**holder, "lease": lease}}


@pytest.mark.parametrize("variable", ["CI", "GITHUB_ACTIONS", "GITLAB_CI", "JENKINS_URL"])
def test_detach_is_refused_where_the_job_would_kill_it(place: Place, variable: str) -> None:
    with pytest.raises(RefusedError, match="without --detach"):
        check_may_detach({variable: "true"}, None)
    place.environ[variable] = "true"
    assert place.run("promote", "1.4.1", "--detach").code == 6
    assert place.site.split is None


def test_a_detached_process_is_told_the_same_and_held_to_the_plan(place: Place) -> None:
    session = place.open(None, place.folder, environ=place.environ, settings=())
    plan = session.plan("1.4.1")
    assert isinstance(plan, Plan)
    run = Run(Screen(io.StringIO(), io.StringIO(), overflow=Path), io.StringIO(), {}, place.open)
    run.options = Options(reason="$(reboot)", settings=("fleet.drain=1s",), folder=place.folder)
    words = command_line(run, session, plan, Wanted("1.4.1", playbook="quick", unfreeze=True), "ab12")
    session.close()
    assert words[:6] == [sys.executable, "-m", "releaser", "promote", "1.4.1", "-e"]
    assert words[words.index("--reason") + 1] == "$(reboot)"
    assert words[words.index("--set") + 1] == "fleet.drain=1s"
    assert "--expect-plan" in words
    assert "--detach" not in words
    assert words[-1] == "--unfreeze"


def no_session(*args: object, **more: object) -> Session:
    raise AssertionError("nothing is opened here")


def test_a_log_in_which_nothing_happens_beats_its_heart() -> None:
    err = io.StringIO()
    run = Run(Screen(io.StringIO(), err, overflow=Path), io.StringIO(), {}, no_session)
    teller = StoryLines(run)
    teller.every = 0.05
    narrator = Narrator(teller, Following(), said_once(run.screen))
    for entry in entries("r1", GOOD_RELEASE[:14]):
        narrator.tell(entry)
    until(lambda: "still watching at step 1 of 2" in err.getvalue())
    narrator.say("SIGINT: going back")
    narrator.close()
    assert "SIGINT: going back" in err.getvalue()


def test_entries_after_a_recovery_are_followed_from_the_beginning() -> None:
    past = entries("r1", GOOD_RELEASE)
    following = Following(lambda rollout: past)
    assert following.take(past[15])
    assert not following.take(past[3])
    assert following.rollout is not None
    assert following.rollout.seq == 15
    assert replace(past[0]) == past[0]


def test_logs_come_as_lines_or_documents(place: Place) -> None:
    said = [("web1", "started \x1b[2J"), ("web1", "GET / 200")]

    def logging(*args: object, **more: object) -> object:
        session = Place.open(place, *args, **more)  # type: ignore[arg-type]  # as it was called
        session.logs = lambda *args, **more: iter(said)  # type: ignore[method-assign]  # the fakes' hosts keep no logs
        return session

    place.open = logging  # type: ignore[assignment,method-assign]  # as above
    plain = place.run("logs")
    assert plain.out.splitlines() == ["web1  started \\x1b[2J", "web1  GET / 200"]
    assert place.run("logs", "-o", "json").document["logs"][1] == {"host": "web1", "line": "GET / 200"}
    rows = [json.loads(one) for one in place.run("logs", "-o", "jsonl").out.splitlines()]
    assert [one.get("line") for one in rows] == ["started \x1b[2J", "GET / 200", None]
