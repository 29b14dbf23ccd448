"""`nmt translate --review`: the page on which translations are checked and edited, and the way of the edits back."""

import base64
import json
import re
import zlib

import pytest
from playwright.sync_api import expect

import nmt
from nmt.analysis.page import Page

LINES = ["ba de fi", "", "ku 7 la me", "ni po ru sa te vi", "<img src=x onerror=alert(1)> ba", "ba de fi"]
DOCUMENT = '<p>ba <b>de</b> fi.</p>\n<p>ku <i class="x">la me</i><br>ni.</p>\n<p>ba de fi.</p>\n'


@pytest.fixture(scope="module")
def folder(reverser, tmp_path_factory):
    """Lines and a document, their translations, and the pages of both."""
    from nmt.cli.main import main

    folder = tmp_path_factory.mktemp("review")
    (folder / "lines.txt").write_text("".join(f"{line}\n" for line in LINES))
    (folder / "page.html").write_text(DOCUMENT)
    command = ["translate", "--model", reverser, "--quiet"]
    lines = [folder / "lines.txt", "--output", folder / "lines.out", "--review", folder / "lines.html"]
    assert main([str(word) for word in [*command, *lines]]) == 0
    document = ["--document", folder / "page.html", "--output", folder / "out.html", "--review", folder / "doc.html"]
    assert main([str(word) for word in [*command, *document]]) == 0
    return folder


def read_index(html):
    """What the script will read."""
    packed = re.search(r'<script type="text/plain" id="index">([^<]*)</script>', html)[1]
    return json.loads(zlib.decompress(base64.b64decode(packed)))


def save(page, button, path):
    """Press a button that saves a file. -> its content"""
    with page.expect_download() as download:
        page.click(button)
    download.value.save_as(path)
    return path.read_text("utf-8")


def choose(page, text):
    page.locator(".item", has_text=text).first.click()


def test_the_page_has_what_the_translation_has(run_nmt, reverser, folder):
    index = read_index((folder / "lines.html").read_text("utf-8"))
    assert (index["title"], index["source"], index["target"], index["review"]) == ("lines.txt", "a", "b", "lines")
    done = run_nmt("translate", "--model", reverser, "--format", "jsonl", folder / "lines.txt")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    for number, (shown, one) in enumerate(zip(index["sentences"], found, strict=True), 1):
        assert shown["place"] == f"{folder / 'lines.txt'}:{number}"
        assert shown.get("confidence") == (one["confidence"] if one["tokens"] else None)
        assert [doubt[3] for doubt in shown.get("doubts", [])] == [doubt["reason"] for doubt in one["doubts"]]
        assert shown["source"].split(" ") == (one["source_words"] or [""])
        assert shown["views"][0]["links"] == one["alignment"]
    document = read_index((folder / "doc.html").read_text("utf-8"))
    assert document["review"] == "documents"
    first = document["sentences"][0]
    assert first["tags"]["source"] == [[1, 0, "<b>"], [1, 2, "</b>"]]
    assert [label for *_, label in first["tags"]["target"]] == ["<b>", "</b>"]


def test_messages(run_nmt, reverser, tmp_path):
    (tmp_path / "a.txt").write_text("ba de\n")
    command = ["translate", "--model", reverser]
    done = run_nmt(*command, tmp_path / "a.txt", "--output", tmp_path / "b.txt", "--review", tmp_path / "r.html")
    assert done.code == 0
    assert f"nmt: {tmp_path / 'r.html'} shows 1 translation, the least sure first: open it in a browser" in done.stderr
    done = run_nmt(*command, tmp_path / "a.txt", "--review", tmp_path / "a.txt")
    assert (done.code, (tmp_path / "a.txt").read_text()) == (2, "ba de\n")
    assert f"the input and --review cannot both be {tmp_path / 'a.txt'}" in done.stderr
    done = run_nmt(*command, "--output", tmp_path / "b.txt", "--resume-output", "--review", tmp_path / "r.html")
    assert done.code == 2
    assert "--review would have the last lines only: leave it out, or leave out --resume-output" in done.stderr
    (tmp_path / "bad.txt").write_bytes(b"ba \xff")
    documents = ["--document", tmp_path / "bad.txt", tmp_path / "a.txt", "--output", tmp_path / "out"]
    done = run_nmt(*command, *documents, "--review", tmp_path / "some.html")
    assert done.code == 2
    assert [one["source"] for one in read_index((tmp_path / "some.html").read_text())["sentences"]] == ["ba de"]
    assert read_index((tmp_path / "some.html").read_text())["title"] == "bad.txt and 1 more"


