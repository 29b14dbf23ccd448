import shutil
import subprocess

import pytest
from support.documents import SPACED, WordTranslator, shout, translate_document, translate_units

from nmt.documents import po
from nmt.documents.document import Annotation, Languages
from nmt.errors import DataError, UsageError
from nmt.translation.memory import MemoryTranslator, TranslationMemory
from nmt.translation.result import MemoryMatch

polib = pytest.importorskip("polib")

HEAD = """msgid ""
msgstr ""
"Content-Type: text/plain; charset=UTF-8\\n"
"Plural-Forms: nplurals={}; plural=n!=1;\\n"

"""


def read(text: str, plurals: int = 2) -> po.PoDocument:
    return po.PoDocument((HEAD.format(plurals) + text).encode(), "a.po", SPACED)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ('msgid "one two"\nmsgstr ""\n', '#, fuzzy\nmsgid "one two"\nmsgstr "ONE TWO"\n'),
        ('msgid "one"\nmsgstr ""', '#, fuzzy\nmsgid "one"\nmsgstr "ONE"\n'),
        # comments, contexts and flags stay
        (
            '# t\n#. e\n#: a.c:1\n#, c-format\n#| msgid "old"\nmsgctxt "menu"\nmsgid "open %s now"\nmsgstr ""\n',
            '# t\n#. e\n#: a.c:1\n#, fuzzy, c-format\n#| msgid "old"\nmsgctxt "menu"\nmsgid "open %s now"\n'
            'msgstr "OPEN %s NOW"\n',
        ),
        (
            '#: a.c:1\n#| msgid "old"\nmsgid "new"\nmsgstr ""\n',
            '#: a.c:1\n#, fuzzy\n#| msgid "old"\nmsgid "new"\nmsgstr "NEW"\n',
        ),
        # existing translations stay, also fuzzy and obsolete ones
        ('msgid "one"\nmsgstr "eins"\n',) * 2,
        ('#, fuzzy\nmsgid "one"\nmsgstr "eins"\n',) * 2,
        ('#~ msgid "one"\n#~ msgstr ""\n',) * 2,
        ('msgid "%s: %d"\nmsgstr ""\n',) * 2,
        # strings of several lines, and escapes
        (
            'msgid ""\n"say \\"hi\\"\\n"\n"and\\tgo\\n"\nmsgstr ""\n',
            '#, fuzzy\nmsgid ""\n"say \\"hi\\"\\n"\n"and\\tgo\\n"\nmsgstr ""\n"SAY \\"HI\\"\\n"\n"AND\\tGO\\n"\n',
        ),
        (
            'msgid "one \\n  two:\\n- three"\nmsgstr ""\n',
            '#, fuzzy\nmsgid "one \\n  two:\\n- three"\nmsgstr ""\n"ONE \\n"\n"  TWO:\\n"\n"- THREE"\n',
        ),
        # placeholders and tags
        (
            'msgid "%(n)d files in {place}, <b title=\\"x\\">not</b> ${HOME} & 5 %%"\nmsgstr ""\n',
            '#, fuzzy\nmsgid "%(n)d files in {place}, <b title=\\"x\\">not</b> ${HOME} & 5 %%"\n'
            'msgstr "%(n)d FILES IN {place}, <b title=\\"x\\">NOT</b> ${HOME} &amp; 5 %%"\n',
        ),
        (
            'msgid "5 % of %-3ds %home%"\nmsgstr ""\n',
            '#, fuzzy\nmsgid "5 % of %-3ds %home%"\nmsgstr "5 % OF %-3dS %home%"\n',
        ),
        ('msgid "a & b < c"\nmsgstr ""\n', '#, fuzzy\nmsgid "a & b < c"\nmsgstr "A & B < C"\n'),
        ('msgid "a"\r\nmsgstr ""\r\n', '#, fuzzy\r\nmsgid "a"\r\nmsgstr "A"\r\n'),
    ],
)
def test_messages_without_a_translation_get_a_fuzzy_one(entry, expected):
    assert shout(read(entry)) == HEAD.format(2) + expected
    polib.pofile(HEAD.format(2) + expected)


def test_a_file_without_a_header_has_comments_before_its_first_message():
    document = po.PoDocument(b'msgid "one"\nmsgstr ""\n', "a.po", SPACED)
    assert [unit.line for unit in document.units] == [1]
    notes = [Annotation(matches=[MemoryMatch(87, "two", "zwei")])]
    written = document.write_annotated([unit.segment for unit in document.units], notes).decode()
    comment = "# 87 % as in the memory: two\n# The memory's translation: zwei\n"
    assert written == f'{comment}#, fuzzy\nmsgid "one"\nmsgstr "one"\n'


