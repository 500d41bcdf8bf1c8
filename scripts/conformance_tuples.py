"""The set `tuples` of scripts/conformance.py: index tuples of NumPy, to read and to update.

An index is text in the params, its entries separated by `;`: `3`, `-1:0:-2`, `none`, `...`, and an array as `@i8[2,1]` and its
bytes in hex, `@i8[2,1]:ff00`. Names are `read`, `set` and `add`; the values are NumPy's, in which an ellipsis between arrays
separates them, also where it stands for no axis.
"""

import numpy as np

INTS = ["int8", "uint8", "int32", "uint32", "int64", "uint64"]
SHORT = {"int8": "i8", "uint8": "u8", "int32": "i32", "uint32": "u32", "int64": "i64", "uint64": "u64", "bool": "bool"}
SHAPES = [(3,), (2, 1), (1, 3), (), (2, 3), (1,)]


def written(entry):
    if entry is None:
        return "none"
    if entry is Ellipsis:
        return "..."
    if isinstance(entry, slice):
        parts = [entry.start, entry.stop, entry.step]
        return ":".join("" if p is None else str(p) for p in parts)
    if isinstance(entry, np.ndarray):
        shape = ",".join(map(str, entry.shape))
        return f"@{SHORT[entry.dtype.name]}[{shape}]:{np.ascontiguousarray(entry).tobytes().hex()}"
    return str(entry)


def an_array(rng, n, shape):
    d = rng.choice(INTS)
    low = 0 if d[0] == "u" else -n
    return rng.integers(low, n, shape).astype(d)


def a_slice(rng, n):
    end = lambda: None if rng.random() < 0.4 else int(rng.integers(-n - 2, n + 3))
    step = [None, 1, 2, 3, -1, -2, -5][rng.integers(7)]
    return slice(end(), end(), step)


def a_tuple(rng, shape):
    """Entries for some of the axes of a shape, mostly an ellipsis for the others (or for none), and new axes between."""
    rank = len(shape)
    left_out = int(rng.integers(0, rank)) if rng.random() < 0.3 else 0
    where = int(rng.integers(0, rank - left_out + 1))
    parts = [range(where), range(where + left_out, rank)]
    dots = rng.random() < 0.6
    if not dots:
        # Axes at the end need not be named.
        parts = [range(rank - left_out), range(0)]
    common = SHAPES[rng.integers(len(SHAPES))]
    entries = []
    for n, part in enumerate(parts):
        if n == 1 and dots:
            entries.append(Ellipsis)
        axis = part.start
        while axis < part.stop:
            if rng.random() < 0.12:
                entries.append(None)
            two = axis + 1 < part.stop and rng.random() < 0.08
            entries.append(a_mask(rng, shape[axis : axis + 2]) if two else one_entry(rng, shape[axis], common))
            axis += 1 + two
    if rng.random() < 0.2:
        entries.append(None)
    return tuple(entries)


def one_entry(rng, n, common):
    kind = rng.random()
    if kind < 0.15:
        return int(rng.integers(-n, n))
    if kind < 0.45:
        return a_slice(rng, n)
    if kind < 0.9:
        # One of the shapes that broadcast to the common one.
        own = common[rng.integers(0, len(common) + 1):]
        return an_array(rng, n, tuple(1 if rng.random() < 0.3 else s for s in own))
    return a_mask(rng, (n,))


def a_mask(rng, shape):
    return rng.random(shape) < 0.5


def lines(text):
    rng = np.random.default_rng(77)
    shapes = [(2, 4, 1, 2), (3, 4, 5), (4, 3, 2), (2, 3, 1, 4), (3, 1, 2, 2, 2), (1, 5, 3), (6, 2, 2, 3)]
    special = [((2, 4, 1, 2), (slice(None), np.array(1), Ellipsis, np.array([[-1], [0]]), slice(None)))]
    seen, made = set(), 0
    while made < 1300:
        if special:
            shape, at = special.pop()
        else:
            shape = shapes[rng.integers(len(shapes))]
            at = a_tuple(rng, shape)
        words = ";".join(map(written, at))
        kinds = {type(e) for e in at}
        arrays = sum(isinstance(e, np.ndarray) for e in at)
        if len(at) < 3 or len(kinds) < 2 or not arrays or (shape, words) in seen:
            continue
        x = np.arange(np.prod(shape), dtype="int16").reshape(shape)
        try:
            part = x[at]
        except IndexError:
            # Masks whose counts do not broadcast.
            continue
        if part.size > 64:
            continue
        seen.add((shape, words))
        made += 1

        def line(name, inputs, output):
            return " | ".join([name, f"at={words}", " ".join(map(text, inputs)), text(output)])

        yield line("read", [x], part)
        v = rng.integers(1, 100, part.shape).astype("int16")
        # The value may have fewer axes, or ones.
        if v.ndim and rng.random() < 0.3:
            v = v[0] if v.shape[0] else v[:0]
            v = v if np.broadcast_shapes(v.shape, part.shape) == part.shape else np.int16(7)
        added = x.copy()
        np.add.at(added, at, v)
        yield line("add", [x, np.asarray(v)], added)
        places = np.arange(x.size).reshape(shape)[at]
        if len(np.unique(places)) == places.size or np.ndim(v) == 0:
            put = x.copy()
            put[at] = v
            yield line("set", [x, np.asarray(v)], put)
