"""The SSH agent of the daemon's surroundings: asked for its keys and for signatures, each with a limit in time."""

import os
import socket
from typing import Any

import paramiko.agent
from paramiko.ssh_exception import SSHException

_GIVES = (12, 14)  # the answers that have something in them: keys, a signature


class AgentFault(SSHException):  # type: ignore[misc]
    """The agent is of no use now; the text says why, as the end of a sentence."""


class Agent(paramiko.agent.AgentSSH):  # type: ignore[misc]
    """The keys of the agent that SSH_AUTH_SOCK names; to be closed. paramiko's own waits without end for answers."""

    def __init__(self, patience: float) -> None:
        """`patience`: seconds for each answer. Raises AgentFault."""
        super().__init__()
        place = os.environ.get("SSH_AUTH_SOCK")
        if not place:
            raise AgentFault("SSH_AUTH_SOCK, which names the SSH agent, is not set for the daemon")
        channel = socket.socket(socket.AF_UNIX)
        try:
            channel.settimeout(patience)
            channel.connect(place)
            self._connect(channel)
        except OSError as error:
            channel.close()
            raise AgentFault(f"no SSH agent can be reached at {place} ({error.strerror or 'no answer'})") from error
        except Exception as error:
            channel.close()
            raise error if isinstance(error, AgentFault) else AgentFault("what it says cannot be understood") from error
        if not self.get_keys():
            self.close()
            raise AgentFault("the SSH agent holds no key, or is locked")

    def close(self) -> None:
        """End the conversation; its keys sign no more."""
        self._close()

    def _send_message(self, message: Any) -> tuple[int, Any]:
        """paramiko's way of asking it anything."""
        try:
            kind, answer = super()._send_message(message)
        except TimeoutError as error:
            raise AgentFault("the SSH agent does not answer") from error
        except (OSError, SSHException) as error:
            raise AgentFault("the SSH agent has hung up") from error
        if kind not in _GIVES:
            raise AgentFault("the SSH agent refuses: it may be locked, or want to be asked by hand for its key")
        return kind, answer
