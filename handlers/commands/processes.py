"""Commands about work in the background."""

from daemon.commands.command import Answer, Desk, Each, Id, command


@command("process.cancel")
def cancel(desk: Desk, *, id: Each[Id]) -> Answer:
    """End processes at their next block; what they have applied stays."""
    return Answer(id, data={"target": desk.cancel(id)})
