//! Counters from the number of a thread, affine indices, addresses, guards.

use super::emitter::{Emitter, Key, Span};
use crate::ops;
use crate::ptx::{Class, Value};
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::Range;
use smallvec::SmallVec;

impl Emitter<'_> {
    /// The quotient and the remainder of an index that is not negative.
    pub fn divide(&mut self, x: Value, by: usize) -> (Value, Value) {
        if !self.wide {
            return ops::divide_by(&mut self.c, x, by);
        }
        if by <= 1 {
            return (x, Value::long(0));
        }
        let class = Class::B64;
        if by.is_power_of_two() {
            let shift = by.trailing_zeros();
            let q = self.c.get(class, "shr.u64", format_args!("{x}, {shift}"));
            let mask = Value::long(by as i64 - 1);
            return (q, self.c.get(class, "and.b64", format_args!("{x}, {mask}")));
        }
        let q = self.c.get(class, "div.u64", format_args!("{x}, {by}"));
        let whole = Value::long(-(by as i64));
        (q, self.c.get(class, "mad.lo.s64", format_args!("{q}, {whole}, {x}")))
    }

    /// Sets the counters of these loops from the number of a point; the last loop is the fastest
    /// and counts in steps of `width`.
    pub fn decode(&mut self, mut point: Value, loops: &[usize], width: usize) {
        for (n, of) in loops.iter().enumerate().rev() {
            let extent = self.span(*of);
            let fastest = n + 1 == loops.len();
            let count = if fastest { extent / width } else { extent };
            let counter = if n == 0 {
                point
            } else {
                let (q, r) = self.divide(point, count);
                point = q;
                r
            };
            let counter = if fastest && width > 1 {
                let (class, t) = (self.index_class(), self.index_type());
                self.c.get(class, &format!("mul.lo.{t}"), format_args!("{counter}, {width}"))
            } else {
                counter
            };
            let counter = match self.spans[*of] {
                Some(Span { first, .. }) => {
                    let (class, t) = (self.index_class(), self.index_type());
                    let counter = self.c.held(counter);
                    self.c.get(class, &format!("add.{t}"), format_args!("{counter}, {first}"))
                }
                None => counter,
            };
            self.set_counter(*of, counter);
        }
    }

    /// The strides of the loops that have counters in scopes up to this one.
    fn known(&self, at: &Affine, scope: usize) -> SmallVec<[i64; 6]> {
        let known = |n: usize| self.counters[n].is_some_and(|c| c.scope <= scope);
        let mut strides: SmallVec<[i64; 6]> =
            (0..self.counters.len()).map(|n| if known(n) { at.stride(n) } else { 0 }).collect();
        let used = strides.iter().rposition(|s| *s != 0).map_or(0, |last| last + 1);
        strides.truncate(used);
        strides
    }

    /// `sum of stride * counter`, without the offset.
    pub fn index(&mut self, at: &Affine) -> Value {
        let strides = self.known(at, usize::MAX);
        let key: Key = (None, strides.clone());
        if let Some(known) = self.indices.get(&key) {
            return *known;
        }
        let sum = self.terms(&strides, None, 1);
        let sum = sum.unwrap_or_else(|| self.index_constant(0));
        self.keep_index(key, sum);
        sum
    }

    /// The sum of `scale * stride * counter` over loops of these strides that belong to a scope, or
    /// to any; `None` if there is none.
    fn terms(&mut self, strides: &[i64], scope: Option<usize>, scale: i64) -> Option<Value> {
        let (class, t) = (self.index_class(), self.index_type());
        let mut sum: Option<Value> = None;
        for (n, stride) in strides.iter().enumerate().filter(|(_, s)| **s != 0) {
            let Some(counter) = self.counters[n] else { continue };
            if scope.is_some_and(|s| s != counter.scope) {
                continue;
            }
            let (x, by) = (counter.value, stride * scale);
            let factor = self.index_constant(by);
            sum = Some(match (sum, by) {
                (None, 1) => x,
                (None, _) => {
                    self.c.get(class, &format!("mul.lo.{t}"), format_args!("{x}, {factor}"))
                }
                (Some(s), 1) => self.c.get(class, &format!("add.{t}"), format_args!("{s}, {x}")),
                (Some(s), _) => {
                    self.c.get(class, &format!("mad.lo.{t}"), format_args!("{x}, {factor}, {s}"))
                }
            });
        }
        sum
    }

    /// The address of `at` without its offset.
    pub fn address(&mut self, buffer: u32, at: &Affine) -> Value {
        self.address_in(buffer, at, self.scope())
    }

    /// The part of the address that counters of scopes up to this one give. What an outer scope
    /// gives is computed apart, so that a loop only adds what changes in it.
    fn address_in(&mut self, buffer: u32, at: &Affine, scope: usize) -> Value {
        let strides = self.known(at, scope);
        if strides.is_empty() {
            return self.bases[buffer as usize];
        }
        let key: Key = (Some(buffer), strides.clone());
        if let Some(known) = self.indices.get(&key) {
            return *known;
        }
        let outer = match scope {
            0 => self.bases[buffer as usize],
            _ => self.address_in(buffer, at, scope - 1),
        };
        let Some(terms) = self.terms(&strides, Some(scope), 1) else { return outer };
        let size = self.k.buffers[buffer as usize].dtype.size();
        let address = if self.wide {
            self.c.get(Class::B64, "mad.lo.s64", format_args!("{terms}, {size}, {outer}"))
        } else {
            self.c.get(Class::B64, "mad.wide.s32", format_args!("{terms}, {size}, {outer}"))
        };
        self.keep_index(key, address);
        address
    }

    /// Computes what the addresses of all accesses have in common with the scopes so far.
    pub fn prepare_addresses(&mut self) {
        use cotangent_jit::kernel::Node;
        let k = self.k;
        for (n, node) in k.nodes.iter().enumerate() {
            if let Node::Load { buffer, at, .. } = node
                && self.live[n]
                && self.values[n].is_none()
            {
                self.address(buffer.0, at);
            }
        }
        k.stores.iter().filter(|s| s.offset.is_none()).for_each(|s| {
            self.address(s.buffer.0, &s.at);
        });
    }

    /// The distance of a neighbour's index from that of the first.
    pub fn lane_offset(&self, at: &Affine, lane: usize) -> i64 {
        self.vector.map_or(0, |v| at.stride(v.of) * v.step * lane as i64)
    }

    /// Whether all ranges of a guard hold for a neighbour; `None` if they always do.
    pub fn guard(&mut self, guard: &[Range], lane: usize) -> Option<Value> {
        let extents: Vec<usize> = self.k.loops.iter().map(|l| l.extent).collect();
        let t = self.index_type();
        let mut all: Option<Value> = None;
        for r in guard {
            let Some((least, most)) = r.at.range(&extents) else { continue };
            let tests = [("ge", r.low, least < r.low), ("lt", r.high, most >= r.high)];
            for (word, bound, needed) in tests {
                if !needed {
                    continue;
                }
                let moved = self.lane_offset(&r.at, lane);
                let bound = i128::from(bound) - i128::from(r.at.offset) - i128::from(moved);
                // Beyond the range of indices the answer is that of the bound's neighbour inside.
                let (low, high) = match self.wide {
                    true => (i128::from(i64::MIN), i128::from(i64::MAX)),
                    false => (i128::from(i32::MIN), i128::from(i32::MAX)),
                };
                let bound = self.index_constant(bound.clamp(low, high) as i64);
                let x = self.index(&r.at);
                let x = self.c.held(x);
                all = Some(match all {
                    None => self.c.get(
                        Class::Pred,
                        &format!("setp.{word}.{t}"),
                        format_args!("{x}, {bound}"),
                    ),
                    Some(p) => self.c.get(
                        Class::Pred,
                        &format!("setp.{word}.and.{t}"),
                        format_args!("{x}, {bound}, {p}"),
                    ),
                });
            }
        }
        all
    }
}
