import os
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from releaser.onhost.tree import Entry, TreeError, digest, entries, listing, parse

NAMES = st.text(st.characters(blacklist_categories=("Cs", "Cc"), blacklist_characters="/"), min_size=1, max_size=20)


def build(root: Path) -> Path:
    (root / "bin").mkdir(parents=True)
    (root / "bin" / "shop").write_bytes(b"#!/bin/sh\n")
    (root / "bin" / "shop").chmod(0o755)
    (root / "shop.toml").write_bytes(b"")
    return root


def test_the_digest_is_the_documented_one(tmp_path: Path) -> None:
    script = sha256(b"#!/bin/sh\n").hexdigest()
    nothing = sha256(b"").hexdigest()
    text = f"d 111 - bin\nf 111 {script} bin/shop\nf 000 {nothing} shop.toml\n"
    assert listing(entries(build(tmp_path))) == text
    assert digest(entries(tmp_path)) == sha256(text.encode()).hexdigest()


def test_times_owners_and_the_umask_do_not_count(tmp_path: Path) -> None:
    before = digest(entries(build(tmp_path / "one")))
    other = build(tmp_path / "other")
    (other / "bin").chmod(0o700)
    (other / "bin" / "shop").chmod(0o700)
    (other / "shop.toml").chmod(0o600)
    os.utime(other / "shop.toml", (1, 1))
    assert digest(entries(other)) == before


def test_content_name_and_executability_count(tmp_path: Path) -> None:
    root = build(tmp_path)
    seen = {digest(entries(root))}
    (root / "shop.toml").write_bytes(b"x")
    seen.add(digest(entries(root)))
    (root / "shop.toml").chmod(0o755)
    seen.add(digest(entries(root)))
    (root / "empty").mkdir()
    seen.add(digest(entries(root)))
    (root / "shop.toml").rename(root / "shop.tom")
    seen.add(digest(entries(root)))
    assert len(seen) == 5


@given(st.dictionaries(NAMES, st.sampled_from([0, 0o111]), max_size=8))
def test_a_listing_reads_back(found: dict[str, int]) -> None:
    some = [Entry(name, "f", mode, "ab") for name, mode in found.items()]
    assert sorted(parse(listing(some))) == sorted(some)


def test_a_link_to_a_file_inside_counts_as_that_file(tmp_path: Path) -> None:
    root = build(tmp_path)
    (root / "latest").symlink_to("bin/shop")
    assert [entry.mode for entry in entries(root, links=True) if entry.path == "latest"] == [0o111]
    with pytest.raises(TreeError, match="latest is a symbolic link"):
        entries(root)


@pytest.mark.parametrize("target", ["/etc/passwd", "../outside", "bin", "nothing", "loop"])
def test_other_links_are_refused(tmp_path: Path, target: str) -> None:
    root = build(tmp_path / "in")
    (tmp_path / "outside").write_bytes(b"x")
    (root / "loop").symlink_to(target)
    with pytest.raises(TreeError, match="loop is a link"):
        entries(root, links=True)


def test_pipes_and_odd_names_are_refused(tmp_path: Path) -> None:
    root = build(tmp_path)
    os.mkfifo(root / "pipe")
    with pytest.raises(TreeError, match="pipe is a device"):
        entries(root)
    (root / "pipe").unlink()
    (root / "two\nlines").write_bytes(b"")
    with pytest.raises(TreeError, match="control character"):
        entries(root)
    (root / "two\nlines").unlink()
    Path(os.fsdecode(os.fsencode(root) + b"/\xff")).write_bytes(b"")
    with pytest.raises(TreeError, match="not UTF-8"):
        entries(root)
