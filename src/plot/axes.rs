//! Scales, ticks, the frame of a panel, the legend.

use super::scene::{Anchor, FAINT, INK, Paint, Point, Scene, Shape, WHITE};
use super::text::{fitted, width};

/// The greatest numbers that are drawn, and the least range of an axis: beyond, differences
/// overflow.
const MOST: f64 = 1e300;
const LEAST: f64 = 1e-290;

/// The size of numbers at ticks and of names in legends.
pub const TICK: f64 = 11.0;

/// Numbers along an axis.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Scale {
    low: f64,
    high: f64,
    log: bool,
}

impl Scale {
    /// A scale that begins and ends with these numbers, which must be positive if it is
    /// logarithmic. The ends are apart, whatever the numbers are.
    pub(super) fn new(low: f64, high: f64, log: bool) -> Scale {
        let (low, high) = if log { (low.log10(), high.log10()) } else { (low, high) };
        let size = low.abs().max(high.abs());
        let apart = if log { 0.5 } else { size.max(1.0) / 2.0 };
        let (low, high) = match low <= high && size <= MOST {
            true if high - low > (1e-12 * size).max(LEAST) => (low, high),
            // Equal but for errors of rounding.
            true => (low - apart, high + apart),
            false => (0.0, 1.0),
        };
        Scale { low, high, log }
    }

    /// The scale of some numbers, with room at both ends: a share of their range.
    pub(super) fn of(values: impl Iterator<Item = f64>, log: bool, room: f64) -> Scale {
        let values = values.filter(|v| v.abs() <= MOST && (!log || *v >= LEAST));
        let none = (f64::INFINITY, f64::NEG_INFINITY);
        let (low, high) = values.fold(none, |(l, h), v| (l.min(v), h.max(v)));
        let Scale { low, high, .. } = Scale::new(low, high, log);
        let room = room * (high - low);
        Scale { low: low - room, high: high + room, log }
    }

    /// The place of a number, from 0 to 1. Of numbers that have none it is NaN.
    pub(super) fn place(&self, x: f64) -> f64 {
        let x = if self.log { x.log10() } else { x };
        (x - self.low) / (self.high - self.low)
    }

    /// The length of a unit, as a share of the scale.
    pub(super) fn unit(&self) -> f64 {
        1.0 / (self.high - self.low)
    }

    /// The widest text of the ticks, in points.
    pub(super) fn widest(&self) -> f64 {
        self.ticks().iter().map(|(_, text)| width(text, TICK)).fold(0.0, f64::max)
    }

    /// Half of the text of the last tick: what may stand out at the right.
    pub(super) fn overhang(&self) -> f64 {
        self.ticks().last().map_or(0.0, |(_, text)| width(text, TICK) / 2.0)
    }

    /// Four to nine round numbers, and their texts.
    pub(super) fn ticks(&self) -> Vec<(f64, String)> {
        if self.log && self.high - self.low >= 1.5 {
            let step = ((self.high - self.low) / 7.0).ceil() as i32;
            let (first, last) = (self.low.ceil() as i32, self.high.floor() as i32);
            let powers = (first..=last).filter(|p| p.rem_euclid(step) == 0);
            return powers.map(|p| (10f64.powi(p), power(p, last))).collect();
        }
        let (low, high) = match self.log {
            true => (10f64.powf(self.low), 10f64.powf(self.high)),
            false => (self.low, self.high),
        };
        let raw = (high - low) / 5.0;
        let unit = 10f64.powf(raw.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * unit).into_iter().find(|s| *s >= 0.999 * raw);
        let step = step.unwrap_or(raw);
        let first = (low / step - 1e-9).ceil();
        let all = (0..12).map(|n| (first + f64::from(n)) * step);
        let all: Vec<f64> = all.take_while(|t| *t <= high + 1e-9 * step).collect();
        // A number near zero is zero, but for errors of rounding.
        let all = all.into_iter().map(|t| if t.abs() < 1e-9 * step { 0.0 } else { t });
        all.map(|t| (t, label(t, step))).collect()
    }
}

/// A power of ten, in full where all up to the last one are short.
fn power(p: i32, last: i32) -> String {
    let short = (-3..=4).contains(&p) && (p < 3 || last <= 4);
    if short { label(10f64.powi(p), 10f64.powi(p)) } else { format!("1e{p}") }
}

/// A number with as many digits as steps of this size need.
pub(super) fn label(x: f64, step: f64) -> String {
    let size = x.abs().max(step);
    if x == 0.0 && step < 1e-4 {
        return "0".to_owned();
    }
    if !(1e-4..1e6).contains(&size) && x != 0.0 {
        let digits = (x.abs().log10().floor() - step.log10().floor()).clamp(0.0, 12.0) as usize;
        return format!("{x:.digits$e}");
    }
    let digits = (-step.log10().floor()).clamp(0.0, 12.0) as usize;
    format!("{x:.digits$}")
}

/// The two scales of a panel, and where it lies.
#[derive(Clone, Copy, Debug)]
pub struct Axes {
    pub x: Scale,
    pub y: Scale,
    pub at: Point,
    pub size: Point,
}

impl Axes {
    /// The place in the panel, from its upper left corner.
    pub(super) fn inside(&self, (x, y): Point) -> Point {
        (self.x.place(x) * self.size.0, (1.0 - self.y.place(y)) * self.size.1)
    }

