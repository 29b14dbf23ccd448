import time

import pytest
from support.documents import SPACED, WordTranslator, shout, translate_document

from nmt.documents import markdown
from nmt.documents.html_names import INLINE_UNTRANSLATED, UNTRANSLATED
from nmt.documents.markdown_jsx import mask_markup
from nmt.documents.segment import Mark, Segment
from nmt.errors import DataError, UsageError

pytest.importorskip("pyromark")


def read(text: str, name: str = "a.md") -> markdown.MarkdownDocument:
    return markdown.MarkdownDocument(text.encode(), name, SPACED)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("# one\n\ntwo three\n", "# ONE\n\nTWO THREE\n"),
        ("one\n===\n\n## two ##\n", "ONE\n===\n\n## TWO ##\n"),
        ("one\ntwo\n", "ONE TWO\n"),  # a paragraph becomes one line
        ("> one\n> two\n", "> ONE TWO\n"),
        ("- one\n  two\n- three\n\n  four\n", "- ONE TWO\n- THREE\n\n  FOUR\n"),
        ("1. one\n   - two\n2) three\n", "1. ONE\n   - TWO\n2) THREE\n"),
        ("- [ ] one\n- [x] two\n", "- [ ] ONE\n- [x] TWO\n"),
        ("| one | two |\n|---|---|\n| three | 4 |\n", "| ONE | TWO |\n|---|---|\n| THREE | 4 |\n"),
        ("a **b** *c* __d__ _e_ ~~f~~ `g`\n", "A **B** *C* __D__ _E_ ~~F~~ `g`\n"),
        ("***a b***\n", "***A B***\n"),
        ("a [b c](http://x.y/z 'my title') d\n", "A [B C](http://x.y/z 'MY TITLE') D\n"),
        ('![a](b "c \\" &amp; d")\n', '![A](b "C \\" &amp; D")\n'),
        (
            'a [b](<c d> (e)) [f][g] [h]\n\n[g]: i\n  "j k"\n[h]: l "5"\n',
            'A [B](<c d> (E)) [F][g] [H][h]\n\n[g]: i\n  "J K"\n[h]: l "5"\n',
        ),
        ('    [a]: b "c"\n\n[a]\n\n[a]: b "c"\n', '    [a]: b "c"\n\n[A][a]\n\n[a]: b "C"\n'),
        (
            "<details>\n<summary>a <b>c</b></summary>\n\nd\n\n</details>\n",
            "<details>\n<summary>A <b>C</b></summary>\n\nD\n\n</details>\n",
        ),
        ("<p title='a'>\nb <code>c</code> {{ d }}\n</p>\n", "<p title='A'>\nB <code>c</code> {{ d }}\n</p>\n"),
        (
            "- <div>\n  a &amp;\n  b</div>\n\n> <p>c\n> d</p>\n\n<svg><text>e</text></svg>\n",
            "- <div>\n  A &amp; B</div>\n\n> <p>c\n> d</p>\n\n<svg><text>E</text></svg>\n",
        ),
        ("a [b][r] d\n\n[r]: http://x.y\n", "A [B][r] D\n\n[r]: http://x.y\n"),
        ("a [b][] [c]\n\n[b]: x\n[c]: y\n", "A [B][b] [C][c]\n\n[b]: x\n[c]: y\n"),
        (
            "[b]\n\n- **[c][]**\n- [`d`] [b](e)\n\n[b]: x\n[c]: y\n[`d`]: z\n",
            "[B][b]\n\n- **[C][c]**\n- [`d`] [B](e)\n\n[b]: x\n[c]: y\n[`d`]: z\n",
        ),
        ("see <http://x.y> and <a@b.c> now\n", "SEE <http://x.y> AND <a@b.c> NOW\n"),
        ("see ![a cat](c.png) now\n", "SEE ![A CAT](c.png) NOW\n"),
        ("[![a cat](c.png)](x)\n", "[![A CAT](c.png)](x)\n"),
        ("a<br>b <b>c</b>\n", "A <br>B <b>C</b>\n"),
        ("a  \nb\\\nc\n", "A  \nB\\\nC\n"),
        ("a \\* b &amp; c&nbsp;d &copy;\n", "A \\* B &amp; C&nbsp;D &copy;\n"),
        ("a[^1] b\n\n[^1]: note\n", "A[^1] B\n\n[^1]: NOTE\n"),
        ("$x_a$ is one\n", "$x_a$ IS ONE\n"),
        ("one\r\n\r\n- two\r\n", "ONE\r\n\r\n- TWO\r\n"),
        # syntax of programs that extend Markdown
        (":::note\none\n:::\n", ":::note\nONE\n:::\n"),
        (":::{figure} a.png\n:alt: b\n:width: 3\n\none\n:::\n", ":::{figure} a.png\n:alt: b\n:width: 3\n\nONE\n:::\n"),
        ("> :::: {.tip #a}\n> one *two*\n> ::::\n", "> :::: {.tip #a}\n> ONE *TWO*\n> ::::\n"),
        ('!!! note "a"\n    one\n\n=== "b"\ntwo\n', '!!! note "A"\n    ONE\n\n=== "B"\nTWO\n'),
        ('> ??? a b "c *d*"\n> one\n\n!!! tip ""\n', '> ??? a b "C *D*"\n> ONE\n\n!!! tip ""\n'),
        (":::tip[a *b*]{.c}\none\n:::\n", ":::tip[A *B*]{.c}\nONE\n:::\n"),
        ("::: details a b\none\n:::\n", "::: details A B\nONE\n:::\n"),
        ("> :::tip a {open}\r\n> one\r\n> :::\r\n", "> :::tip A {open}\r\n> ONE\r\n> :::\r\n"),
        ("::: warning a\r\none\r\n:::\r\n", "::: warning A\r\nONE\r\n:::\r\n"),
        ("::: code-group a\none\n:::\n", "::: code-group a\nONE\n:::\n"),
        (
            "<TabItem value='a' label='b'>\n\none\n\n</TabItem>\n",
            "<TabItem value='a' label='B'>\n\nONE\n\n</TabItem>\n",
        ),
        ("> [!TIP]\n> one\n", "> [!TIP]\n> ONE\n"),
        ("- one\n  import A from '@b/C';\n  two\n", "- ONE\n  import A from '@b/C';\n  TWO\n"),
        ("one\n: two\n\n    three\n", "ONE\n: TWO\n\n    THREE\n"),
        ("one\ntwo\n:   three\n    four\n", "ONE\nTWO\n:   THREE FOUR\n"),  # two terms
        ("> one\n> *a\n> b*\n>\n> : two\n", "> ONE\n> *A B*\n>\n> : TWO\n"),
        ("one\r\ntwo\r\n: three\n\n:::a\n:::\n", "ONE\r\nTWO\r\n: THREE\n\n:::a\n:::\n"),
        ("*[a]: one *two*\r\n*[b c] : two\r\n\r\n[a]: d", "*[a]: ONE *TWO*\r\n*[b c] : TWO\r\n\r\n[a]: d"),
        ("one\n> *[a]: two\n> three\n> four\n", "ONE\n> *[a]: TWO\n> THREE FOUR\n"),
        ("*[one](x): two* [three]: four\n", "*[ONE](x): TWO* [THREE]: FOUR\n"),
        (
            '--8<-- "a.md"\none\n;--8<-- "b"\n\n-8<-\na.md\nb\n-8<-\n',
            '--8<-- "a.md"\nONE\n;--8<-- "b"\n\n-8<-\na.md\nb\n-8<-\n',
        ),
        ("@[a](b)\n@[c d{1}](../e)\none @[f](g) two\n", "@[a](b)\n@[c d{1}](../e)\nONE @[f](g) TWO\n"),
        (
            "![[a]]\n{!b!}\n[!inc[c](d)]\n<<< @/e{2}\n@import 'f'\none",
            "![[a]]\n{!b!}\n[!inc[c](d)]\n<<< @/e{2}\n@import 'f'\nONE",
        ),
        ("one\n\n:   two\n\n:::a\n:::\n", "ONE\n\n:   TWO\n\n:::a\n:::\n"),
        (
            "{% include a.html %}\n\n{{< toc >}}\none\n{%- endif -%}\n",
            "{% include a.html %}\n\n{{< toc >}}\nONE\n{%- endif -%}\n",
        ),
        ("one {{ a.b | c }} two {{<d>}} {% e %}\n", "ONE {{ a.b | c }} TWO {{<d>}} {% e %}\n"),
        ("one {ref}`a` two :doc:`b` :tada: {.c #d}\n", "ONE {ref}`a` TWO :doc:`b` :tada: {.c #d}\n"),
        ("# one {: .a}\n{: #b}\ntwo[^c] {/* d */} e\n", "# ONE {: .a}\n{: #b}\nTWO[^c] {/* d */} E\n"),
        (
            "one https://a.b/c_d*e*f?g=h&amp;i&copy=j, *www.k.l* (m@n.o)\n",
            "ONE https://a.b/c_d*e*f?g=h&amp;i&copy=j, *www.k.l* (m@n.o)\n",
        ),
        ("https://a.b/c\n\none\n- http://d.e\n- f@g.h two\n", "https://a.b/c\n\nONE\n- http://d.e\n- f@g.h TWO\n"),
        ("one\nhttps://a.b\ntwo\n", "ONE\nhttps://a.b\nTWO\n"),
        ("[https://a.b](https://a.b) [one](https://c.d)\n", "[https://a.b](https://a.b) [ONE](https://c.d)\n"),
        (
            '![one {{ a.b }}](c "https://d.e") [two](f "www.g.h three")\n',
            '![ONE {{ a.b }}](c "https://d.e") [TWO](f "www.g.h THREE")\n',
        ),
        ("`{{ a }}` one `https://b.c`\n", "`{{ a }}` ONE `https://b.c`\n"),
        # what stays
        ("---\ntitle: x\n---\n\none\n", "---\ntitle: x\n---\n\nONE\n"),
        ("```python\ncode\n```\n\n    indented\n\n~~~\nx\n~~~\n",) * 2,
        ("<pre>\nhtml\n</pre>\n\n<!-- x -->\n\n---\n\n12 %\n",) * 2,
        ("# one {#id}\n", "# ONE {#id}\n"),
        ("été **日本** x\n\nfin\n", "ÉTÉ **日本** X\n\nFIN\n"),  # places are characters, not bytes
    ],
)
def test_text_is_translated_and_all_else_stays(text, expected):
    assert shout(read(text)) == expected
    assert translate_document(read(text), WordTranslator()).decode() == text


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a <kbd>b</kbd>+<KBD>c</KBD> d", "A <kbd>b</kbd>+<KBD>c</KBD> D"),
        ("a <samp>*b* `c`</samp> <var>d</var>", "A <samp>*b* `c`</samp> <var>d</var>"),
        ("> a <code>b\n> https://c.d\n> e</code> f", "> A <code>b\n> https://c.d\n> e</code> F"),
        ("| <code>a</code> b |\n|---|\n", "| <code>a</code> B |\n|---|\n"),
        ("a <script>b = 'c'</script> <style>d {}</style>e", "A <script>b = 'c'</script> <style>d {}</style>E"),
        ("a <textarea placeholder='b'>c</textarea> d", "A <textarea placeholder='B'>c</textarea> D"),
        ("a <b translate='no'>b <i>c</i></b> d", "A <b translate='no'>b <i>c</i></b> D"),
        ("a <i class='x notranslate' title=b>c</i> d", "A <i class='x notranslate' title=b>c</i> D"),
        ("a <ruby>b<rp>(<rt>c<rp>)</ruby> d", "A <ruby>B<rp>(<rt>c<rp>)</ruby> D"),
        ("a <svg><title>b</title><path d='c'/></svg> d", "A <svg><title>B</title><path d='c'/></svg> D"),
        ("a <video title='b'>c <i title='d'>e</i></video> f", "A <video title='B'>c <i title='D'>e</i></video> F"),
        ("a <kbd>![b](c) [d](e 'f')</kbd> g", "A <kbd>![b](c) [d](e 'f')</kbd> G"),
        ("a <code>b", "A <code>B"),  # which does not end
        # attributes
        ("<img alt='a &amp; b' title=\"c 'd'\"> e", "<img alt='A &amp; B' title=\"C 'D'\"> E"),
        ("<a title='a' href='b'><img src=c alt=d></a>", "<a title='A' href='b'><img src=c alt=D></a>"),
        (
            "a <kbd title='b'>c</kbd> **<abbr title='d'>e</abbr>**",
            "A <kbd title='B'>c</kbd> **<abbr title='D'>E</abbr>**",
        ),
        ("a <input type=submit value='b'><input value='c'>", "A <input type=submit value='B'><input value='c'>"),
        ("a <i lang='fr' title='b'>c</i> <img lang=fr alt=d>", "A <i lang='fr' title='b'>c</i> <img lang=fr alt=d>"),
        ("a <img alt={b} />\n\n<img alt={c} />\n", "A <img alt={b} />\n\n<img alt={c} />\n"),  # of JSX
        ("a <http://b.c/title=d> e", "A <http://b.c/title=d> E"),  # which is none
        ("a <!-- b --> <?php c ?> <![CDATA[d]]> e", "A <!-- b --> <?php c ?> <![CDATA[d]]> E"),
    ],
)
def test_html_in_text_is_as_in_pages(text, expected):
    assert shout(read(text)) == expected
    assert translate_document(read(text), WordTranslator()).decode() == text


