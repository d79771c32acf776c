"""A corpus of generated text, with text in it that tries to get out of where it is shown."""

HOSTILE = (
    "<script>document.title='owned'</script><img src=x onerror=\"document.title='owned'\">"
    "</td></table></details></main><style>*{display:none}</style><!-- "
    "\u202egnp.exe\u202c \u2066isolated\u2069 \u200binvisible \x1b[31mred\x07 \x00nul "
    "\u0301lone mark Z" + "\u0336" * 40 + "algo ]]> {{ 7*7 }} {% raw %} "
    "![x](https://example.org/x.png) [click](javascript:alert(1)) | a | b |\n| - | - |\n# heading\n"
    "`code` *bold* ~~gone~~ https://example.org/bare &lt;b&gt; \\| \\` \u2028 \ufeff"
)
"""Text that tries to get out of every place it is shown in."""

TALE = (
    "the river bends under an old stone bridge where boats wait for evening and nobody asks why "
    "children count the lamps along the quay until rain closes the market and bread grows cold"
)
WORDS = TALE.split()


def sentence(number: int, words: int = 30) -> str:
    """Give a text that no other number gives."""
    spread = [WORDS[(number * 7 + place * (number % 5 + 1)) % len(WORDS)] for place in range(words)]
    return f"{number} " + " ".join(spread) + "."


def small_corpus() -> dict[str, list[tuple[str, str | None]]]:
    """Give four sources of (key, text); a text of None cannot be read."""
    near = [sentence(4000 + n // 4, 60) + f" Edition {n % 4}." for n in range(24)]
    return {
        "manuals": [(f"page-{n}.html", sentence(n, 20 + n % 90)) for n in range(160)]
        + [(f"copy-{n}.html", sentence(n, 20 + n % 90)) for n in range(18)],
        "novels": [(f"chapter {n}", sentence(1000 + n, 200 + 3 * n)) for n in range(60)],
        "web": [(f"https://example.org/{n}", sentence(2000 + n, 3 + n % 40)) for n in range(90)]
        + [("near", text) if not n else (f"near-{n}", text) for n, text in enumerate(near)]
        + [("broken", None), ('"><script>x</script>', HOSTILE + " 123456789" * 12)]
        + [("tiny <b>", HOSTILE[:40]), ("# `a` | b", HOSTILE[:40] + "|")]
        + [(f"twin {n}", f"{HOSTILE} {sentence(9000, 120)} {n}<i>") for n in range(8)],
        "poetry-zh": [
            (f"诗 {n}", "春眠不觉晓处处闻啼鸟夜来风雨声"[n % 7 :] * (n % 5 + 1)) for n in range(40)
        ],
    }
