import gzip

import pytest

from nmt.errors import DataError, UsageError
from nmt.text import bitext
from nmt.text.bitext import BilingualFile, find_bitext_form, matches_language

TMX = """<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE tmx SYSTEM "tmx14.dtd">
<tmx version="1.4"><header srclang="en"/><body>
<tu><tuv xml:lang="en-US"><seg>one <bpt i="1">&lt;b&gt;</bpt>two<ept i="1"/> <hi>three</hi></seg></tuv>
<tuv xml:lang="de"><seg>eins
 zwei &amp; drei</seg></tuv><tuv xml:lang="fr"><seg>un</seg></tuv></tu>
<tu><tuv xml:lang="EN"><seg>four</seg></tuv><tuv lang="de-AT"><seg>vier</seg></tuv></tu>
<tu><tuv xml:lang="en"><seg>five</seg></tuv></tu>
<tu><tuv xml:lang="fr"><seg>six</seg></tuv><tuv xml:lang="de"><seg>sechs</seg></tuv></tu>
<tu><tuv xml:lang="en"><seg> </seg></tuv><tuv xml:lang="de"><seg>sieben</seg></tuv></tu>
</body></tmx>
"""
XLIFF_1 = """<xliff version="1.2"><file source-language="en-GB" target-language="de"><body>
<trans-unit id="1"><source>one <g id="1">two</g><x id="2"/></source><target>eins <g id="1">zwei</g></target>
<alt-trans><source>no</source><target>nein</target></alt-trans></trans-unit>
<trans-unit id="2"><source>three</source></trans-unit>
<trans-unit id="3"><source>four</source><target state="new">four</target></trans-unit>
</body></file></xliff>"""
XLIFF_2 = """<xliff xmlns="urn:oasis:names:tc:xliff:document:2.0" version="2.0" srcLang="en" trgLang="de">
<file id="f"><unit id="u">
<originalData><data id="d">no</data></originalData>
<segment><source>one <pc id="1">two</pc></source><target>eins <pc id="1">zwei</pc></target></segment>
<segment state="initial"><source>three</source><target>drei</target></segment>
<ignorable><source> - </source></ignorable></unit></file></xliff>"""
PO = """msgid ""
msgstr "Language: de\\nContent-Type: text/plain; charset=UTF-8\\nPlural-Forms: nplurals=2; plural=n!=1;\\n"

msgid "one\\ntwo"
msgstr "eins\\nzwei"

#, fuzzy
msgid "three"
msgstr "drei"

msgid "four"
msgstr ""

msgid "%d file"
msgid_plural "%d files"
msgstr[0] "%d Datei"
msgstr[1] "%d Dateien"

#~ msgid "old"
#~ msgstr "alt"
"""


def read(tmp_path, name, content, source="en", target="de"):
    path = tmp_path / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    corpus = BilingualFile(path, find_bitext_form(path), source, target)
    pairs = list(corpus.read())
    assert list(corpus.read()) == pairs  # and the counts do not double
    return pairs, corpus.describe().removeprefix(f"{path}: ")


ONE = ("one two three", "eins zwei & drei")


@pytest.mark.parametrize(
    ("source", "target", "pairs", "counts"),
    [
        ("en", "de", [ONE, ("four", "vier")], "5 units, 2 pairs; 1 without en, 1 without de, 1 empty"),
        ("en-US", "de", [ONE], "5 units, 1 pair; 4 without en-US, 1 without de"),
        ("en_us", "de", [ONE], "5 units, 1 pair; 4 without en_us, 1 without de"),
        ("de", "fr", [("eins zwei & drei", "un"), ("sechs", "six")], "5 units, 2 pairs; 1 without de, 3 without fr"),
    ],
)
def test_languages_of_a_memory_are_chosen_by_code(tmp_path, source, target, pairs, counts):
    assert read(tmp_path, "a.tmx", TMX, source, target) == (pairs, counts)


@pytest.mark.parametrize(
    ("code", "text"),
    [
        ('<ph type="lb"/>', "one two"),
        ("<ph>&lt;br /&gt;</ph>", "one two"),
        ("<it pos='begin'>&lt;br&gt;</it>", "one two"),
        (" <ph>&lt;br /&gt;</ph> ", "one two"),
        ("<ph>&lt;img src='br'&gt;</ph>", "onetwo"),
        ("<ph>&lt;break&gt;</ph>", "onetwo"),
    ],
)
def test_line_breaks_of_a_memory_separate_words(tmp_path, code, text):
    unit = f'<tuv xml:lang="en"><seg>one{code}two</seg></tuv><tuv xml:lang="de"><seg>eins</seg></tuv>'
    assert read(tmp_path, "a.tmx", f"<tmx><body><tu>{unit}</tu></body></tmx>")[0] == [(text, "eins")]


