//! Arithmetic on types of 8 and 16 bits is computed in 32 bits: [`widen`] rewrites a kernel so that
//! backends implement no arithmetic on narrow types.
//!
//! ```text
//! i8, i16 -> i32      u8, u16 -> u32      f16, bf16 -> f32
//! ```
//! An op on narrow operands becomes the op on the wider ones, and its result is brought back: ints
//! wrap, floats are rounded to nearest even. For one op of `+ - * /` and square roots that is the
//! same as rounding once; a fused product goes through f64 and is truncated with an odd last bit. A
//! result that the narrow type holds anyway, such as a maximum, is not rounded again. A value that
//! goes straight into another op stays wide if it fits. Elementary functions are those of the wider
//! type.
//!
//! Backends still implement these for narrow types: constants, loads and gathers, stores (also
//! those that combine), reductions, `Select`, `Bitcast`, and `Convert` between a narrow type and
//! the one it is widened to. A conversion between floats makes a NaN quiet and keeps its sign and
//! its upper digits.
//!
//! The list of ops that are exact under widening does not live here: it is a column of the table in
//! [`op`](crate::op).

use super::rewrite::map_ops;
use crate::build::KernelBuilder;
use crate::interp::scalar;
use crate::kernel::{Kernel, Node, NodeId};
use crate::op::{Narrowing, ScalarOp};
use crate::{DType, Scalar};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::borrow::Cow;

/// The kernel without arithmetic on narrow types.
pub fn widen(kernel: &Kernel) -> Cow<'_, Kernel> {
    let types = kernel.node_types().unwrap_or_default();
    if !types.iter().any(|d| d.is_narrow()) {
        return Cow::Borrowed(kernel);
    }
    let mut wide = FxHashMap::default();
    Cow::Owned(map_ops(kernel, |b, op, args| Widening { b, wide: &mut wide }.op(op, args)))
}

/// The rewrite of one op.
struct Widening<'a> {
    b: &'a mut KernelBuilder,
    /// For narrow nodes, the node that is known to have the same value in the wider type.
    wide: &'a mut FxHashMap<NodeId, NodeId>,
}

