"""Does a HAProxy of somebody's own keep what it is told, over a reload too? PURE: from its own words to findings."""

from collections.abc import Iterator, Mapping, Sequence
from posixpath import join
from typing import Any

from releaser.engine.doctor.finding import Finding, fail, ok, warn

__all__ = ["haproxy_findings", "keeps_users", "loads_states", "state_files"]

Json = Mapping[str, Any]
LOADS = "load-server-state-from-file"
SECTIONS = frozenset({"global", "defaults", "frontend", "backend", "listen"})


def haproxy_findings(where: str, options: Any, told: Json, user: str, *, sticky: bool = False) -> Iterator[Finding]:
    """The socket and its rights, and what of the configuration a rollback relies on. `sticky`: the environment says so."""
    trouble = _socket(where, options.socket, told, user)
    yield trouble or ok("socket", where, f"{options.socket} answers at level admin")
    if told["said"]:
        return
    if told["lines"] is None:
        unread = f"HAProxy's configuration cannot be read by {user} ({told['unread']}), so nobody saw whether it has '{LOADS} global'"
        yield warn(
            "settings",
            where,
            unread,
            f"let {user} read it, or look yourself: sudo grep {LOADS} /etc/haproxy/haproxy.cfg",
        )
        return
    found = list(_settings(where, options, told))
    if not sticky and (how := keeps_users(told["lines"], options.backend)):
        stay = f"`{how}` keeps users with a server, so requests will not go by the split and no step will pass"
        found.append(warn("settings", where, stay, "router.sticky: true, if that is meant"))
    yield from found or [
        ok("settings", where, f"{', '.join(told['files'])} loads server states from {options.state_file}")
    ]


def _socket(where: str, path: str, told: Json, user: str) -> Finding | None:
    place = told["socket"]
    line = f"haproxy.cfg, global: stats socket {path} user {user} mode 600 level admin; then reload HAProxy"
    if place["kind"] == "nothing":
        return fail("socket", where, f"HAProxy has no socket {path}", line, "or correct router.socket", code="socket")
    if place["kind"] != "socket":
        return fail(
            "socket", where, f"{path} is a {place['kind']} and no socket", "correct router.socket", code="socket"
        )
    if not place["writes"]:
        closed = f"{user} may not speak to {path} (it is {place['owner']}'s, mode {place['mode']})"
        return fail("socket", where, closed, line, code="socket-rights")
    if told["said"]:
        return fail(
            "socket",
            where,
            told["said"],
            "see on the host whether HAProxy runs: systemctl status haproxy",
            code="socket",
        )
    return _level(where, path, told["level"], line)


def _level(where: str, path: str, level: str, line: str) -> Finding | None:
    if level in ("user", "operator"):
        low = f"{path} has level {level}, and only admin may change weights"
        return fail("socket", where, low, line, code="socket-level")
    if level != "admin":
        return warn("socket", where, f"{path} does not say its level ({level[:60]!r}); it must be admin", line)
    return None


def _settings(where: str, options: Any, told: Json) -> Iterator[Finding]:
    lines: Sequence[str] = told["lines"]
    if not loads_states(lines, options.backend):
        lost = f"without '{LOADS} global' HAProxy forgets every weight when it is reloaded: a bad version would get users back"
        yield fail(
            "settings",
            where,
            lost,
            f"haproxy.cfg, defaults: {LOADS} global; then reload HAProxy",
            code="state-not-loaded",
        )
    known = state_files(lines)
    if options.state_file not in known:
        says = f"its server-state-file is {', '.join(known)}" if known else "it has no server-state-file"
        other = f"HAProxy does not read {options.state_file}, where its weights are kept: {says}"
        yield fail(
            "settings",
            where,
            other,
            f"haproxy.cfg, global: server-state-file {options.state_file}; then reload HAProxy",
            code="state-file",
        )


def loads_states(lines: Sequence[str], backend: str) -> bool:
    """Whether the backend itself, or the `defaults` that it follows, loads states from the global file."""
    section, by_default, own = "", False, None
    for line in lines:
        words = line.split()
        if words[0] in SECTIONS:
            section = _section(words)
            if section == "defaults":
                by_default = False
            elif section in (f"backend {backend}", f"listen {backend}"):
                own = by_default
        elif words[0] == LOADS and len(words) > 1:
            if section == "defaults":
                by_default = words[1] == "global"
            elif section in (f"backend {backend}", f"listen {backend}"):
                own = words[1] == "global"
    return bool(own)


def keeps_users(lines: Sequence[str], backend: str) -> str:
    """What in the backend keeps a user with one server, such as `cookie shop`; empty: nothing."""
    section = ""
    for line in lines:
        words = line.split()
        if words[0] in SECTIONS:
            section = _section(words)
        elif words[0] in ("cookie", "stick") and section in (f"backend {backend}", f"listen {backend}"):
            return " ".join(words[:2])
    return ""


def _section(words: Sequence[str]) -> str:
    return words[0] if words[0] in ("global", "defaults") else " ".join(words[:2])


def state_files(lines: Sequence[str]) -> list[str]:
    """What `server-state-file` names, with `server-state-base` in front where it is not absolute."""
    said = [line.split() for line in lines]
    base = next((words[1] for words in said if words[0] == "server-state-base" and len(words) > 1), "")
    return [join(base, words[1]) for words in said if words[0] == "server-state-file" and len(words) > 1]
