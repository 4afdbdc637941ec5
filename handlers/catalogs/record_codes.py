"""The codes of files whose records are objects or elements: JSON, NDJSON and XML."""

from typing import Final

from daemon.errors import Code

TABLE: Final = (
    Code(
        "F-JSON",
        "error",
        "The file is no valid JSON: {detail} on line {value}; correct it there and send the file again.",
        "The file breaks off, or breaks the rules of JSON outside of any single record.",
        "Let a program write the JSON instead of putting texts together, and check that it was sent whole.",
    ),
    Code(
        "F-NO-LIST",
        "error",
        "The file holds no list of products: {detail}.",
        "JSON must be a list of objects, an object with the list “products”, or one object on each line; XML must have "
        "an element for each product.",
        "Write a list of objects, or elements <product> within <products>.",
    ),
    Code(
        "F-DECLARED",
        "error",
        "The file says that it is written in {value}, but it is UTF-8; correct the first line and send it again.",
        "The encoding in the first line of the XML is not the one the file was saved in, so that every umlaut would "
        "come out as two wrong letters.",
        'Write encoding="UTF-8" in the first line, or save the file in the encoding it names.',
    ),
    Code(
        "F-FIELD-NAME",
        "error",
        "In record {detail} the name of a field has more than {value} characters; shorten it.",
        "The name of a field is longer than any column name is.",
        "Check the program that wrote the file: mostly it has taken a value for a name.",
    ),
    Code(
        "F-GROWN",
        "error",
        "With everything that variants take from their products the file grows to more than {value} times its size; "
        "send the variants as records of their own.",
        "Products with very many variants and very long texts, or a very different set of fields in each record.",
        "Send each variant as a record with its own fields.",
    ),
    Code(
        "R-JSON",
        "error",
        "This line is no JSON object: {detail}; correct it, one object on a line.",
        "A line of an NDJSON file breaks the rules of JSON, or a value is one that JSON does not have, such as NaN.",
        "Let a program write each object, on one line.",
    ),
    Code(
        "R-OBJECT",
        "error",
        'This record is {detail}, not an object with named fields such as {{"sku": "A-1"}}.',
        "A list of products holds something other than objects.",
        "Write each product as an object.",
    ),
    Code(
        "R-DOUBLED-FIELD",
        "error",
        "The field {detail} stands twice in this record; keep one of the two.",
        "A record names the same field twice, perhaps once by itself and once inside a group.",
        "Keep the one that is right.",
    ),
    Code(
        "R-SEVERAL",
        "error",
        "The field {detail} holds several values where one belongs; keep the right one.",
        "A list, a group or a repeated element stands in a field that can hold one value only.",
        "Write one value; variants belong into a list named “variants”.",
    ),
    Code(
        "R-VARIANTS",
        "error",
        "This product has more than {detail} variants; send them as records of their own.",
        "A product holds more variants than any shop shows.",
        "Send each variant as a record, with the product's key as its group_id.",
    ),
    Code(
        "R-NESTING",
        "error",
        "This record has too many levels one within the other; write it flat.",
        "Objects and lists are nested deeper than any catalog is.",
        "Check the program that wrote the file.",
    ),
    Code(
        "R-CHARACTER",
        "error",
        "A text in this record holds {detail}, which is no character; remove it.",
        "JSON can spell half of a character (\\\\ud800) and NUL (\\\\u0000), which no text can hold.",
        "Check the program that wrote the file: it cuts texts in the middle of a character.",
    ),
)
