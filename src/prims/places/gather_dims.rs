//! Windows of an operand at computed indices: the dimension numbers that gather and scatter share,
//! the checks of these numbers, and the coordinates of a window's elements.
//!
//! Index vectors lie along the last axis of `indices`; every other axis of `indices` is a batch
//! axis. The windowed array (a gather's output, a scatter's updates) has its window axes at
//! `offset_dims` and the batch axes, in order, at the other positions.

use crate::core::aval::{Aval, Shape};
use crate::core::hazard::Hazard;
use crate::core::lowering::Point;
use crate::core::params::Param;
use crate::prims::places::index_arithmetic::{as_index, clamped, within};
use cotangent_jit::kernel::NodeId;
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{Error, err, plural};

/// The dimension numbers of windows in an operand. In a scatter, *output* means *updates*.
#[doc(alias("GatherDimensionNumbers", "ScatterDimensionNumbers"))]
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct GatherDims {
    /// Axes of the output that run over a window, in the order of the operand's axes.
    pub offset_dims: Shape,
    /// Axes of the operand that the output lacks; windows have size 1 along them.
    pub collapsed_slice_dims: Shape,
    /// The operand axis of each component of an index vector. Windows start at 0 along the other
    /// axes.
    pub start_index_map: Shape,
    /// Axes of the operand that are batch axes shared with `indices`; windows have size 1 along
    /// them.
    pub operand_batching_dims: Shape,
    /// The axis of `indices` that each of `operand_batching_dims` pairs with.
    pub start_indices_batching_dims: Shape,
}

impl GatherDims {
    pub(crate) fn param(&self) -> Param {
        let lists = [
            &self.offset_dims,
            &self.collapsed_slice_dims,
            &self.start_index_map,
            &self.operand_batching_dims,
            &self.start_indices_batching_dims,
        ];
        Param::Lists(lists.map(|l| l.iter().map(|i| *i as i64).collect()).into())
    }

    pub(crate) fn from_lists(lists: [Vec<usize>; 5]) -> GatherDims {
        let [offset, collapsed, map, operand, indices] = lists.map(Shape::from_vec);
        GatherDims {
            offset_dims: offset,
            collapsed_slice_dims: collapsed,
            start_index_map: map,
            operand_batching_dims: operand,
            start_indices_batching_dims: indices,
        }
    }

    /// The largest start of a window of these sizes, per component of an index vector.
    pub(crate) fn limits(&self, x: &Aval, sizes: &[usize]) -> Shape {
        self.start_index_map.iter().map(|a| x.shape[*a] - sizes[*a]).collect()
    }

    /// The hazards of the index vectors, which are input 1, for windows of these sizes.
    pub(crate) fn hazards(&self, x: &Aval, sizes: &[usize]) -> Vec<Hazard> {
        let axes = self.start_index_map.iter().map(|a| x.shape[*a]).collect();
        vec![Hazard::Index { input: 1, limits: self.limits(x, sizes), sizes: axes }]
    }

    /// The operand's axes that the output has.
    pub(crate) fn window_axes(&self, rank: usize) -> Shape {
        let kept = |a: &usize| {
            !self.collapsed_slice_dims.contains(a) && !self.operand_batching_dims.contains(a)
        };
        (0..rank).filter(kept).collect()
    }

