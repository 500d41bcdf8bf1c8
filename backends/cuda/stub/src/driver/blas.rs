//! A library for products of matrices: choices of algorithms, and products that fit together.
//!
//! The library is stricter than cuBLASLt: an algorithm serves only the descriptions that it was
//! chosen for, and only addresses of the alignment that was promised then.

use super::object::{
    Description, INVALID, Layout, NOT_INITIALIZED, NOT_SUPPORTED, Object, Preference,
};
use super::product::{Matrix, Number, Product};
use super::state::Driver;
use crate::code::Answer;
use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};

/// The type in which a product is summed, as the library numbers it.
const SINGLE: u32 = 68;
const SINGLE_BY_TF32: u32 = 77;
const DOUBLE: u32 = 70;

/// The bytes of workspace that a product of many summed numbers uses, and how many those are.
const WORKSPACE: u64 = 1 << 20;
const DEEP: u64 = 256;

/// An algorithm, in the words that the caller keeps for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Algorithm {
    pub of: u64,
    pub alignment: [u64; 3],
    pub workspace: u64,
}

/// Descriptions of a product: left, right, added, result.
pub struct Shapes {
    pub description: Description,
    pub layouts: [Layout; 4],
}

/// What a call brings beside the descriptions.
pub struct Operands {
    pub alpha: f64,
    pub beta: f64,
    /// Left, right, added, result.
    pub addresses: [u64; 4],
    pub algorithm: Algorithm,
    pub workspace: (u64, u64),
}

impl Driver {
    pub fn add_object(&mut self, object: Object) -> u64 {
        let handle = self.shared.handle();
        self.objects.insert(handle, object);
        handle
    }

    pub fn object(&mut self, handle: u64) -> Answer<&mut Object> {
        self.objects.get_mut(&handle).ok_or(INVALID)
    }

    /// The context of a library, which must be the current one.
    pub fn library(&mut self, handle: u64, current: u64) -> Answer<u64> {
        match self.object(handle)? {
            Object::Library { context } if *context == current => Ok(current),
            Object::Library { .. } => Err(INVALID),
            _ => Err(NOT_INITIALIZED),
        }
    }

    pub fn shapes(&mut self, description: u64, layouts: [u64; 4]) -> Answer<Shapes> {
        let Object::Description(description) = *self.object(description)? else {
            return Err(INVALID);
        };
        let mut all = Vec::with_capacity(4);
        for handle in layouts {
            match *self.object(handle)? {
                Object::Layout(layout) => all.push(layout),
                _ => return Err(INVALID),
            }
        }
        let layouts = all.try_into().map_err(|_| INVALID)?;
        let shapes = Shapes { description, layouts };
        shapes.check()?;
        Ok(shapes)
    }
}

impl Shapes {
    /// The numbers that are multiplied.
    fn number(&self) -> Answer<Number> {
        let Description { compute, scale, .. } = self.description;
        match (self.layouts[0].dtype, compute, scale) {
            (0, SINGLE, 0) => Ok(Number::F32),
            (0, SINGLE_BY_TF32, 0) => Ok(Number::Tf32),
            (1, DOUBLE, 1) => Ok(Number::F64),
            (2, SINGLE, 0) => Ok(Number::F16),
            (14, SINGLE, 0) => Ok(Number::BF16),
            _ => Err(NOT_SUPPORTED),
        }
    }

    /// Rows and columns of an operand in the product.
    fn turned(&self, n: usize) -> (u64, u64) {
        let Layout { rows, columns, .. } = self.layouts[n];
        if self.description.transposed[n] { (columns, rows) } else { (rows, columns) }
    }

    fn depth(&self) -> u64 {
        self.turned(0).1
    }

    fn check(&self) -> Answer {
        self.layouts.iter().try_for_each(Layout::check)?;
        let [left, _, added, out] = &self.layouts;
        let ((m, k), (depth, n)) = (self.turned(0), self.turned(1));
        let one = |l: &Layout| l.dtype == left.dtype && l.batch == left.batch;
        let agrees = k == depth && (m, n) == (out.rows, out.columns) && added == out;
        // Matrices of the result do not overlap.
        let apart = out.leading as u64 * (out.columns - 1) + out.rows;
        let overlap = out.batch > 1 && (out.apart as u64) < apart;
        match self.layouts.iter().all(one) && agrees && !overlap {
            true => self.number().map(drop),
            false => Err(INVALID),
        }
    }

    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        (self.description, self.layouts).hash(&mut hasher);
        hasher.finish()
    }

    /// The algorithm for these wishes.
    pub fn choose(&self, wishes: &Preference) -> Answer<Algorithm> {
        let workspace = if self.depth() >= DEEP { WORKSPACE } else { 0 };
        // Parts of sums are added in the type of sums, or not at all.
        if workspace > wishes.workspace || wishes.schemes & !2 != 0 {
            return Err(NOT_SUPPORTED);
        }
        let [left, right, _, out] = wishes.alignment.map(u64::from);
        let size = self.number()?.size();
        if [left, right, out].iter().any(|a| !a.is_power_of_two() || *a < size) {
            return Err(INVALID);
        }
        Ok(Algorithm { of: self.hash(), alignment: [left, right, out], workspace })
    }

    /// The product with its operands, all of which lie in blocks of the context.
    pub fn product(&self, driver: &mut Driver, context: u64, o: &Operands) -> Answer<Product> {
        let [left, right, added, out] = o.addresses;
        let Algorithm { of, alignment, workspace } = o.algorithm;
        if of != self.hash() || o.beta != 0.0 || added != out || o.workspace.1 < workspace {
            return Err(INVALID);
        }
        let addresses = [left, right, out];
        let aligned = |(a, n): (&u64, u64)| a.is_multiple_of(n);
        if !addresses.iter().zip(alignment).all(aligned) {
            return Err(INVALID);
        }
        let number = self.number()?;
        let layouts = [self.layouts[0], self.layouts[1], self.layouts[3]];
        let mut matrices = Vec::with_capacity(3);
        let (_, c) = driver.context(context).map_err(|_| NOT_INITIALIZED)?;
        for (layout, address) in layouts.into_iter().zip(addresses) {
            let Layout { rows, columns, batch, .. } = layout;
            let (leading, apart) = (layout.leading as u64, layout.apart as u64);
            let matrix = Matrix { address, rows, columns, leading, apart };
            let last = (batch as u64 - 1) * apart + (columns - 1) * leading + rows;
            c.check_range(address, last * number.size()).map_err(|_| INVALID)?;
            matrices.push(matrix);
        }
        let workspace = (workspace > 0).then_some((o.workspace.0, workspace));
        if let Some((at, bytes)) = workspace {
            if !at.is_multiple_of(256) {
                return Err(INVALID);
            }
            c.check_range(at, bytes).map_err(|_| INVALID)?;
        }
        let operands = matrices.try_into().map_err(|_| INVALID)?;
        let (transposed, depth) = (self.description.transposed, self.depth());
        let batch = self.layouts[0].batch as u64;
        Ok(Product { number, batch, operands, transposed, depth, alpha: o.alpha, workspace })
    }
}
