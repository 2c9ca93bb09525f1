"""A systemd host of its own for tests: a container over the cached tree, reached by SSH over a veth pair.

Nothing of it outlives the test, also where that is killed: the overlay is mounted in a mount namespace that ends with the
container, the veth pair ends with its network namespace, and the container ends with the process that started it. Empty
cgroups of a killed one are removed by the next.
"""

import errno
import os
import re
import shutil
import socket
import subprocess
import time
from collections.abc import Callable
from itertools import count
from pathlib import Path

from nspawn_tree import alone

__all__ = ["Host", "until"]

INSIDE = """
tree=$1 folder=$2 name=$3; shift 3
for group; do echo $$ > "$group/cgroup.procs"; done
mount -t tmpfs tmpfs /run/systemd
mount -t overlay overlay -o "lowerdir=$tree,upperdir=$folder/upper,workdir=$folder/work" "$folder/root"
exec systemd-nspawn --quiet --boot --directory="$folder/root" --machine="$name" --register=no --keep-unit --network-veth \\
    --resolv-conf=off --timezone=off --link-journal=no --console=pipe
"""
"""The container's own cgroup, and in a mount namespace of its own what it would leave behind below /run, and its disk."""
NAME = re.compile(r"r(\d+)x\d+")
NUMBERS = count(1)
CGROUPS = Path("/sys/fs/cgroup")
SUBNETS = range(1, 250)
PATIENCE = 30.0


def until(what: Callable[[], object], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.05)


