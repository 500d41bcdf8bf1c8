//! What is drawn in one panel.

use super::axes::{Axes, Entry, Scale, TICK, legend, turned};
use super::colour::{ColourMap, series};
use super::data::{Matrix, Numbers, Values, matrix, vector, vectors};
use super::marks::Mark;
use super::picture::Picture;
use super::scene::{Anchor, INK, Paint, Point, Scene, Shape};
use super::surface::{Kind, Surface, levels, pixel, range};
use crate::core::source::raise;
use cotangent_jit::{Error, err};

const SIZE: Point = (640.0, 400.0);
/// The ends of an axis, if they are given.
type Limits = Option<(f64, f64)>;
/// Steps of a colour bar.
const STEPS: usize = 128;

/// A panel with a horizontal and a vertical axis. Each call adds something that is drawn over what
/// was there; series get colours in turn.
///
/// ```
/// use cotangent::plot::Plot;
/// let loss = [3.0, 1.5, 1.0];
/// let svg = Plot::new("loss").x_label("step").line("train", [0.0, 1.0, 2.0], loss).to_svg();
/// assert!(svg.starts_with("<svg") && svg.contains("train"));
/// ```
#[derive(Clone, Debug)]
pub struct Plot {
    title: String,
    x_label: String,
    y_label: String,
    log: (bool, bool),
    limits: [Limits; 2],
    equal: bool,
    size: Point,
    marks: Vec<(String, Mark, Paint)>,
    series: usize,
    /// The range and the colours of the bar at the right.
    bar: Option<(f64, f64, ColourMap)>,
}

impl Plot {
    pub fn new(title: &str) -> Plot {
        Plot {
            title: title.to_owned(),
            x_label: String::new(),
            y_label: String::new(),
            log: (false, false),
            limits: [None, None],
            equal: false,
            size: SIZE,
            marks: Vec::new(),
            series: 0,
            bar: None,
        }
    }

    pub fn x_label(mut self, text: &str) -> Plot {
        self.x_label = text.to_owned();
        self
    }

    pub fn y_label(mut self, text: &str) -> Plot {
        self.y_label = text.to_owned();
        self
    }

    /// A logarithmic horizontal axis; values that are not positive are left out.
    pub fn log_x(mut self) -> Plot {
        self.log.0 = true;
        self
    }

    /// A logarithmic vertical axis; values that are not positive are left out.
    pub fn log_y(mut self) -> Plot {
        self.log.1 = true;
        self
    }

    /// The ends of the horizontal axis; without them it has room for all that is drawn.
    pub fn x_limits(mut self, low: f64, high: f64) -> Plot {
        self.limits[0] = Some((low, high));
        self
    }

    /// The ends of the vertical axis.
    pub fn y_limits(mut self, low: f64, high: f64) -> Plot {
        self.limits[1] = Some((low, high));
        self
    }

    /// Makes a unit as long on both axes, so that circles are round.
    pub fn equal_units(mut self) -> Plot {
        self.equal = true;
        self
    }

    /// Width and height in pixels; 640 and 400 without this.
    pub fn pixels(mut self, width: usize, height: usize) -> Plot {
        self.size = (width.max(120) as f64, height.max(100) as f64);
        self
    }

    fn mark(mut self, name: &str, mark: Mark) -> Plot {
        self.marks.push((name.to_owned(), mark, series(self.series)));
        self.series += 1;
        self
    }

    /// A line through `(x[i], y[i])`, which has a gap where an element is not finite.
    ///
    /// Panics if there are not as many `y` as `x`, or if they are no lines of real numbers.
    #[track_caller]
    pub fn line(self, name: &str, x: impl Values, y: impl Values) -> Plot {
        let points = raise(points("line", x, y));
        self.mark(name, Mark::Line { points, width: 1.6 })
    }

