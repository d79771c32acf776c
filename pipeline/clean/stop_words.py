"""Common words by language, and the table that the kernel looks them up in.

English: the eight of Gopher (arXiv 2112.11446, A.1). The others: the words that occur most often in
1,000 sentences of each language (test data of the lingua library, from the Leipzig corpora,
Apache-2.0), tokenised by `pipeline.text`.
"""

from functools import cache
from typing import Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipeline.clean.kernels import STOP_SLOTS
from pipeline.text.tokens import token_hashes

STOP_WORDS: Final[dict[str, str]] = {
    "ar": "في من على أن إلى التي و هذا عن لا أو ما هذه مع",
    "bg": "на и в от за се да е не с ще по са че",
    "ca": "de la i a el que en per les del els un amb es",
    "cs": "a v na se je s z do o že pro to i k",
    "da": "og i er at en det til på af med for der har de",
    "de": "die und der in von das den mit ist zu auf sie im sich",
    "el": "και το να του με την τησ για η που από τα ο είναι",
    "en": "the be to of and that have with",
    "es": "de la y que en el a los un con se es las para",
    "fa": "در و به از که است این را با سال آن شد برای یک",
    "fi": "ja on että ei myös ovat oli tai sekä se voi ole joka",
    "fr": "de la et le les à des en du est une un dans pour",
    "he": "של את על הוא עם ב לא היה גם או זה כי היא ידי",
    "hi": "है के में की को से का और हैं भी पर कि तो ही",
    "hr": "i je u se na za su a od da s koji te će",
    "hu": "a az és hogy is nem egy de meg volt csak ez el mint",
    "id": "yang dan dengan itu di tidak untuk ini dari akan dalam orang telah pada",
    "it": "di e il la in a per che del un è i le della",
    "ja": "の い で に て が な す し は る と ま を",
    "ko": "있다 이 등 고 수 말했다 한 있는 것으로 대한 것은",
    "nl": "de van in het een en is op zijn met voor te door hij",
    "no": "og i er til av for det som på med å en har at",
    "pl": "w na i z się do nie że to jest o po od a",
    "pt": "de a o e que do da com para em os no se um",
    "ro": "de a la în cu si şi și care este o din pentru pe",
    "ru": "и в не на что я с это а он по как но к",
    "sv": "och i att en för som på av är till med det har ett",
    "tr": "ve bir bu ile için olarak da de olan daha çok her en sonra",
    "uk": "і на в у з не що до та а за про для й",
    "vi": "và có của các là cho được trong với những không một người để",
    "zh": "的 一 是 不 在 有 了 人 这 這 我 大 上 时 時 个 個",
}
"""Space-separated words by language code; compared without regard to case."""


@cache
def stop_table() -> tuple[tuple[str, ...], NDArray[np.uint64]]:
    """Build the lookup table.

    Returns:
        Languages, by row; uint64 (languages + 1, 256), hashes of their words, each in the first
        free slot from `hash % 256` on (0 = free). The last row is empty: languages without a list.
    """
    languages = tuple(STOP_WORDS)
    table = np.zeros((len(languages) + 1, STOP_SLOTS), np.uint64)
    words = token_hashes(pa.array(list(STOP_WORDS.values()), pa.large_string()))
    for row in range(len(languages)):
        for word in words.hashes[words.starts[row] : words.starts[row + 1]].tolist():
            slot = word % STOP_SLOTS
            while table[row, slot]:
                slot = (slot + 1) % STOP_SLOTS
            table[row, slot] = word
    table.flags.writeable = False
    return languages, table


def stop_rows(languages: pa.Array) -> NDArray[np.int32]:
    """Find each label's row in the table (the empty one for languages without a list)."""
    known, table = stop_table()
    row = {language: number for number, language in enumerate(known)}
    empty = len(table) - 1
    labels = languages.dictionary_encode()
    rows = np.array([row.get(one, empty) for one in labels.dictionary.to_pylist()], np.int32)
    if not len(labels):
        return np.zeros(0, np.int32)
    found: NDArray[np.int32] = rows[labels.indices.to_numpy(zero_copy_only=False)]
    return found
