import time

import pytest

from nmt.errors import DataError, UsageError
from nmt.text.terms import KEPT, GlossaryEntry, Terms, read_glossary
from nmt.text.words import find_texts, match_texts


def found(terms, source):
    return [(one.text, one.targets) for one in terms.find(source)]


ENTRIES = [
    GlossaryEntry("fence", "Zaun"),
    GlossaryEntry("garden fence", "Gartenzaun"),
    GlossaryEntry("bank", "Bank"),
    GlossaryEntry("bank", "Ufer"),
    GlossaryEntry("US", "USA", "exact"),
    GlossaryEntry("us", "uns", "exact"),
    GlossaryEntry("roof", "toit", "follow"),
    GlossaryEntry("C++", "C++"),
    GlossaryEntry("café", "Café"),
    GlossaryEntry("猫", "Katze"),
    GlossaryEntry("バス", "Bus"),
    GlossaryEntry("ธนาคาร", "Bank"),
    GlossaryEntry("서버", "Server"),
    GlossaryEntry("파일 이름", "Dateiname"),
    GlossaryEntry("API", "API"),
    GlossaryEntry("값*", "Wert"),
    GlossaryEntry("palveli*", "Server", "follow"),
    GlossaryEntry("avoin verkko*", "offenes Netz", "exact"),
    GlossaryEntry("SQL*Plus", "SQL*Plus"),
    GlossaryEntry("A* search", "A*-Suche"),
]


@pytest.mark.parametrize(
    ("source", "terms"),
    [
        ("The fence and the fences.", [("fence", ("Zaun",))]),  # whole words
        ("A garden  fence, a garden, a fence", [("garden  fence", ("Gartenzaun",)), ("fence", ("Zaun",))]),
        ("FENCE bank", [("FENCE", ("Zaun",)), ("bank", ("Bank", "Ufer"))]),
        ("They told us in the US. Us?", [("us", ("uns",)), ("US", ("USA",))]),
        ("The roof. Roof! ROOF", [("roof", ("toit",)), ("Roof", ("toit", "Toit")), ("ROOF", ("TOIT",))]),
        ("“fence”/fence-post's", [("fence", ("Zaun",)), ("fence", ("Zaun",))]),
        ("in C++, not C+", [("C++", ("C++",))]),
        ("cafe\u0301 CAFÉ", [("cafe\u0301", ("Café",)), ("CAFÉ", ("Café",))]),
        ("私の猫はバスに乗る。", [("猫", ("Katze",)), ("バス", ("Bus",))]),
        ("バスケットボール", []),
        ("ไปธนาคารวันนี้", [("ธนาคาร", ("Bank",))]),
        # particles of Korean, and endings of a term with "*"
        ("서버는 서버에서도, 서버들의 서버.", [("서버", ("Server",))] * 4),
        ("서버예요 서버야말로 서버들끼리 서버였다", [("서버", ("Server",))] * 4),
        ("파일 이름을 API로 바꾸면", [("파일 이름", ("Dateiname",)), ("API", ("API",))]),
        ("서버실 웹서버는 APIs", []),
        ("값은 값", [("값은", ("Wert",)), ("값", ("Wert",))]),
        ("Palvelimen palvelin", [("Palvelimen", ("Server",)), ("palvelin", ("Server",))]),
        ("avoin verkkoyhteys, Avoin verkko", [("avoin verkkoyhteys", ("offenes Netz",))]),
        ("avoin vesi, esipalvelin", []),
        ("SQL*Plus and A* search", [("SQL*Plus", ("SQL*Plus",)), ("A* search", ("A*-Suche",))]),
        ("", []),
        ("...", []),
    ],
)
def test_terms_are_found_as_whole_words_and_the_longest_counts(source, terms):
    assert found(Terms.build(ENTRIES), source) == terms


