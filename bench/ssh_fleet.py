"""What does a fleet of real SSH hosts cost: a connection with a command, and an upload, beside paramiko, Fabric, Ansible, pyinfra?

    python -m bench.ssh_fleet [--hosts 100] [--rounds 5] [--peers FOLDER]

Every measurement is a process of its own, and those of a round take turns, so that a busy machine is busy for all of them.
"""

import argparse
import getpass
import json
import os
import resource
import secrets
import shlex
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from bench.figures import Figure, machine, markdown
from bench.ssh_peers import PEERS, Cost, What, cost, fabric_peer, installed

PORT = 2222
THREADS = 32
SIZE = 5_000_000
PEER_ROUNDS = 2
WITHIN = 300.0
SFTP = ("/usr/lib/openssh/sftp-server", "/usr/libexec/openssh/sftp-server", "/usr/libexec/sftp-server")
CONFIG = """\
ListenAddress {address}:{port}
HostKey {folder}/host_key
AuthorizedKeysFile {root}/id.pub
PidFile none
StrictModes no
UsePAM no
UseDNS no
PrintMotd no
LogLevel ERROR
Subsystem sftp {sftp}
"""


@contextmanager
def servers(count: int) -> Iterator[Path]:
    """A directory with hosts.json, id and known_hosts; each server is a child of this process."""
    with tempfile.TemporaryDirectory(prefix="rb-") as name:
        root = Path(name)
        keygen(root / "id")
        addresses = [f"127.0.{1 + number // 250}.{1 + number % 250}" for number in range(count)]
        Path("/run/sshd").mkdir(exist_ok=True)
        processes = [started(root, address) for address in addresses]
        try:
            for address in addresses:
                answers(address)
            (root / "hosts.json").write_text(json.dumps(addresses))
            yield root
        finally:
            for process in processes:
                process.kill()
            for process in processes:
                process.wait()


def started(root: Path, address: str) -> "subprocess.Popen[bytes]":
    folder = root / address
    folder.mkdir()
    key = keygen(folder / "host_key").with_suffix(".pub").read_text().split()
    with (root / "known_hosts").open("a") as known:
        known.write(f"[{address}]:{PORT} {key[0]} {key[1]}\n")
    sftp = next(path for path in SFTP if Path(path).exists())
    (folder / "config").write_text(CONFIG.format(address=address, port=PORT, folder=folder, root=root, sftp=sftp))
    return subprocess.Popen(["/usr/sbin/sshd", "-D", "-f", str(folder / "config")], stdin=subprocess.DEVNULL)


def keygen(file: Path) -> Path:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(file)], check=True)
    return file


def answers(address: str) -> None:
    import socket

    until = time.monotonic() + 60
    while True:
        try:
            socket.create_connection((address, PORT), timeout=5).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return


def ours(root: Path, what: str, address: str, made: dict[str, Any]) -> None:
    """As a release does it: pinned key, own socket, deadlines; an upload is compared by its digest on the host."""
    from releaser.shell.known_hosts import read_known_hosts
    from releaser.shell.ssh import Connections, Destination, SshShell
    from releaser.shell.ssh.channel import run

    pool = made.setdefault("pool", Connections())
    known = made.get("known") or made.setdefault("known", read_known_hosts(root / "known_hosts"))
    to = Destination(address, getpass.getuser(), known, PORT, root / "id", agent=False, connect=WITHIN)
    until = time.monotonic() + WITHIN
    if what == "true":
        assert run(pool.get(to, until=until), "true", b"", pool.deadlines, until=until).status == 0
    else:
        SshShell(to, "~/x", pool).put(root / "artifact", str(root / address / "ours"), within=WITHIN)


