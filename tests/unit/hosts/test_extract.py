import bz2
import contextlib
import gzip
import io
import lzma
import random
import shutil
import subprocess
import tarfile
import time
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import pytest

from releaser.onhost.extract import Limits, extract, survey
from releaser.onhost.tar import TarError
from releaser.onhost.tree import entries, listing

Member = tuple[str, bytes, dict[str, object]]


def tar(*members: Member, format: int = tarfile.PAX_FORMAT) -> bytes:  # noqa: A002  tarfile's own word
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w", format=format) as archive:
        for name, content, more in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            for key, value in more.items():
                setattr(info, key, value)
            archive.addfile(info, io.BytesIO(content))
    return packed.getvalue()


def file(name: str, content: bytes = b"x", mode: int = 0o644) -> Member:
    return (name, content, {"mode": mode})


def special(kind: bytes, link: str = "") -> Member:
    return ("odd", b"", {"type": kind, "linkname": link})


def directory(name: str) -> Member:
    return (name, b"", {"type": tarfile.DIRTYPE, "mode": 0o777})


GOOD = tar(directory("bin"), file("bin/shop", b"#!" * 9000, 0o4777), file("./etc/shop.toml", b"", 0o600))


@pytest.mark.parametrize("squeeze", [bytes, gzip.compress, bz2.compress, lzma.compress])
def test_every_compression_gives_the_same_release(tmp_path: Path, squeeze: Callable[[bytes], bytes]) -> None:
    archive = tmp_path / "a"
    archive.write_bytes(squeeze(GOOD))
    (tmp_path / "out").mkdir()
    total = survey(archive, Limits())
    digest, written = extract(archive, tmp_path / "out", Limits())
    assert total == (4, 18000, sha256(archive.read_bytes()).hexdigest())
    assert digest == total.digest
    assert listing(written) == listing(entries(tmp_path / "out"))
    assert (tmp_path / "out/bin/shop").stat().st_mode & 0o7777 == 0o755
    assert (tmp_path / "out/etc/shop.toml").stat().st_mode & 0o7777 == 0o644


@pytest.mark.parametrize("squeeze", [gzip.compress, bz2.compress, lzma.compress])
def test_parts_that_were_compressed_apart_belong_together(tmp_path: Path, squeeze: Callable[[bytes], bytes]) -> None:
    (tmp_path / "a").write_bytes(squeeze(GOOD[:7000]) + squeeze(GOOD[7000:]))
    assert survey(tmp_path / "a", Limits()).bytes == 18000


@pytest.mark.parametrize("form", ["gnu", "pax", "ustar", "v7"])
def test_what_the_system_s_tar_writes_can_be_read(tmp_path: Path, form: str) -> None:
    source = tmp_path / "source"
    (source / "bin").mkdir(parents=True)
    (source / "bin" / "shop").write_bytes(b"abc" * 1000)
    name = "n" * 90 if form == "v7" else f"{'deep/' * 25}{'n' * 90}"
    (source / name).parent.mkdir(parents=True, exist_ok=True)
    (source / name).write_bytes(b"long name")
    subprocess.run(["tar", f"--format={form}", "-czf", str(tmp_path / "a"), "-C", str(source), "."], check=True)
    (tmp_path / "out").mkdir()
    _, written = extract(tmp_path / "a", tmp_path / "out", Limits())
    assert listing(written) == listing(entries(source))


def pax(record: bytes) -> bytes:
    """A pax header with this record (its length put in front where it has none), then one file "ok"."""
    body = record if record[:1].isdigit() or b"=" not in record else b"%d %s" % (len(record) + 3, record)
    return pax_header(body, tarfile.XHDTYPE) + tar(file("ok"))


