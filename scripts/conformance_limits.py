"""The set `limits` of scripts/conformance.py: functions that take indices, classes or bounds, in ints of every width, with
values near and beyond the limits of the axis and of the type.

The values are those of NumPy, or of a line of Python where NumPy has no such function; of random ints JAX's. JAX converts
many of these ints to i32 before it looks at them: of `one_hot`, `switch`, `clip`, places as u32 and u64 and ranges in narrow
types it gives others.
"""

import jax
import numpy as np

INTS = ["uint8", "int8", "uint32", "int64", "int32", "uint64"]
SHORT = {"uint8": "u8", "int8": "i8", "uint32": "u32", "int64": "i64", "int32": "i32", "uint64": "u64"}


def points(d, n):
    """Ints of a dtype near 0 and `n`, and those at and beyond the limits of narrower dtypes."""
    info = np.iinfo(d)
    near = [0, 1, n - 1, n, n + 1, -1, -n, -n - 1, 127, 128, 255, 256, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**40,
            -2**31, -2**31 - 1, -2**32, -2**40, 2**63, info.min, info.max]
    return np.array(sorted({i for i in near if info.min <= i <= info.max}), d)


def place(i, n, mode):
    """Where an index of n places points, or None."""
    i = int(i)
    i = i + n if i < 0 else i
    return min(max(i, 0), n - 1) if mode == "clip" else i if 0 <= i < n else None


def lines(text):
    rng = np.random.default_rng(5)

    def case(name, params, f, inputs, batch=True):
        inputs = [np.asarray(x) for x in inputs]
        words = " ".join(f"{k}={v}" for k, v in params.items())

        def line(kind, xs, ys):
            return " | ".join([name + kind, words, " ".join(map(text, xs)), " ".join(map(text, ys))])

        f = lambda *xs, f=f: [np.asarray(y) for y in (lambda y: y if isinstance(y, (tuple, list)) else [y])(f(*xs))]
        yield line("", inputs, f(*inputs))
        if batch:
            lanes = [[np.roll(x.reshape(-1), n).reshape(x.shape) for x in inputs] for n in range(3)]
            wide = [np.stack(xs) for xs in zip(*lanes)]
            yield line("/vmap0", wide, [np.stack(ys) for ys in zip(*(f(*lane) for lane in lanes))])

    for d in INTS:
        yield from places(rng, d, case)
        yield from loops(d, case)
        yield from bounds(rng, d, case)
        yield from counts(rng, d, case)
    yield from offsets(case)


def places(rng, d, case):
    n = 5
    x = rng.integers(1, 100, n).astype("int32")
    table = rng.integers(1, 100, (n, 3)).astype("int32")
    for classes in [1, n, 130, 300]:
        i = points(d, classes)
        hot = lambda i, c=classes: np.array([[int(l) == k for k in range(c)] for l in i], "int8")
        yield from case("one_hot", {"classes": classes}, hot, [i], batch=classes < 9)
    i = points(d, n)
    least = np.iinfo("int32").min
    for mode in ["clip", "fill"]:
        def take(x, i, mode=mode):
            at = [place(j, len(x), mode) for j in i]
            return np.array([np.full(x.shape[1:], least) if p is None else x[p] for p in at], "int32")

        yield from case("take", {"mode": mode}, take, [x, i])
        yield from case("take", {"mode": mode}, take, [table, i], batch=False)
        # Beside indices of another dtype.
        pairs = lambda x, i, j, mode=mode: np.array(
            [least if None in (p := [place(a, n, mode), place(b, 3, mode)]) else x[tuple(p)] for a, b in zip(i, j)], "int32")
        j = np.resize(np.array([0, 1, 2], "int8"), len(i))
        yield from case("pairs", {"mode": mode}, pairs, [table, i, j], batch=False)
        for one in i:
            scalar = lambda x, i, mode=mode: np.int32(least if (p := place(i, n, mode)) is None else x[p])
            yield from case("scalar", {"mode": mode}, scalar, [x, one], batch=False)

        def add(x, i, v, mode=mode):
            y = x.copy()
            for p, v in zip((place(j, len(x), mode) for j in i), v):
                if p is not None:
                    y[p] += v
            return y

        v = rng.integers(1, 9, len(i)).astype("int32")
        yield from case("add", {"mode": mode}, add, [x, i, v])

        def window(i, size, mode):
            i = int(i)
            return min(max(i, 0), n - size) if mode == "clip" else i if 0 <= i <= n - size else None

        def gather(x, i, mode=mode):
            at = [window(j, 2, mode) for j in i[:, 0]]
            return np.array([np.full(2, least) if p is None else x[p : p + 2] for p in at], "int32")

        def scatter_add(x, i, u, mode=mode):
            y = x.copy()
            for p, u in zip((window(j, 2, mode) for j in i[:, 0]), u):
                if p is not None:
                    y[p : p + 2] += u
            return y

        yield from case("gather", {"mode": mode}, gather, [x, i[:, None]])
        u = rng.integers(1, 9, (len(i), 2)).astype("int32")
        yield from case("scatter_add", {"mode": mode}, scatter_add, [x, i[:, None], u])
    along = lambda x, i: np.array([least if (p := place(j, n, "fill")) is None else x[p] for j in i], "int32")
    yield from case("take_along_axis", {}, along, [x, i])

    def start(i):
        i = int(i)
        return min(max(i + n if i < 0 else i, 0), n - 2)

    for one in i:
        yield from case("dynamic_slice", {}, lambda x, i: x[start(i) : start(i) + 2], [x, one], batch=False)

        def put(x, i):
            y = x.copy()
            y[start(i) : start(i) + 2] = [-1, -2]
            return y

        yield from case("dynamic_update_slice", {}, put, [x, one], batch=False)


