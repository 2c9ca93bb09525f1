"""How is nginx told a split, and how does it answer? An include and a reload; its own endpoint says what it applies."""

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field, model_validator

from releaser.adapters.routers import nginx_config
from releaser.adapters.routers.dialect import Recipe
from releaser.adapters.routers.options import Address, RouterOptions
from releaser.adapters.routers.request_lines import Requests, requests_of
from releaser.adapters.routers.slots import shares, split_of
from releaser.core.latency import EDGES
from releaser.core.values import LONG, SLOTS, Binding, Counts, Slot, Split
from releaser.errors import FailedError
from releaser.ports import RouterState

__all__ = ["NginxOptions", "NginxRouter"]

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_-]{1,60}$")]
Path = Annotated[str, Field(pattern=r"^/[^\s;{}\\\"']+$")]
Word = Annotated[str, Field(min_length=1, max_length=300)]

LOOK_WITHIN = 5.0
"""Seconds for a reload: it reads the whole configuration and starts new workers."""
STEADY = 0.3
"""Seconds for which every answer must be of the new configuration. The old workers go on accepting for 0.1 s beside the new
ones (ngx_master_process_cycle), so one new answer proves little."""
LARGEST_LOG = 64 << 20


class NginxOptions(RouterOptions):
    """`router: { kind: nginx, ... }`. The configuration of an nginx of your own sends requests to the upstream named
    `UPSTREAM_$releaser_slot` and logs `$releaser_slot $status $request_time $upstream_addr`.
    """

    kind: Literal["nginx"] = "nginx"
    include: Path | None = None
    """The file that the http block includes and that releaser writes."""
    log: Path | None = None
    """An access log with the format '$releaser_slot $status $request_time $upstream_addr' and nothing else."""
    status: Address | None = None
    """HOST:PORT of the generation endpoint, which the include opens. Managed: a free port is taken."""
    upstream: Name = "app"
    """Managed only: the upstreams are UPSTREAM_blue and UPSTREAM_green."""
    test: tuple[Word, ...] = ("nginx", "-t", "-q")
    """What says whether the configuration is sound, before nginx is told to read it."""
    reload: tuple[Word, ...] = ("nginx", "-s", "reload")
    """What makes nginx read it."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if not self.managed and (self.include is None or self.log is None or self.status is None):
            raise ValueError("an nginx of your own needs include, log and status; or set managed: true")
        return self


class NginxRouter:
    """A Dialect. `include`, `log` and `status` must be known: managed.py fills them in for a managed one.

    nginx has no counters by upstream: its log is added up on its host, and what is under way is not seen.
    """

    Options: ClassVar = NginxOptions
    finest: int = 1

    def __init__(self, options: NginxOptions, hosts: Sequence[str] = ()) -> None:  # noqa: ARG002 - as every dialect
        if options.include is None or options.log is None or options.status is None:
            raise ValueError("the dialect needs include, log and status")
        self._options = options
        self._include = options.include
        self._log = options.log
        self._status = options.status

    def write(self, split: Split, binding: Binding, generation: int) -> Recipe:
        """The test is part of the write: where nginx would not read the configuration, the include is put back."""
        text = nginx_config.include(self._status, generation, shares(split, binding))
        return (
            {"do": "rotate", "path": self._log, "above": LARGEST_LOG},
            {"do": "tested", "path": self._include, "text": text, "mode": 0o644, "argv": list(self._options.test)},
            {"do": "run", "argv": list(self._options.reload)},
        )

    def look(self, generation: int | None = None) -> Recipe:
        url = f"http://{self._status}{nginx_config.GENERATION_PATH}"
        if generation is None:
            return ({"do": "http", "url": url, "expect": "^generation ", "within": LOOK_WITHIN},)
        return (
            {"do": "http", "url": url, "expect": rf"^generation {generation}\b", "within": LOOK_WITHIN, "for": STEADY},
        )

    def parse(self, replies: Sequence[str], binding: Binding) -> RouterState:
        (reply,) = replies
        found = nginx_config.MARK.match(reply)
        if found is None:
            raise FailedError(
                f"{self._status} is not the generation endpoint of releaser's include: {reply[:80]!r}",
                fix=(f"include {self._include} in nginx's http block",),
                code="reply",
            )
        weights: dict[Slot, int] = {slot: int(found[slot]) for slot in SLOTS}
        return RouterState(split_of(weights, binding), int(found["generation"]))

    def count(self) -> Recipe:
        return ({"do": "tally", "path": self._log, "kept": f"{self._log}.tally", "edges": list(EDGES)},)

    def tally(self, replies: Sequence[str], binding: Binding) -> Mapping[str, Counts]:
        """A failure is a status of 500 or more; nginx's own 502 and 504 (dead port, reset, time-out) are among them."""
        (reply,) = replies
        lines: dict[str, int] = json.loads(reply)
        return {release: _counts(requests_of(lines, slot)) for slot, release in binding}


def _counts(found: Requests) -> Counts:
    latency = found.latency()
    return Counts(found.completed, found.failed, 0, found.causes(), latency, latency.beyond(LONG) if latency else 0)
