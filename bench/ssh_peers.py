"""What do others cost for the same work on the same hosts: Ansible and pyinfra, from a throw-away environment, and Fabric's threads?"""

import getpass
import json
import os
import subprocess
import sys
import tempfile
import time
import venv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

__all__ = ["PEERS", "Cost", "What", "cost", "fabric_peer", "installed"]

What = Literal["true", "put"]
Cost = Sequence[float]
"""Seconds, CPU seconds and MB of the largest process."""
PACKAGES = ("ansible-core==2.19.14", "pyinfra==3.10.0")
PATIENCE = 900.0


@contextmanager
def installed(programs: Path | None = None) -> Iterator[Path | str]:
    """The folder with ansible-playbook and pyinfra: the one that was named, else one for now; or why there is none."""
    if programs is not None:
        yield programs
        return
    with tempfile.TemporaryDirectory(prefix="rb-peers-") as name:
        venv.create(name, with_pip=True)
        argv = [f"{name}/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *PACKAGES]
        done = subprocess.run(argv, check=False, capture_output=True, text=True)
        yield Path(name) / "bin" if done.returncode == 0 else f"pip does not install {' '.join(PACKAGES)} here"


def ansible(root: Path, programs: Path, what: What, port: int, threads: int) -> tuple[list[str], dict[str, str]]:
    """One play with as many forks, pipelining, and connections that stay open until it ends."""
    addresses = json.loads((root / "hosts.json").read_text())
    (root / "inventory").write_text("".join(f"{one} ansible_port={port}\n" for one in addresses))
    copy = f"copy: {{src: {root}/artifact, dest: '{root}/{{{{ inventory_hostname }}}}/ansible'}}"
    task = copy if what == "put" else "raw: 'true'"
    (root / "play.yaml").write_text(f"[{{hosts: all, gather_facts: false, tasks: [{{{task}}}]}}]\n")
    control = tempfile.mkdtemp(prefix="cm-", dir=root)  # of this run alone: no connection is there before
    environ = {
        "ANSIBLE_SSH_ARGS": f"-o UserKnownHostsFile={root}/known_hosts -o IdentitiesOnly=yes -o ControlMaster=auto "
        f"-o ControlPersist=60s -o ControlPath={control}/%C",
        "ANSIBLE_PIPELINING": "1",
        "ANSIBLE_PYTHON_INTERPRETER": "/usr/bin/python3",
        "HOME": str(root),
    }
    argv = ["ansible-playbook", "-i", str(root / "inventory"), "-f", str(threads), "--private-key", str(root / "id")]
    return [str(programs / argv[0]), *argv[1:], str(root / "play.yaml")], environ


def pyinfra(root: Path, programs: Path, what: What, port: int, threads: int) -> tuple[list[str], dict[str, str]]:
    """As many hosts at once; host keys are pinned."""
    data = {
        "ssh_port": port,
        "ssh_user": getpass.getuser(),
        "ssh_key": str(root / "id"),
        "ssh_known_hosts_file": str(root / "known_hosts"),
        "ssh_strict_host_key_checking": "yes",
        "ssh_allow_agent": False,
        "ssh_look_for_keys": False,
    }
    hosts = [(one, data) for one in json.loads((root / "hosts.json").read_text())]
    (root / "inventory.py").write_text(f"hosts = {hosts!r}\n")
    (root / "put.py").write_text(
        "from pyinfra import host\nfrom pyinfra.operations import files\n"
        f"files.put(src={str(root / 'artifact')!r}, dest=f'{root}/{{host.name}}/pyinfra')\n"
    )
    asked = ["exec", "--", "true"] if what == "true" else [str(root / "put.py")]
    line = [str(programs / "pyinfra"), "-y", "--parallel", str(threads), str(root / "inventory.py"), *asked]
    return line, {"HOME": str(root)}


PEERS: Mapping[str, Callable[[Path, Path, What, int, int], tuple[list[str], dict[str, str]]]] = {
    "Ansible": ansible,
    "pyinfra": pyinfra,
}


def cost(argv: Sequence[str], environ: Mapping[str, str], cwd: Path) -> Cost:
    """Raises RuntimeError with its last words where it fails."""
    with tempfile.TemporaryFile("w+") as words:
        began = time.perf_counter()
        process = subprocess.Popen(
            argv, env={**os.environ, **environ}, cwd=cwd, stdout=words, stderr=words, stdin=subprocess.DEVNULL
        )
        _, status, used = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            words.seek(0)
            raise RuntimeError(f"{Path(argv[0]).name}: {words.read()[-500:]}")
    print(f"{Path(argv[0]).name}: {seconds:.2f} s", file=sys.stderr, flush=True)
    return [seconds, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024]


def fabric_peer(root: Path, what: What, port: int) -> None:
    """ThreadingGroup has no remote name for each host, so for a copy we start its threads: one for each host."""
    from fabric import Connection, ThreadingGroup  # type: ignore[import-untyped]  # Fabric ships no types
    from invoke.util import ExceptionHandlingThread

    asked: dict[str, Any] = {"key_filename": str(root / "id"), "allow_agent": False, "look_for_keys": False}
    every = [
        Connection(one, user=getpass.getuser(), port=port, connect_kwargs={**asked, "banner_timeout": 300})
        for one in json.loads((root / "hosts.json").read_text())
    ]
    if what == "true":
        ThreadingGroup.from_connections(every).run("true", hide=True)
        return
    threads = [
        ExceptionHandlingThread(
            target=one.put, args=(str(root / "artifact"),), kwargs={"remote": f"{root}/{one.host}/fabric"}
        )
        for one in every
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    failed = [thread.exception() for thread in threads if thread.exception()]
    if failed:
        raise RuntimeError(f"{len(failed)} of {len(threads)} copies by Fabric failed: {failed[0]}")