def loops(d, case):
    for branches in [1, 3, 140]:
        taken = lambda i, n=branches: np.array([min(max(int(j), 0), n - 1) for j in i], "int32")
        yield from case("switch", {"branches": branches}, taken, [points(d, branches)], batch=False)
    info = np.iinfo(d)
    for low, high in [(info.min, info.min + 3), (info.max - 3, info.max), (3, 0), (0, 0), (info.max, info.min)]:
        low, high = np.array(low, d), np.array(high, d)
        sum_of = lambda a, b: [np.array([len(range(int(a), int(b)))], "int32"), np.array([max([*range(int(a), int(b))], default=0)], d)]
        yield from case("fori", {}, sum_of, [low, high], batch=False)


def bounds(rng, d, case):
    info = np.iinfo(d)
    x = points(d, 7)
    for low, high in [(-2**63, 2**63 - 1), (-1, 300), (0, 100), (-129, 128), (-2**31 - 1, 2**31), (-2**40, 2**40), (5, 2**32)]:
        if low <= info.max and high >= info.min:
            clip = lambda x: np.array([min(max(int(i), low, info.min), high, info.max) for i in x], d)
            yield from case("clip", {"low": low, "high": high}, clip, [x])
    for n in [-2**63, -129, -1, 0, 127, 128, 300, 2**31, 2**32, 2**40, 2**63 - 1]:
        compare = lambda x, n=n: [np.array([f(int(i), n) for i in x]) for f in
                                  (int.__lt__, int.__le__, int.__gt__, int.__ge__, int.__eq__, int.__ne__)]
        yield from case("compare", {"n": n}, compare, [x], batch=False)
    for other in INTS:
        at, values = points(d, 4), points(other, 9)
        sorted_ints, searched = [int(i) for i in at], [int(i) for i in values]
        for side in ["left", "right"]:
            find = lambda a, v, s=side: np.array([sum(int(b) < int(i) or s == "right" and b == i for b in map(int, a)) for i in map(int, v)], "int32")
            yield from case("searchsorted", {"side": side}, find, [at, values], batch=False)
            right = int(side == "left")
            yield from case("digitize", {"right": right}, lambda v, a, f=find: f(a, v), [values, at], batch=False)
            fall = lambda v, a, f=find, s=side: len(a) - f(a[::-1], v)
            # Of falling edges: those that are greater, or not less.
            greater = lambda v, a, r=right: np.array([sum(int(b) >= int(i) if r else int(b) > int(i) for b in a) for i in v], "int32")
            yield from case("digitize", {"right": right}, greater, [values, at[::-1]], batch=False)
    for name, f in [("argmax", np.argmax), ("argmin", np.argmin)]:
        y = rng.permutation(np.concatenate([x, x]))
        yield from case(name, {}, lambda y, f=f: np.int32(f(y)), [y])
        for index, n in [("uint8", 256), ("int8", 128)]:
            long = (np.arange(n) % 120).astype(d)
            long[n - 1] = 127 if name == "argmax" else 0
            long = long if name == "argmax" else np.maximum(long, 1) * (np.arange(n) < n - 1)
            best = lambda y, f=f, index=index: np.array(f(y), index)
            yield from case(name + "_as", {"dtype": SHORT[index]}, best, [long.astype(d)], batch=False)
    y = rng.permutation(x)
    order = lambda y, k: sorted(range(len(y)), key=lambda i: (-int(y[i]), i))[:k]
    for k in [0, 1, 3, len(y)]:
        top = lambda y, k=k: [y[order(y, k)], np.array(order(y, k), "int32")]
        yield from case("top_k", {"k": k}, top, [y])
    key = jax.random.key(3)
    for low, high in [(0, 100), (info.min, info.max), (info.max - 2, info.max), (info.min, info.min + 3), (5, 5), (9, 2)]:
        if -2**63 <= low and high < 2**63:
            drawn = jax.random.randint(key, (6,), low, high, d)
            yield from case("randint", {"low": low, "high": high, "dtype": SHORT[d]}, lambda _, r=drawn: np.asarray(r), [x], batch=False)


