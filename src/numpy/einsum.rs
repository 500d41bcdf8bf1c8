//! `einsum`: sums of products named by their indices.
//!
//! Operands are contracted two by two, each pair by one `dot_general`; `contraction` says in which
//! order.

use super::contract::dims;
use super::contraction::{self, Indices};
use super::diagonal;
use super::fallible::functions;
use super::list::ArrayList;
use crate::core::array::Array;
use crate::core::aval::Shape;
use crate::prims::array::literal::{Operand, promoted};
use crate::prims::lax;
use cotangent_jit::{Error, err, plural};

functions! {
    /// A sum of products by Einstein's convention: `"ij,jk->ik"` is the matrix product.
    ///
    /// Letters name axes; a letter that the result lacks is summed over; `...` stands for the axes
    /// in front that broadcast; a letter twice in one operand takes its diagonal. Without `->` the
    /// result has the letters that occur once, in alphabetical order. Several operands are
    /// multiplied two by two in the order of fewest multiplications (of more than eight, in a good
    /// one).
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let (a, b) = (array![[1.0, 2.0], [3.0, 4.0]], array![1.0, 1.0]);
    /// assert_eq!(einsum("ij,j->i", [&a, &b]).to_vec::<f32>(), [3.0, 7.0]);
    /// assert_eq!(einsum("ii", [&a]).item::<f32>(), 5.0);
    /// ```
    fn einsum, try_einsum(spec: &str, operands: impl ArrayList) -> Array { // `einsum(s, [&x, &y])`
        let operands = operands.to_arrays();
        let operands: Vec<&Array> = operands.iter().collect();
        let (mut terms, output) = parse(spec, &operands)?;
        for term in &mut terms {
            *term = term.without_repeats()?;
        }
        for (i, j) in order(&terms, &output)? {
            let later = terms.remove(i.max(j));
            let earlier = terms.remove(i.min(j));
            let (x, y) = if i < j { (earlier, later) } else { (later, earlier) };
            let needed = |l: char| output.contains(&l) || terms.iter().any(|t| t.has(l));
            let product = pair(spec, x, y, needed, &output)?;
            terms.push(product);
        }
        let Some(last) = terms.pop() else {
            return Err(err!(Shape, "einsum: expected at least one operand, got none"));
        };
        let last = last.summed(|l| output.contains(&l))?;
        let place = |l: &char| last.labels.iter().position(|m| m == l);
        let order: Option<Shape> = output.iter().map(place).collect();
        let order = order.ok_or_else(|| {
            err!(Shape, "einsum: {spec:?} asks for an index in the result that no operand has")
        })?;
        lax::try_transpose(&last.array, &order)
    }
}

/// Which two of the operands that are left come next, again and again.
fn order(terms: &[Term], output: &[char]) -> Result<Vec<(usize, usize)>, Error> {
    let mut labels: Vec<char> = terms.iter().flat_map(|t| t.labels.iter().copied()).collect();
    labels.sort_unstable();
    labels.dedup();
    if labels.len() > Indices::BITS as usize {
        let (most, got) = (Indices::BITS, labels.len());
        return Err(err!(
            Shape,
            "einsum: expected at most {indices}, got {got}",
            indices = plural(most, "index")
        ));
    }
    let set = |names: &[char]| -> Indices {
        let known = names.iter().filter_map(|l| labels.binary_search(l).ok());
        known.fold(0, |set, n| set | 1 << n)
    };
    let size = |l: &char| {
        let sizes = terms.iter().filter_map(|t| Some(t.array.shape()[t.axis(*l)?]));
        sizes.max().unwrap_or(1)
    };
    let sizes: Vec<usize> = labels.iter().map(size).collect();
    let sets: Vec<Indices> = terms.iter().map(|t| set(&t.labels)).collect();
    Ok(contraction::order(&sets, set(output), &sizes))
}

/// An operand and the names of its axes.
#[derive(Clone)]
struct Term {
    array: Array,
    labels: Vec<char>,
}

impl Term {
    fn has(&self, label: char) -> bool {
        self.labels.contains(&label)
    }

