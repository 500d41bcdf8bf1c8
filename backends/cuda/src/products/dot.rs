//! Products of matrices: which entries, which scratch memory.

use super::choice::{Choice, choices, choose, tiles};
use super::launches::{Launch, Launches, Operand};
use super::product::Product;
use super::{doubles, mma, parts, share, tiles as simple, vectors};
use crate::ptx::Entry;
use cotangent_jit::DType;
use cotangent_jit::program::{Precision, Routine};

/// Multiplications up to which a product stays a kernel: one block can run such a kernel inside of
/// a loop, and a launch costs more than the product.
const FEW: usize = 1 << 16;
/// The least summed numbers for which a tile pays: below, writing results is the limit, to which a
/// kernel comes as close.
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
    if !known || all.is_some_and(|all| all <= FEW) || m.max(n).max(k).max(batch) > MOST {
        return false;
    }
    let (blocks, parts) = match m.min(n) <= share::MOST {
        true if k < share::LEAST_DEPTH || groups(p).is_none_or(|g| g > MOST) => return false,
        true => {
            let plan = share::plan(p);
            (Some(plan.blocks(p)), plan.parts)
        }
        false if k < LEAST_DEPTH => return false,
        false => {
            let choice = choose(p);
            (blocks(p, &choice), choice.parts)
        }
    };
    blocks.is_some_and(|b| b <= MOST) && (parts == 1 || p.results() <= parts::MOST_RESULTS)
}

/// At least as many as there are groups of rows of a matrix.
fn groups(p: &Product) -> Option<usize> {
    p.batch.checked_mul(p.m.max(p.n))
}

fn blocks(p: &Product, choice: &Choice) -> Option<usize> {
    tiles(p, &choice.tiling).checked_mul(choice.parts)
}

pub fn launches(routine: &Routine, alignment: &[usize]) -> Option<Launches> {
    let p = Product::of(routine, alignment).filter(takes)?;
    match p.m.min(p.n) <= share::MOST {
        true => of_vectors(&p),
        false => tiled(&p, &choose(&p)),
    }
}

/// The launches of a product for every tiling that its type has, and as a product of vectors if it
/// is one, whatever its shape is: a test runs them all.
pub fn forms(routine: &Routine, alignment: &[usize]) -> Vec<Launches> {
    let Some(p) = Product::of(routine, alignment) else { return Vec::new() };
    let vectors = (p.m.min(p.n) <= share::MOST).then(|| of_vectors(&p)).flatten();
    choices(&p).iter().filter_map(|choice| tiled(&p, choice)).chain(vectors).collect()
}

fn of_vectors(p: &Product) -> Option<Launches> {
    let plan = share::plan(p);
    with_parts(p, vectors::entry(p, &plan).ok()?, plan.blocks(p), plan.parts)
}

fn tiled(p: &Product, choice: &Choice) -> Option<Launches> {
    let entry = match p.dtype {
        DType::F16 | DType::BF16 => mma::entry(p, choice),
        DType::F32 if p.precision == Precision::Tf32 => mma::entry(p, choice),
        DType::F64 => doubles::entry(p, choice),
        _ => simple::entry(p, choice),
    };
    with_parts(p, entry, blocks(p, choice)?, choice.parts)
}

/// The launch of an entry that sums parts, and then that of their sum.
fn with_parts(p: &Product, entry: Entry, blocks: usize, parts: usize) -> Option<Launches> {
    let operands = |out| vec![Operand::Argument(0), Operand::Argument(1), out];
    let blocks = blocks as u64;
    if parts == 1 {
        let launch = Launch { entry, blocks, operands: operands(Operand::Argument(2)) };
        return Some(Launches { all: vec![launch], scratch: 0 });
    }
    let first = Launch { entry, blocks, operands: operands(Operand::Scratch(0)) };
    let second = Launch {
        entry: parts::entry(p, parts).ok()?,
        blocks: parts::blocks(p),
        operands: vec![Operand::Argument(2), Operand::Scratch(0)],
    };
    let scratch = parts * p.results() * p.sum().size();
    Some(Launches { all: vec![first, second], scratch })
}
