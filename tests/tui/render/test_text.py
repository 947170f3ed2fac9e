"""Lines fit where they are put."""

import pytest
from rich.cells import cell_len

from tui.render.text import Span, between, fit, fit_line, fit_middle, plain, plural, width


@pytest.mark.parametrize("cells", [1, 2, 5, 11, 12, 40], ids=str)
def test_fitted_text_takes_exactly_its_cells(cells: int) -> None:
    """Whatever the text, the column stays a column; wide characters count twice."""
    assert cell_len(fit("hello 世界", cells)) == cells


def test_the_end_of_a_name_survives_the_cut() -> None:
    """Pods of one set differ in their last letters: those are kept."""
    cut = fit_middle("web-7d8f9c6b5d-x2k9p", 12)

    assert cut.endswith("x2k9p")
    assert cell_len(cut) == 12


def test_the_right_side_wins() -> None:
    """When both ends do not fit, the left one gives way."""
    line = between([Span("a long left side")], [Span("right")], 12)

    assert width(line) == 12
    assert plain(line).endswith("right")


def test_a_short_line_is_filled_up() -> None:
    """Nothing of what was there before shines through."""
    assert plain(fit_line([Span("ab")], 4)) == "ab  "


def test_one_is_not_many() -> None:
    """Counts are said as people say them."""
    assert (plural(1, "pod"), plural(2, "pod")) == ("1 pod", "2 pods")
