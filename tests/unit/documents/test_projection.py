import random
from collections import Counter

import numpy as np
import pytest

from nmt.documents.alignment import Alignment, align_by_links
from nmt.documents.projection import DECAY, project_tags, spread_evidence
from nmt.documents.segment import Mark, PlacedMark, Segment
from nmt.text.atoms import find_atoms


def read(text: str) -> Segment:
    """`press <1>Save</1> <2/>now` as a segment."""
    parts: list[str | Mark] = []
    while text:
        before, _, rest = text.partition("<")
        parts += [before] if before else []
        tag, _, text = rest.partition(">")
        if tag:
            side = "close" if tag[0] == "/" else "single" if tag[-1] == "/" else "open"
            parts.append(Mark(int(tag.strip("/")), side))
    return Segment.join(parts)


def write(segment: Segment) -> str:
    forms = {"open": "<{}>", "close": "</{}>", "single": "<{}/>"}
    return "".join(part if isinstance(part, str) else forms[part.side].format(part.tag) for part in segment.split())


def links(text: str) -> list[tuple[int, int]]:
    return [tuple(map(int, link.split("-"))) for link in text.split()]


def project(source: str, target: str, pharaoh: str):
    segment = read(source)
    return project_tags(segment, target, align_by_links(segment.text, target, links(pharaoh)))


@pytest.mark.parametrize(
    ("source", "target", "pharaoh", "expected"),
    [
        # a pair goes where its words went
        ("click <1>Save</1> now", "nun speichern drücken", "0-2 1-1 2-0", "nun <1>speichern</1> drücken"),
        ("a <1>red car</1> stops", "une voiture rouge arrête", "0-0 1-2 2-1 3-3", "une <1>voiture rouge</1> arrête"),
        # a word in the middle without a link comes along, one at the edge does not
        (
            "<1>bank account</1> open",
            "compte en banque est ouvert",
            "0-2 1-0 2-4",
            "<1>compte en banque</1> est ouvert",
        ),
        # final punctuation stays outside, or inside, as in the source
        ("see <1>here</1>.", "voir ici.", "0-0 1-1", "voir <1>ici</1>."),
        ("Go. <1>See here.</1>", "Va. Voir ici.", "0-0 1-1 2-2", "Va. <1>Voir ici.</1>"),
        ("(<1>see</1>) it", "(veja) isso", "0-0 1-1", "(<1>veja</1>) isso"),
        # a name that gets brackets in the translation has them inside
        ("press <1>Save</1> now", "[保存] を押す", "1-0 0-1", "<1>[保存]</1> を押す"),
        # two pairs change places, and stay beside each other
        ("<1>one</1> <2>two</2>", "zwei eins", "0-1 1-0", "<2>zwei</2> <1>eins</1>"),
        # nested pairs stay nested, and equal ones equal
        ("<1>a <2>b</2></1> c", "C B A", "0-2 1-1 2-0", "C <1><2>B</2> A</1>"),
        ("x <1><2>b</2></1>", "B X", "0-1 1-0", "<1><2>B</2></1> X"),
        # unpaired tags stand beside the words that they stood between
        ("one<1/> two three", "drei eins zwei", "0-1 1-2 2-0", "drei eins<1/> zwei"),
        ("one <1/>two three", "drei eins zwei", "0-1 1-2 2-0", "drei eins <1/>zwei"),
        ("<1/>one two", "zwei eins", "0-1 1-0", "<1/>zwei eins"),
        ("one two<1/>", "zwei eins", "0-1 1-0", "zwei eins<1/>"),
        # a pair around nothing is placed in the same way, with what is inside it
        ("one <1><2/></1>two", "eins zwei", "0-0 1-1", "eins <1><2/></1>zwei"),
        # crossing pairs: both are there, opened and closed
        ("<1>a <2>b</1> c</2>", "A B C", "0-0 1-1 2-2", "<1>A <2>B</1> C</2>"),
        # equal words are anchors where there is no link
        ("use <1>NMT 2.0</1> here", "nutze hier NMT 2.0", "", "nutze hier <1>NMT 2.0</1>"),
        # no word and no link: in proportion
        ("<1>a</1> b", "x y", "", "<1>x</1> y"),
        # an empty translation keeps all tags
        ("<1>a <2/></1> b", "", "", "<1><2/></1>"),
        # a pair with words has some if there are enough: they are not taken by others, and a mark is no word
        ("<1>a</1> <2>b c</2> <3>d</3>", "A B C !", "0-0 1-1 2-1 2-2 3-3", "<1>A</1> <2>B</2> <3>C</3> !"),
        ("<1>a b</1> <2>c</2>", "A B !", "0-0 1-1 2-2", "<1>A</1> <2>B</2> !"),
        ("x <1><2>a</2> <3>b</3></1>", "Z X Y", "0-0 1-1", "Z <1><2>X</2> <3>Y</3></1>"),
        # the whole is the whole, whatever the links
        ("<1>a b</1>", "x y z", "0-1", "<1>x y z</1>"),
        # blanks inside a pair stay inside
        ("a<1> b </1>c", "A B C", "0-0 1-1 2-2", "A<1> B </1>C"),
        # a pair inside a word takes the whole word
        ("a wo<1>rd</1>s b", "ein Wort b", "0-0 1-1 2-2", "ein <1>Wort</1> b"),
        # but a hyphen and an apostrophe separate words
        ("the <1>NMT</1>-file", "le fichier d'NMT ici", "1-1", "le fichier d'<1>NMT</1> ici"),
    ],
)
def test_tags_go_where_their_words_went(source, target, pharaoh, expected):
    assert write(project(source, target, pharaoh).segment) == expected


