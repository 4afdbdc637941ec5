"""Marketplaces that take a batch whole or not at all: what they name as wrong is left out, and the rest sent again."""

from collections.abc import Callable, Sequence
from typing import NamedTuple

from daemon.drivers import Declined, InDoubt, Retry
from daemon.trade import Offer, Result


class Wrong(NamedTuple):
    """Why a batch was refused. `place`: of the offer that is to blame; None: the marketplace does not say."""

    place: int | None
    code: str
    detail: str


Send = Callable[[Sequence[Offer], str], Sequence[Wrong]]


def state(offers: Sequence[Offer], key: str, send: Send) -> list[Result]:
    """A result for each offer. `send` states some of them under a key of their own, and tells what was wrong: nothing
    if all were taken. Where nobody is named, the batch is halved until one is left.

    Raises what `send` raises; InDoubt in place of Retry once a part has been taken.
    """
    results: list[Result] = []
    taken = False
    waiting = [(list(offers), key)]
    while waiting:
        part, own = waiting.pop(0)
        if not part:
            continue
        try:
            wrong = send(part, own)
        except Retry as later:
            if taken:
                raise InDoubt(later.code, detail=later.detail, after=later.after) from None
            raise
        named = {each.place: each for each in reversed(wrong) if each.place is not None and each.place < len(part)}
        if not wrong:
            taken = True
            results += [Result(offer.sku) for offer in part]
        elif named or len(part) == 1:
            blamed = named or {0: wrong[0]}
            results += [refused(part[place], each.code, each.detail) for place, each in sorted(blamed.items())]
            waiting.append(([offer for place, offer in enumerate(part) if place not in blamed], own + "-"))
        else:
            half = len(part) // 2
            waiting += [(part[:half], own + "<"), (part[half:], own + ">")]
    return results


def refused(offer: Offer, code: str, detail: str = "") -> Result:
    """The result that refuses an offer with the sentence of `code`; `detail` is the marketplace's reason, cleaned."""
    return Result(offer.sku, code, Declined(code, detail=detail).message)
