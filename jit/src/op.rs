//! The closed list of scalar operations: one table, whose rows state every fact about an op.
//!
//! The enums [`ScalarOp`] and [`MachineOp`], the list of all ops, names, signatures, results, the
//! behaviour on NaN and on narrow types, costs, and the choice of a definition all follow from the
//! table. Every op is total: its row says what the odd inputs give.
//!
//! - A *machine op* is implemented by the interpreter and by every backend. Their matches on
//!   [`MachineOp`] are exhaustive, so a new machine op is a compile error until each of them
//!   implements it.
//! - An *elementary op* is not implemented by backends at all. Its row names its one definition in
//!   terms of machine ops, a function in [`math`](crate::math), so a new elementary op does not
//!   compile without a definition. The interpreter, vector loops, remainder loops and every backend
//!   share the definition, so their results agree to the bit.
//!
//! The definitions do not live here, nor does the code that executes machine ops.

use crate::DType;

/// Calls the macro `$then` with the table of all ops. A row reads
///
/// ```text
/// Name "printed name": arity Class -> Result, NaN, Narrowing, [on real operands], [on complex
/// operands];
/// ```
///
/// - *arity, class*: the number of operands and their types, see [`Class`].
/// - *result*: the type of the result. It is the `Same` as that of the operands, `Bool`, the `Part`
///   of a complex number, the complex number that is a `Pair` of operands, or the type that the op
///   names (`Converted`, `Recast`).
/// - *NaN*: `MakesNan` if floats without a NaN among them may give one, else `NoNan`.
/// - *narrowing*: how results of 8 and 16 bits follow from those of 32 bits, see [`Narrowing`].
/// - *on real operands*: `[machine n]` counts as `n` floating-point operations; `[elementary f]` is
///   defined by `math::f`. `brief` marks a definition too short to be worth a call. `near g` names
///   a shorter definition, `math::g`, that holds for some operands.
/// - *on complex operands*: the same, with definitions in `math::complex`; `[none]` if the op takes
///   no complex operands.
macro_rules! scalar_ops {
    ($then:ident) => { $then! {
        machine {
            // ---- one operand
            /// `-x`; ints wrap.
            Neg "neg": 1 Number -> Same, NoNan, ExactFloat, [machine 1], [machine 2];
            /// `|x|`; `|INT_MIN|` is `INT_MIN`; of a float it clears the sign bit.
            Abs "abs": 1 Number -> Part, NoNan, ExactFloat, [machine 1], [elementary number::abs];
            /// Bitwise complement; logical not of bool.
            Not "not": 1 Bits -> Same, NoNan, Rounded, [machine 0], [none];
            /// The greatest whole number that is not above `x`.
            Floor "floor": 1 Float -> Same, NoNan, Exact, [machine 1], [none];
            /// The least whole number that is not below `x`.
            Ceil "ceil": 1 Float -> Same, NoNan, Exact, [machine 1], [none];
            /// The whole part: rounds toward zero.
            Trunc "trunc": 1 Float -> Same, NoNan, Exact, [machine 1], [none];
            /// The nearest whole number; ties go to the even one.
            RoundEven "round_even": 1 Float -> Same, NoNan, Exact, [machine 1], [none];
            /// The square root, correctly rounded; of a negative number NaN.
            Sqrt "sqrt": 1 Float -> Same, MakesNan, Rounded,
                [machine 1], [elementary exponential::sqrt];
            /// The number of one bits, in the type of the operand.
            PopCount "popcount": 1 Int -> Same, NoNan, Special, [machine 0], [none];
            /// The number of leading zeros, in the type of the operand; the width for 0.
            Clz "clz": 1 Int -> Same, NoNan, Special, [machine 0], [none];

            // ---- two operands
            /// The sum; ints wrap.
            Add "add": 2 Number -> Same, MakesNan, Rounded, [machine 1], [machine 2];
            /// The difference; ints wrap.
            Sub "sub": 2 Number -> Same, MakesNan, Rounded, [machine 1], [machine 2];
            /// The product; ints wrap.
            Mul "mul": 2 Number -> Same, MakesNan, Rounded, [machine 1], [machine 6];
            /// The quotient. Ints round toward zero; `x / 0` is all ones (-1 if signed); `INT_MIN /
            /// -1` is `INT_MIN`.
            Div "div": 2 Number -> Same, MakesNan, Rounded,
                [machine 1], [elementary number::quotient];
            /// The remainder, with the sign of the dividend. Ints: `x % 0` is `x`; `INT_MIN % -1`
            /// is 0. Floats: exact `fmod`; `x % 0` is NaN.
            Rem "rem": 2 Number -> Same, MakesNan, Exact, [machine 1], [none];
            /// The greater operand. A NaN operand gives NaN; `max(-0, 0)` is 0. Complex numbers are
            /// compared by their real parts or, where those are equal, by their imaginary parts;
            /// the second operand is the result unless the first is greater, so also beside a NaN.
            Max "max": 2 Any -> Same, NoNan, Exact, [machine 1], [machine 1];
            /// The lesser operand. A NaN operand gives NaN; `min(-0, 0)` is -0. Complex numbers are
            /// compared as for `Max`.
            Min "min": 2 Any -> Same, NoNan, Exact, [machine 1], [machine 1];
            /// Bitwise and; logical and of bools.
            And "and": 2 Bits -> Same, NoNan, Exact, [machine 0], [none];
            /// Bitwise or; logical or of bools.
            Or "or": 2 Bits -> Same, NoNan, Exact, [machine 0], [none];
            /// Bitwise exclusive or; of bools whether they differ.
            Xor "xor": 2 Bits -> Same, NoNan, Exact, [machine 0], [none];
            /// The shift to the left. By the width or more it gives 0; the amount is read as
            /// unsigned.
            Shl "shl": 2 Int -> Same, NoNan, Rounded, [machine 0], [none];
            /// The logical shift to the right, whatever the sign; by the width or more it gives 0.
            ShrLogical "shr_l": 2 Int -> Same, NoNan, Special, [machine 0], [none];
            /// The arithmetic shift to the right, whatever the type; by the width or more it gives
            /// all sign bits.
            ShrArithmetic "shr_a": 2 Int -> Same, NoNan, Special, [machine 0], [none];
            /// The upper half of the product in twice the width.
            MulHi "mul_hi": 2 Int -> Same, NoNan, Special, [machine 0], [none];
            /// `sin x` where `|x|` exceeds `math::far::reach`, by exact reduction; elsewhere, and
            /// of NaN, the second operand.
            FarSin "far_sin": 2 Float -> Same, MakesNan, Rounded, [machine 1], [none];
            /// `cos x` where `|x|` exceeds `math::far::reach`; elsewhere, and of NaN, the second
            /// operand.
            FarCos "far_cos": 2 Float -> Same, MakesNan, Rounded, [machine 1], [none];
            /// `tan x` where `|x|` exceeds `math::far::reach`; elsewhere, and of NaN, the second
            /// operand.
            FarTan "far_tan": 2 Float -> Same, MakesNan, Rounded, [machine 1], [none];

            // ---- comparisons, in which false < true
            /// True if the operands are equal; false of a NaN.
            Eq "eq": 2 Any -> Bool, NoNan, Exact, [machine 0], [machine 0];
            /// True if the operands differ; true of a NaN.
            Ne "ne": 2 Any -> Bool, NoNan, Exact, [machine 0], [machine 0];
            /// True if `x < y`; false of a NaN.
            Lt "lt": 2 Any -> Bool, NoNan, Exact, [machine 0], [none];
            /// True if `x <= y`; false of a NaN.
            Le "le": 2 Any -> Bool, NoNan, Exact, [machine 0], [none];
            /// True if `x > y`; false of a NaN.
            Gt "gt": 2 Any -> Bool, NoNan, Exact, [machine 0], [none];
            /// True if `x >= y`; false of a NaN.
            Ge "ge": 2 Any -> Bool, NoNan, Exact, [machine 0], [none];

            // ---- three operands
            /// `select(p, a, b)`: `a` where the bool `p` is true, else `b`.
            Select "select": 3 Any -> Same, NoNan, Kept, [machine 0], [machine 0];
            /// `a * b + c`, rounded once.
            Fma "fma": 3 Float -> Same, MakesNan, Special, [machine 2], [none];

            // ---- changes of type
            /// The value in the given type. Float to int truncates, saturates, and takes NaN to 0;
            /// int to int wraps; int to float rounds to nearest even; to bool is `x != 0` (true of
            /// NaN); from bool gives 0 or 1; from complex to real drops the imaginary part.
            Convert(to: DType) "convert": 1 Any -> Converted, NoNan, Special,
                [machine 0], [machine 0];
            /// The same bits as another type of the same width.
            Bitcast(to: DType) "bitcast": 1 Number -> Recast, MakesNan, Kept, [machine 0], [none];
        }
        elementary {
            // ---- exact
            /// -1, 0 or 1. Floats keep -0 and NaN. Of a complex number it is `z / |z|`, and 0 of 0.
            Sign "sign": 1 Number -> Same, NoNan, Exact,
                [elementary root::sign, brief], [elementary number::sign];
            /// True if the operand is neither a NaN nor an infinity.
            IsFinite "is_finite": 1 Float -> Bool, NoNan, Exact,
                [elementary root::is_finite, brief], [none];
            /// The nearest whole number; ties go away from zero.
            RoundAway "round_away": 1 Float -> Same, NoNan, Exact,
                [elementary root::round_away, brief], [none];

            // ---- roots and exponentials
            /// `1 / sqrt(x)`.
            Rsqrt "rsqrt": 1 Float -> Same, MakesNan, Rounded,
                [elementary root::rsqrt, brief], [elementary exponential::rsqrt];
            /// The cube root.
            Cbrt "cbrt": 1 Float -> Same, NoNan, Rounded, [elementary root::cbrt], [none];
            /// `e^x`.
            Exp "exp": 1 Float -> Same, NoNan, Rounded,
                [elementary exp::exp], [elementary exponential::exp];
            /// `2^x`.
            Exp2 "exp2": 1 Float -> Same, NoNan, Rounded,
                [elementary exp::exp2], [elementary exponential::exp2];
            /// `e^x - 1`.
            Expm1 "expm1": 1 Float -> Same, NoNan, Rounded,
                [elementary exp::expm1], [elementary exponential::expm1];
            /// The natural logarithm.
            Log "log": 1 Float -> Same, MakesNan, Rounded,
                [elementary log::log], [elementary exponential::log];
            /// The logarithm to base 2.
            Log2 "log2": 1 Float -> Same, MakesNan, Rounded,
                [elementary log::log2], [elementary exponential::log2];
            /// `ln(1 + x)`.
            Log1p "log1p": 1 Float -> Same, MakesNan, Rounded,
                [elementary log::log1p], [elementary exponential::log1p];

            // ---- angles
            /// The sine.
            Sin "sin": 1 Float -> Same, MakesNan, Rounded,
                [elementary trig::sin, near trig::sin_near], [elementary hyperbolic::sin];
            /// The cosine.
            Cos "cos": 1 Float -> Same, MakesNan, Rounded,
                [elementary trig::cos, near trig::cos_near], [elementary hyperbolic::cos];
            /// The tangent.
            Tan "tan": 1 Float -> Same, MakesNan, Rounded,
                [elementary trig::tan], [elementary hyperbolic::tan];
            /// The inverse sine, in [-pi/2, pi/2].
            Asin "asin": 1 Float -> Same, MakesNan, Rounded,
                [elementary inverse_trig::asin], [elementary inverse::asin];
            /// The inverse cosine, in [0, pi].
            Acos "acos": 1 Float -> Same, MakesNan, Rounded,
                [elementary inverse_trig::acos], [elementary inverse::acos];
            /// The inverse tangent, in [-pi/2, pi/2].
            Atan "atan": 1 Float -> Same, NoNan, Rounded,
                [elementary inverse_trig::atan], [elementary inverse::atan];

            // ---- hyperbolic functions
            /// The hyperbolic sine.
            Sinh "sinh": 1 Float -> Same, NoNan, Rounded,
                [elementary hyperbolic::sinh], [elementary hyperbolic::sinh];
            /// The hyperbolic cosine.
            Cosh "cosh": 1 Float -> Same, NoNan, Rounded,
                [elementary hyperbolic::cosh], [elementary hyperbolic::cosh];
            /// The hyperbolic tangent.
            Tanh "tanh": 1 Float -> Same, NoNan, Rounded,
                [elementary hyperbolic::tanh], [elementary hyperbolic::tanh];
            /// The inverse of sinh.
            Asinh "asinh": 1 Float -> Same, NoNan, Rounded,
                [elementary hyperbolic::asinh], [elementary inverse::asinh];
            /// The inverse of cosh; NaN below 1.
            Acosh "acosh": 1 Float -> Same, MakesNan, Rounded,
                [elementary hyperbolic::acosh], [elementary inverse::acosh];
            /// The inverse of tanh; NaN outside of [-1, 1].
            Atanh "atanh": 1 Float -> Same, MakesNan, Rounded,
                [elementary hyperbolic::atanh], [elementary inverse::atanh];
            /// `1 / (1 + exp(-x))`.
            Logistic "logistic": 1 Float -> Same, NoNan, Rounded,
                [elementary exp::logistic], [elementary exponential::logistic];

            // ---- special functions
            /// The error function.
            Erf "erf": 1 Float -> Same, NoNan, Rounded, [elementary erf::erf], [none];
            /// `1 - erf(x)`.
            Erfc "erfc": 1 Float -> Same, NoNan, Rounded, [elementary erf::erfc], [none];
            /// The inverse of erf on (-1, 1); the infinities at -1 and 1; NaN outside.
            ErfInv "erf_inv": 1 Float -> Same, MakesNan, Rounded, [elementary erf::erf_inv], [none];
            /// `ln |gamma(x)|`.
            Lgamma "lgamma": 1 Float -> Same, NoNan, Rounded, [elementary gamma::lgamma], [none];
            /// The derivative of `ln |gamma(x)|`.
            Digamma "digamma": 1 Float -> Same, MakesNan, Rounded,
                [elementary gamma::digamma], [none];

            // ---- two operands
            /// `x^y`, as C's `pow`.
            Pow "pow": 2 Float -> Same, MakesNan, Rounded,
                [elementary pow::pow], [elementary exponential::pow];
            /// The angle of the point `(x, y)`, as C's `atan2(y, x)`.
            Atan2 "atan2": 2 Float -> Same, NoNan, Rounded,
                [elementary inverse_trig::atan2], [none];
        }
        // Machine ops, too: the way from real to complex numbers and back.
        parts {
            /// The complex number with this real and this imaginary part, which are f32 or f64.
            Complex "complex": 2 Float -> Pair, NoNan, Kept, [machine 0], [none];
            /// The real part of a complex number.
            Real "real": 1 Complex -> Part, NoNan, Kept, [machine 0], [machine 0];
            /// The imaginary part of a complex number.
            Imag "imag": 1 Complex -> Part, NoNan, Kept, [machine 0], [machine 0];
        }
    } };
}

