//! Loops of a kernel, outermost first, and the vector loop: whole rounds, and then a remainder in
//! which masks name the lanes that exist.
//!
//! A node is computed once all loops it depends on are open. A round of the vector loop may have
//! several parts, each of as many lanes as are computed at once: the order of reductions fixes the
//! lanes of a round, the processor those of a part.

use super::asm::Cond;
use super::bypass;
use super::code::{Amount, Arith, Inst, Place, R};
use super::emitter::Emitter;
use super::tiles::Block;
use crate::plan::carries;
use cotangent_jit::Error;
use cotangent_jit::kernel::NodeId;

/// The most nodes of all points of an unrolled loop.
const UNROLLED: usize = 96;

/// The points of a loop that this call runs.
struct Span {
    /// The first point, if not zero.
    low: Option<R>,
    /// The end, if not the extent.
    high: Option<R>,
    extent: usize,
}

impl Emitter<'_> {
    /// Emits the whole kernel, with its split loop (if there is one) running from the second to
    /// the third parameter.
    pub fn kernel(&mut self) -> Result<(), Error> {
        let large = bypass::stores(self.nest, self.lanes);
        if large.is_empty() {
            return self.loop_body();
        }
        let (plain, done) = (self.code.place(), self.code.place());
        let mut places: Vec<(R, usize)> =
            large.iter().map(|b| (self.base(*b), bypass::ALIGNMENT)).collect();
        if self.nest.split.is_some() && self.nest.split == self.nest.vector.map(|v| v.0) {
            places.push((self.parameters[1], bypass::ELEMENTS));
        }
        for (place, unit) in places {
            let odd = self.copy_general(place);
            self.update(Arith::And, odd, Amount::Now(unit as i64 - 1));
            self.branch(odd, Cond::G, Amount::Now(0), plain);
        }
        self.bypassing = large;
        self.inside()?;
        self.bypassing.clear();
        self.code.push(Inst::Fence);
        self.code.push(Inst::Jump(done));
        self.code.push(Inst::Bind(plain));
        self.loop_body()?;
        self.code.push(Inst::Bind(done));
        Ok(())
    }

    /// The body of the innermost open loop: the nodes that depend on it, then the loops inside.
    fn loop_body(&mut self) -> Result<(), Error> {
        let depth = self.counters.len();
        let nest = self.nest;
        for n in 0..nest.types.len() {
            if nest.live[n] && nest.level[n] == depth {
                self.compute(NodeId(n as u32))?;
            }
        }
        self.ends_of_clips(depth);
        let reduces = depth == nest.outer && !nest.kernel.reductions.is_empty();
        if reduces {
            self.start_reductions()?;
        }
        if depth == nest.kernel.loops.len() {
            self.stores()?;
            self.fold()?;
        } else {
            self.next_loop()?;
        }
        if reduces {
            self.finish_reductions()?;
        }
        Ok(())
    }

    fn next_loop(&mut self) -> Result<(), Error> {
        let n = self.counters.len();
        let nest = self.nest;
        let extent = nest.kernel.loops[n].extent;
        let mut span = Span { low: None, high: None, extent };
        if nest.split == Some(n) {
            span.low = Some(self.parameters[1]);
            span.high = Some(self.parameters[2]);
        }
        if let Some(clip) = nest.clips.iter().position(|c| c.inner == n) {
            span.high = self.ends[clip];
        }
        if self.in_lanes && carries::is_carry_loop(&nest.kernel, n) {
            return self.carry_loop(n, extent);
        }
        match nest.vector.filter(|(v, _)| *v == n) {
            Some((_, round)) => self.vector_loop(n, round, &span),
            None => self.counted_loop(n, &span),
        }
    }

    /// The ends of the clipped loops whose starts are known as soon as so many loops are open.
    fn ends_of_clips(&mut self, depth: usize) {
        let nest = self.nest;
        for (n, clip) in nest.clips.iter().enumerate() {
            let known = (0..clip.inner).rev().find(|l| clip.start.stride(*l) != 0);
            if known.map_or(0, |l| l + 1) != depth {
                continue;
            }
            let start = self.index(&clip.start);
            let end = self.set(clip.total as i64);
            self.update(Arith::Sub, end, Amount::Reg(start));
            let extent = nest.kernel.loops[clip.inner].extent;
            self.update(Arith::Min, end, Amount::Now(extent as i64));
            self.ends[n] = Some(end);
        }
    }

    /// Returns whether a loop is so short that its points are emitted one after the other: then the
    /// processor looks far ahead, and nothing is counted.
    fn unrolls(&self, n: usize, extent: usize) -> bool {
        let nest = self.nest;
        let nodes = (0..nest.types.len()).filter(|i| nest.live[*i] && nest.level[*i] == n + 1);
        let body = nodes.count() + nest.kernel.stores.len() + nest.kernel.reductions.len();
        self.in_lanes && n + 1 == nest.kernel.loops.len() && body * extent <= UNROLLED
    }

    fn unrolled(&mut self, n: usize, extent: usize) -> Result<(), Error> {
        for point in 0..extent {
            self.ahead[n] = point as i64;
            self.inside()?;
        }
        self.ahead[n] = 0;
        Ok(())
    }

    fn counted_loop(&mut self, n: usize, span: &Span) -> Result<(), Error> {
        let counter = match span.low {
            Some(low) => self.copy_general(low),
            None => self.set(0),
        };
        let done = self.code.place();
        let tiled = self.in_lanes && self.nest.tile == Some(n);
        let block = Block { n, points: span.extent, high: span.high, passed: false };
        if tiled {
            self.open_tiles(&block)?;
        }
        let once = span.high.is_none() && span.extent == 1;
        let mut rounds = true;
        if !once && span.low.is_none() && self.unrolls(n, span.extent) {
            self.counters.push(counter);
            let some = self.code.place();
            if let Some(high) = span.high {
                self.branch(counter, Cond::GE, Amount::Reg(high), done);
                self.branch(high, Cond::L, Amount::Now(span.extent as i64), some);
            }
            self.unrolled(n, span.extent)?;
            self.counters.pop();
            rounds = span.high.is_some();
            if rounds {
                self.code.push(Inst::Jump(done));
                self.code.push(Inst::Bind(some));
            }
        }
        if rounds {
            self.rounds(n, counter, span, done)?;
        }
        self.code.push(Inst::Bind(done));
        if tiled {
            self.close_tiles(&block);
        }
        Ok(())
    }

    /// The points of a loop one by one.
    fn rounds(&mut self, n: usize, counter: R, span: &Span, done: Place) -> Result<(), Error> {
        let once = span.high.is_none() && span.extent == 1;
        let mark = self.mark();
        if !once {
            self.move_streams(n, counter, span.low, false);
        }
        self.counters.push(counter);
        if once {
            self.loop_body()?;
        } else {
            let top = self.code.place();
            if let Some(high) = span.high {
                self.branch(counter, Cond::GE, Amount::Reg(high), done);
            }
            self.code.push(Inst::LoopBegin);
            self.code.push(Inst::Bind(top));
            self.inside()?;
            self.advance_streams(n, 1);
            self.advance_tiles();
            self.update(Arith::Add, counter, Amount::Now(1));
            let end = span.high.map_or(Amount::Now(span.extent as i64), Amount::Reg);
            self.branch(counter, Cond::L, end, top);
            self.code.push(Inst::LoopEnd);
        }
        self.counters.pop();
        self.undo(mark);
        Ok(())
    }

    /// The body once, and then as if it had not been emitted.
    pub fn inside(&mut self) -> Result<(), Error> {
        let mark = self.mark();
        self.loop_body()?;
        self.undo(mark);
        Ok(())
    }

    fn branch(&mut self, a: R, cond: Cond, b: Amount, to: Place) {
        self.code.push(Inst::Branch { a, cond, b, to });
    }

    fn vector_loop(&mut self, n: usize, round: usize, span: &Span) -> Result<(), Error> {
        let round = if n < self.nest.outer { self.lanes } else { round };
        let counter = match span.low {
            Some(low) => self.copy_general(low),
            None => self.set(0),
        };
        let mark = self.mark();
        let innermost = n + 1 == self.nest.kernel.loops.len();
        self.move_streams(n, counter, span.low, innermost);
        self.counters.push(counter);
        self.in_lanes = true;
        self.whole_rounds(n, round, counter, span)?;
        self.remainder(round, counter, span)?;
        self.in_lanes = false;
        self.counters.pop();
        self.undo(mark);
        Ok(())
    }

    fn whole_rounds(
        &mut self,
        n: usize,
        round: usize,
        counter: R,
        span: &Span,
    ) -> Result<(), Error> {
        let (top, after) = (self.code.place(), self.code.place());
        let end = match span.high {
            None => {
                let whole = span.extent / round * round;
                if whole == 0 {
                    return Ok(());
                }
                Amount::Now(whole as i64)
            }
            Some(high) => {
                let last = self.copy_general(high);
                self.update(Arith::Sub, last, Amount::Now(round as i64 - 1));
                self.branch(counter, Cond::GE, Amount::Reg(last), after);
                Amount::Reg(last)
            }
        };
        let again = end != Amount::Now(round as i64) || span.low.is_some();
        if again {
            self.code.push(Inst::LoopBegin);
            self.code.push(Inst::Bind(top));
        }
        for part in 0..round / self.lanes {
            self.shift = part * self.lanes;
            self.inside()?;
        }
        self.shift = 0;
        self.advance_streams(n, round);
        self.update(Arith::Add, counter, Amount::Now(round as i64));
        if again {
            self.branch(counter, Cond::L, end, top);
            self.code.push(Inst::LoopEnd);
        }
        self.code.push(Inst::Bind(after));
        Ok(())
    }

    fn remainder(&mut self, round: usize, counter: R, span: &Span) -> Result<(), Error> {
        let known = span.high.is_none().then_some(span.extent % round);
        if known == Some(0) {
            return Ok(());
        }
        let done = self.code.place();
        let left = match (known, span.high) {
            (Some(left), _) => self.set(left as i64),
            (None, high) => {
                let left = self.copy_general(high.unwrap_or(counter));
                self.update(Arith::Sub, left, Amount::Reg(counter));
                left
            }
        };
        for part in 0..round / self.lanes {
            self.shift = part * self.lanes;
            match known {
                Some(left) if left <= self.shift => break,
                Some(_) => {}
                None => {
                    let before = Amount::Now(self.shift as i64);
                    self.branch(left, Cond::LE, before, done);
                }
            }
            if known.is_none_or(|left| left < self.shift + self.lanes) {
                self.start_tail(left, known);
            }
            self.inside()?;
            self.tail = None;
        }
        self.shift = 0;
        self.code.push(Inst::Bind(done));
        Ok(())
    }
}
