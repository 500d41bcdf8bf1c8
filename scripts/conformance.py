"""Values of an installed JAX for tests/conformance, one case per line (compressed).

    JAX_ENABLE_X64=1 python scripts/conformance.py            writes every set
    JAX_ENABLE_X64=1 python scripts/conformance.py families   writes tests/conformance/families.txt.gz (some are in files of their own)

A line is `name | key=value .. | inputs | outputs`; an array is `f32[2,3]:` and its little-endian bytes in hex. The name is
that of an operation, alone or with what is asked of it:

    cumsum           the outputs
    cumsum/jvp       inputs are primals, then tangents of the inexact ones; outputs are the tangents of inexact outputs
    cumsum/vjp       inputs are primals, then cotangents of the inexact outputs; outputs are cotangents of inexact inputs
    cumsum/vmap1     every input is mapped over axis 1, outputs over axis 0

A set is a function below that yields `Op(name, params, f, inputs)`; what tests/conformance/main.rs does with a name and its
params is written there. To add a set: one function here, one file name there.
"""

import gzip
import os
import sys

os.environ.setdefault("JAX_ENABLE_X64", "1")
os.environ.setdefault("JAX_PLATFORMS", "cpu")

import conformance_complex
import conformance_functions
import conformance_limits
import conformance_methods
import conformance_tuples
import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
from jax import lax

SHORT = {"bool": "bool", "int8": "i8", "int16": "i16", "int32": "i32", "int64": "i64", "uint8": "u8", "uint16": "u16",
         "uint32": "u32", "uint64": "u64", "float16": "f16", "bfloat16": "bf16", "float32": "f32", "float64": "f64",
         "complex64": "c64", "complex128": "c128"}


class Op:
    """An operation on arrays, and how far it is asked: `derive` for jvp and vjp, `batch` for vmap."""

    def __init__(self, name, params, f, inputs, derive=True, batch=True):
        self.name, self.params, self.f, self.derive, self.batch = name, params, f, derive, batch
        self.inputs = [jnp.asarray(x) for x in inputs]


def text(x):
    x = np.asarray(x)
    shape = ",".join(map(str, x.shape))
    return f"{SHORT[x.dtype.name]}[{shape}]:{np.ascontiguousarray(x).tobytes().hex()}"


def inexact(x):
    return jnp.issubdtype(x.dtype, jnp.inexact)


def numbers(rng, x):
    """Tangents for an array: small exact fractions."""
    v = rng.integers(-8, 9, x.shape) / 4
    return jnp.asarray(v).astype(x.dtype)


def lines(op, rng):
    f = lambda *xs: tuple(y for y in jax.tree.leaves(op.f(*xs)))
    param = " ".join(f"{k}={v}".replace(" ", "") for k, v in op.params.items())

    def line(kind, inputs, outputs):
        return " | ".join([op.name + kind, param, " ".join(map(text, inputs)), " ".join(map(text, outputs))])

    outs = f(*op.inputs)
    yield line("", op.inputs, outs)
    real = [i for i, x in enumerate(op.inputs) if inexact(x)]
    real_out = [i for i, y in enumerate(outs) if inexact(y)]
    if op.derive and real and real_out:
        def of_real(*xs):
            full = list(op.inputs)
            for i, x in zip(real, xs):
                full[i] = x
            ys = f(*full)
            return tuple(ys[i] for i in real_out)

        xs = [op.inputs[i] for i in real]
        ts = [numbers(rng, x) for x in xs]
        _, ys = jax.jvp(of_real, tuple(xs), tuple(ts))
        yield line("/jvp", op.inputs + ts, ys)
        cts = [numbers(rng, outs[i]) for i in real_out]
        _, pull = jax.vjp(of_real, *xs)
        yield line("/vjp", op.inputs + cts, pull(tuple(cts)))
    if op.batch:
        for axis in range(min(x.ndim for x in op.inputs) + 1):
            # Three lanes, every one other.
            wide = [jnp.stack([jnp.roll(x.reshape(-1), n).reshape(x.shape) for n in range(3)], axis) for x in op.inputs]
            yield line(f"/vmap{axis}", wide, jax.vmap(f, axis)(*wide))


# ---- families: running folds, sorting, places, windows, convolutions


