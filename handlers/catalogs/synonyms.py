"""What people call our columns in their own languages, and what an unknown header may mean by that."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Final

from handlers.catalogs import columns, layouts

_WORDS: Final = {
    "sku": """
        artikelnummer artikelnr artnr itemnumber itemno itemcode itemid productcode productnumber productid
        stockcode stockkeepingunit articlenumber articleno partnumber
        bestellnummer bestellnr produktnummer produktcode materialnummer
        referencearticle codearticle codeproduit numeroarticle refproduit
        referencia codigo codigoarticulo codigoproducto numerodearticulo
        codice codicearticolo codiceprodotto riferimento articolo
        artikelcode productnummer bestelnummer referentie
        reference ref article artikel item code id""",
    "title": """
        name productname itemname producttitle shortdescription
        bezeichnung artikelbezeichnung artikelname produktname titel produkttitel kurztext artikeltext kurzbezeichnung
        nom titre designation libelle nomproduit nomduproduit
        nombre titulo denominacion nombreproducto nombredelproducto
        nome titolo denominazione nomeprodotto
        naam productnaam omschrijvingkort artikelnaam benaming""",
    "description": """
        longdescription productdescription details text
        beschreibung produktbeschreibung artikelbeschreibung langtext langbeschreibung
        descriptif descriptionlongue descriptionproduit
        descripcion descripcionlarga
        descrizione descrizionelunga
        omschrijving beschrijving productomschrijving""",
    "brand": "manufacturer vendor make marke hersteller marque fabricant marca fabricante produttore merk fabrikant",
    "mpn": """
        manufacturerpartnumber manufacturernumber herstellernummer herstellerartikelnummer herstellerteilenummer
        referencefabricant referenciafabricante codiceproduttore fabrikantnummer""",
    "url": "link producturl productlink webpage produktlink produkturl lien enlace collegamento",
    "gtin": """
        ean ean13 eancode upc barcode gtin13 gtin14 ean8 isbn
        strichcode eannummer
        codebarre codebarres codeean
        codigodebarras codigoean
        codiceabarre codiceean
        streepjescode""",
    "group_id": """
        parentsku parent parentid groupid itemgroupid
        gruppe variantengruppe vaterartikel elternartikel
        groupe skuparent grupo gruppo groep""",
    "price": """
        unitprice sellingprice retailprice salesprice saleprice
        preis verkaufspreis vkpreis vk einzelpreis bruttopreis preisbrutto nettopreis preisnetto stueckpreis
        prix prixdevente prixunitaire prixttc prixht pv
        precio preciodeventa pvp preciounitario precioventa
        prezzo prezzodivendita prezzounitario
        prijs verkoopprijs stuksprijs""",
    "list_price": """
        rrp msrp srp recommendedretailprice regularprice oldprice compareatprice
        uvp streichpreis listenpreis
        prixbarre prixpublic prixconseille
        preciorecomendado preciodelista
        prezzodilistino
        adviesprijs""",
    "cost": """
        costprice purchaseprice buyingprice wholesaleprice
        einkaufspreis ek ekpreis einstandspreis
        prixdachat cout
        preciodecompra coste costo
        prezzodacquisto
        inkoopprijs kostprijs""",
    "currency": "currencycode waehrung wahrung devise monnaie moneda divisa valuta",
    "tax_rate": """
        tax vat vatrate taxpercent taxclass
        steuersatz mwst mwstsatz ust steuer umsatzsteuer
        tva tauxtva tauxdetva iva tipoiva aliquota aliquotaiva btw btwtarief""",
    "quantity": """
        qty stock stockquantity stockqty stocklevel inventory available availablequantity onhand instock
        bestand lagerbestand menge anzahl verfuegbar verfuegbarkeit lager stueckzahl lagermenge
        quantite stockdisponible qte
        cantidad existencias stockactual
        quantita giacenza disponibilita
        voorraad aantal hoeveelheid""",
    "category": """
        categories productcategory producttype
        kategorie kategorien warengruppe artikelgruppe
        categorie
        categoria categorias
        categorieen productgroep""",
    "images": """
        image imageurl imagelink picture pictures imageurls photo
        bild bilder bildurl bildlink
        photos urlimage imagen imagenes foto fotos immagine immagini afbeelding afbeeldingen""",
    "weight": "gewicht poids peso shippingweight productweight itemweight versandgewicht",
    "weight_unit": "weightuom gewichtseinheit unitepoids unidadpeso unitapeso gewichtseenheid",
    "language": "lang locale sprache langue idioma lingua taal",
    "visible": "active enabled published aktiv sichtbar actif activo attivo actief zichtbaar",
}
_KNOWN: Final = {  # the field, and how sure we are: the first words of each are the surest
    **{word: (field, sure) for field, words in _WORDS.items() for sure, word in enumerate(words.split(), 1)},
    **{re.sub("[^a-z]", "", folded): (field, 0) for folded, field in columns.FOLDED.items()},
}
_BEHIND: Final = re.compile(r"[(\[/|]")
_LETTERS: Final = re.compile(r"[^a-z0-9]+")
_MONEY: Final = re.compile(r"(?:in)?(?:eur|euro|usd|gbp|chf)$")
_SPELT: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "ß": "ss"})
_COMMAND: Final = "catalog.mapping"
_NAMED = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST: Final = 40  # characters of a name
_HEADER: Final = 1_000  # columns that are drafted
_LONGEST_COLUMN: Final = 180  # characters


def guess(name: str) -> tuple[str, int] | None:
    """The native column that somebody may mean by `name`, and how doubtful that is, from 0.

    A currency behind it, and what stands in brackets or behind a stroke, does not count.
    """
    whole, first = _plain(name), _plain(_BEHIND.split(name)[0])
    return next((_KNOWN[word] for word in (whole, first, _MONEY.sub("", first)) if word in _KNOWN), None)


def likeliest(heads: Iterable[Sequence[str]]) -> list[str]:
    """Of lines that may be a header the one with most names that mean something to us, else with most names at all."""
    best: tuple[tuple[int, int], Sequence[str]] = ((0, 0), ())
    for cells in heads:
        names = {cell.strip() for cell in cells if len(cell) <= _LONGEST_COLUMN} - {""}
        meant = {found[0] for name in names if (found := guess(name))}
        likeness = (len(meant), sum(not name[0].isdigit() for name in names))
        if likeness > best[0]:
            best = likeness, cells
    return [cell.strip() for cell in best[1][:_HEADER] if len(cell) <= _LONGEST_COLUMN]


def draft(header: Sequence[str], stem: str) -> list[list[str]]:
    """A command file, its header first, by which an account says what its columns mean: a row for each of `header`.

    A column nobody can guess becomes an attribute, as unknown columns always do: nothing is lost and nothing offered
    by it. Of several that may mean the same, the surest does.
    """
    name = _NAMED.sub("-", stem)[:_LONGEST].strip("-") or "own"
    if name.lower() in {layout.name.lower() for layout in layouts.LAYOUTS}:
        name = f"own-{name}"[:_LONGEST]
    folded = {columns.fold(column): column for column in reversed(header) if column not in columns.MARKS}
    names = [
        column for column in dict.fromkeys(header) if column.strip() and folded.get(columns.fold(column)) == column
    ]
    meant: dict[str, tuple[int, str]] = {}
    for column in names:
        if found := guess(column):
            field, doubt = found
            meant[field] = min((doubt, column), meant.get(field, (doubt + 1, "")))
    fields = {column: field for field, (_, column) in meant.items()}
    head = ["command", "layout", "column", "field", "value"]
    return [head, *([_COMMAND, name, column, fields.get(column) or _attribute(column), ""] for column in names)]


def _attribute(column: str) -> str:
    name = column.lstrip(": ")
    return columns.attribute(name) if name else "-"


def _plain(name: str) -> str:
    """A name without case, accents, blanks and signs; ä is ae."""
    spelt = unicodedata.normalize("NFC", name).lower().translate(_SPELT)
    return _LETTERS.sub("", unicodedata.normalize("NFKD", spelt))
