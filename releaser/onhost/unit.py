"""What does systemd say of a unit, and how is it told what to do? Absolute commands, no shell; asking needs no rights."""

from __future__ import annotations

import getpass
import signal
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from releaser.onhost import files
from releaser.onhost.answers import Refusal

__all__ = [
    "Facts",
    "Unit",
    "allowed",
    "ask",
    "expect_systemd",
    "facts",
    "in_sudoers",
    "instance",
    "parse",
    "sync_wants",
    "tell",
    "tool",
    "without_rights",
]

RUNS = Path("/run/systemd/system")
"""Exists where systemd is the first process (sd_booted(3))."""
FOLDERS = (Path("/usr/bin"), Path("/bin"))
WANTS = Path("/etc/systemd/system")
ASKED = (
    "LoadState,ActiveState,SubState,MainPID,NRestarts,Result,Job,UnitFileState,ControlGroup,"
    "ExecMainCode,ExecMainStatus,ExecMainStartTimestampMonotonic,ExecMainExitTimestampMonotonic"
)
WITHIN = 10.0
"""Seconds for systemd to answer; nothing here waits for a unit, only for the word that it was heard."""
EXITED = 1
"""CLD_EXITED: ExecMainStatus is an exit code, otherwise it is a signal."""
SUDO = ("/usr/bin/sudo", "-n")
PLAIN = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL": "C"}


class Unit(NamedTuple):
    """A unit's whole name, and whether it takes `sudo -n` to tell it anything."""

    name: str
    sudo: bool

    def order(self, words: Sequence[str]) -> list[str]:
        """The command of `words` (a verb and its options) to this unit, as sudoers names it."""
        return [tool("systemctl"), *words, self.name]


class Facts(NamedTuple):
    """What `systemctl show` says, in its own words."""

    load: str
    active: str
    sub: str
    pid: int
    restarts: int
    result: str
    busy: bool
    """Whether a job (a start, a stop) is under way or waits."""
    enabled: str
    cgroup: str
    ended: dict[str, Any] | None
    """{code, signal, after: seconds} of the last main process, once it has ended."""

    @property
    def how(self) -> str:
        """How it ended, for people."""
        if self.ended is None:
            return self.result
        return str(self.ended["signal"] or f"exit {self.ended['code']}")


def instance(template: str, slot: str) -> str:
    """shop@.service and shop@{slot}.service are both shop@blue.service for the slot blue."""
    return template.replace("{slot}", slot) if "{slot}" in template else template.replace("@.", f"@{slot}.", 1)


def expect_systemd() -> None:
    if not RUNS.is_dir():
        raise Refusal(
            "failed",
            "this host does not run systemd, and the environment says that a unit of it runs the slots",
            "no-systemd",
            ("write run: { command: ... } for this host: then releaser keeps the application running itself",),
        )


def tool(name: str) -> str:
    """The absolute path of a program of systemd."""
    for folder in FOLDERS:
        if (folder / name).exists():
            return str(folder / name)
    raise Refusal("failed", f"this host has no {name} in {' or '.join(map(str, FOLDERS))}", "no-systemd")


def facts(name: str) -> Facts:
    """Raises Refusal where systemd does not answer."""
    done = _run([tool("systemctl"), "show", f"--property={ASKED}", "--", name])
    if done.returncode:
        raise Refusal("failed", f"systemd does not answer about {name}: {_last(done)}", "systemd")
    return parse(done.stdout.decode(errors="replace"))


def parse(text: str) -> Facts:
    """PURE. Properties that this systemd does not know (NRestarts before 235) count as 0 or nothing."""
    said = dict(line.split("=", 1) for line in text.splitlines() if "=" in line)
    return Facts(
        said.get("LoadState", ""),
        said.get("ActiveState", ""),
        said.get("SubState", ""),
        _number(said, "MainPID"),
        _number(said, "NRestarts"),
        said.get("Result", ""),
        said.get("Job", "") not in ("", "0"),
        said.get("UnitFileState", ""),
        said.get("ControlGroup", ""),
        _ending(said),
    )