@pytest.mark.parametrize(
    ("source", "target", "weights", "expected"),
    [
        # a place as long as expected is better than one with a little more evidence
        (
            "we see <1>hat rack</1> pictures here now",
            "wir sehen Hutständer Fotografien hier jetzt",
            "0-0 1-1 2-2:.5 3-2:.5 3-3:.45 4-3:.45 5-4 6-5",
            "<1>Hutständer</1>",
        ),
        # a pair that begins with a capital inside a clause begins with one
        ("see <1>Next</1> page", "voir le Suivant page", "0-0 1-1:.1 1-2 2-3", "le <1>Suivant</1>"),
        ("см. <1>Далее</1> тут", "δες το Επόμενο εδώ", "0-0 1-1:.1 2-2 3-3", "το <1>Επόμενο</1>"),
        ("see <1>next</1> page", "voir le suivant page", "0-0 1-1:.1 1-2 2-3", "<1>le suivant</1>"),
        ("<1>Next</1> page", "le Suivant page", "0-0:.1 0-1 1-2", "<1>le Suivant</1>"),
        # and not inside a word that is joined by a mark, unless the source does
        ("click <1>Subscribe</1> now", "clique sur S'abonner là", "0-0 1-4 2-5", "sur <1>S'abonner</1>"),
        ("the <1>mail</1> box", "die E-Mail Box", "0-0 1-3 2-4", "die <1>E-Mail</1>"),
        ("the <1>mail</1>-box", "die Mail-Box", "0-0 1-1 3-3", "die <1>Mail</1>-Box"),
        # brackets that stand beside a word are no evidence of it
        ("click <1>Save</1>", "[保存] を押す", "0-0 1-2:.5 1-1", "<1>[保存]</1>"),
        # a name takes along its explanation inside brackets that the translator added, and no other
        ("open <1>Save As</1> now", "[Save As (別名)] を開く", "0-9", "<1>[Save As (別名)]</1>"),
        ("open <1>Save As</1> now", "Save As (別名) öffnen", "0-6", "<1>Save As</1> (別名)"),
        ("open <1>Save</1> (now)", "[Save (今)] öffnen", "0-6 3-3", "[<1>Save</1> (今)]"),
    ],
)
def test_of_places_with_similar_evidence_the_one_that_looks_like_the_source_is_chosen(
    source, target, weights, expected
):
    segment = read(source)
    atoms = find_atoms(segment.text), find_atoms(target)
    weights_YX = np.zeros((len(atoms[1]), len(atoms[0])))
    for weight in weights.split():
        link, _, share = weight.partition(":")
        x, y = map(int, link.split("-"))
        weights_YX[y, x] = float(share or 1)
    assert expected in write(project_tags(segment, target, Alignment(*atoms, weights_YX)).segment)


def test_a_pair_in_text_without_blanks_begins_and_ends_at_characters():
    source, target = read("press the <1>start button</1>"), "開始ボタンを押す"
    characters = find_atoms(target)
    assert [target[begin:end] for begin, end in characters] == ["開", "始", "ボタン", "を", "押", "す"]
    weights_JI = np.array([[0, 0, 1, 0], [0, 0, 1, 0], [0, 0, 0, 1], [0, 0, 0, 0], [1, 0, 0, 0], [1, 0, 0, 0]])
    alignment = Alignment(find_atoms(source.text), characters, weights_JI.astype(float))
    assert write(project_tags(source, target, alignment).segment) == "<1>開始ボタン</1>を押す"


def test_the_share_of_a_tag_is_the_support_of_its_place():
    sure = project("<1>one</1> two three", "eins zwei drei", "0-0 1-1 2-2")
    assert [(one.tag, one.share, one.is_weak) for one in sure.placements] == [(1, pytest.approx(1, abs=1e-4), False)]
    # "one" has a word at each end of the target, of which one is held: 2 * 1 / (1 + 2)
    torn = project("<1>one</1> two three", "eins zwei drei eins", "0-0 1-1 2-2 0-3").placements[0]
    assert torn.share == pytest.approx(2 / 3, abs=1e-4)
    without = project("<1>one</1> two three", "eins zwei drei", "").placements[0]
    assert (without.share, without.is_weak) == (0, True)
    # of two words beside the tag one still is, and the other is five words away
    beside = project("p <1/>q", "b c d e f a", "0-5 1-0").placements[0]
    assert beside.share == pytest.approx((1 + 0.6**5) / 2)


