//! Kernels as text: a head, then one line per loop, node, store and reduction, and one for the
//! order of combination, unless that is one point after the other.

use crate::DType;
use crate::kernel::{BufferId, Cut, Kernel, Loop, Mode, Node, Order, Reduction, Store};
use crate::op::ScalarOp;
use std::fmt::{self, Write};

/// A line of a kernel's text that a message can point at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Line {
    Head,
    Loop(usize),
    Node(usize),
    Store(usize),
    Reduction(usize),
    Order,
    Condition,
}

impl Kernel {
    /// The lines between the braces, in order.
    pub fn lines(&self) -> impl Iterator<Item = Line> {
        let loops = (0..self.loops.len()).map(Line::Loop);
        let nodes = (0..self.nodes.len()).map(Line::Node);
        let stores = (0..self.stores.len()).map(Line::Store);
        let reductions = (0..self.reductions.len()).map(Line::Reduction);
        let order = (self.order != Order::SEQUENTIAL).then_some(Line::Order);
        let condition = self.condition.map(|_| Line::Condition);
        loops.chain(nodes).chain(stores).chain(reductions).chain(order).chain(condition)
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
            Line::Order => match self.order {
                Order { lanes: 1, cut: None } => "fold in order".to_string(),
                Order { lanes, cut: None } => format!("fold in {lanes} lanes"),
                Order { lanes, cut: Some(Cut { of, length }) } => {
                    let lanes =
                        if lanes == 1 { String::new() } else { format!("in {lanes} lanes, ") };
                    format!("fold {lanes}i{of} by chunks of {length}")
                }
            },
            Line::Condition => match self.condition {
                Some(holds) => format!("goes on while v{}", holds.0),
                None => String::new(),
            },
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

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::Scalar;
    use crate::affine::Affine;
    use crate::build::KernelBuilder;
    use crate::kernel::{Combine, Range};

    pub(in crate::print) fn kernel() -> Kernel {
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
    fn orders_are_printed_unless_they_are_sequential() {
        let with = |lanes, cut| {
            let kernel = Kernel { order: Order { lanes, cut }, ..kernel() };
            kernel.to_string().lines().rev().nth(1).unwrap().trim().to_string()
        };
        let cut = Some(Cut { of: 1, length: 64 });
        assert_eq!(with(1, None), "reduce b[i0] = sum in f64 of v3");
        assert_eq!(with(8, None), "fold in 8 lanes");
        assert_eq!(with(1, cut), "fold i1 by chunks of 64");
        assert_eq!(with(8, cut), "fold in 8 lanes, i1 by chunks of 64");
    }

    #[test]
    fn buffers_have_letters() {
        let names: Vec<String> = [0, 25, 26, 51, 52, 702].map(|n| letters(BufferId(n))).into();
        assert_eq!(names, ["a", "z", "aa", "az", "ba", "aaa"]);
    }
}
