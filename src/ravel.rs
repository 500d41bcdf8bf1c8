//! A pytree of floats as one vector, and the way back: what solvers work on.
//!
//! Not here: pytrees themselves (`api::pytree`).

use crate::api::pytree::{Flat, Pytree, TreeDef, try_tree_unflatten};
use crate::core::array::Array;
use crate::core::source::{in_name_of, raise};
use crate::numpy::join::try_concatenate;
use cotangent_jit::{DType, Error, err, plural};

/// The way back from a vector to a pytree.
#[derive(Clone)]
pub struct Unravel {
    tree: TreeDef,
    leaves: Vec<(Vec<usize>, DType)>,
}

/// The leaves of a pytree, row by row and one after the other, as a vector `[n]`, and the way back.
///
/// The leaves must be floats; where their dtypes differ the vector has the widest, and the way back
/// restores each. Linear; differentiable in both modes.
///
/// ```
/// use cotangent::{prelude::*, ravel::ravel};
/// let (vector, back) = ravel((array![[1.0, 2.0]], array![3.0]));
/// assert_eq!(vector.to_vec::<f32>(), [1.0, 2.0, 3.0]);
/// let (a, b): (Array, Array) = back.tree(&(vector * 2.0));
/// assert_eq!((a.shape(), b.to_vec::<f32>()), (&[1, 2][..], vec![6.0]));
/// ```
#[doc(alias("ravel_pytree", "parameters_to_vector"))]
#[track_caller]
pub fn ravel<T: Pytree>(tree: T) -> (Array, Unravel) {
    raise(try_ravel(tree))
}

/// Returns the error of [`ravel`] instead of panicking.
///
/// Fails if a leaf is no float.
#[track_caller]
pub fn try_ravel<T: Pytree>(tree: T) -> Result<(Array, Unravel), Error> {
    in_name_of("ravel", || raveled(tree, DType::is_float, "floats"))
}

/// As [`try_ravel`], of complex numbers, too. Where some leaves are complex so is the vector, and
/// the way back gives the other leaves the real parts.
pub(crate) fn try_ravel_complex<T: Pytree>(tree: T) -> Result<(Array, Unravel), Error> {
    in_name_of("ravel", || raveled(tree, DType::is_inexact, "floats or complex numbers"))
}

fn raveled<T: Pytree>(
    tree: T,
    allowed: fn(DType) -> bool,
    expected: &str,
) -> Result<(Array, Unravel), Error> {
    let flat = Flat::of(tree);
    let mut leaves = Vec::new();
    for (leaf, path) in flat.leaves.iter().zip(flat.tree.paths()) {
        if !allowed(leaf.dtype()) {
            let place = if path.is_empty() { String::new() } else { format!(" at {path}") };
            return Err(err!(
                DType,
                "ravel: expected {expected}, got {}{place}; convert it, or pass it by capture",
                leaf.aval()
            ));
        }
        leaves.push((leaf.shape().to_vec(), leaf.dtype()));
    }
    let unravel = Unravel { tree: flat.tree, leaves };
    let dtype = unravel.dtype();
    let rows: Result<Vec<Array>, Error> =
        flat.leaves.iter().map(|x| x.try_ravel()?.try_astype(dtype)).collect();
    let vector = match &rows?[..] {
        [] => crate::numpy::create::try_zeros_dtype([0], dtype)?,
        [one] => one.clone(),
        rows => try_concatenate(rows, 0)?,
    };
    Ok((vector, unravel))
}

impl Unravel {
    /// The dtype of the vector.
    pub fn dtype(&self) -> DType {
        let wider = |a: DType, b: DType| if b.size() > a.size() { b } else { a };
        let parts = self.leaves.iter().map(|(_, d)| d.part()).reduce(wider).unwrap_or(DType::F32);
        match self.leaves.iter().any(|(_, d)| d.is_complex()) {
            true if parts == DType::F64 => DType::C128,
            true => DType::C64,
            false => parts,
        }
    }

    /// Number of elements of the vector.
    pub fn len(&self) -> usize {
        self.leaves.iter().map(|(shape, _)| shape.iter().product::<usize>()).sum()
    }

    /// Whether the vector is empty.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The structure of the pytree.
    pub fn structure(&self) -> &TreeDef {
        &self.tree
    }

    /// The pytree of a vector; of many vectors `[.., n]` the pytree whose leaves have their axes in
    /// front. Panics if `n` is another or `T` has another structure.
    #[track_caller]
    pub fn tree<T: Pytree>(&self, vector: &Array) -> T {
        raise(self.try_tree(vector))
    }

    /// Returns the error of [`Unravel::tree`] instead of panicking.
    #[track_caller]
    pub fn try_tree<T: Pytree>(&self, vector: &Array) -> Result<T, Error> {
        let front = match vector.shape().split_last() {
            Some((n, front)) if *n == self.len() => front.to_vec(),
            _ => {
                let n = self.len();
                return Err(err!(
                    Shape,
                    "tree: expected a vector of {elements}, got {}",
                    vector.aval(),
                    elements = plural(n, "element")
                ));
            }
        };
        let mut at = 0;
        let mut leaves = Vec::new();
        for (shape, dtype) in &self.leaves {
            let size: usize = shape.iter().product();
            let part = crate::prims::lax::try_slice_in_dim(vector, at, at + size, front.len())?;
            let sizes: Vec<i64> = front.iter().chain(shape).map(|n| *n as i64).collect();
            leaves.push(part.try_reshape(&sizes[..])?.try_astype(*dtype)?);
            at += size;
        }
        try_tree_unflatten(&self.tree, leaves).map_err(|e| e.told_by("tree"))
    }
}
