"""What a sound host tells, to be spoilt in one place."""

from typing import Any

from releaser.engine.doctor.asking import Asked

GIB = 1 << 30


def place(path: str = "/srv/shop", **wrong: Any) -> dict[str, Any]:
    well = {"path": path, "kind": "directory", "nearest": path, "owner": "deploy", "mode": "0755", "reads": True}
    return well | {"writes": True, "read_only": False, "free": 20 * GIB, "inodes": 1_000_000} | wrong


def slot(**wrong: Any) -> dict[str, Any]:
    well = {
        "release": None,
        "state": "empty",
        "running": False,
        "supervised": False,
        "adopted": False,
        "stranger": None,
    }
    return well | wrong


def asked(label: str = "web1", **wrong: Any) -> Asked:
    ports = {"blue": 8001, "green": 8002}
    well: dict[str, Any] = {
        "label": label, "target": "web", "host": label, "runs": True, "routes": False, "ssh": True, "sudo": False,
        "roles": (("path", "/srv/shop"), ("own", "/srv/shop/.releaser")),
        "request": {"places": ["/srv/shop", "/srv/shop/.releaser"], "target": {"path": "/srv/shop", "ports": ports, "unit": None}},
    }  # fmt: skip
    return Asked(**well | wrong)


def told(**wrong: Any) -> dict[str, Any]:
    target = {
        "slots": {"blue": slot(), "green": slot()},
        "ports": {"blue": None, "green": None},
        "releases": [],
        "units": None,
    }
    well: dict[str, Any] = {"wall": 1000.0, "user": "deploy", "python": "3.11.2", "target": target}
    return well | {"places": [place(), place("/srv/shop/.releaser")]} | wrong
