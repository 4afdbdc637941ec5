"""The configuration: what may stand in tradepost.toml and accounts.d/, with defaults; all faults are told at once."""

import codecs
import ipaddress
import os
import re
import zoneinfo
from pathlib import Path
from typing import Annotated, Any, Literal, NoReturn

from msgspec.structs import asdict
from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetCoreSchemaHandler,
    GetPydanticSchema,
    PrivateAttr,
    StringConstraints,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from daemon.messages import Limits

DEFAULT_PATH = Path("/etc/tradepost/tradepost.toml")
UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400}
NAME = r"[A-Za-z0-9_-]{1,40}"


def _no(sentence: str) -> NoReturn:
    raise PydanticCustomError("sentence", "{sentence}", {"sentence": sentence})


def parse_duration(value: object) -> float:
    """Seconds of "500ms", "1s", "10m", "2h", "1d"."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)", value) if isinstance(value, str) else None
    if not found:
        _no('a length of time needs a number and a unit (ms, s, m, h, d), for example "10s"')
    return float(found[1]) * UNITS[found[2]]


def _positive(seconds: float) -> float:
    return seconds if seconds > 0 else _no('it must be longer than nothing, for example "30s"')


def _year(seconds: float) -> float:
    return seconds if seconds >= 400 * UNITS["d"] else _no('the history is kept for at least "400d"')


def _day(seconds: float) -> float:
    return seconds if seconds >= UNITS["d"] else _no('write at least "1d"')


def _absolute(path: Path) -> Path:
    if not path.is_absolute() or ".." in path.parts:
        _no('write the whole path from the root, beginning with /, and no ".." in it')
    return path


def _zone(name: str) -> str:
    try:
        zoneinfo.ZoneInfo(name)
    except (KeyError, OSError, ValueError):
        _no('no time zone has this name here; write one like "Europe/Berlin" or "UTC"')
    return name


def _encoding(name: str) -> str:
    try:
        "a".encode(codecs.lookup(name).name)  # lookup also finds hex, rot13 and the like: those are no text
    except (LookupError, ValueError):
        _no('no text encoding has this name; write one like "cp1252", "iso-8859-15" or "cp850"')
    return name


def split_address(text: str) -> tuple[str, int]:
    """Host and port of "127.0.0.1:9464" or "[::1]:9464". Raises ValueError."""
    host, _, port = text.rpartition(":")
    return host.removeprefix("[").removesuffix("]"), int(port)


def _loopback(text: str) -> str:
    try:
        host, port = split_address(text)
        if ipaddress.ip_address(host).is_loopback and 0 < port < 65536:
            return text
    except ValueError:
        pass
    # who reads them needs no password, so nobody else may reach them
    _no('write an address of this machine itself and a port, for example "127.0.0.1:9464"')


class Secret:
    """Where a secret is kept: `file:/path`, `env:NAME` or `credential:NAME`. What is shown or logged of it is ***."""

    def __init__(self, reference: str) -> None:
        kind, _, place = reference.partition(":")
        # the value may be the secret itself, typed in by mistake: it must not be in the sentence
        if kind not in ("file", "env", "credential") or not place:
            _no('a secret is not written here; say where it is kept: "file:/path", "env:NAME" or "credential:NAME"')
        if kind == "file" and not place.startswith("/"):
            _no("the path after file: must begin with /")
        if kind == "credential" and "/" in place:
            _no("a systemd credential is named without a path")
        self.kind, self.place = kind, place

    def reveal(self) -> str:
        """The secret, without a line end after it. Raises OSError or KeyError when it is not there."""
        if self.kind == "env":
            return os.environ[self.place]
        path = Path("/") / self.place
        if self.kind == "credential":
            path = Path(os.environ["CREDENTIALS_DIRECTORY"]) / self.place
            if not path.exists():  # systemd puts this before the names of a whole folder (our unit's LoadCredential=)
                path = path.with_name(f"tradepost_{self.place}")
        return path.read_text(encoding="utf-8").rstrip("\r\n")

    def __repr__(self) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and (self.kind, self.place) == (other.kind, other.place)

    def __hash__(self) -> int:
        return hash((self.kind, self.place))

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_after_validator_function(cls, core_schema.str_schema())


Duration = Annotated[float, BeforeValidator(parse_duration)]
Pause = Annotated[Duration, AfterValidator(_positive)]
Keep = Annotated[Duration, AfterValidator(_day)]
Folder = Annotated[Path, AfterValidator(_absolute)]
Name = Annotated[str, StringConstraints(pattern=f"^{NAME}$")]
Address = Annotated[str, StringConstraints(pattern=r"^[!-?A-~]{1,64}@[A-Za-z0-9.-]{1,255}$")]  # ASCII, no blank
RemoteFolder = Annotated[str, StringConstraints(pattern=r"^/[^\x00-\x1f]*$")]
Sent = Literal["errors", "results", "orders", "history", "reports", "keys"]


class Section(BaseModel):
    """A table of the file; the `description` of a field is what to write there, for the sentence about a fault."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, strict=True)


