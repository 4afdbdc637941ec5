"""Reads tradepost.toml with accounts.d/ beside it, turns everything that is wrong into sentences, and adds accounts."""

import difflib
import json
import os
import re
import tomllib
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from daemon.config import DEFAULT_PATH, NAME, AccountConfig, AlertsConfig, Config, EndpointConfig, LimitsConfig
from daemon.errors import ConfigurationFault

SECTIONS: dict[str, type[BaseModel]] = {
    "accounts": AccountConfig,
    "alerts": AlertsConfig,
    "limits": LimitsConfig,
    "sftp": EndpointConfig,
}
HIDDEN = {"database", "private_key", "passphrase", "password"}  # a fault in one of these never shows what stands there

Table = dict[str, Any]


def find_path(given: Path | None = None, environment: Mapping[str, str] = os.environ) -> Path:
    """Which file is meant: the one given, else TRADEPOST_CONFIG, else the place under /etc."""
    return (given or Path(environment.get("TRADEPOST_CONFIG") or DEFAULT_PATH)).absolute()


def load(path: Path) -> Config:
    """The configuration in `path` and `accounts.d/*.toml` beside it. Raises ConfigurationFault: all that is wrong."""
    reading = Reading(path)
    reading.check()
    if reading.faults or reading.config is None:
        raise ConfigurationFault(reading.faults)
    return reading.config


