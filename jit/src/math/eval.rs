//! For tests only: runs a definition over columns of bit patterns, fast enough for tens of millions
//! of points.
//!
//! Loops, buffers and stores do not live here: the interpreter has them.

use super::far::{Function, reach, value};
use crate::build::KernelBuilder;
use crate::kernel::{Kernel, Node, NodeId};
use crate::op::ScalarOp;
use crate::{DType, Scalar};

pub(crate) const COLUMN: usize = 256;
type Column = [u64; COLUMN];

/// The nodes of one expanded op of one type, its operands loaded from buffers 0 and 1.
pub(crate) struct Definition {
    kernel: Kernel,
    types: Vec<DType>,
    columns: Vec<Column>,
}

macro_rules! per_type {
    ($d:expr, $go:ident!($($args:tt)*)) => {
        match $d {
            DType::Bool => $go!(bool, $($args)*),
            DType::I32 => $go!(i32, $($args)*),
            DType::I64 => $go!(i64, $($args)*),
            DType::U32 => $go!(u32, $($args)*),
            DType::U64 => $go!(u64, $($args)*),
            DType::F32 => $go!(f32, $($args)*),
            DType::F64 => $go!(f64, $($args)*),
            d => panic!("{d} does not run"),
        }
    };
}

trait Lane: Copy + PartialOrd {
    fn read(bits: u64) -> Self;
    fn bits(self) -> u64;
}

macro_rules! lanes {
    ($($t:ty, |$x:ident| $read:expr, |$y:ident| $write:expr;)*) => {$(
        impl Lane for $t {
            fn read($x: u64) -> $t {
                $read
            }
            fn bits(self) -> u64 {
                let $y = self;
                $write
            }
        }
    )*};
}

lanes! {
    bool, |x| x != 0, |y| y as u64;
    i32, |x| x as i32, |y| y as u32 as u64;
    i64, |x| x as i64, |y| y as u64;
    u32, |x| x as u32, |y| y as u64;
    u64, |x| x, |y| y;
    f32, |x| f32::from_bits(x as u32), |y| y.to_bits() as u64;
    f64, |x| f64::from_bits(x), |y| y.to_bits();
}

fn unary<T: Lane, R: Lane>(out: &mut Column, a: &Column, f: impl Fn(T) -> R) {
    for (o, a) in out.iter_mut().zip(a) {
        *o = f(T::read(*a)).bits();
    }
}

fn binary<T: Lane, R: Lane>(out: &mut Column, a: &Column, b: &Column, f: impl Fn(T, T) -> R) {
    for ((o, a), b) in out.iter_mut().zip(a).zip(b) {
        *o = f(T::read(*a), T::read(*b)).bits();
    }
}

impl Definition {
    /// The definition that `math::define` builds.
    pub(crate) fn new(op: ScalarOp, dtype: DType) -> Definition {
        Definition::by(op, dtype, |b, args| super::define(op, b, args))
    }

    /// The definition that takes the shorter way of `math::near` where it holds.
    pub(crate) fn near(op: ScalarOp, dtype: DType) -> Definition {
        Definition::by(op, dtype, |b, args| {
            let (holds, value) = super::near(op, b, args).expect("an op with a shorter way");
            let far = super::define(op, b, args);
            b.op(ScalarOp::Select, &[holds, value, far])
        })
    }

    fn by(
        op: ScalarOp,
        dtype: DType,
        value: impl FnOnce(&mut KernelBuilder, &[NodeId]) -> NodeId,
    ) -> Definition {
        let arity = op.signature().0;
        let kernel = super::point_kernel(op.name(), dtype, arity, value);
        let types = kernel.node_types().expect("a typed kernel");
        let columns = vec![[0; COLUMN]; types.len()];
        Definition { kernel, types, columns }
    }

    /// The number of ops in the definition; operands and constants do not count.
    pub(crate) fn ops(&self) -> usize {
        self.kernel.nodes.iter().filter(|n| matches!(n, Node::Op { .. })).count()
    }

