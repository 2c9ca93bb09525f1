"""The machines and the shop on them are those of tests/real/lb."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1] / "lb"))
