"""The store's contract for items: what a block makes of what is stored.

Run on SQLite with rows in files, on SQLite with rows that the message has itself, and on PostgreSQL.
"""

from collections.abc import Sequence
from dataclasses import astuple
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from daemon.model import Claim, Counts, End
from daemon.store import Store
from daemon.store.removals import KINDS
from tests.factories import COLUMNS, make_block, make_process

pytestmark = pytest.mark.parametrize(
    ("store", "inline"), [("sqlite", False), ("sqlite", True), ("postgresql", False)], indirect=True
)


class Applying:
    """An upload that applies one block after the other."""

    def __init__(self, store: Store, folder: Path, inline: bool = False) -> None:
        self.store = store
        self.inline = inline
        self.folder = folder
        store.set_accounts("here", ["acme", "other"])
        store.enter("one", "here", "host", 1)
        self.files = 0
        self.begin()

    def begin(self) -> None:
        """The next upload."""
        if self.files:
            self.store.settle([self.held], [End("ok")])
        self.files += 1
        self.number = 0
        self.counts = Counts()
        self.store.admit([make_process(self.files)])
        self.held: Claim = self.store.claim("one")[0]

    def apply(self, *, columns: Sequence[str] = COLUMNS, partial: bool = False, **rows: Any) -> Counts:
        """Apply the next block; `rows` as for `make_block`."""
        self.number += 1
        block = make_block(self.store, self.folder, self.number, columns=columns, inline=self.inline, **rows)
        so_far = self.store.step(self.held, block, self.store.merge(columns, partial=partial), columns, 10).counts
        brought = Counts(*(now - before for now, before in zip(astuple(so_far), astuple(self.counts), strict=True)))
        self.counts = so_far
        return brought

    def remove(self) -> None:
        """Judge and take away what the blocks so far have staged, as if they were all."""
        self.store.judge(self.held, Decimal(1), step=self.number + 1, total=10, replace=False)
        self.number += 2
        while self.store.take(self.held, KINDS, step=self.number, total=10):
            self.number += 1
        self.counts = self.store.counts(self.held.id)

    def delete(self, sku: str) -> None:
        """Mark an item as deleted, as a removal does in the end."""
        gone = text("update item set deleted_at = 1 where sku = :sku")
        self.store.database.write(lambda connection: connection.execute(gone, {"sku": sku}))

    def stored(self) -> dict[str, dict[str, Any]]:
        """The account's items by sku, without what is null."""
        return {
            item["sku"]: {name: value for name, value in item.items() if value is not None}
            for item in self.store.items("acme")
        }


@pytest.fixture
def inline(request: pytest.FixtureRequest) -> bool:
    """Whether blocks carry their rows themselves."""
    return bool(request.param)


@pytest.fixture
def applying(store: Store, tmp_path: Path, inline: bool) -> Applying:
    """A claimed upload that has applied nothing yet."""
    return Applying(store, tmp_path, inline)


def row(
    sku: str, title: str | None = "T", price: int | None = 10000, extra: str | None = None, digest: int = 1
) -> dict[str, Any]:
    """A row of a block."""
    return {"sku": sku, "title": title, "price": price, "extra": extra, "digest": digest}


def test_new_rows_become_items_of_this_account_alone(applying: Applying) -> None:
    assert applying.apply(new=[row("a"), row("B")]).created == 2
    assert list(applying.stored()) == ["B", "a"]  # byte by byte
    assert list(applying.store.items("other")) == []


def test_cells_are_stored_as_they_are(applying: Applying) -> None:
    odd = ['"', "\\", "\\u0041", "\n\r\t", "\x7f", "é", "\U0001f600", "null", "[1]", "12", "1e3", " "]
    rows = [row(f"{number:02}{title}", title, price=None, digest=-(2**63)) for number, title in enumerate(odd)]
    applying.apply(new=rows)
    applying.apply(known=[{**each, "price": 2**63 - 1, "digest": 2**63 - 1} for each in rows])
    stored = [(sku, item["title"], item["price"], item["digest"]) for sku, item in applying.stored().items()]
    assert stored == [(each["sku"], each["title"], 2**63 - 1, 2**63 - 1) for each in rows]
    assert applying.store.digests("acme", [each["sku"] for each in rows]) == {each["sku"]: 2**63 - 1 for each in rows}


