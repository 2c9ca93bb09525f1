"""The environments that whole releases of tests/real/engine and tests/real/ssh use serve here too."""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("engine", "ssh")]
