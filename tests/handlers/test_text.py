"""Delimited text: every record, its cells as sent, on the line where it begins."""

import contextlib
import csv
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.errors import Refused
from daemon.messages import Limits, Rules
from daemon.records import Opened, Source
from handlers import catalogs
from handlers.catalogs import text

Record = tuple[int, list[str]]


def opened(path: Path, data: bytes, suffix: str = ".csv", block: int = 1 << 20, **limits: int) -> Opened:
    path.write_bytes(data)
    return text.text(Source(bytes(path), Limits(**limits)), suffix, Rules(), block)


def records(found: Opened) -> list[Record]:
    """What was read, with surplus cells put back and filled up ones taken off."""
    out = []
    for batch in found.records:
        assert batch.num_rows
        for row in batch.to_pylist():
            cells = [row[str(place)] for place in range(len(found.header))]
            if row["_cells"] is not None:
                assert row["_cells"] != len(found.header)
                cells = (cells + json.loads(row["_surplus"] or "[]"))[: row["_cells"]]
            else:
                assert row["_surplus"] is None
            out.append((row["_line"], cells))
    return out


def refused(path: Path, data: bytes, **options: Any) -> tuple[str, str]:
    with pytest.raises(Refused) as fault:
        records(opened(path, data, **options))
    return fault.value.code, fault.value.message


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "x.csv"


@pytest.mark.parametrize("sign", [",", ";", "\t", "|"])
def test_the_delimiter_is_the_one_that_finds_most_column_names(path: Path, sign: str) -> None:
    found = opened(path, f'sku{sign}title{sign}list price\na{sign}"Tea, green; loose | 1\t"{sign}1\n'.encode())
    assert found.delimiter == sign
    assert found.header == ("sku", "title", "list price")
    assert records(found) == [(2, ["a", "Tea, green; loose | 1\t", "1"])]


def test_signs_in_the_rows_do_not_make_a_delimiter_of_what_divides_no_header(path: Path) -> None:
    found = opened(path, b"sku\nA;B|C\n")
    assert (found.delimiter, records(found)) == (",", [(2, ["A;B|C"])])


def test_the_header_is_the_first_line_that_can_be_one(path: Path) -> None:
    found = opened(path, b"sku,colour\nsku,title\n")
    assert (found.line, records(found)) == (1, [(2, ["sku", "title"])])


@pytest.mark.parametrize("ending", [b"", b"\n", b"\r\n", b"\r", b"\n\n", b"\r\n,\r\n"])
def test_a_file_read_at_once_gives_what_one_read_in_pieces_gives(path: Path, ending: bytes) -> None:
    data = b"sku,title\n" + b"\n".join(b'%d,"x\r\n%d"' % (n, n) for n in range(300)) + ending
    whole = records(opened(path, data))
    assert len(whole) == 300
    assert whole == records(opened(path, data, block=200, cell=50))


def test_a_first_line_that_names_the_delimiter_is_obeyed(path: Path) -> None:
    found = opened(path, b"sep=;\r\nsku;title\r\na;b\r\n")
    assert (found.delimiter, found.line) == (";", 2)
    assert records(found) == [(3, ["a", "b"])]


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "cp1252"])
def test_text_is_read_in_every_encoding_we_promise(path: Path, encoding: str) -> None:
    assert records(opened(path, "sku,title\na,Käse €5\n".encode(encoding))) == [(2, ["a", "Käse €5"])]


def test_a_file_that_is_not_utf8_far_behind_its_beginning_is_read_in_the_fallback_from_its_first_row_on(
    path: Path,
) -> None:
    rows = "".join(f"{number},Caf\xe9\n" for number in range(1000)).encode("cp1252")
    found = opened(path, b"sku,title\n" + b"a,b\n" * 500_000 + rows)
    assert found.encoding == "cp1252"
    read = records(found)
    assert len(read) == 501_000
    assert read[-1] == (501_001, ["999", "Café"])


