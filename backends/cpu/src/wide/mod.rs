//! Kernels at the full width of the processor: an own emitter of 256-bit and 512-bit vector code
//! for x86-64, beside Cranelift, whose vectors have 128 bits.
//!
//! A nest goes through `emitter` and the files around it, which write instructions over virtual
//! registers (`code`); `allocate` chooses registers and `encode` makes the bytes with `asm`. Which
//! loops there are, and which of them is the vector loop, is decided in planning; results are the
//! same to the bit as those of the interpreter, for every tier.

mod access;
mod allocate;
mod arithmetic;
// The assembler is whole and tested as a whole; the emitter uses a part of it.
#[allow(dead_code, unused_imports)]
mod asm;
mod bypass;
mod carries;
mod code;
mod convert;
mod counts;
mod dead;
mod division;
mod emitter;
mod encode;
mod far;
mod gather;
mod ints;
mod listing;
mod long;
mod loops;
mod masks;
mod merged;
mod narrow;
mod near;
mod nodes;
mod products;
mod reduce;
mod registers;
mod rows;
mod stub;
mod tier;
mod tiles;
mod transpose;
mod values;

use crate::code::link::Compiled;
use crate::plan::carries::is_carry_loop;
use crate::plan::lanes::{Bits, Vectors};
use crate::plan::launch::FunctionId;
use crate::plan::nest::Nest;
use cotangent_jit::{Error, ErrorKind};
use emitter::Emitter;
use tier::Tier;

/// The vectors that this processor and this emitter have.
pub fn vectors() -> Vectors {
    tier::host().map_or(Vectors::LEAST, Tier::vectors)
}

/// The machine code of a kernel, if this processor and this emitter have it: else `None`.
pub fn build(nest: &Nest, id: FunctionId, keep_text: bool) -> Result<Option<Compiled>, Error> {
    let Some(tier) = tier::host() else { return Ok(None) };
    if nest.vector.is_none() || nest.calls {
        return Ok(None);
    }
    match function(nest, tier, keep_text) {
        Ok((bytes, text)) => {
            let title = |text| {
                let title =
                    format!("; {}: vectors of {} bytes", nest.kernel.name, tier.width().bytes());
                (format!("{title}, not by Cranelift\n"), format!("{title}\n{text}"))
            };
            Ok(Some(Compiled::from_bytes(id, bytes, text.map(title))))
        }
        Err(e) if e.kind() == ErrorKind::Unsupported => Ok(None),
        Err(e) => Err(e),
    }
}

fn function(nest: &Nest, tier: Tier, text: bool) -> Result<(Vec<u8>, Option<String>), Error> {
    let mut e = Emitter::new(nest, tier, lanes(nest, tier));
    e.kernel()?;
    encode::encode(e.code, tier, text)
}

/// The lanes that are computed at once: those of one register of the narrowest type.
fn lanes(nest: &Nest, tier: Tier) -> usize {
    let narrow = (0..nest.types.len())
        .filter(|n| nest.live[*n] && nest.steps[*n].is_none())
        .filter(|n| !matches!(nest.kernel.nodes[*n], cotangent_jit::kernel::Node::Constant(_)))
        .any(|n| Bits::of(nest.types[n]) == Some(Bits::B32));
    let written = |b: cotangent_jit::kernel::BufferId| {
        Bits::of(nest.kernel.buffers[b.0 as usize].dtype) != Some(Bits::B64)
    };
    let narrow = narrow
        || nest.kernel.stores.iter().any(|s| written(s.buffer))
        || nest.kernel.reductions.iter().any(|r| written(r.buffer));
    let full = tier.width().bytes() / if narrow { 4 } else { 8 };
    match nest.vector {
        Some((v, round)) if v >= nest.outer => full.min(round),
        // Each iteration of a sequential loop waits for the one before: two registers of each
        // value compute in turn.
        Some((v, _))
            if is_carry_loop(&nest.kernel, v + 1) && nest.kernel.loops[v].extent >= 2 * full =>
        {
            2 * full
        }
        _ => full,
    }
}
