//! Arrays as text, in NumPy's manner: aligned columns, a summary above 1,000 elements, eight digits
//! after the point; and as HTML in notebooks.

use super::array::Array;
use super::jaxpr::ClosedJaxpr;
use super::notebook::{Shown, escape, preformatted};
use cotangent_jit::{DType, Scalar};
use std::fmt;

/// Arrays with more elements than this show the ends of each axis only.
const SUMMARISE_ABOVE: usize = 1000;
/// How many entries at each end of a summarised axis.
const EDGE: usize = 3;
const WIDTH: usize = 75;
const PRECISION: usize = 8;

/// `[1. 2. 3.]`; a value being traced shows its type: `Traced<f32[3]>`. With a precision (`{:.2}`)
/// every float has so many digits after the point.
///
/// ```
/// use cotangent::array;
/// assert_eq!(array![[1.0, 2.5], [-3.0, 4.0]].to_string(), "[[ 1.   2.5]\n [-3.   4. ]]");
/// ```
impl fmt::Display for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cells(f.precision()) {
            Ok(cells) => f.write_str(&Layout { cells: &cells, separator: " " }.text(self, 0)),
            Err(text) => f.write_str(&text),
        }
    }
}

/// `array([1., 2., 3.], f32)`
impl fmt::Debug for Array {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.cells(None) {
            Ok(cells) => {
                let text = Layout { cells: &cells, separator: ", " }.text(self, "array(".len());
                let weak = if self.is_weak() { ", weak" } else { "" };
                let empty = self.size() == 0 && self.shape() != [0];
                let shape = if empty { format!("{:?}, ", self.shape()) } else { String::new() };
                write!(f, "array({text}, {shape}{}{weak})", self.dtype())
            }
            Err(text) => f.write_str(&text),
        }
    }
}

/// # Show in a notebook
impl Array {
    /// Shows the array in an evcxr notebook: as text, and as a table if it has one or two axes.
    pub fn evcxr_display(&self) {
        self.shown().print();
    }

    fn shown(&self) -> Shown {
        let mut html = format!("<p><code>{}</code></p>", escape(&self.aval().to_string()));
        match self.cells(None) {
            Ok(cells) if (1..=2).contains(&self.ndim()) && self.size() > 0 => {
                html.push_str(&table(self.shape(), &cells));
            }
            _ => html.push_str(&preformatted(&self.to_string())),
        }
        Shown::new(self.to_string(), html)
    }

    /// The texts of the elements that are shown, all of one width; or what to show instead.
    fn cells(&self, precision: Option<usize>) -> Result<Vec<String>, String> {
        if self.is_tracer() {
            return Err(format!("Traced<{}>", self.aval()));
        }
        let scalars = self.try_to_scalars().map_err(|e| format!("<{}: {e}>", self.aval()))?;
        if self.ndim() == 0 {
            let text = |s: &Scalar| match (precision, s.to_f64()) {
                (Some(p), Some(x)) if s.dtype().is_float() => fixed(x, p),
                _ => s.readable(),
            };
            return Ok(vec![text(&scalars[0])]);
        }
        let mut shown = Vec::new();
        visit(self.shape(), summarised(self.shape()), 0, &mut |i| shown.push(scalars[i]));
        Ok(texts(&shown, self.dtype(), precision))
    }
}

impl ClosedJaxpr {
    /// Shows the jaxpr in an evcxr notebook.
    pub fn evcxr_display(&self) {
        Shown::text(self.to_string()).print();
    }
}

fn summarised(shape: &[usize]) -> bool {
    shape.iter().product::<usize>() > SUMMARISE_ABOVE
}

/// Indices along an axis of which the entries are shown, and where the dots stand.
fn shown(size: usize, summary: bool) -> (Vec<usize>, Option<usize>) {
    if summary && size > 2 * EDGE {
        ((0..EDGE).chain(size - EDGE..size).collect(), Some(EDGE))
    } else {
        ((0..size).collect(), None)
    }
}

/// Calls `f` with the flat index of every shown element.
fn visit(shape: &[usize], summary: bool, base: usize, f: &mut dyn FnMut(usize)) {
    let Some((size, inner)) = shape.split_first() else { return f(base) };
    for i in shown(*size, summary).0 {
        visit(inner, summary, (base * size) + i, f);
    }
}