@pytest.mark.parametrize(
    ("name", "source", "kept"),
    [
        ("numbers", "12 of 3,400.5 (-7) at 10:30, v2 and A4.", ["12", "3,400.5", "-7", "10:30"]),
        # beside letters: not after one of a script with blanks, nor in ordinals and codes
        ("numbers", "5kg and 20km, 1st of 22nd, 0x1F, 2x4, 5_0", ["5", "20"]),
        ("numbers", "250권을 2024년 5월 А4 की250", ["250", "2024", "5"]),
        ("numbers", "我有250本书，25度，-5度。第3-5页", ["250", "25", "-5", "3", "5"]),
        ("numbers", "ราคา250บาท ที่3.5กม. ៥០០រៀល ၃.၅မီတာ", ["250", "3.5", "៥០០", "၃.၅"]),
        ("numbers", "١٬٢٣٤٫٥٠ و ۱۲٫۵ und ３．５メートル", ["١٬٢٣٤٫٥٠", "۱۲٫۵", "３．５"]),
        ("numbers", "1’000 Franken, 12 345,6 und ±3.", ["1’000", "12", "345,6", "±3"]),
        ("numbers", "10\u202f000 €", ["10\u202f000"]),
        (
            "numbers",
            "On 2024-01-02, 2024-01-02T10:15:30Z or 在2024-01-02T1015+01:00。",
            ["2024-01-02", "2024-01-02T10:15:30Z", "2024-01-02T1015+01:00"],
        ),
        (
            "urls",
            "See https://example.org/a?b=c#d, (http://x.y/z) or www.host.net.",
            "https://example.org/a?b=c#d http://x.y/z www.host.net",
        ),
        ("emails", "Write to a.b+c@mail.example.org, or @me.", ["a.b+c@mail.example.org"]),
        (
            "placeholders",
            "Hi {name}, ${HOME} {{x}} %s %(count)d %1$s 50 % of $1 for %PATH%",
            ["{name}", "${HOME}", "{{x}}", "%s", "%(count)d", "%1$s", "$1", "%PATH%"],
        ),
        ("placeholders", "100% sure; 5 {not this}", []),
        ("placeholders", "%s님이 สวัสดี%sครับ %dдней $x님 价格$y和", ["%s", "%s", "%d", "$x", "$y"]),
        ("placeholders", "价格10%和%s和50%的%(n)d个", ["%s", "%(n)d"]),
        ("placeholders", "10%de %sé", []),
        ("placeholders", "$1,000.50 and $5.99, $1’000, $1\u202f000 or $2:30 for $3 of $4. $a1.5", ["$3", "$4", "$a1"]),
        (
            "placeholders",
            "Le {{ nom }} de {% if a %}{{{ b.c | d: 'e' }}}{%- endif -%} ${{ f }} {{< g >}} {# h #} {i}",
            "{{ nom }} {% if a %} {{{ b.c | d: 'e' }}} {%- endif -%} ${{ f }} {{< g >}} {# h #} {i}",
        ),
        (
            "urls",
            "*http://a.b/c_d_* [ftp://e.f] http://g.h/i_(j), (www.k.l/m)!",
            "http://a.b/c_d ftp://e.f http://g.h/i_(j) www.k.l/m",
        ),
        (
            "urls",
            "https://zh.wikipedia.org/wiki/北京 now http://例え.jp/x, https://th.wikipedia.org/wiki/กรุงเทพ/ที่ and",
            "https://zh.wikipedia.org/wiki/北京 http://例え.jp/x https://th.wikipedia.org/wiki/กรุงเทพ/ที่",
        ),
        ("urls", "https://a.b/C语言 (https://c.d/?q=犬&r=1)", "https://a.b/C语言 https://c.d/?q=犬&r=1"),
        ("urls", "参见https://a.b/wiki/北京 和（https://c.d/猫）", "https://a.b/wiki/北京 https://c.d/猫"),
        ("urls", "参见https://a.b/c的页面。https://a.b/をご覧", "https://a.b/c https://a.b/"),
        ("urls", "ดูhttps://a.b/cได้เลย https://a.b/c和https://d.e/f", "https://a.b/c https://a.b/c https://d.e/f"),
        ("urls", "https://ar.wikipedia.org/wiki/قطة و", "https://ar.wikipedia.org/wiki/قطة"),
        ("urls", "詳細はhttps://a.b/c。またはwww.d.eを見る", "https://a.b/c www.d.e"),
        (
            "urls",
            "https://a.b/{{ page.id }}/c and https://d.e/{% f %}",
            "https://a.b/{{ page.id }}/c https://d.e/{% f %}",
        ),
        ("emails", "連絡先a-b@c.jpまで, müller@x.de, mailto:d@e.f.", "a-b@c.jp müller@x.de mailto:d@e.f"),
        ("urls", "HTTPS://Example.COM/a, Http://b, WWW.c.de or ftpſ://d", "HTTPS://Example.COM/a Http://b WWW.c.de"),
        ("emails", "MAILTO:a@b.c", ["MAILTO:a@b.c"]),
        ("emoji", "ok 👍🏽 family 👩‍👩‍👧 flag 🇩🇪! ☀️ 1️⃣", ["👍🏽", "👩‍👩‍👧", "🇩🇪", "☀️", "1️⃣"]),
        (
            "emoji",
            "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f a",
            "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        ),
        ("emoji", "A family \u263a\ufe0e.", ["\u263a\ufe0e"]),  # as text
        ("emoji", "❤️5 ©️ © ‼️ ☎️123 ❤️1️⃣ ↔️ 🙂‍↔️ ㊗️", ["❤️", "©️", "‼️", "☎️", "❤️", "1️⃣", "↔️", "🙂‍↔️", "㊗️"]),
        (r"[A-Z]{2}-\d+", "AB-12 and XAB-12, CD-3", ["AB-12", "CD-3"]),
        (r"x*", "a xx b", ["xx"]),
    ],
)
def test_what_is_kept(name, source, kept):
    found = [one.text for one in Terms.build(keep=[name]).find(source)]
    assert (found if isinstance(kept, list) else " ".join(found)) == kept


@pytest.mark.parametrize(
    ("source", "targets"),
    [
        ("the green wall", ("mur végétal",)),
        ("a Green wall", ("Mur végétal",)),  # in a sentence, as a name
        ("Green wall", ("mur végétal", "Mur végétal")),  # its capital may be that of the sentence
        ("- “Green wall”", ("mur végétal", "Mur végétal")),
        ("It fell. (Green wall)", ("mur végétal", "Mur végétal")),
        ("v2.5 Green wall", ("Mur végétal",)),
        ("Green Wall", ("Mur Végétal",)),
        ("GREEN WALL", ("MUR VÉGÉTAL",)),
    ],
)
def test_targets_have_the_capitals_of_the_source(source, targets):
    assert [one for _, one in found(Terms.build([GlossaryEntry("green wall", "mur végétal", "follow")]), source)] == [
        targets
    ]


def test_a_capital_of_the_term_itself_is_not_one_of_the_sentence():
    terms = Terms.build([GlossaryEntry("Oslo fjord*", "der Fjord", "follow"), GlossaryEntry("a", "ein", "follow")])
    assert found(terms, "the Oslo fjords, OSLO FJORD, A") == [
        ("Oslo fjords", ("der Fjord",)),
        ("OSLO FJORD", ("DER FJORD",)),
        ("A", ("Ein",)),
    ]


@pytest.mark.parametrize(
    ("word", "guess"), [("number", "numbers"), ("URL", "urls"), ("mails", "emails"), ("Nokia", ""), ("5", "")]
)
def test_a_word_that_is_almost_a_name_is_refused(word, guess):
    if guess:
        with pytest.raises(UsageError) as caught:
            Terms.build(keep=[word])
        assert str(caught.value) == (
            f'"{word}" is not one of numbers, urls, placeholders, emails, emoji; did you mean "{guess}"?\n'
            f"  As a regular expression for the word itself, write keep='\\\\b{word}\\\\b'"
        )
    else:
        assert found(Terms.build(keep=[word]), f"the {word} is") == [(word, (word,))]


def test_of_overlapping_terms_the_first_and_then_the_longest_counts():
    terms = Terms.build([GlossaryEntry("Windows 10", "Fenster 10"), GlossaryEntry("10", "zehn")], ["numbers", "urls"])
    assert [one.text for one in terms.find("Windows 10, 11, http://a.b/10 and 10")] == [
        *("Windows 10", "11", "http://a.b/10", "10")
    ]
    assert [one.kind for one in terms.find("10 11")] == ["glossary", "keep"]


def test_uses_are_counted_apart_from_each_other():
    terms = Terms.build(ENTRIES, ["numbers"])
    uses = terms.list_uses("bank 5 bank 15 garden fence fence", "Ufer 15, Gartenzaun, Zaun, Bank")
    assert [(one.term.text, one.used) for one in uses] == [
        *(("bank", "Bank"), ("5", None), ("bank", "Ufer"), ("15", "15")),
        *(("garden fence", "Gartenzaun"), ("fence", "Zaun")),
    ]


@pytest.mark.parametrize(
    ("text", "wanted", "matched"),
    [
        ("a b", [("a b",), ("a",)], ["a b", None]),  # the longest first
        ("a b a", [("a",), ("a b",)], ["a", "a b"]),
        ("a a", [("a",)] * 3, ["a", "a", None]),
        ("Katzen", [("Katze", "Katzen")], ["Katzen"]),
        ("", [("a",)], [None]),
    ],
)
def test_texts_are_matched_without_overlaps(text, wanted, matched):
    assert match_texts(text, wanted) == matched


def test_occurrences_of_several_texts_do_not_overlap():
    assert sorted(find_texts("a b, a, b", ["a", "a b", "b"])) == [(0, 3), (5, 6), (8, 9)]


def test_a_glossary_is_read(tmp_path):
    path = tmp_path / "terms.tsv"
    path.write_text(
        "\ufefffence\tZaun\r\n\n bank \t Ufer\texact\t near\nroof\ttoit\t\ta note\nUS\tUSA\tfollow\n", "utf-8"
    )
    assert read_glossary(path) == [
        GlossaryEntry("fence", "Zaun", "ignore", 1),
        GlossaryEntry("bank", "Ufer", "exact", 3),
        GlossaryEntry("roof", "toit", "ignore", 4),
        GlossaryEntry("US", "USA", "follow", 5),
    ]
    assert found(Terms.read(path, ["numbers"]), "2 fences, 1 fence") == [
        ("2", ("2",)),
        ("1", ("1",)),
        ("fence", ("Zaun",)),
    ]


def test_lines_that_cannot_be_used_are_listed(tmp_path):
    path = tmp_path / "terms.tsv"
    path.write_text("fence\na\tb\tc\td\te\n\tZaun\nroof\t \nbank\tBank\tignroe\nok\tgut\nroof*\tDach*\n5*\t*\n")
    with pytest.raises(DataError) as caught:
        read_glossary(path)
    assert str(caught.value) == (
        f"{path} has lines that cannot be used:\n"
        "  line 1: it has 1 column, not 2 to 4\n"
        "  line 2: it has 5 columns, not 2 to 4\n"
        "  line 3: its source is empty\n"
        "  line 4: its target is empty\n"
        '  line 5: there is no case rule "ignroe"; did you mean "ignore"?\n'
        '  line 7: its target "Dach*" would have the "*": only a source ends with it, for every ending of its word\n'
        "  A line has the source, a tab and the target; then perhaps a tab and ignore, exact or follow, and a tab "
        "and a note"
    )
    path.write_text("x\n" * 30)
    with pytest.raises(DataError, match=r"line 10: .*\n  and 20 more\n"):
        read_glossary(path)
    path.write_text("\n")
    with pytest.raises(DataError, match=r"terms\.tsv is empty: it has no terms$"):
        read_glossary(path)


@pytest.mark.parametrize(
    ("lines", "mark"),
    [
        ("roof;Dach\na, b;c\n", '";"'),
        ('"roof","Dach"\nfence\tZaun\n', '","'),
        ("roof | Dach\n", '"|"'),
        ("roof = Dach\n", '"="'),
        ("roof -> Dach\n", '"->"'),
        ("roof   Dach\nfence  Zaun\n", "blanks"),
        ("roof;Dach\nfence,Zaun\n", ""),
        ("roof Dach\n", ""),
        (";Dach\n", ""),
        ('<?xml version="1.0"?><tmx/>', ""),
    ],
)
def test_what_stands_in_place_of_tabs_is_named(tmp_path, lines, mark):
    path = tmp_path / "terms.tsv"
    path.write_text(lines)
    with pytest.raises(DataError) as caught:
        read_glossary(path)
    hint = f"  {path} has {mark} between its columns: save it with tabs" if mark else "  A line has the source, a tab"
    assert str(caught.value).splitlines()[-1].startswith(hint)


@pytest.mark.parametrize(
    ("head", "languages", "is_refused"),
    [
        ("source\ttarget", (), True),
        ("Target\tSource\tcase\tnote", (), True),
        ("en\tde", ("en", "de"), True),
        ("\nDE_at\ten-US\texact", ("en", "de"), True),
        ("en\tde", ("en", "fr"), False),
        ("en\tde", (), False),
        ("source\tQuelle", ("en", "de"), False),
        ("fence\tZaun\nsource\ttarget", (), False),  # names of columns stand first
    ],
)
def test_a_glossary_that_begins_with_names_is_refused(tmp_path, head, languages, is_refused):
    path = tmp_path / "terms.tsv"
    path.write_text(f"{head}\nroof\tDach\n")
    if not is_refused:
        assert len(read_glossary(path, languages)) == head.count("\n") + 2
        return
    with pytest.raises(DataError) as caught:
        Terms.read(path, languages=languages)
    line = head.count("\n") + 1
    assert str(caught.value) == (
        f"{path}, line {line} is no term but names the columns: {head.strip()!r}\n  Remove it, and put the source first"
    )


def test_a_wrong_pattern_is_refused():
    with pytest.raises(UsageError) as caught:
        Terms.build(keep=["number[s"])
    assert str(caught.value).startswith('"number[s" is no regular expression: unterminated character set at position 6')
    assert str(caught.value).endswith(f"\n  Correct keep, or name one of {', '.join(KEPT)}")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("emails", "a." * 20_000),
        ("emails", "1%" * 20_000),
        ("placeholders", "%" + "0" * 20_000),
        ("numbers", "1'" * 20_000),
        ("placeholders", "{{" * 20_000),
        ("placeholders", "{%" * 20_000),
        ("urls", "http://a(" * 5_000),
        ("urls", "http://a" + ".(b)" * 10_000),
        ("urls", "http://" + "{{" * 10_000),
        ("urls", "http://a/" + "北" * 20_000 + "。"),
        ("urls", "http://a/" + "北/" * 10_000 + "。"),
        ("urls", "http://a" + "/北。" * 10_000),
        ("urls", "hTTp" * 10_000),
        ("numbers", "1" + "a" * 20_000),
        ("numbers", "1a" * 10_000),
    ],
)
def test_what_is_kept_is_found_in_little_time(name, text):
    terms = Terms.build(keep=[name])
    begin = time.process_time()
    terms.find(text)
    assert time.process_time() - begin < 2  # by the square of its length it were much more


