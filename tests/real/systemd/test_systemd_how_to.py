"""The example of docs/how-to/systemd-units.md, taken from the page and used as it stands."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from nspawn_host import Host, until
from systemd_stage import APPLICATION

from releaser.adapters.hosts.artifact import artifact_at
from releaser.adapters.hosts.options import HostsOptions
from releaser.adapters.hosts.target import HostsTarget
from releaser.core.values import Release, Slot
from releaser.shell.known_hosts import read_known_hosts
from releaser.shell.ssh import Connections, Destination, SshShell

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
PAGE = Path(__file__).parents[3] / "docs/how-to/systemd-units.md"
OPTIONS = {
    "hosts": ["web1.example.com"],
    "path": "/srv/shop",
    "run": {"systemd": "shop@.service", "sudo": True},
    "ports": {"blue": 8001, "green": 8002},
}


def block(start: str) -> str:
    """The page's code block that begins with `start`."""
    blocks = re.findall(r"^```\w*\n(.*?)^```", PAGE.read_text(), re.MULTILINE | re.DOTALL)
    (found,) = [text for text in blocks if text.startswith(start)]
    return str(found)


@pytest.fixture
def shell(host: Host, tmp_path: Path, login: Path) -> Iterator[SshShell]:
    (tmp_path / "known_hosts").write_text(host.pin())
    pool = Connections()
    to = Destination(host.address, "deploy", read_known_hosts(tmp_path / "known_hosts"), key=login, agent=False)
    yield SshShell(to, "/srv/shop/.releaser", pool)
    pool.close()


def test_the_page_s_unit_and_rights_are_all_that_it_takes(host: Host, shell: SshShell, tmp_path: Path) -> None:
    host.run("tee", "/etc/systemd/system/shop@.service", stdin=block("[Unit]"))
    host.run("tee", "/etc/sudoers.d/releaser", stdin=block("Cmnd_Alias"))
    host.run("visudo", "-cf", "/etc/sudoers.d/releaser")
    for line in (block("sudo systemctl daemon-reload") + block("sudo install")).splitlines():
        host.run("sh", "-c", line)
    program = tmp_path / "build/bin/shop"
    program.parent.mkdir(parents=True)
    program.write_text("#!/usr/bin/python3\n" + APPLICATION)
    program.chmod(0o755)
    artifact = artifact_at(tmp_path / "build")
    options = HostsOptions.model_validate(OPTIONS)
    target = HostsTarget("web", options, {"web1.example.com": shell}, artifact, {"MODE": "as documented"})
    old, new = (
        Release.of(version, artifact.digest, digest * 64) for version, digest in (("1.0.0", "a"), ("2.0.0", "b"))
    )
    slots: tuple[tuple[Release, Slot], ...] = ((old, "blue"), (new, "green"))
    for release, slot in slots:
        target.place(release, fence=1, within=30)
        target.start(release, slot, fence=1, within=30)
        target.collect(release.id, [old.id], fence=1, within=30)
    target.stop(old.id, "blue", fence=1, after=0, within=30)
    until(lambda: not target.inspect(within=30)[0].running)
    assert target.inspect(within=30)[1].running
    assert [host.run("systemctl", "is-enabled", f"shop@{slot}", check=False) for slot in ("blue", "green")] == [
        "disabled\n",
        "enabled\n",
    ]
    assert "up as documented" in target.logs("green", within=30)[0]["web1.example.com"].lines
