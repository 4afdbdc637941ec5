"""Rows in other languages than the account's, beside the rows of the items that they belong to."""

from dataclasses import dataclass, field

import polars as pl

from daemon.faults import FAULTS
from daemon.keys import TONGUE
from daemon.lots import Lot
from daemon.messages import Check
from daemon.records import Catalogs
from daemon.spool import Manifest

_TEXTS = {"sku": pl.String, "language": pl.String, "texts": pl.String}
_NO_TEXTS = pl.DataFrame(schema=_TEXTS)
_NO_FAULTS = pl.DataFrame(schema=FAULTS)


@dataclass(frozen=True, slots=True)
class Found:
    """`rows` of a lot in other languages: the `texts` of some (sku, language, texts), the `faults` of others; `silent`
    ones fill no text."""

    rows: int = 0
    texts: pl.DataFrame = field(default_factory=lambda: _NO_TEXTS)
    faults: pl.DataFrame = field(default_factory=lambda: _NO_FAULTS)
    silent: int = 0


class Tongues:
    """Finds these rows in lots, and their texts. A lot may end between an item's row and those in other languages."""

    def __init__(self, job: Check, manifest: Manifest, catalogs: Catalogs) -> None:
        self._job = job
        self._manifest = manifest
        self._catalogs = catalogs
        self._last = ("", False)  # the last sku of the lot before, and whether there is such an item

    def are_other(self, keys: pl.Series) -> pl.Series:
        """Which keys are of rows in other languages."""
        return keys.str.contains(TONGUE, literal=True)

    def skus(self, keys: pl.Series) -> pl.Series:
        """The skus that keys are about."""
        return keys.str.split_exact(TONGUE, 1).struct.field("field_0").alias(keys.name)

    def translate(self, lot: Lot, known: pl.Series, rows: pl.DataFrame) -> Found:
        """What a lot says in other languages.

        `known`: which of its skus the store has; `rows`: what it makes of the items themselves.
        """
        keys = lot.records["_key"]
        skus, other = self.skus(keys), self.are_other(keys)
        last, stood = self._last
        stands = known | skus.is_in(rows["sku"].implode()) if len(rows) else known
        stands |= (skus == last) & stood
        self._last = (skus[-1], bool(stands[-1]))
        records = lot.records.filter(other)
        if records.is_empty():
            return Found()
        tongue = records["_key"].str.split_exact(TONGUE, 1).struct.field("field_1").alias("_tongue")
        mine = [skus.filter(other).alias("_key"), stands.filter(other).alias("_known"), tongue]
        sent = lot.source.rows(records["_at"]).with_columns(mine)
        found = self._catalogs.translate(sent, self._manifest.plan, self._job.rules, self._manifest.seen)
        texts = found.rows.filter(found.rows["texts"] != "{}").select(*_TEXTS)
        return Found(len(records), texts, found.faults, len(found.rows) - len(texts))
