import base64
import hmac
from pathlib import Path

import pytest

from releaser.errors import ConfigError
from releaser.shell.known_hosts import KnownHosts, fingerprint, host_name, parse, read_known_hosts


def key(kind: str = "ssh-ed25519", body: bytes = b"one") -> bytes:
    """Wire format: each part with its length in front."""
    return b"".join(len(part).to_bytes(4, "big") + part for part in (kind.encode(), body))


ONE, OTHER = key(), key(body=b"other")


def line(names: str, blob: bytes = ONE, kind: str = "ssh-ed25519", marker: str = "") -> str:
    return f"{marker}{names} {kind} {base64.b64encode(blob).decode()} a comment\n"


def known(text: str) -> KnownHosts:
    return parse(text, "known_hosts")


def test_a_pinned_key_a_changed_one_and_an_unknown_host() -> None:
    pins = known(line("web1.example.com")).pins("web1.example.com", 22)
    assert (pins.verdict(ONE), pins.verdict(OTHER)) == ("pinned", "changed")
    assert known(line("web1.example.com")).pins("web2.example.com", 22).verdict(ONE) == "unknown"


@pytest.mark.parametrize(
    ("names", "host", "port", "pinned"),
    [
        ("web1,web2", "web2", 22, True),
        ("WEB1", "web1", 22, True),
        ("web1", "WEB1", 22, True),
        ("web1", "web1", 2222, False),
        ("[web1]:2222", "web1", 2222, True),
        ("[web1]:2222", "web1", 22, False),
        ("*.example.com", "web1.example.com", 22, True),
        ("*.example.com,!web1.example.com", "web1.example.com", 22, False),
        ("!web1.example.com,*.example.com", "web2.example.com", 22, True),
        ("!web1", "web2", 22, False),
        ("web?", "web1", 22, True),
        ("[web*]:2222", "web1", 2222, True),
        ("[we]b1", "wb1", 22, False),
        ("::1", "[::1]", 22, True),
        ("[::1]:2222", "::1", 2222, True),
    ],
)
def test_which_lines_are_about_a_host(names: str, host: str, port: int, *, pinned: bool) -> None:
    assert known(line(names)).pins(host, port).verdict(ONE) == ("pinned" if pinned else "unknown")


def test_a_hashed_name() -> None:
    salt = b"0123456789abcdefghij"
    words = [base64.b64encode(part).decode() for part in (salt, hmac.new(salt, b"[web1]:2222", "sha1").digest())]
    hashed = known(line(f"|1|{words[0]}|{words[1]}"))
    assert hashed.pins("web1", 2222).verdict(ONE) == "pinned"
    assert hashed.pins("web1", 22).verdict(ONE) == "unknown"


@pytest.mark.parametrize("names", ["|1|", "|1|x|y", "|2|AAAA|AAAA", "|1|AAAA"])
def test_a_hashed_name_that_is_none_pins_nothing(names: str) -> None:
    assert known(line(names)).pins("web1", 22).verdict(ONE) == "unknown"


def test_a_revoked_key_is_refused_even_where_it_is_pinned_too() -> None:
    text = line("web1") + line("*", marker="@revoked ")
    assert known(text).pins("web1", 22).verdict(ONE) == "revoked"
    assert known(text).pins("elsewhere", 22).verdict(ONE) == "revoked"


def test_a_file_with_a_cert_authority_is_not_used_in_part() -> None:
    with pytest.raises(ConfigError, match="known_hosts:2: @cert-authority"):
        known(line("web1") + line("*.example.com", marker="@cert-authority "))


@pytest.mark.parametrize(
    "text", ["@revoked web1 ssh-ed25519 not-base64!\n", "@revoked\n", "@other web1 ssh-ed25519 AAAA\n"]
)
def test_a_marker_that_cannot_be_honoured_is_an_error(text: str) -> None:
    with pytest.raises(ConfigError):
        known(text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# web1 ssh-ed25519 AAAA\n",
        "web1\n",
        "web1 1024 35 123456789\n",
        "web1 ssh-ed25519 ///\n",
        line("web1", kind="ssh-rsa"),
    ],
)
def test_what_is_no_key_pins_nothing(text: str) -> None:
    assert known(text).pins("web1", 22).verdict(ONE) == "unknown"


def test_the_types_of_the_pinned_keys() -> None:
    text = (
        line("web1")
        + line("web1", key("ssh-rsa"), "ssh-rsa")
        + line("web2", key("ecdsa-sha2-nistp256"), "ecdsa-sha2-nistp256")
    )
    assert known(text).pins("web1", 22).kinds == ("ssh-ed25519", "ssh-rsa")


def test_a_missing_file_says_how_it_is_made(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read") as caught:
        read_known_hosts(tmp_path / "none")
    assert "ssh-keyscan" in caught.value.fix[0]


def test_a_file_is_read_whatever_bytes_are_in_it(tmp_path: Path) -> None:
    (tmp_path / "known_hosts").write_bytes(b"\xff\xfe rubbish\n" + line("web1").encode())
    assert read_known_hosts(tmp_path / "known_hosts").pins("web1", 22).verdict(ONE) == "pinned"


def test_names_and_fingerprints_as_openssh_writes_them() -> None:
    assert (host_name("Web1", 22), host_name("::1", 22), host_name("[::1]", 2222)) == ("web1", "::1", "[::1]:2222")
    assert fingerprint(b"") == "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU"
