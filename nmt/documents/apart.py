"""Inline elements beside each other without a blank: whether they hold separate words, or parts of one word."""

import re

from nmt.text.words import UNSPACED

LISTED = frozenset(("a", "label", "Link"))  # names of elements that may have a text of their own
STANDING_ALONE = re.compile(  # labels of elements that hold no part of a word
    "link|<(?:a|label|link|ulink|xref|gui(?:button|icon|label|menu|menuitem|submenu)|key(?:cap|combo)|menucascade|"
    "menuchoice|shortcut|uicontrol|wintitle)>"
)
BLOCKS = re.compile("<(?:p|div|h[1-6]|li|[uod]l|d[td]|blockquote|table|t[rdh]|caption|pre)>")  # in strings of programs
CLAUSE_ENDS = frozenset(",;:!?…)")


def is_apart(before: str, after: str, closing: str, opening: str, *, is_same: bool) -> bool:
    """Whether the text of an element and that of the next one, which touch, are separate words.

    `closing` and `opening` are the labels of the elements; `is_same` is whether they have the same class, as each of
    several labels or keywords has. Others may hold parts of a word, as in `<b>Mc</b><i>Donald</i>`: they are apart
    only if the first ends a clause.
    """
    last, first = before[-1], after[0]
    if last.isspace() or not first.isalnum() or UNSPACED.match(last) or UNSPACED.match(first):
        return False
    if STANDING_ALONE.fullmatch(closing) and STANDING_ALONE.fullmatch(opening):
        return True
    if BLOCKS.fullmatch(closing) or BLOCKS.fullmatch(opening):
        return False
    if last in CLAUSE_ENDS or (last == "." and first.isupper() and before[-4:-1].isalpha() and len(before) > 3):
        return first.isalpha() and any(map(str.isalpha, before))
    return is_same and last.isalnum() and len(before) > 1 and len(after) > 1
