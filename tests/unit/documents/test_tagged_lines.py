import pytest

from nmt.documents.alignment import align_by_links
from nmt.documents.tagged_lines import describe_tagged_targets, project_line, read_tagged_line


def project(source: str, target: str):
    tagged = read_tagged_line(source), read_tagged_line(target)
    texts = [line.segment.text for line in tagged]
    links = [(0, 1), (1, 0)] if texts[0].count(" ") == texts[1].count(" ") == 1 else []
    return project_line(*tagged, align_by_links(*texts, links))


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("one <b>two</b>", "zwei eins", "<b>zwei</b> eins"),
        ("one <br/><li>two", "zwei eins", "zwei <br/><li>eins"),
        ("<g id='1'>R&amp;D</g> x", "y R&D", "y <g id='1'>R&D</g>"),
        ("<g id='1'>R&D</g> x", "y R&amp;D", "y <g id='1'>R&amp;D</g>"),
        ("<b>A&apos;s</b> x", "y A's", "y <b>A's</b>"),
        ("<i>caf&eacute;</i> x", "y caf&#233;", "y <i>caf&#233;</i>"),
        ("x <b>&lt;y&gt;</b>", "&lt;y> z", "<b>&lt;y></b> z"),
        ("<b>AT&T</b> x", "y AT&T", "y <b>AT&T</b>"),
        ("x <u>fj</u>", "&fjlig; y", "<u>&fjlig;</u> y"),  # an entity of two characters
        ("R&amp;D < x", "y R&D < z", "y R&D < z"),
        ("R&amp;D x", "y R&amp;D &quot;", "y R&amp;D &quot;"),  # the same without tags
        ("<b>one", "zwei eins", "<b>zwei eins"),
        ("one", "zwei", "zwei"),
        ("one", "zwei <b>eins</b> &lt;", "zwei eins &lt;"),
        ("R&amp;D", "<!-- c --><i>R&amp;D</i><br/>", "R&amp;D"),
        ("", "<b>", ""),
        ("one two", "zwei<br>eins <br>drei", "zwei eins drei"),  # what a line break divides stays two words
        ("one <b>two</b>", "zwei<br/>eins", "<b>zwei</b> eins"),
        ("one<br>two", "zwei eins", "zwei <br>eins"),
        ("one<br>two", "eins<br>zwei", "eins<br>zwei"),
        ("one <b>two</b>", "<b>eins</b> &amp;", "<b>eins</b> &amp;"),  # a person has placed them
        ("one <b>two</b>", "<i>zwei</i> eins<br>", "<b>zwei</b> eins"),
    ],
)
def test_a_line_gets_the_tags_of_its_source(source, target, expected):
    assert project(source, target).line == expected


def test_tags_are_reported_as_they_are_written():
    placements = project("one <a href='u'>two</a> <br/>", "eins zwei").placements
    assert [(label, placement.is_weak) for label, placement in placements] == [("<a href='u'>", True), ("<br/>", False)]


def test_targets_with_tags_are_named():
    sources = [read_tagged_line(line) for line in ("<b>a</b>", "<b>b</b>", "<b>c</b>", "d")]

    def describe(*targets):
        return describe_tagged_targets("t.fr", sources, [read_tagged_line(line) for line in targets])

    assert describe("x", "y", "z", "u") == []
    assert describe("x", "y", "z", "<b>u</b>") == ["t.fr, line 4: its tags are taken out, because its source has none"]
    assert describe("x", "<b>y</b>", "<i>z</i>", "u") == [
        "t.fr, line 2: it has the tags of its source, and stays as it is",
        "t.fr, line 3: its tags are replaced by those of its source",
    ]
    assert describe("<b>x</b>", "<b>y</b>", "z", "u") == [
        "t.fr: 2 lines have the tags of their sources, and stay; the first is line 1"
    ]
    assert describe("<i>x</i>", "y", "<b>z", "u") == [
        "t.fr: 2 lines have tags, which those of their sources replace; the first is line 1"
    ]
    plain = [read_tagged_line(line) for line in ("a", "R&amp;D", "<b>c</b>")]
    tagged = [read_tagged_line(line) for line in ("<i>x</i>", "y<br>", "z")]
    assert describe_tagged_targets("t.fr", plain, tagged) == [
        "t.fr: 2 lines have tags, which are taken out, because their sources have none; the first is line 1"
    ]
