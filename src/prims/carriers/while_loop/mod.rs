//! `while`: a loop that runs as long as a test of its carry is true.
//!
//! ```text
//! while test(test_consts, carry) { carry = body(body_consts, carry) }
//! ```
//! Not here: partial evaluation and transposition (`split`), batching (`batch`).

mod batch;
mod split;

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::WhileParts;
use crate::core::params::{Param, Params};
use crate::core::policy::KeepPolicy;
use crate::core::primitive::{
    BatchResult, Carrier, Ctx, JvpResult, Kept, Operand, PartialEval, Prim, Shrunk, Tangent,
    Taylor, ThreadResult, TransposeResult,
};
use crate::core::trace::{bind, eval, trace};
use crate::prims::carriers::call::Call;
use crate::prims::carriers::regroup::{
    check_inputs, count, either, fixpoint, nonzero, permuted, pick, split_state, spread, values,
    with_inputs,
};
use crate::prims::carriers::with_bodies::{Bodies, WithBodies};
use crate::prims::cases::bodies::{NUMBERS, body, nonlinear, number, numbers};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::lax;
use crate::prims::rules::numbers::number as number_of;
use crate::prims::rules::zeros::instantiate;
use crate::prims::taylor::Forward;
use cotangent_jit::{DType, Error, err, plural};
use std::sync::{Arc, OnceLock};

/// A loop with a test of its carry:
///
/// ```text
/// while[limit, test_consts, body_consts, test, body]
///     test_consts... body_consts... carry... -> carry...
/// ```
/// If there is a `limit`, the loop runs at most `limit` iterations. Forward mode differentiates any
/// loop. Reverse mode differentiates a loop with a limit, as a scan of `limit` steps.
#[derive(Clone, Debug)]
pub struct While {
    parts: WhileParts,
    /// The same loop as a scan; made at the first use.
    pub(in crate::prims) scan_form: OnceLock<Arc<Jaxpr>>,
}

/// The three groups of a list with one item per input of a loop.
pub(in crate::prims) struct Groups<'a, T> {
    pub test_consts: &'a [T],
    pub body_consts: &'a [T],
    pub carry: &'a [T],
}

impl<'a, T> Groups<'a, T> {
    fn of(all: &'a [T], test_consts: usize, body_consts: usize) -> Groups<'a, T> {
        let (test_consts, rest) = all.split_at(test_consts);
        let (body_consts, carry) = rest.split_at(body_consts);
        Groups { test_consts, body_consts, carry }
    }
}

impl While {
    /// The test must return one `bool[]`. The body must return the carry with the types that it
    /// takes.
    pub fn new(parts: WhileParts) -> Result<While, Error> {
        let WhileParts { test, body, test_consts, body_consts, .. } = &parts;
        if test.out_avals() != [Aval::scalar(DType::Bool)] {
            let got: Vec<String> = test.out_avals().iter().map(Aval::to_string).collect();
            return Err(err!(
                DType,
                "while: the test should return bool[], got {}; reduce it with all or any",
                got.join(" ")
            ));
        }
        let carry = body.outputs.len();
        let (tests, bodies) = (test.inputs.len(), body.inputs.len());
        if tests != test_consts + carry || bodies != body_consts + carry {
            return Err(err!(
                Shape,
                "while: with {carries} the test should take {inputs} and the body {}, got {tests} \
                 and {bodies}",
                body_consts + carry,
                carries = plural(carry, "carry"),
                inputs = plural(test_consts + carry, "input")
            ));
        }
        for i in 0..carry {
            let before = body.aval(body.inputs[body_consts + i]);
            let (after, tested) =
                (body.atom_aval(body.outputs[i]), test.aval(test.inputs[test_consts + i]));
            if *before != after || before != tested {
                return Err(err!(
                    Shape,
                    "while: carry {i} changes type: it enters the body as {before}, leaves it as \
                     {after}, and is tested as {tested}; make them the same"
                ));
            }
        }
        Ok(While { parts, scan_form: OnceLock::new() })
    }

    pub(in crate::prims) fn parts(&self) -> &WhileParts {
        &self.parts
    }