ENCODING = '"Content-Type: text/plain; charset=UTF-8\\n"\n'
GERMAN = '"Language: de\\n"\n'


@pytest.mark.parametrize(
    ("text", "header"),
    [
        ('# é\n\n#: a.c\nmsgid "one"\nmsgstr ""\n', ENCODING + GERMAN),
        ('msgid "ü"\nmsgid_plural "üs"\nmsgstr[0] ""\n', f'{ENCODING}{GERMAN}"{{}}\\n"\n'),
        ('msgid "a"\nmsgid_plural "as"\nmsgstr[0] ""\nmsgstr[1] ""\n', f'{GERMAN}"{{}}\\n"\n'),
        ('msgid "one"\nmsgstr ""\n', ""),  # needs none
        ('msgid "é"\nmsgstr "ü"\n', ""),  # nothing is translated
    ],
)
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_a_file_gets_the_header_that_gettext_needs(text, header, end, tmp_path):
    header = header and f'msgid ""\nmsgstr ""\n{header.format(PLURAL_FORMS)}\n'
    document = po.PoDocument(text.replace("\n", end).encode(), "a.po", SPACED)
    written = translate_document(document, WordTranslator(str.upper))
    own = written.decode().replace(f"#, fuzzy{end}", "")
    assert own.startswith(header.replace("\n", end) + text.splitlines()[0])
    if header:
        check_with_gettext(written, tmp_path / "a.po")


def test_what_a_memory_has_for_a_message_is_a_comment():
    entry = '# t\n#: a.c:1\nmsgid "one"\nmsgid_plural "ones"\nmsgstr[0] ""\nmsgstr[1] ""\n'
    document = read(entry)
    notes = [Annotation(matches=[MemoryMatch(87, "two", "zwei")]), Annotation(is_known=True)]
    written = document.write_annotated([unit.segment for unit in document.units], notes).decode()
    comment = "# 87 % as in the memory: two\n# The memory's translation: zwei\n# 100 % as in the memory\n"
    flagged = entry.replace("msgid ", "#, fuzzy\nmsgid ").replace('[0] ""', '[0] "one"').replace('[1] ""', '[1] "ones"')
    assert written == HEAD.format(2) + comment + flagged
    assert polib.pofile(written)[0].tcomment == comment[2:-1].replace("\n# ", "\n") + "\nt"


@pytest.mark.parametrize(
    ("doubts", "comment"),
    [
        ([], "nmt: confidence 0.63"),
        (['"null" (repeated)', "length limit"], 'nmt: confidence 0.63; check "null" (repeated), length limit'),
        ([f'"{n}" (copied)' for n in range(7)], '"4" (copied) and 2 more'),
    ],
)
def test_confidence_and_doubts_are_a_comment(doubts, comment):
    entry = '#. e\n#: a.c:1\nmsgid "zero"\nmsgstr ""\n'
    document = read(entry)
    notes = [Annotation(confidence=0.6251, doubts=doubts, matches=[MemoryMatch(87, "two", "zwei")])]
    written = document.write_annotated([unit.segment for unit in document.units], notes).decode()
    [read_back] = polib.pofile(written)
    first, *others = read_back.tcomment.splitlines()
    assert first.endswith(comment)
    assert first.startswith("nmt: confidence 0.63")
    assert others == ["87 % as in the memory: two", "The memory's translation: zwei"]
    assert (read_back.comment, read_back.flags) == ("e", ["fuzzy"])


def test_comments_on_plural_forms_keep_their_order():
    document = read('msgid "one"\nmsgid_plural "ones"\nmsgstr[0] ""\nmsgstr[1] ""\n')
    notes = [Annotation(confidence=0.9), Annotation(confidence=0.3, doubts=["length limit"])]
    written = document.write_annotated([unit.segment for unit in document.units], notes).decode()
    assert polib.pofile(written)[0].tcomment == "nmt: confidence 0.90\nnmt: confidence 0.30; check length limit"


@pytest.mark.parametrize(
    ("plurals", "strings"),
    [(1, ["%d FILES"]), (2, ["ONE FILE", "%d FILES"]), (3, ["ONE FILE", "%d FILES", "%d FILES"])],
)
def test_every_plural_form_is_filled(plurals, strings):
    entry = 'msgid "one file"\nmsgid_plural "%d files"\n'
    empty = "".join(f'msgstr[{number}] ""\n' for number in range(plurals))
    filled = "".join(f'msgstr[{number}] "{text}"\n' for number, text in enumerate(strings))
    assert shout(read(entry + empty, plurals)) == f"{HEAD.format(plurals)}#, fuzzy\n{entry}{filled}"