def families():
    rng = np.random.default_rng(7)
    floats = ["float32", "float64"]
    ints = ["int32", "uint32", "int64", "uint64"]

    def some(shape, dtype, low=-2.0, high=2.0):
        if dtype == "bool":
            return rng.integers(0, 2, shape).astype(bool)
        if np.issubdtype(np.dtype(dtype), np.floating):
            return rng.uniform(low, high, shape).astype(dtype)
        return rng.integers(0 if dtype[0] == "u" else -9, 10, shape).astype(dtype)

    odd = np.array([1.0, np.nan, -np.inf, 0.0, -0.0, np.inf, 3.0, -1.0])
    folds = {"cumsum": lax.cumsum, "cumprod": lax.cumprod, "cummax": lax.cummax, "cummin": lax.cummin,
             "cumlogsumexp": lax.cumlogsumexp}
    for name, f in folds.items():
        for d in floats + ints:
            if name == "cumlogsumexp" and d not in floats:
                continue
            for shape, axis in [((7,), 0), ((2, 5), 1), ((4, 3), 0), ((1,), 0), ((2, 0), 1), ((2, 3, 4), 1)]:
                for reverse in [False, True]:
                    g = lambda x, f=f, axis=axis, reverse=reverse: f(x, axis=axis, reverse=reverse)
                    small = d in ["float64", "int32"] and shape in [(7,), (2, 5)]
                    yield Op(name, {"axis": axis, "reverse": int(reverse)}, g, [some(shape, d)], batch=small)
        yield Op(name, {"axis": 0, "reverse": 0}, lambda x, f=f: f(x), [odd], derive=False, batch=False)

    for d in ["bool"] + floats + ints:
        for shape, axis in [((6,), 0), ((3, 4), 0), ((3, 4), 1)]:
            x = some(shape, d)
            sort = lambda a, b, axis=axis: lax.sort((a, b), dimension=axis, num_keys=2)
            few = some(shape, "int32") % 3
            yield Op("sort", {"axis": axis, "keys": 2}, sort, [few.astype("int32"), x])
            first = lambda a, b, axis=axis: lax.sort((a, b), dimension=axis, num_keys=1)
            yield Op("sort", {"axis": axis, "keys": 1}, first, [few.astype("int32"), x], batch=False)
            yield Op("argsort", {"axis": axis}, lambda x, axis=axis: jnp.argsort(x, axis), [x], batch=False)
            down = lambda x, axis=axis: jnp.argsort(x, axis, descending=True)
            yield Op("argsort_descending", {"axis": axis}, down, [x], batch=False)
            if d != "bool":
                top = lambda x, axis=axis: lax.top_k(x, 2, axis=axis)
                yield Op("top_k", {"axis": axis, "k": 2}, top, [x], batch=d == "float32")
                for name, f in [("argmax", lax.argmax), ("argmin", lax.argmin)]:
                    best = lambda x, f=f, axis=axis: f(x, axis, jnp.int64)
                    yield Op(name, {"axis": axis}, best, [x], batch=d == "float32")
    for name, f in [("argsort", jnp.argsort), ("argsort_descending", lambda x: jnp.argsort(x, descending=True))]:
        yield Op(name, {"axis": 0}, f, [odd], batch=False)
    signed = np.copysign(odd, [1, -1, 1, 1, 1, 1, 1, 1])
    for x in [odd, signed, odd.astype("float32"), signed.astype("float32")]:
        yield Op("top_k", {"axis": 0, "k": 8}, lambda x: lax.top_k(x, 8), [x], derive=False, batch=False)
        yield Op("sort", {"axis": 0, "keys": 1}, lambda x: [lax.sort(x)], [x], derive=False, batch=False)
        yield Op("argmax", {"axis": 0}, lambda x: lax.argmax(x, 0, jnp.int64), [x], batch=False)
    for d in floats + ints:
        at = np.sort(some((6,), d))
        for side in ["left", "right"]:
            f = lambda a, v, side=side: jnp.searchsorted(a, v, side=side).astype(jnp.int32)
            yield Op("searchsorted", {"side": side}, f, [at, np.concatenate([at[::2], some((4,), d)])], batch=False)
    with_nan = np.array([1.0, 2.0, 2.0, np.nan])
    for side in ["left", "right"]:
        f = lambda a, v, side=side: jnp.searchsorted(a, v, side=side).astype(jnp.int32)
        yield Op("searchsorted", {"side": side}, f, [with_nan, np.array([np.nan, 2.0, -1.0, 9.0])], batch=False)

    yield from places(some, floats, ints)
    yield from windows(some, floats)
    yield from convolutions(some)


