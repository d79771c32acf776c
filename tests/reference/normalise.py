"""Normalising a text slowly and obviously: the twin of `pipeline.clean.normalise`."""

import unicodedata

from pipeline.clean.normalise.texts import INVISIBLE, LINE_ENDS
from pipeline.clean.recipe import Normalise
from pipeline.text.unicode_tables import SPACE
from tests.reference.words import class_of


def normalised(text: str, options: Normalise) -> str:
    text = with_lines_trimmed(characters_replaced(text, options), options)
    if options.unicode_form is None:
        return text
    text = unicodedata.normalize(options.unicode_form, text)
    return with_lines_trimmed(characters_replaced(text, options), options)


def characters_replaced(text: str, options: Normalise) -> str:
    if options.line_ends:
        text = text.replace("\r\n", "\n")
        text = "".join("\n" if c in LINE_ENDS else c for c in text)
    if options.control_characters:
        text = "".join(c for c in text if unicodedata.category(c) != "Cc" or c in "\t\n\r")
    if options.invisible_characters:
        text = "".join(c for c in text if c not in INVISIBLE)
    return text


def with_lines_trimmed(text: str, options: Normalise) -> str:
    blanks = "".join({c for c in text if class_of(c) == SPACE})
    if options.max_blank_lines is None and not options.trailing_blanks:
        return text
    *lines, last = text.split("\n")
    if options.trailing_blanks:
        lines, last = [line.rstrip(blanks) for line in lines], last.rstrip(blanks)
    kept: list[str] = []
    blank_lines = 0
    for line in lines:
        blank_lines = 0 if line.strip(blanks) else blank_lines + 1
        if options.max_blank_lines is None or blank_lines <= options.max_blank_lines:
            kept.append(line)
    text = "\n".join([*kept, last])
    return text.strip("\n") if options.trailing_blanks else text
