from releaser.adapters.routers.request_lines import MILLISECONDS, requests_of
from releaser.core.latency import EDGES, Latency

LINES = {
    "blue 200 0.033": 7,
    "green 200 0.001": 3,
    "green 404 0.002": 1,
    "green 502 0.001": 2,
    "green 502 @10.0.0.2:8001": 2,
    "green 504 2.2": 1,
    "green 504 @10.0.0.3:8001, 10.0.0.2:8001": 1,
    "green 500": 4,
    "greenish 500 0.001": 99,
    "green": 99,
}


def test_a_slots_lines_are_its_requests() -> None:
    found = requests_of(LINES, "green")
    assert (found.completed, found.failed) == (11 + 99, 7)


def test_failures_stand_by_status_and_address_and_what_has_none_by_status() -> None:
    lines = {line: number for line, number in LINES.items() if line != "green"}
    found = requests_of(lines, "green")
    assert found.causes() == (("500", 4), ("502 10.0.0.2:8001", 2), ("504 10.0.0.3:8001, 10.0.0.2:8001", 1))
    assert found.latency(lost=5) == Latency.of({0.001: 5, 0.002: 1, 2.2: 1}, missing=4 + 5)


def test_a_log_of_the_old_format_tells_no_times() -> None:
    found = requests_of({"blue 200": 9, "blue 500": 1}, "blue")
    assert (found.completed, found.failed, found.latency(), found.causes()) == (10, 1, None, (("500", 1),))
    assert requests_of({}, "blue").latency() == Latency()


def test_milliseconds_are_the_same_edges() -> None:
    assert tuple(number / 1000 for number in MILLISECONDS) == EDGES
    found = requests_of({"shop/web1_blue 200 33": 2, "shop/web1_blue 200 inf": 1}, "shop/web1_blue", unit=1000)
    assert found.latency() == Latency.of({0.033: 2, float("inf"): 1})