def places(some, floats, ints):
    """Scatters and gathers in general form; updates through `at`."""
    at = np.array([2, 0, 2, 7, -1, -9], "int32")
    unique = np.array([3, 0, 2], "int32")
    kinds = {"scatter": lax.scatter, "scatter_add": lax.scatter_add, "scatter_mul": lax.scatter_mul,
             "scatter_min": lax.scatter_min, "scatter_max": lax.scatter_max}
    # operand, indices, update window dims, inserted, scatter dims, operand batching, indices batching, updates
    shapes = [((4, 3), [[2], [0], [2], [7]], (1,), (0,), (0,), (), (), (4, 3)),
              ((4, 3), [[1, 2], [0, 1]], (0, 2), (), (1, 0), (), (), (2, 2, 2)),
              ((2, 4), [[[1], [3], [0]], [[2], [2], [7]]], (), (1,), (1,), (0,), (0,), (2, 3)),
              ((5,), [3], (0,), (), (0,), (), (), (2,))]
    alone = [((5, 3), [[4], [0], [2]], (1,), (0,), (0,), (), (), (3, 3)),
             ((2, 4), [[[1], [3]], [[0], [2]]], (), (1,), (1,), (0,), (0,), (2, 2))]
    for name, f in kinds.items():
        for d in floats + ints:
            for is_unique, rows in [(0, shapes), (1, alone)]:
                for shape, idx, win, ins, to, ob, ib, upd in rows:
                    dims = lax.ScatterDimensionNumbers(win, ins, to, ob, ib)
                    for mode in ["clip", "drop"]:
                        kind = {"clip": lax.GatherScatterMode.CLIP, "drop": lax.GatherScatterMode.FILL_OR_DROP}[mode]
                        idx = np.array(idx, "int32")
                        g = lambda x, u, f=f, dims=dims, kind=kind, idx=idx, q=bool(is_unique): f(
                            x, idx, u, dims, mode=kind, unique_indices=q)
                        lists = "/".join(",".join(map(str, l)) for l in [win, ins, to, ob, ib])
                        where = ",".join(map(str, idx.reshape(-1)))
                        params = {"dims": lists, "mode": mode, "unique": is_unique, "at": where,
                                  "shape": ",".join(map(str, idx.shape))}
                        # Of products JAX has no derivative where places may meet; that of extremes it reads elsewhere
                        # where windows are moved into range.
                        moved = mode == "clip" and name in ["scatter_min", "scatter_max"]
                        derive = is_unique or not (name == "scatter_mul" or moved)
                        yield Op(name, params, g, [some(shape, d), some(upd, d)], derive=derive, batch=d == "float32")
    for d in floats + ["int32", "uint64"]:
        x = some((5, 2), d)
        for mode in ["clip", "fill"]:
            for name, i in [("take", at), ("take", unique)]:
                f = lambda x, i=i, mode=mode: x.at[i].get(mode=mode, fill_value=3)
                yield Op(name, {"at": ",".join(map(str, i)), "mode": mode, "fill": 3}, f, [x], batch=False)
        for op in ["set", "add", "subtract", "multiply", "divide", "power", "min", "max"]:
            if op in ["divide", "power"] and d not in floats:
                continue
            for mode in ["clip", "drop"]:
                for q, i in [(0, at), (1, unique)]:
                    f = lambda x, v, i=i, op=op, mode=mode, q=bool(q): getattr(x.at[i], op)(v, mode=mode, unique_indices=q)
                    v = some((len(i), 2), d, 0.25, 2.0)
                    base = some((5, 2), d, 0.25, 2.0)
                    derive = q == 1 or op in ["add", "subtract"] or (op in ["min", "max"] and mode == "drop")
                    params = {"op": op, "at": ",".join(map(str, i)), "mode": mode, "unique": q}
                    yield Op("at", params, f, [base, v], derive=derive, batch=False)
            f = lambda x, v, op=op: getattr(x.at[1:4, 0], op)(v)
            yield Op("at", {"op": op, "at": "box"}, f, [some((5, 2), d, 0.25, 2.0), some((3,), d, 0.25, 2.0)], batch=False)
        double = lambda x, i=at: x.at[i].apply(lambda x: x * 2)
        yield Op("apply", {"at": ",".join(map(str, at))}, double, [x], derive=False, batch=False)


WINDOWS = [((6,), (2,), (1,), ((0, 0),), (1,), (1,)), ((7,), (3,), (2,), ((1, 1),), (1,), (1,)),
           ((5,), (2,), (1,), ((2, 0),), (2,), (2,)), ((4, 5), (2, 3), (2, 1), ((0, 1), (1, 1)), (1, 1), (1, 1)),
           ((3, 4), (1, 2), (1, 2), "SAME", (1, 1), (1, 1)), ((2, 5, 6), (1, 3, 2), (1, 2, 2), "SAME_LOWER", (1, 1, 1), (1, 1, 1))]


def windows(some, floats):
    kinds = {"reduce_window_sum": (lax.add, 0), "reduce_window_max": (lax.max, -np.inf), "reduce_window_min": (lax.min, np.inf)}
    for name, (op, init) in kinds.items():
        for d in floats + ["int32"]:
            for shape, size, strides, pad, base, dilation in WINDOWS:
                if d == "int32":
                    init = {"reduce_window_sum": 0, "reduce_window_max": -2**31, "reduce_window_min": 2**31 - 1}[name]
                f = lambda x, op=op, init=np.array(init, d), a=(size, strides, pad, base, dilation): lax.reduce_window(
                    x, init, op, a[0], a[1], a[2], a[3], a[4])
                params = {"size": size, "strides": strides, "pad": pad, "base": base, "dilation": dilation}
                derive = d != "int32" and (name == "reduce_window_sum" or base == (1,) * len(base))
                yield Op(name, clean(params), f, [some(shape, d)], derive=derive, batch=d == "float64")


def clean(params):
    """Numbers separated by commas."""
    flat = lambda v: v if isinstance(v, str) else ",".join(str(n) for n in np.array(v).reshape(-1))
    return {k: flat(v) for k, v in params.items()}


