"""Parts that need real hosts: each in a process and a network of its own, on the stages of the tests.

    python -m bench.apart fleet_rollback [--quick]      prints its figures as JSON

A part is a module of bench/ with measure(quick); its progress goes to stderr. What this machine cannot do is not measured.
"""

import importlib
import json
import os
import shutil
import signal
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from bench.figures import Figure

__all__ = ["measured", "said"]

ROOT = Path(__file__).resolve().parents[1]
STAGES = tuple(str(ROOT / "tests" / "real" / name) for name in ("ssh", "fleet", "lb", "drills"))
MISSING = {"unshare": "util-linux", "nft": "nftables", "haproxy": "haproxy", "sshd": "openssh-server"}
PATH = f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin"


def measured(name: str, quick: bool) -> list[Figure]:
    lacking = [package for program, package in MISSING.items() if shutil.which(program, path=PATH) is None]
    if os.getuid() != 0 or lacking:
        return [Figure(name, None, how=f"needs root{''.join(f', {package}' for package in lacking)}")]
    argv = ["unshare", "--net", sys.executable, "-m", "bench.apart", name, *(["--quick"] if quick else [])]
    environ = {**os.environ, "PATH": PATH, "PYTHONPATH": os.pathsep.join([str(ROOT), *STAGES])}
    done = subprocess.run(argv, cwd=ROOT, env=environ, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        return [Figure(name, None, how=f"it ended with {done.returncode}; its last words stand above")]
    return [Figure(**one) for one in json.loads(done.stdout)]


def said(line: str) -> None:
    """Progress, for whoever waits for the table."""
    print(line, file=sys.stderr, flush=True)


def main() -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))  # or the servers would stay behind
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    figures = importlib.import_module(f"bench.{sys.argv[1]}").measure(quick="--quick" in sys.argv)
    print(json.dumps([asdict(figure) for figure in figures]))


if __name__ == "__main__":
    main()
