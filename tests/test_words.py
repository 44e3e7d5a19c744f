"""What a supply is and who made the printer, told from numbers first and from words in many languages."""

import pytest

from exporter.printers.vendors import maker_of
from exporter.printers.words import color_of, kind_of, name_of, split_description


@pytest.mark.parametrize(
    ("type_number", "kind"),
    [
        (3, "toner"),
        (4, "waste_toner"),
        (5, "ink"),
        (6, "ink"),
        (7, "ribbon"),
        (8, "waste_ink"),
        (9, "drum"),
        (10, "developer"),
        (11, "fuser_oil"),
        (12, "solid_wax"),
        (13, "ribbon"),
        (14, "waste_wax"),
        (15, "fuser"),
        (18, "cleaner"),
        (20, "transfer_unit"),
        (21, "toner"),
        (24, "waste_water"),
        (26, "waste_paper"),
        (32, "staples"),
        (35, "toner"),
        (36, "ink"),
    ],
)
def test_the_type_decides_the_kind_whatever_the_words(type_number: int, kind: str) -> None:
    assert kind_of(type_number, "Maintenance box") == kind


@pytest.mark.parametrize(
    ("description", "kind"),
    [
        ("Black Toner Cartridge", "toner"),
        ("Toner schwarz", "toner"),
        ("Tóner negro", "toner"),
        ("ブラックトナー", "toner"),
        ("黑色碳粉盒", "toner"),
        ("Waste Toner Container", "waste_toner"),
        ("Resttonerbehälter", "waste_toner"),
        ("Bac de récupération", "waste_toner"),
        ("廢碳粉盒", "waste_toner"),
        ("Maintenance Box", "waste_ink"),
        ("Resttintenbehälter", "waste_ink"),
        ("Yellow Ink", "ink"),
        ("Tinte Cyan", "ink"),
        ("Cartouche d'encre noire", "ink"),
        ("Drum Unit", "drum"),
        ("Imaging Unit", "drum"),
        ("Bildtrommel", "drum"),
        ("Tambour noir", "drum"),
        ("ドラムユニット", "drum"),
        ("Fuser Kit 220V", "fuser"),
        ("Fixiereinheit", "fuser"),
        ("Fusore", "fuser"),
        ("Belt Unit", "transfer_unit"),
        ("Transfer Kit", "transfer_unit"),
        ("Developer", "developer"),
        ("Staple Cartridge", "staples"),
        ("Heftklammern", "staples"),
        ("Contenitore toner di scarto", "waste_toner"),
        ("Vaschetta di recupero toner", "waste_toner"),
        ("Récupérateur de toner", "waste_toner"),
        ("Depósito de tóner residual", "waste_toner"),
        ("Recipiente de residuos", "waste_toner"),
        ("Toner Waste Box", "waste_toner"),
        ("Tonerabfallbehälter", "waste_toner"),
        ("Alttonerbehälter", "waste_toner"),
        ("廃トナーボックス", "waste_toner"),
        ("回収トナー容器", "waste_toner"),
        ("废粉盒", "waste_toner"),
        ("Wartungsbox", "waste_ink"),
        ("Boîte de maintenance", "waste_ink"),
        ("Caja de mantenimiento", "waste_ink"),
        ("Scatola di manutenzione", "waste_ink"),
        ("メンテナンスボックス", "waste_ink"),
        ("廃インクタンク", "waste_ink"),
        ("废墨仓", "waste_ink"),
        ("墨盒", "ink"),
        ("Unité de fusion", "fuser"),
        ("Unidad de fusión", "fuser"),
        ("定着ユニット", "fuser"),
        ("定影组件", "fuser"),
        ("Courroie de transfert", "transfer_unit"),
        ("Cinta de transferencia", "transfer_unit"),
        ("Cinghia di trasferimento", "transfer_unit"),
        ("Übertragungsband", "transfer_unit"),
        ("転写ベルト", "transfer_unit"),
        ("转印带", "transfer_unit"),
        ("Fotoleitereinheit", "drum"),
        ("Unité photoconductrice", "drum"),
        ("Unidad fotoconductora", "drum"),
        ("Unità di imaging", "drum"),
        ("Unidad de imagen", "drum"),
        ("成像单元", "drum"),
        ("硒鼓", "drum"),
        ("Revelador", "developer"),
        ("Unità di sviluppo", "developer"),
        ("現像ユニット", "developer"),
        ("显影剂", "developer"),
        ("Cartucho de grapas", "staples"),
        ("Punti metallici", "staples"),
        ("ステープル", "staples"),
        ("订书钉", "staples"),
        ("Diffusion", "other"),
        ("Clean Rollers", "other"),
        ("Sink", "other"),
        ("", "other"),
    ],
)
@pytest.mark.parametrize("type_number", [0, 1, 2, 99, -5])
def test_words_decide_where_the_type_says_other_or_nothing(type_number: int, description: str, kind: str) -> None:
    assert kind_of(type_number, description) == kind


