"""Alerts: what is found is told once until it is over, by a real mail server, whatever dies or is away meanwhile."""

import re
import ssl
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from loguru import logger

from daemon.config import Config
from daemon.operation.checks import Backlog, check_disks
from daemon.operation.lookout import Lookout
from daemon.operation.pulse import Pulse
from daemon.operation.room import Room, find_lack
from daemon.store import Store
from daemon.store.figures import Queue
from tests.clock import FakeClock
from tests.factories import make_process
from tests.operation.conftest import Arrive, put_connection
from tests.operation.mail_server import MailServer

MINUTE = 60_000_000
GIB = 1 << 30
WELL = Pulse("", False, None)


class Site:
    """A lookout over a store, its time moved by hand."""

    def __init__(self, store: Store, clock: FakeClock, config: Config) -> None:
        self.store, self.clock, self.config = store, clock, config
        self.pulse = WELL
        self.lookout = self.restart("me")

    def restart(self, me: str) -> Lookout:
        self.lookout = Lookout(self.store, self.clock, "here", me, lambda: self.pulse)
        return self.lookout

    def look(self, times: int = 1) -> None:
        for _ in range(times):
            self.lookout.turn(self.config)
            self.clock.advance(60)

    def kinds(self) -> list[str]:
        return [each.kind for each in self.store.alerts.open("here")]


def configure(tmp_path: Path, **alerts: Any) -> Config:
    mail = {"host": "127.0.0.1", "starttls": False, "from": "us@example.com", "to": ["ann@example.com", "bo@x.de"]}
    given = {"data_dir": str(tmp_path), "drop_root": "/nowhere", "accounts": {"acme": {}, "nordwind": {}}}
    return Config.model_validate(given | {"alerts": mail | alerts} if alerts else given)


@pytest.fixture(autouse=True)
def _room(monkeypatch: pytest.MonkeyPatch) -> None:
    """The disk of whoever runs the tests is no matter of theirs."""
    monkeypatch.setattr("daemon.operation.room.SHARE", 0.0)
    monkeypatch.setattr("daemon.operation.room.INODES", 0.0)


@pytest.fixture
def site(store: Store, clock: FakeClock, tmp_path: Path, mail_server: MailServer) -> Site:
    store.set_accounts("here", ["acme", "nordwind"])
    return Site(store, clock, configure(tmp_path, port=mail_server.port))


@pytest.fixture
def said() -> Iterator[list[str]]:
    lines: list[str] = []
    number = logger.add(lambda message: lines.append(message.record["message"]), format="{message}")
    yield lines
    logger.remove(number)


def daily(site: Site, arrive: Arrive, days: int = 6, rows: int = 100) -> None:
    for day in range(days):
        arrive(f"stock-{day}.csv", rows)
        site.clock.advance(86_400)


# -- feeds -------------------------------------------------------------------------


def test_a_feed_that_is_late_is_mailed_once_and_once_more_when_it_came(
    site: Site, arrive: Arrive, mail_server: MailServer
) -> None:
    daily(site, arrive)
    site.look()
    assert mail_server.mails == []
    site.clock.advance(86_400 + 3_600)
    site.look(30)
    (mail,) = mail_server.mails
    assert (mail.sender, mail.to) == ("us@example.com", ["ann@example.com", "bo@x.de"])
    assert "acme: stock-#.csv is late. It came 2 days ago for the last time, usually each 24 hours." in mail.text
    assert re.fullmatch(r"tradepost on [\w.-]+: a feed is late \(1\)", mail.message["Subject"])
    assert mail.message["Auto-Submitted"] == "auto-generated"
    arrive("stock-7.csv")
    site.look(30)
    assert len(mail_server.mails) == 2
    assert "over: a feed is late (1)" in mail_server.mails[1].message["Subject"]
    assert site.kinds() == []


