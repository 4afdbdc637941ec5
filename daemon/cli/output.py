"""What commands print: a table for people, a JSON array for programs."""

import json
import sys
import textwrap
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table

SHOWN = 1000  # lines of a table: more than that nobody reads, and a million would not fit
WIDTH = 100  # columns of what is wrapped where no terminal says how wide it is


def print_rows(
    rows: Iterable[Mapping[str, Any]],
    columns: Sequence[str],
    *,
    as_json: bool,
    empty: str,
    below: Callable[[Mapping[str, Any]], str] | None = None,
) -> None:
    """Print rows: as JSON whole, one a line as they come; as a table the `columns`, or `empty` if there is none.

    `below`: what else a table says of a row, as sentences under its line, since no column is wide enough for them.
    """
    if as_json:
        _print_json(iter(rows))
        return
    from rich import box
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from daemon.log import one_line

    remaining = iter(rows)
    shown = list(islice(remaining, SHOWN))
    if not shown:
        typer.echo(empty)
        return
    table = Table(*columns, box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, int(not below)))
    for row in shown:
        # a sender's text must not move the cursor, nor be read as markup
        table.add_row(*(Text(one_line(_plain(row.get(column)))) for column in columns))
    # nobody cuts what goes into a file or a pipe
    console = Console(width=None if sys.stdout.isatty() else 4000, highlight=False)
    if below:
        _print_below(table, shown, below, console)
    else:
        console.print(table)
    if next(remaining, None) is not None:
        typer.echo(f"These are the first {SHOWN}; all of them: tradepost --json …")


def with_times(rows: Iterable[Mapping[str, Any]]) -> Iterator[dict[str, Any]]:
    """Rows of the store with their moments (`…_at`, `last_…`) written as in the history files."""
    from daemon.history import show_time

    for row in rows:
        named = [name for name in row if name.endswith("_at") or name.startswith(("last_", "next_")) or name == "since"]
        moments = {name: show_time(row[name]) or None for name in named}
        yield {**row, **moments}


def _print_json(rows: Iterator[Mapping[str, Any]]) -> None:
    before = "[\n"
    for row in rows:
        sys.stdout.write(before + json.dumps(row, ensure_ascii=False, default=str))
        before = ",\n"
    sys.stdout.write("\n]\n" if before == ",\n" else "[]\n")


def _print_below(
    table: "Table", rows: Sequence[Mapping[str, Any]], below: Callable[[Mapping[str, Any]], str], console: "Console"
) -> None:
    """Print a table, and under the line of each row what `below` says of it."""
    from daemon.log import one_line

    with console.capture() as captured:
        console.print(table)
    head, rule, *lines = filter(str.strip, captured.get().splitlines())
    typer.echo(f"{head.rstrip()}\n{rule}")
    for row, line in zip(rows, lines, strict=True):
        typer.echo("\n".join([line.rstrip(), *_wrapped(one_line(below(row)), console)]))


def _wrapped(text: str, console: "Console") -> list[str]:
    width = console.width if sys.stdout.isatty() else WIDTH
    return textwrap.wrap(text, width, initial_indent="    ", subsequent_indent="    ", break_on_hyphens=False)


def _plain(value: object) -> str:
    if value is None:
        return ""
    return {True: "yes", False: "no"}[value] if isinstance(value, bool) else str(value)
