"""What keeps the daemon from the folders of single accounts: told once, and shown for as long as it lasts."""

import threading

from loguru import logger

from daemon.errors import Surroundings


class Hindrances:
    """By account and part of the daemon, which alone knows when it is no longer hindered. For any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[tuple[str, str], Surroundings] = {}

    def note(self, account: str, part: str, fault: Surroundings, meanwhile: str = "") -> None:
        """This part met it, perhaps again; `meanwhile`: a sentence for the log about what that means.

        Raises the fault when it is the database's: that hinders everybody, and is no account's own.
        """
        if fault.code == "S-DATABASE":
            raise fault
        with self._lock:
            before = self._told.get((account, part))
            self._told[account, part] = fault
        if before is None or before.message != fault.message:
            logger.error("{}: {}", fault.code, f"{fault.message} {meanwhile}".rstrip())

    def clear(self, account: str, part: str) -> bool:
        """This part has done its work; whether it was hindered before."""
        with self._lock:
            return self._told.pop((account, part), None) is not None

    def reason(self, account: str, part: str) -> str:
        """What hinders this part, or ""."""
        with self._lock:
            fault = self._told.get((account, part))
        return fault.message if fault else ""

    def lasting(self) -> str:
        """One of them with its code and account, and how many other accounts are hindered; "" if nobody is."""
        with self._lock:
            told = sorted(self._told.items(), key=lambda each: each[0])
        if not told:
            return ""
        (account, _), fault = told[0]
        more = len({each for (each, _), _ in told}) - 1
        return f"{account}: {fault.code}: {fault.message}" + (f" ({more} more account(s) are hindered)" if more else "")
