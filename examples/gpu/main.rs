//! Measures a CUDA device: whether it computes what the CPU does, to the bit where IEEE says so,
//! and how fast it is against its own copies and launches.
//!
//! `cargo run --release --features cuda --example gpu -- [--seconds=N] [--small] [--device=cuda:0]`
//! prints one JSON object per measurement, the most informative first, and begins no part after so
//! many seconds. `--small` is for a check that all parts run, on a stub of the driver.
//!
//! | file | contents |
//! | --- | --- |
//! | `measure.rs` | times on a device, and lines of JSON |
//! | `agree.rs` | every elementary function over all exponents, beside the CPU |
//! | `memory.rs` | what memory bounds: maps, reductions, rows, transposes, sorts, scatters |
//! | `products.rs` | what arithmetic bounds |
//! | `launches.rs` | what launches and compilation bound: small programs, loops |

mod agree;
mod launches;
mod measure;
mod memory;
mod products;

use cotangent::prelude::*;
use measure::{Line, Session};

type Part = fn(&Session);

fn main() -> Result<(), Error> {
    let option = |name: &str| {
        std::env::args().find_map(|a| a.strip_prefix(name)?.strip_prefix('=').map(str::to_owned))
    };
    let device = Device::parse(&option("--device").unwrap_or_else(|| "cuda".into()))?;
    let seconds = option("--seconds").and_then(|s| s.parse().ok()).unwrap_or(480.0);
    let small = std::env::args().any(|a| a == "--small");
    let session = Session::new(device, seconds, small);
    Line::new("device").text("name", &device.name()).print();
    let parts: [(&str, Part); 4] = [
        ("memory", memory::measure),
        ("products", products::measure),
        ("launches", launches::measure),
        ("agree", agree::measure),
    ];
    for (name, part) in parts {
        if session.is_over() {
            Line::new("left out").text("part", name).print();
            continue;
        }
        with_default_device(&device, || part(&session));
    }
    let stats = device.memory_stats();
    Line::new("end")
        .number("seconds", session.seconds())
        .text("memory", &format!("{stats:?}"))
        .print();
    Ok(())
}
