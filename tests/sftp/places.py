"""A server and a configuration that names it, for tests that run the real daemon."""

from pathlib import Path

from tests.reliability.daemons import write_config
from tests.sftp.servers import PASSWORD, Server

ENDPOINT = """
[[sftp]]
name = "{name}"
account = "{account}"
host = "127.0.0.1"
port = {port}
username = "tradepost"
password = "file:{secret}"
host_key = "{host_key}"
{more}
"""
BOTH = """
inbox = "/inbox"
archive = "/archive"
outbox = "/outbox"
send = ["errors", "results", "history", "reports"]
every = "500ms"
"""


def make_remote(folder: Path) -> Path:
    """The folders that a server of others has."""
    for name in ("inbox/catalog", "inbox/commands", "archive", "outbox"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return folder


def write_secret(root: Path) -> Path:
    """Where the password is kept."""
    secret = root / "password"
    secret.write_text(PASSWORD + "\n")
    return secret


def section(root: Path, server: Server, name: str = "acme-server", account: str = "acme", more: str = BOTH,
            port: int | None = None) -> str:  # fmt: skip
    """An `[[sftp]]` table for this server; `port`: of a proxy before it."""
    return ENDPOINT.format(
        name=name, account=account, port=port or server.port, secret=write_secret(root), host_key=server.host_key,
        more=more,
    )  # fmt: skip


def configure(
    root: Path, *sections: str, accounts: tuple[str, ...] = ("acme",), settle: str = "50ms", more: str = ""
) -> Path:
    """A configuration with these servers."""
    path = write_config(root, accounts, settle, more)
    path.write_text(path.read_text() + "\n".join(sections))
    return path


def put(remote: Path, name: str, content: str | bytes) -> None:
    """Upload as a careful sender does: beside it, then renamed."""
    half = remote / "inbox/catalog" / f"{name}.part"
    half.write_bytes(content.encode() if isinstance(content, str) else content)
    half.rename(remote / "inbox/catalog" / name)
