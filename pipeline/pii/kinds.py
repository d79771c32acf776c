"""What is personal data: for each kind an expression for its form, and a check that it is one.

Expressions work on UTF-8 bytes, so that a letter outside ASCII is no part of an ASCII word: an
address that touches Chinese text is found. Sources: RFC 5321 (e-mail), RFC 4291 (IPv6), ISO/IEC
7812-1 (cards, Luhn), ISO 13616 (IBAN, mod 97), SSA POMS RM 10201 (US SSN), GB 11643-1999 (Chinese
resident id), E.164 and national plans (phone), the issuers' documentation (keys).
"""

import ipaddress
import re
from collections.abc import Callable
from datetime import date
from typing import Final

from pipeline.pii.columns import (
    API_KEY,
    CARD,
    EMAIL,
    IBAN,
    IP,
    PHONE,
    PRIVATE_KEY,
    RESIDENT_ID,
    SSN,
)

Span = tuple[int, int]
"""First byte, and the one behind the last."""

KEY_PREFIXES: Final = (
    b"sk-", b"sk_live_", b"sk_test_", b"rk_live_", b"ghp_", b"gho_", b"ghu_", b"ghs_", b"ghr_",
    b"github_pat_", b"glpat-", b"AKIA", b"ASIA", b"AI", b"xoxa-", b"xoxb-", b"xoxp-", b"xoxr-",
    b"xoxs-", b"hf_", b"npm_", b"pypi-", b"SG.", b"eyJ",
)  # fmt: skip
"""What API keys begin with, each up to a mark or a capital letter, where the kernel looks back."""
ARMOUR: Final = b"-----BEGIN "

_SMALL_OCTET: Final = 64
"""Four numbers all below this are taken for a section or a version: one address of 256 is."""

LONGEST_LOCAL: Final = 64
"""Bytes before the `@` (RFC 5321, 4.5.3.1.1)."""

_LOCAL: Final = re.compile(rb"[A-Za-z0-9](?:[A-Za-z0-9._%+\-]*[A-Za-z0-9_])?\Z")
_DOMAIN: Final = re.compile(
    rb"(?:[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?\.){1,8}[A-Za-z]{2,24}\b"
)
_FILES: Final = frozenset(
    b"png jpg jpeg gif svg webp css js html py json service timer socket target mount".split()
)
_IPV4: Final = re.compile(rb"\d{1,3}(?:\.\d{1,3}){3}(?![\w.-]*\d|\.\w|/\d)")
_IPV6: Final = re.compile(
    rb"[0-9A-Fa-f:]{2,39}(?:(?<=:)\d{1,3}(?:\.\d{1,3}){3})?(?![\w:]|/[0-9A-Fa-f])"
)
_GLOBAL_IPV6: Final = re.compile(
    rb"[23][0-9A-Fa-f]{3}:(?:.*[0-9A-Fa-f]:+[0-9A-Fa-f]|:?[0-9A-Fa-f]+:)"
)
"""An address of the Internet (2000::/3) with three groups at least: `2004::` is none."""
_VERSION: Final = re.compile(
    rb"(?:\bv|version|release|rev|section|chapter|\xa7|\xe7\x89\x88\xe6\x9c\xac)[\s.:]*\Z",
    re.IGNORECASE,
)
_CARD: Final = re.compile(
    rb"(?:\d{13,19}|\d{4}([ -])(?:\d{4}\1\d{4}\1\d{4}(?:\1\d{3})?|\d{6}\1\d{4,5}))(?![\w-])"
)
_CARDS: Final = re.compile(
    rb"4(?:.{12}|.{15}|.{18})|5[1-5].{14}|2(?:22[1-9]|2[3-9].|[3-6]..|7[01].|720).{12}|3[47].{13}"
    rb"|6(?:011|5..|4[4-9].).{12}|35.{14}|3[068].{12}|62.{14,17}"
)
"""Issuers' first digits and lengths."""
_IBAN: Final = re.compile(rb"[A-Z]{2}\d{2}(?: ?[A-Z0-9]{4}){2,7}(?: ?[A-Z0-9]{1,3})?(?!\w)")
_SSN: Final = re.compile(rb"(?!000|666|9)\d{3}-(?!00)\d\d-(?!0000)\d{4}(?![\w-])")
_RESIDENT_ID: Final = re.compile(rb"\d{6}(\d{4})(\d\d)(\d\d)\d{3}[\dXx](?!\w)")
_PHONE: Final = re.compile(
    rb"(?<!\w)\+(?!\d+\.\d{4})[1-9](?:[ .-]?\(?\d\)?){6,14}(?![\w-])"
    rb"|(?:\([2-9]\d\d\) ?|[2-9]\d\d(?=([.-])\d{3}\1)[.-])[2-9]\d\d[ .-]\d{4}(?![\w-]|\.\d)"
    rb"|1(?:3\d|4[5-9]|5[0-35-9]|6[2567]|7[0-8]|8\d|9[0-35-9])(?:\d{8}|([ -])\d{4}\2\d{4})(?![\w-])"
    rb"|0(?:10|2\d|[3-9]\d\d)-[2-8]\d{6,7}(?![\w-])"
)
_NUMBERED: Final = re.compile(
    rb"(?:order|invoice|tracking|ticket|serial|isbn|issn|ref|no|nr|id|sku|part|case|#"
    rb"|\xe8\xae\xa2\xe5\x8d\x95\xe5\x8f\xb7?|\xe5\x8d\x95\xe5\x8f\xb7|\xe7\xbc\x96\xe5\x8f\xb7|\xe5\xba\x8f\xe5\x88\x97\xe5\x8f\xb7)"
    rb"(?: ?(?:number|no|id))?[\s.:#\xef\xbc\x9a]*\Z",
    re.IGNORECASE,
)
"""Words that say that a number is that of a thing (the Chinese ones: order, number, serial)."""
# What may fail is bounded: else a text of nothing but beginnings would be searched to its end from each.
_API_KEY: Final = re.compile(
    rb"(?:sk-(?:proj-|ant-\w+-)?(?=\w*\d)[\w-]{20,}|[sr]k_(?:live|test)_[A-Za-z0-9]{16,}"
    rb"|gh[pousr]_[A-Za-z0-9]{36,}|github_pat_\w{22,}|glpat-[\w-]{20,}|A[KS]IA[A-Z0-9]{16}"
    rb"|AIza[\w-]{35}|xox[abprs]-(?=[\w-]{0,99}\d)[A-Za-z0-9-]{10,}|hf_[A-Za-z0-9]{30,}"
    rb"|npm_[A-Za-z0-9]{36}|pypi-[\w-]{50,}|SG\.[\w-]{22}\.[\w-]{43}"
    rb"|eyJ[\w-]{10,500}\.eyJ[\w-]{10,}\.[\w-]{10,})(?!\w)"
)
_LABEL: Final = rb"(?:[A-Z0-9]+ )*PRIVATE KEY(?: BLOCK)?-----"
_PRIVATE_KEY: Final = re.compile(
    rb"-----BEGIN " + _LABEL + rb"(?:[^-]{0,20000}-----END " + _LABEL + rb"|[\sA-Za-z0-9+/=\\]*)"
)

