"""Which cells tell the decimal sign of a file."""

from pathlib import Path
from typing import Any

import openpyxl  # type: ignore[import-untyped]
import pytest

from daemon.messages import Limits, Rules
from daemon.records import Source
from handlers import catalogs


def seen(path: Path) -> dict[str, bool]:
    opened, plan = catalogs.open(Source(bytes(path), Limits()), path.suffix, Rules())
    found: dict[str, bool] = {}
    for batch in opened.records:
        catalogs.observe(batch, plan, found)
    return found


@pytest.mark.parametrize(
    ("prices", "signs"),
    [
        ([12.5, "1,234"], {}),
        ([12.5, 0.125, 1.5e-7, "12,50"], {",": True}),
        ([1.234, "1,234.56"], {".": True}),
        ([12, "12.50", "7,25"], {".": True, ",": True}),
    ],
)
def test_numbers_of_a_workbook_tell_nothing_about_the_texts_beside_them(
    tmp_path: Path, prices: list[Any], signs: dict[str, bool]
) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["sku", "price", "tax_rate"])
    for price in prices:
        book.active.append(["A", price, 0.075])
        book.active.cell(book.active.max_row, 3).number_format = "0.0%"
    book.save(tmp_path / "a.xlsx")
    assert seen(tmp_path / "a.xlsx") == signs


def test_cells_of_text_files_all_count(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("sku,price\nA,12.50\nB,7\n")
    assert seen(tmp_path / "a.csv") == {".": True}
