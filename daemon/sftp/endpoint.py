"""A server of the configuration, with its account."""

from dataclasses import dataclass

from daemon.accounts import Account
from daemon.config import EndpointConfig
from daemon.sftp.codes import EndpointFault, sentence

PATIENCE = 20.0  # seconds for each step of signing in, and for each answer


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A server of the configuration and the account whose files lie there."""

    config: EndpointConfig
    account: Account
    patience: float = PATIENCE

    @property
    def name(self) -> str:
        return self.config.name

    @property
    def shown(self) -> str:
        """The server in sentences."""
        return f"{self.config.name} ({self.config.host}:{self.config.port})"

    def fault(self, code: str, detail: object = "") -> EndpointFault:
        """Why this server cannot be worked with."""
        return EndpointFault(code, sentence(code, self.shown, detail))
