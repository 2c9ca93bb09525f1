"""What an operator does on a bad day, by command lines alone: stop and start, release beside a dead version, leave, finish."""

import json
import os
import signal
import time
import urllib.request
from contextlib import suppress

import pytest
from cli_stage import Cli, split_of

pytestmark = [pytest.mark.real, pytest.mark.timeout(240)]


def users_get(cli: Cli) -> int:
    """The status of one request, 0 where nobody answers."""
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{cli.stage.listen}/", timeout=5) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as error:
        return error.code
    except OSError:
        return 0


def test_an_environment_is_stopped_and_started_again(served: Cli) -> None:
    assert users_get(served) == 200
    stopped = served.run("down")
    assert (stopped.code, len(stopped.document["stopped"])) == (0, 2), stopped
    assert users_get(served) == 0
    assert len(served.processes()) <= 1, "the guard of the router ends by itself"
    found = served.status()
    assert (found["state"], "does not run" in found["trouble"]) == ("down", True)
    assert served.run("promote", "1.0.0").document["reason"] == "stable-down"
    again = served.run(*stopped.document["fix"][0].split()[1:])
    assert (again.code, again.document["outcome"]) == (0, "rolled_back"), again
    assert users_get(served) == 200
    assert served.status()["state"] == "serving"
    assert served.run("status", "--check").code == 0, "nothing was taken back"
    assert served.run("down").code == 0
    assert served.run("down").document["stopped"] == []


def run_of(cli: Cli) -> dict[str, list[int]]:
    """The processes of the slot that serves."""
    found: dict[str, list[int]] = json.loads((cli.root / ".releaser/demo/.releaser/run/blue.json").read_text())
    return found


def kill_the_application(cli: Cli) -> None:
    """Its supervisor first: it would start it again."""
    run = run_of(cli)
    for role in ("supervisor", "child"):
        with suppress(ProcessLookupError):
            os.kill(run[role][0], signal.SIGKILL)


def test_nothing_is_released_beside_a_version_that_hangs(served: Cli) -> None:
    """Its process is there and its port accepts: only whoever asks for an answer notices."""
    (hanging, *_) = run_of(served)["child"]
    os.kill(hanging, signal.SIGSTOP)
    try:
        for verb in ("plan", "promote"):
            refused = served.run(verb, "1.1.0")
            assert (refused.code, refused.document["reason"]) == (6, "stable-down"), refused
            assert "runs and gives no answer" in refused.document["message"]
    finally:
        os.kill(hanging, signal.SIGCONT)
    assert served.run("plan", "1.1.0").code == 0


def test_a_release_beside_a_dead_version_and_one_that_goes_on_by_itself(served: Cli) -> None:
    kill_the_application(served)
    refused = served.run("plan", "1.1.0")
    assert (refused.code, refused.document["reason"]) == (6, "stable-down"), refused
    with served.stage.traffic():
        promoted = served.run("promote", "1.1.0", "--stable-is-down", "--reason", "1.0.0 was killed")
        assert (promoted.code, promoted.document["outcome"]) == (0, "promoted"), promoted
        left = served.run("promote", "1.3.0", "--detach")
        assert (left.code, left.document["outcome"]) == (0, "running"), left
        assert served.run("watch").code == 0
    assert split_of(served.status()) == {"1.3.0": 100}


def test_a_release_whose_process_was_killed_is_finished(served: Cli) -> None:
    """Nobody asks for anything, so the first step waits for evidence until the process is killed."""
    process = served.start("promote", "1.1.0")
    served.until(lambda found: split_of(found).get("1.1.0") == 10)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    with served.stage.traffic():
        finished = served.run("recover", "--finish", "--reason", "the laptop's battery")
        while finished.code == 7:
            time.sleep(0.5)
            finished = served.run("recover", "--finish", "--reason", "the laptop's battery")
    assert (finished.code, finished.document["outcome"]) == (0, "promoted"), finished
    assert split_of(served.status()) == {"1.1.0": 100}
