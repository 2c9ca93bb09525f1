"""Is this the host that we mean? Its key is compared with its pins before anything else is said to it."""

from time import monotonic

import paramiko

from releaser.errors import FailedError
from releaser.shell.known_hosts import Pins, fingerprint

__all__ = ["Pinned", "check", "not_pinned"]

HOST_KEYS = {
    "ssh-ed25519": ("ssh-ed25519",),
    "ecdsa-sha2-nistp256": ("ecdsa-sha2-nistp256",),
    "ecdsa-sha2-nistp384": ("ecdsa-sha2-nistp384",),
    "ecdsa-sha2-nistp521": ("ecdsa-sha2-nistp521",),
    "ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256"),
}
"""A key's type in known_hosts -> the algorithms by which a host proves that it has it; SHA-1 is not among them."""


class Pinned(paramiko.MissingHostKeyPolicy):
    """Asked about every host's key, because the client itself knows none; what it does not raise for is trusted."""

    def __init__(self, pins: Pins, until: float) -> None:
        self.pins = pins
        self.until = until

    def missing_host_key(self, client: paramiko.SSHClient, _hostname: str, key: paramiko.PKey) -> None:
        check(self.pins, key)
        transport = client.get_transport()
        if transport is not None:  # there is one: it has just shown us the key
            transport.auth_timeout = max(0.1, self.until - monotonic())


def check(pins: Pins, key: paramiko.PKey) -> None:
    """Raises FailedError for a key that is not pinned."""
    match pins.verdict(key.asbytes()):
        case "pinned":
            return
        case "unknown":
            raise FailedError(
                f"{pins.host} is not in {pins.source}, so nothing was sent to it; it shows the key {_shown(key)}",
                fix=(
                    "compare that with what the host itself says: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub",
                    f"then add the line to {pins.source}: {pins.host} {key.get_name()} {key.get_base64()}",
                ),
                code="host-key-unknown",
            )
        case "revoked":
            raise FailedError(
                f"{pins.host} shows a key that {pins.source} revokes, so nothing was sent to it: {_shown(key)}",
                fix=("give the host a new key, and pin that one",),
                code="host-key-revoked",
            )
        case "changed":
            raise FailedError(
                f"{pins.host} shows another key than {pins.source} has for it, so nothing was sent to it: {_shown(key)}; "
                "either the host was set up anew, or somebody stands in between",
                fix=(f"find out which; if it was set up anew, replace its line in {pins.source}",),
                code="host-key-changed",
            )


def not_pinned(pins: Pins) -> list[str]:
    """The algorithms to be left out, so that a host with several keys shows one that we can check."""
    wanted = {algorithm for kind in pins.kinds for algorithm in HOST_KEYS.get(kind, ())}
    return [name for names in HOST_KEYS.values() for name in names if wanted and name not in wanted]


def _shown(key: paramiko.PKey) -> str:
    return f"{fingerprint(key.asbytes())} ({key.get_name()})"