@pytest.mark.parametrize("name", sorted(INLINE_UNTRANSLATED | UNTRANSLATED))
def test_elements_that_stay_in_pages_stay_in_text(name):
    assert shout(read(f"a <{name}>b</{name}> c\n")) == f"A <{name}>b</{name}> C\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('one [two](x){target="_blank"} three\n', 'THREE [TWO](x){target="_blank"} ONE\n'),
        ('one [two](x){: .a target="_blank" rel=b} three\n', 'THREE [TWO](x){: .a target="_blank" rel=b} ONE\n'),
        ("one [two](x){ .a\nb='{c} d' e} three\n", "THREE [TWO](x){ .a\nb='{c} d' e} ONE\n"),
        ("one [two](x){download} `a`{=html} three\n", "THREE `a`{=html} [TWO](x){download} ONE\n"),
        ("one <http://x.y>{.a} three\n", "THREE <http://x.y>{.a} ONE\n"),
        ("one [two][]{.a} [x]{.b}\n\n[two]: y\n[x]: z\n", "[X][x]{.b} [TWO][two]{.a} ONE\n\n[two]: y\n[x]: z\n"),
        ("![one two](x){width=300 .a}\n", "![TWO ONE](x){width=300 .a}\n"),
        ("one ![two](x){width=30%} `a = b`{.c #d}\n", "ONE ![TWO](x){width=30%} `a = b`{.c #d}\n"),
        ("one *two*{.a}{b=c} __three__{#d}\n", "__THREE__{#d} *TWO*{.a}{b=c} ONE\n"),
        # text in brackets is translated, and nothing else of it
        ("one [two three]{.a b='c'} four\n", "FOUR [THREE TWO]{.a b='c'} ONE\n"),
        ("one [two [*three*]{.a} [four](x)]{.b}\n", "[[FOUR](x) [*THREE*]{.a} TWO]{.b} ONE\n"),
        # attributes alone in a line
        ('{.a}\none two\n{: b="c d"}\n', '{.a}\nTWO ONE\n{: b="c d"}\n'),
        ("{.a} one two\n", "{.a} TWO ONE\n"),  # or where it begins
        # and what is none
        ("one {a: b} [c] {d, e}\n", "E} {D, [C] B} {A: ONE\n"),
        ("one {{.a}} [b]{{ .c }}\n", "[B] {{.a}} ONE{{ .c }}\n"),
        ("*one* {# a #} `c`{{ d }} e{ref}`f`\n", "E {# a #} `c`{{ d }} *ONE*{ref}`f`\n"),
    ],
)
def test_attributes_stay_with_their_element(text, expected):
    assert translate_document(read(text), WordTranslator(str.upper, is_reversing=True)).decode() == expected
    assert translate_document(read(text), WordTranslator()).decode() == text