@pytest.mark.parametrize(
    ("kind", "colorant", "description", "color"),
    [
        ("toner", "black", "TK-8527K", "black"),
        ("toner", "Cyan", "", "cyan"),
        ("toner", "yellow", "Black Toner", "yellow"),
        ("toner", "", "Toner magenta", "magenta"),
        ("toner", "other", "Schwarz", "black"),
        ("toner", "", "Cartouche noire", "black"),
        ("ink", "", "Tinta amarillo", "yellow"),
        ("ink", "", "Gelbe Tinte", "yellow"),
        ("ink", "", "Tinta negra", "black"),
        ("ink", "", "Tinta amarilla", "yellow"),
        ("ink", "", "Cartuccia nera", "black"),
        ("ink", "", "Inchiostro grigio", "gray"),
        ("ink", "", "Encre grise", "gray"),
        ("ink", "", "グレーインク", "gray"),
        ("ink", "", "Inchiostro giallo", "yellow"),
        ("ink", "", "Encre jaune", "yellow"),
        ("toner", "", "シアントナー", "cyan"),
        ("toner", "", "イエロー", "yellow"),
        ("toner", "", "黑色墨粉", "black"),
        ("toner", "", "黄色墨粉", "yellow"),
        ("ink", "matte black", "", "matte black"),
        ("ink", "", "Photo Black Ink", "photo black"),
        ("ink", "", "Light Cyan", "light cyan"),
        ("ink", "", "Hellmagenta", "light magenta"),
        ("ink", "", "Grey ink", "gray"),
        ("drum", "", "Black Drum", "black"),
        ("toner", "", "Toner Cartridge OKI DATA CORP", ""),
        ("ink", "", "PFI-107MBK", ""),
        ("toner", "", "", ""),
        ("waste_toner", "other", "Waste Toner (black)", ""),
        ("fuser", "black", "Fuser", ""),
        ("other", "black", "Black thing", ""),
    ],
)
def test_the_colour_comes_from_the_colorant_then_from_words_and_only_where_kinds_have_one(
    kind: str, colorant: str, description: str, color: str
) -> None:
    assert color_of(kind, colorant, description) == color


@pytest.mark.parametrize(
    ("kind", "color", "description", "name"),
    [
        ("toner", "black", "TK-8527K", "Black toner"),
        ("waste_toner", "", "Resttonerbehälter", "Waste toner"),
        ("fuser", "", "Fixiereinheit", "Fuser"),
        ("ink", "matte black", "PFI-107MBK", "Matte black ink"),
        ("toner", "", "Toner Cartridge OKI DATA CORP", "Toner"),
        ("other", "", "Clean Rollers", "Clean Rollers"),
        ("other", "", "", "Other"),
    ],
)
def test_the_name_is_canonical_english_and_the_devices_own_only_for_kind_other(
    kind: str, color: str, description: str, name: str
) -> None:
    assert name_of(kind, color, description) == name