def paramiko_peer(root: Path, what: str, address: str, made: dict[str, Any]) -> None:
    import paramiko

    key = made.get("key") or made.setdefault("key", paramiko.PKey.from_path(root / "id"))
    known = made.get("known") or made.setdefault("known", paramiko.HostKeys(str(root / "known_hosts")))
    client = paramiko.SSHClient()
    client.get_host_keys().update(known)  # read once, as ours
    client.set_missing_host_key_policy(paramiko.RejectPolicy())
    client.connect(
        address,
        PORT,
        getpass.getuser(),
        pkey=key,
        allow_agent=False,
        look_for_keys=False,
        timeout=WITHIN,
        banner_timeout=WITHIN,
        auth_timeout=WITHIN,
    )
    made.setdefault("clients", []).append(client)
    if what == "true":
        _, stdout, _ = client.exec_command("true")
        assert stdout.channel.recv_exit_status() == 0
    else:
        client.open_sftp().put(str(root / "artifact"), str(root / address / "peer"))


WAYS: dict[str, Callable[[Path, str, str, dict[str, Any]], None] | None] = {
    "ours": ours,
    "paramiko": paramiko_peer,
    "fabric": None,  # its own threads, all hosts at once
}


def worker(root: Path, way: str, what: What) -> None:
    """Prints seconds, CPU seconds and peak memory in MB."""
    import fabric  # type: ignore[import-untyped]  # noqa: F401 - imported before the clock starts, by both
    import paramiko  # noqa: F401 - as above

    import releaser.shell.ssh.upload  # noqa: F401 - as above

    addresses = json.loads((root / "hosts.json").read_text())
    made: dict[str, Any] = {}
    began = time.perf_counter()
    each = WAYS[way]
    if each is None:
        fabric_peer(root, what, PORT)
    else:
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(lambda address: each(root, what, address, made), addresses))
    seconds = time.perf_counter() - began
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(json.dumps([seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]), flush=True)
    os._exit(0)  # the connections end with us


def ran(root: Path, way: str, what: What) -> list[float]:
    argv = [sys.executable, "-m", "bench.ssh_fleet", "--worker", str(root), way, what]
    told = subprocess.run(argv, stdout=subprocess.PIPE, check=True, text=True, timeout=600).stdout
    numbers = [float(number) for number in json.loads(told)]
    print(f"{what} {way}: {numbers[0]:.2f} s, {numbers[1]:.2f} s CPU, {numbers[2]:.0f} MB", file=sys.stderr, flush=True)
    return numbers


def measure(*, quick: bool, hosts: int = 100, rounds: int = 5, programs: Path | None = None) -> list[Figure]:
    """`programs`: where Ansible and pyinfra are; None: they are installed for now."""
    if quick:
        hosts, rounds = 10, 1
    figures: list[Figure] = []
    works: tuple[tuple[What, str, float, float | None], ...] = (
        ("true", "connect and true", 1.2, None),
        ("put", "5 MB upload", 1.1, 0.1),
    )
    with servers(hosts) as root, installed(programs) as peers:
        (root / "artifact").write_bytes(secrets.token_bytes(SIZE))
        for what, name, limit, beside_ansible in works:
            found: dict[str, list[Cost]] = {way: [] for way in WAYS}
            for number in range(rounds):
                for way in sorted(WAYS, reverse=bool(number % 2)):  # neither is always the one that goes first
                    found[way].append(ran(root, way, what))
            title = f"{name}, {hosts} hosts"
            figures += rows(title, limit, found["ours"], found["paramiko"], rounds)
            figures += beside(title, found["ours"], "Fabric's threads", found["fabric"], None)
            figures += others(root, peers, what, title, found["ours"], beside_ansible)
        figures += verbs(root, 10 if quick else 40)
    return figures


def others(
    root: Path, programs: Path | str, what: What, title: str, mine: Sequence[Cost], limit: float | None
) -> Iterator[Figure]:
    """Each once or twice: they take as long as all the others together."""
    for name, command in PEERS.items():
        target = limit if name == "Ansible" else None
        if isinstance(programs, str):
            yield Figure(f"{title}: ours beside {name}", None, "x", target, how=programs)
        else:
            theirs = [cost(*command(root, programs, what, PORT, THREADS), cwd=root) for _ in mine[:PEER_ROUNDS]]
            yield from beside(title, mine, name, theirs, target)


