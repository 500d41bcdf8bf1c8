//! The third stage: a place for every root that needs memory.
//!
//! Outputs are written to the places where they are wanted. A loop's new carry is wanted in the
//! place of the old one, which the body reads. Writing there is harmless if every read comes from
//! an earlier item, or from the same group at the same point, or only starts the output from the
//! old value. Otherwise the output gets a temporary and is copied when the region ends. Whether a
//! caller's input can be donated is the same question.
//!
//! The fields of the result are written in this file only. Not here: the offsets of temporaries in
//! the arena.

use super::flatten::{Flat, ValId};
use super::group::grouped::{Alone, BEFORE, Grouped, Item, Root};
use super::program::ProgramBuilder;
use super::reads::{How, Reads};
use super::value::{self, Def, Place, RootId};
use crate::core::lowering::{Base, Lowering};
use cotangent_jit::DType;
use cotangent_jit::affine::Affine;
use cotangent_jit::program::SlotId;
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// Number of inputs that are tried for an output before it goes without.
const DONATION_TRIES: usize = 64;

/// The outputs that may take the place of an input.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Overwrite {
    /// Outputs that no later read of the input can see.
    Harmless,
    /// All outputs. The caller checks the kernel that results.
    Always,
}

/// A region in which every root that needs memory has a place.
pub struct Placed {
    grouped: Grouped,
    reads: Reads,
    places: Vec<RootPlaces>,
    /// Copies that the region ends with, because the place was still being read.
    last: Vec<(RootId, Place)>,
}

/// The places of one root.
#[derive(Clone)]
struct RootPlaces {
    /// The place that its item writes.
    place: Option<Place>,
    /// Further places to which its group stores it.
    also: SmallVec<[Place; 1]>,
    /// The group writes the root into this part of another root instead of to a place of its own.
    part: Option<Part>,
    /// Tells whether it is in memory.
    stored: bool,
}

/// The position of a root inside another one that is assembled from it.
#[derive(Clone)]
pub struct Part {
    pub of: RootId,
    /// Position of the elements in the whole, in the coordinates of the group's domain.
    pub at: Affine,
}

/// Facts that do not change while places are assigned.
struct Assignment {
    /// The inputs of the region that lie in each slot.
    inputs: FxHashMap<SlotId, SmallVec<[RootId; 2]>>,
    is_output: Vec<bool>,
    overwrite: Overwrite,
}

impl Placed {
    /// Gives every root that needs memory its place.
    pub fn new(program: &mut ProgramBuilder, grouped: Grouped, overwrite: Overwrite) -> Placed {
        let reads = Reads::of(&grouped);
        let place = |(n, r): (usize, &Root)| RootPlaces {
            place: r.given.clone(),
            also: SmallVec::new(),
            part: None,
            stored: reads.root(RootId(n as u32)).stored,
        };
        let places = grouped.roots().iter().enumerate().map(place).collect();
        let mut placed = Placed { grouped, reads, places, last: Vec::new() };
        let assignment = Assignment::new(&placed.grouped, overwrite);
        placed.place_outputs(&assignment);
        for item in (0..placed.grouped.items().len()).rev() {
            placed.place_pieces(program, item, &assignment);
            placed.place_starts(program, item, &assignment);
        }
        for n in 0..placed.places.len() {
            if placed.places[n].stored {
                placed.place_or_temp(program, RootId(n as u32));
            }
        }
        placed
    }

    pub fn grouped(&self) -> &Grouped {
        &self.grouped
    }

    pub fn flat(&self) -> &Flat {
        self.grouped.flat()
    }

    pub fn def(&self, v: ValId) -> &Def {
        self.grouped.def(v)
    }

    pub fn root(&self, root: RootId) -> &Root {
        self.grouped.root(root)
    }

    /// The place of a root that is read from memory or written to it.
    pub fn place(&self, root: RootId) -> &Place {
        self.places[root.index()].place.as_ref().expect("a root that is read has memory")
    }

