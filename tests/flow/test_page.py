"""The page of `nmt align --html`, in a browser and from disk."""

import json
import re
import shutil
import subprocess
import unicodedata
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from playwright.sync_api import expect

from nmt.analysis.alignment import extract_links, summarise_attention
from nmt.analysis.page import AttentionView, Page
from nmt.loaded_run import load_run

SOURCE = ["ba de fi", "ku la <b>me</b>", "", "ni po ru sa te", "vi wo zu fi"]
TARGET = ["fi de ba", "me la ku", "", "te sa ru po ni", "ba"]
GOLD = ["0-2 1-1 2-0", "0-2 1-1 2p0", "", "0-4 1-3 2-2 3p1 4-0", ""]


@pytest.fixture(scope="module")
def folder(reverser, tmp_path_factory):
    """Two runs, a page of both with gold and translations, the matrices and the table of the first."""
    from nmt.cli.main import main

    folder = tmp_path_factory.mktemp("page")
    shutil.copytree(reverser, folder / "other")
    for name, lines in (("source", SOURCE), ("target", TARGET), ("gold", GOLD)):
        (folder / name).write_text("".join(f"{line}\n" for line in lines))
    words = ["align", "--model", reverser, "--model", folder / "other", "--n-best", 2]
    for option, name in (("source",) * 2, ("target",) * 2, ("gold",) * 2, ("html", "page.html")):
        words += [f"--{option}", folder / name]
    words += ["--matrix", folder / "matrix.jsonl", "--table", folder / "table.tsv"]
    assert main([str(word) for word in words]) == 0
    return folder


@pytest.fixture
def page(folder, open_page):
    return open_page(f"{(folder / 'page.html').as_uri()}#1")


def words(page, side):
    """The words of a side of the first view."""
    return page.locator(".view").first.locator(f'.words[aria-label="{side} words"] .word')


def lights(located):
    """How much each word is lit."""
    return located.evaluate_all("all => all.map((word) => Number(word.style.getPropertyValue('--weight')))")


def listed(page):
    return page.locator(".item span:first-child").all_text_contents()


def expect_sentence(page, number):
    expect(page.locator("#number")).to_have_text(re.compile(f"^{number:,} of "))


def choose(page, number):
    page.locator(".item", has_text=SOURCE[number]).first.click()
    expect_sentence(page, number + 1)


def test_words_are_shown_as_they_are(page):
    assert page.title() == "source"
    assert page.locator("#about").text_content() == "a → b · reverser · other"
    assert listed(page) == [line or "–" for line in SOURCE]
    assert page.locator("#count").text_content() == "5 sentences"
    choose(page, 1)
    assert words(page, "source").all_text_contents() == SOURCE[1].split()
    assert page.locator("#views b").count() == 0  # a word is no HTML


def test_pointing_at_a_word_lights_those_of_the_other_side(page, folder):
    matrix = np.array(json.loads((folder / "matrix.jsonl").read_text().splitlines()[0])["attention"])
    for number in range(3):
        words(page, "target").nth(number).hover()
        assert lights(words(page, "source")) == pytest.approx(matrix[number], abs=0.003)
        best = matrix[number].argmax()
        expected = f"{TARGET[0].split()[number]} ← {SOURCE[0].split()[best]} {matrix[number].max():.0%}"
        assert page.locator("#message").text_content().startswith(expected)
        words(page, "source").nth(number).hover()
        assert lights(words(page, "target")) == pytest.approx(matrix[:, number], abs=0.003)
    page.locator("#count").hover()
    assert set(lights(words(page, "target"))) == {0}
    words(page, "target").nth(1).click()
    page.locator("#count").hover()
    assert max(lights(words(page, "source"))) > 0.2  # a click keeps the highlight
    page.keyboard.press("Escape")
    assert set(lights(words(page, "source"))) == {0}


def test_searching_narrows_the_list(page):
    page.fill("#search", "<B>ME")  # which no model says
    expect(page.locator("#count")).to_have_text("1 of 5 sentences")
    assert listed(page) == [SOURCE[1]]
    page.keyboard.press("Enter")
    expect_sentence(page, 2)
    page.fill("#search", "")
    expect(page.locator("#count")).to_have_text("5 sentences")
    assert page.evaluate("['Straße', 'İzmir', 'façade'].map(foldText)") == ["strasse", "izmir", "facade"]
    page.fill("#search", "nobody says this")
    expect(page.locator("#count")).to_have_text("0 of 5 sentences")
    assert listed(page) == []


