"""The log: one line for each event on standard error, JSON for machines, readable for people; never a secret or a row.

Every module logs through `loguru.logger`; `logger.contextualize(upload=…)` puts the upload's id on every line within.
"""

import json
import logging
import os
import re
import sys
import threading
import traceback
from collections import Counter
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import TYPE_CHECKING, Any, Literal, TextIO

from loguru import logger

if TYPE_CHECKING:
    from loguru import Message, Record

Shape = Literal["journal", "json", "readable"]

PRIORITY = {"TRACE": 7, "DEBUG": 7, "INFO": 6, "SUCCESS": 5, "WARNING": 4, "ERROR": 3, "CRITICAL": 2}
COLOUR = {"WARNING": "\x1b[33m", "ERROR": "\x1b[31m", "CRITICAL": "\x1b[1;31m"}
CHATTY = (
    "alembic",
    "asyncio",
    "httpcore2",
    "httpx2",
    "paramiko",
    "pyrate_limiter",
    "sqlalchemy",
    "watchdog",
)  # their INFO is our DEBUG

SENSITIVE = (
    r"[\w.-]*(?:passw(?:or)?d|passphrase|secret|token|api[_-]?key|private[_-]?key|credentials?|authorization)[\w.-]*"
)
VALUE = r"""\\?"(?:(?!\\?").)*\\?"|'[^']*'|(?:Bearer|Basic)\s+\S+|[^\s,;&"'}\])]+"""
PATTERNS = (
    (re.compile(rf"(?i)((?:\\?[\"'])?\b{SENSITIVE}(?:\\?[\"'])?\s*[=:]\s*)(?:{VALUE})"), r"\1***"),
    (re.compile(r"(?i)\b(Bearer|Basic)\s+[A-Za-z0-9._~+/=-]{8,}"), r"\1 ***"),
    (re.compile(r"(\w+://[^\s/:@]*:)[^\s@]+@"), r"\1***@"),
    (re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY-----.*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)", re.DOTALL), "***"),
)
SENSITIVE_NAME = re.compile(f"(?i){SENSITIVE}")

# What these say is about code, files and tables. The text of any other exception may quote a cell of a sender's file.
TELLING_TYPES = (OSError, AttributeError, NameError, ImportError, TypeError)
TELLING_MODULES = ("daemon.errors", "sqlite3", "pysqlite3.dbapi2", "alembic.util.exc")

_known_secrets: Counter[str] = Counter()  # by how many they are hidden


def start(level: str = "INFO", stream: TextIO | None = None, shape: Shape | None = None) -> None:
    """Send everything that is logged, by whichever library, to `stream` (standard error), in a shape that fits it."""
    target = sys.stderr if stream is None else stream
    logger.remove()
    # a format of our own: loguru's would append the exception with source lines and a line end for each
    logger.add(
        _Sink(target, shape or find_shape(target)),
        level=level,
        format=lambda _: "",
        diagnose=False,
        backtrace=False,
        catch=True,
    )
    logging.basicConfig(handlers=[_Intercept()], level=0, force=True)
    for name in CHATTY:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("apscheduler").setLevel(logging.ERROR)  # it warns of every turn that waits for the one before


def catch_all() -> None:
    """Let the log tell what nobody has caught, in its own way: Python's would print the texts of exceptions."""

    def tell(caught: Any) -> None:
        if caught.exc_value is not None and caught.exc_type is not SystemExit:
            logger.opt(exception=caught.exc_value).error("an exception that nobody has caught")

    def tell_last(kind: type[BaseException], error: BaseException, at: TracebackType | None) -> None:
        logger.opt(exception=error).critical("the program ends by an exception that nobody has caught")

    sys.excepthook = tell_last
    threading.excepthook = sys.unraisablehook = tell


def find_shape(stream: TextIO, environment: Mapping[str, str] = os.environ) -> Shape:
    """Readable on a terminal, with priorities for the systemd journal if it listens there, else plain JSON lines."""
    try:
        if stream.isatty():
            return "readable"
        status = os.fstat(stream.fileno())
    except (OSError, ValueError):  # not a real file
        return "json"
    return "journal" if environment.get("JOURNAL_STREAM") == f"{status.st_dev}:{status.st_ino}" else "json"


def hide(secrets: Iterable[str]) -> None:
    """Let these texts not appear in the log, wherever they come from (from 4 characters on), until `forget`."""
    _known_secrets.update(secret for secret in secrets if len(secret) >= 4)


