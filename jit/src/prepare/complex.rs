//! Complex numbers as pairs of real ones: [`split`] rewrites a program over complex slots into one
//! over real slots of twice the length, in which real and imaginary parts alternate in the same
//! memory. Backends run this pass first, so they never see a complex number.
//!
//! | before | after |
//! | --- | --- |
//! | a slot of `n` complex numbers | of `2 n` real ones |
//! | a view, a copy | at twice the offset, of twice the length |
//! | a kernel | the kernel on parts, see `kernel.rs` |
//! | a dot | four real dots and a kernel that puts them together |
//! | a host call | the same call, which still sees complex operands |
//!
//! Complex functions do not live here (see `math/complex.rs`). Sorts have no complex operands.

use crate::affine::Affine;
use crate::build::KernelBuilder;
use crate::kernel::{Kernel, Loop, Mode};
use crate::op::ScalarOp;
use crate::plan::plan;
use crate::program::{KernelId, Program, Routine, Slot, SlotId, SlotKind, Step, View};
use crate::verify::{Verified, verify};
use crate::{DType, Error};
use smallvec::{SmallVec, smallvec};

mod kernel;

/// The program over real slots; `None` if it has no complex ones.
pub fn split(program: &Program) -> Result<Option<Verified<Program>>, Error> {
    let constants = |k: &Kernel| k.node_types().is_some_and(|t| t.iter().any(|d| d.is_complex()));
    let complex = program.slots.iter().any(|s| s.dtype.is_complex());
    if !complex && !program.kernels.iter().any(constants) {
        return Ok(None);
    }
    let slot = |s: &Slot| match s.dtype.is_complex() {
        true => Slot { dtype: s.dtype.part(), len: s.len * 2, kind: s.kind },
        false => s.clone(),
    };
    let mut parts = Parts {
        old: program,
        new: Program {
            slots: program.slots.iter().map(slot).collect(),
            kernels: Vec::new(),
            steps: Vec::new(),
            ..program.clone()
        },
        products: Vec::new(),
        folds: Vec::new(),
    };
    parts.kernels()?;
    parts.new.steps = parts.steps(&program.steps);
    // The new steps and temporaries change the live ranges.
    plan(&mut parts.new);
    verify(parts.new).map(Some)
}

/// The temporaries for the four real products of a complex product, and the length of each.
struct Products {
    dtype: DType,
    slots: [SlotId; 4],
    len: usize,
}

struct Parts<'a> {
    old: &'a Program,
    new: Program,
    /// One set for each type and size. A set is free again after the step that joins its products.
    products: Vec<Products>,
    /// For each kernel whose folds run in order, the launches around its own.
    folds: Vec<Option<Folds>>,
}

/// The kernels launched before and after a kernel, all on its arguments and these temporaries.
struct Folds {
    before: KernelId,
    after: KernelId,
    temporaries: Vec<SlotId>,
}

