"""The colours of every page and figure, once for light and once for dark paper.

A figure is drawn in the light colours. On a page each of them is replaced by the CSS variable of
its name, which the page defines for both; so no two names may share a light colour.
"""

from typing import Final

LIGHT: Final[dict[str, str]] = {
    "paper": "#fbfaf7",
    "panel": "#f3f1ea",
    "ink": "#1d1b18",
    "soft": "#5c5850",
    "faint": "#8d887d",
    "line": "#dedad0",
    "accent": "#1f5f78",
    "wash": "#dbe7ea",
    "limit": "#b0442e",
    "good": "#2f6b47",
    "lost-1": "#cbc5b8",
    "lost-2": "#d9d4c9",
    "lost-3": "#e6e2d9",
    "hue-1": "#24647f",
    "hue-2": "#c9892f",
    "hue-3": "#5d8f63",
    "hue-4": "#8f5a86",
    "hue-5": "#b95d48",
    "hue-6": "#6c7fb4",
    "hue-7": "#857748",
    "hue-8": "#4c9c97",
}
"""Hex colours by name, on light paper."""

DARK: Final[dict[str, str]] = {
    "paper": "#161513",
    "panel": "#1f1e1b",
    "ink": "#efece4",
    "soft": "#b3aea2",
    "faint": "#827d72",
    "line": "#35332e",
    "accent": "#7fb8cd",
    "wash": "#1e3139",
    "limit": "#ec8d76",
    "good": "#8cc79f",
    "lost-1": "#57534a",
    "lost-2": "#46433c",
    "lost-3": "#373530",
    "hue-1": "#62a9c6",
    "hue-2": "#dfa957",
    "hue-3": "#88bb8d",
    "hue-4": "#c08cb6",
    "hue-5": "#dd8a75",
    "hue-6": "#97a7dc",
    "hue-7": "#b5a672",
    "hue-8": "#72c4be",
}
"""The same names on dark paper."""

HUES: Final = 8
"""Sources that get a colour of their own; the rest share `faint`."""

_NAMES: Final = {colour: name for name, colour in LIGHT.items()}


def hue(number: int) -> str:
    """Name the colour of the source of this number, counted from 0."""
    return f"hue-{number + 1}" if number < HUES else "faint"


def variable_of(colour: str) -> str:
    """Give the CSS variable that stands for a light colour."""
    return f"var(--{_NAMES[colour.lower()]})"


def css_variables() -> str:
    """Write both sets as CSS custom properties."""
    light, dark = (
        "".join(f"--{name}:{colour};" for name, colour in colours.items())
        for colours in (LIGHT, DARK)
    )
    return (
        f":root{{color-scheme:light dark;{light}}}\n"
        f"@media (prefers-color-scheme:dark){{:root{{{dark}}}}}\n"
        # Paper is white: a printout never takes the dark colours.
        f"@media print{{:root{{color-scheme:light;{light}}}}}\n"
    )
