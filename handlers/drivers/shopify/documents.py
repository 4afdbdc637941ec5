"""Every operation that is sent to Shopify."""

from collections.abc import Sequence
from typing import Final

_LINES: Final = "\n  "

CHECK: Final = """query { shop { id name myshopifyDomain currencyCode ianaTimezone taxesIncluded }
  currentAppInstallation { accessScopes { handle } }
  locations(first: 50, includeInactive: false) { nodes { id name fulfillsOnlineOrders } } }"""

METAFIELDS: Final = """query($owner: MetafieldOwnerType!, $n: Int!, $c: String) {
  metafieldDefinitions(ownerType: $owner, first: $n, after: $c) {
    nodes { namespace key name description type { name } validations { name value } }
    pageInfo { hasNextPage endCursor } } }"""

METAOBJECTS: Final = """query($n: Int!, $c: String) { metaobjectDefinitions(first: $n, after: $c) {
    nodes { type name fieldDefinitions { key name description required type { name } validations { name value } } }
    pageInfo { hasNextPage endCursor } } }"""

CATEGORIES: Final = """query($search: String!) { taxonomy { categories(first: 1, search: $search) {
    nodes { id fullName attributes(first: 30) { nodes {
      ... on TaxonomyChoiceListAttribute { id name values(first: 25) { nodes { name } } }
      ... on TaxonomyMeasurementAttribute { id name } } } } } } }"""

_LISTED: Final = "id sku displayName product { id hasOnlyDefaultVariant } inventoryItem { id duplicateSkuCount }"

LISTINGS: Final = f"""query($n: Int!, $c: String, $q: String) {{
  productVariants(first: $n, after: $c, query: $q, sortKey: ID) {{
    nodes {{ {_LISTED} }}
    pageInfo {{ hasNextPage endCursor }} }} }}"""

PUBLICATIONS: Final = "query { publications(first: 30) { nodes { id name } } }"

LINE_ITEMS: Final = """nodes { id sku title quantity currentQuantity variant { id }
      originalUnitPriceSet { shopMoney { amount } }
      discountAllocations { allocatedAmountSet { shopMoney { amount } } }
      taxLines { rate priceSet { shopMoney { amount } } } }
      pageInfo { hasNextPage endCursor }"""

ORDERS: Final = f"""query($n: Int!, $c: String, $q: String) {{
  orders(first: $n, after: $c, query: $q, sortKey: UPDATED_AT) {{ nodes {{
    id name createdAt updatedAt cancelledAt displayFinancialStatus displayFulfillmentStatus currencyCode taxesIncluded
    email phone note currentTotalPriceSet {{ shopMoney {{ amount }} }}
    shippingAddress {{ name company address1 address2 city zip provinceCode countryCodeV2 phone }}
    billingAddress {{ name company address1 address2 city zip provinceCode countryCodeV2 phone }}
    shippingLines(first: 3) {{ nodes {{ id title originalPriceSet {{ shopMoney {{ amount }} }}
      discountedPriceSet {{ shopMoney {{ amount }} }} taxLines {{ rate priceSet {{ shopMoney {{ amount }} }} }} }} }}
    lineItems(first: 10) {{ {LINE_ITEMS} }} }}
  pageInfo {{ hasNextPage endCursor }} }} }}"""

MORE_ITEMS: Final = f"""query($id: ID!, $n: Int!, $c: String) {{
  order(id: $id) {{ lineItems(first: $n, after: $c) {{ {LINE_ITEMS} }} }} }}"""

OLDER: Final = "query($q: String!) { ordersCount(query: $q) { count } }"

SET_STOCK: Final = """mutation($input: InventorySetQuantitiesInput!, $key: String!) {
  inventorySetQuantities(input: $input) @idempotent(key: $key) { userErrors { code field message } } }"""

STOCK_NOW: Final = """query($ids: [ID!]!, $at: ID!) { nodes(ids: $ids) { ... on InventoryItem {
    id inventoryLevel(locationId: $at) { quantities(names: ["available"]) { quantity } } } } }"""

PRICE_NOW: Final = """query($ids: [ID!]!) { nodes(ids: $ids) { ... on ProductVariant { id price compareAtPrice } } }"""


PRODUCTS_NOW: Final = """query($ids: [ID!]!) { nodes(ids: $ids) { ... on Product {
    id status variantsCount { count } } } }"""

