"""Who speaks to Vault, and what do its refusals mean? One login, KV version 2 reads, TLS checked, no redirect followed."""

import ssl
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any

import hvac
import requests
from hvac import exceptions as refusals
from requests.adapters import HTTPAdapter

from releaser.errors import FailedError, PortError, UnreachableError

if TYPE_CHECKING:
    from releaser.adapters.secrets.vault import Approle, Token, VaultOptions, VaultTls

__all__ = ["Kept", "VaultClient"]

MOST_BYTES = 4096
"""A secret file (a token, a secret id) is a line; anything longer is another file."""
MEANINGS: tuple[tuple[tuple[type[Exception], ...], type[PortError], str, str], ...] = (
    (
        (requests.exceptions.SSLError,),
        FailedError,
        "vault-tls",
        "is not trusted: its certificate or TLS version is not accepted; name its CA in vault.tls.ca, an old server with minimum: '1.2'",
    ),
    (
        (requests.RequestException,),
        UnreachableError,
        "vault-away",
        "does not answer; a promotion needs it, a rollback does not: try again when it is back",
    ),
    (
        (refusals.VaultDown, refusals.VaultNotInitialized, refusals.BadGateway),
        UnreachableError,
        "vault-away",
        "is sealed or starting; a promotion needs it, a rollback does not: unseal it, then try again",
    ),
    (
        (refusals.InvalidPath,),
        FailedError,
        "vault-path",
        "has nothing to {what}: there is no such secret or version, or it was deleted; correct the reference",
    ),
    (
        (refusals.Forbidden, refusals.Unauthorized),
        FailedError,
        "vault-denied",
        "does not let this login {what}; give it a policy that allows it",
    ),
    ((refusals.InvalidRequest,), FailedError, "vault-login", "refused to {what}; check vault.auth and the reference"),
)
"""(what hvac or requests raised, whose fault, code, what we say). Vault's own text is left out: it may repeat what was sent."""


@dataclass(frozen=True, slots=True)
class Kept:
    """One version of a secret, and when Vault wrote it (UTC, as Vault says it)."""

    values: Mapping[str, Any] = field(repr=False)
    version: int
    written: str


class VaultClient:
    """Logs in when first asked. Each call ends at `until` (monotonic seconds). Raises FailedError or UnreachableError."""

    def __init__(self, options: "VaultOptions", folder: Path, variables: Mapping[str, str]) -> None:
        self._options = options
        self._folder = folder
        self._variables = variables
        self._session = _Bounded(_context(options.tls, folder))
        self._client: hvac.Client | None = None

    def read(self, mount: str, path: str, version: int | None, *, until: float) -> Kept:
        """One secret; `version` None: the newest."""
        self._session.until = until
        client = self._logged_in()
        try:
            answer = _document(
                client.secrets.kv.v2.read_secret_version(path, version, mount, raise_on_deleted_version=True)
            )
        except (refusals.VaultError, requests.RequestException) as error:
            raise self._said(error, f"read {mount}/{path}") from None
        try:
            about = answer["data"]["metadata"]
            return Kept(dict(answer["data"]["data"]), int(about["version"]), str(about["created_time"]))
        except (KeyError, TypeError, ValueError):
            raise FailedError(
                f"Vault at {self._options.address} answers for {mount}/{path} with something else than a secret; "
                f"{mount} must be a KV store of version 2",
                code="vault-stranger",
            ) from None

    def close(self, *, until: float) -> None:
        """Revoke what a login gave. Safe to repeat."""
        client, self._client = self._client, None
        self._session.until = until
        if client is not None and self._options.auth.approle is not None:
            with suppress(refusals.VaultError, requests.RequestException):  # then it dies by its own lifetime
                client.auth.token.revoke_self()
        self._session.close()

    def _logged_in(self) -> hvac.Client:
        if self._client is None:
            client = self._new_client()
            approle, token = self._options.auth.approle, self._options.auth.token
            if approle is not None:
                client.token = self._approle_token(client, approle)
            elif token is not None:
                client.token = self._token(token)
            self._client = client
        return self._client

    def _approle_token(self, client: hvac.Client, approle: "Approle") -> str:
        secret_id = self._secret_id(approle)
        try:
            # use_token: hvac would take the token out of the answer without looking whether it is one.
            said = client.auth.approle.login(approle.role, secret_id, use_token=False, mount_point=approle.mount)
        except (refusals.VaultError, requests.RequestException) as error:
            raise self._said(error, "log in") from None
        return _part(_document(said), "auth", "client_token")

    def _new_client(self, token: str | None = None) -> hvac.Client:
        # A redirect would carry the token to whoever answers there.
        return hvac.Client(
            self._options.address.rstrip("/"),
            token=token or "",
            session=self._session,
            allow_redirects=False,
            namespace=self._options.namespace,
        )

    def _secret_id(self, approle: "Approle") -> str:
        given = self._line(approle.secret_id_file)
        if not approle.wrapped:
            return given
        try:
            answer = _document(self._new_client(given).sys.unwrap())  # type: ignore[no-untyped-call] # the stub has no types here
        except (refusals.InvalidRequest, refusals.Forbidden):
            raise FailedError(
                f"the wrapped secret id in {approle.secret_id_file} was opened before, or its time is over; "
                "find out by whom, and have a new one made",
                code="vault-unwrap",
            ) from None
        except (refusals.VaultError, requests.RequestException) as error:
            raise self._said(error, "open the wrapped secret id") from None
        return _part(answer, "data", "secret_id")

    def _token(self, token: "Token") -> str:
        if token.file is not None:
            return self._line(token.file)
        value = self._variables.get(str(token.env), "")
        if not value:
            raise FailedError(
                f"the variable {token.env} with Vault's token is not set; set it where releaser is started"
            )
        return value

    def _line(self, name: str) -> str:
        try:
            with (self._folder / Path(name).expanduser()).open("rb") as file:
                text = file.read(MOST_BYTES).decode("ascii").strip()
        except OSError as error:
            raise FailedError(f"{name} cannot be read ({error.strerror}); check its name and rights") from None
        except UnicodeDecodeError:
            text = ""
        if not text or "\n" in text:
            raise FailedError(f"{name} does not hold one line; it should hold what Vault gave, and nothing else")
        return text

    def _said(self, error: Exception, what: str) -> PortError:
        for kinds, whose, code, text in MEANINGS:
            if isinstance(error, kinds):
                return whose(f"Vault at {self._options.address} {text.format(what=what)}", code=code)
        return FailedError(f"Vault could not {what} ({type(error).__name__}); see its own log", code="vault")