def test_own_terms_count_more_than_others():
    own = Terms.build([GlossaryEntry("Big Tree", "Baum")], ["emoji"])
    others = Terms.build([GlossaryEntry("big tree", "x"), GlossaryEntry("tree", "Ast")], ["numbers"])
    found = own.join(others).find("12 big trees, a tree, a big tree ☂")
    assert [(one.text, one.targets) for one in found] == [
        ("12", ("12",)),
        ("tree", ("Ast",)),
        ("big tree", ("Baum",)),
        ("☂", ("☂",)),
    ]


@pytest.mark.parametrize(
    "glossary",
    [
        [("fence", "Zaun")],
        (["fence", "Zaun"],),
        {"fence": "Zaun"},
        [GlossaryEntry("fence", "Zaun")],
        iter([("fence", "Zaun")]),
    ],
)
def test_a_glossary_is_built_from_entries_pairs_or_a_mapping(glossary):
    assert found(Terms.build(glossary), "the fence") == [("fence", ("Zaun",))]


def test_a_glossary_from_python_is_normalized_as_one_from_a_file_is():
    terms = Terms.build({"A\u0308pfel": "  Mu\u0308sli  hier"})
    assert found(terms, "Äpfel A\u0308pfel") == [("Äpfel", ("Müsli hier",)), ("A\u0308pfel", ("Müsli hier",))]


