//! Lines, points, bands, bars, arrows: the numbers that each covers, and its shapes.

use super::axes::Axes;
use super::lines::{finite, lines};
use super::scene::{Paint, Point, Shape};
use super::surface::Surface;

#[derive(Clone, Debug)]
pub enum Mark {
    Line {
        points: Vec<Point>,
        width: f64,
    },
    Points {
        points: Vec<Point>,
        radius: f64,
    },
    /// Between the lower and the upper numbers.
    Band {
        x: Vec<f64>,
        low: Vec<f64>,
        high: Vec<f64>,
    },
    /// Bars from zero, with their borders: one more than heights.
    Bars {
        borders: Vec<f64>,
        heights: Vec<f64>,
    },
    /// Arrows from points, as long as the longest allows.
    Arrows {
        points: Vec<Point>,
        vectors: Vec<Point>,
    },
    Surface(Surface),
    /// A line through the whole panel where an axis has this number.
    Across {
        at: f64,
        vertical: bool,
    },
}

impl Mark {
    /// Points whose numbers the scales must have.
    pub(super) fn extent(&self) -> Vec<Point> {
        match self {
            Mark::Line { points, .. } | Mark::Points { points, .. } => points.clone(),
            Mark::Band { x, low, high } => {
                let ends = |y: &[f64]| x.iter().copied().zip(y.iter().copied()).collect::<Vec<_>>();
                [ends(low), ends(high)].concat()
            }
            Mark::Bars { borders, heights } => {
                let tops = heights.iter().map(|h| (f64::NAN, *h));
                borders.iter().map(|b| (*b, 0.0)).chain(tops).collect()
            }
            Mark::Arrows { points, .. } => points.clone(),
            Mark::Surface(surface) => surface.extent(),
            Mark::Across { at, vertical: true } => vec![(*at, f64::NAN)],
            Mark::Across { at, vertical: false } => vec![(f64::NAN, *at)],
        }
    }

    /// Whether the scales leave room around it.
    pub(super) fn fills(&self) -> bool {
        matches!(self, Mark::Surface(_))
    }

    /// Its shapes, in pixels from the upper left corner of the panel.
    pub(super) fn shapes(&self, axes: &Axes, paint: Paint) -> Vec<Shape> {
        match self {
            Mark::Line { points, width } => lines(axes, points, paint, *width),
            Mark::Points { points, radius } => {
                let places = points.iter().map(|p| axes.inside(*p)).filter(finite);
                let circle = |centre| Shape::Circle { centre, radius: *radius, paint };
                places.map(circle).collect()
            }
            Mark::Band { x, low, high } => band(axes, x, low, high, paint.cover(0.2)),
            Mark::Bars { borders, heights } => {
                let bar = |(n, height): (usize, &f64)| {
                    let (a, b) = (borders[n], borders[n + 1]);
                    let corners = [(a, 0.0), (a, *height), (b, *height), (b, 0.0)];
                    let corners = corners.map(|p| axes.inside(p));
                    let wide = (corners[0].0 - corners[2].0).abs() >= 2.0;
                    // Sides on whole points: between two bars there is no seam.
                    let whole = |(x, y): Point| if wide { (x.round(), y) } else { (x, y) };
                    let points: Vec<Point> = corners.map(whole).to_vec();
                    points
                        .iter()
                        .all(finite)
                        .then_some(Shape::Area { points, paint: paint.cover(0.7) })
                };
                heights.iter().enumerate().filter_map(bar).collect()
            }
            Mark::Arrows { points, vectors } => arrows(axes, points, vectors, paint),
            Mark::Surface(surface) => surface.shapes(axes, paint),
            Mark::Across { at, vertical } => {
                let (x, y) = axes.inside((*at, *at));
                let points = match vertical {
                    true => vec![(x, 0.0), (x, axes.size.1)],
                    false => vec![(0.0, y), (axes.size.0, y)],
                };
                let seen = points.iter().all(finite);
                seen.then_some(Shape::Line { points, paint, width: 1.0 }).into_iter().collect()
            }
        }
    }
}

fn band(axes: &Axes, x: &[f64], low: &[f64], high: &[f64], paint: Paint) -> Vec<Shape> {
    let place = |n: usize| (axes.inside((x[n], low[n])), axes.inside((x[n], high[n])));
    let places: Vec<(Point, Point)> = (0..x.len()).map(place).collect();
    let runs = places.split(|(l, h)| !finite(l) || !finite(h)).filter(|run| run.len() > 1);
    let area = |run: &[(Point, Point)]| {
        let back = run.iter().rev().map(|p| p.1);
        Shape::Area { points: run.iter().map(|p| p.0).chain(back).collect(), paint }
    };
    runs.map(area).collect()
}

/// Arrows whose longest is as long as a cell of points that fill the panel evenly.
fn arrows(axes: &Axes, points: &[Point], vectors: &[Point], paint: Paint) -> Vec<Shape> {
    let pixels =
        |(u, v): &Point| (u * axes.x.unit() * axes.size.0, -v * axes.y.unit() * axes.size.1);
    let vectors: Vec<Point> = vectors.iter().map(pixels).collect();
    let length = |(u, v): &Point| u.hypot(*v);
    let longest = vectors.iter().filter(|v| finite(v)).map(length).fold(0.0, f64::max);
    let cell = (axes.size.0 * axes.size.1 / points.len().max(1) as f64).sqrt();
    let scale = if longest > 0.0 { cell / longest } else { 0.0 };
    let mut all = Vec::new();
    for (point, (u, v)) in points.iter().zip(vectors) {
        let from = axes.inside(*point);
        let (u, v) = (u * scale, v * scale);
        let to = (from.0 + u, from.1 + v);
        if !finite(&from) || !finite(&to) || u.hypot(v) < 0.5 {
            continue;
        }
        let head = |side: f64| {
            let (x, y) = (-0.35 * u - side * 0.18 * v, -0.35 * v + side * 0.18 * u);
            (to.0 + x, to.1 + y)
        };
        all.push(Shape::Line { points: vec![from, to], paint, width: 1.2 });
        all.push(Shape::Area { points: vec![to, head(1.0), head(-1.0)], paint });
    }
    all
}