    /// Lines at the ticks, and their numbers. They lie below what is drawn.
    pub(super) fn grid(&self, scene: &mut Scene, lines: bool) {
        let ((x0, y0), (w, h)) = (self.at, self.size);
        // Where the number before ends: those that would touch it are left out.
        let mut end = f64::NEG_INFINITY;
        for (t, text) in self.x.ticks() {
            let x = x0 + self.x.place(t) * w;
            let from = if lines { y0 } else { y0 + h - 4.0 };
            scene.line(vec![(x, y0 + h), (x, from)], FAINT, 1.0);
            let half = width(&text, TICK) / 2.0;
            if x - half > end + 4.0 {
                scene.text((x, y0 + h + 15.0), Anchor::Middle, TICK, &text);
                end = x + half;
            }
        }
        for (t, text) in self.y.ticks() {
            let y = y0 + (1.0 - self.y.place(t)) * h;
            let to = if lines { x0 + w } else { x0 + 4.0 };
            scene.line(vec![(x0, y), (to, y)], FAINT, 1.0);
            scene.text((x0 - 6.0, y + 4.0), Anchor::End, TICK, &text);
        }
    }

    /// The widest number of the vertical axis, in points.
    pub(super) fn widest(&self) -> f64 {
        self.y.widest()
    }

    /// The lines on the left and below.
    pub(super) fn frame(&self, scene: &mut Scene) {
        let ((x, y), (w, h)) = (self.at, self.size);
        scene.line(vec![(x, y), (x, y + h), (x + w, y + h)], INK.cover(0.6), 1.0);
    }
}

/// What a legend says about a series.
pub struct Entry {
    pub name: String,
    pub paint: Paint,
}

/// Draws a legend in the corner where the fewest of these places are.
pub(super) fn legend(scene: &mut Scene, axes: &Axes, entries: &[Entry], places: &[Point]) {
    if entries.is_empty() {
        return;
    }
    let longest = entries.iter().map(|e| width(&e.name, TICK)).fold(0.0, f64::max);
    let longest = longest.min(axes.size.0 - 48.0).max(0.0);
    let size = (30.0 + longest, 8.0 + 16.0 * entries.len() as f64);
    let gap = 8.0;
    let (right, below) = (axes.size.0 - size.0 - gap, axes.size.1 - size.1 - gap);
    let corners = [(right, gap), (gap, gap), (right, below), (gap, below)];
    let hidden = |(x, y): Point| {
        let within = |p: &&Point| (x..x + size.0).contains(&p.0) && (y..y + size.1).contains(&p.1);
        places.iter().filter(within).count()
    };
    let best = corners.into_iter().min_by_key(|c| hidden(*c)).unwrap_or(corners[0]);
    let (x, y) = (axes.at.0 + best.0, axes.at.1 + best.1);
    scene.rectangle((x, y), size, WHITE.cover(0.8));
    for (n, entry) in entries.iter().enumerate() {
        let middle = y + 12.0 + 16.0 * n as f64;
        scene.rectangle((x + 6.0, middle - 2.0), (12.0, 4.0), entry.paint);
        let at = (x + 24.0, middle + 4.0);
        scene.text_within(at, Anchor::Start, TICK, &entry.name, longest);
    }
}

/// Text that is read upwards, in this room.
pub(super) fn turned(scene: &mut Scene, at: Point, text: &str, room: f64) {
    if !text.is_empty() {
        let (size, text) = fitted(text, 12.0, room);
        scene.shapes.push(Shape::Text {
            at,
            anchor: Anchor::Middle,
            size: (10.0 * size).floor() / 10.0,
            turned: true,
            text,
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(low: f64, high: f64, log: bool) -> Vec<String> {
        Scale::new(low, high, log).ticks().into_iter().map(|(_, text)| text).collect()
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(texts(-2e-7, 4e-7, false), ["-2e-7", "0", "2e-7", "4e-7"]);
        assert_eq!(texts(0.0, 1.0, false), ["0.0", "0.2", "0.4", "0.6", "0.8", "1.0"]);
        assert_eq!(texts(-3.0, 7.0, false), ["-2", "0", "2", "4", "6"]);
        assert_eq!(texts(1e-9, 3e-9, false), ["1.0e-9", "1.5e-9", "2.0e-9", "2.5e-9", "3.0e-9"]);
        assert_eq!(texts(0.001, 1000.0, true), ["0.001", "0.01", "0.1", "1", "10", "100", "1000"]);
        assert_eq!(texts(100.0, 1e5, true), ["100", "1e3", "1e4", "1e5"]);
        assert_eq!(texts(2.0, 5.0, true), ["2", "3", "4", "5"]);
    }

    #[test]
    fn scales_of_odd_numbers() {
        for numbers in [
            vec![],
            vec![f64::NAN],
            vec![2.0],
            vec![f64::INFINITY, -1.0],
            vec![0.0],
            vec![1e300, -1e300],
            vec![5e-324, 1.0 + 1e-16, 1.0],
        ] {
            for log in [false, true] {
                let scale = Scale::of(numbers.iter().copied(), log, 0.05);
                assert!(scale.low < scale.high && scale.unit().is_finite(), "{scale:?}");
                assert!(!scale.ticks().is_empty(), "{scale:?}");
            }
        }
    }
}
