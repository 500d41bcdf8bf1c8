//! The workbench of a program being made: values so far, each with a bound on its size, and how to pick among them.

use super::recipe::Step;
use cotangent::core::array::Array;
use cotangent::prims::lax;
use cotangent::{DType, Scalar};

/// Values larger than this are scaled down.
const LIMIT: f64 = 4.0;

pub struct Bench {
    pub dtype: DType,
    /// Floats with bounds.
    floats: Vec<(Array, f64)>,
    ints: Vec<Array>,
    bools: Vec<Array>,
}

impl Bench {
    /// With arguments between -1 and 1, or of any size up to the limit if they come from outside a body.
    pub fn new(dtype: DType, args: &[Array]) -> Bench {
        let mut bench = Bench { dtype, floats: Vec::new(), ints: Vec::new(), bools: Vec::new() };
        for a in args {
            match a.dtype() {
                DType::Bool => bench.bools.push(a.clone()),
                d if d == dtype => bench.floats.push((a.clone(), LIMIT)),
                _ => bench.ints.push(a.clone()),
            }
        }
        bench
    }

    /// What the last steps made: the last float, the one before, the last int.
    pub fn outputs(mut self, steps: &[Step]) -> Vec<Array> {
        steps.iter().for_each(|s| self.step(s));
        let floats = self.floats.iter().rev().take(2).map(|(a, _)| a.clone());
        floats.chain(self.ints.last().cloned()).collect()
    }

    /// What the last step made, as `n` floats.
    pub fn results(mut self, steps: &[Step], n: usize) -> Vec<Array> {
        steps.iter().for_each(|s| self.step(s));
        (0..n).map(|i| self.float(i as u8).0).collect()
    }

    pub fn literal(&self, x: f64) -> Array {
        Array::strong_literal(Scalar::from_f64(self.dtype, x).expect("a float"))
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
                let x = self.float_of(i, shape).0;
                lax::lt(&x, &self.literal(0.123))
            }
        }
    }

    /// `x` in another shape: repeated from its mean.
    pub fn shaped(&self, x: &Array, shape: &[usize]) -> Array {
        if x.shape() == shape {
            return x.clone();
        }
        let mean = match x.ndim() {
            0 => x.clone(),
            n => {
                let sum = lax::reduce_sum(x, &Vec::from_iter(0..n));
                lax::mul(&sum, &self.literal(1.0 / x.size().max(1) as f64))
            }
        };
        lax::broadcast_in_dim(&mean, shape, &[])
    }

    /// Keeps a float; what may be too large is scaled, what is too many elements is cut.
    pub fn keep(&mut self, x: Array, bound: f64) {
        let mut x = x;
        while x.size() > 40 {
            let axis = (0..x.ndim()).max_by_key(|a| x.shape()[*a]).expect("an axis");
            x = lax::slice_in_dim(&x, 0, x.shape()[axis] / 2, axis);
        }
        if bound > LIMIT {
            x = lax::mul(&x, &self.literal(2.0 / bound));
            self.floats.push((x, 2.0));
        } else {
            self.floats.push((x, bound));
        }
    }

    pub fn keep_int(&mut self, x: Array) {
        if x.size() <= 40 {
            self.ints.push(x);
        }
    }

    pub fn keep_bool(&mut self, x: Array) {
        if x.size() <= 40 {
            self.bools.push(x);
        }
    }

    /// Operands for a body: up to three floats, and an int if there is one.
    pub fn operands(&self, step: &Step) -> Vec<Array> {
        let many = 1 + step.c as usize % 3;
        let mut operands: Vec<Array> =
            (0..many).map(|i| self.float(step.a.wrapping_add(i as u8 * 2)).0).collect();
        operands.extend(self.ints.last().filter(|_| step.b & 1 == 1).cloned());
        operands
    }
}

pub fn int(i: i32) -> Array {
    Array::strong_literal(Scalar::from(i))
}
