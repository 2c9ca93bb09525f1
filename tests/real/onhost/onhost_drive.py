"""An orchestrator of its own process group for the tests: `onhost_drive.py ROOT TIMER [MODE]`.

It takes the site, arms it and shifts, says "shifted", and then renews (MODE renew) or waits for a line on stdin and tries
to write and to renew again (MODE late); what came of each is one line on stdout.
"""

import sys
import threading
from collections.abc import Callable
from pathlib import Path

from onhost_place import BINDING, CANARY, Place

from releaser.errors import FencedError


def say(*words: str) -> None:
    sys.stdout.write(" ".join(words) + "\n")
    sys.stdout.flush()


def attempt(name: str, work: Callable[[], object]) -> None:
    try:
        work()
        say(name, "done")
    except FencedError as error:
        say(name, error.code)


def main() -> None:
    timer = float(sys.argv[2])
    place = Place(Path(sys.argv[1]))
    place.canary(timer=timer)
    say("shifted")
    if sys.argv[3] == "renew":
        while True:
            place.site.renew(fence=1, within=20)
            threading.Event().wait(timer / 3)
    sys.stdin.readline()
    attempt("shift", lambda: place.site.shift(CANARY, BINDING, 1003, fence=1, within=20))
    attempt("renew", lambda: place.site.renew(fence=1, within=20))


if __name__ == "__main__":
    main()
