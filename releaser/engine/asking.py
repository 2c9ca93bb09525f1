"""How is a probe told its headers? Those that are secrets with their values, or left out where nobody looked them up."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol, Self, runtime_checkable

from releaser.config.references import find_reference
from releaser.engine.registry import Registry
from releaser.ports import Probe

__all__ = ["Answering", "asking"]


@runtime_checkable
class Headed(Protocol):
    """Options of a probe that sends headers."""

    headers: Mapping[str, str]

    def without(self, headers: Sequence[str]) -> Self: ...


@runtime_checkable
class Answering(Protocol):
    """Options of a probe that can be asked whether there is an answer at all."""

    def any_answer(self) -> Self: ...


def asking(
    kind: Callable[..., Probe],
    options: Any,
    endpoints: Sequence[Any],
    told: Callable[[Mapping[str, str]], Mapping[str, str]],
    registry: Registry,
) -> Probe:
    """The probe of `kind`. A way back looks no secret up, so that it needs no store: then the question is a smaller one."""
    schemes = frozenset(scheme for group, scheme in registry if group == "secrets")
    if not isinstance(options, Headed):
        return kind(options, endpoints)
    secret = [name for name, text in options.headers.items() if find_reference(text, schemes, name) is not None]
    if not secret:
        return kind(options, endpoints)
    headers = told(options.headers)
    if any(headers[name] == options.headers[name] for name in secret):
        return kind(options.without(secret), endpoints)
    return kind(options, endpoints, headers)
