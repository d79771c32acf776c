"""Text that breaks tools: what the tests of kernels are fed."""

from hypothesis import strategies as st

PIECES = [
    "the", "The", "be", "to", "of", "don't", "don’t", "3.14", "1,000", "U.S.A.", "a_b", "_x_", "e.g",
    "café", "cafe\u0301", "\u0301", "straße", "ΣΊΣΥΦΟΣ", "İ", "ﬁ", "x\u200dy", "\u200c", "\u00ad",
    "한국어", "\u1112\u1161\u11ab", "中文", "测试", "中", "デ", "か\u3099", "ﾃﾞ", "ภาษาไทย", "မြန်မာ", "𠀀", "𝒜",
    "א״ב", "ab:cd", "١٢٣", "½", "²", "🙂", "👩‍👩‍👧", "#", "##", "...", "....", "…", "。", "”", '."', ".)", "!",
    "- ", "* ", "• ", "•", "--", "**", "\ufffd", "\ufeff", "\u200b", "\x00", "\x07", "\x7f", "\u0085",
    "Lorem ipsum", "{", "JavaScript", "Terms of Use", "[12]", "[edit]", "[citation needed]", "[]",
    "Donaudampfschifffahrt", "x1" * 40, "12 Likes", "1.2K views", "RÉSUMÉ ÉTÉ", "2024",
    "\t", " ", "  ", "\u3000", "\u00a0", "\r", "\r\n", "\v", "\f", "\x1c", "\u2028", "\n", "\n\n", "\n\n\n\n",
]  # fmt: skip

texts = st.one_of(
    st.lists(st.sampled_from(PIECES), max_size=60).map("".join),
    st.lists(st.sampled_from(PIECES[:34]), max_size=80).map(" ".join),
    st.lists(st.sampled_from(["one line.", "two - lines", "", "中文 行。", " x", "..."])).map(
        "\n".join
    ),
    st.text(max_size=80),
    st.tuples(st.text(min_size=1, max_size=6), st.integers(1, 40)).map(lambda x: x[0] * x[1]),
)
"""Any text: scripts mixed, marks alone, lines and words repeated, control characters."""

hostile_bytes = st.one_of(
    st.binary(max_size=60),
    texts.map(str.encode).flatmap(
        lambda data: st.integers(0, len(data)).map(
            lambda cut: data[:cut] + b"\xe4\xb8" + data[cut:]
        )
    ),
    st.lists(
        st.sampled_from(
            [b"\x80", b"\xc0\x80", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", b"\xf0\x9f", b"a"]
        )
    ).map(b"".join),
)
"""Any bytes: cut characters, overlong forms, surrogates, code points past the last."""