struct Layout<'a> {
    cells: &'a [String],
    separator: &'static str,
}

impl Layout<'_> {
    fn text(&self, array: &Array, indent: usize) -> String {
        if array.ndim() == 0 {
            return self.cells[0].clone();
        }
        if array.size() == 0 {
            return "[]".into();
        }
        let mut cells = self.cells.iter();
        self.axis(array.shape(), summarised(array.shape()), indent + 1, &mut cells)
    }

    fn axis(
        &self,
        shape: &[usize],
        summary: bool,
        indent: usize,
        cells: &mut std::slice::Iter<'_, String>,
    ) -> String {
        let (size, inner) = shape.split_first().expect("an axis");
        let (indices, dots) = shown(*size, summary);
        let mut entries: Vec<String> = Vec::new();
        for at in 0..indices.len() {
            if dots == Some(at) {
                entries.push("...".into());
            }
            entries.push(match inner {
                [] => cells.next().expect("one cell per shown element").clone(),
                _ => self.axis(inner, summary, indent + 1, cells),
            });
        }
        let pad = " ".repeat(indent);
        if !inner.is_empty() {
            let lines = format!("{}{}{pad}", self.separator.trim_end(), "\n".repeat(inner.len()));
            return format!("[{}]", entries.join(&lines));
        }
        let mut text = String::from("[");
        let mut line = indent;
        for (i, entry) in entries.iter().enumerate() {
            let last = i + 1 == entries.len();
            let closing = if last { shape.len() } else { self.separator.trim_end().len() };
            if i > 0 && line + entry.len() + closing > WIDTH {
                text.truncate(text.trim_end().len());
                text.push('\n');
                text.push_str(&pad);
                line = indent;
            }
            text.push_str(entry);
            line += entry.len();
            if !last {
                text.push_str(self.separator);
                line += self.separator.len();
            }
        }
        text.push(']');
        text
    }
}

/// One text per scalar, padded so that decimal points or last digits stand below each other.
fn texts(scalars: &[Scalar], dtype: DType, precision: Option<usize>) -> Vec<String> {
    let value = |s: &Scalar| s.to_f64().expect("a float");
    let texts: Vec<String> = match precision {
        _ if dtype.is_complex() => complex_texts(scalars, dtype.part(), precision),
        Some(p) if dtype.is_float() => scalars.iter().map(|s| fixed(value(s), p)).collect(),
        None if dtype.is_float() => floats(scalars),
        _ => scalars.iter().map(|s| s.readable()).collect(),
    };
    padded(texts)
}

fn padded(texts: Vec<String>) -> Vec<String> {
    let width = texts.iter().map(String::len).max().unwrap_or(0);
    texts.into_iter().map(|t| format!("{t:>width$}")).collect()
}

/// Real and imaginary parts in columns of their own, the latter with their signs; `j` stands at the
/// last digit.
fn complex_texts(scalars: &[Scalar], part: DType, precision: Option<usize>) -> Vec<String> {
    let parts = || scalars.iter().filter_map(|s| s.parts());
    let (re, im): (Vec<Scalar>, Vec<Scalar>) = parts().unzip();
    let signed = texts(&im, part, precision).into_iter().map(|t| {
        let text = t.trim_start();
        let sign = if text.starts_with('-') { "" } else { "+" };
        let digits = text.trim_end();
        format!("{sign}{digits}j{}", &text[digits.len()..])
    });
    let im = padded(signed.collect());
    texts(&re, part, precision).into_iter().zip(im).map(|(re, im)| re + &im).collect()
}

fn fixed(x: f64, precision: usize) -> String {
    match x {
        x if x.is_nan() => "nan".into(),
        x => format!("{x:.precision$}"),
    }
}

fn floats(scalars: &[Scalar]) -> Vec<String> {
    let value = |s: &Scalar| s.to_f64().expect("a float");
    let sizes = || scalars.iter().map(|s| value(s).abs()).filter(|x| x.is_finite() && *x > 0.0);
    let (small, large) = sizes().fold((f64::INFINITY, 0f64), |(a, b), x| (a.min(x), b.max(x)));
    let scientific = large >= 1e8 || (large > 0.0 && (small < 1e-4 || large / small > 1000.0));
    let parts: Vec<Parts> = scalars
        .iter()
        .map(|s| match value(s) {
            x if x.is_nan() => Parts::Word("nan".into()),
            x if x.is_infinite() => Parts::Word(if x > 0.0 { "inf" } else { "-inf" }.into()),
            _ if scientific => exponential(s),
            _ => positional(s),
        })
        .collect();
    let digits = parts.iter().map(Parts::fraction).max().unwrap_or(0);
    parts.iter().map(|p| p.padded(digits, scientific)).collect()
}

