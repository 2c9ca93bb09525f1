"""A whole environment on this machine whose application has a secret from a Vault of the test's own."""

import base64
import hashlib
import http.client
import io
import json
import os
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from bao import Bao
from local_environment import Local, local_environment

from releaser.cli.main import run

REFERENCE = "vault:secret/shop/production#database_url"
MORE = """
vault:
  address: {address}
  auth: {{ approle: {{ role: {role}, secret_id_file: ./secret_id }} }}
  tls: {{ ca: {ca} }}
secrets: {{ at_rest: file }}
env: {{ LOG_LEVEL: info, DATABASE_URL: "{reference}" }}
"""
APPLICATION = """\
import hashlib, os, sys
import shop

class Echoing(shop.Application):
    def response(self, status, request_id, *, keep):
        seen = hashlib.sha256(os.environ["DATABASE_URL"].encode()).hexdigest().encode()
        return super().response(status, request_id, keep=keep).replace(b"x-version:", b"x-secret: " + seen + b"\\r\\nx-version:")

shop.Application = Echoing
sys.exit(shop.main())
"""


@dataclass
class VaultRelease:
    """`local` with the application that answers with the digest of its secret; `said` is all that releaser printed."""

    local: Local
    said: list[str] = field(default_factory=list)
    token: str = field(default_factory=lambda: f"s.{token_hex()}")
    """Stands in a variable of each releaser that runs, as a CI job's token does."""

    def build(self, version: str) -> None:
        self.local.build(version)
        (self.local.root / "dist" / f"shop-{version}" / "app.py").write_text(APPLICATION)

    def edit(self, old: str, new: str) -> None:
        """One place of the environment's file."""
        path = self.local.root / "environments" / "test.yaml"
        text = path.read_text()
        assert text.count(old) == 1, old
        path.write_text(text.replace(old, new))

    def run(self, *words: str) -> tuple[int, dict[str, Any]]:
        """(exit code, the one document) of `releaser WORDS`."""
        code, _ = self.read(*words, "-o", "json")
        return code, json.loads(self.said[-2])

    def read(self, *words: str) -> tuple[int, str]:
        """(exit code, all that was printed) of `releaser WORDS`."""
        argv = [sys.executable, "-m", "releaser", *words, "-e", "test", "-y"]
        done = subprocess.run(
            [*argv, "--folder", str(self.local.root)],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            env={**self.local.environ(), "VAULT_TOKEN": self.token},
            timeout=100,
            check=False,
        )
        self.said += [done.stdout, done.stderr]
        assert "Traceback" not in done.stderr, done.stderr
        return done.returncode, done.stdout + done.stderr

    def ask(self, *words: str) -> tuple[int, dict[str, Any]]:
        """The same in this process, which is quicker where nothing is left running."""
        out, err = io.StringIO(), io.StringIO()
        argv = [*words, "-e", "test", "-o", "json", "-y", "--folder", str(self.local.root)]
        code = run(argv, environ=self.local.environ(), stdin=io.StringIO(), out=out, err=err)
        self.said += [out.getvalue(), err.getvalue()]
        return code, json.loads(out.getvalue())

    def placed(self) -> list[str]:
        """What lies below the target's path, beside what only looking leaves there."""
        files = (path.relative_to(self.local.root / "at") for path in (self.local.root / "at").rglob("*"))
        return sorted(str(path) for path in files if path.parts[0] != ".releaser" or "env" in path.parts)

    def served(self) -> str:
        return served("127.0.0.1", self.local.listen)

    def cut_power(self) -> None:
        """Both slots end at once: supervisors and applications."""
        run = self.local.root / "at" / ".releaser" / "run"
        slots = [json.loads((run / f"{slot}.json").read_text()) for slot in ("blue", "green")]
        for who in ("supervisor", "child"):
            for slot in slots:
                os.kill(slot[who][0], signal.SIGKILL)

    def left_with_a_token(self) -> list[bytes]:
        """Processes that still run and have the token of whoever released among their variables."""
        found = []
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):  # it ended meanwhile
                if self.token.encode() in (process / "environ").read_bytes():
                    found.append((process / "cmdline").read_bytes())
        return found

    def kept(self) -> list[Path]:
        """The files in which the host keeps how a release is started."""
        return sorted((self.local.root / "at" / ".releaser" / "env").iterdir())


@contextmanager
def vault_release(bao: Bao, reference: str = REFERENCE) -> Iterator[VaultRelease]:
    with local_environment() as local:
        (local.root / "secret_id").write_text(bao.secret_id() + "\n")
        path = local.root / "environments" / "test.yaml"
        more = MORE.format(address=bao.address, role=bao.role, ca=bao.ca, reference=reference)
        path.write_text(path.read_text() + more)
        yield VaultRelease(local)


def served(address: str, port: int) -> str:
    """The digest of the secret that the answering release has, through the router."""
    connection = http.client.HTTPConnection(address, port, timeout=5)
    try:
        connection.request("GET", "/")
        return str(connection.getresponse().headers["x-secret"])
    finally:
        connection.close()


def digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()


@contextmanager
def watching_processes(secrets: list[bytes]) -> Iterator[set[bytes]]:
    """The command line of every process on this machine in which one of the secrets stood at any look, or among whose
    variables without being the application.
    """
    found: set[bytes] = set()
    over = threading.Event()

    def look() -> None:
        while not over.wait(0.05):
            for process in Path("/proc").glob("[0-9]*"):
                with suppress(OSError):  # it ended meanwhile
                    variables = (process / "environ").read_bytes()  # first: an exec changes both
                    line = (process / "cmdline").read_bytes()
                    seen = line if b"app.py" in line else line + variables
                    found.update({line} if any(secret in seen for secret in secrets) else ())

    thread = threading.Thread(target=look)
    thread.start()
    try:
        yield found
    finally:
        over.set()
        thread.join()


@contextmanager
def unasked(bao: Bao) -> Iterator[None]:
    """Nobody connects to where Vault was."""
    with socket.create_server(("127.0.0.1", urlsplit(bao.address).port or 0)) as nobody:
        yield
        nobody.setblocking(False)
        with pytest.raises(BlockingIOError):
            nobody.accept()


def shapes(value: str) -> list[bytes]:
    """As it could stand in a file or a line: as it is, base64, hexadecimal, for a URL, in JSON."""
    raw = value.encode()
    return [raw, base64.b64encode(raw), raw.hex().encode(), quote(value, safe="").encode(), json.dumps(value).encode()]


def holding(folder: Path, needles: list[bytes]) -> list[Path]:
    """The files below a folder in which one of them stands."""
    files = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return sorted(path for path in files if any(needle in path.read_bytes() for needle in needles))
