"""What a plan says of the secrets that it brings: references, versions and where they lie."""

from pathlib import Path

import pytest

from releaser.cli.views.secrets import changed_secrets, secret_lines
from releaser.config.environment import Environment
from releaser.config.read import load_environment
from releaser.engine.registry import Registry

TEXT = """\
app: shop
artifact: dist/shop-{version}.tar
hosts: [local]
path: ./at
run: ./run --port {port}
router: envoy://local:8080
vault: { address: "https://vault", auth: { token: { env: TOKEN } }, tls: { minimum: "MINIMUM" } }
"""


def environment(folder: Path, minimum: str = "1.3") -> Environment:
    (folder / "test.yaml").write_text(TEXT.replace("MINIMUM", minimum))
    return load_environment(folder, "test", Registry.installed())[0]


def shown(environment: Environment, versions: list[tuple[str, str]]) -> list[str]:
    return ["".join(part if isinstance(part, str) else part[0] for part in one) for one in secret_lines(environment, versions)]  # fmt: skip


def test_each_reference_stands_with_its_version_and_many_are_counted(tmp_path: Path) -> None:
    versions = [(f"vault:secret/shop#k{number}", f"{number} of now") for number in range(7)]
    lines = shown(environment(tmp_path), versions)
    assert "vault:secret/shop#k0 version 0 of now" in lines[0]
    assert "and 2 more" in lines[5]
    assert "mode 0600" in lines[6]
    assert len(lines) == 7


def test_without_secrets_nothing_is_said(tmp_path: Path) -> None:
    assert shown(environment(tmp_path), []) == []


def test_an_older_tls_is_printed(tmp_path: Path) -> None:
    (line,) = shown(environment(tmp_path, "1.2"), [])
    assert "spoken to with TLS 1.2" in line


def test_what_is_unwise_is_printed(tmp_path: Path) -> None:
    (line,) = secret_lines(environment(tmp_path), [], ["./secrets.env can be read by others"])
    assert "".join(part if isinstance(part, str) else part[0] for part in line).endswith("can be read by others")


@pytest.mark.parametrize(
    ("secrets", "said"),
    [
        ("", "in a file of mode 0600"),
        ("secrets: { at_rest: sealed }", "sealed with the host's own key"),
        ("secrets: { reboot: needs-vault }", "in its memory, on no disk"),
    ],
)
def test_where_they_lie_is_said_and_what_a_reboot_needs(tmp_path: Path, secrets: str, said: str) -> None:
    (tmp_path / "test.yaml").write_text(
        TEXT.replace("./run --port {port}", "{ systemd: shop@.service }").replace("MINIMUM", "1.3") + secrets
    )
    made = load_environment(tmp_path, "test", Registry.installed())[0]
    _, kept, *reboot = shown(made, [("vault:a/b#c", "1")])
    assert said in kept
    assert bool(reboot) is ("reboot" in secrets)
    assert all("releaser recover -e test" in line for line in reboot)


@pytest.mark.parametrize(
    ("before", "said"),
    [
        ({"vault:a/b#c": "1"}, "vault:a/b#c was version 1 and is 2"),
        ({"vault:a/b#c": "2"}, ""),
        ({"vault:a/b#d": "1"}, ""),
        ({}, ""),
    ],
)
def test_a_changed_version_is_named(before: dict[str, str], said: str) -> None:
    assert changed_secrets(before, [("vault:a/b#c", "2")]) == said