def test_the_list_is_sorted_worst_first_and_turned_around(page, folder):
    rows = [line.split("\t") for line in (folder / "table.tsv").read_text().splitlines()]
    columns = {"aer": "aer", "entropy": "entropy", "coverage": "coverage_deviation", "score": "log_prob_per_token"}
    for key, column in columns.items():
        page.select_option("#sort", key)
        values = {row[-2] or "–": float(row[rows[0].index(column)]) for row in rows[1:]}
        shown = [values[line] for line in listed(page)]
        assert shown == sorted(shown, reverse=key != "score")
        page.click("#reverse")
        turned = [values[line] for line in listed(page)]
        assert turned == sorted(shown, reverse=key == "score")
    page.select_option("#sort", "length")
    assert listed(page)[0] == SOURCE[3]
    assert page.locator(".item .key").first.text_content() == "5"


def test_translations_are_sorted_by_the_error_of_their_models_given_text(page):
    page.select_option("#sort", "aer")
    expected = listed(page), page.locator(".item .key").all_text_contents()
    page.select_option("#sort", "number")
    page.select_option("#show", label="reverser · best translation")
    page.select_option("#sort", "aer")
    assert (listed(page), page.locator(".item .key").all_text_contents()) == expected
    assert page.locator(".item .gauge").count() == 5


def test_the_buttons_know_the_ends_of_the_list(page):
    def ends():
        return page.locator("#previous").is_disabled(), page.locator("#next").is_disabled()

    assert ends() == (True, False)
    page.click("#reverse")
    assert ends() == (False, True)
    page.fill("#search", SOURCE[0])
    expect(page.locator(".item")).to_have_count(1)
    assert ends() == (True, True)


def test_the_skip_link_leads_to_the_sentence_that_is_shown(page):
    choose(page, 3)
    page.locator("#skip").focus()
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "sentence"
    assert page.url.endswith("#4")
    page.evaluate("location.hash = 'views'")
    page.evaluate("location.hash = '2'")
    expect_sentence(page, 2)
    page.evaluate("location.hash = 'views'")
    page.evaluate("new Promise((resolve) => setTimeout(resolve, 50))")
    expect_sentence(page, 2)


def test_a_word_that_is_clicked_stays_highlighted(page):
    page.select_option("#compare", label="other · given translation")
    expect(page.locator(".view")).to_have_count(2)
    one, other = (view.locator('.words[aria-label="target words"] .word').first for view in page.locator(".view").all())
    one.click()
    other.click()
    page.locator("#count").hover()
    assert page.evaluate("[state.pinned?.index, [...byId('views').children].indexOf(state.pinned?.box)]") == [0, 1]
    dimmed = page.locator("svg .dim").count()
    assert dimmed > 0
    page.keyboard.press("g")
    assert page.locator("svg .sure").count() == 0
    bare = page.locator("svg .dim").count()
    assert 0 < bare < dimmed  # without gold there is less to dim
    page.keyboard.press("g")
    assert page.locator("svg .dim").count() == dimmed
    page.evaluate("dispatchEvent(new Event('resize'))")
    assert page.locator("svg .dim").count() == dimmed
    other.click()
    page.locator("#count").hover()
    assert page.locator("svg .dim").count() == 0


def test_everything_is_done_by_keyboard(page):
    page.keyboard.press("/")
    assert page.evaluate("document.activeElement.id") == "search"
    page.keyboard.press("ArrowDown")
    assert page.evaluate("document.activeElement.id") == "list"
    page.keyboard.press("End")
    page.keyboard.press("ArrowUp")
    expect_sentence(page, 4)
    assert page.locator('.item[aria-selected="true"] span').first.text_content() == SOURCE[3]
    active = page.locator("#list").get_attribute("aria-activedescendant")
    assert page.locator(f"#{active}").get_attribute("aria-selected") == "true"
    page.keyboard.press("Enter")

    def focused():
        return page.evaluate("document.activeElement.textContent")

    assert focused() == "te"
    assert max(lights(words(page, "source"))) > 0.2
    page.keyboard.press("ArrowRight")
    assert focused() == "sa"
    page.keyboard.press("ArrowUp")
    assert focused() == "po"
    page.keyboard.press("End")
    assert focused() == "te"
    page.keyboard.press("m")
    assert page.locator("#matrix").get_attribute("aria-pressed") == "true"
    page.keyboard.press("j")
    expect_sentence(page, 5)
    expect(words(page, "source").first).to_be_focused()
    page.keyboard.press("k")
    expect_sentence(page, 4)
    expect(words(page, "source").first).to_be_focused()
    reached = set()
    for _ in range(25):
        page.keyboard.press("Tab")
        reached.add(page.evaluate("document.activeElement.id || document.activeElement.className"))
    assert {"search", "sort", "reverse", "list", "show", "compare", "links", "matrix", "gold", "svg", "png"} <= reached


