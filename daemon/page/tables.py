"""Tables that a screen reader can walk through, and that a phone shows as a card for each line."""

from collections.abc import Sequence
from typing import NamedTuple

from daemon.page.marking import Html, fill, join

_TABLE = """\
<table role="table">
<caption>{}</caption>
<thead role="rowgroup"><tr role="row">{}</tr></thead>
<tbody role="rowgroup">
{}
</tbody>
</table>"""


class Column(NamedTuple):
    """A column: its header, and how it is laid out: `name`, `number`, `wide`, `bare` (needs no title in a card), ""."""

    title: str
    kind: str = ""


def table(caption: str, columns: Sequence[Column], rows: Sequence[Sequence[Html]]) -> Html:
    """A table whose first column names the line. The roles are said because cards are no table to some browsers."""
    head = [
        fill('<th role="columnheader" scope="col" class="{}">{}</th>', column.kind, column.title) for column in columns
    ]
    return fill(_TABLE, caption, join("", head), join("\n", [_row(columns, cells) for cells in rows]))


def _row(columns: Sequence[Column], cells: Sequence[Html]) -> Html:
    first, *rest = (_cell(column, cell) for column, cell in zip(columns, cells, strict=True))
    named = fill('<th role="rowheader" scope="row" {}</th>', first)
    return fill('<tr role="row">{}{}</tr>', named, join("", [fill('<td role="cell" {}</td>', each) for each in rest]))


def _cell(column: Column, cell: Html) -> Html:
    if not cell:  # a card leaves the line out
        return fill('class="{} empty">', column.kind)
    return fill('class="{}" data-title="{}">{}', column.kind, column.title, cell)
