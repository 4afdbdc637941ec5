"""An account as the daemon works with it: its configuration, its folders, how its files are read."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec
from pydantic import ValidationError

from daemon import __version__, messages
from daemon.commands.codes import refusal
from daemon.config import AccountConfig, Config
from daemon.folders import AccountFolders
from daemon.messages import Limits, Rules

OWN_KEYS = (  # what an account may set itself: account.set
    "currency", "decimal", "delimiter", "encoding", "errors", "language", "tax_included", "timezone", "weight_unit",
)  # fmt: skip
COMMAND_LIMITS = Limits(bytes=5 << 20, rows=10_000, columns=500, cell=1 << 16, unpacked=64 << 20)
MODES = ("merge", "partial", "replace")


@dataclass(frozen=True, slots=True)
class Account:
    """One company whose files we handle."""

    name: str
    config: AccountConfig
    folders: AccountFolders
    settle: float  # seconds
    incomplete_after: float  # seconds
    limits: Limits
    mappings: tuple[messages.Mapping, ...] = ()  # layouts of its own

    def as_set(self, keys: Mapping[str, str], mappings: tuple[messages.Mapping, ...]) -> "Account":
        """The account with what it has set itself (`store.commands.own`), which wins over the configuration."""
        if not keys and not mappings:
            return self
        config = self.config.model_copy(update={key: check_key(key, value) for key, value in keys.items()})
        return replace(self, config=config, mappings=mappings)

    @property
    def markers(self) -> bool:
        """Whether a file is whole only when its marker is there."""
        return self.config.markers

    def limit_of(self, source: str) -> int:
        """The size of the largest file that is taken from this inbox."""
        return min(self.limits.bytes, COMMAND_LIMITS.bytes) if source == "commands" else self.limits.bytes

    def rules_for(self, name: bytes, source: str) -> Rules:
        """How this file is read.

        Its mode is the last dot token of its name, else the account's; one-off uploads merge.
        """
        mode = self.config.mode if source == "regular" else "merge"
        config = self.config
        return Rules(
            mode=read_tokens(name)[0] or mode,
            decimal=config.decimal,
            currency=config.currency,
            language=config.language,
            tax_included=config.tax_included,
            weight_unit=config.weight_unit,
            encoding=config.encoding,
            delimiter=config.delimiter,
            mappings=self.mappings,
        )

    def rules_version(self, rules: Rules) -> str:
        """Changes whenever the same file could be read to another result."""
        return hashlib.sha256(msgspec.msgpack.encode((rules, __version__))).hexdigest()[:16]


def check_key(key: str, text: str) -> object:
    """The value of one of OWN_KEYS as the configuration knows it. Raises Refused C-VALUE."""
    field = AccountConfig.model_fields[key]
    words = {"true": True, "yes": True, "1": True, "false": False, "no": False, "0": False}
    value: object = words.get(text.lower(), text) if field.annotation is bool else text
    if key == "delimiter" and text in ("tab", "\\t"):
        value = "\t"
    try:
        return getattr(AccountConfig.model_validate({key: value}), key)
    except ValidationError:
        raise refusal("C-VALUE", key, field.description) from None


def read_tokens(name: bytes) -> tuple[str, bool]:
    """Mode ("" for none) and force from the dot tokens before the extension: `x.replace.force.csv`."""
    tokens = name.decode("utf-8", "replace").lower().split(".")[1:]
    packed = bool(tokens) and tokens.pop() in ("gz", "zip")
    if packed and tokens and tokens[-1] not in (*MODES, "force"):
        tokens.pop()  # the ending of what is inside
    force = bool(tokens) and tokens[-1] == "force"
    if force:
        tokens.pop()
    return (tokens[-1] if tokens and tokens[-1] in MODES else "", force)


def open_accounts(config: Config) -> dict[str, Account]:
    """The configured accounts, by name."""
    return {
        name: Account(
            name=name,
            config=account,
            folders=AccountFolders(Path(config.drop_root) / name),
            settle=account.settle if account.settle is not None else config.settle,
            incomplete_after=config.incomplete_after,
            limits=config.limits,
        )
        for name, account in config.accounts.items()
    }
