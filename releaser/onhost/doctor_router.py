"""What does a router of somebody's own say of itself, beyond what a look recipe asks? Its configuration, in the few lines that count.

Changes nothing. Lines are cut to the words that matter: a configuration may hold passwords.
"""

from __future__ import annotations

import re
import subprocess
import time
from pathlib import Path

from releaser.onhost import doctor_watched, recipe
from releaser.onhost.answers import Refusal
from releaser.onhost.doctor import place

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from typing import Any

__all__ = ["haproxy_lines", "look", "nginx_lines"]

WITHIN = 5.0
"""Seconds for a router's program to read its configuration."""
EXCERPT = 300
LONGEST = 200
PID = re.compile(r"^Pid: (\d+)$", re.MULTILINE)
WHOLE = frozenset(
    "global defaults frontend listen backend load-server-state-from-file server-state-file server-state-base".split()  # noqa: SIM905 - a list of words
)
NAMED = frozenset("server cookie stick".split())  # noqa: SIM905 - a list of words
"""Directives of HAProxy that are told as they stand; of NAMED only the first word after them."""
NGINX = frozenset("upstream worker_shutdown_timeout proxy_pass access_log include".split())  # noqa: SIM905 - a list of words
COMMENT = re.compile(r"(^|\s)#.*$", re.MULTILINE)


def look(request: dict[str, Any], until: float) -> dict[str, Any]:
    """{haproxy: {socket, map}}, {nginx: {test}}, {envoy: ...} or {traefik: ...} (see doctor_watched) -> the same key, its facts"""
    told: dict[str, Any] = {}
    if request.get("haproxy"):
        told["haproxy"] = _haproxy(request["haproxy"]["socket"], request["haproxy"]["map"], until)
    if request.get("nginx"):
        told["nginx"] = _nginx(request["nginx"]["test"], until)
    for kind, ask in (("envoy", doctor_watched.envoy), ("traefik", doctor_watched.traefik)):
        if request.get(kind):
            told[kind] = ask(request[kind], until)
    return told


def _haproxy(socket: str, mapped: str, until: float) -> dict[str, Any]:
    """{socket, said: why it does not answer, level, files, lines: of its configuration, or none, unread: why none}"""
    told: dict[str, Any] = {"socket": place(socket), "said": "", "level": "", "files": [], "lines": None, "unread": ""}
    try:
        info, level = recipe.run(
            [
                {"do": "socket", "path": socket, "send": line, "within": WITHIN}
                for line in ("show info", "show cli level")
            ],
            until,
        )
    except Refusal as refusal:
        return {**told, "said": refusal.message}
    told["level"] = level.strip()[:LONGEST]
    found = PID.search(info)
    if found is None:
        return {**told, "said": f"it answered {info.strip()[:80]!r} to 'show info'"}
    try:
        told["files"] = _configured(Path("/proc") / found.group(1))
        told["lines"] = [
            line for name in told["files"] for line in haproxy_lines(Path(name).read_text("utf-8", "replace"), mapped)
        ]
    except OSError as error:
        told["unread"] = f"{error.strerror}: {error.filename}"
    return told


def _configured(process: Path) -> list[str]:
    """The files that a running HAProxy was told to read. Raises OSError where nobody may know."""
    words = (process / "cmdline").read_bytes().decode(errors="replace").split("\0")
    named = [Path(words[at + 1]) for at, word in enumerate(words[:-1]) if word == "-f"]
    named = [path if path.is_absolute() else (process / "cwd").resolve() / path for path in named]
    inside = [sorted(path.glob("*.cfg")) if path.is_dir() else [path] for path in named]
    return [str(path) for some in inside for path in some]


def haproxy_lines(text: str, mapped: str) -> list[str]:
    """Those of a configuration that say what a release needs of it. PURE."""
    kept: list[str] = []
    for line in text.splitlines():
        words = line.partition("#")[0].split()
        if words and words[0] in WHOLE:
            kept.append(" ".join(words)[:LONGEST])
        elif words and words[0] in NAMED:
            kept.append(" ".join(words[:2]))
        elif mapped in line.partition("#")[0]:
            kept.append(f"map {mapped}")
    return kept


def _nginx(test: list[str], until: float) -> dict[str, Any]:
    """{status, said} of the test, and `lines` of the whole configuration where the same program may print it."""
    status, said, _ = _ran(test, until)
    dump = ["-T" if word == "-t" else word for word in test]
    lines = None
    if status == 0 and dump != test:
        status_too, _, printed = _ran(dump, until)
        if status_too == 0:
            lines = nginx_lines(printed)
    return {"status": status, "said": said, "lines": lines}


def nginx_lines(text: str) -> list[str]:
    """Those directives of a configuration, without blocks and ends, that say whether a split is used. PURE."""
    directives = [part.split() for part in re.split(r"[;{}]", COMMENT.sub("", text))]
    return [" ".join(words)[:LONGEST] for words in directives if words and words[0] in NGINX]


def _ran(argv: list[str], until: float) -> tuple[int, str, str]:
    """(status, the end of what it said on stderr, stdout); status -1: it could not be run, or did not end."""
    left = max(0.1, min(WITHIN, until - time.monotonic()))
    try:
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, timeout=left, check=False)
    except OSError as error:
        return -1, f"{argv[0]}: {error.strerror}", ""
    except subprocess.TimeoutExpired:
        return -1, f"{argv[0]} did not end within {left:.0f} s", ""
    return (
        done.returncode,
        done.stderr.decode(errors="replace").strip()[-EXCERPT:],
        done.stdout.decode(errors="replace"),
    )
