//! Tracing: each thread has a stack of jaxpr builders, and the innermost one records operations.
//!
//! The context decides, never the data: inside a trace every operation is recorded, outside it
//! runs. A trace ends when its closure returns or panics. After that the use of one of its tracers
//! is an error.
//!
//! Not here: how an operation runs (`eager`).

use super::array::{Array, Concrete, Repr, Tracer};
use super::aval::Aval;
use super::eager;
use super::home::home;
use super::id::{TraceId, Var};
use super::jaxpr::{Atom, Eqn, Jaxpr};
use super::primitive::{Arrays, Prim, output_avals};
use super::source::{self, Source};
use super::standin::{TracerKey, stand_in};
use cotangent_jit::program::Placement;
use cotangent_jit::{Error, err};
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::sync::Arc;
use std::thread;

/// The identity of a captured array.
#[derive(PartialEq, Eq, Hash)]
enum CaptureKey {
    Concrete(*const Concrete),
    Tracer(TraceId, Var),
}

/// A jaxpr being built, or a scope in which operations run although an outer scope is being traced.
enum Frame {
    Build(Builder),
    Eager,
}

struct Builder {
    id: TraceId,
    jaxpr: Jaxpr,
    captures: FxHashMap<CaptureKey, Var>,
    captured: Vec<(Array, Var)>,
    /// The device that the trace is for, unless it is the one of the process.
    home: Option<Placement>,
}

thread_local! {
    static STACK: RefCell<Vec<Frame>> = const { RefCell::new(Vec::new()) };
}

/// The result of tracing. The inputs of `jaxpr` are the captured arrays (concrete ones and tracers
/// of outer traces), then the arguments.
pub struct Traced {
    pub jaxpr: Jaxpr,
    pub captured: Vec<Array>,
}

impl Traced {
    pub fn captures_tracers(&self) -> bool {
        self.captured.iter().any(Array::is_tracer)
    }
}

/// Tells whether operations are being recorded on this thread.
pub fn is_tracing() -> bool {
    STACK.with_borrow(|s| matches!(s.last(), Some(Frame::Build(_))))
}

/// The device that a tracer's trace is for, unless it is the one of the process.
pub(crate) fn home_of(t: &Tracer) -> Option<Placement> {
    STACK.with_borrow(|stack| {
        stack.iter().find_map(|frame| match frame {
            Frame::Build(builder) if builder.id == t.trace => builder.home,
            _ => None,
        })
    })
}

/// The device that the innermost trace is for, unless it is the one of the process.
pub(crate) fn home_of_trace() -> Option<Placement> {
    STACK.with_borrow(|stack| match stack.last() {
        Some(Frame::Build(builder)) => builder.home,
        _ => None,
    })
}

/// Pops the frame that was pushed, also when the closure panics.
struct Scope {
    depth: usize,
}

impl Scope {
    fn enter(frame: Frame) -> Scope {
        STACK.with_borrow_mut(|s| {
            s.push(frame);
            Scope { depth: s.len() }
        })
    }

    fn leave(self) -> Frame {
        let frame = STACK.with_borrow_mut(|s| {
            debug_assert_eq!(s.len(), self.depth);
            s.pop().expect("the frame that was entered")
        });
        std::mem::forget(self);
        frame
    }
}

impl Drop for Scope {
    fn drop(&mut self) {
        STACK.with_borrow_mut(|s| s.truncate(self.depth - 1));
    }
}

/// Records what `f` does to arguments of these types.
#[track_caller]
pub fn trace(
    inputs: &[Aval],
    f: impl FnOnce(Vec<Array>) -> Result<Vec<Array>, Error>,
) -> Result<Traced, Error> {
    // Only `f` is generic here. A copy of the rest per closure would be most of the code of some
    // callers.
    inputs.iter().try_for_each(|aval| aval.expect_countable("input"))?;
    let (scope, arguments) = begin(inputs, source::here());
    let results = f(arguments)?;
    end(scope, &results)
}

