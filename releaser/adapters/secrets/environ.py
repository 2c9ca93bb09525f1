"""What stands in a variable of the process that releases? `env:NAME`, as CI systems hand secrets to a job."""

from collections.abc import Mapping
from hashlib import scrypt
from pathlib import Path
from typing import ClassVar

from pydantic import BaseModel, ConfigDict

from releaser.errors import FailedError

__all__ = ["EnvironSecrets", "EnvironSecretsOptions"]


class EnvironSecretsOptions(BaseModel):
    """Nothing is asked beside the reference."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class EnvironSecrets:
    """Looks in `variables` only (this process's environment, handed in by the wiring)."""

    Options: ClassVar = EnvironSecretsOptions

    def __init__(self, folder: Path, variables: Mapping[str, str], options: EnvironSecretsOptions) -> None:  # noqa: ARG002 - every store is built the same way
        self._variables = variables

    def resolve(self, reference: str, *, within: float) -> tuple[str, str]:  # noqa: ARG002 - the port has it; this looks at this machine only
        """(value, version): the version is a slow, short fingerprint of the value. Raises FailedError."""
        name = reference.removeprefix("env:")
        if not name.isidentifier():
            raise FailedError("an env reference is written env:NAME; correct it")
        value = self._variables.get(name)
        if value is None:
            raise FailedError(f"the variable {name} is not set in this process; set it where releaser is started")
        # Slow and short on purpose: a weak secret is not found from its version by trying.
        return value, scrypt(value.encode(), salt=reference.encode(), n=2**14, r=8, p=1, dklen=4).hex()
