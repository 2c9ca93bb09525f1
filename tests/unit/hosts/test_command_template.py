import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.onhost.command import NAMES, render

VALUES = {"port": "8001", "slot": "blue", "release": "1.4.2-3fa9c1d0", "version": "1.4.2", "host": "web1"}


@pytest.mark.parametrize(
    ("template", "argv"),
    [
        ("./bin/shop --port {port}", ["./bin/shop", "--port", "8001"]),
        ("sh -c 'echo {slot} \"{port}\"'", ["sh", "-c", 'echo blue "8001"']),
        ("x {{7*7}} '{\"a\": 1}' {} {0.__class__}", ["x", "{{7*7}}", '{"a": 1}', "{}", "{0.__class__}"]),
        ("x $(id) `id` ;id |id $HOME", ["x", "$(id)", "`id`", ";id", "|id", "$HOME"]),
    ],
)
def test_plain_replacement_without_a_shell(template: str, argv: list[str]) -> None:
    assert render(template, VALUES) == argv


@pytest.mark.parametrize("template", ["", "   ", "'open", "''", "x {unknown}", "{version} {secret}"])
def test_what_says_nothing_or_names_the_unknown_is_refused(template: str) -> None:
    with pytest.raises(ValueError, match=r"missing|split|not known"):
        render(template, VALUES)


@given(st.sampled_from(NAMES), st.text(max_size=40))
def test_a_value_never_becomes_two_arguments(name: str, value: str) -> None:
    assert render(f"run --x={{{name}}} end", {**VALUES, name: value}) == ["run", f"--x={value}", "end"]