    /// Points at `(x[i], y[i])`. Panics as [`line`](Plot::line) does.
    #[track_caller]
    pub fn points(self, name: &str, x: impl Values, y: impl Values) -> Plot {
        let points = raise(points("points", x, y));
        let radius = if points.len() > 500 { 1.4 } else { 2.4 };
        self.mark(name, Mark::Points { points, radius })
    }

    /// The area between `low[i]` and `high[i]` at `x[i]`, as of an error. A line of the same name
    /// that follows has its colour. Panics as [`line`](Plot::line) does.
    #[track_caller]
    pub fn band(self, name: &str, x: impl Values, low: impl Values, high: impl Values) -> Plot {
        let [x, low, high] = raise(vectors(
            "band",
            [
                ("x", vector("band", "x", x)),
                ("low", vector("band", "low", low)),
                ("high", vector("band", "high", high)),
            ],
        ));
        self.mark(name, Mark::Band { x, low, high })
    }

    /// How many of the values lie in each of so many cells of equal width. Values that are not
    /// finite are left out. Panics if there are no cells.
    #[track_caller]
    pub fn histogram(self, name: &str, values: impl Values, cells: usize) -> Plot {
        let (borders, heights) = raise(counts(values, cells));
        self.mark(name, Mark::Bars { borders, heights })
    }

    /// Bars of these heights at 0, 1, 2 and so on. Panics if they are no line of real numbers.
    #[track_caller]
    pub fn bars(self, name: &str, heights: impl Values) -> Plot {
        let heights = raise(vector("bars", "heights", heights));
        // Each has borders of its own, with a gap before the next.
        let borders: Vec<f64> =
            (0..heights.len()).flat_map(|n| [n as f64 - 0.4, n as f64 + 0.4]).collect();
        let spread: Vec<f64> = heights.iter().flat_map(|h| [*h, f64::NAN]).collect();
        let heights = spread[..spread.len().saturating_sub(1)].to_vec();
        self.mark(name, Mark::Bars { borders, heights })
    }

    /// An arrow at each `(x[i], y[i])` in the direction `(u[i], v[i])`, all longer or shorter by
    /// one factor. Panics as [`line`](Plot::line) does.
    #[track_caller]
    pub fn arrows(
        self,
        name: &str,
        (x, y): (impl Values, impl Values),
        (u, v): (impl Values, impl Values),
    ) -> Plot {
        let flat =
            |values: Result<Numbers, Error>| Ok(values.map_err(|e| e.context("arrows"))?.data);
        let [x, y, u, v] = raise(vectors(
            "arrows",
            [
                ("x", flat(x.numbers())),
                ("y", flat(y.numbers())),
                ("u", flat(u.numbers())),
                ("v", flat(v.numbers())),
            ],
        ));
        let points = x.into_iter().zip(y).collect();
        let vectors = u.into_iter().zip(v).collect();
        self.mark(name, Mark::Arrows { points, vectors })
    }

    /// The elements of a matrix as colours, with a bar of them: rows are `y` from below, columns
    /// `x`, each cell one unit wide. [`heat_map_over`](Plot::heat_map_over) gives other ends.
    #[track_caller]
    pub fn heat_map(self, values: impl Values, map: ColourMap) -> Plot {
        let m = raise(matrix("heat_map", values));
        let ends = |n: usize| (-0.5, n as f64 - 0.5);
        let (x, y) = (ends(m.columns), ends(m.rows));
        self.cells(m, x, y, map)
    }

    /// A heat map whose cells fill these ends of `x` and `y`. Panics if the values are no matrix.
    #[track_caller]
    pub fn heat_map_over(
        self,
        x: (f64, f64),
        y: (f64, f64),
        values: impl Values,
        map: ColourMap,
    ) -> Plot {
        let m = raise(matrix("heat_map_over", values));
        self.cells(m, x, y, map)
    }

    fn cells(mut self, m: Matrix, x: (f64, f64), y: (f64, f64), map: ColourMap) -> Plot {
        let range = map.range(range(&m.data));
        self.bar = Some((range.0, range.1, map));
        let kind = Kind::Cells { x, y, map, range };
        let surface = Surface { columns: m.columns, values: m.data, kind };
        self.marks.push((String::new(), Mark::Surface(surface), INK));
        self
    }

