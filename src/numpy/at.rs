//! Updates: `x.at(index).set(v)`, `.add(v)` and so on give a new array with the named part replaced
//! or folded into.
//!
//! A box becomes a `dynamic_update_slice`, a box with steps a padded choice, int arrays a scatter.
//! What an update does to the part is in `update`.

use super::index::{Along, Indices, Plan, Start, span};
use super::update::{self, Update};
use crate::core::array::Array;
use crate::core::aval::Shape;
use crate::core::source::{counting_from_end, here, in_name_of, replaying};
use crate::prims::array::literal::{Operand, promoted};
use crate::prims::array::number::Number;
use crate::prims::lax::{self, Mode, ScatterMode, Scattering};
use crate::prims::places::dynamic_update_slice::try_update_at;
use crate::prims::rules::apply::expect;
use cotangent_jit::{Error, Scalar, err};

/// A part of an array, named by an index, to be read or replaced. From [`Array::at`].
pub struct At<'a> {
    array: &'a Array,
    plan: Result<Plan, Error>,
    mode: Option<ScatterMode>,
    unique: bool,
    fill: Option<Number>,
}

/// # Update
impl Array {
    /// The part that an index names, for updates; see [`s!`](crate::s) for its entries.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = array![1, 2, 3];
    /// assert_eq!(x.at(1..).set(0).to_vec::<i32>(), [1, 0, 0]);
    /// assert_eq!(x.at(&array![0, 0]).add(&array![5, 5]).to_vec::<i32>(), [11, 2, 3]);
    /// ```
    #[doc(alias("__setitem__", "index_update"))]
    #[track_caller]
    pub fn at(&self, indices: impl Indices) -> At<'_> {
        let plan = replaying(here(), || Plan::new(&self.aval(), indices.indices()));
        At { array: self, plan, mode: None, unique: false, fill: None }
    }
}

impl<'a> At<'a> {
    /// What becomes of places of an int array and of computed ints that are out of range: by
    /// default reads are moved into range and updates are dropped. With [`ScatterMode::Drop`],
    /// reads give [`At::fill_value`], by default NaN, the least int, the greatest unsigned int, or
    /// true.
    ///
    /// ```
    /// use cotangent::{lax::ScatterMode, prelude::*};
    /// let (x, at) = (array![1, 2, 3], array![0, 7]);
    /// assert_eq!(x.at(&at).mode(ScatterMode::Clip).set(9).to_vec::<i32>(), [9, 2, 9]);
    /// ```
    pub fn mode(self, mode: ScatterMode) -> At<'a> {
        At { mode: Some(mode), ..self }
    }

    /// What reads give at places of an int array that are out of range.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2].at(&array![1, 7]).fill_value(0).get().to_vec::<i32>(), [2, 0]);
    /// ```
    pub fn fill_value(self, value: impl Into<Number>) -> At<'a> {
        At { mode: Some(ScatterMode::Drop), fill: Some(value.into()), ..self }
    }

    /// With the promise that no place occurs twice: [`At::multiply`] then has a derivative in the
    /// value, and that of [`At::set`] costs less.
    pub fn unique_indices(self) -> At<'a> {
        At { unique: true, ..self }
    }

    /// The part itself.
    #[track_caller]
    pub fn get(self) -> Array {
        expect(self.try_get())
    }

    /// Returns the error of [`At::get`] instead of panicking.
    #[track_caller]
    pub fn try_get(self) -> Result<Array, Error> {
        in_name_of("get", || {
            counting_from_end();
            let dtype = self.array.dtype();
            let mode = match (self.mode, self.fill) {
                (None | Some(ScatterMode::Clip), _) => Mode::Clip,
                (Some(ScatterMode::Promise), _) => Mode::Promise,
                (Some(ScatterMode::Drop), None) => Mode::fill(dtype),
                (Some(ScatterMode::Drop), Some(value)) => Mode::Fill(value.scalar("get", dtype)?),
            };
            self.plan?.read_in(self.array, mode)
        })
    }

    fn update(self, op: &str, value: &dyn Operand, update: Update) -> Result<Array, Error> {
        counting_from_end();
        let (plan, x) = (self.plan?, self.array);
        let mut both = promoted(op, &[x, value], false)?;
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
        let how = Scattering {
            mode: self.mode.unwrap_or(ScatterMode::Drop),
            unique_indices: self.unique,
        };
        let part = || lax::try_reshape(&plan.read_box(x)?, &plan.kept_shape());
        let part = match (&plan.picked, update) {
            (None, Update::Set) => value,
            (None, _) => update.of(&part()?, &value)?,
            (Some(picks), _) => update.put_in(&part()?, picks, &value, how)?,
        };
        plan.put_back(x, &part, how.mode)
    }
}

macro_rules! updates {
    ($(
        $(#[$doc:meta])*
        $name:ident, $try:ident: $update:ident;
    )*) => {
        impl At<'_> {$(
            $(#[$doc])*
            #[track_caller]
            #[allow(clippy::should_implement_trait, reason = "reads as x.at(i).add(v), as in JAX")]
            pub fn $name(self, value: impl Operand) -> Array {
                expect(self.$try(value))
            }

            #[doc = concat!("Returns the error of [`At::", stringify!($name), "`] instead of \
                             panicking.")]
            #[track_caller]
            pub fn $try(self, value: impl Operand) -> Result<Array, Error> {
                in_name_of(stringify!($name), || self.update(stringify!($name), &value,
                    Update::$update))
            }
        )*}
    };
}

