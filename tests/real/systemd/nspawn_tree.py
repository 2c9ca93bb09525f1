"""Which file system does a test's systemd host start from? A small Debian, made once and kept in the cache folder.

The mirror and the distribution are the machine's own: they are read from its apt sources when the tree is made.
"""

import fcntl
import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

__all__ = ["alone", "lacking", "tree"]

PACKAGES = ("systemd", "systemd-sysv", "dbus", "openssh-server", "iproute2", "python3", "procps", "sudo", "haproxy")
SETUP = """
set -e
for unit in systemd-udevd systemd-networkd systemd-resolved systemd-logind systemd-timesyncd; do
    ln -sf /dev/null "$1/etc/systemd/system/$unit.service"
done
ln -sf /dev/null "$1/etc/systemd/system/haproxy.service"
for unit in apt-daily apt-daily-upgrade dpkg-db-backup e2scrub_all fstrim; do
    ln -sf /dev/null "$1/etc/systemd/system/$unit.timer"
done
chroot "$1" useradd --create-home --shell /bin/bash deploy
chroot "$1" useradd --system --no-create-home shop
mkdir -p "$1/var/log/journal"
rm -f "$1"/etc/ssh/ssh_host_*
: > "$1/etc/machine-id"
chmod 755 "$1"
"""
"""Nothing that waits for devices or leases; `deploy` is who releases, `shop` whom the application runs as."""


def lacking() -> str | None:
    """What keeps this machine from running such hosts, with the remedy; None where nothing does."""
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin"])
    absent = [
        name for name in ("systemd-nspawn", "debootstrap", "nsenter", "ip") if shutil.which(name, path=path) is None
    ]
    if absent:
        return f"no {', '.join(absent)}: apt-get install systemd-container debootstrap util-linux iproute2"
    if os.geteuid() != 0:
        return "containers need root: run as root, or sudo -E make test"
    if subprocess.run(["unshare", "--mount", "--pid", "--fork", "true"], capture_output=True, check=False).returncode:
        return "this root may not make namespaces: run on a machine or in a container that has CAP_SYS_ADMIN"
    return None


def tree() -> Path:
    """The directory of the tree; made now (it takes one to two minutes) if the cache does not have it."""
    suite, mirror = source()
    key = sha256("\n".join([suite, *PACKAGES, SETUP]).encode()).hexdigest()[:12]
    made = _cache() / f"{suite}-{key}"
    with alone("tree"):
        if not made.is_dir():
            _make(made, suite, mirror)
    return made


@contextmanager
def alone(what: str) -> Iterator[None]:
    """No other test run on this machine does the same meanwhile."""
    with (_cache() / f"{what}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _cache() -> Path:
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "releaser-tests"
    cache.mkdir(parents=True, exist_ok=True)
    return cache


def source() -> tuple[str, str]:
    """(suite, mirror) of the first binary source that this machine's apt has."""
    folder = Path("/etc/apt")
    for file in sorted(folder.glob("sources.list.d/*.sources")):
        for paragraph in file.read_text().split("\n\n"):
            words = dict(re.findall(r"^(URIs|Suites):\s*(\S+)", paragraph, re.MULTILINE))
            if words.keys() >= {"URIs", "Suites"}:
                return words["Suites"], words["URIs"]
    for file in [folder / "sources.list", *sorted(folder.glob("sources.list.d/*.list"))]:
        found = re.search(
            r"^deb\s+(?:\[[^]]*]\s+)?(\S+)\s+(\S+)", file.read_text() if file.exists() else "", re.MULTILINE
        )
        if found:
            return found.group(2), found.group(1)
    raise RuntimeError("this machine's apt names no source: write one into /etc/apt/sources.list.d")


def _make(made: Path, suite: str, mirror: str) -> None:
    fresh = made.with_name(f".{made.name}.{os.getpid()}")
    argv = ["unshare", "--mount", "--propagation", "private"]  # what it mounts ends with it
    argv += ["debootstrap", "--variant=minbase", f"--include={','.join(PACKAGES)}", suite, str(fresh), mirror]
    try:
        subprocess.run(argv, check=True, stdout=subprocess.DEVNULL, timeout=420)
        subprocess.run(["sh", "-c", SETUP, "setup", str(fresh)], check=True, timeout=60)
        fresh.rename(made)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