_IBAN_LENGTHS: Final = {
    "AD": 24, "AE": 23, "AL": 28, "AT": 20, "AZ": 28, "BA": 20, "BE": 16, "BG": 22, "BH": 22,
    "BR": 29, "BY": 28, "CH": 21, "CR": 22, "CY": 28, "CZ": 24, "DE": 22, "DK": 18, "DO": 28,
    "EE": 20, "EG": 29, "ES": 24, "FI": 18, "FO": 18, "FR": 27, "GB": 22, "GE": 22, "GI": 23,
    "GL": 18, "GR": 27, "GT": 28, "HR": 21, "HU": 28, "IE": 22, "IL": 23, "IQ": 23, "IS": 26,
    "IT": 27, "JO": 30, "KW": 30, "KZ": 20, "LB": 28, "LC": 32, "LI": 21, "LT": 20, "LU": 20,
    "LV": 21, "LY": 25, "MC": 27, "MD": 24, "ME": 22, "MK": 19, "MR": 27, "MT": 31, "MU": 30,
    "NL": 18, "NO": 15, "PK": 24, "PL": 28, "PS": 29, "PT": 25, "QA": 29, "RO": 24, "RS": 22,
    "SA": 24, "SC": 31, "SE": 24, "SI": 19, "SK": 24, "SM": 27, "ST": 25, "SV": 28, "TL": 23,
    "TN": 24, "TR": 26, "UA": 29, "VA": 22, "VG": 24, "XK": 20,
}  # fmt: skip
_PROVINCES: Final = frozenset(
    {*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55)}
    | {*range(61, 66), 71, 81, 82, 83}
)
_RESIDENT_WEIGHTS: Final = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def find(kind: int, data: bytes, place: int) -> Span | None:
    """Decide whether a candidate is personal data.

    Args:
        kind: Of the candidate.
        data: The document's bytes.
        place: Where the candidate is.

    Returns:
        The bytes it takes; None: it is not what it seemed.
    """
    return _DECIDES[kind](data, place)


