"""Numbers as a reader wants them: grouped, rounded to what matters, with their unit."""

from datetime import datetime

from data_contracts.reasons import Reason

NO_VALUE = "–"
"""Stands where there is nothing to show."""


def count(number: float) -> str:
    """Write a whole number with its thousands grouped: `44,120`."""
    return f"{round(number):,}"


def counted(number: float, noun: str) -> str:
    """Write a count with its noun, in the plural where there is not exactly one: `3 records`."""
    return f"{count(number)} {noun}{'' if number == 1 else 's'}"


def percent(part: float, whole: float) -> str:
    """Write a share: `12.3%`, `0.02%`; under 0.01% as `<0.01%`, never rounded to nothing or all."""
    if not whole:
        return NO_VALUE
    share = 100 * part / whole
    if not share:
        return "0%"
    if share < 0.01:
        return "<0.01%"
    if 99.95 <= share < 100:
        return ">99.9%"
    return f"{share:.2f}%" if share < 0.995 else f"{share:.1f}%"


def quantity(value: float | None) -> str:
    """Write a measured value in at most four significant digits: `0.8125`, `1,204`, `3.1`."""
    if value is None:
        return NO_VALUE
    if value == round(value) and abs(value) < 1e15:
        return f"{round(value):,}"
    if abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.4g}"


def megabytes(size: float) -> str:
    """Write bytes in decimal units: `812 kB`, `12.4 MB`, `1.2 GB`."""
    for unit, scale in (("TB", 1e12), ("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size >= scale:
            scaled = size / scale
            return f"{scaled:,.1f} {unit}" if scaled < 100 else f"{scaled:,.0f} {unit}"
    return f"{size:,.0f} B"


def duration(seconds: float) -> str:
    """Write a time span: `0.4 s`, `12 s`, `3 min 20 s`, `2 h 05 min`."""
    if seconds < 10:
        return f"{seconds:.1f} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def short_count(number: float) -> str:
    """Write a number in a few characters: `44.1 k`, `1.3 M`."""
    for unit, scale in (("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if number >= scale:
            scaled = number / scale
            digits = f"{scaled:.1f}".removesuffix(".0") if scaled < 100 else f"{scaled:.0f}"
            return f"{digits} {unit}"
    return quantity(number)


def rate(megabytes_per_second: float) -> str:
    """Write a speed in MB/s with one decimal while that tells something."""
    return f"{megabytes_per_second:,.{1 if megabytes_per_second < 100 else 0}f}"


def moment(when: datetime) -> str:
    """Write a time with its zone, to the minute."""
    return when.strftime("%Y-%m-%d %H:%M %z").strip()


def words(name: str) -> str:
    """Write an identifier as words: `too_few_words` as `too few words`."""
    return name.replace("_", " ")


def reason_words(reason: Reason | str) -> str:
    """Write a reason as words, first letter upper case."""
    return words(str(reason)).capitalize()
