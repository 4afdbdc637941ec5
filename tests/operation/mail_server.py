"""A mail server of RFC 5321 on loopback that keeps what it gets; with STARTTLS and AUTH where a test wants them."""

import base64
import ssl
import threading
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any, NamedTuple


class Mail(NamedTuple):
    """One that was taken."""

    sender: str
    to: list[str]
    raw: bytes
    user: str
    encrypted: bool

    @property
    def message(self) -> EmailMessage:
        return message_from_bytes(self.raw, policy=default)

    @property
    def text(self) -> str:
        return str(self.message.get_content())


class _Conversation(StreamRequestHandler):
    server: "MailServer"
    timeout = 20

    def handle(self) -> None:
        self.user, self.encrypted = "", False
        self.sender, self.to = "", list[str]()
        self.say(220, "mail.example ready")
        while line := self.rfile.readline():
            self.server.heard.append(line)
            verb, _, rest = line.decode().strip().partition(" ")
            if not getattr(self, f"on_{verb.lower()}", self.on_other)(rest):
                return

    def finish(self) -> None:
        super().finish()
        self.connection.close()

    def say(self, code: int, text: str, last: bool = True) -> bool:
        self.wfile.write(f"{code}{' ' if last else '-'}{text}\r\n".encode())
        return code != 221

    def on_other(self, rest: str) -> bool:
        return self.say(502, "not implemented")

    def on_ehlo(self, rest: str) -> bool:
        self.say(250, "mail.example", last=False)
        if self.server.context and not self.encrypted:
            self.say(250, "STARTTLS", last=False)
        if self.server.password:
            self.say(250, "AUTH PLAIN", last=False)
        return self.say(250, "8BITMIME")

    def on_starttls(self, rest: str) -> bool:
        self.say(220, "go ahead")
        assert self.server.context
        context = self.server.context
        self.connection = context.wrap_socket(self.connection, server_side=True, do_handshake_on_connect=False)
        self.connection.do_handshake()
        self.rfile, self.wfile = self.connection.makefile("rb"), self.connection.makefile("wb", 0)
        self.encrypted = True
        return True

    def on_auth(self, rest: str) -> bool:
        method, _, given = rest.partition(" ")
        _, user, password = base64.b64decode(given).decode().split("\0")
        if method != "PLAIN" or password != self.server.password:
            return self.say(535, f"no such user, or not with {password}")  # as unkind a server as can be
        self.user = user
        return self.say(235, "welcome")

    def on_mail(self, rest: str) -> bool:
        if self.server.password and not self.user:
            return self.say(530, "sign in first")
        self.sender = rest.partition("<")[2].partition(">")[0]
        return self.say(*self.server.answer)

    def on_rcpt(self, rest: str) -> bool:
        self.to.append(rest.partition("<")[2].partition(">")[0])
        return self.say(250, "ok")

    def on_data(self, rest: str) -> bool:
        self.say(354, "go on")
        lines = []
        while (line := self.rfile.readline()) not in (b".\r\n", b""):
            lines.append(line.removeprefix(b".") if line.startswith(b"..") else line)
        self.server.mails.append(Mail(self.sender, self.to, b"".join(lines), self.user, self.encrypted))
        self.to = []
        return self.say(250, "taken")

    def on_rset(self, rest: str) -> bool:
        return self.say(250, "ok")

    def on_quit(self, rest: str) -> bool:
        return self.say(221, "bye")


class MailServer(ThreadingTCPServer):
    """Listens from its making to `close`; `answer` is what MAIL gets."""

    allow_reuse_address = True
    daemon_threads = True

    def __init__(self, port: int = 0, context: ssl.SSLContext | None = None, password: str = "") -> None:
        super().__init__(("127.0.0.1", port), _Conversation)
        self.context, self.password = context, password
        self.answer = (250, "ok")
        self.mails: list[Mail] = []
        self.heard: list[bytes] = []
        self.port: int = self.server_address[1]
        self._thread = threading.Thread(target=self.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that hangs up is no fault of the test."""

    def close(self) -> None:
        self.shutdown()
        self.server_close()
        self._thread.join(10)
