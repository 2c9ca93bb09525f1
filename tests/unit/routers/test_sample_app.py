import pytest

from releaser.testing.app import FLAP, Answer, Fault, Request, answer, parse_fault, parse_head, whole_frame

UP = 10 * FLAP


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("none", Fault()),
        ("errors:0.05", Fault("errors", 0.05)),
        ("slow:0.3", Fault("slow", 0.3)),
        ("outage", Fault("outage")),
        ("flap", Fault("flap")),
    ],
)
def test_faults_are_written_as_the_help_says(text: str, fault: Fault) -> None:
    assert parse_fault(text) == fault


@pytest.mark.parametrize("text", ["", "error", "errors", "errors:", "errors:many", "hang:3", "none:0"])
def test_other_faults_are_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"fault|convert"):
        parse_fault(text)


@pytest.mark.parametrize(
    ("fault", "chance", "expected"),
    [
        (Fault(), 0.0019, Answer(500)),
        (Fault(), 0.002, Answer(200)),
        (Fault("errors", 0.05), 0.049, Answer(500)),
        (Fault("errors", 0.05), 0.05, Answer(200)),
        (Fault("outage"), 0.999, Answer(500)),
        (Fault("hang"), 0.5, Answer(after=None)),
        (Fault("reset"), 0.5, Answer(status=None)),
        (Fault("slow", 0.3), 0.5, Answer(200, 0.3)),
        (Fault("slow", 0.3), 0.001, Answer(500, 0.3)),
    ],
)
def test_what_a_request_gets(fault: Fault, chance: float, expected: Answer) -> None:
    assert answer(fault, 0.002, chance, UP) == expected


def test_a_flapping_application_is_well_and_ill_in_turn() -> None:
    seen = [answer(Fault("flap"), 0.0, 0.5, uptime).status for uptime in (0, FLAP / 2, FLAP, 1.9 * FLAP, 2 * FLAP)]
    assert seen == [200, 200, 503, 503, 200]


def test_a_request_is_understood() -> None:
    head = b"POST /buy HTTP/1.1\r\nHost: a\r\nX-Request-Id: load-7\r\nContent-Length: 12"
    assert parse_head(head) == Request("/buy", "load-7", keep=True, body=12)
    assert not parse_head(b"GET / HTTP/1.1\r\nConnection: Close").keep
    assert not parse_head(b"GET / HTTP/1.0").keep
    assert parse_head(b"GET / HTTP/1.0\r\nConnection: keep-alive").keep


@pytest.mark.parametrize(
    "head",
    [
        b"",
        b"GET /",
        b"GET / HTTP/3",
        b"GET / HTTP/1.1\r\nTransfer-Encoding: chunked",
        b"GET / HTTP/1.1\r\nContent-Length: x",
        b"GET / HTTP/1.1\r\nContent-Length: -5",
    ],
)
def test_other_requests_are_not(head: bytes) -> None:
    with pytest.raises(ValueError, match=r"understands|unpack"):
        parse_head(head)


def test_a_websocket_is_asked_for_by_its_key() -> None:
    head = b"GET / HTTP/1.1\r\nupgrade: WebSocket\r\nconnection: Upgrade\r\nsec-websocket-key: abc=\r\nx-request-id: w1"
    assert parse_head(head) == Request("/", "w1", keep=True, body=0, key="abc=")
    assert parse_head(b"GET / HTTP/1.1\r\nsec-websocket-key: abc=").key == ""


def test_a_client_s_frame_is_unmasked_once_it_is_whole() -> None:
    frame = bytes((0x81, 0x82, 1, 2, 3, 4, ord("h") ^ 1, ord("i") ^ 2))
    assert whole_frame(frame + b"next") == (0x81, b"hi", b"next")
    assert [whole_frame(frame[:end]) for end in range(len(frame))] == [None] * len(frame)
    for strange in (bytes((0x81, 0x02, 0, 0)), bytes((0x81, 0xFE, 0, 0))):
        with pytest.raises(ValueError, match="not a frame"):
            whole_frame(strange)
