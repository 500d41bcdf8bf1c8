//! Reverse mode: forward mode, linearised, then transposed.
//!
//! ```text
//! x -> y    jvp        x, dx -> y, dy
//!           split      x -> y, r        and   r, dx -> dy
//!           transpose  x -> y, r        and   r, ct y -> ct x
//! ```

use super::recur::Transforms;
use super::replay::replay;
use crate::core::array::Array;
use crate::core::jaxpr::Jaxpr;
use crate::core::primitive::{Recur, Residual};
use crate::core::trace::eval;
use cotangent_jit::{Error, Scalar};
use std::sync::Arc;

/// A function split into its value and its derivative.
#[derive(Clone, Debug)]
pub struct Linearized {
    /// From the inputs to the outputs, then the residuals (all of them, inputs among them).
    pub forward: Arc<Jaxpr>,
    /// From the residuals, then the tangents of the inputs in `wrt`, to the tangents of all
    /// outputs.
    pub linear: Arc<Jaxpr>,
    pub num_residuals: usize,
}

/// Linearises the jaxpr with respect to the inputs in `wrt`.
pub fn linearize(t: &Transforms, jaxpr: &Arc<Jaxpr>, wrt: &[bool]) -> Result<Linearized, Error> {
    let n = jaxpr.outputs.len();
    let (forward_mode, _) = t.jvp(jaxpr, wrt, &vec![true; n])?;
    let tangents = wrt.iter().filter(|w| **w).count();
    let unknown: Vec<bool> = (0..forward_mode.inputs.len()).map(|i| i >= wrt.len()).collect();
    debug_assert_eq!(forward_mode.inputs.len(), wrt.len() + tangents);
    let force: Vec<bool> = (0..2 * n).map(|i| i >= n).collect();
    let split = t.split(&forward_mode, &unknown, &force)?;
    // Residuals that are inputs become outputs of the forward part like the others.
    let mut forward = (*split.known).clone();
    let computed = forward.outputs.split_off(n);
    let mut computed = computed.into_iter();
    for r in &split.residuals {
        let atom = match r {
            Residual::Input(i) => crate::core::jaxpr::Atom::Var(forward.inputs[*i]),
            Residual::Computed(_) => computed.next().expect("one output per residual"),
        };
        forward.outputs.push(atom);
    }
    Ok(Linearized {
        forward: Arc::new(forward),
        linear: split.unknown.clone(),
        num_residuals: split.residuals.len(),
    })
}

/// A function and its pullback.
#[derive(Clone, Debug)]
pub struct Vjp {
    /// From the inputs to the outputs, then the residuals.
    pub forward: Arc<Jaxpr>,
    /// From the residuals, then the cotangents of all outputs, to the cotangents of the inputs in
    /// `wrt`.
    pub pullback: Arc<Jaxpr>,
    pub num_residuals: usize,
}

pub fn vjp(t: &Transforms, jaxpr: &Arc<Jaxpr>, wrt: &[bool]) -> Result<Vjp, Error> {
    let Linearized { forward, linear, num_residuals } = linearize(t, jaxpr, wrt)?;
    let mask: Vec<bool> = (0..linear.inputs.len()).map(|i| i >= num_residuals).collect();
    let cotangents = vec![true; linear.outputs.len()];
    let force = vec![true; linear.inputs.len() - num_residuals];
    let (pullback, _) = t.transpose(&linear, &mask, &cotangents, &force)?;
    Ok(Vjp { forward, pullback, num_residuals })
}

/// From the inputs to the outputs, then the gradients of output 0, a float scalar, in the inputs in
/// `wrt`.
pub fn value_and_grad(t: &Transforms, jaxpr: &Arc<Jaxpr>, wrt: &[bool]) -> Result<Jaxpr, Error> {
    let n = jaxpr.outputs.len();
    let Linearized { forward, linear, num_residuals } = linearize(t, jaxpr, wrt)?;
    let mask: Vec<bool> = (0..linear.inputs.len()).map(|i| i >= num_residuals).collect();
    let cotangents: Vec<bool> = (0..n).map(|i| i == 0).collect();
    let force = vec![true; linear.inputs.len() - num_residuals];
    let (pullback, _) = t.transpose(&linear, &mask, &cotangents, &force)?;
    let one = Scalar::one(jaxpr.atom_aval(jaxpr.outputs[0]).dtype);
    replay(&jaxpr.in_avals(), |args| {
        let mut outs = eval(&forward, args)?;
        let mut back = outs.split_off(n);
        back.push(Array::strong_literal(one));
        outs.extend(eval(&pullback, &back)?);
        Ok(outs)
    })
}
