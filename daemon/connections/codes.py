"""The codes of connections: what commands about them refuse, and what a sync tells."""

from daemon.errors import Code, Refused

CODES: tuple[Code, ...] = (
    Code(
        "C-UNKNOWN-CONNECTION",
        "error",
        "There is no connection “{value}”. {detail}",
        "The name is not that of a connection of this account.",
        "Copy the name from reports/connections.csv.",
    ),
    Code(
        "C-CONNECTION-EXISTS",
        "error",
        "There is a connection “{value}” already; choose another name.",
        "Names of connections are unique in an account, whatever the case of their letters.",
        "Choose another name, or change the one there is with connection.edit.",
    ),
    Code(
        "C-CONNECTION-INACTIVE",
        "error",
        "The connection “{value}” is inactive; enable it first.",
        "An inactive connection calls nobody.",
        "`connection.enable`, then again.",
    ),
    Code(
        "C-CONNECTION-ACTIVE",
        "error",
        "The connection “{value}” is active; only an inactive one can be deleted.",
        "Deleting is for connections that were switched off before, so that nobody deletes one that is at work.",
        "`connection.disable`, then again.",
    ),
    Code(
        "C-CONNECTION-DELETING",
        "error",
        "The connection “{value}” is being deleted.",
        "A deletion that has begun goes on to its end.",
        "Wait until it is gone from reports/connections.csv; the name is free then.",
    ),
    Code(
        "C-UNKNOWN-DRIVER",
        "error",
        "There is no driver “{value}”. {detail}",
        "No installed driver has this name.",
        "`tradepost drivers` lists those there are.",
    ),
    Code(
        "C-UNKNOWN-FIELD",
        "error",
        "The driver has no field “{value}”. {detail}",
        "A column `credentials.…` or `settings.…` is none of this driver.",
        "Correct its name; `driver.describe` writes an example with every column.",
    ),
    Code(
        "C-MISSING-FIELD",
        "error",
        "Missing: {value}. {detail}",
        "A credential or setting that the driver cannot do without is blank.",
        "Fill it; `driver.describe` writes an example with every column.",
    ),
    Code(
        "C-FIELD",
        "error",
        "“{value}” must be {detail}.",
        "A setting does not hold what it needs.",
        "Write what the message says.",
    ),
    Code(
        "C-EVERY",
        "error",
        "“every” must be a length of time from 1m to 7d like “15m”, or five cron fields like “0 6-22 * * mon-fri”.",
        "The cell `every` holds no schedule.",
        "Write one of the two; cron fields count in the account's time zone.",
    ),
    Code(
        "D-ORDER-SKU",
        "warning",
        "{value} order line(s) have a sku that is not in the catalog; they are delivered all the same.",
        "Something was sold there that we have no item of.",
        "Give the listing there the item's sku, or send the item in a catalog file.",
    ),
)

_TEXTS = {code.name: code.text for code in CODES}


def sentence(name: str, value: object = "", detail: object = "") -> str:
    """The sentence of a code for one case."""
    return _TEXTS[name].format(value=value, detail=detail)


def refusal(name: str, value: object = "", detail: object = "") -> Refused:
    """The exception that refuses a row with the sentence of a code."""
    return Refused(name, sentence(name, value, detail))
