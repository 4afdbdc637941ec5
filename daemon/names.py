"""The names we form: of answers and of archived files."""

from datetime import UTC, datetime

from daemon.identifiers import safe_stem


def answer_stem(upload_id: str, name: bytes) -> str:
    """`<upload_id>_<stem>`: what the answers to a file begin with; its suffix is not part of it."""
    stem, _ = safe_stem(name)
    return f"{upload_id}_{stem}"


def archive_path(upload_id: str, name: bytes, received_at: int) -> str:
    """`<yyyy>/<mm>/<dd>/<upload_id>_<stem><suffix>` by the UTC day on which the file came in."""
    stem, suffix = safe_stem(name)
    day = datetime.fromtimestamp(received_at / 1e6, UTC).strftime("%Y/%m/%d")
    return f"{day}/{upload_id}_{stem}{suffix}"
