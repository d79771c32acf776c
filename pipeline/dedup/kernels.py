"""Shingles, signatures and exact similarities, over Arrow buffers: numbers only.

Everywhere: `tokens` uint64 (tokens,), hashes of tokens, documents end to end; `token_starts` int64
(documents + 1,), the token where each begins (`pipeline.text.kernels.token_hashes` gives both).
"""

import numpy as np

from pipeline.dedup.recipe import SHINGLE_TOKENS
from pipeline.kernel_cache import kernel
from pipeline.text.kernels import finish, longest, mix

# Odd constants without structure: the first outputs of SplitMix64 from state 0, last bit set.
_PLACE_0 = np.uint64(0xE220A8397B1DCDAF)
_PLACE_1 = np.uint64(0x6E789E6AA1B965F5)
_PLACE_2 = np.uint64(0x06C45D188009454F)
_PLACE_3 = np.uint64(0xF88BB8A8724C81ED)
_PLACE_4 = np.uint64(0x1B39896A51A8749B)
_LENGTH = np.uint64(0x53CB9F0C747EA2EB)
_STREAM_A = np.uint64(0x2C829ABE1F4532E1)
_STREAM_B = np.uint64(0xC584133AC916AB3D)
_BAND = np.uint64(0x3EE5789041C98AC3)
_FULL_LENGTH = np.uint64(SHINGLE_TOKENS * int(_LENGTH) % 2**64)
_LOW_HALF, _ALL_BITS = np.uint64(2**32 - 1), np.uint64(2**64 - 1)
_EMPTY = np.uint32(0xFFFFFFFF)
_STEPS = 8
_ONE, _29, _31 = np.uint64(1), np.uint64(29), np.uint64(31)
_13, _16 = np.uint32(13), np.uint32(16)
_FMIX_1, _FMIX_2 = np.uint32(0x85EBCA6B), np.uint32(0xC2B2AE35)


@kernel
def shingle_hashes(tokens, shingles):
    """Hash every run of 5 tokens of one document; fewer than 5 tokens are one shingle.

    A multilinear hash (a sum of tokens, each times the constant of its place, and the length),
    spread over all 64 bits.

    Args:
        tokens: uint64 (tokens,), of this document alone.
        shingles: uint64, at least as long; receives the hashes.

    Returns:
        How many shingles there are: 0 without tokens, else max(1, count - 4).
    """
    count = len(tokens)
    if count == 0:
        return 0
    if count < SHINGLE_TOKENS:
        state = np.uint64(count) * _LENGTH + tokens[0] * _PLACE_0
        if count > 1:
            state += tokens[1] * _PLACE_1
        if count > 2:
            state += tokens[2] * _PLACE_2
        if count > 3:
            state += tokens[3] * _PLACE_3
        shingles[0] = finish(state)
        return 1
    found = count - SHINGLE_TOKENS + 1
    for i in range(found):
        shingles[i] = finish(
            _FULL_LENGTH
            + tokens[i] * _PLACE_0
            + tokens[i + 1] * _PLACE_1
            + tokens[i + 2] * _PLACE_2
            + tokens[i + 3] * _PLACE_3
            + tokens[i + 4] * _PLACE_4
        )
    return found


@kernel
def stream_hash(values):
    """Hash a sequence of numbers to two uint64."""
    a, b = _STREAM_A ^ np.uint64(len(values)), _STREAM_B + np.uint64(len(values))
    for number in values:
        value = np.uint64(number)
        a = mix(a ^ (a >> _29), value)
        b = (b ^ (b >> _31)) * _STREAM_A + value
    return finish(a), finish(b)


@kernel
def sign(shingles, count, factors, terms, signature):
    """Compute the MinHash signature of one document.

    The scheme `affine32` of datasketch 2.0: the low half of each shingle's hash goes through
    MurmurHash3's 32-bit finaliser, then value `k` is the smallest `factors[k] * h + terms[k]`
    modulo 2^32.

    Args:
        shingles: uint64, hashes.
        count: How many there are.
        factors: uint32 (permutations,), odd.
        terms: uint32 (permutations,).
        signature: uint32 (permutations,); receives the values, all 2^32 - 1 without a shingle.
    """
    signature[:] = _EMPTY
    last = count - 1  # the rest of an incomplete eight repeats the last one
    # Eight at a time, so that factors are loaded an eighth as often; sixteen are slower again.
    for i in range(0, count, _STEPS):
        h0, h1 = _half(shingles[i]), _half(shingles[min(i + 1, last)])
        h2, h3 = _half(shingles[min(i + 2, last)]), _half(shingles[min(i + 3, last)])
        h4, h5 = _half(shingles[min(i + 4, last)]), _half(shingles[min(i + 5, last)])
        h6, h7 = _half(shingles[min(i + 6, last)]), _half(shingles[min(i + 7, last)])
        for k in range(len(signature)):
            factor, term = factors[k], terms[k]
            a = min(np.uint32(factor * h0 + term), np.uint32(factor * h1 + term))
            b = min(np.uint32(factor * h2 + term), np.uint32(factor * h3 + term))
            c = min(np.uint32(factor * h4 + term), np.uint32(factor * h5 + term))
            d = min(np.uint32(factor * h6 + term), np.uint32(factor * h7 + term))
            signature[k] = min(signature[k], a, b, c, d)


