"""Rules that an XML document has itself, by ITS 2.0."""

import pytest
from support.documents import SPACED

from nmt.documents.formats import parse_document
from nmt.documents.xml_rules import XmlRules

TEXT = """<d xmlns:its="http://www.w3.org/2005/11/its" xmlns:h="urn:h"><its:rules version="2.0">
{}
</its:rules><name short="a">one</name><p title="b">two <h:code>three</h:code> <b>four</b></p>
<q><name>five</name><name translate="yes">six</name></q></d>"""


def read(rules, name="a.xml", own=None):
    return parse_document(TEXT.format(rules).encode(), name, SPACED, "xml", own)


@pytest.mark.parametrize(
    ("rules", "units"),
    [
        ("", ["one", "two three four", "five", "six"]),
        ('<its:translateRule selector="//name" translate="no"/>', ["two three four", "six"]),
        ('<its:translateRule selector="//h:code | //b" translate="no"/>', ["one", "two", "five", "six"]),
        ('<its:translateRule selector="//q/name" translate="no"/>', ["one", "two three four", "six"]),
        ('<its:translateRule selector="//@title" translate="yes"/>', ["b", "one", "two three four", "five", "six"]),
        ('<its:translateRule selector="//p/@title|//*/@short" translate="yes"/>', ["a", "b", "one", "two three four"]),
        ('<its:withinTextRule selector="//b" withinText="nested"/>', ["one", "four", "two three", "five", "six"]),
        ('<its:withinTextRule selector="//h:code" withinText="no"/>', ["one", "two", "three", "four", "five", "six"]),
        (  # the last rule counts
            '<its:translateRule selector="//q" translate="no"/><its:translateRule selector="//q" translate="yes"/>',
            ["one", "two three four", "five", "six"],
        ),
    ],
)
def test_rules_in_the_document_count(rules, units):
    document = read(rules)
    assert [unit.segment.text for unit in document.units][: len(units)] == units
    assert document.notes == []


def test_line_ends_stay_by_a_rule():
    document = read('<its:preserveSpaceRule selector="//d" space="preserve"/><x>one\ntwo</x>')
    assert document.units[0].labels == ("line end",)


@pytest.mark.parametrize(
    ("rule", "shown"),
    [
        ('translateRule selector="//p[@x]" translate="no"', 'translate="no" for //p[@x]'),
        ('translateRule selector="//p//b" translate="no"', 'translate="no" for //p//b'),
        ('translateRule selector="//p" translate="No"', 'translate="No" for //p'),
        ('withinTextRule selector="//@title" withinText="yes"', 'withinText="yes" for //@title'),
        ('translateRule translate="no"', 'translate="no" for nothing'),
    ],
)
def test_a_rule_that_is_not_known_is_told(rule, shown):
    document = read(f"<its:{rule}/>")
    assert document.notes == [
        f"a.xml, line 2: {shown} has no effect: what a rule of ITS selects is //name, //parent/name, //@name or "
        "//element/@name here"
    ]


def test_rules_of_the_user_count_more_and_those_of_the_vocabulary_less():
    rule = '<its:translateRule selector="//name" translate="no"/>'
    assert len(read(rule).units) == 2
    assert len(read(rule, own=XmlRules(block=("name",))).units) == 4
    codes = '<its:translateRule selector="//code" translate="{}"/>'
    assert [read(codes.format(value), "a.dbk").units[1].segment.text for value in ("no", "yes")] == [
        "two  four",
        "two three four",
    ]
