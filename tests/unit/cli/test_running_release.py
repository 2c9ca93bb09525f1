"""What people ask of a release that is under way, over fake hosts."""

from cli_running import Running
from cli_world import Place

from releaser.core.events import Asked
from releaser.core.values import Outcome
from releaser.engine.session import Session
from releaser.ports import Claim


def released(place: Place, *versions: str) -> None:
    for version in versions:
        answered = place.run("promote", version)
        assert answered.code == 0, answered


def test_people_and_a_running_release(place: Place) -> None:
    released(place, "1.4.1")
    running = Running(place)
    assert place.run("status", "--check").code == 8
    assert place.run("pause", "--max", "1m").code == 0
    shown = place.run("status")
    assert "PAUSED 50 % of 1.4.2" in shown.out
    assert "holder alive" in shown.out
    assert place.run("approve").code == 6
    assert place.run("pause", "--expect", "1.4.2/2").code == 6
    assert place.run("pause", "--expect", "1.4.3/1").code == 6
    assert place.run("resume", "--expect", "1.4.2/1").code == 0
    held = place.run("promote", "1.4.3", "-o", "json")
    assert held.code == 7
    assert held.document["reason"] == "lock-held"
    watched = place.run("watch", "--timeout", "300ms", "-o", "json")
    assert watched.code == 8
    assert watched.document["outcome"] == "running"
    attached = place.run("promote", "1.4.2", "--playbook", "slow", "--timeout", "300ms", "-o", "json")
    assert attached.code == 8
    assert place.run("recover").code == 7
    aborted = place.run("abort", "--reason", "wrong build", "-o", "json")
    assert aborted.code == 0, aborted
    assert aborted.document["outcome"] == "rolled_back"
    turned = running.end().turned
    assert turned is not None
    assert turned.cause == "abort"


def test_advance_passes_a_step_on_a_persons_word(place: Place) -> None:
    released(place, "1.4.1")
    running = Running(place)
    assert place.run("advance", "--reason", "known good").code == 0
    assert running.end().outcome is Outcome.PROMOTED


def test_supersede_goes_back_first(place: Place) -> None:
    released(place, "1.4.1")
    running = Running(place)
    answered = place.run("promote", "1.4.3", "--supersede", "-o", "json")
    assert answered.code == 0, answered
    turned = running.end().turned
    assert turned is not None
    assert turned.cause == "superseded"


def test_wait_lock_waits_and_then_says_who_holds(place: Place) -> None:
    released(place, "1.4.1")
    running = Running(place)
    answered = place.run("promote", "1.4.3", "--wait-lock", "1s")
    assert answered.code == 7
    assert "waiting for" in answered.err
    assert place.run("abort").code == 0
    running.end()


def test_a_rollback_pre_empts_a_running_release(place: Place) -> None:
    released(place, "1.4.1")
    running = Running(place)
    back = place.run("rollback", "-o", "json")
    assert back.code == 0, back
    assert back.document["version"] == "1.4.1"
    assert running.end().outcome in (Outcome.ROLLED_BACK, Outcome.INCOMPLETE)


def test_one_that_has_just_ended_is_waited_for_and_not_joined(place: Place) -> None:
    released(place, "1.4.1", "1.4.2")
    session = place.open(None, place.folder, environ=place.environ, settings=())
    new, ended = session.release("1.4.3"), session.journal.rollouts()[0].rollout
    (site,) = place.world.sites.values()
    state = site.ledger.read(within=5)
    claim = Claim("bo@desk", ended, new, state.split, tuple(sorted(state.slots.items())), 1.0)
    site.ledger.acquire(claim, state.fence + 1, force=True, within=5)
    refused = place.run("promote", "1.4.3", "-o", "json")
    assert (refused.code, refused.document["reason"]) == (7, "lock-held"), refused
    assert "has just ended (promoted)" in refused.document["message"]
    assert "--wait-lock" in refused.document["fix"][0]
    waited = place.run("promote", "1.4.3", "--wait-lock", "20s", "-o", "json")
    assert waited.document["outcome"] == "promoted", waited


def test_a_request_that_its_release_did_not_live_to_hear_aborts_no_other(place: Place) -> None:
    released(place, "1.4.1")
    session = Session.open(None, place.folder, environ=place.environ)
    try:
        session.journal.ask(session.name, Asked("abort", "ada"), session.clock.moment(), rollout="1.4.0.dead")
    finally:
        session.close()
    released(place, "1.4.2")
