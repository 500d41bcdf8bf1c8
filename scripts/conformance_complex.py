"""The set `complex` of scripts/conformance.py: complex numbers through functions, folds, products, movement, sorts.

On infinities, NaN and signed zeros JAX's functions of complex numbers are not those of C99's annex G everywhere, and ours are.
So of the special points those are kept where JAX agrees with C99, that is with NumPy's complex128, which has the C library's;
the others are counted, and listed by `python scripts/conformance_complex.py`.
"""

import itertools

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

KINDS = ["complex64", "complex128"]
SHAPES = [(), (0, 3), (3, 5), (1, 2, 1, 3, 2)]

UNARY = {n: getattr(lax, n) for n in (
    "neg abs sign sqrt rsqrt exp exp2 expm1 log log1p sin cos tan asin acos atan sinh cosh tanh asinh acosh atanh logistic "
    "square real imag conj").split()}
UNARY |= {f"integer_pow{k}": (lambda z, k=k: lax.integer_pow(z, k)) for k in [0, 1, 2, 3, 5, -1, -2]}
UNARY |= {"angle": jnp.angle, "log10": jnp.log10, "log2": jnp.log2, "reciprocal": jnp.reciprocal, "is_nan": jnp.isnan,
          "is_inf": jnp.isinf, "is_finite": jnp.isfinite, "logical_not": jnp.logical_not}
# C99's functions, as NumPy has them.
C99 = {n: getattr(np, n) for n in "sqrt exp log sin cos tan sinh cosh tanh abs".split()}
C99 |= {"a" + n: getattr(np, "arc" + n) for n in "sin cos tan sinh cosh tanh".split()}
EXACT = ["neg", "real", "imag", "conj", "is_nan", "is_inf", "is_finite", "logical_not", "angle"]
BINARY = {n: getattr(lax, n) for n in "add sub mul div pow max min eq ne".split()}
BINARY |= {"lt": jnp.less, "le": jnp.less_equal, "gt": jnp.greater, "ge": jnp.greater_equal, "fmax": jnp.fmax, "fmin": jnp.fmin,
           "atan2": jnp.arctan2, "logaddexp": jnp.logaddexp}


def specials(d):
    parts = [0.0, -0.0, 1.0, -1.0, np.inf, -np.inf, np.nan]
    z = np.zeros(len(parts) ** 2, d)
    z.real, z.imag = np.array(list(itertools.product(parts, parts))).T
    return z


def agrees(a, b):
    """Part by part: equal, of one sign, or both NaN."""
    def same(x, y):
        with np.errstate(all="ignore"):
            near = (x == y) | (np.abs(x - y) <= 1e-6 * np.abs(y))
        return (np.isnan(x) & np.isnan(y)) | (near & (np.signbit(x) == np.signbit(y)))
    a, b = np.asarray(a), np.asarray(b)
    return same(a.real, b.real) & same(a.imag, b.imag) if np.iscomplexobj(a) else same(a, b)


def kept(name, d):
    """Special points at which JAX is C99's, and those at which it is not."""
    z = specials(d)
    if name in EXACT:
        return z, z[:0]
    with np.errstate(all="ignore"):
        right = agrees(UNARY[name](jnp.asarray(z)), C99[name](z.astype("complex128")))
    if name == "cos":
        # C99 leaves the sign of its imaginary part open.
        right &= ~((z.real == 0) & np.isnan(z.imag))
    return z[right], z[~right]


def cases(Op, clean, windows):
    rng = np.random.default_rng(23)

    def some(shape, d, low=-2.0, high=2.0):
        return (rng.uniform(low, high, shape) + 1j * rng.uniform(low, high, shape)).astype(d)

    for name, f in UNARY.items():
        for d in KINDS:
            for shape in SHAPES:
                derive = not name.startswith("is_") and name != "logical_not" and shape != (0, 3)
                z = some(shape, d)
                # Left of 0 JAX's derivative of acosh has the other sign; ours is that of the branch.
                z = np.where(z.real < 0, -z, z) if name == "acosh" else z
                yield Op("unary", {"f": name}, f, [z], derive=derive, batch=shape == (3, 5))
            if name in C99 or name in EXACT:
                yield Op("special", {"f": name}, f, [kept(name, d)[0]], derive=False, batch=False)
    for name, f in BINARY.items():
        for d in KINDS:
            for shape in SHAPES:
                x, y = some(shape, d), some(shape, d)
                if shape == (3, 5):
                    # Some equal, some with equal real parts.
                    y[0] = x[0]
                    y[1].real = x[1].real
                derive = name in ["add", "sub", "mul", "div", "pow", "max", "min", "atan2"] and shape != (0, 3)
                yield Op("binary", {"f": name}, f, [x, y], derive=derive, batch=shape == (3, 5))
            if name not in ["div", "pow", "atan2", "logaddexp"]:
                z = specials(d)
                x, y = np.repeat(z, len(z)), np.tile(z, len(z))
                if name in ["add", "sub", "mul"]:
                    x, y = x[::7], y[::7]
                yield Op("two", {"f": name}, f, [x, y], derive=False, batch=False)
    for d in KINDS:
        yield Op("complex", {}, lax.complex, [some((3, 4), d).real, some((3, 4), d).imag], batch=False)
        yield Op("select", {}, lax.select_n, [np.arange(7) % 2 == 1, some((7,), d), some((7,), d)])
        part = "float32" if d == "complex64" else "float64"
        yield Op("convert", {"to": "c128"}, lambda x: lax.convert_element_type(x, "complex128"), [some((4,), d)], batch=False)
        yield Op("convert", {"to": "c64"}, lambda x: lax.convert_element_type(x, "complex64"), [some((4,), d).real], batch=False)
        yield Op("convert", {"to": "bool"}, lambda x: lax.convert_element_type(x, bool), [specials(d)], batch=False)
        yield Op("convert", {"to": "f32"}, lambda x: x.real.astype("float32"), [some((4,), d)], derive=part == "float32", batch=False)
    yield from folds(Op, some)
    yield from products(Op, some, clean)
    yield from movement(Op, some)
    yield from places(Op, some)