    /// The part of another root that a root is written into, if it is.
    pub fn part(&self, root: RootId) -> Option<&Part> {
        self.places[root.index()].part.as_ref()
    }

    /// The places to which a group stores a root.
    pub fn stores(&self, root: RootId) -> impl Iterator<Item = &Place> {
        let p = &self.places[root.index()];
        p.place.iter().chain(&p.also).filter(|_| p.stored)
    }

    /// Copies that the region ends with.
    pub fn last_copies(&self) -> &[(RootId, Place)] {
        &self.last
    }

    fn place_outputs(&mut self, assignment: &Assignment) {
        for (root, dest) in self.grouped.outputs() {
            let safe = self.safe(assignment, *root, dest);
            let p = &mut self.places[root.index()];
            p.stored = true;
            match &p.place {
                None if safe => p.place = Some(dest.clone()),
                Some(_) if safe && self.grouped.root(*root).pointwise => p.also.push(dest.clone()),
                _ => self.last.push((*root, dest.clone())),
            }
        }
    }

    /// Lets groups write pieces of an assembled value directly into it, if nothing else reads them.
    fn place_pieces(&mut self, program: &mut ProgramBuilder, item: usize, to: &Assignment) {
        let Item::Alone(Alone { eqn, inputs, roots, .. }) = &self.grouped.items()[item] else {
            return;
        };
        let eqn = self.flat().eqn(*eqn);
        let Lowering::Assemble { base: Base::Nothing, pieces } = &eqn.lowering else { return };
        let (whole, shape) = (roots[0], self.flat().shape(eqn.outputs[0]));
        let mut parts = Vec::new();
        for piece in pieces.iter().filter(|p| p.starts.is_none()) {
            let v = inputs[piece.input];
            let own = self.flat().shape(v);
            let all = piece.take.iter().zip(own).all(|(part, n)| *part == (0..*n));
            let Some(root) = self.only_use(v, to).filter(|_| all) else { continue };
            let r = self.root(root);
            let Item::Group(group) = &self.grouped.items()[r.item as usize] else { continue };
            let at = value::reshape(&value::piece_position(shape, piece), own, &group.domain);
            if let (Some(at), true) = (at, r.pointwise) {
                parts.push((root, Part { of: whole, at }));
            }
        }
        if parts.is_empty() {
            return;
        }
        let slot = self.place_or_temp(program, whole).slot;
        for (root, part) in parts {
            let item = self.root(root).item;
            let earlier = |a: &RootId| self.reads.root(*a).reads.iter().all(|x| x.item < item);
            if to.overwrite == Overwrite::Always || to.inputs_in(slot).iter().all(earlier) {
                let p = &mut self.places[root.index()];
                (p.stored, p.part) = (false, Some(part));
            }
        }
    }

    /// Puts operands that an item would copy into an output into the place of the output.
    fn place_starts(&mut self, program: &mut ProgramBuilder, item: usize, to: &Assignment) {
        for (start, root) in self.starts(item) {
            let place = self.place_or_temp(program, root);
            if let Some(from) = self.only_use(start, to)
                && self.root(from).len == self.root(root).len
                && self.safe(to, from, &place)
            {
                self.places[from.index()].place = Some(place);
            }
        }
    }

    fn place_or_temp(&mut self, program: &mut ProgramBuilder, root: RootId) -> Place {
        let r = self.grouped.root(root);
        let place = &mut self.places[root.index()].place;
        place.get_or_insert_with(|| program.temp(r.dtype, r.len)).clone()
    }