impl Widening<'_> {
    /// The node of the same value in the wider type; the node itself if its type is not narrow.
    fn wide(&mut self, id: NodeId) -> NodeId {
        let d = self.b.dtype(id);
        if !d.is_narrow() {
            return id;
        }
        if let Some(known) = self.wide.get(&id) {
            return *known;
        }
        let wide = match self.b.node(id) {
            Node::Constant(value) => {
                let value = scalar::convert(*value, d.widened()).expect("real numbers");
                self.b.constant(value)
            }
            _ => self.b.convert(id, d.widened()),
        };
        self.wide.insert(id, wide);
        wide
    }

    /// The wide node in the narrow type, by wrapping or rounding.
    fn narrow(&mut self, wide: NodeId, d: DType) -> NodeId {
        self.b.convert(wide, d)
    }

    /// The wide node in the narrow type, which holds its value.
    fn exact(&mut self, wide: NodeId, d: DType) -> NodeId {
        let narrow = self.b.convert(wide, d);
        self.wide.insert(narrow, wide);
        narrow
    }

    fn op(&mut self, op: ScalarOp, args: &[NodeId]) -> NodeId {
        let d = self.b.dtype(args[args.len() - 1]);
        if let ScalarOp::Convert(to) = op {
            return self.convert(args[0], to);
        }
        if !d.is_narrow() || op.narrowing() == Narrowing::Kept {
            return self.b.op(op, args);
        }
        let args: SmallVec<[NodeId; 3]> = args.iter().map(|a| self.wide(*a)).collect();
        if op.narrowing() == Narrowing::Special {
            return self.special(op, d, &args);
        }
        let result = self.b.op(op, &args);
        match op.narrowing() {
            _ if self.b.dtype(result).is_bool() => result,
            Narrowing::Exact => self.exact(result, d),
            Narrowing::ExactFloat if d.is_float() => self.exact(result, d),
            Narrowing::ExactFloat | Narrowing::Rounded => self.narrow(result, d),
            Narrowing::Special | Narrowing::Kept => result,
        }
    }

    /// An op on widened operands by a rule of its own.
    fn special(&mut self, op: ScalarOp, d: DType, args: &[NodeId]) -> NodeId {
        use ScalarOp::*;
        let width = i64::from(d.bits());
        match op {
            Fma => {
                let [x, y, z] = [0, 1, 2].map(|n| self.b.convert(args[n], DType::F64));
                let product = self.b.op(Mul, &[x, y]);
                let sum = self.sum_to_odd(product, z);
                self.rounded(sum, d)
            }
            PopCount => {
                let bits = self.zero_extended(args[0], d);
                let result = self.b.op(op, &[bits]);
                self.exact(result, d)
            }
            Clz => {
                let bits = self.zero_extended(args[0], d);
                let result = self.b.op(op, &[bits]);
                let above = self.int_like(result, 32 - width);
                let result = self.b.op(Sub, &[result, above]);
                self.exact(result, d)
            }
            ShrLogical => {
                let bits = self.zero_extended(args[0], d);
                let result = self.b.op(op, &[bits, args[1]]);
                self.narrow(result, d)
            }
            ShrArithmetic if d.is_unsigned() => {
                // The sign bit is shifted up to that of 32 bits, and back. An amount of any size
                // shifts out all other bits.
                let bits = self.b.convert(args[0], DType::I32);
                let up = self.int_like(bits, 32 - width);
                let high = self.b.op(Shl, &[bits, up]);
                let signed = self.b.op(ShrArithmetic, &[high, up]);
                let amount = self.b.convert(args[1], DType::I32);
                let result = self.b.op(ShrArithmetic, &[signed, amount]);
                let result = self.b.convert(result, DType::U32);
                self.narrow(result, d)
            }
            ShrArithmetic => {
                let result = self.b.op(op, args);
                self.narrow(result, d)
            }
            MulHi => {
                let product = self.b.op(Mul, args);
                let by = self.int_like(product, width);
                let shift = if d.is_signed() { ShrArithmetic } else { ShrLogical };
                let result = self.b.op(shift, &[product, by]);
                self.exact(result, d)
            }
            op => unreachable!("{op:?}: its row says `Special`, but there is no rule"),
        }
    }

    fn int_like(&mut self, like: NodeId, value: i64) -> NodeId {
        let value = Scalar::from_i64(self.b.dtype(like), value).expect("an int");
        self.b.constant(value)
    }

    /// The bits of a narrow int with zeros above.
    fn zero_extended(&mut self, wide: NodeId, d: DType) -> NodeId {
        if d.is_unsigned() {
            return wide;
        }
        let mask = self.int_like(wide, (1 << d.bits()) - 1);
        self.b.op(ScalarOp::And, &[wide, mask])
    }

    fn convert(&mut self, x: NodeId, to: DType) -> NodeId {
        let from = self.b.dtype(x);
        if from == to || !from.is_narrow() && !to.is_narrow() {
            return self.b.convert(x, to);
        }
        let wide = self.wide(x);
        match to {
            to if !to.is_narrow() => self.b.convert(wide, to),
            DType::F16 | DType::BF16 => {
                // f32 holds every narrow int. Ints that it does not hold are infinite in f16.
                if from.is_narrow() || from.is_bool() || to == DType::F16 && !from.is_float() {
                    let single = self.b.convert(wide, DType::F32);
                    return self.narrow(single, to);
                }
                self.rounded(wide, to)
            }
            _ => {
                let target = to.widened();
                let result = self.b.convert(wide, target);
                if !from.is_float() {
                    return self.narrow(result, to);
                }
                let (low, high) = if to.is_signed() {
                    (-(1 << (to.bits() - 1)), (1 << (to.bits() - 1)) - 1)
                } else {
                    (0, (1 << to.bits()) - 1)
                };
                let (low, high) = (self.int_like(result, low), self.int_like(result, high));
                let result = self.b.op(ScalarOp::Min, &[result, high]);
                let result = self.b.op(ScalarOp::Max, &[result, low]);
                self.exact(result, to)
            }
        }
    }

    /// A wide number to a narrow float, rounded once.
    fn rounded(&mut self, x: NodeId, to: DType) -> NodeId {
        use ScalarOp::*;
        let double = match self.b.dtype(x) {
            DType::F32 => return self.narrow(x, to),
            DType::F64 => x,
            DType::I64 | DType::U64 => self.with_sticky_bit(x),
            _ => self.b.convert(x, DType::F64),
        };
        // The f32 next to the number toward zero, with an odd last bit unless it is the number
        // itself.
        let single = self.b.convert(double, DType::F32);
        let back = self.b.convert(single, DType::F64);
        let (size, back_size) = (self.b.op(Abs, &[double]), self.b.op(Abs, &[back]));
        let above = self.b.op(Gt, &[back_size, size]);
        let below = self.b.op(Lt, &[back_size, size]);
        let off = self.b.op(Or, &[above, below]);
        let bits = self.b.op(Bitcast(DType::U32), &[single]);
        let above = self.b.convert(above, DType::U32);
        let odd = self.b.convert(off, DType::U32);
        let bits = self.b.op(Sub, &[bits, above]);
        let bits = self.b.op(Or, &[bits, odd]);
        let single = self.b.op(Bitcast(DType::F32), &[bits]);
        self.narrow(single, to)
    }

    /// A 64-bit int as f64. In a large int the lowest twelve bits become one bit, which is set if
    /// any of them was.
    fn with_sticky_bit(&mut self, x: NodeId) -> NodeId {
        use ScalarOp::*;
        let d = self.b.dtype(x);
        let mask = self.int_like(x, 0x7ff);
        let low = self.b.op(And, &[x, mask]);
        let zero = self.int_like(x, 0);
        let any = self.b.op(Ne, &[low, zero]);
        let any = self.b.convert(any, d);
        let up = self.int_like(x, 11);
        let any = self.b.op(Shl, &[any, up]);
        let high = self.b.op(Sub, &[x, low]);
        let jammed = self.b.op(Or, &[high, any]);
        let most = self.int_like(x, 1 << 53);
        let mut large = self.b.op(Ge, &[x, most]);
        if d.is_signed() {
            let least = self.int_like(x, -(1 << 53));
            let negative = self.b.op(Le, &[x, least]);
            large = self.b.op(Or, &[large, negative]);
        }
        let kept = self.b.op(Select, &[large, jammed, x]);
        self.b.convert(kept, DType::F64)
    }

    /// `x + y` in f64, truncated with an odd last bit if f64 does not hold the sum.
    fn sum_to_odd(&mut self, x: NodeId, y: NodeId) -> NodeId {
        use ScalarOp::*;
        let sum = self.b.op(Add, &[x, y]);
        let part = self.b.op(Sub, &[sum, x]);
        // The rounding error of the sum, which is exact.
        let whole = self.b.op(Sub, &[sum, part]);
        let (of_x, of_y) = (self.b.op(Sub, &[x, whole]), self.b.op(Sub, &[y, part]));
        let rest = self.b.op(Add, &[of_x, of_y]);
        let zero = self.b.constant(Scalar::from(0f64));
        let (above, below) = (self.b.op(Gt, &[rest, zero]), self.b.op(Lt, &[rest, zero]));
        let off = self.b.op(Or, &[above, below]);
        let positive = self.b.op(Gt, &[sum, zero]);
        let inward = self.b.op(Ne, &[above, positive]);
        // An even last bit becomes odd by a step outward or inward; an odd one stays.
        let bits = self.b.op(Bitcast(DType::I64), &[sum]);
        let one = self.b.constant(Scalar::from(1i64));
        let outward = self.b.op(Add, &[bits, one]);
        let inwards = self.b.op(Sub, &[bits, one]);
        let stepped = self.b.op(Select, &[inward, inwards, outward]);
        let last = self.b.op(And, &[bits, one]);
        let odd = self.b.convert(last, DType::Bool);
        let kept = self.b.op(Not, &[odd]);
        let steps = self.b.op(And, &[off, kept]);
        let bits = self.b.op(Select, &[steps, stepped, bits]);
        self.b.op(Bitcast(DType::F64), &[bits])
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::affine::Affine;
    use crate::interp::run_kernel;
    use crate::kernel::{Loop, Mode};
    use crate::verify::verify_kernel;

    const EDGES: [f64; 24] = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        1.5,
        2.75,
        -7.0,
        3.0,
        127.0,
        -128.0,
        255.0,
        300.0,
        -32768.0,
        65504.0,
        65520.0,
        1e5,
        -3e38,
        6e-8,
        3e-5,
        1e-40,
        f64::INFINITY,
        f64::NEG_INFINITY,
        f64::NAN,
        0.3333333333333333,
    ];

    /// Every value for 8 bits, else edges and a spread of patterns.
    fn inputs(d: DType) -> Vec<Scalar> {
        let spread =
            (0..40u128).map(|n| Scalar::from_bits(d, n.wrapping_mul(0x9e37_79b9_7f4a_7c15)));
        let edges = EDGES.iter().filter_map(|x| Scalar::from_f64(d, *x));
        if d.size() == 1 && !d.is_bool() {
            return (0..256).map(|n| Scalar::from_bits(d, n)).collect();
        }
        edges.chain(spread).collect()
    }

    /// One op over columns of operands, interpreted as it is and widened: results are the same
    /// bits.
    fn agrees(op: ScalarOp, types: &[DType], columns: &[Vec<Scalar>]) {
        let n = columns[0].len();
        let result = op.result(types).expect("an op that takes these");
        let mut b = KernelBuilder::new(op.name(), [Loop { extent: n, mode: Mode::Parallel }]);
        let args: Vec<NodeId> = types
            .iter()
            .map(|d| {
                let buffer = b.buffer(*d, n);
                b.load(buffer, Affine::counter(0))
            })
            .collect();
        let v = b.op(op, &args);
        let out = b.buffer(result, n);
        b.store_at(out, Affine::counter(0), v);
        let plain = b.finish();
        let wide = verify_kernel(widen(&plain).into_owned()).unwrap().into_inner();
        let bytes = |c: &Vec<Scalar>| c.iter().flat_map(|s| s.to_bytes()).collect::<Vec<u8>>();
        let mut memory: Vec<Vec<u8>> = columns.iter().map(bytes).collect();
        memory.push(vec![0; n * result.size()]);
        let mut other = memory.clone();
        run_kernel(&plain, &mut memory).unwrap();
        run_kernel(&wide, &mut other).unwrap();
        let values = |m: &[Vec<u8>]| -> Vec<Scalar> {
            let of = m.last().unwrap().chunks(result.size());
            of.map(|c| Scalar::from_bytes(result, c)).collect()
        };
        for (i, (a, b)) in values(&memory).iter().zip(&values(&other)).enumerate() {
            let nan = |s: &Scalar| result.is_float() && s.to_f64().unwrap().is_nan();
            let of: Vec<&Scalar> = columns.iter().map(|c| &c[i]).collect();
            assert!(a == b || nan(a) && nan(b), "{op:?}{of:?}: {a:?}, widened {b:?}");
        }
    }

    fn narrow_types() -> impl Iterator<Item = DType> {
        DType::ALL.into_iter().filter(|d| d.is_narrow())
    }

    #[test]
    fn widened_ops_are_the_ops() {
        for d in narrow_types() {
            let all = inputs(d);
            for op in ScalarOp::ALL {
                if matches!(op, ScalarOp::Convert(_) | ScalarOp::Bitcast(_) | ScalarOp::Select) {
                    continue;
                }
                let arity = op.signature().0;
                let types = vec![d; arity];
                if op.result(&types).is_none() {
                    continue;
                }
                // Pairs over all of the square; triples along a diagonal of it.
                let n = all.len();
                let pairs: Vec<(usize, usize)> = match arity {
                    1 => (0..n).map(|i| (i, 0)).collect(),
                    _ => (0..n)
                        .flat_map(|i| (0..n).step_by(1 + n / 80).map(move |j| (i, j)))
                        .collect(),
                };
                let mut columns = vec![Vec::new(); arity];
                for (i, j) in pairs {
                    let picks = [i, j, (i * 7 + j * 3) % n];
                    columns.iter_mut().zip(picks).for_each(|(c, p)| c.push(all[p]));
                }
                agrees(op, &types, &columns);
            }
        }
    }

    #[test]
    fn widened_conversions_are_the_conversions() {
        // Complex numbers are parts by then.
        let running = || DType::ALL.into_iter().filter(|d| d.runs() && !d.is_complex());
        for (from, to) in running().flat_map(|a| running().map(move |b| (a, b))) {
            let mut all = inputs(from);
            if from.size() == 8 && from.is_int() {
                let near = [(1i64 << 62) + (1 << 54), (1 << 55) + (1 << 47), (1 << 53) + 1];
                let near = near.into_iter().flat_map(|x| [x, x + 1, x - 1, -x, -x - 1, 1 - x]);
                all.extend(near.map(|x| Scalar::from_bits(from, x as u128)));
            }
            if from == DType::F64 {
                let near = [1.0 + 2f64.powi(-11), 1.0 + 2f64.powi(-8), 2f64.powi(-25), 65520.0];
                let near = near.into_iter().flat_map(|x| [x, x.next_up(), x.next_down(), -x]);
                all.extend(near.map(Scalar::from));
            }
            agrees(ScalarOp::Convert(to), &[from], &[all]);
        }
    }

    #[test]
    fn bits_are_kept() {
        for d in narrow_types() {
            let all = inputs(d);
            let n = all.len();
            let holds = (0..n).map(|i| Scalar::from(i % 3 == 0)).collect();
            let other = (0..n).map(|i| all[n - 1 - i]).collect();
            agrees(ScalarOp::Select, &[DType::Bool, d, d], &[holds, all.clone(), other]);
            for to in narrow_types().filter(|to| to.size() == d.size()) {
                agrees(ScalarOp::Bitcast(to), &[d], std::slice::from_ref(&all));
            }
        }
    }

    #[test]
    fn nothing_narrow_is_computed() {
        let mut b = KernelBuilder::new("k", [Loop { extent: 4, mode: Mode::Parallel }]);
        let (x, y) = (b.buffer(DType::BF16, 4), b.buffer(DType::BF16, 4));
        let v = b.load(x, Affine::counter(0));
        let one = b.constant(Scalar::one(DType::BF16));
        let s = b.op(ScalarOp::Add, &[v, one]);
        let m = b.op(ScalarOp::Max, &[s, v]);
        let e = b.op(ScalarOp::Exp, &[m]);
        b.store_at(y, Affine::counter(0), e);
        let wide = widen(&b.finish()).into_owned();
        let types = wide.node_types().unwrap();
        for node in &wide.nodes {
            if let Node::Op { op, args } = node {
                let narrow = types[args[0].0 as usize].is_narrow();
                assert!(!narrow || *op == ScalarOp::Convert(DType::F32), "{op:?}");
            }
        }
        // x, x wide, 1, sum, rounded, wide again, max, exp, rounded: the maximum is not rounded
        // again.
        assert_eq!(wide.nodes.len(), 9);
    }
}
