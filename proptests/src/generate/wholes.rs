//! The steps of random programs that compute with ints of any dtype and with bools, and those that
//! change dtypes.

use super::bench::{Bench, literal, part};
use super::recipe::Step;
use cotangent::DType;
use cotangent::core::array::Array;
use cotangent::prims::cases::samples::{INTS, RUNNING};
use cotangent::prims::lax;

impl Bench {
    /// Ints of any size, if there are none yet made of others.
    fn a_whole(&self, i: u8, dtype: DType) -> Array {
        self.whole(i).unwrap_or_else(|| {
            let x = self.real(i).0;
            let wide = lax::mul(&x, &literal(x.dtype(), 37.0));
            lax::convert_element_type(&wide, dtype)
        })
    }

    pub fn whole_step(&mut self, s: &Step) {
        let x = self.a_whole(s.a, INTS[s.b as usize % INTS.len()]);
        let dtype = x.dtype();
        let y = match s.c & 64 {
            0 => self.whole_of(s.b, dtype, x.shape()),
            _ => literal(dtype, [0.0, 3.0, 1.0, 7.0][s.b as usize % 4]),
        };
        let z = match s.c % 23 {
            0 => lax::add(&x, &y),
            1 => lax::sub(&x, &y),
            2 => lax::mul(&x, &y),
            3 => lax::div(&x, &y),
            4 => lax::rem(&x, &y),
            5 => lax::max(&x, &y),
            6 => lax::min(&x, &y),
            7 => lax::and(&x, &y),
            8 => lax::or(&x, &y),
            9 => lax::xor(&x, &y),
            10 => lax::shift_left(&x, &y),
            11 => lax::shift_right_logical(&x, &y),
            12 => lax::shift_right_arithmetic(&x, &y),
            13 => lax::mulhi(&x, &y),
            14 => lax::neg(&x),
            15 => lax::abs(&x),
            16 => lax::sign(&x),
            17 => lax::not(&x),
            18 => lax::population_count(&x),
            19 => lax::clz(&x),
            20 => lax::integer_pow(&x, (s.b % 6) as i32),
            21 => lax::div(&y, &x),
            _ => lax::rem(&y, &x),
        };
        self.keep(z, 0.0);
    }

    /// A comparison, a function of bools, or a fold of them.
    pub fn bools_step(&mut self, s: &Step) {
        let (x, _) = self.operand(s.a);
        let (y, _) = self.like(s.b, &x, x.shape());
        let (p, q) = (self.bool(s.a, x.shape()), self.bool(s.b, x.shape()));
        let axes: Vec<usize> = (0..x.ndim()).filter(|a| s.b >> a & 1 == 1).collect();
        let (a, b) = (part(&x, s.a), part(&y, s.a));
        let z = match s.c % 13 {
            0 => lax::eq(&x, &y),
            1 => lax::ne(&x, &y),
            2 => lax::lt(&a, &b),
            3 => lax::le(&a, &b),
            4 => lax::gt(&a, &b),
            5 => lax::ge(&a, &b),
            6 => lax::and(&p, &q),
            7 => lax::or(&p, &q),
            8 => lax::xor(&p, &q),
            9 => lax::not(&p),
            10 => lax::reduce_and(&p, &axes),
            11 => lax::reduce_or(&p, &axes),
            _ => lax::reduce_xor(&p, &axes),
        };
        self.keep(z, 0.0);
    }

    /// From any dtype to any other; and of inexact numbers back.
    pub fn convert(&mut self, s: &Step) {
        let (x, bound) = self.operand(s.a);
        let to = RUNNING[s.b as usize % RUNNING.len()];
        let exact = !x.dtype().is_inexact();
        if !to.is_inexact() {
            let wide = match exact {
                true => x,
                false => lax::mul(&part(&x, s.c), &literal(x.dtype().part(), 53.0)),
            };
            return self.keep(lax::convert_element_type(&wide, to), 0.0);
        }
        if exact {
            // Small ones, which all dtypes hold; or of any size, and the sine of that.
            let small = match x.dtype() {
                DType::Bool => x,
                d => lax::rem(&x, &literal(d, 7.0)),
            };
            return self.keep(lax::convert_element_type(&small, self.dtype), 6.0);
        }
        // Through another dtype; a narrow one only where the program is narrow, or nothing tells
        // its rounding.
        let narrow = |d: DType| d.part().size() == 2;
        let to = match narrow(to) && !narrow(self.dtype) && !self.rough {
            true => self.dtype.part(),
            false => to,
        };
        let there = lax::convert_element_type(&x, to);
        let y = lax::sin(&lax::mul(&there, &literal(to, 1.0 / bound.max(1.0))));
        self.keep(lax::convert_element_type(&y, self.dtype), 1.6);
    }

    /// Bits of ints as other ints; those of floats only where derivatives are not asked for.
    pub fn bitcast(&mut self, s: &Step) {
        if self.rough && s.c & 1 == 1 {
            let (x, bound) = self.real(s.a);
            let width = |d: &DType| d.size() == x.dtype().size();
            let ints: Vec<DType> = INTS.into_iter().filter(width).collect();
            let int = ints[s.b as usize % ints.len()];
            let bits = lax::bitcast_convert_type(&x, int);
            // Those that stand still when a sum is rounded otherwise.
            let digits = [7, 10, 23, 52].into_iter().find(|d| 2 * d > int.bits()).unwrap_or(52);
            let upper = lax::shift_right_logical(&bits, &literal(int, f64::from(digits - 2)));
            self.keep(upper, 0.0);
            // The last bits changed.
            let near = lax::xor(&bits, &literal(int, 3.0));
            return self.keep(lax::bitcast_convert_type(&near, x.dtype()), 2.0 * bound);
        }
        let x = self.a_whole(s.a, INTS[s.c as usize % INTS.len()]);
        let to = INTS[s.b as usize % INTS.len()];
        if to.size() > x.dtype().size() {
            // As many of them as a wider one takes.
            let count = to.size() / x.dtype().size();
            let mut shape = x.to_shape();
            shape.push(count);
            let kept: Vec<usize> = (0..x.ndim()).collect();
            let parts = lax::broadcast_in_dim(&x, &shape, &kept);
            return self.keep(lax::bitcast_convert_type(&parts, to), 0.0);
        }
        self.keep(lax::bitcast_convert_type(&x, to), 0.0);
    }
}
