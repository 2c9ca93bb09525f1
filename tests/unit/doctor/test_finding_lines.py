"""Two hundred hosts stay readable, and the exit code says what was found."""

import pytest

from releaser.cli.examining import answer_of, document_of
from releaser.cli.lines import text_of
from releaser.cli.views.doctor import finding_lines
from releaser.engine.doctor.examine import Examination, in_order
from releaser.engine.doctor.finding import CHECKS, Finding, fail, ok, unknown, warn


def examination(*findings: Finding, hosts: int = 1) -> Examination:
    return Examination("production", in_order(findings), hosts, 1.23)


def screen(found: Examination, *, each: bool = False) -> list[str]:
    return [text_of(line).rstrip() for line in finding_lines(found, "summary", each=each)]


def fleet() -> Examination:
    names = [f"web{number}" for number in range(1, 201)]
    found = [ok("reach", name, "answers") for name in names]
    found += [ok("disk", name, f"{index}.0 GiB free") for index, name in enumerate(names[:-2])]
    found += [fail("disk", name, "3 MiB are free", "free some room there", code="no-room") for name in names[-2:]]
    return examination(*found, hosts=200)


def test_what_is_alike_is_one_line_and_what_differs_is_named() -> None:
    assert screen(fleet()) == [
        "production  summary  (200 hosts asked in 1.2 s)",
        "reach       OK      web1, web2, web3, web4, web5 and 195 more: answers",
        "disk        FAIL    web199, web200: 3 MiB are free",
        "                    try: free some room there",
        "            OK      198 hosts",
    ]


def test_each_host_has_its_line_where_that_is_asked_for() -> None:
    assert len(screen(fleet(), each=True)) == 1 + 200 + 200 + 2


def test_this_machine_has_no_name() -> None:
    assert screen(examination(ok("journal", "", "is whole")))[1:] == ["journal     OK      is whole"]


def test_questions_stand_in_their_order_whoever_was_asked_first() -> None:
    found = examination(*(ok(check, "web1", "well") for check in reversed(CHECKS)))
    assert [one.check for one in found.findings] == list(CHECKS)


BAD, SILENT = fail("disk", "web1", "full", "free some room", code="no-room"), unknown("reach", "web2", "no answer")
CAREFUL, WELL = warn("clock", "web1", "off"), ok("reach", "web1", "answers")


@pytest.mark.parametrize(
    ("findings", "code", "outcome", "reason"),
    [
        ((WELL,), 0, "unchanged", ""),
        ((WELL, CAREFUL), 0, "unchanged", ""),
        ((WELL, SILENT), 1, "error", "unchecked"),
        ((SILENT, BAD, CAREFUL), 6, "refused", "no-room"),
    ],
)
def test_the_worst_that_is_known_is_the_exit_code(
    findings: tuple[Finding, ...], code: int, outcome: str, reason: str
) -> None:
    answer = answer_of(examination(*findings))
    assert (answer.exit, str(answer.outcome), answer.reason) == (code, outcome, reason)
    assert answer.fix == (("free some room",) if BAD in findings else ())


def test_a_finding_as_data() -> None:
    assert document_of(BAD) == {
        "level": "FAIL", "check": "disk", "host": "web1", "found": "full", "code": "no-room", "fix": ["free some room"],
    }  # fmt: skip
    assert (document_of(ok("journal", "", "x"))["host"], document_of(WELL)["code"]) == (None, None)
