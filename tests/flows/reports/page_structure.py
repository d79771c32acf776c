"""What an HTML page is made of, as a parser sees it."""

import unicodedata
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

VOID = {"meta", "br", "link", "img", "input", "hr", "base", "wbr"}


class Structure(HTMLParser):
    """Collects elements, attributes and text, and checks that every element is closed in turn."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str]]] = []
        self.texts: list[tuple[str, str]] = []
        self.problems: list[str] = []
        self._open: list[str] = []
        self.feed(page)
        self.close()
        self.problems += [f"{tag} is never closed" for tag in self._open]

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, {name: value or "" for name, value in attrs}))

    def handle_endtag(self, tag):
        if not self._open or self._open.pop() != tag:
            self.problems.append(f"</{tag}> at {self.getpos()} closes nothing")

    def handle_data(self, data):
        self.texts.append((self._open[-1] if self._open else "", data))

    def tags(self) -> list[str]:
        return [tag for tag, _ in self.elements]

    def text(self) -> str:
        return "".join(data for tag, data in self.texts if tag not in {"style", "script"})


def hidden_characters(text: str) -> list[str]:
    """Find characters that a reader could not see, or that reorder what is read."""
    return [
        character
        for character in text
        if unicodedata.category(character) in {"Cc", "Cf", "Zl", "Zp"} and character not in "\n\t"
    ]


def parsed_svg(markup: str | bytes) -> ET.Element:
    """Parse a figure that was drawn here."""
    return ET.fromstring(markup)  # noqa: S314
