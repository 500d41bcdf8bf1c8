//! Loads and stores of lanes at affine positions. Computed positions live in `gather`.
//!
//! Unit strides are whole registers, other strides gathers and scatters. Where lanes do not exist
//! (the remainder of the loop) or a guard does not admit them, masks suppress the access, so that
//! nothing outside of a buffer is read. Narrow elements have no strided form (see `narrow`).

use super::asm::{Cond, Ins, Width};
use super::code::{Address, Amount, Arith, Inst, MaskOp, Operand, R, Within};
use super::emitter::{Emitter, unsupported};
use super::masks::by;
use super::values::{Lanes, Regs};
use crate::plan::lanes::Bits;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Range};
use cotangent_jit::op::MachineOp;
use cotangent_jit::{DType, Error, Scalar};

impl Emitter<'_> {
    /// The bits of the lanes in which elements of this type are loaded.
    pub fn memory_bits(&self, d: DType) -> Bits {
        Bits::of(d).unwrap_or(Bits::B32)
    }

    /// The element at this position, in all lanes: one that does not vary.
    pub fn load_one(
        &mut self,
        buffer: BufferId,
        at: &Affine,
        guard: &[Range],
        fill: Scalar,
    ) -> Result<Lanes, Error> {
        let d = self.buffer_type(buffer);
        if guard.is_empty() {
            let from = self.address(buffer, at);
            return Ok(self.element(d, from));
        }
        let result = self.constant(fill);
        let result = self.own(&result);
        let after = self.code.place();
        for range in guard {
            let index = self.index(&range.at);
            let b = Amount::Now(range.low);
            self.code.push(Inst::Branch { a: index, cond: Cond::L, b, to: after });
            let b = Amount::Now(range.high);
            self.code.push(Inst::Branch { a: index, cond: Cond::GE, b, to: after });
        }
        let from = self.address(buffer, at);
        let mut loaded = self.element(d, from);
        if d.is_bool() {
            loaded = self.with_bits(&loaded, result.bits);
        }
        for (to, from) in result.regs.iter().zip(&loaded.regs) {
            self.assign(*to, *from);
        }
        self.code.push(Inst::Bind(after));
        Ok(result)
    }

    /// One element from memory in all lanes.
    pub fn element(&mut self, d: DType, from: Address) -> Lanes {
        let bits = self.memory_bits(d);
        let (w, count) = self.shape(bits);
        let reg = match (d.size(), bits) {
            (4, _) => self.u(Ins::Vbroadcastss, w, from),
            (8, _) if w == Width::X128 => self.u(Ins::Vpbroadcastq, w, from),
            (8, _) => self.u(Ins::Vbroadcastsd, w, from),
            (size, _) => {
                let v = self.load_general(from, size as u8, d.is_signed());
                self.spread(v, bits)
            }
        };
        let regs = (0..count).map(|_| reg).collect();
        let lanes = Lanes { dtype: d, bits, regs };
        if d.is_bool() { self.truths(&lanes) } else { lanes }
    }

    /// Masks from lanes that hold 0 or 1.
    pub fn truths(&mut self, x: &Lanes) -> Lanes {
        let (w, _) = self.shape(x.bits);
        let zero = self.repeated(x.bits, 0);
        let d = if x.bits == Bits::B32 { DType::I32 } else { DType::I64 };
        self.map(DType::Bool, x, |e, v| e.compare(MachineOp::Ne, d, w, v, zero))
    }

    /// Elements along the vector loop.
    pub fn load_lanes(
        &mut self,
        buffer: BufferId,
        at: &Affine,
        guard: &[Range],
        fill: Scalar,
    ) -> Result<Lanes, Error> {
        if let Some(lanes) = self.tile_lanes(buffer, at) {
            return Ok(lanes);
        }
        let d = self.buffer_type(buffer);
        let bits = self.memory_bits(d);
        let admitted = if guard.is_empty() { None } else { Some(self.admitted(guard, bits)?) };
        let masks = match (&admitted, self.existing(bits)) {
            (None, existing) => existing,
            (Some(admitted), None) => Some(admitted.clone()),
            (Some(admitted), Some(existing)) => {
                let (w, _) = self.shape(bits);
                let both = admitted.iter().zip(&existing);
                Some(both.map(|(a, b)| self.mask_op(MaskOp::And, w, *a, *b)).collect())
            }
        };
        let loaded = match self.near_lanes(buffer, at).filter(|_| admitted.is_none()) {
            Some(loaded) => loaded,
            None => self.elements(buffer, at, self.step(at), masks.as_ref())?,
        };
        let lanes = match &admitted {
            Some(admitted) if fill.bits() != 0 => {
                let (w, _) = self.shape(bits);
                let pattern = match d.is_signed() {
                    true => fill.to_i64().unwrap_or(0) as u64,
                    false => fill.bits() as u64,
                };
                let fill = self.repeated(bits, pattern);
                let both = loaded.regs.iter().zip(admitted);
                let regs = both.map(|(v, m)| self.choose(bits, w, *m, *v, fill)).collect();
                Lanes { regs, ..loaded }
            }
            _ => loaded,
        };
        Ok(if d.is_bool() { self.truths(&lanes) } else { lanes })
    }

    /// The masks of the lanes that a guard admits.
    fn admitted(&mut self, guard: &[Range], bits: Bits) -> Result<Regs, Error> {
        let extents: Vec<usize> = self.nest.kernel.loops.iter().map(|l| l.extent).collect();
        let (w, count) = self.shape(bits);
        let each = self.lanes_each(bits);
        let mut all: Option<Regs> = None;
        for range in guard {
            let (least, most) = range.at.range(&extents).unwrap_or((0, 0));
            let near = |n: i64| n.unsigned_abs() < 1 << 30;
            if ![least, most, range.low, range.high].into_iter().all(near) {
                return unsupported("a guard beyond 32 bits");
            }
            let first = self.index(&range.at);
            self.update(Arith::Sub, first, Amount::Now(range.low));
            let first = self.spread(first, bits);
            let span = self.repeated(bits, (range.high - range.low).max(0) as u64);
            let step = self.step(&range.at);
            let mut masks = Regs::new();
            for r in 0..count {
                let mut place = first;
                if step != 0 {
                    let ahead = self.ramp(bits, (r * each) as i64 * step, step);
                    place = self.v(by(bits, Ins::Vpaddd, Ins::Vpaddq), w, first, ahead);
                }
                let d = if bits == Bits::B32 { DType::U32 } else { DType::U64 };
                masks.push(self.compare(MachineOp::Lt, d, w, place, span));
            }
            all = Some(match all {
                None => masks,
                Some(all) => {
                    let both = all.iter().zip(&masks);
                    both.map(|(a, b)| self.mask_op(MaskOp::And, w, *a, *b)).collect()
                }
            });
        }
        Ok(all.unwrap_or_default())
    }

    /// The elements of the lanes that the masks name, as numbers; zero elsewhere. Bools are 0 or 1.
    fn elements(
        &mut self,
        buffer: BufferId,
        at: &Affine,
        step: i64,
        masks: Option<&Regs>,
    ) -> Result<Lanes, Error> {
        let d = self.buffer_type(buffer);
        let bits = self.memory_bits(d);
        let (w, count) = self.shape(bits);
        let each = self.lanes_each(bits);
        let from = self.address(buffer, at);
        if d.size() < 4 && step == 1 && masks.is_some() && !self.tier.masks() {
            return Ok(self.one_by_one(d, from, step, masks));
        }
        if step == 1 {
            return Ok(self.consecutive(d, from, masks));
        }
        self.check_reach(step)?;
        if d.size() < 4 {
            return Ok(self.narrow_apart(d, from, step, masks));
        }
        let mut regs = Regs::new();
        let base = self.lea(from);
        for r in 0..count {
            let index = self.ramp(Bits::B32, (r * each) as i64 * step, step);
            let mask = match masks {
                Some(m) => m[r],
                None => self.constant_mask(true, bits),
            };
            let dst = self.vector();
            let ins = by(bits, Ins::Vgatherdps, Ins::Vgatherdpd);
            let scale = d.size() as u8;
            self.code.push(Inst::Gather { ins, w, dst, base, index, scale, disp: 0, mask });
            regs.push(dst);
        }
        Ok(Lanes { dtype: d, bits, regs })
    }

    /// Gathers and scatters count elements from the first lane in 32 bits.
    fn check_reach(&self, step: i64) -> Result<(), Error> {
        match step.checked_mul(self.lanes as i64) {
            Some(reach) if i32::try_from(reach).is_ok() => Ok(()),
            _ => unsupported("a stride beyond 32 bits"),
        }
    }

    /// Consecutive elements, as numbers. Narrow elements take masks only if those are registers.
    fn consecutive(&mut self, d: DType, from: Address, masks: Option<&Regs>) -> Lanes {
        let bits = self.memory_bits(d);
        let (w, count) = self.shape(bits);
        let each = self.lanes_each(bits);
        let mut regs = Regs::new();
        for r in 0..count {
            let from = from.plus((r * each * d.size()) as i32);
            regs.push(self.load_part(d, w, from, masks.map(|m| m[r])));
        }
        Lanes { dtype: d, bits, regs }
    }

    /// A register of consecutive elements, of which a mask admits some. Narrow elements take masks
    /// only if those are registers.
    pub fn load_part(&mut self, d: DType, w: Width, from: Address, mask: Option<R>) -> R {
        let bits = self.memory_bits(d);
        match mask {
            _ if d.size() < 4 => self.load_masked(widening(d), w, from, mask),
            None => self.u(Ins::Vmovups, w, from),
            Some(mask) if self.tier.masks() => {
                let ins = by(bits, Ins::Vmovdqu32, Ins::Vmovdqu64);
                self.load_masked(ins, w, from, Some(mask))
            }
            Some(mask) => {
                let dst = self.vector();
                let ins = by(bits, Ins::Vmaskmovps, Ins::Vmaskmovpd);
                self.code.push(Inst::MaskedLoad { ins, w, dst, mask, from });
                dst
            }
        }
    }

    /// All lanes from consecutive elements that are known to be there.
    pub fn contiguous(&mut self, d: DType, from: Address) -> Lanes {
        let lanes = self.consecutive(d, from, None);
        if d.is_bool() { self.truths(&lanes) } else { lanes }
    }

    /// A load by one instruction that a mask register may restrict.
    fn load_masked(&mut self, ins: Ins, w: Width, from: Address, mask: Option<R>) -> R {
        let within = mask.map(|mask| Within { mask, zero: true });
        self.instruction(ins, w, None, None, Operand::Mem(from), None, within)
    }

    /// Stores lanes along the vector loop.
    pub fn store_lanes(&mut self, buffer: BufferId, at: &Affine, x: &Lanes) -> Result<(), Error> {
        let d = self.buffer_type(buffer);
        let bits = self.memory_bits(d);
        let x = &if d.is_bool() { self.ones(x) } else { x.clone() };
        let masks = self.existing(bits);
        let (w, count) = self.shape(bits);
        let each = self.lanes_each(bits);
        let step = self.step(at);
        let to = self.address(buffer, at);
        if step != 1 && self.tier.masks() && d.size() >= 4 {
            self.check_reach(step)?;
            let base = self.lea(to);
            for r in 0..count {
                let index = self.ramp(Bits::B32, (r * each) as i64 * step, step);
                let mask = match &masks {
                    Some(m) => m[r],
                    None => self.constant_mask(true, bits),
                };
                let ins = by(bits, Ins::Vscatterdps, Ins::Vscatterdpd);
                let (src, scale) = (x.regs[r], d.size() as u8);
                self.code.push(Inst::Scatter { ins, w, src, base, index, scale, disp: 0, mask });
            }
            return Ok(());
        }
        if step != 1 {
            self.store_one_by_one(d, to, step, x, masks.as_ref());
        } else {
            self.store_consecutive(d, to, x, self.bypassing.contains(&buffer));
        }
        Ok(())
    }

    /// Stores the lanes that exist to consecutive elements.
    pub fn store_contiguous(&mut self, d: DType, to: Address, x: &Lanes) {
        let x = if d.is_bool() { self.ones(x) } else { x.clone() };
        self.store_consecutive(d, to, &x, false);
    }

    /// With `past`, whole registers go past the caches; their places are aligned.
    fn store_consecutive(&mut self, d: DType, to: Address, x: &Lanes, past: bool) {
        let bits = self.memory_bits(d);
        let masks = self.existing(bits);
        let (w, count) = self.shape(bits);
        let each = self.lanes_each(bits);
        if d.size() < 4 && !self.tier.masks() && masks.is_some() {
            return self.store_one_by_one(d, to, 1, x, masks.as_ref());
        }
        for r in 0..count {
            let src = x.regs[r];
            let to = to.plus((r * each * d.size()) as i32);
            let within = masks.as_ref().map(|m| m[r]);
            match within {
                None if past && d.size() >= 4 => {
                    self.code.push(Inst::Store { ins: Ins::Vmovntps, w, src, to, within });
                }
                _ => self.store_part(d, w, src, to, within),
            }
        }
    }

    /// Stores a register to consecutive elements, of which a mask admits some. Narrow elements take
    /// masks only if those are registers.
    pub fn store_part(&mut self, d: DType, w: Width, src: R, to: Address, within: Option<R>) {
        let bits = self.memory_bits(d);
        if d.size() < 4 {
            return self.store_narrow(d, src, to, w, within);
        }
        self.code.push(match within {
            Some(mask) if !self.tier.masks() => {
                let ins = by(bits, Ins::Vmaskmovps, Ins::Vmaskmovpd);
                Inst::MaskedStore { ins, w, src, mask, to }
            }
            None => Inst::Store { ins: Ins::Vmovups, w, src, to, within },
            _ => {
                let ins = by(bits, Ins::Vmovdqu32, Ins::Vmovdqu64);
                Inst::Store { ins, w, src, to, within }
            }
        });
    }

    /// The lanes of a bool as 0 or 1 of 32 bits.
    pub fn ones(&mut self, x: &Lanes) -> Lanes {
        let x = self.with_bits(x, Bits::B32);
        let (w, _) = self.shape(Bits::B32);
        let one = self.repeated(Bits::B32, 1);
        self.map(DType::Bool, &x, |e, m| e.where_set(Bits::B32, w, m, one))
    }

    /// Stores the first lane.
    pub fn store_first(&mut self, buffer: BufferId, at: &Affine, x: &Lanes) {
        let to = self.address(buffer, at);
        self.store_one(self.buffer_type(buffer), to, x);
    }

    pub fn store_one(&mut self, d: DType, to: Address, x: &Lanes) {
        let x = &if d.is_bool() { self.ones(x) } else { x.clone() };
        let v = self.first(x.regs[0], if d.size() == 8 { 8 } else { 4 });
        self.code.push(Inst::StoreGeneral { src: v, to, bytes: d.size() as u8 });
    }
}

/// The load that puts narrow elements into 32-bit lanes.
fn widening(d: DType) -> Ins {
    match (d.size(), d.is_signed()) {
        (1, true) => Ins::Vpmovsxbd,
        (1, false) => Ins::Vpmovzxbd,
        (_, true) => Ins::Vpmovsxwd,
        (_, false) => Ins::Vpmovzxwd,
    }
}
