"""The worlds of the command line's and of the core's tests serve here too."""

import sys
from pathlib import Path

UNIT = Path(__file__).parents[1]
sys.path += [str(UNIT / "cli"), str(UNIT / "core")]
