"""Does this release answer well over HTTP, on every host, and with its own version?"""

import json
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from releaser.adapters.probes.answers import BODY_LIMIT, NoAnswer
from releaser.core.absent import Missing
from releaser.core.values import Reading, Release, Slot

__all__ = ["Endpoint", "HttpOptions", "HttpProbe", "Tls"]

WORKERS = 32
VERSION = r"^(?:process|header:[A-Za-z0-9-]{1,100}|\$(?:\.[A-Za-z0-9_-]{1,100}){1,16})$"
STATUS = re.compile(r"[1-5][0-9]{2}(?:-[1-5][0-9]{2})?")
HEADER = r"^[A-Za-z0-9!#$%&'*+.^_`|~-]{1,100}$"
HEADER_VALUE = r"^[^\x00-\x1f\x7f]*$"
HostName = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9\[:][A-Za-z0-9._:\]-]*$", max_length=253)]


class Tls(BaseModel):
    """`ca`: a PEM file that signs the applications' certificates; `server_name`: the name that those are for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ca: Annotated[str, StringConstraints(min_length=1, max_length=1024)] | None = None
    """A PEM file that signs the applications' certificates; without it the system's are believed."""
    server_name: HostName | None = None
    """The name that those are for."""


class HttpOptions(BaseModel):
    """The question; how often it is asked and how many answers decide belongs to the environment's probe."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Annotated[str, StringConstraints(pattern=r"^/[!-~]*$", max_length=1024)] = "/healthz"
    """What is asked for, on the slot's own port."""
    version: Annotated[str, StringConstraints(pattern=VERSION)] = "process"
    """"$.json.path", "header:X-Version", or "process": only what was started there, the answer is not asked."""
    status: str = "200-299"
    """One or more codes and ranges: "200-299,304"."""
    scheme: Literal["http", "https"] = "http"
    """How it is asked."""
    host: HostName | None = None
    """The Host header; None: the address that is asked."""
    headers: dict[Annotated[str, StringConstraints(pattern=HEADER)], Annotated[str, Field(pattern=HEADER_VALUE)]] = {}
    """Sent with each request."""
    tls: Tls = Tls()
    """With `scheme: https`."""

    @field_validator("status", mode="before")
    @classmethod
    def _codes(cls, given: Any) -> Any:
        text = str(given) if isinstance(given, int) else given
        if isinstance(text, str):
            for low, high in _ranges(text):
                if low > high:
                    raise ValueError(f"{low}-{high} is no range of status codes: the smaller one comes first")
        return text

    @model_validator(mode="after")
    def _tls_means_https(self) -> Self:
        if self.scheme == "http" and self.tls != Tls():
            raise ValueError("tls needs scheme: https")
        return self

    def without(self, headers: Collection[str]) -> Self:
        """The same question without these headers: then it can only be whether the application answers at all."""
        left = {name: text for name, text in self.headers.items() if name not in headers}
        return self.model_copy(update={"headers": left, "status": "100-499", "version": "process"})

    def any_answer(self) -> Self:
        """Whether it answers at all, whatever it says."""
        return self.model_copy(update={"headers": {}, "status": "100-599", "version": "process"})

    def accepts(self, status: int) -> bool:
        return any(low <= status <= high for low, high in _ranges(self.status))


@dataclass(frozen=True, slots=True)
class Endpoint:
    """One host: its name for people, the address to connect to, and the port of each slot."""

    name: str
    address: str
    ports: Mapping[Slot, int]