DATA_NOW: Final = """query($ids: [ID!]!) { nodes(ids: $ids) { ... on ProductVariant {
    id barcode inventoryItem { measurement { weight { value unit } } }
    product { title descriptionHtml vendor } } } }"""


def set_statuses(products: int) -> str:
    """The mutation that shows or hides so many products."""
    asked = ", ".join(f"$p{n}: ProductUpdateInput!" for n in range(products))
    fields = (f"m{n}: productUpdate(product: $p{n}) {{ userErrors {{ field message }} }}" for n in range(products))
    return f"mutation({asked}) {{\n  {_LINES.join(fields)} }}"


def set_data(wholes: Sequence[int], variants: Sequence[int]) -> str:
    """The mutation that states data of products, and of variants of products, by their numbers."""
    asked = [f"$d{n}: ProductUpdateInput!" for n in wholes]
    asked += [f"$p{n}: ID!, $v{n}: [ProductVariantsBulkInput!]!" for n in variants]
    fields = [f"d{n}: productUpdate(product: $d{n}) {{ userErrors {{ field message }} }}" for n in wholes]
    fields += [_update_variants(n) for n in variants]
    return f"mutation({', '.join(asked)}) {{\n  {_LINES.join(fields)} }}"


def set_prices(products: int) -> str:
    """The mutation that prices the variants of so many products in one request: one field for each product."""
    asked = ", ".join(f"$p{n}: ID!, $v{n}: [ProductVariantsBulkInput!]!" for n in range(products))
    return f"mutation({asked}) {{\n  {_LINES.join(map(_update_variants, range(products)))} }}"


def find_products(sizes: Sequence[int], *, published: bool) -> str:
    """The query for variants that a search finds, and for the products of some handles with so many of their latest
    variants; `published`: and whether they are on a publication."""
    asked = ["$q: String!", "$n: Int!", *(f"$h{n}: String!" for n in range(len(sizes))), *["$at: ID!"] * published]
    more = "publishedOnPublication(publicationId: $at) " if published else ""
    fields = [f"productVariants(first: $n, query: $q) {{ nodes {{ {_LISTED} }} }}"]
    fields += [
        f"p{n}: productByIdentifier(identifier: {{handle: $h{n}}}) {{ id {more}"
        f"variants(first: {size}, sortKey: ID, reverse: true) {{ nodes {{ {_LISTED} }} }} }}"
        for n, size in enumerate(sizes)
    ]
    return f"query({', '.join(asked)}) {{\n  {_LINES.join(fields)} }}"


def add_products(new: Sequence[bool], counts: Sequence[int]) -> str:
    """The mutation that makes products, or adds so many variants to products that are there."""
    asked, fields = [], []
    for n, (is_new, count) in enumerate(zip(new, counts, strict=True)):
        if is_new:
            asked.append(f"$h{n}: ProductSetIdentifiers!, $i{n}: ProductSetInput!")
            fields.append(
                f"m{n}: productSet(identifier: $h{n}, input: $i{n}, synchronous: true) {{ product {{ id "
                f"variants(first: {count}) {{ nodes {{ {_LISTED} }} }} }} userErrors {{ code field message }} }}"
            )
        else:
            asked.append(f"$p{n}: ID!, $v{n}: [ProductVariantsBulkInput!]!")
            fields.append(
                f"m{n}: productVariantsBulkCreate(productId: $p{n}, variants: $v{n}) {{ product {{ id }} "
                f"productVariants {{ {_LISTED} }} userErrors {{ code field message }} }}"
            )
    return f"mutation({', '.join(asked)}) {{\n  {_LINES.join(fields)} }}"


def publish(products: int) -> str:
    """The mutation that lets buyers see so many products."""
    asked = ", ".join(f"$p{n}: ID!" for n in range(products))
    fields = (
        f"m{n}: publishablePublish(id: $p{n}, input: $at) {{ userErrors {{ field message }} }}" for n in range(products)
    )
    return f"mutation($at: [PublicationInput!]!, {asked}) {{\n  {_LINES.join(fields)} }}"


def _update_variants(number: int) -> str:
    return (
        f"m{number}: productVariantsBulkUpdate(productId: $p{number}, variants: $v{number}, "
        "allowPartialUpdates: true) { userErrors { code field message } }"
    )
