"""What parsing a page can cost at most, from its bytes: asked before a parser may see the page.

HTML parsers take time that grows with the square of nesting and of the attributes of a tag, and make
every formatting element left open anew in each block that follows. One linear pass bounds all three,
also for pages made to deceive it. It follows the WHATWG HTML standard (13.2.5 "Tokenization", 13.2.6
"Tree construction"): whatever a parser has open, this has open too, because a closing tag closes here
only an element that it certainly closes there, and nothing above it. Sloppy pages are counted deeper
than they are.
"""

import numpy as np
from numpy.typing import NDArray

from pipeline.kernel_cache import kernel


def _names(text: str) -> NDArray[np.int64]:
    """Write tag names of up to 8 letters as numbers, the way `_tag_name` does."""
    return np.array([int.from_bytes(name.encode(), "big") for name in text.split()], np.int64)


_ROLE_NAMES = {
    # Never open, or as many as there are open tables (or one more).
    "flat": "area base basefont bgsound body br caption col colgroup embed frame head hr html image "
    "img input keygen link meta param source tbody td tfoot th thead tr track wbr",
    # "Active formatting elements". `a` and `nobr` close the one before: they add nothing to nesting.
    "formatting": "a b big code em font i nobr s small strike strong tt u",
    "closes itself": "a nobr",
    "foreign": "svg math",
    "raw": "script style title textarea iframe noembed noframes xmp",
    # Inside these a raw element's tag may be ignored, and what looks like its text be markup.
    "ignores": "select frameset svg math",
    # Closing tags that reach as far as a barrier ("has an element in scope", 13.2.4.2); all others
    # reach as far as a special element.
    "closes": "address applet article aside b big button center code details dialog dir div dl em "
    "fieldset figure font footer form h1 header hgroup i listing main marquee menu nav object ol p "
    "pre s search section small strike strong summary table template tt u ul",
    "barrier": "applet caption desc frameset marquee math mi mn mo ms mtext object select svg table "
    "td template th title",
    "special": "address applet article aside button center dd desc details dir div dl dt fieldset "
    "figure footer form frameset h1 header hgroup iframe li listing main marquee menu mi mn mo ms "
    "mtext nav noembed noframes noscript object ol p pre script search section select style summary "
    "table template textarea title ul xmp",
    "item": "dd dt li",
    "passed by item": "address div p",
}
(
    _FLAT,
    _FORMATTING,
    _CLOSES_ITSELF,
    _FOREIGN,
    _RAW,
    _IGNORES,
    _CLOSES,
    _BARRIER,
    _SPECIAL,
    _ITEM,
    _PASSED_BY_ITEM,
) = (1 << bit for bit in range(len(_ROLE_NAMES)))
_KNOWN = np.unique(_names(" ".join(_ROLE_NAMES.values())))
_ROLES = np.zeros(_KNOWN.size, np.int64)
for _bit, _listed in enumerate(_ROLE_NAMES.values()):
    _ROLES[np.isin(_KNOWN, _names(_listed))] |= 1 << _bit
_LONG = _BARRIER | _SPECIAL
"""Roles of names over 8 letters (blockquote, figcaption, foreignObject, custom elements …): they
stop closing tags, so that too much is counted rather than too little."""
_FORMATTING_NAMES = _names(_ROLE_NAMES["formatting"])
_P, _BUTTON, _OPTION, _LI, _H1, _H2, _H6 = (int(n) for n in _names("p button option li h1 h2 h6"))
_DISTINCT = 64
_ALIKE = 3
"""Equal formatting elements that are opened again ("Noah's Ark clause", 13.2.4.3)."""


