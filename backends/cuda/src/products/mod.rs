//! Routines as entries of their own, where the kernel language would be slow.
//!
//! | file | contents |
//! | --- | --- |
//! | `launches.rs` | the launches of a routine |
//! | `dot.rs` | products of matrices: which entries, which scratch memory |
//! | `product.rs` | a product of matrices and its operands |
//! | `choice.rs` | the sizes of tiles and the parts of the sum, by shape; which products a library computes |
//! | `columns.rs` | products as a library takes them |
//! | `frame.rs` | the tile and the part of the sum of a block |
//! | `copies.rs` | tiles of operands into shared memory |
//! | `pipeline.rs` | the loop over the sum: copies ahead of arithmetic |
//! | `tiles.rs` | tiles of sums in registers, one multiplication per number |
//! | `mma.rs` | tiles of sums by the multiplication of small matrices, of 16 bits and of TF32 |
//! | `doubles.rs` | the same for f64 |
//! | `output.rs` | tiles of sums to memory |
//! | `vectors.rs` | products of a matrix and a few vectors |
//! | `share.rs` | how threads share them |
//! | `meet.rs` | the sums of lanes and warps become one |
//! | `elements.rs` | chunks of elements in registers |
//! | `parts.rs` | the sum of the parts |
//!
//! Routines that are kernels do not live here (`plan`), nor those that the host computes (`run`).

mod choice;
mod columns;
mod copies;
mod dot;
mod doubles;
mod elements;
mod frame;
mod launches;
mod meet;
mod mma;
mod output;
mod parts;
mod pipeline;
mod product;
mod share;
mod tiles;
mod vectors;

use crate::plan::Gemm;
use cotangent_jit::program::Routine;
use product::Product;

pub use dot::{forms, is_tiled};
pub use launches::{Launch, Launches, Operand};

/// A routine for a library, if it is a product that one computes sooner than our entries, of at
/// least so many multiplications.
pub fn for_library(routine: &Routine, alignment: &[usize], least: usize) -> Option<Gemm> {
    let p = Product::of(routine, alignment)?;
    columns::gemm(&p).filter(|_| choice::is_for_library(&p, least))
}

/// A routine whose arguments begin at multiples of these numbers of bytes; `None` if it has no
/// entries of its own.
pub fn launches(routine: &Routine, alignment: &[usize]) -> Option<Launches> {
    match routine {
        Routine::Dot { .. } => dot::launches(routine, alignment),
        _ => None,
    }
}
