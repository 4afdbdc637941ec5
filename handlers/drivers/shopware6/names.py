"""What is found by its name in the shop, or made once: manufacturers, and the options of variants."""

import hashlib
from collections.abc import Collection, Sequence
from typing import Any, Final

from daemon.trade import Offer
from handlers.drivers.shopware6.api import Api, Operation, any_of

MAKER, GROUP, OPTION = "product_manufacturer", "property_group", "property_group_option"
Pair = tuple[str, str]  # an axis on which variants differ, and a value on it: ("Size", "M")
_WANTED: Final = {GROUP: ["id", "name", "options"], OPTION: ["id", "name"]}


def id_of(*parts: str) -> str:
    """An id that follows from what it is for: a repeat makes no second one."""
    return hashlib.md5(":".join(("tradepost", *parts)).encode(), usedforsecurity=False).hexdigest()


class Names:
    """The ids of what is there. What is missing is given as a write to do; after it, `learn` what it made."""

    def __init__(self, api: Api) -> None:
        self._api = api
        self._makers: dict[str, str] = {}
        self._groups: dict[str, str] = {}  # by name in lower case, and by the id that we would give
        self._options: dict[Pair, str] = {}  # by the id of the group, then as groups
        self._looked: set[str] = set()  # names of groups, in lower case

    def makers(self, offers: Sequence[Offer]) -> tuple[dict[str, str], Operation]:
        """The manufacturers that are named."""
        named = {offer.product.brand for offer in offers if offer.product and offer.product.brand}
        if unknown := sorted(named - set(self._makers)):
            asked = [{"type": "equalsAny", "field": "name", "value": unknown}]
            for page, _ in self._api.pages("product-manufacturer", 1, asked, {}, {MAKER: ["id", "name"]}):
                self._makers |= {each["name"]: each["id"] for each in page}
        missing = {name: id_of(name) for name in sorted(named) if name not in self._makers}
        return self._makers | missing, Operation("makers", MAKER, [{"id": id, "name": n} for n, id in missing.items()])

    def options(self, pairs: Collection[Pair]) -> tuple[dict[Pair, str], Operation, Operation]:
        """The options that are named, and of what is missing the groups and the options."""
        if unknown := {_low(axis) for axis, _ in pairs} - self._looked:
            self._look(unknown)
        ids: dict[Pair, str] = {}
        groups: dict[str, dict[str, Any]] = {}
        options: dict[str, dict[str, Any]] = {}
        for axis, value in sorted(pairs):
            own = id_of(GROUP, _low(axis))
            group = self._groups.get(_low(axis)) or self._groups.get(own)
            if group is None:
                group = own
                groups.setdefault(own, {"id": own, "name": axis})
            own = id_of(OPTION, group, _low(value))
            option = self._options.get((group, _low(value))) or self._options.get((group, own))
            if option is None:
                option = own
                options.setdefault(own, {"id": own, "groupId": group, "name": value})
            ids[axis, value] = option
        return (
            ids,
            Operation("groups", GROUP, list(groups.values())),
            Operation("options", OPTION, list(options.values())),
        )

    def learn(self, *written: Operation) -> None:
        """These rows stand there now."""
        for entity, row in ((each.entity, row) for each in written for row in each.rows):
            id, name = str(row["id"]), str(row["name"])
            if entity == MAKER:
                self._makers[name] = id
            elif entity == GROUP:
                self._groups[_low(name)] = id
            else:
                self._options[str(row["groupId"]), _low(name)] = id

    def _look(self, axes: set[str]) -> None:
        """Groups of these names, or that were made for them and have been renamed; of several the oldest."""
        names, ids = sorted(axes), sorted(id_of(GROUP, axis) for axis in axes)
        for page, _ in self._api.pages("property-group", 1, any_of(name=names, id=ids), {"options": {}}, _WANTED):
            for group in page:
                self._groups.setdefault(_low(group["name"]), group["id"])
                self._groups[group["id"]] = group["id"]
                for option in sorted(group["options"], key=lambda each: str(each["id"])):
                    self._options.setdefault((group["id"], _low(option["name"])), option["id"])
                    self._options[group["id"], option["id"]] = option["id"]
        self._looked |= axes


def _low(name: str | None) -> str:
    """As the shop compares names."""
    return (name or "").casefold()