class Host:
    """One host below `folder`. Its disk is kept from `start` to `start`: `power_cut` and `reboot` lose the rest."""

    def __init__(self, tree: Path, folder: Path, login: Path) -> None:
        self.tree = tree
        self.folder = folder
        self.name = f"r{os.getpid()}x{next(NUMBERS)}"  # short: systemd-nspawn names the veth pair for it
        self.login = login
        self.address = ""
        self._subnet: tuple[int, ...] = ()
        self._process: subprocess.Popen[bytes] | None = None
        for part in ("upper", "work", "root"):
            (folder / part).mkdir(parents=True)
        self._furnish()

    def start(self) -> None:
        argv = ["setpriv", "--pdeathsig", "KILL", "unshare", "--mount", "--propagation", "private"]
        argv += ["--pid", "--fork", "--kill-child", "--mount-proc"]  # systemd-nspawn is the first process of all that
        argv += ["sh", "-euc", INSIDE, "inside", str(self.tree), str(self.folder), self.name]
        for group in _groups():
            _sweep(group)
            (group / self.name).mkdir()
            argv.append(str(group / self.name))
        with (self.folder / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=console, stderr=console, start_new_session=True
            )
        until(self._init)
        self._connect()
        until(self._answers)
        until(lambda: self.run("systemctl", "is-system-running", check=False) in {"running\n", "degraded\n"})

    def run(self, *argv: str, check: bool = True, stdin: str = "") -> str:
        """What a command prints that root runs inside."""
        init = self._init()
        assert init is not None, "the container does not run"
        inside = ["nsenter", "--target", str(init), "--mount", "--uts", "--ipc", "--net", "--pid", "--", *argv]
        done = subprocess.run(inside, input=stdin, capture_output=True, text=True, timeout=30, check=False)
        assert not check or done.returncode == 0, (argv, done.stdout, done.stderr)
        return done.stdout

    def reboot(self) -> None:
        """The orderly way: every unit is stopped first."""
        self.run("systemctl", "poweroff", check=False)
        assert self._process is not None
        self._process.wait(PATIENCE)
        self.stop()
        self.start()

    def power_cut(self) -> None:
        self.stop()
        self.start()

    def stop(self) -> None:
        """At once, like a power cut; nothing of it is left."""
        if self._process is None:
            return
        self._process.kill()
        self._process.wait(PATIENCE)
        self._process = None
        until(lambda: not [group for group in _groups() if not _removed(group / self.name)])
        until(lambda: not Path(f"/sys/class/net/{self._link}").exists())
        shutil.rmtree(self.folder / "work")
        (self.folder / "work").mkdir()

    def discard(self) -> None:
        self.stop()
        shutil.rmtree(self.folder)

    def pin(self) -> str:
        """Its line in known_hosts."""
        public = (self.folder / "upper/etc/ssh/ssh_host_ed25519_key.pub").read_text()
        return f"{self.address} {' '.join(public.split()[:2])}\n"

    @property
    def _link(self) -> str:
        return f"ve-{self.name}"

    def _furnish(self) -> None:
        """What makes one host differ from another: its name, its host key, and whom it lets in."""
        etc, home = self.folder / "upper/etc", self.folder / "upper/home/deploy/.ssh"
        (etc / "ssh").mkdir(parents=True, mode=0o755)
        home.mkdir(parents=True)
        key = etc / "ssh/ssh_host_ed25519_key"
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
        (etc / "hostname").write_text(self.name + "\n")
        (etc / "hosts").write_text(f"127.0.0.1 localhost {self.name}\n")
        shutil.copyfile(self.login, home / "authorized_keys")
        shutil.copystat(self.tree / "home/deploy", home.parent)
        owner = (self.tree / "home/deploy").stat()
        for path in (home.parent, home, home / "authorized_keys"):
            os.chown(path, owner.st_uid, owner.st_gid)
            path.chmod(0o700 if path.is_dir() else 0o600)

    def _init(self) -> int | None:
        """The container's first process, as this machine numbers it: unshare, systemd-nspawn, and then it."""
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "console.log").read_text(errors="replace")
        found = [self._process.pid]
        for name in ("systemd-nspawn", "systemd"):
            found = [child for parent in found for child in _children(parent) if _command(child) == name]
        return found[0] if found else None

    def _connect(self) -> None:
        """Addresses for both ends, from the first subnet that nobody here has."""
        until(lambda: Path(f"/sys/class/net/{self._link}").exists())
        with alone("subnets"):
            number = next(number for number in (*self._subnet, *SUBNETS) if not _has(f"10.213.{number}.1"))
            subprocess.run(["ip", "address", "add", f"10.213.{number}.1/30", "dev", self._link], check=True)
        self.address, self._subnet = f"10.213.{number}.2", (number,)
        subprocess.run(["ip", "link", "set", self._link, "up"], check=True)
        self.run("ip", "address", "add", f"{self.address}/30", "dev", "host0")
        self.run("ip", "link", "set", "host0", "up")

    def _answers(self) -> bool:
        try:
            socket.create_connection((self.address, 22), timeout=1).close()
        except OSError:
            return False
        return True


def _children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _command(pid: int) -> str:
    return Path(f"/proc/{pid}/comm").read_text().strip()


def _groups() -> list[Path]:
    """The hierarchies that systemd-nspawn uses."""
    return [CGROUPS / kind for kind in ("systemd", "unified") if (CGROUPS / kind).is_dir()] or [CGROUPS]


def _sweep(hierarchy: Path) -> None:
    """What a test run that was killed could not remove."""
    for group in hierarchy.iterdir():
        made = NAME.fullmatch(group.name)
        if made and not Path(f"/proc/{made.group(1)}").exists():
            _removed(group)


def _removed(group: Path) -> bool:
    """Whether a cgroup and all below it are gone; those that still have processes are tried again later."""
    for folder, _, _ in os.walk(group, topdown=False):
        try:
            Path(folder).rmdir()
        except OSError as error:
            if error.errno not in (errno.EBUSY, errno.ENOENT):
                raise
    return not group.exists()


def _has(address: str) -> bool:
    shown = subprocess.run(["ip", "-o", "address", "show", "to", address], capture_output=True, check=True)
    return bool(shown.stdout)