impl Parts<'_> {
    fn complex(&self, view: &View) -> bool {
        self.old.slot(view.slot).dtype.is_complex()
    }

    fn view(&self, view: &View) -> View {
        let by = if self.complex(view) { 2 } else { 1 };
        View { slot: view.slot, at: view.at.scale(by) }
    }

    /// The kernels on parts, those of the program under their numbers first.
    fn kernels(&mut self) -> Result<(), Error> {
        let all = self.old.kernels.iter().map(kernel::split).collect::<Result<Vec<_>, _>>()?;
        let (main, folds): (Vec<_>, Vec<_>) = all.into_iter().map(|p| (p.main, p.folds)).unzip();
        self.new.kernels = main;
        for folds in folds {
            let around = folds.map(|f| {
                let temporaries = f.temporaries.iter().map(|b| self.temporary(b.dtype, b.len));
                let temporaries = temporaries.collect();
                let mut add = |kernel| {
                    self.new.kernels.push(kernel);
                    KernelId(self.new.kernels.len() as u32 - 1)
                };
                Folds { before: add(f.before), after: add(f.after), temporaries }
            });
            self.folds.push(around);
        }
        Ok(())
    }

    /// A temporary, which is planned with the others.
    fn temporary(&mut self, dtype: DType, len: usize) -> SlotId {
        self.new.slots.push(Slot { dtype, len, kind: SlotKind::Temp { arena_offset: 0 } });
        SlotId(self.new.slots.len() as u32 - 1)
    }

    fn launch(&self, kernel: KernelId, args: &[View], out: &mut Vec<Step>) {
        let mut args = self.views(args);
        let Some(Some(folds)) = self.folds.get(kernel.0 as usize) else {
            return out.push(Step::Launch { kernel, args });
        };
        args.extend(folds.temporaries.iter().map(|t| View::whole(*t)));
        for kernel in [folds.before, kernel, folds.after] {
            out.push(Step::Launch { kernel, args: args.clone() });
        }
    }

    fn views(&self, args: &[View]) -> SmallVec<[View; 4]> {
        args.iter().map(|v| self.view(v)).collect()
    }

    fn steps(&mut self, steps: &[Step]) -> Vec<Step> {
        let mut out = Vec::with_capacity(steps.len());
        for step in steps {
            match step {
                Step::Launch { kernel, args } => {
                    self.launch(*kernel, args, &mut out);
                }
                Step::Routine { routine: Routine::Dot { dtype, .. }, args }
                    if dtype.is_complex() =>
                {
                    let Step::Routine { routine, .. } = step else { continue };
                    self.dot(routine, args, &mut out);
                }
                Step::Routine { routine, args } => {
                    out.push(Step::Routine { routine: routine.on_pairs(), args: self.views(args) });
                }
                Step::Host { call, args } => {
                    out.push(Step::Host { call: call.on_parts(), args: self.views(args) });
                }
                Step::Copy { from, to, len } => {
                    let len = if self.complex(to) { len * 2 } else { *len };
                    out.push(Step::Copy { from: self.view(from), to: self.view(to), len });
                }
                Step::Loop { trips, body } => {
                    out.push(Step::Loop { trips: *trips, body: self.steps(body) });
                }
                Step::While { test, holds, body, limit } => {
                    let (test, body) = (self.steps(test), self.steps(body));
                    out.push(Step::While { test, holds: holds.clone(), body, limit: *limit });
                }
                Step::Branch { index, arms } => {
                    let arms = arms.iter().map(|arm| self.steps(arm)).collect();
                    out.push(Step::Branch { index: index.clone(), arms });
                }
            }
        }
        out
    }

    /// `re = rr - ii`, `im = ri + ir`.
    fn dot(&mut self, routine: &Routine, args: &[View], out: &mut Vec<Step>) {
        let Routine::Dot { dtype, batch, m, n, k, lhs, rhs, precision } = routine else { return };
        let part = dtype.part();
        let real = Routine::Dot {
            dtype: part,
            batch: *batch,
            m: *m,
            n: *n,
            k: *k,
            lhs: lhs.map(|s| s * 2),
            rhs: rhs.map(|s| s * 2),
            precision: *precision,
        };
        let empty: SmallVec<[bool; 3]> = routine.args().iter().map(|(_, n, _)| *n == 0).collect();
        let side = |n: usize, im: i64| {
            let im = if empty[n] { 0 } else { im };
            let at = args[n].at.scale(2).add(&Affine::constant(im));
            View { slot: args[n].slot, at }
        };
        let len = batch * m * n;
        let products = self.products(part, len);
        for ((l, r), product) in [(0, 0), (1, 1), (0, 1), (1, 0)].into_iter().zip(products) {
            let args = smallvec![side(0, l), side(1, r), View::whole(product)];
            out.push(Step::Routine { routine: real.clone(), args });
        }
        let kernel = KernelId(self.new.kernels.len() as u32);
        self.new.kernels.push(joined(part, len));
        let mut views: SmallVec<[View; 4]> = products.iter().map(|s| View::whole(*s)).collect();
        views.push(self.view(&args[2]));
        out.push(Step::Launch { kernel, args: views });
    }

    fn products(&mut self, dtype: DType, len: usize) -> [SlotId; 4] {
        if let Some(p) = self.products.iter().find(|p| p.dtype == dtype && p.len == len) {
            return p.slots;
        }
        let slots = std::array::from_fn(|_| self.temporary(dtype, len));
        self.products.push(Products { dtype, slots, len });
        slots
    }
}

/// The kernel that computes the parts of a complex product from the four real ones.
fn joined(dtype: DType, len: usize) -> Kernel {
    let mut b = KernelBuilder::new("dot_parts", [Loop { extent: len, mode: Mode::Parallel }]);
    let products = [0; 4].map(|_| b.buffer(dtype, len));
    let [rr, ii, ri, ir] = products.map(|p| b.load(p, Affine::counter(0)));
    let out = b.buffer(dtype, 2 * len);
    let (re, im) = (b.op(ScalarOp::Sub, &[rr, ii]), b.op(ScalarOp::Add, &[ri, ir]));
    b.store_at(out, Affine::new(0, [2]), re);
    b.store_at(out, Affine::new(1, [2]), im);
    b.finish()
}

#[cfg(test)]
mod tests;
