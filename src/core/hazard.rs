//! What can go wrong in an equation without anybody noticing: facts that primitives state, for checks to look at.
//!
//! Not here: the checks (a transform), and how what they found is told (api).

use super::aval::Aval;
use super::scoped;
use super::source::Source;
use super::template::Template;
use smallvec::SmallVec;
use std::cell::Cell;
use std::fmt;
use std::sync::Arc;

/// Something that may happen at run time and that no result shows.
#[derive(Clone, Debug)]
pub enum Hazard {
    /// Input `divisor` may be zero.
    Division { divisor: usize },
    /// Input `input` names places: a number, or vectors of numbers along its last axis. Component `n` should be in
    /// `0..=limits[n]`, of an axis of `sizes[n]` entries.
    Index { input: usize, limits: SmallVec<[usize; 4]>, sizes: SmallVec<[usize; 4]> },
    /// The primitive is a check itself: see [`Failures`].
    Failure(Arc<Failures>),
}

thread_local! {
    static CHECKED: Cell<bool> = const { Cell::new(false) };
}

/// Whether what is traced now will be looked through for hazards. Then what would compute something and throw it away,
/// as a branch does in the lanes that do not take it, must not compute it. Part of the key of whatever remembers traces.
pub fn is_checked() -> bool {
    CHECKED.get()
}

/// Runs `f` with traces made for checks, or not.
pub fn checked<R>(checked: bool, f: impl FnOnce() -> R) -> R {
    scoped::with(&CHECKED, checked, f)
}

/// What a check can find. Its inputs: a code of ints, which is 0 if all is well and else the number (from 1) of what
/// failed; then what the message speaks of, as [`Failures::payload`] says.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Failures(pub Vec<Failure>);

/// One thing that a check can find.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Failure {
    pub kind: Kind,
    /// The op that failed, or `check`.
    pub op: String,
    pub text: Template,
    /// Types of what the text speaks of, in order. Ints and bools lie in the ints of the payload, floats in its floats.
    pub args: Vec<Aval>,
    pub at: Source,
}

/// Whose check it is.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Kind {
    User,
    Nan,
    Index,
    Division,
}

impl Failure {
    /// How many ints and how many floats the text speaks of.
    pub fn words(&self) -> [usize; 2] {
        let words = |float: bool| {
            let of = self.args.iter().filter(move |a| a.dtype.is_float() == float);
            of.map(Aval::size).sum()
        };
        [words(false), words(true)]
    }
}

impl Failures {
    /// The ints (i64) and floats (f64) beside the code: as many as the most talkative failure needs.
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
