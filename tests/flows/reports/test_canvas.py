import base64

from flows.reports.canvas import Canvas
from tests.flows.reports.page_structure import parsed_svg


def drawing():
    canvas = Canvas(200, 100)
    canvas.rectangle(10, 10, 50, 20, "hue-1")
    canvas.dot(20, 50, 4, "accent", hollow=True)
    canvas.line([(0, 0), (100, 30)], "limit", dashed=True)
    canvas.text(5, 90, "$x$ <b>&amp; 诗", bold=True)
    return canvas


def test_equal_drawings_give_equal_bytes():
    assert drawing().as_picture("a") == drawing().as_picture("a")
    assert drawing().on_page("a", "figure", {}) == drawing().on_page("a", "figure", {})


def test_a_figure_on_a_page_has_neither_inline_styles_nor_ids_nor_fixed_colours():
    styles = {}
    markup = drawing().on_page("What it shows", "figure", styles)
    root = parsed_svg(markup)
    for element in root.iter():
        assert set(element.keys()) <= {"class", "d", "x", "y", "viewBox", "role", "aria-label"}
        assert "#" not in "".join(element.attrib.values())
    assert root.get("aria-label") == "What it shows"
    assert "var(--hue-1)" in "".join(styles.values())


def test_text_is_text_and_escaped():
    assert "$x$ &lt;b&gt;&amp;amp; 诗</text>" in drawing().on_page("a", "figure", {})


def test_a_picture_stands_by_itself():
    kind, encoded = drawing().as_picture("Title & more").split(",")
    assert kind == "data:image/svg+xml;base64"
    root = parsed_svg(base64.b64decode(encoded))
    assert root.get("width") == "232"
    assert root[0].text == "Title & more"
    assert "var(" not in base64.b64decode(encoded).decode()
