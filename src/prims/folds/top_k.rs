//! `top_k`: the greatest elements along an axis, from the greatest down, and where they stand.
//!
//! Floats are ordered by their bits: NaN is greater than every number (less, if its sign is
//! negative), and 0 is greater than -0. Of equal elements, the first in the operand comes first.
//! The derivative takes the tangents of the elements that were found.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult, not_linear,
};
use crate::core::trace::bind;
use crate::prims::cases::samples::{REAL, sample};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::places::gather::{Mode, try_take_along_axis};
use crate::prims::rules::apply::{composed, expect, expect_axis, expect_inputs};
use crate::prims::rules::batching::batch_in_front;
use crate::prims::rules::numbers::place_dtype;
use cotangent_jit::program::Routine;
use cotangent_jit::{DType, Error, err, plural};
use smallvec::smallvec;
use std::sync::Arc;

/// See [`top_k`].
#[derive(Clone, Debug)]
pub struct TopK {
    pub k: usize,
    pub axis: usize,
}

impl Primitive for TopK {
    fn name(&self) -> &'static str {
        "top_k"
    }

    fn params(&self) -> Params {
        smallvec![("k", Param::Int(self.k as i64)), ("axis", Param::Int(self.axis as i64))]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs(self.name(), inputs, 1)?;
        let x = &inputs[0];
        expect_axis("top_k", "axis", self.axis, x)?;
        if x.dtype.is_complex() {
            return Err(err!(
                DType,
                "top_k: expected real numbers, got {x}; take real(x), imag(x) or abs(x)"
            ));
        }
        let n = x.shape[self.axis];
        if self.k > n {
            return Err(err!(
                Shape,
                "top_k: expected at most the {elements} along axis {} of {x}, got k = {}",
                self.axis,
                self.k,
                elements = plural(n, "element")
            ));
        }
        let mut shape = x.shape.to_vec();
        shape[self.axis] = self.k;
        let places = Aval::new(shape.iter().copied(), place_dtype(n));
        Ok(smallvec![x.with_shape(shape), places])
    }

    /// `d values = dx[places]`; the places have no tangent.
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let outputs = bind(Arc::new(self.clone()), primals)?;
        let values = match &tangents[0] {
            Tangent::Zero(_) => Tangent::Zero(outputs[0].aval()),
            Tangent::Value(t) => {
                Tangent::Value(try_take_along_axis(t, &outputs[1], self.axis, Mode::Promise)?)
            }
        };
        let places = Tangent::Zero(outputs[1].aval());
        Ok((outputs, vec![values, places]))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::ByDerivative
    }

    fn transpose(&self, _: &Ctx, _: &[Tangent], _: &[Operand]) -> TransposeResult {
        not_linear(self)
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let x = batch_in_front(ctx, &inputs[0], axes[0])?;
        let wide = TopK { k: self.k, axis: self.axis + 1 };
        Ok((bind(Arc::new(wide), &[x])?, vec![Some(0); 2]))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Routine
    }

    fn lower(&self, inputs: &[Aval], outputs: &[Aval]) -> Result<Lowering, Error> {
        let x = &inputs[0];
        Ok(Lowering::Routine(Routine::TopK {
            dtype: x.dtype,
            place: outputs[1].dtype,
            k: self.k,
            outer: x.shape[..self.axis].iter().product(),
            len: x.shape[self.axis],
            inner: x.shape[self.axis + 1..].iter().product(),
        }))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// The `k` greatest elements along an axis, from the greatest down, and their indices (i32, or i64
/// if i32 cannot count the elements).
///
/// Any real dtype. The derivative gathers the tangent. Panics where [`try_top_k`] gives an error.
///
/// ```
/// use cotangent::{lax, prelude::*};
/// let (values, indices) = lax::top_k(&array![1.0, 3.0, 2.0, 3.0], 3, 0);
/// assert_eq!(values.to_vec::<f32>(), [3.0, 3.0, 2.0]);
/// assert_eq!(indices.to_vec::<i32>(), [1, 3, 2]);
/// ```
#[track_caller]
pub fn top_k(x: &Array, k: usize, axis: usize) -> (Array, Array) {
    expect(try_top_k(x, k, axis))
}

/// Returns the error of [`top_k`] instead of panicking.
///
/// Fails if the axis is out of range or has fewer than `k` elements.
#[track_caller]
pub fn try_top_k(x: &Array, k: usize, axis: usize) -> Result<(Array, Array), Error> {
    composed("top_k", || {
        let mut outputs = bind(Arc::new(TopK { k, axis }), std::slice::from_ref(x))?;
        let places = outputs.pop().expect("two outputs");
        Ok((outputs.swap_remove(0), places))
    })
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "top_k", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(TopK { k: args.size("k")?, axis: args.size("axis")? }))
}

fn cases() -> Vec<Case> {
    let of = |d: DType, k, axis, shape: &[usize]| {
        Case::new(Arc::new(TopK { k, axis }), vec![sample(shape, d, 0)])
    };
    let each = |d| {
        [
            of(d, 3, 0, &[7]),
            of(d, 5, 1, &[2, 5]),
            of(d, 2, 0, &[4, 3]),
            of(d, 0, 0, &[2, 2]),
            of(d, 0, 0, &[0]),
            of(d, 1, 1, &[0, 1]),
        ]
    };
    REAL.into_iter().flat_map(each).collect()
}
