"""How is a recipe (a list of operations that a router dialect rendered as data) carried out on the host?

{"do": "replace", "path": p, "text": t, "mode": 420}           written durably, renamed into place
{"do": "socket", "path": p, "send": line, "expect": regex}     full match of the stripped reply; the reply returned
{"do": "dump", "path": p, "socket": s, "send": line}           a socket's reply, written like replace
{"do": "http", "url": u, "expect": regex, "for": 0.3}          polled until the body matches, and then for that long
{"do": "sample", "url": u, "header": h, "value": v, "times": n} as many answers in a row with that header
{"do": "run", "argv": [...], "stdin": "", "within": 5.0}       exit status 0 or failed; stdout returned
{"do": "tested", "path": p, "text": t, "argv": [...]}          as replace, taken back where the program says no
{"do": "rotate", "path": p, "above": bytes}                    a log that has grown too large is moved to p.1
{"do": "tally", "path": p, "kept": k, "edges": [...]}          how often each line of a log came, as JSON; counted on in k
{"do": "heard", "address": a, "kept": k, "edges": [...]}       the same of the lines that a router sends to a UDP port; "site": s,
                                                               whose ledger says whether a release is there to hear them
"""

from __future__ import annotations

import re
import time
from pathlib import Path

from releaser.onhost import files
from releaser.onhost.answers import Refusal

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from typing import Any

POLL = 0.02
PATIENCE = 5.0
"""Seconds for an operation that does not say how long it may take."""
EXCERPT = 200


def run(recipe: list[dict[str, Any]], until: float) -> list[str]:
    """One reply text per operation. Raises Refusal at the first that fails; the monotonic time `until` ends them all."""
    return [_OPERATIONS[operation["do"]](operation, _limit(operation, until)) for operation in recipe]


def _limit(operation: dict[str, Any], until: float) -> float:
    return min(until, time.monotonic() + float(operation.get("within", PATIENCE)))


def _replace(operation: dict[str, Any], _until: float) -> str:
    files.replace(Path(operation["path"]), operation["text"].encode(), operation.get("mode", 0o644))
    return ""


def _socket(operation: dict[str, Any], until: float) -> str:
    reply = _ask(operation["path"], operation["send"], until)
    expected = operation.get("expect")
    if expected is not None and not re.fullmatch(expected, reply.strip(), re.DOTALL):
        raise Refusal(
            "failed", f"the router answered {_excerpt(reply)} to {operation['send']!r}, not {expected!r}", "reply"
        )
    return reply


def _dump(operation: dict[str, Any], until: float) -> str:
    reply = _ask(operation["socket"], operation["send"], until)
    files.replace(Path(operation["path"]), reply.encode(), operation.get("mode", 0o644))
    return reply


def _http(operation: dict[str, Any], until: float) -> str:
    """A router takes a moment to apply what it was told, so the answer is asked for until it is there."""
    from releaser.onhost import httpget  # here, as in _ask

    expected = re.compile(operation.get("expect", ""), re.DOTALL)
    seen, steady_at = "nothing", 0.0
    while True:
        try:
            body = httpget.get(operation["url"], until)
            if expected.search(body):
                now = time.monotonic()
                steady_at = steady_at or now + float(operation.get("for", 0.0))
                if now >= steady_at:
                    return body
            else:
                seen, steady_at = _excerpt(body), 0.0
        except (OSError, ValueError) as error:
            seen, steady_at = str(error) or type(error).__name__, 0.0
        if time.monotonic() + POLL > until:
            raise Refusal("failed", f"{operation['url']} never answered {expected.pattern!r}; last: {seen}", "reply")
        time.sleep(POLL)


def _run(operation: dict[str, Any], until: float) -> str:
    import subprocess  # here, because most recipes have no use for it and every verb would pay

    argv = operation["argv"]
    try:
        done = subprocess.run(
            argv,
            input=operation.get("stdin", ""),
            capture_output=True,
            timeout=_left(until),
            text=True,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Refusal("failed", f"{argv[0]} did not end in time and was killed", "time-out") from None
    if done.returncode != 0:
        raise Refusal("failed", f"{argv[0]} ended with status {done.returncode}: {_excerpt(done.stderr)}", "status")
    return str(done.stdout)


def _tested(operation: dict[str, Any], until: float) -> str:
    """A file that its reader would refuse must not stay: the next reload, whoever asks for it, would fail or apply it."""
    path = Path(operation["path"])
    before = path.read_bytes() if path.exists() else None
    _replace(operation, until)
    try:
        return _run(operation, until)
    except Refusal:
        if before is None:
            path.unlink()
        else:
            files.replace(path, before, operation.get("mode", 0o644))
        raise


def _rotate(operation: dict[str, Any], _until: float) -> str:
    path = Path(operation["path"])
    if path.exists() and path.stat().st_size > operation["above"]:
        files.rename(path, path.with_name(f"{path.name}.1"))
    return ""


def _tally(operation: dict[str, Any], _until: float) -> str:
    from releaser.onhost import tally  # here, as in _ask

    return tally.add_up(Path(operation["path"]), Path(operation["kept"]), operation.get("edges", []))


def _heard(operation: dict[str, Any], until: float) -> str:
    from releaser.onhost import hear  # here, as in _ask

    return hear.heard(operation, until)


def _sample(operation: dict[str, Any], until: float) -> str:
    from releaser.onhost import sample  # here, as in _ask

    return sample.sample(operation, until)


def _ask(path: str, line: str, until: float) -> str:
    """One command to a router's socket; it answers and closes."""
    import socket  # here, because the ledger's verbs run no recipe and would pay a tenth of their time for it

    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.settimeout(_left(until))
            connection.connect(path)
            connection.sendall(line.encode() + b"\n")
            received: list[bytes] = []
            while True:
                connection.settimeout(_left(until))
                chunk = connection.recv(65536)
                if not chunk:
                    return b"".join(received).decode(errors="replace")
                received.append(chunk)
        except OSError as error:
            raise Refusal("failed", f"the router's socket {path} does not answer: {error}", "socket") from error


def _left(until: float) -> float:
    return max(0.01, until - time.monotonic())


def _excerpt(text: str) -> str:
    return repr(text.strip()[:EXCERPT])


_OPERATIONS = {
    "replace": _replace,
    "socket": _socket,
    "dump": _dump,
    "http": _http,
    "sample": _sample,
    "run": _run,
    "tested": _tested,
    "rotate": _rotate,
    "tally": _tally,
    "heard": _heard,
}
