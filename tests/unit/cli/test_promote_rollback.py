"""Verbs over fake hosts: what each answers and leaves behind."""

import json
from pathlib import Path

import pytest
from cli_world import Answered, Place

from releaser.cli.answer import Answer
from releaser.core.values import Outcome, Split

KEYS = set(Answer(Outcome.PROMOTED, 0).document())


def released(place: Place, *versions: str) -> None:
    for version in versions:
        answered = place.run("promote", version)
        assert answered.code == 0, answered


def test_a_first_release_and_a_second_one(place: Place) -> None:
    first = place.run("promote", "1.4.1")
    assert first.code == 0, first
    assert "PROMOTED" in first.out
    assert "no way back" in first.err
    second = place.run("promote", "1.4.2", "-o", "json")
    assert second.code == 0, second
    assert second.document["outcome"] == "promoted"
    assert second.document["from"].startswith("1.4.1-")
    assert set(second.document) == KEYS
    assert second.err == ""
    assert place.site.split == Split.all_to(second.document["release"])


def test_the_same_again_is_unchanged(place: Place) -> None:
    released(place, "1.4.1")
    again = place.run("promote", "1.4.1", "-o", "json")
    assert again.code == 0
    assert again.document["outcome"] == "unchanged"


def test_a_bad_version_goes_back_with_3_and_is_refused_afterwards_with_6(place: Place) -> None:
    released(place, "1.4.1")
    place.bad.add("1.4.2")
    back = place.run("promote", "1.4.2", "-o", "jsonl")
    assert back.code == 3, back
    assert back.last["outcome"] == "rolled_back"
    assert back.last["reason"] == "judge"
    assert back.last["requests"] > 0
    assert back.last["failures"] > 0
    events = [json.loads(one) for one in back.out.splitlines()[:-1]]
    assert [one["seq"] for one in events] == list(range(len(events)))
    before = place.digest()
    refused = place.run("promote", "1.4.2")
    assert refused.code == 6
    assert "--retry-bad" in refused.out
    assert place.digest() == before


def test_a_candidate_that_is_never_healthy_gets_no_traffic(place: Place) -> None:
    released(place, "1.4.1")
    place.sick.add("1.4.2")
    answered = place.run("promote", "1.4.2", "--timeout", "1s", "-o", "json")
    assert answered.code == 3
    assert place.site.split is not None
    assert [name.rpartition("-")[0] for name, _ in place.site.split.weights] == ["1.4.1"]


def test_rollback_goes_back_marks_bad_and_freezes(place: Place) -> None:
    released(place, "1.4.1", "1.4.2")
    back = place.run("rollback", "--reason", "slow carts")
    assert back.code == 0, back
    for said in ("ROLLED BACK", "1.4.2 -> 1.4.1", "back in", "of the budget", "serves", "frozen", "unfreeze"):
        assert said in back.out
    again = place.run("rollback", "-o", "json")
    assert again.code == 0
    assert again.document["outcome"] == "unchanged"
    assert "ago by ada@laptop" in again.document["message"]
    frozen = place.run("promote", "1.4.3", "-o", "json")
    assert frozen.code == 6
    assert frozen.document["reason"] == "frozen"
    assert place.run("unfreeze").code == 2
    assert place.run("unfreeze", "--reason", "fixed").code == 0
    assert place.run("promote", "1.4.3").code == 0


def test_rollback_lists_where_it_could_go_and_refuses_the_unknown(place: Place) -> None:
    released(place, "1.4.1", "1.4.2")
    listed = place.run("rollback", "--list", "-o", "json")
    assert [one["current"] for one in listed.document["choices"]] == [True, False]
    unknown = place.run("rollback", "--to", "9.9.9", "-o", "json")
    assert unknown.code == 6
    assert unknown.document["reason"] == "unknown-release"


def test_plan_shows_saves_and_binds_promote_to_itself(place: Place, tmp_path: Path) -> None:
    released(place, "1.4.1")
    saved = tmp_path / "plan.json"
    shown = place.run("plan", "1.4.2", "--save", str(saved), "--detailed-exitcode")
    assert shown.code == 10
    assert "way back" in shown.out
    document = json.loads(saved.read_text())
    assert {"schema", "digest", "from", "to", "steps", "undo", "refusals"} <= set(document)
    assert {"weight", "sees", "expected_s", "max_s", "approve"} <= set(document["steps"][0])
    assert place.run("promote", "1.4.3", "--plan", str(saved)).code == 2
    assert place.run("promote", "1.4.2", "--plan", str(saved)).code == 0
    outdated = place.run("promote", "1.4.3", "--expect-plan", document["digest"], "-o", "json")
    assert outdated.code == 6
    assert outdated.document["reason"] == "outdated"


def test_promote_shows_the_plan_that_plan_shows(place: Place) -> None:
    """Also where nobody is asked: a CI's log then says what each step could have seen."""
    released(place, "1.4.1")
    planned = place.run("plan", "1.4.2").out.splitlines()
    promoted = place.run("promote", "1.4.2").err.splitlines()
    begun = promoted.index(planned[0])
    shown = promoted[begun : begun + len(planned)]
    assert [said[:12] for said in shown] == [said[:12] for said in planned]
    assert all(any("the judge sees" in said for said in lines) for lines in (planned, shown))
    assert shown[-1] == planned[-1]