class LimitsConfig(Section):
    """What a catalog file may be at most (`daemon.messages.Limits` with the same defaults)."""

    bytes: int = Field(4 << 30, ge=1, description="a number of bytes from 1")
    rows: int = Field(10_000_000, ge=1, description="a number of rows from 1")
    columns: int = Field(1_000, ge=1, description="a number of columns from 1")
    cell: int = Field(1 << 20, ge=1, description="a number of bytes from 1")
    unpacked: int = Field(4 << 30, ge=1, description="a number of bytes from 1")
    ratio: int = Field(200, ge=1, description="a number from 1")
    depth: int = Field(64, ge=4, le=500, description="a number from 4 to 500")


def _limits(source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
    def convert(section: LimitsConfig) -> Limits:
        return Limits(**section.model_dump())

    shown = core_schema.plain_serializer_function_ser_schema(asdict)
    return core_schema.no_info_after_validator_function(
        convert, handler.generate_schema(LimitsConfig), serialization=shown
    )


class AccountConfig(Section):
    """How the files of one account are read and answered."""

    name: str = Field("", max_length=200, description="the company's name, at most 200 characters")
    mode: Literal["merge", "partial", "replace"] = Field("merge", description='"merge", "partial" or "replace"')
    guard: float = Field(0.3, ge=0, le=1, strict=False, description="a share from 0 to 1, for example 0.3")
    currency: str | None = Field(None, pattern="^[A-Z]{3}$", description='three capital letters, for example "EUR"')
    tax_included: bool = Field(True, description="true or false, without quotes")
    language: str = Field(
        "en", pattern="^[A-Za-z]{2,3}([-_][A-Za-z0-9]{2,8})*$", description='a language, for example "en" or "de-AT"'
    )
    decimal: Literal[".", ","] | None = Field(None, description='"." or ","')
    delimiter: Literal[",", ";", "\t", "|"] = Field(",", description='"," ";" "|" or "\\t"')
    errors: Literal["csv", "xlsx"] = Field("csv", description='"csv" or "xlsx"')
    weight_unit: Literal["kg", "g", "lb", "oz"] = Field("kg", description='"kg", "g", "lb" or "oz"')
    timezone: Annotated[str, AfterValidator(_zone)] = Field("UTC", description='a time zone like "Europe/Berlin"')
    markers: bool = Field(False, description="true or false, without quotes")
    settle: Duration | None = Field(None, description='a length of time, for example "10s"')
    encoding: Annotated[str, AfterValidator(_encoding)] = Field("cp1252", description='an encoding like "cp1252"')


class EndpointConfig(Section):
    """A server whose files are fetched and which gets the answers."""

    name: Name = Field(description="1 to 40 letters, digits, - and _")
    account: Name = Field(description="the name of an account of this configuration")
    host: str = Field(pattern=r"^[A-Za-z0-9.:_-]{1,255}$", description="the name of the server")
    port: int = Field(22, ge=1, le=65535, description="a port number from 1 to 65535")
    username: str = Field(min_length=1, description="the user to sign in as")
    private_key: Secret | None = Field(None, description='where the key is kept, for example "file:/etc/acme.key"')
    passphrase: Secret | None = Field(None, description='where the passphrase of the key is kept: "credential:acme"')
    password: Secret | None = Field(None, description='where the password is kept, for example "credential:acme-sftp"')
    host_key: str | None = Field(
        None, pattern=r"^[a-z0-9@.-]+ [A-Za-z0-9+/=]+$", description='the key of the server: "ssh-ed25519 AAAA…"'
    )
    known_hosts: Folder | None = Field(None, strict=False, description="the whole path of a known_hosts file")
    inbox: RemoteFolder | None = Field(None, description='a folder of the server, for example "/inbox"')
    kind: Literal["catalog", "commands"] | None = Field(None, description='"catalog" or "commands"')
    match: tuple[str, ...] = Field((), strict=False, description='names to take, for example ["*.csv", "*.xlsx"]')
    outbox: RemoteFolder | None = Field(None, description='a folder of the server, for example "/outbox"')
    send: tuple[Sent, ...] = Field(
        (), strict=False, description='some of "errors", "results", "orders", "history", "reports", "keys"'
    )
    after: Literal["archive", "delete", "leave"] = Field("archive", description='"archive", "delete" or "leave"')
    archive: RemoteFolder | None = Field(None, description='a folder of the server, for example "/archive"')
    every: Pause = Field(30.0, description='a length of time, for example "30s"')


class AlertsConfig(Section):
    """The mail server that alerts go out by."""

    host: str = Field(pattern=r"^[A-Za-z0-9.:_-]{1,255}$", description="the name of the mail server")
    port: int = Field(587, ge=1, le=65535, description="a port number from 1 to 65535")
    starttls: bool = Field(True, description="true or false, without quotes")
    sender: Address = Field(alias="from", description='an address, for example "tradepost@example.com"')
    to: tuple[Address, ...] = Field(strict=False, min_length=1, description='addresses: ["operator@example.com"]')
    username: str | None = Field(None, min_length=1, description="the user to sign in as")
    password: Secret | None = Field(None, description='where the password is kept, for example "credential:mail"')


class Config(Section):
    """A whole configuration without faults. Lengths of time are seconds."""

    drop_root: Folder = Field(Path("/srv/tradepost"), strict=False, description="the whole path of a folder")
    data_dir: Folder = Field(Path("/var/lib/tradepost"), strict=False, description="the whole path of a folder")
    database: str | None = Field(
        None,
        pattern=r"^postgresql\+psycopg://",
        repr=False,
        description="postgresql+psycopg://user:password@host/name, or leave it out",
    )
    settle: Duration = Field(1.0, description='a length of time, for example "1s"')
    rescan: Pause = Field(30.0, description='a length of time, for example "30s"')
    incomplete_after: Pause = Field(600.0, description='a length of time, for example "10m"')
    metrics: Annotated[str, AfterValidator(_loopback)] | None = Field(None, description='for example "127.0.0.1:9464"')
    alerts: AlertsConfig | None = Field(None, description="an [alerts] table")
    keep_archive: Keep = Field(90 * 86400.0, description='a length of time from a day, for example "90d"')
    keep_outbox: Keep = Field(90 * 86400.0, description='a length of time from a day, for example "90d"')
    keep_history: Annotated[Duration, AfterValidator(_year)] = Field(
        400 * 86400.0, description='a length of time from 400 days, for example "400d"'
    )
    private_hosts: tuple[Annotated[str, AfterValidator(str.lower)], ...] = Field(
        (), strict=False, description='hosts in our own network that connections may lead to: ["shop.internal"]'
    )
    limits: Annotated[Limits, GetPydanticSchema(_limits)] = Limits()
    accounts: dict[Name, AccountConfig] = Field({}, description="[accounts.<name>] tables")
    sftp: tuple[EndpointConfig, ...] = Field((), strict=False, description="[[sftp]] tables")
    _path: Path = PrivateAttr(DEFAULT_PATH)

    @property
    def path(self) -> Path:
        """The file it was read from."""
        return self._path

    def settle_of(self, account: str) -> float:
        """Seconds for which a file of this account must lie unchanged."""
        own = self.accounts[account].settle
        return self.settle if own is None else own


def data_file(name: str) -> Path:
    """A file that travels with the program, as "config/tradepost.toml": from the wheel, or from the checkout."""
    package = Path(__file__).parent
    packed = package / "_data" / name
    return packed if packed.exists() else package.parent / name
