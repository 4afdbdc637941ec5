"""Answers that come minutes later: the conformance suite with the driver and marketplace of the tests."""

from tests.drivers.conformance import Conformance
from tests.drivers.ticket import Feeds
from tests.simulators.feeds import FeedMarket


class TestFeeds(Conformance):
    driver, market = Feeds, FeedMarket
