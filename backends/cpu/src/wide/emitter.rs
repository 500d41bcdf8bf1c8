//! The state of the emission of one kernel: streams, counters, values of nodes, and the small
//! instructions from which everything else is made.
//!
//! Every value is in lanes, also one that does not vary: then all lanes are equal, and it was
//! computed outside of the loops that it does not depend on. So there is no scalar code but
//! addresses and counters. Loops live in `loops`, ops in `arithmetic`, `ints` and `convert`,
//! accesses in `access`.

use super::asm::{Ins, Width};
use super::code::{Address, Amount, Arith, Class, Code, Constant, Inst, Operand, R, Within};
use super::tier::Tier;
use super::values::{Carry, Lanes, Regs, Tile};
use crate::plan::lanes::Bits;
use crate::plan::nest::Nest;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Node, NodeId};
use cotangent_jit::{DType, Error, Scalar, err};
use smallvec::SmallVec;

/// A pointer into a buffer that advances with the loops by fixed strides.
struct Stream {
    buffer: BufferId,
    strides: Vec<i64>,
    /// The pointer for the open loops.
    pointer: R,
    /// A counter that is added, times this scale.
    index: Option<(R, u8)>,
}

/// A change to undo when a loop closes.
enum Trail {
    Value(usize),
    Stream(usize, R, Option<(R, u8)>),
}

/// The lanes that exist, in the remainder of the vector loop.
#[derive(Clone)]
pub struct Tail {
    masks: [Option<Regs>; 2],
    /// The number of lanes left of the round.
    pub left: R,
    /// The same, if it is known.
    pub known: Option<usize>,
}

pub struct Emitter<'n> {
    pub nest: &'n Nest,
    pub tier: Tier,
    pub code: Code,
    /// The list of addresses, and the range of the split loop.
    pub parameters: [R; 3],
    streams: Vec<Stream>,
    /// Counters of the open loops; for the vector loop that of its first lane.
    pub counters: Vec<R>,
    /// Points by which each loop is ahead of its counter, in an unrolled body.
    pub ahead: Vec<i64>,
    /// The ends of the clipped loops whose starts are known.
    pub ends: Vec<Option<R>>,
    values: Vec<Option<Lanes>>,
    trail: Vec<Trail>,
    /// The lanes that are computed at once.
    pub lanes: usize,
    /// The first of these lanes among those of one round of the vector loop.
    pub shift: usize,
    pub tail: Option<Tail>,
    /// True inside of the vector loop.
    pub in_lanes: bool,
    /// The accumulators of each reduction, in the accumulator's lanes, for each part of a round.
    pub accumulators: Vec<Vec<Lanes>>,
    /// The carries of the sequential loop, while it is open.
    pub carries: Vec<Carry>,
    /// The loads of rows of the open block.
    pub tiles: Vec<Tile>,
    /// The stores of rows of the open block, until it closes.
    pub written: Vec<Tile>,
    /// The lanes that have not ended, if the kernel has a condition.
    pub active: Option<Lanes>,
    /// The buffers whose stores bypass the caches.
    pub bypassing: Vec<BufferId>,
    /// The number of uses of each node.
    pub uses: Vec<u32>,
}

/// The failure by which a kernel is left to the other emitter.
pub fn unsupported<T>(what: &str) -> Result<T, Error> {
    Err(err!(Unsupported, "wide: {what}"))
}