def test_a_memory_may_be_compressed_and_in_other_encodings(tmp_path):
    expected = read(tmp_path, "a.tmx", TMX)
    assert read(tmp_path, "a.tmx.gz", gzip.compress(TMX.encode())) == expected
    assert read(tmp_path, "b.TMX", TMX.replace("UTF-8", "UTF-16").encode("utf-16")) == expected
    assert read(tmp_path, "c.tmx", TMX.replace("UTF-8", "ISO-8859-1").replace("vier", "v\xef\xe9r").encode("latin-1"))[
        0
    ] == [
        ONE,
        ("four", "vïér"),
    ]


@pytest.mark.parametrize(
    ("content", "pairs", "counts"),
    [
        (XLIFF_1, [("one two", "eins zwei")], "3 units, 1 pair; 1 not reviewed, 1 without de"),
        (XLIFF_2, [("one two", "eins zwei")], "2 units, 1 pair; 1 not reviewed"),
    ],
)
def test_units_of_xliff_that_have_a_translation_are_pairs(tmp_path, content, pairs, counts):
    assert read(tmp_path, "a.xlf", content) == (pairs, counts)
    turned = [(target, source) for source, target in pairs]
    assert read(tmp_path, "a.xliff", content, "de", "en")[0] == turned


@pytest.mark.parametrize(
    ("attributes", "is_pair"),
    [
        ({}, True),
        ({"target": 'state="translated"'}, True),
        ({"target": 'state="new"'}, False),
        ({"target": 'state="needs-translation"'}, False),
        ({"target": 'state="needs-review-translation" state-qualifier="exact-match"'}, False),
        ({"target": 'state="needs-review-l10n"'}, False),
        ({"target": 'state-qualifier="mt-suggestion"'}, False),
        ({"target": 'state="translated" state-qualifier="leveraged-mt"'}, False),
        ({"target": 'state="translated" state-qualifier="leveraged-tm"'}, True),
        ({"target": 'state="final" state-qualifier="mt-suggestion"'}, True),  # a person has accepted it
        ({"unit": 'approved="yes"', "target": 'state="needs-review-translation"'}, True),
        ({"segment": 'state="initial"'}, False),
        ({"segment": 'state="translated"'}, True),
        ({"segment": 'state="translated" subState="nmt:mt-suggestion"'}, False),  # as XliffDocument writes it
        ({"segment": 'state="reviewed"'}, True),
    ],
)
def test_what_no_person_has_reviewed_is_no_pair_of_xliff(tmp_path, attributes, is_pair):
    head = '<xliff version="1.2" source-language="en" target-language="de">'
    name = "segment" if "segment" in attributes else "trans-unit"
    texts = f"<source>one</source><target {attributes.get('target', '')}>eins</target>"
    own = f"<{name} {attributes.get('unit', attributes.get('segment', ''))}>{texts}</{name}>"
    other = f"<{name}><source>two</source><target>zwei</target></{name}>"
    pairs, counts = read(tmp_path, "a.xlf", f"{head}{own}{other}</xliff>")
    assert pairs == [("one", "eins")] * is_pair + [("two", "zwei")]
    assert counts == ("2 units, 2 pairs" if is_pair else "2 units, 1 pair; 1 not reviewed")


def test_messages_of_po_that_have_a_translation_are_pairs(tmp_path):
    pytest.importorskip("polib")
    pairs = [("one two", "eins zwei"), ("%d file", "%d Datei"), ("%d files", "%d Dateien")]
    assert read(tmp_path, "a.po", PO) == (pairs, "5 units, 3 pairs; 1 without de, 1 fuzzy")
    assert read(tmp_path, "a.po", PO, "de", "en")[0] == [(target, source) for source, target in pairs]
    assert read(tmp_path, "b.po", PO.replace("Language: de\\n", ""))[0] == pairs
    one = PO.replace("nplurals=2", "nplurals=1").replace('msgstr[1] "%d Dateien"\n', "")
    assert read(tmp_path, "c.po", one)[0] == [pairs[0], ("%d files", "%d Datei")]
    with pytest.raises(DataError, match=r"a.po: 5 units, 0 pairs; 4 without fr, 1 fuzzy\n  Its languages are en, de$"):
        read(tmp_path, "a.po", PO, "en", "fr")


def test_without_polib_the_message_names_it(tmp_path, monkeypatch):
    monkeypatch.setattr(bitext, "polib", None)
    with pytest.raises(UsageError, match=r'a.po can be read with the extra documents: pip install "nmt\[documents\]"'):
        read(tmp_path, "a.po", PO)


