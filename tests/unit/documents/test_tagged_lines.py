import pytest

from nmt.documents.alignment import align_by_links
from nmt.documents.tagged_lines import project_line, read_tagged_line


@pytest.mark.parametrize(
    ("source", "target", "expected"),
    [
        ("one <b>two</b>", "zwei eins", "<b>zwei</b> eins"),
        ("one <br/><li>two", "zwei eins", "zwei <br/><li>eins"),
        ("<g id='1'>R&amp;D</g> x", "y R&D", "y <g id='1'>R&amp;D</g>"),
        ("R&amp;D < x", "y R&D < z", "y R&D < z"),  # without tags nothing is escaped
        ("<b>one", "zwei eins", "<b>zwei eins"),
        ("one", "zwei", "zwei"),
    ],
)
def test_a_line_gets_the_tags_of_its_source(source, target, expected):
    tagged = read_tagged_line(source)
    links = [(0, 1), (1, 0)] if tagged.segment.text.count(" ") == target.count(" ") == 1 else []
    alignment = align_by_links(tagged.segment.text, target, links)
    assert project_line(tagged, target, alignment).line == expected


def test_tags_are_reported_as_they_are_written():
    tagged = read_tagged_line("one <a href='u'>two</a> <br/>")
    placements = project_line(tagged, "eins zwei", align_by_links(tagged.segment.text, "eins zwei", [])).placements
    assert [(label, placement.is_weak) for label, placement in placements] == [("<a href='u'>", True), ("<br/>", False)]
