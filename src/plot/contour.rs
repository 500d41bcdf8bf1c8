//! The lines on which a surface has a value: marching squares, with straight pieces in every cell.

use super::scene::Point;
use rustc_hash::FxHashMap;
use std::collections::VecDeque;

/// The values of a surface at the crossings of columns and rows; row by row.
pub struct Grid<'a> {
    pub x: &'a [f64],
    pub y: &'a [f64],
    pub values: &'a [f64],
}

impl Grid<'_> {
    fn value(&self, column: usize, row: usize) -> f64 {
        self.values[row * self.x.len() + column]
    }

    /// The lines on which the surface has a value.
    pub(super) fn lines(&self, level: f64) -> Vec<Vec<Point>> {
        let mut pieces = Vec::new();
        for row in 1..self.y.len() {
            for column in 1..self.x.len() {
                self.cell(column - 1, row - 1, level, &mut pieces);
            }
        }
        joined(pieces)
    }

    /// Adds the pieces of the cell between this crossing and the next.
    fn cell(&self, column: usize, row: usize, level: f64, pieces: &mut Vec<[End; 2]>) {
        let corners = [(0, 0), (1, 0), (1, 1), (0, 1)].map(|(c, r)| (column + c, row + r));
        let values = corners.map(|(c, r)| self.value(c, r) - level);
        if values.iter().any(|v| !v.is_finite()) {
            return;
        }
        let place = |n: usize| (self.x[corners[n].0], self.y[corners[n].1]);
        let mut crossed = Vec::with_capacity(4);
        for n in 0..4 {
            let m = (n + 1) % 4;
            if (values[n] >= 0.0) != (values[m] >= 0.0) {
                let (a, b) = if corners[n] < corners[m] { (n, m) } else { (m, n) };
                let t = values[a] / (values[a] - values[b]);
                let ((x0, y0), (x1, y1)) = (place(a), place(b));
                let (c, r) = corners[a];
                let upwards = usize::from(corners[b].1 > r);
                let side = 2 * (r * self.x.len() + c) + upwards;
                crossed.push(End { side, at: (x0 + t * (x1 - x0), y0 + t * (y1 - y0)) });
            }
        }
        match crossed[..] {
            [a, b] => pieces.push([a, b]),
            [a, b, c, d] => {
                // A saddle: the middle tells which corners belong together.
                let middle: f64 = values.iter().sum();
                let pairs = match (middle >= 0.0) == (values[0] >= 0.0) {
                    true => [[a, b], [c, d]],
                    false => [[d, a], [b, c]],
                };
                pieces.extend(pairs);
            }
            _ => {}
        }
    }
}

/// The end of a piece, on a side of a cell. The two cells of a side have one there, or none.
#[derive(Clone, Copy)]
struct End {
    side: usize,
    at: Point,
}

/// Pieces that end where others begin, as long lines.
fn joined(pieces: Vec<[End; 2]>) -> Vec<Vec<Point>> {
    let mut ends: FxHashMap<usize, Vec<usize>> = FxHashMap::default();
    for (n, piece) in pieces.iter().enumerate() {
        piece.iter().for_each(|end| ends.entry(end.side).or_default().push(n));
    }
    let mut used = vec![false; pieces.len()];
    let mut lines = Vec::new();
    for n in 0..pieces.len() {
        if std::mem::replace(&mut used[n], true) {
            continue;
        }
        let mut line = VecDeque::from(pieces[n]);
        // On from the end, then from the beginning.
        for back in [true, false] {
            while let Some(end) = if back { line.back() } else { line.front() } {
                let side = end.side;
                let next = ends.get(&side).and_then(|all| all.iter().find(|m| !used[**m]));
                let Some(next) = next.copied() else { break };
                used[next] = true;
                let [a, b] = pieces[next];
                let on = if a.side == side { b } else { a };
                if back { line.push_back(on) } else { line.push_front(on) }
            }
        }
        lines.push(line.into_iter().map(|end| end.at).collect());
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_circle_is_one_closed_line() {
        let x: Vec<f64> = (0..21).map(|n| f64::from(n) / 10.0 - 1.0).collect();
        let values: Vec<f64> =
            x.iter().flat_map(|y| x.iter().map(move |x| x * x + y * y)).collect();
        let lines = Grid { x: &x, y: &x, values: &values }.lines(0.5);
        assert_eq!(lines.len(), 1);
        let ends = [lines[0].first(), lines[0].last()].map(|p| *p.expect("a point"));
        assert!((ends[0].0 - ends[1].0).hypot(ends[0].1 - ends[1].1) < 1e-9);
        assert!(lines[0].iter().all(|(x, y)| (x.hypot(*y) - 0.5f64.sqrt()).abs() < 0.01));
    }

    #[test]
    fn a_saddle_has_two_lines_that_do_not_cross() {
        let values = [1.0, -1.0, -1.0, 1.0];
        let grid = Grid { x: &[0.0, 1.0], y: &[0.0, 1.0], values: &values };
        for level in [-0.1, 0.1] {
            assert_eq!(grid.lines(level).len(), 2);
        }
        assert!(grid.lines(3.0).is_empty());
        let broken = Grid { x: &[0.0, 1.0], y: &[0.0, 1.0], values: &[1.0, f64::NAN, -1.0, 1.0] };
        assert!(broken.lines(0.0).is_empty());
    }
}
