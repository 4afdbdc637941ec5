"""Tests that take a minute and more, or say little that another does not: for where there is time, as in `.ci/run`."""

import os

import pytest

HAS_TIME = os.environ.get("TRADEPOST_SLOW") == "1"
slow = pytest.mark.skipif(not HAS_TIME, reason="takes minutes; set TRADEPOST_SLOW=1 to run it (.ci/run does)")
