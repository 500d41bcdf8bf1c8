//! Control flow over traced values, with closures as branches and bodies: `cond`, `switch`, `scan`,
//! `fori_loop`, `while_loop`, `map`, `associative_scan`; and what loops find, differentiated
//! implicitly: `custom_linear_solve`, `custom_root`.
//!
//! Branches and bodies are traced at once, so they may borrow and capture anything: arrays they
//! capture become operands. The rules of differentiation and batching are the primitives'
//! (`prims::cond`, `prims::scan`, `prims::while_loop`).

mod associative_scan;
mod body;
mod branch;
mod checkpoints;
mod fori;
mod linear_solve;
mod map;
mod root;
mod scan;
mod while_loop;

pub use associative_scan::{
    AssociativeScanOptions, associative_scan, associative_scan_with, try_associative_scan,
};
pub use branch::{cond, switch, try_cond, try_switch};
pub use checkpoints::Checkpoints;
pub use fori::{
    Bounds, LoopBounds, fori_loop, fori_loop_bounded, try_fori_loop, try_fori_loop_bounded,
};
pub use linear_solve::{
    Matvec, custom_linear_solve, custom_linear_solve_symmetric, try_custom_linear_solve,
    try_custom_linear_solve_symmetric,
};
pub use map::{map, map_batched, try_map, try_map_batched};
pub use root::{custom_root, try_custom_root};
pub use scan::{ScanOptions, scan, scan_n, scan_with, try_scan, try_scan_n};
pub use while_loop::{
    LoopTest, try_while_loop, try_while_loop_bounded, while_loop, while_loop_bounded,
};
