"""The elements and attributes of HTML: which are inline, which stay as they are, and which people read."""

from nmt.documents.html_events import Event


def names(text: str) -> frozenset[str]:
    """The names between blanks."""
    return frozenset(text.split())


INLINE = names(
    "a abbr acronym b bdi bdo big br cite data del dfn em font i img input ins label mark nobr q rb ruby s small "
    "span strike strong sub sup time tt u wbr"
)
READINGS = names("rp rt")  # beside the words of <ruby>; their end tags may be left out
CODES = names("code kbd samp var")
PHRASES_UNTRANSLATED = CODES | READINGS | {"rtc"}
INLINE_UNTRANSLATED = PHRASES_UNTRANSLATED | names("svg math audio video canvas iframe object")
UNTRANSLATED = names("script style pre textarea template")
EMBEDDED = INLINE_UNTRANSLATED - PHRASES_UNTRANSLATED  # have attributes that people read inside
HIDING = names("script style textarea title")  # hide all that follows if they do not end
DRAWN = names("text title desc")  # have the texts of an <svg>
OBJECT = "foreignobject"  # has elements of pages in an <svg>
VOID = names("area base br col embed hr img input link meta param source track wbr")
PHRASES = INLINE | PHRASES_UNTRANSLATED  # do not contain block elements
IN_PARAGRAPHS = names(  # may be inside <p>, although they end the text before them
    "button select optgroup option textarea output progress meter datalist map picture slot template script style "
    "noscript"
)
CLOSED_BY_NEXT = names("p li dt dd tr td th option")  # their end tags may be left out
WHOLE = names("html body")  # whose language is that of the page
LANGUAGE = names("lang xml:lang")
DECLARING = names("content-language language dc.language dcterms.language")  # name a <meta> with the page's language
READ = names(
    "alt title placeholder summary aria-label aria-description aria-placeholder aria-roledescription aria-valuetext"
)
LABELLED = names("optgroup option track tabitem")  # have a label that people read; the last is of MDX
READ_IN = {  # attributes that people read in some elements, by another attribute and its values
    "meta": (
        "content",
        ("name", "property"),
        names(
            "description keywords og:title og:description og:image:alt twitter:title twitter:description "
            "twitter:image:alt"
        ),
    ),
    "input": ("value", ("type",), names("button submit reset")),
}


def is_closed_before(name: str, following: str) -> bool:
    """Whether an element, whose end tag may be left out, ends where a block element begins."""
    groups = ({"dt", "dd"}, {"td", "th"}, {"tr", "td", "th"} if following == "tr" else ())
    if name == "p":
        return following not in IN_PARAGRAPHS
    return name in CLOSED_BY_NEXT and (name == following or any({name, following} <= {*group} for group in groups))


def is_block(event: Event) -> bool:
    """Whether an event ends the text before it."""
    return event.kind in ("start", "empty", "end") and event.name not in INLINE | INLINE_UNTRANSLATED
