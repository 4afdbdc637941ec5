"""The log: one line for each event, whatever its text holds; no secret and no cell of a sender's file on it."""

import io
import json
import logging
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loguru import logger

from daemon import log
from daemon.errors import Surroundings


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    handlers, level = logging.root.handlers[:], logging.root.level
    yield
    logger.remove()
    log._known_secrets.clear()
    logging.root.handlers[:] = handlers
    logging.root.setLevel(level)


@pytest.fixture
def lines() -> io.StringIO:
    stream = io.StringIO()
    log.start(stream=stream, shape="json")
    return stream


def events(stream: io.StringIO) -> list[dict[str, Any]]:
    return [json.loads(line) for line in stream.getvalue().split("\n")[:-1]]


def test_an_event_is_one_json_object_with_the_upload_it_belongs_to(lines: io.StringIO) -> None:
    with logger.contextualize(upload="01ABC"):
        logger.bind(rows=3).info("taken")
    (event,) = events(lines)
    assert event["message"] == "taken"
    assert (event["level"], event["upload"], event["rows"]) == ("INFO", "01ABC", 3)
    assert event["time"][10] == "T"


@given(st.text(), st.text())
def test_an_event_is_one_line_whatever_its_text_holds(text: str, value: str) -> None:
    for shape in ("json", "journal", "readable"):
        stream = io.StringIO()
        log.start(stream=stream, shape=shape)
        logger.bind(file=value).info("{}", text)
        written = stream.getvalue()
        assert written.endswith("\n")
        assert written[:-1].splitlines() == [written[:-1]]
        assert "\x1b" not in written
    logger.remove()


def test_a_name_that_is_not_utf_8_is_logged(lines: io.StringIO) -> None:
    logger.bind(file=b"caf\xe9\n.csv", other=Path(os.fsdecode(b"\xff"))).info("{}", os.fsdecode(b"\xff"))
    (event,) = events(lines)
    assert event["file"] == "caf\udce9\n.csv"


def test_braces_in_a_text_are_just_braces(lines: io.StringIO) -> None:
    logging.getLogger("paramiko").warning("a {brace} and %s", "{another}")
    (event,) = events(lines)
    assert event["message"] == "a {brace} and {another}"
    assert event["module"] == "paramiko"


def test_what_libraries_tell_for_their_own_makers_is_left_out(lines: io.StringIO) -> None:
    logging.getLogger("sqlalchemy.engine").info("select 1")
    logging.getLogger("watchdog.observers.inotify_c").warning("overflow")
    assert [event["message"] for event in events(lines)] == ["overflow"]


def test_the_journal_gets_the_priority(lines: io.StringIO) -> None:
    stream = io.StringIO()
    log.start(stream=stream, shape="journal")
    logger.error("x")
    assert stream.getvalue().startswith('<3>{"time":')


def test_a_person_reads_plain_lines() -> None:
    stream = io.StringIO()
    log.start(stream=stream, shape="readable")
    with logger.contextualize(upload="01ABC"):
        logger.warning("two\nlines \x1b[31m")
    assert stream.getvalue()[8:] == " WARNING two\\nlines \\x1b[31m  upload=01ABC\n"


def test_the_shape_follows_where_the_log_goes(tmp_path: Path) -> None:
    assert log.find_shape(io.StringIO()) == "json"
    with (tmp_path / "log").open("w") as file:
        status = os.fstat(file.fileno())
        assert log.find_shape(file, {}) == "json"
        assert log.find_shape(file, {"JOURNAL_STREAM": f"{status.st_dev}:{status.st_ino}"}) == "journal"
        assert log.find_shape(file, {"JOURNAL_STREAM": "1:2"}) == "json"
    controller, terminal = os.openpty()
    with open(terminal, "w") as stream:
        assert log.find_shape(stream) == "readable"
    os.close(controller)


@pytest.mark.parametrize(
    "text",
    [
        "password=hunter2",
        "password = 'hunter2 and more'",
        'the "api_key": "hunter2 \\" x", next',
        "{'client_secret': 'hunter2'}",
        "Authorization: Bearer hunter2hunter2",
        "sent Bearer hunter2hunter2 to them",
        "postgresql+psycopg://user:hunter2@host/db",
        "sftp://u:hun:ter2hunter2@host",
        "access_token=hunter2&x=1",
        "PRIVATE-KEY: hunter2",
        "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----",
        "-----BEGIN PRIVATE KEY-----\nhunter2",
    ],
)
def test_what_looks_like_a_secret_is_not_written(lines: io.StringIO, text: str) -> None:
    logger.bind(detail=text, password="hunter2").info("{}", text)
    assert "hunter2" not in lines.getvalue()
    assert "***" in events(lines)[0]["message"]


@pytest.mark.parametrize("secret", ["hunter2", 'hun"ter\\2', "hün ter\n2"])
def test_a_known_secret_is_not_written_wherever_it_stands(lines: io.StringIO, secret: str) -> None:
    log.hide([secret])
    try:
        raise Surroundings("S-X", f"cannot sign in with {secret}")
    except Surroundings:
        logger.bind(what=[secret] if secret.isalnum() else secret).exception("with {}", secret)
    written = lines.getvalue()
    assert secret not in written
    assert json.dumps(secret)[1:-1] not in written
    assert "cannot sign in with ***" in written


def test_an_exception_tells_type_and_place_but_no_cell(lines: io.StringIO) -> None:
    def read_cell(cell: str) -> float:
        try:
            return float(cell)
        except ValueError as error:
            raise Surroundings("S-X", "the disk is full") from error

    try:
        read_cell("the sender's cell")
    except Surroundings:
        logger.exception("it broke")
    (event,) = events(lines)
    assert "sender" not in lines.getvalue()
    assert event["exception"].startswith("Surroundings: the disk is full at daemon/test_log.py:")
    assert " | from ValueError at daemon/test_log.py:" in event["exception"]


def test_a_stream_that_is_gone_stops_nobody(capsys: pytest.CaptureFixture[str]) -> None:
    stream = io.StringIO()
    log.start(stream=stream, shape="json")
    stream.close()
    logger.info("x")


def test_starting_again_does_not_double_the_lines(lines: io.StringIO) -> None:
    log.start(stream=lines, shape="json")
    logger.info("x")
    logging.getLogger("other").error("y")
    assert [event["message"] for event in events(lines)] == ["x", "y"]
    assert sys.stderr is not None
