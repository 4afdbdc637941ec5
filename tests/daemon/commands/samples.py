"""Commands that tests give to the machine: it knows none of its own."""

from typing import Annotated, Any, Literal

import msgspec

from daemon.commands.command import Answer, Desk, Each, Group, Look, Name, Report, Secrets, Together, command
from daemon.errors import Refused

Level = Annotated[int, msgspec.Meta(ge=0, le=9, description="a whole number from 0 to 9")]


NOTHING = Group()


class Part(msgspec.Struct):
    part: str
    level: Level = 0


@command("test.plain")
def plain(
    desk: Desk,
    *,
    name: Name,
    level: Level | None = None,
    active: bool = False,
    colour: Literal["red", "green"] = "red",
    words: list[str] | None = None,
    deep: dict[str, int] | None = None,
) -> Answer:
    """Set a key, so that the store shows that it was done."""
    desk.set("language", name)
    return Answer(name, data=[level, active, colour, words, deep])


@command("test.each")
def each(desk: Desk, *, name: Each[Name]) -> Answer:
    """Refuse what is called bad, after it has done something."""
    desk.map(name, [("A", "sku", None)])
    if name.startswith("bad"):
        raise Refused("C-FIELD", "This one is bad.")
    if name == "bug":
        raise ZeroDivisionError(name)
    return Answer(name)


@command("test.together")
def together(desk: Desk, *, name: Name, rows: Together[Part]) -> Answer:
    """Take all rows at once."""
    return Answer(name, data=[[row.part, row.level] for row in rows])


@command("test.secret")
def secret(
    desk: Desk,
    found: str,
    *,
    name: Name,
    credentials: Secrets,
    settings: Group = NOTHING,
    every: str = "15m",
) -> Answer:
    """Seal what it was given."""
    if name == "careless":
        raise ValueError(f"{credentials['token']}")
    return Answer(name, data={"sealed": desk.seal(credentials["token"]), "found": found, "settings": settings})


@secret.before
def ask(look: Look, *, name: Name, credentials: Secrets, **_: Any) -> str:
    if credentials["token"] == "wrong":
        raise Refused("D-WRONG", "The other side does not know this token.")
    return f"{look.account} asked"


@command("test.report")
def report(desk: Desk, *, name: Name = "all") -> Answer:
    """Write a report."""
    return Answer(name)


@report.report
def write(look: Look, *, name: Name = "all") -> Report:
    return Report(f"reports/{name}.csv", ("name",), lambda: [{"name": name}, {"name": "=1+1", "more": 1}])


COMMANDS = {one.name: one for one in (plain, each, together, secret, report)}
