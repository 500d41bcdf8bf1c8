//! The windows of a reduction or a convolution: sizes, strides, padding, dilations, and the size of
//! the result.

use crate::core::aval::{Aval, Shape};
use crate::core::params::{Param, Params};
use crate::prims::entry::Args;
use crate::prims::shapes::sliding::fitting;
use cotangent_jit::{Error, err};
use smallvec::{SmallVec, smallvec};

/// The padding before and after each axis; negative numbers crop.
pub type Edges = SmallVec<[(i64, i64); 4]>;

/// The padding of the operand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Borders {
    /// No padding: windows lie inside the operand.
    Valid,
    /// The padding that gives the result `⌈n / stride⌉` elements; if it is odd, more comes after
    /// the end.
    Same,
    /// The same as `Same`, but if the padding is odd, more comes before the beginning.
    SameLower,
    /// The padding before and after each axis; negative numbers crop.
    Explicit(Edges),
}

impl<const N: usize> From<[(i64, i64); N]> for Borders {
    fn from(edges: [(i64, i64); N]) -> Borders {
        Borders::Explicit(edges.into_iter().collect())
    }
}

impl Borders {
    /// The padding in numbers, for axes of these sizes and windows of these spans.
    pub(crate) fn edges(&self, sizes: &[usize], spans: &[usize], strides: &[usize]) -> Edges {
        let lower = match self {
            Borders::Explicit(edges) => return edges.clone(),
            Borders::Valid => return smallvec![(0, 0); sizes.len()],
            Borders::Same => false,
            Borders::SameLower => true,
        };
        let axis = |((n, span), stride): ((&usize, &usize), &usize)| {
            let outs = n.div_ceil((*stride).max(1)) as i64;
            // In wide ints, because a window may be longer than any axis.
            let last = i128::from(outs - 1) * *stride as i128;
            let total = (last + *span as i128 - *n as i128).clamp(0, 1 << 62) as i64;
            let less = total / 2;
            if lower { (total - less, less) } else { (less, total - less) }
        };
        sizes.iter().zip(spans).zip(strides).map(axis).collect()
    }
}

/// The windows of a reduction, one entry per axis of the operand.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Window {
    pub sizes: Shape,
    pub strides: Shape,
    pub borders: Borders,
    /// The distance between elements of the operand, with padding between them.
    pub base_dilation: Shape,
    /// The distance between elements of the window.
    pub dilation: Shape,
}

impl Window {
    /// Windows of these sizes with strides of 1 and no padding.
    pub fn new(sizes: impl AsRef<[usize]>) -> Window {
        let sizes = Shape::from_slice(sizes.as_ref());
        let ones = Shape::from_elem(1, sizes.len());
        Window {
            strides: ones.clone(),
            borders: Borders::Valid,
            base_dilation: ones.clone(),
            dilation: ones,
            sizes,
        }
    }

    /// Sets the strides.
    pub fn strides(self, strides: impl AsRef<[usize]>) -> Window {
        Window { strides: Shape::from_slice(strides.as_ref()), ..self }
    }

    /// Sets the padding.
    pub fn borders(self, borders: impl Into<Borders>) -> Window {
        Window { borders: borders.into(), ..self }
    }

    /// Sets the distance between elements of the window.
    pub fn dilation(self, dilation: impl AsRef<[usize]>) -> Window {
        Window { dilation: Shape::from_slice(dilation.as_ref()), ..self }
    }

    /// Sets the distance between elements of the operand.
    pub fn base_dilation(self, dilation: impl AsRef<[usize]>) -> Window {
        Window { base_dilation: Shape::from_slice(dilation.as_ref()), ..self }
    }

    /// The windows with their padding in numbers, or an error if a list does not fit the axes of
    /// `x`.
    pub(crate) fn placed(&self, name: &str, x: &Aval) -> Result<Placed, Error> {
        let rank = x.rank();
        for (what, list) in [
            ("window sizes", &self.sizes),
            ("strides", &self.strides),
            ("base dilations", &self.base_dilation),
            ("window dilations", &self.dilation),
        ] {
            if list.len() != rank || list.contains(&0) {
                return Err(err!(
                    Shape,
                    "{name}: expected positive {what}, one per axis of {x}, got {list:?}"
                ));
            }
        }
        let spans: Shape = (0..rank)
            .map(|a| (self.sizes[a] - 1).saturating_mul(self.dilation[a]).saturating_add(1))
            .collect();
        let edges = self.borders.edges(&x.shape, &spans, &self.strides);
        if edges.len() != rank {
            return Err(err!(
                Shape,
                "{name}: expected borders for each axis of {x}, got {edges:?}"
            ));
        }
        Ok(Placed {
            sizes: self.sizes.clone(),
            strides: self.strides.clone(),
            edges,
            base_dilation: self.base_dilation.clone(),
            dilation: self.dilation.clone(),
        })
    }
}

impl<const N: usize> From<[usize; N]> for Window {
    fn from(sizes: [usize; N]) -> Window {
        Window::new(sizes)
    }
}

/// Windows with their padding in numbers: the parameters of a primitive.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Placed {
    pub sizes: Shape,
    pub strides: Shape,
    pub edges: Edges,
    pub base_dilation: Shape,
    pub dilation: Shape,
}