def counts(rng, d, case):
    x = points(d, 6)
    for length in [1, 6, 130, 300]:
        # Negative ones count as 0.
        count = lambda x, n=length: np.array([sum(max(int(i), 0) == k for i in x) for k in range(n)], "int32")
        yield from case("bincount", {"length": length}, count, [x], batch=length < 9)
        w = (rng.integers(-8, 9, len(x)) / 4).astype("float32")
        weigh = lambda x, w, n=length: np.array([sum(v for i, v in zip(x, w) if max(int(i), 0) == k) for k in range(n)], "float32")
        yield from case("bincount_weighted", {"length": length}, weigh, [x, w], batch=False)
    small = np.array([0, 1, 50, 100, 120, 127], d)
    edges = np.array([0, 50, 127], d)
    real = "float64" if d.endswith("64") else "float32"
    yield from case("histogram_between", {}, lambda x, e: np.histogram(x.astype("f8"), e.astype("f8"))[0].astype(real), [small, edges], batch=False)
    for times in [0, 1, 3]:
        yield from case("repeat", {"times": times}, lambda x, t=times: np.repeat(x, t), [x])
    for shift in [0, 1, -1, 2**40, -2**40 - 1, 2**63 - 1, -2**63]:
        yield from case("roll", {"shift": shift}, lambda x, s=shift: np.roll(x, s % len(x)), [x])
    info = np.iinfo(d)
    none = np.zeros(1, "int8")
    for start, stop in [(0, 5), (info.min, info.min + 4), (info.max - 3, info.max), (100, 120), (5, 2)]:
        if -2**63 <= start and stop < 2**63:
            numbers = np.array([*range(start, stop)], d)
            yield from case("arange", {"start": start, "stop": stop, "dtype": SHORT[d]}, lambda _, r=numbers: r, [none], batch=False)
    if info.bits == 8:
        numbers = np.arange(info.min, info.max + 1).astype(d)
        yield from case("arange", {"start": info.min, "stop": info.max + 1, "dtype": SHORT[d]}, lambda _, r=numbers: r, [none], batch=False)


def offsets(case):
    x = np.arange(1, 13, dtype="int16").reshape(3, 4)
    v = np.array([1, 2], "int16")
    for k in [0, 1, -1, 3, -3, 4, -4, 127, 2**31, -2**31, 2**40, -2**40, 2**63 - 1, -2**63 + 1]:
        near = min(max(k, -9), 9)
        yield from case("tril", {"k": k}, lambda x, k=near: np.tril(x, k), [x])
        yield from case("triu", {"k": k}, lambda x, k=near: np.triu(x, k), [x])
        yield from case("diag", {"k": k}, lambda x, k=near: np.diag(x, k), [x])
        yield from case("tri", {"k": k}, lambda x, k=near: np.tri(*x.shape, k, "float32"), [x], batch=False)
        if abs(k) < 9:
            yield from case("diag", {"k": k}, lambda x, k=k: np.diag(x, k), [v])
