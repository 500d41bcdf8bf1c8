//! `scan`: a counted loop that threads a carry and reads and writes one slice per step.
//!
//! ```text
//! carry_0 = init
//! carry_{t+1}, y_t = body(consts, carry_t, x_t)   for t in 0..length
//! outputs: carry_length, y
//! ```
//! Not here: partial evaluation (`split`), transposition (`transpose`).

mod groups;
mod split;
mod transpose;

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::ScanParts;
use crate::core::params::{Param, Params};
use crate::core::policy::KeepPolicy;
use crate::core::primitive::{
    BatchResult, Carrier, Ctx, JvpResult, Kept, Operand, PartialEval, Prim, Shrunk, Tangent,
    Taylor, ThreadResult, TransposeResult,
};
use crate::core::trace::bind;
use crate::prims::carriers::regroup::{
    axes_in_front, check_inputs, count, either, fixpoint, none, nonzero, permuted, pick, single,
    split_state, spread, values, with_inputs,
};
use crate::prims::carriers::with_bodies::{Bodies, WithBodies};
use crate::prims::cases::bodies::{self, NUMBERS, number, numbers};
use crate::prims::entry::{Args, Case, Entry};
use crate::prims::rules::batching::broadcast_batch;
use crate::prims::rules::zeros::instantiate;
use crate::prims::shapes::transpose::moveaxis;
use crate::prims::taylor::Forward;
use cotangent_jit::{Error, err, plural};
use groups::Groups;
use smallvec::smallvec;
use std::sync::Arc;

/// A counted loop:
///
/// ```text
/// scan[reverse, length, num_consts, num_carry, unroll, jaxpr]
///     consts... carry... xs... -> carry... ys...
/// ```
/// The scanned axis of `xs` and `ys` is axis 0. With `reverse`, the loop runs from the last slice
/// to the first. Each iteration of the compiled loop executes `unroll` steps.
#[derive(Clone, Debug)]
pub struct Scan(pub ScanParts);

impl Scan {
    pub fn new(parts: ScanParts) -> Result<Scan, Error> {
        let ScanParts { body, consts, carry, unroll, .. } = &parts;
        if *unroll == 0 {
            return Err(err!(Value, "scan: expected to unroll at least 1 step, got 0"));
        }
        if body.inputs.len() < consts + carry || body.outputs.len() < *carry {
            return Err(err!(Shape, "scan: the body has too few inputs or outputs for its carry"));
        }
        for i in 0..*carry {
            let (before, after) =
                (body.aval(body.inputs[consts + i]), body.atom_aval(body.outputs[i]));
            if *before != after {
                return Err(err!(
                    Shape,
                    "scan: carry {i} changes type: it enters the body as {before} and leaves it \
                     as {after}; make the body return {before}"
                ));
            }
        }
        Ok(Scan(parts))
    }

    /// Groups a list with one item per input.
    pub fn inputs<T: Clone>(&self, all: &[T]) -> Groups<T> {
        Groups::of(all, self.0.consts, self.0.carry)
    }

    /// The scan with another body and other groups, and the same length and direction.
    pub fn with(&self, body: Arc<Jaxpr>, consts: usize, carry: usize) -> Prim {
        Arc::new(Scan(ScanParts { body, consts, carry, ..self.0.clone() }))
    }

    pub fn body(&self) -> &Arc<Jaxpr> {
        &self.0.body
    }

    pub fn num_ys(&self) -> usize {
        self.body().outputs.len() - self.0.carry
    }

    /// The types of the inputs of the scan.
    pub fn in_avals(&self) -> Vec<Aval> {
        let first_x = self.0.consts + self.0.carry;
        let avals = self.body().in_avals().into_iter().enumerate();
        avals.map(|(i, a)| if i < first_x { a } else { a.batched(0, self.0.length) }).collect()
    }

