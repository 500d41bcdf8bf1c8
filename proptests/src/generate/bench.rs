//! The workbench of a program being made: values so far, each with a bound on its size, and how to
//! pick among them.

use super::recipe::Step;
use cotangent::core::array::Array;
use cotangent::prims::lax;
use cotangent::{DType, Scalar};

/// Values larger than this are scaled down.
const LIMIT: f64 = 4.0;

pub struct Bench {
    /// Of the inexact numbers: a float or a complex dtype.
    pub dtype: DType,
    /// Whether steps may round what derivatives need.
    pub rough: bool,
    /// Whether numbers are of any size.
    pub wild: bool,
    /// Inexact numbers with bounds.
    floats: Vec<(Array, f64)>,
    /// Small i32s, which index.
    ints: Vec<Array>,
    bools: Vec<Array>,
    /// Ints of any dtype and size.
    wholes: Vec<Array>,
}

impl Bench {
    /// With arguments between -1 and 1, or of any size up to the limit if they come from outside a
    /// body.
    pub fn new(dtype: DType, (rough, wild): (bool, bool), args: &[Array]) -> Bench {
        let none = Vec::new;
        let mut bench = Bench {
            dtype,
            rough,
            wild,
            floats: Vec::new(),
            ints: none(),
            bools: none(),
            wholes: none(),
        };
        for a in args {
            match a.dtype() {
                DType::Bool => bench.bools.push(a.clone()),
                DType::I32 => bench.ints.push(a.clone()),
                d if d == dtype => bench.floats.push((a.clone(), LIMIT)),
                _ => bench.wholes.push(a.clone()),
            }
        }
        bench
    }

    /// One like this for the arguments of a body.
    pub fn inside(&self, args: &[Array]) -> Bench {
        Bench::new(self.dtype, (self.rough, self.wild), args)
    }

    /// What the last steps made: the last float, the one before, the last ints and bool.
    pub fn outputs(mut self, steps: &[Step]) -> Vec<Array> {
        steps.iter().for_each(|s| self.step(s));
        let floats = self.floats.iter().rev().take(2).map(|(a, _)| a.clone());
        let others = [self.ints.last(), self.wholes.last(), self.bools.last()];
        floats.chain(others.into_iter().flatten().cloned()).collect()
    }

    /// What the last step made, as `n` floats.
    pub fn results(&mut self, steps: &[Step], n: usize) -> Vec<Array> {
        steps.iter().for_each(|s| self.step(s));
        (0..n).map(|i| self.float(i as u8).0).collect()
    }

    /// The last int that a body made or has, and a bool.
    pub fn others(&self) -> Vec<Array> {
        [self.wholes.last(), self.bools.last()].into_iter().flatten().cloned().collect()
    }

    pub fn literal(&self, x: f64) -> Array {
        literal(self.dtype, x)
    }

    pub fn complex(&self) -> bool {
        self.dtype.is_complex()
    }

    /// An operand: a float, or of the last quarters of numbers an int or a bool, if there are any.
    pub fn operand(&self, i: u8) -> (Array, f64) {
        let whole = match i {
            160..208 => self.whole(i),
            208..240 => self.ints.last().cloned(),
            240.. => self.bools.last().cloned(),
            _ => None,
        };
        whole.map_or_else(|| self.float(i), |x| (x, LIMIT))
    }

    /// An operand that is no bool.
    pub fn number(&self, i: u8) -> (Array, f64) {
        let (x, bound) = self.operand(i);
        if x.dtype().is_bool() {
            return (lax::convert_element_type(&x, DType::I16), 1.0);
        }
        (x, bound)
    }

    /// An operand that has an order: of complex numbers a part.
    pub fn ordered(&self, i: u8) -> (Array, f64) {
        let (x, bound) = self.operand(i);
        (part(&x, i), bound)
    }

    /// A float that has an order: of complex numbers a part.
    pub fn real(&self, i: u8) -> (Array, f64) {
        let (x, bound) = self.float(i);
        (part(&x, i), bound)
    }

    /// An int of any dtype.
    pub fn whole(&self, i: u8) -> Option<Array> {
        let n = self.wholes.len();
        (n > 0).then(|| self.wholes[n - 1 - i as usize % n].clone())
    }

    /// Something of the dtype of `x` in this shape.
    pub fn like(&self, i: u8, x: &Array, shape: &[usize]) -> (Array, f64) {
        match x.dtype() {
            d if d == self.dtype => self.float_of(i, shape),
            d if d.is_inexact() => {
                let (y, bound) = self.float_of(i, shape);
                (lax::convert_element_type(&part(&y, i), d), bound)
            }
            DType::Bool => (self.bool(i, shape), 1.0),
            d => (self.whole_of(i, d, shape), LIMIT),
        }
    }

    /// Ints of a dtype and shape.
    pub fn whole_of(&self, i: u8, dtype: DType, shape: &[usize]) -> Array {
        let found = self.whole(i).unwrap_or_else(|| self.int(i, shape));
        let found = lax::convert_element_type(&found, dtype);
        if found.shape() == shape {
            return found;
        }
        let flat = lax::reshape(&found, &[found.size()]);
        let seed = lax::reduce_xor(&flat, &[0]);
        let all = lax::broadcast_in_dim(&seed, shape, &[]);
        match shape.len() {
            0 => all,
            n => lax::add(&all, &lax::mul(&lax::iota(dtype, shape, n - 1), &literal(dtype, 3.0))),
        }
    }

