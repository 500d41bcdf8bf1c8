//! Holds that every public function says what was wrong with a call: the panic's first word is the
//! function that the user called, it stands at the user's line, and leaves have paths.
//!
//! | file | contents |
//! | --- | --- |
//! | `harness` | how a panic is caught, and what a message must have |
//! | `values` | the arrays with which the tables call |
//! | `of_numpy`, `of_points_and_folds`, .. | tables of wrong calls |
//! | `lines`, `operations`, `transforms` | whole texts |

mod harness;
mod lines;
mod of_numpy;
mod of_points_and_folds;
mod operations;
mod transforms;
mod values;

use harness::{Wrong, fault};

/// The tables, with the sources in which they stand.
const TABLES: &[(&[Wrong], &str)] = &[
    (of_numpy::WRONG, include_str!("of_numpy.rs")),
    (of_points_and_folds::WRONG, include_str!("of_points_and_folds.rs")),
];

#[test]
fn wrong_calls_say_what_is_wrong() {
    let mut faults = Vec::new();
    for (table, source) in TABLES {
        for wrong in *table {
            eprintln!("{}: {}", wrong.path, wrong.code);
            if let Some(fault) = fault(wrong, source) {
                faults.push(format!("{}: {}\n    {fault}", wrong.path, wrong.code));
            }
        }
    }
    assert!(faults.is_empty(), "{}\n{} faults", faults.join("\n"), faults.len());
    harness::still_works();
}
