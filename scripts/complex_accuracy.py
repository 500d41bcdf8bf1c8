"""Writes docs/accuracy_complex.md: errors of complex functions against mpmath.

    cargo build --release -p cotangent-jit --example complex_values
    python scripts/complex_accuracy.py target/release/examples/complex_values > docs/accuracy_complex.md

The error of a result is its distance from the true value, over the distance of floats of the size of the true value (so
small parts beside large ones count by the large ones); and, by part, that of the part which is off most by its own size.
"""

import random
import struct
import subprocess
import sys

import mpmath as mp

mp.mp.prec = 2400
N = 600
ONE = {
    "abs": abs, "sign": lambda z: z / abs(z), "sqrt": mp.sqrt, "rsqrt": lambda z: 1 / mp.sqrt(z),
    "exp": mp.exp, "exp2": lambda z: mp.exp(z * mp.log(2)), "expm1": lambda z: mp.exp(z) - 1,
    "log": mp.log, "log2": lambda z: mp.log(z) / mp.log(2), "log1p": lambda z: mp.log(1 + z),
    "sin": mp.sin, "cos": mp.cos, "tan": mp.tan, "asin": mp.asin, "acos": mp.acos, "atan": mp.atan,
    "sinh": mp.sinh, "cosh": mp.cosh, "tanh": mp.tanh, "asinh": mp.asinh, "acosh": mp.acosh,
    "atanh": mp.atanh, "logistic": lambda z: 1 / (1 + mp.exp(-z)),
}
TWO = {"mul": lambda x, y: x * y, "div": lambda x, y: x / y, "pow": lambda x, y: mp.exp(y * mp.log(x))}
# Where exponentials neither overflow nor vanish.
BOUNDED = {"exp", "exp2", "expm1", "sin", "cos", "tan", "sinh", "cosh", "tanh", "logistic"}
DTYPES = {"c64": ("f", 24, -149, 3.0e38), "c128": ("d", 53, -1074, 1.7e308)}


def rounded(x, code):
    return struct.unpack(code, struct.pack(code, x))[0]


def bits(z, code):
    return struct.pack("<" + 2 * code, z.real, z.imag)[::-1].hex()


def points(name, dtype, count, rng):
    """Of all sizes, moderate, near the unit circle, near the axes and near 1 and -1."""
    code = DTYPES[dtype][0]
    span = 36 if code == "f" else 300
    if name in BOUNDED:
        span = 1
    if name in ("mul", "div"):
        span //= 3
    out = []
    for k in range(count):
        kind = k % 6
        sign = lambda: rng.choice([-1, 1])
        if kind == 0:
            x, y = (sign() * 10 ** rng.uniform(-span, span) for _ in range(2))
        elif kind in (1, 2):
            x, y = rng.uniform(-4, 4), rng.uniform(-4, 4)
        elif kind == 3:
            a, r = rng.uniform(-3.14, 3.14), 1 + sign() * 10 ** rng.uniform(-12, -1)
            x, y = r * float(mp.cos(a)), r * float(mp.sin(a))
        elif kind == 4:
            x, y = rng.uniform(-3, 3), sign() * 10 ** rng.uniform(-12, -1)
            if rng.random() < 0.5:
                x, y = y, x
        else:
            x, y = sign() * (1 + sign() * 10 ** rng.uniform(-7, -1)), sign() * 10 ** rng.uniform(-9, -1)
        out.append(complex(rounded(x, code), rounded(y, code)))
    return out


def values(program, lines):
    text = subprocess.run([program], input="\n".join(lines) + "\n", text=True, capture_output=True, check=True).stdout
    return text.split()


def ulp(x, digits, least):
    x = abs(x)
    exponent = mp.frexp(x)[1] - digits if x else least
    return mp.ldexp(1, max(int(exponent), least))


def measure(program, name, f, arity, dtype):
    code, digits, least, most = DTYPES[dtype]
    rng = random.Random(f"{name} {dtype}")
    operands = [points(name, dtype, N, rng) for _ in range(arity)]
    if name == "pow":
        operands = [[complex(rounded(rng.uniform(-3, 3), code), rounded(rng.uniform(-3, 3), code)) for _ in range(N)] for _ in range(2)]
    rows = list(zip(*operands))
    lines = [f"{name} {dtype} " + " ".join(bits(z, code) for z in row) for row in rows]
    whole, part, where = 0, 0, None
    for row, text in zip(rows, values(program, lines)):
        size = 1 if name == "abs" else 2
        width = struct.calcsize(code) * size
        raw = bytes.fromhex(text.zfill(2 * width))[::-1]
        got = struct.unpack("<" + size * code, raw)
        true = f(*(mp.mpc(z.real, z.imag) for z in row))
        true = [mp.mpf(true)] if size == 1 else [mp.re(true), mp.im(true)]
        length = mp.sqrt(sum(t * t for t in true))
        if length > most or length < mp.ldexp(1, least + digits):
            continue
        distance = mp.sqrt(sum((g - t) ** 2 for g, t in zip(got, true)))
        error = distance / ulp(length, digits, least)
        if error > whole:
            whole, where = error, row
        part = max([part] + [abs(g - t) / ulp(t, digits, least) for g, t in zip(got, true)])
    return float(whole), float(part), where


def main():
    program = sys.argv[1]
    print("# Accuracy of functions of complex numbers\n")
    print(f"The largest error found over {N} points per function: of all sizes, moderate ones, near the unit circle, near the axes,")
    print("near 1 and -1 (for powers, both operands within 3 of 0). *whole* is the distance from the true value in units in the")
    print("last place of its magnitude; *part* is the worst of real and imaginary part in units of its own last place, which is")
    print("large where a part nearly vanishes. c64 is computed in f64 and rounded once. The reference is mpmath at 2400 bits.")
    print("Written by `scripts/complex_accuracy.py`.\n")
    print("| function | c64 whole | c64 part | c128 whole | at | c128 part |\n| --- | --- | --- | --- | --- | --- |")
    text = lambda x: f"{x:.2f}" if x < 1000 else f"{x:.1e}"
    for table, arity in ((TWO, 2), (ONE, 1)):
        for name, f in table.items():
            narrow, wide = (measure(program, name, f, arity, d) for d in DTYPES)
            at = " ".join(f"{z:.6g}" for z in wide[2] or ())
            print(f"| {name} | {text(narrow[0])} | {text(narrow[1])} | {text(wide[0])} | {at} | {text(wide[1])} |", flush=True)


main()
