"""Which keys may a host have? OpenSSH's known_hosts, read by ourselves, because what is skipped in it must not be trusted."""

import base64
import binascii
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from releaser.errors import ConfigError

__all__ = ["KnownHosts", "Pins", "fingerprint", "host_name", "read_known_hosts"]

Verdict = Literal["pinned", "unknown", "changed", "revoked"]
MOST = 10_000_000
"""Bytes: a longer file is not a known_hosts."""


@dataclass(frozen=True, slots=True)
class Line:
    """One key of the file. `names` are patterns, or one hashed name (|1|salt|hash)."""

    names: tuple[str, ...]
    kind: str
    key: bytes
    revoked: bool


@dataclass(frozen=True, slots=True)
class Pins:
    """What the file says of one host. Keys are in wire format, as a server sends them."""

    host: str
    source: str
    accepted: frozenset[bytes]
    revoked: frozenset[bytes]
    kinds: tuple[str, ...]
    """The types of the accepted keys, as the file names them: a server is asked for these only."""

    def verdict(self, key: bytes) -> Verdict:
        if key in self.revoked:
            return "revoked"
        if key in self.accepted:
            return "pinned"
        return "changed" if self.accepted else "unknown"


@dataclass(frozen=True, slots=True)
class KnownHosts:
    """A file's lines. `source` is its name, for messages."""

    source: str
    lines: tuple[Line, ...]

    def pins(self, host: str, port: int) -> Pins:
        name = host_name(host, port)
        known = [line for line in self.lines if _names(line.names, name)]
        accepted = [line for line in known if not line.revoked]
        return Pins(
            name,
            self.source,
            frozenset(line.key for line in accepted),
            frozenset(line.key for line in known if line.revoked),
            tuple(sorted({line.kind for line in accepted})),
        )


def read_known_hosts(file: Path) -> KnownHosts:
    """Raises ConfigError for a file that cannot be read or that we cannot honour in full."""
    try:
        with file.open(encoding="utf-8", errors="replace") as opened:
            text = opened.read(MOST + 1)
    except OSError as error:
        raise ConfigError(
            f"the known_hosts file {file} cannot be read ({error.strerror}), and no host is reached without one",
            fix=(f"ssh-keyscan HOST >> {file}, then compare each fingerprint with what the host itself says",),
            code="known-hosts",
        ) from None
    if len(text) > MOST:
        raise ConfigError(f"{file} is too long for a known_hosts file; name the right one", code="known-hosts")
    return parse(text, str(file))


def parse(text: str, source: str) -> KnownHosts:
    """The lines that we understand. Raises ConfigError for @cert-authority, an unknown marker and a broken @revoked.

    A plain line that is not one of a key is passed over, as OpenSSH does: it pins nothing, so that its host is refused.
    """
    return KnownHosts(source, tuple(_lines(text, source)))


def host_name(host: str, port: int) -> str:
    """What the file calls it: the name, in brackets with its port where that is not 22."""
    plain = host.strip("[]").lower()
    return plain if port == 22 else f"[{plain}]:{port}"


def fingerprint(key: bytes) -> str:
    """As `ssh-keygen -lf` shows it."""
    from hashlib import sha256

    return "SHA256:" + base64.b64encode(sha256(key).digest()).decode().rstrip("=")


def _lines(text: str, source: str) -> Iterator[Line]:
    for number, line in enumerate(text.splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        marker = fields.pop(0) if fields[0].startswith("@") else ""
        if marker not in ("", "@revoked"):
            raise _refused(f"{source}:{number}", marker)
        known = _line(fields, revoked=bool(marker))
        if known is not None:
            yield known
        elif marker:
            raise ConfigError(
                f"{source}:{number}: @revoked without a readable key; correct the line", code="known-hosts"
            )


def _line(fields: list[str], *, revoked: bool) -> Line | None:
    if len(fields) < 3:
        return None
    names, kind, encoded = fields[:3]
    try:
        key = base64.b64decode(encoded, validate=True)
    except binascii.Error:
        return None
    if key[4 : 4 + len(kind)] != kind.encode() or int.from_bytes(key[:4], "big") != len(kind):
        return None
    return Line(tuple(names.split(",")), kind, key, revoked)


def _refused(where: str, marker: str) -> ConfigError:
    if marker == "@cert-authority":
        return ConfigError(
            f"{where}: @cert-authority is not supported yet, and a file that has such a line is not used in part; "
            "name a known_hosts file with the hosts' own keys",
            fix=("ssh: { known_hosts: ./known_hosts }",),
            code="cert-authority",
        )
    return ConfigError(f"{where}: the marker {marker[:40]} is not known; only @revoked is", code="known-hosts")


def _names(patterns: tuple[str, ...], name: str) -> bool:
    """Whether a line is about this host: one pattern fits, and none with ! does."""
    if patterns[0].startswith("|"):
        return _hashed(patterns[0], name)
    lowered = [pattern.lower() for pattern in patterns]
    if any(pattern.startswith("!") and _fits(pattern[1:], name) for pattern in lowered):
        return False
    return any(not pattern.startswith("!") and _fits(pattern, name) for pattern in lowered)


def _fits(pattern: str, name: str) -> bool:
    """Only * and ? are special; brackets belong to [host]:port."""
    return fnmatchcase(name, pattern.replace("[", "[[]"))


def _hashed(entry: str, name: str) -> bool:
    """|1|salt|HMAC-SHA1(salt, name): the file's own format, which hides names and proves nothing."""
    _, version, salt, digest = (*entry.split("|"), "", "", "", "")[:4]
    try:
        made = hmac.new(base64.b64decode(salt), name.encode(), "sha1").digest()
        return version == "1" and hmac.compare_digest(made, base64.b64decode(digest))
    except binascii.Error:
        return False
