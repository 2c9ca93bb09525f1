"""python cli_process.py FOLDER WORDS...: one command line over fake hosts with 1.4.1 released, in a process and on streams of its own."""

import os
import sys
from pathlib import Path

from cli_world import Place

from releaser.cli.main import run

if __name__ == "__main__":
    place = Place(Path(sys.argv[1]))
    place.build("1.4.1", "1.4.2")
    assert place.run("promote", "1.4.1", "-o", "json").code == 0
    sys.stderr.write("READY\n")
    environ = {**place.environ, **{name: os.environ[name] for name in ("NO_COLOR",) if name in os.environ}}
    words = [*sys.argv[2:], "--folder", sys.argv[1]]
    sys.exit(run(words, environ=environ, stdin=sys.stdin, out=sys.stdout, err=sys.stderr, opener=place.open))
