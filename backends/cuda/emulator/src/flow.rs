//! Where the lanes that a branch parts meet again: its immediate post-dominator.
//!
//! The assembler inserts its reconvergence points at the same places. A warp follows them with a
//! stack, so that a slow path written behind the end of an entry still joins before the barrier
//! that it jumps back to; executing the lanes with the least position first would not do that.

use crate::instruction::{Instruction, Op};

/// The position that each instruction's lanes meet at; the number of instructions is the exit.
pub fn meetings(code: &[Instruction]) -> Vec<usize> {
    let blocks = Blocks::of(code);
    let parents = blocks.post_dominators();
    let mut meet = vec![code.len(); code.len()];
    for (n, start) in blocks.starts.iter().enumerate() {
        let end = blocks.starts.get(n + 1).copied().unwrap_or(code.len());
        let parent = parents[n];
        let position = blocks.starts.get(parent).copied().unwrap_or(code.len());
        meet[*start..end].fill(position);
    }
    meet
}

/// Straight runs of instructions. The number of runs stands for the exit.
struct Blocks {
    starts: Vec<usize>,
    next: Vec<Vec<usize>>,
}

impl Blocks {
    fn of(code: &[Instruction]) -> Blocks {
        let mut leads = vec![false; code.len() + 1];
        if let Some(first) = leads.first_mut() {
            *first = true;
        }
        for (n, instruction) in code.iter().enumerate() {
            if let Op::Branch { target, .. } = instruction.op {
                leads[target] = true;
            }
            leads[n + 1] |= matches!(instruction.op, Op::Branch { .. } | Op::Exit);
        }
        let starts: Vec<usize> = (0..code.len()).filter(|n| leads[*n]).collect();
        let exit = starts.len();
        let block_at = |position: usize| starts.binary_search(&position).unwrap_or(exit);
        let next = (0..starts.len()).map(|n| {
            let end = starts.get(n + 1).copied().unwrap_or(code.len());
            let after = block_at(end);
            let last = &code[end - 1];
            let falls = last.guard.is_some().then_some(after);
            match last.op {
                Op::Branch { target, .. } => falls.into_iter().chain([block_at(target)]).collect(),
                Op::Exit => falls.into_iter().chain([exit]).collect(),
                _ => vec![after],
            }
        });
        let next = next.collect();
        Blocks { starts, next }
    }

    /// The immediate post-dominator of each block, by the method of Cooper, Harvey and Kennedy on
    /// the reversed graph. A block that reaches no exit has the exit.
    fn post_dominators(&self) -> Vec<usize> {
        let exit = self.starts.len();
        let order = self.order();
        let mut rank = vec![usize::MAX; exit + 1];
        order.iter().enumerate().for_each(|(n, block)| rank[*block] = n);
        let mut parent = vec![usize::MAX; exit + 1];
        parent[exit] = exit;
        let mut changed = true;
        while changed {
            changed = false;
            for block in order.iter().copied().filter(|b| *b != exit) {
                let known = self.next[block].iter().copied().filter(|n| parent[*n] != usize::MAX);
                let found = known.reduce(|a, b| common(&parent, &rank, a, b));
                if let Some(found) = found.filter(|f| parent[block] != *f) {
                    parent[block] = found;
                    changed = true;
                }
            }
        }
        parent.into_iter().take(exit).map(|p| p.min(exit)).collect()
    }

    /// The blocks that reach the exit, in reverse postorder of the reversed graph.
    fn order(&self) -> Vec<usize> {
        let exit = self.starts.len();
        let mut before = vec![Vec::new(); exit + 1];
        for (block, next) in self.next.iter().enumerate() {
            next.iter().for_each(|n| before[*n].push(block));
        }
        let (mut seen, mut order) = (vec![false; exit + 1], Vec::new());
        let mut open = vec![(exit, 0)];
        seen[exit] = true;
        while let Some((block, at)) = open.pop() {
            match before[block].get(at) {
                Some(next) => {
                    open.push((block, at + 1));
                    if !std::mem::replace(&mut seen[*next], true) {
                        open.push((*next, 0));
                    }
                }
                None => order.push(block),
            }
        }
        order.reverse();
        order
    }
}

/// The nearest block that both come to.
fn common(parent: &[usize], rank: &[usize], mut a: usize, mut b: usize) -> usize {
    while a != b {
        if rank[a] > rank[b] {
            a = parent[a];
        } else {
            b = parent[b];
        }
    }
    a
}
