//! Groups of lanes that reduce, in the order that the kernel has.
//!
//! A lane folds the points whose innermost counter, modulo the lanes, is its own number. Several of
//! its points are loaded before the first is folded. Then the lanes fold by halves, as the order
//! says, by shuffles.

use super::access::Place;
use super::emitter::{Emitter, Vector};
use crate::ops;
use crate::ptx::{Class, Code, Value};
use cotangent_jit::kernel::{Cut, Mode, Reduction};
use cotangent_jit::{DType, Error};

/// Points of a lane that are loaded at once.
const AHEAD: usize = 4;
/// The most nodes of a point for which that pays.
const MOST_NODES: usize = 48;

/// What a group of threads is for.
#[derive(Clone, Copy)]
struct Group {
    /// The number of the thread within the group.
    lane: Value,
    /// The number of the chunk.
    chunk: Value,
    /// The number of the result.
    result: Value,
    /// Whether there is work for the group at all.
    active: Value,
}

impl Emitter<'_> {
    /// The code of one thread. With more than one chunk the folds go to scratch memory, whose
    /// addresses stand behind those of the buffers.
    pub fn fold(&mut self, thread: Value, lanes: usize, chunks: usize) -> Result<(), Error> {
        let k = self.k;
        let of = |mode: Mode| -> Vec<usize> {
            (0..k.loops.len()).filter(|n| k.loops[*n].mode == mode).collect()
        };
        let (parallel, ordered) = (of(Mode::Parallel), of(Mode::Sequential));
        let results: usize = parallel.iter().map(|n| self.span(*n)).product();
        let (group, lane) = self.divide(thread, lanes);
        let (t, class) = (self.index_type(), self.index_class());
        let groups = (results * chunks) as i64;
        let most = self.index_constant(groups);
        let active =
            self.c.get(Class::Pred, &format!("setp.lt.{t}"), format_args!("{group}, {most}"));
        // Groups beyond the last take its counters, so that addresses are sound.
        let last = self.index_constant(groups - 1);
        let group = self.c.get(class, &format!("min.{t}"), format_args!("{group}, {last}"));
        let (chunk, result) = match chunks {
            1 => (self.index_constant(0), group),
            _ if results == 1 => (group, self.index_constant(0)),
            _ => self.divide(group, results),
        };
        self.decode(result, &parallel, 1);
        let group = Group { lane, chunk, result, active };
        self.ordered(&ordered, lanes, chunks, results, group)
    }

    fn ordered(
        &mut self,
        loops: &[usize],
        lanes: usize,
        chunks: usize,
        results: usize,
        group: Group,
    ) -> Result<(), Error> {
        let Some((first, rest)) = loops.split_first() else {
            return self.folded(lanes, chunks, results, group);
        };
        let extent = self.index_constant(self.k.loops[*first].extent as i64);
        let zero = self.index_constant(0);
        self.repeat(*first, (zero, extent), 1, |e| {
            e.ordered(rest, lanes, chunks, results, group)?;
            if lanes > 1 {
                // The next round may read what a lane of the group has written.
                e.c.put(format_args!("bar.warp.sync 0xffffffff"));
            }
            Ok(())
        })?;
        Ok(())
    }

    /// The reductions at one point of the outer loops.
    fn folded(
        &mut self,
        lanes: usize,
        chunks: usize,
        results: usize,
        g: Group,
    ) -> Result<(), Error> {
        let k = self.k;
        let identity = |r: &Reduction| Value::scalar(r.combine.identity(r.accumulator));
        let folds: Vec<Value> = k.reductions.iter().map(|r| self.c.copy(identity(r))).collect();
        let reduces: Vec<usize> =
            (0..k.loops.len()).filter(|n| k.loops[*n].mode == Mode::Reduce).collect();
        let empty = reduces.iter().any(|n| k.loops[*n].extent == 0);
        if !empty {
            let together = self.c.label();
            let active = g.active;
            self.c.put(format_args!("@!{active} bra {together}"));
            self.enter();
            self.reduce(&reduces, lanes, g, &folds)?;
            self.leave();
            self.c.place(together);
        }
        self.tree(lanes, &folds)?;
        self.results(lanes, chunks, results, g, &folds)
    }

    fn reduce(
        &mut self,
        loops: &[usize],
        lanes: usize,
        g: Group,
        folds: &[Value],
    ) -> Result<(), Error> {
        let k = self.k;
        self.nodes()?;
        let Some((first, rest)) = loops.split_first() else { return self.point(folds) };
        self.prepare_addresses();
        let extent = k.loops[*first].extent as i64;
        let (mut start, mut end) = (self.index_constant(0), self.index_constant(extent));
        if let Some(Cut { of, length }) = k.order.cut
            && of == *first
        {
            let (class, t) = (self.index_class(), self.index_type());
            let length = self.index_constant(length as i64);
            let chunk = self.c.held(g.chunk);
            start = self.c.get(class, &format!("mul.lo.{t}"), format_args!("{chunk}, {length}"));
            let next = self.c.get(class, &format!("add.{t}"), format_args!("{start}, {length}"));
            end = self.c.get(class, &format!("min.{t}"), format_args!("{next}, {end}"));
        }
        if !rest.is_empty() {
            self.repeat(*first, (start, end), 1, |e| e.reduce(rest, lanes, g, folds))?;
            return Ok(());
        }
        if lanes > 1 {
            let (class, t) = (self.index_class(), self.index_type());
            let lane = self.c.held(g.lane);
            start = self.c.get(class, &format!("add.{t}"), format_args!("{lane}, {start}"));
        }
        self.innermost(*first, (start, end), lanes, folds)
    }

    fn innermost(
        &mut self,
        of: usize,
        (start, end): (Value, Value),
        lanes: usize,
        folds: &[Value],
    ) -> Result<(), Error> {
        let k = self.k;
        let counter = self.c.copy(start);
        let step = lanes as i64;
        let live = self.live.iter().filter(|l| **l).count();
        if k.loops[of].extent >= 2 * AHEAD * lanes && live <= MOST_NODES {
            let (class, t) = (self.index_class(), self.index_type());
            let back = self.index_constant((AHEAD as i64 - 1) * step);
            let end = self.c.held(end);
            let last = self.c.get(class, &format!("sub.{t}"), format_args!("{end}, {back}"));
            let cut = k.order.cut.filter(|c| c.of == of);
            let whole = step == 1 && cut.is_none_or(|c| c.length.is_multiple_of(AHEAD));
            self.vector = Some(Vector { of, width: AHEAD, step, whole });
            self.repeat_on(of, counter, last, AHEAD as i64 * step, |e| e.point(folds))?;
            self.vector = None;
        }
        self.repeat_on(of, counter, end, step, |e| e.point(folds))
    }

    /// Nodes, stores and folds at a point, or at a few points in order.
    fn point(&mut self, folds: &[Value]) -> Result<(), Error> {
        self.nodes()?;
        self.stores()?;
        let k = self.k;
        for (r, fold) in k.reductions.iter().zip(folds) {
            for lane in 0..self.width() {
                let v = self.value(r.value, lane)?;
                let from = self.types[r.value.0 as usize];
                let v = self.converted(v, from, r.accumulator)?;
                let next = ops::emit(&mut self.c, r.combine.op(), r.accumulator, &[*fold, v])?;
                self.c.set(*fold, next);
            }
        }
        Ok(())
    }

    /// Folds the lanes by halves; lane 0 has the result.
    fn tree(&mut self, lanes: usize, folds: &[Value]) -> Result<(), Error> {
        let k = self.k;
        let mut half = lanes / 2;
        while half > 0 {
            for (r, fold) in k.reductions.iter().zip(folds) {
                let upper = self.lane_above(*fold, half, lanes);
                let next = ops::emit(&mut self.c, r.combine.op(), r.accumulator, &[*fold, upper])?;
                self.c.set(*fold, next);
            }
            half /= 2;
        }
        Ok(())
    }

    /// The value of the lane `by` further on in the group.
    fn lane_above(&mut self, v: Value, by: usize, lanes: usize) -> Value {
        let bounds = ((32 - lanes) << 8) | 31;
        let down = |c: &mut Code, x: Value| {
            let operands = format_args!("{x}, {by}, {bounds:#x}, 0xffffffff");
            c.get(Class::B32, "shfl.sync.down.b32", operands)
        };
        let c = &mut self.c;
        match v.class() {
            Class::B32 => down(c, v),
            Class::B64 => {
                let (low, high) = (c.register(Class::B32), c.register(Class::B32));
                c.put(format_args!("mov.b64 {{{low}, {high}}}, {v}"));
                let (low, high) = (down(c, low), down(c, high));
                c.get(Class::B64, "mov.b64", format_args!("{{{low}, {high}}}"))
            }
            Class::B16 => {
                let word = c.get(Class::B32, "cvt.u32.u16", format_args!("{v}"));
                let moved = down(c, word);
                c.get(Class::B16, "cvt.u16.u32", format_args!("{moved}"))
            }
            Class::Pred => {
                let word = c.get(Class::B32, "selp.b32", format_args!("1, 0, {v}"));
                let moved = down(c, word);
                c.get(Class::Pred, "setp.ne.u32", format_args!("{moved}, 0"))
            }
        }
    }

    /// Lane 0 writes the folds to their buffers, or to scratch memory if other chunks follow.
    fn results(
        &mut self,
        lanes: usize,
        chunks: usize,
        results: usize,
        g: Group,
        folds: &[Value],
    ) -> Result<(), Error> {
        let k = self.k;
        let mut writes = g.active;
        if lanes > 1 {
            let (t, lane) = (self.index_type(), self.c.held(g.lane));
            writes = self.c.get(
                Class::Pred,
                &format!("setp.eq.and.{t}"),
                format_args!("{lane}, 0, {writes}"),
            );
        }
        for (n, (r, fold)) in k.reductions.iter().zip(folds).enumerate() {
            if chunks > 1 {
                let place = self.partial(n, g.chunk, g.result, results, r.accumulator);
                self.store(r.accumulator, place, &[*fold], Some(writes));
                continue;
            }
            let d = k.buffers[r.buffer.0 as usize].dtype;
            let v = self.converted(*fold, r.accumulator, d)?;
            let address = self.address(r.buffer.0, &r.at);
            let place = self.place(r.buffer.0, address, r.at.offset * d.size() as i64);
            self.store(d, place, &[v], Some(writes));
        }
        Ok(())
    }

    /// The place of a chunk's fold in the scratch memory of reduction `n`.
    fn partial(
        &mut self,
        n: usize,
        chunk: Value,
        result: Value,
        results: usize,
        d: DType,
    ) -> Place {
        let (class, t) = (self.index_class(), self.index_type());
        let base = self.bases[self.k.buffers.len() + n];
        let results = self.index_constant(results as i64);
        let chunk = self.c.held(chunk);
        let at =
            self.c.get(class, &format!("mad.lo.{t}"), format_args!("{chunk}, {results}, {result}"));
        let wide = if self.wide { "mad.lo.s64" } else { "mad.wide.s32" };
        let address = self.c.get(Class::B64, wide, format_args!("{at}, {}, {base}", d.size()));
        Place::global(address)
    }

    /// The code of the thread that folds the chunks of one result, in their order.
    pub fn fold_chunks(&mut self, thread: Value, chunks: usize) -> Result<(), Error> {
        let k = self.k;
        let parallel: Vec<usize> =
            (0..k.loops.len()).filter(|n| k.loops[*n].mode == Mode::Parallel).collect();
        let results: usize = parallel.iter().map(|n| k.loops[*n].extent).product();
        let (end, t, class) = (self.c.label(), self.index_type(), self.index_class());
        let most = self.index_constant(results as i64);
        let beyond =
            self.c.get(Class::Pred, &format!("setp.ge.{t}"), format_args!("{thread}, {most}"));
        self.c.put(format_args!("@{beyond} bra {end}"));
        self.decode(thread, &parallel, 1);
        for (n, r) in k.reductions.iter().enumerate() {
            let d = r.accumulator;
            let fold = self.c.copy(Value::scalar(r.combine.identity(d)));
            let zero = self.index_constant(0);
            let chunk = self.c.copy(zero);
            let (again, done) = (self.c.label(), self.c.label());
            self.c.place(again);
            let place = self.partial(n, chunk, thread, results, d);
            let v = self.load(d, place, 1, false)[0];
            let next = ops::emit(&mut self.c, r.combine.op(), d, &[fold, v])?;
            self.c.set(fold, next);
            let (one, most) = (self.index_constant(1), self.index_constant(chunks as i64));
            let next = self.c.get(class, &format!("add.{t}"), format_args!("{chunk}, {one}"));
            self.c.set(chunk, next);
            let more =
                self.c.get(Class::Pred, &format!("setp.lt.{t}"), format_args!("{chunk}, {most}"));
            self.c.put(format_args!("@{more} bra {again}"));
            self.c.place(done);
            let target = k.buffers[r.buffer.0 as usize].dtype;
            let v = self.converted(fold, d, target)?;
            let address = self.address(r.buffer.0, &r.at);
            let place = self.place(r.buffer.0, address, r.at.offset * target.size() as i64);
            self.store(target, place, &[v], None);
        }
        self.c.place(end);
        Ok(())
    }
}
