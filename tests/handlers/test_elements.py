"""XML: products as elements with fields of their own, shop feeds, and what is hostile in markup."""

from pathlib import Path
from xml.etree import ElementTree
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from daemon.errors import Refused
from daemon.messages import Limits, Rules
from daemon.records import Source
from handlers import catalogs
from tests.handlers.records import check, read


def written(path: Path, text: str | bytes) -> Path:
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def cells(folder: Path, inner: str) -> dict[str, str]:
    """The fields of a product with this inside."""
    (found,) = read(written(folder / "x.xml", f"<products><product><sku>A</sku>{inner}</product></products>")).cells
    assert found.pop("sku") == "A"
    return found


def test_each_product_has_its_own_fields_and_its_line(tmp_path: Path) -> None:
    text = """<?xml version="1.0" encoding="UTF-8"?>
<catalog xmlns="urn:x"><head><title>of the catalog</title></head>
  <products>
    <product><sku>A</sku><title>Lamp &amp; shade</title><brand/></product>

    <product sku="B"
      price="1.50"/>
  </products></catalog>"""
    found = read(written(tmp_path / "x.xml", text))
    assert found.cells == [
        {"sku": "A", "title": "Lamp & shade", "brand": ""},
        {"sku": "B", "price": "1.50"},
    ]
    assert found.lines == [4, 6]
    assert found.opened.format == "xml"
    assert "_object" not in found.frame.columns


def test_products_on_one_line_are_told_apart_and_told_by_that_line(tmp_path: Path) -> None:
    text = "<products>" + "".join(f"<product><sku>S{at}</sku></product>" for at in range(20_000)) + "\n</products>"
    found = read(written(tmp_path / "x.xml", text))
    assert found.lines == [1] * 20_000


def test_children_of_the_root_are_products_if_nothing_is_called_one(tmp_path: Path) -> None:
    text = "<stock><lamp><sku>A</sku><quantity>1</quantity></lamp><chair><sku>B</sku></chair></stock>"
    assert read(written(tmp_path / "x.xml", text)).cells == [{"sku": "A", "quantity": "1"}, {"sku": "B"}]


@pytest.mark.parametrize(
    ("inner", "expected"),
    [
        ("<attributes><color>red</color></attributes>", {"attribute:color": "red"}),
        ('<attribute name="color">red</attribute>', {"attribute:color": "red"}),
        (
            '<attributes><attribute name="a">1</attribute><attribute name="b">2</attribute></attributes>',
            {"attribute:a": "1", "attribute:b": "2"},
        ),
        ("<options><option><name>Size</name><value>L</value></option></options>", {"option:Size": "L"}),
        ('<price currency="EUR">1.50</price>', {"price": "1.50", "currency": "EUR"}),
        ('<price connection="ebay">1.50</price>', {"price:ebay": "1.50"}),
        ("<prices><ebay>1</ebay><shop>2</shop></prices>", {"price:ebay": "1", "price:shop": "2"}),
        ('<weight unit="g">5</weight>', {"weight": "5", "weight_unit": "g"}),
        ('<title lang="en">Lamp</title>', {"title": "Lamp", "attribute:title lang": "en"}),
        ("<images><image>http://a/1</image><image>http://a/2</image></images>", {"images": "http://a/1|http://a/2"}),
        ('<images><image src="http://a/1"/></images>', {"images": "http://a/1"}),
        ("<categories><category>A > B</category><category>C</category></categories>", {"category": "A > B | C"}),
        ("<channels><channel>shop</channel><channel>ebay</channel></channels>", {"channels": "shop;ebay"}),
        ("<shipping><price>5</price></shipping>", {"shipping:price": "5"}),
        ("<tag>a</tag><tag>b</tag>", {"tag": "a; b"}),
        ("<description><![CDATA[<b>bold</b>]]></description>", {"description": "<b>bold</b>"}),
        ("<description>Some <b>bold</b> <i>text</i>.</description>", {"description": "Some bold text."}),
        ('<brand xmlns:x="http://www.w3.org/2001/XMLSchema-instance" x:nil="true"/>', {"brand": ""}),
        ("<title>\n  <!-- none --> Lamp\n</title>", {"title": "\n   Lamp\n"}),
    ],
)
def test_what_is_nested_becomes_flat(tmp_path: Path, inner: str, expected: dict[str, str]) -> None:
    assert cells(tmp_path, inner) == expected


