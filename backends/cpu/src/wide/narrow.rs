//! Elements of 8 and 16 bits, which have lanes of 32: words that hold them, packed stores, and what
//! moves one by one through the frame.

use super::asm::{Cond, Ins, Width};
use super::code::{Address, Amount, Arith, Inst, R};
use super::emitter::{Emitter, size_of_lane};
use super::values::{Lanes, Regs};
use crate::plan::lanes::Bits;
use cotangent_jit::DType;

impl Emitter<'_> {
    /// Narrow elements at a stride.
    pub fn narrow_apart(
        &mut self,
        d: DType,
        from: Address,
        step: i64,
        masks: Option<&Regs>,
    ) -> Lanes {
        let (each, size) = (self.lanes_each(Bits::B32), d.size() as i64);
        let ahead = |e: &mut Self, r: usize| {
            e.ramp(Bits::B32, (r * each) as i64 * step * size, step * size)
        };
        let bytes = (0..self.shape(Bits::B32).1).map(|r| ahead(self, r)).collect();
        let base = self.lea(from);
        self.narrow_elements(d, base, &bytes, masks)
    }

    /// Narrow elements that begin so many bytes after a place: the aligned words in which they lie
    /// are gathered. Such a word lies in the same cache line as its element.
    pub fn narrow_elements(
        &mut self,
        d: DType,
        place: R,
        bytes: &Regs,
        masks: Option<&Regs>,
    ) -> Lanes {
        let bits = Bits::B32;
        let (w, _) = self.shape(bits);
        let odd = self.copy_general(place);
        self.update(Arith::And, odd, Amount::Now(3));
        let base = self.copy_general(place);
        self.update(Arith::Sub, base, Amount::Reg(odd));
        let odd = self.spread(odd, bits);
        let (low, high) = (self.repeated(bits, 3), self.repeated(bits, !3));
        let unused = 32 - 8 * d.size() as u8;
        let back = if d.is_signed() { Ins::VpsradImm } else { Ins::VpsrldImm };
        let mut regs = Regs::new();
        for (r, ahead) in bytes.iter().enumerate() {
            let at = self.v(Ins::Vpaddd, w, *ahead, odd);
            let index = self.v(Ins::Vandps, w, at, high);
            let mask = match masks {
                Some(m) => m[r],
                None => self.constant_mask(true, bits),
            };
            let (ins, dst) = (Ins::Vgatherdps, self.vector());
            self.code.push(Inst::Gather { ins, w, dst, base, index, scale: 1, disp: 0, mask });
            let byte = self.v(Ins::Vandps, w, at, low);
            let before = self.ui(Ins::VpslldImm, w, byte, 3);
            let right = self.v(Ins::Vpsrlvd, w, dst, before);
            let left = self.ui(Ins::VpslldImm, w, right, unused);
            regs.push(self.ui(back, w, left, unused));
        }
        Lanes { dtype: d, bits, regs }
    }

    /// Narrow elements by a loop over lanes, through the frame.
    pub fn one_by_one(
        &mut self,
        d: DType,
        from: Address,
        step: i64,
        masks: Option<&Regs>,
    ) -> Lanes {
        let values = self.code.room(4 * self.lanes as u32);
        if masks.is_some() {
            let zero = Lanes {
                dtype: DType::I32,
                bits: Bits::B32,
                regs: (0..self.shape(Bits::B32).1).map(|_| self.repeated(Bits::B32, 0)).collect(),
            };
            self.spill_lanes(&zero, values);
        }
        let pointer = self.lea(from);
        self.each_lane(
            masks,
            |e, place| {
                let at = Address { index: Some((place, 4)), ..Address::frame(values) };
                let v = e.load_general(Address::of(pointer, 0), d.size() as u8, d.is_signed());
                e.code.push(Inst::StoreGeneral { src: v, to: at, bytes: 4 });
            },
            |e| e.update(Arith::Add, pointer, Amount::Now(step * d.size() as i64)),
        );
        let lanes = self.frame_lanes(DType::I32, values);
        Lanes { dtype: d, ..lanes }
    }

    /// `for lane in 0..lanes { if its mask is set { body(lane) } always() }`.
    pub fn each_lane(
        &mut self,
        masks: Option<&Regs>,
        body: impl FnOnce(&mut Self, R),
        always: impl FnOnce(&mut Self),
    ) {
        let tests = masks.map(|masks| {
            let at = self.code.room(4 * self.lanes as u32);
            let bits = Bits::B32;
            let (w, _) = self.shape(bits);
            let regs = masks.iter().map(|m| self.as_vector(bits, w, *m)).collect();
            self.spill_lanes(&Lanes { dtype: DType::I32, bits, regs }, at);
            at
        });
        let lane = self.set(0);
        let (top, skip) = (self.code.place(), self.code.place());
        self.code.push(Inst::LoopBegin);
        self.code.push(Inst::Bind(top));
        if let Some(at) = tests {
            let from = Address { index: Some((lane, 4)), ..Address::frame(at) };
            let test = self.load_general(from, 4, false);
            let (cond, b) = (Cond::E, Amount::Now(0));
            self.code.push(Inst::Branch { a: test, cond, b, to: skip });
        }
        body(self, lane);
        self.code.push(Inst::Bind(skip));
        always(self);
        self.update(Arith::Add, lane, Amount::Now(1));
        let (cond, b) = (Cond::L, Amount::Now(self.lanes as i64));
        self.code.push(Inst::Branch { a: lane, cond, b, to: top });
        self.code.push(Inst::LoopEnd);
    }

    pub fn store_narrow(&mut self, d: DType, src: R, to: Address, w: Width, within: Option<R>) {
        if self.tier.masks() {
            let ins = if d.size() == 1 { Ins::Vpmovdb } else { Ins::Vpmovdw };
            self.code.push(Inst::Store { ins, w, src, to, within });
            return;
        }
        let words = match d.is_signed() {
            true => {
                let words = self.v(Ins::Vpackssdw, w, src, src);
                if w == Width::X128 {
                    words
                } else {
                    self.ui(Ins::VpermqImm, w, words, 0b11_01_10_00)
                }
            }
            false => self.packed_words(src),
        };
        // The words lie in the first lanes.
        let lanes = self.lanes_each(Bits::B32);
        let (v, bytes) = match (d.size(), d.is_signed()) {
            (2, _) => (words, 2 * lanes),
            (_, true) => (self.v(Ins::Vpacksswb, Width::X128, words, words), lanes),
            (_, false) => (self.v(Ins::Vpackuswb, Width::X128, words, words), lanes),
        };
        if bytes == 16 {
            let (ins, w) = (Ins::Vmovups, Width::X128);
            self.code.push(Inst::Store { ins, w, src: v, to, within: None });
            return;
        }
        let piece = self.first(v, if bytes == 8 { 8 } else { 4 });
        self.code.push(Inst::StoreGeneral { src: piece, to, bytes: bytes as u8 });
    }

    pub fn store_one_by_one(
        &mut self,
        d: DType,
        to: Address,
        step: i64,
        x: &Lanes,
        masks: Option<&Regs>,
    ) {
        let size = size_of_lane(x.bits);
        let values = self.code.room((size * self.lanes) as u32);
        self.spill_lanes(x, values);
        let pointer = self.lea(to);
        let narrow = masks.map(|m| {
            let lanes = Lanes { dtype: DType::Bool, bits: x.bits, regs: m.clone() };
            self.with_bits(&lanes, Bits::B32).regs
        });
        self.each_lane(
            narrow.as_ref(),
            |e, lane| {
                let from = Address { index: Some((lane, size as u8)), ..Address::frame(values) };
                let v = e.load_general(from, d.size() as u8, false);
                let bytes = d.size() as u8;
                e.code.push(Inst::StoreGeneral { src: v, to: Address::of(pointer, 0), bytes });
            },
            |e| e.update(Arith::Add, pointer, Amount::Now(step * d.size() as i64)),
        );
    }
}
