//! The launches of a selection of the greatest.

use super::extents::Rows;
use super::keys::Rank;
use super::launch::{Launches, Memory, Stage};
use super::moves::{Gathered, Take};
use super::network::Network;
use super::sort::by_digits;
use cotangent_jit::DType;
use smallvec::smallvec;

/// The `k` greatest of rows and their positions. Arguments: x, values, positions.
pub fn launches([dtype, place]: [DType; 2], k: usize, rows: Rows) -> Launches {
    let mut all = Launches::default();
    if rows.elements() == 0 || k == 0 {
        return all;
    }
    let value = Gathered::Element { source: 0, size: dtype.size() };
    let position = Gathered::Position { size: place.size() };
    let network = Network {
        rows,
        keys: smallvec![(dtype, Rank::Descending)],
        sources: 1,
        results: smallvec![value, position],
        taken: k,
    };
    if network.fits() {
        all.add(Stage::Network(network), (0..3).map(Memory::Argument));
        return all;
    }
    let sorted = by_digits(&mut all, &network.keys, rows).side().positions;
    let take = |what| Stage::Take(Take { rows, taken: k, what });
    all.add(take(value), [sorted, Memory::Argument(0), Memory::Argument(1)]);
    all.add(take(position), [sorted, Memory::Argument(2)]);
    all
}