    /// Lines on which the values, at `x[column]` and `y[row]`, have so many evenly spaced levels;
    /// darker colours are lower. Panics if the sizes do not agree.
    #[track_caller]
    pub fn contours(
        mut self,
        x: impl Values,
        y: impl Values,
        values: impl Values,
        count: usize,
    ) -> Plot {
        let read = || {
            let m = matrix("contours", values)?;
            let (x, y) = (vector("contours", "x", x)?, vector("contours", "y", y)?);
            match (m.columns, m.rows) == (x.len(), y.len()) {
                true => Ok((m, x, y)),
                false => Err(err!(
                    Shape,
                    "contours: expected a row per y and a column per x, got [{}, {}] for {} y and \
                     {} x",
                    m.rows,
                    m.columns,
                    y.len(),
                    x.len()
                )),
            }
        };
        let (m, x, y) = raise(read());
        let levels = levels(range(&m.data), count);
        // Over colours of its own surface they are one colour.
        let map = self.bar.is_none().then_some(ColourMap::Viridis);
        let kind = Kind::Contours { x, y, levels, map };
        let surface = Surface { columns: m.columns, values: m.data, kind };
        self.marks.push((String::new(), Mark::Surface(surface), INK.cover(0.7)));
        self
    }

    /// A vertical line at `x`.
    pub fn vertical(self, name: &str, x: f64) -> Plot {
        self.mark(name, Mark::Across { at: x, vertical: true })
    }

    /// A horizontal line at `y`.
    pub fn horizontal(self, name: &str, y: f64) -> Plot {
        self.mark(name, Mark::Across { at: y, vertical: false })
    }

    /// The picture as SVG.
    pub fn to_svg(&self) -> String {
        self.scene().to_svg()
    }

    /// The picture, for files and notebooks.
    pub fn picture(&self) -> Picture {
        Picture::of(self.scene(), &self.title)
    }

    /// Shows the plot in an evcxr notebook.
    pub fn evcxr_display(&self) {
        self.picture().evcxr_display();
    }

    pub(super) fn scene(&self) -> Scene {
        let mut scene = Scene::new(self.size);
        let axes = self.axes();
        let filled = self.marks.iter().any(|(_, mark, _)| mark.fills());
        axes.grid(&mut scene, !filled);
        let shapes: Vec<Shape> =
            self.painted().flat_map(|(mark, paint)| mark.shapes(&axes, paint)).collect();
        let places: Vec<Point> = shapes.iter().flat_map(Shape::places).collect();
        scene.shapes.push(Shape::Window { at: axes.at, size: axes.size, shapes });
        axes.frame(&mut scene);
        self.texts(&mut scene, &axes);
        legend(&mut scene, &axes, &self.entries(), &places);
        if let Some((low, high, map)) = self.bar {
            bar(&mut scene, &axes, (low, high), map);
        }
        scene
    }

    /// The marks with their colours: those of one name have that of the first.
    fn painted(&self) -> impl Iterator<Item = (&Mark, Paint)> {
        let first = |name: &str| self.marks.iter().find(|(other, ..)| other == name);
        self.marks.iter().map(move |(name, mark, paint)| {
            let named = if name.is_empty() { None } else { first(name) };
            (mark, named.map_or(*paint, |(.., paint)| *paint))
        })
    }

    fn entries(&self) -> Vec<Entry> {
        let mut entries: Vec<Entry> = Vec::new();
        for (name, _, paint) in &self.marks {
            if !name.is_empty() && !entries.iter().any(|e| e.name == *name) {
                entries.push(Entry { name: name.clone(), paint: *paint });
            }
        }
        entries
    }

