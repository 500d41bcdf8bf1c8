//! Sorts: rows in order, the greatest of rows, and updates by their elements.
//!
//! A row that fits into the shared memory of a block is sorted there, by a network over records of
//! keys and positions. Longer rows are sorted by the digits of their keys, the last digit first:
//! three launches per digit. Both are stable, and no result depends on who came first.
//!
//! | file | contents |
//! | --- | --- |
//! | `extents.rs` | sizes that all launches share |
//! | `pass.rs` | one pass over rows of keys |
//! | `launch.rs` | what one launch does, its operands, and the launches of a sort |
//! | `sort.rs`, `top_k.rs` | the launches of these routines |
//! | `updates.rs` | the launches that sort the updates of a scatter |
//! | `keys.rs` | elements as unsigned numbers in the order of a sort |
//! | `record.rs` | the keys and the position of an element, packed into a few words |
//! | `network.rs` | rows in a block's shared memory |
//! | `radix.rs` | passes over long rows, digit by digit |
//! | `histogram.rs`, `spread.rs` | the launches of a pass |
//! | `moves.rs` | the keys of long rows before, and the elements by their positions after |
//! | `body.rs` | the code that all of them share |
//!
//! What a scatter combines does not live here (see `emit/ordered.rs`).

mod body;
mod extents;
mod histogram;
mod keys;
mod launch;
mod moves;
mod network;
mod pass;
mod radix;
mod record;
mod sort;
mod spread;
mod top_k;
mod updates;

pub use keys::Rank;
pub use launch::{Launch, Launches, Memory, Stage, entry};
pub use updates::{Updates, updates};

use cotangent_jit::program::Routine;

/// The most elements of all rows: their numbers, and those of threads, have 31 bits.
pub const MOST: usize = 1 << 30;

/// The launches of a routine, if it is one of this room. `in_place` says of each operand whether an
/// output may share its memory.
pub fn launches(routine: &Routine, in_place: impl Fn(usize) -> bool) -> Option<Launches> {
    let (elements, launches) = match routine {
        Routine::Sort { dtypes, keys, outer, len, inner } => {
            let rows = extents::Rows { count: outer * inner, len: *len, inner: *inner };
            (rows.elements(), sort::launches(dtypes, *keys, rows, in_place))
        }
        Routine::TopK { dtype, place, k, outer, len, inner } => {
            let rows = extents::Rows { count: outer * inner, len: *len, inner: *inner };
            (rows.elements(), top_k::launches([*dtype, *place], *k, rows))
        }
        _ => return None,
    };
    (elements <= MOST).then_some(launches)
}
