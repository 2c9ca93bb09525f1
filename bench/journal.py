"""What does the journal cost, beside a bare insert and commit on the same disk?   python bench/journal.py [EVENTS]"""

import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from functools import partial
from pathlib import Path

from releaser.core.codec import decode_event, encode_event
from releaser.core.events import Entry, Shifted
from releaser.store import verify
from releaser.store.schema import connect
from releaser.store.sqlite import SqliteJournal
from releaser.testing.samples import GOOD_RELEASE, ONE_OF_EACH, entries

ROW = "x" * 250


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    wal = "WAL" if sqlite3.sqlite_version_info >= (3, 51, 3) else "PERSIST + FULL"
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {wal}"
    )
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as directory:
        _codec()
        _appends(Path(directory))
        _large(Path(directory) / "large.db", events)


def _codec() -> None:
    event = next(event for event in ONE_OF_EACH if isinstance(event, Shifted))
    text = encode_event(event)
    print(f"\n{'codec, a small event':44}{'us':>9}")
    print(f"{'encode':44}{_median(lambda: encode_event(event), 5000) * 1e6:9.1f}")
    print(f"{'decode':44}{_median(lambda: decode_event(text), 5000) * 1e6:9.1f}")


def _appends(directory: Path) -> None:
    """Turn by turn, so that both feel the same disk."""
    print(f"\n{'durable append':34}{'floor ms':>10}{'ours ms':>10}{'p99 ms':>9}{'ratio':>7}{'ms/event':>10}")
    with SqliteJournal(directory / "ours.db") as journal, closing(connect(_floor(directory / "floor.db"))) as floor:
        for batch in (1, 10):
            entry_lists = _batches(f"b{batch}", batch, 300)
            bare, ours = [], []
            for entry_list in entry_lists:
                bare.append(_timed(partial(_bare, floor, batch)))
                ours.append(_timed(partial(journal.append, entry_list, patience=30.0)))
            low, own = statistics.median(bare), statistics.median(ours)
            worst = sorted(ours)[int(len(ours) * 0.99)]
            print(
                f"{f'{batch} event(s) a commit':34}{low * 1e3:10.2f}{own * 1e3:10.2f}{worst * 1e3:9.2f}"
                f"{own / low:7.2f}{own / batch * 1e3:10.2f}"
            )


def _floor(path: Path) -> Path:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE event (position INTEGER PRIMARY KEY, event TEXT)")
    return path


def _bare(connection: sqlite3.Connection, batch: int) -> None:
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany("INSERT INTO event (event) VALUES (?)", [(ROW,)] * batch)
    connection.execute("COMMIT")


def _batches(name: str, size: int, number: int) -> list[list[Entry]]:
    flat = [entry for turn in range(size * number // 25 + 1) for entry in entries(f"{name}-{turn}", GOOD_RELEASE)]
    return [list(flat[size * turn : size * (turn + 1)]) for turn in range(number)]


def _large(path: Path, events: int) -> None:
    print(f"\n{f'a journal of {events:,} events':44}{'ms':>9}")
    with SqliteJournal(path) as journal:
        began = time.perf_counter()
        chunk: list[Entry] = []
        for number in range(events // len(GOOD_RELEASE)):
            chunk += entries(f"rollout-{number}", GOOD_RELEASE, start=float(number))
            if len(chunk) >= 20_000:
                journal.append(chunk)
                chunk = []
        journal.append([*chunk, *entries("open", GOOD_RELEASE[:9])])
        print(
            f"{'(filled, in batches)':44}{(time.perf_counter() - began) * 1e3:9.0f}   {path.stat().st_size / 1e6:.0f} MB"
        )
        row("status: open_rollouts()", journal.open_rollouts)
        row("history: rollouts(limit=100)", journal.rollouts)
        row("show: read(one rollout)", lambda: journal.read("rollout-7"))
        row("head()", journal.head)
        row("a watcher's turn: changed()", journal.changed)
        held = _pages(path)
        print(f"{'a page of verify(): a writer waits, longest':44}{held[-1] * 1e3:9.2f}   of {len(held)} pages")
        print(f"{'a page of verify(): a writer waits, 99 %':44}{held[int(len(held) * 0.99)] * 1e3:9.2f}")
        began = time.perf_counter()
        problems = journal.verify()
        print(f"{'verify(), all rows':44}{(time.perf_counter() - began) * 1e3:9.0f}   {len(problems)} problems")
    began = time.perf_counter()
    with SqliteJournal(path) as journal:
        journal.open_rollouts()
        journal.rollouts()
    print(f"{'open the file, status and history':44}{(time.perf_counter() - began) * 1e3:9.2f}")


def _pages(path: Path) -> list[float]:
    """Seconds of CPU for which each page of a reader of all rows keeps writers out, the longest last."""
    held, position = [], 0
    with closing(connect(path, read_only=True)) as connection:
        while True:
            began = time.thread_time()
            page = connection.execute(verify.SELECT, (position, verify.PAGE)).fetchall()
            held.append(time.thread_time() - began)
            if not page:
                return sorted(held)
            position = page[-1][0]


def row(name: str, work: Callable[[], object]) -> None:
    print(f"{name:44}{_median(work, 20) * 1e3:9.3f}")


def _median(work: Callable[[], object], times: int) -> float:
    return statistics.median(_timed(work) for _ in range(times))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


if __name__ == "__main__":
    main()