    fn axes(&self) -> Axes {
        let extents: Vec<Point> =
            self.marks.iter().flat_map(|(_, mark, _)| mark.extent()).collect();
        let filled = self.marks.iter().any(|(_, mark, _)| mark.fills());
        let room = if filled { 0.0 } else { 0.03 };
        let scale = |limits: Limits, log: bool, of: fn(&Point) -> f64| match limits {
            Some((low, high)) => Scale::new(low, high, log),
            None => Scale::of(extents.iter().map(of), log, room),
        };
        let x = scale(self.limits[0], self.log.0, |p| p.0);
        let y = scale(self.limits[1], self.log.1, |p| p.1);
        let mut axes = Axes { x, y, at: (0.0, 0.0), size: (1.0, 1.0) };
        // Whole points, so that the frame and bars have sharp sides.
        let left = 16.0 + axes.widest().ceil() + if self.y_label.is_empty() { 0.0 } else { 20.0 };
        let right = match self.bar {
            Some((low, high, _)) => 40.0 + Scale::new(low, high, false).widest().ceil(),
            None => 18f64.max(x.overhang().ceil() + 2.0),
        };
        let top = if self.title.is_empty() { 14.0 } else { 36.0 };
        let below = if self.x_label.is_empty() { 28.0 } else { 46.0 };
        let size = ((self.size.0 - left - right).max(20.0), (self.size.1 - top - below).max(20.0));
        (axes.at, axes.size) = ((left, top), size);
        if self.equal {
            // The axis with more room per unit gets less of it.
            let units = (size.0 * x.unit(), size.1 * y.unit());
            let unit = units.0.min(units.1);
            axes.size = (unit / x.unit(), unit / y.unit());
            axes.at.0 += (size.0 - axes.size.0) / 2.0;
            axes.at.1 += (size.1 - axes.size.1) / 2.0;
        }
        axes
    }

    fn texts(&self, scene: &mut Scene, axes: &Axes) {
        let middle = (axes.at.0 + axes.size.0 / 2.0, axes.at.1 + axes.size.1 / 2.0);
        let end = axes.at.1 + axes.size.1;
        // Twice the way from the middle to the nearer side.
        let room = |middle: f64, all: f64| 2.0 * middle.min(all - middle) - 8.0;
        let across = room(middle.0, self.size.0);
        scene.text_within((middle.0, axes.at.1 - 14.0), Anchor::Middle, 15.0, &self.title, across);
        scene.text_within((middle.0, end + 34.0), Anchor::Middle, 12.0, &self.x_label, across);
        let left = (axes.at.0 - axes.widest() - 14.0, middle.1);
        turned(scene, left, &self.y_label, room(middle.1, self.size.1));
    }
}

fn points(op: &str, x: impl Values, y: impl Values) -> Result<Vec<Point>, Error> {
    let all = [("x", vector(op, "x", x)), ("y", vector(op, "y", y))];
    let [x, y] = vectors(op, all)?;
    Ok(x.into_iter().zip(y).collect())
}

/// The borders of cells, and how many values lie in each.
fn counts(values: impl Values, cells: usize) -> Result<(Vec<f64>, Vec<f64>), Error> {
    let values = values.numbers().map_err(|e| e.context("histogram"))?.data;
    if cells == 0 {
        return Err(err!(Value, "histogram: expected at least 1 cell, got 0"));
    }
    let (low, high) = range(&values);
    let (low, high) = if low < high { (low, high) } else { (low - 0.5, low + 0.5) };
    let width = (high - low) / cells as f64;
    let mut heights = vec![0.0; cells];
    for v in values.iter().filter(|v| v.is_finite()) {
        heights[(((v - low) / width) as usize).min(cells - 1)] += 1.0;
    }
    Ok(((0..=cells).map(|n| low + width * n as f64).collect(), heights))
}

