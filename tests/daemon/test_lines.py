"""HTTP lines: what is sent again and what never is, how long is waited, what is connected to, what is written down."""

import io
import json
import socket
import threading
from collections.abc import Iterator
from decimal import Decimal

import pytest
from loguru import logger

from daemon import log
from daemon.drivers import Declined, InDoubt, Rate, Retry, Sending, Trouble
from daemon.lines import OpenLines
from daemon.network import Patience, public
from daemon.pace import Pace
from tests.clock import FakeClock
from tests.drivers.bench import TestLines
from tests.simulators.server import DROPPED, LOST, SLOW, Fault, Reply, Request, Simulator, status


class Counter(Simulator):
    """Counts what it is told to count."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(clock)
        self.acts = 0

    def answer(self, request: Request) -> Reply:
        self.acts += 1
        return Reply(body={"acts": self.acts, "price": Decimal("19.9")})


@pytest.fixture
def counter(clock: FakeClock) -> Iterator[Counter]:
    with Counter(clock) as running:
        yield running


@pytest.fixture
def lines(clock: FakeClock) -> Iterator[TestLines]:
    with TestLines(clock, secrets=["s3cr3t-canary"]) as opened:
        yield opened


def send(lines: TestLines, counter: Counter, sending: Sending = Sending.READ) -> int:
    reply = lines.http.call("POST", f"{counter.url}/x?sku=A-1", json={"a": 1}, sending=sending)
    return int(reply.json()["acts"])


def test_a_number_with_a_point_stays_what_it_was(lines: TestLines, counter: Counter) -> None:
    reply = lines.http.call("PUT", counter.url, json={"price": Decimal("49.90")}, sending=Sending.ONCE)
    assert reply.json()["price"] == Decimal("19.9")
    assert counter.requests[0].body == b'{"price":49.90}'


def test_a_question_is_asked_again_until_it_is_answered(lines: TestLines, counter: Counter) -> None:
    for fault in (status(502), LOST, DROPPED, status(429)):
        counter.order(fault)
    assert send(lines, counter) == 2
    assert len(counter.requests) == 5


def test_a_request_that_may_have_acted_is_never_sent_again(lines: TestLines, counter: Counter) -> None:
    for fault in (LOST, DROPPED, status(503), status(500)):
        counter.order(fault)
        with pytest.raises(InDoubt):
            send(lines, counter, Sending.ONCE)
    assert len(counter.requests) == 4
    assert counter.acts == 1


def test_a_refusal_to_listen_is_no_act_and_is_repeated(lines: TestLines, counter: Counter) -> None:
    counter.order(status(429, Retry_After="7"))
    assert send(lines, counter, Sending.ONCE) == 1
    assert lines.clock.monotonic() == 7


def test_a_request_with_a_key_is_sent_again_and_in_the_end_in_doubt(lines: TestLines, counter: Counter) -> None:
    counter.order(LOST)
    counter.order(status(429), times=4)
    with pytest.raises(InDoubt):  # the first one may have acted, though the others were turned away
        send(lines, counter, Sending.KEYED)


def test_a_question_that_stays_unanswered_is_to_be_asked_later(lines: TestLines, counter: Counter) -> None:
    counter.order(status(503), times=9)
    with pytest.raises(Retry) as told:
        send(lines, counter)
    assert told.value.code == "D-BUSY"
    assert len(counter.requests) == 5
    assert lines.clock.monotonic() > 0


@pytest.mark.parametrize("header", ["90", "Tue, 22 Sep 2026 12:54:50 GMT"])
def test_retry_after_is_obeyed_in_seconds_and_as_a_date(
    lines: TestLines, clock: FakeClock, counter: Counter, header: str
) -> None:
    clock.time = 1_790_081_600_000_000  # 12:53:20
    counter.order(status(429, Retry_After=header))
    assert send(lines, counter) == 1
    assert clock.elapsed == 90


def test_whoever_has_to_wait_longer_than_two_minutes_gives_the_worker_back(lines: TestLines, counter: Counter) -> None:
    counter.order(status(429, Retry_After="121"))
    with pytest.raises(Retry) as told:
        send(lines, counter)
    assert told.value.after == 121
    assert lines.clock.monotonic() == 0
    with pytest.raises(Retry):
        lines.wait(121)


def test_a_wait_ends_when_the_daemon_stops(lines: TestLines, counter: Counter) -> None:
    counter.order(status(503))
    lines.stop.set()
    with pytest.raises(Retry) as told:
        send(lines, counter)
    assert told.value.code == "D-STOPPED"


def test_an_act_in_doubt_stays_in_doubt_when_the_daemon_stops(lines: TestLines, counter: Counter) -> None:
    counter.order(LOST)
    lines.stop.set()
    with pytest.raises(InDoubt):
        send(lines, counter, Sending.KEYED)


def test_slow_bytes_end_with_our_patience(clock: FakeClock, counter: Counter) -> None:
    counter.order(SLOW)
    with TestLines(clock, patience=Patience(whole=0.3)) as lines, pytest.raises(InDoubt):
        send(lines, counter, Sending.ONCE)


def test_nobody_there_is_told_as_unreachable(lines: TestLines) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Retry) as told:
        lines.http.call("GET", f"http://127.0.0.1:{port}/", sending=Sending.ONCE)
    assert told.value.code == "D-UNREACHABLE"


def test_the_marketplaces_rate_is_kept_on_our_side(clock: FakeClock, counter: Counter) -> None:
    with TestLines(clock, rates={"slow": Rate(2, 1.0)}) as lines:
        for _ in range(7):
            lines.http.call("GET", counter.url, sending=Sending.READ, rate="slow")
    assert 3 <= clock.elapsed <= 3.1


def test_no_redirect_is_followed(lines: TestLines, counter: Counter) -> None:
    moved = Reply(302, b"", {"Location": "https://elsewhere.example/login?token=x"})
    counter.order(Fault("moved", moved))
    with pytest.raises(Declined) as told:
        send(lines, counter)
    assert told.value.code == "D-REDIRECT"
    assert "elsewhere.example" in told.value.message
    assert len(counter.requests) == 1


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.1", "169.254.169.254", "[::ffff:10.0.0.1]"]
)
def test_addresses_inside_our_network_are_not_connected_to(clock: FakeClock, host: str) -> None:
    with TestLines(clock, inside=()) as lines, pytest.raises(Declined) as told:
        lines.http.call("GET", f"https://{host}:9/", sending=Sending.READ)
    assert told.value.code == "D-ADDRESS"


def test_a_name_that_begins_to_stand_for_an_inner_address_helps_nobody(
    clock: FakeClock, counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The address that was checked is the one that is connected to: no second look-up lies in between."""
    asked = []

    def resolve(host: str, *_: object, **__: object) -> list[tuple[object, ...]]:
        asked.append(host)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1" if len(asked) > 1 else "192.0.2.1", 9))]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    with TestLines(clock, inside=(), patience=Patience(connect=0.2, whole=1)) as lines, pytest.raises(Trouble) as told:
        lines.http.call("GET", "https://shop.example/", sending=Sending.ONCE)
    assert told.value.code == "D-ADDRESS"
    assert counter.requests == []


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("93.184.215.14", True),
        ("2606:4700::1111", True),
        ("64:ff9b::5db8:d70e", True),
        ("64:ff9b::a00:1", False),
        ("2002:a00:1::", False),
        ("::ffff:192.168.1.1", False),
        ("100.64.0.1", False),
        ("224.0.0.1", False),
        ("0.0.0.0", False),  # noqa: S104
        ("fe80::1", False),
    ],
)
def test_which_addresses_are_public(address: str, expected: bool) -> None:
    assert public(address) is expected


