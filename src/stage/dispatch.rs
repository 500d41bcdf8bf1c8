//! Runs one primitive on concrete arrays.
//!
//! Every thread remembers the action for a primitive and the types of its operands. A literal is an
//! operand like any other, so that a new number compiles nothing. Actions that flush subnormal
//! numbers are remembered apart from those that do not. The output of a reshape shares memory with
//! its operand. Not here: checks of the outputs (`eager`).

use super::cache::{cached, generation};
use super::device;
use super::executable::Executable;
use super::placement::{Site, any_committed, committed_elsewhere, mixed, site};
use super::subnormals::flushes;
use crate::core::array::{Array, Concrete, Held, Repr};
use crate::core::aval::{Aval, Avals};
use crate::core::jaxpr::{Atom, Eqn, Jaxpr};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::primitive::{Arrays, Prim, output_avals, same_prim};
use crate::core::source;
use cotangent_jit::Error;
use cotangent_jit::host::{HostCall, HostInput, HostOutput};
use rustc_hash::{FxHashMap, FxHasher};
use smallvec::SmallVec;
use std::cell::RefCell;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Number of actions that a thread remembers before it forgets all of them.
const REMEMBERED: usize = 4096;

type InAvals = SmallVec<[Aval; 3]>;

#[derive(Clone)]
enum Action {
    /// The outputs are the inputs with these types.
    Forward(Avals),
    Run(Arc<Executable>, Avals),
    /// The closure is called at once. Most closures run only once, so nothing is compiled and
    /// nothing is remembered.
    Host(HostCall, Avals),
}

struct Memo {
    prim: Prim,
    avals: InAvals,
    site: Site,
    action: Action,
}

#[derive(Default)]
struct Memory {
    generation: u64,
    count: usize,
    memos: FxHashMap<u64, SmallVec<[Memo; 1]>>,
}

thread_local! {
    /// One for IEEE 754, one for flushed subnormal numbers.
    static MEMORIES: RefCell<[Memory; 2]> = RefCell::default();
}

/// Computes a primitive on concrete arrays and literals.
///
/// `check` gets the outputs that were computed. Outputs that only share the memory of an input are
/// not passed to it.
#[track_caller]
pub fn dispatch(
    prim: &Prim,
    inputs: &[Array],
    check: impl FnOnce(Arrays) -> Result<Arrays, Error>,
) -> Result<Arrays, Error> {
    let site = site(inputs)?;
    let key = key(prim, inputs);
    let memory = usize::from(flushes());
    let known = MEMORIES.with_borrow(|m| m[memory].find(key, prim, inputs, site));
    let action = match known {
        Some(action) => action,
        None => {
            let avals: InAvals = inputs.iter().map(Array::aval).collect();
            let action = decide(prim, &avals, site)?;
            if !matches!(action, Action::Host(..)) {
                let memo = Memo { prim: prim.clone(), avals, site, action: action.clone() };
                MEMORIES.with_borrow_mut(|m| m[memory].keep(key, memo));
            }
            action
        }
    };
    match action {
        Action::Forward(avals) => {
            inputs.iter().zip(avals).map(|(a, aval)| reshaped(a, aval, site)).collect()
        }
        Action::Host(call, avals) => check(host(prim.name(), &call, inputs, avals, site)?),
        Action::Run(executable, avals) => {
            let mut outputs = executable.run_ref(prim.name(), inputs)?;
            for (output, aval) in outputs.iter_mut().zip(avals) {
                output.set_weak(aval.weak);
            }
            check(outputs)
        }
    }
}

fn key(prim: &Prim, inputs: &[Array]) -> u64 {
    let mut hasher = FxHasher::default();
    prim.name().hash(&mut hasher);
    prim.params().hash(&mut hasher);
    for a in inputs {
        (a.dtype(), a.is_weak()).hash(&mut hasher);
        a.shape().hash(&mut hasher);
    }
    hasher.finish()
}

