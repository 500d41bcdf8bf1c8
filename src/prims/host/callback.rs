//! Primitives that call closures of the user on the host: `pure_callback`, `io_callback`,
//! `debug_callback`.
//!
//! | primitive | may be dropped, merged, repeated | batched | derivative |
//! | --- | --- | --- | --- |
//! | `pure_callback` | yes | as its [`Batching`] says | error: the user writes a custom rule |
//! | `io_callback` | never | lane by lane; error if ordered | error |
//! | `debug_callback` | repeated only by rematerialisation | lane by lane, in order | zero |
//!
//! The closure gets concrete arrays. It runs outside any trace, with its own source lines, and it
//! may trace and run anything.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::eager::upload;
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::{Param, Params, Rule};
use crate::core::primitive::{
    BatchResult, Ctx, Effects, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler,
    Tangent, Taylor, TransposeResult, not_linear,
};
use crate::core::source::{afresh, awaiting};
use crate::core::trace::{bind, eager};
use crate::prims::carriers::regroup::{axes_in_front, front};
use crate::prims::carriers::scan::lane_by_lane;
use crate::prims::cases::samples::sample;
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::shapes::broadcast::try_broadcast_in_dim;
use cotangent_jit::host::{HostCall, HostInput, HostOutput};
use cotangent_jit::{DType, Error, err, plural};
use smallvec::smallvec;
use std::sync::Arc;

/// The closure that is called. It takes and returns concrete arrays, and may run on any thread.
pub type HostFn = dyn Fn(&[Array]) -> Result<Vec<Array>, Error> + Send + Sync;

/// The way in which `vmap` calls a pure callback.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Batching {
    /// Once per lane, in a loop.
    Sequential,
    /// Once for all lanes. Batched arguments have the batch axis in front, the others an axis of
    /// size 1.
    ExpandDims,
    /// Once for all lanes. Every argument has the batch axis in front.
    BroadcastAll,
}

/// The effects that a callback may have.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    /// The callback has no effects. It is batched in this way; `None` makes batching an error.
    Pure(Option<Batching>),
    /// The callback may change state outside the program.
    Io { ordered: bool },
    /// The callback only reads values, for example to print them.
    Debug { ordered: bool },
}

/// `pure_callback[callback, batching, shapes, dtypes] x... -> y...` and the others: see the table
/// above.
#[derive(Clone, Debug)]
pub struct Callback {
    kind: Kind,
    function: Rule,
    results: Vec<Aval>,
}

impl Callback {
    /// `function` is the [`Callback::rule`] of the closure. Callbacks with clones of one rule are
    /// equal.
    pub fn new(kind: Kind, function: Rule, results: Vec<Aval>) -> Callback {
        Callback { kind, function, results }
    }

    pub fn rule(name: &str, function: Arc<HostFn>) -> Rule {
        Rule { name: name.into(), value: Arc::new(function) }
    }

    fn call(&self) -> Arc<HostFn> {
        self.function.value.downcast_ref::<Arc<HostFn>>().expect("made by rule").clone()
    }

    fn per_lane(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        lane_by_lane(Arc::new(self.clone()), ctx.batch_size, inputs, axes)
    }

    /// One call for all lanes. Unbatched arguments get an axis of size `size` in front.
    fn at_once(
        &self,
        ctx: &Ctx,
        inputs: &[Array],
        axes: &[Option<usize>],
        size: usize,
    ) -> BatchResult {
        let (inputs, batched) = axes_in_front(inputs, axes)?;
        let broadcast = inputs.iter().zip(&batched).map(|(x, b)| {
            if *b {
                return Ok(x.clone());
            }
            let shape: Vec<usize> = [size].iter().chain(x.shape()).copied().collect();
            try_broadcast_in_dim(x, &shape, &(1..shape.len()).collect::<Vec<_>>())
        });
        let inputs = broadcast.collect::<Result<Vec<_>, Error>>()?;
        let results = self.results.iter().map(|a| a.batched(0, ctx.batch_size)).collect();
        let outs = bind(Arc::new(Callback { results, ..self.clone() }), &inputs)?;
        let n = outs.len();
        Ok((outs, front(&vec![true; n])))
    }
}

