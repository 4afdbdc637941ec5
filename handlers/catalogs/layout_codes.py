"""The codes of files as shops export them: products on several lines, and what their cells name."""

from typing import Final

from daemon.errors import Code

TABLE: Final = (
    Code(
        "F-NAMED-COLUMNS",
        "error",
        "The rows name more than {value} different options and attributes, more than are allowed; leave some out.",
        "Cells that name options or attributes of a product name more different ones than a file may have columns.",
        "Look whether texts stand in the cells that should hold names of options; leave out what nobody needs.",
    ),
    Code(
        "F-INHERITED",
        "error",
        "With all that its lines inherit from their products, the file has more than {value} bytes; split it.",
        "Very many variants inherit very long texts from their products.",
        "Split the file, each part with whole products, or shorten the descriptions.",
    ),
    Code(
        "H-IMAGE-PATHS",
        "warning",
        "Images such as “{detail}” are paths inside the shop and not read; send web addresses to have them offered.",
        "The shop exports where its images lie on its own disk, not their addresses.",
        "Write the full addresses, beginning with https://, before you send the file.",
    ),
)
