//! A kernel in the making: its extents, indices, loads and ops, all drawn at random. The forms of
//! whole kernels live in `forms.rs`.

use crate::support::Random;
use crate::values::{self, Style};
use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{BufferId, Combine, Kernel, Loop, Mode, Node, NodeId, Order, Range};
use cotangent_jit::op::{Level, ScalarOp};
use cotangent_jit::{DType, Scalar};

pub const TYPES: [DType; 13] = [
    DType::F32,
    DType::F64,
    DType::I32,
    DType::I64,
    DType::U32,
    DType::U64,
    DType::Bool,
    DType::I8,
    DType::I16,
    DType::U8,
    DType::U16,
    DType::F16,
    DType::BF16,
];

/// Points of most kernels, and of a few long ones.
const POINTS: usize = 300;
const MANY_POINTS: usize = 6000;

pub struct Draft<'r> {
    pub r: &'r mut Random,
    pub b: KernelBuilder,
    pub extents: Vec<usize>,
    /// A few types per kernel, so that values meet.
    types: Vec<DType>,
    pub nodes: Vec<NodeId>,
    pub styles: Vec<Style>,
    elementary: bool,
}

/// Extents of at least one and at most so many loops, the product of which is moderate.
pub fn extents(r: &mut Random, least: usize, most: usize) -> Vec<usize> {
    let long = r.below(200) == 0;
    let main = match r.below(8) {
        _ if long => 100 + r.below(2900),
        0 if r.below(3) == 0 => r.below(4),
        1 | 2 => [4, 8, 16, 32, 64][r.below(5)] + r.below(3) - 1,
        3 => 1 + r.below(20),
        _ => r.below(71),
    };
    let mut all = vec![main];
    let count = least + r.below(most - least + 1);
    let limit = if long { MANY_POINTS } else { POINTS };
    while all.len() < count {
        let other = [1, 2, 3, 4, 5, 7, 8, 9][r.below(8)];
        let fits = all.iter().product::<usize>() * other <= limit;
        all.push(if fits { other } else { 1 });
    }
    all.truncate(count);
    let at = r.below(count.max(1));
    if count > 0 {
        all.swap(0, at);
    }
    all
}

pub fn loops(extents: &[usize], mode: Mode) -> Vec<Loop> {
    extents.iter().map(|n| Loop { extent: *n, mode }).collect()
}