def test_the_matrix_has_a_cell_for_each_pair_of_words_and_gold_over_it(page):
    choose(page, 3)
    page.click("#matrix")
    assert page.locator("svg .cell").count() == 25
    assert page.locator("svg .dot").count() == 5
    assert (page.locator("svg .sure").count(), page.locator("svg .possible").count()) == (4, 1)
    assert page.locator("svg text[data-i]").all_text_contents() == [word * 2 for word in SOURCE[3].split()]
    page.click("#gold")
    assert page.locator("svg .sure, svg .possible").count() == 0
    page.click("#gold")
    legend = page.locator("#legend")
    assert legend.locator(".point, .box").count() == 3
    page.click("#links")
    assert legend.locator(".point, .box").count() == 0
    assert legend.locator(".line:not(.faint), .line.faint, .band.sure, .band.possible").count() == 4
    assert page.locator("svg .cell").count() == 0
    assert page.locator("svg path.curve:not([stroke-dasharray])").count() == 5
    assert (page.locator("svg .sure").count(), page.locator("svg .possible").count()) == (4, 1)


def test_an_empty_pair_has_no_picture(page):
    page.locator(".item").nth(2).click()
    expect_sentence(page, 3)
    assert page.locator("svg").count() == 0
    assert page.locator("#views .empty").count() == 2
    assert page.locator("#svg:disabled, #png:disabled").count() == 2
    choose(page, 0)
    assert page.locator("#svg:disabled, #png:disabled").count() == 0


def test_translations_and_models_stand_side_by_side(page):
    options = page.locator("#compare option").all_text_contents()
    kinds = ("given translation", "best translation", "translation 2")
    assert options == ["nothing", *(f"{run} · {kind}" for run in ("reverser", "other") for kind in kinds)]
    page.select_option("#compare", label="other · given translation")
    expect(page.locator(".view")).to_have_count(2)
    one, other = page.locator(".view").all()
    assert one.locator(".word").all_text_contents() == other.locator(".word").all_text_contents()
    words(page, "target").nth(1).hover()
    assert max(lights(other.locator(".word"))) > 0.2  # what they share is lit in both
    page.select_option("#show", label="reverser · best translation")
    expect(page.locator(".view h2").first).to_have_text("reverser · best translation")
    assert page.locator(".view").first.locator("dt").all_text_contents() == ["score", "entropy", "coverage deviation"]
    assert other.locator("dt").all_text_contents() == ["AER", "score", "entropy", "coverage deviation"]
    page.locator(".item").nth(2).click()
    page.select_option("#show", label="reverser · translation 2")
    expect(page.locator(".view .empty").first).to_have_text("This sentence has no such translation.")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("picture", ["links", "matrix"])
def test_the_picture_is_saved_as_others_can_read_it(open_page, folder, tmp_path, scheme, picture):
    page = open_page(f"{(folder / 'page.html').as_uri()}#2", color_scheme=scheme)
    page.click(f"#{picture}")
    with page.expect_download() as waiting:
        page.click("#svg")
    waiting.value.save_as(tmp_path / "it.svg")
    assert waiting.value.suggested_filename == "attention-2.svg"
    drawn = ElementTree.parse(tmp_path / "it.svg").getroot()
    texts = ["".join(text.itertext()) for text in drawn.iter("{http://www.w3.org/2000/svg}text")]
    assert texts[0] == "reverser · given translation, sentence 2"
    assert {word * 2 for word in [*SOURCE[1].split(), *TARGET[1].split()]} <= set(texts)  # a title repeats a word
    content = (tmp_path / "it.svg").read_text()
    assert [part for part in ("var(", "oklab", "color-mix", "class=") if part in content] == []
    with page.expect_download() as waiting:
        page.click("#png")
    assert Path(waiting.value.path()).read_bytes().startswith(b"\x89PNG")