    fn axis(&self, label: char) -> Option<usize> {
        self.labels.iter().position(|l| *l == label)
    }

    /// Diagonals taken of axes of the same name.
    fn without_repeats(&self) -> Result<Term, Error> {
        let mut term = self.clone();
        while let Some((a, b)) = term.repeated() {
            term.array = diagonal::try_diagonal_of(&term.array, a, b)?;
            // The diagonal is the last axis.
            let label = term.labels.remove(b);
            term.labels.remove(a);
            term.labels.push(label);
        }
        Ok(term)
    }

    fn repeated(&self) -> Option<(usize, usize)> {
        let l = &self.labels;
        (0..l.len()).find_map(|b| l[..b].iter().position(|x| *x == l[b]).map(|a| (a, b)))
    }

    /// Summed over the axes whose names are not kept.
    fn summed(self, keep: impl Fn(char) -> bool) -> Result<Term, Error> {
        let gone: Shape = (0..self.labels.len()).filter(|a| !keep(self.labels[*a])).collect();
        if gone.is_empty() {
            return Ok(self);
        }
        // Of bools whether one holds.
        let sum =
            if self.array.dtype().is_bool() { lax::try_reduce_or } else { lax::try_reduce_sum };
        let array = sum(&self.array, &gone)?;
        Ok(Term { array, labels: self.labels.into_iter().filter(|l| keep(*l)).collect() })
    }
}

/// One product, summed over the names in both that nobody needs later.
fn pair(
    spec: &str,
    x: Term,
    y: Term,
    later: impl Fn(char) -> bool,
    output: &[char],
) -> Result<Term, Error> {
    let x = x.summed(|l| y.has(l) || later(l))?;
    let y = y.summed(|l| x.has(l) || later(l))?;
    let mut pairs = dims(&[], &[], &[], &[]);
    let mut labels = Vec::new();
    for (a, &l) in x.labels.iter().enumerate() {
        let Some(b) = y.axis(l) else { continue };
        let (m, n) = (x.array.shape()[a], y.array.shape()[b]);
        if m != n {
            return Err(err!(
                Shape,
                "einsum: sizes of index {l} in {spec:?} differ: {} has {m}, {} has {n}",
                x.array.aval(),
                y.array.aval()
            ));
        }
        if later(l) {
            pairs.lhs_batch.push(a);
            pairs.rhs_batch.push(b);
            labels.push(l);
        } else {
            pairs.lhs_contract.push(a);
            pairs.rhs_contract.push(b);
        }
    }
    labels.extend(x.labels.iter().filter(|l| !y.has(**l)));
    labels.extend(y.labels.iter().filter(|l| !x.has(**l)));
    if pairs.lhs_contract.is_empty() {
        return product(&x, &y, labels, output);
    }
    Ok(Term { array: lax::try_dot_general(&x.array, &y.array, &pairs)?, labels })
}

/// The product of two terms of which no name is summed over: both repeated, with the axes as the
/// result has them, so that it fuses with what comes after.
fn product(x: &Term, y: &Term, mut labels: Vec<char>, output: &[char]) -> Result<Term, Error> {
    labels.sort_by_key(|l| output.iter().position(|o| o == l).unwrap_or(output.len()));
    let size = |l: &char| [x, y].iter().find_map(|t| t.axis(*l).map(|a| t.array.shape()[a]));
    let shape: Shape = labels.iter().filter_map(size).collect();
    let repeated = |term: &Term| {
        let places: Shape = (0..labels.len()).filter(|i| term.has(labels[*i])).collect();
        let order: Shape = places.iter().filter_map(|i| term.axis(labels[*i])).collect();
        lax::try_broadcast_in_dim(&lax::try_transpose(&term.array, &order)?, &shape, &places)
    };
    let (x, y) = (repeated(x)?, repeated(y)?);
    let times = if x.dtype().is_bool() { lax::try_and } else { lax::try_mul };
    Ok(Term { array: times(&x, &y)?, labels })
}

/// Name of an axis that `...` stands for, counted from the last; none that a user could write.
fn hidden(n: usize) -> char {
    char::from_u32(0xe000 + n as u32).expect("in the private use area")
}

