"""What daemon and drivers exchange: offers, listings, results, attributes, orders. Values only, and no marketplace.

Money, rates and prices are ten-thousandths, times UTC microseconds. Everything can be kept as JSON (msgspec).
"""

import hashlib
from enum import StrEnum

import msgspec


class Change(StrEnum):
    """What a push states: each is sent on its own, so that stock never waits behind product data."""

    STOCK = "stock"
    PRICE = "price"
    PRODUCT = "product"
    CREATE = "create"
    """List what is not listed there yet, with its product data and prices, and with nothing in stock: quantities have
    their own rules, and follow as STOCK. A sku that is listed there by now is not listed again but found."""


STATED = (Change.STOCK, Change.PRICE, Change.PRODUCT)  # of what is listed


class Seller(msgspec.Struct, frozen=True):
    """Who the credentials belong to, as `check` found it."""

    id: str
    name: str
    currency: str  # ISO code of the prices there
    tax_included: bool | None  # how prices are stated there; None: the driver states both kinds itself
    timezone: str = "UTC"
    lacks: tuple[str, ...] = ()  # rights that would be useful and are not granted, by the marketplace's name for them
    about: dict[str, str] = {}
    """What the driver wants to know again (a location's id): kept with the connection, handed back in `Shop.about`."""


class Product(msgspec.Struct, frozen=True):
    """Product data of an offer, for PRODUCT; what is not set is None and stays as it is there."""

    title: str | None = None
    description: str | None = None
    brand: str | None = None
    gtin: str | None = None
    mpn: str | None = None
    category: str | None = None
    group: str | None = None  # items of one group are the variants of one product
    images: tuple[str, ...] = ()
    weight: int | None = None  # ten-thousandths of a kilogram
    language: str = "en"
    values: dict[str, str] = {}  # options and attributes: "option:size", "attribute:colour"


class Offer(msgspec.Struct, frozen=True):
    """One item for one connection. A push of STOCK reads `quantity` and `visible`, of PRICE the prices, of PRODUCT
    `product`, of CREATE prices, `product` and `visible`."""

    sku: str
    version: int  # of the item: what was sent last is told apart by it
    remote_id: str = ""  # of the listing; blank in a push of CREATE
    about: dict[str, str] = {}  # of the listing, as the driver told it
    quantity: int | None = None
    price: int | None = None  # None where the item has none: such an offer is never sent as PRICE
    list_price: int | None = None
    currency: str = ""
    tax_rate: int | None = None  # per cent in ten-thousandths
    tax_included: bool = True
    visible: bool | None = None  # shown to buyers or hidden (where the driver can HIDE); None: as it is there
    product: Product | None = None


class Listing(msgspec.Struct, frozen=True):
    """The thing there. `about` is the driver's own: kept, and handed back in every offer for the listing."""

    sku: str
    remote_id: str
    about: dict[str, str] = {}
    title: str = ""
    ambiguous: bool = False  # the marketplace says that another listing has the same sku


class Result(msgspec.Struct, frozen=True):
    """The answer for one offer (`key` = sku) or acknowledged order (`key` = its id). Accepted if `code` is blank."""

    key: str
    code: str = ""
    message: str = ""
    listing: Listing | None = None  # that stands there now: of an accepted CREATE, and of nothing else

    @property
    def accepted(self) -> bool:
        return not self.code


class Answers(msgspec.Struct, frozen=True):
    """What became of offers. After `push` and `collect` each offer has exactly one result; after `ask` those that have
    none were not done and are to be sent again."""

    results: tuple[Result, ...]


class Ticket(msgspec.Struct, frozen=True):
    """The marketplace works on it and answers later: kept, and shown to `collect` again and again."""

    id: str
    about: dict[str, str] = {}  # the driver's own
    after: float = 60  # seconds: no use to look sooner


class Later(msgspec.Struct, frozen=True):
    """Not answered yet; look again after so many seconds. `ticket`: to be kept instead, when the driver has one more
    thing to remember."""

    after: float
    ticket: Ticket | None = None


class NotDone(msgspec.Struct, frozen=True):
    """Answer to `ask`: nothing of that push has happened, it may be sent again."""


class Unknown(msgspec.Struct, frozen=True):
    """Answer to `ask`: it cannot be told. It is sent again under the same key: in full values, so it does no harm."""


class Choice(msgspec.Struct, frozen=True):
    """One value that an attribute may have."""

    value: str
    label: str = ""


class Attribute(msgspec.Struct, frozen=True):
    """One field of the marketplace's own product model."""

    key: str
    name: str
    kind: str = "text"
    """text html integer decimal flag date time choice money measure reference image json"""
    required: bool = False
    many: bool = False  # a list of values
    localized: bool = False  # one value a language
    choices: tuple[Choice, ...] = ()
    unit: str = ""
    least: str = ""  # smallest value or length, as text
    most: str = ""
    pattern: str = ""
    help: str = ""


class AttributeSet(msgspec.Struct, frozen=True):
    """Attributes that belong together: of products, of variants, of one category."""

    key: str
    name: str
    attributes: tuple[Attribute, ...]


class Address(msgspec.Struct, frozen=True):
    """Where an order is billed or shipped to."""

    name: str = ""
    company: str = ""
    street1: str = ""
    street2: str = ""
    postcode: str = ""
    city: str = ""
    region: str = ""
    country: str = ""  # two letters
    phone: str = ""


class LineType(StrEnum):
    """What a line of an order is about."""

    ITEM = "item"
    SHIPPING = "shipping"
    DISCOUNT = "discount"
    PAYMENT = "payment"
    VOUCHER = "voucher"
    SERVICE = "service"
    RETURN = "return"
    CANCELLATION = "cancellation"


class Line(msgspec.Struct, frozen=True):
    """One line of an order. `total` = quantity * unit_price - discount; a line that takes something back is negative
    in quantity and amounts."""

    id: str
    type: LineType
    title: str = ""
    quantity: int = 1
    unit_price: int = 0
    discount: int = 0  # of the whole line, positive
    tax_rate: int | None = None
    tax_amount: int | None = None
    total: int = 0
    sku: str = ""
    listing_id: str = ""  # `Listing.remote_id`


class Order(msgspec.Struct, frozen=True):
    """An order as it stands now, whole: a changed one is handed over again with all its lines."""

    id: str
    number: str
    ordered_at: int
    updated_at: int
    status: str  # the marketplace's word in lower case; "cancelled" for cancelled ones
    payment_status: str
    currency: str
    tax_included: bool  # whether the prices of its lines have their tax in them
    total: int
    lines: tuple[Line, ...]
    buyer_name: str = ""
    buyer_email: str = ""
    buyer_phone: str = ""
    billing: Address = Address()
    shipping: Address = Address()
    shipping_method: str = ""
    note: str = ""

    def digest(self) -> bytes:
        """SHA-256 of the content. Its `updated_at` is no part of it: marketplaces move that without a change."""
        return hashlib.sha256(msgspec.msgpack.encode(msgspec.structs.replace(self, updated_at=0))).digest()


class Orders(msgspec.Struct, frozen=True):
    """A page of orders. `cursor` may be kept once the page is durable; reading goes on from it, with an overlap."""

    items: tuple[Order, ...]
    cursor: str


class Listings(msgspec.Struct, frozen=True):
    """A page of listings; `cursor` as in `Orders`."""

    items: tuple[Listing, ...]
    cursor: str
