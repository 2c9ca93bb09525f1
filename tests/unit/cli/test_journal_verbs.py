"""The journal is copied, checked, put back and shortened by verbs; an environment elsewhere is never stopped from here."""

from pathlib import Path

import pytest
from cli_world import Place


@pytest.fixture
def released(place: Place) -> Place:
    assert place.run("promote", "1.4.1").code == 0
    return place


def test_a_backup_is_checked_and_put_back(released: Place, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    made = released.run("journal", "backup", str(copy), "-o", "json")
    assert made.code == 0, made
    assert made.document["journal"]["path"] == str(copy)
    assert released.run("journal", "backup", str(copy)).code == 6
    assert released.run("promote", "1.4.2").code == 0
    newer = released.run("journal", "restore", str(copy), "-o", "json")
    assert (newer.code, newer.document["reason"]) == (6, "journal-newer")
    assert "--force" in " ".join(newer.document["fix"])
    assert len(released.run("history", "-o", "json").document["history"]) == 2
    assert released.run("journal", "restore", str(copy), "--force").code == 0
    assert len(released.run("history", "-o", "json").document["history"]) == 1
    assert released.run("journal", "verify").code == 0
    assert list((released.folder / "state").glob("journal.db.replaced-*"))


def test_a_damaged_journal_is_named_and_replaced(released: Place, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    assert released.run("journal", "backup", str(copy)).code == 0
    (released.folder / "state" / "journal.db").write_bytes(b"not a database")
    assert released.run("journal", "verify").code == 6
    refused = released.run("plan", "1.4.2", "-o", "json")
    assert refused.code == 6
    assert any("releaser journal restore FILE" in fix for fix in refused.document["fix"])
    assert released.run("journal", "restore", str(copy)).code == 0
    assert released.run("plan", "1.4.2").code == 0
    copy.write_bytes(b"not one either")
    assert released.run("journal", "restore", str(copy)).code == 6
    assert released.run("journal", "restore", str(tmp_path / "nowhere")).code == 6


def test_a_backup_that_is_older_than_the_last_release_goes_on_only_as_a_new_journal(
    released: Place, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    assert released.run("journal", "backup", str(copy)).code == 0
    assert released.run("promote", "1.4.2").code == 0
    assert released.run("journal", "restore", str(copy), "--force").code == 0
    refused = released.run("plan", "1.4.3", "-o", "json")
    assert (refused.code, refused.document["reason"]) == (6, "journal-corrupt")
    assert "--as-new" in " ".join(refused.document["fix"])
    assert released.run("rollback", "--not-bad").code == 0, "a rollback needs no journal"
    assert released.run("unfreeze", "--reason", "it was a drill").code == 0
    assert released.run("journal", "restore", str(copy), "--force", "--as-new").code == 0
    assert released.run("journal", "verify").code == 0
    assert released.run("promote", "1.4.3").code == 0
    assert released.run("journal", "verify").code == 0


def test_old_releases_are_forgotten_after_a_yes(released: Place) -> None:
    assert released.run("journal", "prune", "--older-than", "90d").code == 2, "no terminal to ask at"
    assert released.run("journal", "prune", "-y").code == 2, "how old?"
    none = released.run("journal", "prune", "--older-than", "90d", "-y", "-o", "json")
    assert (none.code, none.document["removed"]) == (0, 0)
    assert "90 days" in none.document["message"]
    some = released.run("journal", "prune", "--older-than", "1ms", "-y", "-o", "json")
    assert some.document["removed"] > 0
    assert released.run("history", "-o", "json").document["history"] == []
    assert released.run("journal", "verify").code == 0
    assert released.run("promote", "1.4.2").code == 0


def test_without_a_journal_there_is_nothing_to_copy(place: Place, tmp_path: Path) -> None:
    assert place.run("journal", "backup", str(tmp_path / "copy.db")).code == 0
    assert not (tmp_path / "copy.db").exists()
    assert place.run("promote", "1.4.1").code == 0
    assert place.run("journal", "backup", str(tmp_path / "no" / "copy.db")).code == 2


def test_hosts_elsewhere_are_not_stopped(released: Place) -> None:
    before = released.digest()
    refused = released.run("down", "-y", "-o", "json")
    assert (refused.code, refused.document["reason"]) == (6, "not-local")
    assert released.digest() == before


def test_status_and_rollback_go_on_without_a_journal_that_can_be_read(released: Place) -> None:
    assert released.run("promote", "1.4.2").code == 0
    (released.folder / "state" / "journal.db").write_bytes(b"not a database")
    shown = released.run("status")
    assert (shown.code, "SERVING 1.4.2-" in shown.out) == (0, True), shown
    assert "not a database" in shown.out
    assert released.run("rollback", "--list").code == 0
    assert released.run("rollback", "-o", "json").document["outcome"] == "rolled_back"
