"""How is Envoy told a split, and how does it answer? Weights through a watched route file, answers from its admin port."""

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal, Self
from urllib.parse import quote

from pydantic import Field, model_validator

from releaser.adapters.routers import envoy_config
from releaser.adapters.routers.dialect import Recipe
from releaser.adapters.routers.envoy_stats import COUNTED, counts_of
from releaser.adapters.routers.options import Address, RouterOptions
from releaser.adapters.routers.slots import shares, split_of
from releaser.core.values import SLOTS, Binding, Counts, Slot, Split
from releaser.errors import FailedError
from releaser.ports import RouterState

__all__ = ["EnvoyOptions", "EnvoyRouter"]

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.-]{1,60}$")]

LOOK_WITHIN = 2.0
"""Seconds for Envoy to take up a renamed route file; it needs a few milliseconds."""


class EnvoyOptions(RouterOptions):
    """`router: { kind: envoy, ... }`. A managed one needs `listen` only; an Envoy of your own needs `admin` and `rds`."""

    kind: Literal["envoy"] = "envoy"
    admin: Address | None = None
    """HOST:PORT of the admin interface, as seen from Envoy's own host. Managed: a free port is taken."""
    rds: str | None = None
    """The file that Envoy watches for its routes (path_config_source)."""
    route: Name = "releaser"
    """The name of the route configuration in that file."""
    clusters: dict[Slot, Name] = Field(default={"blue": "blue", "green": "green"})
    """The cluster of each slot."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if set(self.clusters) != set(SLOTS) or len(set(self.clusters.values())) != len(SLOTS):
            raise ValueError("clusters names one cluster for blue and another one for green")
        if not self.managed and (self.admin is None or self.rds is None):
            raise ValueError("an Envoy of your own needs admin: HOST:PORT and rds: PATH; or set managed: true")
        return self


class EnvoyRouter:
    """A Dialect. `admin` and `rds` must be known: managed.py fills them in for a managed one.

    Envoy speaks of clusters, not of hosts: which applications are behind it, it knows itself.
    """

    Options: ClassVar = EnvoyOptions
    finest: int = 1

    def __init__(self, options: EnvoyOptions, hosts: Sequence[str] = ()) -> None:  # noqa: ARG002 - as every dialect
        if options.admin is None or options.rds is None:
            raise ValueError("the dialect needs admin and rds")
        self._options = options
        self._admin = options.admin
        self._rds = options.rds

    def write(self, split: Split, binding: Binding, generation: int) -> Recipe:
        options = self._options
        routes = envoy_config.open_routes(
            options.route, options.clusters, shares(split, binding), generation, envoy_config.seconds(options.timeout)
        )
        whole = envoy_config.text(envoy_config.discovery_response(routes, generation))
        return ({"do": "replace", "path": self._rds, "text": whole, "mode": 0o644},)

    def look(self, generation: int | None = None) -> Recipe:
        name = quote(f"^{re.escape(self._options.route)}$")
        expect = '"route_config"' if generation is None else rf'"generation": ?{generation}\b'
        url = f"http://{self._admin}/config_dump?resource=dynamic_route_configs&name_regex={name}"
        return ({"do": "http", "url": url, "expect": expect, "within": LOOK_WITHIN},)

    def parse(self, replies: Sequence[str], binding: Binding) -> RouterState:
        (reply,) = replies
        route = _first_route(_document(reply))
        marks = route.get("metadata", {}).get("filter_metadata", {}).get("releaser", {})
        return RouterState(split_of(self._weights(route), binding), int(marks.get("generation", 0)))

    def count(self) -> Recipe:
        names = "|".join(re.escape(self._options.clusters[slot]) for slot in SLOTS)
        matching = quote(rf"^cluster\.({names})\.({'|'.join(COUNTED)})$")
        url = f"http://{self._admin}/stats?format=json&histogram_buckets=detailed&filter={matching}"
        return ({"do": "http", "url": url, "expect": '"stats"', "within": LOOK_WITHIN},)

    def tally(self, replies: Sequence[str], binding: Binding) -> Mapping[str, Counts]:
        (reply,) = replies
        document, timeout = _document(reply), float(envoy_config.seconds(self._options.timeout).removesuffix("s"))
        return {release: counts_of(document, self._options.clusters[slot], timeout) for slot, release in binding}

    def _weights(self, route: Mapping[str, Any]) -> dict[Slot, int]:
        """By slot, in Envoy's units. A route to one cluster, or to none (direct_response), is understood too."""
        action = route.get("route", {})
        weighted = action.get("weighted_clusters", {}).get("clusters", ())
        by_cluster = {item["name"]: int(item.get("weight", 0)) for item in weighted}
        if "cluster" in action:
            by_cluster = {action["cluster"]: 100}
        strange = by_cluster.keys() - set(self._options.clusters.values())
        if strange:
            raise FailedError(
                f"Envoy sends requests to {', '.join(sorted(strange))}, which is none of this environment's clusters",
                fix=("name the environment's two clusters in router.clusters",),
                code="stranger",
            )
        return {slot: by_cluster.get(self._options.clusters[slot], 0) for slot in SLOTS}


def _document(reply: str) -> dict[str, Any]:
    try:
        document = json.loads(reply)
    except ValueError:
        document = None
    if not isinstance(document, dict):
        raise FailedError(f"Envoy's admin port did not answer with JSON but {reply[:80]!r}", code="reply")
    return document


def _first_route(document: Mapping[str, Any]) -> dict[str, Any]:
    """The one route that takes every request. Raises FailedError where the configuration has another form."""
    try:
        (config,) = document["configs"]
        (host,) = config["route_config"]["virtual_hosts"]
        (route,) = host["routes"]
    except (KeyError, ValueError):
        raise FailedError(
            "Envoy's route configuration is not one virtual host with one route, so its split cannot be read",
            fix=("let releaser write the file that router.rds names",),
            code="reply",
        ) from None
    return dict(route)
