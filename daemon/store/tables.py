"""The tables.

Times are UTC microseconds, money ten-thousandths, ids ULIDs; text keys compare byte by byte on both databases.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData(
    naming_convention={
        "pk": "pk_%(table_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    }
)

KEY: TypeEngine[str] = Text().with_variant(Text(collation="C"), "postgresql")
OPEN = text("state IN ('queued', 'waiting')")
UNSETTLED = text("state <> 'done'")

instance = Table(
    "instance",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("site", KEY, nullable=False),
    Column("host", KEY, nullable=False),
    Column("pid", Integer, nullable=False),
    Column("seen_at", BigInteger, nullable=False),
)

account = Table(
    "account",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", KEY, nullable=False, unique=True),
    Column("site", KEY, nullable=False),
    Column("next_seq", BigInteger, nullable=False, server_default="1"),
    Column("items_version", BigInteger, nullable=False, server_default="0"),
    Column("rules_version", KEY, nullable=False, server_default=""),
    Column("sold_at", BigInteger, nullable=False, server_default="0"),  # a sale has spent a stated quantity
)

process = Table(
    "process",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("kind", KEY, nullable=False),
    Column("account_id", Integer, nullable=False),
    Column("site", KEY, nullable=False),
    Column("key", KEY, nullable=False, unique=True),
    Column("lane", KEY, nullable=False),
    Column("seq", BigInteger, nullable=False),
    Column("state", KEY, nullable=False),  # behind queued running waiting done
    Column("outcome", KEY),
    Column("weight", BigInteger, nullable=False),
    Column("run_at", BigInteger, nullable=False),
    Column("token", BigInteger, nullable=False, server_default="0"),
    Column("instance_id", KEY),
    Column("lease_until", BigInteger),
    Column("stop", KEY),
    Column("step_no", Integer, nullable=False, server_default="0"),
    Column("done", BigInteger, nullable=False, server_default="0"),
    Column("total", BigInteger),
    Column("strikes", Integer, nullable=False, server_default="0"),
    Column("args", Text, nullable=False, server_default="{}"),
    Column("code", KEY),
    Column("message", Text),
    Column("created_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("finished_at", BigInteger),
    UniqueConstraint("lane", "seq"),
)
Index(
    "one_running",
    process.c.lane,
    unique=True,
    sqlite_where=text("state = 'running'"),
    postgresql_where=text("state = 'running'"),
)
Index("open_processes", process.c.run_at, process.c.seq, sqlite_where=OPEN, postgresql_where=OPEN)
Index("unsettled", process.c.lane, process.c.seq, sqlite_where=UNSETTLED, postgresql_where=UNSETTLED)

# work without a history line, which is kept shorter
PAST_WORK = text("kind NOT IN ('upload', 'retry', 'commands') AND state = 'done'")
Index("past_work", process.c.account_id, process.c.finished_at, sqlite_where=PAST_WORK, postgresql_where=PAST_WORK)

COUNTS = ("rows", "created", "updated", "unchanged", "deleted", "ignored", "rejected", "withdrawn", "warnings")

upload = Table(
    "upload",
    metadata,
    Column("id", KEY, primary_key=True),
    Column("account_id", Integer, nullable=False),
    Column("name", LargeBinary, nullable=False),
    Column("file_name", Text, nullable=False),
    Column("kind", KEY, nullable=False),
    Column("source", KEY, nullable=False),
    Column("via", KEY, nullable=False),
    Column("layout", KEY, nullable=False, server_default=""),
    Column("mode", KEY, nullable=False, server_default=""),
    Column("received_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("state", KEY, nullable=False),  # received processing done
    Column("outcome", KEY),
    *(Column(name, BigInteger, nullable=False, server_default="0") for name in COUNTS),
    Column("bytes", BigInteger, nullable=False, server_default="0"),
    Column("sha256", KEY, nullable=False, server_default=""),
    Column("error_file", Text, nullable=False, server_default=""),
    Column("code", KEY, nullable=False, server_default=""),
    Column("message", Text, nullable=False, server_default=""),
    Column("items_version_after", BigInteger),
    Column("rules_version", KEY),
    Column("retry_of", KEY),
)
Index("same_content", upload.c.account_id, upload.c.sha256)
Index("history", upload.c.account_id, upload.c.received_at, upload.c.id)
UNPUBLISHED = text("state <> 'done'")
Index("unpublished", upload.c.account_id, sqlite_where=UNPUBLISHED, postgresql_where=UNPUBLISHED)

block_fault = Table(
    "block_fault",
    metadata,
    Column("process_id", KEY, nullable=False),
    Column("step_no", Integer, nullable=False),
    Column("faults", LargeBinary, nullable=False),
    PrimaryKeyConstraint("process_id", "step_no"),
)

MONEY = ("price", "list_price", "cost", "tax_rate", "weight")
WHOLE = ("quantity",)
YES_NO = ("tax_included", "visible")
NATIVE = (
    "sku", "title", "description", "brand", "mpn", "url", "gtin", "group_id",
    "price", "list_price", "cost", "currency", "tax_rate", "tax_included", "quantity",
    "category", "images", "weight", "weight_unit", "language", "visible", "channels",
)  # fmt: skip

item = Table(
    "item",
    metadata,
    Column("account_id", Integer, nullable=False),
    Column("sku", KEY, nullable=False),
    *(Column(name, BigInteger if name in MONEY + WHOLE + YES_NO else Text) for name in NATIVE[1:]),
    Column("extra", Text),  # flat JSON: option:x, attribute:x, price:<connection>, quantity:<connection>
    Column("withdrawn", BigInteger),
    Column("deleted_at", BigInteger),
    Column("version", BigInteger, nullable=False),
    Column("digest", BigInteger),
    PrimaryKeyConstraint("account_id", "sku"),
    sqlite_with_rowid=False,
)

translation = Table(
    "translation",
    metadata,
    Column("account_id", Integer, nullable=False),
    Column("sku", KEY, nullable=False),
    Column("language", KEY, nullable=False),
    Column("texts", Text, nullable=False),  # flat JSON: title, description, category, url, option:x, attribute:x
    PrimaryKeyConstraint("account_id", "sku", "language"),
    sqlite_with_rowid=False,
)

removal = Table(  # an upload that takes items away, until that is done or nobody may ask for it any more
    "removal",
    metadata,
    Column("upload_id", KEY, primary_key=True),
    Column("account_id", Integer, nullable=False),
    Column("state", KEY, nullable=False),  # open judged void held releasing released discarded lapsed
    Column("unreadable", BigInteger, nullable=False, server_default="0"),  # rejected rows without a readable sku
    Column("holds", KEY, nullable=False, server_default=""),  # the kinds that are held, blanks between
    Column("since", BigInteger),  # held
)
HELD_ALONE = text("state = 'held'")
Index("holds", removal.c.account_id, sqlite_where=HELD_ALONE, postgresql_where=HELD_ALONE)

withdrawal = Table(  # the skus of a removal that still stand
    "withdrawal",
    metadata,
    Column("upload_id", KEY, nullable=False),
    Column("kind", KEY, nullable=False),  # missing delete
    Column("sku", KEY, nullable=False),
    PrimaryKeyConstraint("upload_id", "kind", "sku"),
    sqlite_with_rowid=False,
)

answer = Table(
    "answer",
    metadata,
    Column("process_id", KEY, nullable=False),
    Column("account_id", Integer, nullable=False),
    Column("path", KEY, nullable=False),
    Column("staged", KEY, nullable=False),
    Column("site", KEY, nullable=False),
    Column("state", KEY, nullable=False),  # staged published
    PrimaryKeyConstraint("process_id", "path"),
)

view = Table(
    "view",
    metadata,
    Column("account_id", Integer, nullable=False),
    Column("path", KEY, nullable=False),
    Column("changed", BigInteger, nullable=False, server_default="1"),
    Column("published", BigInteger, nullable=False, server_default="0"),
    PrimaryKeyConstraint("account_id", "path"),
)
BEHIND = text("changed > published")
Index("views_behind", view.c.account_id, sqlite_where=BEHIND, postgresql_where=BEHIND)

endpoint = Table(  # an SFTP server: who works with it, and how that goes
    "endpoint",
    metadata,
    Column("name", KEY, primary_key=True),
    Column("account", KEY, nullable=False),
    Column("state", KEY, nullable=False),  # new ok trouble stopped
    Column("since", BigInteger, nullable=False),
    Column("last_success", BigInteger),
    Column("last_error", BigInteger),
    Column("code", KEY, nullable=False, server_default=""),  # of the last error
    Column("message", Text, nullable=False, server_default=""),
    Column("instance_id", KEY),
    Column("held_until", BigInteger, nullable=False, server_default="0"),
)

remote_file = Table(
    "remote_file",
    metadata,
    Column("endpoint", KEY, nullable=False),
    Column("path", LargeBinary, nullable=False),
    Column("size", BigInteger, nullable=False),
    Column("mtime", BigInteger, nullable=False),  # seconds, by the server's clock
    Column("upload_id", KEY, nullable=False),
    PrimaryKeyConstraint("endpoint", "path", "size", "mtime"),
)

delivery = Table(
    "delivery",
    metadata,
    Column("endpoint", KEY, nullable=False),
    Column("account", KEY, nullable=False),
    Column("path", KEY, nullable=False),
    Column("kept", KEY, nullable=False, server_default=""),  # our own copy of an answer; "" for a view
    Column("sha256", KEY, nullable=False, server_default=""),  # of the view that was sent last
    Column("state", KEY, nullable=False),  # due sent
    Column("attempts", Integer, nullable=False, server_default="0"),
    Column("run_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("endpoint", "path"),
)
# what an account sets itself (account.set) wins over the configuration
account_setting = Table(
    "account_setting",
    metadata,
    Column("account_id", Integer, nullable=False),
    Column("key", KEY, nullable=False),
    Column("value", Text, nullable=False),
    PrimaryKeyConstraint("account_id", "key"),
)

account_layout = Table(
    "account_layout",
    metadata,
    Column("account_id", Integer, nullable=False),
    Column("name", KEY, nullable=False),
    Column("columns", Text, nullable=False),  # JSON: [column, field, constant] each
    PrimaryKeyConstraint("account_id", "name"),
)

command_answer = Table(
    "command_answer",
    metadata,
    Column("process_id", KEY, nullable=False),
    Column("row_no", Integer, nullable=False),
    Column("account_id", Integer, nullable=False),
    Column("request_id", KEY),  # of what was done or started: a rejected row does not use it up
    Column("fingerprint", KEY, nullable=False),
    Column("lines", Text, nullable=False),  # JSON: the lines of the result
    Column("created_at", BigInteger, nullable=False),
    PrimaryKeyConstraint("process_id", "row_no"),
)
Index("requests", command_answer.c.account_id, command_answer.c.request_id)
Index("answers_by_age", command_answer.c.account_id, command_answer.c.created_at)
Index("processes_by_age", process.c.account_id, process.c.created_at)
