"""What does Vault keep? `vault:secret/shop#database_url[@version]`: one value of a KV version 2 secret, over TLS only."""

import re
from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from releaser.adapters.secrets.files import readable_by_others
from releaser.errors import FailedError

if TYPE_CHECKING:
    from releaser.adapters.secrets.vault_client import Kept, VaultClient

__all__ = ["Approle", "Auth", "Token", "VaultOptions", "VaultSecrets", "VaultTls"]

ADDRESS = re.compile(r"https://[A-Za-z0-9\[:][A-Za-z0-9._:\]-]*/?")
Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]*$", max_length=128)]
PathName = Annotated[str, StringConstraints(pattern=r"^[^\x00]+$", max_length=1024)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Approle(_Section):
    """A machine's login."""

    role: Word
    """The role id."""
    secret_id_file: PathName
    """Holds the secret id, alone on a line."""
    wrapped: bool = False
    """The file holds a wrapping token, which gives the secret id once: whoever opened it before is noticed."""
    mount: Word = "approle"
    """Where Vault has this way to log in."""


class Token(_Section):
    """A token that exists already: in a file, or in a variable of this process. One of the two."""

    file: PathName | None = None
    """Holds the token, alone on a line."""
    env: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)] | None = None
    """The variable's name."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.file is None) is (self.env is None):
            raise ValueError("a token stands either in a file or in a variable: give `file` or `env`")
        return self


class Auth(_Section):
    """How releaser logs in: one of the ways."""

    approle: Approle | None = None
    """A role of its own for releaser: the usual way."""
    token: Token | None = None
    """A token that somebody else has got for it."""

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.approle is None) is (self.token is None):
            raise ValueError("one way to log in is needed: give `approle` or `token`")
        return self


class VaultTls(_Section):
    """How Vault is known to be Vault."""

    ca: PathName | None = None
    """A PEM file with what signs Vault's certificate; else what this machine trusts."""
    minimum: Literal["1.2", "1.3"] = "1.3"
    """`1.2`: an older server is spoken to with that version of TLS."""


class VaultOptions(_Section):
    """Where Vault is and who we are there."""

    address: Annotated[str, StringConstraints(max_length=300)]
    """`https://HOST:8200` of the active node."""
    auth: Auth
    namespace: Word | None = None
    """Of Vault Enterprise and OpenBao."""
    tls: VaultTls = Field(default_factory=VaultTls)

    @field_validator("address")
    @classmethod
    def _https(cls, given: str) -> str:
        if not ADDRESS.fullmatch(given):
            raise ValueError(
                "Vault is spoken to over TLS only, without a path or a login in its address: write https://HOST:8200"
            )
        return given


class VaultSecrets:
    """Implements ports.SecretStore. Logs in at the first question; relative file names start from `folder`.

    Several keys of one secret are taken from the same version of it, read once. `close` revokes a token that a login
    gave; one that was handed to us stays as it is.
    """

    Options: ClassVar = VaultOptions

    def __init__(self, folder: Path, variables: Mapping[str, str], options: VaultOptions) -> None:
        self._folder = folder
        self._variables = variables
        self._options = options
        self._client: VaultClient | None = None
        self._read: dict[tuple[str, str, int | None], Kept] = {}

    def resolve(self, reference: str, *, within: float) -> tuple[str, str]:
        """(value, version). Raises FailedError or UnreachableError; no message repeats a value.

        The version is its number and the time at which Vault wrote it: a secret that was removed with all its versions
        and made again, or one of another Vault, counts from 1 too.
        """
        mount, path, key, version = _parsed(reference)
        if (mount, path, version) not in self._read:
            self._read[mount, path, version] = self._connected().read(mount, path, version, until=monotonic() + within)
        kept = self._read[mount, path, version]
        if not isinstance(kept.values.get(key), str):
            what = "is not a text" if key in kept.values else "is not there"
            raise FailedError(
                f"{reference}: {key} {what} in version {kept.version} of the secret; correct the reference",
                code="vault-key",
            )
        return str(kept.values[key]), f"{kept.version} of {kept.written}"

    def concerns(self, reference: str) -> tuple[str, ...]:  # noqa: ARG002 - one login for all of them
        """What is unwise about the file with the secret id or the token, in words."""
        approle, token = self._options.auth.approle, self._options.auth.token
        name = approle.secret_id_file if approle is not None else token.file if token is not None else None
        return readable_by_others(self._folder / Path(name).expanduser()) if name else ()

    def close(self) -> None:
        """Safe to repeat; where Vault is away the token dies by its own lifetime."""
        client, self._client = self._client, None
        self._read.clear()
        if client is not None:
            client.close(until=monotonic() + 2.0)

    def _connected(self) -> "VaultClient":
        if self._client is None:
            from releaser.adapters.secrets.vault_client import (
                VaultClient,  # hvac costs 150 ms, which `status` need not pay
            )

            self._client = VaultClient(self._options, self._folder, self._variables)
        return self._client


def _parsed(reference: str) -> tuple[str, str, str, int | None]:
    """(mount, path, key, version) of vault:mount/path#key[@version]."""
    place, _, rest = reference.removeprefix("vault:").partition("#")
    key, _, version = rest.partition("@")
    mount, _, path = place.partition("/")
    if not (mount and path and key) or (version and not version.isdecimal()):
        raise FailedError(
            "a vault reference is written vault:mount/path#key, or vault:mount/path#key@7 for one version; correct it"
        )
    return mount, path, key, int(version) if version else None