def test_python_writes_the_page_too(reverser, folder, tmp_path):
    nmt.translate_documents(reverser, folder / "page.html", tmp_path / "x.html", review=tmp_path / "review.html")
    own = read_index((tmp_path / "review.html").read_text("utf-8"))
    assert own["title"] == "page.html"
    assert own["sentences"] == read_index((folder / "doc.html").read_text("utf-8"))["sentences"]


def test_the_least_sure_come_first_and_texts_are_no_html(folder, open_page):
    page = open_page((folder / "lines.html").as_uri())
    shares = [int(text.rstrip("%")) for text in page.locator(".item .key").all_text_contents() if "%" in text]
    assert len(shares) == 5
    assert shares == sorted(shares)
    assert page.locator(".item .key").last.text_content() == "–"  # the empty line has no confidence
    assert page.locator(".item .place").last.text_content() == "2"
    expect(page.locator("#order")).to_have_text("least sure first")
    page.click("#reverse")
    expect(page.locator("#order")).to_have_text("surest first")
    assert page.locator(".item .key").first.text_content() == f"{shares[-1]}%"
    page.select_option("#sort", "number")
    expect(page.locator("#order")).to_have_text("first to last")
    assert page.locator(".item .place").all_text_contents() == ["1", "2", "3", "4", "5", "6"]
    assert sorted(page.locator(".item .key").all_text_contents()) == sorted([*(f"{share}%" for share in shares), "–"])
    choose(page, "<img")
    assert page.locator("#views img").count() == page.locator("#review img").count() == 0
    word = page.locator(".word.doubtful").first
    reason = word.get_attribute("title").split(",")[0]
    word.hover()
    expect(page.locator("#message")).to_contain_text(f"to check: {reason}")
    listed = page.locator("#doubts li").all_text_contents()
    assert any(line.startswith(f"{reason}: ") and word.text_content() in line for line in listed)
    choose(page, "ba de fi")
    words = page.locator('.words[aria-label="target words"] .word')
    words.first.hover()
    lit = page.locator('.words[aria-label="source words"] .word').evaluate_all(
        "all => all.map((word) => Number(word.style.getPropertyValue('--weight')))"
    )
    assert max(lit) > 0.1
    assert page.locator("svg").count() == 0
    page.click("#links")
    expect(page.locator("svg")).to_have_count(1)
    page.click("#links")
    expect(page.locator("svg")).to_have_count(0)


def test_lines_are_edited_kept_and_saved(folder, open_page, tmp_path):
    page = open_page((folder / "lines.html").as_uri(), accept_downloads=True)
    before = (folder / "lines.out").read_text().splitlines()
    assert save(page, "#save-lines", tmp_path / "same").splitlines() == before
    expect(page.locator("#save-memory")).to_be_disabled()
    choose(page, "ni po")
    page.fill("#edit", 'an <b>edit</b> & "more"\u0001')
    page.keyboard.press("Enter")  # a segment is one line
    page.keyboard.press("Control+Enter")
    expect(page.locator("#progress")).to_have_text("1 of 6 checked, 1 edited")
    page.reload()
    page.wait_for_selector("html[data-ready]", state="attached")
    expect(page.locator("#progress")).to_have_text("1 of 6 checked, 1 edited")
    saved = save(page, "#save-lines", tmp_path / "edited").split("\n")[:-1]
    assert saved == [*before[:3], 'an <b>edit</b> & "more"\u0001', *before[4:]]
    memory = save(page, "#save-memory", tmp_path / "edits.tmx")
    assert "<seg>an &lt;b&gt;edit&lt;/b&gt; &amp; &quot;more&quot;</seg>" in memory
    page.fill("#search", "EDIT")
    expect(page.locator("#count")).to_have_text("1 of 6 sentences")
    page.keyboard.press("Enter")
    expect(page.locator("#edit")).to_have_value('an <b>edit</b> & "more"\u0001')
    page.click("#undo")
    page.click("#check")
    expect(page.locator("#progress")).to_have_text("0 of 6 checked, 0 edited")
    assert save(page, "#save-lines", tmp_path / "undone").splitlines() == before


