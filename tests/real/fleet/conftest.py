"""The SSH servers of the lab are started as in tests/real/ssh."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "ssh"))