/// The colours of a range, at the right of a panel.
fn bar(scene: &mut Scene, axes: &Axes, (low, high): (f64, f64), map: ColourMap) {
    let at = (axes.at.0 + axes.size.0 + 14.0, axes.at.1);
    let size = (12.0, axes.size.1);
    let level = |n: usize| 1.0 - n as f64 / (STEPS - 1) as f64;
    let rgb = (0..STEPS).flat_map(|n| pixel(map, (0.0, 1.0), level(n))).collect();
    scene.shapes.push(Shape::Pixels { at, size, width: 1, rgb });
    let scale = Scale::new(low, high, false);
    for (t, text) in scale.ticks() {
        let y = at.1 + (1.0 - scale.place(t)) * size.1;
        scene.line(vec![(at.0 + 12.0, y), (at.0 + 16.0, y)], INK, 1.0);
        scene.text((at.0 + 19.0, y + 4.0), Anchor::Start, TICK, &text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_data_still_draws() {
        let nothing: [f64; 0] = [];
        for (x, y) in [
            (vec![], vec![]),
            (vec![1.0], vec![2.0]),
            (vec![0.0, 1.0], vec![f64::NAN, 1.0]),
            (vec![0.0, f64::INFINITY], vec![-1.0, f64::NEG_INFINITY]),
            (vec![1e300, -1e300], vec![5e-324, 0.0]),
        ] {
            let plot = Plot::new("a < b").line("l", &x, &y).points("p", &x, &y);
            let plot = plot.band("b", &x, &y, &y).arrows("v", (&x, &y), (&y, &x)).bars("n", &y);
            let matrix = Surface { columns: x.len(), values: y.clone(), kind: whole(&x) };
            let with = |plot: &Plot| {
                let mut plot = plot.clone();
                plot.marks.push((String::new(), Mark::Surface(matrix.clone()), INK));
                plot
            };
            for plot in [
                plot.clone(),
                plot.clone().log_x().log_y(),
                plot.clone().equal_units(),
                with(&plot),
            ] {
                let svg = plot.to_svg();
                assert!(svg.contains("a &lt; b"), "{svg}");
                let written = svg.lines().filter(|line| !line.contains("base64"));
                for line in written {
                    assert!(!line.contains("NaN") && !line.contains("inf"), "{line}");
                }
            }
        }
        assert!(Plot::new("").histogram("h", nothing, 3).to_svg().starts_with("<svg"));
    }

    fn whole(x: &[f64]) -> Kind {
        let range = range(x);
        Kind::Cells { x: (0.0, 1.0), y: (0.0, 1.0), map: ColourMap::Viridis, range }
    }

    #[test]
    fn counts_of_cells() {
        let (borders, heights) = counts([0.0, 0.1, 0.5, 1.0, f64::NAN], 2).expect("a histogram");
        assert_eq!((borders, heights), (vec![0.0, 0.5, 1.0], vec![2.0, 2.0]));
        assert!(counts([1.0], 0).is_err());
    }

    #[test]
    fn a_legend_avoids_bars() {
        let heights = [0.0, 0.0, 0.0, 1.0, 1.0];
        let at = |heights: Vec<f64>| {
            let svg = Plot::new("").pixels(640, 400).bars("heights", heights).to_svg();
            let line = svg.lines().find(|l| l.contains(">heights<")).expect("a legend").to_owned();
            let x = line.split("x=\"").nth(1).and_then(|l| l.split('"').next());
            x.and_then(|x| x.parse::<f64>().ok()).expect("a place")
        };
        assert!(at(heights.to_vec()) < 320.0);
        assert!(at(heights.iter().rev().copied().collect()) > 320.0);
    }

    #[test]
    fn a_name_has_one_colour() {
        let plot = Plot::new("").line("a", [0], [0]).line("b", [0], [0]).points("a", [0], [1]);
        let paints: Vec<Paint> = plot.painted().map(|(_, paint)| paint).collect();
        assert!(paints[0] == paints[2] && paints[0] != paints[1]);
        assert_eq!(plot.entries().len(), 2);
    }

    #[test]
    #[should_panic(expected = "line: expected as many y as x, got 2 and 3")]
    fn lengths_must_agree() {
        let _ = Plot::new("").line("a", [1, 2, 3], [1, 2]);
    }
}
