//! Small pictures as SVG text: lines over axes, grids of grey images. No dependencies, no styling
//! language.
//!
//! Not here: files (write the text where you like) and arrays (give slices).

use crate::core::source::raise;
use cotangent_jit::{Error, err};
use std::fmt::Write;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 400.0;
const MARGIN: f64 = 56.0;
const COLOURS: [&str; 6] = ["#2563eb", "#dc2626", "#059669", "#d97706", "#7c3aed", "#475569"];

/// Lines and points over one pair of axes.
///
/// ```
/// use cotangent::plot::Plot;
/// let svg =
///     Plot::new("loss").x_label("step").line("train", &[0.0, 1.0, 2.0], &[3.0, 1.5,
///         1.0]).to_svg();
/// assert!(svg.starts_with("<svg") && svg.contains("train"));
/// ```
#[derive(Clone, Debug, Default)]
pub struct Plot {
    title: String,
    x_label: String,
    y_label: String,
    log_y: bool,
    series: Vec<Series>,
}

#[derive(Clone, Debug)]
struct Series {
    name: String,
    points: Vec<(f64, f64)>,
    joined: bool,
}

/// Gives an error of `op` unless there are as many `y` as `x`.
fn pairs(op: &str, x: &[f64], y: &[f64]) -> Result<(), Error> {
    if x.len() == y.len() {
        return Ok(());
    }
    Err(err!(Shape, "{op}: expected as many y as x, got {} and {}", y.len(), x.len()))
}

impl Plot {
    pub fn new(title: &str) -> Plot {
        Plot { title: title.to_owned(), ..Plot::default() }
    }

    pub fn x_label(mut self, text: &str) -> Plot {
        self.x_label = text.to_owned();
        self
    }

    pub fn y_label(mut self, text: &str) -> Plot {
        self.y_label = text.to_owned();
        self
    }

    /// A logarithmic vertical axis; values that are not positive are left out.
    pub fn log_y(mut self) -> Plot {
        self.log_y = true;
        self
    }

    /// A line through `(x[i], y[i])`; what is not finite is left out.
    ///
    /// Panics if there are not as many `y` as `x`.
    #[track_caller]
    pub fn line(self, name: &str, x: &[f64], y: &[f64]) -> Plot {
        raise(pairs("line", x, y));
        self.series(name, x, y, true)
    }

    /// Points at `(x[i], y[i])`. Panics if there are not as many `y` as `x`.
    #[track_caller]
    pub fn points(self, name: &str, x: &[f64], y: &[f64]) -> Plot {
        raise(pairs("points", x, y));
        self.series(name, x, y, false)
    }

    fn series(mut self, name: &str, x: &[f64], y: &[f64], joined: bool) -> Plot {
        let log = self.log_y;
        let place = |(x, y): (&f64, &f64)| (*x, if log { y.log10() } else { *y });
        let points = x.iter().zip(y).map(place).filter(|(x, y)| x.is_finite() && y.is_finite());
        self.series.push(Series { name: name.to_owned(), points: points.collect(), joined });
        self
    }

    pub fn to_svg(&self) -> String {
        let all = || self.series.iter().flat_map(|s| s.points.iter());
        let (x0, x1) = bounds(all().map(|p| p.0));
        let (y0, y1) = bounds(all().map(|p| p.1));
        let px = |x: f64| MARGIN + (x - x0) / (x1 - x0) * (WIDTH - 2.0 * MARGIN);
        let py = |y: f64| HEIGHT - MARGIN - (y - y0) / (y1 - y0) * (HEIGHT - 2.0 * MARGIN);
        let mut svg = open(WIDTH, HEIGHT);
        text(&mut svg, WIDTH / 2.0, 24.0, "middle", 16, &self.title);
        text(&mut svg, WIDTH / 2.0, HEIGHT - 12.0, "middle", 12, &self.x_label);
        text(&mut svg, MARGIN, MARGIN - 12.0, "middle", 12, &self.y_label);
        for t in ticks(x0, x1) {
            rule(&mut svg, (px(t), HEIGHT - MARGIN), (px(t), MARGIN));
            text(&mut svg, px(t), HEIGHT - MARGIN + 16.0, "middle", 11, &number(t));
        }
        for t in ticks(y0, y1) {
            rule(&mut svg, (MARGIN, py(t)), (WIDTH - MARGIN, py(t)));
            let label = if self.log_y { number(10f64.powf(t)) } else { number(t) };
            text(&mut svg, MARGIN - 6.0, py(t) + 4.0, "end", 11, &label);
        }
        for (i, s) in self.series.iter().enumerate() {
            let colour = COLOURS[i % COLOURS.len()];
            if s.joined {
                let path: Vec<String> =
                    s.points.iter().map(|(x, y)| format!("{:.1},{:.1}", px(*x), py(*y))).collect();
                put(
                    &mut svg,
                    &format!(
                        r#"<polyline fill="none" stroke="{colour}" stroke-width="1.5" points="{}"/>"#,
                        path.join(" ")
                    ),
                );
            } else {
                for (x, y) in &s.points {
                    put(
                        &mut svg,
                        &format!(
                            r#"<circle cx="{:.1}" cy="{:.1}" r="2" fill="{colour}"/>"#,
                            px(*x),
                            py(*y)
                        ),
                    );
                }
            }
            let y = MARGIN + 8.0 + 16.0 * i as f64;
            put(
                &mut svg,
                &format!(
                    r#"<rect x="{}" y="{}" width="12" height="3" fill="{colour}"/>"#,
                    WIDTH - MARGIN - 120.0,
                    y - 4.0
                ),
            );
            text(&mut svg, WIDTH - MARGIN - 102.0, y, "start", 11, &s.name);
        }
        svg + "</svg>\n"
    }
}

