//! `vmap`: a function of single examples becomes one of batches.

use super::axes::{Axes, IntoAxes, resolve, resolve_leaf};
use super::function::{Callee, Func, Function, Sig};
use super::graph::{self, argument};
use super::pytree::{Flat, Pytree};
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::axis::{AxisEnv, AxisName, BatchAxis};
use crate::core::jaxpr::Jaxpr;
use crate::core::primitive::Recur;
use crate::core::trace;
use crate::prims::lax;
use crate::stage::placement::site_of;
use crate::transforms::Transforms;
use cotangent_jit::{Error, err};

/// `f` over axis 0 of every array of every argument, results stacked along axis 0:
/// `vmap(f)(x)[i] = f(x[i])`. No loop runs: every operation works on the batch.
///
/// Panics if the sizes of the mapped axes differ; [`Func::try_call`] returns the error.
///
/// ```
/// use cotangent::prelude::*;
/// let dot = |x: Array, y: Array| (x * y).sum();
/// let z = vmap(dot)(array![[1.0, 2.0], [3.0, 4.0]], array![[1.0, 0.0], [0.0, 1.0]]);
/// assert_eq!(z.to_vec::<f32>(), [1.0, 4.0]);
/// ```
///
/// # Several arguments, and what is the same for all
///
/// [`vmap_axes`] says which axis of each argument is mapped; `None` is for an argument that all
/// examples share. An entry serves all leaves of its argument, or is a tuple for the parts of it.
///
/// ```
/// use cotangent::prelude::*;
/// let predict = |(w, b): (Array, Array), x: Array| (w * x).sum() + b;
/// let f = vmap_axes(predict, ((None, None), 0));
/// let y = f((array![1.0, 2.0], array![0.5].sum()), array![[1.0, 1.0], [0.0, 1.0]]);
/// assert_eq!(y.to_vec::<f32>(), [3.5, 2.5]);
/// ```
///
/// # Borrowed arguments
///
/// ```
/// use cotangent::prelude::*;
/// let f = vmap_axes(|w: &Array, x: &Array| w.dot(x), (None, 0));
/// let (w, xs) = (array![1.0, 2.0], array![[1.0, 0.0], [0.0, 1.0], [1.0, 1.0]]);
/// assert_eq!(f(&w, &xs).to_vec::<f32>(), [1.0, 2.0, 3.0]);
/// ```
///
/// # Several results
///
/// Every leaf of the result gets the axis in front, or where [`vmap_in_out`] puts it.
///
/// ```
/// use cotangent::prelude::*;
/// let (low, high) = vmap(|x: Array| (x.min(), x.max()))(array![[1.0, 2.0], [3.0, 5.0]]);
/// assert_eq!((low.to_vec::<f32>(), high.to_vec::<f32>()), (vec![1.0, 3.0], vec![2.0, 5.0]));
/// ```
///
/// # With other transforms
///
/// ```
/// use cotangent::prelude::*;
/// let loss = |w: Array, x: Array| (w * x).sum().square();
/// // The gradient of every example; compiled.
/// let per_example = jit(vmap_axes(grad(loss), (None, 0)));
/// let g = per_example(array![1.0, 1.0], array![[1.0, 0.0], [0.0, 2.0]]);
/// assert_eq!(g.to_vec::<f32>(), [2.0, 0.0, 0.0, 8.0]);
/// // The gradient of a mean over the batch; and a map of a map: all pairs.
/// let mean = |w: Array, x: Array| vmap_axes(loss, (None, 0))(w, x).mean();
/// assert_eq!(grad(mean)(array![1.0, 1.0], array![[1.0, 0.0]]).to_vec::<f32>(), [2.0, 0.0]);
/// let times = |x: Array, y: Array| x * y;
/// let table = vmap_axes(vmap_axes(times, (None, 0)), (0, None));
/// assert_eq!(table(array![1, 2], array![3, 4]).to_vec::<i32>(), [3, 4, 6, 8]);
/// ```
///
/// # Pitfalls
///
/// - Inside, an array has the shape of one example: axis 0 there is the second one outside.
/// - A captured array is the same for all examples; borrow it, `x * &s`.
/// - A scalar argument has no axis: `None` for it, or [`Array::broadcast_to`](Array::broadcast_to).
/// - Of a [`cond`](super::control::cond) whose predicate is batched both branches run.
/// - Random keys: map over [`random::keys`](crate::random::keys), one per example.
/// - The types of a closure's arguments must be written; inside, values are tracers without
///   elements.
///
/// See also [`vmap_with`] (names and sizes of axes), [`collectives`](super::collectives) (sums over
/// the lanes), [`map_batched`](super::control::map_batched) (in slices, to save memory),
/// [`custom_vmap`](super::custom::custom_vmap), [`function`](super::function) (closures at length).
#[doc(alias("vectorize", "apply_along_axis"))]
pub fn vmap<'f, F, S: Sig<'f>, R: Pytree>(f: F) -> Func<'f, S, R>
where
    F: Function<'f, S, R>,
{
    vmap_in_out(f, 0, 0)
}