pub(crate) use scalar_ops;

/// The implementer of an op.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Level {
    /// The interpreter, and the instruction selection of each backend.
    Machine,
    /// A definition in [`math`](crate::math).
    Elementary,
}

/// The operand types that an op takes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Class {
    /// Floats only.
    Float,
    /// Ints and floats.
    Number,
    /// Ints and bool.
    Bits,
    /// Ints only.
    Int,
    /// Anything real, bool included.
    Any,
    /// Complex numbers only.
    Complex,
}

impl Class {
    pub fn contains(self, d: DType) -> bool {
        match self {
            Class::Float => d.is_float(),
            Class::Number => d.is_float() || d.is_int(),
            Class::Bits => d.is_int() || d.is_bool(),
            Class::Int => d.is_int(),
            Class::Any => !d.is_complex(),
            Class::Complex => d.is_complex(),
        }
    }
}

/// The relation between an op on a narrow type (8 or 16 bits) and the op on the widened operands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Narrowing {
    /// The result is that of the wide op, which fits the narrow type.
    Exact,
    /// Of floats the wide result fits; of ints it wraps.
    ExactFloat,
    /// The wide result is brought back: ints wrap, floats are rounded.
    Rounded,
    /// The op has a rule of its own in [`prepare::narrow`](crate::prepare::narrow).
    Special,
    /// The operands are not widened: backends implement the op on narrow types.
    Kept,
}

