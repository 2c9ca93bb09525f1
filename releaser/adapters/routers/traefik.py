"""How is Traefik told a split, and how does it answer? Through a watched file; its API says what it took from there."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from releaser.adapters.routers import traefik_config
from releaser.adapters.routers.dialect import Recipe
from releaser.adapters.routers.options import Address, RouterOptions
from releaser.adapters.routers.slots import shares, split_of
from releaser.adapters.routers.traefik_metrics import Metrics
from releaser.core.values import SLOTS, Binding, Counts, Slot, Split
from releaser.errors import FailedError
from releaser.ports import RouterState

__all__ = ["Sample", "TraefikOptions", "TraefikRouter"]

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,60}$")]
Path = Annotated[str, Field(pattern=r"^/[^\x00-\x1f]+\.ya?ml$")]

LOOK_WITHIN = 10.0
"""Seconds for Traefik to take up a renamed file: it waits 50 ms for more where releaser runs it, 2 s by its own default, and
then builds all of its configuration anew."""
SAMPLED = 10
"""Answers in a row with the new generation before a shift counts: Traefik's API says what it has read, and the entry points
are switched one after the other after that. A share of 26 % that still went the old way would be noticed in 95 of 100 shifts; more of them would make every way back slower.
"""


class Sample(BaseModel):
    """A request that Traefik answers itself, on the way that users come."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    url: Annotated[str, Field(pattern=r"^http://[A-Za-z0-9.-]+(?::[1-9][0-9]{0,4})?/[!-~]*$")]
    """On the users' entry point, as seen from Traefik's own host: http://ADDRESS:PORT/PATH."""
    host: Annotated[str, Field(pattern=r"^[A-Za-z0-9.:-]{0,253}$")] = ""
    """The Host header; the URL's, if empty."""


class TraefikOptions(RouterOptions):
    """`router: { kind: traefik, ... }`. A managed one needs `listen` only; a Traefik of your own needs `api`, `file` and `sample`, and a
    route to the service `service` with the middleware `SERVICE-generation`.
    """

    kind: Literal["traefik"] = "traefik"
    api: Address | None = None
    """HOST:PORT of the API and the Prometheus metrics, as seen from Traefik's own host. Managed: a free port is taken."""
    file: Path | None = None
    """A file of its own, in the directory that Traefik's file provider watches."""
    service: Name = "releaser"
    """The name of the weighted service in that file."""
    services: dict[Slot, Name] = Field(default={"blue": "blue", "green": "green"})
    """The service of each slot, defined by the same provider."""
    sample: Sample | None = None
    """What is asked on the way that users come, with the middleware `SERVICE-generation`, before a shift counts. Managed: set."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if set(self.services) != set(SLOTS) or len(set(self.services.values())) != len(SLOTS):
            raise ValueError("services names one service for blue and another one for green")
        if not self.managed and (self.api is None or self.file is None or self.sample is None):
            raise ValueError(
                "a Traefik of your own needs api: HOST:PORT, file: PATH and sample: { url: URL }; or set managed: true"
            )
        return self


class TraefikRouter:
    """A Dialect. `api`, `file` and `sample` must be known: managed.py fills them in for a managed one.

    Traefik counts requests by service when they end, and says nothing of those under way.
    """

    Options: ClassVar = TraefikOptions
    finest: int = 1

    def __init__(self, options: TraefikOptions, hosts: Sequence[str] = ()) -> None:  # noqa: ARG002 - as every dialect
        if options.api is None or options.file is None or options.sample is None:
            raise ValueError("the dialect needs api, file and sample")
        self._options = options
        self._api = options.api
        self._file = options.file
        self._sample = options.sample

    def write(self, split: Split, binding: Binding, generation: int) -> Recipe:
        options = self._options
        whole = traefik_config.split_file(options.service, options.services, shares(split, binding), generation)
        return ({"do": "replace", "path": self._file, "text": traefik_config.text(whole), "mode": 0o644},)

    def look(self, generation: int | None = None) -> Recipe:
        url = f"http://{self._api}/api/rawdata"
        if generation is None:
            return ({"do": "http", "url": url, "expect": '"services"', "within": LOOK_WITHIN},)
        header = traefik_config.GENERATION_HEADER
        read = {"do": "http", "url": url, "expect": rf'"{header}": ?"{generation}"', "within": LOOK_WITHIN}
        asked = {"do": "sample", "url": self._sample.url, "host": self._sample.host, "times": SAMPLED}
        return (read, {**asked, "header": header, "value": str(generation), "within": LOOK_WITHIN})

    def parse(self, replies: Sequence[str], binding: Binding) -> RouterState:
        known, name = _document(replies[0]), self._options.service
        try:
            weighted = known["services"][f"{name}@file"]["weighted"]["services"]
            headers = known["middlewares"][f"{traefik_config.middleware(name)}@file"]["headers"]
            generation = int(headers["customResponseHeaders"][traefik_config.GENERATION_HEADER])
            weights = {item["name"].removesuffix("@file"): int(item.get("weight", 0)) for item in weighted}
        except (KeyError, TypeError, ValueError):
            raise FailedError(
                f"Traefik does not know the weighted service {name} of {self._file}",
                fix=(f"put {self._file} into the directory that Traefik's file provider watches",),
                code="reply",
            ) from None
        return RouterState(split_of(self._by_slot(weights), binding), generation)

    def count(self) -> Recipe:
        return ({"do": "http", "url": f"http://{self._api}/metrics", "expect": "", "within": LOOK_WITHIN},)

    def tally(self, replies: Sequence[str], binding: Binding) -> Mapping[str, Counts]:
        (reply,) = replies
        metrics = Metrics(reply)
        return {release: metrics.counts(f"{self._options.services[slot]}@file") for slot, release in binding}

    def _by_slot(self, weights: Mapping[str, int]) -> dict[Slot, int]:
        strange = {name for name, weight in weights.items() if weight} - set(self._options.services.values())
        if strange:
            raise FailedError(
                f"Traefik sends requests to {', '.join(sorted(strange))}, which is none of this environment's services",
                fix=("name the environment's two services in router.services",),
                code="stranger",
            )
        return {slot: weights.get(self._options.services[slot], 0) for slot in SLOTS}


def _document(reply: str) -> dict[str, Any]:
    try:
        document = json.loads(reply)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise FailedError(f"Traefik's API did not answer with JSON but {reply[:80]!r}", code="reply")
    return document
