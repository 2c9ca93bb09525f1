"""What does Vault keep? `vault:secret/shop#database_url[@version]`: one value of a KV version 2 secret, over TLS only."""

from collections.abc import Mapping
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, model_validator

from releaser.errors import FailedError

if TYPE_CHECKING:
    from releaser.adapters.secrets.vault_client import VaultClient

__all__ = ["Approle", "Auth", "Token", "VaultOptions", "VaultSecrets", "VaultTls"]

Word = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9_./-]*$", max_length=128)]
PathName = Annotated[str, StringConstraints(pattern=r"^[^\x00]+$", max_length=1024)]


class _Section(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Approle(_Section):
    """A machine's login: `role` is the role id, `secret_id_file` holds the secret id, alone on a line.

    `wrapped: true`: the file holds a wrapping token that gives the secret id once. Somebody who opened it before us is
    noticed, because the second opening fails.
    """

    role: Word
    secret_id_file: PathName
    wrapped: bool = False
    mount: Word = "approle"


class Token(_Section):
    """A token that exists already: in a file, or in a variable of this process. One of the two."""

    file: PathName | None = None
    env: Annotated[str, StringConstraints(pattern=r"^[A-Za-z_][A-Za-z0-9_]*$", max_length=128)] | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.file is None) is (self.env is None):
            raise ValueError("a token stands either in a file or in a variable: give `file` or `env`")
        return self


class Auth(_Section):
    """How releaser logs in: one of the ways."""

    approle: Approle | None = None
    token: Token | None = None

    @model_validator(mode="after")
    def _one(self) -> Self:
        if (self.approle is None) is (self.token is None):
            raise ValueError("one way to log in is needed: give `approle` or `token`")
        return self


class VaultTls(_Section):
    """`ca`: a PEM file that signs Vault's certificate; `minimum`: an older server, named here, is spoken to with TLS 1.2."""

    ca: PathName | None = None
    minimum: Literal["1.2", "1.3"] = "1.3"


class VaultOptions(_Section):
    """Where Vault is and who we are there."""

    address: Annotated[str, StringConstraints(pattern=r"^https://[A-Za-z0-9\[:][A-Za-z0-9._:\]-]*/?$", max_length=300)]
    auth: Auth
    namespace: Word | None = None
    tls: VaultTls = Field(default_factory=VaultTls)


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
        self._read: dict[tuple[str, str, int | None], tuple[Mapping[str, Any], int]] = {}

    def resolve(self, reference: str, *, within: float) -> tuple[str, str]:
        """(value, version number). Raises FailedError or UnreachableError; no message repeats a value."""
        mount, path, key, version = _parsed(reference)
        if (mount, path, version) not in self._read:
            self._read[mount, path, version] = self._connected().read(mount, path, version, until=monotonic() + within)
        values, number = self._read[mount, path, version]
        if not isinstance(values.get(key), str):
            what = "is not a text" if key in values else "is not there"
            raise FailedError(f"{reference}: {key} {what} in version {number} of the secret; correct the reference")
        return str(values[key]), str(number)

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
