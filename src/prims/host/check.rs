//! `check`: an equation that reports a failure. It cannot run. The transform `checkify` replaces it
//! by outputs that hold the failure.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::hazard::{Failures, Hazard, Hazardous};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::{Param, Params, Rule};
use crate::core::primitive::{
    BatchResult, Ctx, Effects, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler,
    Tangent, Taylor, TransposeResult, not_linear,
};
use crate::core::trace::bind;
use crate::prims::carriers::regroup::{axes_in_front, front};
use crate::prims::cases::samples::sample;
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::rules::apply::expect_inputs;
use crate::prims::shapes::broadcast::try_broadcast_in_dim;
use cotangent_jit::{DType, Error, err};
use smallvec::smallvec;
use std::sync::Arc;

/// `check[failures] code:i32[b...] ints:i64[b..., m] floats:f64[b..., n]`: see [`Failures`]. `ints`
/// is absent if `m = 0`, and `floats` if `n = 0`. With leading axes `b...`, the first lane in
/// row-major order with a nonzero code is reported.
#[derive(Clone, Debug)]
pub struct Check(Rule);

impl Check {
    pub fn new(failures: Arc<Failures>) -> Check {
        Check(Rule { name: "failures".into(), value: failures })
    }

    fn failures(&self) -> Arc<Failures> {
        self.0.value.clone().downcast().expect("made by new")
    }
}

/// The types of the inputs after the code. `lanes` is the shape of the code.
fn payload(failures: &Failures, lanes: &[usize]) -> Vec<Aval> {
    let [ints, floats] = failures.payload();
    let of = |n: usize, d| Aval::new(lanes.iter().copied().chain([n]), d);
    [(ints, DType::I64), (floats, DType::F64)]
        .into_iter()
        .filter(|(n, _)| *n > 0)
        .map(|(n, d)| of(n, d))
        .collect()
}

impl Primitive for Check {
    fn name(&self) -> &'static str {
        "check"
    }

    fn params(&self) -> Params {
        smallvec![("failures", Param::Rule(self.0.clone()))]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        let Some((code, rest)) = inputs.split_first() else {
            return Err(expect_inputs(self.name(), inputs, 1).unwrap_err());
        };
        let expected = payload(&self.failures(), &code.shape);
        if code.dtype != DType::I32 || rest != expected {
            return Err(err!(Shape, "check: expected i32 and {expected:?}, got {inputs:?}"));
        }
        Ok(Avals::new())
    }

    /// The check has no outputs and only reads its inputs, so it ignores the tangents.
    fn jvp(&self, _: &Ctx, primals: &[Array], _: &[Tangent]) -> JvpResult {
        Ok((bind(Arc::new(self.clone()), primals)?, Vec::new()))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Still
    }

    fn transpose(&self, _: &Ctx, _: &[Tangent], _: &[Operand]) -> TransposeResult {
        not_linear(self)
    }

    /// The batch axis becomes one more leading axis of every input.
    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let (inputs, batched) = axes_in_front(inputs, axes)?;
        let all = inputs.iter().zip(&batched).map(|(x, b)| {
            if *b {
                return Ok(x.clone());
            }
            let shape: Vec<usize> = [ctx.batch_size].iter().chain(x.shape()).copied().collect();
            try_broadcast_in_dim(x, &shape, &(1..shape.len()).collect::<Vec<_>>())
        });
        let outs = bind(Arc::new(self.clone()), &all.collect::<Result<Vec<_>, Error>>()?)?;
        Ok((outs, front(&[])))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Waits
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Err(err!(
            Unsupported,
            "a check does not run by itself; apply checkify::checkify to the function that is run \
             or compiled, and look at the error it returns"
        ))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::effectful(Effects::KEEP).hazardous(self)
    }
}

impl Hazardous for Check {
    fn hazards(&self, _: &[Aval]) -> Vec<Hazard> {
        vec![Hazard::Failure(self.failures())]
    }
}

/// Reports a failure where `code` is not 0. The sizes of `payload` are those of
/// [`Failures::payload`].
#[track_caller]
pub fn check(failures: Arc<Failures>, code: &Array, payload: &[Array]) -> Result<(), Error> {
    let inputs: Vec<Array> = [code].into_iter().chain(payload).cloned().collect();
    bind(Arc::new(Check::new(failures)), &inputs).map(|_| ())
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "check", build: |args: &Args| args.no_rules(), cases }]
}

/// The primitive cannot run: it exists only until `checkify` replaces it. The tests of `checkify`
/// check it.
fn cases() -> Vec<Case> {
    let prim: Prim = Arc::new(Check::new(Arc::default()));
    let why = "waits for checkify and does not run; see tests/checks.rs";
    vec![Case::new(prim, vec![sample(&[2], DType::I32, 1)]).exempt("*", why)]
}
