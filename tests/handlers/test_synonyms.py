"""What an unknown header may mean, and the command file that is made of it."""

from pathlib import Path

import openpyxl  # type: ignore[import-untyped]
import pytest

from daemon.errors import Refused
from daemon.messages import Limits, Rules
from daemon.records import Source
from handlers import catalogs
from handlers.catalogs import columns, synonyms

MEANT = {
    "sku": ["Artikelnummer", "Artikel-Nr.", "Art.-Nr.", "Item No.", "Référence", "Codice articolo", "artikelcode"],
    "title": ["Bezeichnung", "Désignation", "Nombre", "Titolo", "Naam", "Product name"],
    "price": [
        "Preis",
        "VK-Preis",
        "Verkaufspreis (brutto)",
        "Preis in EUR",
        "Prix",
        "Precio",
        "Prezzo",
        "Prijs",
        "PRICE",
    ],
    "cost": ["EK", "Einkaufspreis", "Prix d'achat", "Coste", "Inkoopprijs"],
    "quantity": ["Bestand", "Lagerbestand", "Stock", "Qty", "Quantité", "Existencias", "Giacenza", "Voorraad"],
    "gtin": ["EAN", "EAN-Code", "EAN13", "Barcode", "UPC"],
    "brand": ["Hersteller", "Marke", "Marque", "Marca", "Merk", "Manufacturer"],
    "tax_rate": ["MwSt", "USt.", "TVA", "IVA", "BTW", "VAT"],
    "weight": ["Gewicht [kg]", "Poids", "Peso"],
    "category": ["Kategorie", "Warengruppe", "Catégorie", "Categoría", "Categorie"],
    "images": ["Bild", "Bilder", "Image URL", "Imagen", "Afbeelding"],
}


@pytest.mark.parametrize(("field", "name"), [(field, name) for field, names in MEANT.items() for name in names])
def test_common_names_in_six_languages_are_known(field: str, name: str) -> None:
    found = synonyms.guess(name)
    assert found is not None
    assert found[0] == field


@pytest.mark.parametrize("name", ["", "Farbe", "Art", "x" * 10_000, "=1+1", "preisgruppe"])
def test_what_may_be_anything_is_not_guessed(name: str) -> None:
    assert synonyms.guess(name) is None


def test_every_synonym_is_for_a_column_of_ours_and_for_one_only() -> None:
    assert set(synonyms._WORDS) <= set(columns.NATIVE)
    words = [word for group in synonyms._WORDS.values() for word in group.split()]
    assert sorted(words) == sorted(set(words))
    assert all(synonyms._plain(word) == word for word in words)


def test_a_draft_has_a_row_for_each_column_and_loses_none() -> None:
    head, *rows = synonyms.draft(["Artikelnummer", "Preis", "Farbe", "", "UVP", "Preis", "_line"], "Preisliste 2024.05")
    assert head == ["command", "layout", "column", "field", "value"]
    assert rows == [
        ["catalog.mapping", "Preisliste-2024-05", name, field, ""]
        for name, field in [
            ("Artikelnummer", "sku"),
            ("Preis", "price"),
            ("Farbe", "attribute:farbe"),
            ("UVP", "list_price"),
        ]
    ]


def test_names_that_no_command_would_take_are_left_out_or_changed() -> None:
    rows = synonyms.draft(["Preis", "PREIS", "pre_is", ": x", ":", " "], "x")[1:]
    assert [(row[2], row[3]) for row in rows] == [("Preis", "price"), (": x", "attribute:x"), (":", "-")]
    assert synonyms.likeliest([["x" * 200, "Preis"]]) == ["Preis"]


def test_of_several_that_may_mean_the_same_the_surest_is_guessed() -> None:
    rows = synonyms.draft(["ID", "Artikelnummer", "Preis netto", "Preis"], "x")[1:]
    assert [row[3] for row in rows] == ["attribute:id", "sku", "attribute:preis netto", "price"]


@pytest.mark.parametrize(
    ("stem", "layout"), [("native", "own-native"), ("...", "own"), ("ü" * 90, "own"), ("a" * 90, "a" * 40)]
)
def test_a_layout_has_a_name_that_is_allowed_and_nobody_elses(stem: str, layout: str) -> None:
    assert synonyms.draft(["x"], stem)[1][1] == layout


def refused(path: Path) -> Refused:
    with pytest.raises(Refused) as fault:
        catalogs.open(Source(bytes(path), Limits()), path.suffix, Rules())
    return fault.value


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("Artikelnummer;Bezeichnung;Preis\nA;Lampe, rund;1,50\n", "H-NO-COLUMNS"),
        (
            "Preisliste vom 1. Mai\n\nArtikelnummer\tBezeichnung\tPreis\nA\tLampe, rund, rot, neu\t1,50\n",
            "H-NO-COLUMNS",
        ),
        ("Artikelnummer|Bezeichnung|Preis\nA|Lampe|1,50\n", "H-NO-COLUMNS"),
        ('"Artikelnummer","Bezeichnung","Preis"\n"A","Lampe","1,50"\n', "H-NO-COLUMNS"),
    ],
)
def test_the_likeliest_header_of_a_text_is_kept_for_its_draft(tmp_path: Path, text: str, code: str) -> None:
    (tmp_path / "a.csv").write_text(text, encoding="utf-8")
    fault = refused(tmp_path / "a.csv")
    assert (fault.code, list(fault.header)) == (code, ["Artikelnummer", "Bezeichnung", "Preis"])


def test_a_header_without_a_sku_is_kept_as_well(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("Bestellnummer,title,price\nA,Lamp,1.50\n", encoding="utf-8")
    fault = refused(tmp_path / "a.csv")
    assert (fault.code, list(fault.header)) == ("H-NO-HEADER", ["Bestellnummer", "title", "price"])


def test_the_likeliest_header_of_a_workbook_is_kept(tmp_path: Path) -> None:
    book = openpyxl.Workbook()
    assert book.active is not None
    book.active.append(["Preisliste"])
    book.active.append(["Artikelnummer", "Bezeichnung", "Preis"])
    book.active.append(["A", "Lampe", 1.5])
    book.save(tmp_path / "a.xlsx")
    fault = refused(tmp_path / "a.xlsx")
    assert (fault.code, list(fault.header)) == ("H-NO-COLUMNS", ["Artikelnummer", "Bezeichnung", "Preis"])
