"""Inline elements beside each other without a blank: whether they hold separate words, or parts of one word."""

import re

from nmt.text.words import UNSPACED

LISTED = frozenset(("a", "label", "Link"))  # names of elements that may have a text of their own
STANDING_ALONE = re.compile(  # labels of elements that hold no part of a word
    "link|<(?:a|label|link|ulink|xref|gui(?:button|icon|label|menu|menuitem|submenu)|key(?:cap|combo)|menucascade|"
    "menuchoice|shortcut|uicontrol|wintitle)>"
)
CLAUSE_ENDS = frozenset(",;:!?…)")


def is_apart(before: str, after: str, closing: str, opening: str, *, is_same: bool) -> bool:
    """Whether the text of an element and that of the next one, which touch, are separate words.

    `closing` and `opening` are the labels of the elements; `is_same` is whether they are written in the same way, as
    each of several labels or keywords is. Of others, what is a part of a word cannot be told for sure, as in
    `<b>un</b><i>able</i>`: they are apart if the second begins with a capital, or the first ends a clause.
    """
    last, first = before[-1], after[0]
    if last.isspace() or not first.isalnum() or UNSPACED.match(last) or UNSPACED.match(first):
        return False
    if STANDING_ALONE.fullmatch(closing) and STANDING_ALONE.fullmatch(opening):
        return True
    if last in CLAUSE_ENDS or (last == "." and first.isupper()):
        return first.isalpha() and any(map(str.isalpha, before))
    is_capital = last.islower() and first.isupper()
    return last.isalnum() and len(before) > 1 and len(after) > 1 and (is_same or is_capital)