def convolutions(some):
    # operand, kernel, strides, padding, lhs dilation, rhs dilation, axes, feature groups, batch groups
    rows = [((2, 3, 7), (4, 3, 3), (1,), "VALID", (1,), (1,), "NCW,OIW,NCW", 1, 1),
            ((2, 3, 7), (4, 3, 3), (2,), "SAME", (1,), (1,), "NCW,OIW,NCW", 1, 1),
            ((2, 3, 8), (4, 3, 2), (3,), "SAME_LOWER", (1,), (2,), "NCW,OIW,NCW", 1, 1),
            ((1, 2, 5), (3, 2, 3), (1,), ((2, -1),), (2,), (1,), "NCW,OIW,NCW", 1, 1),
            ((1, 2, 5), (3, 2, 2), (2,), ((3, 2),), (3,), (2,), "NCW,OIW,NCW", 1, 1),
            ((1, 2, 4), (1, 2, 2), (1,), ((-1, -1),), (1,), (1,), "NCW,OIW,NCW", 1, 1),
            ((2, 5, 6, 3), (3, 2, 3, 4), (2, 1), "SAME", (1, 1), (1, 1), "NHWC,HWIO,NHWC", 1, 1),
            ((2, 4, 5, 6), (6, 2, 3, 3), (1, 2), ((1, 1), (0, 2)), (1, 1), (1, 2), "NCHW,OIHW,NCHW", 2, 1),
            ((2, 5, 5, 4), (3, 3, 1, 8), (1, 1), "SAME", (1, 1), (1, 1), "NHWC,HWIO,NHWC", 4, 1),
            ((4, 3, 6), (4, 3, 2), (1,), "VALID", (1,), (1,), "NCW,OIW,NCW", 1, 2),
            ((6, 1, 5), (3, 1, 2), (2,), ((1, 1),), (1,), (1,), "NCW,OIW,NCW", 1, 3),
            ((3, 2), (4, 2), (), (), (), (), "NC,OI,NC", 1, 1),
            ((1, 2, 3, 4, 3), (2, 2, 2, 2, 2), (1, 2, 1), "SAME", (1, 1, 1), (1, 1, 1), "NCDHW,OIDHW,NCDHW", 1, 1),
            ((5, 2, 4, 3), (2, 2, 3, 3), (1, 1), "VALID", (1, 1), (1, 1), "HNWC,WOIH,CWHN", 1, 1),
            ((1, 1, 2), (1, 1, 5), (1,), ((1, 1),), (1,), (1,), "NCW,OIW,NCW", 1, 1)]
    for d in ["float32", "float64", "int32"]:
        for lhs, rhs, strides, pad, ld, rd, axes, fg, bg in rows:
            f = lambda x, k, a=(strides, pad, ld, rd, axes, fg, bg): lax.conv_general_dilated(
                x, k, a[0], a[1], a[2], a[3], tuple(a[4].split(",")), a[5], a[6], precision=lax.Precision.HIGHEST)
            params = clean({"strides": strides, "pad": pad, "lhs": ld, "rhs": rd, "axes": axes, "groups": fg, "batches": bg})
            yield Op("conv", params, f, [some(lhs, d), some(rhs, d)], derive=d == "float64", batch=d == "float64")


# ---- indexing: what NumPy's brackets mean, to read and to update


def indexing():
    rng = np.random.default_rng(11)
    i, j = np.array([[2], [-1]]), np.array([1, 0, -2])
    far = np.array([1, 7, -9])
    rows, table = np.array([True, False, True]), np.arange(12).reshape(3, 4) % 3 == 0
    whole = (np.arange(60).reshape(3, 4, 5) % 7) == 2
    indices = {
        "int": (1,), "negative": (-1, ..., -2), "steps": (slice(None, None, 2), slice(None, None, -1), slice(1, -1)),
        "new": (None, 1, ..., None), "cut": (slice(-9, 9), slice(3, 1)), "rows": (i,), "pairs": (i, j), "apart": (i, slice(None), j),
        "inner": (slice(None), i, j), "last": (..., i, j), "int_apart": (1, slice(None), j), "int_beside": (1, j),
        "int_between": (i, 2, j), "new_between": (i, None, j), "new_apart": (i, slice(1, 3), None, j), "three": (i, j, 0 * j),
        "front_new": (None, slice(None), i, 1), "small": (np.array([1, -1], "int8"), np.array([0, 2], "uint8")),
        "mask_rows": (rows,), "mask_table": (table,), "mask_whole": (whole,), "mask_last": (..., np.array([True, False, False, True, True])),
        "mask_and_array": (rows, np.array([3, 1])), "mask_apart": (rows, slice(None), np.array([3, 1])), "mask_none": (np.zeros(3, bool),),
        "empty": (np.zeros((2, 0), int), j[:0]),
    }
    for d in ["float64", "float32", "int32"]:
        x = rng.integers(-9, 9, (3, 4, 5)).astype(d)
        for name, at in indices.items():
            yield Op("read", {"at": name}, lambda x, at=at: x[at], [x], batch=d == "float64")
            part = np.zeros((3, 4, 5))[at].shape
            for shape in [part, ()]:
                v = rng.integers(1, 4, shape).astype(d)
                for op in ["set", "add", "multiply", "min", "max"]:
                    # Where places meet, which of them stands is nobody's promise.
                    if op == "set" and name == "three" and shape:
                        continue
                    small = d == "float64" and op in ["set", "add"]
                    f = lambda x, v, at=at, op=op: getattr(x.at[at], op)(v)
                    yield Op("update", {"at": name, "op": op}, f, [x, v], derive=small, batch=small and shape == part)
        for mode in ["clip", "fill"]:
            yield Op("far", {"mode": mode, "op": "get"}, lambda x, m=mode: x.at[far, far].get(mode=m), [x])
            f = lambda x, v, m=mode: x.at[far, 1, far].add(v, mode="drop" if m == "fill" else m)
            yield Op("far", {"mode": mode, "op": "add"}, f, [x, np.ones(3, d)])


