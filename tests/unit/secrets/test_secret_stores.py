import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.adapters.secrets.environ import EnvironSecrets, EnvironSecretsOptions
from releaser.adapters.secrets.files import FileSecrets, FileSecretsOptions, fingerprint, parse_dotenv
from releaser.errors import FailedError

DOTENV = """\
# the application's secrets
DATABASE_URL=postgres://me:hunter2@db/x
export TOKEN = "a\\"b\\nc $HOME"
SINGLE='as # it "is"'
TRAILING=plain # a comment
EMPTY=
"""


@pytest.fixture
def secrets(tmp_path: Path) -> FileSecrets:
    (tmp_path / "secrets.env").write_text(DOTENV)
    (tmp_path / "secrets.env").chmod(0o600)
    (tmp_path / "secrets.json").write_text(json.dumps({"db": "hunter2"}))
    return FileSecrets(tmp_path, {}, FileSecretsOptions())


@pytest.mark.parametrize(
    ("reference", "value"),
    [
        ("file:./secrets.env#DATABASE_URL", "postgres://me:hunter2@db/x"),
        ("file:secrets.env#TOKEN", 'a"b\nc $HOME'),
        ("file:./secrets.env#SINGLE", 'as # it "is"'),
        ("file:./secrets.env#TRAILING", "plain"),
        ("file:./secrets.env#EMPTY", ""),
        ("file:./secrets.json#db", "hunter2"),
    ],
)
def test_values_are_found(secrets: FileSecrets, reference: str, value: str) -> None:
    found, version = secrets.resolve(reference, within=1.0)
    assert found == value
    assert version == fingerprint(reference, value)
    assert len(version) == 8


def test_the_version_changes_with_the_value_and_not_otherwise() -> None:
    assert fingerprint("file:a#B", "x") == fingerprint("file:a#B", "x")
    assert len({fingerprint("file:a#B", "x"), fingerprint("file:a#B", "y"), fingerprint("file:a#C", "x")}) == 3


@pytest.mark.parametrize(
    ("file", "content", "reference", "said"),
    [
        ("a.env", b"A=1\n", "file:a.env#B", "no value of that name"),
        ("a.env", b"A=1\nhunter2\n", "file:a.env#A", "line 2 of the file is not NAME=value"),
        ("a.env", b'A="hunter2\n', "file:a.env#A", "quote without its end"),
        ("a.env", b"A=\xff\n", "file:a.env#A", "not UTF-8"),
        ("a.env", b"#" * 1_100_000, "file:a.env#A", "larger than 1 MB"),
        ("a.json", b"hunter2", "file:a.json#A", "not JSON"),
        ("a.json", b"[" * 100_000, "file:a.json#A", "not JSON"),
        ("a.json", b'{"A": {"hunter2": 1}}', "file:a.json#A", "one JSON object with strings"),
        ("a.env", b"A=1\n", "file:b.env#A", "cannot be read"),
        ("a.env", b"A=1\n", "file:a.env", "is written file:./secrets.env#NAME"),
        ("a.env", b"A=1\n", "file:a.env#A@3", "without a version"),
    ],
)
def test_what_is_wrong_is_said_without_the_content(
    tmp_path: Path, file: str, content: bytes, reference: str, said: str
) -> None:
    (tmp_path / file).write_bytes(content)
    with pytest.raises(FailedError, match=said) as caught:
        FileSecrets(tmp_path, {}, FileSecretsOptions()).resolve(reference, within=1.0)
    assert "hunter2" not in str(caught.value)


@pytest.mark.skipif(os.name != "posix", reason="file modes are POSIX")
def test_a_file_that_others_can_read_is_a_concern(secrets: FileSecrets, tmp_path: Path) -> None:
    assert secrets.concerns("file:./secrets.env#TOKEN") == ()
    (tmp_path / "secrets.env").chmod(0o644)
    assert "chmod 600" in secrets.concerns("file:./secrets.env#TOKEN")[0]
    assert secrets.concerns("file:./nothing.env#TOKEN") == ()


@given(
    st.dictionaries(
        st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,8}\Z"),
        st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp"])),
    )
)
def test_single_quoted_values_come_back_as_they_are(values: dict[str, str]) -> None:
    plain = {name: value.replace("'", "") for name, value in values.items()}
    assert parse_dotenv("".join(f"{name}='{value}'\n" for name, value in plain.items()), "x") == plain


def test_variables_are_found_and_named_when_missing(tmp_path: Path) -> None:
    secrets = EnvironSecrets(tmp_path, {"CI_TOKEN": "hunter2"}, EnvironSecretsOptions())
    value, version = secrets.resolve("env:CI_TOKEN", within=1.0)
    assert (value, version) == ("hunter2", fingerprint("env:CI_TOKEN", "hunter2"))
    with pytest.raises(FailedError, match="NOTHING is not set"):
        secrets.resolve("env:NOTHING", within=1.0)
    with pytest.raises(FailedError, match="written env:NAME"):
        secrets.resolve("env:A-B", within=1.0)