    pub(in crate::prims) fn inputs<'a, T>(&self, all: &'a [T]) -> Groups<'a, T> {
        Groups::of(all, self.parts.test_consts, self.parts.body_consts)
    }

    /// The loop with another test and body, and the same limit.
    pub(in crate::prims) fn with(
        &self,
        (test, test_consts): (Arc<Jaxpr>, usize),
        (body, body_consts): (Arc<Jaxpr>, usize),
    ) -> Result<Prim, Error> {
        let limit = self.parts.limit;
        Ok(Arc::new(While::new(WhileParts { test, body, test_consts, body_consts, limit })?))
    }

    pub(in crate::prims) fn num_carry(&self) -> usize {
        self.parts.body.outputs.len()
    }

    pub(in crate::prims) fn carry_avals(&self) -> Vec<Aval> {
        self.parts.body.out_avals()
    }

    pub(in crate::prims) fn in_avals(&self) -> Vec<Aval> {
        let mut avals = self.parts.test.in_avals();
        avals.truncate(self.parts.test_consts);
        avals.extend(self.parts.body.in_avals());
        avals
    }
}

impl WithBodies for While {
    const NAME: &'static str = "while";

    fn params(&self) -> Params {
        let p = &self.parts;
        let limit = p.limit.map(|n| ("limit", Param::Int(n as i64)));
        limit
            .into_iter()
            .chain([
                ("test_consts", Param::Int(p.test_consts as i64)),
                ("body_consts", Param::Int(p.body_consts as i64)),
                ("test", Param::Jaxpr(p.test.clone())),
                ("body", Param::Jaxpr(p.body.clone())),
            ])
            .collect()
    }

    fn bodies(&self) -> Bodies<'_> {
        Bodies::While(&self.parts)
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        let expected = self.in_avals();
        if inputs.len() == expected.len() {
            let g = self.inputs(inputs);
            check_inputs("while", &self.parts.test, &[g.test_consts, g.carry].concat())?;
        }
        check_inputs(
            "while",
            &self.parts.body,
            &inputs[self.parts.test_consts.min(inputs.len())..],
        )?;
        Ok(self.carry_avals().into())
    }

    /// The new loop also carries the tangent of each carry whose tangent is nonzero in any
    /// iteration. The test reads the primals only.
    fn forward(
        &self,
        mode: Forward,
        ctx: &Ctx,
        primals: &[Array],
        tangents: &[Tangent],
    ) -> JvpResult {
        let WhileParts { test, body, test_consts, body_consts, .. } = &self.parts;
        let (consts, carry) = (*body_consts, self.num_carry());
        let t = Groups::of(tangents, test_consts * mode.count(), body_consts * mode.count());
        let given = nonzero(t.body_consts);
        let (body, carried) = fixpoint(&nonzero(t.carry), |carried| {
            mode.of(ctx, body, &[&given[..], carried].concat(), carried)
        })?;
        // The body is `consts carry dconsts dcarry -> carry dcarry`. A loop takes the tangents of
        // each group after the primals of the group.
        let (dc, dk) = (count(&given), count(&carried));
        let first = consts + carry;
        let order: Vec<usize> = (0..consts)
            .chain(first..first + dc)
            .chain(consts..first)
            .chain(first + dc..first + dc + dk)
            .collect();
        let outputs: Vec<usize> = (0..carry + dk).collect();
        let body = Arc::new(permuted(&body, &order, &outputs));
        let types = mode.avals(&self.carry_avals());
        let mut tested = test.in_avals();
        tested.extend(pick(&types, &carried, true).cloned());
        let have: Vec<bool> = (0..tested.len()).map(|i| i < test_consts + carry).collect();
        let test = Arc::new(with_inputs(test, &have, &vec![true; tested.len()], &tested));
        let p = self.inputs(primals);
        let inputs: Vec<Array> = [
            p.test_consts.to_vec(),
            p.body_consts.to_vec(),
            values(t.body_consts).collect(),
            p.carry.to_vec(),
            pick(t.carry, &carried, true).map(instantiate).collect(),
        ]
        .concat();
        let prim = self.with((test, *test_consts), (body, consts + dc))?;
        let mut outs = bind(prim, &inputs)?.into_vec();
        let tangents = outs.split_off(carry);
        Ok((outs.into(), spread(&carried, tangents, &types)))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Rule(self)
    }

    fn transpose(&self, ctx: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        split::transpose(self, ctx, cotangents, inputs)
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        batch::batch(self, ctx, inputs, axes)
    }
}

