"""What is marked as to be translated, or not, and what is marked otherwise inside of it."""

import random

import pytest
from support.documents import SPACED, WordTranslator, shout, translate_document

from nmt.documents.formats import parse_document


@pytest.mark.parametrize(
    ("form", "text"),
    [
        ("html", "<p>YES <b translate=no>no <i translate=yes>YES</i> no</b> YES"),
        ("html", "<div translate=no>no<div>no<p translate=yes>YES <b>YES</b></p>no</div>no</div>YES"),
        ("html", "<div translate=no>no<div translate=yes>YES<div>YES</div>YES</div>no</div>YES"),
        ("html", '<div class=notranslate>no<p translate="">YES<p>no</div>YES'),
        ("html", "<div translate=no>no<p translate=yes>YES <i translate=no>no <u translate=yes>YES</u></i></div>YES"),
        ("html", "<p translate=no title=no>no <img alt=no> <img translate=yes alt=YES> no <a translate=yes title=YES>"),
        # end tags that are left out
        ("html", "<ul translate=no><li translate=yes>YES<li>no</ul>YES"),
        ("html", "<span translate=no>no <b translate=yes>YES</span> YES"),
        ("html", "<div translate=no>no<p translate=yes>YES"),
        ("html", "<p translate=no>no <b translate=yes>YES<p>YES"),
        # code may be translated, but no other language, and nothing that is marked in both ways
        ("html", "YES <code translate=yes>YES</code> YES <code>no <b translate=yes>YES</b></code> YES"),
        ("html", "<div translate=no lang=fr>no<p translate=yes>no</div>YES"),
        ("html", "<div translate=no>no<p translate=yes lang=fr>no</div>YES"),
        ("html", "<div translate=no>no<p translate=yes class=notranslate>no</div>YES"),
        ("html", "<script translate=yes>no</script><pre>no <b translate=yes>no</b></pre>YES"),
        ("xml", '<r><p>YES <s translate="no">no <b translate="yes">YES <i>YES</i></b> no</s> YES</p></r>'),
        ("xml", '<r><p translate="no">no <b translate="yes">YES</b> no <i translate="yes">YES</i> no</p></r>'),
        ("xml", '<r translate="no"><p>no</p><p translate="yes">YES <b>YES</b></p><q>no</q></r>'),
        ("xml", '<r its:translate="no"><q>no<w its:translate="yes"><![CDATA[YES]]></w><![CDATA[no]]></q></r>'),
        ("xml", '<r translatable="false"><s>no</s><s translatable="true">YES<x translatable="false">no</x></s></r>'),
    ],
)
def test_a_mark_counts_until_another_one_inside(form, text):
    written = shout(parse_document(text.replace("YES", "yes").encode(), "a", SPACED, form))
    assert written == text


def test_code_in_dita_is_translated_where_it_is_marked_so():
    text = b'<p>yes <codeph>no <ph translate="yes">yes</ph></codeph></p>'
    written = shout(parse_document(text, "a.dita", SPACED, "xml"))
    assert written == '<p>YES <codeph>no <ph translate="yes">YES</ph></codeph></p>'


TAGS = ["<b>", "</b>", "<b translate=no>", "<b translate=yes>", "<p>", "</p>", "<p translate=no>", "<p translate=yes>"]


@pytest.mark.parametrize("seed", range(200))
def test_no_tag_is_lost_or_doubled_wherever_marks_are(seed):
    draw = random.Random(seed)
    more = ["<div translate=no>", "<div translate=yes>", "</div>", "<br>", "<code>", "</code>", "one ", "two. "]
    page = "".join(draw.choices([*TAGS, *more, "word ", "word "], k=draw.randrange(60)))
    assert translate_document(parse_document(page.encode(), "a", SPACED, "html"), WordTranslator()).decode() == page
    document = parse_document(page.encode(), "a", SPACED, "html")
    written = translate_document(document, WordTranslator(lambda word: "x", is_reversing=True)).decode()
    assert {tag: written.count(tag) for tag in TAGS + more[:6]} == {tag: page.count(tag) for tag in TAGS + more[:6]}
