"""docs/tutorials/first-fleet.md, followed line by line: its own commands, on hosts that are as bare as it says."""

import json
import os
import pty
import re
import select
import subprocess
import time
from pathlib import Path

import pytest
from bare_hosts import Bare

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(500)]
PAGE = Path(__file__).parents[3] / "docs/tutorials/first-fleet.md"
BLOCK = re.compile(r"^```sh\n(.*?)^```", re.MULTILINE | re.DOTALL)
QUESTION = b"[y/N] "
PATIENCE = 300.0


def commands(bare: Bare) -> str:
    """The page's commands with the addresses of the lab; what cannot be typed here is asked for, not installed."""
    text = "\n".join(BLOCK.findall(PAGE.read_text(encoding="utf-8")))
    assert text.count("pip install releaser\n") == 1
    text = text.replace("pip install releaser\n", "releaser --version\n")
    for name, host in zip(("web1", "web2", "lb1"), bare.hosts, strict=True):
        assert f"{name}.example.com" in text
        text = text.replace(f"{name}.example.com", host.address)
    return "set -e\n" + text


def typed(script: str, bare: Bare) -> tuple[int, str]:
    """Run at a terminal by somebody who says yes, and else presses Enter: (exit status, all that stood on the screen)."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        ["bash", "-c", script], cwd=bare.home, env=bare.environ, stdin=theirs, stdout=theirs, stderr=theirs
    )
    os.close(theirs)
    screen, answered, until = b"", 0, time.monotonic() + PATIENCE
    try:
        while process.poll() is None or select.select([ours], [], [], 0)[0]:
            assert time.monotonic() < until, screen.decode(errors="replace")
            if not select.select([ours], [], [], 0.2)[0]:
                continue
            try:
                screen += os.read(ours, 65536)
            except OSError:  # EIO: the last one has hung up
                break
            if len(screen) > answered and screen.endswith(b"] "):
                answered = len(screen)
                os.write(ours, b"y\n" if screen.endswith(QUESTION) else b"\n")
        return process.wait(), screen.decode(errors="replace").replace("\r\n", "\n")
    finally:
        process.kill()
        os.close(ours)


def test_the_tutorial_takes_bare_hosts_to_a_canary_and_back(bare: Bare) -> None:
    status, screen = typed(commands(bare), bare)

    assert status == 0, screen
    assert re.findall(r'\{"version": "([^"]+)"\}', screen) == [
        "1.4.1",
        "1.4.1",
    ]  # after the first release, after the way back
    assert screen.count(QUESTION.decode()) == 2
    for host in bare.hosts:
        assert host.run("ssh-keygen", "-lf", "/etc/ssh/ssh_host_ed25519_key.pub").split()[1] in screen
    assert "PROMOTED: 1.4.2" in screen
    assert "10 %" in screen
    users = json.loads((bare.folder / "users.json").read_text())
    assert users["failed_by_us"] == 0, users
    again = bare.releaser("setup", "-e", "production", "--login", "root")
    assert (again.returncode, "nothing to do" in again.stdout) == (0, True), again.stdout + again.stderr
