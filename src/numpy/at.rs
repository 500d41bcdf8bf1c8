//! Updates: `x.at(index).set(v)` and `.add(v)` give a new array with the named part replaced or added to.
//!
//! A box becomes a `dynamic_update_slice`, a box with steps a padded choice, an int array a scatter.

use super::index::{Along, Indices, Plan, Start, span};
use super::order::rows;
use crate::core::array::Array;
use crate::core::aval::Shape;
use crate::core::source::{here, replaying};
use crate::prims::apply::expect;
use crate::prims::lax::{self, ScatterMode};
use crate::prims::operand::{Operand, promoted};
use cotangent_jit::{Error, Scalar, err};

/// A part of an array, named by an index, to be read or replaced. From [`Array::at`].
pub struct At<'a> {
    array: &'a Array,
    plan: Result<Plan, Error>,
}

impl Array {
    /// The part that an index names, for updates; see [`s!`](crate::s) for its entries.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![1, 2, 3];
    /// assert_eq!(x.at(1..).set(0).to_vec::<i32>(), [1, 0, 0]);
    /// assert_eq!(x.at(&array![0, 0]).add(&array![5, 5]).to_vec::<i32>(), [11, 2, 3]);
    /// ```
    #[track_caller]
    pub fn at(&self, indices: impl Indices) -> At<'_> {
        let plan = replaying(here(), || Plan::new(&self.aval(), indices.indices()));
        At { array: self, plan }
    }
}

/// What an update does with the present value.
#[derive(Clone, Copy, PartialEq)]
enum Update {
    Set,
    Add,
}

impl At<'_> {
    /// The part itself.
    #[track_caller]
    pub fn get(self) -> Array {
        expect(self.try_get())
    }

    /// [`At::get`], with the error returned.
    #[track_caller]
    pub fn try_get(self) -> Result<Array, Error> {
        replaying(here(), || self.plan?.read(self.array))
    }

    /// The array with the part replaced; `value` broadcasts to it. Where an index occurs twice the last one stands;
    /// indices out of range are dropped. Linear in array and value together.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = zeros([2, 3]);
    /// assert_eq!(x.at(s![.., 1]).set(1.0).to_vec::<f32>(), [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
    /// ```
    #[track_caller]
    pub fn set(self, value: impl Operand) -> Array {
        expect(self.try_set(value))
    }

    /// [`At::set`], with the error returned.
    #[track_caller]
    pub fn try_set(self, value: impl Operand) -> Result<Array, Error> {
        replaying(here(), || self.update("set", &value, Update::Set))
    }

    /// The array with `value` added to the part, as often as an index occurs; `value` broadcasts to it.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2, 3].at(s![..;2]).add(10).to_vec::<i32>(), [11, 2, 13]);
    /// ```
    #[track_caller]
    #[expect(clippy::should_implement_trait, reason = "reads as x.at(i).add(v), as in JAX")]
    pub fn add(self, value: impl Operand) -> Array {
        expect(self.try_add(value))
    }

    /// [`At::add`], with the error returned.
    #[track_caller]
    pub fn try_add(self, value: impl Operand) -> Result<Array, Error> {
        replaying(here(), || self.update("add", &value, Update::Add))
    }

    fn update(self, op: &str, value: &dyn Operand, update: Update) -> Result<Array, Error> {
        let (plan, x) = (self.plan?, self.array);
        let mut both = promoted(op, &[x, value], None)?;
        let value = both.swap_remove(1);
        if value.dtype() != x.dtype() {
            return Err(err!(
                DType,
                "{op}: expected a value that fits into {}, got {}; cast it with astype",
                x.aval(),
                value.aval()
            ));
        }
        let value = plan.fit(op, &value)?;
        let part = || lax::try_reshape(&plan.read_box(x)?, &plan.kept_shape());
        let part = match (&plan.picked, update) {
            (None, Update::Set) => value,
            (None, Update::Add) => lax::try_add(&part()?, &value)?,
            (Some((axis, indices)), _) => put_in(&part()?, indices, *axis, &value, update)?,
        };
        plan.write_box(x, &lax::try_reshape(&part, &plan.box_shape())?)
    }
}