/// [`vmap`] over chosen axes: a prefix of the tuple of arguments, `None` for what is the same for
/// all.
///
/// ```
/// use cotangent::prelude::*;
/// let f = vmap_axes(|w: Array, x: Array| w * x, (None, 0));
/// assert_eq!(f(array![10.0, 20.0], array![1.0, 2.0]).shape(), [2, 2]);
/// ```
#[doc(alias("in_axes", "in_dims"))]
pub fn vmap_axes<'f, F, S: Sig<'f>, R: Pytree>(f: F, in_axes: impl IntoAxes) -> Func<'f, S, R>
where
    F: Function<'f, S, R>,
{
    vmap_in_out(f, in_axes, 0)
}

/// [`vmap`] over chosen axes, and with results stacked along chosen axes: a prefix of the result,
/// `None` for what does not depend on the mapped arguments.
///
/// ```
/// use cotangent::prelude::*;
/// let f = vmap_in_out(|x: Array| x * 2.0, -1, 1);
/// assert_eq!(f(array![[1.0, 2.0, 3.0]]).shape(), [1, 3]);
/// ```
#[doc(alias("out_axes", "out_dims"))]
pub fn vmap_in_out<'f, F, S: Sig<'f>, R: Pytree>(
    f: F,
    in_axes: impl IntoAxes,
    out_axes: impl IntoAxes,
) -> Func<'f, S, R>
where
    F: Function<'f, S, R>,
{
    vmap_with(f, VmapOptions::new().in_axes(in_axes).out_axes(out_axes))
}

/// [`vmap`] with options: axes, and a name by which [collectives](super::collectives) in `f` speak
/// of the lanes.
///
/// ```
/// use cotangent::prelude::*;
/// let f = vmap_with(|x: Array| &x - pmean(x.clone(), "i"), VmapOptions::new().axis_name("i"));
/// assert_eq!(f(array![1.0, 2.0, 6.0]).to_vec::<f32>(), [-2.0, -1.0, 3.0]);
/// ```
#[doc(alias = "axis_name")]
pub fn vmap_with<'f, F, S: Sig<'f>, R: Pytree>(f: F, options: VmapOptions) -> Func<'f, S, R>
where
    F: Function<'f, S, R>,
{
    let f = f.erase();
    Func::new(f.name.of("vmap"), move |args| batch(&f, args, &options))
}

/// What [`vmap_with`] can be told.
#[derive(Clone, Debug)]
pub struct VmapOptions {
    in_axes: Axes,
    out_axes: Axes,
    axis_name: Option<AxisName>,
    axis_size: Option<usize>,
}

impl Default for VmapOptions {
    fn default() -> Self {
        let first = Axes::Axis(0);
        VmapOptions { in_axes: first.clone(), out_axes: first, axis_name: None, axis_size: None }
    }
}

impl VmapOptions {
    /// Axis 0 of everything, without a name.
    pub fn new() -> VmapOptions {
        VmapOptions::default()
    }

    /// As of [`vmap_axes`].
    pub fn in_axes(mut self, axes: impl IntoAxes) -> VmapOptions {
        self.in_axes = axes.into_axes();
        self
    }

    /// As of [`vmap_in_out`].
    pub fn out_axes(mut self, axes: impl IntoAxes) -> VmapOptions {
        self.out_axes = axes.into_axes();
        self
    }

    /// The name of the mapped axis in the function. A name that is in force already is hidden
    /// inside.
    pub fn axis_name(mut self, name: impl Into<AxisName>) -> VmapOptions {
        self.axis_name = Some(name.into());
        self
    }

    /// How many lanes there are, so that no argument needs to be mapped.
    pub fn axis_size(mut self, size: usize) -> VmapOptions {
        self.axis_size = Some(size);
        self
    }
}

fn batch<R: Pytree>(f: &Callee<'_, R>, args: Flat, options: &VmapOptions) -> Result<R, Error> {
    let whole = graph::avals(&args.leaves);
    let (axes, size) = mapped(&args, &whole, &options.in_axes, options.axis_size)?;
    let one = |(aval, axis): (&Aval, &Option<usize>)| match axis {
        Some(axis) => aval.unbatched(*axis),
        None => aval.clone(),
    };
    let single: Vec<Aval> = whole.iter().zip(&axes).map(one).collect();
    let axis = BatchAxis { size, name: options.axis_name.clone() };
    let env = AxisEnv::current().and(&axis);
    let graph = env.within(|| graph::trace(f, &args.tree, &single, site_of(&args.leaves)))?;
    let outs = options.out_axes.per_leaf("out_axes", &graph.out_tree)?;
    let force: Vec<bool> = outs.iter().map(Option::is_some).collect();
    let mask = graph.mask(|i| axes[i].is_some());
    let (jaxpr, batched) = Transforms::new().batch(&graph.jaxpr, &axis, &mask, &force)?;
    let places = out_places(&graph, &outs, &batched)?;
    let captured = graph.captured.len();
    let all_axes: Vec<Option<usize>> = vec![None; captured].into_iter().chain(axes).collect();
    let leaves = moved(&jaxpr, graph.inputs(args.leaves), &all_axes, &places)?;
    graph::result(&graph.out_tree, leaves)
}

