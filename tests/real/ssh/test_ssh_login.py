"""Who is let in: keys, certificates, an agent; and what is said of everybody else."""

import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ssh_lab import Lab, Server, keygen

from releaser.errors import ConfigError, FailedError, UnreachableError

pytestmark = pytest.mark.real
SITE = {"state": "~/site"}


def refused(lab: Lab, server: Server, code: str, **options: Any) -> FailedError:
    with pytest.raises(FailedError) as caught:
        lab.shell(server, **options).call("ledger.read", SITE, within=20)
    assert caught.value.code == code, caught.value
    return caught.value


@pytest.fixture
def ssh_agent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An SSH agent of the test's own."""
    where = str(tmp_path / "agent.sock")
    with subprocess.Popen(["ssh-agent", "-D", "-a", where], stdout=subprocess.DEVNULL) as process:
        try:
            while not Path(where).exists():
                assert process.poll() is None
            monkeypatch.setenv("SSH_AUTH_SOCK", where)
            yield
        finally:
            process.kill()


def test_a_key_that_the_host_does_not_know(lab: Lab) -> None:
    key = keygen(lab.root / "stranger")
    assert str(key) in refused(lab, lab.server(), "auth", key=key).message


def test_a_key_with_a_passphrase_is_used_through_an_agent(lab: Lab, ssh_agent: None) -> None:
    server = lab.server()
    subprocess.run(["ssh-add", "-q", str(lab.key)], check=True)
    subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", "-N", "secret words", "-f", str(lab.key)], check=True)
    assert "ssh-add" in refused(lab, server, "auth", agent=False).fix[1]
    assert lab.shell(server, agent=True).call("ledger.read", SITE, within=20)["fence"] == 0


def test_a_user_certificate(lab: Lab) -> None:
    authority = keygen(lab.root / "authority")
    key = keygen(lab.root / "certified")
    server = lab.server(f"TrustedUserCAKeys {authority}.pub", "AuthorizedPrincipalsFile none")
    refused(lab, server, "auth", key=key)
    user = lab.to(server).user
    words = ["-s", str(authority), "-I", "test", "-n", user, "-V", "+10m", f"{key}.pub"]
    subprocess.run(["ssh-keygen", "-q", *words], check=True)
    renewed = shutil.copyfile(key, lab.root / "again")  # another name: a key that was read once is not read again
    shutil.copyfile(f"{key}-cert.pub", f"{renewed}-cert.pub")
    assert lab.shell(server, key=Path(renewed)).call("ledger.read", SITE, within=20)["fence"] == 0


@pytest.mark.parametrize("content", [None, "not a key"])
def test_a_key_file_that_is_none(lab: Lab, content: str | None) -> None:
    key = lab.root / "broken"
    if content:
        key.write_text(content)
    with pytest.raises(ConfigError, match="correct ssh"):
        lab.shell(lab.server(), key=key).call("ledger.read", SITE, within=20)


@pytest.mark.parametrize("weak", ["Ciphers aes128-cbc,3des-cbc", "MACs hmac-sha1,hmac-md5\nCiphers aes128-ctr"])
def test_a_server_with_broken_algorithms_only(lab: Lab, weak: str) -> None:
    refused(lab, lab.server(weak), "algorithms")