def pax_header(body: bytes, kind: bytes) -> bytes:
    head = tarfile.TarInfo("pax")
    head.type = kind
    head.size = len(body)
    return head.tobuf(tarfile.USTAR_FORMAT) + body.ljust(-(-len(body) // 512) * 512, b"\0")


def header(**changes: object) -> bytes:
    info = tarfile.TarInfo("ok")
    for key, value in changes.items():
        setattr(info, key, value)
    return info.tobuf(tarfile.GNU_FORMAT)


HOSTILE: dict[str, tuple[bytes, str]] = {
    "absolute": (tar(file("/etc/cron.d/x")), "leads out"),
    "dot dot": (tar(file("../x")), "leads out"),
    "dot dot inside": (tar(file("a/../../x")), "leads out"),
    "dot dot at the end": (tar(directory("a/..")), "leads out"),
    "dot inside": (tar(file("a/./b")), "leads out"),
    "empty part": (tar(file("a//b")), "leads out"),
    "absolute root": (tar(directory("/")), "leads out"),
    "pax path leads out": (pax(b"path=../../../x\n"), "leads out"),
    "symbolic link": (tar(special(tarfile.SYMTYPE, "/etc/passwd")), "a symbolic link"),
    "link inside": (tar(special(tarfile.SYMTYPE, "ok")), "a symbolic link"),
    "hard link": (tar(special(tarfile.LNKTYPE, "/etc/passwd")), "a hard link"),
    "through a link": (tar(special(tarfile.SYMTYPE, "/tmp"), file("odd/x")), "a symbolic link"),
    "device": (tar(special(tarfile.CHRTYPE)), "a character device"),
    "block device": (tar(special(tarfile.BLKTYPE)), "a block device"),
    "pipe": (tar(special(tarfile.FIFOTYPE)), "a named pipe"),
    "contiguous": (tar(special(tarfile.CONTTYPE)), "unknown kind"),
    "sparse": (header(type=tarfile.GNUTYPE_SPARSE), "a sparse file"),
    "pax sparse": (pax(b"GNU.sparse.major=1\n"), "a sparse file"),
    "twice": (tar(file("a"), file("a")), "twice"),
    "directory twice": (tar(directory("a"), directory("a")), "twice"),
    "file is a directory": (tar(file("a"), file("a/b")), "a file and a directory"),
    "directory is a file": (tar(file("a/b"), file("a")), "twice"),
    "newline": (tar(file("a\nb")), "control character"),
    "not utf-8": (tar(file("a\udcff"), format=tarfile.GNU_FORMAT), "not UTF-8"),
    "long part": (tar(file("a" * 300)), "too long"),
    "deep": (tar(file("a/" * 80 + "b")), "too long or too deep"),
    "long header": (pax(b"x" * 70000), "a header of 70000 bytes"),
    "damaged pax": (pax(b"999 path=x\n"), "pax header is damaged"),
    "pax of length 0": (pax(b"0 path=x\n"), "pax header is damaged"),
    "pax size": (pax(b"size=-1000\n"), "is not a size"),
    "global path": (pax_header(b"10 path=x\n", tarfile.XGLTYPE), "a global header"),
    "negative size": (header(size=-5), "negative"),
    "huge size": (header(size=1 << 62), "bomb"),
    "directory with a content": (header(type=tarfile.DIRTYPE, size=5), "has a content"),
    "bytes behind the end": (GOOD + b"\0" * 1024 + tar(file("hidden")), "behind its end"),
    "two archives": (GOOD + GOOD, "behind its end"),
    "no tar": (b"#!/bin/sh\necho hello\n" * 100, "not a tar archive"),
    "nothing": (b"", "ends too early"),
    "cut": (GOOD[:9000], "ends too early"),
    "cut gzip": (gzip.compress(GOOD)[:100], "damaged"),
    "cut xz": (lzma.compress(GOOD)[:200], "damaged"),
    "cut bzip2": (bz2.compress(GOOD)[:120], "damaged"),
    "broken gzip": (gzip.compress(GOOD)[:60] + b"\xff" * 300, "damaged"),
    "broken xz": (lzma.compress(GOOD)[:60] + b"\xff" * 300, "damaged"),
    "xz that wants 1.5 GiB": (b"\xfd7zXZ\x00\x00\x04\xe6\xd6\xb4F\x02\x00!\x01\x26\x00\x00\x00", "damaged"),
    "too many": (tar(*(file(f"{number}", b"") for number in range(60))), "more than 50"),
    "too large": (tar(file("a", b"x" * 30_000), file("b", b"x" * 30_000)), "more than 50000"),
    "zeros in gzip": (gzip.compress(tar(file("a", bytes(20_000_000)))), "more than 50000"),
    "zeros in xz": (lzma.compress(tar(file("a", bytes(20_000_000)))), "more than 50000"),
    "our own name": (tar(file(".releaser.json")), "keeps for itself"),
}
SMALL = Limits(entries=50, bytes=50_000)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_archive_is_refused_before_anything_is_written(tmp_path: Path, name: str) -> None:
    content, says = HOSTILE[name]
    archive = tmp_path / "a"
    archive.write_bytes(content)
    with pytest.raises(TarError, match=says):
        survey(archive, SMALL, reserved=(".releaser.json",))


@pytest.mark.parametrize("name", HOSTILE)
def test_and_unpacking_it_all_the_same_stays_inside(tmp_path: Path, name: str) -> None:
    archive = tmp_path / "archive"
    archive.write_bytes(HOSTILE[name][0])
    out = tmp_path / "room" / "deep" / "out"
    out.mkdir(parents=True)
    if name != "our own name":
        with pytest.raises(TarError):
            extract(archive, out, SMALL)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["archive", "room"]
    assert [path.name for path in (tmp_path / "room" / "deep").iterdir()] == ["out"]
    assert all(not path.is_symlink() for path in out.rglob("*"))


def test_a_bomb_is_told_by_its_ratio_within_a_second(tmp_path: Path) -> None:
    archive = tmp_path / "a"
    archive.write_bytes(gzip.compress(tar(file("zeros", bytes(100 << 20))), 9))
    begun = time.process_time()
    with pytest.raises(TarError, match="bomb"):
        survey(archive, Limits(ratio=100))
    assert time.process_time() - begun < 1.0


def test_a_file_that_is_exchanged_between_the_readings_has_another_digest(tmp_path: Path) -> None:
    archive = tmp_path / "a"
    archive.write_bytes(GOOD)
    planned = survey(archive, Limits()).digest
    archive.write_bytes(tar(file("bin/shop", b"evil", 0o755)))
    (tmp_path / "out").mkdir()
    assert extract(archive, tmp_path / "out", Limits())[0] != planned


@pytest.mark.parametrize("seed", range(300))
def test_noise_in_an_archive_never_escapes_as_anything_but_a_tar_error(tmp_path: Path, seed: int) -> None:
    chance = random.Random(seed)  # noqa: S311  chance that can be repeated
    content = bytearray(chance.choice([GOOD, gzip.compress(GOOD), lzma.compress(GOOD), bz2.compress(GOOD)]))
    for _ in range(chance.randint(1, 8)):
        content[chance.randrange(min(len(content), 2048))] = chance.randrange(256)
    (tmp_path / "a").write_bytes(content)
    out = tmp_path / "out"
    out.mkdir()
    with contextlib.suppress(TarError):
        extract(tmp_path / "a", out, SMALL)
    shutil.rmtree(out)
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