def test_a_known_row_with_the_same_values_is_unchanged_whatever_its_digest(applying: Applying) -> None:
    applying.apply(new=[row("a"), row("b", extra='{"option:size":"L"}')])
    counts = applying.apply(known=[row("a", digest=2), row("b", extra='{"option:size":"L"}', digest=2)])
    assert (counts.updated, counts.unchanged) == (0, 2)
    assert applying.store.digests("acme", ["a", "b", "c"]) == {"a": 1, "b": 1}


def test_a_blank_clears_and_only_the_columns_of_the_block_are_touched(applying: Applying) -> None:
    applying.apply(new=[row("a")])
    assert (
        applying.apply(columns=["sku", "price", "digest"], known=[{"sku": "a", "price": None, "digest": 3}]).updated
        == 1
    )
    assert applying.stored()["a"] == {"account_id": 1, "sku": "a", "title": "T", "version": 2, "digest": 3}


def test_partial_leaves_what_is_blank(applying: Applying) -> None:
    applying.apply(new=[row("a", extra='{"option:size":"L","option:color":"red"}')])
    counts = applying.apply(
        partial=True, known=[row("a", title=None, price=None, extra='{"option:color":"blue"}', digest=4)]
    )
    assert counts.updated == 1
    stored = applying.stored()["a"]
    assert (stored["title"], stored["price"]) == ("T", 10000)
    assert applying.apply(partial=True, known=[row("a", title=None, price=None, extra="{}", digest=4)]).unchanged == 1


def test_a_null_in_extra_takes_the_key_away_and_others_stay(applying: Applying) -> None:
    applying.apply(new=[row("a", extra='{"option:size":"L","option:color":null}')])
    applying.apply(known=[row("a", extra='{"option:size":null,"attribute:x":"1"}', digest=2)])
    assert applying.stored()["a"]["extra"].replace(" ", "") == '{"attribute:x":"1"}'
    applying.apply(known=[row("a", extra='{"attribute:x":null}', digest=3)])
    assert "extra" not in applying.stored()["a"]


def test_a_deleted_item_is_unknown_and_nothing_of_it_stays_when_it_is_created_anew(applying: Applying) -> None:
    applying.apply(new=[row("a"), row("b")])
    applying.begin()
    brought = applying.apply(gone=["a", "nobody"])
    assert (brought.rows, brought.ignored, brought.deleted) == (1, 1, 0)  # judged as a whole, after the last block
    applying.remove()
    assert (applying.counts.rows, applying.counts.deleted) == (2, 1)
    assert applying.stored().keys() == {"b"}
    assert applying.store.digests("acme", ["a"]) == {}
    assert applying.apply(gone=["a"]).ignored == 1
    assert (
        applying.apply(columns=["sku", "title", "digest"], new=[{"sku": "a", "title": "New", "digest": 9}]).created == 1
    )
    assert applying.stored()["a"] == {"account_id": 1, "sku": "a", "title": "New", "version": 3, "digest": 9}


def test_quotes_line_breaks_and_every_kind_of_text_arrive_as_sent(applying: Applying) -> None:
    texts = [
        'say "hi"',
        "two\nlines\r\n",
        "a,b;c\td|e",
        "\\N",
        "''; drop table item; --",
        "żółć 🦊 \u202e",
        "NULL",
        " ",
    ]
    applying.apply(new=[row(f"s{number}", title) for number, title in enumerate(texts)])
    assert [item["title"] for item in applying.stored().values()] == texts


def test_the_version_moves_only_when_an_item_changes(applying: Applying) -> None:
    applying.apply(new=[row("a")])
    applying.apply(known=[row("a")])
    applying.apply(rejected=3)
    applying.apply(known=[row("a", title="U")])
    assert applying.stored()["a"]["version"] == 2


def test_all_skus_are_exported_with_their_digests_in_key_order(applying: Applying, tmp_path: Path) -> None:
    applying.apply(new=[row("a", digest=1), row("b", digest=2), row('q"uote', digest=3)])
    applying.store.export_digests("acme", tmp_path / "known")
    if applying.store.database.blocks == "sqlite":
        import adbc_driver_sqlite.dbapi as adbc

        with adbc.connect(str(tmp_path / "known")) as connection, connection.cursor() as cursor:
            cursor.execute("select sku, digest from known")
            rows = cursor.fetchall()
    else:
        import csv

        with open(tmp_path / "known", newline="", encoding="utf-8") as file:
            rows = [(sku, int(digest)) for sku, digest in csv.reader(file)]
    assert rows == [("a", 1), ("b", 2), ('q"uote', 3)]


