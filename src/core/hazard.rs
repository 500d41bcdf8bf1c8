//! Hazards of equations: failures at run time that no result shows. Primitives state them, and
//! checks read them.
//!
//! Not here: the checks (a transform), whether a trace is made for them (`mode`), and the messages
//! of failures (api).

use super::aval::Aval;
use super::source::Source;
use super::template::Template;
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;

/// A failure that may happen at run time and that no result shows.
#[derive(Clone, Debug)]
pub enum Hazard {
    /// Input `divisor` may be zero.
    Division { divisor: usize },
    /// Input `input` names places: a number, or vectors of numbers along its last axis. Component
    /// `n` should be in `0..=limits[n]`, of an axis of `sizes[n]` entries.
    Index { input: usize, limits: SmallVec<[usize; 4]>, sizes: SmallVec<[usize; 4]> },
    /// The primitive is a check itself: see [`Failures`].
    Failure(Arc<Failures>),
}

/// Owed by primitives with hazards.
pub trait Hazardous {
    /// What can go wrong with inputs of these types.
    fn hazards(&self, inputs: &[Aval]) -> Vec<Hazard>;
}

/// The failures that one check can find. The first input of the check is a code of ints: 0 if there
/// is no failure, else the number of the failure, counted from 1. The other inputs are the
/// arguments of the message, as [`Failures::payload`] tells.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Failures(pub Vec<Failure>);

/// One failure that a check can find.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Failure {
    pub kind: Kind,
    /// The op that failed, or `check`.
    pub op: String,
    pub text: Template,
    /// Types of the arguments of the text, in order. Ints and bools lie in the ints of the payload,
    /// floats in its floats.
    pub args: Vec<Aval>,
    pub at: Source,
}

/// The kind of a check.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    User,
    Nan,
    Index,
    Division,
}

impl Failure {
    /// The number of ints and the number of floats among the arguments of the text.
    pub fn words(&self) -> [usize; 2] {
        let words = |float: bool| {
            let of = self.args.iter().filter(move |a| a.dtype.is_float() == float);
            of.map(Aval::size).sum()
        };
        [words(false), words(true)]
    }
}

impl Failures {
    /// The numbers of ints (i64) and floats (f64) beside the code: the most that any failure needs.
    pub fn payload(&self) -> [usize; 2] {
        let most = |[a, b]: [usize; 2], f: &Failure| {
            let [x, y] = f.words();
            [a.max(x), b.max(y)]
        };
        self.0.iter().fold([0, 0], most)
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}@{}", self.kind, self.at)
    }
}
