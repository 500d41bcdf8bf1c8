"""Derivatives of elementwise functions at special points, for tests/conformance/special.txt.gz.

    python scripts/conformance_special.py

JAX is not the oracle of smooth functions here, because many of its rules give NaN at such points. The formulas are
differentiated by sympy and evaluated by mpmath. A point at the border of the domain, or an infinity, has the limit from inside the domain, along the
diagonal if both operands approach.

What has steps, kinks and ties is as in an installed JAX, derivatives to the second order; so are running folds and folds of
a vector, in lines `along | f=cumprod | x | y, its Jacobian, the Hessian of the sum of y[i] (i + 1)`.

A line is `one | f=atan | points | value, first, second, third derivative` or
`two | f=pow | x y | value, f_x, f_y, f_xx, f_xy, f_yy, f_xxx, f_xxy, f_xyy, f_yyy`, with arrays as in conformance.py. A NaN among
the derivatives asks for nothing: the limit is infinite or there is none.
"""

import gzip
import os

import mpmath as mp
import numpy as np
import sympy as sp

X, Y = sp.symbols("x y", real=True)
INF, NAN = float("inf"), float("nan")
HUGE, TINY = {"f64": 1e300, "f32": 1e36}, {"f64": 1e-300, "f32": 1e-36}


def lane(e):
    """log(1 + e^x) and its kin need no care: mpmath carries enough digits."""
    return sp.log(1 + sp.exp(e))


WIDE = [0.0, 1.0, -1.0, 2.0, -2.0, 3.0, 0.5, -0.5, "huge", "-huge", "tiny", INF, -INF]
ABOVE = [0.0, 1.0, 2.0, 4.0, 0.25, "huge", "tiny", INF]
INNER = [0.0, 0.5, -0.5, 1.0, -1.0, "tiny"]
SMALL = [0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, "tiny", INF, -INF]
LOGISTIC = 1 / (1 + sp.exp(-X))

ONE = {
    "sqrt": (sp.sqrt(X), ABOVE), "rsqrt": (1 / sp.sqrt(X), ABOVE), "exp": (sp.exp(X), SMALL),
    "exp2": (2**X, SMALL), "expm1": (sp.exp(X) - 1, SMALL), "log": (sp.log(X), ABOVE),
    "log2": (sp.log(X) / sp.log(2), ABOVE), "log1p": (sp.log(1 + X), ABOVE + [-1.0, -0.5]),
    "sin": (sp.sin(X), WIDE[:8]), "cos": (sp.cos(X), WIDE[:8]), "tan": (sp.tan(X), WIDE[:8]),
    "asin": (sp.asin(X), INNER), "acos": (sp.acos(X), INNER), "atan": (sp.atan(X), WIDE),
    "sinh": (sp.sinh(X), SMALL), "cosh": (sp.cosh(X), SMALL), "tanh": (sp.tanh(X), WIDE),
    "asinh": (sp.asinh(X), WIDE), "acosh": (sp.log(X + sp.sqrt(X**2 - 1)), [1.0, 2.0, 3.0, "huge", INF]),
    "atanh": (sp.log((1 + X) / (1 - X)) / 2, INNER), "logistic": (LOGISTIC, WIDE),
    "erf": (sp.erf(X), WIDE), "erfc": (sp.erfc(X), SMALL), "erf_inv": (sp.erfinv(X), [0.0, 0.5, -0.5]),
    "lgamma": (sp.loggamma(X), [1.0, 2.0, 3.0, 0.5]), "digamma": (sp.digamma(X), [1.0, 2.0, 3.0, 0.5]),
    "reciprocal": (1 / X, [1.0, -1.0, 2.0, "huge", INF, -INF]), "square": (X**2, WIDE[:8]),
    "cbrt": (sp.cbrt(X), [1.0, 2.0, 8.0, "huge", INF]), "sigmoid": (LOGISTIC, WIDE), "log10": (sp.log(X) / sp.log(10), ABOVE),
    "silu": (X * LOGISTIC, WIDE), "softplus": (lane(X), WIDE),
    "gelu": (X / 2 * (1 + sp.erf(X / sp.sqrt(2))), WIDE),
    "gelu_tanh": (X / 2 * (1 + sp.tanh(sp.sqrt(2 / sp.pi) * (X + sp.Rational(44715, 1000000) * X**3))), WIDE),
    "sinc": (sp.sin(sp.pi * X) / (sp.pi * X), [0.0, 0.5, -0.5, 1.0, 2.0, "tiny"]),
}
for n in [-2, -1, 0, 1, 2, 3]:
    points = [1.0, -1.0, 2.0, -2.0] + ([0.0] if n >= 0 else [INF, -INF])
    ONE[f"powi{n}"] = (X**n, points)
    ONE[f"power{n}"] = (X**n, points)

