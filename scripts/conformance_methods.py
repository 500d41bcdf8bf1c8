"""The set `methods` of scripts/conformance.py: what a user of jax.numpy calls on arrays, over every dtype, on odd values."""

import jax.numpy as jnp
import numpy as np

FLOATS = ["float16", "bfloat16", "float32", "float64"]
INTS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
ALL = FLOATS + INTS + ["bool"]

# Ours, theirs where it has another name.
UNARY = {n: getattr(jnp, n) for n in (
    "sqrt cbrt exp exp2 expm1 log log2 log10 log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh abs floor ceil "
    "square reciprocal signbit trunc degrees radians nan_to_num logical_not real imag conj angle").split()}
UNARY |= {"round": jnp.round, "is_nan": jnp.isnan, "is_inf": jnp.isinf, "is_finite": jnp.isfinite, "sign": jnp.sign}
BINARY = {n: getattr(jnp, n) for n in (
    "maximum minimum fmax fmin remainder floor_divide fmod pow float_power atan2 copysign logaddexp hypot heaviside equal "
    "not_equal logical_and logical_or logical_xor add subtract multiply divide isclose").split()}
BINARY |= {"lt": jnp.less, "le": jnp.less_equal, "gt": jnp.greater, "ge": jnp.greater_equal}
SMALL = [((3, 4), 0), ((3, 4), 1), ((2, 0), 0), ((5,), 0), ((2, 1, 3, 1, 2), 2), ((2, 1, 3, 1, 2), 4)]


def ours(y, d):
    """In the dtype in which narrow ints are counted here: that of JAX without 64 bits."""
    if d in ["int64", "uint64"]:
        return y
    return y.astype({"int64": "int32", "uint64": "uint32"}.get(y.dtype.name, y.dtype))


def odd(d):
    d = jnp.dtype(d)
    if d == bool:
        return np.array([False, True])
    if jnp.issubdtype(d, jnp.floating):
        info = jnp.finfo(d)
        with np.errstate(all="ignore"):
            return np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, -7.25, 0.1, 0.3, 100.0, float(info.max), np.inf, -np.inf, np.nan]).astype(d)
    info = np.iinfo(d)
    return np.array([0, 1, 2, 7, 63, 100] + ([-1, -8] if info.min < 0 else []) + [info.max, info.min], d)


def cases(Op):
    rng = np.random.default_rng(31)

    def some(shape, d):
        if d == "bool":
            return rng.integers(0, 2, shape).astype(bool)
        if d in INTS:
            return rng.integers(0 if d[0] == "u" else -9, 10, shape).astype(d)
        return rng.uniform(-2, 2, shape).astype(jnp.dtype(d))

    def attempt(*args, **more):
        op = Op(*args, **more)
        try:
            op.f(*op.inputs)
        except (TypeError, ValueError):
            return
        yield op

    for name, f in UNARY.items():
        # The angle of ints is in JAX's default float.
        for d in FLOATS if name == "angle" else ALL:
            yield from attempt("unary", {"f": name}, f, [odd(d)], derive=False, batch=False)
        wide = some((2, 1, 3, 1, 2), "int32")
        if name != "angle":
            yield from attempt("unary", {"f": name}, f, [wide], derive=False, batch=True)
    for name, f in BINARY.items():
        for d in ALL:
            v = odd(d)
            yield from attempt("binary", {"f": name}, f, [np.repeat(v, len(v)), np.tile(v, len(v))], derive=False, batch=False)
            yield from attempt("binary", {"f": name}, f, [some((2, 1, 3), d), some((4, 1), d)], derive=False, batch=False)
    for d in ALL:
        for name in ["sum", "prod", "max", "min", "mean", "var", "std", "any", "all"]:
            f = getattr(jnp, name)
            for shape, axis in SMALL:
                derive = d in ["float32", "float64"] and name not in ["any", "all", "std"]
                g = lambda x, f=f, axis=axis: ours(f(x, axis=axis), d)
                yield from attempt("fold", {"f": name, "axis": axis}, g, [some(shape, d)], derive=derive and 0 not in shape, batch=False)
            g = lambda x, f=f: ours(f(x, axis=(0, 2), keepdims=True), d)
            yield from attempt("kept", {"f": name}, g, [some((2, 3, 4), d)], derive=False, batch=d in ["float32", "int8"])
            if d in FLOATS:
                yield from attempt("fold", {"f": name, "axis": 0}, lambda x, f=f: f(x, axis=0), [odd(d)], derive=False, batch=False)
        for name in ["argmax", "argmin", "cumsum", "cumprod", "sort", "argsort"]:
            f = getattr(jnp, name)
            for shape, axis in SMALL:
                g = lambda x, f=f, axis=axis: f(x, axis=axis).astype("int32") if name.startswith("arg") else ours(f(x, axis=axis), d)
                yield from attempt("along", {"f": name, "axis": axis}, g, [some(shape, d)], derive=False, batch=shape == (3, 4) and d in ["int8", "float16"])
            if d in FLOATS and name != "cumprod":
                g = lambda x, f=f: f(x, axis=0).astype("int32") if name.startswith("arg") else f(x, axis=0)
                yield from attempt("along", {"f": name, "axis": 0}, g, [odd(d)], derive=False, batch=False)
        x = some((3, 4), d)
        yield from attempt("where", {}, jnp.where, [some((3, 1), "bool"), x, some((4,), d)], batch=False)
        at = np.array([[2, -1], [0, 9]], "int32")
        yield from attempt("take", {}, lambda x, i: jnp.take(x, i, axis=0), [x, at], batch=False)
        low, high = some((4,), d), some((3, 1), d)
        yield from attempt("clip", {}, jnp.clip, [x, low, high], derive=False, batch=False)
        for axis in [0, 1]:
            index = lambda x, i, axis=axis: jnp.take_along_axis(x, i, axis)
            yield from attempt("take_along_axis", {"axis": axis}, index, [x, rng.integers(-3, 3, (3, 4)).astype("int32")], batch=False)
