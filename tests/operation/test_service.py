"""The real daemon as its operator meets it: figures that can be fetched, also after a reload."""

import signal
import socket
from pathlib import Path

from tests.operation.test_metrics import fetch, parse
from tests.reliability.daemons import Daemon, count_done, wait_until, write_config


def find_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


def answers(port: int) -> bool:
    try:
        return bool(fetch(port))
    except OSError:
        return False


def test_a_daemon_tells_its_figures_where_the_configuration_says(tmp_path: Path) -> None:
    first, second = find_port(), find_port()
    config = write_config(tmp_path, more=f'metrics = "127.0.0.1:{first}"')
    (tmp_path / "drop/acme/inbox/catalog/a.csv").write_text("sku,title\nA,Aa\nB,\n")
    daemon = Daemon(config)
    try:
        wait_until(lambda: count_done(config) == 1)
        wait_until(lambda: answers(first))
        figures = parse(fetch(first))
        assert figures["uploads_total{kind=catalog,outcome=partial}"] == 1
        assert figures["rows_total{kind=catalog,result=created}"] == 1
        assert figures["rows_total{kind=catalog,result=rejected}"] == 1
        assert figures["watching"] == 1
        assert figures["process_resident_memory_bytes"] > 0
        config.write_text(config.read_text().replace(str(first), str(second)))
        daemon.process.send_signal(signal.SIGHUP)
        wait_until(lambda: answers(second))
        assert not answers(first)
    finally:
        assert daemon.end() == 0


def test_an_address_that_is_taken_stops_no_file(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        config = write_config(tmp_path, more=f'metrics = "127.0.0.1:{other.getsockname()[1]}"')
        (tmp_path / "drop/acme/inbox/catalog/a.csv").write_text("sku,title\nA,Aa\n")
        daemon = Daemon(config)
        try:
            wait_until(lambda: count_done(config) == 1)
        finally:
            assert daemon.end() == 0
    assert "cannot be had" in (tmp_path / "daemon.log").read_text()
