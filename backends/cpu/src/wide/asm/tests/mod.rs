//! The assembler against llvm-mc, label by label and constant by constant.
//!
//! `encodings.txt` holds the bytes that llvm-mc gives (see `scripts/encodings`); `parse` reads its
//! lines, `vectors` and `general` call the method that each line means.

mod general;
mod parse;
mod state;
mod vectors;

use super::Assembler;
use parse::Line;
use std::collections::BTreeMap;

const ENCODINGS: &str = include_str!("encodings.txt");

/// The bytes of one line. The label of an address relative to the code lies behind it.
fn bytes(line: &Line, evex: bool) -> Vec<u8> {
    let mut a = Assembler::new(evex);
    let label = a.label();
    let line = line.with_label(label);
    match line.width {
        Some(width) => vectors::write(&mut a, &line, width),
        None => general::write(&mut a, &line),
    }
    a.bind(label);
    a.finish().expect("the label is bound")
}

/// The lines whose bytes differ, at most 20 of them.
fn differences(lines: impl Iterator<Item = Line>, evex: bool) -> Vec<String> {
    let differs = |l: &Line| {
        let got = hex(&bytes(l, evex));
        (got != l.bytes).then(|| format!("{}: expected {}, got {got}", l.text, l.bytes))
    };
    lines.filter_map(|l| differs(&l)).take(20).collect()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|b| format!("{b:02x}")).collect()
}

#[test]
fn every_instruction_has_the_bytes_of_llvm() {
    let mut count = 0;
    let found = differences(parse::lines(ENCODINGS).inspect(|_| count += 1), true);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    assert!(count > 10_000, "{count} lines");
}

/// Without EVEX forms, what has a VEX form is written as before.
#[test]
fn vex_forms_need_no_leave() {
    let is_vex = |l: &Line| !l.bytes.starts_with("62") && !l.on_masks() && l.width.is_some();
    let mut count = 0;
    let lines = parse::lines(ENCODINGS).filter(is_vex).inspect(|_| count += 1);
    let found = differences(lines, false);
    assert!(found.is_empty(), "\n{}", found.join("\n"));
    assert!(count > 2000, "{count} lines");
}

/// Each row of the table is among the lines, in both of its forms.
#[test]
fn every_row_is_tested() {
    let mut seen: BTreeMap<String, [bool; 2]> = BTreeMap::new();
    for line in parse::lines(ENCODINGS).filter(|l| l.width.is_some()) {
        let forms = seen.entry(format!("{:?}", vectors::instruction(&line))).or_default();
        forms[usize::from(line.bytes.starts_with("62"))] = true;
    }
    for i in super::Ins::ALL.iter().filter(|i| **i != super::Ins::VpextrwReg) {
        let row = i.row();
        let want = [row.vex.is_some(), row.evex.is_some()];
        assert_eq!(seen.get(&format!("{i:?}")), Some(&want), "{i:?}");
    }
}
