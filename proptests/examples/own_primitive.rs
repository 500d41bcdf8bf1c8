//! A primitive of one's own, defined outside of the library, and every law over it.
//!
//! `y = x eˣ` is written once with the scalar ops of the kernel language; derivatives of any order,
//! batching, compilation and Taylor mode follow from its rules. The last lines print a table: one
//! row per law, and what was checked.

use cotangent::author::kernel::{ScalarOp, smallvec};
use cotangent::author::{
    Args, Aval, Avals, BatchResult, Case, Ctx, Entry, JvpResult, Known, Lowering, LoweringKind,
    Nature, Operand, Params, Prim, Primitive, Roll, Simpler, Tangent, Taylor, TransposeResult,
    bind, err, not_linear,
};
use cotangent::{Error, lax, prelude::*};
use cotangent_proptests::laws::text::law_with;
use cotangent_proptests::laws::{ALL, Law, Verdict};
use std::collections::BTreeMap;
use std::process::ExitCode;
use std::sync::Arc;

/// `y = x eˣ`, point by point.
#[derive(Clone, Copy, Debug)]
struct XExp;

impl Primitive for XExp {
    fn name(&self) -> &'static str {
        "xexp"
    }

    fn params(&self) -> Params {
        Params::new()
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        match inputs {
            [x] if x.dtype.is_float() => Ok(inputs.into()),
            _ => Err(err!(DType, "xexp: expected one float, got {inputs:?}; convert it")),
        }
    }

    /// `dy = (1 + x) eˣ dx`
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        let y = bind(Arc::new(*self), primals)?;
        let dy = match tangents[0].value() {
            Some(t) => Tangent::Value(t * (&y[0] + lax::exp(&primals[0]))),
            None => Tangent::Zero(y[0].aval()),
        };
        Ok((y, vec![dy]))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::ByDerivative
    }

    fn transpose(&self, _: &Ctx, _: &[Tangent], _: &[Operand]) -> TransposeResult {
        not_linear(self)
    }

    fn batch(&self, _: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        Ok((bind(Arc::new(*self), inputs)?, axes.to_vec()))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Elementwise
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(Lowering::Elementwise(Arc::new(|b, x| {
            let e = b.op(ScalarOp::Exp, &[x[0]]);
            smallvec![b.op(ScalarOp::Mul, &[x[0], e])]
        })))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// The function that users call.
fn xexp(x: &Array) -> Array {
    bind(Arc::new(XExp), std::slice::from_ref(x)).unwrap_or_else(|e| panic!("{e}")).remove(0)
}

fn entry() -> Entry {
    fn build(_: &Args) -> Result<Prim, Error> {
        Ok(Arc::new(XExp))
    }
    fn cases() -> Vec<Case> {
        let inputs = [
            array![0.5f64, -1.5, 2.0],
            array![[0.25f64], [-0.75]],
            Array::scalar(1.25f64),
            zeros_dtype([0, 2], DType::F64),
            array![0.5f32, -1.5, 2.0],
        ];
        inputs.map(|x| Case::new(Arc::new(XExp), vec![x])).into()
    }
    Entry { name: "xexp", build, cases }
}

/// `parse(print(j)) = j`, with the library's primitives and this one.
fn text(case: &Case) -> Verdict {
    match law_with(case, &Roll { more: vec![entry()] }) {
        Ok(()) => Verdict::Holds,
        Err(violation) => Verdict::Broken(violation),
    }
}

fn main() -> ExitCode {
    let f = |x: Array| xexp(&x).sum();
    println!("{}", make_jaxpr(grad(f))(array![0.0, 1.0]));
    println!("the slope at 0 and 1: {}", jit(grad(f))(array![0.0, 1.0]));
    println!("the third at 1: {}", grad(grad(grad(f)))(Array::scalar(1.0f64)));

    let mut broken = 0;
    let mut exempt: BTreeMap<&str, usize> = BTreeMap::new();
    for law in ALL {
        let Law { name, .. } = law;
        let mut held = 0;
        for case in (entry().cases)() {
            // Reading text back needs a registry that knows the primitive.
            let verdict = match *name {
                "text" => text(&case),
                _ => law.verdict(&case),
            };
            match verdict {
                Verdict::Holds => held += 1,
                Verdict::Exempt(why) => *exempt.entry(why).or_default() += 1,
                Verdict::Broken(violation) => {
                    println!("{name}: {violation}");
                    broken += 1;
                }
            }
        }
        println!("{name:>10} holds for {held} cases");
    }
    for (why, cases) in exempt {
        println!("{cases} verdicts are missing: {why}");
    }
    if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
