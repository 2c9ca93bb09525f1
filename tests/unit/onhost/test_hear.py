"""Is every datagram of a router's log counted, or known to be lost? Over real sockets on loopback."""

import json
import os
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from releaser.onhost import hear, lock, recipe
from releaser.onhost.hear import Heard, heard, listen

EDGES = [1, 2, 5]
LINE = b"shop/web1_blue 200 1\n"
PATIENCE = 10.0


def free_port() -> int:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as found:
        found.bind(("127.0.0.1", 0))
        return int(found.getsockname()[1])


def send(port: int, *lines: bytes) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sending:
        for one in lines:
            sending.sendto(one, ("127.0.0.1", port))


def look(port: int, kept: Path, **more: str) -> dict[str, Any]:
    operation = {"address": f"127.0.0.1:{port}", "kept": str(kept), "edges": EDGES, **more}
    return dict(json.loads(heard(operation, time.monotonic() + PATIENCE)))


@contextmanager
def hearing(kept: Path, port: int, *, room: int = 1 << 20, before: int = 0) -> Iterator[None]:
    """A listener in a thread, which gets its turn only after `before` lines were sent."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        own.bind(("127.0.0.1", port))
        own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, room)
        own.setsockopt(socket.SOL_SOCKET, hear.OVERFLOW, 1)
        own.settimeout(0.02)
        send(port, *[LINE] * before)
        thread = threading.Thread(target=Heard(kept, list(EDGES)).hear, args=(own, 0.3), daemon=True)
        thread.start()
        yield
        thread.join(PATIENCE)


def test_what_was_sent_before_the_question_is_in_the_answer(tmp_path: Path) -> None:
    port, kept = free_port(), tmp_path / "state.requests"
    with hearing(kept, port, before=300):
        assert look(port, kept) == {"lines": {"shop/web1_blue 200 2": 300}, "lost": 0}
        send(port, b"shop/web1_blue 503 77\nshop/web2_blue 200 0\n", b"no time here", b"\xff\xfe")
        lines = look(port, kept)["lines"]
    assert lines["shop/web1_blue 503 inf"] == lines["shop/web2_blue 200 1"] == lines["no time here"] == 1


def test_what_found_no_room_is_counted_as_lost(tmp_path: Path) -> None:
    port, kept = free_port(), tmp_path / "state.requests"
    with hearing(kept, port, room=4096, before=500):
        found = look(port, kept)
    assert 0 < found["lines"]["shop/web1_blue 200 2"] < 500
    questions = 6  # one that found no room either was asked again, and counts as lost
    assert 500 <= found["lines"]["shop/web1_blue 200 2"] + found["lost"] <= 500 + questions


def test_a_new_listener_goes_on_and_tells_of_the_gap(tmp_path: Path) -> None:
    port, kept = free_port(), tmp_path / "state.requests"
    with hearing(kept, port, before=3):
        look(port, kept)
    with hearing(kept, port, before=4):
        assert look(port, kept) == {"lines": {"shop/web1_blue 200 2": 7}, "lost": 1}


def test_the_first_look_starts_a_listener_that_ends_with_its_directory(tmp_path: Path) -> None:
    port, place = free_port(), tmp_path / "router"
    place.mkdir()
    kept = place / "state.requests"
    recipes = [{"do": "heard", "address": f"127.0.0.1:{port}", "kept": str(kept), "edges": EDGES}]
    _wait_for(lambda: "lines" in json.loads(recipe.run(recipes, time.monotonic() + PATIENCE)[0]))
    send(port, LINE)
    assert look(port, kept) == {"lines": {"shop/web1_blue 200 2": 1}, "lost": 0}
    assert lock.claim(place / "state.requests.lock") is None
    held = os.open(place / "state.requests.lock", os.O_RDWR)
    for found in place.iterdir():
        found.unlink()
    place.rmdir()
    _wait_for(lambda: lock._try(held))
    os.close(held)


def test_who_only_looks_starts_nothing(tmp_path: Path) -> None:
    port, kept, ledger = free_port(), tmp_path / "state.requests", tmp_path / "ledger.json"
    for known in (None, {"holder": None}):
        if known:
            ledger.write_text(json.dumps(known))
        assert "no release is under way" in look(port, kept, site=str(tmp_path))["trouble"]
        assert {path.name for path in tmp_path.iterdir()} <= {"ledger.json"}
    ledger.write_text(json.dumps({"holder": {"name": "ada"}}))
    _wait_for(lambda: "lines" in look(port, kept, site=str(tmp_path)))


def test_a_port_that_a_stranger_holds_is_said_and_is_no_error(tmp_path: Path) -> None:
    port, kept = free_port(), tmp_path / "state.requests"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger:
        stranger.bind(("127.0.0.1", port))
        assert "nothing hears the router's log" in look(port, kept)["trouble"]
        _wait_for(lambda: "Address already in use" in (tmp_path / "state.requests.log").read_text())
        began = (tmp_path / "state.requests.log").stat().st_mtime_ns
        assert "trouble" in look(port, kept)
        assert (tmp_path / "state.requests.log").stat().st_mtime_ns == began, "it is not tried again at once"


def test_a_file_that_is_not_ours_any_more_is_said(tmp_path: Path) -> None:
    kept = tmp_path / "away" / "state.requests"
    assert "cannot be heard" in look(free_port(), kept)["trouble"]


def test_one_listener_is_enough(tmp_path: Path) -> None:
    kept = tmp_path / "state.requests"
    claimed = lock.claim(tmp_path / "state.requests.lock")
    assert claimed is not None
    assert listen({"address": "127.0.0.1:1", "kept": str(kept), "edges": EDGES}) == {"ended": "another one hears"}
    os.close(claimed)


def test_nobody_looks_any_more(tmp_path: Path) -> None:
    kept = tmp_path / "state.requests"
    request = {"address": f"127.0.0.1:{free_port()}", "kept": str(kept), "edges": EDGES, "idle": 0.0}
    assert listen(request) == {"ended": "nobody looks"}
    assert json.loads(kept.read_text()) == {"lines": {}, "lost": 0}


def _wait_for(condition: Any) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, "it did not come to that in time"
        time.sleep(0.01)
