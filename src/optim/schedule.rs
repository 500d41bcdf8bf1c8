//! Numbers that change with the step: functions of how many updates there were.
//!
//! Steps are counted from 0 in `i32`; values are computed in f64 and rounded once, to the dtype of
//! what they scale.

use crate::core::array::Array;
use crate::prims::array::literal::Operand;
use cotangent_jit::{DType, Scalar};
use std::fmt;
use std::sync::Arc;

/// The dtype in which scalars that are shared by all leaves are computed.
pub(super) const WIDE: DType = DType::F64;

/// A number of that dtype, which stands in jaxprs as itself.
pub(super) fn number(x: f64) -> Array {
    Array::strong_literal(Scalar::from(x))
}

/// A function of the step. Numbers, arrays and closures become one: `sgd(0.1)`, `sgd(&rate)`,
/// `sgd(cosine(0.1, 0.0, 100))`, `sgd(|step: &Array| 0.1 / (step.astype(DType::F32) + 1.0))`.
///
/// ```
/// use cotangent::optim::schedule::linear;
/// assert_eq!(linear(1.0, 0.0, 4).at_step(1), 0.75);
/// ```
#[doc(alias = "LambdaLR")]
#[derive(Clone)]
pub struct Schedule(Form);

#[derive(Clone)]
enum Form {
    Number(f64),
    Function(Arc<dyn Fn(&Array) -> Array + Send + Sync>),
}

impl Schedule {
    /// The value at this step, an array of one int (or of many, for a picture).
    #[track_caller]
    pub fn at(&self, step: impl Operand) -> Array {
        match &self.0 {
            Form::Number(x) => number(*x),
            Form::Function(f) => f(&step.to_array()),
        }
    }

    /// The value at this step as a number.
    #[track_caller]
    pub fn at_step(&self, step: i32) -> f64 {
        self.at(step).to_f64()
    }

    /// The schedule begun `steps` later: its first value until then.
    pub fn after(self, steps: i32) -> Schedule {
        if self.as_constant().is_some() {
            return self;
        }
        Schedule::from(move |step: &Array| self.at((step - steps).maximum(0)))
    }

    pub(super) fn as_constant(&self) -> Option<f64> {
        if let Form::Number(x) = self.0 { Some(x) } else { None }
    }
}

impl fmt::Debug for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Form::Number(x) => write!(f, "Schedule({x:?})"),
            Form::Function(_) => f.write_str("Schedule(a function of the step)"),
        }
    }
}

impl From<f64> for Schedule {
    fn from(value: f64) -> Schedule {
        Schedule(Form::Number(value))
    }
}

impl From<f32> for Schedule {
    fn from(value: f32) -> Schedule {
        Schedule::from(f64::from(value))
    }
}

/// The same at every step.
impl From<Array> for Schedule {
    fn from(value: Array) -> Schedule {
        Schedule::from(move |_: &Array| value.clone())
    }
}

/// The same at every step.
impl From<&Array> for Schedule {
    fn from(value: &Array) -> Schedule {
        Schedule::from(value.clone())
    }
}

impl<F: Fn(&Array) -> Array + Send + Sync + 'static> From<F> for Schedule {
    fn from(f: F) -> Schedule {
        Schedule(Form::Function(Arc::new(f)))
    }
}

/// The part of `steps` that is over, 0 to 1; 1 if there are none.
fn part(step: &Array, steps: i32) -> Array {
    match steps {
        ..=0 => number(1f64),
        _ => step.clip(0, steps).astype(WIDE) / steps as f64,
    }
}

/// The same at every step.
#[doc(alias = "constant_schedule")]
pub fn constant(value: f64) -> Schedule {
    Schedule::from(value)
}

/// From one value to another in equal steps, then the other: `from + (to - from) n / steps`.
#[doc(alias("linear_schedule", "LinearLR"))]
pub fn linear(from: f64, to: f64, steps: i32) -> Schedule {
    polynomial(from, to, 1.0, steps)
}

