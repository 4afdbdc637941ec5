"""The machine behind a command: what it may do in its transaction, and what it may see before and after it."""

from collections.abc import Iterator, Mapping, Sequence

from sqlalchemy import Connection

from daemon.accounts import OWN_KEYS, check_key
from daemon.commands.arguments import nearest
from daemon.commands.codes import refusal, shown
from daemon.commands.shown import show_items
from daemon.connections.desk import ConnectionDesk
from daemon.connections.look import ConnectionLook
from daemon.connections.shops import Shops
from daemon.identifiers import ulid
from daemon.model import Claim, NewProcess
from daemon.secrets import Box
from daemon.store import Store, admission, holds, listing, settings
from daemon.store.tables import NATIVE


class Look:
    """Sees what is stored, and asks marketplaces. `account` is whose command it is."""

    def __init__(self, store: Store, account: str, shops: Shops, zone: str) -> None:
        self.account = account
        self.connections = ConnectionLook(store, shops, account, zone)
        self._store = store

    def items(self, skus: Sequence[str]) -> Iterator[dict[str, object]]:
        yield from show_items(self._store.items(self.account, list(skus) or None))


class Desk:
    """Acts in the transaction of one row; `now` in UTC microseconds."""

    columns = frozenset((*NATIVE, "action"))

    def __init__(self, connection: Connection, claim: Claim, box: Box, now: int, shops: Shops, zone: str) -> None:
        self.account = claim.account
        self.connections = ConnectionDesk(connection, shops, claim.account, zone, now)
        self.now = now
        self._connection = connection
        self._claim = claim
        self._box = box

    def set(self, key: str, value: str | None) -> None:
        if key not in OWN_KEYS:
            raise refusal("C-KEY", shown(key, OWN_KEYS), nearest(key, OWN_KEYS))
        if value is not None:
            check_key(key, value)
        settings.set_key(self._connection, self._claim.account_id, key, value)

    def map(self, layout: str, columns: Sequence[tuple[str, str, str | None]] | None) -> bool:
        return settings.put_layout(self._connection, self._claim.account_id, layout, columns)

    def start(self, kind: str, lane: str, target: str, args: Mapping[str, object]) -> str:
        process_id = ulid(self.now)
        new = NewProcess(process_id, self.account, f"{kind}:{process_id}", lane, kind, args={**args, "target": target})
        admission.admit(self._connection, [new], self.now)
        return process_id

    def cancel(self, process_id: str) -> str:
        found = listing.find(self._connection, [process_id]).get(process_id)
        if found is None or found["account"] != self.account:
            raise refusal("C-UNKNOWN-PROCESS", process_id)
        if found["state"] == "done":
            raise refusal("C-PROCESS-DONE", process_id)
        listing.stop(self._connection, process_id)
        return str(found["target"])

    def request(self, action: str, upload_id: str) -> str:
        return holds.request(self._connection, action, self.account, upload_id, self.now)

    def seal(self, text: str) -> str:
        return self._box.seal(text, self.account)
