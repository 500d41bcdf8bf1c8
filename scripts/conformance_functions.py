"""The set `functions` of scripts/conformance.py: array functions of jax.numpy composed of primitives."""

import jax.numpy as jnp
import numpy as np

FLOATS = ["float32", "float64"]


def cases(Op):
    rng = np.random.default_rng(29)

    def some(shape, d, low=-2.0, high=2.0):
        if d == "bool":
            return rng.integers(0, 2, shape).astype(bool)
        if np.issubdtype(np.dtype(d), np.integer):
            return rng.integers(0 if d[0] == "u" else -9, 10, shape).astype(d)
        if d.startswith("complex"):
            return (rng.uniform(low, high, shape) + 1j * rng.uniform(low, high, shape)).astype(d)
        return rng.uniform(low, high, shape).astype(d)

    yield from samples(Op, some)
    yield from series(Op, some)
    yield from arranged(Op, some)
    yield from powers(Op, some)


def samples(Op, some):
    with_nan = np.array([[1.0, np.nan, 3.0, -2.0], [0.5, 2.5, -1.0, 7.0], [np.nan] * 4])
    for d in FLOATS + ["int32"]:
        x, wide = some((3, 7), d), some((2, 1, 3, 2, 2), d)
        derive = d != "int32"
        for q in [0.0, 0.25, 0.5, 0.3, 1.0]:
            yield Op("quantile", {"q": q, "axis": "all"}, lambda x, q=q: jnp.quantile(x, q), [x], derive=derive, batch=False)
            yield Op("percentile", {"q": 100 * q, "axis": 1}, lambda x, q=q: jnp.percentile(x, 100 * q, axis=1), [x], derive=derive, batch=q == 0.3)
        yield Op("quantiles", {"axis": 0}, lambda x, q: jnp.quantile(x, q, axis=0), [x, np.array([0.1, 0.9], "float32" if d == "int32" else d)], derive=False, batch=False)
        for axis in [0, 1]:
            yield Op("median", {"axis": axis}, lambda x, axis=axis: jnp.median(x, axis=axis), [x], derive=derive, batch=axis == 1)
        yield Op("median", {"axis": 2}, lambda x: jnp.median(x, axis=2), [wide], derive=derive, batch=False)
        for shape in [(3, 5), (4,), (1, 6)]:
            yield Op("cov", {}, jnp.cov, [some(shape, d)], derive=derive, batch=shape == (3, 5))
            if shape != (1, 6):
                yield Op("corrcoef", {}, jnp.corrcoef, [some(shape, d)], derive=derive and shape == (3, 5), batch=False)
        yield Op("average", {}, lambda x, w: jnp.average(x, weights=w), [x, np.abs(x) + np.asarray(1, d)], derive=derive, batch=False)
        yield Op("ptp", {}, jnp.ptp, [x], derive=derive, batch=True)
        yield Op("count_nonzero", {}, lambda x: jnp.count_nonzero(x).astype("int32"), [x], batch=True)
        yield Op("histogram", {"bins": 5}, lambda x: jnp.histogram(x, 5), [x], derive=False, batch=False)
        edges = np.array([-5, -1, 0, 2, 4], "float32" if d == "int32" else d)
        yield Op("histogram_between", {}, lambda x, e: jnp.histogram(x, e)[0], [x, edges], derive=False, batch=False)
        for right in [0, 1]:
            for e in [edges, edges[::-1].copy()]:
                f = lambda x, e, right=right: jnp.digitize(x, e, right=bool(right)).astype("int32")
                yield Op("digitize", {"right": right}, f, [np.append(x, edges).astype(d), e.astype(d)], derive=False, batch=False)
    for d in FLOATS:
        for name in ["median", "quantile", "nansum", "nanprod", "nanmax", "nanmin", "nanmean", "nanvar", "nanstd"]:
            f = (lambda x: jnp.quantile(x, 0.3, axis=1)) if name == "quantile" else lambda x, f=getattr(jnp, name): f(x, axis=1)
            params = {"axis": 1} | ({"q": 0.3} if name == "quantile" else {})
            yield Op(name, params, f, [with_nan.astype(d)], derive=False, batch=False)
            if name.startswith("nan"):
                yield Op(name, params, f, [with_nan[:2].astype(d)], derive=name not in ["nanvar", "nanstd"], batch=True)
    ints = np.array([1, 5, 2, 2, -3, 0, 9, 5], "int32")
    yield Op("bincount", {"length": 6}, lambda x: jnp.bincount(x, length=6).astype("int32"), [ints], batch=False)
    yield Op("bincount_weighted", {"length": 6}, lambda x, w: jnp.bincount(x, w, length=6), [ints, some((8,), "float32")], batch=False)


