"""How does each version of the sample application carry its own fault, while all are run by the same command?"""

import shutil
from pathlib import Path

from releaser.testing import app

__all__ = ["write_artifact"]

START = """\
# The sample application, with what this version of it does wrong.
import runpy
import sys

sys.argv[0] = "shop.py"
sys.argv += {arguments!r}
runpy.run_path("shop.py", run_name="__main__")
"""


def write_artifact(folder: Path, *arguments: str) -> None:
    """A new `folder` with the application, and an app.py that starts it with `arguments` behind those of its command line."""
    folder.mkdir(parents=True)
    shutil.copyfile(app.__file__, folder / "shop.py")
    (folder / "app.py").write_text(START.format(arguments=list(arguments)), encoding="utf-8")
