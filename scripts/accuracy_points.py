#!/usr/bin/env python3
"""Points of f64 for `accuracy f64`, with values to twice the digits by mpmath: N of each function, dense and awkward ones.

usage: accuracy_points.py N [FUNCTION ..]
"""
import random, struct, sys
import mpmath as m

m.mp.prec = 200
PI = m.pi


def uniform(a, b):
    return lambda: random.uniform(a, b)


def logarithmic(low, high, signed=True):
    """Log-uniform between powers of two."""
    def one():
        x = 2.0 ** random.uniform(low, high)
        return -x if signed and random.random() < 0.5 else x
    return one


def near(point, signed=True):
    """Close to a point, at all distances."""
    def one():
        d = 2.0 ** random.uniform(-52, -1)
        return point + (-d if signed and random.random() < 0.5 else d)
    return one


def multiples(step, most):
    """Next to multiples of a number: where a reduction cancels."""
    def one():
        x = float(step * random.randrange(1, int(2 ** random.uniform(1, most))))
        return struct.unpack("<d", struct.pack("<q", struct.unpack("<q", struct.pack("<d", x))[0] + random.randrange(-2, 3)))[0]
    return one


def between_ints(most):
    """Left of zero, close to an int and far from it."""
    return lambda: -random.randrange(1, most) + random.choice([1, -1]) * 2.0 ** random.uniform(-30, -1)


def logistic(x):
    return 1 / (1 + m.exp(-x))


def at_precision(f, bits):
    def g(x):
        with m.workprec(bits):
            return f(m.mpf(x))
    return g


everywhere = logarithmic(-1074, 1023.99)
turns = [logarithmic(-40, 5), multiples(PI / 4, 45), logarithmic(47, 1023.99), uniform(-50, 50)]
FUNCTIONS = {
    "sqrt": (m.sqrt, [logarithmic(-1074, 1023.9, False)]),
    "rsqrt": (lambda x: 1 / m.sqrt(x), [logarithmic(-1022, 1023.9, False)]),
    "cbrt": (lambda x: m.sign(x) * m.cbrt(abs(x)), [everywhere]),
    "exp": (m.exp, [uniform(-746, 710), logarithmic(-60, 9)]),
    "exp2": (lambda x: m.mpf(2) ** x, [uniform(-1076, 1024), logarithmic(-60, 9), near(0.0)]),
    "expm1": (m.expm1, [uniform(-50, 710), logarithmic(-60, 4)]),
    "log": (m.log, [logarithmic(-1074, 1023.9, False), near(1.0), uniform(0.5, 2)]),
    "log2": (lambda x: m.log(x, 2), [logarithmic(-1074, 1023.9, False), near(1.0), uniform(0.5, 2)]),
    "log1p": (m.log1p, [logarithmic(-60, 1023.9, False), near(-1.0, False), logarithmic(-60, -0.01), uniform(-0.5, 1)]),
    "sin": (at_precision(m.sin, 1400), turns),
    "cos": (at_precision(m.cos, 1400), turns),
    "tan": (at_precision(m.tan, 1400), turns),
    "asin": (m.asin, [uniform(-1, 1), logarithmic(-60, 0), lambda: 1 - 2.0 ** random.uniform(-53, -2)]),
    "acos": (m.acos, [uniform(-1, 1), logarithmic(-60, 0), lambda: random.choice([1, -1]) * (1 - 2.0 ** random.uniform(-53, -2))]),
    "atan": (m.atan, [uniform(-5, 5), logarithmic(-60, 60), near(1.0)]),
    "sinh": (m.sinh, [uniform(-711, 711), logarithmic(-60, 4)]),
    "cosh": (m.cosh, [uniform(-711, 711), logarithmic(-60, 4)]),
    "tanh": (m.tanh, [uniform(-20, 20), logarithmic(-60, 3)]),
    "asinh": (m.asinh, [uniform(-5, 5), logarithmic(-60, 1023)]),
    "acosh": (m.acosh, [uniform(1, 5), near(1.0, False), logarithmic(0, 1023, False)]),
    "atanh": (m.atanh, [uniform(-1, 1), logarithmic(-60, 0), lambda: 1 - 2.0 ** random.uniform(-53, -2)]),
    "logistic": (logistic, [uniform(-745, 40), logarithmic(-60, 5), uniform(-40, 40)]),
    "erf": (m.erf, [uniform(-6, 6), logarithmic(-60, 3)]),
    "erfc": (at_precision(m.erfc, 300), [uniform(-6, 26.5), logarithmic(-60, 3)]),
    "erf_inv": (m.erfinv, [uniform(-1, 1), logarithmic(-60, 0), lambda: 1 - 2.0 ** random.uniform(-53, -2)]),
    "lgamma": (lambda x: m.loggamma(x).real, [uniform(0, 20), logarithmic(-1000, 1000, False), near(1.0), near(2.0)]),
    "digamma": (m.digamma, [uniform(0, 20), logarithmic(-1000, 1000, False), near(1.4616321449683622)]),
    "lgamma_left": (lambda x: m.loggamma(x).real, [uniform(-20, 0), between_ints(100)]),
    "digamma_left": (m.digamma, [uniform(-20, 0), between_ints(100)]),
}


def bits(x):
    return "%016x" % struct.unpack("<Q", struct.pack("<d", x))[0]


def main():
    count, only = int(sys.argv[1]), sys.argv[2:]
    random.seed(20261125)
    for name, (f, kinds) in FUNCTIONS.items():
        if only and name not in only:
            continue
        for n in range(count):
            x = kinds[n % len(kinds)]()
            value = f(m.mpf(x))
            if isinstance(value, m.mpc) or m.isnan(value):
                continue
            high = float(value)
            low = float(value - m.mpf(high)) if abs(high) != float("inf") else 0.0
            print(name, bits(x), bits(high), bits(low))


main()
