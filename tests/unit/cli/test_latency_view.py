"""Do people and machines read what the routers say of causes and times?"""

import json
from pathlib import Path

import pytest

from releaser.cli.follow import Following
from releaser.cli.lines import text_of
from releaser.cli.views.ending import ending_lines
from releaser.cli.views.evidence import evidence_lines
from releaser.cli.views.latency import latency_document, latency_lines, most, untimed_lines
from releaser.config.read import load_environment
from releaser.core import events as e
from releaser.core.codec import encode_event
from releaser.core.latency import EDGES, Latency
from releaser.core.values import Counts, Verdict
from releaser.engine.registry import Registry
from releaser.testing.samples import GOOD_RELEASE, entries

HAPROXY = """\
app: shop
artifact: { file: "dist/shop-{version}" }
targets:
  web:
    kind: hosts
    hosts: [web1]
    path: /srv/shop
    run: { command: "./bin/shop --port {port}" }
    router:
        kind: haproxy
        hosts: [lb1]
        socket: /run/h.sock
        state_file: /var/lib/state
        map: /etc/gen.map
"""
WALL = 1_760_000_100.0
CAUSES = (("5xx web1", 2), ("econ web2", 7))
CANDIDATE = Counts(229, 9, 0, CAUSES, Latency.of({0.012: 100, 0.033: 120, 1.2: 5}, missing=4))
STABLE = Counts(680, 1, 0, (("5xx web1", 1),), Latency.of({0.001: 600, float("inf"): 80}))
FIGURES = e.Figures(CANDIDATE, STABLE, 1.0, 0.4)


def following() -> Following:
    found = Following()
    judged = e.Judged(0, Verdict.INCONCLUSIVE, "not known yet", FIGURES)
    found.take_all(entries("1.4.2.9c2e01aa", (*GOOD_RELEASE[:13], judged)))
    return found


def test_the_most_frequent_cause_is_told() -> None:
    assert most(CANDIDATE) == "most: econ web2 x7"
    assert most(Counts(5, 5)) == ""


def test_the_live_view_tells_causes_and_times_beside_the_errors() -> None:
    told = [text_of(line) for line in evidence_lines(following(), WALL + 16)]
    assert told[0] == "errors      1.4.2 3.9 % (9/229)   1.4.1 0.1 % (1/680)   most: econ web2 x7"
    assert told[1] == (
        "latency     1.4.2 p50 28 ms, p95 33 ms (225 timed, 4 or more lost)   1.4.1 p50 under 1 ms, p95 over 150 s (680 timed)"
    )


def test_the_end_of_a_release_tells_them_too() -> None:
    rollout = following().rollout
    assert rollout is not None
    from releaser.cli.answer import of_rollout

    told = [text_of(line) for line in ending_lines(rollout, of_rollout(rollout, "back", wall=WALL))]
    assert "latency     1.4.2 p50 28 ms" in "\n".join(told)
    assert "most: econ web2 x7" in "\n".join(told)


def test_without_times_there_is_no_line() -> None:
    assert latency_lines(e.Figures(Counts(5), Counts(9)), "1.4.2", "1.4.1") == []
    assert latency_lines(e.Figures(Counts(0, latency=Latency()), STABLE), "1.4.2", "") == []


def test_times_that_ought_to_be_there_are_missed() -> None:
    (line,) = latency_lines(e.Figures(Counts(2290, latency=Latency()), STABLE), "1.4.2", "")
    assert text_of(line) == "latency     1.4.2 none of 2,290 requests timed"


@pytest.mark.parametrize(
    ("edge", "said"), [(0.001, "under 1 ms"), (0.002, "1.5 ms"), (0.082, "75 ms"), (0.12, "0.11 s"), (18.0, "16 s")]
)
def test_a_time_has_no_more_digits_than_the_buckets_are_fine(edge: float, said: str) -> None:
    (line,) = latency_lines(e.Figures(Counts(1, latency=Latency.of({edge: 10}))), "1.4.2", "")
    assert text_of(line).startswith(f"latency     1.4.2 p50 {said}, p95")


def test_machines_get_seconds_and_the_whole_histogram() -> None:
    assert latency_document(FIGURES) == {
        "candidate": {"p50": 0.027625, "p95": 0.032688, "requests": 225, "missing": 4},
        "stable": {"p50": 0.000567, "p95": None, "requests": 680, "missing": 0},
    }
    assert latency_document(e.Figures()) == {"candidate": None, "stable": None}
    written = json.loads(encode_event(e.Judged(0, Verdict.GOOD, "so", FIGURES)))["figures"]["candidate"]
    assert written["causes"] == [["5xx web1", 2], ["econ web2", 7]]
    assert written["latency"]["counts"][EDGES.index(0.033)] == 220


@pytest.mark.parametrize(("log", "said"), [("", True), ("        log: 127.0.0.1:5140\n", False)])
def test_a_plan_says_where_times_will_not_be_known(tmp_path: Path, log: str, said: bool) -> None:
    (tmp_path / "test.yaml").write_text(HAPROXY + log)
    environment, _ = load_environment(tmp_path, "test", Registry.installed(()), variables={}, settings=())
    told = [text_of(line) for line in untimed_lines(environment)]
    assert told == (
        [
            "latency     not known for web: HAProxy tells it in its log (router.log); errors are counted all the same",
        ]
        if said
        else []
    )