    /// The results at up to [`COLUMN`] points, as bit patterns.
    pub(crate) fn run(&mut self, inputs: &[&Column]) -> &Column {
        for n in 0..self.kernel.nodes.len() {
            let (done, rest) = self.columns.split_at_mut(n);
            let out = &mut rest[0];
            match &self.kernel.nodes[n] {
                Node::Constant(s) => *out = [s.bits() as u64; COLUMN],
                Node::Load { buffer, .. } => *out = *inputs[buffer.0 as usize],
                Node::Op { op, args } => {
                    let arg = |k: usize| &done[args[k].0 as usize];
                    let operand = self.types[args[args.len() - 1].0 as usize];
                    match args.len() {
                        1 => one(*op, operand, out, arg(0)),
                        2 => two(*op, operand, out, arg(0), arg(1)),
                        _ => three(*op, operand, out, arg(0), arg(1), arg(2)),
                    }
                }
                node => panic!("{node:?} is no part of a definition"),
            }
        }
        &self.columns[self.kernel.stores[0].value.0 as usize]
    }

    /// The result at one point.
    pub(crate) fn at(&mut self, point: &[Scalar]) -> Scalar {
        let columns: Vec<Column> = point.iter().map(|x| [x.bits() as u64; COLUMN]).collect();
        let columns: Vec<&Column> = columns.iter().collect();
        let result = self.types[self.kernel.stores[0].value.0 as usize];
        Scalar::from_bits(result, self.run(&columns)[0] as u128)
    }
}

fn one(op: ScalarOp, d: DType, out: &mut Column, a: &Column) {
    macro_rules! float {
        ($f:ident) => {
            match d {
                DType::F32 => unary(out, a, f32::$f),
                _ => unary(out, a, f64::$f),
            }
        };
    }
    macro_rules! convert {
        ($from:ty, $to:ident) => {
            unary(out, a, |x: $from| x as $to)
        };
    }
    match op {
        ScalarOp::Abs => float!(abs),
        ScalarOp::Floor => float!(floor),
        ScalarOp::Trunc => float!(trunc),
        ScalarOp::Sqrt => float!(sqrt),
        ScalarOp::RoundEven => float!(round_ties_even),
        ScalarOp::Neg => match d {
            DType::F32 => unary(out, a, |x: f32| -x),
            DType::F64 => unary(out, a, |x: f64| -x),
            DType::I32 => unary(out, a, i32::wrapping_neg),
            _ => unary(out, a, i64::wrapping_neg),
        },
        ScalarOp::Not => match d {
            DType::Bool => unary(out, a, |x: bool| !x),
            DType::I32 | DType::U32 => unary(out, a, |x: u32| !x),
            _ => unary(out, a, |x: u64| !x),
        },
        ScalarOp::Bitcast(_) => *out = *a,
        ScalarOp::Convert(to) => match (d, to) {
            (DType::F32, DType::I32) => convert!(f32, i32),
            (DType::F32, DType::F64) => convert!(f32, f64),
            (DType::F64, DType::F32) => convert!(f64, f32),
            (DType::I32, DType::F32) => convert!(i32, f32),
            (DType::U32, DType::F32) => convert!(u32, f32),
            (DType::Bool, DType::I32) => convert!(bool, i32),
            (DType::Bool, DType::I64) => convert!(bool, i64),
            _ => panic!("convert {d} to {to}: not needed so far"),
        },
        op => panic!("{op:?} of one operand: not needed so far"),
    }
}

