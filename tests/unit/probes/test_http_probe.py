import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from releaser.adapters.probes.http import Endpoint, HttpOptions, HttpProbe, worst
from releaser.adapters.probes.router_counters import RouterCounters
from releaser.core.absent import Missing
from releaser.core.values import Reading, Release
from releaser.errors import ConfigError

RELEASE = Release.of("1.4.2", "a" * 64, "b" * 64)
Answer = Callable[[BaseHTTPRequestHandler], None]


def plain(status: int = 200, body: bytes = b'{"version": "1.4.2"}', **headers: str) -> Answer:
    def answer(request: BaseHTTPRequestHandler) -> None:
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("content-length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return answer


@contextmanager
def serving(
    answer: Answer, context: ssl.SSLContext | None = None
) -> Iterator[tuple[int, list[BaseHTTPRequestHandler]]]:
    """The port of a server that answers so, and the requests that it saw."""
    seen: list[BaseHTTPRequestHandler] = []

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            seen.append(self)
            answer(self)

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *_: object) -> None:
            pass

    with Server(("127.0.0.1", 0), Handler) as server:
        if context is not None:
            server.socket = context.wrap_socket(server.socket, server_side=True)
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server.server_address[1], seen
        server.shutdown()
        thread.join()


@contextmanager
def asking(ports: list[int], options: dict[str, Any], address: str = "127.0.0.1") -> Iterator[HttpProbe]:
    endpoints = [Endpoint(f"web{number}", address, {"blue": port, "green": 1}) for number, port in enumerate(ports, 1)]
    probe = HttpProbe(HttpOptions.model_validate(options), endpoints)
    yield probe
    probe.close()


def read(answer: Answer, within: float = 5.0, **options: Any) -> Reading:
    with serving(answer) as (port, _), asking([port], options) as probe:
        return probe.read(RELEASE, "blue", within=within)


def unwell(host: str, why: str) -> Reading:
    return Reading(False, f"{host}: {why}", "", (Missing(host, "failed", why),))


def closed_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def test_a_good_answer_with_its_own_version() -> None:
    assert read(plain(), version="$.version") == Reading(True, "", "1.4.2")
    assert read(plain(x_version="1.4.2"), version="header:X-Version") == Reading(True, "", "1.4.2")
    assert read(plain(body=b'{"app": [{"v": "1.4.2"}]}'), version="$.app.0.v") == Reading(True, "", "1.4.2")
    assert read(plain(body=b"OK")) == Reading(True)


@pytest.mark.parametrize(
    ("answer", "options", "detail"),
    [
        (plain(503), {}, "web1: 503"),
        (plain(302, location="http://127.0.0.1:1/"), {}, "web1: 302"),
        (plain(200), {"status": "204"}, "web1: 200"),
        (plain(body=b'{"version": "1.4.1"}'), {"version": "$.version"}, "answers as version '1.4.1', expected 1.4.2"),
        (plain(body=b"{"), {"version": "$.version"}, "no text at $.version"),
        (plain(body=b"[" * 60000), {"version": "$.version"}, "no text at $.version"),
        (plain(body=b'{"version": {"a": 1}}'), {"version": "$.version"}, "no text at $.version"),
        (plain(body=b'{"version": true}'), {"version": "$.version"}, "no text at $.version"),
        (plain(body=b'["1.4.2"]'), {"version": "$.9"}, "no text at $.9"),
        (plain(body=b"x" * 70000), {"version": "$.version"}, "longer than 65536"),
        (plain(), {"version": "header:X-Version"}, "no header X-Version"),
    ],
)
def test_a_bad_answer_says_what_is_wrong(answer: Answer, options: dict[str, Any], detail: str) -> None:
    reading = read(answer, **options)
    assert reading.passed is False
    assert detail in reading.detail


def test_nobody_there_and_no_answer_in_time_are_failures() -> None:
    with asking([closed_port()], {}) as probe:
        assert probe.read(RELEASE, "blue", within=5).passed is False
    waiting = threading.Event()

    def hang(_: BaseHTTPRequestHandler) -> None:
        waiting.wait(5)

    begun = time.monotonic()
    try:
        reading = read(hang, within=0.3)
    finally:
        waiting.set()
    assert reading == unwell("web1", "no answer in time")
    assert time.monotonic() - begun < 4


def test_an_answer_that_drips_is_cut_off() -> None:
    def drip(request: BaseHTTPRequestHandler) -> None:
        request.send_response(200)
        request.send_header("content-length", "1000")
        request.end_headers()
        for _ in range(100):
            request.wfile.write(b"x")
            request.wfile.flush()
            time.sleep(0.05)  # the server's slowness is what is tested

    begun = time.monotonic()
    assert read(drip, within=0.4) == unwell("web1", "no answer in time")
    assert time.monotonic() - begun < 3