updates! {
    /// The array with the part replaced; `value` broadcasts to it. Where an index occurs twice the
    /// last one stands; indices out of range are dropped. Linear in array and value together.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let x = zeros([2, 3]);
    /// assert_eq!(x.at(s![.., 1]).set(1.0).to_vec::<f32>(), [0.0, 1.0, 0.0, 0.0, 1.0, 0.0]);
    /// ```
    #[doc(alias("index_put", "slice_scatter", "select_scatter", "index_copy"))]
    set, try_set: Set;

    /// The array with `value` added to the part, as often as an index occurs; `value` broadcasts to
    /// it.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2, 3].at(s![..;2]).add(10).to_vec::<i32>(), [11, 2, 13]);
    /// ```
    #[doc(alias = "index_add")]
    add, try_add: Add;

    /// The array with `value` subtracted from the part, as often as an index occurs.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2, 3].at(&array![0, 0]).subtract(5).to_vec::<i32>(), [-9, 2, 3]);
    /// ```
    #[doc(alias = "scatter_sub")]
    subtract, try_subtract: Subtract;

    /// The array with the part multiplied by `value`, as often as an index occurs. Linear in the
    /// array; the derivative in `value` exists for boxes and for indices that are said not to meet
    /// ([`At::unique_indices`]).
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2, 3].at(&array![1, 1]).multiply(5).to_vec::<i32>(), [1, 50, 3]);
    /// ```
    multiply, try_multiply: Multiply;

    /// The array with the part divided by `value`, as often as an index occurs. Floats.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.0, 2.0, 3.0].at(1..).divide(2).to_vec::<f32>(), [1.0, 1.0, 1.5]);
    /// ```
    divide, try_divide: Divide;

    /// The array with the part raised to the power `value`, as often as an index occurs. Floats.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1.0, 2.0, 3.0].at(1).power(3).to_vec::<f32>(), [1.0, 8.0, 3.0]);
    /// ```
    power, try_power: Power;

    /// The array with the lesser of part and `value` in the part's place. All that attain it share
    /// the tangent.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2, 3].at(1..).min(2).to_vec::<i32>(), [1, 2, 2]);
    /// ```
    min, try_min: Min;

    /// The array with the greater of part and `value` in the part's place. All that attain it share
    /// the tangent.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![1, 2, 3].at(&array![0, 0]).max(&array![5, 4]).to_vec::<i32>(), [5, 2, 3]);
    /// ```
    max, try_max: Max;
}

impl At<'_> {
    /// The array with `f` of the part in the part's place. `f` works element by element and keeps
    /// the dtype; where an index occurs several times it is applied as often. Places that are
    /// known, or promised not to meet ([`At::unique_indices`]), are computed together; traced ones
    /// that may meet, one after the other. Derivatives are those of `f`, in both modes.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let doubled = array![1, 2, 3].at(&array![0, 0, 1]).apply(|x| x * 2);
    /// assert_eq!(doubled.to_vec::<i32>(), [4, 4, 3]);
    /// ```
    #[doc(alias = "scatter_apply")]
    #[track_caller]
    pub fn apply(self, f: impl Fn(&Array) -> Array) -> Array {
        expect(self.try_apply(f))
    }

    /// Returns the error of [`At::apply`] instead of panicking.
    #[track_caller]
    pub fn try_apply(self, f: impl Fn(&Array) -> Array) -> Result<Array, Error> {
        in_name_of("apply", || {
            counting_from_end();
            let (plan, x) = (self.plan?, self.array);
            let part = lax::try_reshape(&plan.read_box(x)?, &plan.kept_shape())?;
            let mode = self.mode.unwrap_or(ScatterMode::Drop);
            let part = match &plan.picked {
                None => {
                    // Where the result is dropped, no element has an influence on it, nor a
                    // derivative in it.
                    let part = match plan.inside(x)?.filter(|_| mode == ScatterMode::Drop) {
                        Some(inside) => lax::try_select_n(
                            &inside,
                            &[&Array::strong_literal(Scalar::one(x.dtype())), &part],
                        )?,
                        None => part,
                    };
                    update::applied(&part, &f)?
                }
                Some(picks) => update::apply_in(&part, picks, mode, self.unique, &f)?,
            };
            plan.put_back(x, &part, mode)
        })
    }
}

impl Plan {
    /// A value broadcast to what the index names, without new axes.
    fn fit(&self, op: &str, value: &Array) -> Result<Array, Error> {
        let mut shape = self.kept_shape();
        if let Some(picks) = &self.picked {
            shape = picks.result_shape(&shape);
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
        lax::try_reshape(&value, &shape)
    }

    /// `x` with what the index names replaced by `part`, unless a computed int is out of range and
    /// updates there are dropped.
    fn put_back(&self, x: &Array, part: &Array, mode: ScatterMode) -> Result<Array, Error> {
        let mut part = lax::try_reshape(part, &self.box_shape())?;
        if mode == ScatterMode::Drop
            && let Some(inside) = self.inside(x)?
        {
            part = lax::try_select_n(&inside, &[&self.read_box(x)?, &part])?;
        }
        self.write_box(x, &part)
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
            return if covers && fixed { Ok(part) } else { try_update_at(x, &part, &starts) };
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
    Plan { along, picked: None, new_axes: Shape::new() }
}

fn start(a: &Along) -> Array {
    match &a.start {
        Start::At(i) => Array::strong_literal(Scalar::from(*i as i64)),
        Start::Computed(i) => i.clone(),
    }
}