def test_saved_pictures_have_room_for_their_headings(open_page, tmp_path):
    page = open_page(f"{made_page(tmp_path / 'page.html', [(['a'], ['b'])], models=['one' * 9, 'other' * 9])}#1")
    page.click("#matrix")
    page.select_option("#compare", index=2)
    expect(page.locator("svg")).to_have_count(2)
    ends = page.evaluate("""() => {
      const host = createElement("div"), box = host.attachShadow({ mode: "open" });  // no style of the page reaches it
      box.innerHTML = exportSvg();
      document.body.append(host);
      const headings = [...box.firstChild.children].filter((part) => part.tagName === "text");
      const parts = headings.flatMap((one) => [one.getBBox().x, one.getBBox().x + one.getBBox().width]);
      host.remove();
      return [0, ...parts, Number(box.firstChild.getAttribute("width"))];
    }""")
    assert ends == sorted(ends)


def test_a_png_is_smaller_where_the_browser_has_no_room_or_it_is_said(page):
    page.evaluate("""() => {
      const toBlob = HTMLCanvasElement.prototype.toBlob;
      HTMLCanvasElement.prototype.toBlob = function (done) {
        (window.tried ??= []).push(this.width);
        return this.width > window.most ? done(null) : toBlob.call(this, done);
      };
      window.most = 700;
    }""")
    with page.expect_download() as waiting:
        page.click("#png")
    assert Path(waiting.value.path()).read_bytes().startswith(b"\x89PNG")
    first, second = page.evaluate("tried")
    assert first > 700 >= second == first // 2
    page.evaluate("window.most = 0")
    page.click("#png")
    expect(page.locator("#message")).to_have_text(
        "This picture is too large for a PNG file. Save it as SVG, which has no such limit."
    )


WIDTHS = """menu => {
  const free = menu.cloneNode(true);
  free.style = "position: absolute; width: max-content; min-width: 0; max-width: none; flex: none";
  menu.parentNode.append(free);
  const widths = [free, menu].map((one) => one.getBoundingClientRect().width);
  free.remove();
  return widths;
}"""  # what the longest entry of a menu needs, and what the menu has


@pytest.mark.parametrize(
    ("width", "size", "family"),
    [
        (1280, "16px", "system-ui"),
        (1280, "16px", "monospace"),
        (1280, "21px", "serif"),
        (1280, "26px", "sans-serif"),
        (390, "16px", "monospace"),
        (390, "20px", "sans-serif"),
    ],
)
def test_menus_show_whole_names_in_any_font(open_page, tmp_path, width, size, family):
    url = made_page(tmp_path / "page.html", [(["a"], ["b"])], models=["cguided-en-de", "plain-en-de"])
    page = open_page(url, width=width)
    page.evaluate(f"document.documentElement.style = 'font-size: {size}; --text: {family}'")
    for name in ("sort", "show", "compare"):
        if name != "sort":
            page.evaluate("leaveList()")
        needed, given = page.locator(f"#{name}").evaluate(WIDTHS)
        assert 0 < needed <= given + 0.5, name
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_the_buttons_share_a_line_and_the_message_stays_in_sight(open_page, tmp_path):
    long = [f"w{number}" for number in range(60)]
    page = open_page(made_page(tmp_path / "page.html", [(long, long)]), height=700)
    tops = [page.locator(f"#{name}").bounding_box()["y"] for name in ("links", "matrix", "svg", "png")]
    assert len(set(tops)) == 1
    words(page, "target").nth(3).focus()
    box = page.locator("#message").bounding_box()
    assert page.locator("#message").text_content().startswith("w3 ← ")
    assert 600 < box["y"] < box["y"] + box["height"] <= 700


def luminance(page, of, what):
    """Of the colour of an element, as in WCAG 2."""
    return brightness(page.evaluate(f"toRgb(getComputedStyle(document.querySelector('{of}')).{what})"))


