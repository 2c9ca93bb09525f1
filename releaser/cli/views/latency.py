"""What do the routers tell people beside the judged errors? Why requests failed, and how long they took."""

from math import inf
from typing import TYPE_CHECKING, Any

from releaser.cli.lines import Line, row
from releaser.core.phrases import say_seconds
from releaser.core.values import Counts

if TYPE_CHECKING:
    from releaser.config.environment import Environment
    from releaser.core.events import Figures

__all__ = ["latency_document", "latency_lines", "most", "untimed_lines"]


def most(counts: Counts) -> str:
    """The most frequent cause of failure, as in "most: econ web2 x7"; empty where none is known."""
    if not counts.causes:
        return ""
    cause, number = max(counts.causes, key=lambda one: one[1])
    return f"most: {cause} x{number}"


def latency_lines(figures: "Figures", candidate: str, stable: str) -> list[Line]:
    """One line, or none where the routers say nothing of times. Information: no verdict rests on it."""
    both = ((candidate, figures.candidate), (stable, figures.stable))
    said = [f"{name} {told}" for name, counts in both if name and (told := _quantiles(counts))]
    return [row("latency", "   ".join(said))] if said else []


def untimed_lines(environment: "Environment") -> list[Line]:
    """What a plan says of routers that will tell no times: a HAProxy without a log that releaser hears."""
    routers = {name: target.router for name, target in environment.targets.items()}
    silent = [
        name
        for name, router in sorted(routers.items())
        if router.kind == "haproxy" and not router.managed and getattr(router.options, "log", None) is None
    ]
    if not silent:
        return []
    said = (
        f"not known for {', '.join(silent)}: HAProxy tells it in its log (router.log); errors are counted all the same"
    )
    return [row("latency", said)]


def latency_document(figures: "Figures") -> dict[str, Any]:
    """For machines: seconds by role; None where nothing is known, and for a quantile beyond the last edge."""
    return {"candidate": _document(figures.candidate), "stable": _document(figures.stable)}


def _quantiles(counts: Counts) -> str:
    """As in p50 12 ms, p95 80 ms (2,290 timed). A router that should tell times and does not is not passed over."""
    timed = counts.latency
    if timed is None or not counts.completed:
        return ""
    if not timed.total:
        return f"none of {counts.completed:,} requests timed"
    part = f", {timed.missing:,} or more lost" if timed.missing else ""
    p50, p95 = (_span(timed.quantile(share), timed.edges) for share in (0.5, 0.95))
    return f"p50 {p50}, p95 {p95} ({timed.total:,} timed{part})"


def _document(counts: Counts) -> dict[str, Any] | None:
    timed = counts.latency
    if timed is None or not timed.total:
        return None
    found = {name: timed.quantile(share) for name, share in (("p50", 0.5), ("p95", 0.95))}
    return {
        **{name: None if seconds == inf else round(seconds, 6) for name, seconds in found.items()},
        "requests": timed.total,
        "missing": timed.missing,
    }


def _span(seconds: float, edges: tuple[float, ...]) -> str:
    """No more digits than the buckets are fine."""
    if seconds == inf:
        return f"over {edges[-1]:g} s" if edges else "unknown"
    if seconds < 0.001:
        return "under 1 ms"
    return f"{1000 * seconds:.2g} ms" if seconds < 0.0995 else say_seconds(seconds)
