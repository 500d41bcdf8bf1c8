//! In which order the operands of a contraction are multiplied, two at a time.
//!
//! Of few operands, the order of fewest multiplications is found (dynamic programming over subsets:
//! each best order of a set is two best orders of its parts); of many, the pair that shrinks the
//! rest most comes next.

/// A set of indices, one bit each.
pub(super) type Indices = u128;

/// So many operands and fewer get the best order: 3^8 splits of subsets.
const BEST: usize = 8;

/// Pairs of positions among the operands that are left: both are taken away, their product comes
/// last. All but one operand are gone in the end. Indices of `output` are kept, others are summed
/// with the last operands that have them.
pub(super) fn order(terms: &[Indices], output: Indices, sizes: &[usize]) -> Vec<(usize, usize)> {
    let network = Network { terms, output, sizes };
    if terms.len() < 2 {
        return Vec::new();
    }
    let tree = if terms.len() <= BEST { network.best() } else { network.greedy() };
    let mut left: Vec<Tree> = (0..terms.len()).map(Tree::Leaf).collect();
    let mut pairs = Vec::new();
    tree.steps(&mut left, &mut pairs);
    pairs
}

struct Network<'a> {
    terms: &'a [Indices],
    output: Indices,
    sizes: &'a [usize],
}

/// What is multiplied with what.
#[derive(Clone, PartialEq)]
enum Tree {
    Leaf(usize),
    Product(Box<(Tree, Tree)>),
}

impl Tree {
    fn product(a: Tree, b: Tree) -> Tree {
        Tree::Product(Box::new((a, b)))
    }

    /// The operand that stands furthest left.
    fn first(&self) -> usize {
        match self {
            Tree::Leaf(n) => *n,
            Tree::Product(p) => p.0.first().min(p.1.first()),
        }
    }

    /// Appends the pairs that make this of what is left.
    fn steps(&self, left: &mut Vec<Tree>, pairs: &mut Vec<(usize, usize)>) {
        let Tree::Product(p) = self else { return };
        let (a, b) = if p.0.first() < p.1.first() { (&p.0, &p.1) } else { (&p.1, &p.0) };
        a.steps(left, pairs);
        b.steps(left, pairs);
        let place = |left: &[Tree], t: &Tree| left.iter().position(|l| l == t).expect("made above");
        let (i, j) = (place(left, a), place(left, b));
        pairs.push((i, j));
        left.remove(i.max(j));
        left.remove(i.min(j));
        left.push(self.clone());
    }
}