    /// The float numbered `i` from the end.
    pub fn float(&self, i: u8) -> (Array, f64) {
        let n = self.floats.len();
        self.floats[n - 1 - i as usize % n].clone()
    }

    /// A float of this shape.
    pub fn float_of(&self, i: u8, shape: &[usize]) -> (Array, f64) {
        let (x, bound) = self.float(i);
        (self.shaped(&x, shape), bound)
    }

    /// An int of this shape, between 0 and `limit`.
    pub fn int(&self, i: u8, shape: &[usize]) -> Array {
        let scalar = |a: &Array| match a.ndim() {
            0 => a.clone(),
            _ => lax::reduce_max(&self.not_empty(a), &[0]),
        };
        let seed = match self.ints.len() {
            0 => Array::strong_literal(Scalar::from(i32::from(i % 5))),
            n => {
                let a = &self.ints[n - 1 - i as usize % n];
                if a.shape() == shape {
                    return a.clone();
                }
                scalar(a)
            }
        };
        match shape {
            [] => seed,
            [.., last] => {
                let along = lax::iota(DType::I32, shape, shape.len() - 1);
                let at = lax::add(&lax::broadcast_in_dim(&seed, shape, &[]), &along);
                lax::rem(&at, &int((*last).max(1) as i32))
            }
        }
    }

    fn not_empty(&self, a: &Array) -> Array {
        let flat = lax::reshape(a, &[a.size()]);
        lax::pad(&flat, &int(0), &[(1, 0, 0)])
    }

    /// A bool of this shape.
    pub fn bool(&self, i: u8, shape: &[usize]) -> Array {
        let found = self.bools.iter().rev().find(|b| b.shape() == shape);
        match found {
            Some(b) if i & 1 == 0 => b.clone(),
            _ => {
                let x = part(&self.float_of(i, shape).0, i);
                lax::lt(&x, &literal(x.dtype(), 0.123))
            }
        }
    }

    /// `x` in another shape: repeated from its mean, or its greatest element if the program is
    /// wild.
    pub fn shaped(&self, x: &Array, shape: &[usize]) -> Array {
        if x.shape() == shape {
            return x.clone();
        }
        let mean = match x.ndim() {
            0 => x.clone(),
            // No sum, whose order would show.
            n if self.wild => lax::reduce_max(x, &Vec::from_iter(0..n)),
            n => {
                let sum = lax::reduce_sum(x, &Vec::from_iter(0..n));
                lax::mul(&sum, &self.literal(1.0 / x.size().max(1) as f64))
            }
        };
        lax::broadcast_in_dim(&mean, shape, &[])
    }

    /// Keeps what a step made, among its like. Of a float what may be too large is scaled; what is
    /// too many elements is cut.
    pub fn keep(&mut self, x: Array, bound: f64) {
        let mut x = x;
        while x.size() > 40 {
            let axis = (0..x.ndim()).max_by_key(|a| x.shape()[*a]).expect("an axis");
            x = lax::slice_in_dim(&x, 0, x.shape()[axis] / 2, axis);
        }
        match x.dtype() {
            DType::Bool => self.bools.push(x),
            d if !d.is_inexact() => self.wholes.push(x),
            d if d == self.dtype && bound > LIMIT => {
                self.floats.push((lax::mul(&x, &self.literal(2.0 / bound)), 2.0));
            }
            d if d == self.dtype => self.floats.push((x, bound)),
            // A part of a complex number gets another one beside it.
            d if Some(self.dtype) == d.complex() => {
                let (z, other) = self.float_of(0, x.shape());
                self.keep(lax::complex(&x, &lax::imag(&z)), bound + other);
            }
            _ => self.keep(lax::convert_element_type(&x, self.dtype), bound),
        }
    }

    pub fn keep_int(&mut self, x: Array) {
        if x.size() <= 40 {
            self.ints.push(x);
        }
    }

    /// Operands for a body: up to three floats, and ints and a bool if there are some.
    pub fn operands(&self, step: &Step) -> Vec<Array> {
        let many = 1 + step.c as usize % 3;
        let mut operands: Vec<Array> =
            (0..many).map(|i| self.float(step.a.wrapping_add(i as u8 * 2)).0).collect();
        operands.extend(self.ints.last().filter(|_| step.b & 1 == 1).cloned());
        operands.extend(self.wholes.last().filter(|_| step.a & 64 != 0).cloned());
        operands.extend(self.bools.last().filter(|_| step.a & 128 != 0).cloned());
        operands
    }
}

pub fn int(i: i32) -> Array {
    Array::strong_literal(Scalar::from(i))
}

/// A number of any dtype.
pub fn literal(dtype: DType, x: f64) -> Array {
    Array::strong_literal(Scalar::from_f64(dtype, x).expect("a number"))
}

/// A real number: of a complex one a part.
pub fn part(x: &Array, i: u8) -> Array {
    match x.dtype().is_complex() {
        true if i & 4 == 0 => lax::real(x),
        true => lax::imag(x),
        false => x.clone(),
    }
}

/// `1, 1.1, 1.2, ..` along axis 0.
pub fn ramp(dtype: DType, shape: &[usize]) -> Array {
    let steps = lax::convert_element_type(&lax::iota(DType::I32, shape, 0), dtype);
    lax::add(&lax::mul(&steps, &literal(dtype, 0.1)), &literal(dtype, 1.0))
}
