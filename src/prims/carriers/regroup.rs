//! Helpers of the primitives that carry jaxprs: masks, batch axes in front, bodies with their
//! inputs regrouped.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::jaxpr::{Atom, Jaxpr, Var};
use crate::core::primitive::{Arrays, Ctx, Operand, PartialEval, Prim, Residual, Split, Tangent};

use crate::prims::shapes::transpose::moveaxis;
use cotangent_jit::{Error, err, plural};
use smallvec::SmallVec;
use std::sync::Arc;

/// Checks that the inputs have the types that the body takes.
pub fn check_inputs(prim: &str, body: &Jaxpr, inputs: &[Aval]) -> Result<(), Error> {
    if inputs.len() != body.inputs.len() {
        return Err(err!(
            Shape,
            "{prim}: expected {inputs}, got {}",
            inputs.len(),
            inputs = plural(body.inputs.len(), "input")
        ));
    }
    for (i, (v, got)) in body.inputs.iter().zip(inputs).enumerate() {
        let expected = body.aval(*v);
        if expected != got {
            return Err(err!(Shape, "{prim}: input {i} should be {expected}, got {got}"));
        }
    }
    Ok(())
}

/// The items where `mask` is `want`.
pub fn pick<'a, T>(items: &'a [T], mask: &'a [bool], want: bool) -> impl Iterator<Item = &'a T> {
    items.iter().zip(mask).filter(move |(_, m)| **m == want).map(|(x, _)| x)
}

/// A mask of `n` true bits.
pub fn all(n: usize) -> Vec<bool> {
    vec![true; n]
}

/// A mask of `n` false bits.
pub fn none(n: usize) -> Vec<bool> {
    vec![false; n]
}

/// The number of true bits.
pub fn count(mask: &[bool]) -> usize {
    mask.iter().filter(|b| **b).count()
}

/// Repeats `step` with the mask that it returned, until it returns the mask that it took. Masks
/// only grow, so the loop ends. Returns the result of the last step and the mask.
pub fn fixpoint<T>(
    start: &[bool],
    mut step: impl FnMut(&[bool]) -> Result<(T, Vec<bool>), Error>,
) -> Result<(T, Vec<bool>), Error> {
    let mut mask = start.to_vec();
    loop {
        let (result, next) = step(&mask)?;
        if next == mask {
            return Ok((result, mask));
        }
        mask = next;
    }
}

/// The union of two masks.
pub fn either(a: &[bool], b: &[bool]) -> Vec<bool> {
    a.iter().zip(b).map(|(a, b)| *a || *b).collect()
}

pub fn nonzero(tangents: &[Tangent]) -> Vec<bool> {
    tangents.iter().map(|t| !t.is_zero()).collect()
}

pub fn values(tangents: &[Tangent]) -> impl Iterator<Item = Array> + '_ {
    tangents.iter().filter_map(|t| t.value().cloned())
}

/// One tangent per bit of the mask: the next value if the bit is true, else a symbolic zero of the
/// type in `avals`.
pub fn spread(
    mask: &[bool],
    values: impl IntoIterator<Item = Array>,
    avals: &[Aval],
) -> Vec<Tangent> {
    let mut values = values.into_iter();
    mask.iter()
        .zip(avals)
        .map(|(m, aval)| match m {
            true => Tangent::Value(values.next().expect("one value per set bit")),
            false => Tangent::Zero(aval.strong()),
        })
        .collect()
}

/// The inputs with their batch axes in front, and which inputs are batched.
pub fn axes_in_front(
    inputs: &[Array],
    axes: &[Option<usize>],
) -> Result<(Vec<Array>, Vec<bool>), Error> {
    let front = |(x, axis): (&Array, &Option<usize>)| match axis {
        Some(a) => moveaxis(x, *a, 0),
        None => Ok(x.clone()),
    };
    let inputs = inputs.iter().zip(axes).map(front).collect::<Result<_, Error>>()?;
    Ok((inputs, axes.iter().map(Option::is_some).collect()))
}

/// The mask of outputs that depend on the inputs in `from`.
pub fn reached(j: &Jaxpr, from: &[bool]) -> Vec<bool> {
    let mut depends = vec![false; j.avals.len()];
    for (v, f) in j.inputs.iter().zip(from) {
        depends[v.index()] = *f;
    }
    let is = |depends: &[bool], a: &Atom| a.var().is_some_and(|v| depends[v.index()]);
    for eqn in &j.eqns {
        if eqn.inputs.iter().any(|a| is(&depends, a)) {
            eqn.outputs.iter().for_each(|v| depends[v.index()] = true);
        }
    }
    j.outputs.iter().map(|a| is(&depends, a)).collect()
}

/// The batch axis of each output in the mask: axis 0 if batched.
pub fn front(mask: &[bool]) -> Vec<Option<usize>> {
    mask.iter().map(|b| b.then_some(0)).collect()
}