# ---- numbers: functions of floats beside the elementary ones


def numbers_set():
    special = jax.scipy.special
    for d in ["float32", "float64"]:
        x = np.array([0.3, 1.0, 2.5, -0.7, 11.0, 150.0, -3.3, 1e-3], d)
        y = np.array([2.0, -1.0, 0.0, 0.5, -0.0, 7.0, 3.25, -1e-3], d)
        odd = np.array([np.nan, np.inf, -np.inf, 0.0, -0.0, 1.0, -1.0, np.inf], d)
        other = np.array([1.0, np.inf, np.inf, -0.0, 0.0, np.nan, -np.inf, -np.inf], d)
        positive = np.abs(x) + np.asarray(0.5, d)
        for name, f in [("lgamma", lax.lgamma), ("digamma", lax.digamma)]:
            yield Op(name, {}, f, [x], batch=False)
            # JAX's lgamma of 1 is off by 5e-7 in f32.
            yield Op(name, {}, f, [np.where(odd == 1, np.asarray(2.5, d), odd)], derive=False, batch=False)
        for n in [1, 2, 3]:
            yield Op("polygamma", {"n": n}, lambda x, n=n: special.polygamma(n, x), [positive], batch=False)
        s = np.array([1.5, 2.0, 3.0, 7.5, 12.0, 2.0, 4.0, 2.5], d)
        yield Op("zeta", {}, special.zeta, [s, positive], derive=False, batch=False)
        for bits in [(8, 7), (5, 10), (4, 3), (8, 23), (3, 0)]:
            f = lambda x, b=bits: lax.reduce_precision(x, *b)
            wide = np.array([1.0, 1.005, 1.0078125, 65519.0, 65520.0, 1e-6, -3e38, 0.1, 240.0, 248.0, 15.5, 0.0156], d)
            yield Op("reduce_precision", {"bits": f"{bits[0]},{bits[1]}"}, f, [wide], batch=False)
            yield Op("reduce_precision", {"bits": f"{bits[0]},{bits[1]}"}, f, [odd], derive=False, batch=False)
        two = {"nextafter": jnp.nextafter, "logaddexp": jnp.logaddexp, "logaddexp2": jnp.logaddexp2, "hypot": jnp.hypot,
               "copysign": jnp.copysign, "fmod": jnp.fmod, "fmax": jnp.fmax, "fmin": jnp.fmin, "heaviside": jnp.heaviside}
        for name, f in two.items():
            derive = name in ["logaddexp", "logaddexp2", "hypot"]
            yield Op(name, {}, f, [x, y], derive=derive, batch=False)
            yield Op(name, {}, f, [odd, other], derive=False, batch=False)
        one = {"signbit": jnp.signbit, "trunc": jnp.trunc, "sinc": jnp.sinc, "nan_to_num": jnp.nan_to_num,
               "degrees": jnp.degrees, "radians": jnp.radians, "is_inf": jnp.isinf, "modf": jnp.modf, "frexp": jnp.frexp}
        for name, f in one.items():
            yield Op(name, {}, f, [x], derive=False, batch=False)
            # Of infinities JAX's modf leaves NaN, NumPy's nothing.
            if name not in ["sinc", "modf"]:
                yield Op(name, {}, f, [odd], derive=False, batch=False)
        n = np.array([0, 3, -2, 100, -100, 5, -7, 1], "int32")
        yield Op("ldexp", {}, jnp.ldexp, [x, n], batch=False)
    for d in ["int32", "uint32"]:
        big = np.array([2**31 - 1, 7, 123456789, 2**30], d)
        yield Op("mulhi", {}, lambda a, b: ((a.astype("int64") * b.astype("int64")) >> 32).astype(a.dtype),
                 [big, big[::-1].copy()], batch=False)


# ---- elementwise: every function of one and two numbers, on odd values and ordinary ones

FLOATS = ["float16", "bfloat16", "float32", "float64"]
INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]


def odd_values(d):
    d = jnp.dtype(d)
    if d == bool:
        return np.array([False, True])
    if jnp.issubdtype(d, jnp.floating):
        info = jnp.finfo(d)
        ordinary = [0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.0, -2.0, 3.5, -7.25, 0.1, 10.0, 100.0, -1000.0, 1e-3]
        with np.errstate(all="ignore"):
            return np.array(ordinary + [float(info.max), float(info.min), float(info.tiny), np.inf, -np.inf, np.nan]).astype(d)
    info = np.iinfo(d)
    small = [0, 1, 2, 7, 31, 32, 63, 64, 100] + ([-1, -8] if info.min < 0 else [])
    return np.array(small + [info.max, info.min, info.max - 1], d)


