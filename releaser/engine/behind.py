"""Which hosts are not at what is committed? Pure: from what was observed to a word about each of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from releaser.adapters.hosts.slot_states import UNREACHABLE
from releaser.config.observed import slot_of
from releaser.core.phrases import say_seconds
from releaser.engine.observe import Observed
from releaser.ports import LedgerState

__all__ = ["REPAIR", "Behind", "as_repaired", "behind", "is_repair", "left_out", "newest_ledger", "routers_behind"]

REPAIR = "recover."
"""How the names of rollouts begin that only tell routers again what is committed."""


@dataclass(frozen=True, slots=True)
class Behind:
    """One host, and why it is not at the committed release. `away`: it does not answer now."""

    target: str
    host: str
    why: str
    away: bool = False


def newest_ledger(observed: Observed) -> LedgerState | None:
    """The one with the highest fence: the others are behind, not ahead."""
    return max(observed.ledgers.values(), key=lambda one: one.fence, default=None)


def left_out(observed: Observed, target: str) -> frozenset[str]:
    """The hosts that the routers of a target send nothing to, because they went without the committed release."""
    ledgers = [state for name, state in observed.ledgers.items() if name.partition("/")[0] == target]
    newest = max(ledgers, key=lambda one: one.fence, default=None)
    return frozenset(newest.away.get(newest.current, ())) if newest and newest.current else frozenset()


def behind(observed: Observed) -> tuple[Behind, ...]:
    """Host by host. Nobody is behind where no release is committed, or while one is under way."""
    newest = newest_ledger(observed)
    if newest is None or newest.current is None or newest.candidate is not None:
        return ()
    slot = slot_of(newest, newest.current)
    found: list[Behind] = []
    for target, states in sorted(observed.slots.items()):
        held = next((state for state in states if state.slot == slot), None)
        if held is None:
            continue
        words = dict(held.hosts)
        if held.release not in (None, newest.current):
            words = {host: _other(word, str(held.release)) for host, word in words.items()}
        found += _of_target(target, words, held.ending, left_out(observed, target))
    return tuple(found)


def is_repair(ledger: LedgerState) -> bool:
    """Whether a repair that died half-way is open there: what it names as its candidate was committed before it began."""
    return ledger.candidate is not None and ledger.rollout.startswith(REPAIR)


def as_repaired(observed: Observed) -> Observed:
    """As if such a repair had come to its end in the ledgers."""
    ledgers = {
        name: replace(one, current=one.candidate, candidate=None) if is_repair(one) else one
        for name, one in observed.ledgers.items()
    }
    return replace(observed, ledgers=ledgers)


def routers_behind(observed: Observed) -> tuple[str, ...]:
    """Routers that serve, or whose ledger names, something else than the newest ledger says is committed."""
    newest = newest_ledger(as_repaired(observed))
    if newest is None or newest.current is None:
        return ()
    strays = []
    for name, ledger in sorted(observed.ledgers.items()):
        state = observed.routers.get(name)
        serves = state is None or (state.split is not None and state.split.weight(newest.current) == 100)
        if ledger.current != newest.current or not serves or is_repair(ledger):
            strays.append(name)
    return tuple(strays)


def _of_target(
    target: str, words: Mapping[str, str], ending: Mapping[str, float], without: frozenset[str]
) -> Sequence[Behind]:
    found = []
    for host, word in sorted(words.items()):
        if word != "running":
            found.append(Behind(target, host, word, word == UNREACHABLE))
        elif host in ending:
            found.append(Behind(target, host, f"runs, and ends by itself in {say_seconds(ending[host])}"))
        elif host in without:
            found.append(Behind(target, host, "runs, and gets no requests yet"))
    return found


def _other(word: str, holds: str) -> str:
    """Most hosts of the slot hold another release: what they are said to do, they do with that one."""
    return f"holds {holds}, {word}" if not word.startswith("holds ") and word != UNREACHABLE else word