def contrast(one, other):
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def brightness(color):
    parts = [int(part) / 255 for part in color[4:-1].split(",")]
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize(("scheme", "is_dark"), [("light", False), ("dark", True)])
def test_the_page_is_dark_where_the_system_is(open_page, folder, scheme, is_dark):
    page = open_page((folder / "page.html").as_uri(), color_scheme=scheme)
    for text, ground in ((".word", ".view"), (".scores dt", ".view"), ("#count", "#sidebar"), ("footer", "body")):
        ink, paper = luminance(page, text, "color"), luminance(page, ground, "backgroundColor")
        assert (paper < 0.1) == is_dark
        assert contrast(ink, paper) >= 4.5
    words(page, "target").first.hover()
    lit = page.locator(".word.strong").first
    if lit.count():
        assert lit.evaluate("word => getComputedStyle(word).color") != words(page, "target").first.evaluate(
            "word => getComputedStyle(word).color"
        )


INKS = """() => Array.from({ length: 101 }, (_, percent) => {
  const word = document.querySelector(".word"), weight = percent / 100;
  word.style.setProperty("--weight", weight);
  word.classList.toggle("strong", weight > STRONG);
  pixel.fillStyle = getComputedStyle(document.querySelector(".view")).backgroundColor;
  pixel.fillRect(0, 0, 1, 1);
  pixel.fillStyle = getComputedStyle(word).backgroundColor;
  pixel.fillRect(0, 0, 1, 1);
  const paper = `rgb(${pixel.getImageData(0, 0, 1, 1).data.slice(0, 3)})`;
  return [toRgb(getComputedStyle(word).color), paper];
})"""  # the ink and the paper of a word at each percentage


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_stands_on_a_ground_can_be_read(open_page, folder, scheme):
    page = open_page(f"{(folder / 'page.html').as_uri()}#1", color_scheme=scheme)
    page.mouse.move(0, 0)
    for percent, (ink, paper) in enumerate(page.evaluate(INKS)):
        assert contrast(brightness(ink), brightness(paper)) >= 4.5, percent
    page.evaluate("byId('live').hidden = false; showLiveMessage('wrong', true)")
    wrong = luminance(page, "#live-message", "color")
    assert contrast(wrong, luminance(page, "body", "backgroundColor")) >= 4.5
    faint = page.evaluate("toRgb(getComputedStyle(byId('search'), '::placeholder').color)")
    assert contrast(brightness(faint), luminance(page, "#search", "backgroundColor")) >= 4.5


def test_paper_gets_the_sentence_whole_and_dark_on_light(open_page, tmp_path):
    long = [f"w{number}" for number in range(80)]
    page = open_page(made_page(tmp_path / "page.html", [(long, long)]), width=1000, color_scheme="dark")
    page.click("#matrix")
    page.emulate_media(media="print", color_scheme="dark")
    page.set_viewport_size({"width": 700, "height": 1000})
    assert page.locator("svg").is_visible()
    assert not page.locator("#sidebar, .bar").filter(visible=True).count()
    assert luminance(page, "svg text", "fill") < 0.1
    box = page.locator("svg").bounding_box()
    assert (box["x"] >= 0, box["x"] + box["width"] <= 700) == (True, True)
    assert page.locator(".picture").evaluate("one => getComputedStyle(one).overflowX") == "visible"
    assert page.locator("#sentence").evaluate(
        "one => one.clientHeight >= one.scrollHeight"
    )  # none of it is scrolled away


def test_a_phone_shows_the_list_and_then_the_sentence(open_page, folder):
    page = open_page((folder / "page.html").as_uri(), width=390, height=800, has_touch=True, is_mobile=True)
    assert page.locator("#sidebar").is_visible()
    assert not page.locator("#sentence").is_visible()
    page.locator(".item").nth(3).tap()
    page.wait_for_selector("svg")
    assert not page.locator("#sidebar").is_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
    words(page, "target").nth(1).tap()
    assert max(lights(words(page, "source"))) > 0.2
    page.tap("#back")
    assert page.locator("#sidebar").is_visible()


