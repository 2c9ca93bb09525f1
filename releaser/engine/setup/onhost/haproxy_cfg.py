"""What is missing in a haproxy.cfg so that releaser can shift a backend? Run by itself as `python3 -`. Python 3.7.

CFG WANTED USER GROUPS [OUT]: exit 0, nothing is missing; 1, something is (named on stdout); 3, a person must decide (named);
4, nothing is missing but the way in for users (named).
With OUT the new text is written there. USER is who releases, GROUPS its groups, the primary one first.
WANTED is JSON: {socket, state_file, map, backend, servers: {name: "address:port"}, balance, timeout, listen: port or null,
log: address:port or null, log_format}.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

SECTION = re.compile(
    r"\s*(global|defaults|frontend|backend|listen|userlist|peers|mailers|resolvers|program|cache|ring|http-errors|fcgi-app"
    r"|log-forward|log-profile|crt-store|traces)(?:\s+([^\s#]+))?(?:\s.*)?$"
)


class Undecided(Exception):  # noqa: N818 - it is an answer, not a fault of the program
    """Something of the file's owner stands in the way; the message says what, and what to do."""


class Section:
    """`lines` are as they stand, the head among them."""

    def __init__(self, kind: str, name: str, *lines: str) -> None:
        self.kind = kind
        self.name = name
        self.lines = list(lines)

    def settings(self) -> list[tuple[int, list[str]]]:
        """(index, words) of each line below the head that is no comment."""
        found = [(index, line.split("#", 1)[0].split()) for index, line in enumerate(self.lines) if index]
        return [(index, words) for index, words in found if words]

    def values(self, keyword: str) -> list[list[str]]:
        """The words after the keyword, for each line that begins with it."""
        return [words[1:] for _, words in self.settings() if words[0] == keyword]

    def add(self, *lines: str) -> None:
        """Below its last line that says something."""
        end = 1 + max([0] + [index for index, _ in self.settings()])
        self.lines[end:end] = ["    " + line for line in lines]


def parse(text: str) -> list[Section]:
    """In order; what stands before the first head is a section without a kind."""
    sections = [Section("", "")]
    for line in text.splitlines():
        head = SECTION.match(line)
        if head:
            sections.append(Section(head.group(1), head.group(2) or ""))
        sections[-1].lines.append(line)
    return sections


def edited(text: str, wanted: dict[str, Any], user: str, groups: list[str]) -> tuple[str, list[str]]:
    """(the new text, what was added, for people). What is right already stands as it stood. Raises Undecided."""
    sections = parse(text)
    if not _of(sections, "global"):
        sections.insert(1, Section("global", "", "global"))
    told = [
        *_socket(_of(sections, "global"), wanted["socket"], user, groups),
        *_state_file(_of(sections, "global"), wanted["state_file"]),
        *_backend(sections, wanted),
        *_frontend(sections, wanted),
    ]
    return ("\n".join(line for section in sections for line in section.lines) + "\n" if told else text), told


def _of(sections: list[Section], *kinds: str) -> list[Section]:
    return [section for section in sections if section.kind in kinds]


def _socket(known: list[Section], path: str, user: str, groups: list[str]) -> list[str]:
    """The Runtime API at level admin, for whoever releases."""
    for section in known:
        for index, words in section.settings():
            if words[:2] == ["stats", "socket"] and words[2].rpartition("@")[2] == path:
                more = _opened(words, user, groups)
                if more == words:
                    return []
                section.lines[index] = "    " + " ".join(more)
                return [f"stats socket {path}: {' '.join(word for word in more if word not in words)}"]
    known[0].add(f"stats socket {path} mode 660 level admin group {groups[0]}")
    return [f"stats socket {path}"]


def _opened(words: list[str], user: str, groups: list[str]) -> list[str]:
    """A `stats socket` line with what `user` needs to write to it."""
    path, said = words[2], dict(zip(words[3:], words[4:]))  # noqa: B905, RUF007 - Python 3.7 has neither
    more = list(words)
    if said.get("level") != "admin":
        more = _with(more, "level", "admin")
    if user in ("root", said.get("user")):
        return more
    group = said.get("group") or said.get("gid")
    if group is not None and group not in groups:
        raise Undecided(f"the group of {path} is {group}; let {user} use it: usermod -aG {group} {user}")
    if "mode" in said and int(said["mode"], 8) & 0o060 != 0o060:
        raise Undecided(f"{path} has mode {said['mode']} in haproxy.cfg, and {user} must write to it; make it 660")
    if "mode" not in said:
        more = _with(more, "mode", "660")
    return more if group else _with(more, "group", groups[0])


def _with(words: list[str], keyword: str, value: str) -> list[str]:
    if keyword not in words:
        return [*words, keyword, value]
    at = words.index(keyword)
    return [*words[: at + 1], value, *words[at + 2 :]]