def test_underscores_before_attributes_become_asterisks_and_the_attributes_stay():
    document = read("a _b_{.c_d}\n")
    parts = ["日本", Mark(0, "open"), "語", Mark(0, "close"), "文"]
    assert document.write([Segment.join(parts)]).decode() == "日本*語*{.c_d}文\n"


@pytest.mark.parametrize(
    "statement",
    [
        "import A from '@b/C';",
        'import A, { B,\n  C as D } from "e"',
        "import * as A from 'b'\nimport 'c.css';",
        "export const a = 1",
        "export const a = {\n  b: [1, '}'],\n\n  c: `{\n\n`\n}",
        "export const a =\n  // {\n  'b'\nexport let [c] = d",
        "export const a = () => (\n  <p>\n\n  don't\n\n  </p>\n)",
        "export function a(b) {\n\n  return c\n}",
        "export class A extends B {\n\n}",
        "export default ({ a }) => <p>{a}</p>",
        "export default a;",
        "export { a, b }\nexport { c } from 'd'",
        "export * as a from 'b'",
        "export type A<B> = 'c'\n\nexport interface A {\n\n}",
    ],
)
def test_statements_of_mdx_stay(statement):
    text = f"one\n\n{statement}\n\ntwo\n"
    assert shout(read(text)) == f"ONE\n\n{statement}\n\nTWO\n"
    text = text.replace("\n", "\r\n")
    assert shout(read(text)) == text.replace("one", "ONE").replace("two", "TWO")