def test_asked_skus_alone_are_listed(applying: Applying) -> None:
    applying.apply(new=[row("a"), row("b"), row("c")])
    assert [item["sku"] for item in applying.store.items("acme", ["c", "a", "z"])] == ["a", "c"]


SPARSE = ["sku", "title", "price", "quantity", "extra", "kept", "digest"]


def sparse(sku: str, *kept: int, **fields: Any) -> dict[str, Any]:
    """A row of a sparse block; `kept` are the positions of the fields that it leaves."""
    return {"sku": sku, "extra": "{}", "kept": sum(1 << bit for bit in kept), "digest": 7} | fields


def test_a_sparse_row_touches_its_own_fields_only(applying: Applying) -> None:
    applying.apply(new=[row("a", extra='{"option:size":"L"}'), row("b"), row("c")])
    counts = applying.apply(
        columns=SPARSE,
        known=[
            sparse("a", 0, 1, quantity=5, extra='{"option:color":"red"}'),
            sparse("b", 1, 2, title="New"),
            sparse("c", 0),  # price and quantity are blank: cleared
        ],
    )
    assert (counts.updated, counts.unchanged) == (3, 0)
    stored = applying.stored()
    assert (stored["a"]["title"], stored["a"]["price"], stored["a"]["quantity"]) == ("T", 10000, 5)
    assert stored["a"]["extra"].replace(" ", "") in (
        '{"option:size":"L","option:color":"red"}',
        '{"option:color":"red","option:size":"L"}',
    )
    assert (stored["b"]["title"], stored["b"]["price"]) == ("New", 10000)
    assert stored["c"].keys() & {"title", "price", "quantity"} == {"title"}


def test_a_sparse_row_that_changes_nothing_is_unchanged_and_a_new_one_has_what_it_brings(applying: Applying) -> None:
    applying.apply(new=[row("a", extra='{"option:size":"L"}')])
    counts = applying.apply(
        columns=SPARSE,
        known=[sparse("a", 0, 2, price=10000)],
        new=[sparse("n", 1, 2, title="N", extra='{"attribute:x":null}')],
    )
    assert (counts.created, counts.updated, counts.unchanged) == (1, 0, 1)
    assert applying.stored()["n"] == {"account_id": 1, "sku": "n", "title": "N", "version": 2, "digest": 7}
    assert applying.stored()["a"]["digest"] == 1


def test_a_sparse_row_in_mode_partial_leaves_its_blanks_too(applying: Applying) -> None:
    applying.apply(new=[row("a")])
    assert applying.apply(columns=SPARSE, partial=True, known=[sparse("a", 0)]).unchanged == 1
    assert applying.apply(columns=SPARSE, partial=True, known=[sparse("a", 0, quantity=3)]).updated == 1
    assert (applying.stored()["a"]["price"], applying.stored()["a"]["quantity"]) == (10000, 3)


def test_a_sparse_row_lifts_a_deleted_item_of_which_nothing_stays(applying: Applying) -> None:
    applying.apply(new=[row("a")])
    applying.delete("a")
    applying.apply(columns=SPARSE, new=[sparse("a", 1, title="Anew")])
    assert applying.stored()["a"].keys() == {"account_id", "sku", "title", "version", "digest"}


def test_skus_that_differ_by_leading_zeros_only_are_found(applying: Applying) -> None:
    store = applying.store
    assert not store.before(1, None).zeros
    assert store.twins("acme", ["1", "01"]) == {}
    applying.apply(new=[row(sku) for sku in ("00", "0012", "0A", "7", "000045", "x", "0099")])
    applying.delete("0099")
    assert store.before(1, None).zeros
    assert store.before(1, ["7", "8"]).zeros
    assert not store.before(1, ["7"]).zeros  # none of them is unknown
    assert not store.before(2, None).zeros
    asked = ["12", "012", "07", "45", "0", "000", "99", "8"]
    assert store.twins("acme", asked) == {"12": "0012", "012": "0012", "07": "7", "45": "000045"}
    assert store.twins("other", asked) == {}