class _Bounded(requests.Session):
    """Every request ends at `until`; no proxy, .netrc or variable of the environment is looked at."""

    def __init__(self, context: ssl.SSLContext) -> None:
        super().__init__()
        self.trust_env = False
        self.until = 0.0
        self.mount("https://", _Tls(context))

    def request(self, *args: Any, **more: Any) -> requests.Response:
        more["timeout"] = max(0.01, self.until - monotonic())
        more.pop("verify", None)
        return super().request(*args, **more)


class _Tls(HTTPAdapter):
    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        super().__init__()

    def init_poolmanager(self, *args: Any, **more: Any) -> None:
        super().init_poolmanager(*args, ssl_context=self._context, **more)

    def build_connection_pool_key_attributes(self, request: Any, verify: Any, cert: Any = None) -> Any:
        # requests would bring a context of its own for `verify`; ours has the CA and the lowest version.
        host, pool = super().build_connection_pool_key_attributes(request, verify, cert)
        return host, {"cert_reqs": "CERT_REQUIRED", "ssl_context": self._context} if pool else pool

    def cert_verify(self, conn: Any, url: Any, verify: Any, cert: Any) -> None:
        """Nothing to add: the context verifies."""


def _context(tls: "VaultTls", folder: Path) -> ssl.SSLContext:
    file = str(folder / Path(tls.ca).expanduser()) if tls.ca else None
    try:
        context = ssl.create_default_context(cafile=file)
    except OSError as error:
        raise FailedError(f"the CA file {tls.ca} of vault cannot be used ({error.strerror or error}); correct vault.tls.ca", code="ca") from None  # fmt: skip
    context.minimum_version = ssl.TLSVersion.TLSv1_3 if tls.minimum == "1.3" else ssl.TLSVersion.TLSv1_2
    return context


def _document(answer: Any) -> Any:
    """Anything but a 200 is handed on as it is: a standby that sends us elsewhere, or a stranger."""
    if isinstance(answer, dict):
        return answer
    raise FailedError(
        "what answers there is not an active Vault (it answers with "
        f"{getattr(answer, 'status_code', 'something else')}); name the active node's address",
        code="vault-stranger",
    )


def _part(answer: Any, outer: str, inner: str) -> str:
    """What Vault gives under two keys; whoever answers without them is a stranger."""
    found = answer.get(outer)
    if isinstance(found, dict) and isinstance(found.get(inner), str):
        return str(found[inner])
    raise FailedError(
        f"what answers there is no Vault (it gives no {inner}); correct vault.address", code="vault-stranger"
    )