/// Where each leaf is mapped, and the size they agree on.
fn mapped(
    args: &Flat,
    avals: &[Aval],
    in_axes: &Axes,
    given: Option<usize>,
) -> Result<(Vec<Option<usize>>, usize), Error> {
    let axes = in_axes.per_leaf("in_axes", &args.tree)?;
    let mut found: Option<(usize, usize)> = None;
    let mut resolved = Vec::with_capacity(axes.len());
    for (i, (axis, aval)) in axes.iter().zip(avals).enumerate() {
        let Some(axis) = axis else {
            resolved.push(None);
            continue;
        };
        let axis = resolve_leaf(&argument(&args.tree, i), aval, *axis)?;
        let size = aval.shape[axis];
        if let Some(given) = given.filter(|g| *g != size) {
            return Err(err!(
                Shape,
                "vmap: axis_size is {given}, but {} ({aval}, axis {axis}) has {size}",
                argument(&args.tree, i)
            ));
        }
        match found {
            Some((first, expected)) if expected != size => {
                return Err(err!(
                    Shape,
                    "vmap: sizes of mapped axes differ: {} ({}) has {expected}, {} ({aval}, axis \
                     {axis}) has {size}",
                    argument(&args.tree, first),
                    avals[first],
                    argument(&args.tree, i)
                ));
            }
            Some(_) => {}
            None => found = Some((i, size)),
        }
        resolved.push(Some(axis));
    }
    let size = given.or(found.map(|(_, size)| size)).ok_or_else(|| {
        err!(
            Axis,
            "vmap: no argument is mapped; give one of them an axis, or say how many lanes \
                    there are with axis_size"
        )
    })?;
    Ok((resolved, size))
}

/// Where each result gets its batch axis; an error where it has one and should not, or where there
/// is no such place.
fn out_places(
    graph: &graph::Graph,
    axes: &[Option<isize>],
    batched: &[bool],
) -> Result<Vec<Option<usize>>, Error> {
    let types = graph.jaxpr.out_avals();
    let name = |i: usize| format!("result{}", graph.out_tree.paths()[i]);
    let place = |i: usize| match axes[i] {
        None if batched[i] => Err(err!(
            Axis,
            "vmap: {} ({}) depends on mapped arguments, so its out_axes cannot be None",
            name(i),
            types[i]
        )),
        None => Ok(None),
        Some(axis) => resolve(axis, types[i].rank() + 1).map(Some).ok_or_else(|| {
            err!(Axis, "vmap: {} is {}: no axis can be put at {axis}", name(i), types[i])
        }),
    };
    (0..axes.len()).map(place).collect()
}

/// Applies a batched jaxpr to arrays with their batch axes anywhere, as one jaxpr.
fn moved(
    jaxpr: &Jaxpr,
    inputs: Vec<Array>,
    from: &[Option<usize>],
    to: &[Option<usize>],
) -> Result<Vec<Array>, Error> {
    if from.iter().chain(to).all(|a| a.unwrap_or(0) == 0) {
        return graph::apply(jaxpr, inputs);
    }
    let body = |arrays: Vec<Array>| -> Result<Vec<Array>, Error> {
        let front = |(x, axis): (Array, &Option<usize>)| match axis {
            Some(axis) => move_axis(&x, *axis, 0),
            None => Ok(x),
        };
        let arrays = arrays.into_iter().zip(from).map(front).collect::<Result<Vec<_>, _>>()?;
        let outs = trace::eval(jaxpr, &arrays)?;
        let back = |(x, axis): (Array, &Option<usize>)| match axis {
            Some(axis) => move_axis(&x, 0, *axis),
            None => Ok(x),
        };
        outs.into_iter().zip(to).map(back).collect()
    };
    graph::apply_fn(inputs, body)
}

/// The array with axis `from` at `to`, the others in their order.
pub(crate) fn move_axis(x: &Array, from: usize, to: usize) -> Result<Array, Error> {
    if from == to {
        return Ok(x.clone());
    }
    let mut order: Vec<usize> = (0..x.ndim()).filter(|i| *i != from).collect();
    order.insert(to, from);
    lax::try_transpose(x, &order)
}
