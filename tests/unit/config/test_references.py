import copy
import json
import pickle

import pytest

from releaser.config.references import Reference, Secret, find_reference
from releaser.config.templates import check_template, fill
from releaser.errors import ConfigError

SCHEMES = ("file", "env")


@pytest.mark.parametrize(
    ("text", "reference"),
    [
        ("file:./secrets.env#DATABASE_URL", Reference("file", "./secrets.env", "DATABASE_URL")),
        ("file:/etc/shop/secrets.json#db", Reference("file", "/etc/shop/secrets.json", "db")),
        ("file:~/shop.env#A", Reference("file", "~/shop.env", "A")),
        ("env:CI_TOKEN", Reference("env", "CI_TOKEN")),
    ],
)
def test_references_are_read_and_written(text: str, reference: Reference) -> None:
    assert find_reference(text, SCHEMES, "x.yaml:1") == reference
    assert str(reference) == text


def test_versions_belong_to_stores_that_keep_them() -> None:
    assert Reference.parse("vault:secret/shop#key@3", "x").version == "3"
    with pytest.raises(ConfigError, match="keeps no versions"):
        Reference.parse("file:./a.env#B@3", "x")


@pytest.mark.parametrize(
    "text", ["plain", "https://x/y#z", "file:///etc/x", "postgres://u@h/db", "a:b#c", "", ":", "8080:80"]
)
def test_plain_text_stays_plain_text(text: str) -> None:
    assert find_reference(text, SCHEMES, "x") is None


@pytest.mark.parametrize(
    "text",
    [
        "file:../x#A", "file:a/../../x#A", "file:-rf#A", "file:#A", "file:", "file:a b#A", "file:a#A#B", "file:a\n#A", "file:a#A;ls",
        "file:$HOME/x#A", "file:`x`#A", "env:A-B", "env:A#B", "env:", "file:" + "a" * 600 + "#A", "file:a\x00#A", "env:1A",
    ],
)  # fmt: skip
def test_hostile_references_are_refused_without_being_repeated(text: str) -> None:
    with pytest.raises(ConfigError) as caught:
        find_reference(text, SCHEMES, "x.yaml:3")
    assert caught.value.message.startswith("x.yaml:3: ")
    assert len(caught.value.message) < 250


@pytest.mark.parametrize(
    "text",
    ["vault:secret/shop", "vault:secret#key", "vault:secret/#key", "vault:/secret/shop#key", "vault:a/b#k@", "vault:a//b#k",
     "vault:a/b#k@newest", "vault:a/b#k@0", "vault:a/../b#k"],
)  # fmt: skip
def test_a_reference_to_vault_names_mount_path_and_key(text: str) -> None:
    with pytest.raises(ConfigError, match=r"^x\.yaml:3: .*vault:secret/app#key"):
        find_reference(text, ("vault",), "x.yaml:3")


def test_a_secret_never_prints() -> None:
    secret = Secret("hunter2")
    assert secret.reveal() == "hunter2"
    shown = [str(secret), repr(secret), f"{secret}", f"{secret:>30}", f"{secret!r}", f"{[secret]}"]
    assert not any("hunter2" in text for text in shown)
    for leak in (pickle.dumps, copy.copy, copy.deepcopy, json.dumps):
        with pytest.raises(TypeError) as caught:
            leak(secret)
        assert "hunter2" not in str(caught.value)
    with pytest.raises(TypeError):
        vars(secret)


def test_templates_replace_names_and_nothing_else() -> None:
    values = {"port": "8001", "slot": "{port}"}
    assert fill("--port {port} --slot {slot}", values) == "--port 8001 --slot {port}"
    for text in (
        "{{7*7}}",
        "{0.__class__}",
        "{port.__class__}",
        "{port!r}",
        "{port:>9}",
        "{}",
        "${X}",
        '{"a": 1}',
        "{unknown}",
    ):
        assert fill(text, values) == text


def test_templates_with_unknown_names_are_refused() -> None:
    check_template('{port} {{7*7}} {0.__class__} {"a": {"b": 1}}', {"port"}, "x")
    for text in ("{prt}", "{__class__}", "{{port}}", "{version}"):
        with pytest.raises(ConfigError):
            check_template(text, {"port"}, "x")
