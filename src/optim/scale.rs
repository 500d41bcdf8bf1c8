//! Transformations that scale updates or add to them: by numbers, by schedules, by the parameters'
//! own size.

use super::combine::Mask;
use super::moments::next;
use super::schedule::Schedule;
use super::transform::{Rule, Transform};
use crate::api::pytree::Tree;
use crate::core::array::Array;
use cotangent_derive::Pytree;
use cotangent_jit::Error;

/// Updates made leaf by leaf, of the update and the parameter, with nothing remembered.
pub(super) struct Leafwise<F>(pub F);

impl<F: Fn(Array, &Array) -> Array + Send + Sync + 'static> Rule for Leafwise<F> {
    type State = ();

    fn init(&self, _: &Tree) -> Result<(), Error> {
        Ok(())
    }

    fn update(&self, updates: Tree, _: (), params: &Tree) -> Result<(Tree, ()), Error> {
        Ok((updates.zip("update", params, &self.0)?, ()))
    }
}

/// Updates as they are: `u`.
pub fn identity() -> Transform {
    Transform::new("identity", Leafwise(|u, _: &Array| u))
}

/// Updates times a number: `c u`.
///
/// ```
/// use cotangent::{optim::scale, prelude::*};
/// let (half, w) = (scale(0.5), array![1.0]);
/// assert_eq!(half.update(array![4.0], half.init(&w), &w).0.item::<f32>(), 2.0);
/// ```
pub fn scale(factor: f64) -> Transform {
    Transform::new("scale", Leafwise(move |u, _: &Array| u * factor))
}

/// The sign of every element: -1, 0 or 1.
pub fn scale_by_sign() -> Transform {
    Transform::new("scale_by_sign", Leafwise(|u: Array, _: &Array| u.sign()))
}

struct BySchedule {
    schedule: Schedule,
    sign: f64,
}

/// How many updates there were.
#[derive(Clone, Pytree)]
struct Steps {
    count: Array,
}

impl Rule for BySchedule {
    type State = Steps;

    fn init(&self, _: &Tree) -> Result<Steps, Error> {
        Ok(Steps { count: Array::scalar(0i32) })
    }

    fn update(&self, updates: Tree, state: Steps, _: &Tree) -> Result<(Tree, Steps), Error> {
        let factor = self.schedule.at(&state.count) * self.sign;
        let updates = updates.map(|u| &u * factor.astype(u.dtype()));
        Ok((updates, Steps { count: next(&state.count) }))
    }
}

/// Updates times what the schedule gives for the number of updates before: `c(n) u`. The state is
/// the count.
pub fn scale_by_schedule(schedule: impl Into<Schedule>) -> Transform {
    let rule = BySchedule { schedule: schedule.into(), sign: 1.0 };
    Transform::new("scale_by_schedule", rule)
}

/// Updates times the negative of a rate: `-r u`, or `-r(n) u` of a schedule. Ends a chain that
/// descends.
pub fn scale_by_learning_rate(rate: impl Into<Schedule>) -> Transform {
    let rate = rate.into();
    match rate.as_constant() {
        Some(rate) => {
            Transform::new("scale_by_learning_rate", Leafwise(move |u, _: &Array| u * -rate))
        }
        None => Transform::new("scale_by_learning_rate", BySchedule { schedule: rate, sign: -1.0 }),
    }
}

/// Adds the parameters in proportion: `u + decay p`, where the mask chooses (everywhere if it is
/// [`Mask::all`]).
///
/// ```
/// use cotangent::optim::{Mask, add_decayed_weights};
/// use cotangent::prelude::*;
/// // Matrices decay, biases do not.
/// let decay = add_decayed_weights(0.1, Mask::new(|_, w| w.ndim() > 1));
/// let p = (array![[10.0]], array![10.0]);
/// let (u, _) = decay.update((array![[0.0]], array![0.0]), decay.init(&p), &p);
/// assert_eq!((u.0.item::<f32>(), u.1.item::<f32>()), (1.0, 0.0));
/// ```
#[doc(alias = "weight_decay")]
pub fn add_decayed_weights(decay: f64, mask: Mask) -> Transform {
    let rule = Leafwise(move |u: Array, p: &Array| u + p * decay);
    super::combine::masked(Transform::new("add_decayed_weights", rule), mask)
}

/// Updates as long as the parameters, leaf by leaf: `u |p| / |u|`, or `u` where either norm is zero
/// (You and others, 2020).
pub fn scale_by_trust_ratio() -> Transform {
    let rule = Leafwise(|u: Array, p: &Array| {
        let (of_u, of_p) = (u.square().sum(), p.square().sum());
        let zero = of_u.eq(0.0).logical_or(of_p.eq(0.0));
        u * (zero.select(1.0, of_p) / zero.select(1.0, of_u)).sqrt()
    });
    Transform::new("scale_by_trust_ratio", rule)
}