POWERS = [(2.0, 0.0), (0.5, 0.0), (2.0, 1.0), (2.0, 2.0), (0.0, 1.0), (0.0, 2.0), (0.0, 3.0), (0.0, 4.0), (0.0, 0.0), (1.0, 0.0),
          (1.0, 1.0), (1.0, 2.0), (3.0, -1.0), (0.0, 0.5), (0.0, 1.5), (0.0, 2.5), (INF, -1.0), (INF, -2.0), (INF, 0.0), (0.5, INF),
          (2.0, -INF), (1.0, 0.5), (4.0, 0.5)]
NEGATIVE = [(-2.0, 0.0), (-2.0, 1.0), (-2.0, 2.0), (-2.0, 3.0), (-1.0, 2.0), (-1.0, -1.0)]
PAIRS = [(0.0, 0.0), (1.0, 1.0), (-1.0, -1.0), (1.0, -1.0), (0.0, 1.0), (3.0, 0.0), (0.5, 2.0), (INF, 0.0), (0.0, INF), (-INF, 0.0),
         (0.0, -INF), (-INF, -INF), (INF, INF), (INF, -INF), ("huge", 1.0), ("huge", "huge"), ("-huge", 0.0), (1000.0, 1000.0)]
ANGLES = [(0.0, 1.0), (1.0, 0.0), (0.0, -1.0), (-1.0, 0.0), (1.0, 1.0), (-1.0, 1.0), (INF, 1.0), (1.0, INF), (-INF, 2.0),
          (2.0, -INF), ("huge", "huge"), ("huge", 1.0), (1.0, "huge"), ("tiny", "tiny"), ("tiny", 1.0)]
LENGTHS = [(3.0, 4.0), (1.0, 1.0), (3.0, 0.0), (0.0, -2.0), (-1.0, 1.0), (INF, 1.0), (1.0, -INF), ("huge", 1.0), ("huge", "huge"),
           ("tiny", "tiny"), ("-huge", 0.0)]
QUOTIENTS = [(0.0, 1.0), (1.0, 1.0), (1.0, INF), (0.0, INF), (-1.0, -INF), (INF, 1.0), ("tiny", "huge"), (-1.0, 2.0)]

TWO = {
    "pow": (X**Y, POWERS), "pow_in_x": (X**Y, NEGATIVE), "logaddexp": (sp.log(sp.exp(X) + sp.exp(Y)), PAIRS),
    "logaddexp2": (sp.log(2**X + 2**Y) / sp.log(2), PAIRS), "atan2": (sp.atan2(X, Y), ANGLES),
    "hypot": (sp.sqrt(X**2 + Y**2), LENGTHS), "div": (X / Y, QUOTIENTS),
    "mul": (X * Y, [(0.0, 0.0), (1.0, 0.0), (-1.0, 1.0), (2.0, 3.0)]),
}


def evaluate(f, at):
    """The limit of `f` from inside the domain, None where there is none or it is infinite."""
    special = [a for a in at if a in (0.0, 1.0, -1.0) or abs(a) == INF]
    exact = None
    if all(abs(a) != INF for a in at):
        mp.mp.dps = 60 if all(a == 0 or 1e-9 < abs(a) < 1e9 for a in at) else 1300
        try:
            exact = mp.mpmathify(f(*[mp.mpf(a) for a in at]))
            if mp.isfinite(exact) and mp.im(exact) == 0:
                return exact
        except (ZeroDivisionError, ValueError, TypeError):
            pass
        if not special:
            return None
    seen = []
    for k in [20, 60, 150]:
        mp.mp.dps = 3 * k + 100
        big, small = mp.mpf(10) ** k, mp.mpf(10) ** -k
        inside = {0.0: small, 1.0: 1 - small, -1.0: small - 1, INF: big, -INF: -big}
        # One operand approaches at a time: the others are where they are unless they have no value there.
        moved = [inside[a] if abs(a) == INF else mp.mpf(a) for a in at]
        if all(abs(a) != INF for a in at):
            moved = [inside.get(a, mp.mpf(a)) if i == 0 else mp.mpf(a) for i, a in enumerate(at)]
        try:
            value = mp.mpmathify(f(*moved))
        except (ZeroDivisionError, ValueError, TypeError):
            return None
        if not mp.isfinite(value) or mp.im(value) != 0:
            return None
        seen.append(value)
    a, b, c = seen
    if abs(c) < mp.mpf(10) ** -15 and abs(c) <= abs(b) <= abs(a):
        return mp.mpf(0)
    if abs(b - c) < mp.mpf(10) ** -15 * (1 + abs(c)):
        return c
    return None