FEED = """<?xml version="1.0"?>
<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel>
<title>Shop</title><link>https://a.example</link><description>All we sell</description>
<item><sku>1</sku>
 <g:id>A-1</g:id><title>of the feed</title><g:title>Lamp</g:title><link>https://a.example/1</link>
 <g:price>12.50 EUR</g:price><g:sale_price>10.00 EUR</g:sale_price>
 <g:image_link>https://a.example/1.jpg</g:image_link>
 <g:additional_image_link>https://a.example/2.jpg</g:additional_image_link>
 <g:additional_image_link>https://a.example/3.jpg</g:additional_image_link>
 <g:shipping><g:country>DE</g:country><g:price>4.90 EUR</g:price></g:shipping>
 <g:shipping><g:country>AT</g:country><g:price>9.90 EUR</g:price></g:shipping>
</item></channel></rss>"""


ATOM = {
    '<rss xmlns:g="http://base.google.com/ns/1.0" version="2.0"><channel>': '<feed xmlns="http://www.w3.org/2005/Atom" '
    'xmlns:g="http://base.google.com/ns/1.0">',
    "</channel></rss>": "</feed>",
    "item>": "entry>",
    "<link>https://a.example/1</link>": '<link href="https://a.example/1" rel="alternate"/>',
    "<sku>1</sku>": "<sku>1</sku><id>tag:a.example,2026:1</id>",
}


def test_a_shop_feed_reads_like_its_tsv_and_shipping_is_not_the_price(tmp_path: Path) -> None:
    expected = {
        "sku": "1", "id": "A-1", "title": "Lamp", "link": "https://a.example/1", "price": "12.50 EUR",
        "sale_price": "10.00 EUR", "image_link": "https://a.example/1.jpg",
        "additional_image_link": "https://a.example/2.jpg|https://a.example/3.jpg",
        "shipping:country": "DE; AT", "shipping:price": "4.90 EUR; 9.90 EUR",
    }  # fmt: skip
    assert read(written(tmp_path / "x.xml", FEED)).cells == [expected]
    atom = FEED
    for rss, other in ATOM.items():
        atom = atom.replace(rss, other)
    assert read(written(tmp_path / "y.xml", atom)).cells == [expected]


def test_variants_take_what_they_leave_blank_and_their_product_is_none(tmp_path: Path) -> None:
    text = """<products><product><sku>P</sku><title>Shirt</title><brand>Acme</brand>
      <variants><variant><sku>P-S</sku><brand/><option name="size">S</option></variant>
                <variant sku="P-L"><title>Large</title></variant></variants></product>
      <product><sku>Q</sku><title>T</title><variation><sku>Q-1</sku></variation></product></products>"""
    found = read(written(tmp_path / "x.xml", text))
    assert found.cells == [
        {"sku": "P-S", "title": "Shirt", "brand": "Acme", "group_id": "P", "option:size": "S"},
        {"sku": "P-L", "title": "Large", "brand": "Acme", "group_id": "P"},
        {"sku": "Q-1", "title": "T", "group_id": "Q"},
    ]
    assert found.lines == [1, 1, 4]
    assert check(found).rows["sku"].to_list() == ["P-S", "P-L", "Q-1"]


