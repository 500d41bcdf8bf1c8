//! The golden corpus: small programs at every stage of their way, as text, against the record in
//! `tests/golden`.
//!
//! `GOLDEN=update cargo test --test golden` writes the record anew; the difference is then read in
//! review. What depends on the host's instructions (CLIF's lanes) is recorded of integer code only,
//! which has one form.

mod corpus;

use cotangent::api::function::{Function, Sig};
use cotangent::prelude::*;
use std::fmt::Write;
use std::path::PathBuf;

/// Sections of a record, in order.
#[derive(Default)]
struct Record(String);

impl Record {
    fn section(&mut self, title: &str, text: impl std::fmt::Display) {
        writeln!(self.0, "== {title}\n{}\n", text.to_string().trim_end()).expect("a string");
    }
}

/// Compares with the file, or writes it.
fn compare(name: &str, record: Record) {
    let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let path = folder.join(format!("{name}.txt"));
    if std::env::var("GOLDEN").is_ok_and(|v| v == "update") {
        std::fs::create_dir_all(&folder).expect("a folder");
        std::fs::write(&path, &record.0).expect("a record that can be written");
        return;
    }
    let expected = std::fs::read_to_string(&path).unwrap_or_default();
    if expected == record.0 {
        return;
    }
    let lines = expected.lines().zip(record.0.lines()).take_while(|(e, g)| e == g).count();
    let shown = |text: &str| -> String {
        text.lines().skip(lines.saturating_sub(2)).take(12).collect::<Vec<_>>().join("\n")
    };
    panic!(
        "{name}: not as recorded, from line {}; GOLDEN=update writes the record \
         anew\n\nrecorded\n{}\n\nnow\n{}",
        lines + 1,
        shown(&expected),
        shown(&record.0)
    );
}

/// The stages of a function of one array: what is traced, what is compiled, the program with its
/// kernels.
fn stages<F, R>(record: &mut Record, what: &str, f: F, x: &Array)
where
    F: Function<'static, (Own<Array>,), R>,
    R: Pytree,
    (Own<Array>,): Sig<'static, Args = (Array,)>,
{
    let lowered = jit(f).lower((x.clone(),)).expect("it can be traced");
    record.section(what, lowered.jaxpr());
    record.section(&format!("{what}, simplified"), lowered.simplified());
    record.section(&format!("{what}, program"), lowered.program().expect("it can be lowered"));
}

/// A function to a scalar: itself, its gradient, its gradient over a batch of two.
fn corpus(name: &str, f: fn(Array) -> Array, x: Array) {
    let mut record = Record::default();
    stages(&mut record, "value", f, &x);
    stages(&mut record, "gradient", grad(f), &x);
    let rows = cotangent::lax::concatenate(&[x.expand_dims(0), x.expand_dims(0)], 0);
    let lowered = jit(vmap(grad(f))).lower((rows,)).expect("it can be traced");
    record.section("gradients of a batch", lowered.jaxpr());
    record.section("gradients of a batch, simplified", lowered.simplified());
    compare(name, record);
}

#[test]
fn functions_of_the_corpus() {
    for (name, f, x) in corpus::ALL {
        corpus(name, f, x());
    }
}

#[test]
fn checked() {
    fn f(x: Array) -> Array {
        checkify::check(x.min().gt(0.0), "{} has a negative", &x);
        x.log().sum()
    }
    let mut record = Record::default();
    stages(
        &mut record,
        "checked",
        checkify::checkify(f, checkify::Checks::ALL),
        &array![0.1, 0.2, 0.3],
    );
    compare("checked", record);
}

#[test]
fn second_derivative() {
    let mut record = Record::default();
    let f = |x: Array| x.sin() * x.exp();
    let x = Array::scalar(0.5f64);
    stages(&mut record, "value", f, &x);
    stages(&mut record, "first", grad(f), &x);
    stages(&mut record, "second", grad(grad(f)), &x);
    compare("second_derivative", record);
}

/// Integers to machine code's last readable form.
#[test]
fn integers() {
    let mut record = Record::default();
    let f = |x: Array| (&x * 3 + 1) ^ x;
    let x = array![1, 2, 3, 4, 5];
    stages(&mut record, "value", f, &x);
    if cfg!(target_arch = "x86_64") {
        let compiled = jit(f).lower((x,)).and_then(|l| l.compile()).expect("it compiles");
        let clif = compiled.text("clif").expect("text was kept");
        record.section("clif", without_addresses(&clif));
        compare("integers", record);
    }
}

/// Hexadecimal numbers of more than eight digits as `ADDRESS`.
fn without_addresses(text: &str) -> String {
    let is_long = |word: &str| {
        let digits = word.strip_prefix("0x").unwrap_or("");
        let hex = digits.chars().all(|c| c.is_ascii_hexdigit() || c == '_');
        hex && digits.chars().filter(|c| *c != '_').count() > 8 && digits.contains('_')
    };
    let lines = text.lines().map(|line| {
        let words = line.split(' ').map(|w| if is_long(w) { "ADDRESS" } else { w });
        words.collect::<Vec<_>>().join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}
