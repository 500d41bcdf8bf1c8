//! Who gets memory: outputs are written where they are wanted, in place of an input if nobody still reads it.
//!
//! A loop's new carry wants the place of the old one, which the body reads. Writing there is harmless if every read
//! comes from an earlier item, or from the same group at the same point, or only to start the output from the old
//! value. Otherwise the output gets a temporary and is copied when the region ends. Donations are the same question,
//! asked about the caller's inputs.
//!
//! Not here: where temporaries lie in the arena.

use super::Cx;
use super::assemble::piece_position;
use super::flatten::ValId;
use super::region::{BEFORE, How, Item, Part, Region};
use super::value::{self, Def, Place, RootId, dense_offset};
use crate::core::lowering::{Base, Lowering};
use cotangent_jit::DType;
use cotangent_jit::program::SlotId;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// How many inputs are tried for an output before it goes without.
const DONATION_TRIES: usize = 64;

type Readers = FxHashMap<SlotId, SmallVec<[RootId; 2]>>;

impl Region {
    /// Gives every value that needs memory its place; `dests` are where the outputs are wanted.
    pub fn assign(&mut self, cx: &mut Cx, dests: &[Place]) {
        let mut outputs = self.flat.outputs.clone();
        let mut dests = dests.to_vec();
        if self.nested {
            // What stays where it is takes no work.
            let stays: Vec<bool> =
                outputs.iter().zip(&dests).map(|(v, to)| self.lies_at(*v, to)).collect();
            let mut stay = stays.iter();
            outputs.retain(|_| !stay.next().is_some_and(|s| *s));
            let mut stay = stays.iter();
            dests.retain(|_| !stay.next().is_some_and(|s| *s));
        }
        let wanted: Vec<RootId> = outputs.iter().map(|v| self.computed(*v)).collect();
        self.sink(&wanted);
        self.note_reads();
        let readers = self.readers();
        let mut is_output = vec![false; self.roots.len()];
        for (root, dest) in wanted.iter().zip(&dests) {
            is_output[root.index()] = true;
            let safe = self.safe(&readers, *root, dest, true);
            let r = &mut self.roots[root.index()];
            r.stored = true;
            match &r.place {
                None if safe => r.place = Some(dest.clone()),
                Some(_) if safe && r.pointwise => r.also.push(dest.clone()),
                _ => self.last.push((*root, dest.clone())),
            }
        }
        self.outputs = wanted;
        for item in (0..self.items.len()).rev() {
            self.place_pieces(cx, item, &readers, &is_output);
            for (start, root) in self.starts(item) {
                let place = self.place_or_temp(cx, root);
                if let Some(from) = self.only_for_this(start, &is_output)
                    && self.roots[from.index()].len == self.roots[root.index()].len
                    && self.safe(&readers, from, &place, true)
                {
                    self.roots[from.index()].place = Some(place);
                }
            }
        }
        for n in 0..self.roots.len() {
            if self.roots[n].stored {
                self.place_or_temp(cx, RootId(n as u32));
            }
        }
    }

    /// Lets groups write the pieces of an assembled value that nobody else reads where they belong.
    fn place_pieces(&mut self, cx: &mut Cx, item: usize, readers: &Readers, is_output: &[bool]) {
        let Item::Alone { eqn, inputs, roots } = &self.items[item] else { return };
        let eqn = &self.flat.eqns[*eqn];
        let Lowering::Assemble { base: Base::Nothing, pieces } = &eqn.lowering else { return };
        let (whole, shape) = (roots[0], self.flat.shape(eqn.outputs[0]));
        let mut parts = Vec::new();
        for piece in pieces.iter().filter(|p| p.starts.is_none()) {
            let v = inputs[piece.input];
            let own = self.flat.shape(v);
            let all = piece.take.iter().zip(own).all(|(part, n)| *part == (0..*n));
            let Some(root) = self.only_for_this(v, is_output).filter(|_| all) else { continue };
            let r = &self.roots[root.index()];
            let Item::Group(group) = &self.items[r.item as usize] else { continue };
            let at = value::reshape(&piece_position(shape, piece), own, &group.domain);
            if let (Some(at), true) = (at, r.pointwise) {
                parts.push((root, Part { of: whole, at }));
            }
        }
        if parts.is_empty() {
            return;
        }
        let slot = self.place_or_temp(cx, whole).slot;
        for (root, part) in parts {
            let r = &self.roots[root.index()];
            let inputs = readers.get(&slot).map_or(&[][..], |r| r);
            let quiet = |a: &RootId| self.roots[a.index()].reads.iter().all(|x| x.item < r.item);
            if self.by_lanes || inputs.iter().all(quiet) {
                let r = &mut self.roots[root.index()];
                (r.stored, r.part) = (false, Some(part));
            }
        }
    }

    fn place_or_temp(&mut self, cx: &mut Cx, root: RootId) -> Place {
        let r = &mut self.roots[root.index()];
        r.place.get_or_insert_with(|| cx.temp(r.dtype, r.len)).clone()
    }

    /// Whether the value is what was in this place before the region.
    fn lies_at(&self, v: ValId, place: &Place) -> bool {
        self.whole_root(v).is_some_and(|root| {
            let r = &self.roots[root.index()];
            r.item == BEFORE && r.place.as_ref() == Some(place)
        })
    }