def tell(unit: Unit, verb: str, *options: str) -> None:
    """Give systemd one order. Raises Refusal with what it answered; whether it is safe to repeat is the order's own."""
    argv = unit.order((verb, *options))
    done = _run([*SUDO, *argv] if unit.sudo else argv)
    if done.returncode == 0:
        return
    said = _last(done)
    if said.startswith("sudo:"):
        raise without_rights([argv], sudo=True, said=f"sudo says {said[5:].strip()!r}")
    if "authentication required" in said.lower() or "access denied" in said.lower():
        raise without_rights([argv], sudo=unit.sudo, said=f"systemd says {said!r}")
    raise Refusal(
        "failed",
        f"systemd did not {verb} {unit.name}: {said}",
        "unit",
        (f"see on the host: systemctl status {unit.name}",),
    )


def ask(argv: list[str], *, sudo: bool = False, data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    """Run a program of systemd with `data` as its input. Raises Refusal where it does not end in time."""
    return _run([*SUDO, *argv] if sudo else argv, data)


def allowed(argv: list[str]) -> bool:
    """Whether sudo would run this without a password. It is not run."""
    return _run([*SUDO, "-l", *argv]).returncode == 0


def without_rights(missing: list[list[str]], *, sudo: bool, said: str = "sudo would ask for one") -> Refusal:
    """`missing` are the commands that the user may not run as root without a password."""
    user = getpass.getuser()
    commands = [" ".join(argv) for argv in missing]
    more = f" and {len(commands) - 1} more" if len(commands) > 1 else ""
    fix = f"add to sudoers on the host: {user} ALL=(root) NOPASSWD: {', '.join(map(in_sudoers, commands))}"
    if not sudo:
        fix = f"write run: {{ systemd: ..., sudo: true }}, and {fix}"
    what = f"{user} may not do this without a password: {commands[0]}{more} ({said})"
    return Refusal("failed", what, "unit-rights", (fix,))


def in_sudoers(command: str) -> str:
    """As sudoers(5) wants these signs of an argument written."""
    return "".join("\\" + sign if sign in ",:=\\" else sign for sign in command)


def sync_wants(name: str) -> None:
    """Enabling and disabling do not wait for the disk; a power cut right after must not undo the commit."""
    for wants in [WANTS, *WANTS.glob("*.wants"), *WANTS.glob("*.requires")]:
        if wants.is_dir():
            files.sync(wants)


def _run(argv: list[str], data: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    try:
        return subprocess.run(
            argv,
            input=data,
            capture_output=True,
            env=PLAIN,
            timeout=WITHIN,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refusal("failed", f"systemd did not answer within {WITHIN:g} s: {' '.join(argv)}", "systemd") from None


def _ending(said: dict[str, str]) -> dict[str, Any] | None:
    code, status = _number(said, "ExecMainCode"), _number(said, "ExecMainStatus")
    begun, over = _number(said, "ExecMainStartTimestampMonotonic"), _number(said, "ExecMainExitTimestampMonotonic")
    if not code or over < begun:
        return None
    return {
        "code": status if code == EXITED else None,
        "signal": None if code == EXITED else signal.Signals(status).name,
        "after": round((over - begun) / 1e6, 1),
    }


def _number(said: dict[str, str], name: str) -> int:
    found = said.get(name, "")
    return int(found) if found.isdigit() else 0


def _last(done: subprocess.CompletedProcess[bytes]) -> str:
    """What it said last, before it sends people to its manual."""
    lines = (done.stderr or done.stdout).decode(errors="replace").strip().splitlines()
    said = [line for line in lines if not line.startswith(("See ", "Hint: "))]
    return said[-1][:300] if said else f"exit status {done.returncode}"
