"""How is HAProxy told a split, and how does it answer? Through its Runtime API, kept over restarts by two files."""

import csv
import re
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from releaser.adapters.routers.dialect import Recipe
from releaser.adapters.routers.haproxy_config import GENERATION_KEY, generation_map
from releaser.adapters.routers.haproxy_stat import counts_of, dropped_lines, latency_of
from releaser.adapters.routers.options import Address, RouterOptions
from releaser.adapters.routers.request_lines import MILLISECONDS
from releaser.adapters.routers.server_weights import server_weights
from releaser.adapters.routers.slots import shares, split_of
from releaser.core.absent import Away
from releaser.core.values import SLOTS, Binding, Counts, Slot, Split
from releaser.errors import FailedError
from releaser.ports import RouterState

__all__ = ["HAProxyOptions", "HAProxyRouter"]

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:-]{1,100}$")]
Path = Annotated[str, Field(pattern=r"^/[^\s;\\]+$")]
Balance = Literal["roundrobin", "leastconn", "random", "static-rr", "source", "uri"]

STATIC = ("static-rr", "source", "uri")
"""Algorithms over a fixed map: a server takes its whole share or nothing."""
OUT_OF_SERVICE = 0x7B
"""The bits of srv_admin_state that keep requests away: maintenance and drain, whoever set them."""
SUCCESS = ""
"""`set server ... weight|state` and `set map` answer nothing; any text says why not."""


class HAProxyOptions(RouterOptions):
    """`router: { kind: haproxy, ... }`. Its configuration must have `load-server-state-from-file global`."""

    kind: Literal["haproxy"] = "haproxy"
    socket: Path | None = None
    """The Runtime API, at level admin."""
    backend: Name = "app"
    """The backend that holds both slots' servers."""
    server: Annotated[str, Field(pattern=r"^[A-Za-z0-9_.:{}-]{1,100}$")] = "{host}_{slot}"
    """The server's name in the backend, for each application host and slot."""
    state_file: Path | None = None
    """What `server-state-file` names."""
    map: Path | None = None
    """A map file that the configuration uses, with the line "generation 0"."""
    log: Address | None = None
    """HOST:PORT on HAProxy's own host, to which it sends its log by UDP, with the log-format "%b/%s %ST %Ta"; without it nothing is
    known of the time that requests take. Managed: a free port is taken.
    """
    balance: Balance = "roundrobin"
    """The backend's algorithm; `static-rr`, `source` and `uri` cannot share out traffic."""

    @model_validator(mode="after")
    def _complete(self) -> Self:
        if "{slot}" not in self.server or re.search(r"[{}]", re.sub(r"\{(?:slot|host)\}", "", self.server)):
            raise ValueError("server is a name with {slot}, and {host} where there are several hosts")
        if not self.managed and (self.socket is None or self.state_file is None or self.map is None):
            raise ValueError("a HAProxy of your own needs socket, state_file and map; or set managed: true")
        return self


