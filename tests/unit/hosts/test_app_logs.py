from pathlib import Path
from typing import Any

import pytest

from releaser.onhost import files
from releaser.onhost.home import Home, home
from releaser.onhost.logs import end_of, logs, rotate, say


@pytest.fixture
def place(tmp_path: Path) -> Home:
    return home({"path": str(tmp_path / "shop")}, create=True)


def ask(place: Home, **more: Any) -> dict[str, Any]:
    return logs({"path": str(place.path), "slot": "blue", **more})


def test_the_last_lines_then_what_follows(place: Home) -> None:
    assert ask(place) == {"lines": [], "cursor": "0.0"}
    with place.log("blue").open("a") as log:
        log.writelines(f"{number}\n" for number in range(10))
        log.write("half a l")
    first = ask(place, lines=3)
    assert first["lines"] == ["7", "8", "9"]
    assert ask(place, lines=0)["lines"] == []
    with place.log("blue").open("a") as log:
        log.write("ine\n")
    second = ask(place, cursor=first["cursor"])
    assert second["lines"] == ["half a line"]
    assert ask(place, cursor=second["cursor"])["lines"] == []


def test_a_reader_loses_nothing_when_the_log_is_cut(place: Home) -> None:
    log = place.log("blue")
    with log.open("ab", buffering=0) as application:
        application.write(b"one\n")
        cursor = ask(place)["cursor"]
        application.write(b"two\n")
        assert not rotate(place, "blue", limit=100)
        assert rotate(place, "blue", limit=4)
        files.write_json(place.status("blue"), {"rotations": 1})
        application.write(b"three\n")
    assert log.read_bytes() == b"three\n"
    seen = []
    for _ in range(3):
        answer = ask(place, cursor=cursor)
        seen += answer["lines"]
        cursor = answer["cursor"]
    assert seen == ["two", "three"]


def test_a_release_is_not_shown_the_lines_of_the_one_before_it(place: Home) -> None:
    place.log("blue").write_text("old\n")
    files.write_json(place.want("blue"), {"release": "1.4.2-3fa9c1d0", "log_from": end_of(place, "blue")})
    with place.log("blue").open("a") as log:
        log.write("new\n")
    assert ask(place)["lines"] == ["old", "new"]
    assert ask(place, release="1.4.2-3fa9c1d0")["lines"] == ["new"]
    assert ask(place, release="1.4.1-9c2e01aa")["lines"] == ["old", "new"], "nobody knows where its lines began"
    rotate(place, "blue", limit=1)
    files.write_json(place.status("blue"), {"rotations": 1})
    with place.log("blue").open("a") as log:
        log.write("newer\n")
    assert ask(place, release="1.4.2-3fa9c1d0")["lines"] == ["newer"]


def test_an_endless_line_and_odd_bytes_do_not_stop_a_reader(place: Home) -> None:
    place.log("blue").write_bytes(b"x" * 600_000 + b"\n\xff\n")
    cursor, seen = "0.0", []
    for _ in range(6):
        answer = ask(place, cursor=cursor)
        seen += answer["lines"]
        cursor = answer["cursor"]
    assert sum(map(len, seen)) == 600_001
    assert seen[-1] == "\ufffd"


def test_the_supervisor_s_own_lines_stand_in_it(place: Home) -> None:
    say(place, "blue", "ended")
    assert ask(place)["lines"] == ["[releaser] ended"]