def test_a_feed_that_is_far_too_small_is_mailed_until_one_is_not(
    site: Site, arrive: Arrive, mail_server: MailServer
) -> None:
    daily(site, arrive)
    arrive("stock-6.csv", rows=40)
    site.look(20)
    assert "stock-#.csv is far too small: the latest has 40 rows, usually it has 100." in mail_server.mails[0].text
    site.clock.advance(3_600)
    arrive("stock-7.csv", rows=60)
    site.look(20)
    assert [mail.text.count("far too small") for mail in mail_server.mails] == [1, 1]
    assert "What is over" in mail_server.mails[1].text


def test_a_restart_tells_nothing_twice(site: Site, arrive: Arrive, mail_server: MailServer) -> None:
    daily(site, arrive)
    site.clock.advance(3 * 86_400)
    site.look()
    site.restart("me again")
    site.clock.advance(180)
    site.look(20)
    assert len(mail_server.mails) == 1


def test_two_daemons_of_a_site_tell_it_once(site: Site, arrive: Arrive, mail_server: MailServer) -> None:
    daily(site, arrive)
    site.clock.advance(3 * 86_400)
    other = Lookout(site.store, site.clock, "here", "other", lambda: WELL)
    for _ in range(5):
        site.look()
        other.turn(site.config)
    assert len(mail_server.mails) == 1
    assert not site.store.alerts.hold("here", "other")
    site.store.alerts.let_go("me")
    site.clock.advance(1)
    assert site.store.alerts.hold("here", "other")


def test_a_file_name_brings_no_header_and_no_line_of_its_own(
    site: Site, arrive: Arrive, mail_server: MailServer
) -> None:
    for day in range(6):
        arrive(f"a\r\nBcc: evil@example.com\r\n\r\n.\r\nMAIL\u202efdp{day}.csv")
        site.clock.advance(86_400)
    site.clock.advance(3 * 86_400)
    site.look()
    (mail,) = mail_server.mails
    assert mail.to == ["ann@example.com", "bo@x.de"]
    assert mail.message["Bcc"] is None
    assert "Bcc" not in [name for name, _ in mail.message.items()]
    assert all("evil" not in line or line.startswith("- acme: a\\x") for line in mail.text.splitlines())
    assert "\u202e" not in mail.text


# -- mails ---------------------------------------------------------------------------


def test_a_mail_server_that_is_away_gets_the_mail_when_it_is_back(
    site: Site, arrive: Arrive, mail_server: MailServer, said: list[str]
) -> None:
    daily(site, arrive)
    site.clock.advance(3 * 86_400)
    mail_server.close()
    site.look(30)
    assert len([line for line in said if "no mail goes out" in line]) == 1
    again = MailServer(mail_server.port)
    try:
        site.restart("me")  # it is in the store, not in anybody's head
        site.look(2)
        assert len(again.mails) == 1
    finally:
        again.close()


def test_a_server_that_refuses_for_now_is_asked_again(
    site: Site, arrive: Arrive, mail_server: MailServer, said: list[str]
) -> None:
    daily(site, arrive)
    site.clock.advance(3 * 86_400)
    mail_server.answer = (451, "greylisted\x1b[31m, come back")
    site.look(10)
    assert len(mail_server.mails) == 0
    assert any("451 greylisted\\x1b[31m, come back" in line for line in said)
    mail_server.answer = (250, "ok")
    site.look(20)
    assert len(mail_server.mails) == 1
    assert any("takes mails again" in line for line in said)


def test_what_is_over_before_anybody_could_be_told_is_never_mailed(
    site: Site, arrive: Arrive, mail_server: MailServer
) -> None:
    daily(site, arrive)
    site.clock.advance(3 * 86_400)
    mail_server.answer = (451, "later")
    site.look(5)
    arrive("stock-9.csv")
    mail_server.answer = (250, "ok")
    site.look(30)
    assert mail_server.mails == []


