"""Prints docs/codes.md from the tables of codes (`make docs`)."""

from collections.abc import Iterable

from daemon import parts
from daemon.errors import Code

_GROUPS = {
    "F": "The file as a whole",
    "H": "The header",
    "R": "Rows",
    "C": "Commands",
    "D": "Connections to marketplaces",
    "S": "The system (for operators)",
}
_BEFORE = """\
# Codes

Every answer names a code and says in a sentence what is wrong, where, and what to do. This page lists all of them;
`tradepost codes` prints the same, `tradepost codes R-GTIN` one of them. An **error** keeps the file or the row from
being taken; a **warning** does not.

This page is made from the tables in the program: change it there, then `make docs`.
"""


def page(codes: Iterable[Code]) -> str:
    """The page as Markdown; `…` stands where a sentence names a cell, a column or a number."""
    found = sorted(codes)
    text = _BEFORE
    for letter, title in _GROUPS.items():
        group = [code for code in found if code.name.startswith(f"{letter}-")]
        if group:
            text += f"\n## {letter}- · {title}\n" + "".join(map(_entry, group))
    return text


def _entry(code: Code) -> str:
    said = code.text.format(field="…", value="…", detail="…").removesuffix("….").strip() or "(what happened, and where)"
    return (
        f"\n### {code.name}\n\n*{code.severity}* · {said}\n\n- **Why:** {code.cause}\n- **What to do:** {code.cure}\n"
    )


if __name__ == "__main__":
    print(page(parts.codes()), end="")
