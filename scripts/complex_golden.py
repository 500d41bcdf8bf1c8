"""Values and derivatives of complex functions according to JAX, for tests/complex.rs.

    python scripts/complex_golden.py > tests/data/complex.txt

One line per function and dtype: name, dtype, inputs, outputs, tangents of the outputs, cotangents of the inputs, each
a list of parts of complex (or real) numbers. Tangents and cotangents that go in follow from the number of the part, see
`direction`.
"""

import jax

jax.config.update("jax_enable_x64", True)

import jax.numpy as jnp
import numpy as np
from jax import lax

POINTS = [0.5 + 0.25j, -1.25 + 0.75j, 0.3 - 1.5j, -0.8 - 0.4j, 2.5 + 0.1j, 0.05 + 3.0j]

UNARY = {
    "neg": lax.neg, "abs": lax.abs, "sqrt": lax.sqrt, "rsqrt": lax.rsqrt,
    "exp": lax.exp, "exp2": lax.exp2, "expm1": lax.expm1, "log": lax.log,
    "log1p": lax.log1p, "log2": jnp.log2, "sin": lax.sin, "cos": lax.cos, "tan": lax.tan,
    "asin": lax.asin, "acos": lax.acos, "atan": lax.atan, "sinh": lax.sinh, "cosh": lax.cosh,
    "tanh": lax.tanh, "asinh": lax.asinh, "acosh_of_root": lambda z: lax.acosh(lax.sqrt(z)), "atanh": lax.atanh,
    "logistic": lax.logistic, "square": lax.square, "cube": lambda z: lax.integer_pow(z, 3),
    "inverse_square": lambda z: lax.integer_pow(z, -2), "reciprocal": jnp.reciprocal,
    "real": jnp.real, "imag": jnp.imag, "conj": jnp.conj, "angle": jnp.angle,
    "norm": lambda z: jnp.sum(z * jnp.conj(z)).real, "sum": jnp.sum, "prod": jnp.prod,
    "mean": jnp.mean, "var": jnp.var,
    "outer": lambda z: jnp.outer(z, jnp.conj(z)), "select": lambda z: jnp.where(z.real > 0, z, 2j * z),
    "rotated": lambda z: jnp.exp(1j * z.real) * z.imag, "slices": lambda z: z[1:] * z[:-1],
    "gather": lambda z: z[jnp.array([2, 0, 2])] ** 2, "sort": jnp.sort,
}
BINARY = {
    "add": lax.add, "sub": lax.sub, "mul": lax.mul, "div": lax.div, "pow": lax.pow,
    "dot": lambda x, y: x.reshape(2, 3) @ y.reshape(3, 2),
}


def direction(shape, dtype, seed):
    """Small numbers that a few lines in any language can make."""
    n = int(np.prod(shape))
    part = lambda k: ((np.arange(n) * 2 + k) * 37 + seed * 101) % 64 / 32.0 - 0.96875
    x = part(0) + 1j * part(1) if np.issubdtype(dtype, np.complexfloating) else part(0)
    return jnp.asarray(x.reshape(shape), dtype)


def parts(x):
    x = np.asarray(x).ravel()
    if np.iscomplexobj(x):
        x = np.stack([x.real, x.imag], -1).ravel()
    text = lambda v: np.format_float_positional(v, trim="-", unique=True) if 1e-4 < abs(v) < 1e6 else repr(v.item())
    return " ".join(text(v) for v in x)


def line(name, f, inputs):
    outs, tangents = jax.jvp(f, inputs, tuple(direction(x.shape, x.dtype, i) for i, x in enumerate(inputs)))
    _, back = jax.vjp(f, *inputs)
    cotangents = back(direction(outs.shape, outs.dtype, 7))
    inputs, cotangents = (" ".join(map(parts, x)) for x in (inputs, cotangents))
    print("|".join([name, str(inputs_dtype), inputs, parts(outs), parts(tangents), cotangents]))


for inputs_dtype in ["complex64", "complex128"]:
    x = jnp.array(POINTS, inputs_dtype)
    y = jnp.array(POINTS[2:] + POINTS[:2], inputs_dtype) * (0.5 - 0.75j)
    for name, f in UNARY.items():
        line(name, f, (x,))
    for name, f in BINARY.items():
        line(name, f, (x, y.astype(inputs_dtype)))