impl<'n> Emitter<'n> {
    pub fn new(nest: &'n Nest, tier: Tier, lanes: usize) -> Emitter<'n> {
        let mut e = Emitter {
            nest,
            tier,
            code: Code::default(),
            parameters: [R(0); 3],
            streams: Vec::new(),
            counters: Vec::new(),
            ahead: vec![0; nest.kernel.loops.len()],
            ends: vec![None; nest.clips.len()],
            values: vec![None; nest.types.len()],
            trail: Vec::new(),
            lanes,
            shift: 0,
            tail: None,
            in_lanes: false,
            accumulators: Vec::new(),
            carries: Vec::new(),
            tiles: Vec::new(),
            written: Vec::new(),
            active: None,
            bypassing: Vec::new(),
            uses: uses(nest),
        };
        e.open_streams();
        e
    }

    /// Loads the parameters and the addresses of all buffers.
    fn open_streams(&mut self) {
        let nest = self.nest;
        // The prologue stores the parameters at the start of the frame.
        let at = self.code.room(64);
        self.parameters = [0, 8, 16].map(|n| self.load_general(Address::frame(at + n), 8, false));
        let list = self.parameters[0];
        let base = |n: usize| Address::of(list, 8 * n as i32);
        let bases: Vec<R> =
            (0..nest.kernel.buffers.len()).map(|n| self.load_general(base(n), 8, false)).collect();
        let mut accesses: Vec<(BufferId, &Affine)> = Vec::new();
        for (n, node) in nest.kernel.nodes.iter().enumerate().filter(|(n, _)| nest.live[*n]) {
            if let Node::Load { buffer, at, .. } = node {
                debug_assert!(nest.level[n] <= nest.kernel.loops.len());
                accesses.push((*buffer, at));
            }
        }
        accesses.extend(nest.kernel.stores.iter().map(|s| (s.buffer, &s.at)));
        accesses.extend(nest.kernel.reductions.iter().map(|r| (r.buffer, &r.at)));
        let whole = Affine::default();
        accesses.extend((0..nest.kernel.buffers.len()).map(|n| (BufferId(n as u32), &whole)));
        for (buffer, at) in accesses {
            let strides = self.strides(at);
            if self.streams.iter().any(|s| s.buffer == buffer && s.strides == strides) {
                continue;
            }
            let pointer = bases[buffer.0 as usize];
            self.streams.push(Stream { buffer, strides, pointer, index: None });
        }
    }

    fn strides(&self, at: &Affine) -> Vec<i64> {
        (0..self.nest.kernel.loops.len()).map(|n| at.stride(n)).collect()
    }

    pub fn buffer_type(&self, buffer: BufferId) -> DType {
        self.nest.kernel.buffers[buffer.0 as usize].dtype
    }

    pub fn buffer_len(&self, buffer: BufferId) -> usize {
        self.nest.kernel.buffers[buffer.0 as usize].len
    }

    /// The stride of an access along the vector loop.
    pub fn step(&self, at: &Affine) -> i64 {
        self.nest.vector.map_or(0, |(v, _)| at.stride(v))
    }

    /// The address of `buffer[at]` for the open loops: of the first lane of this part.
    pub fn address(&mut self, buffer: BufferId, at: &Affine) -> Address {
        self.address_of_lane(buffer, at, 0)
    }

    pub fn address_of_lane(&mut self, buffer: BufferId, at: &Affine, lane: usize) -> Address {
        let strides = self.strides(at);
        let found = self.streams.iter().find(|s| s.buffer == buffer && s.strides == strides);
        let Some(stream) = found else { unreachable!("every access was declared") };
        let (pointer, index) = (stream.pointer, stream.index);
        let size = self.buffer_type(buffer).size() as i64;
        let moved = if self.in_lanes { (self.shift + lane) as i64 * self.step(at) } else { 0 };
        let bytes = (at.offset + moved + self.ahead_of(at)) * size;
        let base = super::code::Base::Reg(pointer);
        match i32::try_from(bytes) {
            Ok(disp) if disp < i32::MAX - 4096 => Address { base, index, disp },
            _ => {
                let far = self.copy_general(pointer);
                self.update(Arith::Add, far, Amount::Now(bytes));
                Address { base: super::code::Base::Reg(far), index, disp: 0 }
            }
        }
    }

    /// What the unrolled loops add to an affine function of their counters.
    pub fn ahead_of(&self, at: &Affine) -> i64 {
        self.ahead.iter().enumerate().map(|(n, ahead)| ahead * at.stride(n)).sum()
    }

    /// The counter of an open loop, in a register of its own.
    pub fn counter(&mut self, n: usize) -> R {
        let counter = self.copy_general(self.counters[n]);
        if self.ahead[n] != 0 {
            self.update(Arith::Add, counter, Amount::Now(self.ahead[n]));
        }
        counter
    }

    /// The base of a buffer.
    pub fn base(&mut self, buffer: BufferId) -> R {
        let found = |s: &&Stream| s.buffer == buffer && s.strides.iter().all(|x| *x == 0);
        match self.streams.iter().find(found) {
            Some(s) => s.pointer,
            None => unreachable!("every buffer was declared"),
        }
    }

    /// Opens loop `n` with this counter, which starts at `low` (zero, if there is none): pointers
    /// that move get registers of their own. With `indexed`, those of unit stride are addressed by
    /// the counter instead.
    pub fn move_streams(&mut self, n: usize, counter: R, low: Option<R>, indexed: bool) {
        for s in 0..self.streams.len() {
            let size = self.buffer_type(self.streams[s].buffer).size() as i64;
            let stride = self.streams[s].strides[n];
            if stride == 0 {
                continue;
            }
            let (old, index) = (self.streams[s].pointer, self.streams[s].index);
            self.trail.push(Trail::Stream(s, old, index));
            if indexed && stride == 1 && index.is_none() {
                self.streams[s].index = Some((counter, size as u8));
                continue;
            }
            let pointer = self.copy_general(old);
            if let Some(low) = low {
                let start = self.copy_general(low);
                self.update(Arith::Mul, start, Amount::Now(stride * size));
                self.update(Arith::Add, pointer, Amount::Reg(start));
            }
            self.streams[s].pointer = pointer;
        }
    }

    /// Moves the pointers of loop `n` on by so many points.
    pub fn advance_streams(&mut self, n: usize, points: usize) {
        for s in 0..self.streams.len() {
            let size = self.buffer_type(self.streams[s].buffer).size() as i64;
            let bytes = self.streams[s].strides[n] * size * points as i64;
            if bytes != 0 && !(self.streams[s].index.is_some() && self.streams[s].strides[n] == 1) {
                let pointer = self.streams[s].pointer;
                self.update(Arith::Add, pointer, Amount::Now(bytes));
            }
        }
    }

    pub fn mark(&self) -> usize {
        self.trail.len()
    }

    pub fn undo(&mut self, mark: usize) {
        while self.trail.len() > mark {
            match self.trail.pop() {
                Some(Trail::Value(n)) => self.values[n] = None,
                Some(Trail::Stream(n, pointer, index)) => {
                    self.streams[n].pointer = pointer;
                    self.streams[n].index = index;
                }
                None => {}
            }
        }
    }

    pub fn known(&self, n: NodeId) -> Option<&Lanes> {
        self.values[n.0 as usize].as_ref()
    }

    /// Remembers the lanes of a node until the innermost open loop closes.
    pub fn keep(&mut self, n: NodeId, lanes: Lanes) {
        self.values[n.0 as usize] = Some(lanes);
        self.trail.push(Trail::Value(n.0 as usize));
    }

    /// An affine function of the open counters, at the first lane of this part.
    pub fn index(&mut self, at: &Affine) -> R {
        let mut sum: Option<R> = None;
        let moved = if self.in_lanes { self.shift as i64 * self.step(at) } else { 0 };
        for n in 0..self.counters.len() {
            if at.stride(n) == 0 {
                continue;
            }
            let term = self.copy_general(self.counters[n]);
            if at.stride(n) != 1 {
                self.update(Arith::Mul, term, Amount::Now(at.stride(n)));
            }
            sum = Some(match sum {
                None => term,
                Some(s) => {
                    self.update(Arith::Add, s, Amount::Reg(term));
                    s
                }
            });
        }
        let offset = at.offset + moved + self.ahead_of(at);
        match sum {
            None => self.set(offset),
            Some(s) => {
                if offset != 0 {
                    self.update(Arith::Add, s, Amount::Now(offset));
                }
                s
            }
        }
    }

    // ---- general registers

    pub fn copy_general(&mut self, src: R) -> R {
        let dst = self.code.register(Class::General);
        self.code.push(Inst::Copy { dst, src });
        dst
    }

    pub fn set(&mut self, to: i64) -> R {
        let dst = self.code.register(Class::General);
        self.code.push(Inst::Set { dst, to });
        dst
    }

    pub fn update(&mut self, op: Arith, dst: R, by: Amount) {
        self.code.push(Inst::Update { op, dst, by });
    }

    pub fn load_general(&mut self, from: Address, bytes: u8, signed: bool) -> R {
        let dst = self.code.register(Class::General);
        let extend = super::code::Extend { bytes, signed };
        self.code.push(Inst::Load { dst, from, extend });
        dst
    }

    pub fn lea(&mut self, of: Address) -> R {
        let dst = self.code.register(Class::General);
        self.code.push(Inst::Lea { dst, of });
        dst
    }

    /// The first lane of a vector.
    pub fn first(&mut self, src: R, bytes: u8) -> R {
        let dst = self.code.register(Class::General);
        self.code.push(Inst::First { dst, src, bytes });
        dst
    }

    // ---- vectors

    /// The width of each register and their number, for the current lanes of these bits.
    pub fn shape(&self, bits: Bits) -> (Width, usize) {
        let bytes = self.lanes * size_of_lane(bits);
        let most = self.tier.width();
        if bytes >= most.bytes() {
            return (most, bytes / most.bytes());
        }
        (if bytes > 16 { Width::Y256 } else { Width::X128 }, 1)
    }

    /// The lanes in each register.
    pub fn lanes_each(&self, bits: Bits) -> usize {
        self.lanes / self.shape(bits).1
    }

    pub fn vector(&mut self) -> R {
        self.code.register(Class::Vector)
    }

    /// `dst = ins(a, b)`.
    pub fn v(&mut self, ins: Ins, w: Width, a: R, b: impl Into<Operand>) -> R {
        self.instruction(ins, w, None, Some(a), b.into(), None, None)
    }

    /// `dst = ins(x)`.
    pub fn u(&mut self, ins: Ins, w: Width, x: impl Into<Operand>) -> R {
        self.instruction(ins, w, None, None, x.into(), None, None)
    }

    pub fn ui(&mut self, ins: Ins, w: Width, x: impl Into<Operand>, imm: u8) -> R {
        self.instruction(ins, w, None, None, x.into(), Some(imm), None)
    }

    pub fn vi(&mut self, ins: Ins, w: Width, a: R, b: impl Into<Operand>, imm: u8) -> R {
        self.instruction(ins, w, None, Some(a), b.into(), Some(imm), None)
    }

    /// `dst = ins(tied, a, b)`.
    pub fn t(&mut self, ins: Ins, w: Width, tied: R, a: R, b: impl Into<Operand>) -> R {
        self.instruction(ins, w, Some(tied), Some(a), b.into(), None, None)
    }

    #[allow(clippy::too_many_arguments)]
    pub fn instruction(
        &mut self,
        ins: Ins,
        w: Width,
        tied: Option<R>,
        a: Option<R>,
        b: Operand,
        imm: Option<u8>,
        within: Option<Within>,
    ) -> R {
        let dst = self.vector();
        self.code.push(Inst::Vector { ins, w, dst, tied, a, b, imm, within });
        dst
    }

    /// As `v`, in the lanes of the mask; elsewhere `old`.
    pub fn v_where(&mut self, ins: Ins, w: Width, old: R, mask: R, a: Option<R>, b: R) -> R {
        let within = Some(Within { mask, zero: false });
        self.instruction(ins, w, Some(old), a, Operand::Reg(b), None, within)
    }

    /// A register whose lanes all have these bits.
    pub fn repeated(&mut self, bits: Bits, value: u64) -> R {
        let bytes = &value.to_le_bytes()[..size_of_lane(bits)];
        self.code.constant(Constant::Each(bytes.into()))
    }

    pub fn repeated_f32(&mut self, value: f32) -> R {
        self.repeated(Bits::B32, value.to_bits().into())
    }

    pub fn repeated_f64(&mut self, value: f64) -> R {
        self.repeated(Bits::B64, value.to_bits())
    }

    /// A register whose lane `n` is `first + n * step`.
    pub fn ramp(&mut self, bits: Bits, first: i64, step: i64) -> R {
        let size = size_of_lane(bits);
        let count = self.tier.width().bytes() / size;
        let lane = |n: usize| first.wrapping_add(step.wrapping_mul(n as i64)).to_le_bytes();
        let bytes = (0..count).flat_map(|n| lane(n)[..size].to_vec()).collect();
        self.code.constant(Constant::Lanes(bytes))
    }

    /// A general register in all lanes.
    pub fn spread(&mut self, src: R, bits: Bits) -> R {
        let dst = self.vector();
        let (w, _) = self.shape(bits);
        let bytes = size_of_lane(bits) as u8;
        self.code.push(Inst::Spread { dst, w, src, bytes });
        dst
    }

    /// The bits of a value's lanes: those of its type; of a bool those that most lanes have.
    pub fn bits_of(&self, d: DType) -> Bits {
        Bits::of(d).unwrap_or(if self.shape(Bits::B32).0 == Width::X128 {
            Bits::B64
        } else {
            Bits::B32
        })
    }

    pub fn constant(&mut self, s: Scalar) -> Lanes {
        let d = s.dtype();
        let bits = self.bits_of(d);
        let count = self.shape(bits).1;
        let reg = if d.is_bool() {
            self.constant_mask(s.bits() != 0, bits)
        } else {
            let value =
                if d.is_signed() { s.to_i64().unwrap_or(0) as u64 } else { s.bits() as u64 };
            self.repeated(bits, value)
        };
        Lanes { dtype: d, bits, regs: SmallVec::from_elem(reg, count) }
    }

    /// Lanes of one value by a function of each register.
    pub fn map(&mut self, dtype: DType, x: &Lanes, mut f: impl FnMut(&mut Self, R) -> R) -> Lanes {
        let regs = x.regs.iter().map(|r| f(self, *r)).collect();
        Lanes { dtype, bits: x.bits, regs }
    }

    pub fn assign(&mut self, dst: R, src: R) {
        self.code.push(Inst::Copy { dst, src });
    }

    /// The same lanes in registers of their own.
    pub fn own(&mut self, x: &Lanes) -> Lanes {
        let mut regs = Regs::new();
        for &v in &x.regs {
            let dst = self.code.register(self.code.class(v));
            self.assign(dst, v);
            regs.push(dst);
        }
        Lanes { regs, ..x.clone() }
    }

    // ---- the remainder

    /// The masks of the lanes that exist, for lanes of these bits; `None` if all do.
    pub fn existing(&self, bits: Bits) -> Option<Regs> {
        self.tail.as_ref()?.masks[usize::from(bits == Bits::B64)].clone()
    }

    /// The masks of the first `count` lanes, minus those of earlier parts; `known` if that number
    /// is.
    pub fn start_tail(&mut self, count: R, known: Option<usize>) {
        let mut tail = Tail { masks: [None, None], left: count, known };
        for bits in [Bits::B32, Bits::B64] {
            let (w, regs) = self.shape(bits);
            let each = self.lanes / regs;
            let mut masks = Regs::new();
            for r in 0..regs {
                let before = self.shift + r * each;
                masks.push(match known {
                    Some(count) => self.known_lanes(count.saturating_sub(before), bits),
                    None => self.first_lanes(count, before as i64, bits, w),
                });
            }
            tail.masks[usize::from(bits == Bits::B64)] = Some(masks);
        }
        self.tail = Some(tail);
    }
}

impl From<R> for Operand {
    fn from(r: R) -> Operand {
        Operand::Reg(r)
    }
}

impl From<Address> for Operand {
    fn from(a: Address) -> Operand {
        Operand::Mem(a)
    }
}

pub fn size_of_lane(bits: Bits) -> usize {
    match bits {
        Bits::B32 => 4,
        Bits::B64 => 8,
    }
}

/// The number of nodes, stores and reductions that use each node.
fn uses(nest: &Nest) -> Vec<u32> {
    let mut uses = vec![0u32; nest.types.len()];
    for (n, node) in nest.kernel.nodes.iter().enumerate() {
        if !nest.live[n] {
            continue;
        }
        match node {
            Node::Op { args, .. } => args.iter().for_each(|a| uses[a.0 as usize] += 1),
            Node::Gather { at, .. } => uses[at.0 as usize] += 1,
            _ => {}
        }
    }
    let stores = &nest.kernel.stores;
    nest.kernel.condition.iter().for_each(|c| uses[c.0 as usize] += 1);
    stores.iter().for_each(|s| uses[s.value.0 as usize] += 1);
    stores.iter().filter_map(|s| s.offset).for_each(|o| uses[o.0 as usize] += 1);
    nest.kernel.reductions.iter().for_each(|r| uses[r.value.0 as usize] += 1);
    uses
}