def _state_file(known: list[Section], path: str) -> list[str]:
    said = [words[0] for section in known for words in section.values("server-state-file")]
    if not said:
        known[0].add(f"server-state-file {path}")
        return [f"server-state-file {path}"]
    if said[0] != path:
        raise Undecided(
            f"haproxy.cfg has server-state-file {said[0]}; say so in the environment: router: {{ state_file: {said[0]} }}"
        )
    return []


def _backend(sections: list[Section], wanted: dict[str, Any]) -> list[str]:
    """A new server is disabled until the first shift: nothing is sent to it, and nobody asks whether it is up."""
    name, servers = wanted["backend"], wanted["servers"]
    lines = [
        f"server {one} {address} weight 0 disabled check inter 1s fall 2 rise 1" for one, address in servers.items()
    ]
    reading = f"http-request set-var(txn.releaser_generation) str(generation),map({wanted['map']},0)"
    kept = "load-server-state-from-file global"
    mine = [section for section in _of(sections, "backend", "listen") if section.name == name]
    if not mine:
        made = Section("backend", name, f"backend {name}")
        made.add("mode http", f"balance {wanted['balance']}", "option http-server-close", "retries 0")
        made.add("timeout connect 1s", f"timeout server {wanted['timeout']}", kept, reading, *lines)
        _append(sections, made)
        return [f"backend {name} with {len(servers)} servers"]
    _check_ours(mine[0], servers)
    known = {words[0] for words in mine[0].values("server")}
    new = [line for line in lines if line.split()[1] not in known]
    if not any(
        ["global"] in one.values("load-server-state-from-file") for one in [mine[0], *_of(sections, "defaults")]
    ):
        new.insert(0, kept)
    if not any(wanted["map"] in line for section in sections for line in section.lines):
        new.insert(0, reading)
    mine[0].add(*new)
    return [f"in {mine[0].kind} {name}: {'; '.join(' '.join(line.split()[:2]) for line in new)}"] if new else []


def _check_ours(section: Section, servers: dict[str, str]) -> None:
    """Whatever else takes requests in this backend would make every split wrong."""
    what = f"{section.kind} {section.name}"
    if ["tcp"] in section.values("mode"):
        raise Undecided(f"{what} has mode tcp, and releases are told apart by HTTP; it must be mode http")
    if section.values("server-template"):
        raise Undecided(f"{what} has a server-template, which cannot be shared out; write its servers one by one")
    for name, *words in section.values("server"):
        address = words[0] if words else ""
        if name not in servers and not {"backup", "disabled"} & set(words):
            raise Undecided(
                f"{what} has a server {name} ({address}) that would go on to take requests; take it out, or name the "
                'servers after the ones that are there: router: { server: "..." }'
            )
        if name in servers and address != servers[name]:
            raise Undecided(
                f"server {name} of {what} is {address} in haproxy.cfg and {servers[name]} in the environment; correct one"
            )


def _frontend(sections: list[Section], wanted: dict[str, Any]) -> list[str]:
    """Where users come in, if it was said on which port and nothing leads to the backend yet."""
    name, port = wanted["backend"], wanted["listen"]
    if port is None or used(sections, name):
        return []
    for section in _of(sections, "frontend", "listen"):
        if any(words[0].rpartition(":")[2] == str(port) for words in section.values("bind") if words):
            raise Undecided(
                f"{section.kind} {section.name} has port {port} already and does not send to {name}; "
                f"add there: use_backend {name} if ..."
            )
    called = f"{name}_users" if [one for one in _of(sections, "frontend") if one.name == name] else name
    made = Section("frontend", called, f"frontend {called}")
    made.add("mode http", f"bind :{port}", "timeout client 60s")
    if wanted["log"]:
        made.add(f"log {wanted['log']} format raw local0", f'log-format "{wanted["log_format"]}"')
    made.add(f"default_backend {name}")
    _append(sections, made)
    return [f"frontend {called} on port {port}"]


def used(sections: list[Section], name: str) -> bool:
    """Whether something sends requests to this backend."""
    if any(section.name == name for section in _of(sections, "listen")):
        return True
    heads = ("default_backend", "use_backend")
    return any(words[0] in heads and words[1:2] == [name] for section in sections for _, words in section.settings())


def _append(sections: list[Section], made: Section) -> None:
    if sections[-1].lines and sections[-1].lines[-1].strip():
        sections[-1].lines.append("")
    sections.append(made)


def main(cfg: str, wanted: str, user: str, groups: str, out: str = "") -> int:
    try:
        text, told = edited(Path(cfg).read_text(), json.loads(wanted), user, groups.split())
    except Undecided as undecided:
        sys.stdout.write(f"{undecided}\n")
        return 3
    if out:
        Path(out).write_text(text)
        return 0
    if told:
        sys.stdout.write(", ".join(told) + "\n")
        return 1
    name = json.loads(wanted)["backend"]
    if not used(parse(text), name):
        sys.stdout.write(f"no frontend sends users there; add to yours: default_backend {name}\n")
        return 4
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
