"""What the network and the hosts do to a call, and that each ending has its name: failed, unreachable, unknown, or the answer."""

import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from ssh_lab import PORT, Lab, Server, until

from releaser.errors import UnknownError, UnreachableError
from releaser.shell.known_hosts import parse
from releaser.shell.ssh import Destination, SshShell
from releaser.shell.ssh.pool import STARTS

pytestmark = pytest.mark.real
SITE = {"state": "~/site"}


def script(text: str, within: float = 60.0) -> dict[str, Any]:
    """A request for router.read that runs `text` on the host."""
    return {"look": [{"do": "run", "argv": ["sh", "-c", text], "within": within}]}


def waits_for(folder: Path) -> dict[str, Any]:
    """A verb that says that it has begun, counts itself, and ends when it may."""
    wait = f"while ! test -e {folder}/go; do sleep 0.05; done"
    return script(f"echo x >> {folder}/ran; touch {folder}/began; {wait}; echo done")


@contextmanager
def under_way(shell: SshShell, request: dict[str, Any], within: float, began: Path) -> Iterator[Any]:
    """The call's future, once the verb runs on the host."""
    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(shell.call, "router.read", request, within=within)
        until(lambda: began.exists() or future.done())
        yield future


def ready(lab: Lab, server: Server, **options: Any) -> SshShell:
    """A shell whose agent is in place."""
    shell = lab.shell(server, **options)
    shell.call("ledger.read", SITE, within=30)
    return shell


def test_a_lost_connection_is_resolved_by_asking_again(lab: Lab, tmp_path: Path) -> None:
    server = lab.server()
    with under_way(ready(lab, server), waits_for(tmp_path), 60, tmp_path / "began") as call:
        assert server.cut()
        (tmp_path / "go").touch()
        assert call.result()["replies"] == ["done\n"]
    assert (tmp_path / "ran").read_text() == "x\n"


def test_a_connection_lost_twice(lab: Lab, tmp_path: Path) -> None:
    server = lab.server()
    with under_way(ready(lab, server), waits_for(tmp_path), 60, tmp_path / "began") as call:
        server.cut()
        until(lambda: server.log().count("Accepted publickey") == 2)
        server.cut()
        (tmp_path / "go").touch()
        assert call.result()["replies"] == ["done\n"]
    assert (tmp_path / "ran").read_text() == "x\n"


def test_a_host_that_stays_away_leaves_us_not_knowing(lab: Lab, tmp_path: Path) -> None:
    server = lab.server()
    shell = ready(lab, server)
    with under_way(shell, waits_for(tmp_path), 4, tmp_path / "began") as call:
        server.stop()
        with pytest.raises(UnknownError) as caught:
            call.result()
    assert caught.value.code == "lost"
    with pytest.raises(UnreachableError) as away:
        shell.call("ledger.read", SITE, within=5)
    assert away.value.code == "connect"
    server.start()
    assert shell.call("ledger.read", SITE, within=30)["fence"] == 0


def test_a_verb_that_hangs_is_ended_on_the_host_itself(lab: Lab, tmp_path: Path) -> None:
    """It stops itself, so its own limits never come; what it started ends with it."""
    shell = ready(lab, lab.server())
    hang = script(f"echo $$ > {tmp_path}/pid; kill -STOP $PPID; exec sleep 60")
    began = time.monotonic()
    with pytest.raises(UnknownError) as caught:
        shell.call("router.read", hang, within=4)
    assert caught.value.code == "time-out"
    assert time.monotonic() - began < 20
    until(lambda: not Path(f"/proc/{int((tmp_path / 'pid').read_text())}").exists())
    assert shell.call("ledger.read", SITE, within=30)["fence"] == 0


