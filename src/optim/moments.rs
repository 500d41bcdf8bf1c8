//! Transformations that remember gradients: momentum, and running means of gradients and of their
//! squares.
//!
//! `g` is the update that comes in, `n` counts updates from 1. Means are kept in the dtype of their
//! parameter (`f32` if that is narrower); corrections for their start at zero are computed in f64
//! and rounded once.

use super::schedule::{WIDE, number};
use super::transform::{Rule, Transform};
use crate::api::pytree::Tree;
use crate::core::array::Array;
use crate::numpy::create::{full_like, zeros_like};
use cotangent_derive::Pytree;
use cotangent_jit::{Error, err};

/// The count after one more update; it stops at the greatest value rather than turning negative.
pub(super) fn next(count: &Array) -> Array {
    count.minimum(i32::MAX - 1) + 1
}

fn still(params: &Tree) -> Tree {
    params.clone().map(|p| zeros_like(&p))
}

/// The next state: `f(state, g)`, leaf by leaf. An error if the state was made of parameters of
/// another structure.
fn next_state(state: Tree, g: &Tree, f: impl FnMut(Array, &Array) -> Array) -> Result<Tree, Error> {
    if state.structure() != g.structure() {
        return Err(err!(
            Tree,
            "update: the state is that of other parameters: it has {}, expected {} as the \
             gradients have; make it with init",
            state.structure(),
            g.structure()
        ));
    }
    state.zip("update", g, f)
}

/// `decay m + (1 - decay) g`, leaf by leaf.
fn mean(g: &Tree, m: Tree, decay: f64) -> Result<Tree, Error> {
    next_state(m, g, |m, g| m * decay + g * (1.0 - decay))
}

/// `decay s + (1 - decay) g²`, leaf by leaf.
fn mean_square(g: &Tree, s: Tree, decay: f64) -> Result<Tree, Error> {
    next_state(s, g, |s, g| s * decay + g.square() * (1.0 - decay))
}

/// `1 - decay^n`: what a mean that began at zero lacks.
fn correction(decay: f64, count: &Array) -> Array {
    1.0 - number(decay).pow(count.astype(WIDE))
}

fn corrected(m: Tree, decay: f64, count: &Array) -> Tree {
    let by = correction(decay, count);
    m.map(|m| &m / by.astype(m.dtype()))
}

struct Trace {
    decay: f64,
    nesterov: bool,
}

/// The state of [`trace`].
#[derive(Clone, Pytree)]
struct Momentum {
    trace: Tree,
}

impl Rule for Trace {
    type State = Momentum;

    fn init(&self, params: &Tree) -> Result<Momentum, Error> {
        Ok(Momentum { trace: still(params) })
    }

    fn update(&self, g: Tree, state: Momentum, _: &Tree) -> Result<(Tree, Momentum), Error> {
        let add = |t: Tree| next_state(t, &g, |t, g| g + t * self.decay);
        let trace = add(state.trace)?;
        let updates = if self.nesterov { add(trace.clone())? } else { trace.clone() };
        Ok((updates, Momentum { trace }))
    }
}

/// Momentum: `t ← g + decay t`, giving `t`, or `g + decay t` looking ahead if `nesterov`.
#[doc(alias = "momentum")]
pub fn trace(decay: f64, nesterov: bool) -> Transform {
    Transform::new("trace", Trace { decay, nesterov })
}

struct Ema {
    decay: f64,
    debias: bool,
}

/// The state of [`ema`] and of [`scale_by_lion`].
#[derive(Clone, Pytree)]
struct Mean {
    count: Array,
    mean: Tree,
}

impl Rule for Ema {
    type State = Mean;

    fn init(&self, params: &Tree) -> Result<Mean, Error> {
        Ok(Mean { count: Array::scalar(0i32), mean: still(params) })
    }

    fn update(&self, g: Tree, state: Mean, _: &Tree) -> Result<(Tree, Mean), Error> {
        let mean = mean(&g, state.mean, self.decay)?;
        let count = next(&state.count);
        let updates =
            if self.debias { corrected(mean.clone(), self.decay, &count) } else { mean.clone() };
        Ok((updates, Mean { count, mean }))
    }
}

/// The running mean of updates: `m ← decay m + (1 - decay) g`, divided by `1 - decayⁿ` if `debias`.
pub fn ema(decay: f64, debias: bool) -> Transform {
    Transform::new("ema", Ema { decay, debias })
}

/// What [`scale_by_adam`] is told.
#[derive(Clone, Debug, PartialEq)]
pub struct AdamOptions {
    /// Decay of the mean of gradients.
    pub b1: f64,
    /// Decay of the mean of their squares.
    pub b2: f64,
    /// Added outside the root.
    pub eps: f64,
    /// Added inside the root: needed to differentiate through the update.
    pub eps_root: f64,
    /// Looks one step ahead (Dozat, 2016).
    pub nesterov: bool,
}

impl Default for AdamOptions {
    fn default() -> AdamOptions {
        AdamOptions { b1: 0.9, b2: 0.999, eps: 1e-8, eps_root: 0.0, nesterov: false }
    }
}

/// The state of [`scale_by_adam`].
#[derive(Clone, Pytree)]
struct Moments {
    count: Array,
    mean: Tree,
    square: Tree,
}

struct Adam(AdamOptions);

impl Rule for Adam {
    type State = Moments;

    fn init(&self, params: &Tree) -> Result<Moments, Error> {
        let count = Array::scalar(0i32);
        Ok(Moments { count, mean: still(params), square: still(params) })
    }