@pytest.mark.parametrize(
    ("content", "pairs"),
    [
        ("one,eins\ntwo,zwei\n", [("one", "eins"), ("two", "zwei")]),
        (
            'id;de-DE;en\r\n1;eins;"one; ""1"""\r\n2;"zwei\nZeilen";two\n',
            [('one; "1"', "eins"), ("two", "zwei Zeilen")],
        ),
        ("en\tde\none\teins\n\n", [("one", "eins")]),
        ("en,de,note\none,eins\ntwo,zwei,x\n", [("one", "eins"), ("two", "zwei")]),  # a row without its last column
        ("\n\nde,en\neins,one\n", [("one", "eins")]),
        (",\nde,en\neins,one\n", [("one", "eins")]),
        ("sep=;\nde;en\neins;one, 1\n", [("one, 1", "eins")]),
        ("sep=;\none, two, three;eins\n", [("one, two, three", "eins")]),
        ("\n\none;eins\n", [("one", "eins")]),
        ("My corpus, 2024\n\nde;en\neins;one, 1\n", [("one, 1", "eins")]),
        ("", None),
        ("\n\n", None),
    ],
)
def test_rows_of_csv_are_pairs(tmp_path, content, pairs):
    if pairs is None:
        with pytest.raises(DataError, match=r"a\.csv: 0 units, 0 pairs"):
            read(tmp_path, "a.csv", content)
    else:
        assert read(tmp_path, "a.csv", content)[0] == pairs


@pytest.mark.parametrize(
    ("content", "pairs", "note"),
    [
        ('"a\nb",c\n"d\n\n\ne",f\n', 2, None),  # cells of few lines
        (
            'a,b\n"c,d\n' + "e,f\n" * 9 + '"g" is,h\ni,j\n"k\nl",m\n',
            4,
            ", line 3: 11 lines are one row\n  Perhaps a quotation mark does not end, or is missing around a text; "
            "2 rows of the file have several",
        ),
        (
            'a,b\n"c,d\n' + "e,f\n" * 4 + '",h\n',
            2,
            ", line 3: 6 lines are one row\n  Perhaps a quotation mark does not end, or is missing around a text; "
            "1 row of the file has several",
        ),
    ],
)
def test_rows_of_csv_that_a_quotation_mark_has_joined_are_noted(tmp_path, content, pairs, note):
    path = tmp_path / "a.csv"
    path.write_text(f"en,de\n{content}")
    corpus = BilingualFile(path, "csv", "en", "de")
    assert len(list(corpus.read())) == pairs
    assert corpus.notes == ([] if note is None else [f"{path}{note}"])


def write_memory(path, units, doctype=""):
    written = (
        "".join(f'<tuv xml:lang="{language}"><seg>{text}</seg></tuv>' for language, text in unit) for unit in units
    )
    path.write_text(f"{doctype}<tmx>{''.join(f'<tu>{unit}</tu>' for unit in written)}</tmx>")


def test_kinds_of_a_language_do_not_alternate_and_are_noted(tmp_path):
    mainland, taiwan = ("zh-CN", "软件"), ("zh-TW", "軟體")
    units = [("en", "a"), mainland, taiwan], [("en", "b"), taiwan, mainland], [("en", "c"), taiwan]
    write_memory(tmp_path / "a.tmx", units)
    corpus = BilingualFile(tmp_path / "a.tmx", "tmx", "en", "zh")
    assert [target for _, target in corpus.read()] == ["软件", "软件", "軟體"]
    assert corpus.notes == [f"{tmp_path}/a.tmx: zh is zh-CN in 2 pairs, zh-TW in 1"]
    exact = BilingualFile(tmp_path / "a.tmx", "tmx", "en", "zh-TW")
    assert [target for _, target in exact.read()] == ["軟體"] * 3
    assert exact.notes == []


def test_entities_of_a_dtd_that_is_not_read_are_those_of_html(tmp_path):
    unit = [("en", "caf&eacute;&nbsp;&hearts; <ph>&unknown;</ph>&amp;"), ("de", "Caf&#233;")]
    write_memory(tmp_path / "a.tmx", [unit], '<!DOCTYPE tmx SYSTEM "tmx14.dtd">')
    corpus = BilingualFile(tmp_path / "a.tmx", "tmx", "en", "de")
    assert list(corpus.read()) == [("café\u00a0♥ &", "Café")]


