import json
import socketserver
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from releaser.onhost import recipe, tally
from releaser.onhost.answers import Refusal


def run(*operations: dict[str, Any], within: float = 5.0) -> list[str]:
    return recipe.run(list(operations), time.monotonic() + within)


@pytest.fixture
def runtime_api(tmp_path: Path) -> Iterator[str]:
    """A socket that answers each line with the same line in capitals."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(self.rfile.readline().upper() + b"\n")

    path = str(tmp_path / "api.sock")
    with socketserver.UnixStreamServer(path, Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield path
        server.shutdown()


@pytest.fixture
def admin() -> Iterator[str]:
    """An HTTP server that says how often it was asked."""
    asked = iter(range(1, 1000))

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            body = f"{self.path} {next(asked)}".encode()
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class has it so
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_replace_writes_text_with_a_mode(tmp_path: Path) -> None:
    assert run({"do": "replace", "path": str(tmp_path / "f"), "text": "é", "mode": 0o640}) == [""]
    assert (tmp_path / "f").read_text() == "é"
    assert (tmp_path / "f").stat().st_mode & 0o777 == 0o640


def test_a_socket_answers_and_the_whole_reply_must_match(runtime_api: str) -> None:
    ask = {"do": "socket", "path": runtime_api, "send": "set weight 5"}
    assert run(ask, ask | {"expect": r"SET WEIGHT \d"}) == ["SET WEIGHT 5\n\n"] * 2
    with pytest.raises(Refusal, match="set weight 5"):
        run(ask | {"expect": "SET"})


def test_a_dump_is_written_as_a_file(tmp_path: Path, runtime_api: str) -> None:
    run({"do": "dump", "path": str(tmp_path / "state"), "socket": runtime_api, "send": "show state"})
    assert (tmp_path / "state").read_text() == "SHOW STATE\n\n"


def test_a_socket_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(Refusal, match="does not answer"):
        run({"do": "socket", "path": str(tmp_path / "none"), "send": "x"})


def test_http_is_asked_until_it_answers_as_expected(admin: str) -> None:
    assert run({"do": "http", "url": f"{admin}/stats?a=b", "expect": r" 3$"}) == ["/stats?a=b 3"]


def test_http_that_never_answers_so_says_what_it_said(admin: str) -> None:
    with pytest.raises(Refusal, match="last: '/x"):
        run({"do": "http", "url": f"{admin}/x", "expect": "never", "within": 0.1})


def test_http_with_nobody_there_gives_up_in_time() -> None:
    begun = time.monotonic()
    with pytest.raises(Refusal):
        run({"do": "http", "url": "http://127.0.0.1:9/", "within": 30.0}, within=0.2)
    assert time.monotonic() - begun < 5


def test_run_gives_stdout_and_refuses_a_bad_status() -> None:
    assert run({"do": "run", "argv": ["cat"], "stdin": "in"}) == ["in"]
    with pytest.raises(Refusal, match="status 3: 'oh no'"):
        run({"do": "run", "argv": ["sh", "-c", "echo oh no >&2; exit 3"]})
    with pytest.raises(Refusal, match="in time"):
        run({"do": "run", "argv": ["sleep", "9"], "within": 0.05})


def test_the_first_failure_ends_the_recipe(tmp_path: Path) -> None:
    with pytest.raises(Refusal):
        run({"do": "run", "argv": ["false"]}, {"do": "replace", "path": str(tmp_path / "f"), "text": ""})
    assert not (tmp_path / "f").exists()


def test_http_can_ask_for_answers_that_stay(admin: str) -> None:
    began = time.monotonic()
    (body,) = run({"do": "http", "url": f"{admin}/x", "expect": r"/x [0-9]+", "for": 0.2})
    assert time.monotonic() - began >= 0.2
    assert int(body.split()[1]) > 2
    with pytest.raises(Refusal, match="never answered"):  # "1" comes again only with 10
        run({"do": "http", "url": f"{admin}/y", "expect": r"/y [0-9]*5$", "for": 0.2, "within": 0.5})


def test_a_tested_file_stays_where_the_program_says_yes(tmp_path: Path) -> None:
    run(
        {
            "do": "tested",
            "path": str(tmp_path / "f"),
            "text": "good",
            "argv": ["grep", "-q", "good", str(tmp_path / "f")],
        }
    )
    assert (tmp_path / "f").read_text() == "good"


@pytest.mark.parametrize("before", ["old", None])
def test_a_tested_file_is_taken_back_where_it_says_no(tmp_path: Path, before: str | None) -> None:
    path = tmp_path / "f"
    if before is not None:
        path.write_text(before)
    with pytest.raises(Refusal, match="grep ended with status 1"):
        run({"do": "tested", "path": str(path), "text": "bad", "argv": ["grep", "-q", "good", str(path)]})
    assert (path.read_text() if path.exists() else None) == before


def test_a_log_is_rotated_above_a_size(tmp_path: Path) -> None:
    log = tmp_path / "log"
    run({"do": "rotate", "path": str(log), "above": 3})
    log.write_text("abc")
    run({"do": "rotate", "path": str(log), "above": 3})
    assert log.exists()
    log.write_text("abcd")
    run({"do": "rotate", "path": str(log), "above": 3})
    assert (log.exists(), (tmp_path / "log.1").read_text()) == (False, "abcd")


def test_lines_are_counted_on_over_looks_and_rotations(tmp_path: Path) -> None:
    log, kept = tmp_path / "log", tmp_path / "log.tally"

    def look() -> dict[str, int]:
        (reply,) = run({"do": "tally", "path": str(log), "kept": str(kept)})
        return dict(json.loads(reply))

    assert look() == {}
    log.write_text("blue 200\nblue 200\ngreen 5")
    assert look() == {"blue 200": 2}
    with log.open("a") as file:
        file.write("00\nblue 404\n")
    assert look() == {"blue 200": 2, "green 500": 1, "blue 404": 1}
    assert look() == look()
    with log.open("a") as file:
        file.write("green 200\n")
    run({"do": "rotate", "path": str(log), "above": 1})
    log.write_text("blue 200\n")
    assert look() == {"blue 200": 3, "green 500": 1, "blue 404": 1, "green 200": 1}
    log.write_text("")  # somebody emptied it
    assert look() == {"blue 200": 3, "green 500": 1, "blue 404": 1, "green 200": 1}


def test_times_are_counted_by_the_edge_above_and_failures_by_their_address_too(tmp_path: Path) -> None:
    log = tmp_path / "log"
    log.write_text(
        "blue 200 0.004 10.0.0.1:8001\nblue 200 0.001 10.0.0.2:8001\nblue 502 0.009 10.0.0.2:8001\n"
        "blue 504 2.000 10.0.0.1:8001, 10.0.0.2:8001\nnone 503 0.000 -\nblue 200\nblue 500 -\n"
    )
    operation = {"do": "tally", "path": str(log), "kept": str(tmp_path / "log.tally"), "edges": [0.001, 0.002, 0.01]}
    assert json.loads(run(operation)[0]) == {
        "blue 200 0.01": 1,
        "blue 200 0.002": 1,
        "blue 502 0.01": 1,
        "blue 502 @10.0.0.2:8001": 1,
        "blue 504 inf": 1,
        "blue 504 @10.0.0.1:8001, 10.0.0.2:8001": 1,
        "none 503 0.001": 1,
        "none 503 @-": 1,
        "blue 200": 1,
        "blue 500 -": 1,
    }


def test_too_many_different_lines_lose_their_times_and_not_their_count(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tally, "MOST", 2)
    lines: dict[str, int] = {}
    for milliseconds in range(1, 8):
        tally.add(
            f"blue 500 0.00{milliseconds} 10.0.0.{milliseconds}:80", lines, [0.001 * edge for edge in range(1, 9)]
        )
    assert lines == {"blue 500 0.002": 1, "blue 500 @10.0.0.1:80": 1, "blue 500": 6}
