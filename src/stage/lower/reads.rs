//! Who reads what from memory, and how: noted once all equations have their places.
//!
//! Not here: what follows from it (assign).

use super::flatten::ValId;
use super::region::{BEFORE, Entry, How, Item, Read, Region};
use super::value::{self, Def, RootId};
use crate::core::lowering::{Base, Lowering};

impl Region {
    /// Notes the readers of every root.
    pub fn note_reads(&mut self) {
        let mut reads: Vec<(ValId, usize, How)> = Vec::new();
        for (n, item) in self.items.iter().enumerate() {
            match item {
                Item::Group(group) => {
                    for entry in &group.entries {
                        match entry {
                            Entry::Same { value, .. } => reads.push((*value, n, How::Point)),
                            Entry::Eqn { eqn, .. } => {
                                let eqn = &self.flat.eqns[*eqn];
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
                Item::Alone { eqn, inputs, roots } => {
                    let lowering = &self.flat.eqns[*eqn].lowering;
                    let how = inputs.iter().enumerate().map(|(i, v)| (*v, how(lowering, i, roots)));
                    reads.extend(how.map(|(v, how)| (v, n, how)));
                }
            }
        }
        for (v, item, how) in reads {
            self.read(v, item, how);
        }
    }

    /// Notes that an item uses a value.
    fn read(&mut self, v: ValId, item: usize, how: How) {
        if how == How::Point && self.at_hand(v, item).is_some() {
            return;
        }
        let Def::Strided { root, .. } = self.def(v) else { return };
        let root = *root;
        let how = match how {
            How::Point if !self.same_point(v, item) => How::Anywhere,
            How::Start(_) if self.whole_root(v).is_none() => How::Anywhere,
            how => how,
        };
        let r = &mut self.roots[root.index()];
        r.stored = true;
        r.users += 1;
        if r.item == BEFORE {
            r.reads.push(Read { item: item as i32, how });
        }
    }

    /// Whether a group finds the value's element for each point of its domain at the same place of a whole root.
    pub fn same_point(&self, v: ValId, item: usize) -> bool {
        match &self.items[item] {
            Item::Group(g) => {
                self.whole_root(v).is_some() && value::squeeze(self.flat.shape(v)) == g.domain
            }
            Item::Alone { .. } => false,
        }
    }
}

/// How an equation that stands alone reads its input of this number.
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