def beside(title: str, mine: Sequence[Cost], name: str, theirs: Sequence[Cost], limit: float | None) -> list[Figure]:
    ratio = statistics.median(one[0] for one in mine) / statistics.median(one[0] for one in theirs)
    how = f"real, median of {len(mine)} and of {len(theirs)}"
    seconds, cpu, memory = (statistics.median(one[index] for one in theirs) for index in range(3))
    told = f"{how}; {cpu:.1f} s CPU, largest process {memory:.0f} MB"
    return [
        Figure(f"{title}: {name}", seconds, "s", how=told),
        Figure(f"{title}: ours beside {name}", ratio, "x", limit, how=how),
    ]


def verbs(root: Path, times: int) -> list[Figure]:
    """One verb of the agent over a connection that is warm, beside the same agent asked by a bare paramiko channel."""
    from releaser.shell.known_hosts import read_known_hosts
    from releaser.shell.scripts import agent_argv
    from releaser.shell.ssh import Connections, Destination, SshShell

    address = json.loads((root / "hosts.json").read_text())[0]
    known, folder, pool = read_known_hosts(root / "known_hosts"), root / address, Connections()
    to = Destination(address, getpass.getuser(), known, PORT, root / "id", agent=False)
    shell = SshShell(to, str(folder / ".releaser"), pool, python=sys.executable)
    request = {"state": str(folder / "site")}
    shell.call("ledger.read", request, within=60)
    (agent,) = (folder / ".releaser" / "agent").iterdir()
    line = shlex.join(agent_argv(sys.executable, str(agent), "ledger.read"))
    client = pool.get(to, until=time.monotonic() + 10).client

    def bare() -> None:
        stdin, stdout, _ = client.exec_command(line)
        stdin.write(json.dumps({**request, "within": 10}))
        stdin.channel.shutdown_write()
        assert b"ok" in stdout.read()

    mine, floor = [], []
    for _ in range(times):
        mine.append(spent(lambda: shell.call("ledger.read", request, within=10)))
        floor.append(spent(bare))
    pool.close()
    how = f"real, median of {times}, warm; floor: the same agent over a bare channel, without a record, time limit or deadline"
    return [Figure("ledger.read over SSH, wall", statistics.median(mine), "ms", None, statistics.median(floor), how)]


def spent(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return (time.perf_counter() - began) * 1000


def rows(name: str, limit: float, mine: Sequence[Cost], peer: Sequence[Cost], rounds: int) -> list[Figure]:
    how = f"real, median of {rounds} rounds, {THREADS} threads; floor: raw paramiko"
    ratio = statistics.median(a[0] / b[0] for a, b in zip(mine, peer, strict=True))
    cpu = statistics.median(a[1] / b[1] for a, b in zip(mine, peer, strict=True))
    middle = [[statistics.median(one[index] for one in runs) for index in range(3)] for runs in (mine, peer)]
    return [
        Figure(name, middle[0][0], "s", None, middle[1][0], how),
        Figure(f"{name}: ours beside raw paramiko", ratio, "x", limit, how=how),
        Figure(f"{name}: our own CPU beside raw paramiko's", cpu, "x", how=how),
        Figure(f"{name}: peak memory", middle[0][2], "MB", 150.0, middle[1][2], how),
    ]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hosts", type=int, default=100)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--peers", type=Path, help="the folder with ansible-playbook and pyinfra, if not one for now")
    parser.add_argument("--worker", nargs=3, metavar=("ROOT", "WAY", "WHAT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # or the servers would stay behind
    if options.worker:
        worker(Path(options.worker[0]), options.worker[1], "put" if options.worker[2] == "put" else "true")
    print(machine())
    print(markdown(measure(quick=options.quick, hosts=options.hosts, rounds=options.rounds, programs=options.peers)))


if __name__ == "__main__":
    main()
