//! Runs a notebook as a program: `cargo run -p cotangent-notebooks -- tour`. Without a name it
//! lists them.
//!
//! A line before each cell tells its number. Values are printed as the evcxr kernel reads them.

use std::error::Error;
use std::fmt::Debug;
use std::process::ExitCode;

type Run = fn() -> Result<(), Box<dyn Error>>;

include!(concat!(env!("OUT_DIR"), "/notebooks.rs"));

/// What the kernel shows of a value without a method `evcxr_display` of its own. It is found last,
/// because the cells call the method on a reference, and this one is for references.
trait DebugUnlessShown {
    fn evcxr_display(&self);
}

impl<T: Debug + ?Sized> DebugUnlessShown for &T {
    fn evcxr_display(&self) {
        println!("EVCXR_BEGIN_CONTENT text/plain\n{self:?}\nEVCXR_END_CONTENT");
    }
}

fn begin_cell(n: usize) {
    println!("NOTEBOOK_CELL {n}");
}

fn main() -> ExitCode {
    let Some(name) = std::env::args().nth(1) else {
        NOTEBOOKS.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    };
    match NOTEBOOKS.iter().find(|(notebook, _)| *notebook == name) {
        None => {
            eprintln!("there is no notebook {name}");
            ExitCode::FAILURE
        }
        Some((_, run)) => match run() {
            Ok(()) => ExitCode::SUCCESS,
            Err(e) => {
                eprintln!("{name}: {e}");
                ExitCode::FAILURE
            }
        },
    }
}
