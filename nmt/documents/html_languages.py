"""Language labels of a page: `lang` of its elements, `<meta>` with its language, and `dir`, its direction."""

from collections.abc import Iterator
from typing import NamedTuple

from nmt.documents.document import Languages, Splice
from nmt.documents.html_attributes import find_values, read_language
from nmt.documents.html_events import Event
from nmt.documents.html_names import DECLARING, LANGUAGE, VOID, WHOLE
from nmt.text.languages import format_language, is_own_language, is_right_to_left
from nmt.text.units import Span

DIRECTIONS = {False: "ltr", True: "rtl"}


class LabelledElement(NamedTuple):
    """The values that mark an element as of the source's language, and how many texts were translated before it."""

    values: list[Span]
    translated: int


class LanguageLabels:
    """Finds the values that mark translated text as of the source's language, and the direction of the page."""

    def __init__(self, text: str, language: str) -> None:
        self.text = text
        self.language = language
        self.values: list[Span] = []
        self.directions: list[Span] = []
        self.root: int | None = None  # where <html> may get an attribute
        self.opened: dict[str, list[LabelledElement]] = {}
        self.void: LabelledElement | None = None  # the element of the last event, if it has no end tag

    def read(self, event: Event, end: int, translated: int) -> None:
        """Read an event, which lasts until `end`; `translated` counts the translated texts and values before it."""
        self.close(self.void, translated)
        self.void = None
        if event.kind == "end" and self.opened.get(event.name):
            self.close(self.opened[event.name].pop(), translated)
        if event.kind not in ("start", "empty"):
            return
        element = LabelledElement(self.find_own_values(event, end), translated)
        if event.name in VOID or event.kind == "empty":
            self.void = element
        else:
            self.opened.setdefault(event.name, []).append(element)
        if event.name in WHOLE:
            self.directions += find_values(self.text, event, end, {"dir"} & event.attributes.keys())
        if event.name == "html" and self.root is None:
            self.root = event.begin + len("<html")
        if event.name == "meta" and is_declaring(event) and is_own_language(event.attributes["content"], self.language):
            self.values += find_values(self.text, event, end, {"content"})

    def find_own_values(self, event: Event, end: int) -> list[Span]:
        """The values that mark an element as of the source's language."""
        if not is_own_language(read_language(event), self.language):
            return []
        names = LANGUAGE & event.attributes.keys()
        own = {name for name in names if is_own_language(event.attributes[name], self.language)}
        return find_values(self.text, event, end, own)

    def close(self, element: LabelledElement | None, translated: int) -> None:
        """Take the values of an element that ends, if something in it is translated."""
        if element and translated > element.translated:
            self.values += element.values

    def list_open(self) -> Iterator[LabelledElement]:
        """The elements that have not ended."""
        for elements in self.opened.values():
            yield from elements

    def finish(self, translated: int) -> None:
        """End all elements at the end of the page."""
        for element in (self.void, *self.list_open()):
            self.close(element, translated)

    def replace(self, languages: Languages) -> Iterator[Splice]:
        """The labels of a translated page.

        Its direction changes if it is that of the source and not that of the target; a page without one gets one if it
        is from right to left.
        """
        for span in self.values:
            yield Splice(*span, format_language(languages.target))
        own, other = (DIRECTIONS[is_right_to_left(code)] for code in (languages.source, languages.target))
        if own == other:
            return
        for span in self.directions:
            if self.text[slice(*span)].lower() == own:
                yield Splice(*span, other)
        if other == "rtl" and not self.directions and self.root is not None:
            yield Splice(self.root, self.root, ' dir="rtl"')


def is_declaring(event: Event) -> bool:
    """Whether a <meta> has the language of the page."""
    return any((event.attributes.get(name) or "").lower() in DECLARING for name in ("http-equiv", "name")) and (
        "content" in event.attributes
    )
