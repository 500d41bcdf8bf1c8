//! Programs as text: slots, donations, steps indented by what encloses them, then the kernels.

use crate::affine::Affine;
use crate::program::{Precision, Program, Routine, Slot, SlotId, SlotKind, Step, View};
use std::fmt;

/// The subject of a line of a program's text, so that a message can point at the line.
#[derive(Clone, Copy, Debug)]
pub enum Mark<'a> {
    Head,
    Slot(SlotId),
    Donation(usize),
    /// The line on which this step, of this program, begins.
    Step(&'a Step),
    /// Anything else.
    Rest,
}

/// Two marks are equal if they mark the same line. Steps are compared by identity.
impl PartialEq for Mark<'_> {
    fn eq(&self, other: &Self) -> bool {
        match (self, other) {
            (Mark::Head, Mark::Head) => true,
            (Mark::Slot(a), Mark::Slot(b)) => a == b,
            (Mark::Donation(a), Mark::Donation(b)) => a == b,
            (Mark::Step(a), Mark::Step(b)) => std::ptr::eq(*a, *b),
            _ => false,
        }
    }
}

impl Program {
    /// `in0`, `out1`, `t2`: temporaries by their number among all slots.
    pub fn slot_name(&self, id: SlotId) -> String {
        match self.slots.get(id.0 as usize).map(|s| s.kind) {
            Some(SlotKind::Input(n)) => format!("in{n}"),
            Some(SlotKind::Output(n)) => format!("out{n}"),
            Some(SlotKind::Temp { .. }) | None => format!("t{}", id.0),
        }
    }

    /// `in0`, or `t2[4*i0 + 1]`.
    pub fn view_text(&self, view: &View) -> String {
        let name = self.slot_name(view.slot);
        if view.at == Affine::default() { name } else { format!("{name}[{}]", view.at) }
    }

    /// The first line of a step. The steps that it contains follow on lines of their own.
    pub fn step_line(&self, step: &Step) -> String {
        let args = |args: &[View]| {
            let texts: Vec<String> = args.iter().map(|v| self.view_text(v)).collect();
            texts.join(", ")
        };
        match step {
            Step::Launch { kernel, args: views } => {
                let name = self.kernels.get(kernel.0 as usize).map_or("?", |k| k.name.as_str());
                format!("launch k{} {name}({})", kernel.0, args(views))
            }
            Step::Routine { routine, args: views } => {
                format!("{}({})", routine_text(routine), args(views))
            }
            Step::Host { call, args: views } => {
                let (from, to) = views.split_at(call.args.len().min(views.len()));
                format!("host @{}({}) to ({})", call.name, args(from), args(to))
            }
            Step::Copy { from, to, len } => {
                format!("copy {} to {} len {len}", self.view_text(from), self.view_text(to))
            }
            Step::Loop { trips, .. } => format!("loop {trips} times"),
            Step::While { holds, limit, .. } => {
                let limit = limit.map(|n| format!(" at most {n} times")).unwrap_or_default();
                format!("while {}{limit}", self.view_text(holds))
            }
            Step::Branch { index, .. } => format!("branch on {}", self.view_text(index)),
        }
    }

    /// The whole text except for the kernels, line by line.
    pub fn lines(&self) -> Vec<(Mark<'_>, String)> {
        let head = format!("program {} on {} {{", self.name, self.place);
        let mut lines = vec![(Mark::Head, head)];
        for (n, Slot { dtype, len, kind }) in self.slots.iter().enumerate() {
            let id = SlotId(n as u32);
            let place = match kind {
                SlotKind::Temp { arena_offset } if self.arena > 0 => {
                    format!(" at byte {arena_offset}")
                }
                _ => String::new(),
            };
            let name = self.slot_name(id);
            lines.push((Mark::Slot(id), format!("  {name}: {dtype}[{len}]{place}")));
        }
        if self.arena > 0 {
            lines.push((Mark::Rest, format!("  arena of {} bytes", self.arena)));
        }
        for (n, (output, input)) in self.donations.iter().enumerate() {
            let text = format!("  out{output} may take the memory of in{input}");
            lines.push((Mark::Donation(n), text));
        }
        self.steps(&mut lines, &self.steps, 1, 0);
        lines.push((Mark::Rest, "}".into()));
        lines
    }