def test_a_host_that_falls_silent_in_a_call(lab: Lab, tmp_path: Path) -> None:
    """Its kernel still acknowledges every packet: only a deadline of our own ends that."""
    server = lab.server()
    shell = ready(lab, server)
    with under_way(shell, waits_for(tmp_path), 4, tmp_path / "began") as call:
        server.freeze()
        began = time.monotonic()
        with pytest.raises(UnknownError):
            call.result()
        assert time.monotonic() - began < 20
    (tmp_path / "go").touch()
    assert (
        shell.call("ledger.read", SITE, within=30)["fence"] == 0
    )  # over a new connection: the old one is still silent


def test_a_server_that_never_says_a_word(lab: Lab) -> None:
    with socket.create_server(("127.0.77.200", PORT)):
        shell = SshShell(Destination("127.0.77.200", "ada", parse("", ""), PORT, connect=1.5), "~/x", lab.pool())
        began = time.monotonic()
        with pytest.raises(UnreachableError) as caught:
            shell.call("ledger.read", SITE, within=30)
        assert caught.value.code == "handshake"
        assert time.monotonic() - began < 20


def test_something_else_that_listens_there(lab: Lab) -> None:
    with socket.create_server(("127.0.77.201", PORT)) as server:

        def answer() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                with connection:
                    connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")

        threading.Thread(target=answer, daemon=True).start()
        shell = SshShell(Destination("127.0.77.201", "ada", parse("", ""), PORT, connect=2), "~/x", lab.pool())
        with pytest.raises(UnreachableError) as caught:
            shell.call("ledger.read", SITE, within=30)
        assert caught.value.code == "handshake"
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("host", "code"), [("no-such-host.invalid", "resolve"), ("127.0.77.250", "connect")], ids=["name", "port"]
)
def test_a_host_that_is_not_there(lab: Lab, host: str, code: str) -> None:
    shell = SshShell(Destination(host, "ada", parse("", ""), PORT), "~/x", lab.pool())
    with pytest.raises(UnreachableError) as caught:
        shell.call("ledger.read", SITE, within=30)
    assert (caught.value.code, host in caught.value.message) == (code, True)


def test_a_server_that_is_short_of_room_is_asked_again(lab: Lab) -> None:
    """MaxStartups: while somebody else hangs in the door, everybody is refused."""
    server = lab.server("MaxStartups 1:100:1")
    door = socket.create_connection((server.address, PORT))
    door.recv(100)
    shell = lab.shell(server)
    refused = server.log().count("MaxStartups") + server.log().count("drop connection")
    threading.Timer(0.3, door.close).start()
    assert shell.call("ledger.read", SITE, within=30)["fence"] == 0
    assert server.log().count("MaxStartups") + server.log().count("drop connection") > refused


def test_a_connection_lost_in_an_upload_leaves_nothing(lab: Lab, tmp_path: Path) -> None:
    server = lab.server()
    source, folder = tmp_path / "source", tmp_path / "both"
    folder.mkdir()
    source.write_bytes(b"x" * 5_000_000)
    seen: list[int] = []

    def cut(_host: str, sent: int, _size: int) -> None:
        seen.append(sent)
        if len(seen) == 20:
            server.cut()

    with pytest.raises(UnreachableError):
        ready(lab, server, progress=cut).put(source, str(folder / "target"), within=30)
    assert not (folder / "target").exists()
    lab.shell(server).put(source, str(folder / "target"), within=60)
    assert (folder / "target").stat().st_size == 5_000_000


