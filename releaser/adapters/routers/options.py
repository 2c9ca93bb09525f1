"""What may be said of every router?"""

from typing import Annotated, Self

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

__all__ = ["Address", "Duration", "Port", "RouterOptions"]

MOST = 65535


def _with_a_port(address: str) -> str:
    if int(address.rpartition(":")[2]) > MOST:
        raise ValueError(f"a port is at most {MOST}")
    return address


Port = Annotated[int, Field(ge=1, le=MOST)]
Address = Annotated[str, Field(pattern=r"^[A-Za-z0-9.-]+:[1-9][0-9]{0,4}$"), AfterValidator(_with_a_port)]
"""HOST:PORT"""
Duration = Annotated[str, Field(pattern=r"^[1-9][0-9]{0,5}(?:ms|s|m)$")]


class RouterOptions(BaseModel):
    """The part that all kinds share: whether releaser runs it, and where users reach it then."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    managed: bool = False
    """releaser itself writes the configuration and keeps the router running, beside the local environment's slots."""
    listen: Port | None = None
    """Managed only: the port that users reach, on `address`."""
    address: Annotated[str, Field(pattern=r"^[0-9a-f.:]+$")] = "127.0.0.1"
    """Managed only: the address that it listens on."""
    hosts: tuple[str, ...] = ()
    """The machines that the router runs on; none: this machine."""
    timeout: Duration = "15s"
    """After this time a request that hangs ends as a 504, and counts as failed; yours to set in a router of your own."""

    @model_validator(mode="after")
    def _listens(self) -> Self:
        if self.managed and self.listen is None:
            raise ValueError("a managed router needs the port that users reach: listen: 8080")
        return self