/// The known operands, and the mask of linear operands.
pub fn operands(inputs: &[Operand]) -> (Vec<Array>, Vec<bool>) {
    (
        inputs.iter().filter_map(|o| o.known().cloned()).collect(),
        inputs.iter().map(Operand::is_linear).collect(),
    )
}

/// The number of linear inputs.
pub fn linear_inputs(inputs: &[Operand]) -> usize {
    inputs.iter().filter(|o| o.is_linear()).count()
}

/// One cotangent per input from the values of those in `mask`. The mask has one bit per linear
/// input.
pub fn input_cotangents(
    inputs: &[Operand],
    mask: &[bool],
    values: impl IntoIterator<Item = Array>,
) -> Vec<Tangent> {
    let (mut mask, mut values) = (mask.iter(), values.into_iter());
    inputs
        .iter()
        .map(|o| {
            let nonzero = o.is_linear() && *mask.next().expect("one bit per linear input");
            match nonzero {
                true => Tangent::Value(values.next().expect("one value per set bit")),
                false => Tangent::Zero(o.aval().strong()),
            }
        })
        .collect()
}

/// The jaxpr with its inputs and outputs in another order: `inputs[i]` is the old position of the
/// new input `i`, and `outputs[i]` that of the new output `i`.
pub fn permuted(j: &Jaxpr, inputs: &[usize], outputs: &[usize]) -> Jaxpr {
    let mut new = j.clone();
    new.inputs = inputs.iter().map(|i| j.inputs[*i]).collect();
    new.outputs = outputs.iter().map(|i| j.outputs[*i]).collect();
    new.compact()
}

/// The jaxpr, which has the inputs in the mask `have`, with an unused input for each bit that is
/// only in the mask `want`. `avals` are the types of all inputs.
pub fn with_inputs(j: &Jaxpr, have: &[bool], want: &[bool], avals: &[Aval]) -> Jaxpr {
    let mut new = j.clone();
    let mut old = j.inputs.iter();
    let mut inputs: Vec<Var> = Vec::new();
    for ((h, w), aval) in have.iter().zip(want).zip(avals) {
        match (h, w) {
            (true, _) => inputs.push(*old.next().expect("one per input it has")),
            (false, true) => inputs.push(new.new_var(aval.clone())),
            (false, false) => {}
        }
    }
    new.inputs = inputs;
    new.compact()
}

/// A jaxpr of one equation, which applies `prim` to inputs of these types.
pub fn single(prim: Prim, inputs: &[Aval]) -> Result<Jaxpr, Error> {
    let mut j = Jaxpr::default();
    for a in inputs {
        let v = j.new_var(a.clone());
        j.inputs.push(v);
    }
    let outputs: SmallVec<[Var; 1]> =
        prim.abstract_eval(inputs)?.into_iter().map(|a| j.new_var(a)).collect();
    j.outputs = outputs.iter().map(|v| Atom::Var(*v)).collect();
    j.eqns.push(crate::core::jaxpr::Eqn {
        effects: prim.effects(),
        inputs: j.inputs.iter().map(|v| Atom::Var(*v)).collect(),
        prim,
        outputs,
        source: crate::core::source::here(),
    });
    Ok(j)
}

/// The split in which the whole equation is unknown. All known inputs become residuals.
pub fn all_unknown(prim: Prim, inputs: &[Aval], unknown: &[bool]) -> Result<PartialEval, Error> {
    let n = prim.abstract_eval(inputs)?.len();
    let whole = single(prim, inputs)?;
    let order = |want: bool| (0..unknown.len()).filter(move |i| unknown[*i] == want);
    let positions: Vec<usize> = order(false).chain(order(true)).collect();
    let outputs: Vec<usize> = (0..n).collect();
    let mut known = Jaxpr::default();
    for a in pick(inputs, unknown, false) {
        let v = known.new_var(a.clone());
        known.inputs.push(v);
    }
    Ok(PartialEval {
        known: Arc::new(known),
        unknown: Arc::new(permuted(&whole, &positions, &outputs)),
        unknown_out: vec![true; n],
        residuals: order(false).map(Residual::Input).collect(),
    })
}

/// Splits the outputs of a threaded primitive into the state, which has `n` arrays, and the rest.
pub fn split_state(mut outs: Arrays, n: usize) -> (Vec<Array>, Arrays) {
    let rest = outs.drain(n..).collect();
    (outs.into_vec(), rest)
}

/// The known part of a split without its residuals. It takes all known inputs, which have these
/// types.
pub fn known_alone(ctx: &Ctx, split: &Split, inputs: &[Aval]) -> Result<Arc<Jaxpr>, Error> {
    let mut known = (*split.known).clone();
    known.outputs.truncate(split.unknown_out.iter().filter(|u| !**u).count());
    let used = vec![true; known.outputs.len()];
    let (small, kept) = ctx.recur.dce(&Arc::new(known), &used)?;
    Ok(Arc::new(with_inputs(&small, &kept, &vec![true; kept.len()], inputs)))
}

pub fn arrays(v: Vec<Array>) -> Arrays {
    v.into_iter().collect()
}