def test_a_phone_goes_back_to_the_list_where_it_was_left(open_page, tmp_path):
    pairs = [([f"s{number}", *["a"] * 20], [f"t{number}", *["b"] * 20]) for number in range(100)]
    url = made_page(tmp_path / "page.html", pairs, models=["one", "other"])
    page = open_page(url, width=390, height=844, has_touch=True, is_mobile=True)
    side, pair, chosen = (page.locator(name) for name in ("#sidebar", "#sentence", '.item[aria-selected="true"]'))
    page.fill("#search", "s7")
    expect(page.locator("#count")).to_have_text("11 of 100 sentences")
    page.keyboard.press("Enter")
    expect_sentence(page, 8)
    expect(side).to_be_hidden()
    page.tap("#next")
    expect_sentence(page, 71)
    page.go_back()
    expect(side).to_be_visible()
    assert page.url.endswith("#71")
    page.go_forward()
    expect(pair).to_be_visible()
    expect_sentence(page, 71)
    page.evaluate("byId('sentence').scrollTop = 1000")
    assert page.locator("#back").bounding_box()["y"] < 60
    assert page.locator("#show").bounding_box()["y"] < 0  # only the first row of the bar stays
    page.tap("#back")
    expect(side).to_be_visible()
    page.fill("#search", "")
    expect(page.locator("#count")).to_have_text("100 sentences")
    page.evaluate("selectSentence(50, true)")
    expect_sentence(page, 51)
    page.tap("#back")
    expect(side).to_be_visible()
    box = chosen.bounding_box()
    assert 0 < box["y"] < box["y"] + box["height"] <= 844


def test_the_system_says_which_colours_are_used(open_page, folder):
    page = open_page(f"{(folder / 'page.html').as_uri()}#1", forced_colors="active")
    words(page, "target").first.click()
    page.mouse.move(0, 0)
    lit = words(page, "source").evaluate_all("all => all.map((one) => getComputedStyle(one).backgroundColor)")
    assert len(set(lit)) > 1
    shadow = page.locator('.item[aria-selected="true"]').evaluate("one => getComputedStyle(one).boxShadow")
    assert shadow != "none"
    pressed, other = (luminance(page, f"#{name}", "backgroundColor") for name in ("links", "matrix"))
    assert contrast(pressed, other) > 3


def test_a_browser_that_cannot_unpack_the_page_says_so(page):
    page.add_init_script("delete window.DecompressionStream")
    page.reload()
    expect(page.locator("#about")).to_contain_text("it has no DecompressionStream")


def made_page(path, pairs, models=("model",)):
    """A page of pairs with drawn attention."""
    page, random = Page("made", "x", "y", models), np.random.default_rng(1)
    for source, target in pairs:
        attention = random.dirichlet(np.full(len(source) + 1, 0.2), size=len(target))
        weights, doubts = summarise_attention(
            attention, range(len(source)), range(len(target)), len(source), len(target)
        )
        given = (target, weights, extract_links(weights), doubts, -1.0)
        page.add(source, [AttentionView(model, 0, *given) for model in range(len(models))])
    path.write_text(page.html(), encoding="utf-8")
    return path.as_uri()


def test_ten_thousand_sentences_are_a_short_list_of_rows(open_page, tmp_path):
    pairs = [([f"s{number}", "a", "b"], ["c", f"t{number}"]) for number in range(10_000)]
    page = open_page(made_page(tmp_path / "page.html", pairs, models=["model", "other"]))
    assert page.locator("#count").text_content() == "10,000 sentences"
    assert page.locator(".item").count() < 40
    page.locator("#list").focus()
    page.keyboard.press("End")
    expect_sentence(page, 10_000)
    assert listed(page)[-1] == "s9999 a b"
    assert words(page, "target").all_text_contents() == ["c", "t9999"]
    assert page.locator(".item").count() < 40
    page.select_option("#show", index=1)
    expect(page.locator("h2")).to_have_text("other · given translation")
    assert listed(page)[-1] == "s9999 a b"  # the list stays where it is
    page.fill("#search", "t4321")
    expect(page.locator("#count")).to_have_text("1 of 10,000 sentences")


