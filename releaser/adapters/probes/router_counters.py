"""May the judge use the router's own counters? The counting is the router's, so there is nothing to be told here."""

from typing import ClassVar

from pydantic import BaseModel, ConfigDict

__all__ = ["RouterCounters", "RouterCountersOptions"]


class RouterCountersOptions(BaseModel):
    """`kind: router` has no options: which requests failed is what the router says."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class RouterCounters:
    """Marks that a release is judged by the errors that its routers counted (ports.Counters)."""

    Options: ClassVar = RouterCountersOptions