def test_kept_text_is_found_in_a_translation_that_composes_accents():
    [use] = Terms.build(keep=["A.pfel"]).list_uses("zwei A\u0308pfel", "two Äpfel")
    assert use.used == "Äpfel"


def test_entries_that_cannot_be_used_are_listed_by_their_place():
    entries = [
        ("fence", "Zaun"),
        GlossaryEntry("", "Hund"),
        GlossaryEntry("dog", " "),
        GlossaryEntry("dog", "Hund", "exakt"),
        GlossaryEntry("cat", "", line=12),
        ("dog",),
        "dog",
        None,
        ("dog", 3),
        ("dog", "Hund\ud800"),
        ("dog", "Hund*"),
    ]
    with pytest.raises(DataError) as caught:
        Terms.build(entries)
    assert str(caught.value).split("\n  ") == [
        "the glossary has entries that cannot be used:",
        "entry 2: its source is empty",
        "entry 3: its target is empty",
        'entry 4: there is no case rule "exakt"; did you mean "exact"?',
        "line 12: its target is empty",
        "entry 6: it has 1 column, not 2 to 4",
        "entry 7: it is str, not a pair: 'dog'",
        "entry 8: it is NoneType, not a pair: 'None'",
        "entry 9: 3 is int, not a string: '3'",
        r"entry 10: 'Hund\ud800' has half a character (a lone surrogate) at position 5",
        'entry 11: its target "Hund*" would have the "*": only a source ends with it, for every ending of its word',
        "An entry is a pair of source and target, or GlossaryEntry(source, target, case), where case is ignore, exact "
        "or follow",
    ]


def test_a_star_inside_a_term_is_refused():
    Terms.build({"d*og": "Hund", "*nix": "Unix", "M*A*S*H": "M*A*S*H", "C*-algebra*": "C*-Algebra", "2*x": "2*x"})
    for source in ("ho*und", "ho*und*", "hound* dog", "été*été"):
        with pytest.raises(DataError) as caught:
            Terms.build({source: "Hund"})
        assert str(caught.value).splitlines()[1] == (
            f'  entry 1: its source "{source}" has a "*" that is not at its end, where it would stand for every ending'
        )


def test_terms_are_not_made_past_their_checks():
    with pytest.raises(
        UsageError, match=r'^a glossary is built by Terms.build, as in Terms.build\({"fence": "Zaun"}\)$'
    ):
        Terms({"fence": [GlossaryEntry("fence", "Zaun")]})
    for build in (Terms.build, Terms.read):
        with pytest.raises(DataError, match=r"^keep is one string, and must be several\n"):
            build(keep="numbers")
        with pytest.raises(UsageError, match=r"^one of keep is NoneType, not a string"):
            build(keep=[None])
    with pytest.raises(DataError, match=r"^glossary is one string, and must be several\n"):
        Terms.build("glossary.tsv")