/// From one value to another along a power: `to + (from - to) (1 - n / steps)^power`, then `to`.
#[doc(alias("polynomial_schedule", "PolynomialLR"))]
pub fn polynomial(from: f64, to: f64, power: f64, steps: i32) -> Schedule {
    Schedule::from(move |step: &Array| {
        let left = 1.0 - part(step, steps);
        let left = if power == 1.0 { left } else { left.pow(power) };
        left * (from - to) + to
    })
}

/// A factor of `rate` every `steps` steps: `from rate^(n / steps)`.
#[doc(alias("exponential_decay", "ExponentialLR"))]
pub fn exponential(from: f64, rate: f64, steps: i32) -> Schedule {
    Schedule::from(move |step: &Array| {
        let power = step.maximum(0).astype(WIDE) / steps as f64;
        number(rate).pow(power) * from
    })
}

/// As [`exponential`], in jumps: a factor of `rate` after each `steps` steps.
#[doc(alias = "StepLR")]
pub fn staircase(from: f64, rate: f64, steps: i32) -> Schedule {
    Schedule::from(move |step: &Array| {
        let power = (step.maximum(0).astype(WIDE) / steps as f64).floor();
        number(rate).pow(power) * from
    })
}

/// From one value to another along half a cosine: `to + (from - to) (1 + cos(π n / steps)) / 2`,
/// then `to`.
#[doc(alias("cosine_decay_schedule", "CosineAnnealingLR"))]
pub fn cosine(from: f64, to: f64, steps: i32) -> Schedule {
    Schedule::from(move |step: &Array| {
        let wave = (part(step, steps) * std::f64::consts::PI).cos();
        (wave + 1.0) * (0.5 * (from - to)) + to
    })
}

/// [`linear`] from `start` to `peak` in `warmup` steps, then [`cosine`] to `end`, which is reached
/// at step `steps`.
#[doc(alias = "warmup_cosine_decay_schedule")]
pub fn warmup_cosine(start: f64, peak: f64, warmup: i32, steps: i32, end: f64) -> Schedule {
    join([linear(start, peak, warmup), cosine(peak, end, steps - warmup)], [warmup])
}

/// A value that is multiplied by a factor when the step reaches each of these.
///
/// ```
/// use cotangent::optim::schedule::piecewise;
/// let rate = piecewise(1.0, [(10, 0.5), (20, 0.1)]);
/// assert_eq!([9, 10, 20].map(|n| rate.at_step(n)), [1.0, 0.5, 0.05]);
/// ```
#[doc(alias("piecewise_constant_schedule", "MultiStepLR"))]
pub fn piecewise(value: f64, factors: impl IntoIterator<Item = (i32, f64)>) -> Schedule {
    let factors: Vec<(i32, f64)> = factors.into_iter().collect();
    Schedule::from(move |step: &Array| {
        let start = number(value);
        let times = |x: Array, (at, factor): &(i32, f64)| step.ge(*at).select(&x * *factor, &x);
        factors.iter().fold(start, times)
    })
}

/// Each schedule from its boundary on, counting steps from there; the first from 0. Panics unless
/// there is one boundary less than schedules.
#[doc(alias("join_schedules", "SequentialLR"))]
#[track_caller]
pub fn join(
    schedules: impl IntoIterator<Item = Schedule>,
    boundaries: impl IntoIterator<Item = i32>,
) -> Schedule {
    let schedules: Vec<Schedule> = schedules.into_iter().collect();
    let boundaries: Vec<i32> = boundaries.into_iter().collect();
    let (all, between) = (schedules.len(), boundaries.len());
    assert!(
        all == between + 1,
        "join: expected one boundary less than schedules, got {between} and {all}"
    );
    Schedule::from(move |step: &Array| {
        let first = schedules[0].at(step).astype(WIDE);
        let rest = boundaries.iter().zip(&schedules[1..]);
        rest.fold(first, |before, (at, s)| {
            step.lt(*at).select(before, s.at(&(step - *at)).astype(WIDE))
        })
    })
}
