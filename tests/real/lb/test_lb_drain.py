"""What users had begun with a release that is taken back: some of it ends in peace, the rest is cut, and everybody is told."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from shop import PLAYBOOK, USERS, Shop, children, heard, shop

pytestmark = [pytest.mark.real, pytest.mark.slow, pytest.mark.timeout(300)]
HALF = PLAYBOOK.replace(
    "{ weight: 10%, at_least: 500ms }, { weight: 50%, at_least: 500ms }", "{ weight: 50%, at_least: 50s }"
)
FLEET = "drain: 20s, cut_after: 3s, keep_warm: 10m"


@contextmanager
def begun(site: Shop, module: str, path: str, *options: str) -> Iterator[Callable[[], Any]]:
    """A user's program on the laptop; the answer ends it and gives the JSON that it prints."""
    line = ["-m", f"releaser.testing.{module}", f"http://lb1.example.com{path}", "--host", USERS, *options]
    argv = site.network.laptop.inside(sys.executable, *line)
    with subprocess.Popen(argv, stdout=subprocess.PIPE, text=True) as process:

        def told() -> Any:
            for child in children(process.pid):
                os.kill(child, signal.SIGTERM)
            return json.loads(process.communicate(timeout=60)[0])

        yield told


def test_websockets_and_long_requests_have_their_time_and_are_cut_after_it() -> None:
    with shop("haproxy", 1, playbook=HALF, fleet=FLEET) as site:
        assert site.promote("1.0.0").returncode == 0
        site.build("1.1.0")
        with site.users(), site.spawn("promote", "1.1.0", "-y") as release:
            heard(release, "Shifted")
            with (
                begun(site, "load_websocket", "/", "--count", "8", "--seconds", "90") as websockets,
                begun(site, "load", "/slow/2", "--rate", "4", "--seconds", "60", "--fixed", "--fresh", "1") as long,
            ):
                site.until_open("lb1", 8 + 6)
                assert site.command("abort", "-y").returncode == 0
                turned = heard(release, "TurnedBack")
                back = heard(release, "Shifted", urgent=True)
                cut = heard(release, "CutShort")
                answer = heard(release, None)
                requests, held = long(), websockets()
        assert back["at"] - turned["at"] < 2.0
        assert 3.0 <= cut["at"] - back["at"] < 8.0
        assert requests["failed"] == 0
        assert set(requests["versions"]) - {""} == {"1.0.0", "1.1.0"}
        mine = [one for one in held if one["version"] == "1.1.0"]
        assert {one["ending"] for one in mine} == {"cut"}
        assert {one["ending"] for one in held if one["version"] == "1.0.0"} <= {"kept"}
        assert cut["event"]["connections"] == len(mine)
        assert answer["cut"] == {"web/lb1.example.com": len(mine)}
