"""The codes of files that hold other files: workbooks, gzip, zip, and what is wrong with the markup inside."""

from typing import Final

from daemon.errors import Code

TABLE: Final = (
    Code(
        "F-CONTENT",
        "error",
        "The name of the file ends in {value}, but the file is {detail}; send it under the ending it should have.",
        "The first bytes of the file are not those of the format its name promises.",
        "Export the catalog again, and do not change the ending of a file to change its format.",
    ),
    Code(
        "F-PASSWORD",
        "error",
        "The file is protected by a password, so that nobody can read it without you; save it without a password.",
        "A workbook or archive was saved with a password.",
        "Take the password off and send the file again.",
    ),
    Code(
        "F-DAMAGED",
        "error",
        "The file is damaged: {detail}; write it anew and send it again.",
        "A packed file or workbook breaks off, fails its own checksum, or is not built as its format demands.",
        "Open the file; if that works, save it again, else export it again. Check how it was transferred.",
    ),
    Code(
        "F-UNPACKED-SIZE",
        "error",
        "Unpacked, the file has more than the {value} bytes that are allowed; split it and send the parts.",
        "A packed file or workbook becomes larger than the operator allows.",
        "Split the file, each part with the header line.",
    ),
    Code(
        "F-UNPACKED-RATIO",
        "error",
        "Unpacked, the file grows to more than {value} times its size, as no catalog does; send it unpacked, as CSV.",
        "What comes out of a packed file or workbook is out of all proportion to what was sent.",
        "Send the catalog as plain CSV.",
    ),
    Code(
        "F-PARTS",
        "error",
        "The file is an archive of more than {value} parts; save the catalog alone and send it again.",
        "The directory of a zip archive or workbook has more entries than we read.",
        "Put one catalog file into an archive; save a workbook without pictures.",
    ),
    Code(
        "F-PACKING",
        "error",
        "The archive is packed in a way we do not read ({value}); pack it as plain zip or gzip.",
        "A part of a zip archive is neither stored nor deflated, or it was made with what came to zip later.",
        "Pack it with the usual zip, without choosing a method.",
    ),
    Code(
        "F-MEMBERS",
        "error",
        "The archive holds {detail}, and it must hold one; send each catalog file in an archive of its own.",
        "A zip archive holds no file, or several.",
        "Pack one file into each archive.",
    ),
    Code(
        "F-MEMBER-NAME",
        "error",
        "The file in the archive is named “{value}”, which leads out of the archive; pack it under its plain name.",
        "The name of the file in an archive is absolute or holds `..`.",
        "Pack the file from within its folder, so that its name is only a name.",
    ),
    Code(
        "F-NESTED",
        "error",
        "“{value}” is packed twice; pack the catalog file itself, once.",
        "An archive holds another archive.",
        "Unpack the inner archive and send what is in it.",
    ),
    Code(
        "F-DOCTYPE",
        "error",
        "The file has a DOCTYPE in {value}, which we never read; leave it out.",
        "Markup with a document type can name other files and grow without bound, so it is refused unread.",
        "Write the file without a DOCTYPE and without entities of its own.",
    ),
    Code(
        "F-NESTING",
        "error",
        "In {detail} more than {value} levels stand one within the other; write the file as its format demands.",
        "Markup, objects or lists are nested deeper than any catalog is.",
        "Check the program that wrote the file.",
    ),
    Code(
        "F-ROW-SIZE",
        "error",
        "Row {detail} has more than {value} bytes; shorten its texts and send the file again.",
        "The cells of one row, or the names of the header, are together larger than we read.",
        "Shorten the texts of that row.",
    ),
    Code(
        "F-TEXTS",
        "error",
        "The workbook holds more than {value} different texts; split it and send the parts one after the other.",
        "The table of shared texts in a workbook is larger than we read.",
        "Split the workbook, each part with the header row, or send CSV.",
    ),
    Code(
        "F-NO-SHEET",
        "error",
        "Every sheet of the workbook is hidden; show the one with the catalog and send it again.",
        "Hidden sheets are not read, and there is no other.",
        "Show the sheet that is meant.",
    ),
    Code(
        "F-MERGED",
        "error",
        "The cells {value} are merged, so that only the first row has their value; "
        "take the merge off and fill in every row.",
        "Cells of several rows are merged: for all rows but the first they are blank, and blanks clear what is stored.",
        "Unmerge the cells below the header and write the value into each row.",
    ),
    Code(
        "F-FORMULA",
        "error",
        "Row {detail} has a formula without its result; open the workbook in a spreadsheet program, "
        "save it and send it again.",
        "The program that wrote the workbook left the formulas to be worked out by whoever opens it.",
        "Save the workbook once in a spreadsheet program, or write values instead of formulas.",
    ),
    Code(
        "H-OTHER-SHEETS",
        "warning",
        "Only the first visible sheet with a header is read; these were not: {detail}.",
        "The workbook has further sheets with cells in them.",
        "Nothing, if they are no catalogs; else send each sheet as a file of its own.",
    ),
)
