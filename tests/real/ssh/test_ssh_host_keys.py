"""No byte of a credential or of a command goes to a host whose key is not the pinned one."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from ssh_lab import Lab, Server, keygen

from releaser.errors import ConfigError, FailedError
from releaser.shell.known_hosts import read_known_hosts

pytestmark = pytest.mark.real


def refused(lab: Lab, server: Server, **options: Any) -> FailedError:
    with pytest.raises(FailedError) as caught:
        lab.shell(server, **options).call("ledger.read", {"state": "~/site"}, within=20)
    return caught.value


def nothing_was_sent(server: Server) -> bool:
    """Not even the question which logins there are: at DEBUG sshd notes each one."""
    return "userauth-request" not in server.log() and "Starting session" not in server.log()


def test_the_log_would_show_a_login(lab: Lab) -> None:
    server = lab.server("LogLevel DEBUG2")
    lab.shell(server).call("ledger.read", {"state": "~/site"}, within=20)
    assert not nothing_was_sent(server)


def test_an_unknown_host(lab: Lab) -> None:
    server = lab.server("LogLevel DEBUG2", pinned=False)
    error = refused(lab, server)
    assert error.code == "host-key-unknown"
    assert server.pin().strip() in error.fix[1]
    assert nothing_was_sent(server)


def test_the_line_that_the_error_names_is_the_one_that_is_missing(lab: Lab) -> None:
    server = lab.server(pinned=False)
    line = refused(lab, server).fix[1].partition(": ")[2]
    lab.known_hosts.write_text(line + "\n")
    assert lab.shell(server).call("ledger.read", {"state": "~/site"}, within=20)["fence"] == 0


def test_a_changed_key(lab: Lab) -> None:
    server = lab.server("LogLevel DEBUG2")
    server.stop()
    server.key.unlink()
    server.key.with_suffix(".pub").unlink()
    keygen(server.key)
    server.start()
    assert refused(lab, server).code == "host-key-changed"
    assert nothing_was_sent(server)


def test_a_key_swapped_between_two_connections(lab: Lab) -> None:
    """The reconnection after a lost connection is checked like the first one."""
    server, other = lab.server("LogLevel DEBUG2"), lab.server()
    shell = lab.shell(server)
    shell.call("ledger.read", {"state": "~/site"}, within=20)
    server.stop()
    (server.folder / "sshd.log").unlink()
    server.configure("LogLevel DEBUG2")
    config = server.folder / "sshd_config"
    config.write_text(config.read_text().replace(str(server.key), str(other.key)))
    server.start()
    with pytest.raises(FailedError) as caught:
        shell.call("ledger.read", {"state": "~/site"}, within=20)
    assert caught.value.code == "host-key-changed"
    assert nothing_was_sent(server)


def test_a_host_with_another_type_of_key_only(lab: Lab) -> None:
    server = lab.server("LogLevel DEBUG2", pinned=False)
    rsa = lab.root / "rsa"
    keygen(rsa, "-t", "ecdsa")
    kind, key = rsa.with_suffix(".pub").read_text().split()[:2]
    lab.known_hosts.write_text(f"[{server.address}]:2222 {kind} {key}\n")
    assert refused(lab, server).code == "host-key-changed"
    assert nothing_was_sent(server)


def test_a_host_with_several_keys_shows_the_pinned_one(lab: Lab) -> None:
    """The one that is pinned is not the one that both sides would rather have."""
    key = keygen(lab.root / "ecdsa", "-t", "ecdsa")
    server = lab.server(f"HostKey {key}", pinned=False)
    kind, blob = key.with_suffix(".pub").read_text().split()[:2]
    lab.known_hosts.write_text(f"[{server.address}]:2222 {kind} {blob}\n")
    assert lab.shell(server).call("ledger.read", {"state": "~/site"}, within=20)["fence"] == 0


def test_a_revoked_key(lab: Lab) -> None:
    server = lab.server("LogLevel DEBUG2")
    lab.known_hosts.write_text(server.pin() + "@revoked * " + " ".join(server.pin().split()[1:]) + "\n")
    assert refused(lab, server).code == "host-key-revoked"
    assert nothing_was_sent(server)


def test_a_file_with_a_cert_authority_reaches_nobody(lab: Lab) -> None:
    server = lab.server()
    lab.known_hosts.write_text(server.pin() + "@cert-authority * " + " ".join(server.pin().split()[1:]) + "\n")
    with pytest.raises(ConfigError, match="cert-authority"):
        read_known_hosts(lab.known_hosts)


def test_the_jump_host_and_the_host_behind_it_are_both_checked(lab: Lab, tmp_path: Path) -> None:
    bastion, server = lab.server("LogLevel DEBUG2"), lab.server("LogLevel DEBUG2")
    only = {}
    for name, one in (("bastion", bastion), ("server", server)):
        file = tmp_path / f"only_{name}"
        file.write_text(one.pin())
        only[name] = read_known_hosts(file)
    jump = lab.to(bastion)
    error = refused(lab, server, jump=jump, known_hosts=only["bastion"])
    assert (error.code, server.address in error.message) == ("host-key-unknown", True)
    assert nothing_was_sent(server)
    (bastion.folder / "sshd.log").write_text("")
    error = refused(lab, server, jump=replace(jump, known_hosts=only["server"]))
    assert (error.code, bastion.address in error.message) == ("host-key-unknown", True)