    /// `depth` is that of the indentation, `counter` the number of enclosing loops.
    fn steps<'a>(
        &'a self,
        lines: &mut Vec<(Mark<'a>, String)>,
        steps: &'a [Step],
        depth: usize,
        counter: usize,
    ) {
        let pad = "  ".repeat(depth);
        for step in steps {
            let open = match step {
                Step::Launch { .. }
                | Step::Routine { .. }
                | Step::Host { .. }
                | Step::Copy { .. } => String::new(),
                Step::Loop { .. } => format!(", counting i{counter} {{"),
                Step::While { .. } => format!(", counting i{counter}, after {{"),
                Step::Branch { .. } => " {".into(),
            };
            lines.push((Mark::Step(step), format!("{pad}{}{open}", self.step_line(step))));
            match step {
                Step::Launch { .. }
                | Step::Routine { .. }
                | Step::Host { .. }
                | Step::Copy { .. } => continue,
                Step::Loop { body, .. } => self.steps(lines, body, depth + 1, counter + 1),
                Step::While { test, body, .. } => {
                    self.steps(lines, test, depth + 1, counter + 1);
                    lines.push((Mark::Rest, format!("{pad}}} do {{")));
                    self.steps(lines, body, depth + 1, counter + 1);
                }
                Step::Branch { arms, .. } => {
                    for (n, arm) in arms.iter().enumerate() {
                        lines.push((Mark::Rest, format!("{pad}{n}:")));
                        self.steps(lines, arm, depth + 1, counter);
                    }
                }
            }
            lines.push((Mark::Rest, format!("{pad}}}")));
        }
    }
}

fn routine_text(routine: &Routine) -> String {
    match routine {
        Routine::Dot { dtype, batch, m, n, k, lhs, rhs, precision } => {
            let precision = match precision {
                Precision::Full => String::new(),
                other => format!(" precision={}", other.name()),
            };
            format!("dot {dtype} b={batch} m={m} n={n} k={k} lhs={lhs:?} rhs={rhs:?}{precision}")
        }
        Routine::Sort { dtypes, keys, outer, len, inner } => {
            format!(
                "sort {:?} keys={keys} outer={outer} len={len} inner={inner}",
                dtypes.as_slice()
            )
        }
        Routine::TopK { dtype, place, k, outer, len, inner } => {
            format!("top_k {dtype} {place} k={k} outer={outer} len={len} inner={inner}")
        }
        Routine::Cholesky { dtype, paired, batch, n } => {
            format!("cholesky {dtype}{} b={batch} n={n}", pairs(*paired))
        }
        Routine::TriangularSolve { dtype, paired, batch, n, m, triangle: t } => {
            let flags = [
                (t.left, "left"),
                (t.lower, "lower"),
                (t.transpose, "transpose"),
                (t.conjugate, "conjugate"),
                (t.unit, "unit"),
            ];
            let flags: String = flags.iter().filter(|f| f.0).map(|f| format!(" {}", f.1)).collect();
            format!("triangular_solve {dtype}{} b={batch} n={n} m={m}{flags}", pairs(*paired))
        }
    }
}

fn pairs(paired: bool) -> &'static str {
    if paired { " pairs" } else { "" }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.lines().into_iter().map(|(_, line)| line).collect();
        f.write_str(&lines.join("\n"))?;
        for (n, kernel) in self.kernels.iter().enumerate() {
            write!(f, "\nk{n}: {kernel}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DType;
    use crate::print::kernel::tests::kernel;
    use crate::program::{KernelId, Placement};
    use smallvec::smallvec;

    #[test]
    fn programs_read_as_steps() {
        let slot = |dtype, len, kind| Slot { dtype, len, kind };
        let view = |slot: u32| View::whole(SlotId(slot));
        let moving = View { slot: SlotId(0), at: Affine::new(0, [12]) };
        let launch = Step::Launch { kernel: KernelId(0), args: smallvec![moving, view(2)] };
        let copy = Step::Copy { from: view(2), to: view(1), len: 4 };
        let arms = vec![vec![copy.clone()], vec![]];
        let branch = Step::Branch { index: view(3), arms };
        let program = Program {
            name: "step".into(),
            place: Placement { backend: "cpu", ordinal: 0 },
            slots: vec![
                slot(DType::F32, 24, SlotKind::Input(0)),
                slot(DType::F32, 4, SlotKind::Output(0)),
                slot(DType::F32, 4, SlotKind::Temp { arena_offset: 64 }),
                slot(DType::I32, 1, SlotKind::Input(1)),
            ],
            kernels: vec![kernel()],
            steps: vec![Step::Loop { trips: 2, body: vec![launch, branch] }, copy],
            donations: vec![],
            arena: 128,
        };
        let expected = "\
program step on cpu:0 {
  in0: f32[24]
  out0: f32[4]
  t2: f32[4] at byte 64
  in1: i32[1]
  arena of 128 bytes
  loop 2 times, counting i0 {
    launch k0 rows(in0[12*i0], t2)
    branch on in1 {
    0:
      copy t2 to out0 len 4
    1:
    }
  }
  copy t2 to out0 len 4
}
k0: kernel rows";
        assert!(program.to_string().starts_with(expected), "{program}");
    }
}