def series(Op, some):
    for d in FLOATS + ["int32", "complex64"]:
        x = some((3, 5), d)
        for n, axis in [(1, 1), (2, 0), (0, 1), (3, 0)]:
            yield Op("diff", {"n": n, "axis": axis}, lambda x, n=n, axis=axis: jnp.diff(x, n, axis), [x], batch=n == 1)
        yield Op("ediff1d", {}, jnp.ediff1d, [x], batch=False)
        for a, v in [((5,), (3,)), ((3,), (5,)), ((4,), (4,)), ((6,), (2,)), ((2,), (6,)), ((1,), (3,))]:
            for mode in ["full", "same", "valid"]:
                for name, f in [("convolve", jnp.convolve), ("correlate", jnp.correlate)]:
                    g = lambda a, v, f=f, mode=mode: f(a, v, mode, precision="highest")
                    yield Op(name, {"part": mode}, g, [some(a, d), some(v, d)], derive=d == "float64", batch=False)
        yield Op("polyval", {}, jnp.polyval, [some((4,), d), some((2, 3), d)], batch=True)
        yield Op("polyval", {}, jnp.polyval, [some((0,), d), some((2,), d)], derive=False, batch=False)
        if d == "complex64":
            continue
        derive = d != "int32"
        yield Op("gradient", {"axis": 1}, lambda x: jnp.gradient(x, axis=1), [x], derive=derive, batch=True)
        yield Op("gradient", {"axis": 0}, lambda x: jnp.gradient(x, axis=0), [x[:2]], derive=derive, batch=False)
        yield Op("trapezoid", {"dx": 0.5}, lambda x: jnp.trapezoid(x, dx=0.5), [x], derive=derive, batch=True)
        at = np.sort(some((5,), d))
        yield Op("trapezoid_at", {}, lambda x, at: jnp.trapezoid(x, at), [x, at], derive=derive, batch=False)
        xp = np.array([-1, 0, 2, 5], d)
        yield Op("interp", {}, jnp.interp, [np.append(some((6,), d), xp).astype(d), xp, some((4,), d)], derive=False, batch=False)
        if derive:
            yield Op("interp", {}, jnp.interp, [some((2, 3), d, 0.1, 1.9), xp, some((4,), d)], derive=d == "float32")
            angles = np.cumsum(some((3, 9), d, 0.0, 3.0), 1)
            wrapped = ((angles + np.pi) % (2 * np.pi) - np.pi).astype(d)
            yield Op("unwrap", {"axis": 1}, lambda x: jnp.unwrap(x, axis=1), [wrapped], batch=True)