TEMPLATE = """# SOME DESCRIPTIVE TITLE.
#, fuzzy
msgid ""
msgstr ""
"Project-Id-Version: PACKAGE VERSION\\n"
"PO-Revision-Date: YEAR-MO-DA HO:MI+ZONE\\n"
"Last-Translator: FULL NAME <EMAIL@ADDRESS>\\n"
"Language-Team: LANGUAGE <LL@li.org>\\n"
"Language: \\n"
"MIME-Version: 1.0\\n"
"Content-Type: text/plain; charset=CHARSET\\n"
"Content-Transfer-Encoding: 8bit\\n"
"Plural-Forms: nplurals=INTEGER; plural=EXPRESSION;\\n"

#: a.c:1
msgid "one"
msgstr ""

#: a.c:2
msgid "a cat"
msgid_plural "%d cats"
msgstr[0] ""
msgstr[1] ""
"""


def translate_template(text: str, language: str) -> bytes:
    """The text with accents on its words, in a language."""
    languages = Languages("en", language)
    document = po.PoDocument(text.encode(), "a.pot", languages)
    return translate_document(document, WordTranslator(lambda word: f"é{word}"), languages)


def check_with_gettext(content: bytes, path) -> None:
    """msgfmt accepts a file, also when its messages are no longer fuzzy."""
    if (msgfmt := shutil.which("msgfmt")) is None:
        pytest.skip("no msgfmt (Debian: apt install gettext)")
    for text in (
        content,
        content.replace(b"#, fuzzy\n", b"").replace(b"#, fuzzy, ", b"#, "),
    ):
        path.write_bytes(text)
        done = subprocess.run([msgfmt, "-c", path, "-o", "/dev/null"], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("language", "declared", "rule", "strings"),
    [
        ("ja", "ja", "nplurals=1; plural=0;", ["s"]),
        ("fr", "fr", "nplurals=2; plural=(n > 1);", ["a", "s"]),
        ("pt-BR", "pt_BR", "nplurals=2; plural=(n > 1);", ["a", "s"]),
        ("pt", "pt", "nplurals=2; plural=(n != 1);", ["a", "s"]),
        ("pl", "pl", "nplurals=3; plural=(n==1 ? 0 : n%10>=2", ["a", "s", "s"]),
        ("ru", "ru", "nplurals=3; plural=(n%10==1 && n%100!=11 ? 0", ["a", "s", "s"]),
        ("sl", "sl", "nplurals=4; ", ["a", "s", "s", "s"]),
        # in Arabic the first form is for zero, and the second for one
        ("ar", "ar", "nplurals=6; plural=(n==0 ? 0 : n==1 ? 1", ["s", "a", "s", "s", "s", "s"]),
    ],
)
def test_a_template_becomes_a_file_of_its_language(tmp_path, language, declared, rule, strings):
    written = translate_template(TEMPLATE, language)
    found = polib.pofile(written.decode())
    assert found.metadata["Content-Type"] == "text/plain; charset=UTF-8"
    assert found.metadata["Language"] == declared
    assert found.metadata["Plural-Forms"].startswith(rule)
    assert not found.metadata_is_fuzzy
    texts = {"a": "éa écat", "s": "%d écats"}
    assert [text for _, text in sorted(found[1].msgstr_plural.items())] == [texts[one] for one in strings]
    check_with_gettext(written, tmp_path / "a.po")


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_the_rest_of_a_template_stays(end):
    text = TEMPLATE.replace("\n", end).replace("#, fuzzy", "#, fuzzy, x")
    written = translate_template(text, "de").decode()
    own = written.partition("#: a.c:1")[0]
    expected = text.partition("#: a.c:1")[0].replace("Language: ", "Language: de").replace("CHARSET", "UTF-8")
    expected = expected.replace("INTEGER", "2").replace("EXPRESSION", "(n != 1)").replace("#, fuzzy, x", "#, x")
    assert own == expected


def test_the_country_of_a_file_tells_its_plural_forms():
    written = translate_template(TEMPLATE.replace("Language: ", "Language: pt_BR"), "pt").decode()
    assert '"Language: pt_BR\\n"' in written
    assert '"Plural-Forms: nplurals=2; plural=(n > 1);\\n"' in written


