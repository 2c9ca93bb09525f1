from pathlib import Path
from typing import Any

import paramiko
import pytest

from releaser.config.environment import Ssh, Target
from releaser.engine.remote import RemoteShells, local_path, remote_path
from releaser.errors import ConfigError
from releaser.shell.known_hosts import parse
from releaser.shell.ssh import Destination, SshShell
from releaser.shell.ssh.connect import made


def shell(folder: Path, **ssh: Any) -> SshShell:
    target = Target.model_construct(kind="hosts", connection="ssh", ssh=Ssh(**ssh))
    made = RemoteShells().shell(target, "web1", "/srv/shop/.releaser", folder)
    assert isinstance(made, SshShell)
    return made


def test_what_the_environment_says_is_what_is_reached(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").touch()
    paramiko.ECDSAKey.generate().write_private_key_file(str(tmp_path / "id"))
    keys = {"known_hosts": "./known_hosts", "key": "./id", "jump": "bastion", "user": "deploy", "port": 2222}
    made = shell(tmp_path, **keys, agent=False, sudo="shop", python="/opt/python3", connect="3s")
    to = made.to
    assert (to.host, to.user, to.port, to.key, to.agent, to.connect) == (
        "web1",
        "deploy",
        2222,
        tmp_path / "id",
        False,
        3.0,
    )
    assert to.jump is not None
    assert (to.jump.host, to.jump.user, to.jump.port, to.jump.jump) == ("bastion", "deploy", 2222, None)
    assert (made.name, made.root, made.python, made.sudo) == ("web1", "/srv/shop/.releaser", "/opt/python3", "shop")
    assert "bastion" in to.address


def test_a_missing_known_hosts_is_said_before_anything_is_reached(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="known_hosts"):
        shell(tmp_path, known_hosts="./known_hosts")


def test_a_key_that_is_none_is_said_before_anything_is_reached(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").touch()
    (tmp_path / "id").write_text("no key")
    for key in ("./id", "./none"):
        with pytest.raises(ConfigError, match="correct ssh"):
            shell(tmp_path, known_hosts="./known_hosts", key=key)


def test_the_hosts_of_one_login_share_what_they_can(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").touch()
    target = Target.model_construct(kind="hosts", connection="ssh", ssh=Ssh(known_hosts="./known_hosts", user="deploy"))
    remote = RemoteShells()
    one, other = (remote.shell(target, "web1", root, tmp_path) for root in ("/srv/shop", "/srv/other"))
    assert isinstance(one, SshShell)
    assert isinstance(other, SshShell)
    assert one.to == other.to
    assert one.connections is other.connections
    remote.close()


def test_paths_of_this_machine_and_of_the_hosts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert local_path("~/.ssh/known_hosts", tmp_path) == tmp_path / "home" / ".ssh" / "known_hosts"
    assert local_path("./known_hosts", tmp_path) == tmp_path / "known_hosts"
    assert local_path("/etc/ssh/known", tmp_path) == Path("/etc/ssh/known")
    assert (remote_path("/srv/shop"), remote_path("~/shop")) == ("/srv/shop", "~/shop")
    for path in ("./shop", "shop"):
        with pytest.raises(ConfigError, match="~/"):
            remote_path(path)


def test_connections_share_no_settings() -> None:
    """Fabric's are changed while they are read: threads that shared them broke one another's connections."""
    to = Destination("web1", "deploy", parse("", ""))
    one, other = (made(to, None, None, to.known_hosts.pins("web1", 22), 1.0) for _ in range(2))
    assert one.config is not other.config


def test_nothing_broken_is_offered() -> None:
    to = Destination("web1", "deploy", parse("", ""))
    disabled = made(to, None, None, to.known_hosts.pins("web1", 22), 1.0).connect_kwargs["disabled_algorithms"]
    transport: Any = paramiko.Transport
    ciphers = set(transport._preferred_ciphers) - set(disabled["ciphers"])
    macs = set(transport._preferred_macs) - set(disabled["macs"])
    assert ciphers
    assert macs
    assert not [name for name in ciphers if "cbc" in name or "3des" in name or "arcfour" in name]
    assert not [name for name in macs if "md5" in name or "sha1" in name]