/// The facts of a row that are single words or bracketed forms.
macro_rules! fact {
    (makes_nan MakesNan) => { true };
    (makes_nan NoNan) => { false };
    (level [machine $flops:literal]) => { Level::Machine };
    (level [elementary $($definition:tt)*]) => { Level::Elementary };
    (level_or $otherwise:expr; [none]) => { $otherwise };
    (level_or $otherwise:expr; $form:tt) => { fact!(level $form) };
    (is_some [none]) => { false };
    (is_some $form:tt) => { true };
    (flops [machine $flops:literal]) => { Some($flops) };
    (flops $other:tt) => { None };
    (brief [elementary $definition:path, brief]) => { true };
    (brief $other:tt) => { false };
    (result $d:ident Same) => { Some($d) };
    (result $d:ident Bool) => { Some(DType::Bool) };
    (result $d:ident Part) => { Some($d.part()) };
    (result $d:ident Pair) => { $d.complex() };
    (result $d:ident Converted $to:ident) => { Some($to) };
    (result $d:ident Recast $to:ident) => {
        ($to.size() == $d.size() && Class::Number.contains($to)).then_some($to)
    };
}

/// Makes the enums and every function that reads the table.
macro_rules! enums {
    ($(
        $section:ident {$(
            $(#[$doc:meta])*
            $op:ident $(($to:ident: $payload:ident))? $name:literal:
            $arity:literal $class:ident -> $result:ident, $nan:ident, $narrowing:ident,
            $real:tt, $complex:tt;
        )*}
    )*) => {
        /// An operation on scalars. Semantics are IEEE 754 for floats (subnormals kept, no
        /// contraction), wrapping for ints.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, PartialOrd, Ord)]
        pub enum ScalarOp {$($(
            $(#[$doc])*
            $op $(($payload))?,
        )*)*}

        impl ScalarOp {
            /// Every op, with `Convert` and `Bitcast` to `f32` standing for their families.
            pub const ALL: [ScalarOp; [$($(stringify!($op)),*),*].len()] =
                [$($(ScalarOp::$op $(($payload::F32))?),*),*];

            /// The name in printed kernels.
            pub fn name(self) -> &'static str {
                match self {
                    $($(ScalarOp::$op { .. } => $name,)*)*
                }
            }

            /// The number of operands, and their types. `Select` takes a bool before two operands
            /// of any one type.
            pub fn signature(self) -> (usize, Class) {
                match self {
                    $($(ScalarOp::$op { .. } => ($arity, Class::$class),)*)*
                }
            }

            /// Returns whether floats without a NaN among them may give one.
            pub fn makes_nan(self) -> bool {
                match self {
                    $($(ScalarOp::$op { .. } => fact!(makes_nan $nan),)*)*
                }
            }

            /// The relation between the op on narrow types and the op on wider ones.
            pub fn narrowing(self) -> Narrowing {
                match self {
                    $($(ScalarOp::$op { .. } => Narrowing::$narrowing,)*)*
                }
            }

            /// The implementer of the op on real operands.
            pub fn level(self) -> Level {
                match self {
                    $($(ScalarOp::$op { .. } => fact!(level $real),)*)*
                }
            }

            fn level_on_complex(self) -> Level {
                match self {
                    $($(ScalarOp::$op { .. } => fact!(level_or self.level(); $complex),)*)*
                }
            }

            /// Returns whether the op takes complex operands besides those of its class.
            fn takes_complex(self) -> bool {
                match self {
                    $($(ScalarOp::$op { .. } => fact!(is_some $complex),)*)*
                }
            }

            /// Returns whether the definition of an elementary op is too short to be worth a
            /// function call.
            pub fn is_brief(self) -> bool {
                match self {
                    $($(ScalarOp::$op { .. } => fact!(brief $real),)*)*
                }
            }

            /// The number of floating-point operations on operands of this type; `None` if a
            /// definition says.
            pub fn flops(self, d: DType) -> Option<u32> {
                let (real, complex): (Option<u32>, Option<u32>) = match self {
                    $($(ScalarOp::$op { .. } => (fact!(flops $real), fact!(flops $complex)),)*)*
                };
                if d.is_complex() { complex } else { real }
            }

            /// The type of the result on operands of type `d`, which the op takes; of `Select`, the
            /// type of the operands to select from.
            pub fn result_of(self, d: DType) -> Option<DType> {
                match self {
                    $($(ScalarOp::$op $(($to))? => fact!(result d $result $($to)?),)*)*
                }
            }
        }
    };
}

scalar_ops!(enums);

/// Makes the enum of the ops that are not elementary.
macro_rules! machine_ops {
    (
        machine {$(
            $(#[$doc:meta])*
            $op:ident $(($to:ident: $payload:ident))? $name:literal:
            $arity:literal $class:ident -> $result:ident, $nan:ident, $narrowing:ident,
            [machine $flops:literal], $complex:tt;
        )*}
        elementary {$(
            $(#[$elementary_doc:meta])*
            $elementary:ident $e_name:literal:
            $e_arity:literal $e_class:ident -> $e_result:ident, $e_nan:ident, $e_narrowing:ident,
            [elementary $($e_definition:tt)*], $e_complex:tt;
        )*}
        parts {$(
            $(#[$part_doc:meta])*
            $part:ident $p_name:literal:
            $p_arity:literal $p_class:ident -> $p_result:ident, $p_nan:ident, $p_narrowing:ident,
            [machine $p_flops:literal], $p_complex:tt;
        )*}
    ) => {
        /// A [`ScalarOp`] that the interpreter and backends implement themselves.
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub enum MachineOp {
            $($(#[$doc])* $op $(($payload))?,)*
            $($(#[$part_doc])* $part,)*
        }

        impl From<MachineOp> for ScalarOp {
            fn from(op: MachineOp) -> ScalarOp {
                match op {
                    $(MachineOp::$op $(($to))? => ScalarOp::$op $(($to))?,)*
                    $(MachineOp::$part => ScalarOp::$part,)*
                }
            }
        }

        impl ScalarOp {
            /// The op as one that backends implement; `None` if it is elementary on real operands.
            pub fn machine(self) -> Option<MachineOp> {
                Some(match self {
                    $(ScalarOp::$op $(($to))? => MachineOp::$op $(($to))?,)*
                    $(ScalarOp::$part => MachineOp::$part,)*
                    $(ScalarOp::$elementary => return None,)*
                })
            }
        }
    };
}

scalar_ops!(machine_ops);

impl ScalarOp {
    /// Returns whether the op takes operands of this type: those of its class, and for many ops
    /// complex numbers besides.
    pub fn takes(self, d: DType) -> bool {
        if self == ScalarOp::Complex {
            return d.complex().is_some();
        }
        let (_, class) = self.signature();
        class.contains(d) || d.is_complex() && self.takes_complex()
    }

    /// The implementer of the op on operands of this type. Complex quotients, magnitudes and roots
    /// have definitions.
    pub fn level_on(self, d: DType) -> Level {
        if d.is_complex() { self.level_on_complex() } else { self.level() }
    }

    /// The type of the result, or `None` if the op does not take these operands.
    pub fn result(self, operands: &[DType]) -> Option<DType> {
        let (arity, _) = self.signature();
        if operands.len() != arity {
            return None;
        }
        let same = match self {
            ScalarOp::Select if operands[0].is_bool() => &operands[1..],
            ScalarOp::Select => return None,
            _ => operands,
        };
        let d = same[0];
        if !self.takes(d) || same.iter().any(|o| *o != d) {
            return None;
        }
        self.result_of(d)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_are_consistent() {
        for op in ScalarOp::ALL {
            let (arity, _) = op.signature();
            let d = DType::ALL.into_iter().find(|d| {
                let mut operands = vec![*d; arity];
                if op == ScalarOp::Select {
                    operands[0] = DType::Bool;
                }
                op.result(&operands).is_some()
            });
            assert!(d.is_some(), "{op:?} takes no type at all");
            assert_eq!(op.machine().is_some(), op.level() == Level::Machine, "{op:?}");
            assert!(op.machine().is_none_or(|machine| ScalarOp::from(machine) == op), "{op:?}");
        }
    }

    #[test]
    fn names_are_different() {
        let mut names = ScalarOp::ALL.map(ScalarOp::name);
        names.sort_unstable();
        assert!(names.windows(2).all(|w| w[0] != w[1]), "{names:?}");
    }
}
