"""Which tokens stand near which, counted pair by pair."""

import math


def near_counts_by_hand(ids, vocabulary_size, contexts, reach):
    """A row for each token, a column for each of the most frequent ones."""
    ranked = sorted(range(vocabulary_size), key=lambda token: (-ids.count(token), token))
    kept = sorted(ranked[:contexts])
    counts = [[0.0] * len(kept) for _ in range(vocabulary_size)]
    for place, token in enumerate(ids):
        for other, context in enumerate(ids):
            if 0 < abs(place - other) <= reach and context in kept:
                counts[token][kept.index(context)] += 1 / abs(place - other)
    return counts


def informative_by_hand(counts, smoothing):
    """How much likelier than by chance each pair is, in nats, or 0."""
    contexts = range(len(counts[0]))
    chance = [sum(row[context] for row in counts) ** smoothing for context in contexts]
    total = sum(chance)
    return [
        [
            max(0.0, math.log(row[context] / sum(row) * total / chance[context]))
            if row[context]
            else 0.0
            for context in contexts
        ]
        for row in counts
    ]
