"""A systemd for tests without one: programs that answer as systemctl, journalctl and systemd-creds do, from one folder."""

import base64
import json
import os
import shutil
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from releaser.onhost.__main__ import answer
from releaser.shell.base import meant

SYSTEMCTL = """\
import json, os, signal, subprocess, sys, time
folder = os.path.dirname(os.path.abspath(sys.argv[0]))
state = os.path.join(folder, "units.json")
units = json.load(open(state))
verb, name = sys.argv[1], sys.argv[-1]
unit = units.get(name)
if verb == "show":
    said = dict(unit or {}, LoadState="loaded" if unit else "not-found")
    print("\\n".join(f"{key}={value}" for key, value in said.items() if key[0].isupper()))
    sys.exit()
if verb == "cat":
    print(unit["text"])
    sys.exit()
if verb in unit["refuses"]:
    sys.exit(f"Failed to {verb} {name}: Interactive authentication required.\\nSee system logs for details.")
if verb == "start" and unit["broken"]:
    unit.update(ActiveState="failed", MainPID=0, Result="exit-code", ExecMainCode=1, ExecMainStatus=3)
elif verb == "start" and unit["ActiveState"] != "active":
    child = subprocess.Popen(["sleep", "600"], start_new_session=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    unit.update(ActiveState="active", SubState="running", MainPID=child.pid)
elif verb == "stop":
    if unit["MainPID"]:
        os.kill(unit["MainPID"], signal.SIGKILL)
    unit.update(ActiveState="inactive", SubState="dead", MainPID=0)
elif verb == "reset-failed":
    unit.update(ActiveState="inactive", SubState="dead")
elif verb in ("enable", "disable"):
    unit["UnitFileState"] = "disabled" if verb == "disable" or unit["no_install"] else "enabled"
units[name] = unit
json.dump(units, open(state, "w"))
open(os.path.join(folder, "told"), "a").write(" ".join(sys.argv[1:]) + "\\n")
"""
JOURNALCTL = """\
import json, os, sys
folder = os.path.dirname(os.path.abspath(sys.argv[0]))
lines = json.load(open(os.path.join(folder, "journal.json")))
entries = [{"__CURSOR": str(n), "MESSAGE": line} for n, line in enumerate(lines)]
options = dict(word.partition("=")[::2] for word in sys.argv[1:])
if "--after-cursor" in options:
    entries = entries[int(options["--after-cursor"]) + 1 :]
if "--reverse" in options:
    entries.reverse()
for entry in entries[: int(options.get("--lines", len(entries)))]:
    print(json.dumps(entry))
"""
CREDS = """\
import base64, os, sys
if os.path.exists(os.path.join(os.path.dirname(os.path.abspath(sys.argv[0])), "no-key")):
    sys.exit("Failed to determine local credential host secret: Permission denied")
assert sys.argv[1:] == ["encrypt", "--with-key=host", "--name=releaser.env", "-", "-"], sys.argv
sys.stdout.buffer.write(base64.b64encode(sys.stdin.buffer.read()[::-1]))
"""


class FakeSystemd:
    """`units` that exist are named when it is made."""

    def __init__(self, folder: Path, *units: str) -> None:
        self.folder = folder
        folder.mkdir()
        for name, text in (("systemctl", SYSTEMCTL), ("journalctl", JOURNALCTL), ("systemd-creds", CREDS)):
            (folder / name).write_text(f"#!{sys.executable} -IS\n{text}")
            (folder / name).chmod(0o755)
        fresh: dict[str, Any] = {
            "ActiveState": "inactive",
            "SubState": "dead",
            "MainPID": 0,
            "UnitFileState": "disabled",
        }
        fresh |= {"refuses": [], "broken": False, "no_install": False, "text": "[Service]"}
        self._save({name: dict(fresh) for name in units})
        self.journal([])

    def units(self) -> dict[str, dict[str, Any]]:
        found: dict[str, dict[str, Any]] = json.loads((self.folder / "units.json").read_text())
        return found

    def change(self, name: str, **values: Any) -> None:
        units = self.units()
        units[name].update(values)
        self._save(units)

    def journal(self, lines: list[Any]) -> None:
        (self.folder / "journal.json").write_text(json.dumps(lines))

    def loads(self, path: Path) -> None:
        """Both units have the line that loads what is sealed, in a drop-in of theirs."""
        for name in self.units():
            self.change(
                name,
                text=f"[Service]\n# a drop-in\nLoadCredentialEncrypted=releaser.env:{path}/.releaser/run/%i.sealed\n",
            )

    def opened(self, file: Path) -> str:
        """What was sealed into a file."""
        return base64.b64decode(file.read_bytes())[::-1].decode()

    def told(self) -> list[str]:
        """The orders that changed something, oldest first."""
        file = self.folder / "told"
        return file.read_text().splitlines() if file.exists() else []

    def close(self) -> None:
        for unit in self.units().values():
            if unit["MainPID"]:
                os.kill(unit["MainPID"], signal.SIGKILL)

    def _save(self, units: dict[str, dict[str, Any]]) -> None:
        (self.folder / "units.json").write_text(json.dumps(units))


class InsideShell:
    """The agent's verbs in this very process."""

    name = "web1"

    def call(self, verb: str, request: Mapping[str, Any], *, within: float) -> dict[str, Any]:
        order = json.loads(json.dumps({**request, "within": within}))
        return meant(self.name, json.loads(json.dumps(answer(verb, order))))

    def put(self, local: Path, remote: str, *, within: float) -> None:
        shutil.copyfile(local, remote)