@pytest.mark.parametrize(
    "text",
    [
        "export the file",
        "export",
        "export default settings to a file",
        "export class dogs",
        "export {a} is b",
        "exports const a = b",
        "import one",
        "import the file 'a'",
        "import a dog from 'b'",
        "import a, b from 'c'",
    ],
)
def test_prose_about_imports_and_exports_is_translated(text):
    assert shout(read(f"{text}\n")) == f"{text.upper()}\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<b onClick={() => f('a > \"b}\"')}>one</b>\n", "<b onClick={() => f('a > \"b}\"')}>ONE</b>\n"),
        ("one <A b={['c d', \"e's\"]} /> two\n", "ONE <A b={['c d', \"e's\"]} /> TWO\n"),
        (
            "<Tabs\n  a=\"b\"\n  c={[\n    {d: 'e f'},\n\n    {g: '}'},\n  ]}>\n\none\n\n</Tabs>\n",
            "<Tabs\n  a=\"b\"\n  c={[\n    {d: 'e f'},\n\n    {g: '}'},\n  ]}>\n\nONE\n\n</Tabs>\n",
        ),
        ("<A b={<C d='e' />} title='f'>g</A>\n", "<A b={<C d='e' />} title='F'>G</A>\n"),
        (
            "<img src={f('a').b} alt='c d' title={e({f: 'g'})} />\n",
            "<img src={f('a').b} alt='C D' title={e({f: 'g'})} />\n",
        ),
        ("<A lang={b} c={`d e`}>one</A> two\n", "<A lang={b} c={`d e`}>ONE</A> TWO\n"),
        ("<A {...b} {/* c d */} e='f'>one</A>\n", "<A {...b} {/* c d */} e='f'>ONE</A>\n"),
        ("<A.B title='c'>\n\none\n\n</A.B>\n", "<A.B title='C'>\n\nONE\n\n</A.B>\n"),
        (
            "<>\n  one\n</>\n\na <>*b*</> c\n\n<p>\n<>d</>\n</p>\n",
            "<>\n  ONE\n</>\n\nA <>*B*</> C\n\n<p>\n<>D</>\n</p>\n",
        ),
        ("- <A b={c\n  }>one</A>\n> two <A b={`c`}/>\n", "- <A b={c\n  }>ONE</A>\n> TWO <A b={`c`}/>\n"),
        # of Vue
        ("<template #default='{ a }'>\n\none\n\n</template>\n", "<template #default='{ a }'>\n\nONE\n\n</template>\n"),
        ("one <b @c=\"d('e f')\" v-g:[h]='i'>two</b>\n", "ONE <b @c=\"d('e f')\" v-g:[h]='i'>TWO</b>\n"),
        # expressions
        ("one {a.b} two {a?.b.c({d: 'e'})}\n", "ONE {a.b} TWO {a?.b.c({d: 'e'})}\n"),
        ("one {/* a\nb */} two\n", "ONE {/* a\nb */} TWO\n"),
        (
            "{a.map(b => (\n  <p>\n\n  c {b}</p>\n))}\n\n| one {a.b(c|d)} |\n|---|\n",
            "{a.map(b => (\n  <p>\n\n  c {b}</p>\n))}\n\n| ONE {a.b(c|d)} |\n|---|\n",
        ),
        ("<A b={c}>\n\none {d.e} two\n\n</A>\n", "<A b={c}>\n\nONE {d.e} TWO\n\n</A>\n"),
        ("<A b={c}>\n\none {the words} two\n\n</A>\n", "<A b={c}>\n\nONE {THE WORDS} TWO\n\n</A>\n"),
        (
            "import a from 'b'\n\none {#c} {ref}`d` $e_{f}$ [g]({h}/i)\n",
            "import a from 'b'\n\nONE {#c} {ref}`d` $e_{f}$ [G]({h}/i)\n",
        ),
        # and what is none
        ("a < b, {c} <d and {e}> {{ f }}\n", "A < B, {C} <D AND {E}> {{ f }}\n"),
        (
            "`<a b={` one `}>` {c}\n\n```\n<a b={\n```\n\ntwo }>\n",
            "`<a b={` ONE `}>` {C}\n\n```\n<a b={\n```\n\nTWO }>\n",
        ),
        ("```\nimport a from 'b'\n```\n\none {c}\n", "```\nimport a from 'b'\n```\n\nONE {C}\n"),
    ],
)
def test_tags_and_expressions_of_jsx_stay(text, expected):
    assert shout(read(text)) == expected
    assert translate_document(read(text), WordTranslator()).decode() == text