impl Network<'_> {
    fn size(&self, indices: Indices) -> f64 {
        let sizes = self.sizes.iter().enumerate().filter(|(n, _)| indices >> n & 1 == 1);
        // An empty axis makes all orders free; they should still differ.
        sizes.map(|(_, size)| (*size).max(1) as f64).product()
    }

    fn union(&self, set: usize) -> Indices {
        let inside = self.terms.iter().enumerate().filter(|(n, _)| set >> n & 1 == 1);
        inside.fold(0, |all, (_, t)| all | t)
    }

    /// What is left of the product of a set of operands: the indices that others or the output
    /// have.
    fn kept(&self, set: usize) -> Indices {
        let others = ((1 << self.terms.len()) - 1) & !set;
        self.union(set) & (self.union(others) | self.output)
    }

    fn best(&self) -> Tree {
        let all = (1usize << self.terms.len()) - 1;
        let kept: Vec<Indices> = (0..=all).map(|set| self.kept(set)).collect();
        let mut cost = vec![0.0; all + 1];
        let mut split = vec![0; all + 1];
        for set in 1..=all {
            if set.is_power_of_two() {
                continue;
            }
            cost[set] = f64::INFINITY;
            // Each split once: the part with the last operand is the other one. From large to
            // small, so that of equal ones the order from left to right comes first.
            let last = 1 << set.ilog2();
            let mut part = (set - 1) & set;
            while part > 0 {
                if part & last == 0 {
                    let other = set ^ part;
                    let here = self.size(kept[part] | kept[other]);
                    let total = cost[part] + cost[other] + here;
                    if total < cost[set] {
                        (cost[set], split[set]) = (total, part);
                    }
                }
                part = (part - 1) & set;
            }
        }
        tree(all, &split)
    }

    fn greedy(&self) -> Tree {
        let mut left: Vec<(Tree, Indices)> =
            self.terms.iter().enumerate().map(|(n, t)| (Tree::Leaf(n), *t)).collect();
        while left.len() > 1 {
            let mut found = (f64::INFINITY, 0, 1);
            for j in 1..left.len() {
                for i in 0..j {
                    let kept = self.after(&left, i, j);
                    let gain = self.size(kept) - self.size(left[i].1) - self.size(left[j].1);
                    if gain < found.0 {
                        found = (gain, i, j);
                    }
                }
            }
            let (_, i, j) = found;
            let kept = self.after(&left, i, j);
            let (b, _) = left.remove(j);
            let (a, _) = left.remove(i);
            left.push((Tree::product(a, b), kept));
        }
        left.remove(0).0
    }

    /// The indices of the product of two of those that are left.
    fn after(&self, left: &[(Tree, Indices)], i: usize, j: usize) -> Indices {
        let rest = left.iter().enumerate().filter(|(n, _)| *n != i && *n != j);
        let needed = rest.fold(self.output, |all, (_, (_, t))| all | t);
        (left[i].1 | left[j].1) & needed
    }
}

fn tree(set: usize, split: &[usize]) -> Tree {
    if set.is_power_of_two() {
        return Tree::Leaf(set.ilog2() as usize);
    }
    let part = split[set];
    Tree::product(tree(part, split), tree(set ^ part, split))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The order of `spec` (without `->` nothing is kept), all letters of size 10 but those given.
    fn of(spec: &str, sizes: &[(char, usize)]) -> Vec<(usize, usize)> {
        let (inputs, output) = spec.split_once("->").unwrap_or((spec, ""));
        let set = |t: &str| t.bytes().fold(0, |s: Indices, c| s | 1 << (c - b'a'));
        let terms: Vec<Indices> = inputs.split(',').map(set).collect();
        let size = |c: char| sizes.iter().find(|s| s.0 == c).map_or(10, |s| s.1);
        let sizes: Vec<usize> = ('a'..='z').map(size).collect();
        order(&terms, set(output), &sizes)
    }

    #[test]
    fn chains_begin_at_the_thin_end() {
        // A vector at the right: from right to left, matrices are never multiplied.
        assert_eq!(of("ab,bc,cd,d->a", &[]), [(2, 3), (1, 2), (0, 1)]);
        assert_eq!(of("a,ab,bc,cd->d", &[]), [(0, 1), (2, 0), (1, 0)]);
        assert_eq!(of("ab,bc,cd->ad", &[('b', 1000), ('c', 2)]), [(0, 1), (1, 0)]);
        assert_eq!(of("ab,bc,cd->ad", &[('c', 1000), ('b', 2)]), [(1, 2), (0, 1)]);
    }

    #[test]
    fn nothing_to_choose_goes_from_left_to_right() {
        assert_eq!(of("ab", &[]), []);
        assert_eq!(of("ab,bc->ac", &[]), [(0, 1)]);
        assert_eq!(of("a,a,a->a", &[]), [(0, 1), (1, 0)]);
    }

    #[test]
    fn many_operands_end_in_one() {
        let letters: Vec<char> = ('a'..='m').collect();
        let terms: Vec<String> = letters.windows(2).map(|w| w.iter().collect()).collect();
        let pairs = of(&terms.join(","), &[]);
        assert_eq!(pairs.len(), terms.len() - 1);
        let mut left = terms.len();
        for (i, j) in pairs {
            assert!(i != j && i < left && j < left);
            left -= 1;
        }
    }
}