def folds(Op, some):
    reductions = {"sum": lax.reduce_sum, "prod": lax.reduce_prod, "max": lax.reduce_max, "min": lax.reduce_min}
    for d in KINDS:
        for name, f in reductions.items():
            for shape, axes in [((3, 4), (0,)), ((3, 4), (1,)), ((2, 3, 4), (0, 2)), ((5,), (0,)), ((2, 0, 3), (1,)), ((1, 2, 1, 3, 2), (1, 3))]:
                g = lambda z, f=f, axes=axes: f(z, axes=axes)
                derive = not (name in ["max", "min"] and 0 in shape)
                yield Op("reduce", {"f": name, "axes": axes}, g, [some(shape, d)], derive=derive, batch=shape in [(3, 4), (5,)])
        for name, f in {"mean": jnp.mean, "var": jnp.var, "std": jnp.std, "sum": jnp.sum, "prod": jnp.prod, "max": jnp.max,
                        "min": jnp.min, "any": jnp.any, "all": jnp.all}.items():
            derive = name not in ["any", "all"]
            yield Op("method", {"f": name, "axes": "1"}, lambda z, f=f: f(z, axis=1), [some((3, 4), d)], derive=derive, batch=derive)
        for name, f in {"cumsum": lax.cumsum, "cumprod": lax.cumprod, "cummax": lax.cummax, "cummin": lax.cummin}.items():
            for shape, axis in [((7,), 0), ((2, 5), 1), ((4, 3), 0), ((1,), 0), ((2, 0), 1), ((2, 3, 4), 1)]:
                for reverse in [False, True]:
                    g = lambda z, f=f, axis=axis, reverse=reverse: f(z, axis=axis, reverse=reverse)
                    yield Op(name, {"axis": axis, "reverse": int(reverse)}, g, [some(shape, d)], batch=shape == (2, 5))
        for shape, axis in [((6,), 0), ((3, 4), 0), ((3, 4), 1)]:
            z = some(shape, d)
            # Some with equal real parts.
            z.real[..., ::2] = 0.5
            yield Op("sort", {"axis": axis, "keys": 1}, lambda z, axis=axis: [lax.sort(z, axis)], [z])
            yield Op("argsort", {"axis": axis}, lambda z, axis=axis: jnp.argsort(z, axis), [z], batch=False)
            both = lambda z, n, axis=axis: lax.sort((z, n), dimension=axis, num_keys=1)
            yield Op("sort", {"axis": axis, "keys": 1}, both, [z, np.arange(z.size, dtype="int32").reshape(shape)], batch=False)
        signed = np.array([complex(*p) for p in [(1, 2), (np.nan, 0), (-0.0, 3), (0, -3), (np.inf, 1), (2, np.nan), (0, 0)]], d)
        yield Op("argsort", {"axis": 0}, jnp.argsort, [signed], batch=False)