/// Makes arrays from the buffers of the program, calls the closure outside any trace, checks the
/// types that it returns, and copies its results to the buffers of the program.
fn run(
    function: &HostFn,
    types: (&[Aval], &[Aval]),
    args: &[HostInput],
    results: &mut [HostOutput],
) -> Result<(), Error> {
    let arrays = args.iter().zip(types.0).map(|(x, aval)| upload(aval.strong(), x.bytes));
    let arrays = arrays.collect::<Result<Vec<_>, Error>>()?;
    let outs = awaiting(|| eager(|| afresh(|| function(&arrays))))?;
    if outs.len() != types.1.len() {
        let (expected, got) = (types.1.len(), outs.len());
        return Err(err!(
            Shape,
            "expected {arrays} of the closure, got {got}",
            arrays = plural(expected, "array")
        ));
    }
    for (n, ((out, aval), to)) in outs.iter().zip(types.1).zip(results).enumerate() {
        if out.aval() != *aval {
            let got = out.aval();
            return Err(err!(
                Shape,
                "result {n}: expected {aval}, got {got}; the closure must return what it was \
                 declared to"
            ));
        }
        to.bytes.copy_from_slice(&out.to_bytes()?);
    }
    Ok(())
}

impl Primitive for Callback {
    fn name(&self) -> &'static str {
        match self.kind {
            Kind::Pure(_) => "pure_callback",
            Kind::Io { .. } => "io_callback",
            Kind::Debug { .. } => "debug_callback",
        }
    }

    fn params(&self) -> Params {
        let mut params: Params = smallvec![("callback", Param::Rule(self.function.clone()))];
        match self.kind {
            Kind::Pure(batching) => {
                let name = match batching {
                    None => "refuse",
                    Some(Batching::Sequential) => "sequential",
                    Some(Batching::ExpandDims) => "expand_dims",
                    Some(Batching::BroadcastAll) => "broadcast_all",
                };
                params.push(("batching", Param::Name(name.into())));
            }
            Kind::Io { ordered } | Kind::Debug { ordered } => {
                params.push(("ordered", Param::Bool(ordered)));
            }
        }
        let shape = |a: &Aval| a.shape.iter().map(|n| *n as i64).collect();
        let types: Vec<String> = self.results.iter().map(|a| a.dtype.to_string()).collect();
        params.push(("shapes", Param::Lists(self.results.iter().map(shape).collect())));
        let dtypes = if types.is_empty() { "none".into() } else { types.join("_") };
        params.push(("dtypes", Param::Name(dtypes)));
        params
    }

    fn abstract_eval(&self, _: &[Aval]) -> Result<Avals, Error> {
        Ok(self.results.iter().map(Aval::strong).collect())
    }

    /// A debug callback has no outputs and only reads its inputs, so it ignores the tangents. The
    /// derivatives of the other callbacks are not known. So `jvp` returns an error, unless there
    /// are outputs and all of them are ints or bools.
    fn jvp(&self, _: &Ctx, primals: &[Array], _: &[Tangent]) -> JvpResult {
        let name = self.name();
        match self.kind {
            Kind::Debug { .. } => {}
            _ if self.results.iter().all(|a| !a.dtype.is_inexact()) && !self.results.is_empty() => {
            }
            Kind::Pure(_) => {
                return Err(err!(
                    Transform,
                    "{name}: {} has no derivative, and one was asked for; wrap the function that \
                     calls it in custom_jvp or custom_vjp, or pass what is called through \
                     stop_gradient",
                    self.function.name
                ));
            }
            Kind::Io { .. } => {
                return Err(err!(
                    Transform,
                    "{name}: {} changes the world, and has no derivative; pass its arguments \
                     through stop_gradient, or use debug::callback if it only looks at them",
                    self.function.name
                ));
            }
        }
        let outs = bind(Arc::new(self.clone()), primals)?;
        let zeros = outs.iter().map(|o| Tangent::Zero(o.aval())).collect();
        Ok((outs, zeros))
    }

    fn taylor(&self) -> Taylor<'_> {
        match self.kind {
            Kind::Debug { .. } => Taylor::Still,
            // The jvp rule returns the error.
            _ => Taylor::ByDerivative,
        }
    }

    fn transpose(&self, _: &Ctx, _: &[Tangent], _: &[Operand]) -> TransposeResult {
        not_linear(self)
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        match self.kind {
            Kind::Pure(Some(Batching::ExpandDims)) => self.at_once(ctx, inputs, axes, 1),
            Kind::Pure(Some(Batching::BroadcastAll)) => {
                self.at_once(ctx, inputs, axes, ctx.batch_size)
            }
            Kind::Pure(None) => Err(err!(
                Transform,
                "pure_callback: {} was not told how to be batched; use pure_callback_with and \
                 Batching::Sequential (a call per lane), ExpandDims or BroadcastAll (one call \
                 with batched arrays)",
                self.function.name
            )),
            Kind::Io { ordered: true } => Err(err!(
                Transform,
                "io_callback: {} is ordered, and the lanes of vmap have no order among each \
                 other; pass ordered: false, or loop with scan",
                self.function.name
            )),
            _ => self.per_lane(ctx, inputs, axes),
        }
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Host
    }

    fn lower(&self, inputs: &[Aval], outputs: &[Aval]) -> Result<Lowering, Error> {
        let (function, types) = (self.call(), (inputs.to_vec(), outputs.to_vec()));
        let sizes = |avals: &[Aval]| avals.iter().map(|a| (a.dtype, a.size())).collect();
        let run = move |args: &[HostInput], results: &mut [HostOutput]| {
            run(&*function, (&types.0, &types.1), args, results)
        };
        let name = format!("{} of {}", self.name(), self.function.name);
        Ok(Lowering::Host(HostCall::new(
            &name,
            self.function.value.clone(),
            sizes(inputs),
            sizes(outputs),
            Arc::new(run),
        )))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::effectful(match self.kind {
            Kind::Pure(_) => Effects::NONE,
            Kind::Io { ordered: false } => Effects::ONCE,
            Kind::Io { ordered: true } => Effects::ONCE | Effects::ORDERED,
            Kind::Debug { ordered: false } => Effects::KEEP,
            Kind::Debug { ordered: true } => Effects::ORDERED,
        })
    }
}

