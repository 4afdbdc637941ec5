"""The figures: fetched over HTTP from a real server, over a real store, and named alike in the alert rules."""

import http.client
import re
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from daemon.config import Config, data_file
from daemon.errors import Surroundings
from daemon.model import Counts, End
from daemon.operation.metrics import Exporter, Server
from daemon.operation.pulse import Pulse
from daemon.store import Store, open_store, tallies
from tests.clock import FakeClock
from tests.factories import make_block, make_process
from tests.operation.conftest import put_connection

Figures = dict[str, float]


def fetch(port: int) -> str:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    try:
        connection.request("GET", "/metrics")
        answer = connection.getresponse()
        assert answer.status == 200
        return answer.read().decode()
    finally:
        connection.close()


def parse(text: str) -> Figures:
    found: Figures = {}
    for family in text_string_to_metric_families(text):
        for each in family.samples:
            labels = ",".join(f"{name}={value}" for name, value in sorted(each.labels.items()))
            found[each.name.removeprefix("tradepost_") + (f"{{{labels}}}" if labels else "")] = each.value
    return found


@pytest.fixture
def serve(store: Store, clock: FakeClock, tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Servers over the store; in these tests its figures are read anew at every scrape."""
    servers = []
    config = Config.model_validate({"data_dir": str(tmp_path), "drop_root": "/nowhere"})

    def start(pulse: Pulse | None = None) -> Server:
        servers.append(Server("127.0.0.1:0", Exporter(store, clock, config, lambda: pulse or Pulse("", False, None))))
        return servers[-1]

    yield start
    for each in servers:
        each.close()


def settle(store: Store, *numbers: int, outcome: str = "ok", **changes: Any) -> None:
    store.admit([make_process(number, **changes) for number in numbers])
    while claims := store.claim("me"):
        store.settle(claims, [End(outcome) for _ in claims])
        store.finish(store.finished())


def test_work_that_waits_is_told_by_kind_with_the_age_of_the_oldest(
    store: Store, clock: FakeClock, serve: Callable[..., Server]
) -> None:
    store.set_accounts("here", ["acme", "nordwind"])
    server = serve()
    figures = parse(fetch(server.port))
    assert (figures["database_up"], figures["oldest_file_seconds"]) == (1, 0)
    store.admit([make_process(1), make_process(2)])
    clock.advance(100)
    store.admit([make_process(3, "nordwind", kind="commands", file_kind="commands", lane="commands:nordwind")])
    store.claim("me")
    clock.advance(20)
    figures = parse(fetch(server.port))
    running = figures.get("queue_depth{kind=upload,state=running}", 0)
    assert running + figures.get("queue_depth{kind=commands,state=running}", 0) == 1
    assert figures["queue_oldest_seconds{kind=upload}"] == 120
    assert figures["queue_oldest_seconds{kind=commands}"] == 20
    assert figures["oldest_file_seconds"] == 120


def test_what_waits_for_an_agreed_moment_makes_no_queue_old(
    store: Store, clock: FakeClock, serve: Callable[..., Server]
) -> None:
    store.set_accounts("here", ["acme"])
    store.admit([make_process(1)])
    store.release(store.claim("me"), pause=3_600)
    clock.advance(600)
    if store.database.dialect == "postgresql":
        return  # its leases go by the server's clock, which no test moves
    figures = parse(fetch(serve().port))
    assert figures["queue_depth{kind=upload,state=later}"] == 1
    assert "queue_oldest_seconds{kind=upload}" not in figures


def test_answered_files_and_rows_are_counted_once_and_across_restarts(
    store: Store, tmp_path: Path, serve: Callable[..., Server]
) -> None:
    store.set_accounts("here", ["acme"])
    settle(store, 1, 2)
    settle(store, 3, outcome="rejected")
    settle(store, 4, refused=("F-LINK", "A link."), file_kind="unknown")
    store.admit([make_process(5)])
    (claim,) = store.claim("me")
    block = make_block(store, tmp_path, unchanged=7, rejected=2, ignored=1)
    assert store.step(claim, block, Any, (), 10).counts == Counts(rows=10, unchanged=7, rejected=2, ignored=1)  # type: ignore[arg-type]
    store.settle([claim], [End("partial")])
    ended = store.finished()
    store.finish(ended)
    store.finish(ended)
    for server in (serve(), serve()):  # the sums are the store's: another exporter tells the same
        figures = parse(fetch(server.port))
        assert figures["uploads_total{kind=catalog,outcome=ok}"] == 2
        assert figures["uploads_total{kind=catalog,outcome=rejected}"] == 1
        assert figures["uploads_total{kind=catalog,outcome=partial}"] == 1
        assert figures["uploads_total{kind=unknown,outcome=rejected}"] == 1
        assert figures["rows_total{kind=catalog,result=unchanged}"] == 7
        assert figures["rows_total{kind=catalog,result=rejected}"] == 2
        assert "rows_total{kind=catalog,result=created}" not in figures


def test_servers_of_others_are_told_by_state(store: Store, serve: Callable[..., Server]) -> None:
    for name, state in (("a", "ok"), ("b", "ok"), ("c", "stopped")):
        store.remotes.hold(name, "acme", "me")
        store.remotes.report(name, state)
    figures = parse(fetch(serve().port))
    assert [figures[f"endpoints{{state={each}}}"] for each in ("new", "ok", "trouble", "stopped")] == [0, 2, 0, 1]
    assert figures["answers_due"] == 0


def test_connections_are_told_by_driver_and_state_with_the_longest_wait(
    store: Store, clock: FakeClock, serve: Callable[..., Server]
) -> None:
    store.set_accounts("here", ["acme"])
    now = clock.now()
    put_connection(store, "a", last_sync=now - 60_000_000, state="failing")
    put_connection(store, "b", last_sync=now - 90_000_000)
    put_connection(store, "c", driver="pos", created_at=now - 30_000_000)
    put_connection(store, "d", status="inactive", last_sync=1)
    figures = parse(fetch(serve().port))
    assert figures["connections{driver=shop,state=failing}"] == figures["connections{driver=shop,state=ok}"] == 1
    assert (figures["sync_lag_seconds{driver=shop}"], figures["sync_lag_seconds{driver=pos}"]) == (90, 30)


def test_what_only_the_daemon_knows_is_told(clock: FakeClock, serve: Callable[..., Server]) -> None:
    figures = parse(fetch(serve(Pulse("deaf", True, clock.now() - 90_000_000)).port))
    assert (figures["watching"], figures["trouble"], figures["inbox_oldest_seconds"]) == (0, 1, 90)
    assert figures["disk_free_bytes{place=data_dir}"] > 0
    assert "disk_free_bytes{place=drop_root}" not in figures  # there is none


def test_a_database_that_is_away_is_told_and_the_rest_still_comes(tmp_path: Path, clock: FakeClock) -> None:
    store = open_store(None, tmp_path / "away", clock)  # no such folder
    with pytest.raises(Surroundings):
        store.figures.tallies()
    config = Config.model_validate({"data_dir": str(tmp_path)})
    server = Server("127.0.0.1:0", Exporter(store, clock, config, lambda: Pulse("", True, None)))
    try:
        figures = parse(fetch(server.port))
        assert (figures["database_up"], figures["trouble"]) == (0, 1)
    finally:
        server.close()
        store.close()


def test_scrapes_in_a_row_read_the_store_once(store: Store, clock: FakeClock, serve: Callable[..., Server]) -> None:
    store.set_accounts("here", ["acme"])
    server = serve()
    before = parse(fetch(server.port))
    store.admit([make_process(1)])
    assert parse(fetch(server.port)).keys() == before.keys()
    clock.advance(6)
    assert parse(fetch(server.port))["queue_depth{kind=upload,state=queued}"] == 1


def test_sums_are_added_to_by_several_at_once(store: Store) -> None:
    keys: list[tallies.Key] = [("syncs", name, "ok") for name in ("b", "a")]
    for _ in range(3):
        store.database.write(lambda c: tallies.add(c, dict.fromkeys(keys, 2)))
    assert store.figures.tallies() == {("syncs", "a", "ok"): 6, ("syncs", "b", "ok"): 6}


# -- the alert rules ------------------------------------------------------------


def rules() -> list[dict[str, Any]]:
    groups = yaml.safe_load(data_file("config/alerts.yml").read_text(encoding="utf-8"))["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_every_rule_has_a_name_a_sentence_and_a_cure() -> None:
    found = rules()
    assert len({rule["alert"] for rule in found}) == len(found) > 5
    for rule in found:
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert rule["annotations"]["summary"]
        assert rule["annotations"]["cure"]


def test_the_rules_ask_for_figures_and_labels_that_there_are(
    store: Store, tmp_path: Path, serve: Callable[..., Server]
) -> None:
    store.set_accounts("here", ["acme"])
    settle(store, 1, outcome="failed")
    store.admit([make_process(2)])
    put_connection(store, "a")
    labels: dict[str, set[str]] = {}
    for family in text_string_to_metric_families(fetch(serve().port)):
        labels |= {family.name: set(), f"{family.name}_total": set()} if family.type == "counter" else {}
        labels.setdefault(family.name, set())
        for each in family.samples:
            labels.setdefault(each.name, set()).update(each.labels)
    labels["tradepost_rows_total"] = {"kind", "result"}  # no row was counted here
    for rule in rules():
        for name, matchers in re.findall(r"(tradepost_\w+)(?:\{([^}]*)\})?", rule["expr"]):
            assert name in labels, rule["alert"]
            assert set(re.findall(r"(\w+)!?=", matchers)) <= labels[name], rule["alert"]


@pytest.mark.skipif(not shutil.which("promtool"), reason="there is no promtool (of Prometheus) here")
def test_promtool_takes_the_rules() -> None:
    rules_file = str(data_file("config/alerts.yml"))
    told = subprocess.run(["promtool", "check", "rules", rules_file], capture_output=True, text=True, check=False)
    assert told.returncode == 0, told.stdout + told.stderr
