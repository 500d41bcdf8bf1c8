//! `constant`: an array inside a jaxpr, for custom rules of users that close over an array. Every
//! other captured array becomes an input.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::{Param, Params, Rule};
use crate::core::primitive::{
    BatchResult, Ctx, JvpResult, Known, Nature, Operand, Primitive, Simpler, Tangent, Taylor,
    TransposeResult, not_linear,
};
use crate::prims::cases::bodies::{NUMBERS, numbers};
use crate::prims::entry::{Case, Entry};
use cotangent_jit::{Error, err};
use smallvec::smallvec;
use std::sync::Arc;

/// `-> f32[..]`: the array itself. It has no inputs, so there is no derivative and nothing to batch
/// or transpose.
#[derive(Debug)]
pub struct Constant {
    array: Rule,
}

impl Constant {
    pub fn new(array: Array) -> Constant {
        Constant { array: Rule { name: array.aval().to_string().into(), value: Arc::new(array) } }
    }

    fn array(&self) -> &Array {
        self.array.value.downcast_ref().expect("made by new")
    }
}

impl Primitive for Constant {
    fn name(&self) -> &'static str {
        "constant"
    }

    fn params(&self) -> Params {
        smallvec![("array", Param::Rule(self.array.clone()))]
    }

    fn abstract_eval(&self, _: &[Aval]) -> Result<Avals, Error> {
        Ok(smallvec![self.array().aval()])
    }

    fn jvp(&self, _: &Ctx, _: &[Array], _: &[Tangent]) -> JvpResult {
        not_linear(self)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Still
    }

    fn transpose(&self, _: &Ctx, _: &[Tangent], _: &[Operand]) -> TransposeResult {
        not_linear(self)
    }

    fn batch(&self, _: &Ctx, _: &[Array], _: &[Option<usize>]) -> BatchResult {
        not_linear(self)
    }

    fn kind(&self) -> LoweringKind {
        LoweringKind::Constant
    }

    fn lower(&self, _: &[Aval], _: &[Aval]) -> Result<Lowering, Error> {
        Ok(Lowering::Constant(self.array().clone()))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

pub fn entries() -> Vec<Entry> {
    vec![Entry {
        name: "constant",
        build: |args| {
            Err(err!(
                Parse,
                "{}: holds an array, which text does not; pass it as an input",
                args.prim
            ))
        },
        cases: || NUMBERS.map(|d| Case::new(Arc::new(Constant::new(numbers(d, 4))), vec![])).into(),
    }]
}