class HAProxyRouter:
    """A Dialect over the servers of `hosts`, the application's hosts. Paths must be known: managed.py fills them in."""

    Options: ClassVar = HAProxyOptions

    def __init__(self, options: HAProxyOptions, hosts: Sequence[str] = ("local",), away: Away | None = None) -> None:
        if options.socket is None or options.state_file is None or options.map is None:
            raise ValueError("the dialect needs socket, state_file and map")
        if not hosts or (len(hosts) > 1 and "{host}" not in options.server):
            raise ValueError("with several hosts the server's name needs {host}")
        self._options = options
        self._socket = options.socket
        self._state_file = options.state_file
        self._map = options.map
        self._hosts = tuple(hosts)
        self._away = away or {}

    def leaving_out(self, away: Away) -> Self:
        return type(self)(self._options, self._hosts, away)

    @property
    def finest(self) -> int:
        return 100 if self._options.balance in STATIC else 1

    def write(self, split: Split, binding: Binding, generation: int) -> Recipe:
        """What receives comes first, so that some server always takes requests; a slot without a share is taken out of
        service (requests in flight end in peace, clients with a cookie for it go to the other slot).
        """
        asked = shares(split, binding)
        without = {slot: self._away.get(release, frozenset()) for slot, release in binding}
        having = {slot: [host for host in self._hosts if host not in without.get(slot, ())] for slot in SLOTS}
        weights = server_weights(asked, {slot: len(hosts) for slot, hosts in having.items()})
        receiving = [slot for slot in SLOTS if weights[slot]]
        leaving = [slot for slot in SLOTS if not weights[slot]]
        left_out = {slot: [host for host in self._hosts if host not in having[slot]] for slot in receiving}
        commands = [
            *(self._servers(having[slot], slot, self._amount(weights[slot]), "ready") for slot in receiving),
            *(self._servers(left_out[slot], slot, self._amount(0), "maint") for slot in receiving),
            *(self._servers(self._hosts, slot, self._amount(0), "maint") for slot in leaving),
        ]
        lines = [
            *(line for some in commands for line in some),
            f"set map {self._map} {GENERATION_KEY} {generation}",
        ]
        kept = {"do": "dump", "path": self._state_file, "socket": self._socket, "send": "show servers state"}
        mapped = {"do": "replace", "path": self._map, "text": generation_map(generation), "mode": 0o644}
        return (*(self._ask(line, SUCCESS) for line in lines), kept, mapped)

    def look(self, generation: int | None = None) -> Recipe:
        shown = r"\d+" if generation is None else str(generation)
        backend = re.escape(self._options.backend)
        return (
            self._ask(f"show map {self._map}", rf"(?:.*\s)?{GENERATION_KEY} {shown}(?:\s.*)?"),
            self._ask(f"show servers state {self._options.backend}", rf"1\n# .*\s{backend}\s.*"),
            self._ask(f"show stat {self._options.backend} 2 -1", rf"# pxname,.*\n{backend},BACKEND,.*"),
        )

    def parse(self, replies: Sequence[str], binding: Binding) -> RouterState:
        mapped, state, stat = replies
        self._check_balance(_rows(stat))
        found = re.search(rf"(?:^|\s){GENERATION_KEY} (\d+)\s", mapped + "\n")
        if found is None:
            raise FailedError(f"HAProxy's map {self._map} has no line {GENERATION_KEY!r}", code="reply")
        return RouterState(split_of(self._weights(state), binding), int(found[1]))

    def count(self) -> Recipe:
        """The counters first: what they count after the log was asked must not look like a line that was lost."""
        backend, log = self._options.backend, self._options.log
        counters = self._ask(f"show stat {backend} 4 -1", rf"# pxname,.*\n{re.escape(backend)},.*")
        if log is None:
            return (counters,)
        edges = list(MILLISECONDS)
        heard = {"do": "heard", "address": log, "kept": f"{self._state_file}.requests", "edges": edges}
        return (counters, self._ask("show info", "Name: HAProxy.*"), heard)

    def tally(self, replies: Sequence[str], binding: Binding) -> Mapping[str, Counts]:
        """Summed over the slot's servers, as haproxy_stat has it."""
        rows = {row["svname"]: row for row in _rows(replies[0])}
        return {release: self._counts(self._names(slot, rows), rows, replies[1:]) for slot, release in binding}

    def cut(self, release: str, binding: Binding) -> Recipe:
        """Requests in flight end with a 502, websockets without a word."""
        names = [self._name(host, slot) for slot, held in binding if held == release for host in self._hosts]
        return tuple(self._ask(f"shutdown sessions server {self._options.backend}/{name}", SUCCESS) for name in names)

    def _counts(self, names: Sequence[str], rows: Mapping[str, Mapping[str, str]], log: Sequence[str]) -> Counts:
        called = self._hosts if len(self._hosts) > 1 else ("",)
        counts = counts_of({host: rows[name] for host, name in zip(called, names, strict=True)})
        if not log:
            return counts
        info, heard = log
        servers = [f"{self._options.backend}/{name}" for name in names]
        return replace(counts, latency=latency_of(heard, dropped_lines(info), servers))

    def _amount(self, percent: int) -> str:
        """Absolute where any weight goes; a static algorithm takes only all or nothing of the configured weight."""
        return f"{percent}%" if self.finest == 100 else str(percent)

    def _servers(self, hosts: Sequence[str], slot: Slot, amount: str, state: str) -> list[str]:
        names = [f"{self._options.backend}/{self._name(host, slot)}" for host in hosts]
        return [
            line
            for name in names
            for line in (f"set server {name} weight {amount}", f"set server {name} state {state}")
        ]

    def _name(self, host: str, slot: Slot) -> str:
        return self._options.server.replace("{host}", host).replace("{slot}", slot)

    def _names(self, slot: Slot, known: Mapping[str, Any]) -> list[str]:
        """The slot's servers. Raises FailedError for one that HAProxy does not have."""
        names = [self._name(host, slot) for host in self._hosts]
        for name in names:
            if name not in known:
                raise FailedError(
                    f"HAProxy's backend {self._options.backend} has no server {name}",
                    fix=(f"add 'server {name} ADDRESS:PORT' to the backend, or correct router.server",),
                    code="no-server",
                )
        return names

    def _weights(self, state: str) -> dict[Slot, int]:
        """What each slot's servers take together, from `show servers state`."""
        header, *lines = [line.lstrip("# ").split() for line in state.strip().splitlines()[1:]]
        servers = {row["srv_name"]: row for row in (dict(zip(header, line, strict=False)) for line in lines)}
        return {slot: sum(_weight(servers[name]) for name in self._names(slot, servers)) for slot in SLOTS}

    def _check_balance(self, rows: Sequence[Mapping[str, str]]) -> None:
        balance = rows[0].get("algo") or self._options.balance
        if balance != self._options.balance:
            raise FailedError(
                f"HAProxy balances {self._options.backend} by {balance}, the environment says {self._options.balance}",
                fix=(f"router.balance: {balance}",),
                code="balance",
            )

    def _ask(self, line: str, expect: str) -> dict[str, str]:
        return {"do": "socket", "path": self._socket, "send": line, "expect": expect}


def _weight(server: Mapping[str, str]) -> int:
    return 0 if int(server["srv_admin_state"]) & OUT_OF_SERVICE else int(server["srv_uweight"])


def _rows(reply: str) -> list[dict[str, str]]:
    """`show stat`: CSV with its column names in the first line."""
    return list(csv.DictReader(reply.strip().removeprefix("# ").splitlines()))