def test_edits_of_a_document_come_back_through_a_memory(run_nmt, reverser, folder, open_page, tmp_path):
    page = open_page((folder / "doc.html").as_uri(), accept_downloads=True)
    expect(page.locator("#save-lines")).to_be_hidden()
    choose(page, "ku la me")
    tags = page.locator('.words[aria-label="source words"] .tag').all_text_contents()
    assert tags == ["<i>", "</i>", "<br>"]
    choose(page, "ba de fi")
    page.fill("#edit", "fi. de ku ba")
    memory = tmp_path / "edits.tmx"
    save(page, "#save-memory", memory)
    expect(page.locator("#edit-message")).to_contain_text("with --memory page.edits.tmx writes the edited translation")
    expect(page.locator(".item .target", has_text="fi. de ku ba")).to_have_count(2)  # both have this source
    done = run_nmt(
        *("translate", "--model", reverser, "--document", folder / "page.html", "--output", tmp_path / "edited.html"),
        *("--memory", memory, "--memory-threshold", 100),
    )
    assert done.code == 0
    assert "nmt: 2 of 3 sentences are from the memory" in done.stderr
    first, second, third = (tmp_path / "edited.html").read_text().splitlines()
    assert first == "<p>fi. <b>de</b> ku ba</p>"  # where the model attends to the word that was bold
    assert second == (folder / "out.html").read_text().splitlines()[1]
    assert third == "<p>fi. de ku ba</p>"


def test_edits_with_tags_come_back_as_they_are_and_wrong_ones_are_marked(
    run_nmt, reverser, folder, open_page, tmp_path
):
    page = open_page((folder / "doc.html").as_uri(), accept_downloads=True)
    page.select_option("#sort", "number")
    choose(page, "ku la me")
    before = page.locator("#edit").input_value()
    assert all(before.count(tag) == 1 for tag in ("<i>", "</i>", "<br>"))
    problems = page.locator("#problems")
    expect(problems).to_be_hidden()
    for text, problem in (
        ("", "the translation is empty"),
        ("<i></i> <br>", "the translation is empty"),
        ("ni <i>me la", "</i> is missing; <br> is missing"),
        ("<i>ni</i> me<br><br>", "<br> is there too often"),
        ("ni</i> <br>me <i>", "</i> stands before <i>"),
        ("ni <u>me</u>", "<u> is no tag of the segment"),
    ):
        page.fill("#edit", text)
        expect(problems).to_have_text(f"This edit cannot be saved as TMX: {problem}. Mend it, or undo it.")
    expect(page.locator(".item .key.warning")).to_have_count(1)
    page.click("#save-memory")  # there is nothing to save
    expect(page.locator("#edit-message")).to_have_text("1 edit is not saved: ⚠ marks the segments in the list.")
    choose(page, "ba de fi")
    page.fill("#edit", "fi ku<b> de</b>")
    expect(page.locator(".item .target").last).to_have_text("fi ku de")  # it has the same source, and no tags
    memory = save(page, "#save-memory", tmp_path / "edits.tmx")
    assert '<seg>ba <bpt i="1">&lt;b&gt;</bpt>de<ept i="1">&lt;/b&gt;</ept> fi.</seg>' in memory
    assert '<seg>fi ku<bpt i="1">&lt;b&gt;</bpt> de<ept i="1">&lt;/b&gt;</ept></seg>' in memory
    assert memory.count("<tu>") == 1
    expect(page.locator("#edit-message")).to_contain_text("1 edit is not saved: ⚠ marks the segments in the list. The")
    choose(page, "ku la me")
    page.fill("#edit", "ni<br> <i>me</i> la")
    expect(problems).to_be_hidden()
    save(page, "#save-memory", tmp_path / "edits.tmx")
    command = ("translate", "--model", reverser, "--document", folder / "page.html", "--output", tmp_path / "out.html")
    done = run_nmt(*command, "--memory", tmp_path / "edits.tmx", "--memory-threshold", 100)
    assert (tmp_path / "out.html").read_text().splitlines() == [
        "<p>fi ku<b> de</b></p>",
        '<p>ni<br> <i class="x">me</i> la</p>',
        "<p>fi ku de</p>",
    ]
    assert f"nmt: {tmp_path / 'edits.tmx'}: 2 units, 2 pairs\n" in done.stderr
    broken = (tmp_path / "edits.tmx").read_text().replace("<ph ", "<!-- ").replace("</ph>", " -->")
    (tmp_path / "edits.tmx").write_text(broken)
    done = run_nmt(*command, "--memory", tmp_path / "edits.tmx", "--memory-threshold", 100)
    anew = 'the tags of the memory\'s translation "ni me la" are placed anew, because it lacks <br>'
    assert f"nmt: {folder / 'page.html'}, line 2: {anew}\n" in done.stderr
    second = (tmp_path / "out.html").read_text().splitlines()[1]
    assert all(second.count(tag) == 1 for tag in ('<i class="x">', "</i>", "<br>"))


