//! NumPy's broadcasting: shapes are aligned at their last axes, and axes of size 1 are repeated.

use crate::core::array::Array;
use crate::core::aval::{Aval, Shape};
use crate::prims::shapes::broadcast::try_broadcast_in_dim;
use cotangent_jit::{Error, err};
use smallvec::SmallVec;

/// Broadcasts arrays to one shape by NumPy's rules. Scalars stay as they are.
pub(crate) fn broadcast_arrays(name: &str, arrays: &mut [Array]) -> Result<(), Error> {
    let avals: SmallVec<[Aval; 3]> = arrays.iter().map(Array::aval).collect();
    let shape = broadcast_shapes(name, &avals)?;
    for x in arrays.iter_mut().filter(|x| x.ndim() > 0) {
        *x = broadcast_to(x, &shape)?;
    }
    Ok(())
}

/// The shape to which arrays of these types broadcast. Returns an error if the shapes do not fit.
pub(crate) fn broadcast_shapes(name: &str, avals: &[Aval]) -> Result<Shape, Error> {
    let rank = avals.iter().map(Aval::rank).max().unwrap_or(0);
    let mut shape = Shape::from_elem(1, rank);
    for aval in avals {
        let lead = rank - aval.rank();
        for (axis, &n) in aval.shape.iter().enumerate() {
            let size = &mut shape[lead + axis];
            if *size == 1 {
                *size = n;
            } else if n != 1 && n != *size {
                let list: Vec<String> = avals.iter().map(Aval::to_string).collect();
                return Err(err!(
                    Shape,
                    "{name}: shapes do not broadcast: {}; counted from the last, axis {} has \
                     sizes {size} and {n}",
                    list.join(" and "),
                    aval.rank() - axis
                ));
            }
        }
    }
    Ok(shape)
}

/// The array broadcast to `shape`, which must be a shape to which it broadcasts.
pub(crate) fn broadcast_to(x: &Array, shape: &[usize]) -> Result<Array, Error> {
    if x.shape() == shape {
        return Ok(x.clone());
    }
    let dims: Shape = (shape.len() - x.ndim()..shape.len()).collect();
    try_broadcast_in_dim(x, shape, &dims)
}