def elementwise():
    rng = np.random.default_rng(3)
    unary_floats = {n: getattr(lax, n) for n in (
        "sqrt rsqrt cbrt exp exp2 expm1 log log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh logistic "
        "erf erfc erf_inv lgamma digamma floor ceil is_finite").split()}
    unary_floats["round_away"] = lambda x: lax.round(x, lax.RoundingMethod.AWAY_FROM_ZERO)
    unary_floats["round_even"] = lambda x: lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN)
    unary_all = {n: getattr(lax, n) for n in "neg abs sign square".split()}
    unary_all |= {f"integer_pow{k}": (lambda x, k=k: lax.integer_pow(x, k)) for k in [0, 1, 2, 3, 5]}
    floats_pow = {f"integer_pow{k}": (lambda x, k=k: lax.integer_pow(x, k)) for k in [-1, -2]}
    unary_ints = {"not": lax.bitwise_not, "population_count": lax.population_count, "clz": lax.clz}
    # Where the ordinary points lie: inside of domains, off poles.
    inside = {"asin": (-0.9, 0.9), "acos": (-0.9, 0.9), "atanh": (-0.9, 0.9), "erf_inv": (-0.9, 0.9), "acosh": (1.2, 4.0),
              "tan": (-1.2, 1.2)}
    positive = {"sqrt", "rsqrt", "cbrt", "log", "log1p", "lgamma", "digamma"}
    shapes = [(), (0, 3), (3, 5), (1, 2, 1, 3, 2)]

    def ordinary(name, shape, d):
        low, high = inside.get(name, (0.3, 3.0) if name in positive else (-2.0, 2.0))
        return rng.uniform(low, high, shape).astype(jnp.dtype(d))

    for name, f in {**unary_floats, **unary_all, **floats_pow}.items():
        for d in FLOATS:
            yield Op("unary", {"f": name}, f, [odd_values(d)], derive=False, batch=False)
            for shape in shapes:
                yield Op("unary", {"f": name}, f, [ordinary(name, shape, d)], derive=d != "bfloat16" or shape == (3, 5),
                         batch=shape == (3, 5) and d == "float32")
    for name, f in {**unary_all, **unary_ints}.items():
        for d in INTS + (["bool"] if name == "not" else []):
            if name == "abs" and d[0] == "u":
                continue
            yield Op("unary", {"f": name}, f, [odd_values(d)], batch=False)

    arithmetic = {n: getattr(lax, n) for n in "add sub mul div rem max min".split()}
    floats = {"pow": lax.pow, "atan2": lax.atan2, "nextafter": lax.nextafter}
    bits = {"and": lax.bitwise_and, "or": lax.bitwise_or, "xor": lax.bitwise_xor}
    shifts = {n: getattr(lax, n) for n in "shift_left shift_right_logical shift_right_arithmetic".split()}
    compare = {n: getattr(lax, n) for n in "eq ne lt le gt ge".split()}
    for name, f in {**arithmetic, **floats, **bits, **shifts, **compare}.items():
        kinds = FLOATS + INTS
        if name in floats:
            kinds = FLOATS[2:] if name == "nextafter" else FLOATS
        elif name in bits or name in shifts:
            kinds = INTS
        if name in bits or name in compare or name in ["max", "min"]:
            kinds = kinds + ["bool"]
        for d in kinds:
            v = odd_values(d)
            x, y = np.repeat(v, len(v)), np.tile(v, len(v))
            yield Op("binary", {"f": name}, f, [x, y], derive=False, batch=False)
            if d in FLOATS:
                for shape in shapes:
                    low, high = (0.3, 2.0) if name in ["pow", "div", "rem"] else (-2.0, 2.0)
                    x, y = [rng.uniform(low, high, shape).astype(jnp.dtype(d)) for _ in range(2)]
                    yield Op("binary", {"f": name}, f, [x, y], derive=name not in ["rem", "nextafter"], batch=shape == (3, 5) and d == "float64")
    for a in FLOATS + INTS + ["bool"]:
        for b in FLOATS + INTS + ["bool"]:
            yield Op("convert", {"to": SHORT[b]}, lambda x, b=b: lax.convert_element_type(x, b), [odd_values(a)], derive=False, batch=False)
    for d in FLOATS + INTS:
        v = odd_values(d)
        x, low, high = v, np.roll(v, 1), np.roll(v, 5)
        yield Op("clamp", {}, lax.clamp, [low, x, high], derive=False, batch=False)
        yield Op("select", {}, lax.select_n, [np.arange(len(v)) % 2 == 1, x, low], derive=False, batch=d == "int8")
        if d in FLOATS:
            y = [rng.uniform(-2, 2, (3, 4)).astype(jnp.dtype(d)) for _ in range(3)]
            yield Op("clamp", {}, lambda lo, x, w: lax.clamp(lo, x, lo + abs(w)), y, batch=False)


# ---- arrays: reductions, movement, contractions


