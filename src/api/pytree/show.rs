//! Pytrees as tables: a line for each array, with its path.

use super::flatten::{Flat, Pytree};
use crate::core::array::Array;
use crate::core::notebook::{Shown, escape};
use cotangent_jit::{Scalar, plural};

/// Arrays of at most this many elements show them all.
const ALL: usize = 8;

/// A table of the arrays in a tree: paths, types and values, and how many there are.
///
/// An array of more than eight elements shows its least and greatest and the number of its NaNs.
///
/// ```
/// use cotangent::prelude::*;
/// #[derive(Pytree)]
/// struct Line { w: Array, b: Array }
/// let line = Line { w: arange(10), b: Array::from(0.5) };
/// assert_eq!(
///     tree_summary(&line),
///     ".w  i32[10]  0 to 9\n\
///      .b  f32[]    0.5\n\
///      2 arrays, 11 elements, 44 bytes"
/// );
/// ```
#[doc(alias("tabulate", "tree_pprint"))]
pub fn tree_summary<T: Pytree>(tree: &T) -> String {
    let table = Table::of(tree);
    let width = |column: usize| {
        table.lines.iter().map(|line| line[column].chars().count()).max().unwrap_or(0)
    };
    let (paths, types) = (width(0), width(1));
    let line = |[path, ty, value]: &[String; 3]| format!("{path:paths$}  {ty:types$}  {value}\n");
    table.lines.iter().map(line).collect::<String>() + &table.total
}

/// Shows any pytree in an evcxr notebook, as the last expression of a cell, where this trait is in
/// scope. The prelude brings it. Arrays show themselves.
pub trait Show {
    /// Prints the table of [`tree_summary`], as text and as HTML.
    fn evcxr_display(&self);
}

impl<T: Pytree> Show for T {
    fn evcxr_display(&self) {
        shown(self).print();
    }
}

fn shown<T: Pytree>(tree: &T) -> Shown {
    let table = Table::of(tree);
    let cell = |text: &String| format!("<td><code>{}</code></td>", escape(text));
    let row = |line: &[String; 3]| line.iter().map(cell).collect::<String>();
    let rows: String = table.lines.iter().map(|l| format!("<tr>{}</tr>", row(l))).collect();
    let html = format!("<table>{rows}</table><p>{}</p>", table.total);
    Shown::new(tree_summary(tree), html)
}

struct Table {
    /// Path, type and value of each array.
    lines: Vec<[String; 3]>,
    total: String,
}

impl Table {
    fn of<T: Pytree>(tree: &T) -> Table {
        let Flat { leaves, tree } = Flat::of_ref(tree);
        let paths = tree.paths();
        let line = |(path, leaf): (&String, &Array)| {
            let path = if path.is_empty() { "*" } else { path };
            [path.to_owned(), leaf.aval().to_string(), value(leaf)]
        };
        let lines = paths.iter().zip(&leaves).map(line).collect();
        let elements: usize = leaves.iter().map(Array::size).sum();
        let bytes: usize = leaves.iter().map(|x| x.size() * x.dtype().size()).sum();
        let total = format!(
            "{}, {}, {}",
            plural(leaves.len(), "array"),
            plural(elements, "element"),
            plural(bytes, "byte")
        );
        Table { lines, total }
    }
}

/// One line on the elements.
fn value(x: &Array) -> String {
    if x.is_tracer() {
        return "traced".into();
    }
    if x.size() <= ALL || x.dtype().is_complex() {
        let text = x.to_string();
        let words: Vec<&str> = text.split_whitespace().collect();
        return words.join(" ");
    }
    let scalars = match x.try_to_scalars() {
        Ok(scalars) => scalars,
        Err(e) => return e.to_string(),
    };
    let (mut nans, mut range) = (0, None::<(Scalar, Scalar)>);
    for s in scalars {
        if s.to_f64().is_none_or(f64::is_nan) {
            nans += 1;
            continue;
        }
        let (least, most) = range.unwrap_or((s, s));
        let least = if less(s, least) { s } else { least };
        range = Some((least, if less(most, s) { s } else { most }));
    }
    let range = range.map(|(least, most)| format!("{} to {}", least.readable(), most.readable()));
    match (range, nans) {
        (Some(range), 0) => range,
        (Some(range), _) => format!("{range}, {nans} NaN"),
        (None, _) => format!("{nans} NaN"),
    }
}

/// Ints of 64 bits are compared as ints, because floats have too few digits for them.
fn less(a: Scalar, b: Scalar) -> bool {
    match a.dtype().is_unsigned() {
        true => a.bits() < b.bits(),
        false => a.to_i64().zip(b.to_i64()).map_or(a.to_f64() < b.to_f64(), |(a, b)| a < b),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_on_one_line() {
        let x = |values: &[f32]| Array::from(values);
        assert_eq!(value(&Array::new(&[1f32, 2.0, 3.0, 4.5], [2, 2])), "[[1. 2. ] [3. 4.5]]");
        let mut many = [0.5, -2.0, 1e9, 3.0, 0.0, 1.0, 2.0, 3.0, f32::INFINITY];
        assert_eq!(value(&x(&many)), "-2.0 to inf");
        many[3] = f32::NAN;
        assert_eq!(value(&x(&many)), "-2.0 to inf, 1 NaN");
        assert_eq!(value(&x(&[f32::NAN; 9])), "9 NaN");
        assert_eq!(value(&x(&[])), "[]");
        let big: Vec<i64> = (0..9).map(|i| i64::MIN + i).collect();
        assert_eq!(value(&Array::from(big)), format!("{} to {}", i64::MIN, i64::MIN + 8));
        let top: Vec<u64> = (0..9).map(|i| u64::MAX - i).collect();
        assert_eq!(value(&Array::from(top)), format!("{} to {}", u64::MAX - 8, u64::MAX));
        assert_eq!(value(&Array::from(vec![true; 9])), "true to true");
    }

    #[test]
    fn notebooks_get_a_table() {
        let text = shown(&(Array::from(1.0), Some(Array::from([1, 2])))).marked();
        let expected = "EVCXR_BEGIN_CONTENT text/plain\n.0  f32[]   1.0\n";
        assert!(text.starts_with(expected), "{text}");
        assert!(text.contains("<td><code>i32[2]</code></td>"), "{text}");
    }
}