@kernel
def markup_bounds(data, limit):
    """Bound what parsing a page can cost.

    Args:
        data: uint8 (bytes,). The page, in an encoding that keeps ASCII as it is.
        limit: int. Counting stops where nesting or the attributes of a tag pass it.

    Returns:
        (depth, attributes, elements, steps), each an int: nesting is at most four times `depth`
        and a few; the most attributes in one tag; at most three times `elements` are made, those
        opened again included (a cell brings its row); `steps` is the sum over tags of what is open
        there. An empty page gives zeros.
    """
    stack = np.zeros((limit + 2, 2), np.int64)  # name, roles
    formatting = np.zeros(_FORMATTING_NAMES.size, np.int64)  # open, and certain to be closed
    distinct = np.zeros((_DISTINCT, 2), np.int64)  # where formatting tags begin and end
    height = foreign = ignoring = kinds = lasting = 0
    raw = np.int64(0)  # in it, unless the parser ignored its tag
    mute_until = 0
    depth = most_attributes = elements = steps = 0
    size = data.size
    at = 0
    while at < size - 1:
        if data[at] != 60:  # <
            at += 1
            continue
        at += 1
        is_close = data[at] == 47  # /
        if is_close:
            at += 1
        if at >= size or not _is_letter(data[at]):
            if at < size and (is_close or data[at] == 33 or data[at] == 63):  # </…, <!…, <?…
                if foreign and _is_cdata(data, at):
                    mute_until = max(mute_until, _after_cdata(data, at))
                at = _after_declaration(data, at, is_close)
            continue
        start = at
        name, at = _tag_name(data, at)
        attributes, is_self_closing, at = _after_tag(data, at)
        most_attributes = max(most_attributes, attributes)
        roles = _roles(name)
        if is_close and (start < mute_until or (raw and not _is_same(data, raw, name))):
            continue
        reopened = min(_ALIKE * kinds, lasting + formatting.sum())
        elements += reopened
        steps += height + reopened + 1
        if is_close:
            raw = np.int64(0)
            if roles & _FORMATTING:
                which = _index(_FORMATTING_NAMES, name)
                formatting[which] = max(formatting[which] - 1, 0)
            stops = _BARRIER if roles & _CLOSES else _SPECIAL
            place = _topmost(data, stack, height, name, stops)
        else:
            elements += 1
            place = _place_closed_by_start(stack, height, name, roles)
        if place >= 0:
            foreign -= stack[place, 1] & _FOREIGN != 0
            ignoring -= stack[place, 1] & _IGNORES != 0
            height = _without(stack, height, place)
        if is_close:
            continue
        if roles & _FORMATTING:
            which = _index(_FORMATTING_NAMES, name)
            formatting[which] = 1 if roles & _CLOSES_ITSELF else formatting[which] + 1
            kinds = _with_kind(data, distinct, kinds, start, at)
        if roles & (_BARRIER | _RAW):
            for which in range(formatting.size):  # from in here closing tags do not reach them
                lasting += formatting[which]
                formatting[which] = 0
        if roles & _RAW and not raw:
            if ignoring:
                raw = name
            else:
                at = _after_raw(data, at, name)
                continue
        if foreign or roles & _FOREIGN:
            is_open = not is_self_closing
        else:
            is_open = not roles & (_FLAT | _CLOSES_ITSELF)
        if is_open:
            stack[height, 0] = name
            stack[height, 1] = roles
            height += 1
            foreign += roles & _FOREIGN != 0
            ignoring += roles & _IGNORES != 0
        depth = max(depth, height)
        if depth > limit or most_attributes > limit:
            break
    return depth, most_attributes, elements, steps


@kernel
def _is_letter(byte):
    return 65 <= byte <= 90 or 97 <= byte <= 122


@kernel
def _is_space(byte):
    return byte == 32 or 9 <= byte <= 13


@kernel
def _roles(name):
    if name < 0:
        return _LONG
    place = _index(_KNOWN, name)
    return _ROLES[place] if place >= 0 else 0


@kernel
def _index(names, name):
    """Find a name; -1 where it is not listed. Short enough to compile in no time."""
    for place in range(names.size):
        if names[place] == name:
            return place
    return -1


@kernel
def _tag_name(data, at):
    """Read a tag's name in lower case.

    Returns:
        (name, end): up to 8 bytes as one number; of a longer name minus its place, minus 1.
    """
    start = at
    name = np.int64(0)
    while at < data.size and data[at] != 62 and data[at] != 47 and not _is_space(data[at]):
        byte = np.int64(data[at])
        if 65 <= byte <= 90:
            byte += 32
        if at - start < 8:
            name = name * 256 + byte
        at += 1
    if at - start > 8:
        name = -start - 1
    if _H2 <= name <= _H6:
        name = np.int64(_H1)  # one closes another
    return name, at


@kernel
def _is_same(data, one, other):
    """Compare two names; long ones letter by letter, where they stand."""
    if one >= 0 or other >= 0:
        return one == other
    first, second = -one - 1, -other - 1
    while True:
        a = data[first] if first < data.size else 62
        b = data[second] if second < data.size else 62
        a_ends = a == 62 or a == 47 or _is_space(a)
        b_ends = b == 62 or b == 47 or _is_space(b)
        if a_ends or b_ends:
            return a_ends and b_ends
        if (a + 32 if 65 <= a <= 90 else a) != (b + 32 if 65 <= b <= 90 else b):
            return False
        first += 1
        second += 1


