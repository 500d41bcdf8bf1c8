//! Kernels and programs as text, for golden files, `lower` and the verifier's messages. One line per node, store, loop,
//! slot and step. What does not live here: parsing; this text is for reading only.
//!
//! ```text
//! kernel axpy(a: f32[8] read, b: f32[8] write) {
//!   for i0 < 8 parallel
//!   v0:f32 = load a[i0]
//!   v1:f32 = 2.0
//!   v2:f32 = mul v0 v1
//!   store b[i0] = v2
//! }
//! ```

use crate::DType;
use crate::affine::Affine;
use crate::kernel::{BufferId, Kernel, Loop, Mode, Node, Reduction, Store};
use crate::op::ScalarOp;
use crate::program::{Program, Routine, Slot, SlotId, SlotKind, Step, View};
use std::fmt::{self, Write};

/// A line of a kernel's text that a message can point at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    Head,
    Loop(usize),
    Node(usize),
    Store(usize),
    Reduction(usize),
}

impl Kernel {
    /// The lines between the braces, in order.
    pub fn lines(&self) -> impl Iterator<Item = Line> {
        let loops = (0..self.loops.len()).map(Line::Loop);
        let nodes = (0..self.nodes.len()).map(Line::Node);
        let stores = (0..self.stores.len()).map(Line::Store);
        let reductions = (0..self.reductions.len()).map(Line::Reduction);
        loops.chain(nodes).chain(stores).chain(reductions)
    }

    /// The text of a line. `types` are those of the nodes, as far as they are known.
    pub fn line(&self, line: Line, types: &[DType]) -> String {
        match line {
            Line::Head => self.head(),
            Line::Loop(n) => {
                let Loop { extent, mode } = self.loops[n];
                let mode = match mode {
                    Mode::Parallel => "parallel",
                    Mode::Reduce => "reduce",
                    Mode::Sequential => "sequential",
                };
                format!("for i{n} < {extent} {mode}")
            }
            Line::Node(n) => {
                let dtype = types.get(n).map(|d| format!(":{d}")).unwrap_or_default();
                format!("v{n}{dtype} = {}", node_text(&self.nodes[n]))
            }
            Line::Store(n) => {
                let Store { buffer, at, offset, combine, value } = &self.stores[n];
                let offset = offset.map(|v| format!(" + v{}", v.0)).unwrap_or_default();
                let combine = combine.map(|c| format!(" {}", c.name())).unwrap_or_default();
                format!("store {}[{at}{offset}]{combine} = v{}", letters(*buffer), value.0)
            }
            Line::Reduction(n) => {
                let Reduction { buffer, at, combine, accumulator, value } = &self.reductions[n];
                let (to, fold) = (letters(*buffer), combine.name());
                format!("reduce {to}[{at}] = {fold} in {accumulator} of v{}", value.0)
            }
        }
    }

    fn head(&self) -> String {
        let mut text = format!("kernel {}(", self.name);
        for (n, b) in self.buffers.iter().enumerate() {
            let id = BufferId(n as u32);
            let comma = if n == 0 { "" } else { ", " };
            let access = match (self.reads(id), self.writes(id)) {
                (true, true) => " read write",
                (true, false) => " read",
                (false, true) => " write",
                (false, false) => "",
            };
            let _ = write!(text, "{comma}{}: {}[{}]{access}", letters(id), b.dtype, b.len);
        }
        text + ") {"
    }
}

/// The definition of a node, without its name.
fn node_text(node: &Node) -> String {
    match node {
        Node::Constant(value) => value.to_string(),
        Node::Counter(n) => format!("i{n}"),
        Node::Gather { buffer, at } => format!("gather {}[v{}]", letters(*buffer), at.0),
        Node::Load { buffer, at, guard, fill } => {
            let mut text = format!("load {}[{at}]", letters(*buffer));
            for (n, r) in guard.iter().enumerate() {
                let word = if n == 0 { "where" } else { "and" };
                let _ = write!(text, " {word} {} <= {} < {}", r.low, r.at, r.high);
            }
            if !guard.is_empty() {
                let _ = write!(text, " else {fill}");
            }
            text
        }
        Node::Op { op, args } => {
            let mut text = op.name().to_string();
            if let ScalarOp::Convert(to) | ScalarOp::Bitcast(to) = op {
                let _ = write!(text, " {to}");
            }
            for a in args {
                let _ = write!(text, " v{}", a.0);
            }
            text
        }
    }
}

