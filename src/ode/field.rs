//! What the solvers share: options and statistics, and a velocity field as a function of vectors.

use crate::api::pytree::{Flat, Pytree};
use crate::core::array::Array;
use crate::core::source::{afresh, raise};
use crate::ravel::{Unravel, try_ravel_complex};
use cotangent_derive::Pytree;
use cotangent_jit::{Error, err, plural};
use std::sync::Arc;

/// How precisely, and how long at most.
#[derive(Clone, Debug, PartialEq)]
pub struct OdeOptions {
    /// Error of a step against the size of the state, element by element.
    pub rtol: f64,
    /// Error of a step beside that.
    pub atol: f64,
    /// Attempts at steps from one output time to the next, rejected ones among them; more is a
    /// failure.
    pub max_steps: usize,
    /// The first step to try; chosen from the field if none is given.
    pub first_step: Option<f64>,
    /// [`dopri5`](super::dopri5) can be differentiated in reverse: its loop becomes one of
    /// `max_steps` conditional steps per output time, and memory grows with that.
    pub reverse: bool,
}

/// Tolerances of 1.4e-8, as SciPy's `odeint` has them, and at most 10,000 steps per output time.
impl Default for OdeOptions {
    fn default() -> OdeOptions {
        let tol = 1.4e-8;
        OdeOptions { rtol: tol, atol: tol, max_steps: 10_000, first_step: None, reverse: false }
    }
}

/// How an integration went; as numbers in [`OdeStats::status`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum OdeStatus {
    /// All output times were reached.
    Done = 0,
    /// More than `max_steps` between two output times; the rest is NaN.
    TooManySteps = 1,
    /// The tolerance asks for steps below the resolution of time: the solution ends (a pole), is
    /// not finite, or the tolerance is below what the dtype holds. The rest is NaN.
    StepTooSmall = 2,
}

/// Statistics of an integration, all `i32[]`.
#[derive(Pytree, Clone, Debug)]
pub struct OdeStats {
    /// Steps taken.
    pub steps: Array,
    /// Steps tried and rejected.
    pub rejected: Array,
    /// Evaluations of the field.
    pub evaluations: Array,
    /// An [`OdeStatus`] as a number.
    pub status: Array,
}

impl OdeStats {
    /// The status of a finished integration. Panics inside a trace, where it is not known.
    #[track_caller]
    pub fn status(&self) -> OdeStatus {
        match self.status.item::<i32>() {
            0 => OdeStatus::Done,
            1 => OdeStatus::TooManySteps,
            _ => OdeStatus::StepTooSmall,
        }
    }
}

/// A velocity `f(y, t, p)` of vectors.
pub(super) type Field<'f> = Arc<dyn Fn(&Array, &Array, &Array) -> Array + Send + Sync + 'f>;

/// A problem as vectors.
pub(super) struct Problem<'f> {
    pub field: Field<'f>,
    pub y0: Array,
    pub ts: Array,
    pub p: Array,
    pub state: Unravel,
}

/// Flattens states and parameters. States and parameters are floats or complex numbers. The times
/// must be floats, at least one.
pub(super) fn problem<'f, Y: Pytree, P: Pytree>(
    op: &'static str,
    f: impl Fn(Y, Array, P) -> Y + Send + Sync + 'f,
    y0: Y,
    ts: &Array,
    p: P,
) -> Result<Problem<'f>, Error> {
    let told = |what: &'static str| move |e: Error| e.context(format!("{op}: {what}"));
    let (y0, state) = try_ravel_complex(y0).map_err(told("the state"))?;
    let (p, parameters) = try_ravel_complex(p).map_err(told("the parameters"))?;
    if ts.ndim() != 1 || ts.size() == 0 || !ts.dtype().is_float() {
        return Err(err!(Shape, "{op}: the times should be floats [n], n > 0, got {}", ts.aval()));
    }
    let ts = ts.try_astype(y0.dtype().part())?;
    let back = state.clone();
    let field = move |y: &Array, t: &Array, p: &Array| {
        let (y, p) = (back.tree(y), parameters.tree(p));
        let velocity = afresh(|| f(y, t.clone(), p));
        raise(like_state(op, velocity, &back))
    };
    Ok(Problem { field: Arc::new(field), y0, ts, p, state })
}

/// The velocity as a vector; it must be like the state.
fn like_state<Y: Pytree>(op: &str, velocity: Y, state: &Unravel) -> Result<Array, Error> {
    let flat = Flat::of(velocity);
    if flat.tree != *state.structure() {
        let (expected, got) = (state.structure(), &flat.tree);
        return Err(err!(
            Tree,
            "{op}: the velocity should have the structure of the state, {expected:?}, got {got:?}"
        ));
    }
    let (vector, back) =
        try_ravel_complex(crate::api::pytree::tree_unflatten::<Y>(&flat.tree, flat.leaves))?;
    if back.len() != state.len() {
        let (n, m) = (state.len(), back.len());
        return Err(err!(
            Shape,
            "{op}: the velocity should have the state's {elements}, got {m}; return one derivative \
             per element",
            elements = plural(n, "element")
        ));
    }
    if vector.dtype().is_complex() && !state.dtype().is_complex() {
        let (n, d) = (vector.dtype(), state.dtype());
        return Err(err!(
            DType,
            "{op}: the velocity is complex ({n}) and the state real ({d}); start from a complex \
             state"
        ));
    }
    vector.try_astype(state.dtype())
}
