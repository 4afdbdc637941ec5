"""Orders as a file for people and programs: a line for each line of an order, with everything about the order in it."""

import csv
import io
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from daemon.commands.shown import decimal
from daemon.dangers import guarded_text
from daemon.history import show_time
from daemon.trade import Address, Line, Order

_ADDRESS = ("name", "company", "street1", "street2", "postcode", "city", "region", "country", "phone")
COLUMNS = (
    "event", "order_id", "order_number", "ordered_at", "updated_at", "status", "payment_status", "currency",
    "prices_include_tax", "line_id", "line_type", "sku", "listing_id", "title", "quantity", "unit_price", "discount",
    "tax_rate", "tax_amount", "line_total", "order_total", "buyer_name", "buyer_email", "buyer_phone",
    *(f"billing_{name}" for name in _ADDRESS), *(f"shipping_{name}" for name in _ADDRESS),
    "shipping_method", "note", "connection_id",
)  # fmt: skip


class Told(NamedTuple):
    """An order and why it is told: new, changed or cancelled."""

    event: str
    order: Order


def render(orders: Iterable[Told], connection_id: str, delimiter: str) -> bytes:
    """The file: UTF-8 without a mark, CRLF."""
    file = io.StringIO()
    writer = csv.writer(file, delimiter=delimiter, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for told in orders:
        writer.writerows(_rows(told, connection_id))
    return file.getvalue().encode("utf-8", "replace")


def _rows(told: Told, connection_id: str) -> Iterator[Sequence[str]]:
    order = told.order
    before = [
        told.event,
        order.id,
        order.number,
        show_time(order.ordered_at),
        show_time(order.updated_at),
        order.status,
        order.payment_status,
        order.currency,
        "yes" if order.tax_included else "no",
    ]
    after = [
        decimal(order.total) or "",
        order.buyer_name,
        order.buyer_email,
        order.buyer_phone,
        *_address(order.billing),
        *_address(order.shipping),
        order.shipping_method,
        order.note,
        connection_id,
    ]
    for line in order.lines:
        yield [*map(_safe, before), *_line(line), *map(_safe, after)]


def _line(line: Line) -> Iterator[str]:
    yield from map(_safe, (line.id, line.type.value, line.sku, line.listing_id, line.title))
    amounts = (line.unit_price, line.discount, line.tax_rate, line.tax_amount, line.total)
    yield from (str(line.quantity), *(decimal(each) or "" for each in amounts))


def _address(address: Address) -> Iterator[str]:
    return (getattr(address, name) for name in _ADDRESS)


def _safe(cell: str) -> str:
    """Buyers write into orders what they like: nothing that a spreadsheet would run."""
    return guarded_text(cell)
