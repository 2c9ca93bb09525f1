"""What do Traefik's Prometheus metrics say of its services? (pure)"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping
from math import inf

from releaser.core.latency import Latency
from releaser.core.values import LONG, Counts

__all__ = ["Metrics"]

SAMPLE = re.compile(
    r"^traefik_service_(requests_total|request_duration_seconds_bucket)\{([^}]*)\} (\S+)$", re.MULTILINE
)
LABEL = re.compile(r'(\w+)="([^"]*)"')


class Metrics:
    """One scrape. A failure is a status of 500 or more; Traefik's own 502 and 504 (dead port, reset, time-out) are among them."""

    def __init__(self, text: str) -> None:
        self._codes: dict[str, Counter[str]] = {}
        self._buckets: dict[str, Counter[float]] = {}
        for kind, labels, number in _samples(text):
            service = labels.get("service", "")
            if kind == "requests_total":
                self._codes.setdefault(service, Counter())[labels["code"]] += number
            else:
                self._buckets.setdefault(service, Counter())[float(labels["le"])] += number

    def counts(self, service: str) -> Counts:
        """`service` as Traefik names it, with its provider: "blue@file"."""
        codes = self._codes.get(service, Counter())
        causes = {code: number for code, number in codes.items() if code >= "500"}
        latency = self._latency(service)
        long = latency.beyond(LONG) if latency else 0
        return Counts(codes.total(), sum(causes.values()), 0, tuple(sorted(causes.items())), latency, long)

    def _latency(self, service: str) -> Latency | None:
        """A service that nobody asked yet has no buckets: its edges are those of any other. None: there is no other."""
        edges = sorted({edge for buckets in self._buckets.values() for edge in buckets} - {inf})
        if not edges:
            return None
        buckets = self._buckets.get(service, Counter())
        return Latency(tuple(edges), (*(buckets[edge] for edge in edges), buckets[inf]))


def _samples(text: str) -> Iterator[tuple[str, Mapping[str, str], int]]:
    for found in SAMPLE.finditer(text):
        yield found[1], dict(LABEL.findall(found[2])), int(float(found[3]))
