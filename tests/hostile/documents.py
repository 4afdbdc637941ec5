"""The table goes on: JSON, NDJSON and XML."""

from tests.hostile.cases import LAMP, Case

_PRODUCT = b'{"sku":"A","title":"Lamp","price":12.50,"quantity":3}'
_LINES = _PRODUCT + b"\n"


def _xml(inside: str, before: str = "") -> bytes:
    return f"{before}<products>{inside}</products>".encode()


_ITEM = "<product><sku>A</sku><title>Lamp</title><price>12.50</price><quantity>3</quantity></product>"
_LAUGHS = '<!DOCTYPE p [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;"><!ENTITY c "&b;&b;&b;&b;">]>'

_GOOD = b'{"sku":"G","title":"Good"},'
_GOOD_LINE = b'{"sku":"G","title":"Good"}\n'

JSON = {
    "JSON": Case("a.json", b"[" + _PRODUCT + b"]", stored=LAMP),
    "JSON that calls itself CSV": Case("a.csv", b"[" + _PRODUCT + b"]", "F-CONTENT", (".csv", "JSON")),
    "a web page that calls itself CSV": Case("a.csv", b"\n<!DOCTYPE html><html>", "F-CONTENT", (".csv", "a web page")),
    "a key that stands twice": Case(
        "a.json", b'[{"sku":"A","title":"Lamp","price":1,"price":2}]', "R-DOUBLED-FIELD", ("price", "keep one")),
    "NaN": Case("a.json", b"[" + _GOOD + b'{"sku":"A","title":"Lamp","price":NaN}]', "R-JSON", ("correct it",)),
    "NaN on a line": Case(
        "a.ndjson", b'{"sku":"A","title":"Lamp","price":NaN}\n' + _GOOD_LINE, "R-JSON", ("correct it",)),
    "1e400": Case("a.json", b'[{"sku":"A","title":"Lamp","price":1e400}]', "R-NUMBER", ("1e400", "price")),
    "10,000 levels": Case(
        "a.json", b'[{"sku":"A","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}]", "F-NESTING", ("one within the other",)),
    "10,000 levels on a line": Case(
        "a.ndjson", b'{"sku":"A","x":' + b"[" * 10_000 + b"]" * 10_000 + b"}\n" + _GOOD_LINE, "R-NESTING", ("levels",)),
    "10,000 levels above all": Case("a.json", b"[" * 10_000 + b"]" * 10_000, "F-NESTING", ("one within the other",)),
    "JSON that breaks off": Case("a.json", b"[" + _PRODUCT + b',{"sku":"B"', "F-JSON", ("line 1", "correct it")),
    "a text instead of a list": Case("a.json", b'"products"', "F-CONTENT", (".json",)),
    "a list of texts": Case("a.json", b"[" + _GOOD + b'"A","B"]', "R-OBJECT", ("not an object",)),
    "half a character": Case("a.json", b"[" + _GOOD + b'{"sku":"A","title":"\\ud800"}]', "R-CHARACTER", ("remove it",)),
    "a NUL in JSON": Case("a.json", b"[" + _GOOD + b'{"sku":"A","title":"\\u0000"}]', "R-CHARACTER", ("remove it",)),
    "a text of 10 MB in JSON": Case(
        "a.json", b'[{"sku":"A","title":"' + b"x" * 10_000_000 + b'"}]', "F-ROW-SIZE", ("shorten",)),
    "a million keys": Case(
        "a.json", b'[{"sku":"A"' + b"".join(b',"k%d":1' % number for number in range(1_000_000)) + b"}]",
        "F-ROW-SIZE", ("shorten",)),
    "lines of objects that break off": Case("a.ndjson", _LINES + b'{"sku":"B","ti', "R-JSON", ("correct it",)),
}  # fmt: skip

XML = {
    "XML": Case("a.xml", _xml(_ITEM), stored=LAMP),
    "a DOCTYPE": Case("a.xml", _xml(_ITEM, "<!DOCTYPE products>"), "F-DOCTYPE", ("DOCTYPE", "leave it out")),
    "entities that multiply": Case("a.xml", _xml(_ITEM + "&c;", _LAUGHS), "F-DOCTYPE", ("DOCTYPE", "leave it out")),
    "an entity that is a file": Case(
        "a.xml", _xml("&e;", '<!DOCTYPE p [<!ENTITY e SYSTEM "file:///etc/passwd">]>'), "F-DOCTYPE", ("DOCTYPE",)),
    "an entity nobody declared": Case("a.xml", _xml("&nope;"), "F-DAMAGED", ("damaged",)),
    "100,000 levels": Case("a.xml", _xml("<a>" * 100_000 + "</a>" * 100_000), "F-NESTING", ("one within the other",)),
    "a wrong encoding declared": Case(
        "a.xml", _xml(_ITEM.replace("Lamp", "Lämpchen"), '<?xml version="1.0" encoding="iso-8859-1"?>'),
        "F-DECLARED", ("UTF-8", "send it again")),
    "an encoding nobody knows": Case(
        "a.xml", _xml(_ITEM, '<?xml version="1.0" encoding="klingon"?>'), "F-DAMAGED", ("damaged",)),
    "XML that breaks off": Case("a.xml", _xml(_ITEM)[:-5], "F-DAMAGED", ("damaged", "send it again")),
    "a text of 10 MB in XML": Case("a.xml", _xml(_ITEM.replace("Lamp", "x" * 10_000_000)), "F-ROW-SIZE", ("shorten",)),
    "XML without a product": Case("a.xml", _xml(""), "F-NO-LIST", ("product",)),
}  # fmt: skip
