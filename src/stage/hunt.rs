//! The hunt for NaN: when a result has one, the computation is run again, equation by equation, to find the first that makes
//! one from operands without; into calls, branches taken, and the step of a loop.
//!
//! Which equations have bodies is asked of what they lower to. Whatever the equations did besides computing happens again,
//! but for those that give nothing.

use super::eager;
use super::run::run_jaxpr;
use crate::core::array::Array;
use crate::core::jaxpr::{Atom, Eqn, Jaxpr};
use crate::core::lowering::{Lowering, ScanParts, WhileParts};
use crate::core::primitive::Prim;
use crate::core::source::{self, Source};
use crate::prims::lax;
use cotangent_jit::{DType, Error, err};
use std::cell::Cell;
use std::ops::BitOr;
use std::sync::LazyLock;

/// What is hunted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Hunt(u8);

impl Hunt {
    pub const NOTHING: Hunt = Hunt(0);
    pub const NAN: Hunt = Hunt(1);
    pub const INFINITY: Hunt = Hunt(2);

    fn wants(self, x: f64) -> bool {
        (self.0 & 1 != 0 && x.is_nan()) || (self.0 & 2 != 0 && x.is_infinite())
    }
}

impl BitOr for Hunt {
    type Output = Hunt;
    fn bitor(self, other: Hunt) -> Hunt {
        Hunt(self.0 | other.0)
    }
}

/// What the environment says, for all threads.
static EVERYWHERE: LazyLock<Hunt> = LazyLock::new(|| {
    let set = |name| std::env::var(name).is_ok_and(|v| !v.is_empty() && v != "0");
    let of = |name, hunt| if set(name) { hunt } else { Hunt::NOTHING };
    of("COTANGENT_DEBUG_NANS", Hunt::NAN) | of("COTANGENT_DEBUG_INFS", Hunt::INFINITY)
});

thread_local! {
    static HERE: Cell<Option<Hunt>> = const { Cell::new(None) };
}

/// Hunts on this thread while `f` runs; `NOTHING` calls a hunt of the environment's off.
pub fn hunting<R>(hunt: Hunt, f: impl FnOnce() -> R) -> R {
    struct Restore(Option<Hunt>);
    impl Drop for Restore {
        fn drop(&mut self) {
            HERE.set(self.0);
        }
    }
    let _restore = Restore(HERE.replace(Some(hunt)));
    f()
}

/// What is hunted now, if anything.
pub fn wanted() -> Hunt {
    HERE.get().unwrap_or_else(|| *EVERYWHERE)
}

/// Looks at what a jaxpr gave for these inputs.
pub fn look(
    hunt: Hunt,
    name: &str,
    jaxpr: &Jaxpr,
    inputs: &[Array],
    outputs: &[Array],
) -> Result<(), Error> {
    if hunt == Hunt::NOTHING || !any(hunt, outputs) {
        return Ok(());
    }
    let search = Search { hunt };
    if let Some(found) = hunting(Hunt::NOTHING, || search.jaxpr(jaxpr, inputs))? {
        return Err(found);
    }
    let what = said(hunt, outputs);
    match inputs.iter().position(|x| any(hunt, std::slice::from_ref(x))) {
        Some(n) => Err(err!(
            Check,
            "{name}: a result has {what}, and so has input {n} already: {}",
            shown(&inputs[n])
        )),
        None => Err(err!(
            Check,
            "{name}: a result has {what}, which no equation makes from operands without one; look at its constants"
        )),
    }
}

/// Looks at what a primitive gave that stands at this line.
pub fn look_at(
    hunt: Hunt,
    prim: &Prim,
    at: Source,
    inputs: &[Array],
    outputs: &[Array],
) -> Result<(), Error> {
    if hunt == Hunt::NOTHING || !any(hunt, outputs) {
        return Ok(());
    }
    let search = Search { hunt };
    if let Some(found) = hunting(Hunt::NOTHING, || search.inside(prim, at, inputs))? {
        return Err(found);
    }
    if any(hunt, inputs) {
        let what = said(hunt, outputs);
        return Err(err!(
            Check,
            "{} at {at} gives {what} from operands that have one: {}",
            prim.name(),
            all(inputs)
        ));
    }
    Err(search.made(prim, at, inputs, outputs))
}

struct Search {
    hunt: Hunt,
}

impl Search {
    /// What is wrong in the jaxpr, if an equation makes it.
    fn jaxpr(&self, jaxpr: &Jaxpr, inputs: &[Array]) -> Result<Option<Error>, Error> {
        let mut env: Vec<Option<Array>> = vec![None; jaxpr.avals.len()];
        for (v, a) in jaxpr.inputs.iter().zip(inputs) {
            env[v.index()] = Some(a.clone());
        }
        for eqn in &jaxpr.eqns {
            if eqn.outputs.is_empty() {
                continue;
            }
            let read = |a: &Atom| match a {
                Atom::Var(v) => env[v.index()].clone().expect("a variable is bound before its use"),
                Atom::Literal(s) => Array::literal(*s),
            };
            let args: Vec<Array> = eqn.inputs.iter().map(read).collect();
            let outs = source::replaying(eqn.source, || eager::run(&eqn.prim, &args))?;
            if any(self.hunt, &outs)
                && !any(self.hunt, &args)
                && let Some(found) = self.equation(eqn, &args, &outs)?
            {
                return Ok(Some(found));
            }
            for (v, a) in eqn.outputs.iter().zip(outs) {
                env[v.index()] = Some(a);
            }
        }
        Ok(None)
    }

