"""A process that serves already is taken in untouched, and the first release beside it goes like any other."""

import shutil
import subprocess
import sys

import pytest
from local_environment import Local

from releaser.core.fold import replay
from releaser.core.values import Outcome
from releaser.errors import RefusedError
from releaser.testing import app

pytestmark = pytest.mark.real
STORY = [
    "Opened", "Issued", "Collected", "Issued", "Acquired", "Issued", "Issued", "Shifted", "Settled", "Finished"
]  # fmt: skip
"""An intent before each order."""


def test_what_serves_becomes_the_stable_release(empty: Local) -> None:
    shutil.copyfile(app.__file__, empty.root / "old.py")
    argv = [sys.executable, "old.py", "--port", str(empty.ports["blue"]), "--version", "0.9.0"]
    process = subprocess.Popen(argv, cwd=empty.root)
    try:
        session = empty.session()
        empty.until(lambda: bool(_version(session)), 10.0, "the old process answers")
        adopted = session.adopt()
        assert (adopted.version, adopted.slot) == ("0.9.0", "blue")
        assert process.poll() is None
        assert empty.split() == {"0.9.0": 100}
        (journaled,) = session.journal.rollouts(session.name, upkeep=True)
        assert (journaled.kind, journaled.version, journaled.outcome) == ("adopt", "0.9.0", "unchanged")
        entries = session.journal.read(journaled.rollout)
        assert [type(one.event).__name__ for one in entries] == STORY
        assert replay(entries).outcome is Outcome.UNCHANGED
        assert session.journal.rollouts(session.name) == []
        with pytest.raises(RefusedError, match="nothing to adopt"):
            empty.session().adopt()
        with empty.traffic():
            assert empty.promote("1.0.0").outcome is Outcome.PROMOTED
            assert empty.rollback(mark_bad=False).outcome is Outcome.ROLLED_BACK
        assert empty.split() == {"0.9.0": 100}
        assert process.poll() is None
    finally:
        process.kill()
        process.wait()


def test_nothing_serves_nothing_is_adopted(empty: Local) -> None:
    with pytest.raises(RefusedError, match="nothing answers"):
        empty.session().adopt()


def _version(session: object) -> str:
    import urllib.request

    ports = session.environment.targets["web"].options.ports_of("local")  # type: ignore[attr-defined]  # a Session
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{ports['blue']}/healthz", timeout=1) as answer:
            return str(answer.read())
    except OSError:
        return ""
