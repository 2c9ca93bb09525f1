"""A Vault-compatible server of the test's own: OpenBao in memory, over TLS, with a login for a machine."""

import shutil
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import monotonic, sleep
from typing import Any

import hvac
import requests
from hvac.exceptions import VaultError

ROOT = "root-of-the-test"
POLICY = 'path "secret/data/shop/*" { capabilities = ["read"] }'


@dataclass(frozen=True)
class Bao:
    address: str
    ca: Path
    role: str
    client: hvac.Client
    process: "subprocess.Popen[bytes]"

    def stop(self) -> None:
        """Gone, from one moment to the next."""
        self.process.kill()
        self.process.wait()

    def put(self, path: str, **values: object) -> int:
        kept = self.client.secrets.kv.v2.create_or_update_secret(path, values, mount_point="secret")
        return int(kept["data"]["version"])

    def secret_id(self) -> str:
        made: Any = self.client.auth.approle.generate_secret_id("releaser")
        return str(made["data"]["secret_id"])

    def wrapped_secret_id(self) -> str:
        made: Any = self.client.auth.approle.generate_secret_id("releaser", wrap_ttl="60s")
        return str(made["wrap_info"]["token"])


def program() -> str | None:
    beside = Path(sys.executable).with_name("bao")
    return str(beside) if beside.exists() else shutil.which("bao")


@contextmanager
def running(folder: Path) -> Iterator[Bao]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"127.0.0.1:{port}"
    argv = [str(program()), "server", "-dev", "-dev-tls", f"-dev-tls-cert-dir={folder}", "-dev-no-store-token"]
    argv += [f"-dev-root-token-id={ROOT}", f"-dev-listen-address={address}"]
    with (folder / "bao.log").open("w") as log, subprocess.Popen(argv, stdout=log, stderr=log) as server:
        try:
            yield _set_up(f"https://{address}", folder / "vault-ca.pem", server)
        finally:
            server.kill()


def _set_up(address: str, ca: Path, process: "subprocess.Popen[bytes]") -> Bao:
    client = _client(address, ca)
    client.sys.enable_auth_method("approle")
    client.sys.create_or_update_policy("releaser", POLICY)
    client.auth.approle.create_or_update_approle(
        "releaser", token_policies=["releaser"], token_ttl="10m", secret_id_num_uses=0
    )
    role = str(client.auth.approle.read_role_id("releaser")["data"]["role_id"])
    return Bao(address, ca, role, client, process)


def _client(address: str, ca: Path) -> hvac.Client:
    until = monotonic() + 20.0
    while True:
        try:
            client = hvac.Client(address, token=ROOT, verify=str(ca))
            client.secrets.kv.v2.create_or_update_secret("ready", {"a": "b"}, mount_point="secret")
        except (OSError, requests.RequestException, VaultError):
            if monotonic() > until:
                raise
            sleep(0.05)
        else:
            return client
