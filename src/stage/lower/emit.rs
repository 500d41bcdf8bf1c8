//! The fourth stage: the items of a region as steps.
//!
//! Not here: the kernels and routines of each item (`fuse`, `assemble`, `accumulate`, `routine`,
//! `control`).

use super::assign::Placed;
use super::group::grouped::{Alone, Group, Item};
use super::program::ProgramBuilder;
use crate::core::lowering::Lowering;
use cotangent_jit::Error;
use cotangent_jit::program::Step;

impl Placed {
    /// The steps of the region.
    pub fn emit(&self, program: &mut ProgramBuilder) -> Result<Vec<Step>, Error> {
        let mut steps = Vec::with_capacity(self.grouped().items().len() + self.last_copies().len());
        for (n, item) in self.grouped().items().iter().enumerate() {
            match item {
                Item::Group(group) => self.emit_group(program, n, group, &mut steps)?,
                Item::Alone(Alone { eqn, inputs, roots, turned }) => {
                    let eqn = self.flat().eqn(*eqn);
                    match &eqn.lowering {
                        Lowering::Assemble { base, pieces } => self.assemble(
                            program,
                            inputs,
                            &eqn.outputs,
                            roots[0],
                            base,
                            pieces,
                            &mut steps,
                        )?,
                        Lowering::Scatter { base, updates, combine, position } => {
                            let spec = (*base, *updates, *combine, position);
                            self.scatter(program, inputs, roots[0], spec, &mut steps)?
                        }
                        Lowering::Accumulate(running) => {
                            self.accumulate(program, inputs[0], roots[0], running, &mut steps)
                        }
                        Lowering::Dot { dims, precision } => {
                            let dot = (turned.as_ref().unwrap_or(dims), *precision);
                            self.dot(program, inputs, roots[0], dot, &mut steps)?
                        }
                        Lowering::Sort { axis, keys } => {
                            self.sort(inputs, roots, *axis, *keys, &mut steps)
                        }
                        Lowering::Routine(routine) => {
                            self.routine(routine, inputs, roots, &mut steps)
                        }
                        Lowering::Host(call) => steps.push(self.host(call, inputs, roots)),
                        Lowering::Cond { arms } => {
                            self.cond(program, inputs, roots, arms, &mut steps)?
                        }
                        Lowering::Scan(parts) => {
                            self.scan(program, inputs, roots, parts, &mut steps)?
                        }
                        Lowering::While(parts) => {
                            self.while_loop(program, inputs, roots, parts, &mut steps)?
                        }
                        _ => unreachable!("other equations are views or members of groups"),
                    }
                }
            }
        }
        for (root, to) in self.last_copies() {
            let r = self.root(*root);
            if r.len > 0 {
                let from = self.place(*root).view();
                steps.push(Step::Copy { from, to: to.view(), len: r.len });
            }
        }
        Ok(steps)
    }

    fn emit_group(
        &self,
        program: &mut ProgramBuilder,
        item: usize,
        group: &Group,
        steps: &mut Vec<Step>,
    ) -> Result<(), Error> {
        if group.domain.contains(&0) {
            // There are no points. A fold over nothing is the identity.
            for sink in &group.sinks {
                let identity = sink.combine.identity(self.root(sink.root).dtype);
                self.fill_root(program, sink.root, steps, |w| w.b.constant(identity));
            }
            return Ok(());
        }
        if let Some((kernel, args)) = self.group_kernel(item)? {
            steps.push(Step::Launch { kernel: program.kernel(kernel), args });
        }
        Ok(())
    }
}
