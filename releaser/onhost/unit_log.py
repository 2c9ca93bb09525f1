"""What did the application of a unit print? Asked of the host's journal, in the same shape as of a slot's own log."""

from __future__ import annotations

import getpass
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

from releaser.onhost import files
from releaser.onhost.answers import Refusal
from releaser.onhost.home import Home
from releaser.onhost.unit import PLAIN, tool

__all__ = ["end_of", "logs", "masked", "tail"]

JOURNALS = (Path("/var/log/journal"), Path("/run/log/journal"))
ANSWER = 256 << 10
"""Bytes of one answer; the rest comes with the next."""
WIDTH = 200
"""Characters of one line in an error."""
SETTLE = 1.2
"""Seconds at most for the journal to have everything."""
SHORTEST_SECRET = 6
"""Characters: shorter values stand in every other line by chance."""
SINCE, AFTER = "t:", "c:"
"""What a cursor begins with: a time, where nothing was printed yet, or a place in the journal."""


def logs(place: Home, slot: str, name: str, request: dict[str, Any]) -> dict[str, Any]:
    """{lines: N, release} or {cursor} -> {lines: [...], cursor}. Changes nothing. Raises Refusal without the right to read."""
    _expect_readable()
    cursor = str(request.get("cursor") or "")
    if cursor:
        return _following(name, cursor)
    want = files.read_json(place.want(slot)) or {}
    since = str(want.get("log_from", "0")) if request.get("release") == want.get("release") else "0"
    return _last(name, since, int(request.get("lines", 100)))


def end_of() -> str:
    """The time from which on lines belong to what is started now. A clock that is set back meanwhile shows fewer."""
    return f"{time.time():.6f}"


def tail(name: str, since: str, count: int, env: dict[str, Any]) -> str:
    """The last lines for an error's text, values of the application's variables masked; or why there are none."""
    try:
        _expect_readable()
        lines = _settled(name, since, count)
    except Refusal as refusal:
        return f"what it printed is not known: {refusal.message}"
    if not lines:
        return "it printed nothing"
    return "the end of its journal:\n" + "\n".join("  " + masked(line, env)[:WIDTH] for line in lines)


def masked(line: str, env: dict[str, Any]) -> str:
    """Which variables are secrets is not known here, so none of their values is shown."""
    values = sorted((str(value) for value in env.values()), key=len, reverse=True)
    for value in values:
        if len(value) >= SHORTEST_SECRET:
            line = line.replace(value, "***")
    return line


def _settled(name: str, since: str, count: int) -> list[str]:
    """Once two looks agree: journald may still be reading what a process said just before it ended."""
    until = time.monotonic() + SETTLE
    lines: list[str] = _last(name, since, count)["lines"]
    while time.monotonic() < until:
        time.sleep(SETTLE / 8)
        again: list[str] = _last(name, since, count)["lines"]
        if again and again == lines:
            break
        lines = again
    return lines


def _last(name: str, since: str, count: int) -> dict[str, Any]:
    """Asked for backwards: forwards, a limit would give the first lines."""
    if count <= 0:
        return {"lines": [], "cursor": SINCE + end_of()}
    now = end_of()
    found = _entries(["--unit", name, "--reverse", f"--lines={count}", f"--since=@{since}"])
    found.reverse()
    cursor = AFTER + str(found[-1]["__CURSOR"]) if found else SINCE + now
    return {"lines": [_text(entry) for entry in found], "cursor": cursor}


def _following(name: str, cursor: str) -> dict[str, Any]:
    where = f"--after-cursor={cursor[2:]}" if cursor.startswith(AFTER) else f"--since=@{cursor[2:]}"
    found = _entries(["--unit", name, where])
    return {
        "lines": [_text(entry) for entry in found],
        "cursor": AFTER + str(found[-1]["__CURSOR"]) if found else cursor,
    }


def _entries(options: list[str]) -> list[dict[str, Any]]:
    """As many as an answer holds, in the order asked for."""
    argv = [tool("journalctl"), "--quiet", "--no-pager", "--all", "--output=json", "--output-fields=MESSAGE", *options]
    found: list[dict[str, Any]] = []
    room = ANSWER
    with subprocess.Popen(
        argv, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=PLAIN
    ) as process:
        for line in process.stdout or ():
            found.append(json.loads(line))
            room -= len(_text(found[-1])) + 1
            if room <= 0:
                process.kill()  # the rest is asked for with the cursor
                break
        said = b"" if room <= 0 else process.stderr.read() if process.stderr else b""
    if process.returncode > 0 and said:
        raise Refusal("failed", f"the journal cannot be read: {said.decode(errors='replace').strip()[:300]}", "journal")
    return found


def _text(entry: dict[str, Any]) -> str:
    """The message is a list of bytes where it is not plain text."""
    message = entry.get("MESSAGE")
    if isinstance(message, list):
        return bytes(message).decode(errors="replace")
    return "" if message is None else str(message)


def _expect_readable() -> None:
    kept = [file for folder in JOURNALS for file in folder.glob("*/system.journal")]
    if any(os.access(str(file), os.R_OK) for file in kept):
        return
    user = getpass.getuser()
    why = f"{user} may not read the host's journal" if kept else "the host keeps no journal"
    fix = f"usermod -aG systemd-journal {user}" if kept else "set Storage=persistent in /etc/systemd/journald.conf"
    raise Refusal("failed", f"{why}; as root there: {fix}", "journal-rights")
