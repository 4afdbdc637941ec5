"""What lies on a server and is not taken: a history line for each while it lies there; of hostile ones not all."""

from collections.abc import Sequence

from daemon.clock import Clock
from daemon.codes import sentence
from daemon.identifiers import show, ulid
from daemon.model import NewProcess
from daemon.sftp import codes
from daemon.sftp.endpoint import Endpoint
from daemon.sftp.looks import Listed
from daemon.store import Store

MOST_TOLD = 1_000  # in a day: a server that invents names fills no history
_DAY = 86_400_000_000  # microseconds


class Refusals:
    """Tells of what is refused from one endpoint."""

    def __init__(self, endpoint: Endpoint, store: Store, clock: Clock) -> None:
        self._endpoint = endpoint
        self._store = store
        self._clock = clock
        self._day = 0
        self._told: set[str] = set()  # today; the store knows them over days and restarts

    def tell(self, refused: Sequence[tuple[Listed, str, str]]) -> None:
        """One history line for each, with code and detail. Raises Surroundings."""
        day = self._clock.now() // _DAY
        if day != self._day:
            self._day, self._told = day, set()
        new: dict[str, NewProcess] = {}
        for each, code, detail in refused:
            if len(self._told) + len(new) >= MOST_TOLD:
                break
            if (key := self._key(each, code)) not in self._told:
                new[key] = self._refusal(key, each, code, detail)
        if new:
            self._store.admit(list(new.values()))
            self._told |= new.keys()

    def are_too_many(self) -> bool:
        """Whether nothing more is told today."""
        return len(self._told) >= MOST_TOLD

    def _key(self, each: Listed, code: str) -> str:
        # one that never comes to rest has another size at every look: it is told once a day
        look = self._day if code == "F-INCOMPLETE" else ":".join(map(str, each.look))
        return f"lies:sftp:{self._endpoint.name}:{show(each.path)}:{look}:{code}"

    def _refusal(self, key: str, each: Listed, code: str, detail: str) -> NewProcess:
        tell = codes.sentence if code in ("F-NAME", "F-SPECIAL") else sentence
        size = max(each.entry.attributes.size, 0)
        account = self._endpoint.account.name
        return NewProcess(
            id=ulid(self._clock.now()), account=account, key=key, lane=f"refused:{account}", name=each.entry.name,
            via=f"sftp:{self._endpoint.name}", file_kind=each.source, bytes=size,
            refused=(code, tell(code, size, detail)),
        )  # fmt: skip