    pub fn out_avals(&self) -> Vec<Aval> {
        let avals = self.body().out_avals().into_iter().enumerate();
        avals.map(|(i, a)| if i < self.0.carry { a } else { a.batched(0, self.0.length) }).collect()
    }

    /// Groups tangents, or Taylor coefficients, like the inputs.
    fn tangents<T: Clone>(&self, mode: Forward, all: &[T]) -> Groups<T> {
        Groups::of(all, self.0.consts * mode.count(), self.0.carry * mode.count())
    }
}

impl WithBodies for Scan {
    const NAME: &'static str = "scan";

    fn params(&self) -> Params {
        let p = &self.0;
        let mut params = smallvec![
            ("reverse", Param::Bool(p.reverse)),
            ("length", Param::Int(p.length as i64)),
            ("num_consts", Param::Int(p.consts as i64)),
            ("num_carry", Param::Int(p.carry as i64)),
            ("jaxpr", Param::Jaxpr(p.body.clone())),
        ];
        if p.unroll > 1 {
            params.insert(4, ("unroll", Param::Int(p.unroll as i64)));
        }
        params
    }

    fn bodies(&self) -> Bodies<'_> {
        Bodies::Scan(&self.0)
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        let mut sliced = inputs.to_vec();
        for (i, x) in sliced.iter_mut().enumerate().skip(self.0.consts + self.0.carry) {
            if x.shape.first() != Some(&self.0.length) {
                return Err(err!(
                    Shape,
                    "scan: input {i} should have {slices} along axis 0, got {x}",
                    slices = plural(self.0.length, "slice")
                ));
            }
            *x = x.unbatched(0);
        }
        check_inputs("scan", self.body(), &sliced)?;
        Ok(self.out_avals().into())
    }

    /// The derivative of a scan is a scan. Its carry also holds the tangent of each carry whose
    /// tangent is nonzero in any step.
    fn forward(
        &self,
        mode: Forward,
        ctx: &Ctx,
        primals: &[Array],
        tangents: &[Tangent],
    ) -> JvpResult {
        let (carry, ys) = (self.0.carry, self.num_ys());
        let given = self.tangents(mode, &nonzero(tangents));
        let ((body, mask), carried) = fixpoint(&given.carry, |carried| {
            let force = [carried, &none(ys * mode.count())].concat();
            let result = mode.of(ctx, self.body(), &given.with_carry(carried).all(), &force)?;
            let next = result.1[..carried.len()].to_vec();
            Ok((result, next))
        })?;
        // The body takes all primals, then all tangents. A scan takes the tangents of each group
        // after the primals of the group.
        let sizes = given.with_carry(&carried).count(true);
        let of_primals = Groups::positions(0, self.inputs(primals).sizes());
        let order = of_primals.concat(&Groups::positions(primals.len(), sizes));
        let (dcarry, dys) = (count(&carried), count(&mask[carried.len()..]));
        let dots = carry + ys;
        let outputs: Vec<usize> = (0..carry)
            .chain(dots..dots + dcarry)
            .chain(carry..dots)
            .chain(dots + dcarry..dots + dcarry + dys)
            .collect();
        let body = Arc::new(permuted(&body, &order.all(), &outputs));

        let t = self.tangents(mode, tangents);
        let inputs = self.inputs(primals).concat(&Groups {
            consts: values(&t.consts).collect(),
            carry: pick(&t.carry, &carried, true).map(instantiate).collect(),
            xs: values(&t.xs).collect(),
        });
        let [consts, carries, _] = inputs.sizes();
        let outs = bind(self.with(body, consts, carries), &inputs.all())?;
        let (carry_outs, ys_outs) = outs.split_at(carries);
        let (carry_outs, carry_dots) = carry_outs.split_at(carry);
        let (ys_outs, ys_dots) = ys_outs.split_at(ys);
        let dots = [carry_dots, ys_dots].concat();
        let tangents = spread(&mask, dots, &mode.avals(&self.out_avals()));
        Ok((carry_outs.iter().chain(ys_outs).cloned().collect(), tangents))
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Rule(self)
    }

    fn transpose(&self, ctx: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult {
        transpose::transpose(self, ctx, cotangents, inputs)
    }

    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult {
        let (carry, ys) = (self.0.carry, self.num_ys());
        let (mut inputs, batched) = axes_in_front(inputs, axes)?;
        let given = self.inputs(&batched);
        let ((body, mask), carried) = fixpoint(&given.carry, |carried| {
            let force = [carried, &none(ys)].concat();
            let mask = given.with_carry(carried).all();
            let result = ctx.recur.batch(self.body(), ctx.axis, &mask, &force)?;
            let next = result.1[..carry].to_vec();
            Ok((result, next))
        })?;
        for (i, batched) in carried.iter().enumerate() {
            if *batched && !given.carry[i] {
                let x = &mut inputs[self.0.consts + i];
                *x = broadcast_batch(x, ctx.batch_size, 0)?;
            }
        }
        // The scanned axis is axis 0, and the batch axis is axis 1.
        for (i, b) in batched.iter().enumerate().skip(self.0.consts + carry) {
            if *b {
                inputs[i] = moveaxis(&inputs[i], 0, 1)?;
            }
        }
        let outs = bind(self.with(body, self.0.consts, carry), &inputs)?;
        let axes = mask.iter().enumerate().map(|(i, b)| b.then_some((i >= carry) as usize));
        Ok((outs, axes.collect()))
    }
}