/// `a`, ..., `z`, `aa`, `ab`, ...
fn letters(id: BufferId) -> String {
    let mut n = id.0 as usize;
    let mut text = Vec::new();
    loop {
        text.push((b'a' + (n % 26) as u8) as char);
        if n < 26 {
            break;
        }
        n = n / 26 - 1;
    }
    text.iter().rev().collect()
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let types = self.node_types().unwrap_or_default();
        writeln!(f, "{}", self.line(Line::Head, &types))?;
        for line in self.lines() {
            writeln!(f, "  {}", self.line(line, &types))?;
        }
        f.write_char('}')
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

    /// The first line of a step; what it contains follows in [`Display`](fmt::Display).
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

    /// `depth` is that of the indentation, `counter` the number of enclosing loops.
    fn steps(
        &self,
        f: &mut fmt::Formatter<'_>,
        steps: &[Step],
        depth: usize,
        counter: usize,
    ) -> fmt::Result {
        let pad = "  ".repeat(depth);
        for step in steps {
            write!(f, "{pad}{}", self.step_line(step))?;
            match step {
                Step::Launch { .. } | Step::Routine { .. } | Step::Copy { .. } => {}
                Step::Loop { body, .. } => {
                    writeln!(f, ", counting i{counter} {{")?;
                    self.steps(f, body, depth + 1, counter + 1)?;
                    write!(f, "{pad}}}")?;
                }
                Step::While { test, body, .. } => {
                    writeln!(f, ", counting i{counter}, after {{")?;
                    self.steps(f, test, depth + 1, counter + 1)?;
                    writeln!(f, "{pad}}} do {{")?;
                    self.steps(f, body, depth + 1, counter + 1)?;
                    write!(f, "{pad}}}")?;
                }
                Step::Branch { arms, .. } => {
                    for (n, arm) in arms.iter().enumerate() {
                        let open = if n == 0 { format!(" {{ {n}:") } else { format!("{pad}{n}:") };
                        writeln!(f, "{open}")?;
                        self.steps(f, arm, depth + 1, counter)?;
                    }
                    write!(f, "{pad}}}")?;
                }
            }
            writeln!(f)?;
        }
        Ok(())
    }
}

fn routine_text(routine: &Routine) -> String {
    match routine {
        Routine::Dot { dtype, batch, m, n, k, lhs, rhs } => {
            format!("dot {dtype} b={batch} m={m} n={n} k={k} lhs={lhs:?} rhs={rhs:?}")
        }
        Routine::Sort { dtypes, keys, outer, len, inner } => {
            format!(
                "sort {:?} keys={keys} outer={outer} len={len} inner={inner}",
                dtypes.as_slice()
            )
        }
    }
}

impl fmt::Display for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "program {} on {} {{", self.name, self.place)?;
        for (n, Slot { dtype, len, kind }) in self.slots.iter().enumerate() {
            let name = self.slot_name(SlotId(n as u32));
            write!(f, "  {name}: {dtype}[{len}]")?;
            match kind {
                SlotKind::Temp { arena_offset } if self.arena > 0 => {
                    writeln!(f, " at byte {arena_offset}")?
                }
                _ => writeln!(f)?,
            }
        }
        if self.arena > 0 {
            writeln!(f, "  arena of {} bytes", self.arena)?;
        }
        for (output, input) in &self.donations {
            writeln!(f, "  out{output} may take the memory of in{input}")?;
        }
        self.steps(f, &self.steps, 1, 0)?;
        f.write_char('}')?;
        for (n, kernel) in self.kernels.iter().enumerate() {
            write!(f, "\nk{n}: {kernel}")?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Scalar;
    use crate::build::KernelBuilder;
    use crate::kernel::{Combine, Range};
    use crate::program::{KernelId, Placement};
    use smallvec::smallvec;

    fn kernel() -> Kernel {
        let rows = Loop { extent: 4, mode: Mode::Parallel };
        let columns = Loop { extent: 3, mode: Mode::Reduce };
        let mut b = KernelBuilder::new("rows", [rows, columns]);
        let (x, y) = (b.buffer(DType::F32, 12), b.buffer(DType::F32, 4));
        let at = Affine::new(-1, [3, 1]);
        let guard = Range { at: Affine::counter(1), low: 1, high: 3 };
        let v = b.load_guarded(x, at, [guard], Scalar::from(0f32));
        let half = b.constant(Scalar::from(0.5f32));
        let v = b.op(ScalarOp::Mul, &[v, half]);
        let v = b.op(ScalarOp::Exp, &[v]);
        b.reduce(y, Affine::counter(0), Combine::Sum, v);
        b.finish()
    }

    #[test]
    fn kernels_read_as_loops() {
        let expected = "\
kernel rows(a: f32[12] read, b: f32[4] write) {
  for i0 < 4 parallel
  for i1 < 3 reduce
  v0:f32 = load a[3*i0 + i1 - 1] where 1 <= i1 < 3 else 0.0
  v1:f32 = 0.5
  v2:f32 = mul v0 v1
  v3:f32 = exp v2
  reduce b[i0] = sum in f64 of v3
}";
        assert_eq!(kernel().to_string(), expected);
    }

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
    branch on in1 { 0:
      copy t2 to out0 len 4
    1:
    }
  }
  copy t2 to out0 len 4
}
k0: kernel rows";
        assert!(program.to_string().starts_with(expected), "{program}");
    }

    #[test]
    fn buffers_have_letters() {
        let names: Vec<String> = [0, 25, 26, 51, 52, 702].map(|n| letters(BufferId(n))).into();
        assert_eq!(names, ["a", "z", "aa", "az", "ba", "aaa"]);
    }
}