/// Operands with their names, and the names of the result.
fn parse(spec: &str, operands: &[&Array]) -> Result<(Vec<Term>, Vec<char>), Error> {
    let text: String = spec.chars().filter(|c| !c.is_whitespace()).collect();
    let (inputs, output) = match text.split_once("->") {
        Some((inputs, output)) => (inputs, Some(output)),
        None => (&text[..], None),
    };
    let names: Vec<&str> = inputs.split(',').collect();
    if names.len() != operands.len() {
        return Err(err!(
            Shape,
            "einsum: {spec:?} is for {operands}, got {}",
            operands.len(),
            operands = plural(names.len(), "operand")
        ));
    }
    let dynamic: Vec<&dyn Operand> = operands.iter().map(|o| o as &dyn Operand).collect();
    let arrays = promoted("einsum", &dynamic, false)?;
    let terms: Result<Vec<Term>, Error> =
        names.iter().zip(arrays).map(|(n, a)| term(spec, n, a)).collect();
    let terms = squeezed(terms?)?;
    let wide = terms.iter().flat_map(|t| &t.labels).filter(|l| **l >= hidden(0)).max();
    let in_front: Vec<char> = wide.map_or(Vec::new(), |last| (hidden(0)..=*last).rev().collect());
    let output = match output {
        Some(output) => labels(spec, output, &in_front)?,
        None => {
            let all: Vec<char> = terms.iter().flat_map(|t| t.labels.clone()).collect();
            let once = |l: &char| *l < hidden(0) && all.iter().filter(|m| *m == l).count() == 1;
            let mut named: Vec<char> = all.iter().copied().filter(once).collect();
            named.sort_unstable();
            in_front.iter().copied().chain(named).collect()
        }
    };
    if (1..output.len()).any(|i| output[..i].contains(&output[i])) {
        return Err(err!(Shape, "einsum: {spec:?} names an index of the result twice"));
    }
    Ok((terms, output))
}

/// The names in one part of the text, `...` replaced.
fn labels(spec: &str, text: &str, ellipsis: &[char]) -> Result<Vec<char>, Error> {
    let (before, after, dots) = match text.split_once("...") {
        Some((before, after)) => (before, after, ellipsis),
        None => (text, "", &[][..]),
    };
    let all: Vec<char> = before.chars().chain(dots.iter().copied()).chain(after.chars()).collect();
    match all.iter().find(|c| !c.is_alphabetic() && **c < hidden(0)) {
        Some(c) => {
            Err(err!(Parse, "einsum: expected letters, `,`, `...` and `->`, got {c:?} in {spec:?}"))
        }
        None => Ok(all),
    }
}

fn term(spec: &str, text: &str, array: Array) -> Result<Term, Error> {
    let named = labels(spec, text, &[])?.len();
    let rank = array.ndim();
    let extra = rank.checked_sub(named).filter(|e| *e == 0 || text.contains("..."));
    let Some(extra) = extra else {
        return Err(err!(
            Shape,
            "einsum: {text:?} in {spec:?} names {axes}, {} has {rank}",
            array.aval(),
            axes = plural(named, "axis")
        ));
    };
    let in_front: Vec<char> = (0..extra).rev().map(hidden).collect();
    Ok(Term { labels: labels(spec, text, &in_front)?, array })
}

/// Axes of size 1 under `...` dropped where another operand has more there: they broadcast.
fn squeezed(terms: Vec<Term>) -> Result<Vec<Term>, Error> {
    let wide = |l: char| terms.iter().any(|t| t.axis(l).is_some_and(|a| t.array.shape()[a] != 1));
    terms
        .iter()
        .map(|t| {
            let goes = |a: &usize| {
                let l = t.labels[*a];
                l >= hidden(0) && t.array.shape()[*a] == 1 && wide(l)
            };
            let gone: Shape = (0..t.labels.len()).filter(goes).collect();
            let labels =
                (0..t.labels.len()).filter(|a| !gone.contains(a)).map(|a| t.labels[a]).collect();
            Ok(Term { array: lax::try_squeeze(&t.array, &gone)?, labels })
        })
        .collect()
}
