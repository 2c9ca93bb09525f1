"""Which public key shall a host let in? Read from a file of this machine, and shown by its fingerprint."""

import base64
import binascii
from pathlib import Path

from releaser.config.environment import Ssh
from releaser.engine.remote import local_path
from releaser.errors import UsageError
from releaser.shell.known_hosts import fingerprint

__all__ = ["read_public_key", "usual_public_key"]

USUAL = ("id_ed25519", "id_ecdsa", "id_rsa")


def read_public_key(file: Path) -> tuple[str, str]:
    """(its line for authorized_keys, its fingerprint). Raises UsageError for what is none."""
    try:
        words = file.read_text(encoding="utf-8").split()
    except (OSError, UnicodeDecodeError):
        raise UsageError(
            f"the public key {file} cannot be read; name another: --authorize FILE.pub", code="key"
        ) from None
    key = _wire(words)
    if key is None:
        raise UsageError(f"{file} is not a public key; name the file that ends with .pub", code="key")
    return " ".join(words[:2]), fingerprint(key)


def _wire(words: list[str]) -> bytes | None:
    """The key of "TYPE BASE64 COMMENT" in wire format, which begins with the type again."""
    kind, encoded = (*words[:2], "", "")[:2]
    try:
        key = base64.b64decode(encoded, validate=True)
    except (ValueError, binascii.Error):
        return None
    return key if kind and key.startswith(len(kind).to_bytes(4, "big") + kind.encode()) else None


def usual_public_key(ssh: Ssh, folder: Path, home: Path) -> Path | None:
    """Beside the private key that will be used; None where nobody can say which one that is."""
    keys = [local_path(ssh.key, folder)] if ssh.key else [home / ".ssh" / name for name in USUAL]
    public = [key.with_name(f"{key.name}.pub") for key in keys]
    return next((file for file in public if file.exists()), None)