def test_braces_are_expressions_in_files_of_mdx():
    text = "one {a} {'b c'} {<b>d</b>} {!e} `{` \\{f.g\\}\n"
    assert shout(read(text, "a.MDX")) == text.replace("one", "ONE").replace("f.g", "F.G")


@pytest.mark.parametrize(
    "part",
    [
        "<a b={",
        '<a b="',
        "<a b={`",
        "{a.b(",
        "{/*",
        "{'",
        "{`",
        "\\(",
        "\\[ ",
        "\\[\n",
        "\\begin{a}",
        "<!--",
        "~~~",
        "~~~\n",
        "``` ",
    ],
)
def test_markup_that_does_not_end_takes_no_time(part):
    text = part * 10_000
    begin = time.process_time()
    assert len(mask_markup(text, "a.mdx")) == len(text)
    assert time.process_time() - begin < 2  # by the square of its length it were minutes


def test_statements_in_code_do_not_hide_what_follows():
    text = (
        "```js\nexport const a = {\n\n  ...\n```\n\none\n\nexport const b = (\n\ntwo\n\nexport const c = 1\n\nthree\n"
    )
    assert shout(read(text)) == text.replace("one", "ONE").replace("two", "TWO").replace("three", "THREE")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # of Pandoc and LaTeX
        ("one [@a20] @b99 [p. 3] two [-@c_d:e, pp. 3; @f]\n", "ONE [@a20] @b99 [p. 3] TWO [-@c_d:e, pp. 3; @f]\n"),
        ("[see @a, one] (@b) 'c'\n", "[SEE @a, ONE] (@b) 'C'\n"),
        ("\\newpage\n\none \\ref{a:b} \\textbf{c}[d] two\n", "\\newpage\n\nONE \\ref{a:b} \\textbf{c}[d] TWO\n"),
        (
            "one \\(a + b\\) two \\(x\\) \\\\(a_b\\\\) \\[x^2\\] three\n",
            "ONE \\(a + b\\) TWO \\(x\\) \\\\(a_b\\\\) \\[x^2\\] THREE\n",
        ),
        ("\\[\na = b\n\\]\n\none\n", "\\[\na = b\n\\]\n\nONE\n"),
        ("\\begin{align*}\nb\n\n- c\n\\end{align*}\n\none\n", "\\begin{align*}\nb\n\n- c\n\\end{align*}\n\nONE\n"),
        ("one\n\n\\[\na = b\nc + d\n\\]\n\ntwo\n", "ONE\n\n\\[\na = b\nc + d\n\\]\n\nTWO\n"),
        # text in escaped brackets is none
        ("- \\[ ] one\n- a < b\n- \\[x\\] c\n", "- \\[ ] ONE\n- A < B\n- \\[X\\] C\n"),
        ("one \\( a < b.\n## two\nc \\) d\n", "ONE ( A < B.\n## TWO\nC ) D\n"),
        ("see \\[[one](http://a.b/?x=1)\\] two\n", "SEE \\[[ONE](http://a.b/?x=1)\\] TWO\n"),
        ("one \\(the words two + three\\) four\n", "ONE (THE WORDS TWO + THREE) FOUR\n"),
        ("\\begin{quote} one \\end{quote}\n", "\\begin{quote} ONE \\end{quote}\n"),
        ("one C:\\Users\\me two\n", "ONE C:\\Users\\me TWO\n"),
        # of Obsidian
        ("one [[A b|c d]] [[e]] two\n\n[[f]]\n", "ONE [[A b|c d]] [[e]] TWO\n\n[[f]]\n"),
        ("one %%a *b*%% two\n\n%%\nc\n%%\n", "ONE %%a *b*%% TWO\n\n%%\nc\n%%\n"),
        ("one ^a-b\n\n- two ^c\n- three\n", "ONE ^a-b\n\n- TWO ^c\n- THREE\n"),
        # and what is none
        ("a@b.c, @d/e a @ b -@ @5 [@f](g)\n", "a@b.c, @d/e A @ B -@ @5 [@f](g)\n"),
        ("a % b 100%% of c 50%% ^ d\n", "A % B 100%% OF C 50%% ^ D\n"),
        ("[[a]](b) [c [d]]\n", "[[A]](b) [C [D]]\n"),
        ("\\[a\\](b) \\[c\\] \\(dd ee\\)\n", "\\[A\\](B) \\[C\\] (DD EE)\n"),
    ],
)
def test_syntax_of_pandoc_latex_and_obsidian_stays(text, expected):
    assert shout(read(text)) == expected
    assert translate_document(read(text), WordTranslator()).decode() == text