def test_an_unknown_byte_refuses_the_file_and_names_its_line(path: Path) -> None:
    assert refused(path, b"sku,title\na,b\nc,\x81\n") == (
        "F-ENCODING",
        "Line 3 is not text in cp1252; save the file as UTF-8 (in a spreadsheet: “CSV UTF-8”) and send it again.",
    )
    assert refused(path, b"\xef\xbb\xbfsku,title\na,b\nc,\xe9\n")[0] == "F-ENCODING"


def test_lines_above_the_header_are_passed_over(path: Path) -> None:
    found = opened(path, b'Export of "Monday"\n\nsku,title\na,b\n')
    assert found.line == 3
    assert records(found) == [(4, ["a", "b"])]


def test_a_header_with_line_breaks_in_it_is_read_and_the_lines_below_are_counted_on(path: Path) -> None:
    found = opened(path, b'sku,"my\nown",title\na,b,c\n')
    assert found.header == ("sku", "my\nown", "title")
    assert records(found) == [(3, ["a", "b", "c"])]


def test_single_quotes_are_seen_in_the_header(path: Path) -> None:
    assert records(opened(path, b"'sku','title'\n'a','b,c'\n")) == [(2, ["a", "b,c"])]


@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_line_breaks_in_cells_and_ragged_lines_do_not_shift_the_line_numbers(path: Path, ending: str) -> None:
    lines = ["sku,title", 'a,"x', 'y"', "", "short", "b,c,d,e", ",", 'f,"', "", '",', "g,h"]
    assert records(opened(path, ending.join(lines).encode())) == [
        (2, ["a", f"x{ending}y"]),
        (5, ["short"]),
        (6, ["b", "c", "d", "e"]),
        (8, ["f", ending + ending, ""]),
        (11, ["g", "h"]),
    ]