@kernel
def _after_tag(data, at):
    """Walk over a tag's attributes: (how many, whether it ends in `/>`, where the tag ends)."""
    count = 0
    is_self_closing = False
    size = data.size
    while at < size and data[at] != 62:  # >
        if _is_space(data[at]) or data[at] == 47:
            is_self_closing = data[at] == 47
            at += 1
            continue
        count += 1
        is_self_closing = False
        at += 1  # even "=" begins a name here
        while at < size and not (
            data[at] == 61 or data[at] == 62 or data[at] == 47 or _is_space(data[at])
        ):
            at += 1
        while at < size and _is_space(data[at]):
            at += 1
        if at >= size or data[at] != 61:  # =
            continue
        at += 1
        while at < size and _is_space(data[at]):
            at += 1
        if at < size and (data[at] == 34 or data[at] == 39):  # " or '
            quote = data[at]
            at += 1
            while at < size and data[at] != quote:
                at += 1
            at += 1
        else:
            while at < size and data[at] != 62 and not _is_space(data[at]):
                at += 1
    return count, is_self_closing, min(at + 1, size)


@kernel
def _after_declaration(data, at, is_close):
    """Walk over a comment, a doctype or what the standard calls a bogus comment."""
    size = data.size
    if not is_close and at + 2 < size and data[at + 1] == 45 and data[at + 2] == 45:  # !--
        at += 1  # "<!-->" is a whole comment
        while at < size:
            if data[at] == 45 and at + 1 < size and data[at + 1] == 45:
                after = at + 2
                if after < size and data[after] == 33:  # --!>
                    after += 1
                if after < size and data[after] == 62:
                    return after + 1
            at += 1
        return size
    while at < size and data[at] != 62:
        at += 1
    return min(at + 1, size)


@kernel
def _after_raw(data, at, name):
    """Walk over a script or a style sheet, up to its closing tag."""
    while at < data.size - 2:
        if data[at] == 60 and data[at + 1] == 47 and _tag_name(data, at + 2)[0] == name:
            return at
        at += 1
    return data.size


@kernel
def _is_cdata(data, at):
    """Tell whether `![CDATA[` stands here."""
    return at + 8 <= data.size and data[at + 1] == 91 and data[at + 2] == 67 and data[at + 7] == 91


@kernel
def _after_cdata(data, at):
    while at < data.size - 2 and not (data[at] == 93 and data[at + 1] == 93 and data[at + 2] == 62):
        at += 1
    return at + 3


@kernel
def _with_kind(data, distinct, kinds, start, end):
    """Count a formatting tag unless an equal one was seen; how many kinds there are."""
    for kind in range(min(kinds, _DISTINCT)):
        first, last = distinct[kind]
        if last - first == end - start:
            place = 0
            while place < end - start and data[first + place] == data[start + place]:
                place += 1
            if place == end - start:
                return kinds
    if kinds < _DISTINCT:
        distinct[kinds, 0] = start
        distinct[kinds, 1] = end
    return kinds + 1


@kernel
def _topmost(data, stack, height, name, stops):
    """Place of the topmost open element of a name; -1 where none is, or something stops before."""
    for place in range(height - 1, -1, -1):
        if _is_same(data, stack[place, 0], name):
            return place
        if stack[place, 1] & stops:
            return -1
    return -1


@kernel
def _place_closed_by_start(stack, height, name, roles):
    """Place of the element that an opening tag closes for certain; -1: none."""
    if name == _P:
        for place in range(height - 1, -1, -1):
            if stack[place, 0] == _P:
                return place
            if stack[place, 1] & _BARRIER or stack[place, 0] == _BUTTON:
                return -1
    elif roles & _ITEM:
        for place in range(height - 1, -1, -1):
            if stack[place, 1] & _ITEM and (stack[place, 0] == _LI) == (name == _LI):
                return place
            if stack[place, 1] & _SPECIAL and not stack[place, 1] & _PASSED_BY_ITEM:
                return -1
    elif name == _OPTION and height and stack[height - 1, 0] == _OPTION:
        return height - 1
    return -1


@kernel
def _without(stack, height, place):
    """Take one element out; what is above it stays."""
    for later in range(place, height - 1):
        stack[later, 0] = stack[later + 1, 0]
        stack[later, 1] = stack[later + 1, 1]
    return height - 1
