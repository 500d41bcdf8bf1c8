//! Moves equations down to the groups that need them, where that moves fewer bytes.
//!
//! Grouping puts an equation as early as it can stand. If only a later group needs its value, the
//! value is stored and loaded for nothing: the equation may as well stand there. If several groups
//! need it and it is cheap, each computes it for itself from operands that are in memory anyway.
//! Derivatives gain most: most values that the backward pass needs of the forward pass are a few
//! operations away from stored values.
//!
//! Not here: which group an equation joins at first (`place`).

use super::super::flatten::ValId;
use super::super::value::{self, Def, RootId};
use super::grouped::{Alone, BEFORE, Entry, GROUP_LIMIT, Grouped, Item};
use crate::core::lowering::{Lowering, ScalarFn};
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Node, NodeId};
use cotangent_jit::op::{Level, ScalarOp};
use cotangent_jit::{DType, Scalar};
use smallvec::SmallVec;

/// Number of uses that are told apart.
const FEW: usize = 6;
/// Most scalar ops of an equation that is computed more than once.
const CHEAP: usize = 3;

/// The need of an item for a root. `point` tells that a group needs it at the point that it
/// computes.
#[derive(Clone, Copy, PartialEq)]
struct Use {
    item: i32,
    point: bool,
}

#[derive(Clone, Default)]
struct Uses {
    few: SmallVec<[Use; FEW]>,
    many: bool,
    /// Tells whether some use is by way of memory. If there are many uses, it stays true when such
    /// a use goes.
    outside: bool,
}

/// The roots that an equation reads, and whether it reads each at its own point.
type Operands = SmallVec<[(RootId, bool); 3]>;

impl Grouped {
    /// Moves equations down.
    pub(super) fn sink(&mut self) {
        let mut uses = self.uses();
        let mut front: Vec<Vec<Entry>> = self.items.iter().map(|_| Vec::new()).collect();
        for item in (0..self.items.len()).rev() {
            let Item::Group(group) = &mut self.items[item] else { continue };
            let mut kept = Vec::with_capacity(group.entries.len());
            for entry in std::mem::take(&mut group.entries).into_iter().rev() {
                match self.place_lower(&entry, item, &mut uses, &front) {
                    Some((items, moved)) => {
                        for to in items {
                            front[to as usize].push(entry.clone());
                        }
                        if !moved {
                            kept.push(entry);
                        }
                    }
                    None => kept.push(entry),
                }
            }
            kept.reverse();
            self.group_mut(item).entries = kept;
        }
        // An equation that sank stands before the equations that need it. They were collected in
        // reverse.
        for (item, mut sunk) in front.into_iter().enumerate().filter(|(_, sunk)| !sunk.is_empty()) {
            let group = self.group_mut(item);
            sunk.reverse();
            sunk.append(&mut group.entries);
            group.entries = sunk;
        }
    }

    fn uses(&self) -> Vec<Uses> {
        let mut uses = vec![Uses::default(); self.roots.len()];
        let mut note = |v: ValId, item: usize, point: bool| {
            if let Def::Strided { root, .. } = self.def(v) {
                let point = point && self.same_point(v, item);
                uses[root.index()].add(Use { item: item as i32, point }, self.item_of(*root));
            }
        };
        for (n, item) in self.items.iter().enumerate() {
            match item {
                Item::Group(group) => {
                    for entry in &group.entries {
                        match entry {
                            Entry::Copy { value, .. } => note(*value, n, true),
                            Entry::Eqn { eqn, .. } => {
                                let eqn = self.flat.eqn(*eqn);
                                let point = matches!(eqn.lowering, Lowering::Elementwise(_));
                                eqn.inputs.iter().for_each(|v| note(*v, n, point));
                            }
                        }
                    }
                    group.sinks.iter().for_each(|s| note(s.value, n, true));
                }
                Item::Alone(Alone { inputs, .. }) => inputs.iter().for_each(|v| note(*v, n, false)),
            }
        }
        for (root, _) in &self.outputs {
            uses[root.index()].add(Use { item: i32::MAX, point: false }, self.item_of(*root));
        }
        uses
    }

    fn item_of(&self, root: RootId) -> i32 {
        self.roots[root.index()].item
    }

    /// Tells whether the root is in memory, wherever the equation in question stands.
    fn in_memory_anyway(&self, root: RootId, uses: &[Uses]) -> bool {
        let r = &self.roots[root.index()];
        let u = &uses[root.index()];
        !r.pointwise || r.item == BEFORE || if u.many { u.outside } else { u.outside_of(r.item) }
    }