def test_tags_cross_in_an_edit_where_they_cross_in_the_source(open_page, tmp_path):
    from nmt.documents.alignment import align_by_links
    from nmt.documents.review import ReviewPage
    from nmt.documents.segment import Mark, Segment
    from nmt.documents.tag_names import TagName

    names = [TagName("<x>", "</x>"), TagName("<y>", "</y>")]
    nested = [Mark(0, "open"), "a", Mark(1, "open"), "b", Mark(1, "close"), Mark(0, "close")]
    review = ReviewPage("a.xlf", "a", "b", "documents")
    for text, parts in (("c", nested), ("d", [*nested[:4], nested[5], nested[4]])):
        segment = Segment.join([text, *parts])
        alignment = align_by_links(segment.text, segment.text, [(0, 0)])
        review.add(segment, segment, names, 0.5, (), alignment, "a.xlf:1")
    review.write(tmp_path / "page.html")
    page = open_page((tmp_path / "page.html").as_uri())
    problem = "This edit cannot be saved as TMX: </x> closes around a tag that is not closed. Mend it, or undo it."
    for text, shown in (("cab", problem), ("dab", "")):
        choose(page, text)
        page.fill("#edit", "<x>1<y>2</x>3</y>")
        expect(page.locator("#problems")).to_be_visible(visible=bool(shown))
        assert not shown or page.locator("#problems").text_content() == shown


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (390, "dark"), (1280, "dark")])
def test_nothing_is_wider_than_the_screen(folder, open_page, width, scheme):
    page = open_page((folder / "doc.html").as_uri(), width=width, color_scheme=scheme)
    choose(page, "ku la me")
    expect(page.locator("#edit")).to_be_visible()
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_two_thousand_segments_in_another_direction_are_quick(open_page, tmp_path):
    from support.documents import WordTranslator

    from nmt.documents.review import ReviewPage

    review = ReviewPage("many.txt", "he", "ar", "lines")
    translator = WordTranslator(lambda word: f"كلمة{word}")
    for number in range(2000):
        review.add_line(translator.translate(f"שלום {number} עולם"), f"many.txt:{number + 1}")
    review.write(tmp_path / "many.html")
    page = open_page((tmp_path / "many.html").as_uri())
    expect(page.locator("#count")).to_have_text("2,000 sentences")
    assert page.locator(".item").count() < 40
    assert page.locator(".words").first.evaluate("line => getComputedStyle(line).direction") == "rtl"
    assert page.locator("#edit").evaluate("field => getComputedStyle(field).direction") == "rtl"
    took = page.evaluate("""() => {
        const begin = performance.now();
        document.querySelector("#edit").value = "x";
        document.querySelector("#edit").dispatchEvent(new Event("input"));
        document.querySelector("#check-next").click();
        return performance.now() - begin;
    }""")
    assert took < 500  # milliseconds; a few on an idle machine
    expect(page.locator("#progress")).to_have_text("1 of 2,000 checked, 1 edited")


def test_a_page_of_attention_has_nothing_to_edit(open_page, tmp_path):
    (tmp_path / "page.html").write_text(Page("t", "a", "b", ["m"]).html(), "utf-8")
    page = open_page((tmp_path / "page.html").as_uri())
    expect(page.locator("#review")).to_be_hidden()
    expect(page.locator("#files")).to_be_hidden()