def write_account(config: Config, name: str, /, **keys: str | float | bool) -> Path:
    """Write `accounts.d/<name>.toml` beside the configuration; `keys` as in AccountConfig. Returns the new file.

    Raises ConfigurationFault when the name is taken or a key has a fault; then nothing was written.
    """
    folder = config.path.parent / "accounts.d"
    written = folder / f"{name}.toml"
    faults = _name_faults("account", [*config.accounts, name])
    try:
        AccountConfig.model_validate(keys)
    except ValidationError as errors:
        table = {"accounts": {name: keys}}
        faults += [sentence(error | {"loc": ("accounts", name, *error["loc"])}, table) for error in errors.errors()]
    if faults:
        raise ConfigurationFault(faults)
    # a JSON string is a TOML string; json.dumps leaves only DEL as it is, which TOML wants escaped
    values = {key: json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f") for key, value in keys.items()}
    try:
        folder.mkdir(exist_ok=True)
        with written.open("x", encoding="utf-8") as file:
            file.write(f"[accounts.{name}]\n" + "".join(f"{key} = {value}\n" for key, value in values.items()))
    except OSError as error:
        raise ConfigurationFault([f"{written} could not be written: {error.strerror}."]) from error
    return written


class Reading:
    """One look at the files of a configuration: what stands in them, where each part came from, and what is wrong."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.faults: list[str] = []
        self.config: Config | None = None
        self.origin: dict[
            tuple[str, str | int], str
        ] = {}  # ("accounts", "acme") or ("sftp", 0): the file in accounts.d
        self.data = self._read(path)
        for part in sorted(path.parent.glob("accounts.d/*.toml")):
            self._join(self._read(part), f"accounts.d/{part.name}")

    def check(self) -> None:
        """Hold what was read against the model, then against itself; fills `config` or `faults`."""
        try:
            config = Config.model_validate(self.data)
        except ValidationError as errors:
            self.faults += [self._place(error) + sentence(error, self.data) for error in errors.errors()]
        else:
            config._path = self.path
            self.config = config
        accounts, endpoints = self.data.get("accounts"), self.data.get("sftp")
        names = list(accounts) if isinstance(accounts, dict) else []
        servers = [each for each in endpoints if isinstance(each, dict)] if isinstance(endpoints, list) else []
        self.faults += _double_faults("account", names)
        self.faults += _double_faults("sftp server", [str(each["name"]) for each in servers if "name" in each])
        for number, server in enumerate(servers, 1):
            key = f'sftp "{server["name"]}"' if "name" in server else f"sftp number {number}"
            self.faults += [f"{key}: {fault}" for fault in _server_faults(server, names)]
        self.faults += _alert_faults(self.data.get("alerts")) + _folder_faults(self.data)

    def _read(self, path: Path) -> Table:
        try:
            return tomllib.loads(path.read_bytes().decode("utf-8-sig"))
        except FileNotFoundError:
            cure = "Make one with `tradepost init DIR`, or name yours: `tradepost --config FILE …` or TRADEPOST_CONFIG."
            self.faults.append(f"There is no configuration at {path}. {cure}")
        except OSError as error:
            self.faults.append(f"{path} cannot be read: {error.strerror}.")
        except UnicodeDecodeError as error:
            self.faults.append(f"{path} is not UTF-8 text (byte {error.start}): save it as UTF-8.")
        except tomllib.TOMLDecodeError as error:
            self.faults.append(f'{path} is not valid TOML: {error}. Texts need quotes: key = "text".')
        return {}

    def _join(self, part: Table, origin: str) -> None:
        for key in sorted(part.keys() - {"accounts", "sftp"}):
            cure = f"only [accounts.…] and [[sftp]] do; move it to {self.path.name}"
            self.faults.append(f"{origin}: {key} does not belong here, {cure}.")
        accounts, servers = self.data.setdefault("accounts", {}), self.data.setdefault("sftp", [])
        more_accounts, more_servers = part.get("accounts", {}), part.get("sftp", [])
        if not (isinstance(accounts, dict) and isinstance(more_accounts, dict)):
            self.faults.append(f"{origin}: an account is written as a table: [accounts.acme].")
            return
        for name, account in more_accounts.items():
            if accounts.setdefault(name, account) is not account:
                first = self.origin.get(("accounts", name), self.path.name)
                self.faults.append(f"{origin}: accounts.{name} stands in {first} too; remove one of them.")
            self.origin.setdefault(("accounts", name), origin)
        if not (isinstance(servers, list) and isinstance(more_servers, list)):
            self.faults.append(f"{origin}: a server is written as a table: [[sftp]].")
            return
        for server in more_servers:
            self.origin["sftp", len(servers)] = origin
            servers.append(server)

    def _place(self, error: ErrorDetails) -> str:
        where = error["loc"][:2]
        origin = self.origin.get((str(where[0]), where[1])) if len(where) == 2 else None
        return f"{origin}: " if origin else ""


def sentence(error: ErrorDetails, data: Table) -> str:
    """One fault that pydantic found in `data`, for whoever wrote the file: key, what is wrong, what to write."""
    where = [part for part in error["loc"] if part != "[key]"]
    key, name = _key(where, data), str(where[-1])
    known = keys_of(_section(where))
    field = known.get(name)
    cure = field.description if field and field.description else "what config/tradepost.toml shows for it"
    if error["type"] == "extra_forbidden":
        return f"{key}: there is no such key. {nearest(name, known)}"
    if "[key]" in error["loc"]:
        return f"{key}: the name does not fit; it may have 1 to 40 letters, digits, - and _."
    if error["type"] == "missing":
        return f"{key} is missing: write {cure}."
    if error["type"] == "sentence":
        return f"{key}: {error['msg']}."
    shown = "what stands there" if name in HIDDEN else _show(error["input"])
    return f"{key}: {shown} does not fit; write {cure}."


def keys_of(section: type[BaseModel]) -> dict[str, FieldInfo]:
    """The keys of a table, as they stand in the file."""
    return {field.alias or name: field for name, field in section.model_fields.items()}


def nearest(word: str, known: Iterable[str]) -> str:
    """The sentence that names what was probably meant, or all there is."""
    names = sorted(known)
    folded = {name.lower(): name for name in names}
    close = difflib.get_close_matches(word.lower(), folded, 1, 0.6)
    return f'Did you mean "{folded[close[0]]}"?' if close else f"There are: {', '.join(names) or 'none'}."


def _section(where: list[Any]) -> type[BaseModel]:
    inside = {"accounts": 3, "alerts": 2, "sftp": 3, "limits": 2}.get(str(where[0]), 99)
    return SECTIONS[str(where[0])] if len(where) >= inside else Config


def _key(where: list[Any], data: Table) -> str:
    if where[0] == "sftp" and len(where) > 1:
        with suppress(LookupError, TypeError):
            named = data["sftp"][where[1]].get("name")
            server = f'sftp "{named}"' if isinstance(named, str) else f"sftp number {where[1] + 1}"
            return ".".join([server, *(str(part) for part in where[2:3])])
    return ".".join(str(part) for part in where)


def _show(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 80 else text[:77] + "…"


def _name_faults(what: str, names: list[str]) -> list[str]:
    bad = [name for name in names if not re.fullmatch(NAME, name)]
    faults = [f'"{name}" cannot be the name of an {what}: write 1 to 40 letters, digits, - and _.' for name in bad]
    return faults + _double_faults(what, names)


def _double_faults(what: str, names: list[str]) -> list[str]:
    seen: dict[str, str] = {}
    faults = []
    for name in names:
        if name.lower() in seen:
            first = seen[name.lower()]
            faults.append(
                f'"{name}": there is the {what} "{first}" already (capitals count for nothing); rename one of them.'
            )
        seen.setdefault(name.lower(), name)
    return faults


def _server_faults(server: Table, accounts: list[str]) -> list[str]:
    faults = []
    if isinstance(server.get("account"), str) and server["account"] not in accounts:
        faults.append(f'there is no account "{server["account"]}". {nearest(server["account"], accounts)}')
    if ("host_key" in server) == ("known_hosts" in server):
        faults.append("write either host_key or known_hosts: without one of them nobody knows which server answers.")
    if "private_key" in server and "password" in server:
        faults.append("write private_key or password, not both; with neither the SSH agent is asked.")
    if "passphrase" in server and "private_key" not in server:
        faults.append("passphrase opens private_key, and there is none: write one, or remove passphrase.")
    if "inbox" not in server and "outbox" not in server:
        faults.append("it has neither inbox nor outbox: write at least one of them.")
    if "kind" in server and "inbox" not in server:
        faults.append("kind says what lies in inbox, and there is no inbox: write one, or remove kind.")
    if "inbox" in server and server.get("after", "archive") == "archive" and "archive" not in server:
        faults.append('after = "archive" needs archive = "/a/folder/there"; or write after = "delete" or "leave".')
    if ("send" in server) != ("outbox" in server):
        faults.append("send and outbox go together: what to send, and the folder there that gets it.")
    return faults


def _alert_faults(alerts: object) -> list[str]:
    if not isinstance(alerts, dict):
        return []
    faults = []
    if ("username" in alerts) != ("password" in alerts):
        faults.append("alerts: username and password go together; write both, or neither.")
    if "password" in alerts and alerts.get("starttls") is False:
        faults.append("alerts: with starttls = false the password would go out readable; remove one of the two.")
    return faults


def _folder_faults(data: Table) -> list[str]:
    drop_root = Path(str(data.get("drop_root", Config.model_fields["drop_root"].default)))
    data_dir = Path(str(data.get("data_dir", Config.model_fields["data_dir"].default)))
    if data_dir == drop_root or drop_root in data_dir.parents or data_dir in drop_root.parents:
        return ["data_dir: it and drop_root must stand apart, neither inside the other: senders see drop_root."]
    return []
