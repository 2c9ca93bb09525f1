"""The journal's disk is really full: nothing goes forward, everything goes back, and the story is in the journal afterwards."""

from collections.abc import Iterator

import pytest
from full_disk import Limit, Tmpfs, disk, may_mount
from local_environment import QUICKEST, Local, failed_by_us, local_environment

from releaser.core import events as e
from releaser.core.rollout import Rollout
from releaser.core.values import Outcome
from releaser.errors import JournalUnavailableError

pytestmark = pytest.mark.real
TMPFS = pytest.param("tmpfs", marks=pytest.mark.skipif(not may_mount(), reason="mounting needs root"))


@pytest.fixture(params=["limit", TMPFS])
def stage(request: pytest.FixtureRequest) -> Iterator[tuple[Local, Tmpfs | Limit]]:
    with local_environment(playbook=QUICKEST) as local, disk(request.param, local.root / "state-here") as small:
        local.promote("1.0.0")
        try:
            yield local, small
        finally:
            small.free()
            close(local)


def close(local: Local) -> None:
    for session in local.sessions:
        session.close()
    local.sessions.clear()


def found_back(local: Local, rollout: Rollout) -> list[str]:
    """The names of the rollout's events in the journal, as the next process finds it. It is whole."""
    close(local)
    journal = local.session().journal
    assert not journal.verify()
    summary = journal.rollout(rollout.id)
    assert summary is not None
    assert summary.outcome == "rolled_back"
    entries = journal.read(rollout.id)
    assert [entry.seq for entry in entries] == list(range(len(entries)))
    assert not list(journal.path.with_name("spool").glob("*.spool"))
    return [type(entry.event).__name__ for entry in entries]


def test_a_disk_that_fills_up_in_mid_canary_takes_the_release_back(stage: tuple[Local, Tmpfs | Limit]) -> None:
    local, small = stage

    def full_after_the_first_shift(entry: e.Entry) -> None:
        if isinstance(entry.event, e.Shifted) and not entry.event.urgent:
            small.fill()

    with local.traffic(60.0) as load:
        rollout = local.promote("1.1.0", react=full_after_the_first_shift)
    assert rollout.outcome is Outcome.ROLLED_BACK
    assert rollout.turned is not None
    assert "journal takes no events" in rollout.turned.why
    assert local.split() == {"1.0.0": 100}
    assert local.settled()
    assert failed_by_us(load.results) == []
    (spool,) = (local.root / "state-here" / "spool").glob("*.spool")
    assert b'"Finished"' in spool.read_bytes()
    small.free()
    back = [name for name in found_back(local, rollout) if name not in {"Issued", "Judged"}]
    first, second, *beside, last = back[back.index("TurnedBack") :]
    assert (first, second, last) == ("TurnedBack", "Shifted", "Finished")
    assert sorted(beside) == ["Settled", "Stopped"]  # at the same time, on threads of their own


def test_a_rollback_by_hand_needs_no_room(stage: tuple[Local, Tmpfs | Limit]) -> None:
    local, small = stage
    with local.traffic(60.0) as load:
        assert local.promote("1.1.0").outcome is Outcome.PROMOTED
        small.fill()
        rollout = local.rollback(mark_bad=False)
    assert rollout.outcome is Outcome.ROLLED_BACK
    assert local.split() == {"1.0.0": 100}
    assert failed_by_us(load.results) == []


def test_nothing_goes_forward_on_a_full_disk(stage: tuple[Local, Tmpfs | Limit]) -> None:
    local, small = stage
    local.build("1.1.0")
    before = local.ledger()
    small.fill()
    with pytest.raises(JournalUnavailableError, match="no room for a rollback's events") as refused:
        local.promote("1.1.0")
    assert (refused.value.code, refused.value.fix) == ("disk", ("free some disk there",))
    after = local.ledger()
    assert (after.fence, after.generation, local.split()) == (before.fence, before.generation, {"1.0.0": 100})