/// The size of a dilated axis of `n` elements.
pub(crate) fn dilated(n: usize, dilation: usize) -> i64 {
    if n == 0 { 0 } else { (n as i64 - 1) * dilation as i64 + 1 }
}

/// The size of a dilated axis of `n` elements with this padding; `None` if the padding crops more
/// than there is. A size beyond usize becomes `usize::MAX`, which no array has.
pub(crate) fn bordered(n: usize, dilation: usize, (low, high): (i64, i64)) -> Option<usize> {
    let inner = (n as i128 - 1).max(0) * dilation as i128 + i128::from(n > 0);
    let wide = inner + i128::from(low) + i128::from(high);
    (wide >= 0).then(|| usize::try_from(wide).unwrap_or(usize::MAX))
}

/// The padding as a parameter. Without axes it is an empty list, whose element type does not
/// matter.
pub(crate) fn edges_param(edges: &Edges) -> Param {
    if edges.is_empty() {
        return Param::Ints(SmallVec::new());
    }
    Param::Lists(edges.iter().map(|(low, high)| smallvec![*low, *high]).collect())
}

/// The inverse of [`edges_param`].
pub(crate) fn edges_of(args: &Args, name: &str) -> Result<Edges, Error> {
    let p = args.get(name)?;
    let wrong = || args.wrong(name, "a list of pairs", p);
    let lists = match p {
        Param::Lists(lists) => lists,
        Param::Ints(none) if none.is_empty() => return Ok(Edges::new()),
        _ => return Err(wrong()),
    };
    let pair = |l: &SmallVec<[i64; 4]>| (l.len() == 2).then(|| (l[0], l[1]));
    lists.iter().map(pair).collect::<Option<Edges>>().ok_or_else(wrong)
}

impl Placed {
    pub fn params(&self) -> Params {
        let ints = |s: &Shape| Param::ints(s.iter().copied());
        smallvec![
            ("window_dimensions", ints(&self.sizes)),
            ("window_strides", ints(&self.strides)),
            ("padding", edges_param(&self.edges)),
            ("base_dilation", ints(&self.base_dilation)),
            ("window_dilation", ints(&self.dilation))
        ]
    }

    pub fn build(args: &Args) -> Result<Placed, Error> {
        Ok(Placed {
            sizes: args.sizes("window_dimensions")?.into(),
            strides: args.sizes("window_strides")?.into(),
            edges: edges_of(args, "padding")?,
            base_dilation: args.sizes("base_dilation")?.into(),
            dilation: args.sizes("window_dilation")?.into(),
        })
    }

    /// The padding that `pad` applies before windows are taken.
    pub fn padding(&self) -> Vec<(i64, i64, i64)> {
        let between = self.base_dilation.iter().map(|d| *d as i64 - 1);
        self.edges
            .iter()
            .zip(between)
            .map(|((low, high), between)| (*low, *high, between))
            .collect()
    }

    /// The number of windows along each axis, or an error if the windows do not fit.
    pub fn outs(&self, name: &str, x: &Aval) -> Result<Shape, Error> {
        let rank = x.rank();
        let ranks = [&self.sizes, &self.strides, &self.base_dilation, &self.dilation];
        if ranks.iter().any(|l| l.len() != rank || l.contains(&0)) || self.edges.len() != rank {
            return Err(err!(
                Shape,
                "{name}: expected a positive size, stride and dilation and borders for each axis \
                 of {x}, got {self:?}"
            ));
        }
        let outs = (0..rank).map(|a| {
            let (low, high) = self.edges[a];
            let wide =
                bordered(x.shape[a], self.base_dilation[a], (low, high)).ok_or_else(|| {
                    err!(
                        Shape,
                        "{name}: borders ({low}, {high}) cut more from axis {a} of {x} than it has"
                    )
                })?;
            Ok(fitting(wide, self.sizes[a], self.strides[a], self.dilation[a]))
        });
        outs.collect()
    }

    /// The windows of the transpose of a sum over windows, from a result of shape `outs` to an
    /// operand of shape `from`.
    pub fn transposed(&self, from: &[usize], outs: &[usize]) -> Placed {
        let edges = (0..from.len()).map(|a| {
            let span = dilated(self.sizes[a], self.dilation[a]);
            let low = span - 1 - self.edges[a].0;
            let reach = self.base_dilation[a] as i64 * (from[a] as i64 - 1) + span;
            (low, reach - dilated(outs[a], self.strides[a]) - low)
        });
        Placed {
            sizes: self.sizes.clone(),
            strides: self.base_dilation.clone(),
            edges: edges.collect(),
            base_dilation: self.strides.clone(),
            dilation: self.dilation.clone(),
        }
    }

    /// Inserts an axis at `at`, along which windows have one element.
    pub fn with_axis(&self, at: usize) -> Placed {
        let mut wide = self.clone();
        for list in
            [&mut wide.sizes, &mut wide.strides, &mut wide.base_dilation, &mut wide.dilation]
        {
            list.insert(at, 1);
        }
        wide.edges.insert(at, (0, 0));
        wide
    }
}
