//! The groups of the inputs of a scan. Only this file knows the order of the groups.

use std::ops::Range;

/// A list with one item per input of a scan, in groups: the constants, the carry, the sliced
/// inputs.
#[derive(Clone, Debug)]
pub struct Groups<T> {
    pub consts: Vec<T>,
    pub carry: Vec<T>,
    pub xs: Vec<T>,
}

impl<T: Clone> Groups<T> {
    /// Groups a list. The first two groups have these sizes.
    pub fn of(all: &[T], consts: usize, carry: usize) -> Groups<T> {
        let (first, rest) = all.split_at(consts);
        let (second, third) = rest.split_at(carry);
        Groups { consts: first.to_vec(), carry: second.to_vec(), xs: third.to_vec() }
    }

    /// The whole list, in the order of the groups.
    pub fn all(&self) -> Vec<T> {
        [&self.consts[..], &self.carry, &self.xs].concat()
    }

    /// Appends to each group the same group of `more`.
    pub fn concat(&self, more: &Groups<T>) -> Groups<T> {
        Groups {
            consts: [&self.consts[..], &more.consts].concat(),
            carry: [&self.carry[..], &more.carry].concat(),
            xs: [&self.xs[..], &more.xs].concat(),
        }
    }

    /// The items where `mask` is `want`.
    pub fn pick(&self, mask: &Groups<bool>, want: bool) -> Groups<T> {
        let pick = |items: &[T], mask: &[bool]| -> Vec<T> {
            items.iter().zip(mask).filter(|(_, m)| **m == want).map(|(x, _)| x.clone()).collect()
        };
        Groups {
            consts: pick(&self.consts, &mask.consts),
            carry: pick(&self.carry, &mask.carry),
            xs: pick(&self.xs, &mask.xs),
        }
    }

    /// The groups with another carry.
    pub fn with_carry(&self, carry: &[T]) -> Groups<T> {
        Groups { carry: carry.to_vec(), ..self.clone() }
    }

    pub fn sizes(&self) -> [usize; 3] {
        [self.consts.len(), self.carry.len(), self.xs.len()]
    }
}

impl Groups<bool> {
    /// The number of bits in each group that are `want`.
    pub fn count(&self, want: bool) -> [usize; 3] {
        self.pick(self, want).sizes()
    }
}

impl Groups<usize> {
    /// Consecutive positions from `first` on, grouped.
    pub fn positions(first: usize, [consts, carry, xs]: [usize; 3]) -> Groups<usize> {
        let span = |from: usize, n: usize| -> Range<usize> { from..from + n };
        Groups {
            consts: span(first, consts).collect(),
            carry: span(first + consts, carry).collect(),
            xs: span(first + consts + carry, xs).collect(),
        }
    }
}
