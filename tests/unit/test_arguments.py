import re

import numpy as np
import pytest

from nmt.arguments import check_count, check_flag, check_string, check_text, read_names, read_several, read_texts
from nmt.errors import DataError, UsageError


@pytest.mark.parametrize("value", [1, 7, np.int64(3)])
def test_a_count_is_a_whole_number(value):
    check_count("processes", value)


@pytest.mark.parametrize(
    ("value", "bounds", "message"),
    [
        *(
            (value, (), f"processes={value!r} must be a whole number of at least 1")
            for value in (0, -1, 1.0, True, "2")
        ),
        (None, (0,), "processes must be a whole number of at least 0"),
        (10**9, (1, 10_000), "processes=1000000000 must be a whole number from 1 to 10,000"),
        (0, (1, 10_000), "processes=0 must be a whole number from 1 to 10,000"),
    ],
)
def test_what_is_no_count_is_refused(value, bounds, message):
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        check_count("processes", value, *bounds)


def test_flags_and_strings_have_no_other_type():
    check_flag("lowercase", False)
    check_string("device", "cpu")
    with pytest.raises(UsageError, match=r"^lowercase='yes' must be True or False$"):
        check_flag("lowercase", "yes")
    with pytest.raises(UsageError, match=r"^device is NoneType, not a string: 'None'$"):
        check_string("device", None)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "source 2 is NoneType, not a string: 'None'"),
        (b"a", "source 2 is bytes, not a string: \"b'a'\""),
        ("a\ud800", "source 2 has half a character (a lone surrogate) at position 2\n  The text was split or decoded"),
    ],
)
def test_what_is_no_text_is_refused_by_its_place(text, message):
    with pytest.raises(DataError, match=f"^{re.escape(message)}"):
        check_text("source 2", text)
    with pytest.raises(DataError, match=f"^{re.escape(message)}"):
        read_texts("source", (one for one in ("a", text)))


@pytest.mark.parametrize("values", [["a", "b"], ("a", "b"), {"a": 1, "b": 2}, map(str, "ab"), iter("ab")])
def test_several_may_be_any_iterable(values):
    assert read_texts("source", values) == ["a", "b"]


@pytest.mark.parametrize("read", [read_several, read_texts, read_names])
def test_one_value_for_several_is_refused(read):
    for value, kind in (("ab", "string"), (b"ab", "bytes object")):
        message = f"^banned is one {kind}, and must be several\n  For a single one write: banned=\\[...\\]$"
        with pytest.raises(DataError, match=message):
            read("banned", value)
    for value in (None, 3):
        with pytest.raises(
            DataError, match=rf"^banned is {type(value).__name__}, and must be several, such as a list$"
        ):
            read("banned", value)


def test_names_are_strings():
    with pytest.raises(UsageError, match=r"^one of metrics is int, not a string: '3'$"):
        read_names("metrics", ["bleu", 3])
