"""What an item's offer for one connection states, and whether that differs from what was accepted there."""

import hashlib
from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from daemon.connections import fields
from daemon.drivers import Able, Driver
from daemon.offers import fit, refused
from daemon.store.connections import Link
from daemon.store.listings import Candidate
from daemon.trade import Change, Offer, Product, Result

_SHOWN = {True: " shown", False: " hidden"}
_SAID = tuple(_SHOWN.values())


class Offering:
    """Makes the offers of one connection, by its settings and what its driver can."""

    def __init__(self, link: Link, driver: type[Driver]) -> None:
        self._link = link
        self._buffer = fields.buffer_of(link.settings)
        self._hides = Able.HIDE in driver.able
        self.creates = fields.creates(driver, link.settings)
        self.changes = fields.pushes(driver, link.settings)
        self.needs_texts = self.creates or Change.PRODUCT in self.changes
        self._named = [(change.value, change) for change in self.changes]

    def make(self, candidate: Candidate) -> Iterator[tuple[Change, Offer | Result]]:
        """The offers of a listing that are to be sent, or the results that say why one cannot be."""
        item = candidate.item
        extra: Mapping[str, Any] = msgspec.json.decode(item["extra"]) if item["extra"] else {}
        gone = self._is_gone(item)
        offer = self._offer(candidate, extra, gone=gone)
        if not candidate.remote_id:
            if self.creates and not gone and not _was_refused(candidate, Change.CREATE.value):
                yield Change.CREATE, self._listed(offer, _product(item, extra))
            return
        for name, change in self._named:
            if not _is_stated(change, candidate, offer, gone=gone) or _was_refused(candidate, name):
                continue
            found: Offer | Result
            if change is Change.PRODUCT:
                offer = msgspec.structs.replace(offer, product=_product(item, extra))
            if candidate.ambiguous:
                found = refused(offer.sku, "D-SKU-AMBIGUOUS", value=offer.sku)
            else:
                found = fit(change, offer, self._link.seller)
            if isinstance(found, Result):
                yield change, found
            elif candidate.pushed.get(name) != value_of(change, found):
                yield change, msgspec.structs.replace(found, about=msgspec.json.decode(candidate.about))

    def _listed(self, offer: Offer, product: Product) -> Offer | Result:
        """The offer of an item that is not listed there yet."""
        needed = {"title": product.title, "price": offer.price}
        if missing := [name for name, value in needed.items() if value is None]:
            return refused(offer.sku, "D-INCOMPLETE", detail=" and no ".join(missing))
        return fit(Change.CREATE, msgspec.structs.replace(offer, product=product), self._link.seller)

    def _is_gone(self, item: Mapping[str, Any]) -> bool:
        """Whether the item is no longer to be had there."""
        channels = item["channels"]
        away = channels is not None and self._link.name.lower() not in {
            each.strip().lower() for each in channels.split(";")
        }
        return away or item["withdrawn"] is not None or item["deleted_at"] is not None

    def _offer(self, candidate: Candidate, extra: Mapping[str, Any], *, gone: bool) -> Offer:
        """All that the item states, without its texts and what the driver knows of the listing."""
        item = candidate.item
        quantity = _own(extra, "quantity", self._link.name, item["quantity"])
        stated = 0 if gone else None if quantity is None else max(0, quantity - self._buffer)
        return Offer(
            sku=candidate.sku,
            version=item["version"],
            remote_id=candidate.remote_id,
            quantity=stated,
            price=_own(extra, "price", self._link.name, item["price"]),
            list_price=item["list_price"],
            currency=item["currency"] or "",
            tax_rate=item["tax_rate"],
            tax_included=bool(item["tax_included"]) if item["tax_included"] is not None else True,
            visible=self._visible(candidate, gone=gone),
        )

    def _visible(self, candidate: Candidate, *, gone: bool) -> bool | None:
        """None where nobody has said anything, and we have neither hidden nor shown it before."""
        if not self._hides:
            return None
        stated = candidate.item["visible"]
        if gone or stated == 0:
            return False
        said_before = candidate.pushed.get("stock", "").endswith(_SAID)
        return True if stated == 1 or said_before else None


def value_of(change: Change, offer: Offer) -> str:
    """What an offer states, as text: two that state the same are the same to the marketplace."""
    shown = "" if offer.visible is None else _SHOWN[offer.visible]
    if change is Change.STOCK:
        return f"{offer.quantity}{shown}"
    if change is Change.PRICE:
        return f"{offer.price} {offer.list_price} {offer.currency} {offer.tax_included} {offer.tax_rate}"
    prices = (offer.price, offer.list_price) if change is Change.CREATE else ()
    return hashlib.sha256(msgspec.msgpack.encode((offer.product, offer.visible, *prices))).hexdigest()[:32]


def _is_stated(change: Change, candidate: Candidate, offer: Offer, *, gone: bool) -> bool:
    """Whether there is something to say. A quantity that a sale has spent is none, until a file states one again."""
    if change is Change.STOCK:
        spent = candidate.spent and candidate.stated <= candidate.spent
        return gone or (offer.quantity is not None and not spent)
    return change is not Change.PRICE or not (gone or offer.price is None)


def _was_refused(candidate: Candidate, change: str) -> bool:
    """Whether it was refused as it is: it would be refused again."""
    why = candidate.refused.get(change) if candidate.refused else None
    return why is not None and why["version"] >= candidate.item["version"]


def _own(extra: Mapping[str, Any], name: str, connection: str, common: int | None) -> int | None:
    """A value of the connection's own column, else the common one."""
    if not extra:
        return common
    wanted = f"{name}:{connection}".lower()
    for key, value in extra.items():
        if key.lower() == wanted and isinstance(value, int):
            return value
    return common


def _product(item: Mapping[str, Any], extra: Mapping[str, Any]) -> Product:
    images = tuple(each for each in (item["images"] or "").split(";") if each)
    values = {key: str(value) for key, value in extra.items() if key.startswith(("option:", "attribute:"))}
    named = ("title", "description", "brand", "gtin", "mpn", "category")
    return Product(
        **{name: item[name] for name in named},
        group=item["group_id"],
        images=images,
        weight=item["weight"],
        language=item["language"] or "en",
        values=values,
    )
