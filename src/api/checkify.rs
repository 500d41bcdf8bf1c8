//! `checkify`: checks as results. Compiled code cannot stop and tell; it can compute what went
//! wrong first, and return it.
//!
//! ```
//! use cotangent::prelude::*;
//! use cotangent::api::checkify::{Checks, check, checkify};
//!
//! let f = |x: Array| {
//!     check(&x.gt(0.0), "x must be positive, got {}", &x);
//!     x.log()
//! };
//! let checked = jit(checkify(f, Checks::ALL));
//! let (error, _) = checked(Array::from(1.0));
//! assert_eq!(error.get(), None);
//! let (error, _) = checked(Array::from(-1.0));
//! assert!(error.get().unwrap().ends_with("check: x must be positive, got -1.0"));
//! ```

use super::debug::Arguments;
use super::function::{Func, Function, Sig};
use super::graph;
use super::pytree::Pytree;
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::eager::upload;
use crate::core::hazard::{Failure, Failures, Kind};
use crate::core::mode::checked;
use crate::core::source::{here, in_name_of, raise};
use crate::core::template::Template;
use crate::core::trace::is_tracing;
use crate::prims::array::literal::Operand;
use crate::prims::host::check as check_prim;
use crate::prims::lax;
use crate::transforms::checkify as transform;
use cotangent_derive::Pytree;
use cotangent_jit::{DType, Error, Scalar, err};
use std::sync::Arc;

pub use crate::transforms::checkify::Checks;

/// `f` with what went wrong beside its result: the first failure of the checks in `checks`, if any.
///
/// Composes with everything: `jit(checkify(f))`, `vmap(checkify(f))` (an error per lane),
/// `checkify(vmap(f))` (the first failing lane), `checkify(grad(f))`, `grad_aux` of a checked
/// function; checks inside loops, branches, custom rules and checkpoints count. The result is
/// computed to its end, whatever the checks find. User checks that are not in `checks` are dropped.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::api::checkify::{Checks, checkify};
/// let at = |x: Array, i: Array| cotangent::lax::dynamic_slice(&x, &[i], &[1]);
/// let (error, _) = checkify(at, Checks::INDEX)(array![1.0, 2.0], Array::from(7));
/// assert!(error.get().unwrap().ends_with("index 7 is out of bounds, it should be in 0..=1"));
/// ```
pub fn checkify<'f, F, S: Sig<'f>, R: Pytree>(f: F, checks: Checks) -> Func<'f, S, (CheckError, R)>
where
    F: Function<'f, S, R>,
{
    let f = f.erase();
    Func::new(f.name.of("checkify"), move |args| {
        let graph = checked(checks.any_automatic(), || graph::trace_flat(&f, &args))?;
        let checked = transform::checkify(&graph.jaxpr, checks)?;
        let mut state = graph::apply(&checked.jaxpr, graph.inputs(args.leaves))?;
        let leaves = state.split_off(checked.state);
        let error =
            CheckError { code: state.remove(0), payload: state, failures: checked.failures };
        Ok((error, graph::result(&graph.out_tree, leaves)?))
    })
}

/// What [`checkify`] found: a pytree, so that it passes through `jit`, `vmap` and loops. With
/// leading axes after `vmap`.
#[derive(Pytree, Clone, Debug)]
pub struct CheckError {
    /// 0 if all is well, else the number of a failure from 1.
    code: Array,
    payload: Vec<Array>,
    #[pytree(static)]
    failures: Arc<Failures>,
}

impl CheckError {
    /// What went wrong, where and with which values; `None` if nothing did. Of a batch, a line for
    /// each failing lane.
    #[track_caller]
    pub fn get(&self) -> Option<String> {
        raise(self.try_get())
    }

    /// Returns the error of [`CheckError::get`] instead of panicking.
    ///
    /// Fails if the values are not known yet, inside a trace.
    pub fn try_get(&self) -> Result<Option<String>, Error> {
        let codes = self.code.try_to_vec::<i32>()?;
        let lanes = self.code.shape();
        let mut lines = Vec::new();
        for (lane, code) in codes.iter().enumerate().filter(|(_, c)| **c != 0) {
            let Some(failure) = self.failures.0.get(*code as usize - 1) else {
                return Err(err!(Value, "a check failed with the unknown code {code}"));
            };
            let text = self.text(failure, lane, codes.len())?;
            lines.push(match lanes {
                [] => text,
                _ => format!("at {:?}: {text}", position(lane, lanes)),
            });
        }
        Ok(if lines.is_empty() { None } else { Some(lines.join("\n")) })
    }

    /// Panics with what went wrong, if anything did.
    #[track_caller]
    pub fn throw(&self) {
        raise(self.try_throw());
    }

    /// Returns the error of [`CheckError::throw`] instead of panicking.
    pub fn try_throw(&self) -> Result<(), Error> {
        match self.try_get()? {
            None => Ok(()),
            Some(text) => Err(err!(Check, "{text}")),
        }
    }