def test_a_product_with_a_fault_is_rejected_alone(tmp_path: Path) -> None:
    text = (
        "<products><product><sku>A</sku><title>a</title><title>b</title></product>\n"
        "<product>only text</product>\n<product><sku>C</sku><title>c</title></product></products>"
    )
    found = read(written(tmp_path / "x.xml", text))
    checked = check(found)
    assert [(row[0], row[1], row[2]) for row in checked.faults.rows()] == [
        (1, "title", "R-SEVERAL"),
        (2, "", "R-OBJECT"),
    ]
    assert checked.rows["sku"].to_list() == ["C"]


ENTITIES = '<!DOCTYPE p [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>'


@pytest.mark.parametrize(
    ("text", "code", "says"),
    [
        (b"", "F-EMPTY", "empty"),
        (b" \n", "F-EMPTY", "empty"),
        (b"<products></products>", "F-NO-LIST", "product"),
        (b"<products>text</products>", "F-NO-LIST", "product"),
        (b"<products><product><sku>A</sku></product>", "F-DAMAGED", "line 1"),
        (b"<products>\n<product><sku>A</product></products>", "F-DAMAGED", "line 2"),
        (f"{ENTITIES}<products><product><sku>&b;</sku></product></products>".encode(), "F-DOCTYPE", "DOCTYPE"),
        (b'<!DOCTYPE p SYSTEM "file:///etc/passwd"><products/>', "F-DOCTYPE", "DOCTYPE"),
        (b"<products><product><sku>&nbsp;</sku></product></products>", "F-DAMAGED", "line 1"),
        (b"<products><product><sku>&#xD800;</sku></product></products>", "F-DAMAGED", "line 1"),
        (b"<products><product><sku>a\x00b</sku></product></products>", "F-DAMAGED", "line 1"),
        (b"<products>" + b"<x>" * 100_000, "F-NESTING", "64"),
        (b"<products><product>" + b"<x>" * 100_000, "F-NESTING", "64"),
        (b"<products><product><sku>M\xfcller</sku></product></products>", "F-DAMAGED", "line 1"),
        (b'<?xml version="1.0" encoding="UTF-16"?><products/>', "F-DAMAGED", "line 1"),
        (b'<?xml version="1.0" encoding="nonsense"?><products/>', "F-DAMAGED", "line 1"),
        (
            '<?xml version="1.0" encoding="ISO-8859-1"?><products><product><sku>Ü</sku></product></products>'.encode(),
            "F-DECLARED",
            "ISO-8859-1",
        ),
        (b'<products><product><t>' + b"x" * 10_000_000 + b"</t></product></products>", "F-ROW-SIZE", "line 1"),
        (b'<products><product>' + b"<t/>" * 1_000_000 + b"</product></products>", "F-ROW-SIZE", "line 1"),
        (b'<products><product x="' + b"x" * 10_000_000 + b'"/></products>', "F-DAMAGED", "tag"),
        (b"<products><product><t>" + b"x" * 2_000_000 + b"</t></product></products>", "F-CELL-SIZE", "line 1"),
        (b"<products>" + b"".join(b"<n%d/>" % at for at in range(30_000)), "F-COLUMNS", "columns"),
        (b"<products>" + b"".join(b"<n a%d='1'/>" % at for at in range(30_000)), "F-COLUMNS", "columns"),
        (b"<products>" + b"".join(b"<n xmlns:a%d='x'/>" % at for at in range(30_000)), "F-COLUMNS", "columns"),
        (b"<products><product><colour>A</colour></product></products>", "H-NO-COLUMNS", "column"),
        (b"sku,title\nA,Lamp\n", "F-CONTENT", "CSV"),
        (b'[{"sku": "A"}]', "F-CONTENT", "JSON"),
    ],
)  # fmt: skip
def test_a_file_that_cannot_be_read_is_refused_with_a_sentence(
    tmp_path: Path, text: bytes, code: str, says: str
) -> None:
    with pytest.raises(Refused) as refused:
        read(written(tmp_path / "x.xml", text))
    assert refused.value.code == code
    assert says.lower() in refused.value.message.lower()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "iso-8859-1", "windows-1252", "iso-8859-15"])
