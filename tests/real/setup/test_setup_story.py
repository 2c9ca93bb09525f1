"""Bare hosts with systemd and the distribution's HAProxy: prepared, released to, taken back, and booted in the middle."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from bare_hosts import Bare, connect
from nspawn_host import Host, until

from releaser.testing import app
from releaser.testing.load import Load, Traffic

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(550)]
ENVIRONMENT = """\
app: shop
artifact: dist/shop-{{version}}
versions: mutable
url: http://{balancer}:8080
hosts: [{hosts}]
user: deploy
known_hosts: ./known_hosts
run: {{ systemd: shop@.service, sudo: true }}
router: haproxy://{balancer}/shop
probes:
  up: {{ kind: http, version: "$.version", every: 200ms, timeout: 2s, passes: 2, fails: 3 }}
  errors: {{ kind: router, every: 200ms }}
fleet: {{ drain: 500ms, keep_warm: 10m }}
playbook: quick
freeze_after_rollback: 1s
"""
PLAYBOOK = """\
strategy: canary
steps: [ { weight: 10%, at_least: 1s }, { weight: 100% } ]
bake: 1s
judge: { errors: { not_worse_than: 1.1x, within: 3% } }
budget: { step: 60s, release: 4m, rollback: 10s, deadman: 8s, ready: 30s }
"""
START = "/usr/bin/python3 shop.py --host 0.0.0.0 --port {port} --version {version}"
SLOW = """\
strategy: canary
steps: [ { weight: 10%, at_least: 90s }, { weight: 100% } ]
bake: 1s
judge: { errors: { not_worse_than: 1.1x, within: 3% } }
budget: { step: 3m, release: 6m, rollback: 60s, deadman: 30s, ready: 60s }
"""
"""The power goes out in the first step, and long before the timer would end."""
WHOLE = ("--login", "root", "--start", START, "--service-user", "shop", "-y")
FILES = "find /etc /srv /var/lib/releaser /home -type f -printf '%p %m %u %T@ %s\\n' | sort"


def furnish(bare: Bare) -> None:
    for kind in ("environments", "playbooks"):
        (bare.folder / kind).mkdir(parents=True)
    hosts = ", ".join(host.address for host in bare.web)
    text = ENVIRONMENT.format(hosts=hosts, balancer=bare.balancer.address)
    (bare.folder / "environments/production.yaml").write_text(text)
    (bare.folder / "playbooks/quick.yaml").write_text(PLAYBOOK)
    (bare.folder / "playbooks/slow.yaml").write_text(SLOW)
    for version in ("1.0.0", "1.1.0", "1.2.0"):
        artifact = bare.folder / "dist" / f"shop-{version}"
        artifact.mkdir(parents=True)
        shutil.copyfile(app.__file__, artifact / "shop.py")
        (artifact / "VERSION").write_text(version)


def setup(bare: Bare, *words: str) -> tuple[int, dict[str, Any]]:
    done = bare.releaser("setup", "-e", "production", "-o", "json", *words)
    assert "Traceback" not in done.stderr
    return done.returncode, json.loads(done.stdout)


def states(document: dict[str, Any]) -> dict[str, list[str]]:
    return {one["host"]: sorted({step["state"] for step in one["steps"]}) for one in document["hosts"]}


def files(bare: Bare) -> list[str]:
    return [host.run("sh", "-c", FILES) for host in bare.hosts]


def released(bare: Bare, *words: str) -> str:
    done = bare.releaser(*words, "-e", "production", "-o", "json", "-y")
    outcome = json.loads(done.stdout)["outcome"]
    return f"{outcome} {done.returncode}"


def test_nobody_is_trusted_and_nothing_done_before_a_person_has_said_so(bare: Bare) -> None:
    furnish(bare)
    before = files(bare)
    code, told = setup(bare, *WHOLE)  # -y says nothing about keys
    assert (code, told["reason"]) == (2, "host-key-unknown")
    assert [told["message"].count(word) for word in bare.fingerprints()[1::2]] == [1, 1, 1]
    assert not (bare.folder / "known_hosts").exists()
    code, told = setup(bare, *WHOLE, *bare.fingerprints(bare.web))  # one host's key was not compared
    assert (code, told["reason"]) == (2, "host-key-unknown")
    assert not (bare.folder / "known_hosts").exists()
    assert bare.balancer.run("journalctl", "-t", "sshd", "--grep", "Accepted", check=False).count("Accepted") == 0
    code, told = setup(bare, "-y", *bare.fingerprints())  # nobody lets `deploy` in
    assert (code, told["reason"]) == (1, "auth")
    assert any("--login root" in fix for fix in told["fix"])
    code, told = setup(bare, "--login", "root", "-y")  # and the unit must come from somewhere
    assert (code, told["reason"]) == (6, "unprepared")
    assert {one for found in states(told).values() for one in found} == {"cannot", "ok", "todo"}
    asked = bare.releaser("setup", "-e", "production", "--login", "root", "--start", START)
    assert (asked.returncode, "add -y" in asked.stderr) == (2, True)  # there is nobody to ask
    printed = bare.releaser("setup", "-e", "production", "--print", "--start", START)
    assert printed.returncode == 0
    for host in bare.hosts:
        host.run("sh", "-s", host.address, "look", stdin=printed.stdout)
    assert files(bare) == before
    what_a_person_must_decide_stops_it(bare)
    a_configuration_that_does_not_run_is_put_back(bare)


def what_a_person_must_decide_stops_it(bare: Bare) -> None:
    balancer, cfg = bare.balancer, Path("/etc/haproxy/haproxy.cfg")
    plain = balancer.run("cat", str(cfg))
    strange = plain + "backend shop\n    server old 10.9.9.9:80\n"
    balancer.run("tee", str(cfg), stdin=strange)
    code, told = setup(bare, *WHOLE)
    assert code == 6, told
    (decide,) = [step for one in told["hosts"] for step in one["steps"] if step["state"] == "cannot"]
    assert "server old (10.9.9.9:80)" in decide["detail"]
    assert balancer.run("cat", str(cfg)) == strange
    assert "deploy" not in bare.web[0].run("cat", "/etc/passwd")  # nothing was done on the others either
    balancer.run("tee", str(cfg), stdin=plain)


def a_configuration_that_does_not_run_is_put_back(bare: Bare) -> None:
    """Somebody else has the port that users come to: `haproxy -c` cannot know."""
    balancer, cfg, stranger = bare.balancer, "/etc/haproxy/haproxy.cfg", bare.home / "stranger"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(stranger)], check=True)
    plain = balancer.run("cat", cfg)
    inside = ["nsenter", "--target", str(balancer._init()), "--net", "--", sys.executable, "-m", "http.server", "8080"]
    held = subprocess.Popen(inside, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        until(lambda: ":8080" in balancer.run("ss", "-ltn"))
        code, told = setup(bare, *WHOLE, "--authorize", f"{stranger}.pub")
        assert code == 1, told
        (failed,) = [step for one in told["hosts"] for step in one["steps"] if step["state"] == "failed"]
        assert "the old configuration is back" in failed["detail"]
        assert balancer.run("cat", cfg) == plain
        assert balancer.run("systemctl", "is-active", "haproxy") == "active\n"
    finally:
        held.kill()
        held.wait()
    code, told = setup(bare, *WHOLE, "--authorize", f"{stranger}.pub")  # and the same command does the rest
    assert (code, told["reason"]) == (1, "auth"), told
    assert [one["error"] is not None for one in told["hosts"]] == [
        True,
        True,
        True,
    ]  # prepared, for somebody else's key
    code, told = setup(bare, *WHOLE)
    assert code == 0, told
    assert balancer.run("cat", f"{cfg}.before-releaser.1") == plain


def test_bare_hosts_to_a_canary_and_back_and_through_a_power_cut(bare: Bare) -> None:
    furnish(bare)
    balancer = bare.balancer
    key = (bare.home / ".ssh/id_ed25519.pub").as_posix()
    script = bare.releaser(
        "setup", "-e", "production", "--print", "--start", START, "--service-user", "shop", "--authorize", key
    )
    by_hand = balancer.run("sh", "-s", balancer.address, stdin=script.stdout)  # as whoever has root there does it
    assert {line.partition("\t")[0] for line in by_hand.splitlines()} == {"ok", "done"}, by_hand
    code, told = setup(bare, *WHOLE, *bare.fingerprints())
    assert code == 0, told
    assert states(told)[balancer.address] == ["ok"]
    assert {found for host in bare.web for found in states(told)[host.address]} == {"ok", "done"}
    prepared = files(bare)
    code, told = setup(bare, *WHOLE)
    assert (code, told["message"]) == (0, "nothing to do")
    assert files(bare) == prepared
    for host in bare.hosts:
        assert host.run("sh", "-c", "ls /etc/haproxy /etc/sudoers.d").count("releaser-new") == 0
    code, told = setup(bare, "-y")  # `deploy` may do what it needs, and that is not to be root
    assert (code, told["reason"]) == (1, "no-root")
    assert any("--print" in fix for fix in told["fix"])
    looked = bare.releaser("doctor", "-e", "production")
    assert looked.returncode == 0, looked.stdout

    assert released(bare, "promote", "1.0.0") == "promoted 0"
    # A reload closes kept connections that idle, and with them a request that is sent in that moment.
    users = Traffic(f"http://{balancer.address}:8080/", rate=80.0, fresh=1.0)
    with Load(users) as load:
        assert released(bare, "promote", "1.1.0") == "promoted 0"
        balancer.run("systemctl", "reload", "haproxy")  # the split is kept
        until(lambda: weights(balancer) == {"blue": 0, "green": 100})
        assert released(bare, "rollback", "--to", "1.0.0") == "rolled_back 0"
    assert [one for one in load.results if one.failed_by_us] == []
    assert {one.version for one in load.results} == {"1.0.0", "1.1.0"}
    for host in bare.web:
        assert "shop" in host.run("ps", "-o", "user=", "-C", "python3").split()  # not as the one who releases
    power_cut(bare)


def power_cut(bare: Bare) -> None:
    """The orchestrator dies in a canary, and the load balancer with it: the boot takes users back, nobody else is there."""
    balancer = bare.balancer
    argv = [sys.executable, "-m", "releaser", "promote", "1.2.0", "-e", "production", "-y", "--playbook", "slow"]
    with (bare.home / "promote.log").open("wb") as log:
        promote = subprocess.Popen(argv, cwd=bare.folder, env=bare.environ, stdout=log, stderr=log)
    try:
        until(lambda: weights(balancer).get("green") == 10, seconds=90)
    finally:
        promote.send_signal(signal.SIGKILL)
        promote.wait()
    assert weights(balancer) == {"blue": 90, "green": 10}, (bare.home / "promote.log").read_text()
    balancer.power_cut()
    for number, host in enumerate(bare.web, 1):
        connect(balancer, host, number)
    until(lambda: weights(balancer) == {"blue": 100, "green": 0})
    assert balancer.run("systemctl", "is-active", "releaser-guard@production-web.service") == "active\n"
    recovered = bare.releaser("recover", "-e", "production", "-o", "json", "-y")
    assert recovered.returncode == 3, recovered.stdout + recovered.stderr
    assert weights(balancer) == {"blue": 100, "green": 0}


def weights(balancer: Host) -> dict[str, int]:
    """What each slot gets, in percent, as HAProxy itself says."""
    shown = balancer.run("python3", "-c", SHOW, check=False)
    rows = [line.split() for line in shown.splitlines() if len(line.split()) > 10 and line[:1].isdigit()]
    taken = {"blue": 0, "green": 0}
    for row in rows:
        taken[row[3].rpartition("_")[2]] += 0 if int(row[6]) & 0x7B else int(row[7])  # admin state, weight
    return {slot: round(100 * taken[slot] / sum(taken.values())) for slot in taken if sum(taken.values())}


SHOW = (
    "import socket; s = socket.socket(socket.AF_UNIX); s.connect('/run/haproxy/admin.sock'); "
    "s.sendall(b'show servers state shop\\n'); print(b''.join(iter(lambda: s.recv(65536), b'')).decode())"
)
