"""The environments and targets that tests/real/engine, hosts and ssh use serve here too."""

import sys
from pathlib import Path

sys.path += [str(Path(__file__).parents[1] / folder) for folder in ("engine", "hosts", "ssh")]
