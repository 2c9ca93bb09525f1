"""How does a verb run on a host that is to keep nothing of it? Run by itself as `python3 -c`, from stdin alone: Python 3.7.

stdin: a line of JSON {"verb", "limit", "request"}, and after it the agent's sources {path: text} as JSON, compressed by zlib.
They are imported from memory. The process ends itself after `limit` seconds: were the connection lost, nobody else would.
"""

import importlib.abc
import importlib.machinery
import importlib.util
import json
import signal
import sys
import zlib

OLDEST = (3, 7)


class Packed(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads what stands in `sources`."""

    def __init__(self, sources: "dict[str, str]") -> None:
        self.sources = sources

    def find_spec(self, fullname: str, *_: object) -> "importlib.machinery.ModuleSpec | None":
        found = self._path(fullname) in self.sources
        return importlib.util.spec_from_loader(fullname, self) if found else None

    def is_package(self, fullname: str) -> bool:
        return fullname.replace(".", "/") + "/__init__.py" in self.sources

    def get_source(self, fullname: str) -> str:
        return self.sources[self._path(fullname)]

    def _path(self, fullname: str) -> str:
        return fullname.replace(".", "/") + ("/__init__.py" if self.is_package(fullname) else ".py")


def main() -> None:
    if sys.version_info < OLDEST:
        json.dump({"old": list(sys.version_info[:2])}, sys.stdout)
        return
    order = json.loads(sys.stdin.buffer.readline().decode())
    signal.setitimer(signal.ITIMER_REAL, order["limit"])
    sys.meta_path.insert(0, Packed(json.loads(zlib.decompress(sys.stdin.buffer.read()).decode())))
    answer = importlib.import_module("releaser.onhost.__main__").answer
    json.dump(answer(order["verb"], order["request"]), sys.stdout)


if __name__ == "__main__":
    main()
