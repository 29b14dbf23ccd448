import base64
import json
import re
import zlib
from hashlib import sha256
from importlib.resources import files

import numpy as np
import pytest

from nmt.analysis.alignment import AttentionDiagnostics
from nmt.analysis.page import SCRIPTS, SENTENCES_PER_BLOCK, AttentionView, Page, describe_sentence, mark_words, quantise
from nmt.text.links import GoldLinks

NO_DOUBTS = AttentionDiagnostics(0.5, 0.25, [1], [])
HOSTILE = "</script><script>alert(1)</script>"


def view(weights, model=0, rank=0, target=("x", "y")):
    return AttentionView(model, rank, list(target), np.array(weights), [(0, 0), (1, 1)], NO_DOUBTS, -1.5)


def unpacked(html):
    """What the script will read: the index, and every block of attention."""
    packed = re.findall(r'<script type="text/plain" id="([^"]+)">([A-Za-z0-9+/=]*)</script>', html)
    found = {name: zlib.decompress(base64.b64decode(text)) for name, text in packed}
    return json.loads(found.pop("index")), found


@pytest.mark.parametrize("weight", [0.0, 0.001, 0.25, 0.5, 0.999, 1.0, 1 + 1e-12])
def test_a_weight_is_a_byte(weight):
    (byte,) = quantise([[weight]])
    assert byte / 255 == pytest.approx(weight, abs=0.5 / 255)


def test_a_sentence_is_described_with_its_views():
    gold = GoldLinks(frozenset({(0, 0)}), frozenset({(0, 0), (1, 0)}))
    facts = describe_sentence(["a", "b"], [view([[1, 0], [0, 1]]), view([[1, 0]], rank=1, target=["x"])], gold)
    assert (facts["source"], facts["gold"]) == ("a b", [[0, 0, True], [1, 0, False]])
    given, translated = facts["views"]
    assert given == {
        "model": 0,
        "rank": 0,
        "target": "x y",
        "links": [(0, 0), (1, 1)],
        "score": -1.5,
        "entropy": 0.5,
        "coverage": 0.25,
        "unattended": [1],
        "unsupported": [],
        "aer": pytest.approx(1 - (1 + 1) / (2 + 1), abs=1e-4),
    }
    assert (translated["rank"], translated["target"]) == (1, "x")
    assert "aer" not in translated  # gold belongs to the given translation
    assert "gold" not in describe_sentence(["a"], [])
    cut = view([[1]], target=["x"])._replace(is_whole=False, is_finished=False)
    assert describe_sentence(["a"], [cut])["views"][0].items() >= {"is_whole": False, "is_finished": False}.items()


@pytest.mark.parametrize("sentences", [0, 1, SENTENCES_PER_BLOCK, SENTENCES_PER_BLOCK + 1])
def test_the_page_contains_all_sentences_and_weights(sentences):
    page = Page("test.en", "en", "de", ["one"])
    random = np.random.default_rng(1)
    weights = [random.dirichlet(np.ones(3), size=2) for _ in range(sentences)]
    for some in weights:
        page.add(["a", "b", "c"], [view(some)])
    index, blocks = unpacked(page.html())
    assert len(index.pop("sentences")) == sentences
    assert index == {
        "title": "test.en",
        "source": "en",
        "target": "de",
        "models": ["one"],
        "block": SENTENCES_PER_BLOCK,
    }
    assert list(blocks) == [f"block-{number}" for number in range(-(-sentences // SENTENCES_PER_BLOCK))]
    assert b"".join(blocks.values()) == b"".join(map(quantise, weights))
    assert all(len(block) == SENTENCES_PER_BLOCK * 6 for block in list(blocks.values())[:-1])


def test_words_cannot_become_html():
    page = Page(HOSTILE, HOSTILE, "de", [HOSTILE])
    page.add([HOSTILE], [view([[1.0]], target=[HOSTILE])])
    html = page.html()
    index, _ = unpacked(html)
    assert index["title"] == index["models"][0] == index["sentences"][0]["source"] == HOSTILE
    assert "alert" not in html


def test_the_policy_allows_only_the_script_and_style_of_the_page():
    html = Page("t", "a", "b", ["m"]).html()
    (policy,) = re.findall(r'http-equiv="Content-Security-Policy" content="([^"]+)"', html)
    assert "default-src 'none'" in policy
    assert "connect-src 'none'" in policy
    for kind, tag in (("script", r"<script>(.*?)</script>"), ("style", r"<style>(.*?)</style>")):
        (content,) = re.findall(tag, html, re.DOTALL)
        wanted = base64.b64encode(sha256(content.encode()).digest()).decode()
        assert f"{kind}-src 'sha256-{wanted}'" in policy
    assert "connect-src 'self'" in Page("t", "a", "b", ["m"]).html("'self'")
    assert "{{" not in re.sub(r"<script>.*</script>", "", html, flags=re.DOTALL)


def test_every_file_of_the_folder_is_in_the_page_and_scripts_come_in_order():
    folder = files("nmt.analysis") / "page"
    assert sorted(file.name for file in folder.iterdir()) == sorted([*SCRIPTS, "page.css", "page.html"])
    html = Page("t", "a", "b", ["m"]).html()
    contents = [(folder / name).read_text(encoding="utf-8") for name in SCRIPTS]
    assert f"<script>{chr(10).join(contents)}</script>" in html
    for name, content in zip(SCRIPTS, contents, strict=True):
        assert content.startswith("// "), f"{name} does not begin with what lives there"
        assert len(content.splitlines()) < 300, name


@pytest.mark.parametrize(
    ("words", "text", "marked"),
    [
        (["the", "cat"], "the  cat", "the cat"),
        (["the", "cat"], "", "the cat"),
        (["小", "猫", "A"], "小猫\u3000A", "小\x1f猫 A"),
        (["แมว", "นอน", "แมว"], "แมวนอน แมว", "แมว\x1fนอน แมว"),
        (["10\u00a0000", "km"], "10\u00a0000 km", "10\u00a0000 km"),
        (["a\x1fb", "c"], "a\x1fb c", "ab c"),
        ([], "", ""),
    ],
)
def test_words_are_marked_in_their_text(words, text, marked):
    assert mark_words(words, text) == marked