    fn equation(&self, eqn: &Eqn, args: &[Array], outs: &[Array]) -> Result<Option<Error>, Error> {
        let found = self.inside(&eqn.prim, eqn.source, args)?;
        Ok(Some(found.unwrap_or_else(|| self.made(&eqn.prim, eqn.source, args, outs))))
    }

    fn made(&self, prim: &Prim, at: Source, args: &[Array], outs: &[Array]) -> Error {
        let what = said(self.hunt, outs);
        err!(Check, "{} at {at} makes {what}: {} from {}", prim.name(), all(outs), all(args))
    }

    /// What is wrong in the bodies of a primitive, said with the way there.
    fn inside(&self, prim: &Prim, at: Source, args: &[Array]) -> Result<Option<Error>, Error> {
        let avals: Vec<_> = args.iter().map(Array::aval).collect();
        if prim.carrier().is_none() {
            return Ok(None);
        }
        let outs = prim.abstract_eval(&avals)?;
        let (found, place) = match prim.lower(&avals, &outs)? {
            Lowering::Call(body) => return self.jaxpr(&body, args),
            Lowering::Cond { arms } => {
                let last = arms.len() as i64 - 1;
                let arm = args[0].try_to_i64()?.clamp(0, last) as usize;
                (self.jaxpr(&arms[arm], &args[1..])?, format!("branch {arm} of {}", prim.name()))
            }
            Lowering::Scan(parts) => {
                let (found, step) = self.scan(&parts, args)?;
                (found, format!("step {step} of {}", prim.name()))
            }
            Lowering::While(parts) => {
                let (found, round) = self.rounds(&parts, args)?;
                (found, format!("round {round} of {}", prim.name()))
            }
            _ => return Ok(None),
        };
        Ok(found.map(|e| err!(Check, "{}, in {place} at {at}", e.message())))
    }

    /// What a body gives, and what makes it wrong.
    fn body(&self, body: &Jaxpr, args: &[Array]) -> Result<(Vec<Array>, Option<Error>), Error> {
        let outs = run_jaxpr(body, args.to_vec())?;
        let wrong = any(self.hunt, &outs) && !any(self.hunt, args);
        let found = if wrong { self.jaxpr(body, args)? } else { None };
        Ok((outs, found))
    }

    fn scan(&self, parts: &ScanParts, args: &[Array]) -> Result<(Option<Error>, usize), Error> {
        let (consts, rest) = args.split_at(parts.consts);
        let (carry, xs) = rest.split_at(parts.carry);
        let mut carry = carry.to_vec();
        for step in 0..parts.length {
            let t = if parts.reverse { parts.length - 1 - step } else { step };
            let slice = |x: &Array| lax::try_squeeze(&lax::try_slice_in_dim(x, t, t + 1, 0)?, &[0]);
            let slices = xs.iter().map(slice).collect::<Result<Vec<_>, Error>>()?;
            let (outs, found) = self.body(&parts.body, &[consts, &carry, &slices].concat())?;
            if found.is_some() {
                return Ok((found, t));
            }
            carry = outs[..parts.carry].to_vec();
        }
        Ok((None, 0))
    }

    fn rounds(&self, parts: &WhileParts, args: &[Array]) -> Result<(Option<Error>, usize), Error> {
        let (tested, rest) = args.split_at(parts.test_consts);
        let (kept, carry) = rest.split_at(parts.body_consts);
        let mut carry = carry.to_vec();
        let mut round = 0;
        while parts.limit.is_none_or(|n| round < n) {
            let holds = run_jaxpr(&parts.test, [tested, &carry].concat())?;
            if !holds[0].try_item::<bool>()? {
                break;
            }
            let (outs, found) = self.body(&parts.body, &[kept, &carry].concat())?;
            if found.is_some() {
                return Ok((found, round));
            }
            carry = outs;
            round += 1;
        }
        Ok((None, 0))
    }
}

/// Whether any of these arrays has what is hunted.
fn any(hunt: Hunt, arrays: &[Array]) -> bool {
    arrays.iter().any(|a| values(a).iter().any(|x| hunt.wants(*x)))
}

/// The floats of an array, those of complex numbers one by one.
fn values(a: &Array) -> Vec<f64> {
    let halves = |size: usize| -> Vec<f64> {
        let bytes = a.to_bytes().unwrap_or_default();
        let one = |b: &[u8]| match size {
            4 => b.try_into().map_or(0.0, |b| f64::from(f32::from_le_bytes(b))),
            _ => b.try_into().map_or(0.0, f64::from_le_bytes),
        };
        bytes.chunks_exact(size).map(one).collect()
    };
    match a.dtype() {
        DType::F32 | DType::C64 => halves(4),
        DType::F64 | DType::C128 => halves(8),
        d if d.is_float() => {
            let all = a.try_to_scalars().unwrap_or_default();
            all.iter().filter_map(|s| s.to_f64()).collect()
        }
        _ => Vec::new(),
    }
}

fn said(hunt: Hunt, arrays: &[Array]) -> &'static str {
    let nan = hunt == Hunt::NAN || any(Hunt::NAN, arrays) && hunt.wants(f64::NAN);
    if nan { "a NaN" } else { "an infinity" }
}

/// An operand with its type and its first elements.
fn shown(a: &Array) -> String {
    const ENOUGH: usize = 120;
    let text = a.to_string().split_whitespace().collect::<Vec<_>>().join(" ");
    match text.char_indices().nth(ENOUGH) {
        Some((end, _)) => format!("{} {}..", a.aval(), &text[..end]),
        None => format!("{} {text}", a.aval()),
    }
}

fn all(arrays: &[Array]) -> String {
    if arrays.is_empty() {
        return "nothing".into();
    }
    arrays.iter().map(shown).collect::<Vec<_>>().join(", ")
}
