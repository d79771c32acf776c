"""Copying values of different lengths: numbers only."""

from pipeline.kernel_cache import kernel


@kernel
def copy_values(data, starts, rows, places, out, out_starts):
    """Copy values to where they belong.

    Args:
        data: uint8 (bytes,), values end to end.
        starts: int64 (values + 1,), the byte where each begins.
        rows: int64 (wanted,), which of them.
        places: int64 (wanted,), which value of the outcome each becomes.
        out: uint8 (bytes,), receives them.
        out_starts: int64 (values of the outcome + 1,), the byte where each begins there.
    """
    for i in range(len(rows)):
        start, stop = starts[rows[i]], starts[rows[i] + 1]
        place = out_starts[places[i]]
        for j in range(stop - start):
            out[place + j] = data[start + j]
