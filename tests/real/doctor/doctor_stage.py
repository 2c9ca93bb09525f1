"""A fleet over real sshd to be examined, broken in one way at a time, and looked at byte by byte."""

import io
import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from ssh_fleet import Fleet, fleet

from releaser.cli.main import run

ALIVE = frozenset({"sshd.log", "haproxy.log", "guard.json", "guard.lock", "guard.log"})
"""Files of processes that live on beside us: a login is logged, and a guard without work ends after a minute."""


@dataclass
class Stage:
    site: Fleet

    def run(self, *words: str) -> tuple[int, dict[str, Any]]:
        """`releaser WORDS -e test -o json` in this process: the exit code and the one document."""
        code, out, err = self.said(*words, "-o", "json")
        assert "Traceback" not in err
        document: dict[str, Any] = json.loads(out)
        assert document["exit"] == code
        return code, document

    def said(self, *words: str) -> tuple[int, str, str]:
        out, err = io.StringIO(), io.StringIO()
        argv = [*words, "-e", "test", "--folder", str(self.site.root)]
        code = run(argv, environ=self.site.environ, stdin=io.StringIO(), out=out, err=err)
        return code, out.getvalue(), err.getvalue()

    def places(self) -> list[Path]:
        """What the hosts call their own: homes, and the load balancer's files."""
        return [*(host.home for host in self.site.hosts), self.site.balancer.folder]

    def traces(self) -> list[tuple[object, ...]]:
        """Everything that is there: any byte, any time of a change, any new file shows."""
        return [trace for place in self.places() for path in sorted(place.rglob("*")) if (trace := _trace(path))]

    def fleet_as_it_is(self) -> dict[str, Any]:
        """What must not be changed by a refusal: releases, slots, ledger, and what the load balancer applies."""
        shops = [host.home / "shop" for host in self.site.hosts]
        state = self.site.balancer.home / "shop" / ".releaser" / "router" / "ledger.json"
        return {
            "releases": [sorted(entry.name for entry in (shop / "releases").glob("*")) for shop in shops],
            "slots": [
                sorted((link.name, str(link.readlink())) for link in (shop / "slots").glob("*")) for shop in shops
            ],
            "ledger": state.read_text(),
            "states": (self.site.balancer.folder / "servers.state").read_text(),
        }


@contextmanager
def stage() -> Iterator[Stage]:
    with fleet() as site:
        site.lab.server()  # one more, which is nobody's until a test needs it
        yield Stage(site)


def _trace(path: Path) -> tuple[object, ...] | None:
    if path.name in ALIVE or "__pycache__" in path.parts:
        return None
    about = path.lstat()
    content = sha256(path.read_bytes()).hexdigest() if path.is_file() and not path.is_symlink() else ""
    return str(path), about.st_ino, about.st_mode, about.st_uid, about.st_size, about.st_mtime_ns, content