def number(a, d):
    signs = {"huge": HUGE[d], "-huge": -HUGE[d], "tiny": TINY[d]}
    return np.float64(np.float32(signs.get(a, a))) if d == "f32" else float(signs.get(a, a))


def demanded(value, d):
    value = NAN if value is None else float(value)
    return value if abs(value) < (INF if d == "f64" else 3e38) else NAN


def text(xs, d):
    dtype = np.float64 if d == "f64" else np.float32
    with np.errstate(over="ignore", under="ignore"):
        x = np.asarray(xs, dtype)
    return f"{d}[{len(x)}]:{x.tobytes().hex()}"


def orders(count):
    if count == 1:
        return [(n,) for n in range(4)]
    return [(n - k, k) for n in range(4) for k in range(n + 1)]


def lines():
    for kind, table, symbols in [("one", ONE, (X,)), ("two", TWO, (X, Y))]:
        for name, (formula, points) in table.items():
            at = [p if isinstance(p, tuple) else (p,) for p in points]
            functions = []
            for order in orders(len(symbols)):
                g = formula
                for s, n in zip(symbols, order):
                    g = sp.diff(g, s, n) if n else g
                functions.append(sp.lambdify(symbols, g, "mpmath"))
            for d in ["f64", "f32"]:
                numbers = [tuple(number(a, d) for a in p) for p in at]
                columns = []
                for order, f in zip(orders(len(symbols)), functions):
                    values = [evaluate(f, p) for p in numbers]
                    if name == "pow_in_x" and order[1] > 0:
                        values = [None] * len(values)
                    if name == "pow" and sum(order) > 2:
                        # Exponents that are infinite: products of three of them overflow beside a power that is 0.
                        values = [None if abs(p[1]) == INF else v for p, v in zip(numbers, values)]
                    if name == "hypot" and sum(order) > 1:
                        # What the second derivative is divided by is no float.
                        values = [None if 0 < abs(p[0]) < 1e-30 else v for p, v in zip(numbers, values)]
                    if sum(order) > 1:
                        # Where both operands are infinite the second derivatives depend on the way there.
                        both = [sum(abs(a) == INF for a in p) > 1 for p in numbers]
                        values = [None if b else v for b, v in zip(both, values)]
                    columns.append([demanded(v, d) for v in values])
                xs = " ".join(text([p[i] for p in numbers], d) for i in range(len(symbols)))
                yield f"{kind} | f={name} | {xs} | " + " ".join(text(c, d) for c in columns)


KINKS = ["abs", "sign", "floor", "ceil", "round_even", "relu", "trunc", "elu"]
TIES = ["max", "min", "rem", "fmax", "fmin", "copysign", "heaviside", "remainder", "fmod"]
ALONG = ["cumsum", "cumprod", "cummax", "cummin", "cumlogsumexp", "cumsum_back", "cumprod_back", "cummax_back", "sum", "prod",
         "max_all", "min_all", "mean", "var", "logsumexp", "softmax", "log_softmax", "sort", "median", "ptp"]
STEPS = [0.0, -0.0, 1.0, -1.0, 2.0, -2.0, 0.5, -0.5, 1.5, 2.5, INF, -INF]
MEETING = [(0.0, 0.0), (1.0, 1.0), (-1.0, -1.0), (1.0, -1.0), (-1.0, 1.0), (2.0, 1.0), (-3.0, 2.0), (0.0, 1.0), (-0.0, 2.0),
           (3.0, -2.0), (1.0, INF), (-1.0, INF), (2.0, 2.0), (INF, INF), (-INF, 1.0), (-1.0, -INF)]
