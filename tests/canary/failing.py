"""A server that is no marketplace: it says whatever it was asked, headers, body and all, in the ways servers fail."""

from tests.simulators.server import Reply, Request, Simulator

WAYS = (
    *("page-500", "page-503", "page-403", "page-401", "page-404", "page-422", "page-200", "errors-200", "errors-400"),
    *("errors-401", "list-400", "list-200", "token-200", "redirect", "headers", "rate", "cut"),
)


def spoken(request: Request) -> str:
    """All that came in, as debugging pages show it."""
    headers = "".join(f"{name}: {value}\n" for name, value in request.headers.items())
    return f"{request.method} {request.path}?{request.query}\n{headers}\n{request.body.decode('utf-8', 'replace')}"


def echo(way: str, request: Request) -> Reply:
    """The failure of that name."""
    said = spoken(request)
    held = next(
        (request.headers[name] for name in ("x-shopify-access-token", "token") if name in request.headers), said
    )
    held = " ".join(held.split())
    form, _, number = way.partition("-")
    status = int(number or 200)
    if form == "page":
        return Reply(status, f"<html><h1>Oops</h1><pre>{said}</pre></html>".encode(), {"Content-Type": "text/html"})
    if form == "errors":
        one = {"message": held, "detail": held, "title": held, "code": held, "status": number, "meta": said}
        return Reply(status, {"errors": [one], "error": held, "error_description": said, "extensions": {}})
    if form == "list":
        return Reply(status, [{"Key": "Error", "Value": held, "Status": "400", "Message": held}])
    if form == "token":
        return Reply(200, {"access_token": held, "expires_in": 600, "version": held, "data": {"shop": held}})
    if form == "redirect":
        return Reply(302, b"", {"Location": f"https://elsewhere.example/{held}"})
    if form == "headers":
        return Reply(400, b"", {"X-Request-Id": held, "X-Shopify-API-Version": held, "Retry-After": held})
    if form == "rate":
        return Reply(429, said.encode(), {"Retry-After": f"9{held}"})
    return Reply(200, b'{"data": "' + said.encode())


class Echo(Simulator):
    """At `/<way>/…` it fails in that way."""

    def answer(self, request: Request) -> Reply:
        return echo(request.path.split("/")[1].lower(), request)
