//! Places in a panel, and lines through them.

use super::axes::Axes;
use super::scene::{Paint, Point, Shape};

/// Whether a place can be written down: far outside of the panel is as good as nowhere.
pub(super) fn finite(p: &Point) -> bool {
    p.0.abs() < 1e7 && p.1.abs() < 1e7
}

/// A line, which ends before a number that is not finite and begins anew behind it.
pub(super) fn lines(axes: &Axes, points: &[Point], paint: Paint, width: f64) -> Vec<Shape> {
    let places: Vec<Point> = points.iter().map(|p| axes.inside(*p)).collect();
    let runs = places.split(|p| !finite(p)).filter(|run| !run.is_empty());
    runs.map(|run| Shape::Line { points: run.to_vec(), paint, width }).collect()
}
