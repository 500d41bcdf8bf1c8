//! Products of matrices: which entries, which scratch memory.

use super::choice::{Choice, choices, choose, tiles};
use super::launches::{Launch, Launches, Operand};
use super::product::Product;
use super::{mma, parts, tiles as simple};
use cotangent_jit::DType;
use cotangent_jit::program::Routine;

/// Multiplications up to which a product stays a kernel: one block can run such a kernel inside of
/// a loop, and a launch costs more than the product.
const FEW: usize = 1 << 16;
/// The least rows, columns and summed numbers for which a tile pays: below, memory is the limit, to
/// which a kernel comes as close.
const LEAST: usize = 9;
const LEAST_DEPTH: usize = 5;
/// The most blocks, and the greatest extent: numbers in entries have 31 bits.
const MOST: usize = 1 << 30;

/// Whether a routine is a product with entries of its own.
pub fn is_tiled(routine: &Routine) -> bool {
    Product::of(routine, &[]).is_some_and(|p| takes(&p))
}

fn takes(p: &Product) -> bool {
    let known = match p.dtype {
        DType::F16 | DType::BF16 | DType::F32 | DType::F64 => true,
        d => d.is_int() && d.size() >= 4,
    };
    let Product { batch, m, n, k, .. } = *p;
    let all = [batch, m, n, k].into_iter().try_fold(1usize, |x, y| x.checked_mul(y));
    known
        && all.is_none_or(|all| all > FEW)
        && m.min(n) >= LEAST
        && k >= LEAST_DEPTH
        && m.max(n).max(k).max(batch) <= MOST
        && blocks(p, &choose(p)).is_some_and(|b| b <= MOST)
        && (choose(p).parts == 1 || p.results() <= parts::MOST_RESULTS)
}

fn blocks(p: &Product, choice: &Choice) -> Option<usize> {
    tiles(p, &choice.tiling).checked_mul(choice.parts)
}

pub fn launches(routine: &Routine, alignment: &[usize]) -> Option<Launches> {
    let p = Product::of(routine, alignment).filter(takes)?;
    with(&p, &choose(&p))
}

/// The launches of a product for every choice that its type has, whatever its shape is: a test runs
/// them all.
pub fn forms(routine: &Routine, alignment: &[usize]) -> Vec<Launches> {
    let Some(p) = Product::of(routine, alignment) else { return Vec::new() };
    choices(&p).iter().filter_map(|choice| with(&p, choice)).collect()
}

fn with(p: &Product, choice: &Choice) -> Option<Launches> {
    let entry = match p.dtype.size() {
        2 => mma::entry(p, choice),
        _ => simple::entry(p, choice),
    };
    let blocks = blocks(p, choice)? as u64;
    let operands = |out| vec![Operand::Argument(0), Operand::Argument(1), out];
    if choice.parts == 1 {
        let launch = Launch { entry, blocks, operands: operands(Operand::Argument(2)) };
        return Some(Launches { all: vec![launch], scratch: 0 });
    }
    let first = Launch { entry, blocks, operands: operands(Operand::Scratch(0)) };
    let second = Launch {
        entry: parts::entry(p, choice.parts).ok()?,
        blocks: parts::blocks(p),
        operands: vec![Operand::Argument(2), Operand::Scratch(0)],
    };
    let scratch = choice.parts * p.results() * p.sum().size();
    Some(Launches { all: vec![first, second], scratch })
}
