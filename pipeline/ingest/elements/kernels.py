"""Where the elements of a JSON array end: brackets are counted, strings passed over (RFC 8259)."""

import numpy as np

from pipeline.kernel_cache import kernel


@kernel
def element_ends(data, depth, in_string, is_escaped, base):
    """Find the end of each value that lies at a depth.

    Args:
        data: uint8 (bytes,). A part of the text.
        depth: int. Brackets and braces open before it.
        in_string: bool. Whether it begins within a string.
        is_escaped: bool. Whether a backslash stands before it, in a string.
        base: int. 1: elements of an array that is open; 0: values one after another.

    Returns:
        (ends, depth, in_string, is_escaped): ends int64 (elements,), each the place just after an
        object or array that closes down to `base`, or of the comma or bracket that ends any other
        element of an array; the rest is the state after `data`. No data give no ends. A closing
        bracket too many leaves the depth at 0.
    """
    ends = np.empty(data.size, np.int64)
    count = 0
    for at in range(data.size):
        byte = data[at]
        if in_string:
            if is_escaped:
                is_escaped = False
            elif byte == 92:  # backslash
                is_escaped = True
            elif byte == 34:  # "
                in_string = False
        elif byte == 34:
            in_string = True
        elif byte == 123 or byte == 91:  # { [
            depth += 1
        elif byte == 125 or byte == 93:  # } ]
            depth = max(depth - 1, 0)
            if depth == base or (base == 1 and depth == 0):
                ends[count] = at + 1
                count += 1
        elif byte == 44 and depth == base == 1:  # ,
            ends[count] = at + 1
            count += 1
    return ends[:count].copy(), depth, in_string, is_escaped