def test_what_was_cut_is_shown(open_page, tmp_path):
    page = Page("title", "en", "de", ["model"])
    weights, diagnostics = summarise_attention(np.full((1, 2), 0.5), [0], [0], 1, 1)
    whole = AttentionView(0, 1, ["x"], weights, [(0, 0)], diagnostics, -0.5)
    cut = {
        "whole": (whole, []),
        "long": (whole._replace(is_whole=False), ["The text is too long: only its beginning was read."]),
        "endless": (whole._replace(is_finished=False), ["The length limit ended this translation."]),
    }
    for source, (view, _) in cut.items():
        page.add([source], [view])
    (tmp_path / "page.html").write_text(page.html(), "utf-8")
    shown = open_page((tmp_path / "page.html").as_uri())
    for source, (_, messages) in cut.items():
        shown.locator(".item", has_text=source).click()
        expect(words(shown, "source")).to_have_text([source])
        expect(shown.locator(".view .cut")).to_have_text(messages)


def test_the_matrix_of_a_long_pair_has_only_the_cells_that_say_something(open_page, tmp_path):
    long = [f"w{number}" for number in range(200)]
    page = open_page(made_page(tmp_path / "page.html", [(long, long)]))
    page.click("#matrix")
    assert 200 <= page.locator("svg .cell").count() < 200 * 34
    weights = page.locator("svg .cell").evaluate_all(
        "all => all.map((cell) => cell.style.getPropertyValue('--weight'))"
    )
    assert min(map(float, weights)) >= 0.03
    assert page.locator("svg text").count() == 400


def test_scripts_are_set_as_they_are_read(open_page, tmp_path):
    pairs = [(["我", "喜欢", "猫"], ["אני", "אוהב", "חתולים"]), (["a" * 80, "b"], ["c" * 80])]
    page = open_page(f"{made_page(tmp_path / 'page.html', pairs)}#1")
    assert page.locator("h2").text_content() == "given translation"  # of the one model
    assert not page.locator("#gold, #gold-key, #show, #compare").filter(visible=True).count()
    left = [box["x"] for box in (word.bounding_box() for word in words(page, "target").all())]
    assert left == sorted(left, reverse=True)
    words(page, "target").first.focus()
    said = [word.bounding_box()["x"] for word in page.locator("#message bdi").all()]
    assert said == sorted(said)  # the sentence about words runs to the right, so that its arrow means the same
    page.keyboard.press("ArrowLeft")  # onward in a line that runs to the left
    assert page.evaluate("document.activeElement.textContent") == "אוהב"
    assert page.locator("svg text").all_text_contents() == [word * 2 for word in [*pairs[0][0], *pairs[0][1]]]
    page.keyboard.press("j")
    expect_sentence(page, 2)
    drawn = page.locator("svg text").first.text_content().removesuffix("a" * 80)  # the whole word is its title
    assert drawn == "a" * (len(drawn) - 1) + "…"
    words(page, "source").first.click()
    held = page.locator("svg text.active").first.bounding_box()
    assert held["x"] >= page.locator("svg").bounding_box()["x"]  # though it is bold now
    assert page.evaluate("document.documentElement.scrollWidth") <= 1280


FONTS = {
    "กข": "Noto Sans Thai",
    "ខម": "Noto Sans Khmer",
    "日ア、！": "Noto Sans CJK",
    "한": "Noto Sans CJK",
    "अ।": "Noto Sans Devanagari",
    "ع،": "Noto Sans Arabic",
    "ሀ": "Noto Sans Ethiopic",
    "ਗ": "Noto Sans Gurmukhi",
    "ߊ": "Noto Sans NKo",
    "ᐃ": "Noto Sans Canadian Aboriginal",
    "ཀ": "Noto Serif Tibetan",
    "ӝé": "Noto Sans",
    "⟿": "Noto Sans Symbols 2",
    "🪿": "Noto Color Emoji",
    "𐀀": "a font of their script",
}


@pytest.mark.parametrize("language", ["th", "am", "ar", "en"])
def test_a_hint_names_the_characters_that_no_font_of_the_machine_has(open_page, tmp_path, language):
    """What the browser draws as boxes is what fontconfig has no font for."""
    if shutil.which("fc-list") is None:
        pytest.skip("no fc-list, which knows the fonts of the machine")
    text = {"th": "ป่าใหญ่", "am": "ቤት", "ar": "بيت", "en": "house"}[language]
    bases = [character for character in dict.fromkeys(text) if unicodedata.category(character) == "Lo"] or ["h"]
    find = ["fc-list", "--format", "%{family}", *(f":charset={ord(character):x}" for character in bases[:1])]
    has_font = bool(subprocess.run(find, capture_output=True, check=True).stdout)
    pairs = [(["a"], [text]), (["a"], ["b"])]
    page = open_page(f"{made_page(tmp_path / 'page.html', pairs)}#1")
    expect(words(page, "target")).to_have_text([text])
    hint = page.locator("#fonts")
    assert hint.is_visible() != has_font
    if not has_font:
        font = {"th": "Thai", "am": "Ethiopic", "ar": "Arabic"}[language]
        assert hint.text_content() == (
            f"No installed font has {len(bases)} characters of this sentence, for which the page shows boxes: "
            f"{' '.join(bases)}. "
            f"Install Noto Sans {font}, for example from fonts.google.com/noto, and open the page again."
        )
    page.keyboard.press("j")
    expect_sentence(page, 2)
    expect(hint).to_be_hidden()


