"""Headers: how names are matched, what a layout makes of them."""

import pytest

from daemon.errors import Refused
from handlers.catalogs.columns import fold
from handlers.catalogs.layouts import recognise


@pytest.mark.parametrize(
    ("name", "folded"),
    [
        ("List Price", "listprice"),
        (" LIST_price\u00a0", "listprice"),
        ("list-price", "listprice"),
        ("Option: Shoe Size", "option:shoe size"),
        ("op-tion:shoe_size", "option:shoe_size"),
    ],
)
def test_names_match_without_case_blanks_and_dashes_but_only_without_case_behind_a_colon(
    name: str, folded: str
) -> None:
    assert fold(name) == folded


def test_the_fields_come_in_a_fixed_order_whatever_the_order_of_the_header() -> None:
    plan = recognise(("Price", "option:Size", "Title", "SKU", "action"), 1)
    assert plan.fields == ("title", "price", "extra")
    assert plan.key == 3
    assert plan.columns == {0: "price", 1: "option:size", 2: "title", 3: "sku", 4: "action"}
    assert (plan.layout, plan.again, plan.marks, plan.faults) == ("native", False, (), ())


def test_a_weight_brings_its_unit() -> None:
    assert recognise(("sku", "weight"), 1).fields == ("weight", "weight_unit")


def test_unknown_columns_are_kept_as_attributes_and_named_in_one_warning() -> None:
    plan = recognise(("sku", "Fabric Care", "Season"), 4)
    assert plan.columns == {0: "sku", 1: "attribute:fabric care", 2: "attribute:season"}
    assert plan.faults == ((4, "Fabric Care; Season", "H-UNKNOWN-COLUMN", None),)


def test_columns_without_a_name_are_not_read_and_named_in_one_warning() -> None:
    plan = recognise(("sku", "title", "", " "), 1)
    assert plan.columns == {0: "sku", 1: "title"}
    assert plan.faults == ((1, "", "H-BLANK-COLUMN", "3, 4"),)


@pytest.mark.parametrize(
    "header",
    [
        ("sku", "List Price", "list_price"),
        ("sku", "SKU"),
        ("sku", "option:Size", "option:size"),
        ("sku", "Season", "season"),
        ("sku", "season", "attribute:Season"),
        ("_line", "_codes", "_line", "sku"),
    ],
)
def test_two_names_for_one_column_are_refused(header: tuple[str, ...]) -> None:
    with pytest.raises(Refused) as fault:
        recognise(header, 1)
    assert fault.value.code == "H-DOUBLED-COLUMN"


def test_the_five_columns_of_an_error_file_are_set_aside_in_a_file_that_has_line_and_codes() -> None:
    plan = recognise(("_line", "_severity", "_codes", "_fields", "_messages", "sku", "title", "line"), 1)
    assert plan.again
    assert plan.marks == (0, 1, 2, 3, 4)
    assert plan.columns == {5: "sku", 6: "title", 7: "attribute:line"}


def test_in_any_other_file_they_are_columns_like_all() -> None:
    plan = recognise(("_line", "_Codes", "sku"), 1)
    assert not plan.again
    assert plan.columns[0] == "attribute:_line"
