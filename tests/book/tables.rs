//! Entries of the tables for users of JAX, NumPy and PyTorch stand in programs of their chapters.
//!
//! The programs are doctests, so that a name which a table gives cannot go away. A table that is
//! generated is held by `tests/names`.

use super::pages::{Page, report, spans};

/// A text without white space, so that lines may be broken.
fn dense(text: &str) -> String {
    text.split_whitespace().collect()
}

#[test]
fn entries_of_the_tables_stand_in_programs() {
    let mut broken = Vec::new();
    for name in ["from_jax", "from_numpy", "from_pytorch"] {
        let mut page = Page::chapter(name);
        if let Some(generated) = page.text.find("<!-- names -->") {
            page.text.truncate(generated);
        }
        let programs = page.blocks().into_iter().filter(|b| b.info == "rust");
        let programs: String = programs.map(|b| dense(&b.text) + "\n").collect();
        let rows = page.rows();
        assert!(rows.len() > 10, "{name}: {} rows", rows.len());
        for (line, cells) in rows {
            let last = cells.last().expect("a row has cells");
            for span in spans(last) {
                // Variables of the environment are held by `variables`.
                if !span.starts_with("COTANGENT_") && !programs.contains(&dense(span)) {
                    broken.push(format!("{}:{line}: `{span}` stands in no program", page.path));
                }
            }
        }
    }
    report(broken);
}
