"""What does a command cost in CPU, beside a Python that does nothing?   python bench/cli.py [EVENTS]"""

import os
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from releaser.core.events import Entry
from releaser.store.sqlite import SqliteJournal
from releaser.testing.samples import GOOD_RELEASE, entries

TIMES = 15
LIMITS = {"releaser --help": 150.0, "releaser status": 300.0, "releaser history": 500.0}
LARGE = 500.0
"""Of each, over a million events."""
ENVIRONMENT = """\
app: shop
artifact: dist/shop-{version}
hosts: [local]
path: ./place
run: ./shop --port {port}
router: { kind: haproxy, hosts: [local], socket: /run/none/haproxy.sock, backend: shop }
"""


def main() -> None:
    events = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    print(
        f"{platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}, median of {TIMES}, user + system"
    )
    print(f"\n{'command':28}{'events':>10}{'CPU ms':>9}{'floor ms':>10}{'ratio':>7}{'limit ms':>10}")
    with tempfile.TemporaryDirectory(dir=os.environ.get("BENCH_DIR")) as directory:
        folder = Path(directory)
        (folder / "environments").mkdir()
        (folder / "environments" / "demo.yaml").write_text(ENVIRONMENT)
        _row(folder, 0, "--help")
        for count in (0, events):
            _fill(folder / "state" / "journal.db", count)
            _row(folder, count, "status")
            _row(folder, count, "history")


def _row(folder: Path, count: int, *words: str) -> None:
    floor = _cpu(["-c", "pass"], folder)
    ours = _cpu(["-m", "releaser", *words], folder)
    name = "releaser " + " ".join(words)
    print(f"{name:28}{count:10}{ours:9.0f}{floor:10.0f}{ours / floor:7.1f}{LARGE if count else LIMITS[name]:10.0f}")


def _cpu(words: list[str], folder: Path) -> float:
    """Milliseconds of one run with all its children, by their own account, so that other work does not count.

    Modules are compiled, as pip leaves them, whatever this shell's environment says about that.
    """
    environ = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environ |= {"RELEASER_STATE": str(folder / "state"), "PYTHONPYCACHEPREFIX": str(folder / "compiled")}
    subprocess.run([sys.executable, *words], cwd=folder, env=environ, stdout=subprocess.DEVNULL, check=True)
    spent = []
    for _ in range(TIMES):
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *words], cwd=folder, env=environ, stdout=subprocess.DEVNULL, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)  # os.times() counts in steps of 10 ms
        spent.append(after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime)
    return statistics.median(spent) * 1000


def _fill(path: Path, count: int) -> None:
    """Releases of the sample environment, as many as make `count` events."""
    each = len(GOOD_RELEASE)
    with SqliteJournal(path) as journal:
        batch: list[Entry] = []
        for number in range(count // each):
            batch += entries(f"1.4.2.{number:08x}", GOOD_RELEASE, start=number * 60.0)
            if len(batch) > 20_000 or number == count // each - 1:
                journal.append(batch)
                batch = []


if __name__ == "__main__":
    main()
