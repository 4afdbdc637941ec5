"""The table of hostile and of mistaken files: what is sent, the code of the answer, and what its sentence must name."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from daemon.messages import Limits, Rules

Content = bytes | Callable[[Path], object]


@dataclass(frozen=True)
class Case:
    """A file `name` with `content` (bytes, or a function that writes it).

    `code` is that of the whole file or of a row or warning, "" for a file that is taken without a word; `says` are
    words that its sentence must hold; `stored` is what must have come of rows that were taken, by sku.
    """

    name: str
    content: Content
    code: str = ""
    says: tuple[str, ...] = ()
    stored: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    known: tuple[str, ...] = ()
    rules: Rules | None = None
    limits: Limits | None = None

    @property
    def suffix(self) -> str:
        return "." + self.name.rpartition(".")[2]


HEAD = b"sku,title,price,quantity\n"
GOOD = HEAD + b"A,Lamp,12.50,3\n"
LAMP = {"A": {"title": "Lamp", "price": 125000, "quantity": 3}}


def row(price: str = "1.00", quantity: str = "1", sku: str = "A", more: str = "") -> bytes:
    """A file of one row, divided by semicolons."""
    return f"sku;title;price;quantity\n{sku};Lamp;{price};{quantity}\n{more}".encode()


def priced(amount: int) -> dict[str, dict[str, Any]]:
    """The item A at a price in ten-thousandths."""
    return {"A": {"price": amount}}


NAMES = {
    "an ending nobody reads": Case("a.pdf", b"%PDF-1.7 x", "F-FORMAT", (".pdf", "send .csv")),
    "no ending": Case("catalog", GOOD, "F-FORMAT", ("no suffix", "send .csv")),
    "a PDF that calls itself CSV": Case("a.csv", b"%PDF-1.7\n%\xe2\xe3\n" * 9, "F-CONTENT", (".csv", "a PDF document")),
    "a picture that calls itself CSV": Case("a.csv", b"\x89PNG\r\n\x1a\n" + bytes(99), "F-CONTENT", ("a picture",)),
    "CSV that calls itself a workbook": Case("a.xlsx", GOOD, "F-CONTENT", (".xlsx", "text, as in a CSV file")),
    "CSV that calls itself gzip": Case("a.csv.gz", GOOD, "F-CONTENT", (".gz", "text, as in a CSV file")),
    "an old workbook": Case(
        "a.xls", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), "F-FORMAT", (".xls", "send .csv")),
    "an old workbook that calls itself a new one": Case(
        "a.xlsx", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(2000), "F-CONTENT", ("before 2007 (.xls)",)),
    "TSV that calls itself CSV is read": Case("a.csv", GOOD.replace(b",", b"\t"), stored=LAMP),
    "semicolons in a file that calls itself TSV are read": Case("a.tsv", GOOD.replace(b",", b";"), stored=LAMP),
    "capitals in the ending are read": Case("A.CSV", GOOD, stored=LAMP),
}  # fmt: skip

BYTES = {
    "nothing": Case("a.csv", b"", "F-EMPTY", ("empty", "header line")),
    "a first line for spreadsheets alone": Case("a.csv", b"sep=;", "F-EMPTY", ("empty",)),
    "blanks only": Case("a.csv", b" \r\n\t\r\n" * 50, "F-EMPTY", ("empty",)),
    "a header alone": Case("a.csv", HEAD, "F-NO-ROWS", ("no row", "send it again")),
    "a NUL byte": Case("a.csv", GOOD + b"B,La\0mp,1,1\n", "F-NUL", ("Line 3", "UTF-8")),
    "nothing but NUL bytes": Case("a.csv", bytes(1 << 20), "F-NUL", ("Line 1",)),
    "NUL bytes behind the rows": Case("a.csv", GOOD + bytes(4096), "F-NUL", ("Line 3",)),
    "a lone quote that swallows the file": Case(
        "a.csv", GOOD + b'B,"Lamp,1,1\n' + b"C,Lamp,1,1\n" * 500_000, "F-QUOTE", ("line 3", "close it")),
    "a lone quote in the header": Case(
        "a.csv", b'sku,"title,price\n' + b"C,Lamp,1\n" * 50_000, "F-QUOTE", ("line 1", "close it")),
    "a lone quote on the last line": Case("a.csv", GOOD + b'B,"Lamp,1,1\n', "F-QUOTE", ("line 3",)),
    "a quote inside a cell is only a sign": Case(
        "a.csv", HEAD + b'A,5" Lamp,12.50,3\n', stored={"A": {"title": '5" Lamp'}}),
    "a cell of 10 MB": Case(
        "a.csv", GOOD + b"B," + b"x" * 10_000_000 + b",1,1\n", "F-CELL-SIZE", ("line 3", "shorten it")),
    "a quoted cell of 10 MB": Case(
        "a.csv", GOOD + b'B,"' + b"x\n" * 5_000_000 + b'",1,1\n', "F-CELL-SIZE", ("line 3", "shorten it")),
    "a name of 10 MB in the header": Case("a.csv", b"sku," + b"x" * 10_000_000 + b"\nA,1\n", "F-ROW-SIZE", ("Row 1",)),
    "a name of 300 signs in the header": Case(
        "a.csv", b"sku," + b"x" * 300 + b"\nA,1\n", "H-NAME-LENGTH", ("column 2", "255", "shorten it")),
    "a quoted cell of 10 MB that never ends": Case(
        "a.csv", GOOD + b'B,"' + b"x\n" * 5_000_000, "F-QUOTE", ("line 3", "close it")),
    "a line of 200 MB": Case(
        "a.csv", lambda path: path.write_bytes(GOOD + b"B," + b"x" * 200_000_000), "F-CELL-SIZE", ("line 3",)),
    "a row of many large cells": Case(
        "a.csv",
        b"sku" + b"".join(b",c%d" % n for n in range(29)) + b"\nA\nB" + (b"," + b"x" * 900_000) * 29 + b"\n",
        "F-ROW-SIZE", ("Row 3", "shorten")),
    "a surplus cell of 10 MB": Case(
        "a.csv", GOOD + b"B,x,1,1," + b"x" * 10_000_000 + b"\n", "F-CELL-SIZE", ("line 3",)),
    "a million columns": Case(
        "a.csv", b"sku" + b",x" * 1_000_000 + b"\nA" + b",1" * 1_000_000 + b"\n",
        "F-COLUMNS", ("1000", "leave some out")),
    "a million cells below a short header": Case(
        "a.csv", GOOD + b"B" + b",x" * 1_000_000 + b"\n", "R-CELLS", ("4 cells", "1000001")),
    "a line of 60 MB": Case("a.csv", b"sku" * 20_000_000, "H-NO-COLUMNS", ("column we know",)),
    "two columns that fold to one name": Case(
        "a.csv", b"sku,List Price,list_price\nA,1,2\n",
        "H-DOUBLED-COLUMN", ("“List Price” and “list_price”", "keep one")),
    "the same column twice": Case("a.csv", b"sku,price,price\nA,1,2\n", "H-DOUBLED-COLUMN", ("keep one",)),
    "no known column": Case(
        "a.csv", b"colour,shape\nred,round\n", "H-NO-COLUMNS", ("column we know", "sku,title,price")),
    "no sku": Case("a.csv", b"title,price\nLamp,1\n", "H-NO-HEADER", ("title, price", "add a column “sku”")),
}  # fmt: skip

UMLAUTS = "sku;title;price\nA;Käsespätzle für 5 €;1,50\n"
CHEESE = {"A": {"title": "Käsespätzle für 5 €", "price": 15000}}
ENCODINGS = {
    "UTF-16 with its mark": Case("a.csv", UMLAUTS.encode("utf-16"), stored=CHEESE),
    "UTF-16 without a mark": Case("a.csv", UMLAUTS.encode("utf-16-le"), "F-NUL", ("Line 1", "UTF-8")),
    "UTF-16 the other way round, without a mark": Case("a.csv", UMLAUTS.encode("utf-16-be"), "F-NUL", ("Line 1",)),
    "UTF-16 that breaks off within a sign": Case(
        "a.csv", b"\xff\xfe" + UMLAUTS.encode("utf-16-le")[:-1], "F-ENCODING", ("utf-16", "UTF-8")),
    "umlauts in cp1252": Case("a.csv", UMLAUTS.encode("cp1252"), stored=CHEESE),
    "umlauts in UTF-8 with its mark": Case("a.csv", UMLAUTS.encode("utf-8-sig"), stored=CHEESE),
    "a mark of UTF-8 before cp1252": Case(
        "a.csv", b"\xef\xbb\xbf" + UMLAUTS.encode("cp1252"), "F-ENCODING", ("Line 2", "UTF-8")),
    "bytes that are text nowhere": Case("a.csv", GOOD + b"B,\x81\x8d,1,1\n", "F-ENCODING", ("Line 3", "UTF-8")),
    "line ends of an old Macintosh": Case("a.csv", GOOD.replace(b"\n", b"\r"), stored=LAMP),
    "line ends of Windows": Case("a.csv", GOOD.replace(b"\n", b"\r\n"), stored=LAMP),
    "all line ends in one file": Case(
        "a.csv", b"sku,title\rA,one\r\nB,two\nC,three\r", stored={"A": {"title": "one"}, "C": {"title": "three"}}),
    "a line end in a cell": Case("a.csv", b'sku,title\nA,"one\r\ntwo"\n', stored={"A": {"title": "one\r\ntwo"}}),
}  # fmt: skip

VALUES = {
    "leading zeros lost": Case(
        "a.csv", b"sku,quantity\n123,5\n", "R-ZEROS-LOST", ("“123”", "“00123”", "zeros"), known=("00123",)),
    "leading zeros lost, with a title": Case(
        "a.csv", b"sku,title\n123,Lamp\n", "R-ZEROS-LOST", ("“123”", "“0123”"), known=("0123",)),
    "leading zeros too many": Case("a.csv", b"sku,quantity\n00123,5\n", "R-ZEROS-LOST", ("“123”",), known=("123",)),
    "a GTIN as a spreadsheet spoils it": Case(
        "a.csv", b"sku,title,gtin\nA,Lamp,4.00638E+12\n", "R-GTIN", ("4.00638E+12", "gtin")),
    "a sku as a spreadsheet spoils it": Case(
        "a.csv", b"sku,title\n4.00638E+12,Lamp\n", "R-GTIN", ("4.00638E+12", "sku", "as text")),
    "a price as a spreadsheet spoils it": Case("a.csv", row("4.00638E+12"), "R-NUMBER", ("4.00638E+12", "price")),
    "thousands and decimals as Germans write them": Case("a.csv", row("1.234,56"), stored=priced(12345600)),
    "thousands and decimals as Americans write them": Case("a.csv", row('"1,234.56"'), stored=priced(12345600)),
    "a number that can be read two ways": Case(
        "a.csv", row("1,234"), "R-AMBIGUOUS-NUMBER", ("1,234", "price", "two ways")),
    "the same, where another cell tells": Case("a.csv", row("1,234", more="B;Lamp;9,99;1\n"), stored=priced(12340)),
    "the same, where the account tells": Case("a.csv", row("1,234"), stored=priced(12340000), rules=Rules(decimal=".")),
    "cells that contradict each other": Case(
        "a.csv", row("1,234", more="B;Lamp;9,99;1\nC;Lamp;9.99;1\n"), "R-AMBIGUOUS-NUMBER", ("1,234",)),
    "yes and no in German": Case(
        "a.csv", b"sku;title;visible\nA;Lamp;WAHR\nB;Lamp;FALSCH\n",
        stored={"A": {"visible": 1}, "B": {"visible": 0}}),
    "perhaps": Case(
        "a.csv", b"sku,title,visible\nA,Lamp,perhaps\n", "R-YESNO", ("perhaps", "visible", "write yes or no")),
    "a date where a price belongs": Case("a.csv", row("12.05.2026"), "R-NUMBER", ("12.05.2026", "price")),
    "a date where stock belongs": Case("a.csv", row(quantity="2026-05-12"), "R-NUMBER", ("2026-05-12", "quantity")),
    "a month where a price belongs": Case("a.csv", row("Mai 12"), "R-NUMBER", ("Mai 12", "price")),
    "a price with its currency": Case("a.csv", row("12,50 €"), "R-NUMBER", ("12,50 €", "price")),
    "half a piece": Case("a.csv", row(quantity="1.5"), "R-NUMBER", ("1.5", "quantity")),
    "not a number": Case("a.csv", row("NaN"), "R-NUMBER", ("NaN",)),
    "more than any number": Case("a.csv", row("9" * 400), "R-NUMBER", ("price",)),
    "digits of another script": Case("a.csv", row("١٢"), "R-NUMBER", ("price",)),
    "stock below zero": Case(
        "a.csv", row(quantity="-3"), "R-QUANTITY-NEGATIVE", ("-3", "0"), stored={"A": {"quantity": 0}}),
    "a price below zero": Case("a.csv", row("-3"), "R-NEGATIVE", ("-3", "price")),
    "a price of zero": Case("a.csv", row("0"), "R-PRICE-ZERO", ("price",), stored=priced(0)),
    "a sku of 129 characters": Case("a.csv", row(sku="x" * 129), "R-SKU-LENGTH", ("129", "128")),
    "a sku of 500,000 characters": Case("a.csv", row(sku="x" * 500_000), "R-SKU-LENGTH", ("500000", "128")),
    "a formula as a title": Case(
        "a.csv", b"sku,title\nA,=cmd|' /C calc'!A0\n", stored={"A": {"title": "=cmd|' /C calc'!A0"}}),
    "a script as an address": Case(
        "a.csv", b"sku,title,url\nA,Lamp,javascript:alert(1)\n", "R-URL", ("url", "https://")),
}  # fmt: skip

MISTAKES = {
    "more rows than allowed": Case("a.csv", GOOD * 2, "F-ROWS", ("1 rows", "split it"), limits=Limits(rows=1)),
    "a column nobody knows": Case(
        "a.csv", b"sku,title,colour\nA,Lamp,red\n", "H-UNKNOWN-COLUMN", ("colour", "Correct")),
    "a column without a name": Case("a.csv", b"sku,title,\nA,Lamp,red\n", "H-BLANK-COLUMN", ("column 3", "Give")),
    "a delimiter in a cell without quotes": Case(
        "a.csv", b"sku,title\nA,Lamp, green\n", "R-CELLS", ("2 cells", "has 3", "quote cells")),
    "the same sku on two lines": Case("a.csv", b"sku,title\nA,a\nA,b\n", "R-DOUBLED-SKU", ("“A”", "line 3", "ignored")),
    "no sku in a row": Case("a.csv", b"sku,title\n,Lamp\n", "R-SKU-MISSING", ("sku is blank", "every row needs")),
    "a sku nobody knows": Case("a.csv", b"sku,quantity\nA,1\n", "R-UNKNOWN-SKU", ("“A”", "send a title")),
    "a new item without a title": Case("a.csv", b"sku,title\nA,\n", "R-TITLE-MISSING", ("title is blank", "write")),
    "a brand of 3,000 signs": Case(
        "a.csv", b"sku,title,brand\nA,Lamp," + b"x" * 3000 + b"\n", "R-LENGTH", ("brand", "3000", "shorten it")),
    "a tax rate of 1900": Case("a.csv", b"sku,title,tax_rate\nA,Lamp,1900\n", "R-PERCENT", ("1900", "from 0 to 100")),
    "a currency by its sign": Case("a.csv", "sku,title,currency\nA,Lamp,€\n".encode(), "R-CURRENCY", ("€", "EUR")),
    "a weight in stones": Case("a.csv", b"sku,title,weight\nA,Lamp,3 st\n", "R-UNIT", ("st", "use kg")),
    "a language in words": Case("a.csv", b"sku,title,language\nA,Lamp,german!\n", "R-LANGUAGE", ("german!", "en, de")),
    "an action nobody knows": Case("a.csv", b"sku,title,action\nA,Lamp,destroy\n", "R-ACTION", ("destroy", "delete")),
    "deleting what is not there": Case(
        "a.csv", b"sku,title,action\nA,,delete\n", "R-DELETE-UNKNOWN", ("“A”", "correct the sku")),
}  # fmt: skip

TEXT = {**NAMES, **BYTES, **ENCODINGS, **VALUES, **MISTAKES}
