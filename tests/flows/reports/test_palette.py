import pytest

from flows.reports.palette import DARK, LIGHT, css_variables, hue, variable_of


def luminance(colour):
    """Relative luminance (WCAG 2.2)."""
    parts = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one, other):
    high, low = sorted((luminance(one), luminance(other)), reverse=True)
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
@pytest.mark.parametrize("paper", ["paper", "panel"])
@pytest.mark.parametrize("text", ["ink", "soft", "accent", "limit", "good"])
def test_every_colour_of_text_can_be_read(colours, paper, text):
    assert contrast(colours[text], colours[paper]) >= 4.5


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_text_on_the_wash_of_a_difference_can_be_read(colours):
    assert contrast(colours["ink"], colours["wash"]) >= 4.5


@pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
def test_what_a_figure_says_in_colour_stands_out_from_the_paper(colours):
    for name in ["accent", "faint", *(hue(number) for number in range(8))]:
        assert contrast(colours[name], colours["paper"]) >= 2.5, name


def test_each_light_colour_leads_back_to_its_name():
    assert LIGHT.keys() == DARK.keys()
    assert {variable_of(colour) for colour in LIGHT.values()} == {f"var(--{n})" for n in LIGHT}


def test_both_sets_are_on_the_page_and_print_is_light():
    css = css_variables()
    assert css.count(f"--ink:{LIGHT['ink']}") == 2
    assert css.count(f"--ink:{DARK['ink']}") == 1
