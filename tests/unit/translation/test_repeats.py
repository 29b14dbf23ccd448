from support.documents import WordTranslator

from nmt.translation import repeats
from nmt.translation.repeats import translate_once
from nmt.translation.request import Request


def translate(lines):
    """The translations of lines, and the lines that were translated for them."""
    translator = WordTranslator(str.upper)
    found = [one.text for [one] in translate_once(translator.stream, lines)]
    return found, translator.lines


def test_a_line_that_occurs_again_is_translated_once():
    found, sent = translate(["oui", "non", "oui", "", "oui", "non", "si", ""])
    assert found == ["OUI", "NON", "OUI", "", "OUI", "NON", "SI", ""]
    assert sent == ["oui", "non", "", "", "", "", "si", ""]


def test_a_line_may_occur_again_before_its_translation_is_there():
    class Window(WordTranslator):
        def stream(self, lines, **options):
            return super().stream(list(lines), **options)  # all are read before the first is translated

    assert [one.text for [one] in translate_once(Window(str.upper).stream, "abaab")] == list("ABAAB")


def test_requests_are_the_same_only_with_the_same_constraints():
    lines = [Request("tak"), Request("tak", prefix="N"), Request("tak"), "tak"]
    sent = []

    def stream(lines):
        for line in lines:
            sent.append(line)
            yield [WordTranslator().translate(line if isinstance(line, str) else line.source + line.prefix)]

    assert [one.text for [one] in translate_once(stream, lines)] == ["tak", "takN", "tak", "tak"]
    assert sent == [lines[0], lines[1], "", "tak"]


def test_the_lines_that_were_used_last_are_kept(monkeypatch):
    monkeypatch.setattr(repeats, "MOST_KEPT", 2)
    monkeypatch.setattr(repeats, "LONGEST_KEPT", 3)
    lines = ["da", "ne", "da", "što", "da", "ne", "dugo", "dugo"]
    found, sent = translate(lines)
    assert found == [line.upper() for line in lines]
    assert sent == ["da", "ne", "", "što", "", "ne", "dugo", "dugo"]  # "što" took the place of "ne"
