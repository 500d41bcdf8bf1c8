//! A step that applies any primitive of the library, found by its cases: a new primitive is drawn
//! without a line here.

use super::bench::{Bench, literal};
use super::recipe::Step;
use cotangent::DType;
use cotangent::core::array::Array;
use cotangent::core::trace::{bind, eager};
use cotangent::prims::entry::Case;
use cotangent::prims::lax;
use cotangent::prims::roll_call::roll_call;
use cotangent::prims::shapes::constant::Constant;
use std::sync::{Arc, LazyLock};

/// Cases of every primitive that can be executed alone, primitive by primitive.
static CASES: LazyLock<Vec<Vec<Case>>> = LazyLock::new(|| {
    // Loops without a limit, rules of one mode only and closures of the host lack a mode of
    // differentiation; the generator has them as steps of their own.
    let lacks = |(law, _): &(&str, &str)| ["*", "adjoint", "jet", "types"].contains(law);
    let alone = |c: &Case| c.axis.is_none() && !c.exempt.iter().any(lacks);
    let entries = roll_call().into_iter();
    // The first program asks for the cases while it is traced: their inputs are no part of it.
    let cases = eager(|| entries.map(|e| (e.cases)()).collect::<Vec<_>>()).into_iter();
    let cases = cases.map(|c| c.into_iter().filter(alone).collect::<Vec<_>>());
    cases.filter(|cases| !cases.is_empty()).collect()
});

impl Bench {
    /// Applies a primitive to the inputs of one of its cases, each moved a little by a value of the
    /// program, so that the inputs stay inside the domain of the primitive.
    pub fn of_case(&mut self, s: &Step) {
        let all = &*CASES;
        let cases = &all[(s.a as usize + 7 * s.c as usize) % all.len()];
        // Another format inside would round more than the program's.
        let own = |d: DType| !d.is_inexact() || d == self.dtype || Some(self.dtype) == d.complex();
        let fits = |c: &&Case| c.inputs.iter().all(|x| own(x.dtype()));
        let cases: Vec<&Case> = cases.iter().filter(fits).collect();
        let Some(Case { prim, inputs, .. }) = cases.get(s.b as usize % cases.len().max(1)) else {
            return;
        };
        let input = |(i, x): (usize, &Array)| {
            let fixed = bind(Arc::new(Constant::new(x.clone())), &[]).expect("an array").remove(0);
            if !x.dtype().is_inexact() {
                return fixed;
            }
            let (by, _) = self.like(s.c.wrapping_add(i as u8), x, x.shape());
            lax::add(&fixed, &lax::mul(&by, &literal(x.dtype(), 1.0 / 64.0)))
        };
        let inputs: Vec<Array> = inputs.iter().enumerate().map(input).collect();
        for out in bind(prim.clone(), &inputs).expect("a case") {
            // Cases keep their results small, but their bound is not known here.
            self.keep(out, 8.0);
        }
    }
}
