"""How Shopify is spoken to: tokens, the points of a query, pages, and what its errors mean."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from daemon.drivers import Declined, InDoubt, Lines, Reauth, Reply, Retry, Sending

VERSION: Final = "2026-10"  # the one that is asked for
VERSIONS: Final = ("2026-04", "2026-07", VERSION)  # those that take what is sent, and mean the same by it
_MUTATION: Final = 10  # points of a mutation, until the shop has told them
_CAP: Final = 900  # points of a query; more than 1000 are refused


class TooDear(Declined):
    """The query costs more points than one may: smaller pages help."""


class Page(list[Mapping[str, Any]]):
    """The nodes of a page, and where the next begins (None: there is none)."""

    def __init__(self, nodes: Sequence[Mapping[str, Any]], after: str | None) -> None:
        super().__init__(nodes)
        self.after = after


class Api:
    """The GraphQL endpoint of one shop."""

    def __init__(self, credentials: Mapping[str, str], lines: Lines) -> None:
        self._credentials = credentials
        self._lines = lines
        self._base = credentials.get("shop_url", "").strip().rstrip("/")
        self._token = credentials.get("access_token", "")
        self._told: set[str] = set()
        self._cost = 0
        self._costs: dict[tuple[object, ...], int] = {}  # points that requests of a kind have cost
        self._budget: tuple[Mapping[str, Any] | None, float] = (None, 0)  # the shop's last word on it, and when

    def nodes(self, text: str, **variables: object) -> dict[str, Mapping[str, Any]]:
        return {each["id"]: each for each in self.send(text, **variables)["nodes"] if each}

    def pages(self, text: str, path: str, size: int, after: str | None = None, **variables: object) -> Iterator["Page"]:
        """The pages of the connection at `path`, as large as the points of a query allow."""
        while True:
            try:
                found: Any = self.send(text, n=size, c=after, **variables)
            except TooDear:
                if size == 1:
                    raise
                size = size // 2
                continue
            most = size * _CAP // self._cost if self._cost else size  # of this query, before others are sent
            for name in path.split():
                found = found[name]
            info = found["pageInfo"]
            if info["hasNextPage"] and info["endCursor"] == after:
                raise Retry("D-ANSWER", detail="a page that is followed by itself")
            after = info["endCursor"] if info["hasNextPage"] else None
            yield Page(found["nodes"], after)
            if after is None:
                return
            size = max(1, min(250, most))

    def send(self, text: str, sending: Sending = Sending.READ, /, **variables: object) -> Any:
        """The data of an answer. Waits where the shop asks for it. Raises the four kinds of Trouble."""
        lost = Retry if sending is Sending.READ else InDoubt
        ids = variables.get("ids")
        kind = (text, variables.get("n"), len(ids) if isinstance(ids, list) else 0)
        for _ in range(10):
            self._save_up(text, kind)
            reply = self._post({"query": text, "variables": variables}, sending)
            body = reply.json()
            if not isinstance(body, dict):
                raise lost("D-ANSWER", detail="no object")
            cost = body.get("extensions", {}).get("cost", {})
            self._cost = self._costs[kind] = cost.get("requestedQueryCost") or 0
            self._budget = (cost.get("throttleStatus"), self._lines.clock.monotonic())
            errors = body.get("errors") or []
            codes = {str(error.get("extensions", {}).get("code", "")) for error in errors}
            if "THROTTLED" in codes:
                state = cost.get("throttleStatus") or {"currentlyAvailable": 0, "restoreRate": 100}
                lacking = self._cost - state["currentlyAvailable"]
                self._lines.wait(max(1.0, float(lacking / state["restoreRate"])))
                continue
            data = body.get("data")
            if errors:
                self._judge(errors, codes, data, sending)
            elif data is None:
                raise lost("D-ANSWER", detail="neither data nor errors")
            return data
        raise Retry("D-RATE", detail="throttled ten times", after=60)

    def _save_up(self, text: str, kind: tuple[object, ...]) -> None:
        """Wait until the shop has restored the points that a request of this kind costs: one that it turns down is
        a call for nothing."""
        state, at = self._budget
        cost = self._costs.get(kind, _MUTATION * text.count("userErrors"))
        if state is None:
            return
        rate = float(state["restoreRate"])
        restored = float(state["currentlyAvailable"]) + (self._lines.clock.monotonic() - at) * rate
        lacking = cost - min(restored, float(state["maximumAvailable"]))
        if lacking > 0:
            self._lines.wait((lacking + 1) / rate)  # one more, for what the shop and we have rounded

    def _judge(self, errors: Sequence[Mapping[str, Any]], codes: set[str], data: Any, sending: Sending) -> None:
        said = self._lines.clean(errors[0].get("message", ""))
        if codes == {"ACCESS_DENIED"} and data and all(data.values()):
            self._warn("D-RIGHTS", said)  # parts of it are left out: addresses without the approval for them
        elif "MAX_COST_EXCEEDED" in codes:
            raise TooDear("D-ANSWER", detail=said)
        elif "INTERNAL_SERVER_ERROR" in codes:
            raise (Retry if sending is Sending.READ else InDoubt)("D-BUSY", detail=said)
        elif "ACCESS_DENIED" in codes:
            raise Declined("D-RIGHTS", detail=said)
        else:
            raise Declined("D-SHOP" if "SHOP_INACTIVE" in codes else "D-ANSWER", detail=said)

    def _post(self, body: Mapping[str, object], sending: Sending) -> Reply:
        url = f"{self._base}/admin/api/{VERSION}/graphql.json"
        for last in (False, True):
            fresh = not self._token
            if fresh:
                self._token = self._new_token()
            headers = {"X-Shopify-Access-Token": self._token, "Accept": "application/json"}
            reply = self._lines.http.call("POST", url, headers=headers, json=body, sending=sending)
            if reply.status != 401:
                break
            if last or fresh or not self._credentials.get("client_id"):
                raise Reauth("D-CREDENTIALS", detail=self._said(reply))
            self._token = ""  # it has run out: nothing was done, and there are new ones
        spoken = reply.headers.get("x-shopify-api-version", VERSION)
        if spoken not in VERSIONS:  # it falls forward when ours is no longer served
            self._warn("D-VERSION", VERSION, spoken)
        if reply.status >= 400:
            codes = {402: "D-SHOP", 403: "D-RIGHTS", 404: "D-SHOP", 423: "D-SHOP"}
            raise Declined(codes.get(reply.status, "D-ANSWER"), detail=self._said(reply))
        return reply

    def _new_token(self) -> str:
        """A token for a day, by the credentials of the app. Raises Reauth."""
        asked = {name: self._credentials.get(name, "") for name in ("client_id", "client_secret")}
        if not all(asked.values()):
            detail = "give access_token, or client_id and client_secret"
            raise Declined("D-SETTING", value="credentials.access_token", detail=detail)
        url = f"{self._base}/admin/oauth/access_token"
        json = {**asked, "grant_type": "client_credentials"}
        reply = self._lines.http.call("POST", url, json=json, sending=Sending.READ)
        if reply.status in (400, 401, 403):
            raise Reauth("D-CREDENTIALS", detail=self._said(reply))
        if reply.status >= 400:
            raise Declined("D-SHOP", detail=self._said(reply))
        token = reply.json().get("access_token")
        if not isinstance(token, str) or not token:
            raise Retry("D-ANSWER", detail="an answer without a token")
        self._lines.hide(token)
        return token

    def _said(self, reply: Reply) -> str:
        """The reason in an answer that is no GraphQL: `errors` is a text there, or `error` a name."""
        try:
            body = reply.json()
        except (Retry, InDoubt):
            body = None
        said = (
            (body.get("errors") or body.get("error_description") or body.get("error")) if isinstance(body, dict) else ""
        )
        return f"HTTP {reply.status} {self._lines.clean(said or '')}".strip()

    def _warn(self, code: str, detail: str, value: str = "") -> None:
        """Once for each piece of work, however often it is met."""
        if code not in self._told:
            self._told.add(code)
            self._lines.warn(code, detail, value)