def test_plan_of_something_refused_is_6_and_offline_asks_nobody(place: Place) -> None:
    released(place, "1.4.1")
    place.run("freeze", "--reason", "week end", "--until", "2h")
    assert place.run("plan", "1.4.2").code == 6
    place.world.sites.clear()  # type: ignore[attr-defined]  # a dict here
    assert place.run("plan", "1.4.2", "--offline").code == 0


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("promote", "1.4.2", "--retry-bad"), 2),
        (("promote", "1.4.2", "--plan", "nowhere.json"), 2),
        (("promote", "9.9.9"), 2),
        (("promote", "1.4.2", "-e", "nowhere"), 2),
        (("promote", "1.4.2", "--playbook", "nowhere"), 2),
        (("advance",), 2),
        (("advance", "--to", "101%", "--reason", "x"), 2),
        (("approve", "--expect", "1.4.2"), 2),
        (("pause", "--expect", "1.4.2/1"), 6),
        (("freeze", "--reason", "x", "--until", "yesterday"), 2),
        (("freeze", "--reason", "x", "--until", "2001-01-01T00:00"), 2),
        (("recover", "--finish"), 2),
        (("show", "9.9.9"), 2),
        (("init", "--run", "x", "--name", "../x"), 2),
        (("status", "-e", "nowhere"), 2),
        (("adopt",), 6),
        (("logs", "-n", "3"), 6),
        (("nothing",), 2),
        (("approve",), 0),
        (("abort",), 0),
        (("recover",), 0),
        (("watch",), 0),
        (("history",), 0),
        (("audit", "verify"), 0),
        (("config", "--explain"), 0),
        (("config", "--schema", "environment"), 0),
        (("completion", "bash"), 0),
        (("status", "--check"), 0),
    ],
)
def test_every_path_ends_in_one_document_and_its_code(place: Place, words: tuple[str, ...], code: int) -> None:
    answered = place.run(*words, "-o", "json")
    assert answered.code == code, answered
    assert set(answered.document) >= KEYS
    assert answered.document["exit"] == code
    assert answered.err == ""
    plain = place.run(*words)
    assert plain.code == code
    assert "Traceback" not in plain.err


def test_a_crash_is_one_sentence_and_one_document(place: Place) -> None:
    def broken(*args: object, **more: object) -> Answered:
        raise ZeroDivisionError("a defect")

    place.open = broken  # type: ignore[assignment,method-assign]  # what a defect of ours would do
    crashed = place.run("status", "-e", "production", "-o", "json")
    assert crashed.code == 1
    assert crashed.document["reason"] == "defect"
    assert crashed.err == ""
    assert "Traceback" in place.run("status", "-e", "production", "-v", "-v").err


def test_ctrl_c_while_nothing_is_under_way_is_130(place: Place) -> None:
    def interrupted(*args: object, **more: object) -> Answered:
        raise KeyboardInterrupt

    place.open = interrupted  # type: ignore[assignment,method-assign]  # as a signal would
    answered = place.run("plan", "1.4.2", "-o", "json")
    assert answered.code == 130
    assert answered.document["outcome"] == "cancelled"


def test_history_and_show_tell_the_story(place: Place) -> None:
    released(place, "1.4.1", "1.4.2")
    listed = place.run("history", "-o", "json").document["history"]
    assert [one["version"] for one in listed] == ["1.4.2", "1.4.1"]
    told = place.run("show", "1.4.2")
    assert "1.4.2" in told.out
    assert "about to" not in told.out
    assert "about to" in place.run("show", "1.4.2", "-v").out
    assert place.run("show", "1.4.2", "-o", "json").document["events"][0]["event"]["kind"] == "Opened"


def test_init_writes_what_works_and_never_overwrites(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    place.folder = folder
    words = ("init", "--app", "shop", "--host", "web1", "--run", "./bin/shop --port {port}", "--name", "live")
    made = place.run(*words)
    assert made.code == 0, made
    text = (folder / "environments/live.yaml").read_text()
    assert len([one for one in text.splitlines() if not one.startswith("#")]) <= 10
    assert (folder / "playbooks/canary.yaml").is_file()
    (folder / "environments/live.yaml").write_text(text.replace("info", "debug"))
    assert place.run(*words).code == 0
    assert "debug" in (folder / "environments/live.yaml").read_text()


def test_init_writes_how_users_come_in_and_names_setup_for_hosts(place: Place, tmp_path: Path) -> None:
    folder = tmp_path / "new"
    folder.mkdir()
    place.folder = folder
    hosts = ("--host", "web1", "--host", "web2", "--url", "http://lb1:8080", "--playbook", "demo")
    made = place.run("init", "--app", "shop", "--run", "./bin/shop", "--name", "live", *hosts, "-o", "json")
    assert made.code == 0, made
    assert "releaser setup -e live" in made.document["fix"]
    lines = (folder / "environments/live.yaml").read_text().splitlines()
    assert {"url: http://lb1:8080", "hosts: [web1, web2]", "user: deploy", "playbook: demo"} <= set(lines)


def test_hostile_reasons_and_names_move_no_cursor(place: Place) -> None:
    released(place, "1.4.1")
    place.run("freeze", "--reason", "evil \x1b[2J\x1b]0;x\x07 \u202e reason")
    shown = place.run("status")
    assert "\x1b" not in shown.out
    assert "\u202e" not in shown.out
    assert "\\x1b" in shown.out
