"""The codes of command files as a whole and of rows that are not understood; a command's own stand with it."""

import difflib
import re
from collections.abc import Iterable

from daemon.errors import Code, Refused

ERROR = "error"
_TELLABLE = re.compile(r"[A-Za-z0-9_.:-]{1,20}|[A-Za-z_.:-]{1,30}")  # what is longer may be a key

CODES: tuple[Code, ...] = (
    Code(
        "C-NO-COMMAND-COLUMN",
        ERROR,
        "No line among the first ten is a header with the column `command`; begin the file with one.",
        "A command file in CSV or XLSX begins with a header: `command`, and a column for each parameter.",
        "Write the header line, as in the examples of the documentation.",
    ),
    Code(
        "C-DOUBLED-COLUMN",
        ERROR,
        "The column {value} stands in the header twice; remove one.",
        "Two columns have the same name, so that nobody can tell which one holds.",
        "Remove or rename one of the two.",
    ),
    Code(
        "C-NOT-A-LIST",
        ERROR,
        'The file is no list of commands ({detail}); write [{{"command": "…", …}}, …], in YAML `- command: …`.',
        "A command file in JSON or YAML is a list, and each entry an object with `command` and its parameters.",
        "Put the commands into a list, as in the examples of the documentation.",
    ),
    Code(
        "C-SYNTAX",
        ERROR,
        "Line {value} is not {detail}; mend it and drop the file again.",
        "The file cannot be read as the format that its name promises.",
        "Let a program check the file, or write it again.",
    ),
    Code(
        "C-NESTING",
        ERROR,
        "The file is nested deeper than {value} levels, or has references (& and *); write it out flat.",
        "No command needs such depth, and references can blow a small file up to any size.",
        "Write each value where it belongs.",
    ),
    Code(
        "C-COMMAND-MISSING",
        ERROR,
        "The row names no command; fill its cell `command`.",
        "The cell `command` is blank.",
        "Write the command, or remove the row.",
    ),
    Code(
        "C-UNKNOWN-COMMAND",
        ERROR,
        "{value}. {detail}",
        "The cell `command` holds something that is no command, or one that this version does not have.",
        "Correct it; the documentation has the list of all commands.",
    ),
    Code(
        "C-UNKNOWN-PARAMETER",
        ERROR,
        "The command has no parameter “{value}”. {detail}",
        "A cell is filled in a column that is no parameter of the command of this row.",
        "Correct the name of the column, or leave the cell blank.",
    ),
    Code(
        "C-MISSING-PARAMETER",
        ERROR,
        "Missing: {value}. Fill the cell in the column of that name.",
        "A parameter that the command cannot do without is blank.",
        "Fill it.",
    ),
    Code(
        "C-VALUE",
        ERROR,
        "“{value}” must be {detail}.",
        "A cell does not hold what the parameter needs.",
        "Write what the message says.",
    ),
    Code(
        "C-NOT-CLEARED",
        ERROR,
        "“{value}” cannot be cleared: `null` is only for what is optional. Write a value, or leave the cell blank.",
        "`null` clears an optional value; this one is needed.",
        "Write a value, or leave the cell blank to leave it as it is.",
    ),
    Code(
        "C-SECRET-NUMBER",
        ERROR,
        "“{value}” is a number in the file, which loses leading zeros and long digits: format it as text "
        "(in JSON: in quotes).",
        "A credential in a cell of numbers may not be what was typed in.",
        "In the spreadsheet format the cell as text and type the credential again; in JSON put it in quotes.",
    ),
    Code(
        "C-SURPLUS",
        ERROR,
        "The row has more cells than the header; put a value with a delimiter in it into quotes.",
        "A value holds the delimiter and is not quoted, so that all cells behind it are one too far.",
        'Quote the value ("a,b").',
    ),
    Code(
        "C-TEXT",
        ERROR,
        "A text in this row has characters that no text has (NUL, or half of a pair); write it again.",
        "An escape such as \\u0000 or \\ud800 stands in the file.",
        "Remove it.",
    ),
    Code(
        "C-REQUEST-ID",
        ERROR,
        "`request_id` must be 1 to 100 letters, digits and signs, without blanks.",
        "The key by which a repeated row is recognised cannot be used.",
        "Write another one, or leave the cell blank.",
    ),
    Code(
        "C-REQUEST-ID-REUSED",
        ERROR,
        "This `request_id` was used within the last 30 days for something else; take a new one.",
        "The same key came with other parameters.",
        "Give each new row a key of its own; repeat a row only as it was.",
    ),
    Code(
        "C-TOGETHER",
        ERROR,
        "Not done, because another row that belongs to it was refused (line {value}); mend that one.",
        "Rows that are done together are all done, or none.",
        "Mend the row that is named and drop all of them again.",
    ),
    Code(
        "C-NO-ANSWER",
        ERROR,
        "The other side has not answered within {value} seconds; nothing was done. Try again later.",
        "What the command had to ask first took too long.",
        "Drop the row again.",
    ),
    Code(
        "C-PARTIAL",
        "warning",
        "Rows that were not done: {value} of {detail}. The result file says why; drop those again, mended.",
        "Some rows of the command file were done, others not.",
        "Open the result file, mend the rows that are rejected or failed, and drop only those.",
    ),
    Code(
        "C-NO-ROW-DONE",
        ERROR,
        "None of the {detail} rows was done. The result file says why.",
        "Every row was rejected or failed.",
        "Open the result file, mend the rows, and drop the file again.",
    ),
    Code(
        "C-BUG",
        ERROR,
        "Our program failed on this row ({detail}); nothing of it was done.",
        "Something nobody foresaw; the log names the place.",
        "Send the log lines that carry the upload's id to whoever maintains this installation.",
    ),
    Code(
        "C-KEY",
        ERROR,
        "“{value}” is no key that an account sets itself. {detail}",
        "account.set knows only the keys that an account may decide about.",
        "Correct the key, or ask the operator.",
    ),
    Code(
        "C-UNKNOWN-PROCESS",
        ERROR,
        "There is no process {value}; reports/processes.csv lists those there are.",
        "The id is not that of a process of this account, or it is long over.",
        "Copy the id from reports/processes.csv or from a result file.",
    ),
    Code(
        "C-PROCESS-DONE",
        ERROR,
        "The process {value} has ended already.",
        "What has ended cannot be cancelled.",
        "Nothing needs to be done.",
    ),
)

_TEXTS = {code.name: code.text for code in CODES}


def sentence(name: str, value: object = "", detail: object = "") -> str:
    """The sentence of a code for one case."""
    return _TEXTS[name].format(value=value, detail=detail)


def refusal(name: str, value: object = "", detail: object = "") -> Refused:
    """The exception that refuses a row with the sentence of a code."""
    return Refused(name, sentence(name, value, detail))


def find_close(word: str, known: Iterable[str]) -> str:
    """Which of the known names was probably meant; "" if none is like it."""
    return next(iter(difflib.get_close_matches(word[:60].lower(), list(known), 1, 0.6)), "")


def shown(word: str, known: Iterable[str] = ()) -> str:
    """A name that is not known, as it may be repeated: where columns have slipped it may be a secret."""
    return word if _TELLABLE.fullmatch(word) or find_close(word, known) else "…"