    /// The items where the entry should stand, and whether it leaves its own, if that is better.
    /// The uses are then changed accordingly.
    fn place_lower(
        &mut self,
        entry: &Entry,
        item: usize,
        uses: &mut [Uses],
        front: &[Vec<Entry>],
    ) -> Option<(SmallVec<[i32; 2]>, bool)> {
        let Entry::Eqn { eqn, roots } = entry else { return None };
        let &[root] = &roots[..] else { return None };
        let Lowering::Elementwise(_) = self.flat.eqn(*eqn).lowering else { return None };
        let here = item as i32;
        let own = &uses[root.index()];
        if own.many {
            return None;
        }
        let mut items: SmallVec<[i32; 2]> = SmallVec::new();
        for u in own.few.iter().filter(|u| u.item != here || !u.point) {
            if !u.point {
                return None;
            }
            if !items.contains(&u.item) {
                items.push(u.item);
            }
        }
        if items.is_empty() {
            return None;
        }
        let moved = items.len() == 1 && own.few.iter().all(|u| u.item != here);
        let operands = self.operands(*eqn, item);
        if self.nested && operands.iter().any(|(q, _)| self.item_of(*q) == BEFORE) {
            // Reading a carry later could keep the new one from taking its place.
            return None;
        }
        let domain = value::squeeze(self.flat.shape(self.flat.eqn(*eqn).outputs[0]));
        for to in &items {
            let Item::Group(group) = &self.items[*to as usize] else { return None };
            // A group over a reshaped domain has the same points, but under other names.
            if group.domain != domain {
                return None;
            }
            if group.entries.len() + front[*to as usize].len() >= GROUP_LIMIT {
                return None;
            }
        }
        let bytes = |q: RootId| {
            let r = &self.roots[q.index()];
            r.len * r.dtype.size()
        };
        let before = bytes(root) * (1 + items.len());
        let mut after = 0;
        for (q, _) in &operands {
            let there = self.in_memory_anyway(*q, uses);
            if !there && !moved {
                return None;
            }
            if !there {
                after += bytes(*q);
            }
            let loaded = |to: &&i32| uses[q.index()].few.iter().any(|u| u.item == **to);
            after += bytes(*q) * items.iter().filter(|to| !loaded(to)).count();
        }
        if after > before || !(moved || self.is_cheap(*eqn)) {
            return None;
        }
        for (q, point) in &operands {
            let of = self.item_of(*q);
            if moved {
                uses[q.index()].remove(Use { item: here, point: *point });
            }
            for to in &items {
                uses[q.index()].add(Use { item: *to, point: *point }, of);
            }
        }
        let r = &mut self.roots[root.index()];
        if moved {
            r.item = items[0];
        } else {
            r.again.extend(items.iter().copied());
            uses[root.index()].few.retain(|u| u.item == here);
        }
        Some((items, moved))
    }

    /// The roots that an equation of a group reads, each once, and whether at the group's own
    /// point.
    fn operands(&self, eqn: usize, item: usize) -> Operands {
        let mut operands = Operands::new();
        for v in &self.flat.eqn(eqn).inputs {
            if let Def::Strided { root, .. } = self.def(*v) {
                let operand = (*root, self.same_point(*v, item));
                if !operands.contains(&operand) {
                    operands.push(operand);
                }
            }
        }
        operands
    }

    /// Tells whether the equation is a few simple ops.
    fn is_cheap(&self, eqn: usize) -> bool {
        let eqn = self.flat.eqn(eqn);
        let Lowering::Elementwise(f) = &eqn.lowering else { return false };
        cheap(f, eqn.inputs.iter().map(|v| self.flat.dtype(*v)))
    }
}

/// Tells whether a function of operands of these types is a few simple ops.
pub fn cheap(f: &ScalarFn, operands: impl Iterator<Item = DType>) -> bool {
    let mut b = KernelBuilder::new("cost", []);
    let args: SmallVec<[NodeId; 3]> = operands.map(|d| b.constant(Scalar::zero(d))).collect();
    f(&mut b, &args);
    let slow = [ScalarOp::Div, ScalarOp::Rem, ScalarOp::Sqrt];
    let mut ops = 0;
    for n in 0..b.len() {
        if let Node::Op { op, .. } = b.node(NodeId(n as u32)) {
            ops += 1;
            if op.level() != Level::Machine || slow.contains(op) {
                return false;
            }
        }
    }
    ops <= CHEAP
}

impl Uses {
    fn add(&mut self, new: Use, of: i32) {
        self.outside |= new.item != of || !new.point;
        if self.few.len() == FEW {
            self.many = true;
        } else {
            self.few.push(new);
        }
    }

    /// Takes one use out. Of many uses none is known.
    fn remove(&mut self, old: Use) {
        if let Some(n) = self.few.iter().position(|u| *u == old) {
            self.few.swap_remove(n);
        }
    }

    fn outside_of(&self, item: i32) -> bool {
        self.few.iter().any(|u| u.item != item || !u.point)
    }
}