def test_mails_come_at_most_each_ten_minutes(site: Site, mail_server: MailServer) -> None:
    for minute in range(40):
        site.pulse = Pulse("deaf" if minute % 2 else "", False, None)
        site.look()
    assert 1 <= len(mail_server.mails) <= 4


def test_a_thousand_at_once_are_one_mail(site: Site, mail_server: MailServer) -> None:
    names = [f"srv{number}" for number in range(200)]
    for name in names:
        site.store.remotes.hold(name, "acme", "me")
        site.store.remotes.report(name, "stopped", "S-HOST-KEY", "Another key.")
    servers = [{"name": name, "account": "acme", "host": "h", "username": "u", "host_key": "a b", "outbox": "/o",
                "send": ["errors"]} for name in names]  # fmt: skip
    given = site.config.model_dump(include={"accounts"}) | {"sftp": servers}
    site.config = site.config.model_copy(update={"sftp": Config.model_validate(given).sftp})
    site.look()
    (mail,) = mail_server.mails
    assert mail.text.count("cannot be worked with") == 50
    assert "and 150 more." in mail.text
    assert len(site.store.alerts.open()) == 200


def test_without_a_mail_server_alerts_are_kept_to_be_looked_at(site: Site, tmp_path: Path) -> None:
    site.config = configure(tmp_path)
    site.pulse = Pulse("deaf", False, None)
    site.look()
    assert site.kinds() == ["watching"]
    site.pulse = WELL
    site.look()
    assert site.kinds() == []


def test_the_password_goes_only_over_an_encrypted_way_and_never_into_the_log(
    site: Site, tmp_path: Path, certificate: Path, monkeypatch: pytest.MonkeyPatch, said: list[str]
) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    monkeypatch.setenv("MAIL_PASSWORD", "canary-3f9a")
    server = MailServer(context=context, password="canary-3f9a")
    signed = {
        "port": server.port,
        "host": "localhost",
        "starttls": True,
        "username": "u",
        "password": "env:MAIL_PASSWORD",
    }
    try:
        site.config = configure(tmp_path, **signed)
        site.pulse = Pulse("deaf", False, None)
        site.look()
        (mail,) = server.mails
        assert (mail.user, mail.encrypted) == ("u", True)
        monkeypatch.setenv("MAIL_PASSWORD", "canary-of-old")
        site.pulse = WELL
        site.look(20)
        assert any("535" in line for line in said)
        monkeypatch.delenv("SSL_CERT_FILE")
        site.restart("me")
        site.look(20)
        assert any("certificate" in line.lower() for line in said)
        monkeypatch.delenv("MAIL_PASSWORD")
        site.restart("me")
        site.look(20)
        assert any("cannot be read at env:MAIL_PASSWORD" in line for line in said)
    finally:
        server.close()
    assert "canary" not in "\n".join(said)
    assert not [line for line in server.heard if b"AUTH" in line and not server.context]


def test_a_server_without_starttls_gets_nothing(
    site: Site, tmp_path: Path, mail_server: MailServer, said: list[str]
) -> None:
    site.config = configure(tmp_path, port=mail_server.port, starttls=True)
    site.pulse = Pulse("deaf", False, None)
    site.look()
    assert mail_server.mails == []
    assert any("STARTTLS" in line for line in said)


# -- the other checks ------------------------------------------------------------------


def test_servers_are_told_when_they_are_stopped_or_in_trouble_for_long(site: Site) -> None:
    servers = [{"name": name, "account": "acme", "host": "h", "username": "u", "host_key": "a b", "outbox": "/o",
                "send": ["errors"]} for name in ("one", "two")]  # fmt: skip
    given = site.config.model_dump(include={"accounts"}) | {"sftp": servers}
    site.config = site.config.model_copy(update={"sftp": Config.model_validate(given).sftp})
    for name in ("one", "two"):
        site.store.remotes.hold(name, "acme", "me")
    site.store.remotes.report("one", "trouble", "S-SFTP-CUT", "It broke off.")
    site.look()
    assert site.kinds() == []
    site.store.remotes.report("two", "stopped", "S-HOST-KEY", "Another key.")
    site.look()
    assert [each.subject for each in site.store.alerts.open()] == ["two"]
    if site.store.database.dialect == "sqlite":  # the other tells `since` by its own clock
        site.look(31)
        assert sorted(each.subject for each in site.store.alerts.open()) == ["one", "two"]
    site.store.remotes.report("one", "ok")
    site.store.remotes.report("two", "ok")
    site.look()
    assert not [each for each in site.store.alerts.open() if each.over_at is None]