def products(Op, some, clean):
    dots = [("ij,jk->ik", (3, 4), (4, 5)), ("bij,bjk->bik", (2, 3, 4), (2, 4, 5)), ("i,i->", (5,), (5,)), ("ij,kj->ki", (3, 4), (5, 4)),
            ("ijk,kjl->il", (2, 3, 4), (4, 3, 5)), ("i,j->ij", (3,), (4,)), ("ij,jk->ik", (3, 0), (0, 5)), ("ij->ji", (3, 4), None),
            ("ii->i", (4, 4), None), ("ijk->j", (2, 3, 4), None), ("...ij,...jk->...ik", (2, 1, 3, 4), (5, 4, 2))]
    for d in KINDS:
        for spec, a, b in dots:
            args = [some(a, d)] + ([some(b, d)] if b is not None else [])
            f = lambda *zs, spec=spec: jnp.einsum(spec, *zs, precision="highest")
            yield Op("einsum", {"spec": spec}, f, args, batch="..." not in spec)
        for a, b in [((3,), (3,)), ((2, 3), (3, 4)), ((5, 1, 2, 3), (4, 3, 2)), ((3,), (5, 3, 2))]:
            yield Op("matmul", {}, lambda x, y: jnp.matmul(x, y, precision="highest"), [some(a, d), some(b, d)])
        yield Op("outer", {}, jnp.outer, [some((2, 3), d), some((4,), d)], batch=False)
        rows = [((2, 3, 7), (4, 3, 3), (2,), "SAME", (1,), (1,), "NCW,OIW,NCW", 1, 1),
                ((1, 2, 5), (3, 2, 2), (2,), ((3, 2),), (3,), (2,), "NCW,OIW,NCW", 1, 1),
                ((2, 4, 5, 6), (6, 2, 3, 3), (1, 2), ((1, 1), (0, 2)), (1, 1), (1, 2), "NCHW,OIHW,NCHW", 2, 1)]
        for lhs, rhs, strides, pad, ld, rd, axes, fg, bg in rows:
            f = lambda x, k, a=(strides, pad, ld, rd, axes, fg, bg): lax.conv_general_dilated(
                x, k, a[0], a[1], a[2], a[3], tuple(a[4].split(",")), a[5], a[6], precision=lax.Precision.HIGHEST)
            params = clean({"strides": strides, "pad": pad, "lhs": ld, "rhs": rd, "axes": axes, "groups": fg, "batches": bg})
            yield Op("conv", params, f, [some(lhs, d), some(rhs, d)], batch=False)


def movement(Op, some):
    moves = {
        "reshape": lambda x: x.reshape(4, 6), "transpose": lambda x: x.transpose(2, 0, 1), "rev": lambda x: lax.rev(x, (0, 2)),
        "broadcast": lambda x: lax.broadcast_in_dim(x, (2, 5, 3, 4), (0, 2, 3)), "pad": lambda x: lax.pad(x, jnp.zeros((), x.dtype), ((1, 2, 0), (-1, 1, 1), (0, -2, 2))),
        "slice": lambda x: lax.slice(x, (0, 1, 0), (2, 3, 4), (1, 1, 3)), "concatenate": lambda x: lax.concatenate([x, x[:, :1]], 1),
        "stack": lambda x: jnp.stack([x, x], 1), "tile": lambda x: jnp.tile(x, (2, 1, 3)), "roll": lambda x: jnp.roll(x, 5, 1),
        "repeat": lambda x: jnp.repeat(x, 3, 1), "swapaxes": lambda x: jnp.swapaxes(x, 0, 2), "tril": lambda x: jnp.tril(x, 1),
        "dynamic_slice": lambda x: lax.dynamic_slice(x, (1, -1, 9), (1, 2, 3)),
        "dynamic_update_slice": lambda x: lax.dynamic_update_slice(x, x[:1, :2, :2], (7, -2, 1)),
    }
    for name, f in moves.items():
        for d in KINDS:
            yield Op("move", {"f": name}, f, [some((2, 3, 4), d)], batch=d == "complex64")


def places(Op, some):
    at, unique = np.array([2, 0, 2, 7, -1, -9], "int32"), np.array([3, 0, 2], "int32")
    for d in KINDS:
        for mode in ["clip", "fill"]:
            for i in [at, unique]:
                f = lambda x, i=i, mode=mode: x.at[i].get(mode=mode, fill_value=3)
                yield Op("take", {"at": ",".join(map(str, i)), "mode": mode, "fill": 3}, f, [some((5, 2), d)], batch=False)
        for op in ["set", "add", "subtract", "multiply", "divide", "min", "max"]:
            for mode in ["clip", "drop"]:
                for q, i in [(0, at), (1, unique)]:
                    f = lambda x, v, i=i, op=op, mode=mode, q=bool(q): getattr(x.at[i], op)(v, mode=mode, unique_indices=q)
                    derive = q == 1 or op in ["add", "subtract"] or (op in ["min", "max"] and mode == "drop")
                    params = {"op": op, "at": ",".join(map(str, i)), "mode": mode, "unique": q}
                    yield Op("at", params, f, [some((5, 2), d, 0.25), some((len(i), 2), d, 0.25)], derive=derive, batch=False)


if __name__ == "__main__":
    jax.config.update("jax_enable_x64", True)
    for name in C99:
        for d in KINDS:
            inside, outside = kept(name, d)
            print(f"{name} {d}: JAX is C99's at {len(inside)} of {len(specials(d))} special points, not at", *map(str, outside))
