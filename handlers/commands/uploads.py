"""Commands about uploads: what the removal guard holds, and files that are to be read again."""

from daemon.commands.command import Answer, Desk, Each, Id, command


@command("upload.release")
def release(desk: Desk, *, id: Each[Id]) -> Answer:
    """Withdraw what the removal guard holds of uploads."""
    return Answer(id, process_id=desk.request("release", id))


@command("upload.discard")
def discard(desk: Desk, *, id: Each[Id]) -> Answer:
    """Give up what the removal guard holds of uploads."""
    return Answer(id, process_id=desk.request("discard", id))


@command("upload.retry")
def retry(desk: Desk, *, id: Each[Id]) -> Answer:
    """Read the archived files of uploads again, as new uploads."""
    return Answer(id, process_id=desk.request("retry", id))
