"""What lies in an inbox and cannot be taken: one history line for each, as long as it lies there."""

from collections.abc import Iterable
from dataclasses import dataclass

from daemon.accounts import Account
from daemon.codes import sentence
from daemon.identifiers import show
from daemon.model import NewProcess
from daemon.sighting import Judgement, Sighting, is_beside, is_ignored

_DAY = 86_400 * 1_000_000  # microseconds
_KINDS = {"link": "F-LINK", "pipe": "F-PIPE", "socket": "F-SOCKET", "device": "F-DEVICE"}
_BELONGS = "catalog files belong in inbox/catalog/, one-off uploads in inbox/catalog/manual/"


@dataclass(frozen=True, slots=True)
class Refusal:
    """A thing that is not taken, and the sentence that says why."""

    account: str
    sighting: Sighting
    code: str
    message: str

    @property
    def key(self) -> str:
        """The same as long as the same thing lies there unchanged: it makes the line come once, also over a restart."""
        sighting = self.sighting
        return f"lies:{self.account}:{show(b'/'.join(sighting.place))}:{sighting.ino}:{sighting.mtime_ns}"

    def new_process(self, upload_id: str) -> NewProcess:
        """The row that becomes a history line at once."""
        sighting = self.sighting
        kind = {"": "unknown", "manual": "catalog"}.get(sighting.source, sighting.source)
        return NewProcess(
            id=upload_id,
            account=self.account,
            key=self.key,
            lane=f"refused:{self.account}",
            name=sighting.name + (b"/" if sighting.kind == "folder" else b""),
            source="manual" if sighting.source == "manual" else "regular",
            file_kind=kind,
            bytes=sighting.size if sighting.kind == "file" else 0,
            mtime_ns=sighting.mtime_ns,
            ino=sighting.ino,
            refused=(self.code, self.message),
        )


def find_refusals(seen: Iterable[Sighting], judgement: Judgement, account: Account, now: int) -> list[Refusal]:
    """Everything that is to be told about what lies there; `now` in UTC microseconds."""
    told: list[tuple[Sighting, tuple[str, str] | None]] = [
        *((each, _refuse(each, account.limit_of(each.source))) for each in judgement.whole),
        *((each, ("F-INCOMPLETE", sentence("F-INCOMPLETE", detail=why))) for each, why in judgement.incomplete),
        *((each, ("F-UNREADABLE", sentence("F-UNREADABLE"))) for each in judgement.unreadable),
        *((each, ("F-LEFTOVER", sentence("F-LEFTOVER"))) for each in seen if _is_leftover(each, account, now)),
    ]
    return [Refusal(account.name, sighting, *reason) for sighting, reason in told if reason]


def _refuse(sighting: Sighting, limit: int) -> tuple[str, str] | None:
    if sighting.kind in _KINDS:
        code = _KINDS[sighting.kind]
        return code, sentence(code)
    if sighting.kind == "folder":
        return "F-FOLDER", sentence("F-FOLDER", detail=f"{_show(sighting)}/ is a folder we do not know; {_BELONGS}")
    if not sighting.source:
        return "F-FOLDER", sentence("F-FOLDER", detail=f"the file lies directly in inbox/; {_BELONGS}")
    if sighting.links > 1:
        return "F-HARD-LINK", sentence("F-HARD-LINK", sighting.links)
    if sighting.size > limit:
        return "F-SIZE", sentence("F-SIZE", sighting.size, limit)
    return None


def _is_leftover(sighting: Sighting, account: Account, now: int) -> bool:
    is_marker = sighting.kind == "file" and is_beside(sighting.name, account.markers)
    lain = now - sighting.ctime_ns // 1_000  # when it came under this name: an old mtime may come along with a file
    return (is_marker or is_ignored(sighting.name)) and lain >= _DAY


def _show(sighting: Sighting) -> str:
    return show(b"/".join(sighting.place))
