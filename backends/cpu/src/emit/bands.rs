//! Bands: the function that takes some rows through several launches, a band at a time, and the
//! call that shares it among threads. Which launches these are is decided in `plan::bands`.

use crate::code::declare;
use crate::emit::driver::{Driver, Part};
use crate::plan::bands::Band;
use crate::run::runtime;
use cotangent_jit::Error;
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, Value, types};

impl Driver<'_, '_> {
    /// `for first in (begin..end).step_by(band) { launches }`, where a temporary of which only one
    /// band exists begins so far before the scratch memory that the row `first` lies there.
    pub fn band(&mut self, band: &Band, [begin, end, scratch]: [Value; 3]) -> Result<(), Error> {
        let body = self.b.create_block();
        let exit = self.b.create_block();
        let first = self.b.append_block_param(body, types::I64);
        self.b.ins().jump(body, &[BlockArg::Value(begin)]);
        self.b.switch_to_block(body);
        let next = self.b.ins().iadd_imm_s(first, band.band as i64);
        let last = self.b.ins().smin(next, end);
        for kept in &band.kept {
            let place = self.b.ins().iadd_imm_s(scratch, kept.at as i64);
            let before = self.b.ins().imul_imm_s(first, kept.row_bytes as i64);
            let address = self.b.ins().isub(place, before);
            self.slots.insert(kept.slot, address);
        }
        self.part = Some(Part { rows: band.rows, first, last, grain: None });
        self.steps(band.steps)?;
        let more = self.b.ins().icmp(IntCC::SignedLessThan, last, end);
        self.b.ins().brif(more, body, &[BlockArg::Value(last)], exit, &[]);
        self.b.seal_block(body);
        self.b.seal_block(exit);
        self.b.switch_to_block(exit);
        Ok(())
    }

    /// Emits a call that lets threads run these launches, each on rows of its own.
    pub fn launch_band(&mut self, band: &Band) -> Result<(), Error> {
        let mut list = vec![self.inputs, self.outputs, self.arena];
        list.extend(&self.counters);
        let list = self.list(&list);
        let function = declare::import(self.b.func, band.id, declare::signature(4)?);
        let address = self.b.ins().func_addr(types::I64, function);
        let [rows, grain, bytes] = [band.rows, band.grain, band.scratch]
            .map(|n| self.b.ins().iconst(types::I64, n as i64));
        let args = [address, list, rows, grain, bytes];
        self.call(runtime::launch_bands as *const () as usize, &args)
    }
}
