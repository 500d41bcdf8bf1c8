//! Finds the equation that made a NaN.
//!
//! When a result has a NaN, the computation runs again, equation by equation, until one makes a NaN
//! from operands without one. The search goes into calls, into the branch that was taken, and into
//! the step of a loop. What a primitive lowers to tells whether it has bodies.
//!
//! Side effects of the equations happen again, except those of equations without outputs.
//! Not here: which checks are on (`nan_check`).

use super::cache::run_cached;
use super::dispatch::dispatch;
use super::nan_check::{NanCheck, with_nan_check};
use crate::core::array::Array;
use crate::core::jaxpr::{Atom, Eqn, Jaxpr};
use crate::core::lowering::{Lowering, ScanParts, WhileParts};
use crate::core::primitive::Prim;
use crate::core::source::{self, Source};
use crate::prims::lax;
use cotangent_jit::{DType, Error, err};

/// Returns an error if one of the outputs that the jaxpr computed from these inputs has a NaN.
pub fn check_outputs(
    check: NanCheck,
    name: &str,
    jaxpr: &Jaxpr,
    inputs: &[Array],
    outputs: &[Array],
) -> Result<(), Error> {
    if check == NanCheck::NONE || !any(check, outputs) {
        return Ok(());
    }
    let search = Search { check };
    if let Some(found) = with_nan_check(NanCheck::NONE, || search.error_in_jaxpr(jaxpr, inputs))? {
        return Err(found);
    }
    let what = kind_found(check, outputs);
    match inputs.iter().position(|x| any(check, std::slice::from_ref(x))) {
        Some(n) => Err(err!(
            Check,
            "{name}: a result has {what}, and so has input {n} already: {}",
            shown(&inputs[n])
        )),
        None => Err(err!(
            Check,
            "{name}: a result has {what}, which no equation makes from operands without one; \
             look at its constants"
        )),
    }
}

/// Returns an error if one of the outputs that the primitive computed at this line has a NaN.
pub fn check_primitive(
    check: NanCheck,
    prim: &Prim,
    at: Source,
    inputs: &[Array],
    outputs: &[Array],
) -> Result<(), Error> {
    if check == NanCheck::NONE || !any(check, outputs) {
        return Ok(());
    }
    let search = Search { check };
    if let Some(found) =
        with_nan_check(NanCheck::NONE, || search.error_in_bodies(prim, at, inputs))?
    {
        return Err(found);
    }
    if any(check, inputs) {
        let what = kind_found(check, outputs);
        return Err(err!(
            Check,
            "{} at {at} gives {what} from operands that have one: {}",
            prim.name(),
            all(inputs)
        ));
    }
    Err(search.maker_error(prim, at, inputs, outputs))
}

struct Search {
    check: NanCheck,
}

impl Search {
    /// The error of the equation of the jaxpr that makes a NaN, if one does.
    fn error_in_jaxpr(&self, jaxpr: &Jaxpr, inputs: &[Array]) -> Result<Option<Error>, Error> {
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
            let outs = source::replaying(eqn.source, || dispatch(&eqn.prim, &args, Ok))?;
            if any(self.check, &outs)
                && !any(self.check, &args)
                && let Some(found) = self.equation_error(eqn, &args, &outs)?
            {
                return Ok(Some(found));
            }
            for (v, a) in eqn.outputs.iter().zip(outs) {
                env[v.index()] = Some(a);
            }
        }
        Ok(None)
    }

    fn equation_error(
        &self,
        eqn: &Eqn,
        args: &[Array],
        outs: &[Array],
    ) -> Result<Option<Error>, Error> {
        let found = self.error_in_bodies(&eqn.prim, eqn.source, args)?;
        Ok(Some(found.unwrap_or_else(|| self.maker_error(&eqn.prim, eqn.source, args, outs))))
    }

    fn maker_error(&self, prim: &Prim, at: Source, args: &[Array], outs: &[Array]) -> Error {
        let what = kind_found(self.check, outs);
        err!(Check, "{} at {at} makes {what}: {} from {}", prim.name(), all(outs), all(args))
    }

    /// The error of the equation in a body of the primitive that makes a NaN. The message tells the
    /// branch or the step of the loop that leads to the equation.
    fn error_in_bodies(
        &self,
        prim: &Prim,
        at: Source,
        args: &[Array],
    ) -> Result<Option<Error>, Error> {
        let avals: Vec<_> = args.iter().map(Array::aval).collect();
        if prim.carrier().is_none() {
            return Ok(None);
        }
        let outs = prim.abstract_eval(&avals)?;
        let (found, place) = match prim.lower(&avals, &outs)? {
            Lowering::Call(body) => return self.error_in_jaxpr(&body, args),
            Lowering::Cond { arms } => {
                let last = arms.len() as i64 - 1;
                let arm = args[0].try_to_i64()?.clamp(0, last) as usize;
                (
                    self.error_in_jaxpr(&arms[arm], &args[1..])?,
                    format!("branch {arm} of {}", prim.name()),
                )
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

    /// The outputs of a body, and the error of the equation in it that makes a NaN.
    fn body(&self, body: &Jaxpr, args: &[Array]) -> Result<(Vec<Array>, Option<Error>), Error> {
        let outs = run_cached(body, args.to_vec())?;
        let wrong = any(self.check, &outs) && !any(self.check, args);
        let found = if wrong { self.error_in_jaxpr(body, args)? } else { None };
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
            let holds = run_cached(&parts.test, [tested, &carry].concat())?;
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

/// Tells whether any of these arrays has a number that the check finds.
fn any(check: NanCheck, arrays: &[Array]) -> bool {
    arrays.iter().any(|a| values(a).iter().any(|x| check.finds(*x)))
}

/// The floats of an array. A complex number gives two.
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

/// The kind of number that the check finds in these arrays, as a message names it.
fn kind_found(check: NanCheck, arrays: &[Array]) -> &'static str {
    let nan = check == NanCheck::NAN || any(NanCheck::NAN, arrays) && check.finds(f64::NAN);
    if nan { "a NaN" } else { "an infinity" }
}

/// The type of an operand and its first elements.
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