def forget(secrets: Iterable[str]) -> None:
    """Whoever hid these needs them no more: every known secret is looked for in every line."""
    for secret in secrets:
        _known_secrets[secret] -= 1
        if _known_secrets[secret] <= 0:
            del _known_secrets[secret]


def replace(secrets: Iterable[str], text: str) -> str:
    """The text with *** in place of these, whatever the case of their letters: hosts and headers are often lowered."""
    lowered = text.lower()
    found = sorted((secret for secret in secrets if secret.lower() in lowered), key=len, reverse=True)
    return re.sub("|".join(map(re.escape, found)), "***", text, flags=re.IGNORECASE) if found else text


def redact(text: str) -> str:
    """The text with *** in place of known secrets, of whatever is called a password or token, and of URL passwords."""
    text = replace(_known_secrets.copy(), text)
    for pattern, instead in PATTERNS:
        text = pattern.sub(instead, text)
    return text


def one_line(text: str) -> str:
    """The text without line breaks, escape sequences or anything else that moves a cursor: those as \\n, \\x1b …"""
    if text.isprintable():
        return text
    return "".join(mark if mark.isprintable() else mark.encode("unicode_escape").decode() for mark in text)


def describe_exception(error: BaseException) -> str:
    """Type and place of an exception and of what caused it; its text only where it cannot quote a sender's file."""
    parts = []
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        kind = type(cause)
        telling = isinstance(cause, TELLING_TYPES) or kind.__module__ in TELLING_MODULES
        frames = traceback.extract_tb(cause.__traceback__)
        places = " > ".join(f"{_short(frame.filename)}:{frame.lineno} {frame.name}" for frame in frames)
        parts.append(f"{kind.__qualname__}{f': {cause}' if telling else ''}{f' at {places}' if places else ''}")
        cause = cause.__cause__ or (None if cause.__suppress_context__ else cause.__context__)
    return " | from ".join(parts)


class _Sink:
    """Writes one line for each event. Every piece of text is redacted before it becomes part of the line."""

    def __init__(self, stream: TextIO, shape: Shape) -> None:
        self.stream = stream
        self.shape = shape

    def __call__(self, message: "Message") -> None:
        record = message.record
        extra = {name: _clean(name, value) for name, value in record["extra"].items()}
        caught = record["exception"]
        trouble = redact(describe_exception(caught.value)) if caught and caught.value else ""
        line = (
            self._readable(record, extra, trouble) if self.shape == "readable" else self._json(record, extra, trouble)
        )
        self.stream.write(line + "\n")
        self.stream.flush()

    def _json(self, record: "Record", extra: dict[str, Any], trouble: str) -> str:
        event = {
            "time": record["time"].astimezone().isoformat(timespec="milliseconds"),
            "level": record["level"].name,
            "module": record["name"],
            "message": redact(record["message"]),
            **{name: value for name, value in extra.items() if name not in ("time", "level", "module", "message")},
        }
        if trouble:
            event["exception"] = trouble
        line = json.dumps(event)  # ASCII: whatever a file name holds, the line stays one line and valid
        return f"<{PRIORITY.get(record['level'].name, 6)}>{line}" if self.shape == "journal" else line

    def _readable(self, record: "Record", extra: dict[str, Any], trouble: str) -> str:
        level = record["level"].name
        told = "".join(f"  {name}={value}" for name, value in extra.items())
        text = one_line(redact(record["message"]) + told + (f"  {trouble}" if trouble else ""))
        colour = COLOUR.get(level, "") if self.stream.isatty() else ""
        return f"{record['time']:%H:%M:%S} {colour}{level:<8}{text}" + ("\x1b[0m" if colour else "")


class _Intercept(logging.Handler):
    """Hands to loguru what libraries log with Python's own logging."""

    def emit(self, record: logging.LogRecord) -> None:
        try:
            level: str | int = logger.level(record.levelname).name
        except ValueError:
            level = record.levelno

        def patch(told: "Record") -> None:
            told["name"] = record.name

        # the text as a value: braces in it are no fields
        logger.patch(patch).opt(exception=record.exc_info).log(level, "{}", record.getMessage())


def _clean(name: str, value: object) -> object:
    if SENSITIVE_NAME.fullmatch(name):
        return "***"
    if value is None or isinstance(value, bool | int | float):
        return value
    return redact(os.fsdecode(value) if isinstance(value, bytes) else str(value))


def _short(path: str) -> str:
    return "/".join(path.split("/")[-2:])
