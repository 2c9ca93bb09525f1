import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from releaser.config.names import HostName, RemotePath, check_version, did_you_mean, good_name
from releaser.errors import UsageError

HOSTILE = [
    "",
    "-rf",
    "a/b",
    "../x",
    "a b",
    "a\n",
    "$(id)",
    "a;b",
    "a'b",
    "é",
    "\x00",
    "a" * 65,
    "{version}",
    "a--b\x1b[2J",
]


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_versions_are_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        check_version(text)
    assert caught.value.exit_code == 2
    assert caught.value.message.isprintable()


@pytest.mark.parametrize("text", ["1.4.2", "2024.01.31-1", "v1.2+build.7", "abc_1"])
def test_plain_versions_pass(text: str) -> None:
    assert check_version(text) == text


@given(st.text(max_size=30))
def test_a_good_name_is_one_part_of_a_path(text: str) -> None:
    if good_name(text):
        assert text.isascii()
        assert not set(text) & set("/\\. \n$'\"")
        assert not text.startswith("-")


@pytest.mark.parametrize(
    "path", ["/srv/../etc", "-x", "/srv/a b", "/srv/$HOME", "/srv\n", "", "/a" * 600, "a;b", "~root/x"]
)
def test_hostile_remote_paths_are_refused(path: str) -> None:
    with pytest.raises(ValidationError):
        TypeAdapter(RemotePath).validate_python(path)


def test_plain_paths_and_hosts_pass() -> None:
    for path in ("/srv/shop", "~/shop", "./here", "/", "/var/lib/releaser/shop-1"):
        assert TypeAdapter(RemotePath).validate_python(path) == path
    for host in ("web1.example.com", "10.0.0.1", "::1", "local"):
        assert TypeAdapter(HostName).validate_python(host) == host
    for host in ("-oProxyCommand=x", "a b", "a;b", ".x"):
        with pytest.raises(ValidationError):
            TypeAdapter(HostName).validate_python(host)


def test_the_nearest_name_is_offered_or_all_of_them() -> None:
    assert did_you_mean("canery", ["canary", "hotfix"]) == "did you mean 'canary'?"
    assert did_you_mean("zzz", ["canary", "hotfix"]) == "use one of: canary, hotfix"
    assert did_you_mean("zzz", []) == "none is known here"
