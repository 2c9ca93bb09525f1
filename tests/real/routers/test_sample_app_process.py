import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from threading import Thread

import pytest
from router_rig import free_port

from releaser.testing import app, load
from releaser.testing.load import UNFINISHED, Load, Sent, Traffic, run

pytestmark = pytest.mark.real
Start = Callable[..., "Served"]


def wait_for_port(port: int, within: float) -> None:
    end = time.monotonic() + within
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except ConnectionRefusedError:
            assert time.monotonic() < end, "the application did not start"
            time.sleep(0.01)
        else:
            return


class Served:
    """The application as a process."""

    def __init__(self, directory: Path, *options: str) -> None:
        self.port = free_port()
        self.log = directory / f"{self.port}.log"
        command = [sys.executable, "-I", app.__file__, "--port", str(self.port), "--version", "1.4.2"]
        self.process = subprocess.Popen([*command, "--log", str(self.log), *options])
        wait_for_port(self.port, 20.0)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/"


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    started: list[Served] = []

    def begin(*options: str) -> Served:
        started.append(Served(tmp_path, *options))
        return started[-1]

    yield begin
    for served in started:
        served.process.kill()
        served.process.wait()


def test_every_request_is_logged_with_its_id_and_the_status_that_was_sent(start: Start) -> None:
    served = start("--error-rate", "0.2", "--seed", "7")
    sent = run(Traffic(served.url, rate=400, seconds=0.5, name="known"))
    assert {one.id: str(one.status) for one in sent} == app.logged(served.log)
    assert {one.status for one in sent} == {200, 500}
    assert {one.version for one in sent} == {"1.4.2"}


def test_health_is_well_although_users_are_not(start: Start) -> None:
    served = start("--fault", "outage")
    connection = HTTPConnection("127.0.0.1", served.port)
    connection.request("GET", "/healthz")
    response = connection.getresponse()
    assert (response.status, json.load(response)) == (200, {"version": "1.4.2", "status": "ok"})
    connection.request("POST", "/", body=b"x" * 70000)
    assert connection.getresponse().status == 500
    connection.close()
    assert len(app.logged(served.log)) == 1


def test_resets_are_transport_errors_and_are_logged_without_a_status(start: Start) -> None:
    served = start("--fault", "reset")
    sent = run(Traffic(served.url, rate=50, seconds=0.3))
    assert sent
    assert all(one.failed_by_us and one.status is None for one in sent)
    assert set(app.logged(served.log).values()) == {"-"}


def test_a_client_that_is_stopped_blames_nobody_for_what_is_under_way(start: Start) -> None:
    served = start("--fault", "hang")
    with Load(Traffic(served.url, rate=50)) as users:
        end = time.monotonic() + 20
        while not served.log.exists() or len(app.logged(served.log)) < 5:
            assert time.monotonic() < end
            time.sleep(0.01)
        sent = users.stop()
    assert {one.error for one in sent} == {UNFINISHED}


def test_a_request_that_is_never_answered_is_a_time_out(start: Start) -> None:
    served = start("--fault", "hang")
    sent = run(Traffic(served.url, rate=30, seconds=0.2, patience=0.3))
    assert {one.error for one in sent} == {"time-out"}
    assert all(one.failed_by_us for one in sent)


def test_requests_go_out_on_time_although_answers_are_late(start: Start) -> None:
    served = start("--fault", "slow:0.5")
    sent = run(Traffic(served.url, rate=100, seconds=0.5, poisson=False, connections=2))
    assert len(sent) == 50
    assert all(one.status == 200 and 0.5 <= one.latency < 5 for one in sent)


def test_sigterm_answers_what_is_under_way_and_then_ends(start: Start) -> None:
    served = start("--fault", "slow:0.4")
    connection = HTTPConnection("127.0.0.1", served.port)
    connection.request("GET", "/", headers={"x-request-id": "last"})
    end = time.monotonic() + 20
    while not app.logged(served.log):
        assert time.monotonic() < end
        time.sleep(0.01)
    served.process.send_signal(signal.SIGTERM)
    response = connection.getresponse()
    assert (response.status, response.getheader("connection")) == (200, "close")
    assert served.process.wait(20) == 0


@pytest.fixture
def handlers() -> Iterator[None]:
    """Programs run in this very process set signal handlers; these come back."""
    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def use_and_end(port: int, within: float) -> None:
    """A client that keeps a connection, sends nonsense over another, and asks the program that runs here to end."""
    wait_for_port(port, within)
    connection = HTTPConnection("127.0.0.1", port)
    for _ in range(2):
        connection.request("POST", "/", body=b"x" * 70000)
        assert connection.getresponse().read()
    for wrong in (b"nonsense\r\n\r\n", b"x" * 70000):
        with socket.create_connection(("127.0.0.1", port)) as stranger:
            stranger.sendall(wrong)
            with contextlib.suppress(ConnectionResetError):
                stranger.recv(100)
    os.kill(os.getpid(), signal.SIGTERM)
    connection.close()


@pytest.mark.parametrize("fault", ["none", "slow:0.01"])
@pytest.mark.usefixtures("handlers")
def test_the_application_ends_well_in_this_process_too(fault: str, tmp_path: Path) -> None:
    port, log = free_port(), tmp_path / "log"
    client = Thread(target=use_and_end, args=(port, 20.0))
    client.start()
    arguments = ["--port", str(port), "--version", "1.4.2", "--fault", fault]
    assert app.main([*arguments, "--log", str(log)] if fault == "none" else arguments) == 0
    client.join()
    assert fault != "none" or log.read_text() == "none 200 1.4.2\n" * 2


@pytest.mark.usefixtures("handlers")
def test_the_load_client_prints_one_document(start: Start, capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    served, out = start(), tmp_path / "sent.jsonl"
    assert load.main([served.url, "--rate", "60", "--seconds", "0.3", "--fixed", "--out", str(out)]) == 0
    sent = [Sent(**json.loads(line)) for line in out.read_text().splitlines()]
    assert json.loads(capsys.readouterr().out) == load.summary(sent)
    assert len(sent) == 18


def test_nonsense_is_answered_with_400(start: Start) -> None:
    served = start()
    with socket.create_connection(("127.0.0.1", served.port)) as connection:
        connection.sendall(b"nonsense\r\n\r\n")
        assert connection.recv(100).startswith(b"HTTP/1.1 400")


def test_the_load_client_as_a_process_prints_one_document(start: Start, tmp_path: Path) -> None:
    served = start()
    out = tmp_path / "sent.jsonl"
    command = [sys.executable, "-m", load.__name__, served.url, "--rate", "100", "--seconds", "0.5", "--out", str(out)]
    printed = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    sent = [Sent(**json.loads(line)) for line in out.read_text().splitlines()]
    assert printed == load.summary(sent)
    assert printed["failed"] == 0
    assert {one.id for one in sent} == app.logged(served.log).keys()


def test_the_load_client_stops_at_sigterm_and_still_prints(start: Start) -> None:
    served = start()
    process = subprocess.Popen(
        [sys.executable, "-m", load.__name__, served.url, "--rate", "50"], stdout=subprocess.PIPE
    )
    end = time.monotonic() + 20
    while not served.log.exists() or len(app.logged(served.log)) < 5:
        assert time.monotonic() < end
        time.sleep(0.01)
    process.send_signal(signal.SIGTERM)
    output, _ = process.communicate(timeout=20)
    assert json.loads(output)["failed"] == 0
    assert process.returncode == 0
