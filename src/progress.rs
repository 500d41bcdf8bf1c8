//! How far a loop has come, told while it runs.

use std::io::{IsTerminal, Write, stdout};
use std::time::{Duration, Instant};

/// How many lines a loop prints where a line cannot be replaced: in notebooks, files and pipes.
const LINES: u64 = 10;
/// The least time between two texts in a terminal.
const PAUSE: Duration = Duration::from_millis(100);

/// Tells on standard output how far a loop has come.
///
/// In a terminal the text stays in one line. Elsewhere, as in an evcxr notebook, whose kernel sends
/// whole lines only, at most ten lines are printed in all.
///
/// ```
/// use cotangent::prelude::*;
/// use cotangent::progress::Progress;
/// let step = jit(|x: Array| &x - 0.1 * grad(|x: Array| x.square())(x.clone()));
/// let mut x = Array::from(3.0);
/// let mut progress = Progress::new("descent", 50);
/// for _ in 0..50 {
///     x = step(x);
///     progress.advance(|| format!("x = {x:.4}"));
/// }
/// assert_eq!(progress.done(), 50);
/// ```
pub struct Progress {
    name: String,
    rounds: u64,
    done: u64,
    started: Instant,
    /// When a text was last printed, and whether it can be replaced.
    printed: Option<Instant>,
    terminal: bool,
}

impl Progress {
    /// Of a loop of so many rounds.
    pub fn new(name: &str, rounds: u64) -> Progress {
        let terminal = stdout().is_terminal();
        let started = Instant::now();
        Progress { name: name.to_owned(), rounds, done: 0, started, printed: None, terminal }
    }

    /// Counts a round. The closure gives the text beside the count; it is called only when it is
    /// printed, so that a loss need not be waited for in every round.
    pub fn advance(&mut self, text: impl FnOnce() -> String) {
        self.done += 1;
        if !self.is_due() {
            return;
        }
        let line = self.line(&text());
        self.printed = Some(Instant::now());
        // A closed pipe is no reason to end the loop.
        let _ = match self.terminal {
            true if self.done < self.rounds => write!(stdout(), "\r{line}\x1b[K"),
            true => writeln!(stdout(), "\r{line}\x1b[K"),
            false => writeln!(stdout(), "{line}"),
        };
        let _ = stdout().flush();
    }

    /// The rounds so far.
    pub fn done(&self) -> u64 {
        self.done
    }

    fn is_due(&self) -> bool {
        if self.done >= self.rounds {
            return self.done == self.rounds;
        }
        match self.terminal {
            true => self.printed.is_none_or(|at| at.elapsed() >= PAUSE),
            // In the round in which another tenth is full.
            false => {
                let tenths = |done: u64| (done as u128 * LINES as u128) / self.rounds as u128;
                tenths(self.done) > tenths(self.done - 1)
            }
        }
    }

    fn line(&self, text: &str) -> String {
        let Progress { name, done, rounds, .. } = self;
        let width = rounds.to_string().len();
        let mut line = format!("{name} {done:width$}/{rounds}  {text}");
        if self.terminal {
            line.push_str(&format!("  {:.1} s", self.started.elapsed().as_secs_f64()));
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn due(rounds: u64) -> Vec<u64> {
        let mut progress = Progress { terminal: false, ..Progress::new("p", rounds) };
        let mut due = Vec::new();
        for round in 1..=rounds + 2 {
            progress.done = round;
            if progress.is_due() {
                due.push(round);
            }
        }
        due
    }

    #[test]
    fn a_notebook_gets_ten_lines() {
        assert_eq!(due(3), [1, 2, 3]);
        assert_eq!(due(25), [3, 5, 8, 10, 13, 15, 18, 20, 23, 25]);
        assert_eq!(due(1000).len(), 10);
        assert!(due(0).is_empty());
    }

    #[test]
    fn lines_are_aligned_and_equal_in_every_run() {
        let mut progress = Progress { terminal: false, ..Progress::new("fit", 100) };
        progress.done = 7;
        assert_eq!(progress.line("loss 0.5"), "fit   7/100  loss 0.5");
    }
}