/// One grey picture with a caption; `pixels` are rows of `width` values from 0 (white) to 1
/// (black).
#[derive(Clone, Debug)]
pub struct Image {
    pub width: usize,
    pub pixels: Vec<f64>,
    pub caption: String,
}

/// Pictures side by side, `columns` in a row.
///
/// ```
/// use cotangent::plot::{Image, images};
/// let dot = Image { width: 1, pixels: vec![1.0], caption: "a dot".into() };
/// assert!(images("dots", &[dot], 4).contains("a dot"));
/// ```
pub fn images(title: &str, images: &[Image], columns: usize) -> String {
    const SIDE: f64 = 72.0;
    const CELL: f64 = 96.0;
    let columns = columns.max(1);
    let rows = images.len().div_ceil(columns);
    let (width, height) = (CELL * columns as f64 + 24.0, CELL * rows as f64 + 56.0);
    let mut svg = open(width, height);
    text(&mut svg, width / 2.0, 24.0, "middle", 16, title);
    for (i, image) in images.iter().enumerate() {
        let (x, y) = (24.0 + CELL * (i % columns) as f64, 40.0 + CELL * (i / columns) as f64);
        let size = SIDE / image.width.max(1) as f64;
        for (p, value) in image.pixels.iter().enumerate() {
            let (row, column) = (p / image.width.max(1), p % image.width.max(1));
            let grey = (255.0 * (1.0 - value.clamp(0.0, 1.0))) as u8;
            put(
                &mut svg,
                &format!(
                    r#"<rect x="{:.2}" y="{:.2}" width="{size:.2}" height="{size:.2}" fill="rgb({grey},{grey},{grey})"/>"#,
                    x + size * column as f64,
                    y + size * row as f64
                ),
            );
        }
        text(&mut svg, x + SIDE / 2.0, y + SIDE + 14.0, "middle", 11, &image.caption);
    }
    svg + "</svg>\n"
}

fn open(width: f64, height: f64) -> String {
    format!(
        r#"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" font-family="sans-serif"><rect width="100%" height="100%" fill="white"/>
"#
    )
}

fn put(svg: &mut String, element: &str) {
    svg.push_str(element);
    svg.push('\n');
}

fn rule(svg: &mut String, (x1, y1): (f64, f64), (x2, y2): (f64, f64)) {
    put(
        svg,
        &format!(
            r##"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="#e2e8f0"/>"##
        ),
    );
}

fn text(svg: &mut String, x: f64, y: f64, anchor: &str, size: u32, content: &str) {
    let escaped = content.replace('&', "&amp;").replace('<', "&lt;");
    writeln!(
        svg,
        r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" font-size="{size}">{escaped}</text>"#
    )
    .expect("a string");
}

/// The least and the greatest, apart even if all are equal or none is there.
fn bounds(values: impl Iterator<Item = f64>) -> (f64, f64) {
    let (lo, hi) =
        values.fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), v| (l.min(v), h.max(v)));
    match (lo <= hi, lo < hi) {
        (false, _) => (0.0, 1.0),
        (true, false) => (lo - 0.5, hi + 0.5),
        (true, true) => (lo, hi),
    }
}

/// Four to nine round numbers inside the bounds.
fn ticks(lo: f64, hi: f64) -> Vec<f64> {
    let raw = (hi - lo) / 5.0;
    let unit = 10f64.powf(raw.log10().floor());
    let step = [1.0, 2.0, 5.0, 10.0].map(|m| m * unit).into_iter().find(|s| *s >= raw);
    let step = step.unwrap_or(raw);
    let first = (lo / step).ceil() as i64;
    (first..).map(|i| i as f64 * step).take_while(|t| *t <= hi + 1e-9 * step).take(12).collect()
}

fn number(x: f64) -> String {
    if x != 0.0 && !(1e-3..1e5).contains(&x.abs()) {
        format!("{x:.0e}")
    } else {
        let text = format!("{x:.4}");
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn odd_data_still_draws() {
        for (x, y) in
            [(vec![], vec![]), (vec![1.0], vec![2.0]), (vec![0.0, 1.0], vec![f64::NAN, 1.0])]
        {
            let svg = Plot::new("a < b").line("l", &x, &y).to_svg();
            assert!(svg.contains("a &lt; b") && !svg.contains("NaN"), "{svg}");
        }
    }

    #[test]
    fn ticks_are_round() {
        assert_eq!(ticks(0.0, 1.0), [0.0, 0.2, 0.4, 0.6000000000000001, 0.8, 1.0]);
        assert_eq!(number(0.6000000000000001), "0.6");
        assert_eq!(number(1e-7), "1e-7");
    }
}