/// A float's text in pieces.
enum Parts {
    Word(String),
    Number { whole: String, fraction: String, exponent: String },
}

impl Parts {
    fn fraction(&self) -> usize {
        if let Parts::Number { fraction, .. } = self { fraction.len() } else { 0 }
    }

    /// Fractions are filled to `digits`: with zeros before an exponent, else with blanks.
    fn padded(&self, digits: usize, zeros: bool) -> String {
        match self {
            Parts::Word(w) => w.clone(),
            Parts::Number { whole, fraction, exponent } if zeros => {
                format!("{whole}.{fraction:0<digits$}{exponent}")
            }
            Parts::Number { whole, fraction, .. } => format!("{whole}.{fraction:<digits$}"),
        }
    }
}

/// The shortest digits that read back, cut to the precision.
fn positional(s: &Scalar) -> Parts {
    let rounded = match s.dtype() {
        DType::F32 => cut(format!("{}", s.to_f64().expect("a float") as f32), s),
        _ => cut(format!("{}", s.shortest_f64()), s),
    };
    let (whole, fraction) = rounded.split_once('.').unwrap_or((&rounded, ""));
    let fraction = fraction.trim_end_matches('0').into();
    Parts::Number { whole: whole.into(), fraction, exponent: String::new() }
}

fn cut(shortest: String, s: &Scalar) -> String {
    let digits = shortest.split_once('.').map_or(0, |(_, f)| f.len());
    if digits <= PRECISION {
        return shortest;
    }
    format!("{:.*}", PRECISION, s.to_f64().expect("a float"))
}

fn exponential(s: &Scalar) -> Parts {
    let x = s.shortest_f64();
    let shortest =
        if s.dtype() == DType::F32 { format!("{:e}", x as f32) } else { format!("{x:e}") };
    let digits = |t: &str| {
        t.split_once('e').and_then(|(m, _)| m.split_once('.')).map_or(0, |(_, f)| f.len())
    };
    let text =
        if digits(&shortest) <= PRECISION { shortest } else { format!("{x:.*e}", PRECISION) };
    let (mantissa, exponent) = text.split_once('e').expect("an exponent");
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let power: i32 = exponent.parse().expect("an exponent");
    Parts::Number {
        whole: whole.into(),
        fraction: fraction.trim_end_matches('0').into(),
        exponent: format!("e{}{:02}", if power < 0 { '-' } else { '+' }, power.abs()),
    }
}

fn table(shape: &[usize], cells: &[String]) -> String {
    let summary = summarised(shape);
    let (rows, columns) = if shape.len() == 1 { (1, shape[0]) } else { (shape[0], shape[1]) };
    let (rows, row_dots) = shown(rows, summary);
    let (columns, column_dots) = shown(columns, summary);
    let mut html = String::from("<table>");
    for r in 0..rows.len() {
        if row_dots == Some(r) {
            let width = columns.len() + usize::from(column_dots.is_some());
            html.push_str(&format!("<tr><td colspan=\"{width}\">...</td></tr>"));
        }
        html.push_str("<tr>");
        for c in 0..columns.len() {
            if column_dots == Some(c) {
                html.push_str("<td>...</td>");
            }
            html.push_str(&format!("<td>{}</td>", cells[r * columns.len() + c].trim()));
        }
        html.push_str("</tr>");
    }
    html + "</table>"
}

#[cfg(test)]
mod tests {
    use super::*;
    use cotangent_jit::Complex;

    fn shown_as<T: Into<Scalar> + Copy>(values: &[T]) -> String {
        let scalars: Vec<Scalar> = values.iter().map(|v| (*v).into()).collect();
        texts(&scalars, scalars[0].dtype(), None).join("|")
    }