    /// The root whose elements are exactly the value's, computed in this region; a copy if there is none.
    fn computed(&mut self, v: ValId) -> RootId {
        let v = if self.whole_root(v).is_some_and(|r| self.roots[r.index()].item != BEFORE) {
            v
        } else if let Some(copy) = self.copied.get(&v) {
            *copy
        } else {
            let copy = self.copy(v);
            self.copied.insert(v, copy);
            copy
        };
        self.whole_root(v).expect("a value with memory of its own")
    }

    /// The root whose elements are exactly the value's, in row-major order.
    pub fn whole_root(&self, v: ValId) -> Option<RootId> {
        let Def::Strided { root, at } = self.def(v) else { return None };
        let whole = dense_offset(at, self.flat.shape(v)) == Some(0)
            && self.roots[root.index()].len == self.size(v);
        whole.then_some(*root)
    }

    /// Operands that an item copies into an output before it works on it there.
    fn starts(&self, item: usize) -> SmallVec<[(ValId, RootId); 2]> {
        let Item::Alone { eqn, inputs, roots } = &self.items[item] else { return SmallVec::new() };
        match &self.flat.eqns[*eqn].lowering {
            Lowering::Assemble { base: Base::Input(n), .. } | Lowering::Scatter { base: n, .. } => {
                SmallVec::from_iter([(inputs[*n], roots[0])])
            }
            Lowering::Sort { .. } => inputs.iter().copied().zip(roots.iter().copied()).collect(),
            Lowering::Scan(p) => {
                let carry = &inputs[p.consts..p.consts + p.carry];
                carry.iter().copied().zip(roots.iter().copied()).collect()
            }
            Lowering::While(p) => {
                let carry = &inputs[p.test_consts + p.body_consts..];
                carry.iter().copied().zip(roots.iter().copied()).collect()
            }
            _ => SmallVec::new(),
        }
    }

    /// The root of a value that nobody else reads, if its place is still open.
    fn only_for_this(&self, v: ValId, is_output: &[bool]) -> Option<RootId> {
        let root = self.whole_root(v)?;
        let r = &self.roots[root.index()];
        let own = r.item != BEFORE && r.users == 1 && r.place.is_none() && !is_output[root.index()];
        own.then_some(root)
    }

    fn readers(&self) -> Readers {
        let mut readers = Readers::default();
        for (n, r) in self.roots.iter().enumerate().filter(|(_, r)| r.item == BEFORE) {
            if let Some(place) = &r.place {
                readers.entry(place.slot).or_default().push(RootId(n as u32));
            }
        }
        readers
    }

    /// Whether the root may be written to `place` when its item runs, for all that inputs are read from there.
    fn safe(&self, readers: &Readers, root: RootId, place: &Place, arms: bool) -> bool {
        let inputs = readers.get(&place.slot).map_or(&[][..], |r| r);
        self.by_lanes
            || inputs.iter().all(|a| {
                let same = self.roots[a.index()].place.as_ref() == Some(place);
                self.harmless(*a, root, same, arms)
            })
    }

    /// Whether nobody reads input `a` after `root` was written over it; `same` if they would lie in the same place.
    fn harmless(&self, a: RootId, root: RootId, same: bool, arms: bool) -> bool {
        let writer = &self.roots[root.index()];
        self.roots[a.index()].reads.iter().all(|read| {
            read.item < writer.item
                || (read.item == writer.item
                    && same
                    && match read.how {
                        How::Point => writer.pointwise && writer.part.is_none(),
                        How::Start(of) => of == root,
                        How::Arms => arms,
                        How::Anywhere => false,
                    })
        })
    }

    /// Pairs of an output and an input that may share memory. Every input is given away once.
    pub fn donations(&self) -> Vec<(usize, usize)> {
        let mut writers: FxHashMap<SlotId, SmallVec<[RootId; 1]>> = FxHashMap::default();
        for (n, r) in self.roots.iter().enumerate().filter(|(_, r)| r.item != BEFORE) {
            let whole = r.part.as_ref().and_then(|p| self.roots[p.of.index()].place.as_ref());
            for place in r.place.iter().chain(&r.also).chain(whole) {
                writers.entry(place.slot).or_default().push(RootId(n as u32));
            }
        }
        let mut offers: FxHashMap<(DType, usize), Vec<usize>> = FxHashMap::default();
        for (n, v) in self.flat.inputs.iter().enumerate().rev() {
            let len = self.size(*v);
            if len > 0 {
                offers.entry((self.dtype(*v), len)).or_default().push(n);
            }
        }
        let slot_of = |root: RootId, n: usize| -> Option<SlotId> {
            // The program's output slots were numbered right after those of the inputs.
            let slot = SlotId((self.flat.inputs.len() + n) as u32);
            let r = &self.roots[root.index()];
            let here = r.place.iter().chain(&r.also).any(|p| p.slot == slot);
            here.then_some(slot)
        };
        let mut pairs = Vec::new();
        for (n, root) in self.outputs.iter().enumerate() {
            let r = &self.roots[root.index()];
            let Some(offered) = offers.get_mut(&(r.dtype, r.len)) else { continue };
            let writers = slot_of(*root, n).and_then(|slot| writers.get(&slot));
            let fits = |input: usize| match self.whole_root(self.flat.inputs[input]) {
                Some(a) => {
                    writers.is_none_or(|w| w.iter().all(|w| self.harmless(a, *w, true, false)))
                }
                None => false,
            };
            let tried = offered.iter().rev().take(DONATION_TRIES).position(|i| fits(*i));
            if let Some(back) = tried {
                let input = offered.remove(offered.len() - 1 - back);
                pairs.push((n, input));
            }
        }
        pairs
    }
}