@pytest.mark.parametrize(
    "url", ["http://shop.example/", "ftp://127.0.0.1/", "https://user:pw@shop.example/", "shop", ""]
)
def test_only_https_without_credentials_in_it_is_an_address(lines: TestLines, url: str) -> None:
    with pytest.raises(Declined) as told:
        lines.http.call("GET", url, sending=Sending.READ)
    assert told.value.code == "D-URL"
    assert "pw" not in told.value.message


def test_what_is_written_down_has_no_secret_and_no_cell(clock: FakeClock, counter: Counter) -> None:
    stream = io.StringIO()
    log.start("DEBUG", stream, "json")
    try:
        with OpenLines(clock, threading.Event(), Pace({}, clock), ["s3cr3t-canary"], inside=["127.0.0.1"]) as lines:
            lines.hide("late/token+=")
            counter.order(status(503))
            lines.http.call(
                "POST",
                f"{counter.url}/orders?sku=A-1&key=s3cr3t-canary",
                headers={"X-Token": "s3cr3t-canary"},
                json={"password": "s3cr3t-canary"},
                sending=Sending.READ,
            )
            said = lines.clean('you sent "s3cr3t-canary" and late%2Ftoken%2B%3D\nand ' + "x" * 1000)
            logger.info("{}", "s3cr3t-canary")
    finally:
        logger.remove()
    text = stream.getvalue()
    assert "s3cr3t" not in text and "A-1" not in text
    assert [json.loads(line)["level"] for line in text.splitlines()].count("DEBUG") == 2
    assert "s3cr3t" not in said and "%2F" not in said and "\n" not in said and len(said) <= 300


def test_a_secret_is_hidden_in_the_log_while_somebody_works_with_it(clock: FakeClock) -> None:
    with TestLines(clock, secrets=["s3cr3t-canary"]):
        with TestLines(clock, secrets=["s3cr3t-canary"]) as other:
            other.hide("s3cr3t-canary")
        assert log.redact("s3cr3t-canary") == "***"
    assert log.redact("s3cr3t-canary") == "s3cr3t-canary"