def test_files_of_the_users_change_nothing(lab: Lab, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither OpenSSH's nor Fabric's: a pipeline reaches what a laptop reaches."""
    home = tmp_path / "somebody"
    (home / ".ssh").mkdir(parents=True)
    (home / ".ssh" / "config").write_text("Host *\n  Port 1\n  User nobody\n  ProxyCommand false\n")
    (home / ".fabric.yaml").write_text("port: 1\nuser: nobody\ngateway: nowhere\n")
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("FABRIC_PORT", "1")
    assert lab.shell(lab.server()).call("ledger.read", SITE, within=20)["fence"] == 0


def test_the_cipher_is_the_one_that_costs_least(lab: Lab) -> None:
    server, pool = lab.server(), lab.pool()
    link = pool.get(lab.to(server), until=time.monotonic() + 30)
    assert link.transport.local_cipher == "aes128-gcm@openssh.com"


def test_a_server_without_that_cipher(lab: Lab) -> None:
    server = lab.server("Ciphers aes256-ctr")
    assert lab.shell(server).call("ledger.read", SITE, within=20)["fence"] == 0


def test_a_host_without_python(lab: Lab) -> None:
    assert "/no/python" in refused(lab, lab.server(), "python", python="/no/python").message


def test_a_host_with_an_old_python(lab: Lab) -> None:
    """As one says it that our script still runs on."""
    old = lab.root / "python3.6"
    told = '{"agent": "/a", "calls": "/c", "whole": false, "why": "", "python": [3, 6]}'
    old.write_text(f"#!/bin/sh\necho '{told}'\n")
    old.chmod(0o755)
    assert "3.6" in refused(lab, lab.server(), "python", python=str(old)).message


def test_a_login_that_may_run_no_commands(lab: Lab) -> None:
    refused(lab, lab.server("ForceCommand /bin/false"), "python")


SUDO = """\
#!/bin/sh
test "$1 $2 $3 $4" = "-n -u shop --" || exit 9
shift 4
{does}
"""


def with_sudo(lab: Lab, does: str) -> Server:
    """A stand-in for sudo, first on the PATH: what it does when it is asked to make us shop."""
    folder = lab.root / "sudo"
    folder.mkdir(exist_ok=True)
    (folder / "sudo").write_text(SUDO.format(does=does))
    (folder / "sudo").chmod(0o755)
    home = lab.root / f"host{len(lab.servers)}" / "home"
    return lab.server(f"SetEnv HOME={home} PATH={folder}:{os.environ['PATH']}")


def test_everything_is_done_as_the_other_user(lab: Lab, tmp_path: Path) -> None:
    server = with_sudo(lab, f'echo x >> {tmp_path}/asked; exec "$@"')
    shell = lab.shell(server, sudo="shop")
    assert shell.call("ledger.read", SITE, within=20)["fence"] == 0
    (tmp_path / "source").write_bytes(b"content")
    shell.put(tmp_path / "source", str(tmp_path / "target"), within=20)
    assert (tmp_path / "target").read_bytes() == b"content"
    assert (tmp_path / "asked").read_text() == "x\n" * 4  # is the agent there, place it, the verb, the file


@pytest.mark.parametrize(
    ("says", "code"),
    [
        ("sudo: a password is required", "sudo"),
        ("sudo: sorry, you must have a tty to run sudo", "sudo-tty"),
        ("sudo: unknown user shop", "sudo"),
    ],
)
def test_a_sudo_that_asks_for_something(lab: Lab, says: str, code: str) -> None:
    server = with_sudo(lab, f"echo '{says}' >&2; exit 1")
    assert "sudo" in refused(lab, server, code, sudo="shop").message


def test_an_agent_that_was_removed_is_placed_again(lab: Lab) -> None:
    server = lab.server()
    shell = lab.shell(server)
    shell.call("ledger.read", SITE, within=20)
    shutil.rmtree(server.home / "shop" / ".releaser" / "agent")
    assert shell.call("ledger.read", SITE, within=20)["fence"] == 0


def test_an_agent_that_was_damaged_is_mended_by_the_next_release(lab: Lab) -> None:
    server = lab.server()
    lab.shell(server).call("ledger.read", SITE, within=20)
    (agent,) = (server.home / "shop" / ".releaser" / "agent").iterdir()
    (agent / "releaser" / "onhost" / "ledger.py").write_text("broken")
    assert lab.shell(server).call("ledger.read", SITE, within=20)["fence"] == 0
    assert [entry.name for entry in agent.parent.iterdir()] == [agent.name]
    assert agent.parent.parent.stat().st_mode & 0o777 == 0o700


def test_a_place_that_cannot_be_written(lab: Lab) -> None:
    server = lab.server()
    (server.home / "shop").write_text("a file")
    with pytest.raises(UnreachableError, match="must be writable"):
        lab.shell(server).call("ledger.read", SITE, within=20)


def test_two_shells_of_one_login_share_a_connection(lab: Lab) -> None:
    server, pool = lab.server(), lab.pool()
    for _ in range(2):
        lab.shell(server, pool=pool).call("ledger.read", SITE, within=20)
    assert server.log().count("Accepted publickey") == 1