    /// The output's shape, or an error in the name of `name` if the dimension numbers do not fit.
    pub(crate) fn output_shape(
        &self,
        name: &str,
        x: &Aval,
        indices: &Aval,
        sizes: &[usize],
    ) -> Result<Shape, Error> {
        let Some((&components, batch)) = indices.shape.split_last() else {
            return Err(err!(
                Shape,
                "{name}: expected indices with vectors along the last axis, got {indices}"
            ));
        };
        if !indices.dtype.is_int() {
            return Err(err!(DType, "{name}: expected indices of an int dtype, got {indices}"));
        }
        self.check_operand(name, x, components, sizes)?;
        self.check_batching(name, x, indices)?;
        let window = self.window_axes(x.rank());
        let rank = batch.len() + window.len();
        let increasing = self.offset_dims.windows(2).all(|w| w[0] < w[1]);
        let in_range = self.offset_dims.last().is_none_or(|d| *d < rank);
        if self.offset_dims.len() != window.len() || !increasing || !in_range {
            return Err(err!(
                Axis,
                "{name}: expected {} increasing offset dims below {rank}, one per window axis \
                 {window:?} of {x}, got {:?}",
                window.len(),
                self.offset_dims
            ));
        }
        let (mut batch, mut window) = (batch.iter(), window.iter());
        let size = |d: usize| {
            if self.offset_dims.contains(&d) {
                window.next().map(|a| sizes[*a])
            } else {
                batch.next().copied()
            }
        };
        Ok((0..rank).map(size).map(|n| n.expect("as many axes as counted")).collect())
    }

    fn check_operand(
        &self,
        name: &str,
        x: &Aval,
        components: usize,
        sizes: &[usize],
    ) -> Result<(), Error> {
        let rank = x.rank();
        // An empty batch has no windows, so size 1 is correct there.
        let empty = |axis: usize| x.shape[axis] == 0 && self.operand_batching_dims.contains(&axis);
        let fits = |axis: usize| sizes[axis] <= x.shape[axis] || (sizes[axis] == 1 && empty(axis));
        if sizes.len() != rank || !(0..rank).all(fits) {
            return Err(err!(
                Shape,
                "{name}: expected window sizes of at most those of {x}, got {sizes:?}"
            ));
        }
        for (what, axes) in [
            ("collapsed slice dims", &self.collapsed_slice_dims),
            ("operand batching dims", &self.operand_batching_dims),
            ("start index map", &self.start_index_map),
        ] {
            let twice = (1..axes.len()).any(|i| axes[..i].contains(&axes[i]));
            if twice || axes.iter().any(|a| *a >= rank) {
                return Err(err!(
                    Axis,
                    "{name}: expected {what} to be distinct axes of {x}, got {axes:?}"
                ));
            }
        }
        if self.start_index_map.len() != components {
            return Err(err!(
                Shape,
                "{name}: expected index vectors of {components_} for start index map {:?}, got \
                 {components}",
                self.start_index_map,
                components_ = plural(self.start_index_map.len(), "component")
            ));
        }
        let batching = &self.operand_batching_dims;
        if batching
            .iter()
            .any(|a| self.collapsed_slice_dims.contains(a) || self.start_index_map.contains(a))
        {
            return Err(err!(
                Axis,
                "{name}: expected operand batching dims apart from collapsed and indexed ones, got \
                 {batching:?}, {:?} and {:?}",
                self.collapsed_slice_dims,
                self.start_index_map
            ));
        }
        for &a in self.collapsed_slice_dims.iter().chain(batching) {
            if sizes[a] != 1 {
                return Err(err!(
                    Shape,
                    "{name}: expected windows of size 1 along collapsed or batching axis {a}, got \
                     {}",
                    sizes[a]
                ));
            }
        }
        Ok(())
    }

    fn check_batching(&self, name: &str, x: &Aval, indices: &Aval) -> Result<(), Error> {
        let (operand_dims, indices_dims) =
            (&self.operand_batching_dims, &self.start_indices_batching_dims);
        let last = indices.rank() - 1;
        let twice = (1..indices_dims.len()).any(|i| indices_dims[..i].contains(&indices_dims[i]));
        if operand_dims.len() != indices_dims.len()
            || twice
            || indices_dims.iter().any(|d| *d >= last)
        {
            return Err(err!(
                Axis,
                "{name}: expected one batch axis of {indices} per operand batching dim \
                 {operand_dims:?}, got {indices_dims:?}"
            ));
        }
        for (&a, &b) in operand_dims.iter().zip(indices_dims) {
            if x.shape[a] != indices.shape[b] {
                return Err(err!(
                    Shape,
                    "{name}: batching sizes differ: {x} has {}, {indices} has {}",
                    x.shape[a],
                    indices.shape[b]
                ));
            }
        }
        Ok(())
    }

