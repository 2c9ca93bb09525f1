"""`make test`: every test with coverage, then what this machine could not run and what would enable it.

Three processes at once share the work. Those that mostly wait begin, for whole releases, for fleets and for everything else that is
real; what computes (tests/unit) takes the place of the first that ends, and is done sooner so. With CI=true every part is required: a skipped test is a failure. Exit status 0 means that all of it passed.

Releases are timed by real clocks, and three processes on two cores keep each other waiting: a few tests that failed are run
once more, alone, and named. What fails then has failed.
"""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from xml.etree import ElementTree

import pytest

ROOT = Path(__file__).resolve().parents[1]
RELEASES = ("tests/real/cli", "tests/real/engine")
FLEETS = tuple(f"tests/real/{name}" for name in ("drills", "fleet", "lb", "setup", "systemd"))
AT_ONCE = 3
CI = os.environ.get("CI", "").lower() in {"1", "true", "yes"}
COVERED = 90
FEW = 12
"""More failures than these are no matter of a busy machine."""
PARTS = {
    "haproxy": ("the HAProxy router against a real HAProxy", "apt-get install haproxy"),
    "nginx": ("the nginx router against a real nginx", "apt-get install nginx-light"),
    "sshd": ("hosts over a real SSH server", "apt-get install openssh-server"),
    "systemd-nspawn": ("hosts with systemd", "apt-get install systemd-container, as root"),
    "debootstrap": ("the file system of such a host", "apt-get install debootstrap, as root"),
    "nft": ("a network that falls silent", "apt-get install nftables, as root"),
    "openssl": ("an HTTPS probe against a certificate of its own", "apt-get install openssl"),
    "patch": ("the planted bugs that the simulator must catch", "apt-get install patch"),
    "tmux": ("the terminal views in a real terminal", "apt-get install tmux"),
}


def missing() -> dict[str, tuple[str, str]]:
    path = os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/usr/local/sbin"])
    return {name: part for name, part in PARTS.items() if shutil.which(name, path=path) is None}


def run(*argv: str, **more: str) -> int:
    print("+", " ".join(Path(argv[0]).name if i == 0 else a for i, a in enumerate(argv)), flush=True)
    return subprocess.run(argv, cwd=ROOT, env={**os.environ, **more}, check=False).returncode


def shares() -> list[list[str]]:
    """What each process runs, in the order in which they begin: together all of tests/."""
    real = sorted(
        str(path.relative_to(ROOT)) for path in (ROOT / "tests" / "real").iterdir() if any(path.glob("test_*.py"))
    )
    rest = [folder for folder in real if folder not in RELEASES + FLEETS]
    return [[*RELEASES], [*FLEETS], rest, ["tests/unit"]]


Totals = tuple[int, int, int]
"""(passed, failed, skipped)."""


class Suite:
    """One pytest process under coverage, with a home of its own; its output is shown in one piece when it ends."""

    def __init__(self, home: Path, words: Sequence[str], more: Sequence[str] = ()) -> None:
        home.mkdir(exist_ok=True)
        self.home, self.words, self.more, self.name = home, words, more, " ".join([*words, *more])
        self.report, self.output = home / "junit.xml", home / "output"

    def run(self) -> int:
        """Its exit status."""
        home = self.home
        settings = {"RELEASER_STATE": f"{home}/state", "HYPOTHESIS_STORAGE_DIRECTORY": f"{home}/hypothesis"}
        argv = [sys.executable, "-m", "coverage", "run", "-m", "pytest", "-q", "--durations=12"]
        argv += [f"--junitxml={self.report}", "-o", f"cache_dir={home}/cache", *self.words, *self.more]
        print(f"+ pytest {self.name}", flush=True)
        with self.output.open("wb") as output:
            environ = {**os.environ, **settings}
            status = subprocess.run(
                argv, cwd=ROOT, env=environ, stdout=output, stderr=subprocess.STDOUT, check=False
            ).returncode
        print(f"== {self.name}\n{self.output.read_text(errors='replace')}", flush=True)
        return status

    def totals(self) -> Totals:
        return totals(self.report) if self.report.exists() else (0, 1, 0)

    def failures(self) -> list[str]:
        """The names of the tests that failed."""
        cases = ElementTree.parse(self.report).getroot().iter("testcase")
        bad = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
        return [f"{case.get('classname')}.{case.get('name')}" for case in bad]

    def alone(self) -> "Suite":
        """What failed here, once more; pytest's cache knows which tests these are."""
        return Suite(self.home, self.words, ["--last-failed", "--last-failed-no-failures=none"])


def totals(report: Path) -> Totals:
    """Of a JUnit report."""
    suites = ElementTree.parse(report).getroot().iter("testsuite")
    tests = failed = skipped = 0
    for suite in suites:
        tests += int(suite.get("tests", 0))
        failed += int(suite.get("failures", 0)) + int(suite.get("errors", 0))
        skipped += int(suite.get("skipped", 0))
    return tests - failed - skipped, failed, skipped


def judged(suites: Sequence[Suite]) -> tuple[bool, Totals]:
    """Whether anything failed in the end, and how many tests of all suites did what."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        statuses = list(pool.map(Suite.run, suites))
    ended = [(suite, status, suite.totals()) for suite, status in zip(suites, statuses, strict=True)]
    bad, sums = False, (0, 0, 0)
    for suite, first, (passed, failed, skipped) in ended:
        status, again = first, (0, failed, 0)
        if first == pytest.ExitCode.TESTS_FAILED and failed <= FEW:
            names = ", ".join(suite.failures())
            print(f"== failed beside the others, and run once more alone: {names}", flush=True)
            second = suite.alone()
            status, again = second.run(), second.totals()
        bad |= bool(status)
        sums = (sums[0] + passed + again[0], sums[1] + again[1], sums[2] + skipped + again[2])
    return bad, sums


def main() -> int:
    # A shell that starts us in the background ignores Ctrl-C on our behalf, and so would every release that is interrupted here.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    absent = missing()
    if CI and absent:
        remedies = "; ".join(remedy for _, remedy in absent.values())
        print(f"CI needs every part, and this machine lacks: {', '.join(absent)} ({remedies})")
        return 1
    with tempfile.TemporaryDirectory(prefix="releaser-tests-") as scratch:
        for old in ROOT.glob(".coverage*"):
            old.unlink()
        asked = [sys.argv[1:]] if sys.argv[1:] else shares()
        suites = [Suite(Path(scratch) / str(number), words) for number, words in enumerate(asked)]
        status, (passed, failed, skipped) = judged(suites)
        run(sys.executable, "-m", "coverage", "combine", "-q")
        covered = run(
            sys.executable, "-m", "coverage", "report", "--skip-covered", "--sort=cover", f"--fail-under={COVERED}"
        )
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
