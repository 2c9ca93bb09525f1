"""How does a verb leave a process behind that nothing of the caller's can take with it?"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from typing import Any

INHERITED = ("HOME", "LANG", "LC_ALL", "LOGNAME", "PATH", "TMPDIR", "TZ", "USER")
"""What a process that outlives the caller keeps of its environment, and so what reaches the application: no CI job's tokens."""
INLINE = "import sys; sys.path.insert(0, sys.argv.pop(1)); from releaser.onhost.__main__ import main; main()"


def command(verb: str) -> list[str]:
    """How this same agent runs another verb: the directory or zipapp that this code came from, or the source tree in tests."""
    home = Path(__file__).resolve().parents[2]
    if home.is_file() or (home / "__main__.py").is_file():
        return [sys.executable, "-I", "-S", str(home), verb]
    return [sys.executable, "-I", "-S", "-c", INLINE, str(home), verb]


def start(verb: str, request: dict[str, Any], log: Path) -> int:
    """Start `verb` in a session of its own with cwd / and stdio in `log`; returns its pid.

    No descriptor of ours goes along: a child that inherited the ledger's lock would keep it locked.
    """
    import subprocess  # here, because few verbs start anything and every verb would pay

    kept = {name: os.environ[name] for name in INHERITED if name in os.environ}
    with log.open("ab") as output:
        child = subprocess.Popen(
            command(verb),
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd="/",
            env=kept,
            start_new_session=True,
        )
    if child.stdin is not None:  # it is: a pipe was asked for
        with child.stdin as pipe:
            pipe.write(json.dumps(request).encode())
    child.returncode = 0  # not ours to wait for: it outlives us, and init takes it over
    return child.pid