    /// Operands that an item copies into an output before it works on it there.
    fn starts(&self, item: usize) -> SmallVec<[(ValId, RootId); 2]> {
        let Item::Alone(Alone { eqn, inputs, roots, .. }) = &self.grouped.items()[item] else {
            return SmallVec::new();
        };
        match &self.flat().eqn(*eqn).lowering {
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

    /// The root of a value that is used once, if it has no place yet.
    fn only_use(&self, v: ValId, assignment: &Assignment) -> Option<RootId> {
        let root = self.grouped.whole_root(v)?;
        let own = self.root(root).item != BEFORE
            && self.reads.root(root).users == 1
            && self.places[root.index()].place.is_none()
            && !assignment.is_output[root.index()];
        own.then_some(root)
    }

    /// Tells whether the root may be written to `place` when its item runs, although inputs are
    /// read from there.
    fn safe(&self, assignment: &Assignment, root: RootId, place: &Place) -> bool {
        assignment.overwrite == Overwrite::Always
            || assignment.inputs_in(place.slot).iter().all(|a| {
                let same = self.places[a.index()].place.as_ref() == Some(place);
                self.harmless(*a, root, same, true)
            })
    }

    /// Tells whether no item reads input `a` after `root` was written over it. `same` tells that
    /// they would lie in the same place, `arms` that reads by the arms of a branch are harmless.
    fn harmless(&self, a: RootId, root: RootId, same: bool, arms: bool) -> bool {
        let writer = self.root(root);
        self.reads.root(a).reads.iter().all(|read| {
            read.item < writer.item
                || (read.item == writer.item
                    && same
                    && match read.how {
                        How::Point => writer.pointwise && self.part(root).is_none(),
                        How::Start(of) => of == root,
                        How::Arms => arms,
                        How::Anywhere => false,
                    })
        })
    }

    /// Pairs of an output and an input that may share memory. Every input is in one pair at most.
    pub fn donations(&self) -> Vec<(usize, usize)> {
        let roots = || self.grouped.roots().iter().zip(&self.places).enumerate();
        let mut writers: FxHashMap<SlotId, SmallVec<[RootId; 1]>> = FxHashMap::default();
        for (n, (_, p)) in roots().filter(|(_, (r, _))| r.item != BEFORE) {
            let whole = p.part.as_ref().and_then(|p| self.places[p.of.index()].place.as_ref());
            for place in p.place.iter().chain(&p.also).chain(whole) {
                writers.entry(place.slot).or_default().push(RootId(n as u32));
            }
        }
        let inputs = self.flat().inputs();
        let mut offers: FxHashMap<(DType, usize), Vec<usize>> = FxHashMap::default();
        for (n, v) in inputs.iter().enumerate().rev() {
            let len = self.flat().size(*v);
            if len > 0 {
                offers.entry((self.flat().dtype(*v), len)).or_default().push(n);
            }
        }
        let slot_of = |root: RootId, n: usize| -> Option<SlotId> {
            // The program's output slots were numbered right after those of the inputs.
            let slot = SlotId((inputs.len() + n) as u32);
            let p = &self.places[root.index()];
            p.place.iter().chain(&p.also).any(|p| p.slot == slot).then_some(slot)
        };
        let mut pairs = Vec::new();
        for (n, (root, _)) in self.grouped.outputs().iter().enumerate() {
            let r = self.root(*root);
            let Some(offered) = offers.get_mut(&(r.dtype, r.len)) else { continue };
            let writers = slot_of(*root, n).and_then(|slot| writers.get(&slot));
            let fits = |input: usize| match self.grouped.whole_root(inputs[input]) {
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

impl Assignment {
    fn new(grouped: &Grouped, overwrite: Overwrite) -> Assignment {
        let mut inputs: FxHashMap<SlotId, SmallVec<[RootId; 2]>> = FxHashMap::default();
        for (n, r) in grouped.roots().iter().enumerate() {
            if let (BEFORE, Some(place)) = (r.item, &r.given) {
                inputs.entry(place.slot).or_default().push(RootId(n as u32));
            }
        }
        let mut is_output = vec![false; grouped.roots().len()];
        grouped.outputs().iter().for_each(|(root, _)| is_output[root.index()] = true);
        Assignment { inputs, is_output, overwrite }
    }

    /// The inputs of the region that lie in a slot.
    fn inputs_in(&self, slot: SlotId) -> &[RootId] {
        self.inputs.get(&slot).map_or(&[], |r| r)
    }
}
