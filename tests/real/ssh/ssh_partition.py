"""Run inside a network namespace of its own (unshare -n): a call is under way when every packet begins to be dropped.

Prints how the call ended and after how many seconds, then what the host says once the packets flow again.
"""

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

from ssh_lab import PORT, Lab, opened, until

from releaser.errors import PortError

DROP = "add table inet t; add chain inet t c {{ type filter hook input priority 0; }}; add rule inet t c tcp dport {0} drop; add rule inet t c tcp sport {0} drop"


def main(root: Path) -> None:
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    with opened(root) as lab:
        story(lab, root)


def story(lab: Lab, root: Path) -> None:
    server, told = lab.server(), {}
    shell = lab.shell(server)
    shell.call("ledger.read", {"state": "~/site"}, within=60)
    script = f"touch {root}/began; while ! test -e {root}/go; do sleep 0.05; done; echo done"
    look = [{"do": "run", "argv": ["sh", "-c", script], "within": 60}]

    def call(within: float) -> None:
        try:
            told["answer"] = shell.call("router.read", {"look": look}, within=within)["replies"]
        except PortError as error:
            told["error"] = type(error).__name__
        told["at"] = time.monotonic()

    thread = threading.Thread(target=call, args=(45,))
    thread.start()
    until((root / "began").exists)
    connection = shell.connections.get(shell.to, until=time.monotonic() + 10)
    subprocess.run(["nft", DROP.format(PORT)], check=True)
    began = time.monotonic()
    until(lambda: not connection.transport.is_active(), 40)
    told["noticed"] = time.monotonic() - began
    (root / "go").touch()
    subprocess.run(["nft", "delete table inet t"], check=True)
    thread.join()
    sys.stdout.write(json.dumps({"noticed": told["noticed"], "answer": told.get("answer"), "error": told.get("error")}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
