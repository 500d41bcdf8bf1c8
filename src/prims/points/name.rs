//! `name`: gives a value a name, to which the policies of `checkpoint` refer. It lowers to nothing.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Prim, Primitive, Simpler, Tangent, Taylor,
    TransposeResult,
};
use crate::prims::cases::points::{SHAPES, spread};
use crate::prims::cases::samples::RUNNING;
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::rules::apply::{composed, expect, expect_inputs, one};
use cotangent_jit::{Error, err};
use smallvec::smallvec;
use std::sync::Arc;

/// `name[name] x -> x`: the operand itself.
#[derive(Clone, Debug)]
struct Named {
    name: Arc<str>,
}

/// The name that a primitive gives its operand, if the primitive is `name`.
pub fn name_of(prim: &Prim) -> Option<String> {
    match (prim.name(), &prim.params()[..]) {
        ("name", [("name", Param::Name(name))]) => Some(name.clone()),
        _ => None,
    }
}

impl Primitive for Named {
    fn name(&self) -> &'static str {
        "name"
    }

    fn params(&self) -> Params {
        smallvec![("name", Param::Name(self.name.to_string()))]
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        expect_inputs("name", inputs, 1)?;
        Ok(inputs.into())
    }

    /// The value keeps its name; the tangent needs none.
    fn jvp(&self, _: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult {
        Ok((smallvec![one(self.clone(), &[&primals[0]])?], tangents.to_vec()))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Linear
    }

    fn transpose(&self, _: &Ctx, cotangents: &[Tangent], _: &[Operand]) -> TransposeResult {
        Ok(cotangents.to_vec())
    }

    fn batch(&self, _: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        Ok((smallvec![one(self.clone(), &[&inputs[0]])?], axes.to_vec()))
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Forward
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(Lowering::Forward)
    }

    /// Never simplified: the simplified jaxpr may still be differentiated under a policy.
    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// Checks that a name begins with a letter and has only letters, digits, `_` and `-`, so that it
/// prints and parses.
pub fn check_name(op: &str, name: &str) -> Result<(), Error> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "_-".contains(c);
    if !name.is_empty() && name.chars().all(fits) && name.starts_with(|c: char| c.is_alphabetic()) {
        return Ok(());
    }
    Err(err!(
        Value,
        "{op}: expected a name of letters, digits, `_` and `-` that begins with a letter, \
         got {name:?}"
    ))
}

/// The operand itself, under a name that the policies of
/// [`checkpoint_with`](crate::api::checkpoint::checkpoint_with) can keep or not keep: `y = x`,
/// `dy = dx`. Any dtype. It costs nothing.
///
/// Panics where [`try_checkpoint_name`] gives an error.
///
/// ```
/// use cotangent::prelude::*;
/// let layer = |x: Array| checkpoint_name(&x.sin(), "hidden").cos();
/// let g = grad(checkpoint_with(layer, Policy::only_names(["hidden"])));
/// assert_eq!(g(Array::from(0.0)).item::<f32>(), 0.0);
/// ```
#[track_caller]
pub fn checkpoint_name(x: &Array, name: &str) -> Array {
    expect(try_checkpoint_name(x, name))
}

/// Returns the error of [`checkpoint_name`] instead of panicking.
///
/// Fails if the name does not begin with a letter or has characters other than letters, digits, `_`
/// and `-`.
#[track_caller]
pub fn try_checkpoint_name(x: &Array, name: &str) -> Result<Array, Error> {
    check_name("checkpoint_name", name)?;
    composed("checkpoint_name", || one(Named { name: name.into() }, &[x]))
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "name", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    let name = args.name("name")?;
    check_name("name", name)?;
    Ok(Arc::new(Named { name: name.into() }))
}

fn cases() -> Vec<Case> {
    let mut cases = Vec::new();
    for d in RUNNING {
        for shape in SHAPES {
            let named = Named { name: "x".into() };
            cases.push(Case::new(Arc::new(named), vec![spread(shape, d, &(-2.0..2.0), 0.37)]));
        }
    }
    cases
}
