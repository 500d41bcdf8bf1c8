//! Heat maps and contours of a matrix.

use super::axes::Axes;
use super::colour::ColourMap;
use super::contour::Grid;
use super::lines::{finite, lines};
use super::scene::{Paint, Point, Shape};

/// Numbers over a rectangle.
#[derive(Clone, Debug)]
pub struct Surface {
    pub columns: usize,
    pub values: Vec<f64>,
    pub kind: Kind,
}

#[derive(Clone, Debug)]
pub enum Kind {
    /// A cell for each number, between these ends; the first row lies below.
    Cells { x: (f64, f64), y: (f64, f64), map: ColourMap, range: (f64, f64) },
    /// Lines of these levels through numbers at the crossings of columns and rows.
    Contours { x: Vec<f64>, y: Vec<f64>, levels: Vec<f64>, map: Option<ColourMap> },
}

impl Surface {
    pub(super) fn extent(&self) -> Vec<Point> {
        match &self.kind {
            Kind::Cells { x, y, .. } => vec![(x.0, y.0), (x.1, y.1)],
            Kind::Contours { x, y, .. } => {
                let y = y.iter().map(|y| (f64::NAN, *y));
                x.iter().map(|x| (*x, f64::NAN)).chain(y).collect()
            }
        }
    }

    pub(super) fn shapes(&self, axes: &Axes, paint: Paint) -> Vec<Shape> {
        match &self.kind {
            Kind::Cells { x, y, map, range } => {
                let (a, b) = (axes.inside((x.0, y.1)), axes.inside((x.1, y.0)));
                let (at, size) =
                    ((a.0.min(b.0), a.1.min(b.1)), ((b.0 - a.0).abs(), (b.1 - a.1).abs()));
                let width = self.columns.max(1);
                if ![a, b].iter().all(finite) {
                    return Vec::new();
                }
                // Pixels begin above, rows below.
                let rows = self.values.chunks_exact(width).rev().flatten();
                let rgb = rows.flat_map(|v| pixel(*map, *range, *v)).collect();
                vec![Shape::Pixels { at, size, width, rgb }]
            }
            Kind::Contours { x, y, levels, map } => {
                let grid = Grid { x, y, values: &self.values };
                let count = levels.len().saturating_sub(1).max(1) as f64;
                let one = |(n, level): (usize, &f64)| {
                    let colour = map.map(|m| Paint::solid(m.colour(n as f64 / count)));
                    let draw =
                        move |line: Vec<Point>| lines(axes, &line, colour.unwrap_or(paint), 1.2);
                    grid.lines(*level).into_iter().flat_map(draw).collect::<Vec<_>>()
                };
                levels.iter().enumerate().flat_map(one).collect()
            }
        }
    }
}

/// The colour of a number; what is not finite is a light grey.
pub(super) fn pixel(map: ColourMap, (low, high): (f64, f64), v: f64) -> [u8; 3] {
    match v.is_finite() {
        true if high > low => map.colour((v - low) / (high - low)),
        true => map.colour(0.5),
        false => [203, 213, 225],
    }
}

/// The least and the greatest finite number.
pub(super) fn range(values: &[f64]) -> (f64, f64) {
    let finite = values.iter().copied().filter(|v| v.is_finite());
    let none = (f64::INFINITY, f64::NEG_INFINITY);
    let (low, high) = finite.fold(none, |(l, h), v| (l.min(v), h.max(v)));
    if low <= high { (low, high) } else { (0.0, 1.0) }
}

/// So many levels inside of a range, evenly spaced.
pub(super) fn levels((low, high): (f64, f64), count: usize) -> Vec<f64> {
    let step = (high - low) / (count + 1) as f64;
    (1..=count).map(|n| low + step * n as f64).collect()
}
