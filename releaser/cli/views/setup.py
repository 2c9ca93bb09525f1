"""How does the preparation of hosts read? What hosts have in common stands there once, and what is well is only counted."""

from collections.abc import Sequence
from typing import Any

from releaser.cli.lines import Line, Style, line
from releaser.engine.setup.carry import Found
from releaser.engine.setup.reach import Unknown
from releaser.engine.setup.steps import Finding, State
from releaser.errors import ReleaserError

__all__ = ["document", "key_lines", "named", "setup_lines"]

WORDS: dict[State, tuple[str, Style]] = {
    "ok": ("ok", "good"),
    "todo": ("to do", "strong"),
    "done": ("done", "good"),
    "note": ("note", "warn"),
    "cannot": ("DECIDE", "bad"),
    "failed": ("FAILED", "bad"),
}
KEY = 8
LISTED = 6


def setup_lines(found: Found) -> tuple[Line, ...]:
    groups: dict[tuple[Finding, ...] | str, list[str]] = {}
    fixes: dict[str, tuple[str, ...]] = {}
    for host, findings in found.items():
        if isinstance(findings, ReleaserError):
            groups.setdefault(findings.message, []).append(host)
            fixes[findings.message] = findings.fix
        else:
            groups.setdefault(findings, []).append(host)
    lines: list[Line] = []
    for what, hosts in groups.items():
        lines.append(line((named(hosts), "strong")))
        if isinstance(what, str):
            lines += [_row(("FAILED", "bad"), what), *(_row(("try", ""), fix) for fix in fixes[what])]
        else:
            lines += _findings(what)
    return tuple(lines)


def named(hosts: Sequence[str]) -> str:
    """A list that is still read where there are hundreds."""
    return (
        ", ".join(hosts)
        if len(hosts) <= LISTED
        else f"{', '.join(hosts[: LISTED - 1])} and {len(hosts) - LISTED + 1} more"
    )


def _findings(findings: Sequence[Finding]) -> list[Line]:
    well = sum(1 for one in findings if one.state == "ok")
    lines = [_row(WORDS[one.state], one.title, _detail(one)) for one in findings if one.state != "ok"]
    if well:
        lines.append(_row(WORDS["ok"], f"{well} of {len(findings)} as they should be already"))
    return lines


def _detail(one: Finding) -> str:
    return f": {one.detail}" if one.detail and one.state != "done" else ""


def _row(word: tuple[str, Style], *parts: str) -> Line:
    text, style = word
    return line("  ", (text.ljust(KEY), style), *parts)


def key_lines(unknown: Sequence[Unknown]) -> list[Line]:
    width = max(len(one.shown.host) for one in unknown)
    return [
        line("These hosts are not in known_hosts yet. They show:"),
        *(
            line("  ", one.shown.host.ljust(width), "  ", (one.shown.fingerprint, "strong"), f"  {one.shown.kind}")
            for one in unknown
        ),
        line("Compare with what each host itself says: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub"),
    ]


def document(found: Found) -> dict[str, Any]:
    """hosts: [{host, steps: [{state, what, detail}], error}]"""
    return {"hosts": [_host(host, findings) for host, findings in found.items()]}


def _host(host: str, findings: tuple[Finding, ...] | ReleaserError) -> dict[str, Any]:
    if isinstance(findings, ReleaserError):
        return {"host": host, "steps": [], "error": findings.message}
    steps = [{"state": one.state, "what": one.title, "detail": one.detail} for one in findings]
    return {"host": host, "steps": steps, "error": None}