@pytest.mark.parametrize("width", [1280, 390])
def test_the_hint_names_a_font_for_each_script(open_page, tmp_path, width):
    page = open_page(f"{made_page(tmp_path / 'page.html', [(['x'], list(FONTS))])}#1", width=width)
    page.evaluate("() => { drawGlyph = (one) => (one === 'x' ? 'x' : 'box'); hasFont.clear(); }")  # of no machine
    page.evaluate("renderSentence()")
    hint = page.locator("#fonts")
    expect(hint).to_contain_text("No installed font has 23 characters of this sentence")
    expect(hint.locator("bdi")).to_contain_text("日 ア 、 ！ 한;")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    for text, font in FONTS.items():
        page.evaluate("(text) => renderFontHint(text + ' \u200b\u0301')", text)  # which draw nothing alone
        expect(hint).to_contain_text(f". Install {font}, for example")
        expect(hint.locator("bdi")).to_have_text(" ".join(text))
    page.evaluate("renderFontHint('กขคงจฉชซฌญฎฏฐฑ𐀀')")
    expect(hint.locator("bdi")).to_have_text("ก ข ค ง จ ฉ ช ซ ฌ ญ ฎ ฏ …; 𐀀")
    expect(hint).to_contain_text("Install Noto Sans Thai and a font of their script, for example")
    page.evaluate("renderFontHint('x')")
    expect(hint).to_be_hidden()


@pytest.mark.parametrize(("language", "font"), [("ja", "JP"), ("ko", "KR"), ("zh", "SC"), ("zh-TW", "TC"), ("de", "")])
def test_characters_of_china_have_the_forms_of_their_language(open_page, tmp_path, language, font):
    page = Page("title", "en", language, ["model"])
    page.add(["bone"], [AttentionView(0, 0, ["骨"], np.ones((1, 1)), [(0, 0)], None, -1.0)])
    (tmp_path / "page.html").write_text(page.html(), "utf-8")
    shown = open_page((tmp_path / "page.html").as_uri())
    for place in ('.words[aria-label="target words"]', "svg text[data-j]", ".item .target"):
        family = shown.locator(place).evaluate("one => getComputedStyle(one).fontFamily")
        assert re.findall('"Noto Sans CJK (..)"', family) == [font] * bool(font)
        assert "Noto Sans Khmer" in family


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"--html": "no/where.html"}, "no/where.html cannot be written: there is no folder no\n  Make it first"),
        (
            {"--model": "other"},
            "several --model are compared in --html: name its file\n"
            "  Links, --matrix, --table and --plot are those of one run: for these name only one",
        ),
        ({"--n-best": "2"}, "--n-best has no effect without --html: name its file"),
        (
            {"--html": "page.html", "--model": "turned"},
            "{run} translates a to b, and turned translates b to a\n  Runs that are used together must",
        ),
        ({"--html": "page.html", "--n-best": "9"}, "a beam of 5 cannot find the 9 best translations\n"),
    ],
)
def test_what_no_page_can_be_made_of(run_nmt, folder, reverser, turned, monkeypatch, tmp_path, changes, message):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(turned, "turned")
    shutil.copytree(reverser, "other")
    assert load_run(Path("turned")).info.source_lang == "b"
    more = [word for option in changes.items() for word in option]
    given = ("--source", folder / "source", "--target", folder / "target")
    done = run_nmt("align", "--model", reverser, *given, *more)
    assert (done.code, done.stdout) == (2, "")
    assert done.stderr.startswith(f"nmt: error: {message.format(run=reverser)}")
    assert not Path("page.html").exists()