def test_an_encoding_that_is_declared_rightly_is_read(tmp_path: Path, encoding: str) -> None:
    text = f'<?xml version="1.0" encoding="{encoding}"?><products><product><sku>Müller</sku></product></products>'
    assert read(written(tmp_path / "x.xml", text.encode(encoding))).cells == [{"sku": "Müller"}]


@pytest.mark.parametrize("suffix", [".csv", ".txt", ".json", ".tsv"])
def test_markup_under_another_ending_is_named(tmp_path: Path, suffix: str) -> None:
    for text, what in {FEED: "XML", "<!doctype html><title>Login</title>": "web page", '[{"sku":"A"}]': "JSON"}.items():
        if (suffix, what) != (".json", "JSON"):
            with pytest.raises(Refused) as refused:
                read(written(tmp_path / f"x{suffix}", text))
            assert refused.value.code == "F-CONTENT"
            assert what in refused.value.message


def test_limits_hold(tmp_path: Path) -> None:
    three = "<products>" + "<product><sku>A</sku></product>" * 3 + "</products>"
    wide = "<products><product>" + "".join(f"<a{at}>1</a{at}>" for at in range(50)) + "</product></products>"
    for text, limits, code in ((three, Limits(rows=2), "F-ROWS"), (wide, Limits(columns=20), "F-COLUMNS")):
        with pytest.raises(Refused) as refused:
            read(written(tmp_path / "x.xml", text), limits)
        assert refused.value.code == code


_TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc", "Cn"]), max_size=12)
_FIELDS = st.dictionaries(st.sampled_from(["title", "brand", "price", "x", "a.b"]), _TEXT, max_size=4)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(_FIELDS, st.booleans()), min_size=1, max_size=6), st.sampled_from(["", "\n  "]))
def test_what_the_standard_library_reads_is_read(
    tmp_path: Path, records: list[tuple[dict[str, str], bool]], between: str
) -> None:
    made = []
    for at, (fields, inside) in enumerate(records):
        if inside:
            inner = "".join(f"<{name}>{escape(value)}</{name}>{between}" for name, value in fields.items())
            made.append(f"<product sku='S{at}'>{inner}</product>")
        else:
            attributes = " ".join(f"{name}={quoteattr(value)}" for name, value in fields.items())
            made.append(f"<product sku='S{at}' {attributes}/>")
    text = f"<products>{between}{between.join(made)}</products>"
    path = written(tmp_path / "x.xml", text)
    expected = []
    for product in ElementTree.parse(path).getroot():  # noqa: S314 (made above)
        children = {child.tag: child.text or "" for child in product}
        expected.append(dict(product.attrib) | children)
    assert read(path).cells == expected


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.binary(max_size=40) | st.text("<>/&;'\"=! \nskuproducta", max_size=60).map(str.encode),
    st.sampled_from([b"", b"<products>", b"<product><sku>A</sku>"]),
)
def test_whatever_the_bytes_are_they_are_read_or_refused(tmp_path: Path, data: bytes, before: bytes) -> None:
    try:
        found = read(written(tmp_path / "x.xml", before + data))
    except Refused:
        return
    check(found)


def test_a_file_that_is_long_read_before_it_has_records_gives_signs_of_life(tmp_path: Path) -> None:
    product = "<product><sku>S%d</sku><t>" + "x" * 10_000 + "</t></product>\n"
    text = "<products>" + "".join(product % at for at in range(400)) + "</products>"
    for name, whole in {
        "x.xml": text,
        "y.json": "[" + ",".join(f'{{"sku":"S{at}","t":"{"x" * 10_000}"}}' for at in range(400)) + "]",
    }.items():
        source = Source(bytes(written(tmp_path / name, whole)), Limits())
        beats: list[int] = []
        source.beat = lambda: beats.append(1)  # noqa: B023
        catalogs.open(source, name[1:], Rules())
        assert len(beats) > 2