def test_a_name_that_nobody_knows_is_no_data() -> None:
    with asking([80], {}, address="no-such-host.invalid") as probe:
        reading = probe.read(RELEASE, "blue", within=5)
    assert (reading.passed, [(one.host, one.how) for one in reading.unwell]) == (None, [("web1", "unknown")])


def test_the_worst_host_decides_and_is_named() -> None:
    with serving(plain()) as (good, _), serving(plain(500)) as (bad, _):
        with asking([good, bad, good, bad], {}) as probe:
            both = tuple(Missing(host, "failed", "500") for host in ("web2", "web4"))
            assert probe.read(RELEASE, "blue", within=5) == Reading(False, "web2: 500 (and 1 more)", "", both)
        with asking([good, good], {"version": "$.version"}) as probe:
            assert probe.read(RELEASE, "blue", within=5) == Reading(True, "", "1.4.2")
            assert probe.read(RELEASE, "green", within=5).passed is False


def test_failed_is_worse_than_no_data_is_worse_than_passed() -> None:
    good, none, bad = Reading(True), Reading(None, "?"), Reading(False, "no")
    assert worst([good, none, bad]) == bad
    assert worst([good, none]) == none
    assert worst([good, good]) == good
    assert worst([]).passed is None


def test_connections_stay_warm_and_headers_are_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    options = {"path": "/ready?deep=1", "host": "shop.internal", "headers": {"Authorization": "token"}}
    with serving(plain()) as (port, seen), asking([port], options) as probe:
        for _ in range(3):
            assert probe.read(RELEASE, "blue", within=5).passed
        assert {request.client_address for request in seen} == {seen[0].client_address}
        assert (seen[0].path, seen[0].headers["Host"], seen[0].headers["Authorization"]) == (
            "/ready?deep=1",
            "shop.internal",
            "token",
        )


def test_a_restart_between_two_readings_is_survived() -> None:
    def once(request: BaseHTTPRequestHandler) -> None:
        plain()(request)
        request.close_connection = True

    with serving(once) as (port, seen), asking([port], {}) as probe:
        for count in range(1, 4):
            assert probe.read(RELEASE, "blue", within=5).passed
            assert len(seen) == count
            time.sleep(0.02)  # the server's end of the connection has to arrive


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A self-signed certificate for shop.internal, and its key."""
    if shutil.which("openssl") is None:
        pytest.skip("openssl makes the certificate of this test")
    folder = tmp_path_factory.mktemp("tls")
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes"]
    command += ["-keyout", "key.pem", "-out", "ca.pem", "-days", "1", "-subj", "/CN=shop.internal"]
    command += ["-addext", "subjectAltName=DNS:shop.internal"]
    subprocess.run(command, cwd=folder, check=True, capture_output=True)
    return folder / "ca.pem", folder / "key.pem"


def test_tls_is_checked_against_the_named_authority_and_name(authority: tuple[Path, Path]) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(*authority)
    good = {"scheme": "https", "tls": {"ca": str(authority[0]), "server_name": "shop.internal"}}
    with serving(plain(), context) as (port, _):
        for options, passed in (
            (good, True),
            ({**good, "tls": {"ca": str(authority[0])}, "host": "shop.internal"}, True),
            ({**good, "tls": {"ca": str(authority[0]), "server_name": "other.internal"}}, False),
            ({**good, "tls": {"server_name": "shop.internal"}}, False),
        ):
            with asking([port], options) as probe:
                assert probe.read(RELEASE, "blue", within=5).passed is passed


def test_a_missing_authority_is_a_configuration_error() -> None:
    options = HttpOptions.model_validate({"scheme": "https", "tls": {"ca": "/nowhere/ca.pem"}})
    with pytest.raises(ConfigError, match=r"/nowhere/ca\.pem"):
        HttpProbe(options, [])


@pytest.mark.parametrize(
    "options",
    [
        {"path": "healthz"},
        {"path": "/a b"},
        {"version": "version"},
        {"version": "$"},
        {"version": "header:X Y"},
        {"status": "2xx"},
        {"status": "299-200"},
        {"headers": {"X": "a\r\nb"}},
        {"headers": {"X Y": "a"}},
        {"host": "-x"},
        {"tls": {"server_name": "a"}},
        {"scheme": "ftp"},
        {"every": "1s"},
    ],
)
def test_what_cannot_be_asked_is_refused(options: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        HttpOptions.model_validate(options)


def test_status_codes_are_ranges() -> None:
    options = HttpOptions.model_validate({"status": "200-299, 304"})
    assert [options.accepts(status) for status in (199, 200, 299, 300, 304)] == [False, True, True, False, True]
    assert HttpOptions.model_validate({"status": 204}).accepts(204)


def test_router_counters_have_nothing_to_be_told() -> None:
    assert RouterCounters.Options() == RouterCounters.Options.model_validate({})
