"""Does this release answer well over HTTP, on every host, and with its own version?"""

import json
import re
import socket
import ssl
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from errno import EMFILE, ENFILE
from pathlib import Path
from time import monotonic
from typing import Annotated, Any, ClassVar, Literal, Self

import httpx
from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator

from releaser.core.values import Reading, Release, Slot
from releaser.errors import ConfigError

__all__ = ["Endpoint", "HttpOptions", "HttpProbe", "Tls"]

BODY_LIMIT = 64 * 1024
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
    server_name: HostName | None = None


class HttpOptions(BaseModel):
    """The question; how often it is asked and how many answers decide belongs to the environment's probe."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    path: Annotated[str, StringConstraints(pattern=r"^/[!-~]*$", max_length=1024)] = "/healthz"
    version: Annotated[str, StringConstraints(pattern=VERSION)] = "process"
    """"$.json.path", "header:X-Version", or "process": only what was started there, the answer is not asked."""
    status: str = "200-299"
    """One or more codes and ranges: "200-299,304"."""
    scheme: Literal["http", "https"] = "http"
    host: HostName | None = None
    """The Host header; None: the address that is asked."""
    headers: dict[Annotated[str, StringConstraints(pattern=HEADER)], Annotated[str, Field(pattern=HEADER_VALUE)]] = {}
    tls: Tls = Tls()

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
        self.options = options
        self._endpoints = tuple(endpoints)
        sent = dict(options.headers if headers is None else headers)
        if options.host:
            sent["Host"] = options.host
        self._client = httpx.Client(
            headers=sent,
            verify=_trust(options),
            trust_env=False,
            follow_redirects=False,
            limits=httpx.Limits(max_connections=None, max_keepalive_connections=2 * len(self._endpoints)),
        )
        self._pool = ThreadPoolExecutor(max(1, min(WORKERS, len(self._endpoints))), thread_name_prefix="probe")

    def read(self, release: Release, slot: Slot, *, within: float) -> Reading:
        until = monotonic() + within
        if len(self._endpoints) == 1:
            return self._ask(self._endpoints[0], release, slot, until)
        asked = self._pool.map(lambda endpoint: self._ask(endpoint, release, slot, until), self._endpoints)
        return worst(list(asked))

    def close(self) -> None:
        self._pool.shutdown(wait=False, cancel_futures=True)
        self._client.close()

    def _ask(self, endpoint: Endpoint, release: Release, slot: Slot, until: float) -> Reading:
        where = endpoint.name
        left = until - monotonic()
        if left <= 0:
            return Reading(None, f"{where}: there was no time left to ask")
        try:
            status, headers, body = self._get(endpoint, slot, left, until)
        except httpx.TimeoutException:
            return Reading(False, f"{where}: no answer in time")
        except httpx.HTTPError as error:
            return _no_answer(where, error)
        if not self.options.accepts(status):
            return Reading(False, f"{where}: {status}")
        return _judged(where, release, self.options.version, headers, body)

    def _get(
        self, endpoint: Endpoint, slot: Slot, left: float, until: float
    ) -> tuple[int, Mapping[str, str], bytes | None]:
        """Status, headers and body (None: longer than 64 KiB). httpx limits each step, `until` all of them."""
        server_name = self.options.tls.server_name or self.options.host
        url = f"{self.options.scheme}://{_bracketed(endpoint.address)}:{endpoint.ports[slot]}{self.options.path}"
        extensions = {"sni_hostname": server_name} if server_name and self.options.scheme == "https" else {}
        body = b""
        with self._client.stream("GET", url, timeout=left, extensions=extensions) as answer:
            for chunk in answer.iter_bytes():
                body += chunk
                if monotonic() > until:
                    raise httpx.ReadTimeout("the answer came too slowly")
                if len(body) > BODY_LIMIT:
                    return answer.status_code, answer.headers, None
        return answer.status_code, answer.headers, body


def worst(readings: Sequence[Reading]) -> Reading:
    """A host that answers badly decides, then one that could not be asked, then the others."""
    for verdict in (False, None, True):
        found = [reading for reading in readings if reading.passed is verdict]
        if found:
            more = f" (and {len(found) - 1} more)" if verdict is not True and len(found) > 1 else ""
            return Reading(verdict, found[0].detail + more, found[0].version)
    return Reading(None, "there is no host to ask")


def _judged(where: str, release: Release, version: str, headers: Mapping[str, str], body: bytes | None) -> Reading:
    if version == "process":
        return Reading(True, "")
    if version.startswith("header:"):
        found = headers.get(version.removeprefix("header:"))
        problem = f"no header {version.removeprefix('header:')} in the answer"
    elif body is None:
        return Reading(False, f"{where}: the answer is longer than {BODY_LIMIT} bytes, so no version was read")
    else:
        found = _at(body, version.split(".")[1:])
        problem = f"no text at {version} in the answer"
    if not found:
        return Reading(False, f"{where}: {problem}, expected {release.version}")
    if found != release.version:
        return Reading(False, f"{where}: answers as version {found[:80]!r}, expected {release.version}", found[:80])
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


def _no_answer(where: str, error: httpx.HTTPError) -> Reading:
    """A refused connection is the application's; a name that is not known, or no descriptor left, is ours: no data."""
    causes = list(_causes(error))
    ours = any(
        isinstance(cause, socket.gaierror) or (isinstance(cause, OSError) and cause.errno in (EMFILE, ENFILE))
        for cause in causes
    )
    return Reading(None if ours else False, f"{where}: {str(error)[:200] or type(error).__name__}")


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__


def _ranges(text: str) -> list[tuple[int, int]]:
    found = []
    for part in text.split(","):
        if not STATUS.fullmatch(part.strip()):
            raise ValueError(f"{part.strip()[:40]!r} is no status code or range: write 200-299 or 200,204")
        low, _, high = part.strip().partition("-")
        found.append((int(low), int(high or low)))
    return found


def _trust(options: HttpOptions) -> ssl.SSLContext | bool:
    """A context only where it is needed: loading the system's authorities takes 30 ms."""
    if options.scheme == "http":
        return False  # nothing to verify: no TLS is spoken, and redirects are not followed
    try:
        context = ssl.create_default_context(cafile=options.tls.ca and str(Path(options.tls.ca).expanduser()))
    except OSError as error:
        raise ConfigError(
            f"The CA file {options.tls.ca} of an http probe cannot be used: {error}.",
            fix=("correct tls.ca",),
            code="ca",
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _bracketed(address: str) -> str:
    return f"[{address}]" if ":" in address and not address.startswith("[") else address