fn two(op: ScalarOp, d: DType, out: &mut Column, a: &Column, b: &Column) {
    macro_rules! arithmetic {
        ($op:tt, $wrapping:ident) => {
            match d {
                DType::F32 => binary(out, a, b, |x: f32, y: f32| x $op y),
                DType::F64 => binary(out, a, b, |x: f64, y: f64| x $op y),
                DType::I32 | DType::U32 => binary(out, a, b, u32::$wrapping),
                _ => binary(out, a, b, u64::$wrapping),
            }
        };
    }
    macro_rules! compare {
        ($t:ty, $op:tt) => {
            binary(out, a, b, |x: $t, y: $t| x $op y)
        };
    }
    macro_rules! bitwise {
        ($op:tt) => {
            binary(out, a, b, |x: u64, y: u64| x $op y)
        };
    }
    macro_rules! shift {
        ($narrow:ty, $wide:ty, $f:ident, $beyond:expr) => {
            match d {
                DType::I32 | DType::U32 => binary(out, a, b, |x: u32, y: u32| {
                    let x = x as $narrow;
                    x.$f(y).unwrap_or($beyond(x as i64) as $narrow) as u32
                }),
                _ => binary(out, a, b, |x: u64, y: u64| {
                    let x = x as $wide;
                    x.$f(y.min(99) as u32).unwrap_or($beyond(x as i64) as $wide) as u64
                }),
            }
        };
    }
    match op {
        ScalarOp::Add => arithmetic!(+, wrapping_add),
        ScalarOp::Sub => arithmetic!(-, wrapping_sub),
        ScalarOp::Mul => arithmetic!(*, wrapping_mul),
        ScalarOp::Div => match d {
            DType::F32 => binary(out, a, b, |x: f32, y: f32| x / y),
            DType::F64 => binary(out, a, b, |x: f64, y: f64| x / y),
            d => panic!("division of {d}: not needed so far"),
        },
        ScalarOp::Eq => per_type!(d, compare!(==)),
        ScalarOp::Ne => per_type!(d, compare!(!=)),
        ScalarOp::Lt => per_type!(d, compare!(<)),
        ScalarOp::Le => per_type!(d, compare!(<=)),
        ScalarOp::Gt => per_type!(d, compare!(>)),
        ScalarOp::Ge => per_type!(d, compare!(>=)),
        ScalarOp::And => bitwise!(&),
        ScalarOp::Or => bitwise!(|),
        ScalarOp::Xor => bitwise!(^),
        ScalarOp::Shl => shift!(u32, u64, checked_shl, |_| 0),
        ScalarOp::ShrLogical => shift!(u32, u64, checked_shr, |_| 0),
        ScalarOp::ShrArithmetic => shift!(i32, i64, checked_shr, |x: i64| x >> 63),
        ScalarOp::MulHi => match d {
            DType::U32 => binary(out, a, b, |x: u32, y: u32| ((x as u64 * y as u64) >> 32) as u32),
            DType::U64 => {
                binary(out, a, b, |x: u64, y: u64| ((x as u128 * y as u128) >> 64) as u64)
            }
            d => panic!("upper half of a product of {d}: not needed so far"),
        },
        ScalarOp::FarSin => far(Function::Sin, d, out, a, b),
        ScalarOp::FarCos => far(Function::Cos, d, out, a, b),
        ScalarOp::FarTan => far(Function::Tan, d, out, a, b),
        op => panic!("{op:?} of two operands: not needed so far"),
    }
}

/// The function of the arguments beyond reach, and of others the second operand.
fn far(function: Function, d: DType, out: &mut Column, a: &Column, b: &Column) {
    let beyond = |x: f64| x.abs() > reach(d);
    match d {
        DType::F32 => binary(out, a, b, |x: f32, y: f32| match f64::from(x) {
            x if beyond(x) => value(function, x) as f32,
            _ => y,
        }),
        _ => binary(out, a, b, |x: f64, y: f64| if beyond(x) { value(function, x) } else { y }),
    }
}

fn three(op: ScalarOp, d: DType, out: &mut Column, a: &Column, b: &Column, c: &Column) {
    for k in 0..COLUMN {
        out[k] = match (op, d) {
            (ScalarOp::Select, _) => {
                if a[k] != 0 {
                    b[k]
                } else {
                    c[k]
                }
            }
            (ScalarOp::Fma, DType::F32) => {
                f32::read(a[k]).mul_add(f32::read(b[k]), f32::read(c[k])).bits()
            }
            (ScalarOp::Fma, _) => f64::read(a[k]).mul_add(f64::read(b[k]), f64::read(c[k])).bits(),
            _ => panic!("{op:?} of three operands: not needed so far"),
        };
    }
}
