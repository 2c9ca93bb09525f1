import time
from pathlib import Path

import pytest

from releaser.config.tree import Node, nearest, plain, walk
from releaser.config.yaml_source import read_file, read_text, read_value
from releaser.errors import ConfigError


def read(text: str) -> Node:
    return read_text(text, lambda line: f"shop.yaml:{line}", "shop.yaml")


def refusal(text: str) -> str:
    began = time.monotonic()
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert time.monotonic() - began < 5, "a bomb must be noticed while it is small"
    return caught.value.message


def test_values_know_their_lines() -> None:
    tree = read("app: shop\nfleet:\n  keep: 5\nwaves:\n  - [a]\n  - [b]\n")
    assert nearest(tree, ("app",)).origin == "shop.yaml:1"
    assert nearest(tree, ("fleet",)).origin == "shop.yaml:2"
    assert nearest(tree, ("fleet", "keep")).origin == "shop.yaml:3"
    assert nearest(tree, ("waves", 1, 0)).origin == "shop.yaml:6"


def test_only_plain_words_and_numbers_change_their_type() -> None:
    text = "[yes, no, on, 012, 0x1f, 22:15, 1_000, 1e3, 2024-01-01, true, null, 8, -3, 1.10, '8', !!!]".replace(
        ", !!!", ""
    )
    assert plain(read(text)) == [
        "yes", "no", "on", "012", "0x1f", "22:15", "1_000", "1e3", "2024-01-01", True, None, 8, -3, 1.1, "8",
    ]  # fmt: skip


def test_how_a_number_was_written_is_kept() -> None:
    node = read("v: 1.10")
    assert [scalar.text for _, scalar in walk(node)] == ["1.10"]


def test_anchors_work() -> None:
    assert plain(read("x-a: &a {b: [1, 2]}\nc: *a\n"))["c"] == {"b": [1, 2]}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "shop.yaml:3: the key 'a' is written twice"),
        ("a: !!python/object/apply:os.system [ls]\n", "shop.yaml:1: the tag"),
        ("a: !env X\n", "shop.yaml:1: the tag '!env' is not allowed"),
        ("a: [1, 2\nb: 3\n", "this is not YAML"),
        ("a: b: c\n", "shop.yaml:1: this is not YAML"),
        ("a: 1\n---\nb: 2\n", "a second document"),
        ("? [a, b]\n: 1\n", "a key is a map or list"),
        ("a: *nothing\n", "shop.yaml:1:"),
        ("a: &a {x: 1}\nb: {<<: *a}\n", "shop.yaml:2: merge keys"),
        ("a: &a x\n? *a\n: 1\n", "an alias stands where a key is expected"),
        ("", "is empty"),
        ("# only a comment\n", "is empty"),
        ("a: \x00\n", "characters in it that YAML does not allow"),
        ("\ta: 1\n", "this is not YAML"),
    ],
)
def test_what_is_refused_says_where(text: str, said: str) -> None:
    assert said in refusal(text)


def test_bombs_are_refused_at_once() -> None:
    laughs = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
        f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]\n" for n in range(1, 12)
    )
    assert "more than 20000 values" in refusal(laughs)
    assert "nested deeper than 32" in refusal("[" * 200_000)
    assert "nested deeper than 32" in refusal("".join(" " * n + f"a{n}:\n" for n in range(400)))
    deep = "a0: &a0 [1]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60))
    assert "nested deeper than 32" in refusal(deep)
    assert "more than 20000 values" in refusal("a: [" + "1," * 300_000 + "1]")
    assert "larger than 1 MB" in refusal("a: " + "x" * 1_100_000)
    assert "shop.yaml:1" in refusal("a: &a [*a]\n")


def test_files_that_cannot_be_read_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        read_file(tmp_path / "no.yaml", "environments/no.yaml")
    with pytest.raises(ConfigError, match="cannot be read"):
        read_file(tmp_path, "environments")
    (tmp_path / "latin.yaml").write_bytes(b"a: 1\nb: \xe4\n")
    with pytest.raises(ConfigError, match=r"latin\.yaml:2: this is not UTF-8"):
        read_file(tmp_path / "latin.yaml", "latin.yaml")
    (tmp_path / "big.yaml").write_bytes(b"#" * 2_000_000)
    with pytest.raises(ConfigError, match="larger than 1 MB"):
        read_file(tmp_path / "big.yaml", "big.yaml")
    (tmp_path / "bom.yaml").write_bytes(b"\xef\xbb\xbfa: 1\n")
    assert plain(read_file(tmp_path / "bom.yaml", "bom.yaml")) == {"a": 1}


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("8", 8), ("true", True), ("[a, b]", ["a", "b"]), ("{a: 1}", {"a": 1}), ('"8"', "8"), ("a: b", "a: b"),
        ("", ""), ("# x", "# x"), ("file:./s.env#X", "file:./s.env#X"), ("*x", "*x"), ("&x", "&x"), ("!x", "!x"),
    ],
)  # fmt: skip
def test_one_value_is_read_as_people_mean_it(text: str, value: object) -> None:
    assert plain(read_value(text, "--set x")) == value
