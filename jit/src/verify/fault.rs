//! A fault is a broken invariant: its number, where it is broken and how. The error that a user
//! reads is made here.
//!
//! The invariants themselves do not live here: kernels state theirs in [`kernel`](crate::kernel),
//! programs in [`program`](crate::program).

use crate::{Error, err};

/// The number of lines that an error shows before and after the line that breaks the invariant.
const CONTEXT: usize = 8;

/// A broken invariant. `At` names a line of a listing: [`Line`](crate::print::Line) in kernels,
/// [`Mark`](crate::print::Mark) in programs.
pub(super) struct Fault<At> {
    /// The number of the invariant, counted from 1.
    pub invariant: usize,
    pub at: At,
    pub how: String,
}

pub(super) fn fault<At>(invariant: usize, at: At, how: impl Into<String>) -> Fault<At> {
    Fault { invariant, at, how: how.into() }
}

impl<At> Fault<At> {
    /// The verifier's error. `subject` is the kernel or program with its name. `lines` are the
    /// lines of its listing, each with whether it is at fault, and `text` prints one of them.
    pub fn error<T>(
        &self,
        subject: &str,
        invariants: &[&str],
        lines: impl Iterator<Item = (bool, T)>,
        text: impl Fn(T) -> String,
    ) -> Error {
        let Fault { invariant, how, .. } = self;
        let meaning = invariants[invariant - 1];
        let shown = excerpt(lines, text);
        err!(Verify, "{subject} breaks invariant {invariant}, {meaning}: {how}\n{shown}")
    }
}

/// The first line and the lines around the marked one, which gets a `>`.
fn excerpt<T>(lines: impl Iterator<Item = (bool, T)>, text: impl Fn(T) -> String) -> String {
    let lines: Vec<(bool, T)> = lines.collect();
    let marked = lines.iter().position(|(m, _)| *m).unwrap_or(0);
    let mut shown = String::new();
    for (n, (mark, line)) in lines.into_iter().enumerate() {
        if n == 0 || n.abs_diff(marked) <= CONTEXT {
            let sign = if mark { '>' } else { ' ' };
            shown.push_str(&format!("{sign} {}\n", text(line)));
        } else if n.abs_diff(marked) == CONTEXT + 1 {
            shown.push_str("  ...\n");
        }
    }
    shown
}
