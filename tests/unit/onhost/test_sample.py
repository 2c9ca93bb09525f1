"""Answers in a row that carry the new generation."""

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from releaser.onhost import recipe
from releaser.onhost.answers import Refusal


@contextmanager
def answering(generations: Sequence[str]) -> Iterator[tuple[str, list[str]]]:
    """A router whose answers carry these generations, and then the last one for ever; and the hosts that were asked for."""
    hosts: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            hosts.append(self.headers["host"])
            self.send_response(418)
            said = generations[min(len(hosts), len(generations)) - 1]
            if said:
                self.send_header("X-Releaser-Generation", said)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - the base class has it so
            pass

    with HTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/x", hosts
        server.shutdown()


def sampled(url: str, within: float = 10.0, **more: str) -> str:
    operation = {"do": "sample", "url": url, "header": "x-releaser-generation", "value": "1004", "times": 5, **more}
    return recipe.run([operation], time.monotonic() + within)[0]


def test_as_many_in_a_row_as_were_asked_for() -> None:
    with answering(["1004"]) as (url, hosts):
        assert sampled(url, host="shop.example.com") == "5"
        assert hosts == ["shop.example.com"] * 5


def test_an_old_answer_between_them_begins_the_row_anew() -> None:
    with answering(["1003", "1004", "1004", "1003", "1004", "", "1004"]) as (url, _):
        assert sampled(url) == "11"


def test_a_router_that_goes_on_with_the_old_way_is_named_with_what_it_said() -> None:
    with (
        answering(["1004", "1003"]) as (url, _),
        pytest.raises(Refusal, match="last: x-releaser-generation: 1003") as caught,
    ):
        sampled(url, within=1.0)
    assert caught.value.code == "sample"


def test_nobody_answers() -> None:
    with pytest.raises(Refusal, match="never answered"):
        sampled("http://127.0.0.1:9/", within=0.2)
