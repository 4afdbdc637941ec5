"""What becomes of a file on its server once we have it: archived, deleted, or left. Repeated until it succeeded."""

import os
from collections.abc import Sequence
from contextlib import suppress

from daemon.identifiers import safe_stem
from daemon.sftp import protocol as say
from daemon.sftp.codes import EndpointFault
from daemon.sftp.endpoint import Endpoint
from daemon.sftp.looks import Listed
from daemon.sftp.protocol import NO_SUCH_FILE, Attributes, RemoteRefused, Session
from daemon.sftp.transfer import TOGETHER
from daemon.sighting import DONE, HASH

_ENOUGH = 3  # refusals in a row: the others would be refused too


class Tidying:
    """Tidies up one endpoint."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._endpoint = endpoint
        self._after = endpoint.config.after
        self._archive = os.fsencode((endpoint.config.archive or "").rstrip("/"))

    def tidy(self, session: Session, taken: Sequence[tuple[Listed, str]], notes: list[EndpointFault]) -> None:
        """Do with these files, of which we know the upload ids, as configured; what refuses that goes to `notes`."""
        removed = [(each, b"") for each, _ in taken if self._is_removed(each)]
        archived = [
            (each, self._place(each, upload_id))
            for each, upload_id in taken
            if not self._is_removed(each) and self._after == "archive"
        ]
        work = removed + archived
        for start in range(0, len(work), TOGETHER):
            refused = self._tidy(session, work[start : start + TOGETHER])
            if refused:
                notes.append(self._endpoint.fault("S-SFTP-TIDY", refused[0]))
            if len(refused) >= _ENOUGH:
                return

    def _is_removed(self, each: Listed) -> bool:
        return self._after == "delete" or each.source == "commands"  # command files may hold secrets

    def _place(self, each: Listed, upload_id: str) -> bytes:
        stem, suffix = safe_stem(each.entry.name)
        return b"%s/%s_%s%s" % (self._archive, upload_id.encode(), stem.encode(), suffix.encode())

    def _tidy(self, session: Session, work: Sequence[tuple[Listed, bytes]]) -> list[str]:
        """Whatever is still what we have taken goes; returns why some did not."""
        looks = [session.ask(say.LSTAT, each.path) for each, _ in work]
        still = [pair for pair, number in zip(work, looks, strict=True) if _is_still(session, pair[0], number)]
        asked = [
            (each, place, session.ask(say.RENAME, each.path, place) if place else session.ask(say.REMOVE, each.path))
            for each, place in still
        ]
        refused: list[str] = []
        done: list[tuple[Listed, bytes]] = []
        for each, place, number in asked:
            try:
                session.answer(number, say.STATUS)
            except RemoteRefused as fault:
                if why := self._again(session, each, place, fault):
                    refused.append(why)
                    continue
            done.append((each, place))
            if place:
                self._look_after(session, each, place)
        self._take_along(session, done)
        return refused

    def _take_along(self, session: Session, done: Sequence[tuple[Listed, bytes]]) -> None:
        """What stood beside files means nothing without them; a checksum that is another now is of the next file."""
        asked = [session.ask(say.REMOVE, each.path + DONE) for each, _ in done if self._endpoint.account.markers]
        looks = [(each.told, place, session.ask(say.LSTAT, each.told.path)) for each, place in done if each.told]
        for told, place, number in looks:
            if _is_still(session, told, number):
                asked.append(
                    session.ask(say.RENAME, told.path, place + HASH) if place else session.ask(say.REMOVE, told.path)
                )
        for number in asked:
            with suppress(RemoteRefused):
                session.answer(number, say.STATUS)

    def _again(self, session: Session, each: Listed, place: bytes, fault: RemoteRefused) -> str:
        """Refused: the archive folder may be missing. Returns why it was in vain, "" if it was not."""
        try:
            session.attributes(each.path)
        except RemoteRefused as gone:
            if gone.status == NO_SUCH_FILE:
                return ""  # the server moved it away by itself
        if place:
            try:
                session.do(say.MKDIR, self._archive, 0)
                session.do(say.RENAME, each.path, place)
            except RemoteRefused:
                return f"a file cannot be moved to {os.fsdecode(self._archive)} ({fault})"
            return ""
        return f"a file cannot be deleted ({fault})"

    def _look_after(self, session: Session, each: Listed, place: bytes) -> None:
        """What was archived has to be what was taken: another one that came in this very moment goes back."""
        try:
            found = session.attributes(place)
            if found != each.entry.attributes:
                session.do(say.RENAME, place, each.path)
        except RemoteRefused:
            return


def _is_still(session: Session, each: Listed, number: int) -> bool:
    try:
        found = session.attributes_of(number)
    except RemoteRefused:
        return False
    return found == Attributes("file", *each.look)
