//! A group as one kernel.
//!
//! Not here: kernels of equations that stand alone (`assemble`, `routine`, `accumulate`).

use super::assign::Placed;
use super::flatten::ValId;
use super::group::grouped::{Entry, Item};
use super::value::{self, RootId};
use super::writer::{Lanes, Launch, Writer, lanes, mapped};
use crate::core::lowering::Lowering;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{Loop, Mode, NodeId};
use cotangent_jit::{Error, err};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// The kernel of a group under construction.
struct GroupWriter<'r> {
    w: Writer<'r>,
    /// The item of the group.
    item: usize,
    /// The numbers that the group computed at the current point.
    computed: FxHashMap<RootId, NodeId>,
}

impl Placed {
    /// The kernel of a group over some points, and its arguments. `None` if it has no effect.
    pub fn group_kernel(&self, item: usize) -> Result<Option<Launch>, Error> {
        let Item::Group(group) = &self.grouped().items()[item] else { return Ok(None) };
        let rank = group.domain.len();
        let kept = (0..rank).filter(|a| !group.folded.contains(a));
        let kept: SmallVec<[usize; 4]> = kept.collect();
        let mut loops: SmallVec<[Loop; 6]> = SmallVec::new();
        let mut loop_of: SmallVec<[usize; 4]> = SmallVec::from_elem(0, rank);
        for (axes, mode) in [(&kept, Mode::Parallel), (&group.folded, Mode::Reduce)] {
            for axis in axes {
                loop_of[*axis] = loops.len();
                loops.push(Loop { extent: group.domain[*axis], mode });
            }
        }
        let name = group.sinks.first().map_or("fused", |s| s.combine.name());
        let w = Writer::new(self, name, &loops);
        let mut w = GroupWriter { w, item, computed: FxHashMap::default() };
        let lanes: Lanes = loop_of.iter().map(|n| Some(*n)).collect();
        let every_point = mapped(&value::dense(&group.domain), &lanes);
        for entry in &group.entries {
            match entry {
                Entry::Eqn { eqn, roots } => {
                    let nodes = w.eqn(*eqn, &loop_of)?;
                    for (root, node) in roots.iter().zip(nodes) {
                        w.computed(*root, node, &every_point, &loop_of)?;
                    }
                }
                Entry::Copy { value, root } => {
                    let node = w.operand(*value, &loop_of);
                    w.computed(*root, node, &every_point, &loop_of)?;
                }
            }
        }
        let extents: SmallVec<[usize; 4]> = kept.iter().map(|a| group.domain[*a]).collect();
        for sink in &group.sinks {
            let node = w.operand(sink.value, &loop_of);
            let to = w.w.root_buffer(sink.root);
            w.w.b.reduce(to, value::dense(&extents), sink.combine, node);
        }
        Ok(w.w.finish())
    }
}

impl GroupWriter<'_> {
    /// The value at the current point of the domain. `loop_of` are the loops of the axes of the
    /// domain that have more than one element.
    fn operand(&mut self, v: ValId, loop_of: &[usize]) -> NodeId {
        let placed = self.w.placed();
        if let Some(root) = placed.grouped().at_hand(v, self.item)
            && let Some(node) = self.computed.get(&root)
        {
            return *node;
        }
        let lanes = lanes(placed.flat().shape(v), loop_of);
        self.w.at_lanes(v, &lanes)
    }

    fn eqn(&mut self, eqn: usize, loop_of: &[usize]) -> Result<SmallVec<[NodeId; 1]>, Error> {
        let flat = self.w.placed().flat();
        let eqn = flat.eqn(eqn);
        match &eqn.lowering {
            Lowering::Elementwise(f) => {
                let args: SmallVec<[NodeId; 3]> =
                    eqn.inputs.iter().map(|v| self.operand(*v, loop_of)).collect();
                Ok(f(&mut self.w.b, &args))
            }
            Lowering::Indexed(f) => {
                let lanes = lanes(flat.shape(eqn.outputs[0]), loop_of);
                let coords = self.w.coords(&lanes);
                Ok(SmallVec::from_iter([self.w.point(f, coords, &eqn.inputs)]))
            }
            _ => Err(err!(Compile, "lower: an equation in a group that works not by points")),
        }
    }

    /// Notes that the group computed a root, and stores it if it has memory.
    fn computed(
        &mut self,
        root: RootId,
        node: NodeId,
        at: &Affine,
        loop_of: &[usize],
    ) -> Result<(), Error> {
        let placed = self.w.placed();
        self.computed.insert(root, node);
        let r = placed.root(root);
        let got = self.w.b.dtype(node);
        if got != r.dtype {
            return Err(err!(Compile, "lower: expected a value of type {}, got {got}", r.dtype));
        }
        if self.item != r.item as usize {
            // The group computes it once more, for itself.
            return Ok(());
        }
        if let (Some(part), true) = (placed.part(root), r.len > 0) {
            let lanes: Lanes = loop_of.iter().map(|n| Some(*n)).collect();
            let to = self.w.root_buffer(part.of);
            self.w.b.store_at(to, mapped(&part.at, &lanes), node);
        }
        if r.len > 0 {
            for place in placed.stores(root) {
                let to = self.w.buffer(place, r.dtype, r.len);
                self.w.b.store_at(to, at.clone(), node);
            }
        }
        Ok(())
    }
}
