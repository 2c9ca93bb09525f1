"""How does a version come to lie beside the running one? Uploaded, checked, unpacked aside, checked again, renamed.

What stands under releases/<id> is whole: it is put there by one rename, after its marker was written. A directory
without a marker is what something else left there, and is replaced.
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from releaser.onhost import extract, files, processes, tree
from releaser.onhost.answers import Refusal
from releaser.onhost.home import MARKER, Home, discard, home, remove, ruled
from releaser.onhost.marker import is_shared, problem
from releaser.onhost.slot import running_release
from releaser.onhost.tar import TarError

__all__ = ["place", "prepare"]

SPARE = 64 << 20
"""Bytes that stay free on the host's disk, for logs and for the way back."""
SPARE_INODES = 1000
SYNCS = 16
"""fsyncs at once: the disk does them together, 30 times as fast as one after the other."""


def prepare(request: dict[str, Any]) -> dict[str, Any]:
    """Is it placed already, is there room for the upload, and where does it go? Safe to repeat.

    {path, fence, release, artifact, size, unit: {systemd, sudo, sealed} or none, forget: whether a reboot is to forget its
    variables} -> {placed, kept, incoming}; `kept` says whether how it is started is there too, in the way that is asked for.
    """
    place = home(request, create=True)
    release, fence = str(request["release"]), int(request["fence"])
    if request.get("unit"):
        from releaser.onhost.unit_ready import expect_able  # here, as below: most hosts need nothing of it

        expect_able(place, request["unit"])
    with ruled(place, request):
        _sweep(place, fence)
    if problem(place, release, str(request["artifact"])) is None:
        return {"placed": True, "kept": _is_kept(place, release, request), "incoming": ""}
    _expect_room(place, int(request["size"]), 1, int(request.get("spare", SPARE)))
    place.release(release)  # refuses a name that is not plain, before it becomes part of a path
    return {"placed": False, "kept": False, "incoming": str(place.incoming / f"{release}.{fence}")}


def place(request: dict[str, Any]) -> dict[str, Any]:
    """Check, unpack and keep one release, and how it is started. Safe to repeat: what is placed and whole stays.

    {path, fence, release, version, artifact, kind: dir|tar, package: sha256 of the upload, incoming, shared: [names],
    run: template, unit: {systemd, sudo, sealed} or none, env: {}, forget: bool, limits: {}}
    -> {placed: whether anything had to be done}
    """
    where = home(request, create=True)
    release = str(request["release"])
    with ruled(where, request):
        pass  # an old holder is refused before it works, and again before it changes anything
    if request.get("unit"):
        from releaser.onhost.unit_ready import expect_values

        expect_values(request["env"])
    wrong = problem(where, release, str(request["artifact"]))
    ready = None if wrong is None else _unpacked(where, request)
    with ruled(where, request):
        if ready is not None:
            _publish(where, release, ready, wrong or "")
        _keep_environment(where, request)
    incoming = request.get("incoming")
    if incoming:
        remove(where.incoming / Path(str(incoming)).name)
    return {"placed": ready is not None}


def _unpacked(where: Home, request: dict[str, Any]) -> Path:
    """The whole release with its marker, in a directory of its own below staging."""
    archive = where.incoming / Path(str(request["incoming"])).name
    limits = extract.Limits(**request.get("limits", {}))
    package = str(request["package"])
    into = where.staging / f"{request['release']}.{request['fence']}.{os.getpid()}"
    try:
        total = extract.survey(archive, limits, reserved=(MARKER,))
        _expect_digest(total.digest, package, "before it was unpacked")
        _expect_room(where, total.bytes, total.entries, int(request.get("spare", SPARE)))
        into.mkdir(mode=0o755)
        digest, written = extract.extract(archive, into, limits)
        _expect_digest(digest, package, "while it was unpacked")
        _finish(into, request, written)
    except (TarError, tree.TreeError) as error:
        _give_up(into, archive)
        raise Refusal(
            "failed",
            f"the artifact of {request['release']} cannot be placed: {error}",
            "artifact-unsafe",
            ("build it with regular files and directories only, and try again",),
        ) from None
    except (Refusal, OSError):
        _give_up(into, archive)
        raise
    return into


def _finish(into: Path, request: dict[str, Any], written: list[tree.Entry]) -> None:
    """Read back what was written, link the shared directories, and write the marker, last of all."""
    found = tree.entries(into)
    listing = tree.listing(found)
    if listing != tree.listing(written) or (request["kind"] == "dir" and tree.digest(found) != request["artifact"]):
        _expect_digest(tree.digest(found), str(request["artifact"]), "after it was unpacked")
        raise Refusal(
            "failed", "the files changed while they were written: look at who else writes there", "artifact-digest"
        )
    shared = [str(name) for name in request.get("shared", [])]
    for name in shared:
        _share(home(request), into, name)
    kept = [into / entry.path for entry in found if not is_shared(entry.path, shared)]
    for path in kept:
        if path.is_dir():
            path.chmod(0o755)  # whatever the umask of the one who called us
    with ThreadPoolExecutor(SYNCS) as pool:
        list(pool.map(files.sync, [*kept, into]))
    marker = {"format": 1, "release": request["release"], "artifact": request["artifact"], "kind": request["kind"]}
    files.write_json(into / MARKER, {**marker, "shared": shared, "listing": listing})