def test_an_upload_tells_how_far_it_is(lab: Lab, tmp_path: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    server = lab.server()
    (tmp_path / "source").write_bytes(b"x" * 200_000)
    shell = lab.shell(server, progress=lambda host, sent, size: seen.append((host, sent, size)))
    shell.put(tmp_path / "source", str(tmp_path / "target"), within=30)
    assert [sent for _, sent, _ in seen] == sorted(sent for _, sent, _ in seen)
    assert seen[-1] == (server.address, 200_000, 200_000)


def test_a_host_behind_a_jump_host_that_falls_silent_is_noticed(lab: Lab) -> None:
    """No packet of the kernel's reaches it through the jump host, so it is asked for a sign of life."""
    bastion, server = lab.server(), lab.server()
    pool = lab.pool(sign_of_life=2.0)
    ready(lab, server, pool=pool, jump=lab.to(bastion))
    connection = pool.get(lab.to(server, jump=lab.to(bastion)), until=time.monotonic() + 10)
    server.freeze()
    until(lambda: not connection.transport.is_active(), 25)
    server.freeze(signal.SIGCONT)


def test_one_connection_to_the_jump_host_serves_all(lab: Lab) -> None:
    bastion, pool = lab.server(), lab.pool()
    servers = [lab.server() for _ in range(3)]
    shells = [lab.shell(server, pool=pool, jump=lab.to(bastion)) for server in servers]
    with ThreadPoolExecutor(3) as workers:
        answers = list(workers.map(lambda shell: shell.call("ledger.read", SITE, within=60)["fence"], shells))
    assert answers == [0, 0, 0]
    assert bastion.log().count("Accepted publickey") == 1


def test_few_connections_at_once_are_begun_through_a_jump_host(lab: Lab) -> None:
    """sshd's MaxStartups is 10. What is behind the jump host says nothing, so that a start lasts until it is hung up."""
    jump, pool = lab.to(lab.server()), lab.pool()
    pool.get(jump, until=time.monotonic() + 30)
    logins = [
        Destination("127.0.77.202", f"user{n}", parse("", ""), PORT, jump=jump, connect=60) for n in range(STARTS + 1)
    ]

    def start(login: Destination, within: float) -> str:
        with pytest.raises(UnreachableError) as caught:
            pool.get(login, until=time.monotonic() + within)
        return caught.value.code

    with socket.create_server(("127.0.77.202", PORT)) as silent, ThreadPoolExecutor(STARTS) as workers:
        first = [workers.submit(start, login, 60.0) for login in logins[:STARTS]]
        silent.settimeout(30)
        accepted = [silent.accept()[0] for _ in first]
        assert start(logins[STARTS], 0.5) == "turn"
        silent.close()
        for one in accepted:
            one.close()
        assert {future.result() for future in first} <= {"handshake", "jump"}


def test_a_jump_host_that_does_not_reach_the_host(lab: Lab) -> None:
    bastion, server = lab.server(), lab.server()
    server.stop()
    with pytest.raises(UnreachableError) as caught:
        lab.shell(server, jump=lab.to(bastion)).call("ledger.read", SITE, within=20)
    assert (caught.value.code, bastion.address in caught.value.message) == ("jump", True)


def test_a_jump_host_that_is_lost_in_a_call(lab: Lab, tmp_path: Path) -> None:
    bastion, server = lab.server(), lab.server()
    with under_way(ready(lab, server, jump=lab.to(bastion)), waits_for(tmp_path), 60, tmp_path / "began") as call:
        bastion.cut()
        (tmp_path / "go").touch()
        assert call.result()["replies"] == ["done\n"]
    assert (tmp_path / "ran").read_text() == "x\n"


def test_a_server_that_has_room_for_one_session_at_a_time(lab: Lab, tmp_path: Path) -> None:
    shell = ready(lab, lab.server("MaxSessions 1"))
    (tmp_path / "source").write_bytes(b"content")
    with ThreadPoolExecutor(5) as workers:
        put = workers.submit(shell.put, tmp_path / "source", str(tmp_path / "target"), within=60)
        answers = list(workers.map(lambda _: shell.call("ledger.read", SITE, within=60)["fence"], range(4)))
        put.result()
    assert answers == [0, 0, 0, 0]
    assert (tmp_path / "target").read_bytes() == b"content"


def test_a_login_whose_profile_says_something(lab: Lab) -> None:
    noise = lab.root / "noise"
    noise.write_text('echo "Welcome!"; echo "{"; eval "$SSH_ORIGINAL_COMMAND"\n')
    assert lab.shell(lab.server(f"ForceCommand sh {noise}")).call("ledger.read", SITE, within=30)["fence"] == 0
