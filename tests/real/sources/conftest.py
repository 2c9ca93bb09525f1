"""The rig of tests/real/routers and the environments of tests/real/engine serve here too."""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("engine", "routers")]