def arrays():
    rng = np.random.default_rng(5)
    some = lambda shape, d: (rng.integers(0, 2, shape).astype(bool) if d == "bool" else
                             rng.integers(0 if d[0] == "u" else -9, 9, shape).astype(d) if d in INTS else
                             rng.uniform(-2, 2, shape).astype(jnp.dtype(d)))
    kinds = FLOATS + INTS
    reductions = {"sum": (lax.reduce_sum, kinds), "prod": (lax.reduce_prod, kinds), "max": (lax.reduce_max, kinds + ["bool"]),
                  "min": (lax.reduce_min, kinds + ["bool"]), "and": (lax.reduce_and, INTS + ["bool"]),
                  "or": (lax.reduce_or, INTS + ["bool"]), "xor": (lax.reduce_xor, INTS + ["bool"])}
    for name, (f, dtypes) in reductions.items():
        for d in dtypes:
            for shape, axes in [((3, 4), (0,)), ((3, 4), (1,)), ((2, 3, 4), (0, 2)), ((5,), (0,)), ((2, 0, 3), (1,)), ((0, 3), (0, 1))]:
                x = some(shape, d)
                if name in ["max", "min"] and x.size and d in FLOATS:
                    x = np.unique(rng.permutation(4 * x.size))[: x.size].reshape(shape).astype(jnp.dtype(d))
                    rng.shuffle(x)
                derive = d in ["float32", "float64"] or (d in FLOATS and shape == (3, 4))
                yield Op("reduce", {"f": name, "axes": axes}, lambda x, f=f, axes=axes: f(x, axes=axes), [x], derive=derive,
                         batch=d in ["float32", "int16"] and shape == (2, 3, 4))
    moves = {
        "reshape": lambda x: x.reshape(4, 6), "transpose": lambda x: x.transpose(2, 0, 1), "rev": lambda x: lax.rev(x, (0, 2)),
        "broadcast": lambda x: lax.broadcast_in_dim(x, (2, 5, 3, 4), (0, 2, 3)), "pad": lambda x: lax.pad(x, jnp.zeros((), x.dtype), ((1, 2, 0), (-1, 1, 1), (0, -2, 2))),
        "slice": lambda x: lax.slice(x, (0, 1, 0), (2, 3, 4), (1, 1, 3)), "concatenate": lambda x: lax.concatenate([x, x[:, :1]], 1),
        "split": lambda x: lax.split(x, (1, 3), 2), "stack": lambda x: jnp.stack([x, x], 1), "tile": lambda x: jnp.tile(x, (2, 1, 3)),
        "squeeze": lambda x: lax.squeeze(x[:1], (0,)), "roll": lambda x: jnp.roll(x, 5, 1), "repeat": lambda x: jnp.repeat(x, 3, 1),
        "flip": lambda x: jnp.flip(x, 1), "swapaxes": lambda x: jnp.swapaxes(x, 0, 2), "moveaxis": lambda x: jnp.moveaxis(x, 0, -1),
        "tril": lambda x: jnp.tril(x, 1), "triu": lambda x: jnp.triu(x), "expand_dims": lambda x: jnp.expand_dims(x, 2),
        "dynamic_slice": lambda x: lax.dynamic_slice(x, (1, -1, 9), (1, 2, 3)),
        "dynamic_update_slice": lambda x: lax.dynamic_update_slice(x, x[:1, :2, :2], (7, -2, 1)),
        "cumsum": lambda x: jnp.cumsum(x, 1) if x.dtype != bool else x,
    }
    for name, f in moves.items():
        for d in ["float16", "bfloat16", "float32", "float64", "int8", "int32", "uint64", "bool"]:
            if name == "cumsum" and d in ["int8", "bool"]:
                continue
            yield Op("move", {"f": name}, f, [some((2, 3, 4), d)], derive=d in ["float32", "float64"], batch=d in ["float64", "int8"])
    dots = [("ij,jk->ik", (3, 4), (4, 5)), ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)), ("i,i->", (5,), (5,)), ("ij,ij->", (3, 4), (3, 4)),
            ("ijk,kjl->il", (2, 3, 4), (4, 3, 5)), ("i,j->ij", (3,), (4,)), ("ij,kj->ki", (3, 4), (5, 4)), ("bi,bi->b", (3, 4), (3, 4)),
            ("ij,jk->ik", (3, 0), (0, 5)), ("ij,jk->ik", (0, 4), (4, 5)), ("ij->ji", (3, 4), None), ("ii->i", (4, 4), None), ("ijk->j", (2, 3, 4), None),
            ("...ij,...jk->...ik", (2, 1, 3, 4), (5, 4, 2))]
    for spec, a, b in dots:
        for d in FLOATS + ["int8", "int32", "uint16", "int64"]:
            args = [some(a, d)] + ([some(b, d)] if b is not None else [])
            f = lambda *xs, spec=spec: jnp.einsum(spec, *xs, precision="highest")
            small = d in ["float32", "float64"]
            yield Op("einsum", {"spec": spec}, f, args, derive=small, batch=small and "..." not in spec)
    for a, b in [((3,), (3,)), ((2, 3), (3,)), ((3,), (3, 2)), ((2, 3), (3, 4)), ((5, 2, 3), (3, 4)), ((2, 3), (5, 3, 4)), ((5, 1, 2, 3), (4, 3, 2)), ((3,), (5, 3, 2))]:
        for d in FLOATS + ["int32", "uint8"]:
            f = lambda x, y: jnp.matmul(x, y, precision="highest")
            yield Op("matmul", {}, f, [some(a, d), some(b, d)], derive=d == "float64", batch=d == "float64")
    for d in ["float64", "float32", "int32"]:
        yield Op("tensordot", {}, lambda x, y: jnp.tensordot(x, y, 2, precision="highest"), [some((2, 3, 4), d), some((3, 4, 5), d)], batch=False)
        yield Op("outer", {}, jnp.outer, [some((2, 3), d), some((4,), d)], batch=False)


# ---- linalg: triangular factors and systems


