"""Commands about how catalog files are read."""

import re
from typing import Annotated, Final

import msgspec

from daemon.commands.codes import shown
from daemon.commands.command import Answer, Desk, Name, Together, command
from daemon.dangers import unguarded_text
from daemon.errors import Code, Refused

Text = Annotated[str, msgspec.Meta(max_length=200, description="a text of at most 200 characters")]

_FAMILY: Final = re.compile(r"(attribute|option|price|quantity):[^\s:].*", re.DOTALL)

CODES: Final = (
    Code(
        "C-FIELD",
        "error",
        "“{field}” is no field: write a native column, - for a column that is not wanted, or attribute:name.",
        "A row of catalog.mapping names a field that items do not have.",
        "Correct the field; the documentation lists the native columns.",
    ),
    Code(
        "C-MAPPING",
        "error",
        "The layout was not taken over: {detail}.",
        "The rows of a layout contradict each other, or no column fills `sku`.",
        "Mend the rows and drop all rows of the layout again, together in one file.",
    ),
)
_TEXTS: Final = {code.name: code.text for code in CODES}


class Column(msgspec.Struct):
    """One row: the sender's column, the field it fills, and a constant for where the column is blank or not named."""

    column: Text = ""
    field: Text | None = None
    value: Text | None = None


@command("catalog.mapping")
def mapping(desk: Desk, *, layout: Name, rows: Together[Column]) -> Answer:
    """Keep a layout of your own: all its rows in one file replace it, a single row with a blank field removes it."""
    if len(rows) == 1 and not rows[0].field:
        there = desk.map(layout, None)
        return Answer(layout, message="" if there else "There was no such layout.")
    columns = []
    for row in rows:
        field = (row.field or "").strip()
        name, colon, rest = field.partition(":")
        field = f"{name.lower()}{colon}{rest.strip()}"
        if field not in ("-", *desk.columns) and not _FAMILY.fullmatch(field):
            raise Refused("C-FIELD", _TEXTS["C-FIELD"].format(field=shown(field, desk.columns)))
        if not row.column and row.value is None:
            raise _contradiction("a row has neither `column` nor `value`")
        columns.append(
            (unguarded_text(row.column), field, row.value)
        )  # the drafted file guards what a spreadsheet would run
    _refuse_doubled(columns)
    desk.map(layout, columns)
    return Answer(layout, data={"columns": len(columns)})


def _refuse_doubled(columns: list[tuple[str, str, str | None]]) -> None:
    names = [name.strip().lower() for name, _, _ in columns if name]
    fields = [field for _, field, _ in columns if field != "-"]
    if len(set(names)) < len(names):
        raise _contradiction("two rows name the same column")
    if len(set(fields)) < len(fields):
        raise _contradiction("two rows fill the same field")
    if "sku" not in fields:
        raise _contradiction("no column fills `sku`")


def _contradiction(detail: str) -> Refused:
    return Refused("C-MAPPING", _TEXTS["C-MAPPING"].format(detail=detail))