impl Carrier for Scan {
    fn partial_eval(&self, ctx: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error> {
        split::partial_eval(self, ctx, unknown)
    }

    /// The values that the steps keep are stacked. A carry is unknown if it is unknown in any step.
    fn keep(
        &self,
        ctx: &Ctx,
        unknown: &[bool],
        forbidden: &[bool],
        policy: &Arc<dyn KeepPolicy>,
    ) -> Result<Option<Kept<Prim>>, Error> {
        let (consts, carry, ys) = (self.0.consts, self.0.carry, self.num_ys());
        let given = self.inputs(unknown);
        // `forbidden` names final values of the carries, which are not the values inside the steps.
        let forbidden = [&none(carry), &forbidden[carry..]].concat();
        let (kept, carried) = fixpoint(&given.carry, |carried| {
            let mask = given.with_carry(carried).all();
            let kept = ctx.recur.keep(self.body(), &mask, &forbidden, policy)?;
            let next = either(carried, &kept.unknown_out);
            Ok((kept, next))
        })?;
        debug_assert_eq!(kept.unknown_out.len(), carry + ys);
        let unknown_out = carried.iter().chain(&kept.unknown_out[carry..]).copied().collect();
        let stacked = kept.values.iter().map(|v| v.batched(0, self.0.length)).collect();
        let wrapped = kept.wrapped(|body| self.with(body, consts, carry));
        Ok(Some(Kept { values: stacked, unknown_out, ..wrapped }))
    }

    /// A carry is needed if its final value is used, or if a needed output or carry of a later step
    /// depends on it.
    fn dce(&self, ctx: &Ctx, used: &[bool]) -> Result<Shrunk, Error> {
        let (consts, carry) = (self.0.consts, self.0.carry);
        let ((body, kept), live) = fixpoint(&used[..carry], |live| {
            let result = ctx.recur.dce(self.body(), &[live, &used[carry..]].concat())?;
            let next = either(live, &result.1[consts..]);
            Ok((result, next))
        })?;
        // A live carry stays an input, even if the new body does not read it.
        let want: Vec<bool> = (0..kept.len())
            .map(|i| if (consts..consts + carry).contains(&i) { live[i - consts] } else { kept[i] })
            .collect();
        let body = with_inputs(&body, &kept, &want, &self.body().in_avals());
        let prim = self.with(Arc::new(body), count(&want[..consts]), count(&live));
        let outputs = live.iter().chain(&used[carry..]).copied().collect();
        Ok(Shrunk { prim, inputs: want, outputs })
    }

    /// The state becomes a part of the carry.
    fn threaded(
        &self,
        mut bodies: Vec<Arc<Jaxpr>>,
        state: &[Array],
        inputs: &[Array],
    ) -> ThreadResult {
        let (n, consts) = (state.len(), self.0.consts);
        let body = bodies.remove(0);
        let order: Vec<usize> =
            (n..n + consts).chain(0..n).chain(n + consts..body.inputs.len()).collect();
        let outputs: Vec<usize> = (0..body.outputs.len()).collect();
        let body = Arc::new(permuted(&body, &order, &outputs));
        let inputs = [&inputs[..consts], state, &inputs[consts..]].concat();
        Ok(split_state(bind(self.with(body, consts, n + self.0.carry), &inputs)?, n))
    }

    fn with_jaxprs(&self, mut jaxprs: Vec<Arc<Jaxpr>>) -> Prim {
        self.with(jaxprs.remove(0), self.0.consts, self.0.carry)
    }
}

/// Runs the scan. The inputs are the constants, the initial carry and `xs`. Returns the final carry
/// and `ys`.
#[track_caller]
pub fn scan(parts: ScanParts, inputs: &[Array]) -> Result<Vec<Array>, Error> {
    Ok(bind(Arc::new(Scan::new(parts)?), inputs)?.into_vec())
}

/// Batches a primitive as a scan over the lanes, for a primitive that must not run for all lanes at
/// once.
pub fn lane_by_lane(
    prim: Prim,
    size: usize,
    inputs: &[Array],
    axes: &[Option<usize>],
) -> BatchResult {
    let (inputs, batched) = axes_in_front(inputs, axes)?;
    let lane = |(x, b): (&Array, &bool)| if *b { x.aval().unbatched(0) } else { x.aval() };
    let lanes: Vec<Aval> = inputs.iter().zip(&batched).map(lane).collect();
    let body = single(prim, &lanes)?;
    let order: Vec<usize> = (0..inputs.len()).filter(|i| !batched[*i]).collect();
    let consts = order.len();
    let order: Vec<usize> =
        order.into_iter().chain((0..inputs.len()).filter(|i| batched[*i])).collect();
    let outputs: Vec<usize> = (0..body.outputs.len()).collect();
    let body = Arc::new(permuted(&body, &order, &outputs));
    let parts = ScanParts { body, consts, carry: 0, length: size, reverse: false, unroll: 1 };
    let inputs: Vec<Array> = order.iter().map(|i| inputs[*i].clone()).collect();
    let outs = bind(Arc::new(Scan::new(parts)?), &inputs)?;
    let n = outs.len();
    Ok((outs, vec![Some(0); n]))
}

pub fn entries() -> Vec<Entry> {
    vec![Entry { name: "scan", build, cases }]
}

fn build(args: &Args) -> Result<Prim, Error> {
    Ok(Arc::new(Scan::new(ScanParts {
        body: args.jaxpr("jaxpr")?,
        consts: args.size("num_consts")?,
        carry: args.size("num_carry")?,
        length: args.size("length")?,
        reverse: args.bool("reverse")?,
        unroll: if args.has("unroll") { args.size("unroll")? } else { 1 },
    })?))
}

fn cases() -> Vec<Case> {
    let mut all = Vec::new();
    for d in NUMBERS {
        for (length, reverse, unroll) in
            [(4, false, 1), (3, true, 1), (0, false, 1), (5, false, 2), (4, true, 3), (1, false, 4)]
        {
            let body = bodies::step(d);
            let parts = ScanParts { body, consts: 1, carry: 1, length, reverse, unroll };
            let inputs = vec![number(d), number(d), numbers(d, length)];
            all.push(Case::new(Arc::new(Scan(parts)), inputs));
        }
    }
    all
}