    fn update(&self, g: Tree, state: Moments, _: &Tree) -> Result<(Tree, Moments), Error> {
        let AdamOptions { b1, b2, eps, eps_root, nesterov } = self.0;
        let mean = mean(&g, state.mean, b1)?;
        let square = mean_square(&g, state.square, b2)?;
        let count = next(&state.count);
        let direction = if nesterov {
            let ahead = corrected(mean.clone(), b1, &next(&count));
            let now = corrected(g, b1, &count);
            ahead.zip("scale_by_adam", &now, |m, g| m * b1 + g * (1.0 - b1))?
        } else {
            corrected(mean.clone(), b1, &count)
        };
        let size = corrected(square.clone(), b2, &count);
        let updates =
            direction.zip("scale_by_adam", &size, |m, s| m / ((s + eps_root).sqrt() + eps))?;
        Ok((updates, Moments { count, mean, square }))
    }
}

/// Adam's direction (Kingma and Ba, 2015): `m̂ / (√(ŝ + eps_root) + eps)`, of the running means of
/// gradients, `m`, and of their squares, `s`, each divided by `1 - bⁿ`.
pub fn scale_by_adam(options: AdamOptions) -> Transform {
    Transform::new("scale_by_adam", Adam(options))
}

/// What [`scale_by_rms`] is told.
#[derive(Clone, Debug, PartialEq)]
pub struct RmsOptions {
    /// Decay of the mean of squares.
    pub decay: f64,
    /// Added inside the root.
    pub eps: f64,
    /// Where the mean of squares begins.
    pub initial: f64,
    /// The mean of gradients is taken off: squares become variances.
    pub centered: bool,
}

impl Default for RmsOptions {
    fn default() -> RmsOptions {
        RmsOptions { decay: 0.9, eps: 1e-8, initial: 0.0, centered: false }
    }
}

/// The state of [`scale_by_rms`].
#[derive(Clone, Pytree)]
struct Spread {
    /// If centred.
    mean: Option<Tree>,
    square: Tree,
}

struct Rms(RmsOptions);

impl Rule for Rms {
    type State = Spread;

    fn init(&self, params: &Tree) -> Result<Spread, Error> {
        let mean = self.0.centered.then(|| still(params));
        let square = params.clone().map(|p| full_like(&p, self.0.initial));
        Ok(Spread { mean, square })
    }

    fn update(&self, g: Tree, state: Spread, _: &Tree) -> Result<(Tree, Spread), Error> {
        let mean = state.mean.map(|m| mean(&g, m, self.0.decay)).transpose()?;
        let square = mean_square(&g, state.square, self.0.decay)?;
        let spread = match &mean {
            None => square.clone(),
            Some(m) => square.clone().zip("scale_by_rms", m, |s, m| s - m.square())?,
        };
        let updates = g.zip("scale_by_rms", &spread, |g, s| g * (s + self.0.eps).rsqrt())?;
        Ok((updates, Spread { mean, square }))
    }
}

/// Updates over their root mean square (Tieleman and Hinton, 2012): `g / √(s + eps)`, or
/// `g / √(s - m² + eps)` if centred.
pub fn scale_by_rms(options: RmsOptions) -> Transform {
    Transform::new("scale_by_rms", Rms(options))
}

struct Rss {
    initial: f64,
    eps: f64,
}

/// The state of [`scale_by_rss`].
#[derive(Clone, Pytree)]
struct Sum {
    sum: Tree,
}

impl Rule for Rss {
    type State = Sum;

    fn init(&self, params: &Tree) -> Result<Sum, Error> {
        Ok(Sum { sum: params.clone().map(|p| full_like(&p, self.initial)) })
    }

    fn update(&self, g: Tree, state: Sum, _: &Tree) -> Result<(Tree, Sum), Error> {
        let sum = next_state(state.sum, &g, |s, g| s + g.square())?;
        let updates = g.zip("scale_by_rss", &sum, |g, s| {
            let some = s.gt(0.0);
            // The root of what is not zero: no infinity is made where it is not used.
            g * some.select((some.select(s, 1.0) + self.eps).rsqrt(), 0.0)
        })?;
        Ok((updates, Sum { sum }))
    }
}

/// Updates over the root of the sum of all squares so far (Duchi, Hazan and Singer, 2011):
/// `g / √(s + eps)`, zero where nothing ever came; `s` begins at `initial`.
pub fn scale_by_rss(initial: f64, eps: f64) -> Transform {
    Transform::new("scale_by_rss", Rss { initial, eps })
}

struct Lion {
    b1: f64,
    b2: f64,
}

impl Rule for Lion {
    type State = Mean;

    fn init(&self, params: &Tree) -> Result<Mean, Error> {
        Ok(Mean { count: Array::scalar(0i32), mean: still(params) })
    }

    fn update(&self, g: Tree, state: Mean, _: &Tree) -> Result<(Tree, Mean), Error> {
        let updates = mean(&g, state.mean.clone(), self.b1)?.map(|u| u.sign());
        let mean = mean(&g, state.mean, self.b2)?;
        Ok((updates, Mean { count: next(&state.count), mean }))
    }
}

/// The sign of a running mean (Chen and others, 2023): `sign(b1 m + (1 - b1) g)`, then
/// `m ← b2 m + (1 - b2) g`.
pub fn scale_by_lion(b1: f64, b2: f64) -> Transform {
    Transform::new("scale_by_lion", Lion { b1, b2 })
}
