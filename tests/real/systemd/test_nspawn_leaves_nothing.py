"""The lab itself: a container goes with whoever started it, however that ends."""

import subprocess
import sys
from pathlib import Path

import nspawn_tree
import pytest
from nspawn_host import CGROUPS, Host, until

pytestmark = [pytest.mark.real, pytest.mark.timeout(600)]
KEEP = """
import sys, time
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from nspawn_host import Host
host = Host(Path(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4]))
host.start()
print(host.name, flush=True)
time.sleep(600)
"""


def left_of(name: str) -> list[str]:
    """Network devices, mounts and processes of a container."""
    network = [entry.name for entry in Path("/sys/class/net").iterdir() if name in entry.name]
    mounts = [line for line in Path("/proc/self/mounts").read_text().splitlines() if name in line]
    running = subprocess.run(["pgrep", "-af", f"machine={name}"], capture_output=True, text=True, check=False).stdout
    return [*network, *mounts, *running.splitlines()]


def test_a_host_is_gone_when_its_test_is_killed(host: Host, tmp_path: Path, login: Path) -> None:
    argv = [sys.executable, "-c", KEEP, str(Path(__file__).parent), str(nspawn_tree.tree())]
    argv += [str(tmp_path / "disk"), str(login.with_suffix(".pub"))]
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        name = process.stdout.readline().strip()
        assert name
        assert left_of(name) != []
        process.kill()
    until(lambda: not left_of(name))
    assert left_of(host.name) != []  # the other one stays
    host.power_cut()  # and removes what nobody else could
    assert [group for group in CGROUPS.rglob(name) if group.is_dir()] == []


def test_two_boots_are_two_boots_and_one_disk(host: Host) -> None:
    host.run("tee", "/root/kept", stdin="here")
    host.run("tee", "/run/lost", stdin="here")
    before = host.run("cat", "/proc/sys/kernel/random/boot_id")
    host.reboot()
    assert host.run("cat", "/proc/sys/kernel/random/boot_id") != before
    assert host.run("cat", "/root/kept") == "here"
    assert host.run("cat", "/run/lost", check=False) == ""