def grown(*depths: int, age: int) -> list[bool]:
    backlog = Backlog()
    told: list[bool] = []
    for minute, depth in enumerate(depths):
        now = minute * MINUTE
        queues = [Queue("upload", "behind", depth, now - age * MINUTE)]
        told.append(bool(list(backlog.check(queues, now, is_open=bool(told and told[-1])))))
    return told


def test_work_piles_up_when_it_grows_and_grows_old() -> None:
    assert not any(grown(*range(10, 40), age=14))
    assert not any(grown(*[10] * 40, age=59))
    assert grown(*range(10, 40), age=16)[15:] == [True] * 15
    assert grown(10, 10, age=61) == [True, True]


def test_what_waits_for_an_agreed_moment_is_no_backlog() -> None:
    assert not list(Backlog().check([Queue("sync", "later", 9, 0)], 100 * 60 * MINUTE, is_open=False))


def test_a_backlog_is_over_when_nothing_old_is_left() -> None:
    backlog, now = Backlog(), 1_000 * MINUTE
    assert list(backlog.check([Queue("upload", "queued", 1, now - 11 * MINUTE)], now, is_open=True))
    assert not list(backlog.check([Queue("upload", "queued", 1, now - 9 * MINUTE)], now, is_open=True))


def test_a_stuck_file_is_told(site: Site) -> None:
    site.store.admit([make_process(1)])
    site.look(59)
    assert "backlog" not in site.kinds()
    site.look(5)
    assert "backlog" in site.kinds()


def test_a_disk_fills_and_is_well_again_only_with_some_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("daemon.operation.room.SHARE", 0.1)
    monkeypatch.setattr("daemon.operation.room.INODES", 0.05)

    def told(free: float, *open_now: str, device: int = 1, inodes: int = 1_000) -> list[str]:
        room = Room(device, int(free * GIB), 100 * GIB, inodes, 1_000)
        return [each.message for each in check_disks({"data_dir": room, "drop_root": room}, open_now)]

    assert told(9.9) == ["The disk of data_dir fills: only 10 GiB of 100 GiB are free."]
    assert told(10.1) == []
    assert len(told(10.1, "data_dir")) == 1
    assert told(12.6, "data_dir") == []
    assert "inodes" in told(50, inodes=49)[0]
    assert find_lack(Room(1, 30 * GIB, 10_000 * GIB, 0, 0)) == ""  # a large disk has plenty


def test_connections_that_keep_failing_are_told(site: Site, mail_server: MailServer) -> None:
    states = ("ok", "failing", "paused", "needs_reauth", "deleting")
    for state in states:
        put_connection(site.store, state, state=state, reason=f"{state} for a reason")
    put_connection(site.store, "switched off", status="inactive", state="failing")
    site.look()
    told = {each.message for each in site.store.alerts.open()}
    assert told == {f"acme: the connection {each} (shop) is {each}: {each} for a reason" for each in states[1:4]}
    assert "a connection keeps failing (3)" in mail_server.mails[0].message["Subject"]


def test_a_watcher_that_is_deaf_is_told_by_the_daemon_itself(site: Site, mail_server: MailServer) -> None:
    site.pulse = Pulse("acme: no space left on device", False, None)
    site.look()
    assert "regular rescan only: acme: no space left on device" in mail_server.mails[0].text