def test_empty_lines_are_no_records_in_a_file_with_one_column(path: Path) -> None:
    assert records(opened(path, b"sku\n\na\n\n\nb,c\nd")) == [(3, ["a"]), (6, ["b", "c"]), (7, ["d"])]


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "F-EMPTY"),
        (b"\xef\xbb\xbf \r\n\n", "F-EMPTY"),
        (b"sku,title", "F-NO-ROWS"),
        (b"sku,title\n\n,\n", "F-NO-ROWS"),
        (b"form,colour\na,b\n", "H-NO-COLUMNS"),
        (b"title,price\na,b\n", "H-NO-HEADER"),
        (b"\n" * 10 + b"sku,title\na,b\n", "H-NO-COLUMNS"),
        (b"sku,title\na,b\0\n", "F-NUL"),
        (b'sku,title\na,"b\nc,d\n', "F-QUOTE"),
        (b'sku\n"a', "F-QUOTE"),
        (b'sku,title\na,b\n"c', "F-QUOTE"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_with_its_code(path: Path, data: bytes, code: str) -> None:
    assert refused(path, data)[0] == code


def test_a_lone_quote_is_named_with_the_line_on_which_it_opens(path: Path) -> None:
    assert "line 3 " in refused(path, b'sku,title\na,b\nc,"d\n' + b"e,f\n" * 10)[1]
    code, message = refused(path, b'sku,title\na,b\nc,"d\n' + b"e,f\n" * 5000, block=4096, cell=1024)
    assert code == "F-QUOTE"
    assert message.startswith("The record that begins on line 3 has an opening quote that is never closed")


@pytest.mark.parametrize(
    ("data", "limit", "code"),
    [
        (b"sku,title\n" + b"a,b\n" * 11, {"rows": 10}, "F-ROWS"),
        (b"sku,title,c\na,b,c\n", {"columns": 2}, "F-COLUMNS"),
        (b"sku,title\na,b\nc," + b"d" * 11 + b"\n", {"cell": 10}, "F-CELL-SIZE"),
        (b"sku,title\na,b\nc,d," + b"d" * 11 + b"\n", {"cell": 10}, "F-CELL-SIZE"),
    ],
)
def test_what_exceeds_a_limit_is_refused_with_its_code(
    path: Path, data: bytes, limit: dict[str, int], code: str
) -> None:
    assert refused(path, data, **limit)[0] == code


def test_the_hash_is_that_of_the_whole_file_whatever_was_read_of_it(path: Path) -> None:
    for data in (b"sku,title\na,b\n", "sku,title\na,b\n".encode("utf-16"), b"name\n" * 1_000_000):
        path.write_bytes(data)
        source = Source(bytes(path), Limits())
        with contextlib.suppress(Refused):
            list(catalogs.open(source, ".csv", Rules())[0].records)
        assert source.sha256() == hashlib.sha256(data).hexdigest()


def test_a_file_may_be_left_at_any_point(path: Path) -> None:
    path.write_bytes(b"sku,title\n" + b"a,b\n" * 5000)
    for batches in (0, 1, 3):
        found = text.text(Source(bytes(path), Limits(cell=100)), ".csv", Rules(), 1000)
        for _ in range(batches):
            next(found.records)
        del found
    path.write_bytes(b"sku,SKU\na,b\n")
    with pytest.raises(Refused):
        catalogs.open(Source(bytes(path), Limits()), ".csv", Rules())


CELL = st.text(alphabet=st.sampled_from("ab ,;|\t\"\n\r'é€𝄞=0"), max_size=8)
ENDING = st.sampled_from(["\n", "\r\n", "\r"])


@st.composite
def files(draw: st.DrawFn) -> tuple[str, str, int]:
    """A well-formed file, its delimiter, and the number of its columns; some records are ragged, some lines empty."""
    sign = draw(st.sampled_from([",", ";", "\t", "|"]))
    width = draw(st.integers(1, 4))
    ending = draw(st.one_of(st.none(), ENDING))
    parts = []

    def end() -> str:
        return ending or draw(ENDING)

    def written(cell: str) -> str:
        plain = not cell.startswith('"') and not any(special in cell for special in (sign, "\n", "\r"))
        return cell if plain and draw(st.booleans()) else '"' + cell.replace('"', '""') + '"'

    for _ in range(draw(st.integers(0, 12))):
        cells = draw(st.lists(CELL, min_size=width, max_size=width))
        if draw(st.integers(0, 5)) == 0:
            cells = draw(st.lists(CELL, min_size=1, max_size=width + 2))
        parts.append(sign.join(map(written, cells)) + end())
        parts.extend(end() for _ in range(draw(st.sampled_from([0, 0, 0, 1, 3]))))
    body = "".join(parts) * draw(st.sampled_from([1, 1, 4, 12]))
    if draw(st.booleans()):
        body = body.rstrip("\r\n") if not body.rstrip("\r\n").endswith('"') or draw(st.booleans()) else body
    return sign.join(["sku", "title", "price", "brand"][:width]) + "\n" + body, sign, width


def expected(data: str, sign: str) -> list[Record]:
    """What Python's own reader makes of it, without the header and the lines that hold nothing."""
    reader = csv.reader(io.StringIO(data, newline=""), delimiter=sign, strict=True)
    out, line = [], 1
    for cells in reader:
        if any(cells):
            out.append((line, cells))
        line = reader.line_num + 1
    return out[1:]


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files(), st.integers(120, 400))
def test_records_and_lines_are_those_of_the_reference_reader(
    path: Path, file: tuple[str, str, int], block: int
) -> None:
    data, sign, width = file
    if width == 1:  # nothing in the header tells the delimiter
        data, sign = data.replace(sign, ","), ","
    try:
        wanted = expected(data, sign)
    except csv.Error:
        return
    if wanted:
        assert records(opened(path, data.encode(), block=block, cell=30)) == wanted
    else:
        assert refused(path, data.encode(), block=block, cell=30)[0] == "F-NO-ROWS"
