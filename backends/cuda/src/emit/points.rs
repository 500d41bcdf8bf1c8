//! Threads of points: each takes one or a few points of the parallel loops, and runs the loops in
//! order, if there are any, inside.

use super::emitter::{Emitter, Vector};
use crate::ptx::{Class, Value};
use cotangent_jit::Error;
use cotangent_jit::kernel::Mode;

impl Emitter<'_> {
    /// The code of the thread with this number among all. It jumps to `end` if there is nothing for
    /// it to do.
    pub fn points(&mut self, thread: Value, width: usize) -> Result<(), Error> {
        let k = self.k;
        let of = |mode: Mode| -> Vec<usize> {
            (0..k.loops.len()).filter(|n| k.loops[*n].mode == mode).collect()
        };
        let (parallel, inner) = (of(Mode::Parallel), of(Mode::Sequential));
        let points: usize = parallel.iter().map(|n| self.span(*n)).product();
        let end = self.c.label();
        let (t, most) = (self.index_type(), self.index_constant((points / width) as i64));
        let beyond =
            self.c.get(Class::Pred, &format!("setp.ge.{t}"), format_args!("{thread}, {most}"));
        self.c.put(format_args!("@{beyond} bra {end}"));
        self.decode(thread, &parallel, width);
        if width > 1
            && let Some(last) = parallel.last()
        {
            self.vector = Some(Vector { of: *last, width, step: 1, whole: true });
        }
        self.in_order(&inner)?;
        self.c.place(end);
        Ok(())
    }

    /// The loops that run in order, outermost first, and the points inside of them.
    fn in_order(&mut self, loops: &[usize]) -> Result<(), Error> {
        let k = self.k;
        self.nodes()?;
        let Some((first, rest)) = loops.split_first() else { return self.stores() };
        self.prepare_addresses();
        let extent = self.index_constant(k.loops[*first].extent as i64);
        let zero = self.index_constant(0);
        let ends = if rest.is_empty() { k.condition } else { None };
        let carries = if rest.is_empty() { self.carries(*first) } else { Vec::new() };
        self.take_up(&carries);
        let done = self.c.label();
        self.repeat(*first, (zero, extent), 1, |e| {
            e.in_order(rest)?;
            if let Some(holds) = ends {
                let holds = e.value(holds, 0)?;
                let holds = e.c.held(holds);
                e.c.put(format_args!("@!{holds} bra {done}"));
            }
            Ok(())
        })?;
        self.c.place(done);
        self.put_down(carries);
        Ok(())
    }
}