def arranged(Op, some):
    for d in FLOATS[:1] + ["int8", "bool"]:
        for shape in [(), (2,), (2, 3), (2, 3, 4)]:
            for name in ["hstack", "vstack", "dstack", "column_stack"]:
                if name == "column_stack" and len(shape) == 0:
                    continue
                f = lambda a, b, f=getattr(jnp, name): f([a, b])
                yield Op(name, {}, f, [some(shape, d), some(shape, d)], batch=shape == (2, 3))
            for n in [1, 2, 3]:
                yield Op(f"atleast_{n}d", {}, getattr(jnp, f"atleast_{n}d"), [some(shape, d)], batch=False)
        for turns in [-1, 0, 1, 2, 3, 4]:
            yield Op("rot90", {"turns": turns}, lambda x, turns=turns: jnp.rot90(x, turns), [some((2, 3, 2), d)], batch=turns == 1)
        yield Op("fliplr", {}, jnp.fliplr, [some((2, 3), d)], batch=False)
        yield Op("flipud", {}, jnp.flipud, [some((2, 3), d)], batch=False)
        yield Op("meshgrid", {}, jnp.meshgrid, [some((2,), d), some((3,), d), some((4,), d)], batch=False)
        yield Op("meshgrid_ij", {}, lambda *x: jnp.meshgrid(*x, indexing="ij"), [some((2,), d), some((3,), d)], batch=True)
        yield Op("isin", {}, jnp.isin, [some((2, 3), d), some((4,), d)], batch=False)
    for d in FLOATS + ["int32", "complex64"]:
        for increasing in [0, 1]:
            yield Op("vander", {"n": 3, "up": increasing}, lambda x, up=bool(increasing): jnp.vander(x, 3, up), [some((4,), d)], batch=True)
        for a, b in [((2,), (3,)), ((2, 3), (2, 2)), ((2,), (2, 3)), ((), (2,))]:
            yield Op("kron", {}, jnp.kron, [some(a, d), some(b, d)], batch=a == (2, 3))
        yield Op("cross", {}, jnp.cross, [some((4, 3), d), some((3,), d)], batch=False)
        yield Op("cross", {}, jnp.cross, [some((3,), d), some((3,), d)])
        for a, b in [((3,), (3,)), ((2, 3), (4, 3)), ((), (3,)), ((2, 3), (3,))]:
            yield Op("inner", {}, lambda x, y: jnp.inner(x, y, precision="highest"), [some(a, d), some(b, d)], batch=False)
    odd = np.array([1.0, np.nan, np.inf, -np.inf, 0.0, 1e-9])
    for d in FLOATS:
        x, y = np.repeat(odd, 6).astype(d), np.tile(odd, 6).astype(d)
        yield Op("isclose", {}, jnp.isclose, [x, y], batch=False)


def powers(Op, some):
    for d in ["int8", "uint8", "int16", "int32", "uint32", "int64", "uint64", "bool"]:
        x = some((40,), d)
        n = np.abs(some((40,), d).astype("int64")).astype(d) if d != "bool" else some((40,), d)
        edge = np.array([0, 0, 1, 2, 3, 7, 9, 63, 64, 100], "int64").astype(d)
        yield Op("pow", {}, jnp.power, [x, n], batch=False)
        yield Op("pow", {}, jnp.power, [np.repeat(edge, 10), np.tile(edge, 10)], batch=False)
        if d == "bool":
            yield Op("square", {}, lambda x: jnp.square(x), [x], batch=False)
            matrices = [some((3, 4), d), some((4, 2), d)]
            yield Op("matmul", {}, jnp.matmul, matrices)
            yield Op("rem", {}, jnp.fmod, [x, n], batch=False)
            continue
        for name, f in [("gcd", jnp.gcd), ("lcm", jnp.lcm)]:
            yield Op(name, {}, f, [x, some((40,), d)], batch=False)
            yield Op(name, {}, f, [some((2, 1), d), some((3,), d)], batch=False)
    for d in ["int32", "int64"]:
        x = np.array([2, 3, 0, -1, -1, 1, -2, 7], d)
        yield Op("pow", {}, jnp.power, [x, np.array([-3, -1, -2, -3, -2, -9, -1, 200], d)], batch=False)
    for d in FLOATS:
        yield Op("pow", {}, jnp.power, [some((6,), d, 0.3, 2.0), np.array([0, 1, -2, 3, 7, -1], "int32")], batch=False)