def test_where_one_is_also_twenty_one_a_number_is_not_lost(tmp_path):
    text = TEMPLATE.replace("#: a.c:2", "#: a.c:2\n#, c-format")
    for language, first in (("uk", "%d écats"), ("cs", "éa écat")):
        written = translate_template(text, language)
        strings = polib.pofile(written.decode())[1].msgstr_plural
        assert strings == {0: first, 1: "%d écats", 2: "%d écats"}
        check_with_gettext(written, tmp_path / "a.po")


PLURAL_FORMS = "Plural-Forms: nplurals=2; plural=(n != 1);"


@pytest.mark.parametrize(
    ("header", "expected"),
    [
        # what is there stays, and what plural forms and letters need is added
        (["A: b", "", PLURAL_FORMS], ["A: b", "", PLURAL_FORMS, "Content-Type: text/plain; charset=UTF-8"]),
        (["Content-Type: text/html; charset=utf8"], ["Content-Type: text/html; charset=utf8", PLURAL_FORMS]),
        (["Content-Type: text/html; charset=ascii"], ["Content-Type: text/html; charset=UTF-8", PLURAL_FORMS]),
        (
            ["content-type: x", "A: b"],
            ["Content-Type: text/plain; charset=UTF-8", "A: b", PLURAL_FORMS],
        ),
        (
            ["Language: ", "Plural-Forms: nplurals=4; plural=n%4;", "Content-Type: text/plain; charset=UTF-8"],
            ["Language: de", "Plural-Forms: nplurals=4; plural=n%4;", "Content-Type: text/plain; charset=UTF-8"],
        ),
    ],
)
def test_a_header_gets_what_it_lacks(header, expected):
    messages = TEMPLATE[TEMPLATE.index("#: a.c:1") :]
    for own in ("".join(f'"{line}\\n"\n' for line in header), '"' + "\\n".join(header) + '\\n"\n'):
        written = translate_template(f'msgid ""\nmsgstr ""\n{own}\n{messages}', "de").decode()
        lines = "".join(f'"{line}\\n"\n' for line in expected if line)
        assert written.startswith(f'msgid ""\nmsgstr ""\n{lines}\n#: a.c:1')


def test_a_file_whose_translations_need_more_letters_becomes_utf_8():
    text = TEMPLATE.replace("CHARSET", "ISO-8859-1")
    document = po.PoDocument(text.encode(), "a.po", Languages("en", "cs"))
    written = translate_document(document, WordTranslator(lambda word: f"ř{word}"), Languages("en", "cs"))
    assert "charset=UTF-8" in written.decode()
    assert "řone" in written.decode()


def test_a_language_without_known_plural_forms_is_told():
    document = po.PoDocument(TEMPLATE.encode(), "a.pot", Languages("en", "tlh"))
    assert document.notes == [
        "a.pot: the plural forms of tlh are not known: write Plural-Forms in the header, and msgstr[n] for each form "
        "of each message"
    ]
    assert '"Plural-Forms: nplurals=INTEGER; plural=EXPRESSION;\\n"' in shout(document)
    assert po.PoDocument(TEMPLATE.replace("msgid_plural", "#").encode(), "a.pot", Languages("en", "tlh")).notes == []


def test_forms_that_a_language_does_not_have_are_removed():
    entry = 'msgid "a cat"\nmsgid_plural "%d cats"\nmsgstr[0] ""\nmsgstr[1] ""\n""\n\n# end\n'
    assert shout(read(entry, 1)).endswith('msgid_plural "%d cats"\nmsgstr[0] "%d CATS"\n\n# end\n')


@pytest.mark.parametrize(
    ("entries", "note"),
    [
        ('#, fuzzy\nmsgid "a"\nmsgstr "x"\n', ["a.po: 1 fuzzy message keeps the translation that it has"]),
        (
            '#, fuzzy\nmsgid "a"\nmsgstr "x"\n\n#, c-format, fuzzy\nmsgid "b"\nmsgid_plural "c"\nmsgstr[0] "y"\n'
            'msgstr[1] ""\n\n#, fuzzy\nmsgid "d"\nmsgstr ""\n\n#, fuzzy\n#~ msgid "e"\n#~ msgstr "z"\n',
            [
                "a.po: 2 fuzzy messages keep the translations that they have",
                "a.po: 1 message has some plural forms and not others, which stay empty",
            ],
        ),
        (
            'msgid "a"\nmsgid_plural "as"\nmsgstr[0] ""\nmsgstr[1] "y"\n\nmsgid "b"\nmsgid_plural "bs"\nmsgstr[0] "x"\n'
            'msgstr[1] ""\n\n#~ msgid "c"\n#~ msgid_plural "cs"\n#~ msgstr[0] "x"\n#~ msgstr[1] ""\n\n'
            'msgid "d"\nmsgid_plural "ds"\nmsgstr[0] "x"\nmsgstr[1] "y"\n',
            ["a.po: 2 messages have some plural forms and not others, which stay empty"],
        ),
        (
            'msgid "a <i c=\\"x>b</i>"\nmsgid_plural "as <i c=\\"x>b</i>"\nmsgstr[0] ""\nmsgstr[1] ""\n\n'
            'msgid "<b>a</b> <!-- b"\nmsgstr ""\n',
            [
                'a.po, line 6: "<i" does not end: it stays as it is, with what follows in the message',
                'a.po, line 11: "<!--" does not end: it stays as it is, with what follows in the message',
            ],
        ),
        ('msgid "a"\nmsgstr ""\n\nmsgid "<b>a</b> if b<c"\nmsgstr ""\n', []),
    ],
)
def test_translations_that_stay_as_they_are_are_told(entries, note):
    assert read(entries).notes == note


