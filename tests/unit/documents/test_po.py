import pytest
from support.documents import SPACED, WordTranslator, shout, translate_document, translate_units

from nmt.documents import po
from nmt.documents.document import Annotation, Languages
from nmt.errors import DataError, UsageError
from nmt.translation.memory import MemoryTranslator, TranslationMemory
from nmt.translation.result import MemoryMatch

polib = pytest.importorskip("polib")

HEAD = (
    'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=UTF-8\\n"\n"Plural-Forms: nplurals={}; plural=0;\\n"\n\n'
)


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
            '#, fuzzy\nmsgid ""\n"say \\"hi\\"\\n"\n"and\\tgo\\n"\nmsgstr ""\n"SAY \\"HI\\"\\n"\n"AND GO\\n"\n',
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


@pytest.mark.parametrize(
    ("entries", "note"),
    [
        ('#, fuzzy\nmsgid "a"\nmsgstr "x"\n', ["a.po: 1 fuzzy message keeps the translation that it has"]),
        (
            '#, fuzzy\nmsgid "a"\nmsgstr "x"\n\n#, c-format, fuzzy\nmsgid "b"\nmsgid_plural "c"\nmsgstr[0] "y"\n'
            'msgstr[1] ""\n\n#, fuzzy\nmsgid "d"\nmsgstr ""\n\n#, fuzzy\n#~ msgid "e"\n#~ msgstr "z"\n',
            ["a.po: 2 fuzzy messages keep the translations that they have"],
        ),
        ('msgid "a"\nmsgstr ""\n', []),
    ],
)
def test_fuzzy_translations_that_stay_are_told(entries, note):
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
    first, second = (entry.msgstr for entry in written)
    assert first == "dann <b>los</b>, %s öffnen"
    assert (second.count("%d"), " ".join(second.replace("%d", "").split())) == (1, "noch nicht")  # placed anew


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
