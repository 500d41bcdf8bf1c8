//! Lanes that change places: squares of registers that are transposed, and short rows that lie one
//! after the other, taken apart and put together.

use super::asm::{Ins, Width};
use super::code::{Constant, R};
use super::emitter::{Emitter, size_of_lane};
use super::masks::by;
use crate::plan::lanes::Bits;

impl Emitter<'_> {
    /// Transposes a square of lanes, of which some rows may be missing and `wanted` are read:
    /// blocks off the diagonal change places, at every size. A missing row is zero.
    pub fn transposed(
        &mut self,
        bits: Bits,
        w: Width,
        mut x: Vec<Option<R>>,
        wanted: usize,
    ) -> Vec<R> {
        let n = x.len();
        let present = x.iter().flatten().count();
        let mut sizes: Vec<usize> = (0..n.trailing_zeros()).map(|power| 1 << power).collect();
        // The order of the sizes decides how soon few rows become many, or many few.
        if present >= wanted {
            sizes.reverse();
        }
        let zero = self.repeated(bits, 0);
        for size in sizes {
            for i in (0..n).filter(|i| i & size == 0) {
                if x[i].or(x[i + size]).is_none() {
                    continue;
                }
                let (a, b) = (x[i].unwrap_or(zero), x[i + size].unwrap_or(zero));
                let (first, second) = match self.tier.masks() {
                    true => (
                        self.mixed(bits, w, a, b, |p| if p & size > 0 { n + p - size } else { p }),
                        self.mixed(bits, w, a, b, |p| if p & size > 0 { n + p } else { p + size }),
                    ),
                    false => self.exchanged(size * size_of_lane(bits), w, a, b),
                };
                (x[i], x[i + size]) = (Some(first), Some(second));
            }
        }
        x.into_iter().map(|r| r.unwrap_or(zero)).collect()
    }

    /// Lane `p` is lane `pick(p)` of the lanes of `a` and, after them, of `b`.
    fn mixed(&mut self, bits: Bits, w: Width, a: R, b: R, pick: impl Fn(usize) -> usize) -> R {
        let picks = self.picks(bits, w, pick);
        self.t(by(bits, Ins::Vpermt2d, Ins::Vpermt2q), w, a, picks, b)
    }

    /// A register of the numbers of lanes.
    fn picks(&mut self, bits: Bits, w: Width, pick: impl Fn(usize) -> usize) -> R {
        let size = size_of_lane(bits);
        let lanes = w.bytes() / size;
        let whole = self.tier.width().bytes() / size;
        let lane = |p: usize| (pick(p % lanes) as u64).to_le_bytes();
        let bytes = (0..whole).flat_map(|p| lane(p)[..size].to_vec()).collect();
        self.code.constant(Constant::Lanes(bytes))
    }

    /// Lane `p` is lane `pick(p).1` of register `pick(p).0`.
    pub fn picked(
        &mut self,
        bits: Bits,
        w: Width,
        from: &[R],
        pick: impl Fn(usize) -> (usize, usize),
    ) -> R {
        let lanes = w.bytes() / size_of_lane(bits);
        let mut used = (0..from.len()).filter(|r| (0..lanes).any(|p| pick(p).0 == *r));
        let Some(first) = used.next() else { return self.repeated(bits, 0) };
        let mut sum = None;
        let at = |r: usize, p: usize| (pick(p).0 == r).then(|| pick(p).1);
        if !self.tier.masks() {
            let mut sum = self.moved(bits, w, from[first], |p| at(first, p).unwrap_or(p));
            for r in used {
                let moved = self.moved(bits, w, from[r], |p| at(r, p).unwrap_or(p));
                let each = size_of_lane(bits) / 4;
                let words = (0..lanes * each).filter(|word| at(r, word / each).is_some());
                let imm = words.fold(0, |imm, word| imm | 1 << word);
                sum = self.vi(Ins::Vblendps, w, sum, moved, imm);
            }
            return sum;
        }
        for r in used {
            let second = |p: usize| at(r, p).map(|lane| lanes + lane);
            sum = Some(match sum {
                None => {
                    let lane = |p: usize| second(p).or(at(first, p)).unwrap_or(p);
                    self.mixed(bits, w, from[first], from[r], lane)
                }
                Some(sum) => self.mixed(bits, w, sum, from[r], |p| second(p).unwrap_or(p)),
            });
        }
        let alone = |p: usize| at(first, p).unwrap_or(p);
        sum.unwrap_or_else(|| self.mixed(bits, w, from[first], from[first], alone))
    }

    /// By 256-bit instructions: lane `p` is lane `pick(p)`.
    fn moved(&mut self, bits: Bits, w: Width, x: R, pick: impl Fn(usize) -> usize) -> R {
        match bits {
            Bits::B32 => {
                let picks = self.picks(bits, w, pick);
                self.v(Ins::Vpermd, w, picks, x)
            }
            Bits::B64 => {
                let imm = (0..4).fold(0, |imm, p| imm | (pick(p) as u8 & 3) << (2 * p));
                self.ui(Ins::VpermpdImm, w, x, imm)
            }
        }
    }

    /// By 256-bit instructions: `a` and `b` with the odd blocks of `a` and the even ones of `b`
    /// exchanged, where a block has so many bytes.
    fn exchanged(&mut self, bytes: usize, w: Width, a: R, b: R) -> (R, R) {
        match bytes {
            4 => {
                let low = self.ui(Ins::Vpshufd, w, b, 0b10_10_00_00);
                let high = self.ui(Ins::Vpshufd, w, a, 0b11_11_01_01);
                let first = self.vi(Ins::Vblendps, w, a, low, 0b1010_1010);
                (first, self.vi(Ins::Vblendps, w, high, b, 0b1010_1010))
            }
            8 => (self.v(Ins::Vunpcklpd, w, a, b), self.v(Ins::Vunpckhpd, w, a, b)),
            _ => {
                let first = self.vi(Ins::Vperm2f128, w, a, b, 0x20);
                (first, self.vi(Ins::Vperm2f128, w, a, b, 0x31))
            }
        }
    }
}
