"""Where does what lie below a target's path on a host, and who may change it?

<path>/
  releases/<id>/        immutable; .releaser.json inside is written last
  slots/blue, green     links to ../releases/<id>
  current               a link to the committed release, for people
  shared/<name>         linked into every release, never collected
  log/<slot>.log        the application's own output (and <slot>.log.1, the part before)
  .releaser/            0700
    target.lock         created once, never renamed or deleted
    target.json         the highest fence that has changed anything here
    env/<id>.json       0600: how the release is started, with its environment; kept as long as the release
    env/<id>.sealed     0600: those variables as only this host's systemd can open them, where they are to lie nowhere else
    run/<slot>.env      0600: the variables of the unit that runs the slot, where systemd does; or a link to them in memory
    run/<slot>.sealed   0600: the sealed variables of what the slot holds, where its unit loads them
    run/<slot>.json     what the slot runs; run/<slot>.want.json what it was asked to; run/<slot>.lock one supervisor
    incoming/, staging/ uploads and half-unpacked releases
"""

from __future__ import annotations

import os
import re
import time
from contextlib import contextmanager
from pathlib import Path

from releaser.onhost import files
from releaser.onhost.answers import Refusal, deadline
from releaser.onhost.lock import locked

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

__all__ = ["MARKER", "SLOTS", "Home", "discard", "home", "remove", "ruled", "switch_link"]

MARKER = ".releaser.json"
SLOTS = ("blue", "green")
RELEASE = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,80}")


class Home:
    """The paths of one target on this host. Raises Refusal for names that are not plain."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.own = path / ".releaser"
        self.releases = path / "releases"
        self.shared = path / "shared"
        self.current = path / "current"
        self.logs = path / "log"
        self.fence = self.own / "target.json"
        self.lock = self.own / "target.lock"
        self.incoming = self.own / "incoming"
        self.staging = self.own / "staging"
        self.environments = self.own / "env"
        self.run = self.own / "run"

    def release(self, name: str) -> Path:
        return self.releases / plain(name)

    def environment(self, name: str) -> Path:
        return self.environments / f"{plain(name)}.json"

    def sealed(self, name: str) -> Path:
        return self.environments / f"{plain(name)}.sealed"

    def slot(self, name: str) -> Path:
        return self.path / "slots" / coloured(name)

    def log(self, name: str) -> Path:
        return self.logs / f"{coloured(name)}.log"

    def status(self, name: str) -> Path:
        return self.run / f"{coloured(name)}.json"

    def want(self, name: str) -> Path:
        return self.run / f"{coloured(name)}.want.json"

    def supervisor_lock(self, name: str) -> Path:
        return self.run / f"{coloured(name)}.lock"

    def bound(self, name: str) -> str | None:
        """Which release the slot's link names."""
        try:
            return Path(os.readlink(str(self.slot(name)))).name  # noqa: PTH115  Path.readlink is not in Python 3.7
        except FileNotFoundError:
            return None


def home(request: dict[str, Any], *, create: bool = False) -> Home:
    """The home that a request names in `path`; `create` makes what is missing of it."""
    path = Path(str(request["path"])).expanduser()
    if not path.is_absolute() or ".." in path.parts or len(path.parts) < 2:
        raise Refusal("usage", f"{path} is not a path for a target: name an absolute directory of its own", "path")
    found = Home(path)
    if create:
        for public in (path, found.releases, found.shared, found.logs, path / "slots"):
            public.mkdir(mode=0o755, parents=True, exist_ok=True)
        found.own.mkdir(mode=0o700, exist_ok=True)
        found.own.chmod(0o700)  # also where something else was here first
        for private in (found.incoming, found.staging, found.environments, found.run):
            private.mkdir(mode=0o700, exist_ok=True)
        files.reserve(found.run)
    return found


def plain(name: str) -> str:
    if not RELEASE.fullmatch(name):
        raise Refusal("usage", f"{name[:80]!r} is not a release id", "release-id")
    return name


def coloured(name: str) -> str:
    if name not in SLOTS:
        raise Refusal("usage", f"{name[:80]!r} is not a slot: blue or green", "slot")
    return name


@contextmanager
def ruled(place: Home, request: dict[str, Any]) -> Iterator[None]:
    """The target is ours alone in here, and no newer fence has changed it. A lower fence raises Refusal("fenced")."""
    fence = int(request["fence"])
    if not place.own.is_dir():
        raise Refusal("failed", f"nothing was ever placed at {place.path}; place a release first", "not-placed")
    with locked(place.lock, deadline(request)):
        known = int((files.read_json(place.fence) or {}).get("fence", 0))
        if fence < known:
            raise Refusal("fenced", f"a newer release (fence {known}) has changed {place.path} since; ours is {fence}")
        if fence > known:
            files.write_json(place.fence, {"format": 1, "fence": fence})
        yield


def switch_link(link: Path, target: str) -> None:
    """A temporary link and rename(2): there is no moment without the link."""
    temporary = link.with_name(f".{link.name}.{os.getpid()}.tmp")
    remove(temporary)
    temporary.symlink_to(target)
    temporary.replace(link)
    files.sync(link.parent)


def remove(path: Path) -> None:
    """Unlink a file or a link; nothing to do where there is none."""
    try:
        path.unlink()
    except FileNotFoundError:
        return


def discard(place: Home, directory: Path) -> None:
    """Remove a directory: out of the way in one step, then file by file."""
    import shutil  # here: it loads every compressor, and most verbs need none

    grave = place.staging / f"discarded.{time.monotonic_ns()}.{os.getpid()}"
    directory.replace(grave)
    shutil.rmtree(str(grave))