@pytest.mark.parametrize(
    "part",
    ["[@a ", "%%a", "%%\n", "[[a", "\\ab{", "@a:", "]{.a}", "[a", "{a='", "{a=b\n", "{a=b c ", "{: ", "{ ", "[a]{.b} "],
)
def test_syntax_that_does_not_end_takes_no_time(part):
    text = part * 5_000
    begin = time.process_time()
    assert translate_document(read(text), WordTranslator(str.upper)).decode().count("{") == text.count("{")
    assert time.process_time() - begin < 5  # by the square of its length it were minutes


def test_titles_are_escaped_as_their_quotation_marks_need():
    document = read("[a](b 'c d') ![e](f (g))\n")
    written = document.write([Segment("x'y*"), Segment("e"), Segment("(z)"), document.units[-1].segment])
    assert written.decode() == "[a](b 'x\\'y\\*') ![e](f (\\(z\\)))\n"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("<div translate=no>\n\na ![b](c 'd')\n\n<p title='e'>f</p>\n\n</div>\n\ng\n", "g"),
        ("<div class=notranslate>\n\n<div>\n\na\n\n</div>\n\n# b\n\n</div>c\n\n- d\n", "c d"),
        ("a\n\n<div lang=fr>\n\nb\n\n</div>\n\nc\n", "a c"),
        ("<div translate=no>\n\n<section>\n\na\n\n</section>\n\n</div>\n\nb\n", "b"),
        # what does not end in a block, or is no division, or has what is translated
        ("a\n\n<div translate=no>\n\nb\n", "a b"),
        ("<div translate=no>\n\na</div>\n\nb\n", "a b"),
        ("- <div translate=no>x\n- a\n\nb\n", "a b"),
        ("<details>\n<pre>\nx\n\na\n</pre>\n</details>\n\nb\n", "a b"),
        ("<table><tr><td><code>x<code></td><td>a</td></tr></table>\n\nb\n", "a b"),
        ("<p translate=no>x\n\na\n", "a"),
        ("<span lang=fr>\n\na\n</span>\n\nb\n", "a b"),
        ("<div translate=no>\n\na\n\n<p translate=yes>b</p>\n\n</div>\n\nc\n", "a b c"),
        # in one block it is as in pages
        ("<div translate=no><p>a</p><p translate=yes>b</p></div>\n\nc\n", "b c"),
        ("<div>\n\na\n\n</div>\n\nb\n\n</div>\n\nc\n", "a b c"),
    ],
)
def test_text_between_blocks_of_html_stays_where_their_element_does(text, expected):
    document, translator = read(text), WordTranslator()
    assert translate_document(document, translator).decode() == text
    assert sorted(translator.lines) == expected.split()


