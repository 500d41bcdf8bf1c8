//! The launches of a sort of rows.

use super::extents::Rows;
use super::keys::{self, Rank};
use super::launch::{Launches, Memory, Stage};
use super::moves::{Gathered, Keys, Take};
use super::network::Network;
use super::radix::Passes;
use cotangent_jit::DType;
use smallvec::SmallVec;

/// Sorts by the first `keys` operands. Arguments: the operands, then the outputs.
pub fn launches(
    dtypes: &[DType],
    keys: usize,
    rows: Rows,
    in_place: impl Fn(usize) -> bool,
) -> Launches {
    let mut all = Launches::default();
    if rows.elements() == 0 {
        return all;
    }
    let element = |(source, d): (usize, &DType)| Gathered::Element { source, size: d.size() };
    let network = Network {
        rows,
        keys: dtypes[..keys].iter().map(|d| (*d, Rank::Sort)).collect(),
        sources: dtypes.len(),
        results: dtypes.iter().enumerate().map(element).collect(),
        taken: rows.len,
    };
    if network.fits() {
        all.add(Stage::Network(network), (0..2 * dtypes.len()).map(Memory::Argument));
        return all;
    }
    let sorted = by_digits(&mut all, &network.keys, rows);
    for (n, d) in dtypes.iter().enumerate() {
        let (source, size) = (n, d.size());
        let take = Take { rows, taken: rows.len, what: Gathered::Element { source, size } };
        let (from, to) = (Memory::Argument(n), Memory::Argument(dtypes.len() + n));
        if in_place(n) {
            let aside = sorted.free();
            all.add(Stage::Take(take), [sorted.side().positions, from, aside]);
            all.add(Stage::Copy { count: rows.elements(), size }, [aside, to]);
        } else {
            all.add(Stage::Take(take), [sorted.side().positions, from, to]);
        }
    }
    all
}

/// Sorts positions by these keys of the first arguments, the last key first.
pub fn by_digits(all: &mut Launches, sorted_by: &[(DType, Rank)], rows: Rows) -> Passes {
    let words: SmallVec<[_; 2]> =
        sorted_by.iter().map(|(d, _)| keys::class(keys::bits(*d))).collect();
    let widest = words.iter().copied().max_by_key(|w| super::extents::size(*w));
    let widest = widest.unwrap_or(crate::ptx::Class::B32);
    let mut passes = Passes::new(all, rows.count, rows.len, widest);
    for (n, (dtype, rank)) in sorted_by.iter().copied().enumerate().rev() {
        let side = passes.side();
        let first = n + 1 == sorted_by.len();
        let keys = Stage::Keys(Keys { rows, dtype, rank, first });
        all.add(keys, [Memory::Argument(n), side.positions, side.keys]);
        passes.sort(all, keys::bits(dtype), words[n]);
    }
    passes
}
