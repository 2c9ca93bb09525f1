"""Machines with names for one test: each its own network, processes and files of /etc, /run, /srv and /var, with an sshd.

All of them, and a laptop, hang on one switch and know each other by the names of the documentation (web1.example.com), so
that its files can be used as they stand. Nothing outlives the test: the namespaces end with the processes in them.
"""

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

__all__ = ["Machine", "Network", "network", "until"]

SSHD = "/usr/sbin/sshd"
TOOLS = ("unshare", "nsenter", "setpriv", "ip", "mount", "ss", "curl", "ssh-keyscan")
SUBNET = "10.77.0"
LAPTOP = 254
PATIENCE = 20.0
APART = ("unshare", "--mount", "--propagation", "private", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")
LAYERS = """
folder=$1; shift
for part in etc var srv; do
  mkdir -p "$folder/$part" "$folder/work-$part"
  mount -t overlay overlay -o "lowerdir=/$part,upperdir=$folder/$part,workdir=$folder/work-$part" "/$part"
done
mount -t tmpfs tmpfs /run
mkdir /run/sshd
cp "$folder/hosts" /etc/hosts
ip link set lo up
exec "$@"
"""


def until(what: Callable[[], object], seconds: float = PATIENCE) -> None:
    deadline = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)


class Machine:
    """One of them. What runs in it runs as root, and ends when it is `off`."""

    def __init__(self, folder: Path, name: str, number: int, argv: Sequence[str]) -> None:
        self.folder = folder
        self.name = name
        self.address = f"{SUBNET}.{number}"
        self._argv = tuple(argv)
        self._process: subprocess.Popen[bytes] | None = None
        self._started: list[subprocess.Popen[bytes]] = []
        folder.mkdir(parents=True)

    def on(self) -> None:
        inside = ["sh", "-euc", LAYERS, "machine", str(self.folder), *self._argv]
        with (self.folder / "console.log").open("ab") as console:
            self._process = subprocess.Popen(
                ["setpriv", "--pdeathsig", "KILL", *APART, *inside],
                stdin=subprocess.DEVNULL,
                stdout=console,
                stderr=console,
                start_new_session=True,
            )
        until(lambda: self.pid and (Path(f"/proc/{self.pid}/cmdline").read_bytes().split(b"\0")[0] != b"sh"))

    def off(self) -> None:
        """The power goes out."""
        if self._process is not None:
            self._process.kill()
            for process in (self._process, *self._started):
                process.wait()
            self._process, self._started = None, []

    @property
    def pid(self) -> int:
        """Its first process, as everybody else numbers it; 0 before there is one."""
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "console.log").read_text()
        children = Path(f"/proc/{self._process.pid}/task/{self._process.pid}/children").read_text().split()
        return int(children[0]) if children else 0

    def inside(self, *argv: str) -> list[str]:
        """The command that runs `argv` in there."""
        return ["nsenter", "--target", str(self.pid), "--mount", "--net", "--pid", "--", *argv]

    def run(self, *argv: str, check: bool = True, environ: Mapping[str, str] | None = None) -> str:
        done = subprocess.run(
            self.inside(*argv), env=environ, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
        assert not check or done.returncode == 0, (argv, done.stdout, done.stderr)
        return done.stdout

    def start(self, *argv: str) -> "subprocess.Popen[bytes]":
        """In the background, with its words in console.log; it ends with the machine."""
        with (self.folder / "console.log").open("ab") as console:
            process = subprocess.Popen(self.inside(*argv), stdin=subprocess.DEVNULL, stdout=console, stderr=console)
        self._started.append(process)
        return process

    def write(self, path: str, text: str) -> None:
        """A file of its own, with the directories on the way."""
        subprocess.run(
            self.inside("sh", "-euc", 'mkdir -p "$(dirname "$1")" && cat > "$1"', "write", path),
            input=text.encode(),
            check=True,
            timeout=PATIENCE,
        )

    def silence(self, number: signal.Signals = signal.SIGSTOP) -> None:
        """Its sshd, with every connection, says nothing more; SIGCONT: it goes on. The rest of the machine runs."""
        for pid in [self.pid, *_below(self.pid)]:
            with suppress(FileNotFoundError, ProcessLookupError):  # one that has just ended says nothing either
                if Path(f"/proc/{pid}/comm").read_text().startswith("sshd"):
                    os.kill(pid, number)


class Network:
    """The laptop, where releaser and its users are, and the switch that all machines hang on."""

    def __init__(self, root: Path, names: Sequence[str]) -> None:
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        self.key = _keygen(root / "id")
        numbers = {name: number for number, name in enumerate(names, 1)}
        lines = ["127.0.0.1 localhost", *(f"{SUBNET}.{number} {name}" for name, number in numbers.items())]
        self._hosts = "\n".join(lines) + "\n"
        self.laptop = Machine(root / "laptop", "laptop", LAPTOP, ["sleep", "infinity"])
        (self.laptop.folder / "hosts").write_text(self._hosts)
        self.machines = {name: self._machine(name, number) for name, number in numbers.items()}

    def on(self) -> None:
        self.laptop.on()
        for line in ("link add lan type bridge", f"address add {self.laptop.address}/24 dev lan", "link set lan up"):
            self._ip(self.laptop, line)
        for machine in self.machines.values():
            self.plug_in(machine)

    def plug_in(self, machine: Machine) -> None:
        machine.on()
        port = f"p{machine.address.rpartition('.')[2]}"
        self._ip(self.laptop, f"link add {port} type veth peer name eth0 netns {machine.pid}")
        self._ip(self.laptop, f"link set {port} master lan up")
        self._ip(machine, f"address add {machine.address}/24 dev eth0")
        self._ip(machine, "link set eth0 up")
        until(lambda: "ssh" in self.laptop.run("sh", "-c", f"ssh-keyscan -T 2 {machine.name} 2>/dev/null", check=False))

    def off(self) -> None:
        for machine in self.machines.values():
            machine.off()
        self.laptop.off()

    def known_hosts(self) -> str:
        keys = {name: (one.folder / "host_key.pub").read_text().split()[:2] for name, one in self.machines.items()}
        return "".join(f"{name} {' '.join(key)}\n" for name, key in keys.items())

    def _machine(self, name: str, number: int) -> Machine:
        folder = self.root / name.partition(".")[0]
        machine = Machine(folder, name, number, [SSHD, "-D", "-e", "-f", str(folder / "sshd_config")])
        (folder / "hosts").write_text(self._hosts)
        settings = (
            f"HostKey {_keygen(folder / 'host_key')}",
            f"AuthorizedKeysFile {self.key}.pub",
            f"SetEnv HOME={folder}",
            "PidFile none",
            "StrictModes no",
            "UsePAM no",
            "UseDNS no",
            "PasswordAuthentication no",
            "Subsystem sftp internal-sftp",
        )
        (folder / "sshd_config").write_text("\n".join(settings) + "\n")
        return machine

    def _ip(self, where: Machine, line: str) -> None:
        """In its network, but by the process numbers of everybody."""
        argv = ["nsenter", "--target", str(where.pid), "--net", "--", "ip", *line.split()]
        subprocess.run(argv, check=True, timeout=PATIENCE)


@contextmanager
def network(root: Path, names: Sequence[str]) -> Iterator[Network]:
    """Skips where this machine cannot do it; in CI it must."""
    lacking = [tool for tool in TOOLS if shutil.which(tool, path=f"{os.environ['PATH']}:/usr/sbin:/sbin") is None]
    if os.getuid() != 0 or lacking or not Path(SSHD).exists() or sys.platform != "linux":
        why = f"machines with names need Linux, root, sshd and {', '.join(TOOLS)}"
        assert not os.environ.get("CI"), why
        pytest.skip(why)
    made = Network(root, names)
    try:
        made.on()
        yield made
    finally:
        made.off()


def _below(pid: int) -> list[int]:
    found: list[int] = []
    with suppress(FileNotFoundError, ProcessLookupError):
        for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split():
            found += [int(child), *_below(int(child))]
    return found


def _keygen(file: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
    return file
