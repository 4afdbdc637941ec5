"""The model of a marketplace is mirrored; each change is written as a diff, and refused offers get a new chance."""

import csv
from collections.abc import Iterator

from daemon.drivers import Able
from daemon.trade import Attribute, AttributeSet, Choice
from tests.connections.bench import Bench
from tests.drivers.ticket import Feeds
from tests.simulators.feeds import FeedMarket

SIZE = Attribute("size", "Size", "choice", choices=(Choice("S"), Choice("M")))
COLOUR = Attribute("colour", "Colour")


class Modelled(Feeds):
    """Feeds with a model that tests set."""

    able = Feeds.able | {Able.MODEL}
    sets: tuple[AttributeSet, ...] = ()

    def model(self) -> Iterator[AttributeSet]:
        yield from self.sets


def changes(bench: Bench, number: int) -> list[tuple[str, str, str, str, str]]:
    (path,) = [path for path in bench.files("reports") if path.name == f"model-shop-{number}.csv"]
    rows = csv.DictReader(path.read_text(encoding="utf-8-sig").splitlines())
    return [(row["change"], row["attribute"], row["what"], row["before"], row["now"]) for row in rows]


def test_a_model_is_told_whole_then_by_what_has_changed(bench: Bench, feeds: FeedMarket) -> None:
    bench.shops.__dict__["drivers"]["feeds"] = Modelled
    Modelled.sets = (AttributeSet("shoes", "Shoes", (SIZE, COLOUR)),)
    bench.connect(feeds)
    assert changes(bench, 1) == [("added", "colour", "", "", ""), ("added", "size", "", "", "")]
    bench.sync(scope="model")
    assert bench.link().model_version == 1, "nothing has changed"
    sole = Attribute("sole", "Sole", required=True)
    wider = Attribute("size", "Size", "choice", required=True, choices=(Choice("S"), Choice("L")))
    Modelled.sets = (AttributeSet("shoes", "Shoes", (wider, sole)), AttributeSet("empty", "Empty", ()))
    bench.sync(scope="model")
    assert sorted(changes(bench, 2)) == sorted(
        [
            ("removed", "colour", "", "", ""),
            ("now required", "size", "required", "no", "yes"),
            ("changed", "size", "choices", "S;M", "S;L"),
            ("added", "sole", "required", "", ""),
            ("added", "", "", "", ""),
        ]
    )


def test_what_was_refused_is_sent_again_when_the_model_changes(bench: Bench, feeds: FeedMarket) -> None:
    bench.shops.__dict__["drivers"]["feeds"] = Modelled
    Modelled.sets = ()
    feeds.put_listing("A")
    bench.put("A", quantity=5)
    feeds.refused = {"A"}
    bench.connect(feeds)
    bench.pass_time(600)
    assert bench.refused()
    feeds.refused = set()
    Modelled.sets = (AttributeSet("shoes", "Shoes", (SIZE,)),)
    bench.sync(scope="model")
    bench.sync(scope="offers")
    bench.pass_time(600)
    assert feeds.quantity("A") == 5
    assert not bench.refused()