/// Rows at `indices` along one axis replaced or added to.
fn put_in(
    x: &Array,
    indices: &Array,
    axis: usize,
    value: &Array,
    update: Update,
) -> Result<Array, Error> {
    let indices = super::index::wrapped("at", indices, x.shape()[axis])?;
    if indices.size() == 0 || x.size() == 0 {
        return Ok(x.clone());
    }
    let (dims, _) = rows(x, indices.ndim(), axis);
    let vectors = lax::try_expand_dims(&indices, &[indices.ndim()])?;
    match update {
        Update::Set => lax::try_scatter(x, &vectors, value, &dims, ScatterMode::Drop),
        Update::Add => lax::try_scatter_add(x, &vectors, value, &dims, ScatterMode::Drop),
    }
}

impl Plan {
    /// A value broadcast to what the index names, without new axes, the array's axes in their place.
    fn fit(&self, op: &str, value: &Array) -> Result<Array, Error> {
        let mut shape = self.kept_shape();
        if let Some((axis, indices)) = &self.picked {
            shape.remove(*axis);
            let at = if self.in_front { 0 } else { *axis };
            shape.insert_many(at, indices.shape().iter().copied());
        }
        let mut whole = shape.clone();
        for &axis in &self.new_axes {
            whole.insert(axis, 1);
        }
        let value = value.try_broadcast_to(&whole).map_err(|_| {
            err!(
                Shape,
                "{op}: expected a value that broadcasts to the part's shape {whole:?}, got {}",
                value.aval()
            )
        })?;
        let value = lax::try_reshape(&value, &shape)?;
        match &self.picked {
            Some((axis, indices)) if self.in_front => {
                self.to_front(&value, *axis, indices.ndim(), true)
            }
            _ => Ok(value),
        }
    }

    /// `x` with the box replaced by `part`, which has its shape.
    fn write_box(&self, x: &Array, part: &Array) -> Result<Array, Error> {
        if part.size() == 0 {
            return Ok(x.clone());
        }
        let part = lax::try_rev(part, &self.reversed())?;
        let simple = |a: &Along| a.stride == 1;
        if self.along.iter().all(simple) {
            let starts: Vec<Array> = self.along.iter().map(start).collect();
            let covers = part.shape() == x.shape();
            let fixed = self.along.iter().all(|a| matches!(a.start, Start::At(_)));
            return if covers && fixed {
                Ok(part)
            } else {
                lax::try_dynamic_update_slice(x, &part, &starts)
            };
        }
        // Computed places inside a box with steps: first within what the steps leave.
        let unmoved = |a: &Along| Along { start: Start::At(0), ..a.clone() };
        let (mut inner, mut outer) = (Vec::new(), Vec::new());
        for (a, &n) in self.along.iter().zip(x.shape()) {
            match a.start {
                Start::At(_) => {
                    inner.push(Along { stride: 1, reversed: false, ..unmoved(a) });
                    outer.push(Along { reversed: false, ..a.clone() });
                }
                Start::Computed(_) => {
                    inner.push(a.clone());
                    outer.push(Along { count: n, ..unmoved(a) });
                }
            }
        }
        let (inner, outer) = (boxed(inner), boxed(outer));
        let part = inner.write_box(&outer.read_box(x)?, &part)?;
        outer.write_steps(x, &part)
    }

    /// As `write_box`, at fixed places with steps.
    fn write_steps(&self, x: &Array, part: &Array) -> Result<Array, Error> {
        let config: Vec<lax::Padding> = self
            .along
            .iter()
            .zip(x.shape())
            .map(|(a, &n)| {
                let Start::At(at) = a.start else { unreachable!("a fixed place") };
                (at as i64, (n - at - span(a)) as i64, a.stride as i64 - 1)
            })
            .collect();
        let zero = Array::strong_literal(Scalar::zero(x.dtype()));
        let wide = lax::try_pad(part, &zero, &config)?;
        let inside = lax::try_full(part.shape(), true.into())?;
        let inside = lax::try_pad(&inside, &Array::strong_literal(false.into()), &config)?;
        lax::try_select_n(&inside, &[x, &wide])
    }
}

fn boxed(along: Vec<Along>) -> Plan {
    Plan { along, picked: None, in_front: false, new_axes: Shape::new() }
}

fn start(a: &Along) -> Array {
    match &a.start {
        Start::At(i) => Array::strong_literal(Scalar::from(*i as i64)),
        Start::Computed(i) => i.clone(),
    }
}