class HttpProbe:
    """Implements ports.Probe for one target. Connections stay warm between two readings; proxies and .netrc are not used.

    `headers` are the options' ones with their secrets looked up. Raises ConfigError for a CA file that is none.
    """

    Options: ClassVar = HttpOptions

    def __init__(
        self, options: HttpOptions, endpoints: Sequence[Endpoint], headers: Mapping[str, str] | None = None
    ) -> None:
        from concurrent.futures import ThreadPoolExecutor  # here, both: 170 ms that only an asked probe costs

        from releaser.adapters.probes.http_client import HttpClient, trust

        self.options = options
        self._endpoints = tuple(endpoints)
        sent = dict(options.headers if headers is None else headers)
        if options.host:
            sent["Host"] = options.host
        verify = options.scheme == "https" and trust(options.tls.ca)
        self._client = HttpClient(sent, verify, keep=2 * len(self._endpoints))
        self._pool = ThreadPoolExecutor(max(1, min(WORKERS, len(self._endpoints))), thread_name_prefix="probe")

    def read(self, release: Release, slot: Slot, *, within: float, without: Collection[str] = ()) -> Reading:
        until = monotonic() + within
        endpoints = [endpoint for endpoint in self._endpoints if endpoint.name not in without]
        if len(endpoints) == 1:
            return self._ask(endpoints[0], release, slot, until)
        asked = self._pool.map(lambda endpoint: self._ask(endpoint, release, slot, until), endpoints)
        return worst(list(asked))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _ask(self, endpoint: Endpoint, release: Release, slot: Slot, until: float) -> Reading:
        where = endpoint.name
        left = until - monotonic()
        if left <= 0:
            return _bad(where, "there was no time left to ask", ours=True)
        server_name = self.options.tls.server_name or self.options.host
        url = f"{self.options.scheme}://{_bracketed(endpoint.address)}:{endpoint.ports[slot]}{self.options.path}"
        answer = self._client.get(url, server_name if self.options.scheme == "https" else None, until)
        if isinstance(answer, NoAnswer):
            return _bad(where, answer.why, ours=answer.ours)
        if not self.options.accepts(answer.status):
            return _bad(where, str(answer.status))
        return _judged(where, release, self.options.version, answer.headers, answer.body)


def worst(readings: Sequence[Reading]) -> Reading:
    """A host that answers badly decides, then one that could not be asked, then the others."""
    unwell = tuple(one for reading in readings for one in reading.unwell)
    for verdict in (False, None, True):
        found = [reading for reading in readings if reading.passed is verdict]
        if found:
            more = f" (and {len(found) - 1} more)" if verdict is not True and len(found) > 1 else ""
            return Reading(verdict, found[0].detail + more, found[0].version, unwell)
    return Reading(None, "there is no host to ask")


def _bad(where: str, why: str, version: str = "", *, ours: bool = False) -> Reading:
    """`ours`: it says nothing about the application."""
    how: Literal["failed", "unknown"] = "unknown" if ours else "failed"
    return Reading(None if ours else False, f"{where}: {why}", version, (Missing(where, how, why),))


def _judged(where: str, release: Release, version: str, headers: Mapping[str, str], body: bytes | None) -> Reading:
    if version == "process":
        return Reading(True, "")
    if version.startswith("header:"):
        found = headers.get(version.removeprefix("header:"))
        problem = f"no header {version.removeprefix('header:')} in the answer"
    elif body is None:
        return _bad(where, f"the answer is longer than {BODY_LIMIT} bytes, so no version was read")
    else:
        found = _at(body, version.split(".")[1:])
        problem = f"no text at {version} in the answer"
    if not found:
        return _bad(where, f"{problem}, expected {release.version}")
    if found != release.version:
        return _bad(where, f"answers as version {found[:80]!r}, expected {release.version}", found[:80])
    return Reading(True, "", found)


def _at(body: bytes, path: Sequence[str]) -> str | None:
    """The text (or number) at a path of keys and list indexes, None where there is none."""
    try:
        here: Any = json.loads(body)
    except (ValueError, RecursionError):
        return None
    for part in path:
        if isinstance(here, dict):
            here = here.get(part)
        elif isinstance(here, list) and part.isdecimal() and int(part) < len(here):
            here = here[int(part)]
        else:
            return None
    return str(here) if isinstance(here, str | int | float) and not isinstance(here, bool) else None


def _ranges(text: str) -> list[tuple[int, int]]:
    found = []
    for part in text.split(","):
        if not STATUS.fullmatch(part.strip()):
            raise ValueError(f"{part.strip()[:40]!r} is no status code or range: write 200-299 or 200,204")
        low, _, high = part.strip().partition("-")
        found.append((int(low), int(high or low)))
    return found


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address and not address.startswith("[") else address