/// Pushes a new builder, and returns its scope and its arguments.
fn begin(inputs: &[Aval], source: Source) -> (Scope, Vec<Array>) {
    let id = TraceId::fresh();
    let mut jaxpr = Jaxpr::default();
    let arguments: Vec<Array> = inputs
        .iter()
        .map(|aval| {
            let var = jaxpr.new_var(aval.clone());
            jaxpr.inputs.push(var);
            tracer(id, var, aval.clone(), source)
        })
        .collect();
    let (captures, captured) = (FxHashMap::default(), Vec::new());
    let builder = Builder { id, jaxpr, captures, captured, home: home() };
    (Scope::enter(Frame::Build(builder)), arguments)
}

/// Pops the builder of this scope, and gives it these results.
fn end(scope: Scope, results: &[Array]) -> Result<Traced, Error> {
    let outputs: Vec<Atom> = with_builder(|b, below| {
        results.iter().map(|r| b.atom(below, r, "return value")).collect()
    })?;
    let Frame::Build(mut builder) = scope.leave() else { unreachable!("a build frame") };
    builder.jaxpr.outputs = outputs;
    let vars = builder.captured.iter().map(|(_, v)| *v);
    builder.jaxpr.inputs = vars.chain(builder.jaxpr.inputs.iter().copied()).collect();
    let captured = builder.captured.into_iter().map(|(a, _)| a).collect();
    Ok(Traced { jaxpr: builder.jaxpr.compact(), captured })
}

/// Runs `f`. Its operations are computed at once, even inside a trace. Tracers cannot be used in
/// it.
#[doc(alias = "ensure_compile_time_eval")]
pub fn eager<R>(f: impl FnOnce() -> R) -> R {
    let scope = Scope::enter(Frame::Eager);
    let result = f();
    scope.leave();
    result
}

/// Applies a primitive: records it inside a trace, computes it outside.
#[track_caller]
pub fn bind(prim: Prim, inputs: &[Array]) -> Result<Arrays, Error> {
    let source = source::here();
    if is_tracing() {
        with_builder(|b, below| b.record(below, prim, inputs, source))
    } else {
        for input in inputs {
            if let Repr::Tracer(t) = &input.0 {
                return Err(stale(t, prim.name(), inside_eager(t)));
            }
        }
        eager::run(&prim, inputs)
    }
}

fn tracer(trace: TraceId, var: Var, aval: Aval, source: Source) -> Array {
    Array(Repr::Tracer(Arc::new(Tracer {
        aval,
        trace,
        var,
        thread: thread::current().id(),
        source,
    })))
}

/// Calls `f` with the innermost builder and the ids of the traces below it. No user code runs
/// inside.
fn with_builder<R>(
    f: impl FnOnce(&mut Builder, &dyn Fn(TraceId) -> bool) -> Result<R, Error>,
) -> Result<R, Error> {
    STACK.with_borrow_mut(|stack| {
        let (last, below) = stack.split_last_mut().expect("a trace is under way");
        let Frame::Build(builder) = last else { unreachable!("a build frame") };
        let alive = |id: TraceId| below.iter().any(|f| matches!(f, Frame::Build(b) if b.id == id));
        f(builder, &alive)
    })
}

fn inside_eager(t: &Tracer) -> bool {
    STACK.with_borrow(|s| s.iter().any(|f| matches!(f, Frame::Build(b) if b.id == t.trace)))
}

/// An array with a shape and a dtype but without elements. It belongs to no trace, and no operation
/// takes it.
#[track_caller]
pub fn type_only(aval: Aval) -> Array {
    let jaxpr = &mut Jaxpr::default();
    let var = jaxpr.new_var(aval.clone());
    tracer(TraceId::NONE, var, aval, source::here())
}

/// The error of asking for the elements of a tracer.
pub(crate) fn no_value(t: &Tracer, what: &str) -> Error {
    if t.trace == TraceId::NONE {
        return err!(
            Tracer,
            "{what}: {} made at {} is a type only (shape_dtype): it has no elements",
            t.aval,
            t.source
        );
    }
    if !is_tracing() && !inside_eager(t) {
        return stale(t, what, false);
    }
    err!(
        Tracer,
        "{what}: the value of {} is not known while tracing (made at {}); use cond or select \
         instead of a value-dependent if, lax::dynamic_slice or a mask instead of a \
         value-dependent slice, or return it from the traced closure and read it outside",
        t.aval,
        t.source
    )
}

