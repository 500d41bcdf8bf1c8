//! Control flow of the driver: loops and branches. The other steps live in `driver`.

use crate::emit::driver::Driver;
use cotangent_jit::Error;
use cotangent_jit::program::{Step, View};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::{BlockArg, InstBuilder, types};

impl Driver<'_, '_> {
    pub fn repeat(&mut self, trips: usize, body: &[Step]) -> Result<(), Error> {
        if trips == 0 {
            return Ok(());
        }
        let block = self.b.create_block();
        let exit = self.b.create_block();
        let counter = self.b.append_block_param(block, types::I64);
        let zero = self.b.ins().iconst(types::I64, 0);
        self.b.ins().jump(block, &[BlockArg::Value(zero)]);
        self.b.switch_to_block(block);
        self.counters.push(counter);
        self.steps(body)?;
        self.counters.pop();
        let next = self.b.ins().iadd_imm_s(counter, 1);
        let more = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, next, trips as i64);
        self.b.ins().brif(more, block, &[BlockArg::Value(next)], exit, &[]);
        self.b.seal_block(block);
        self.b.seal_block(exit);
        self.b.switch_to_block(exit);
        Ok(())
    }

    pub fn repeat_while(
        &mut self,
        test: &[Step],
        holds: &View,
        body: &[Step],
        limit: Option<usize>,
    ) -> Result<(), Error> {
        let head = self.b.create_block();
        let block = self.b.create_block();
        let exit = self.b.create_block();
        let counter = self.b.append_block_param(head, types::I64);
        let zero = self.b.ins().iconst(types::I64, 0);
        self.b.ins().jump(head, &[BlockArg::Value(zero)]);
        self.b.switch_to_block(head);
        self.counters.push(counter);
        self.steps(test)?;
        let mut flag = self.element(holds)?;
        if let Some(limit) = limit {
            let room = self.b.ins().icmp_imm_s(IntCC::SignedLessThan, counter, limit as i64);
            flag = self.b.ins().band(flag, room);
        }
        self.b.ins().brif(flag, block, &[], exit, &[]);
        self.b.seal_block(block);
        self.b.switch_to_block(block);
        self.steps(body)?;
        self.counters.pop();
        let next = self.b.ins().iadd_imm_s(counter, 1);
        self.b.ins().jump(head, &[BlockArg::Value(next)]);
        self.b.seal_block(head);
        self.b.seal_block(exit);
        self.b.switch_to_block(exit);
        Ok(())
    }

    pub fn branch(&mut self, index: &View, arms: &[Vec<Step>]) -> Result<(), Error> {
        if arms.is_empty() {
            return Ok(());
        }
        let index = self.element(index)?;
        let exit = self.b.create_block();
        for (n, arm) in arms.iter().enumerate() {
            // The arm takes every number up to its own that no earlier arm took, so negative
            // numbers take the first arm.
            let last = n + 1 == arms.len();
            let next = if last { exit } else { self.b.create_block() };
            if !last {
                let block = self.b.create_block();
                let mine = self.b.ins().icmp_imm_s(IntCC::SignedLessThanOrEqual, index, n as i64);
                self.b.ins().brif(mine, block, &[], next, &[]);
                self.b.seal_block(block);
                self.b.switch_to_block(block);
            }
            self.steps(arm)?;
            self.b.ins().jump(exit, &[]);
            if !last {
                self.b.seal_block(next);
                self.b.switch_to_block(next);
            }
        }
        self.b.seal_block(exit);
        self.b.switch_to_block(exit);
        Ok(())
    }
}
