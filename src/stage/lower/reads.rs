//! The reads of each root from memory, noted once all equations have their items.
//!
//! Not here: which places follow from the reads (`assign`).

use super::flatten::ValId;
use super::group::grouped::{Alone, BEFORE, Entry, Grouped, Item};
use super::value::{Def, RootId};
use crate::core::lowering::{Base, Lowering};

/// A read of an input of the region by an item.
#[derive(Clone, Copy)]
pub struct Read {
    pub item: i32,
    pub how: How,
}

#[derive(Clone, Copy, PartialEq, Eq)]
pub enum How {
    /// A group reads it at the point that it computes.
    Point,
    /// It is read to start this output from. That is harmless if they share memory.
    Start(RootId),
    /// The arms of a branch read it. They check their own reads.
    Arms,
    Anywhere,
}

/// The reads of one root.
#[derive(Clone, Default)]
pub struct RootReads {
    /// Tells whether the root is needed in memory.
    pub stored: bool,
    /// Number of reads from memory.
    pub users: u32,
    /// The reads, for inputs of the region only.
    pub reads: Vec<Read>,
}

/// The reads of each root.
pub struct Reads {
    roots: Vec<RootReads>,
}

impl Reads {
    pub fn of(grouped: &Grouped) -> Reads {
        let stored = |stored| RootReads { stored, ..RootReads::default() };
        let roots = grouped.roots().iter().map(|r| stored(r.stored)).collect();
        let mut all = Reads { roots };
        let mut reads: Vec<(ValId, usize, How)> = Vec::new();
        for (n, item) in grouped.items().iter().enumerate() {
            match item {
                Item::Group(group) => {
                    for entry in &group.entries {
                        match entry {
                            Entry::Copy { value, .. } => reads.push((*value, n, How::Point)),
                            Entry::Eqn { eqn, .. } => {
                                let eqn = grouped.flat().eqn(*eqn);
                                let how = match eqn.lowering {
                                    Lowering::Indexed(_) => How::Anywhere,
                                    _ => How::Point,
                                };
                                reads.extend(eqn.inputs.iter().map(|v| (*v, n, how)));
                            }
                        }
                    }
                    reads.extend(group.sinks.iter().map(|s| (s.value, n, How::Point)));
                }
                Item::Alone(Alone { eqn, inputs, roots, .. }) => {
                    let lowering = &grouped.flat().eqn(*eqn).lowering;
                    let how = inputs.iter().enumerate().map(|(i, v)| (*v, how(lowering, i, roots)));
                    reads.extend(how.map(|(v, how)| (v, n, how)));
                }
            }
        }
        for (v, item, how) in reads {
            all.add(grouped, v, item, how);
        }
        all
    }

    pub fn root(&self, root: RootId) -> &RootReads {
        &self.roots[root.index()]
    }

    /// Notes that an item uses a value.
    fn add(&mut self, grouped: &Grouped, v: ValId, item: usize, how: How) {
        if how == How::Point && grouped.at_hand(v, item).is_some() {
            return;
        }
        let Def::Strided { root, .. } = grouped.def(v) else { return };
        let root = *root;
        let how = match how {
            How::Point if !grouped.same_point(v, item) => How::Anywhere,
            How::Start(_) if grouped.whole_root(v).is_none() => How::Anywhere,
            how => how,
        };
        let r = &mut self.roots[root.index()];
        r.stored = true;
        r.users += 1;
        if grouped.root(root).item == BEFORE {
            r.reads.push(Read { item: item as i32, how });
        }
    }
}

/// The way in which an equation that stands alone reads input `n`.
fn how(lowering: &Lowering, n: usize, roots: &[RootId]) -> How {
    let carried = |consts: usize, carry: usize| match n.checked_sub(consts) {
        Some(n) if n < carry => How::Start(roots[n]),
        _ => How::Anywhere,
    };
    match lowering {
        Lowering::Assemble { base: Base::Input(base), .. } | Lowering::Scatter { base, .. }
            if *base == n =>
        {
            How::Start(roots[0])
        }
        Lowering::Sort { .. } => How::Start(roots[n]),
        Lowering::Cond { .. } if n > 0 => How::Arms,
        Lowering::Scan(p) => carried(p.consts, p.carry),
        Lowering::While(p) => carried(p.test_consts + p.body_consts, usize::MAX),
        _ => How::Anywhere,
    }
}
