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

LISTINGS: Final = """query($n: Int!, $c: String, $q: String) {
  productVariants(first: $n, after: $c, query: $q, sortKey: ID) {
    nodes { id sku displayName product { id hasOnlyDefaultVariant } inventoryItem { id duplicateSkuCount } }
    pageInfo { hasNextPage endCursor } } }"""

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


def _update_variants(number: int) -> str:
    return (
        f"m{number}: productVariantsBulkUpdate(productId: $p{number}, variants: $v{number}, "
        "allowPartialUpdates: true) { userErrors { code field message } }"
    )