def test_placeholders_move_with_the_words_beside_them():
    written = translate_document(read('msgid "open %s now"\nmsgstr ""\n'), WordTranslator(is_reversing=True)).decode()
    assert 'msgstr "now %s open"' in written


def test_a_memory_of_messages_has_their_placeholders(tmp_path):
    (tmp_path / "m.csv").write_text(
        'en,de\n"open %s, then <b>go</b>","dann <b>los</b>, %s öffnen"\nno %d yet,noch nicht\n'
    )
    memory = MemoryTranslator(WordTranslator(str.upper), TranslationMemory.read([tmp_path / "m.csv"], "en", "de", 100))
    document = read('msgid "open %s, then <b>go</b>"\nmsgstr ""\n\nmsgid "no %d yet"\nmsgstr ""\n')
    units = translate_units(document, memory, SPACED)
    written = polib.pofile(document.write([one.segment for one in units]).decode())
    assert [entry.msgstr for entry in written] == ["dann <b>los</b>, %s öffnen", "noch nicht"]


def test_a_file_keeps_its_encoding():
    text = HEAD.format(2).replace("UTF-8", "ISO-8859-1") + 'msgid "a"\nmsgstr "é"\n\nmsgid "b é"\nmsgstr ""\n'
    document = po.PoDocument(text.encode("latin-1"), "a.po", SPACED)
    assert b'msgstr "B \xc9"' in translate_document(document, WordTranslator(str.upper))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        ('msgid "a\nmsgstr ""\n', 'a.po, line 6: "msgid "a" is not a line of a PO file\n  A line is a comment, or a'),
        ("hello\n", 'a.po, line 6: "hello" is not a line of a PO file'),
        ('msgid "a"\nmsgid "b"\n', "a.po, line 7 is not what a PO file has there\n  Correct it; msgfmt tells more"),
        ('msgstr "a"\n\nmsgid "b"\nmsgstr ""\nmsgstr ""\n', "a.po, line 6 is not what a PO file has there"),
    ],
)
def test_syntax_errors_are_refused(entry, message):
    with pytest.raises(DataError) as caught:
        read(entry)
    assert str(caught.value).startswith(message)


def test_another_language_is_refused():
    text = HEAD.format(2).replace('"Plural', '"Language: fr_CA\\n"\n"Plural')
    with pytest.raises(DataError) as caught:
        po.PoDocument(text.encode(), "a.po", Languages("en", "de"))
    assert str(caught.value) == (
        "a.po is a file of translations to fr_CA, and the run translates to de\n  Use a run of its language"
    )


def test_without_the_library_the_message_names_it(monkeypatch):
    monkeypatch.setattr(po, "polib", None)
    with pytest.raises(UsageError) as caught:
        read("")
    assert str(caught.value) == 'a.po can be read with the extra documents: pip install "nmt[documents]"'


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("click `Save as` or `Open the file`.", "CLICK `SAVE AS` OR `OPEN THE FILE`."),
        ("``one'' he said, ``two three''", "``ONE'' HE SAID, ``TWO THREE''"),
        ("use ``a b``, `c` and `d e` now", "USE ``a b``, `c` AND `d e` NOW"),
        ("see |version| of |the name| here", "SEE |version| OF |THE NAME| HERE"),
        ("`a few words`_ here", "`a few words`_ HERE"),
    ],
)
def test_quoted_words_are_translated_and_code_is_not(text, expected):
    entry = polib.POEntry(msgid=text)
    assert polib.pofile(shout(read(str(entry))))[-1].msgstr == expected