    fn text(&self, failure: &Failure, lane: usize, lanes: usize) -> Result<String, Error> {
        let row = |dtype: DType| -> Result<Vec<Scalar>, Error> {
            let Some(all) = self.payload.iter().find(|p| p.dtype() == dtype) else {
                return Ok(Vec::new());
            };
            let width = all.size() / lanes;
            Ok(all.try_to_scalars()?[lane * width..(lane + 1) * width].to_vec())
        };
        let (ints, floats) = (row(DType::I64)?, row(DType::F64)?);
        let (mut ints, mut floats) = (ints.into_iter(), floats.into_iter());
        let mut args = Vec::new();
        for aval in &failure.args {
            let words = if aval.dtype.is_float() { &mut floats } else { &mut ints };
            let bytes: Vec<u8> =
                words.take(aval.size()).flat_map(|s| as_type(s, aval.dtype).to_bytes()).collect();
            args.push(upload(aval.strong(), &bytes)?);
        }
        Ok(format!("{}: {}: {}", failure.at, failure.op, failure.text.fill(&args)))
    }
}

fn as_type(s: Scalar, dtype: DType) -> Scalar {
    match s.to_i64() {
        Some(i) if !dtype.is_float() => {
            let mask = if dtype.bits() >= 128 { u128::MAX } else { (1 << dtype.bits()) - 1 };
            Scalar::from_bits(dtype, i as u128 & mask)
        }
        _ => Scalar::from_f64(dtype, s.to_f64().unwrap_or(f64::NAN)).unwrap_or(s),
    }
}

fn position(mut flat: usize, shape: &[usize]) -> Vec<usize> {
    let mut at: Vec<usize> = shape
        .iter()
        .rev()
        .map(|n| {
            let i = flat % n;
            flat /= n;
            i
        })
        .collect();
    at.reverse();
    at
}

/// Says that `holds`, a `bool[]`, must be true; else `text` with `args` in its holes is what went
/// wrong.
///
/// In a traced function it speaks through [`checkify`], without which it is an error when the
/// function runs. Outside of a trace it panics if it does not hold.
#[track_caller]
pub fn check(holds: impl Operand, text: &str, args: impl Arguments) {
    raise(try_check(holds, text, args));
}

/// Returns the error of [`check`] instead of panicking.
#[track_caller]
pub fn try_check(holds: impl Operand, text: &str, args: impl Arguments) -> Result<(), Error> {
    in_name_of("check", || {
        let holds = &holds.to_array();
        if holds.aval() != Aval::scalar(DType::Bool) {
            return Err(err!(
                DType,
                "check: expected bool[], got {}; reduce it with all() or any()",
                holds.aval()
            ));
        }
        let args = args.arrays();
        let text = Template::parse("check", text, &vec![None; args.len()])?;
        if !is_tracing() {
            return match holds.try_item::<bool>()? {
                true => Ok(()),
                false => Err(err!(Check, "check: {}", text.fill(&args))),
            };
        }
        if let Some(odd) = args.iter().find(|a| a.dtype().is_complex()) {
            return Err(err!(
                DType,
                "check: cannot show {}; pass its real and imaginary parts",
                odd.aval()
            ));
        }
        let types = args.iter().map(Array::aval).collect();
        let failure =
            Failure { kind: Kind::User, op: "check".into(), text, args: types, at: here() };
        let payload = [DType::I64, DType::F64].into_iter().filter_map(|dtype| {
            let of = args.iter().filter(|a| a.dtype().is_float() == dtype.is_float());
            let flat = |a: &Array| {
                let a = if dtype.is_float() { lax::try_stop_gradient(a)? } else { a.clone() };
                lax::try_reshape(&lax::try_convert_element_type(&a, dtype)?, &[a.size()])
            };
            let parts: Vec<Result<Array, Error>> = of.filter(|a| a.size() > 0).map(flat).collect();
            (!parts.is_empty()).then(|| {
                lax::try_concatenate(&parts.into_iter().collect::<Result<Vec<_>, Error>>()?, 0)
            })
        });
        let payload = payload.collect::<Result<Vec<_>, Error>>()?;
        let code = lax::try_convert_element_type(&lax::try_not(holds)?, DType::I32)?;
        check_prim::check(Arc::new(Failures(vec![failure])), &code, &payload)
    })
}

/// Says that there must be no error: what another [`checkify`] found, as a check of this function.
#[track_caller]
pub fn check_error(error: &CheckError) {
    raise(try_check_error(error));
}

/// Returns the error of [`check_error`] instead of panicking.
#[track_caller]
pub fn try_check_error(error: &CheckError) -> Result<(), Error> {
    in_name_of("check_error", || {
        if !is_tracing() {
            return error.try_throw();
        }
        check_prim::check(error.failures.clone(), &error.code, &error.payload)
    })
}