impl<'r> Draft<'r> {
    pub fn new(r: &'r mut Random, loops: Vec<Loop>) -> Draft<'r> {
        let extents: Vec<usize> = loops.iter().map(|l| l.extent).collect();
        let types = (0..1 + r.below(3)).map(|_| TYPES[r.below(TYPES.len())]).collect();
        let points: usize = extents.iter().product();
        let elementary = r.below(10) == 0 && points <= 2 * POINTS;
        let b = KernelBuilder::new("random", loops);
        Draft { r, b, extents, types, nodes: Vec::new(), styles: Vec::new(), elementary }
    }

    pub fn one_in(&mut self, n: usize) -> bool {
        self.r.below(n) == 0
    }

    fn pick<T: Copy>(&mut self, of: &[T]) -> T {
        of[self.r.below(of.len())]
    }

    pub fn any_type(&mut self) -> DType {
        let types = self.types.clone();
        if self.one_in(6) { self.pick(&TYPES) } else { self.pick(&types) }
    }

    pub fn buffer(&mut self, d: DType, len: usize) -> BufferId {
        let style = self.pick(&[Style::Moderate, Style::Odd, Style::Odd, Style::Raw]);
        self.buffer_of(d, len, style)
    }

    pub fn buffer_of(&mut self, d: DType, len: usize, style: Style) -> BufferId {
        self.styles.push(style);
        self.b.buffer(d, len)
    }

    /// Strides that give every point of these loops an element of its own, in any order of the
    /// loops, with gaps, now and then backwards.
    fn own_strides(&mut self, of: &[usize]) -> Vec<i64> {
        let mut order = of.to_vec();
        if self.one_in(3) && order.len() > 1 {
            let by = 1 + self.r.below(order.len() - 1);
            order.rotate_left(by);
        }
        let mut strides = vec![0; self.extents.len()];
        let mut stride = self.pick(&[1, 1, 1, 1, 1, 1, 2, 3]);
        for n in order.into_iter().rev() {
            strides[n] = if self.one_in(10) { -stride } else { stride };
            let gap = if self.one_in(8) { self.r.below(4) as i64 } else { 0 };
            stride = stride * self.extents[n].max(1) as i64 + gap;
        }
        strides
    }

    /// The index with these strides whose least value is small, and the length it needs.
    fn placed(&mut self, strides: Vec<i64>) -> (Affine, usize) {
        let raw = Affine::new(0, strides);
        // A reduction over no points is stored, so loops that do not move the index do not count.
        let moving = |n: usize| if raw.stride(n) == 0 { 1 } else { self.extents[n] };
        let extents: Vec<usize> = (0..self.extents.len()).map(moving).collect();
        let (low, high) = raw.range(&extents).unwrap_or((0, 0));
        let before = if self.one_in(6) { self.r.below(4) as i64 } else { 0 };
        let after = if self.one_in(6) { self.r.below(4) } else { 0 };
        (Affine { offset: before - low, ..raw }, (before + high - low + 1) as usize + after)
    }

    /// An index to store at, of its own for every point of these loops.
    pub fn own_places(&mut self, of: &[usize]) -> (Affine, usize) {
        let strides = self.own_strides(of);
        self.placed(strides)
    }

    /// A load of any kind.
    pub fn load(&mut self) -> NodeId {
        let d = self.any_type();
        let all: Vec<usize> = (0..self.extents.len()).collect();
        if !all.is_empty() && self.one_in(6) {
            return self.padded(d);
        }
        let mut strides = self.own_strides(&all);
        if !all.is_empty() && self.one_in(2) {
            let n = self.pick(&all);
            strides[n] = match self.r.below(4) {
                0 | 1 => 0,
                2 => -strides[n],
                _ => self.r.below(5) as i64,
            };
        }
        let (at, len) = self.placed(strides);
        let buffer = self.buffer(d, len);
        if !all.is_empty() && self.one_in(6) {
            let n = self.pick(&all);
            let low = self.r.below(5) as i64 - 1;
            let high = low + self.r.below(40) as i64;
            let (low, high) = match self.r.below(10) {
                0 => (i64::MIN, high),
                1 => (low, i64::MAX),
                _ => (low, high),
            };
            let range = Range { at: Affine::counter(n), low, high };
            let fill = values::scalar(self.r, d, Style::Odd);
            return self.b.load_guarded(buffer, at, [range], fill);
        }
        self.b.load(buffer, at)
    }

    /// A load of a buffer with a margin around it: in each loop, or for the sum of two counters.
    fn padded(&mut self, d: DType) -> NodeId {
        let fill = values::scalar(self.r, d, Style::Odd);
        let rank = self.extents.len();
        if rank > 1 && self.one_in(2) {
            let n = self.r.below(rank - 1);
            let pad = self.r.below(4) as i64;
            let mut strides = vec![0; rank];
            (strides[n], strides[n + 1]) = (1, 1);
            let at = Affine::new(-pad, strides);
            let len = 1 + self.r.below(self.extents[n].max(1));
            let buffer = self.buffer(d, len);
            let range = Range { at: at.clone(), low: 0, high: len as i64 };
            return self.b.load_guarded(buffer, at, [range], fill);
        }
        let mut inner = Vec::new();
        for n in 0..rank {
            let low = self.r.below(3).min(self.extents[n]);
            let high = self.extents[n].saturating_sub(self.r.below(3)).max(low);
            inner.push((low as i64, high as i64));
        }
        let size = |n: usize| inner[n].1 - inner[n].0;
        let strides: Vec<i64> = (0..rank).map(|n| (n + 1..rank).map(size).product()).collect();
        let first: i64 = (0..rank).map(|n| strides[n] * inner[n].0).sum();
        let len: i64 = (0..rank).map(size).product();
        let guard: Vec<Range> = inner
            .iter()
            .enumerate()
            .map(|(n, (low, high))| Range { at: Affine::counter(n), low: *low, high: *high })
            .collect();
        let buffer = self.buffer(d, len as usize);
        self.b.load_guarded(buffer, Affine::new(-first, strides), guard, fill)
    }

    /// An i64: a loaded position, a position made of counters, or any number.
    pub fn position(&mut self) -> NodeId {
        let rank = self.extents.len();
        let at = match self.r.below(4) {
            0 if !self.nodes.is_empty() => {
                let x = self.known();
                return self.b.convert(x, DType::I64);
            }
            1 => {
                let strides: Vec<i64> = (0..rank).map(|_| self.pick(&[0, 1, 1, 2, -1])).collect();
                self.b.affine(&Affine::new(self.r.below(9) as i64 - 4, strides))
            }
            n => {
                let mut strides: Vec<i64> = (0..rank).map(|_| self.r.below(2) as i64).collect();
                let (moving, len) = self.placed(strides.clone());
                let (buffer, from) = match n {
                    2 => (self.buffer_of(DType::I64, len, Style::Places), moving),
                    _ => (self.buffer_of(DType::I64, 1, Style::Places), Affine::default()),
                };
                let start = self.b.load(buffer, from);
                strides.fill(0);
                if let Some(last) = strides.last_mut() {
                    *last = 1;
                }
                let ahead = self.b.affine(&Affine::new(0, strides));
                self.b.op(ScalarOp::Add, &[start, ahead])
            }
        };
        let at = if self.one_in(8) { self.far(at) } else { at };
        self.maybe_clamped(at)
    }

    fn maybe_clamped(&mut self, at: NodeId) -> NodeId {
        if !self.one_in(2) {
            return at;
        }
        let low = self.r.below(4) as i64;
        let bounds = [low, low + self.r.below(60) as i64];
        let [low, high] = bounds.map(|n| self.b.constant(Scalar::from(n)));
        let below = self.b.op(ScalarOp::Min, &[at, high]);
        self.b.op(ScalarOp::Max, &[low, below])
    }

    pub fn gather(&mut self) -> NodeId {
        let at = self.position();
        let (d, len) = (self.any_type(), self.r.below(50));
        let buffer = self.buffer(d, len);
        self.b.gather(buffer, at)
    }

    /// Loads, counters and ops of them.
    pub fn grow(&mut self) {
        for _ in 0..1 + self.r.below(3) {
            let v = self.load();
            self.nodes.push(v);
        }
        for n in 0..self.extents.len() {
            if self.one_in(6) {
                let v = self.b.counter(n);
                self.nodes.push(v);
            }
        }
        // A few graphs are so large that their values do not fit the registers.
        let most = if self.one_in(25) { 70 } else { 13 };
        for _ in 0..self.r.below(most) {
            if let Some(v) = self.node() {
                self.nodes.push(v);
            }
        }
    }

    /// Any node, the last ones more often.
    fn known(&mut self) -> NodeId {
        let count = self.nodes.len();
        let reach = if self.one_in(4) { count } else { count.min(2) };
        self.nodes[count - 1 - self.r.below(reach)]
    }

    fn node(&mut self) -> Option<NodeId> {
        let x = self.known();
        let d = self.b.dtype(x);
        match self.r.below(20) {
            0 => {
                let style = self.pick(&[Style::Odd, Style::Places]);
                let value = values::scalar(self.r, d, style);
                Some(self.b.constant(value))
            }
            1 => Some(self.gather()),
            2 => Some(self.load()),
            3..=5 => {
                let to = self.any_type();
                Some(self.b.convert(x, to))
            }
            6 if self.one_in(3) => self.turned(x),
            6 => self.iota(),
            7 => {
                let to = self.pick(&TYPES);
                // The bits of a NaN that was computed are not defined.
                let known = matches!(self.b.node(x), Node::Load { .. } | Node::Gather { .. });
                let defined = !d.is_float() || known;
                defined.then(|| self.b.try_op(ScalarOp::Bitcast(to), &[x]).ok()).flatten()
            }
            _ => self.op(x),
        }
    }

    /// A position that may wrap: shifted or scaled by any number, at times clamped before.
    fn far(&mut self, at: NodeId) -> NodeId {
        let at = self.maybe_clamped(at);
        let by = values::scalar(self.r, DType::I64, Style::Odd);
        let by = self.b.constant(by);
        let op = self.pick(&[ScalarOp::Add, ScalarOp::Sub, ScalarOp::Mul]);
        self.b.op(op, &[at, by])
    }

    /// A counter, scaled, in any type.
    fn iota(&mut self) -> Option<NodeId> {
        if self.one_in(3) {
            let (at, to) = (self.position(), self.any_type());
            return Some(self.b.convert(at, to));
        }
        let n = self.extents.len().checked_sub(1)?;
        let n = self.r.below(n + 1);
        let at = Affine::counter(n).scale(self.pick(&[1, 1, 1, 2, -1, 7]));
        let at = Affine { offset: self.r.below(5) as i64 - 1, ..at };
        let mut v = self.b.affine(&at);
        if self.one_in(5) {
            v = self.far(v);
        }
        let to = self.pick(&TYPES);
        Some(self.b.convert(v, to))
    }

    /// The bits of an int turned around, or almost: two shifts that often make up the width.
    fn turned(&mut self, x: NodeId) -> Option<NodeId> {
        let d = self.b.dtype(x);
        let bits = d.bits() as usize;
        let left = self.r.below(bits + 1) as i64;
        let right = if self.one_in(4) { self.r.below(bits + 2) as i64 } else { bits as i64 - left };
        let [left, right] = [left, right].map(|n| self.b.constant(Scalar::from_i64(d, n).unwrap()));
        let up = self.b.try_op(ScalarOp::Shl, &[x, left]).ok()?;
        let down = self.b.op(ScalarOp::ShrLogical, &[x, right]);
        let join = self.pick(&[ScalarOp::Or, ScalarOp::Xor, ScalarOp::Add, ScalarOp::Sub]);
        Some(self.b.op(join, &[up, down]))
    }

    fn op(&mut self, x: NodeId) -> Option<NodeId> {
        let d = self.b.dtype(x);
        let takes = |op: &ScalarOp| {
            let mut operands = vec![d; op.signature().0];
            if *op == ScalarOp::Select {
                operands[0] = DType::Bool;
            }
            let changes = matches!(op, ScalarOp::Bitcast(_) | ScalarOp::Convert(_));
            let level = self.elementary || op.level_on(d) == Level::Machine;
            level && !changes && op.result(&operands).is_some()
        };
        let ops: Vec<ScalarOp> = ScalarOp::ALL.into_iter().filter(takes).collect();
        let op = self.pick(&ops);
        let mut args = vec![x];
        while args.len() < op.signature().0 {
            let nodes = self.nodes.clone();
            let y = if self.one_in(3) { self.known() } else { self.pick(&nodes) };
            args.push(self.b.convert(y, d));
        }
        if op == ScalarOp::Select {
            let p = self.known();
            args[0] = self.b.convert(p, DType::Bool);
        } else if self.one_in(2) {
            args.reverse();
        }
        self.b.try_op(op, &args).ok()
    }

    /// One of the last nodes, an op if there is one.
    pub fn value(&mut self) -> NodeId {
        let mut v = self.known();
        for _ in 0..4 {
            if matches!(self.b.node(v), Node::Op { .. }) {
                break;
            }
            v = self.known();
        }
        v
    }

    pub fn value_of(&mut self, d: DType) -> NodeId {
        let v = self.value();
        self.b.convert(v, d)
    }

    /// An op that folds values of this type.
    pub fn combine(&mut self, d: DType) -> Combine {
        let fits = Combine::ALL.into_iter().filter(|c| c.op().result(&[d, d]).is_some());
        let fits: Vec<Combine> = fits.collect();
        self.pick(&fits)
    }

    /// Stores `value` at every point: plainly, folding, or beside its neighbour.
    pub fn store_everywhere(&mut self, value: NodeId) {
        let all: Vec<usize> = (0..self.extents.len()).collect();
        let (at, len) = self.own_places(&all);
        let d = self.b.dtype(value);
        let combine = if self.one_in(5) { Some(self.combine(d)) } else { None };
        let store = |buffer, at, value| cotangent_jit::kernel::Store {
            buffer,
            at,
            offset: None,
            combine,
            value,
        };
        if self.one_in(8) {
            let double = at.scale(2);
            let buffer = self.buffer(d, 2 * len);
            let other = self.value_of(d);
            let next = Affine { offset: double.offset + 1, ..double.clone() };
            self.b.store(store(buffer, double, value));
            self.b.store(store(buffer, next, other));
            return;
        }
        let buffer = self.buffer(d, len);
        self.b.store(store(buffer, at, value));
    }

    pub fn finish(self) -> (Kernel, Vec<Style>) {
        let mut kernel = self.b.finish();
        if kernel.combines_whole_numbers() {
            kernel.order = Order::SEQUENTIAL;
        }
        (kernel, self.styles)
    }
}
