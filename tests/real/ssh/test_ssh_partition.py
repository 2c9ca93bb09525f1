"""Packets that are dropped in silence: noticed by the kernel's own time-outs, and the call is resolved afterwards."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.real
DRIVER = Path(__file__).with_name("ssh_partition.py")


@pytest.mark.skipif(
    os.getuid() != 0
    or not all(shutil.which(tool, path="/usr/sbin:/sbin:/usr/bin:/bin") for tool in ("unshare", "nft", "ip")),
    reason="a network namespace with a packet filter needs root, unshare, ip and nft",
)
def test_a_partition_in_the_middle_of_a_call(tmp_path: Path) -> None:
    command = ["unshare", "--net", sys.executable, str(DRIVER), str(tmp_path)]
    environ = {**os.environ, "PATH": f"{os.environ['PATH']}:/usr/sbin:/sbin"}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, check=False, timeout=100)
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["answer"] == ["done\n"], told
    assert told["noticed"] < 20, "TCP_USER_TIMEOUT is 5 s"
