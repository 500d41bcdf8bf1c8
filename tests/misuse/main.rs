//! Holds that every public function says what was wrong with a call: the panic's first word is the
//! function that the user called, it stands at the user's line, and leaves have paths.
//!
//! | file | contents |
//! | --- | --- |
//! | `harness` | how a panic is caught, and what a message must have |
//! | `values` | the arrays with which the tables call |
//! | `complete` | that no public function is left out; `items` reads their names from the sources |
//! | `of_numpy`, `of_points_and_folds`, .. | tables of wrong calls |
//! | `lines`, `operations`, `transforms` | whole texts |

mod complete;
mod harness;
#[path = "../names/items.rs"]
#[allow(dead_code)]
mod items;
mod lines;
mod of_api;
mod of_lax;
#[cfg(feature = "linalg")]
mod of_linalg;
mod of_numpy;
mod of_pictures;
mod of_points_and_folds;
mod of_results;
mod of_rooms;
mod of_solvers;
mod operations;
mod transforms;
mod values;

use harness::{Wrong, judge};

/// The tables, with the sources in which they stand.
const TABLES: &[(&[Wrong], &str)] = &[
    (of_numpy::WRONG, include_str!("of_numpy.rs")),
    (of_lax::WRONG, include_str!("of_lax.rs")),
    #[cfg(feature = "linalg")]
    (of_linalg::WRONG, include_str!("of_linalg.rs")),
    (of_pictures::WRONG, include_str!("of_pictures.rs")),
    (of_rooms::WRONG, include_str!("of_rooms.rs")),
    (of_api::WRONG, include_str!("of_api.rs")),
    (of_results::REFUSED, include_str!("of_results.rs")),
    (of_solvers::WRONG, include_str!("of_solvers.rs")),
    (of_points_and_folds::WRONG, include_str!("of_points_and_folds.rs")),
];

#[test]
fn wrong_calls_say_what_is_wrong() {
    let mut faults = Vec::new();
    for (table, source) in TABLES {
        for wrong in *table {
            match judge(wrong, source) {
                Ok(text) => println!("{text}"),
                Err(fault) => faults.push(format!("{}: {}\n    {fault}", wrong.path, wrong.code)),
            }
        }
    }
    assert!(faults.is_empty(), "{}\n{} faults", faults.join("\n"), faults.len());
    harness::still_works();
}
