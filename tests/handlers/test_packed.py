"""gzip and zip: whatever format is inside is read as if it had come unpacked; bombs and tricks are refused."""

import contextlib
import gc
import gzip
import hashlib
import io
import os
import random
import resource
import struct
import zipfile
from pathlib import Path

import pytest

from daemon.errors import Refused
from daemon.messages import Limits, Rules
from daemon.records import Source
from handlers.catalogs import FORMATS, packed
from tests.handlers.workbooks import handmade, opened, records, refused, row, sheet

CSV = b"sku,title\na,b\nc,d\n"
ROWS = [(2, ["a", "b"]), (3, ["c", "d"])]


def written(path: Path, data: bytes) -> Path:
    path.write_bytes(data)
    return path


def zipped(path: Path, members: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> Path:
    with zipfile.ZipFile(path, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return path


def test_a_packed_text_file_is_read_like_a_plain_one(tmp_path: Path) -> None:
    assert records(opened(written(tmp_path / "x.csv.gz", gzip.compress(CSV)))) == ROWS
    assert records(opened(zipped(tmp_path / "x.zip", {"any.tsv": CSV.replace(b",", b"\t")}))) == ROWS
    assert records(opened(zipped(tmp_path / "x.csv.zip", {"out/any.CSV": CSV}, zipfile.ZIP_STORED))) == ROWS


def test_a_packed_workbook_is_read_like_a_plain_one(tmp_path: Path) -> None:
    data = handmade(tmp_path / "x.xlsx", sheet(row(1, "sku", "title") + row(2, "a", "b"))).read_bytes()
    assert records(opened(written(tmp_path / "x.xlsx.gz", gzip.compress(data)))) == ROWS[:1]
    assert records(opened(zipped(tmp_path / "y.zip", {"x.xlsx": data}))) == ROWS[:1]


def test_gzip_in_several_pieces_and_with_zeros_behind_it_is_read_whole(tmp_path: Path) -> None:
    pieces = b"".join(gzip.compress(CSV[at : at + 3]) for at in range(0, len(CSV), 3))
    assert records(opened(written(tmp_path / "x.csv.gz", pieces + bytes(100_000)))) == ROWS


def test_the_hash_is_that_of_the_file_as_it_was_sent(tmp_path: Path) -> None:
    for path in (written(tmp_path / "x.csv.gz", gzip.compress(CSV)), zipped(tmp_path / "x.zip", {"x.csv": CSV})):
        source = Source(bytes(path), Limits())
        found = packed.read(source, path.name[1:], Rules(), FORMATS)
        assert records(found) == ROWS
        assert source.sha256() == hashlib.sha256(path.read_bytes()).hexdigest()
        assert source.done == source.size == path.stat().st_size


def test_what_some_systems_put_beside_a_file_does_not_count(tmp_path: Path) -> None:
    members = {"out/": b"", "out/x.csv": CSV, "__MACOSX/out/._x.csv": b"\0\5\26\7", "out/.DS_Store": b"\0"}
    assert records(opened(zipped(tmp_path / "x.zip", members))) == ROWS


@pytest.mark.parametrize(
    ("members", "code", "says"),
    [
        ({}, "F-MEMBERS", "no file"),
        ({"out/": b""}, "F-MEMBERS", "no file"),
        ({"a.csv": CSV, "b.csv": CSV}, "F-MEMBERS", "2 files"),
        ({"../../etc/x.csv": CSV}, "F-MEMBER-NAME", "../../etc/x.csv"),
        ({"a\\..\\x.csv": CSV}, "F-MEMBER-NAME", ".."),
        ({"/etc/x.csv": CSV}, "F-MEMBER-NAME", "/etc"),
        ({"C:/x.csv": CSV}, "F-MEMBER-NAME", "C:"),
        ({"x.zip": CSV}, "F-NESTED", "x.zip"),
        ({"x.csv.gz": CSV}, "F-NESTED", "x.csv.gz"),
        ({"x.csv": gzip.compress(CSV)}, "F-CONTENT", "packed with gzip"),
        ({"x.doc": CSV}, "F-FORMAT", ".doc"),
        ({"x": CSV}, "F-FORMAT", "no suffix"),
        ({"x.csv": b""}, "F-EMPTY", "empty"),
    ],
)  # fmt: skip
def test_an_archive_that_is_not_one_plain_file_is_refused(
    tmp_path: Path, members: dict[str, bytes], code: str, says: str
) -> None:
    found = refused(zipped(tmp_path / "x.zip", members))
    assert found[0] == code
    assert says in found[1]


def test_a_zip_in_gzip_and_a_file_packed_twice_are_refused(tmp_path: Path) -> None:
    inner = zipped(tmp_path / "in.zip", {"x.csv": CSV}).read_bytes()
    assert refused(written(tmp_path / "x.zip.gz", gzip.compress(inner)))[0] == "F-NESTED"
    assert refused(written(tmp_path / "x.csv.gz", gzip.compress(inner)))[0] == "F-CONTENT"
    assert refused(written(tmp_path / "x.gz", gzip.compress(CSV)))[0] == "F-FORMAT"


def test_a_lying_ending_is_refused(tmp_path: Path) -> None:
    archive = zipped(tmp_path / "x.zip", {"x.csv": CSV}).read_bytes()
    assert refused(written(tmp_path / "x.csv.gz", CSV))[0] == "F-CONTENT"
    assert refused(written(tmp_path / "y.zip", CSV))[0] == "F-CONTENT"
    assert refused(written(tmp_path / "y.csv.gz", archive))[0] == "F-CONTENT"
    assert refused(written(tmp_path / "y.csv", gzip.compress(CSV)))[0] == "F-CONTENT"
    book = handmade(tmp_path / "b.xlsx", sheet(row(1, "sku") + row(2, "a")))
    assert refused(book, ".csv")[0] == "F-CONTENT"


def encrypted(data: bytes) -> bytes:
    """An archive whose only member is marked as encrypted."""
    local, central = data.index(b"PK\3\4"), data.index(b"PK\1\2")
    spoilt = bytearray(data)
    spoilt[local + 6] |= 1
    spoilt[central + 8] |= 1
    return bytes(spoilt)


def test_an_archive_with_a_password_or_a_rare_method_is_refused(tmp_path: Path) -> None:
    plain = zipped(tmp_path / "x.zip", {"x.csv": CSV})
    plain.write_bytes(encrypted(plain.read_bytes()))
    assert refused(plain)[0] == "F-PASSWORD"
    for method in (zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA):
        assert refused(zipped(tmp_path / "y.zip", {"x.csv": CSV}, method))[0] == "F-PACKING"


@pytest.mark.parametrize(("at", "value", "said"), [(6, 99, "version 9.9"), (8, 1 << 5, "patched data")])
def test_an_archive_made_with_what_we_do_not_know_is_not_called_damaged(
    tmp_path: Path, at: int, value: int, said: str
) -> None:
    path = zipped(tmp_path / "x.zip", {"x.csv": CSV})
    data = bytearray(path.read_bytes())
    struct.pack_into("<H", data, data.index(b"PK\1\2") + at, value)
    struct.pack_into("<H", data, at - 2, value)
    code, message = refused(written(path, bytes(data)))
    assert code == "F-PACKING"
    assert said in message and "plain zip" in message


@pytest.mark.parametrize("keep", [3, 12, 40, -1, -4, -8])
def test_a_gzip_file_that_breaks_off_is_refused(tmp_path: Path, keep: int) -> None:
    whole = gzip.compress(bytes(random.Random(1).randbytes(50)) + CSV)  # noqa: S311
    code, message = refused(written(tmp_path / "x.csv.gz", whole[:keep]))
    assert code == "F-DAMAGED"
    assert "breaks off" in message


def test_checksums_are_compared(tmp_path: Path) -> None:
    whole = bytearray(gzip.compress(CSV))
    whole[-6] ^= 1
    assert refused(written(tmp_path / "x.csv.gz", bytes(whole)))[0] == "F-DAMAGED"
    assert refused(written(tmp_path / "x.csv.gz", gzip.compress(CSV) + b"rubbish"))[0] == "F-DAMAGED"
    archive = zipped(tmp_path / "x.zip", {"x.csv": CSV}, zipfile.ZIP_STORED)
    archive.write_bytes(archive.read_bytes().replace(b"a,b", b"a,x"))
    assert refused(archive)[0] == "F-DAMAGED"


def bombs(folder: Path, size: int) -> list[Path]:
    data = CSV + b"\n" * size
    return [
        written(folder / "bomb.csv.gz", gzip.compress(data, 9)),
        zipped(folder / "bomb.zip", {"x.csv": data}),
    ]


def test_a_bomb_is_refused_when_it_has_grown_too_far_and_leaves_nothing_behind(tmp_path: Path) -> None:
    gc.collect()
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, len(os.listdir("/proc/self/fd"))
    for bomb in bombs(tmp_path, 60 << 20):
        code, message = refused(bomb)
        assert (code, "200 times" in message) == ("F-UNPACKED-RATIO", True)
        assert refused(bomb, limits=Limits(unpacked=40 << 20, ratio=10_000))[0] == "F-UNPACKED-SIZE"
    gc.collect()  # what was raised holds on to where it was raised
    assert len(os.listdir("/proc/self/fd")) <= before[1]
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before[0] < 150 << 10  # the bombs themselves


def test_a_zip_that_declares_a_smaller_size_than_comes_out_is_refused(tmp_path: Path) -> None:
    bomb = bombs(tmp_path, 30 << 20)[1]
    real = struct.pack("<I", len(CSV) + (30 << 20))
    bomb.write_bytes(bomb.read_bytes().replace(real, struct.pack("<I", 1000)))
    assert refused(bomb)[0] == "F-DAMAGED"


def test_a_zip_directory_larger_than_any_catalog_needs_is_not_read(tmp_path: Path) -> None:
    path = zipped(tmp_path / "x.zip", {"x.csv": CSV})
    data = path.read_bytes()
    end = data.index(b"PK\5\6")
    huge = data[:end] + bytes(5 << 20) + data[end : end + 12] + struct.pack("<I", 5 << 20) + data[end + 16 :]
    assert refused(written(path, huge))[0] == "F-PARTS"


def test_two_members_of_one_name_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "x.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("x.csv", CSV)
        archive.writestr("X.csv", CSV)
    assert refused(path)[0] == "F-DAMAGED"


def test_any_spoilt_archive_is_refused_or_read_but_never_breaks(tmp_path: Path) -> None:
    path, chance = tmp_path / "x.zip", random.Random(11)  # noqa: S311
    wholes = [zipped(path, {"x.csv": CSV}).read_bytes(), gzip.compress(CSV, mtime=0)]
    for whole, name in zip(wholes, ("s.zip", "s.csv.gz"), strict=True):
        for _ in range(400):
            spoilt = io.BytesIO(whole)
            for _ in range(chance.randrange(1, 4)):
                spoilt.seek(chance.randrange(4 if name == "s.zip" else 2, len(whole)))
                spoilt.write(bytes([chance.randrange(256)]))
            with contextlib.suppress(Refused):
                records(opened(written(tmp_path / name, spoilt.getvalue())))