@kernel
def _half(shingle):
    h = np.uint32(shingle & _LOW_HALF)
    h = np.uint32((h ^ (h >> _16)) * _FMIX_1)
    h = np.uint32((h ^ (h >> _13)) * _FMIX_2)
    return np.uint32(h ^ (h >> _16))


@kernel
def measure(tokens, token_starts, text_bytes, starts, factors, terms):
    """Measure every document: content and signature.

    Args:
        tokens: As above.
        token_starts: As above.
        text_bytes: uint8 (bytes,), UTF-8, documents end to end.
        starts: int64 (documents + 1,), the byte where each begins.
        factors: uint32 (permutations,), odd.
        terms: uint32 (permutations,).

    Returns:
        contents uint64 (documents, 2), a 128-bit hash of the document's tokens in order, or of its
        bytes when it has none; signatures uint32 (documents, permutations), all 2^32 - 1 for a
        document without tokens.
    """
    documents = len(starts) - 1
    shingles = np.empty(longest(token_starts), np.uint64)
    contents = np.empty((documents, 2), np.uint64)
    signatures = np.empty((documents, len(factors)), np.uint32)
    for d in range(documents):
        own = tokens[token_starts[d] : token_starts[d + 1]]
        if len(own):
            contents[d, 0], contents[d, 1] = stream_hash(own)
        else:
            first, second = stream_hash(text_bytes[starts[d] : starts[d + 1]])
            contents[d, 0], contents[d, 1] = first, second ^ _ALL_BITS  # never equal to words
        sign(shingles, shingle_hashes(own, shingles), factors, terms, signatures[d])
    return contents, signatures


@kernel
def band_keys(signatures, bands, rows):
    """Hash each band of each signature.

    Args:
        signatures: uint32 (documents, permutations).
        bands: Number of bands.
        rows: Values per band; `bands * rows` is at most the number of permutations.

    Returns:
        uint64 (bands, documents). Keys compare within a band only.
    """
    documents = len(signatures)
    keys = np.empty((bands, documents), np.uint64)
    for d in range(documents):
        for band in range(bands):
            state = _BAND
            for k in range(band * rows, (band + 1) * rows):
                state = mix(state, signatures[d, k])
                state ^= state >> _29
            keys[band, d] = finish(state)
    return keys


@kernel
def sort_unique(values, count, order, ends):
    """Sort well-mixed hashes and drop repeats, in place.

    Hashes are spread evenly, so each goes straight to its place by its first bits and only
    neighbours are compared: linear, about six times as fast as a comparison sort.

    Args:
        values: uint64; the first `count` are sorted.
        count: How many.
        order: uint64, scratch, at least `count` long.
        ends: int32, scratch, at least `2 * count + 1` long.

    Returns:
        How many different values there are; they come first.
    """
    if count < 2:
        return count
    bits = 1
    while (1 << bits) < count:
        bits += 1
    shift = np.uint64(64 - bits)
    ends[: (1 << bits) + 1] = 0
    for i in range(count):
        ends[(values[i] >> shift) + _ONE] += 1
    for place in range(1 << bits):
        ends[place + 1] += ends[place]
    for i in range(count):
        place = values[i] >> shift
        order[ends[place]] = values[i]
        ends[place] += 1
    found, stop = 0, 0
    for place in range(1 << bits):
        first, stop = stop, int(ends[place])
        begin = found
        for i in range(first, stop):
            value = order[i]
            j = found
            while j > begin and values[j - 1] > value:
                j -= 1
            if j > begin and values[j - 1] == value:
                continue
            for k in range(found, j, -1):
                values[k] = values[k - 1]
            values[j] = value
            found += 1
    return found


@kernel
def shingle_sets(tokens, token_starts):
    """Compute every document's set of shingles.

    Args:
        tokens: As above.
        token_starts: As above.

    Returns:
        values uint64 (shingles,), sorted and different within a document, documents end to end;
        set_starts int64 (documents + 1,).
    """
    documents = len(token_starts) - 1
    most = longest(token_starts)
    order, ends = np.empty(most, np.uint64), np.empty(2 * most + 2, np.int32)
    values = np.empty(token_starts[documents] - token_starts[0], np.uint64)
    set_starts = np.zeros(documents + 1, np.int64)
    used = 0
    for d in range(documents):
        own = tokens[token_starts[d] : token_starts[d + 1]]
        found = shingle_hashes(own, values[used:])
        used += sort_unique(values[used:], found, order, ends)
        set_starts[d + 1] = used
    return values[:used], set_starts


@kernel
def similarities(values, set_starts, left, right):
    """Compute the exact Jaccard similarity of pairs of shingle sets.

    Args:
        values: uint64 (shingles,), as `shingle_sets` gives them.
        set_starts: int64 (documents + 1,).
        left: int64 (pairs,), documents.
        right: int64 (pairs,), documents.

    Returns:
        float64 (pairs,): shared shingles over all; 0 when neither has any.
    """
    found = np.zeros(len(left), np.float64)
    for p in range(len(left)):
        i, i_stop = set_starts[left[p]], set_starts[left[p] + 1]
        j, j_stop = set_starts[right[p]], set_starts[right[p] + 1]
        total = i_stop - i + j_stop - j
        shared = 0
        while i < i_stop and j < j_stop:  # without a branch that depends on data
            x, y = values[i], values[j]
            shared += x == y
            i += x <= y
            j += y <= x
        if total:
            found[p] = shared / (total - shared)
    return found
