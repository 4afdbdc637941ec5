"""Alerts as mails: one for all that is new, in plain text, over the mail server of the configuration."""

import smtplib
import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, make_msgid

from loguru import logger

from daemon import log
from daemon.config import AlertsConfig
from daemon.history import show_time
from daemon.store.alert_store import Alert

PATIENCE = 20.0  # seconds for each answer of the mail server
SHOWN = 50  # alerts in one mail
LONGEST = 500  # signs of one alert
KINDS = {
    "late": "a feed is late",
    "small": "a feed is too small",
    "connection": "a connection keeps failing",
    "server": "an SFTP server cannot be worked with",
    "backlog": "work piles up",
    "disk": "a disk fills",
    "watching": "an inbox is not watched",
}


class MailFault(Exception):
    """A mail did not go out; the sentence names what the server or the network said, never the password."""


def compose(config: AlertsConfig, begun: Sequence[Alert], over: Sequence[Alert], now: int) -> EmailMessage:
    """One mail that tells of these. Nothing that others have chosen stands in its headers."""
    mail = EmailMessage(policy=SMTP)
    mail["From"] = config.sender
    mail["To"] = ", ".join(config.to)
    mail["Subject"] = _subject(begun, over)
    mail["Date"] = format_datetime(datetime.fromtimestamp(now // 1_000_000, UTC))
    mail["Message-ID"] = make_msgid(domain=config.sender.rpartition("@")[2])
    mail["Auto-Submitted"] = "auto-generated"  # no out-of-office note comes back
    parts = []
    if begun:
        parts += ["What needs a look:", "", *_lines(begun)]
    if over:
        parts += ["What is over:", "", *_lines(over)]
    parts += ["You hear of each once until it is over. What is open now: tradepost status", ""]
    mail.set_content("\n".join(parts))
    return mail


def send(config: AlertsConfig, mail: EmailMessage, patience: float = PATIENCE) -> None:
    """Hand the mail over to the server. Raises MailFault."""
    with Call(config, patience) as server:
        try:
            refused = server.send_message(mail)
        except (OSError, smtplib.SMTPException) as fault:
            raise MailFault(_say(fault)) from None
    if refused:  # some have it, and nothing is won by sending it to them again
        logger.warning("alerts: the mail server does not take {} of the addresses in `to`", len(refused))


class Call:
    """A conversation with the mail server: reached, encrypted, signed in. Raises MailFault."""

    def __init__(self, config: AlertsConfig, patience: float = PATIENCE) -> None:
        self._config = config
        self._patience = patience

    def __enter__(self) -> smtplib.SMTP:
        """The server, ready to take mails."""
        config = self._config
        password = _reveal(config)
        log.hide([password])
        try:
            self._server = smtplib.SMTP(config.host, config.port, socket.gethostname(), self._patience)
            try:
                if config.starttls:
                    self._server.starttls(context=ssl.create_default_context())
                if config.username:
                    self._server.login(config.username, password)
            except BaseException:
                self._server.close()
                raise
        except (OSError, smtplib.SMTPException, ValueError) as fault:
            raise MailFault(_say(fault).replace(password or "\0", "***")) from None
        finally:
            log.forget([password])
        return self._server

    def __exit__(self, *_: object) -> None:
        try:
            self._server.quit()
        except (OSError, smtplib.SMTPException):
            self._server.close()


def _reveal(config: AlertsConfig) -> str:
    if config.password is None:
        return ""
    try:
        return config.password.reveal()
    except (OSError, KeyError, UnicodeDecodeError):
        place = f"{config.password.kind}:{config.password.place}"
        raise MailFault(f"the password cannot be read at {place}") from None


def _subject(begun: Sequence[Alert], over: Sequence[Alert]) -> str:
    kinds = list(dict.fromkeys(KINDS.get(each.kind, "something is wrong") for each in begun or over))
    said = "; ".join(kinds[:3]) + (" …" if len(kinds) > 3 else "")
    host = "".join(sign for sign in socket.gethostname() if sign.isalnum() or sign in "-.")
    return f"tradepost on {host}: {said if begun else f'over: {said}'} ({len(begun or over)})"


def _lines(alerts: Sequence[Alert]) -> list[str]:
    lines = []
    for each in alerts[:SHOWN]:
        until = f" to {show_time(each.over_at)}" if each.over_at else ""
        lines += [f"- {clean(each.message)}", f"  since {show_time(each.since)}{until}", ""]
    if len(alerts) > SHOWN:
        lines += [f"and {len(alerts) - SHOWN} more.", ""]
    return lines


def clean(text: str) -> str:
    """The text as one line that is not too long, without signs that move a cursor, and without secrets we know of."""
    line = log.one_line(log.redact(text))
    return line if len(line) <= LONGEST else line[: LONGEST - 1] + "…"


def _say(fault: Exception) -> str:
    if isinstance(fault, smtplib.SMTPResponseException):
        said = fault.smtp_error.decode("utf-8", "replace") if isinstance(fault.smtp_error, bytes) else fault.smtp_error
        return clean(f"{fault.smtp_code} {said}")
    if isinstance(fault, smtplib.SMTPRecipientsRefused):
        return "it takes none of the addresses in `to`"
    return clean(str(fault) or type(fault).__name__)
