"""How Shopware is spoken to: tokens, pages of a search, writes of all or nothing, and what its errors say."""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, NamedTuple

from daemon.drivers import Declined, InDoubt, Lines, Reauth, Reply, Retry, Sending

# indexes follow from the queue, and what people have set up for changes by hand does not start
_WRITING: Final = {"indexing-behavior": "use-queue-indexing", "sw-skip-trigger-flow": "1"}


class Operation(NamedTuple):
    """Rows of one kind that are to stand there: changed where the id is known, else made."""

    key: str
    entity: str
    rows: Sequence[Mapping[str, object]]


class Fault(NamedTuple):
    """Why a write was refused. `place`: of the row in the operation `key`; None: the shop names no row."""

    key: str
    place: int | None
    field: str
    said: str


class Api:
    """The Admin API of one shop."""

    def __init__(self, credentials: Mapping[str, str], lines: Lines) -> None:
        self._credentials = credentials
        self._lines = lines
        self._base = credentials.get("url", "").strip().rstrip("/") + "/api"
        self._token = ""
        self._until = 0.0  # by the monotonic clock

    def pages(
        self,
        entity: str,
        number: int,
        asked: list[Any],
        associations: Mapping[str, Any],
        wanted: Any = None,
        headers: Mapping[str, str] = {},
    ) -> Iterator[tuple[list[Mapping[str, Any]], int | None]]:
        """Pages in the order in which they were made, and the number of the one that follows (None: there is none)."""
        while True:
            body = {
                "page": number,
                "limit": 100 if associations else 500,
                "total-count-mode": "next-pages",
                "filter": asked,
                "sort": [{"field": "createdAt", "order": "ASC"}, {"field": "id", "order": "ASC"}],
                "associations": associations,
                **({"includes": wanted} if wanted else {}),
            }
            page = self.ask("POST", f"search/{entity}", json=body, headers=headers)["data"]
            more = len(page) == body["limit"]
            number += 1
            yield page, number if more else None
            if not more:
                return

    def ask(self, method: str, path: str, json: object = None, headers: Mapping[str, str] = {}) -> Any:
        """The answer to a question, which changes nothing."""
        reply = self._call(method, path, Sending.READ, json, headers)
        if reply.status >= 300:
            raise Declined("D-ANSWER", detail=self._said(reply))
        return reply.json()

    def write(self, *operations: Operation) -> list[Fault]:
        """Write all rows of all operations in this order, or none. What was wrong: nothing if all stand there now."""
        body = [
            {"key": each.key, "entity": each.entity, "action": "upsert", "payload": each.rows}
            for each in operations
            if each.rows
        ]
        reply = self._call("POST", "_action/sync", Sending.ONCE, body, _WRITING)
        return [] if reply.status < 300 else [self._fault(error) for error in self._errors(reply)]

    def _fault(self, error: Mapping[str, Any]) -> Fault:
        place = re.search(r"^/(\w+)/(\d+)/(\w+)", str(error.get("source", {}).get("pointer", "")))
        said = self._lines.clean(error.get("detail") or error.get("title") or "")
        return Fault(place[1], int(place[2]), place[3], said) if place else Fault("", None, "", said)

    def _call(self, method: str, path: str, sending: Sending, json: object, headers: Mapping[str, str]) -> Reply:
        for last in (False, True):
            if not self._token or self._lines.clock.monotonic() >= self._until:
                self._renew()
            held = {"Authorization": f"Bearer {self._token}", "Accept": "application/json", **headers}
            reply = self._lines.http.call(method, f"{self._base}/{path}", headers=held, json=json, sending=sending)
            if reply.status != 401:
                break
            self._token = ""  # it has run out before its time: nothing was done
            if last:
                raise Reauth("D-CREDENTIALS", detail=self._said(reply))
        if reply.status == 403:
            raise Declined("D-RIGHTS", detail=self._said(reply))
        return reply

    def _renew(self) -> None:
        held = self._credentials
        if not held.get("client_id", "").startswith("SWIA"):  # to another the shop answers with HTTP 500
            raise Reauth("D-CREDENTIALS", detail="an access key ID begins with SWIA")
        json = {"grant_type": "client_credentials", "client_id": held["client_id"]}
        json["client_secret"] = held.get("client_secret", "")
        reply = self._lines.http.call("POST", f"{self._base}/oauth/token", json=json, sending=Sending.READ)
        if reply.status in (400, 401):
            raise Reauth("D-CREDENTIALS", detail=self._said(reply))
        if reply.status >= 300:
            raise Declined("D-SHOP", detail=self._said(reply))
        told = reply.json()
        if not isinstance(told, dict) or not isinstance(told.get("access_token"), str):
            raise Retry("D-ANSWER", detail="an answer without a token")
        self._token = told["access_token"]
        self._until = self._lines.clock.monotonic() + 0.8 * float(told["expires_in"])
        self._lines.hide(self._token)

    def _errors(self, reply: Reply) -> list[Mapping[str, Any]]:
        """The errors of an answer; one without any says only its status."""
        try:
            body = reply.json()
        except (Retry, InDoubt):
            body = None
        found = body.get("errors") if isinstance(body, dict) else None
        return found or [{"detail": f"HTTP {reply.status}"}]

    def _said(self, reply: Reply) -> str:
        first = self._errors(reply)[0]
        return self._lines.clean(first.get("detail") or first.get("title") or f"HTTP {reply.status}")


def any_of(**fields: Sequence[str]) -> list[dict[str, Any]]:
    """A filter: one of the fields has one of its values."""
    queries = [{"type": "equalsAny", "field": name, "value": values} for name, values in fields.items() if values]
    return [{"type": "multi", "operator": "or", "queries": queries}]