@pytest.mark.parametrize(
    ("text", "description", "part"),
    [
        ("Black Cartridge HP CF410X", "Black Cartridge HP CF410X", "CF410X"),
        ("TK-8527K", "TK-8527K", "TK-8527K"),
        ("Canon GPR-55 Black Toner", "Canon GPR-55 Black Toner", "GPR-55"),
        ("Ink T9441", "Ink T9441", "T9441"),
        ("Black Toner Cartridge, PN 006R01697", "Black Toner Cartridge", "006R01697"),
        ("Cyan Toner, PN 106R03739;SN3A2B00000001", "Cyan Toner", "106R03739"),
        ("Cyan Toner, PN 106R03739;SN 3A2B00000001", "Cyan Toner", "106R03739"),
        ("Drum Cartridge;P/N: 113R00780", "Drum Cartridge", "113R00780"),
        ("Black Toner S/N:CRUM-19110100123", "Black Toner", ""),
        ("Black Toner Phaser 3320 S/N:CRUM-19110100123", "Black Toner Phaser 3320", ""),
        ("Black OEM Toner", "Black OEM Toner", ""),
        ("PN 006R01697", "006R01697", "006R01697"),
        ("S/N:CRUM-19110100123", "S/N:CRUM-19110100123", ""),
        ("Toner 1", "Toner 1", ""),
        ("HP2", "HP2", ""),
        ("", "", ""),
    ],
)
def test_part_numbers_are_found_and_tails_that_change_with_the_cartridge_cut(
    text: str, description: str, part: str
) -> None:
    assert split_description(text) == (description, part)


@pytest.mark.parametrize(
    ("object_id", "descriptions", "maker"),
    [
        ("1.3.6.1.4.1.11.2.3.9.1", ["LaserJet"], "HP"),
        ("1.3.6.1.4.1.1347.41", [""], "Kyocera"),
        ("1.3.6.1.4.1.1602.4.7", ["", ""], "Canon"),
        ("1.3.6.1.4.1.18334.1.1.1.2", [], "Konica Minolta"),
        ("1.3.6.1.4.1.236.11.5.1", ["HP LaserJet MFP M433"], "HP"),  # built by Samsung
        ("1.3.6.1.4.1.641.2", ["Dell S5830dn"], "Dell"),  # built by Lexmark
        ("1.3.6.1.4.1.1347.41", ["", "TA_UTAX Printing System"], "UTAX"),  # built by Kyocera
        ("1.3.6.1.4.1.367.1.1", ["Aficio MP C2503"], "Ricoh"),
        ("1.3.6.1.4.1.367.1.1", ["LANIER MP C2503"], "Lanier"),
        ("1.3.6.1.4.1.18334.1.2", ["Develop ineo+ 258"], "Develop"),
        ("1.3.6.1.4.1.2435.2.3.9.1", ["Brother HL-5370DW series"], "Brother"),
        ("0.0", ["OfficeJet Pro 8600", "HP Officejet"], "HP"),  # garbage in sysObjectID
        ("", ["SHARP MX-3570N"], "Sharp"),
        ("1.3.6.1.4.1.99999999999999999999.1", ["LaserThing"], ""),
        ("1.3.6.1.4.1.", ["shipping label printer"], ""),
        ("1.3.6.1.4.1.²", [""], ""),
        ("junk", [], ""),
    ],
)
def test_the_maker_is_the_badge_that_shows_then_the_enterprise_number(
    object_id: str, descriptions: list[str], maker: str
) -> None:
    assert maker_of(object_id, *descriptions) == maker


@pytest.mark.parametrize(
    ("description", "color"),
    [
        ("TK-8527K", "black"),
        ("TK-8527C", "cyan"),
        ("TN-423BK", "black"),
        ("TN-423M", "magenta"),
        ("Toner TK-5240Y", "yellow"),
        ("CF410X", ""),
        ("GPR-55", ""),
    ],
)
def test_the_part_number_tells_the_color_where_nothing_else_does(description: str, color: str) -> None:
    assert color_of("toner", "", description) == color
    assert color_of("fuser", "", description) == ""


def test_the_part_number_tells_no_color_against_words() -> None:
    assert color_of("toner", "other", "Cyan TK-8527K") == "cyan"
    assert color_of("toner", "yellow", "TK-8527K") == "yellow"
