"""How is a verb run so that its answer outlives the connection that asked for it, and its time is limited on the host itself?

Each call has one record, <calls>/<id>: created once, locked by the verb's process for as long as it lives, and holding its
pid and at last its answer. So whoever lost the connection can ask what became of the call:

done     the record has the answer
running  the record is locked
lost     neither: the process was killed, the host went down, or there was no room for the answer
void     it was never begun; the asking itself made the record, so it can never begin any more
"""

from __future__ import annotations

import json
import os
import re
import signal
import time
from pathlib import Path

from releaser.onhost import files
from releaser.onhost.answers import Refusal
from releaser.onhost.lock import claim, locked

TYPE_CHECKING = False  # not typing's: importing that would be a tenth of every verb's time
if TYPE_CHECKING:
    from typing import Any, NoReturn

ID = re.compile(r"[0-9a-f]{8,64}")
KEPT = 600.0
"""Seconds that a record is kept: nobody asks for it later."""
LOCK = ".lock"
SPARES = tuple(f".spare{number}" for number in range(32))
"""Empty files to be renamed into records where the disk has no room for another: the way back must not need any."""
VOID = b"void\n"
PATIENCE = 5.0
"""Seconds to wait for other calls while they make their records."""
GRACE = 5.0
"""Seconds after its limit in which a verb ends itself, where whoever should have ended it is gone."""


def call(request: dict[str, Any]) -> dict[str, Any]:
    """{calls, id, verb, limit, request} -> {state, answer}: run another verb for at most `limit` seconds.

    `state` is done (with the verb's own answer), ended (its time was over, and its process group was killed), broke (it
    ended without an answer), or void (somebody asked for it before it began, and was told that it never will).
    """
    record = _record(request)
    descriptor = _begin(record)
    if descriptor is None:
        return {"state": "void"}
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        os.close(reading)
        _run(descriptor, writing, request)
    os.close(writing)
    os.close(descriptor)
    told = _hear(reading, time.monotonic() + float(request["limit"]))
    if told is None:
        _kill(pid)
    os.waitpid(pid, 0)
    if told is None:
        return {"state": "ended"}
    return {"state": "done", "answer": json.loads(told)} if told else {"state": "broke"}


def ask(request: dict[str, Any]) -> dict[str, Any]:
    """{calls, id, limit} -> {state, answer}: done, running (still, after `limit` seconds), lost or void. Safe to repeat."""
    record = _record(request)
    descriptor = _begin(record)
    if descriptor is not None:
        _note(descriptor, VOID)
        os.close(descriptor)
        return {"state": "void" if _spares(record.parent) else "lost"}  # without spares calls run that have no record
    try:
        with locked(record, time.monotonic() + float(request["limit"])):
            lines = record.read_bytes().split(b"\n")
    except Refusal:
        return {"state": "running"}
    if lines[0] + b"\n" == VOID:
        return {"state": "void"}
    return {"state": "done", "answer": json.loads(lines[1])} if len(lines) == 3 else {"state": "lost"}


def _record(request: dict[str, Any]) -> Path:
    name = str(request["id"])
    if not ID.fullmatch(name):
        raise Refusal("usage", f"{name[:80]!r} is not the id of a call", "call-id")
    return Path(str(request["calls"])) / name


def _begin(record: Path) -> int | None:
    """Create the record, locked before anybody can see it; None where there is one."""
    _make_room(record.parent)
    with locked(record.parent / LOCK, time.monotonic() + PATIENCE):
        if record.exists():
            return None
        try:
            return claim(record)
        except OSError as error:
            if error.errno not in files.FULL:
                raise
        spares = _spares(record.parent)
        if spares:
            spares[0].rename(record)
            return claim(record)
        return os.open(os.devnull, os.O_WRONLY | os.O_CLOEXEC)


def _run(descriptor: int, writing: int, request: dict[str, Any]) -> NoReturn:
    """In the child: the answer goes to whoever waits, and into the record, whose lock ends with this process."""
    try:
        os.setsid()
        signal.setitimer(signal.ITIMER_REAL, float(request["limit"]) + GRACE)
        _note(descriptor, b"%d\n" % os.getpid())
        from releaser.onhost.__main__ import answer  # here: that module is the one that runs us

        told = json.dumps(answer(str(request["verb"]), request["request"])).encode()
        _note(descriptor, told + b"\n")
        with open(writing, "wb") as pipe:
            pipe.write(told)
        os._exit(0)
    finally:  # only an exception leads here
        import traceback

        traceback.print_exc()
        os._exit(1)


def _note(descriptor: int, line: bytes) -> None:
    """Into the record, as far as there is room: without it the call still answers, it only cannot be asked about."""
    try:
        os.write(descriptor, line)
    except OSError as error:
        if error.errno not in files.FULL:
            raise


def _hear(reading: int, until: float) -> bytes | None:
    """What the child wrote until it ended; None where it did not end in time."""
    import select  # here: only a call waits

    told: list[bytes] = []
    try:
        while select.select([reading], [], [], max(0.0, until - time.monotonic()))[0]:
            part = os.read(reading, 65536)
            if not part:
                return b"".join(told)
            told.append(part)
        return None
    finally:
        os.close(reading)


def _kill(group: int) -> None:
    """The verb and what it started; what it left behind on purpose has a session of its own."""
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        os.kill(group, signal.SIGKILL)  # it had no time to become a group of its own; it is our child, so it is there


def _make_room(calls: Path) -> None:
    """The directory with its spare files, without what is older than anybody's question."""
    calls.mkdir(mode=0o700, parents=True, exist_ok=True)
    oldest, missing = time.time() - KEPT, set(SPARES)
    for entry in os.scandir(str(calls)):
        missing.discard(entry.name)
        try:
            if not entry.name.startswith(".") and entry.stat().st_mtime < oldest:
                Path(entry.path).unlink()
        except FileNotFoundError:
            continue  # another call was quicker
    try:
        for name in missing:
            (calls / name).touch(mode=0o600)
    except OSError as error:
        if error.errno not in files.FULL:
            raise


def _spares(calls: Path) -> list[Path]:
    return [calls / name for name in SPARES if (calls / name).exists()]
