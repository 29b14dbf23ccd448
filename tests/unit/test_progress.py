"""How figures are written where a person reads them."""

import pytest

from nmt.progress import format_figure


@pytest.mark.parametrize(
    ("value", "text"),
    [(90.0, "90.00"), (12345.678, "12,345.68"), (2.5e6, "2.5e+06"), (1.01e304, "1.0e+304"), (float("inf"), "inf")],
)
def test_a_figure_is_short(value, text):
    assert format_figure(value) == text