def test_rows_before_the_names_of_languages_are_noted(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text("Corpus;2024\n\nby us;\nde;en\neins;one\n")
    corpus = BilingualFile(path, "csv", "en", "de")
    assert list(corpus.read()) == [("one", "eins")]
    assert corpus.notes == [f"{path}: 2 rows before the names of the languages are left out"]


@pytest.mark.parametrize(
    ("columns", "pair", "notes"),
    [
        ("en,de", ("a", "b"), []),
        ("en,de,fr", ("a", "b"), []),
        ("en-GB,en,de", ("b", "c"), ['of the columns in en, "en" is read, not "en-GB"']),
        ("en-GB,en-US,de", ("a", "c"), ['of the columns in en, "en-GB" is read, not "en-US"']),
        ("de,en,de", ("b", "a"), ['of the columns in de, "de" is read, not "de"']),
        (
            "de-AT,en,de_CH,en-GB, de",
            ("b", "e"),
            [
                'of the columns in en, "en" is read, not "en-GB"',
                'of the columns in de, "de" is read, not "de-AT" or "de_CH"',
            ],
        ),
    ],
)
def test_columns_of_a_language_that_are_not_read_are_noted(tmp_path, columns, pair, notes):
    path = tmp_path / "a.csv"
    path.write_text(f"{columns}\n{','.join('abcde'[: columns.count(',') + 1])}\n")
    corpus = BilingualFile(path, "csv", "en", "de")
    assert list(corpus.read()) == [pair]
    assert corpus.notes == [f"{path}: {note}" for note in notes]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.tmx", "<tmx><tu>", "a.tmx, line 1, column 10: it is not XML: no element found\n  Correct it first"),
        ("a.tmx", "<html/>", "a.tmx is not TMX: its first element is <html>, not <tmx>"),
        ("a.xlf", TMX, "a.xlf is not XLIFF: its first element is <tmx>, not <xliff>"),
        ("a.tmx", '<!DOCTYPE tmx [<!ENTITY a "b">]><tmx>&a;</tmx>', "a.tmx, line 1: it defines the entity 'a', and a"),
        ("a.tmx", "<tmx>" + "<a>" * 1000, "a.tmx, line 1: elements are nested more than 1000 deep"),
        ("a.tmx", "<tmx/>", "a.tmx: 0 units, 0 pairs"),
        (
            "a.tmx",
            '<tmx><tu><tuv xml:lang="it"><seg>a</seg></tuv></tu></tmx>',
            "a.tmx: 1 unit, 0 pairs; 1 without en, 1 without de\n  Its languages are it\n"
            "  source_lang and target_lang must name them as the file does",
        ),
        (
            "a.tmx",
            '<!DOCTYPE tmx SYSTEM "tmx14.dtd"><tmx><tu><tuv xml:lang="en"><seg>&product; is new</seg></tuv></tu></tmx>',
            "a.tmx, line 1: the entity &product; is not known, and no other file is read for it\n  Write what",
        ),
        ("a.tmx.gz", gzip.compress(TMX.encode())[:-20], "a.tmx.gz cannot be read beyond line"),
        ("a.csv", "one,two,three\n", "a.csv, line 1 has 3 columns, not 2\n  A file of several columns names en and de"),
        ("a.csv", 'en,de\n"one\n\n"\n', "a.csv, line 2 has 1 column, not 2\n  Perhaps a quotation mark does not end"),
        ("a.csv", "en,de\none\n", "a.csv, line 2 has 1 column, not 2\n  Perhaps a quotation mark does not end, or is"),
        (
            "a.csv",
            'en,de\n"one,eins\n' + "two,zwei\n" * 20_000,
            "a.csv, line 2 is not CSV: field larger than field limit (131072)\n  Perhaps a quotation mark does not end",
        ),
        ("a.po", 'msgid "a"\nmsgid "b"\n', "a.po is not a PO file: "),
        ("a.po", b'msgid "\xff"\nmsgstr ""\n', "a.po is not a PO file: 'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_what_is_wrong_is_told(tmp_path, name, content, message):
    if name == "a.po":
        pytest.importorskip("polib")
    with pytest.raises(DataError) as caught:
        read(tmp_path, name, content)
    assert str(caught.value).startswith(f"{tmp_path}/{message}")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(DataError, match=r"x\.tmx does not exist$"):
        BilingualFile(tmp_path / "x.tmx", "tmx", "en", "de").find()
    with pytest.raises(DataError, match=r"is not a file\n  Text is read twice"):
        BilingualFile(tmp_path, "tmx", "en", "de").find()


@pytest.mark.parametrize(
    ("code", "wanted", "is_so"),
    [("en", "en", True), ("en-US", "en", True), ("EN_gb", "en", True), ("eng", "en", False), ("en", "en-US", False)],
)
def test_which_languages_match(code, wanted, is_so):
    assert matches_language(code, wanted) == is_so
