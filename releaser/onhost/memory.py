"""Where do variables lie that a reboot is to forget? In a folder of ours on a file system that is memory.

/run/releaser-USER where root has made that (a line for systemd-tmpfiles), else one below /dev/shm: but not where the end of
the user's last session clears it (RemoveIPC= of logind.conf), which would take them from a running release.
"""

from __future__ import annotations

import getpass
import hashlib
import os
import stat
from pathlib import Path
from typing import Any

from releaser.onhost import files
from releaser.onhost.answers import Refusal
from releaser.onhost.home import Home, plain, remove, switch_link

__all__ = ["folder", "forget", "keep", "kept", "lost", "present", "variables_of_unit"]

RUN = Path("/run")
SHARED = Path("/dev/shm")  # noqa: S108 - a folder of our own in it, which must be ours and nobody else's
SESSIONS = Path("/run/systemd/users")
LINGERS = Path("/var/lib/systemd/linger")
MOUNTS = Path("/proc/self/mounts")
MEMORY = frozenset({"tmpfs", "ramfs"})
LAST_SYSTEM_USER = 999
"""Users above it are people to logind, whose leavings it clears."""


def keep(place: Home, release: str, env: dict[str, Any]) -> None:
    """The variables of a release, until the host restarts. Safe to repeat."""
    files.write_json(folder(place, create=True) / f"{plain(release)}.json", {"env": env})


def kept(place: Home, release: str) -> dict[str, Any]:
    """Raises Refusal where the host has restarted since."""
    found = files.read_json(folder(place) / f"{plain(release)}.json")
    if found is None:
        raise lost(release)
    return dict(found["env"])


def present(place: Home, release: str) -> bool:
    return (folder(place) / f"{plain(release)}.json").exists()


def forget(place: Home, release: str) -> None:
    remove(folder(place) / f"{plain(release)}.json")


def variables_of_unit(place: Home, slot: str, content: bytes) -> None:
    """The slot's EnvironmentFile= is a link to memory: after a reboot its unit finds nothing, and does not start."""
    file = folder(place, create=True) / f"{slot}.env"
    files.replace(file, content)
    switch_link(place.run / f"{slot}.env", str(file))


def lost(release: str) -> Refusal:
    return Refusal(
        "failed",
        f"the variables of {release} were kept in memory only, and this host has restarted since",
        "needs-vault",
        ("once their store answers: releaser recover", "if a secret was rotated since: promote that version again"),
    )


def folder(place: Home, *, create: bool = False) -> Path:
    """One for each target's path. Raises Refusal where there is no memory for it, or where it is not ours alone."""
    top = _top()
    own = top / hashlib.sha256(str(place.path).encode()).hexdigest()[:16]
    for made in (top, own):
        if create and not made.is_symlink():
            made.mkdir(mode=0o700, exist_ok=True)
        _expect_ours(made)
    return own


def _top() -> Path:
    user = getpass.getuser()
    prepared, shared = RUN / f"releaser-{user}", SHARED / f"releaser-{os.geteuid()}"
    if prepared.is_dir() or os.geteuid() == 0:
        if _is_memory(prepared):
            return prepared
    elif _is_cleared():
        raise Refusal(
            "failed",
            f"this host has no memory in which variables outlive the sessions of {user}",
            "no-memory",
            (
                f"as root there: echo 'd /run/releaser-{user} 0700 {user}' > /etc/tmpfiles.d/releaser-{user}.conf",
                f"then: systemd-tmpfiles --create /etc/tmpfiles.d/releaser-{user}.conf",
            ),
        )
    if _is_memory(shared):
        return shared
    raise Refusal(
        "failed",
        f"neither {RUN} nor {SHARED} of this host is memory, so variables there would lie on a disk",
        "no-memory",
        ("let the host keep them: secrets: { at_rest: file }",),
    )


def _is_cleared() -> bool:
    person = os.geteuid() > LAST_SYSTEM_USER and (SESSIONS / str(os.geteuid())).exists()
    return person and not (LINGERS / getpass.getuser()).exists()


def _expect_ours(folder: Path) -> None:
    """Somebody else may have been there first: /dev/shm is everybody's."""
    try:
        found = folder.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077:
        raise Refusal(
            "refused",
            f"{folder} is there already and is not ours alone, so no secret is put into it",
            "not-ours",
            (f"look at who made it, then as root: rm -r {folder}",),
        )


def _is_memory(path: Path) -> bool:
    """Whether what is put there lies on a file system that a restart empties."""
    best, kind = 0, ""
    for line in MOUNTS.read_text(errors="replace").splitlines():
        _, at, found = line.split(" ")[:3]
        where = at.rstrip("/") + "/"
        if f"{path}/".startswith(where) and len(where) >= best:
            best, kind = len(where), found
    return kind in MEMORY
