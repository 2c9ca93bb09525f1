"""How do variables reach a unit without lying readable on a disk? Sealed with this host's own key, opened by systemd alone.

The unit's part: LoadCredentialEncrypted=releaser.env:PATH/.releaser/run/%i.sealed. What it loads lies, for as long as the
unit runs, in $CREDENTIALS_DIRECTORY/releaser.env, as an environment file that only its user and root can read.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from typing import Any

from releaser.onhost import files, unit
from releaser.onhost.answers import Refusal
from releaser.onhost.credential import NAME, ORDER
from releaser.onhost.home import SLOTS, Home
from releaser.onhost.unit import Unit
from releaser.onhost.unit_env import environment_file

__all__ = ["credential", "expect_sealing", "is_loaded", "seal", "write"]

SETTING = re.compile(rf"^\s*LoadCredentialEncrypted\s*=\s*{re.escape(NAME)}:(.*?)\s*$", re.MULTILINE)


def seal(values: Mapping[str, str], *, sudo: bool) -> bytes:
    """What only this host's systemd can open. Raises Refusal; what was to be sealed is in no message."""
    done = unit.ask(_argv(), sudo=sudo, data=environment_file(values))
    if done.returncode == 0 and done.stdout:
        return done.stdout
    if sudo and done.stderr.startswith(b"sudo:"):
        raise _no_right()
    raise Refusal(
        "failed",
        f"systemd-creds does not seal here: {_last(done)}",
        "unit-seal",
        ("see on the host, as root: echo test | systemd-creds encrypt --with-key=host - /dev/null",),
    )


def expect_sealing(place: Home, run: Mapping[str, Any]) -> None:
    """The program, the right to it, and the line in the units of both slots. Raises Refusal; changes nothing."""
    argv = _argv()
    if run.get("sudo") and not unit.allowed(argv):
        raise _no_right()
    for slot in SLOTS:
        name = unit.instance(str(run["systemd"]), slot)
        if not is_loaded(place, slot, name):
            raise _no_line(place, name)


def credential(place: Home, slot: str, wanted: Unit, kept: Mapping[str, Any]) -> bytes | None:
    """What the slot's unit is to load for a release; None where it loads nothing of ours.

    A unit that loads it fails without it, and would take another release's for its own: so also a release that was
    kept in a plain file gets one.
    """
    loaded, sealed = is_loaded(place, slot, wanted.name), bool(kept["unit"].get("sealed"))
    if not sealed:
        return (
            seal({str(name): str(value) for name, value in kept["env"].items()}, sudo=wanted.sudo) if loaded else None
        )
    if not loaded:
        raise _no_line(place, wanted.name)
    try:
        return place.sealed(str(kept["release"])).read_bytes()
    except FileNotFoundError:
        raise Refusal(
            "failed", f"the sealed variables of {kept['release']} are gone; promote it again", "no-environment"
        ) from None


def write(place: Home, slot: str, sealed: bytes | None) -> None:
    """Where the unit looks for it."""
    if sealed is not None:
        files.replace(place.run / f"{slot}.sealed", sealed)


def is_loaded(place: Home, slot: str, name: str) -> bool:
    """Whether the unit's files, drop-ins included, have the line. `systemctl show` of systemd 252 cannot print it."""
    done = unit.ask([unit.tool("systemctl"), "cat", "--", name])
    text = done.stdout.decode(errors="replace") if done.returncode == 0 else ""
    wanted = str(place.run / f"{slot}.sealed")
    return any(found.replace("%i", slot) == wanted for found in SETTING.findall(text))


def _argv() -> list[str]:
    try:
        return [unit.tool("systemd-creds"), *ORDER]
    except Refusal:
        raise Refusal(
            "failed",
            "this host cannot seal secrets: it has no systemd-creds, which came with systemd 250",
            "unit-seal",
            ("let it keep them in a file of mode 0600: secrets: { at_rest: file }",),
        ) from None


def _no_right() -> Refusal:
    return unit.without_rights([_argv()], sudo=True)


def _no_line(place: Home, name: str) -> Refusal:
    return Refusal(
        "failed",
        f"{name} does not load what secrets: {{ at_rest: sealed }} keeps for it",
        "unit-seal",
        (
            f"add to its [Service]: LoadCredentialEncrypted={NAME}:{place.run}/%i.sealed",
            "then: systemctl daemon-reload",
        ),
    )


def _last(done: subprocess.CompletedProcess[bytes]) -> str:
    lines = done.stderr.decode(errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else f"exit status {done.returncode}"