#[track_caller]
fn decide(prim: &Prim, avals: &[Aval], site: Site) -> Result<Action, Error> {
    let outputs = output_avals(prim, avals)?;
    // A body is lowered where it is compiled, so that it is not traced twice.
    if prim.kind() != LoweringKind::Call {
        match prim.lower(avals, &outputs)? {
            Lowering::Forward | Lowering::Reshape => return Ok(Action::Forward(outputs)),
            Lowering::InBatch(e) => return Err(e.context(source::here())),
            Lowering::Host(call) => return Ok(Action::Host(call.at(source::here()), outputs)),
            _ => {}
        }
    }
    let mut jaxpr = Jaxpr::default();
    jaxpr.inputs = avals.iter().map(|a| jaxpr.new_var(a.clone())).collect();
    let out_vars: SmallVec<_> = outputs.iter().map(|a| jaxpr.new_var(a.clone())).collect();
    jaxpr.outputs = out_vars.iter().copied().map(Atom::Var).collect();
    jaxpr.eqns.push(Eqn {
        prim: prim.clone(),
        inputs: jaxpr.inputs.iter().copied().map(Atom::Var).collect(),
        outputs: out_vars,
        effects: prim.effects(),
        source: source::here(),
    });
    Ok(Action::Run(cached(&jaxpr, prim.name(), site.place())?, outputs))
}

/// Calls the host with the elements of the arrays. The results live at the site.
fn host(
    name: &str,
    call: &HostCall,
    inputs: &[Array],
    avals: Avals,
    site: Site,
) -> Result<Arrays, Error> {
    if let Some(wrong) = inputs.iter().find(|a| committed_elsewhere(a, site)) {
        return Err(mixed(name, site, inputs, wrong));
    }
    let given = inputs.iter().map(Array::to_bytes).collect::<Result<Vec<_>, Error>>()?;
    let mut made: Vec<Vec<u8>> = avals.iter().map(|a| vec![0; a.bytes()]).collect();
    let args = given.iter().zip(&call.args);
    let args: Vec<HostInput> =
        args.map(|(bytes, (dtype, _))| HostInput { dtype: *dtype, bytes }).collect();
    let results = made.iter_mut().zip(&call.results);
    let mut results: Vec<HostOutput> =
        results.map(|(bytes, (dtype, _))| HostOutput { dtype: *dtype, bytes }).collect();
    site.home(|| call.run(&args, &mut results))?;
    let committed = any_committed(inputs);
    let upload =
        |(aval, bytes): (Aval, Vec<u8>)| device::upload_to(site.memory(), aval, &bytes, committed);
    avals.into_iter().zip(made).map(upload).collect()
}

/// The same elements under another shape, in the same memory.
fn reshaped(array: &Array, aval: Aval, site: Site) -> Result<Array, Error> {
    match &array.0 {
        Repr::Literal { value, .. } if aval.shape.is_empty() => {
            Ok(Array(Repr::Literal { value: *value, weak: aval.weak }))
        }
        Repr::Literal { value, .. } => {
            device::upload_to(site.memory(), aval, &value.to_bytes(), false)
        }
        Repr::Concrete(c) if c.aval == aval && c.aval.weak == aval.weak => Ok(array.clone()),
        Repr::Concrete(c) => {
            let owner = if let Held::Of(owner) = &c.buffer { owner } else { c };
            let buffer = Held::Of(owner.clone());
            Ok(Array(Repr::Concrete(Arc::new(Concrete::new(aval, buffer, c.committed())))))
        }
        Repr::Tracer(_) => unreachable!("tracers do not reach the device"),
    }
}

impl Memory {
    fn find(&self, key: u64, prim: &Prim, inputs: &[Array], site: Site) -> Option<Action> {
        if self.generation != generation() {
            return None;
        }
        let fits = |m: &&Memo| {
            m.site == site
                && m.avals.len() == inputs.len()
                && m.avals.iter().zip(inputs).all(|(e, a)| {
                    e.dtype == a.dtype() && e.weak == a.is_weak() && e.shape[..] == *a.shape()
                })
                && same_prim(&m.prim, prim)
        };
        self.memos.get(&key)?.iter().find(fits).map(|m| m.action.clone())
    }

    fn keep(&mut self, key: u64, memo: Memo) {
        let generation = generation();
        if self.generation != generation || self.count >= REMEMBERED {
            *self = Memory { generation, ..Memory::default() };
        }
        self.memos.entry(key).or_default().push(memo);
        self.count += 1;
    }
}