def test_an_html_block_that_does_not_end_is_noted():
    document = read("a\n\n<!-- b\n\nc\n")
    assert shout(document) == "A\n\n<!-- b\n\nc\n"
    assert document.notes == [
        'a.md, line 3: "<!--" does not end, so that browsers hide what follows: it stays as it is'
    ]


def test_tags_move_with_their_words():
    text = "one **two** [three](x)\n"
    assert translate_document(read(text), WordTranslator(is_reversing=True)).decode() == "[three](x) **two** one\n"


@pytest.mark.parametrize(
    ("text", "translation", "written"),
    [
        ("one", "a*b_c [d] <e> `f` \\", "a\\*b\\_c \\[d\\] \\<e> \\`f\\` \\\\"),
        ("snake_case one", "two snake_case", "two snake_case"),
        ("one", "# two", "\\# two"),
        ("one", "1. two", "1\\. two"),
        ("> one", "- two", "> \\- two"),
        ("- one", "+ two", "- \\+ two"),
        ("a - b", "c - d", "c - d"),
    ],
)
def test_what_would_be_markup_is_escaped(text, translation, written):
    document = read(f"{text}\n")
    assert document.write([Segment(translation)]).decode() == f"{written}\n"
    again = read(f"{written}\n")
    assert [unit.segment.text for unit in again.units] == [translation]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a \\*b\\* and 2 * 3", "A \\*B\\* AND 2 \\* 3"),
        ("a \\<b\\> and 3 < 4", "A \\<B\\> AND 3 \\< 4"),
        ("\\[a\\](b) [c]", "\\[A\\](B) \\[C\\]"),
        ("\\_a\\_ b_c", "\\_A\\_ B\\_C"),
        ("\\{a\\} \\$b\\$ c\\|d", "\\{A\\} \\$B\\$ C\\|D"),
        ("\\&lt; \\!\\[a](b) \\#c", "\\&LT; \\!\\[A](B) \\#C"),
        ("**\\$a b** [\\_c\\_ d](e)", "**\\$A B** [\\_C\\_ D](e)"),
        # and nothing needlessly
        ("it\\'s 1\\. a\\, b", "IT'S 1. A, B"),
        ("a {b} $5 c_d *e* & f", "A {B} $5 C_D *E* & F"),
        ("a\\b \\d:e", "A\\B \\D:E"),
    ],
)
def test_what_was_escaped_is_escaped_again(text, expected):
    assert shout(read(f"{text}\n")) == f"{expected}\n"