    #[test]
    fn columns_are_aligned() {
        assert_eq!(shown_as(&[1.0f32, -2.5, 10.25]), " 1.  |-2.5 |10.25");
        assert_eq!(shown_as(&[1i32, -20, 3]), "  1|-20|  3");
        assert_eq!(shown_as(&[true, false]), " true|false");
        assert_eq!(shown_as(&[f32::NAN, 1.0, f32::NEG_INFINITY]), " nan|  1.|-inf");
    }

    #[test]
    fn every_nan_is_called_nan() {
        // The NaN that x86 computes has its sign bit set.
        let (nan, wide) = (f32::from_bits(0xffc0_0000), f64::from_bits(0xfff8_0000_0000_0001));
        assert_eq!(shown_as(&[nan, 1.0]), "nan| 1.");
        let z = Complex::new(nan, nan);
        let shown = [Array::from(nan), Array::scalar(wide), Array::from(half::f16::NAN)];
        assert_eq!(shown.map(|x| x.to_string()), ["nan", "nan", "nan"]);
        assert_eq!(Array::from(z).to_string(), "nan+nanj");
        assert_eq!(
            format!("{:?} {:.2}", Array::scalar(nan), Array::scalar(nan)),
            "array(nan, f32) nan"
        );
        // Text that is read back keeps the bits.
        assert_eq!(Scalar::from(nan).to_string(), "nan(0xffc00000)");
    }

    #[test]
    fn complex_numbers_stand_in_two_columns() {
        let z = |re: f32, im: f32| Complex::new(re, im);
        assert_eq!(shown_as(&[z(1.0, 10.0), z(-2.5, -1.0)]), " 1. +10.j|-2.5 -1.j");
        assert_eq!(shown_as(&[z(1.0, 0.5), z(2.0, -3.0)]), "1.+0.5j|2.-3.j ");
        assert_eq!(shown_as(&[z(f32::NAN, f32::NEG_INFINITY)]), "nan-infj");
    }

    #[test]
    fn notebooks_get_text_and_a_table() {
        let x = Array::new(&[1f32, -2.5], [1, 2]);
        assert_eq!(
            x.shown().marked(),
            "EVCXR_BEGIN_CONTENT text/plain\n[[ 1.  -2.5]]\nEVCXR_END_CONTENT\n\
             EVCXR_BEGIN_CONTENT text/html\n<p><code>f32[1,2]</code></p>\
             <table><tr><td>1.</td><td>-2.5</td></tr></table>\nEVCXR_END_CONTENT\n"
        );
    }

    #[test]
    fn large_arrays_show_their_ends() {
        let x = Array::from_vec((0..2000).collect::<Vec<i32>>());
        assert_eq!(x.to_string(), "[   0    1    2 ... 1997 1998 1999]");
        let y = Array::new(&vec![1.5f32; 1200], [2, 600]);
        assert_eq!(
            y.to_string(),
            "[[1.5 1.5 1.5 ... 1.5 1.5 1.5]\n [1.5 1.5 1.5 ... 1.5 1.5 1.5]]"
        );
        let z = Array::new(&[0i32; 0], [2, 0]);
        assert_eq!(format!("{z} {z:?}"), "[] array([], [2, 0], i32)");
        let long = Array::from_vec(vec![100i32; 40]);
        assert!(long.to_string().lines().all(|l| l.len() <= WIDTH));
    }

    #[test]
    fn digits_are_the_shortest_that_read_back() {
        assert_eq!(shown_as(&[0.1f32, 0.2]), "0.1|0.2");
        assert_eq!(shown_as(&[1.0f64 / 3.0]), "0.33333333");
        assert_eq!(shown_as(&[1e-5f32, 1.0]), "1.e-05|1.e+00");
        assert_eq!(shown_as(&[1.5e10f64, 2.25e10]), "1.50e+10|2.25e+10");
        let halves = [0.1f32, 2.5, -1.0].map(half::f16::from_f32);
        assert_eq!(shown_as(&halves), " 0.1| 2.5|-1. ");
        assert_eq!(shown_as(&[half::bf16::from_f32(3.140625)]), "3.14");
        assert_eq!(shown_as(&[65504f32, 1.0].map(half::f16::from_f32)), "6.55e+04|1.00e+00");
        assert_eq!(shown_as(&[-128i8, 127]), "-128| 127");
    }
}
