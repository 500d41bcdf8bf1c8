//! The updates of a scatter, sorted by the elements to which they go. Those of one element keep
//! their order.

use super::extents::Rows;
use super::keys::Rank;
use super::launch::{Launches, Memory, Stage};
use super::moves::Gathered;
use super::network::Network;
use super::radix::Passes;
use crate::ptx::Class;
use cotangent_jit::DType;
use smallvec::smallvec;

/// Where the numbers of elements and of updates lie, 32 bits each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Updates {
    pub elements: usize,
    pub updates: usize,
}

/// Sorts so many updates of elements whose numbers have so many bits. Gives where the caller puts
/// them in their order before, and where they lie in the order of elements afterwards.
pub fn updates(all: &mut Launches, count: usize, bits: u32) -> (Updates, Updates) {
    let rows = Rows { count: 1, len: count, inner: 1 };
    let element = Gathered::Element { source: 0, size: 4 };
    let network = Network {
        rows,
        keys: smallvec![(DType::U32, Rank::Sort)],
        sources: 1,
        results: smallvec![element, Gathered::Position { size: 4 }],
        taken: count,
    };
    if network.fits() {
        let [given, unused, elements, updates] = [(); 4].map(|()| all.reserve(4 * count));
        all.add(Stage::Network(network), [given, elements, updates]);
        return (at(given, unused), at(elements, updates));
    }
    let mut passes = Passes::new(all, 1, count, Class::B32);
    let given = passes.side();
    passes.sort(all, bits, Class::B32);
    let sorted = passes.side();
    (at(given.keys, given.positions), at(sorted.keys, sorted.positions))
}

fn at(elements: Memory, updates: Memory) -> Updates {
    let byte = |m: Memory| match m {
        Memory::Scratch(at) | Memory::Argument(at) => at,
    };
    Updates { elements: byte(elements), updates: byte(updates) }
}