VECTORS = [[0.0, 0.0, 1.0, 1.0, -1.0, 2.0], [1.0, 1.0, 1.0], [3.0, 0.0, -2.0, 0.0, 1.0], [0.0], [-1.0, 2.0, 2.0, -1.0]]
FAR = {"cummax": [INF, 1.0, -INF], "cummin": [1.0, -INF, INF], "cumsum": [1.0, INF, 2.0], "max_all": [INF, 1.0, INF],
       "sum": [1.0, -INF], "sort": [INF, -INF, 0.0], "logsumexp": [-INF, 0.0, 1.0], "softmax": [-INF, 0.0, 0.0]}


def jax_lines():
    os.environ["JAX_ENABLE_X64"] = "1"
    import jax
    import jax.numpy as jnp
    from jax import lax

    kinks = {"abs": jnp.abs, "sign": jnp.sign, "floor": jnp.floor, "ceil": jnp.ceil, "round_even": jnp.round,
             "relu": jax.nn.relu, "trunc": jnp.trunc, "elu": jax.nn.elu}
    ties = {"max": jnp.maximum, "min": jnp.minimum, "rem": lax.rem, "fmax": jnp.fmax, "fmin": jnp.fmin, "copysign": jnp.copysign,
            "heaviside": jnp.heaviside, "remainder": jnp.remainder, "fmod": jnp.fmod}
    back = {"cumsum_back": lax.cumsum, "cumprod_back": lax.cumprod, "cummax_back": lax.cummax}
    along = {"cumsum": jnp.cumsum, "cumprod": jnp.cumprod, "cummax": lax.cummax, "cummin": lax.cummin,
             "cumlogsumexp": lax.cumlogsumexp, "sum": jnp.sum, "prod": jnp.prod, "max_all": jnp.max, "min_all": jnp.min,
             "mean": jnp.mean, "var": jnp.var, "logsumexp": jax.nn.logsumexp, "softmax": jax.nn.softmax,
             "log_softmax": jax.nn.log_softmax, "sort": jnp.sort, "median": jnp.median, "ptp": jnp.ptp}
    along.update({name: lambda x, f=f: f(x, reverse=True) for name, f in back.items()})

    def shown(x, d):
        return np.where(np.isfinite(x), x, NAN) if d else x

    for d in ["f64", "f32"]:
        dtype = np.float64 if d == "f64" else np.float32
        for name in KINKS:
            x = np.asarray(STEPS, dtype)
            f = kinks[name]
            g = lambda f: jax.vmap(jax.grad(f))
            columns = [f(x), shown(g(f)(x), 1), shown(g(jax.grad(f))(x), 1), np.full_like(x, NAN)]
            if name == "abs":
                # At 0 the derivative is the sign, 0, as in other systems; JAX has 1.
                columns[1] = np.where(x == 0, 0, columns[1]).astype(dtype)
            yield f"one | f={name} | {text(x, d)} | " + " ".join(text(np.asarray(c), d) for c in columns)
        for name in TIES:
            f, (x, y) = ties[name], np.asarray(MEETING, dtype).T
            columns = []
            for order in orders(2):
                g = f
                for n in [0] * order[0] + [1] * order[1]:
                    g = jax.grad(g, n)
                values = jax.vmap(g)(x, y) if sum(order) < 3 else np.full_like(x, NAN)
                # Where there is no value there is no derivative; of the magnitude at 0 it is 0 here, 1 in JAX.
                none = ~np.isfinite(columns[0]) if columns else False
                none |= (x == 0) if name == "copysign" and order == (1, 0) else False
                columns.append(values if order == (0, 0) else np.where(none, NAN, shown(values, 1)))
            yield f"two | f={name} | {text(x, d)} {text(y, d)} | " + " ".join(text(np.asarray(c), d) for c in columns)
        for name in ALONG:
            f = along[name]
            for x in VECTORS + ([FAR[name]] if name in FAR else []):
                x = np.asarray(x, dtype)
                weighted = lambda x: jnp.sum(jnp.ravel(f(x)) * jnp.arange(1.0, np.size(f(x)) + 1).astype(dtype))
                y, j, h = np.ravel(f(x)), jax.jacfwd(f)(x), jax.hessian(weighted)(x)
                columns = [y, shown(np.ravel(j), 1), shown(np.ravel(h), 1)]
                yield f"along | f={name} | {text(x, d)} | " + " ".join(text(np.asarray(c), d) for c in columns)


def write():
    where = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "tests", "conformance", "special.txt.gz")
    with gzip.GzipFile(where, "wb", mtime=0) as f:
        for line in [*lines(), *jax_lines()]:
            f.write((line + "\n").encode())


if __name__ == "__main__":
    write()
