//! The roll call: every law over every case of every primitive, as one table without holes.
//!
//! A cell holds the dtypes for which the law holds; where it says nothing, a letter that stands for
//! the reason below the table.

use crate::laws::{ALL, Law, Verdict};
use crate::mapped::applied;
use crate::program::Program;
use crate::violation::guard;
use cotangent::DType;
use cotangent::prims::entry::{Case, Entry};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

/// Dtypes in the order of the table, with the letters that stand for them.
const DTYPES: [(DType, &str); 15] = [
    (DType::Bool, "b"),
    (DType::I8, "j"),
    (DType::I16, "J"),
    (DType::I32, "i"),
    (DType::I64, "I"),
    (DType::U8, "v"),
    (DType::U16, "V"),
    (DType::U32, "u"),
    (DType::U64, "U"),
    (DType::F16, "h"),
    (DType::BF16, "H"),
    (DType::F32, "f"),
    (DType::F64, "F"),
    (DType::C64, "c"),
    (DType::C128, "C"),
];

/// What the laws say of one primitive.
pub struct Row {
    pub name: &'static str,
    pub cases: usize,
    /// One per law.
    pub cells: Vec<Cell>,
}

/// What one law says of one primitive.
#[derive(Default)]
pub struct Cell {
    pub holds: Vec<DType>,
    pub exempt: Vec<(DType, &'static str)>,
    pub broken: Vec<String>,
}

/// The dtype by which a case is known: of its first float operand, else that of an operand which is
/// also the output's, else of its first operand, else of its output.
pub fn dtype_of(case: &Case) -> DType {
    let avals: Vec<_> = case.inputs.iter().map(|x| x.aval()).collect();
    let out = guard(|| Ok(applied(case)?.abstract_eval(&avals)?)).ok();
    let out = out.and_then(|o| o.first().map(|a| a.dtype));
    let float = avals.iter().map(|x| x.dtype).find(|d| d.is_inexact());
    let kept = avals.iter().map(|x| x.dtype).find(|d| Some(*d) == out);
    float.or(kept).or(avals.first().map(|x| x.dtype)).or(out).unwrap_or(DType::F32)
}

/// Runs `laws` over all entries, on as many threads as there are cores.
pub fn call(entries: &[Entry], laws: &[&'static Law]) -> Vec<Row> {
    let next = AtomicUsize::new(0);
    let rows: Mutex<BTreeMap<usize, Row>> = Mutex::default();
    let work = || {
        loop {
            let n = next.fetch_add(1, Ordering::Relaxed);
            let Some(entry) = entries.get(n) else { break };
            let row = row(entry, laws);
            rows.lock().expect("no panic holds it").insert(n, row);
        }
    };
    thread::scope(|s| {
        for _ in 0..thread::available_parallelism().map_or(1, |n| n.get()) {
            s.spawn(work);
        }
    });
    rows.into_inner().expect("all threads are done").into_values().collect()
}

fn row(entry: &Entry, laws: &[&'static Law]) -> Row {
    let cases = (entry.cases)();
    let mut cells: Vec<Cell> = laws.iter().map(|_| Cell::default()).collect();
    for (n, case) in cases.iter().enumerate() {
        let dtype = dtype_of(case);
        for (law, cell) in laws.iter().zip(&mut cells) {
            match law.verdict(case) {
                Verdict::Holds => cell.holds.push(dtype),
                Verdict::Exempt(why) => cell.exempt.push((dtype, why)),
                Verdict::Broken(e) => {
                    cell.broken.push(format!("{}, case {n}: {e}\n{}", entry.name, shown(case)));
                }
            }
        }
    }
    Row { name: entry.name, cases: cases.len(), cells }
}

/// A case as a program with its inputs.
fn shown(case: &Case) -> String {
    let program = guard(|| Program::of(case)).map(|p| p.jaxpr.to_string());
    let program =
        program.unwrap_or_else(|_| format!("{} {:?}", case.prim.name(), case.prim.params()));
    let inputs: Vec<String> = case.inputs.iter().map(|x| format!("\n  {x:?}")).collect();
    format!("  of {program}, at{}", inputs.concat())
}

/// All violations.
pub fn broken(rows: &[Row]) -> Vec<&str> {
    rows.iter().flat_map(|r| &r.cells).flat_map(|c| &c.broken).map(String::as_str).collect()
}

/// Primitives without cases, and cells in which nothing holds and no reason is given.
pub fn holes(rows: &[Row]) -> Vec<String> {
    let mut holes = Vec::new();
    for row in rows {
        for (law, cell) in ALL.iter().zip(&row.cells) {
            if cell.holds.is_empty() && cell.exempt.is_empty() && cell.broken.is_empty() {
                holes.push(format!("{}: nothing is known about {}", row.name, law.name));
            }
        }
    }
    holes
}

/// The table as text.
pub fn text(rows: &[Row], laws: &[&'static Law]) -> String {
    let mut reasons: Vec<&'static str> = Vec::new();
    let mut lines: Vec<Vec<String>> = Vec::new();
    let head = ["primitive", "cases"].into_iter().chain(laws.iter().map(|l| l.name));
    lines.push(head.map(str::to_owned).collect());
    for row in rows {
        let mut line = vec![row.name.to_owned(), row.cases.to_string()];
        line.extend(row.cells.iter().map(|c| cell_text(c, &mut reasons)));
        lines.push(line);
    }
    let width = |c: usize| lines.iter().map(|l| l[c].len()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..lines[0].len()).map(width).collect();
    let mut text = String::new();
    for line in &lines {
        let padded: Vec<String> =
            line.iter().zip(&widths).map(|(c, w)| format!("{c:w$}", w = *w)).collect();
        writeln!(text, "{}", padded.join("  ").trim_end()).expect("a string");
    }
    let dtypes: Vec<String> = DTYPES.iter().map(|(d, l)| format!("{l} {d}")).collect();
    writeln!(text, "\nholds for: {}", dtypes.join(", ")).expect("a string");
    for (n, why) in reasons.iter().enumerate() {
        writeln!(text, "({}) {why}", n + 1).expect("a string");
    }
    text
}

/// `iIuU(1) fF`: reasons first, then where the law holds.
fn cell_text(cell: &Cell, reasons: &mut Vec<&'static str>) -> String {
    let letters = |of: &[DType]| -> String {
        DTYPES.iter().filter(|(d, _)| of.contains(d)).map(|(_, l)| *l).collect()
    };
    let mut parts = Vec::new();
    let mut seen: Vec<&'static str> = cell.exempt.iter().map(|(_, why)| *why).collect();
    seen.sort_unstable();
    seen.dedup();
    for why in seen {
        let n = reasons.iter().position(|r| *r == why).unwrap_or_else(|| {
            reasons.push(why);
            reasons.len() - 1
        });
        // Where every case has the same reason, its number says all.
        let of: Vec<DType> =
            cell.exempt.iter().filter(|(_, w)| *w == why).map(|(d, _)| *d).collect();
        let all = cell.holds.is_empty();
        parts.push(format!("{}({})", if all { String::new() } else { letters(&of) }, n + 1));
    }
    if !cell.broken.is_empty() {
        parts.push("BROKEN".into());
    }
    if !cell.holds.is_empty() {
        parts.push(letters(&cell.holds));
    }
    parts.join(" ")
}

/// The status table that the README embeds: primitives of which the same is known, in the order of
/// the roll.
pub fn markdown(rows: &[Row]) -> String {
    let mut groups: Vec<([String; 2], Vec<&str>)> = Vec::new();
    for row in rows {
        let key = [dtypes(row), derivatives(row)];
        match groups.iter_mut().find(|(k, _)| *k == key) {
            Some((_, names)) => names.push(row.name),
            None => groups.push((key, vec![row.name])),
        }
    }
    let mut text = String::from("| primitives | dtypes | derivatives |\n| --- | --- | --- |\n");
    for ([dtypes, derivatives], names) in groups {
        let names: Vec<String> = names.iter().map(|n| format!("`{n}`")).collect();
        writeln!(text, "| {} | {dtypes} | {derivatives} |", names.join(" ")).expect("a string");
    }
    text
}

fn cell<'a>(row: &'a Row, law: &str) -> &'a Cell {
    let at = ALL.iter().position(|l| l.name == law).expect("a law of this name");
    &row.cells[at]
}

/// Of all its cases.
fn dtypes(row: &Row) -> String {
    let types = cell(row, "types");
    let have = |d: DType| types.holds.contains(&d) || types.exempt.iter().any(|(e, _)| *e == d);
    let names: Vec<String> =
        DTYPES.iter().filter(|(d, _)| have(*d)).map(|(d, _)| d.to_string()).collect();
    if names.len() == DTYPES.len() { "all".into() } else { names.join(" ") }
}

/// What the laws of derivatives found.
fn derivatives(row: &Row) -> String {
    let holds = |law| !cell(row, law).holds.is_empty();
    let why = |law| cell(row, law).exempt.first().map_or("", |(_, why)| *why);
    match (holds("jvp"), holds("adjoint"), holds("third")) {
        (true, true, true) => "forward and reverse, to third order".into(),
        (false, true, true) => format!("reverse, to third order: {}", why("jvp")),
        (false, true, false) => why("jvp").to_owned(),
        _ => match why("adjoint") {
            "no derivative" | "no inputs" => "none".into(),
            why => why.to_owned(),
        },
    }
}