/// The error of a tracer that cannot be used here.
fn stale(t: &Tracer, what: &str, alive: bool) -> Error {
    if t.trace == TraceId::NONE {
        return no_value(t, what);
    }
    let made = format!("{} made at {}", t.aval, t.source);
    if alive {
        err!(
            Tracer,
            "{what}: a tracer ({made}) was used inside eager(..), where only values are known; \
             pass it out, or drop the eager"
        )
    } else if t.thread != thread::current().id() {
        err!(
            Tracer,
            "{what}: a tracer ({made}) was used on another thread than the one that traces; \
             return values from the traced closure instead"
        )
    } else {
        err!(
            Tracer,
            "{what}: a tracer ({made}) was used after its trace ended; return it from the traced \
             closure instead of storing it"
        )
    }
}

impl Builder {
    fn record(
        &mut self,
        below: &dyn Fn(TraceId) -> bool,
        prim: Prim,
        inputs: &[Array],
        source: Source,
    ) -> Result<Arrays, Error> {
        let avals: smallvec::SmallVec<[Aval; 3]> = inputs.iter().map(Array::aval).collect();
        let out_avals = output_avals(&prim, &avals)?;
        let inputs: Result<_, Error> =
            inputs.iter().map(|a| self.atom(below, a, prim.name())).collect();
        let inputs = inputs?;
        let outputs: smallvec::SmallVec<[Var; 1]> =
            out_avals.iter().map(|a| self.jaxpr.new_var(a.clone())).collect();
        let arrays = outputs
            .iter()
            .zip(out_avals)
            .map(|(v, aval)| tracer(self.id, *v, aval, source))
            .collect();
        let effects = prim.effects();
        self.jaxpr.eqns.push(Eqn { prim, inputs, outputs, effects, source });
        Ok(arrays)
    }

    /// The operand that stands for `array` here. An array from outside becomes a captured input.
    fn atom(
        &mut self,
        below: &dyn Fn(TraceId) -> bool,
        array: &Array,
        what: &str,
    ) -> Result<Atom, Error> {
        let key = match &array.0 {
            Repr::Literal { value, .. } => return Ok(Atom::Literal(*value)),
            Repr::Tracer(t) if t.trace == self.id => return Ok(Atom::Var(t.var)),
            Repr::Tracer(t) if let Some(a) = stand_in(TracerKey(t.trace, t.var)) => {
                return self.atom(below, &a, what);
            }
            Repr::Tracer(t) if below(t.trace) => CaptureKey::Tracer(t.trace, t.var),
            Repr::Tracer(t) => return Err(stale(t, what, false)),
            Repr::Concrete(c) => CaptureKey::Concrete(Arc::as_ptr(c)),
        };
        let var = *self.captures.entry(key).or_insert_with(|| {
            let var = self.jaxpr.new_var(array.aval());
            self.captured.push((array.clone(), var));
            var
        });
        Ok(Atom::Var(var))
    }
}

/// Applies a jaxpr to arrays by binding its equations one by one, in the current context.
pub fn eval(jaxpr: &Jaxpr, inputs: &[Array]) -> Result<Vec<Array>, Error> {
    let mut env: Vec<Option<Array>> = vec![None; jaxpr.avals.len()];
    for (v, a) in jaxpr.inputs.iter().zip(inputs) {
        env[v.index()] = Some(a.clone());
    }
    let read = |env: &[Option<Array>], a: &Atom| match a {
        Atom::Var(v) => env[v.index()].clone().expect("a variable is bound before its use"),
        Atom::Literal(s) => Array::literal(*s),
    };
    for eqn in &jaxpr.eqns {
        let args: smallvec::SmallVec<[Array; 3]> =
            eqn.inputs.iter().map(|a| read(&env, a)).collect();
        let outs = source::replaying(eqn.source, || bind(eqn.prim.clone(), &args))
            .map_err(|e| e.context(eqn.source))?;
        for (v, a) in eqn.outputs.iter().zip(outs) {
            env[v.index()] = Some(a);
        }
    }
    Ok(jaxpr.outputs.iter().map(|a| read(&env, a)).collect())
}
