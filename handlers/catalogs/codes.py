"""Every code a catalog file can be answered with: the sentence for its sender, the cause, the cure."""

from collections.abc import Sequence
from typing import Final

from daemon.errors import Code, Refused
from handlers.catalogs import container_codes, layout_codes, record_codes

ERROR: Final = "error"
WARNING: Final = "warning"

_TABLE = (
    Code(
        "F-FORMAT",
        ERROR,
        "Files that end in {value} are not read as catalog files; send .csv, .tsv, .txt, .xlsx, .json, .ndjson or "
        ".xml, also as .gz or .zip.",
        "The name of the file ends in a suffix no format is known for.",
        "Export the catalog as CSV and send it again.",
    ),
    Code(
        "F-EMPTY",
        ERROR,
        "The file is empty; send it again with a header line and at least one row.",
        "The file has no bytes, or nothing but blanks and empty lines.",
        "Check the export that wrote it and send it again.",
    ),
    Code(
        "F-ENCODING",
        ERROR,
        "Line {detail} is not text in {value}; save the file as UTF-8 (in a spreadsheet: “CSV UTF-8”) and "
        "send it again.",
        "The file is neither UTF-8 nor UTF-16 with a byte order mark, and not the account's fallback encoding either.",
        "Save it as UTF-8, or have the account's `encoding` set to what your system writes.",
    ),
    Code(
        "F-NUL",
        ERROR,
        "Line {detail} holds a NUL character, which no text has; save the file as UTF-8 and send it again.",
        "The file was damaged on its way, is no text at all, or is UTF-16 without a byte order mark.",
        "Write it again as UTF-8.",
    ),
    Code(
        "F-QUOTE",
        ERROR,
        "The record that begins on line {detail} has an opening quote that is never closed; close it, or "
        "write it twice if it is meant.",
        "A cell begins with a quote and the closing one is missing, so that the rest of the file would be one cell.",
        "Close the quote on that line; a quote inside a quoted cell is written twice.",
    ),
    Code(
        "F-CELL-SIZE",
        ERROR,
        "A cell on line {detail} is larger than {value} bytes; shorten it and send the file again.",
        "A cell exceeds the largest size the operator allows.",
        "Shorten the cell, or ask the operator for a higher limit.",
    ),
    Code(
        "F-ROWS",
        ERROR,
        "The file has more than {value} rows; split it and send the parts one after the other.",
        "The file has more rows than the operator allows in one file.",
        "Split the file, each part with the header line.",
    ),
    Code(
        "F-COLUMNS",
        ERROR,
        "The header has {detail} columns, more than the {value} that are allowed; leave some out.",
        "The header names more columns than the operator allows.",
        "Leave out the columns nobody needs.",
    ),
    Code(
        "F-NO-ROWS",
        ERROR,
        "The file has no rows; send it again with at least one.",
        "Below the header are only empty lines, or the list of products is empty.",
        "Check the export that wrote it and send it again.",
    ),
    Code(
        "H-NO-COLUMNS",
        ERROR,
        "The file names no column we know; begin it with a header such as sku,title,price, or name the fields of its "
        "objects so.",
        "None of the first ten lines, and no field of JSON or XML, has the name of a known column.",
        "Put a header line with our column names above the rows, or have your own names mapped.",
    ),
    Code(
        "H-NO-HEADER",
        ERROR,
        "The header names {value} but no sku; add a column “sku” that tells which item a row is about.",
        "Known columns were found in the first ten lines, but not the one that is required.",
        "Name the column with your item numbers “sku”.",
    ),
    Code(
        "H-DOUBLED-COLUMN",
        ERROR,
        "The header names {field} and {detail}, which are the same column; keep one of them.",
        "Two names in the header are one column once case, spaces, _ and - are left aside.",
        "Rename or remove one of the two.",
    ),
    Code(
        "H-NAME-LENGTH",
        ERROR,
        "The name of column {detail} in the header is longer than {value} characters; shorten it.",
        "A name in the header is longer than any name is: mostly a cell without its closing quote, or a text.",
        "Shorten the name; check that the first line of the file is a header.",
    ),
    Code(
        "H-UNKNOWN-COLUMN",
        WARNING,
        "We do not know these columns and keep them as attributes: {field}. Correct a name that is misspelt, or in "
        "another language, such as Titel for title; or say by catalog.mapping what the columns mean.",
        "The header holds names that are no columns of ours.",
        "Nothing, if they are meant as attributes; else correct the names.",
    ),
    Code(
        "H-BLANK-COLUMN",
        WARNING,
        "Columns without a name are not read: column {detail}. Give each a name, or remove it.",
        "The header has blank cells.",
        "Give each column a name, or remove it.",
    ),
    Code(
        "R-CELLS",
        ERROR,
        "The line does not fit the header: {detail}; add or remove cells, and quote cells that hold the delimiter.",
        "A line has fewer or more cells than the header, mostly for a delimiter inside a cell without quotes.",
        "Give the line as many cells as the header has.",
    ),
    Code(
        "R-DOUBLED-SKU",
        WARNING,
        "“{value}” stands again on line {detail}: that line counts, this one was ignored.",
        "The file names the same sku on several lines.",
        "Keep one line for each sku.",
    ),
    Code(
        "R-SKU-MISSING",
        ERROR,
        "The sku is blank; every row needs the item number it is about.",
        "The cell in the column sku is blank.",
        "Fill in the sku, or remove the row.",
    ),
    Code(
        "R-SKU-LENGTH",
        ERROR,
        "The sku has {detail} characters; it may have at most 128.",
        "A sku is longer than 128 characters.",
        "Use a shorter sku.",
    ),
    Code(
        "R-UNKNOWN-SKU",
        ERROR,
        "We have no item “{value}”, and the file has no column title to create it with; correct the sku, "
        "or send a title.",
        "A file without the column title names an item that does not exist.",
        "Correct the sku, or create the item with a file that has a title column.",
    ),
    Code(
        "R-OTHER-LANGUAGE",
        ERROR,
        "We have no item “{value}” that this text in another language ({detail} is the account's) could belong to; "
        "send the item in the account's language first, or leave the language out.",
        "A row in another language than the account's only adds texts to an item, and there is no such item.",
        "Send the item in the account's language, in the same file or before; or set the account's language.",
    ),
    Code(
        "R-ZEROS-LOST",
        ERROR,
        "We have no item “{value}”, but “{detail}”: the zeros at the beginning differ; write the sku with the zeros "
        "it has.",
        "A spreadsheet took the sku for a number and dropped its leading zeros, or a program filled it up with some.",
        "Format the column as text before the file is opened or saved, and write the zeros back.",
    ),
    Code(
        "R-TITLE-MISSING",
        ERROR,
        "The title is blank; write the title of the item (mode partial leaves the title of known items as it is).",
        "A new item has no title, or a row would clear the title of a known one.",
        "Fill in the title.",
    ),
    Code(
        "R-LENGTH",
        ERROR,
        "{field} is longer than allowed: {detail}; shorten it.",
        "A text has more characters than its column may hold.",
        "Shorten the text.",
    ),
    Code(
        "R-GTIN",
        ERROR,
        "“{value}” in {field} cannot be right: {detail}; copy it anew, into a column formatted as text.",
        "A GTIN has 8, 12, 13 or 14 digits, the last of them a check digit; spreadsheets like to spoil long "
        "numbers, and skus that look like numbers (4.00638E+12).",
        "Copy the number from the package; in a spreadsheet format the column as text.",
    ),
    Code(
        "R-NUMBER",
        ERROR,
        "“{value}” in {field} is not a number we can read: {detail}.",
        "A cell that must hold a number holds something else, or more decimal places than are kept.",
        "Write digits and one decimal sign, such as 12.50, at most 4 places, without currency.",
    ),
    Code(
        "R-AMBIGUOUS-NUMBER",
        ERROR,
        "“{value}” in {field} can be read two ways: as thousands or with three decimal places; write it "
        "without thousands sign, or with two or four places.",
        "One sign with three digits behind it, and neither the account's `decimal` nor other cells of the "
        "file tell which it is.",
        "Write 1234 or 1.2340, or have the account's `decimal` set.",
    ),
    Code(
        "R-NEGATIVE",
        ERROR,
        "“{value}” in {field} is negative; it must be 0 or more.",
        "A price, cost, rate or weight below zero.",
        "Write the amount without the minus sign, or leave the cell blank.",
    ),
    Code(
        "R-PERCENT",
        ERROR,
        "“{value}” in {field} is not a percentage; write a number from 0 to 100, such as 19.",
        "A tax rate above 100.",
        "Write the rate in percent.",
    ),
    Code(
        "R-CURRENCY",
        ERROR,
        "“{value}” in {field} is no currency; write its three letters, such as EUR or USD.",
        "A currency is not one of ISO 4217.",
        "Use the ISO code, or leave the cell blank for the account's currency.",
    ),
    Code(
        "R-YESNO",
        ERROR,
        "“{value}” in {field} is neither yes nor no; write yes or no, true or false, 1 or 0.",
        "A yes/no cell holds another word.",
        "Write yes or no (also in German or French), true or false, on or off, 1 or 0.",
    ),
    Code(
        "R-URL",
        ERROR,
        "“{detail}” in {field} is no web address; write it in full, beginning with https:// or http://.",
        "A link or image address is incomplete or holds characters an address cannot have.",
        "Write the full address; put a blank or | between several images.",
    ),
    Code(
        "R-UNIT",
        ERROR,
        "“{detail}” in {field} is no unit of weight we know; use kg, g, lb or oz.",
        "The unit of a weight is unknown, or the cell and the column weight_unit name different ones.",
        "Use kg, g, lb or oz, the same one in both columns.",
    ),
    Code(
        "R-LANGUAGE",
        ERROR,
        "“{value}” in {field} is no language; write its code, such as en, de or pt-BR.",
        "A language is not written as in BCP 47.",
        "Write the code of the language.",
    ),
    Code(
        "R-ACTION",
        ERROR,
        "“{value}” in {field} is no action; leave the cell blank, or write merge, delete or ignore.",
        "The column action holds another word.",
        "Leave it blank, or write merge, delete or ignore.",
    ),
    Code(
        "R-PRICE-ZERO",
        WARNING,
        "{field} is 0: it is stored, but never offered; write the price, or leave the cell blank.",
        "A price of 0 is mostly a mistake.",
        "Write the price, or leave the cell blank.",
    ),
    Code(
        "R-QUANTITY-NEGATIVE",
        WARNING,
        "“{value}” in {field} is negative and was read as 0; write 0 if there is none.",
        "Stock below zero, as systems write it that have oversold.",
        "Nothing, or write 0.",
    ),
    Code(
        "R-DELETE-UNKNOWN",
        WARNING,
        "“{value}” cannot be deleted: we have no such item; correct the sku, or leave the row out.",
        "A row with the action delete names an item that does not exist, or no longer does.",
        "Nothing, or correct the sku.",
    ),
)

_TABLES: Final = (_TABLE, container_codes.TABLE, layout_codes.TABLE, record_codes.TABLE)
CODES: Final[dict[str, Code]] = {code.name: code for table in _TABLES for code in table}

_SHOWN = 60  # characters of a cell that a sentence repeats


def severity(code: str) -> str:
    """ "error" or "warning"; KeyError for a code that is not in the table."""
    return CODES[code].severity


def explain(code: str, field: str, value: str, detail: str | None) -> str:
    """The sentence for one fault, for the sender. A long `value` is cut, line breaks in it become blanks."""
    shown = " ".join(value.split())
    if len(shown) > _SHOWN:
        shown = shown[: _SHOWN - 1] + "…"
    return CODES[code].text.format(field=field, value=shown, detail=detail or "")


def refusal(code: str, field: str = "", value: object = "", detail: object = "", header: Sequence[str] = ()) -> Refused:
    """The exception that refuses the file as a whole, with the sentence of `code`; `header`: what was judged as one."""
    return Refused(code, CODES[code].text.format(field=field, value=value, detail=detail), header)
