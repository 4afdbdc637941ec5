"""Commands about the account itself."""

from typing import Annotated

import msgspec

from daemon.commands.command import Answer, Desk, command

Key = Annotated[str, msgspec.Meta(max_length=40, description="the name of a key")]
Value = Annotated[str, msgspec.Meta(max_length=200, description="a text of at most 200 characters")]


@command("account.set")
def set_key(desk: Desk, *, key: Key, value: Value | None = None) -> Answer:
    """Set a key of the account; with a blank value the operator's configuration holds again."""
    desk.set(key, value)
    return Answer(key, data={"value": value})
