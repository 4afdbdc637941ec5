"""The codes of marketplaces and drivers: what each says, why it happens, what helps (`tradepost codes`)."""

from daemon.errors import Code

DRIVER_CODES: tuple[Code, ...] = (
    Code(
        "D-UNREACHABLE",
        "error",
        "{value} could not be reached ({detail}). Nothing was sent; it is tried again by itself.",
        "The address is wrong, or the marketplace or the network between is down.",
        "Check the address in the credentials; if it is right, nothing: it is tried again.",
    ),
    Code(
        "D-ADDRESS",
        "error",
        "{value} leads to {detail}, an address inside our own network: we do not connect there. "
        "Give the marketplace's public address.",
        "A host name stands for a loopback, link-local or private address, by mistake or to reach what is not public.",
        "Correct the address; if it is meant, ask the operator to allow private addresses.",
    ),
    Code(
        "D-URL",
        "error",
        "{value} cannot be used as an address: {detail}.",
        "The address is no https address, or has a part that does not belong there.",
        "Write it as the browser shows it when you are in your shop, beginning with https://.",
    ),
    Code(
        "D-TLS",
        "error",
        "{value} has no certificate that can be trusted ({detail}); nothing was sent.",
        "The server's certificate is expired, made by itself, or for another name.",
        "Check the address. If it is right, the marketplace or shop has to renew its certificate.",
    ),
    Code(
        "D-REDIRECT",
        "error",
        "{value} sends us on to {detail}; credentials are not sent there. If that is right, give this address instead.",
        "The shop has moved, or the address is one that only browsers use.",
        "Give the address that the message names, if it is yours.",
    ),
    Code(
        "D-CREDENTIALS",
        "error",
        "The marketplace rejects these credentials: {detail}. Give new ones with connection.reauthorise.",
        "A key or token is wrong, has expired, or was withdrawn (the app was uninstalled).",
        "Make a new one in the marketplace's own pages, then `connection.reauthorise`.",
    ),
    Code(
        "D-RIGHTS",
        "error",
        "The credentials do not have the rights that are needed: {detail}. Grant them at the marketplace.",
        "The key or app was made with fewer rights than this connection uses.",
        "Grant what the message names in the marketplace's own pages, then `connection.verify`.",
    ),
    Code(
        "D-SHOP",
        "error",
        "The shop itself does not answer: {detail}.",
        "The shop is closed, frozen, unpaid, or has another address by now.",
        "Open the shop in a browser; pay or unlock it, or correct the address.",
    ),
    Code(
        "D-SETTING",
        "error",
        "{value}: {detail}.",
        "A setting or credential is missing, or names something that is not there.",
        "Write the column as the message says; `driver.describe` shows all of them with an example.",
    ),
    Code(
        "D-RATE",
        "error",
        "The marketplace asks us to wait ({detail}). It goes on by itself.",
        "More was asked than the marketplace allows in a stretch of time, perhaps by other programs with the same key.",
        "Nothing. If it stays so, let fewer programs use the same key.",
    ),
    Code(
        "D-BUSY",
        "error",
        "The marketplace does not answer properly ({detail}). It is tried again by itself.",
        "The marketplace has a disturbance or is being maintained.",
        "Nothing; see the marketplace's status page if it lasts.",
    ),
    Code(
        "D-IN-DOUBT",
        "error",
        "A request was sent and its answer never came ({detail}). We ask what became of it before it is repeated.",
        "The connection broke, or the answer took longer than we wait.",
        "Nothing: it is settled by asking.",
    ),
    Code(
        "D-ANSWER",
        "error",
        "The marketplace's answer cannot be understood: {detail}.",
        "It answered in a form that its documentation does not show; perhaps the address is not the marketplace's.",
        "Check the address. If it is right, tell whoever maintains the driver.",
    ),
    Code(
        "D-VERSION",
        "warning",
        "The marketplace answered in version {value} of its interface instead of {detail}.",
        "The version that this driver speaks is no longer served.",
        "Update the program.",
    ),
    Code(
        "D-STOPPED",
        "error",
        "The work was interrupted; it goes on by itself.",
        "The daemon is being stopped or the process was cancelled.",
        "Nothing.",
    ),
    Code(
        "D-REFUSED",
        "error",
        "The marketplace refuses it: {detail}.",
        "Something about this item or its listing is not as the marketplace wants it.",
        "Correct what the message names, in the item or at the marketplace; it is sent again when the item changes.",
    ),
    Code(
        "D-SKU-UNKNOWN",
        "error",
        "There is no listing with exactly this sku any more.",
        "The listing was removed there, or its sku was changed.",
        "Give the listing this sku there; it is found at the next sync.",
    ),
    Code(
        "D-INCOMPLETE",
        "error",
        "The item is not listed there yet, and cannot be: it has no {detail}.",
        "The connection has create_listings, and the marketplace lists no item without what the message names.",
        "State what is missing, in a file with this column; the item is listed then.",
    ),
    Code(
        "D-SKU-AMBIGUOUS",
        "error",
        "More than one listing has the sku {value}: we change none of them.",
        "The shop has the same sku twice, and nobody can tell which of them is meant.",
        "Give each listing a sku of its own there; then `connection.sync`.",
    ),
    Code(
        "D-TAX",
        "error",
        "The marketplace states prices {detail} tax, and the item has no tax_rate to convert its price.",
        "The item's price is given the other way round, and without its rate it cannot be converted.",
        "State tax_rate for the item, or the price as the marketplace wants it.",
    ),
    Code(
        "D-CURRENCY",
        "error",
        "The item is priced in {value}, the marketplace in {detail}. Prices are never converted between currencies.",
        "The item's currency is not the one of the connection.",
        "State the item's price in the marketplace's currency (columns price and currency; an item has one currency).",
    ),
    Code(
        "D-DRIVER",
        "error",
        "The driver {value} cannot be used: {detail}.",
        "An installed package offers a driver that does not load, or one for another version of this program.",
        "Update or uninstall that package.",
    ),
)

_TEXTS = {code.name: code.text for code in DRIVER_CODES}


def sentence(name: str, value: object = "", detail: object = "") -> str:
    """The sentence of a code for one case. A code that is a driver's own has no text here: then it is `detail`."""
    said = str(detail)
    # marketplaces end their sentences with a point, as ours do
    return _TEXTS[name].format(value=value, detail=said.rstrip(".")) if name in _TEXTS else said