/// Calls `function` (see [`Callback::rule`]), which returns arrays of the types `results`.
#[track_caller]
pub fn callback(
    kind: Kind,
    function: Rule,
    results: Vec<Aval>,
    inputs: &[Array],
) -> Result<Vec<Array>, Error> {
    Ok(bind(Arc::new(Callback::new(kind, function, results)), inputs)?.into_vec())
}

pub fn entries() -> Vec<Entry> {
    let build = |args: &Args| args.no_rules();
    vec![
        Entry { name: "pure_callback", build, cases: pure_cases },
        Entry { name: "io_callback", build, cases: io_cases },
        Entry { name: "debug_callback", build, cases: debug_cases },
    ]
}

const CLOSURE: &str = "a closure has no derivative; users write custom rules";

/// A closure that returns the first of two arrays, whatever its shape: a case per [`Batching`] and
/// dtype.
fn pure_cases() -> Vec<Case> {
    let first: Arc<HostFn> = Arc::new(|args: &[Array]| Ok(vec![args[0].clone()]));
    let mut cases = Vec::new();
    for batching in [Batching::Sequential, Batching::BroadcastAll] {
        for d in [DType::F32, DType::I32] {
            let (x, y) = (sample(&[2, 3], d, 1), sample(&[2], d, 2));
            let rule = Callback::rule("first", first.clone());
            let prim: Prim =
                Arc::new(Callback::new(Kind::Pure(Some(batching)), rule, vec![x.aval()]));
            cases.push(without_derivative(Case::new(prim, vec![x, y])));
        }
    }
    cases
}

fn io_cases() -> Vec<Case> {
    let twice: Arc<HostFn> =
        Arc::new(|args: &[Array]| Ok(vec![crate::prims::lax::add(&args[0], &args[0])]));
    let case = |d| {
        let x = sample(&[3], d, 1);
        let rule = Callback::rule("twice", twice.clone());
        let prim = Callback::new(Kind::Io { ordered: false }, rule, vec![x.aval()]);
        without_derivative(Case::new(Arc::new(prim), vec![x]))
    };
    [DType::F32, DType::I32].map(case).into()
}

/// A debug callback has no outputs that the laws could compare. Its own tests check it.
fn debug_cases() -> Vec<Case> {
    let nothing: Arc<HostFn> = Arc::new(|_: &[Array]| Ok(Vec::new()));
    let rule = Callback::rule("nothing", nothing);
    let prim: Prim = Arc::new(Callback::new(Kind::Debug { ordered: false }, rule, Vec::new()));
    let why = "gives nothing to compare; see tests/effects.rs";
    let case = Case::new(prim, vec![sample(&[3], DType::F32, 1)]);
    vec![case.exempt("jet", why).exempt("simplify", why)]
}

/// The case, exempt from the laws that take derivatives unless all inputs are ints.
fn without_derivative(case: Case) -> Case {
    let case = case
        .exempt("types", "a closure takes what its user gives it")
        .exempt("simplify", "a closure sees the shapes that it is given");
    if case.inputs.iter().all(|x| !x.dtype().is_inexact()) {
        return case;
    }
    ["jvp", "adjoint", "second", "third", "jet", "commute", "check", "split", "dce", "checkify"]
        .iter()
        .fold(case, |case, law| case.exempt(law, CLOSURE))
}