impl Carrier for While {
    fn partial_eval(&self, ctx: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error> {
        split::partial_eval(self, ctx, unknown)
    }

    /// Without a limit, no value of an iteration can be kept. With a limit, the values kept are
    /// those that the scan form keeps.
    fn keep(
        &self,
        ctx: &Ctx,
        unknown: &[bool],
        forbidden: &[bool],
        policy: &Arc<dyn KeepPolicy>,
    ) -> Result<Option<Kept<Prim>>, Error> {
        match self.parts.limit {
            None => Ok(None),
            Some(_) => {
                let scan = split::scan_form(self)?;
                Call::new("while", scan).keep(ctx, unknown, forbidden, policy)
            }
        }
    }

    /// A carry is needed if its final value is used, if the test reads it, or if a needed carry
    /// depends on it in a later iteration.
    fn dce(&self, ctx: &Ctx, used: &[bool]) -> Result<Shrunk, Error> {
        let WhileParts { test, body, test_consts, body_consts, .. } = &self.parts;
        let (test_small, tested) = ctx.recur.dce(test, &[true])?;
        let start = either(used, &tested[*test_consts..]);
        let ((body_small, kept), live) = fixpoint(&start, |live| {
            let result = ctx.recur.dce(body, live)?;
            let next = either(live, &result.1[*body_consts..]);
            Ok((result, next))
        })?;
        // A live carry stays an input of the test and of the body, even if one of them does not
        // read it.
        let shrink = |small: &Jaxpr, have: &[bool], consts: usize, avals: &[Aval]| {
            let want: Vec<bool> = have[..consts].iter().chain(&live).copied().collect();
            (Arc::new(with_inputs(small, have, &want, avals)), count(&have[..consts]))
        };
        let test = shrink(&test_small, &tested, *test_consts, &test.in_avals());
        let body = shrink(&body_small, &kept, *body_consts, &body.in_avals());
        let inputs = [&tested[..*test_consts], &kept[..*body_consts], &live].concat();
        Ok(Shrunk { prim: self.with(test, body)?, inputs, outputs: live })
    }

    /// The new loop also carries the state and the result of the test. The test takes the state
    /// too, so it runs in front of the loop and at the end of the body.
    fn threaded(&self, bodies: Vec<Arc<Jaxpr>>, state: &[Array], inputs: &[Array]) -> ThreadResult {
        let [test, body] = &bodies[..] else { unreachable!("a test and a body") };
        let (n, parts) = (state.len(), &self.parts);
        let states: Vec<Aval> = state.iter().map(|s| s.aval().strong()).collect();
        let flag = Aval::scalar(DType::Bool);
        // The order is: state, result of the test, carry.
        let carried = [&states[..], &[flag], &self.carry_avals()].concat();
        let run_test = |state: &[Array], consts: &[Array], carry: &[Array]| {
            eval(test, &[state, consts, carry].concat())
        };
        let read_flag = trace(&carried, |args| Ok(vec![args[n].clone()]))?;
        let (consts, _) = inputs.split_at(parts.test_consts + parts.body_consts);
        let consts: Vec<Aval> = consts.iter().map(|c| c.aval().strong()).collect();
        let step = trace(&[&consts[..], &carried].concat(), |args| {
            let (consts, rest) = args.split_at(consts.len());
            let (test_consts, body_consts) = consts.split_at(parts.test_consts);
            let mut outs = eval(body, &[&rest[..n], body_consts, &rest[n + 1..]].concat())?;
            let carry = outs.split_off(n);
            let flagged = run_test(&outs, test_consts, &carry)?;
            Ok([flagged, carry].concat())
        })?;
        let g = self.inputs(inputs);
        let flagged = run_test(state, g.test_consts, g.carry)?;
        let test = (Arc::new(read_flag.jaxpr), 0);
        let body = (Arc::new(step.jaxpr), consts.len());
        let inputs = [g.test_consts, g.body_consts, &flagged, g.carry].concat();
        let mut outs = bind(self.with(test, body)?, &inputs)?;
        outs.remove(n);
        Ok(split_state(outs, n))
    }

    fn with_jaxprs(&self, jaxprs: Vec<Arc<Jaxpr>>) -> Prim {
        let mut jaxprs = jaxprs.into_iter();
        let mut parts = self.parts.clone();
        parts.test = jaxprs.next().expect("a test");
        parts.body = jaxprs.next().expect("a body");
        Arc::new(While { parts, scan_form: OnceLock::new() })
    }
}

/// Runs the loop. The inputs are the constants of the test, the constants of the body and the
/// initial carry. Returns the final carry.
#[track_caller]
pub fn while_loop(parts: WhileParts, inputs: &[Array]) -> Result<Vec<Array>, Error> {
    Ok(bind(Arc::new(While::new(parts)?), inputs)?.into_vec())
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "while", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(While::new(WhileParts {
        test: args.jaxpr("test")?,
        body: args.jaxpr("body")?,
        test_consts: args.size("test_consts")?,
        body_consts: args.size("body_consts")?,
        limit: if args.has("limit") { Some(args.size("limit")?) } else { None },
    })?))
}

