//! Times the workloads of the speed suite through the public API, as a user would write them.
//!
//! `cargo run --release --example suite -- [ROW ...] [--json]` times all rows, or the named ones.
//! With `--json` it prints one object per row, `{"peer", "row", "ns", "compile_ms"}`: `ns` is the
//! best mean of five repetitions of one call on ready arguments, `compile_ms` the first call less a
//! later one. With `--explain[=DEVICE]` it times nothing and prints what a call of each row does on
//! the default device, or on the one that is named. `scripts/compare` puts the rows of several
//! systems side by side.
//!
//! Rows whose primitives are not there yet are left out: fft, and of linear algebra all but
//! Cholesky factors (with `--features linalg`).

mod contractions;
mod elementwise;
mod harness;
mod loops;
mod networks;
mod sorting;

use cotangent::prelude::*;
use harness::Row;

fn main() -> Result<(), Error> {
    // A device in COTANGENT_DEVICE that cannot be had is an error in words here.
    default_device()?;
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let json = arguments.iter().any(|a| a == "--json");
    let explain = arguments.iter().find_map(|a| a.strip_prefix("--explain"));
    let names: Vec<&String> = arguments.iter().filter(|a| !a.starts_with("--")).collect();
    let rows: Vec<Row> = [
        elementwise::rows(),
        contractions::rows(),
        loops::rows(),
        networks::rows(),
        sorting::rows(),
    ]
    .into_iter()
    .flatten()
    .collect();
    for name in &names {
        if !rows.iter().any(|r| r.name == **name) {
            eprintln!("suite: no row is called {name}");
            std::process::exit(2);
        }
    }
    for row in rows {
        if names.is_empty() || names.iter().any(|n| **n == row.name) {
            match explain {
                Some(device) => {
                    let name = row.name.clone();
                    let text = row.explain(&device_of(device)?);
                    println!("{name:24} {}", text.unwrap_or_else(|e| e.message().into()));
                }
                None => row.run(json),
            }
        }
    }
    Ok(())
}

/// The device behind `--explain=`, or the default device.
fn device_of(option: &str) -> Result<Device, Error> {
    match option.strip_prefix('=') {
        Some(name) => Device::parse(name),
        None => default_device(),
    }
}