def test_an_unchanged_text_keeps_its_tags_whatever_the_alignment():
    source = read("a <1> b<2/></1><3/> c <4></4>")
    assert project_tags(source, source.text, align_by_links(source.text, source.text, [(0, 2)])).segment == source


def make_segment(draw: random.Random, is_crossing: bool) -> Segment:
    """A random segment; its tags are nested, or may cross."""
    parts: list[str | Mark] = []
    open_tags: list[int] = []
    words = ["uno", "deux", " ", "  ", ",", ".", "(", ")", "始まり", "ボタン", "ไทย", "a-b", "l'eau", "é", "1"]
    for tag in range(draw.randrange(8)):
        parts += draw.choices(words, k=draw.randrange(4))
        while open_tags and draw.random() < 0.5:
            place = draw.randrange(len(open_tags)) if is_crossing else -1
            parts.append(Mark(open_tags.pop(place), "close"))
            parts += draw.choices(words, k=draw.randrange(3))
        parts.append(Mark(tag, "single" if draw.random() < 0.3 else "open"))
        if parts[-1].side == "open":
            open_tags.append(tag)
    parts += draw.choices(words, k=draw.randrange(4))
    parts += [Mark(tag, "close") for tag in reversed(open_tags)]
    return Segment.join(parts)


def make_target(draw: random.Random) -> str:
    words = ["ein", "zwei", " ", " ", ".", "[", "]", "(", ")", "開始", "ボタン", "uno", "-", "1"]
    return "".join(draw.choices(words, k=draw.randrange(12)))


def make_alignment(draw: random.Random, source: str, target: str) -> Alignment:
    """Random weights: many zero, and some rows with all."""
    spans = find_atoms(source), find_atoms(target)
    rows = [[draw.random() * (draw.random() < 0.4) for _ in spans[0]] for _ in spans[1]]
    weights_JI = np.array(rows).reshape(len(spans[1]), len(spans[0]))
    return Alignment(*spans, weights_JI / weights_JI.sum(axis=1, keepdims=True).clip(min=1))


def find_parents(marks: tuple[PlacedMark, ...]) -> dict[int, list[int]] | None:
    """The pairs around each tag; None if pairs cross."""
    open_tags: list[int] = []
    parents = {}
    for _, (tag, side) in marks:
        if side == "close":
            if open_tags.pop() != tag:
                return None
        else:
            parents[tag] = [*open_tags]
            open_tags += [tag] if side == "open" else []
    return parents


@pytest.mark.parametrize("is_crossing", [False, True])
@pytest.mark.parametrize("seed", range(150))
def test_no_tag_is_lost_doubled_or_invented(seed, is_crossing):
    draw = random.Random(seed)
    source, target = make_segment(draw, is_crossing), make_target(draw)
    projection = project_tags(source, target, make_alignment(draw, source.text, target))
    result = projection.segment  # its places ascend, and every pair is opened before it is closed: Segment checks it
    assert result.text == target
    assert Counter(mark for _, mark in result.marks) == Counter(mark for _, mark in source.marks)
    assert [tag for tag, _ in projection.placements] == sorted({mark.tag for _, mark in source.marks})
    assert all(0 <= share <= 1 for _, share in projection.placements)
    if find_parents(source.marks) is not None:
        assert find_parents(result.marks) == find_parents(source.marks)


@pytest.mark.parametrize("seed", range(100))
def test_spans_snap_to_whole_words(seed):
    draw = random.Random(seed)
    source, target = make_segment(draw, False), make_target(draw)
    result = project_tags(source, target, make_alignment(draw, source.text, target)).segment
    inside = {place for begin, end in find_atoms(target) for place in range(begin + 1, end)}
    assert target == source.text or inside.isdisjoint(place for place, _ in result.marks)


@pytest.mark.parametrize("seed", range(100))
def test_a_copy_with_diagonal_weights_has_its_tags_at_the_same_words(seed):
    """The projection itself, without its shortcut for equal texts: the target has one more word at its end."""
    draw = random.Random(seed)
    parts: list[str | Mark] = []
    for tag in range(4):
        words = [f"w{tag}{n} " for n in range(draw.randrange(1, 4))]
        parts += [Mark(tag, "open"), *words, Mark(tag, "close")] if draw.random() < 0.6 else words
    source = Segment.join([*parts, "end"])
    target = f"{source.text} more"
    spans = find_atoms(source.text), find_atoms(target)
    alignment = Alignment(*spans, np.eye(len(spans[1]), len(spans[0])))
    assert project_tags(source, target, alignment).segment.marks == source.marks


@pytest.mark.parametrize("size", [1, 2, 70])
def test_evidence_decays_with_the_words_between(size):
    evidence_Y = np.random.default_rng(size).random(size)
    got_P = spread_evidence(evidence_Y)
    for place in range(size + 1):
        between = [place - 1 - y if y < place else y - place for y in range(size)]
        assert got_P[place] == pytest.approx(sum(DECAY**one * evidence_Y[y] for y, one in enumerate(between)))
