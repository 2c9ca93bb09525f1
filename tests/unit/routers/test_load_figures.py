import asyncio
from itertools import islice

import pytest

from releaser.testing.load import UNFINISHED, Response, Sent, Traffic, moments, read_response, summary


@pytest.mark.parametrize(
    ("sent", "failed", "by_us"),
    [
        (Sent("a", 0, 0.1, 200), False, False),
        (Sent("a", 0, 0.1, 404), False, False),
        (Sent("a", 0, 0.1, 500), True, False),
        (Sent("a", 0, 0.1, 502), True, True),
        (Sent("a", 0, 0.1, 503), True, True),
        (Sent("a", 0, 0.1, 504), True, True),
        (Sent("a", 0, 0.1, error="ConnectionResetError"), True, True),
        (Sent("a", 0, 0.1, error=UNFINISHED), False, False),
    ],
)
def test_whose_failure_it_is(sent: Sent, failed: bool, by_us: bool) -> None:
    assert (sent.failed, sent.failed_by_us) == (failed, by_us)


def test_a_summary_counts_by_version() -> None:
    requests = [
        Sent("a-1", 0.0, 0.001, 200, "1.4.1"),
        Sent("a-2", 0.1, 0.003, 500, "1.4.2"),
        Sent("a-3", 0.2, 0.002, 503),
        Sent("a-4", 0.3, 20.0, error="time-out"),
        Sent("a-5", 0.4, 0.5, error=UNFINISHED),
    ]
    assert summary(requests) == {
        "requests": 5,
        "failed": 3,
        "failed_by_us": 2,
        "unfinished": 1,
        "versions": {
            "": {"requests": 3, "failed": 2, "failed_by_us": 2},
            "1.4.1": {"requests": 1, "failed": 0, "failed_by_us": 0},
            "1.4.2": {"requests": 1, "failed": 1, "failed_by_us": 0},
        },
        "statuses": {"200": 1, "500": 1, "503": 1, "time-out": 1, "unfinished": 1},
        "latency": {"p50": 0.002, "p99": 0.003, "max": 0.003},
    }


def test_nothing_sent_is_summed_up_too() -> None:
    assert summary([])["latency"] == {"p50": None, "p99": None, "max": None}


def test_arrivals_keep_the_rate_and_the_seed() -> None:
    assert list(moments(Traffic("u", rate=4, seconds=1, poisson=False))) == [0.0, 0.25, 0.5, 0.75]
    arrivals = list(moments(Traffic("u", rate=100, seconds=50)))
    assert 4500 < len(arrivals) < 5500
    assert arrivals == list(moments(Traffic("u", rate=100, seconds=50)))
    assert arrivals[:9] == list(islice(moments(Traffic("u", rate=100)), 9))


def read(received: bytes) -> Response:
    async def arrive() -> Response:
        reader = asyncio.StreamReader()
        reader.feed_data(received)
        reader.feed_eof()
        return await read_response(reader)

    return asyncio.run(arrive())


HEAD = b"HTTP/1.1 200 OK\r\nX-Version: 1.4.2\r\nX-Releaser-Generation: 7\r\n"


def test_a_response_is_read_to_its_end_however_that_is_marked() -> None:
    counted = HEAD + b"Content-Length: 2\r\n\r\nok"
    chunked = HEAD + b"Transfer-Encoding: chunked\r\n\r\n2;a=b\r\nok\r\n0\r\n\r\n"
    assert read(counted) == read(chunked) == Response(200, "1.4.2", "7", keep=True)
    assert read(HEAD + b"\r\nok") == Response(200, "1.4.2", "7", keep=False)
    assert not read(HEAD + b"Connection: close\r\nContent-Length: 2\r\n\r\nok").keep


@pytest.mark.parametrize(
    "received",
    [b"", HEAD, HEAD + b"Content-Length: 3\r\n\r\nok", HEAD + b"Transfer-Encoding: chunked\r\n\r\n2\r\no"],
)
def test_half_a_response_is_none(received: bytes) -> None:
    with pytest.raises(EOFError):
        read(received)