def test_a_backslash_does_not_escape_what_follows():
    document = read("a \\b c\n")
    assert document.write([Segment("x\\y \\* z\\")]).decode() == "x\\y \\\\\\* z\\\\\n"


def test_underscores_inside_a_word_become_asterisks():
    document = read("a _b_ c __d__\n")
    parts = ["日本", Mark(0, "open"), "語", Mark(0, "close"), "文 ", Mark(1, "open"), "x", Mark(1, "close")]
    assert document.write([Segment.join(parts)]).decode() == "日本*語*文 __x__\n"


def test_elements_that_would_become_one_are_kept_apart():
    document = read("a `b` c `d` e **f** g **h**\n")
    marks = [mark for _, mark in document.units[0].segment.marks]
    written = document.write([Segment.join(["x", *marks[:2], marks[2], "y", *marks[3:5], "z", marks[5]])]).decode()
    assert written == "x`b` `d`**y** **z**\n"


def test_what_is_wrong_is_told(monkeypatch):
    with pytest.raises(DataError, match=r"a.md is not UTF-8: line 1, byte "):
        markdown.MarkdownDocument(b"\xff", "a.md", SPACED)
    monkeypatch.setattr(markdown, "pyromark", None)
    with pytest.raises(UsageError) as caught:
        read("")
    assert str(caught.value) == 'a.md can be read with the extra documents: pip install "nmt[documents]"'


def test_nothing_in_nothing_out():
    assert read("").write([]) == b""
    assert list(read("\ufeffone\n").units[0].segment.text) == list("one")