/// `while i < n { i += 1; x = sin(x * c) + x }` over three x, and
/// `while sum(x) < 9 { x = exp x + c * c }`, which ends from any initial value.
fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for d in NUMBERS {
        let (int, c, x) = (Aval::scalar(DType::I32), Aval::scalar(d), Aval::new([3], d));
        let one = Array::strong_literal(1i32.into());
        let counted = WhileParts {
            test: body(&[int.clone(), int.clone(), x.clone()], |a| vec![lax::lt(&a[1], &a[0])]),
            body: body(&[c.clone(), int.clone(), x.clone()], |a| {
                let c = lax::broadcast_in_dim(&a[0], &[3], &[]);
                let sin = nonlinear(&lax::mul(&a[2], &c));
                vec![lax::add(&a[1], &one), lax::add(&sin, &a[2])]
            }),
            test_consts: 1,
            body_consts: 1,
            limit: None,
        };
        let tested = WhileParts {
            test: body(std::slice::from_ref(&x), |a| {
                let sum = lax::reduce_sum(&a[0], &[0]);
                let sum = if d.is_complex() { lax::real(&sum) } else { sum };
                vec![lax::lt(&sum, &number_of(9.0, d.part()))]
            }),
            body: body(&[x.clone(), x.clone()], |a| {
                // Ints and complex numbers use `x + c² + 1`, which does not cycle.
                let grown = match d.is_float() {
                    true => lax::exp(&a[1]),
                    false => lax::add(&a[1], &number_of(1.0, d)),
                };
                vec![lax::add(&grown, &lax::mul(&a[0], &a[0]))]
            }),
            test_consts: 0,
            body_consts: 1,
            limit: None,
        };
        let int = |n: f64| crate::prims::cases::samples::array(&[], DType::I32, [n]);
        let case = |parts: &WhileParts, limit, inputs: Vec<Array>| {
            let prim = While::new(WhileParts { limit, ..parts.clone() }).expect("a loop of a case");
            Case::new(Arc::new(prim), inputs)
        };
        let count = || vec![int(3.0), number(d), int(0.0), numbers(d, 3)];
        let test = || vec![numbers(d, 3), numbers(d, 3)];
        for case in [case(&counted, None, count()), case(&tested, None, test())] {
            all.push(case.exempt("adjoint", "reverse mode needs a limit"));
        }
        for limit in [0, 1, 5] {
            all.push(case(&counted, Some(limit), count()));
        }
        all.push(case(&tested, Some(6), test()));
    }
    all
}
