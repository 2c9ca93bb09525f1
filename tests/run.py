"""`make test`: every test with coverage, then what this machine could not run and what would enable it.

With CI=true every part is required: a skipped test is a failure. Exit status 0 means that all of it passed.
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from xml.etree import ElementTree

ROOT = Path(__file__).resolve().parents[1]
CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
COVERED = 90
PARTS = {
    "haproxy": ("the HAProxy router against a real HAProxy", "apt-get install haproxy"),
    "nginx": ("the nginx router against a real nginx", "apt-get install nginx-light"),
    "sshd": ("hosts over a real SSH server", "apt-get install openssh-server"),
    "tmux": ("the terminal views in a real terminal", "apt-get install tmux"),
}


def missing() -> dict[str, tuple[str, str]]:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    return {name: part for name, part in PARTS.items() if shutil.which(name, path=path) is None}


def run(*argv: str, **more: str) -> int:
    print("+", " ".join(Path(argv[0]).name if i == 0 else a for i, a in enumerate(argv)), flush=True)
    return subprocess.run(argv, cwd=ROOT, env={**os.environ, **more}, check=False).returncode


def totals(report: Path) -> tuple[int, int, int]:
    """(passed, failed, skipped) of a JUnit report."""
    suites = ElementTree.parse(report).getroot().iter("testsuite")
    tests = failed = skipped = 0
    for suite in suites:
        tests += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return tests - failed - skipped, failed, skipped


def main() -> int:
    absent = missing()
    if CI and absent:
        remedies = "; ".join(remedy for _, remedy in absent.values())
        print(f"CI needs every part, and this machine lacks: {', '.join(absent)} ({remedies})")
        return 1
    with tempfile.TemporaryDirectory(prefix="releaser-tests-") as scratch:
        report = Path(scratch) / "junit.xml"
        for old in ROOT.glob(".coverage*"):
            old.unlink()
        settings = {"RELEASER_STATE": f"{scratch}/state", "HYPOTHESIS_STORAGE_DIRECTORY": f"{scratch}/hypothesis"}
        status = run(
            sys.executable,
            "-m",
            "coverage",
            "run",
            "-m",
            "pytest",
            "-q",
            f"--junitxml={report}",
            *sys.argv[1:],
            **settings,
        )
        run(sys.executable, "-m", "coverage", "combine", "-q")
        covered = run(
            sys.executable, "-m", "coverage", "report", "--skip-covered", "--sort=cover", f"--fail-under={COVERED}"
        )
        passed, failed, skipped = totals(report) if report.exists() else (0, 1, 0)
    if covered:
        print(f"the coverage of releaser/ by lines and branches is below {COVERED} %")
    for name, (what, remedy) in absent.items():
        print(f"not run here: {what} (no {name}); to enable it: {remedy}")
    if CI and skipped:
        print(f"{skipped} tests were skipped, and CI allows none")
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return int(bool(status or covered or failed or (CI and skipped)))


if __name__ == "__main__":
    sys.exit(main())
