"""Hosts behind a jump host, with plain sshd and a HAProxy of the owner's: prepared, completed, released to."""

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from ssh_fleet import Fleet, settings
from ssh_lab import Server, opened, until

from releaser.cli.demo_stage import clear
from releaser.testing.free_ports import free_ports

pytestmark = [
    pytest.mark.real,
    pytest.mark.slow,
    pytest.mark.timeout(400),
    pytest.mark.skipif(os.geteuid() != 0, reason="setup needs root on the hosts, and here those are this machine"),
]
OWNED = """\
global
    maxconn 200   # ours
defaults
    mode http
    timeout connect 1s
    timeout client 60s
    timeout server 15s
frontend users
    bind {address}:{port}
    default_backend app
backend app
    retries 0
    balance roundrobin
"""


@contextmanager
def owned() -> Iterator[Fleet]:
    """As ssh_fleet's, but nobody is pinned, and HAProxy has the owner's configuration."""
    if shutil.which("haproxy") is None:
        assert not os.environ.get("CI"), "CI needs haproxy"
        pytest.skip("haproxy is not installed")
    root = Path(tempfile.mkdtemp(prefix="rs-"))
    try:
        with opened(root) as lab:
            one, other, balancer, jump = (lab.server(pinned=False) for _ in range(4))
            made = Fleet(root, lab, [one, other], balancer, free_ports(1)[0])
            settings(made, jump.address)
            site = balancer.folder
            (site / "haproxy.cfg").write_text(OWNED.format(address=balancer.address, port=made.listen))
            for name in ("servers.state", "generation.map"):
                (site / name).unlink()
            argv = ["haproxy", "-W", "-db", "-p", str(site / "pid"), "-f", str(site / "haproxy.cfg")]
            with (site / "haproxy.log").open("wb") as log:
                process = subprocess.Popen(argv, stdout=log, stderr=log)
            try:
                until((site / "pid").exists)
                yield made
            finally:
                process.terminate()
                process.wait()
    finally:
        clear(root)


def fingerprints(servers: list[Server]) -> list[str]:
    shown = [subprocess.check_output(["ssh-keygen", "-lf", f"{server.key}.pub"], text=True) for server in servers]
    return [word for one in shown for word in ("--accept-host-key", one.split()[1])]


def test_the_jump_host_first_and_then_those_behind_it() -> None:
    with owned() as site:
        folder = site.balancer.folder
        own = ("--haproxy-config", f"{folder}/haproxy.cfg", "--haproxy-reload", f"kill -USR2 $(cat {folder}/pid)")
        *behind, jump = fingerprints(site.lab.servers)[1::2]
        first = site.command("setup", *own)
        assert first.returncode == 2
        assert [word in first.stdout for word in (jump, *behind)] == [
            True,
            False,
            False,
            False,
        ]  # none is asked before it
        accepted = fingerprints(site.lab.servers)
        done = site.command("setup", *own, *accepted)
        assert done.returncode == 0, done.stdout + done.stderr
        assert len((site.root / "known_hosts").read_text().splitlines()) == 4
        again = site.command("setup", *own)
        assert (again.returncode, json.loads(again.stdout)["message"]) == (0, "nothing to do"), again.stdout
        text = (folder / "haproxy.cfg").read_text()
        assert "maxconn 200   # ours" in text
        assert text.count("\n    server ") == 4
        assert (folder / "haproxy.cfg.before-releaser.1").read_text().count("server ") == 1  # a time-out's name
        site.build("1.0.0")
        promoted = site.command("promote", "1.0.0")
        assert promoted.returncode == 0, promoted.stdout + promoted.stderr
        assert site.split() == {"1.0.0": 100}