def luhn(digits: str) -> bool:
    """Check a number's last digit (ISO/IEC 7812-1, annex B)."""
    doubled = (sum(divmod(2 * int(one), 10)) for one in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def _email(data: bytes, place: int) -> Span | None:
    local = _LOCAL.search(data[max(0, place - LONGEST_LOCAL) : place])
    domain = _DOMAIN.match(data, place + 1)
    if local is None or domain is None or b".." in local.group():
        return None
    begin = place - len(local.group())
    if data[max(0, begin - 1) : begin] == b"@":
        return None  # @user@host: a handle
    if domain.group().rpartition(b".")[2].lower() in _FILES:
        return None  # image@2x.png
    after = data[domain.end() : domain.end() + 1]
    if local.group() == b"git" and after in {b":", b"/"}:
        return None
    return begin, domain.end()


def _ip(data: bytes, place: int) -> Span | None:
    inside = data[max(0, place - 1) : place] in {b".", b"-", b"/", b"_"}
    found = None if inside else _IPV4.match(data, place)
    if found is None:
        return _ipv6(data, place)
    octets = found.group().split(b".")
    if all(int(one) < _SMALL_OCTET for one in octets):
        return None  # 1.2.3.4 counts versions and sections far more often than machines
    if _VERSION.search(data[max(0, place - 12) : place]):
        return None
    return found.span() if _is_public(found.group()) else None


def _ipv6(data: bytes, place: int) -> Span | None:
    found = _IPV6.match(data, place)
    if found is None or not _GLOBAL_IPV6.match(found.group()):
        return None
    return found.span() if _is_public(found.group()) else None


def _is_public(address: bytes) -> bool:
    """Tell addresses of the Internet from private, local and documentation ones: those are nobody's."""
    try:
        known = ipaddress.ip_address(address.decode())
    except ValueError:
        return False
    return known.is_global and not known.is_multicast


def _card(data: bytes, place: int) -> Span | None:
    found = _CARD.match(data, place)
    if found is None or data[max(0, place - 1) : place] in {b".", b"-", b"/", b"="}:
        return None
    digits = re.sub(rb"[ -]", b"", found.group())
    if len(set(digits)) == 1 or not _CARDS.fullmatch(digits) or not luhn(digits.decode()):
        return None
    return found.span()


def _iban(data: bytes, place: int) -> Span | None:
    found = _IBAN.match(data, place)
    if found is None:
        return None
    length = _IBAN_LENGTHS.get(found.group()[:2].decode(), 0)
    end, seen = place, 0
    while end < found.end() and seen < length:
        seen += data[end : end + 1] != b" "
        end += 1
    text = data[place:end].replace(b" ", b"").decode()
    rest = data[end : end + 1]
    if len(text) != length or not length or rest.isalnum():
        return None
    number = int("".join(str(int(one, 36)) for one in text[4:] + text[:4]))
    return (place, end) if number % 97 == 1 else None


def _ssn(data: bytes, place: int) -> Span | None:
    found = _SSN.match(data, place)
    if found is None or data[max(0, place - 1) : place] in {b"-", b"."}:
        return None
    return None if _numbers_a_thing(data, place) else found.span()


def _resident_id(data: bytes, place: int) -> Span | None:
    found = _RESIDENT_ID.match(data, place)
    if found is None:
        return None
    digits = found.group().decode().upper()
    total = sum(int(one) * by for one, by in zip(digits, _RESIDENT_WEIGHTS, strict=False))
    year, month, day = (int(part) for part in found.groups())
    if int(digits[:2]) not in _PROVINCES or "10X98765432"[total % 11] != digits[17]:
        return None
    try:
        born = date(year, month, day)
    except ValueError:
        return None
    return found.span() if 1880 <= born.year <= 2050 else None


def _phone(data: bytes, place: int) -> Span | None:
    found = _PHONE.match(data, place)
    if found is None:
        return None
    before = data[max(0, place - 1) : place]
    if before in {b".", b"-", b"/", b"=", b"_", b"$"}:
        return None
    return None if _numbers_a_thing(data, place) else found.span()


def _numbers_a_thing(data: bytes, place: int) -> bool:
    return _NUMBERED.search(data[max(0, place - 24) : place]) is not None


def _api_key(data: bytes, place: int) -> Span | None:
    found = _API_KEY.match(data, place)
    return found.span() if found else None


def _private_key(data: bytes, place: int) -> Span | None:
    found = _PRIVATE_KEY.match(data, place)
    return found.span() if found else None


_DECIDES: Final[dict[int, Callable[[bytes, int], Span | None]]] = {
    PRIVATE_KEY: _private_key,
    API_KEY: _api_key,
    EMAIL: _email,
    IBAN: _iban,
    RESIDENT_ID: _resident_id,
    CARD: _card,
    SSN: _ssn,
    IP: _ip,
    PHONE: _phone,
}