def _share(where: Home, into: Path, name: str) -> None:
    """Put a link to shared/<name> in the place of whatever the artifact has there."""
    parts = Path(name).parts
    if not parts or Path(name).is_absolute() or ".." in parts:
        raise Refusal("usage", f"{name!r} cannot be shared: name a path inside the release", "shared")
    (where.shared / name).mkdir(mode=0o755, parents=True, exist_ok=True)
    inside = into / name
    if inside.is_dir():
        shutil.rmtree(str(inside))
    else:
        remove(inside)
    inside.parent.mkdir(mode=0o755, parents=True, exist_ok=True)
    inside.symlink_to(Path(*[".."] * (len(parts) + 1), "shared", name))


def _publish(where: Home, release: str, ready: Path, wrong: str) -> None:
    final = where.release(release)
    if final.exists():
        slot = running_release(where, release)
        if slot is not None:
            _give_up(ready)
            raise Refusal(
                "failed",
                f"{release} runs in slot {slot}, but its files are not as they were placed: {wrong}",
                "release-changed",
                (f"move traffic away from {release}, stop it, then place it again",),
            )
        discard(where, final)
    ready.replace(final)
    files.sync(where.releases)


def _keep_environment(where: Home, request: dict[str, Any]) -> None:
    """How this release is started, kept as long as it: going back to it needs no store of secrets."""
    kept = {name: request[name] for name in ("release", "version", "artifact", "run", "env")}
    sealed = where.sealed(kept["release"])
    if request.get("unit"):
        kept["unit"] = request["unit"]
    if _is_sealed(request):
        from releaser.onhost.unit_seal import seal

        values = {str(name): str(value) for name, value in kept["env"].items()}
        files.replace(sealed, seal(values, sudo=bool(kept["unit"].get("sudo"))))
        kept["env"] = {}
    if request.get("forget"):
        from releaser.onhost import memory

        memory.keep(where, kept["release"], kept["env"])
        kept.update({"env": {}, "forget": True})
    if files.read_json(where.environment(kept["release"])) != kept:
        files.write_json(where.environment(kept["release"]), kept)
    if not _is_sealed(request):
        remove(sealed)


def _is_kept(where: Home, release: str, request: dict[str, Any]) -> bool:
    """No after a power cut between a release and its variables, after a reboot that was to forget them, and where they are
    to be kept in another way now.
    """
    kept = files.read_json(where.environment(release))
    if (
        kept is None
        or kept.get("unit") != request.get("unit")
        or bool(kept.get("forget")) != bool(request.get("forget"))
    ):
        return False
    if request.get("forget"):
        from releaser.onhost import memory

        return memory.present(where, release)
    return not _is_sealed(request) or where.sealed(release).exists()


def _is_sealed(request: dict[str, Any]) -> bool:
    return bool((request.get("unit") or {}).get("sealed"))


def _expect_digest(found: str, expected: str, when: str) -> None:
    if found != expected:
        raise Refusal(
            "failed",
            f"the artifact is not the planned one {when}: sha256 {found[:12]}..., expected {expected[:12]}...",
            "artifact-digest",
            ("look at what else writes to the artifact or to the host, then try again",),
        )


def _expect_room(where: Home, size: int, entries: int, spare: int) -> None:
    """Some file systems count no inodes and say 0."""
    disk = os.statvfs(str(where.path))
    free = disk.f_bavail * disk.f_frsize
    if size + spare > free:
        raise Refusal(
            "failed",
            f"no room at {where.path}: {size + spare >> 20} MiB are needed ({spare >> 20} of them stay free), {free >> 20} are free",
            "no-room",
            ("free some room, or keep fewer releases (fleet.keep)",),
        )
    if disk.f_files and entries + SPARE_INODES > disk.f_favail:
        raise Refusal(
            "failed", f"no inodes at {where.path}: {entries} are needed, {disk.f_favail} are free", "no-inodes"
        )


def _sweep(place: Home, fence: int) -> None:
    """What a killed releaser left behind: uploads of an older fence, and directories of processes that are no more."""
    for upload in place.incoming.iterdir():
        left_by = upload.suffix[1:]
        if not left_by.isdigit() or int(left_by) < fence:
            remove(upload)
    for leftover in place.staging.iterdir():
        pid = leftover.suffix[1:]
        if not pid.isdigit() or processes.find(int(pid)) is None:
            _give_up(leftover)


def _give_up(directory: Path, upload: Path | None = None) -> None:
    if directory.is_dir():
        shutil.rmtree(str(directory))
    if upload is not None:
        remove(upload)
