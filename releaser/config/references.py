"""What does a secret look like in a file? scheme:path#key[@version]: a reference, never the value."""

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Self

from releaser.errors import ConfigError

__all__ = ["Reference", "Secret", "find_reference"]

FORM = re.compile(
    r"(?P<scheme>[a-z][a-z0-9-]{0,31}):(?P<path>[A-Za-z0-9_.~/][A-Za-z0-9_./+-]*)"
    r"(?:#(?P<key>[A-Za-z0-9_.-]+))?(?:@(?P<version>[A-Za-z0-9_.-]+))?"
)
VAULT_PATH = re.compile(r"[^/]+(?:/[^/]+)+")
LONGEST = 512
EXAMPLES = {"file": "file:./secrets.env#NAME", "env": "env:NAME", "vault": "vault:secret/app#key"}


@dataclass(frozen=True, slots=True)
class Reference:
    """Where a secret is. `version` None: the newest, pinned when the release is made."""

    scheme: str
    path: str
    key: str | None = None
    version: str | None = None

    def __str__(self) -> str:
        key = f"#{self.key}" if self.key else ""
        return f"{self.scheme}:{self.path}{key}" + (f"@{self.version}" if self.version else "")

    @classmethod
    def parse(cls, text: str, origin: str) -> Self:
        """Raises ConfigError for anything but a plain reference; the text itself is not repeated: it may be a secret."""
        scheme = text.split(":", maxsplit=1)[0][:32]
        found = FORM.fullmatch(text) if len(text) <= LONGEST else None
        example = EXAMPLES.get(scheme, "scheme:path#key")
        if found is None or ".." in found["path"].split("/"):
            raise ConfigError(
                f"{origin}: this is not a reference to a secret; write it as {example}, "
                "with letters, digits and . _ / + ~ - and without '..'"
            )
        if scheme == "file" and found["key"] is None:
            raise ConfigError(f"{origin}: the reference does not say which value of the file; write it as {example}")
        if scheme in ("file", "env") and found["version"]:
            raise ConfigError(f"{origin}: {scheme}: keeps no versions; leave out @{found['version'][:32]}")
        if scheme == "vault" and not (
            found["key"] and VAULT_PATH.fullmatch(found["path"]) and _is_number(found["version"])
        ):
            raise ConfigError(
                f"{origin}: a reference to Vault names its mount, the path there, the key, and a number for one version; "
                f"write it as {example} or {example}@7"
            )
        if scheme == "env" and (found["key"] or not found["path"].isidentifier()):
            raise ConfigError(f"{origin}: env: names one variable; write it as {example}")
        return cls(scheme, found["path"], found["key"], found["version"])


def find_reference(text: str, schemes: Collection[str], origin: str) -> Reference | None:
    """The reference that `text` is, or None for plain text (file:// and https:// are URLs).

    Raises ConfigError for a broken reference.
    """
    scheme, colon, rest = text.partition(":")
    if not colon or rest.startswith("//") or scheme not in schemes:
        return None
    return Reference.parse(text, origin)


def _is_number(version: str | None) -> bool:
    return version is None or (version.isdecimal() and version.isascii() and int(version) > 0)


class Secret:
    """A value that no print, log or error shows. `reveal` is called where it is handed to a host, and nowhere else."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(hidden)"

    def __str__(self) -> str:
        return "(hidden)"

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)

    def __reduce__(self) -> str | tuple[object, ...]:
        raise TypeError("a secret is not pickled or copied")