    /// The dimension numbers for a batch axis in front of the operand only. Windows take the whole
    /// axis.
    pub(crate) fn batch_operand(&self) -> GatherDims {
        let mut dims = self.shifted_operand();
        dims.offset_dims = plus_one(&self.offset_dims);
        dims.offset_dims.insert(0, 0);
        dims
    }

    /// The dimension numbers for a batch axis in front of the indices only.
    pub(crate) fn batch_indices(&self) -> GatherDims {
        GatherDims {
            offset_dims: plus_one(&self.offset_dims),
            start_indices_batching_dims: plus_one(&self.start_indices_batching_dims),
            ..self.clone()
        }
    }

    /// The dimension numbers for batch axes in front of both operand and indices.
    pub(crate) fn batch_both(&self) -> GatherDims {
        let mut dims = self.batch_indices().shifted_operand();
        dims.operand_batching_dims.insert(0, 0);
        dims.start_indices_batching_dims.insert(0, 0);
        dims
    }

    fn shifted_operand(&self) -> GatherDims {
        GatherDims {
            collapsed_slice_dims: plus_one(&self.collapsed_slice_dims),
            start_index_map: plus_one(&self.start_index_map),
            operand_batching_dims: plus_one(&self.operand_batching_dims),
            ..self.clone()
        }
    }
}

fn plus_one(axes: &Shape) -> Shape {
    axes.iter().map(|a| a + 1).collect()
}

/// Locates the elements of windows in kernels.
pub(crate) struct Windows {
    pub dims: GatherDims,
    pub operand: Shape,
    pub sizes: Shape,
    /// The number of batch axes of the indices.
    pub batch_rank: usize,
    /// Windows are moved so that they fit; otherwise `locate` tells whether they fit.
    pub clip: bool,
}

impl Windows {
    /// The operand's coordinates of the windowed array's element at point `p`, and whether its
    /// window is in range (`None` if no start needs a check). `indices` is the input number of the
    /// indices.
    pub fn locate(&self, p: &mut dyn Point, indices: usize) -> (Vec<NodeId>, Option<NodeId>) {
        let rank = self.operand.len();
        let dims = &self.dims;
        let window = dims.window_axes(rank);
        let mut batch = Vec::with_capacity(self.batch_rank);
        let mut offsets = vec![None; rank];
        for d in 0..self.batch_rank + window.len() {
            let i = p.coordinate(d);
            match dims.offset_dims.iter().position(|o| *o == d) {
                Some(n) => offsets[window[n]] = Some(i),
                None => batch.push(i),
            }
        }
        let mut in_range = None;
        let at = (0..rank)
            .map(|axis| {
                let start = self.start(p, indices, &batch, axis, &mut in_range);
                let b = p.builder();
                match (start, offsets[axis]) {
                    (Some(s), Some(o)) => b.op(ScalarOp::Add, &[s, o]),
                    (Some(i), None) | (None, Some(i)) => i,
                    (None, None) => b.constant(0i64.into()),
                }
            })
            .collect();
        (at, in_range)
    }

    fn start(
        &self,
        p: &mut dyn Point,
        indices: usize,
        batch: &[NodeId],
        axis: usize,
        in_range: &mut Option<NodeId>,
    ) -> Option<NodeId> {
        let dims = &self.dims;
        if let Some(n) = dims.operand_batching_dims.iter().position(|a| *a == axis) {
            return Some(batch[dims.start_indices_batching_dims[n]]);
        }
        let component = dims.start_index_map.iter().position(|a| *a == axis)?;
        let component = p.builder().constant((component as i64).into());
        let vector: Vec<NodeId> = batch.iter().copied().chain([component]).collect();
        let start = p.read(indices, &vector);
        let b = p.builder();
        let start = as_index(b, start);
        let last = (self.operand[axis] - self.sizes[axis]) as i64;
        if self.clip {
            return Some(clamped(b, start, last));
        }
        let fits = within(b, start, last);
        *in_range = Some(match *in_range {
            Some(others) => b.op(ScalarOp::And, &[others, fits]),
            None => fits,
        });
        Some(start)
    }
}
