"""How is one GET sent over a warm connection, and ended in time? The only importer of httpx here."""

import socket
import ssl
from collections.abc import Iterator, Mapping
from errno import EMFILE, ENFILE
from pathlib import Path
from time import monotonic

import httpx

from releaser.adapters.probes.answers import BODY_LIMIT, HttpAnswer, NoAnswer
from releaser.errors import ConfigError

__all__ = ["HttpClient", "trust"]


class HttpClient:
    """Keeps `keep` connections. `verify`: the authorities that are trusted; False where no TLS is spoken."""

    def __init__(self, headers: Mapping[str, str], verify: ssl.SSLContext | bool, *, keep: int) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=keep)
        self._client = httpx.Client(
            headers=dict(headers), verify=verify, trust_env=False, follow_redirects=False, limits=limits
        )

    def get(self, url: str, server_name: str | None, until: float) -> HttpAnswer | NoAnswer:
        """By the monotonic time `until`: httpx limits each step, this limits all of them."""
        extensions = {"sni_hostname": server_name} if server_name else {}
        try:
            left = until - monotonic()
            with self._client.stream("GET", url, timeout=max(left, 0.001), extensions=extensions) as answer:
                body = _body(answer, until)
        except httpx.TimeoutException:
            return NoAnswer("no answer in time")
        except httpx.HTTPError as error:
            return NoAnswer(str(error)[:200] or type(error).__name__, _is_ours(error))
        return HttpAnswer(answer.status_code, answer.headers, body)

    def close(self) -> None:
        self._client.close()


def trust(ca: str | None) -> ssl.SSLContext:
    """The system's authorities, which take 30 ms to load, or those of a PEM file. Raises ConfigError for a file that is none."""
    try:
        context = ssl.create_default_context(cafile=ca and str(Path(ca).expanduser()))
    except OSError as error:
        raise ConfigError(
            f"The CA file {ca} of an http probe cannot be used: {error}.", fix=("correct tls.ca",), code="ca"
        ) from None
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    return context


def _body(answer: httpx.Response, until: float) -> bytes | None:
    body = b""
    for chunk in answer.iter_bytes():
        body += chunk
        if monotonic() > until:
            raise httpx.ReadTimeout("the answer came too slowly")
        if len(body) > BODY_LIMIT:
            return None
    return body


def _is_ours(error: httpx.HTTPError) -> bool:
    """A refused connection is the application's; a name that is not known, or no descriptor left, is ours: no data."""
    return any(
        isinstance(cause, socket.gaierror) or (isinstance(cause, OSError) and cause.errno in (EMFILE, ENFILE))
        for cause in _causes(error)
    )


def _causes(error: BaseException | None) -> Iterator[BaseException]:
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