def linalg():
    rng = np.random.default_rng(17)
    from jax.scipy.linalg import cho_solve, solve_triangular

    def numbers_of(shape, d):
        x = rng.uniform(-1, 1, shape)
        if d.startswith("complex"):
            x = x + 1j * rng.uniform(-1, 1, shape)
        return x.astype(d)

    def definite(shape, d):
        x = numbers_of(shape, d)
        n = shape[-1]
        return (x @ np.conj(np.swapaxes(x, -1, -2)) + n * np.eye(n)).astype(d)

    def firm(shape, d):
        return (numbers_of(shape, d) + (shape[-1] + 1) * np.eye(shape[-1])).astype(d)

    wide = ["float32", "float64", "complex64", "complex128"]
    for d in wide:
        for shape in [(1, 1), (3, 3), (7, 7), (2, 4, 4), (2, 1, 3, 3), (0, 0), (2, 0, 0), (0, 3, 3)]:
            yield Op("cholesky", {}, jnp.linalg.cholesky, [definite(shape, d)], batch=shape in [(3, 3), (2, 4, 4)])
        bad = np.stack([-np.eye(2), np.array([[1.0, 2.0], [2.0, 1.0]]), np.zeros((2, 2)), np.eye(2)]).astype(d)
        yield Op("cholesky", {}, jnp.linalg.cholesky, [bad], derive=False, batch=False)
        for left in [0, 1]:
            for lower in [0, 1]:
                for transpose in [0, 1]:
                    for conjugate in [0, 1]:
                        for unit in [0, 1]:
                            if conjugate and not d.startswith("complex"):
                                continue
                            flags = {"left": left, "lower": lower, "transpose": transpose, "conjugate": conjugate, "unit": unit}
                            f = lambda a, b, k=dict(flags): lax.linalg.triangular_solve(
                                a, b, left_side=bool(k["left"]), lower=bool(k["lower"]), transpose_a=bool(k["transpose"]),
                                conjugate_a=bool(k["conjugate"]), unit_diagonal=bool(k["unit"]))
                            b = (3, 2) if left else (2, 3)
                            yield Op("triangular_solve", flags, f, [firm((3, 3), d), numbers_of(b, d)], batch=unit == 0)
        flags = {"left": 1, "lower": 1, "transpose": 0, "conjugate": 0, "unit": 0}
        f = lambda a, b: lax.linalg.triangular_solve(a, b, left_side=True, lower=True)
        for a, b in [((2, 4, 4), (2, 4, 3)), ((0, 0), (0, 2)), ((2, 2), (2, 0)), ((0, 2, 2), (0, 2, 1)), ((9, 9), (9, 1))]:
            yield Op("triangular_solve", flags, f, [firm(a, d), numbers_of(b, d)], batch=False)
        zero = np.array([[0.0, 0.0], [1.0, 2.0]]).astype(d)
        if not d.startswith("complex"):
            yield Op("triangular_solve", flags, f, [zero, np.array([[1.0, 2.0], [3.0, 4.0]], d)], derive=False, batch=False)
        for lower in [0, 1]:
            g = lambda a, b, lower=lower: solve_triangular(a, b, lower=bool(lower))
            yield Op("solve_triangular", {"lower": lower}, g, [firm((4, 4), d), numbers_of((4,), d)])
        g = lambda l, b: cho_solve((l, True), b)
        yield Op("cho_solve", {}, g, [firm((4, 4), d), numbers_of((4,), d)])
        yield Op("cho_solve", {}, g, [firm((4, 4), d), numbers_of((4, 2), d)])
    for d in ["float16", "bfloat16"]:
        a, b = firm((3, 3), "float32"), numbers_of((3, 2), "float32")
        flags = {"left": 1, "lower": 1, "transpose": 0, "conjugate": 0, "unit": 0}
        f = lambda a, b: lax.linalg.triangular_solve(a, b, left_side=True, lower=True)
        yield Op("triangular_solve", flags, f, [jnp.asarray(a).astype(d), jnp.asarray(b).astype(d)], derive=False, batch=False)


SETS = {"families": families, "indexing": indexing, "numbers": numbers_set, "elementwise": elementwise, "arrays": arrays, "linalg": linalg,
        "complex": lambda: conformance_complex.cases(Op, clean, WINDOWS), "functions": lambda: conformance_functions.cases(Op),
        "methods": lambda: conformance_methods.cases(Op)}
# Sets that are lines already: mostly NumPy's values.
WRITTEN = {"tuples": lambda: conformance_tuples.lines(text), "limits": lambda: conformance_limits.lines(text)}


def main():
    folder = os.path.join(os.path.dirname(__file__), "..", "tests", "conformance")
    for name in sys.argv[1:] or [*SETS, *WRITTEN]:
        rng, made, left_out = np.random.default_rng(1), list(WRITTEN.get(name, list)()), 0
        for op in SETS.get(name, list)():
            try:
                made.extend(lines(op, rng))
            except NotImplementedError as e:
                left_out += 1
                print(f"{op.name} {op.params}: {e}", file=sys.stderr)
        with open(os.path.join(folder, f"{name}.txt.gz"), "wb") as file:
            file.write(gzip.compress(("\n".join(made) + "\n").encode(), mtime=0))
        print(f"{name}: {len(made)} cases of JAX {jax.__version__}, {left_out} operations left out")


main()
