"""Which releases lie on the hosts after many: the newest good ones, what a slot holds, and the last bad one as evidence."""

import pytest
from local_environment import QUICKEST, Local, local_environment

from releaser.core import events as e
from releaser.core.values import Outcome

pytestmark = pytest.mark.real


def test_the_newest_good_ones_and_the_evidence_stay() -> None:
    with local_environment(playbook=QUICKEST) as local:
        environment = local.root / "environments" / "test.yaml"
        environment.write_text(environment.read_text().replace("keep_warm: 10m", "keep_warm: 10m, keep: 2"))
        removed: list[str] = []
        for version, fault in (
            ("1.0.0", "none"),
            ("1.1.0", "none"),
            ("1.2.0", "none"),
            ("1.3.0", "errors:1.0"),
            ("1.4.0", "none"),
            ("1.5.0", "none"),
        ):
            with local.traffic(60.0):
                end = local.promote(version, fault, react=lambda entry: removed.extend(taken_away(entry))).outcome
            assert end is (Outcome.PROMOTED if fault == "none" else Outcome.ROLLED_BACK), version
            assert current(local) == (version if fault == "none" else "1.2.0")
        assert removed == ["1.0.0", "1.1.0", "1.2.0"]
        assert placed(local) == ["1.3.0", "1.4.0", "1.5.0"]
        assert versions(local.ledger().good) == ["1.5.0", "1.4.0"]
        assert local.ledger().evidence == next(iter(local.ledger().bad))
        assert [choice.release.rpartition("-")[0] for choice in local.session().choices()] == ["1.5.0", "1.4.0"]


def taken_away(entry: e.Entry) -> list[str]:
    return versions(entry.event.removed) if isinstance(entry.event, e.Collected) else []


def versions(releases: tuple[str, ...]) -> list[str]:
    return [name.rpartition("-")[0] for name in releases]


def placed(local: Local) -> list[str]:
    return sorted(versions(tuple(path.name for path in (local.root / "at" / "releases").iterdir())))


def current(local: Local) -> str:
    return versions(((local.root / "at" / "current").readlink().name,))[0]
