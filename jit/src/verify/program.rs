//! Invariant 1 of [`program`](crate::program): operands exist, types fit and views stay inside
//! their slots; and the operands of one step overlap only as its kind allows. Invariants 2 to 4 are
//! checked in `order.rs` and `memory.rs`.

use super::fault::{Fault, fault};
use super::{alias, kernel, memory, order};
use crate::affine::Affine;
use crate::domain::{Domain, same, same_strides};
use crate::kernel::BufferId;
use crate::print::Mark;
use crate::program::{INVARIANTS, Program, Routine, Slot, SlotId, SlotKind, Step, View};
use crate::{DType, Error};

pub(super) fn check(program: &Program) -> Result<(), Error> {
    program.kernels.iter().try_for_each(kernel::check)?;
    faults(program).map_err(|f| report(program, &f))
}

fn report(program: &Program, fault: &Fault<Mark>) -> Error {
    let lines = program.lines().into_iter().map(|(mark, text)| (mark == fault.at, text));
    fault.error(&format!("program {}", program.name), &INVARIANTS, lines, |text| text)
}

fn faults(program: &Program) -> Result<(), Fault<Mark<'_>>> {
    slots(program)?;
    let mut scope = Scope { program, trips: Vec::new() };
    scope.steps(&program.steps)?;
    order::check(program)?;
    memory::check(program)
}

/// Invariant 1 for slots: inputs are numbered from 0 without gaps, and so are outputs.
fn slots(program: &Program) -> Result<(), Fault<Mark<'_>>> {
    let count = |f: fn(&Slot) -> bool| program.slots.iter().filter(|s| f(s)).count();
    let mut inputs = vec![false; count(|s| matches!(s.kind, SlotKind::Input(_)))];
    let mut outputs = vec![false; count(|s| matches!(s.kind, SlotKind::Output(_)))];
    for (n, slot) in program.slots.iter().enumerate() {
        let (seen, number) = match slot.kind {
            SlotKind::Input(number) => (&mut inputs, number),
            SlotKind::Output(number) => (&mut outputs, number),
            SlotKind::Temp { .. } => continue,
        };
        let count = seen.len();
        match seen.get_mut(number) {
            Some(seen) if !*seen => *seen = true,
            _ => {
                let how = format!("number {number} of {count} is taken or too large");
                return Err(fault(1, Mark::Slot(SlotId(n as u32)), how));
            }
        }
    }
    Ok(())
}

struct Scope<'a> {
    program: &'a Program,
    /// The trip counts of the enclosing loops.
    trips: Vec<Trips>,
}

#[derive(Clone, Copy, PartialEq)]
enum Trips {
    Count(usize),
    Unknown,
}

impl<'a> Scope<'a> {
    fn steps(&mut self, steps: &'a [Step]) -> Result<(), Fault<Mark<'a>>> {
        steps.iter().try_for_each(|step| self.step(step))
    }

    fn step(&mut self, step: &'a Step) -> Result<(), Fault<Mark<'a>>> {
        let at = Mark::Step(step);
        let wrong = |how: String| fault(1, at, how);
        match step {
            Step::Launch { kernel: id, args } => {
                let Some(kernel) = self.program.kernels.get(id.0 as usize) else {
                    return Err(wrong(format!("there is no kernel k{}", id.0)));
                };
                if args.len() != kernel.buffers.len() {
                    let (expected, got) = (kernel.buffers.len(), args.len());
                    return Err(wrong(format!("expected {expected} arguments, got {got}")));
                }
                for (view, b) in args.iter().zip(&kernel.buffers) {
                    self.view(view, b.dtype, b.len).map_err(wrong)?;
                }
                self.overlaps(
                    args,
                    |n| kernel.buffers[n].len,
                    |n| kernel.writes(BufferId(n as u32)),
                    |a, b| alias::may_share(kernel, BufferId(a as u32), BufferId(b as u32)),
                )
                .map_err(wrong)
            }
            Step::Routine { routine, args } => {
                routine_fits(routine).map_err(wrong)?;
                let expected = routine.args();
                if args.len() != expected.len() {
                    let (expected, got) = (expected.len(), args.len());
                    return Err(wrong(format!("expected {expected} arguments, got {got}")));
                }
                for (view, (dtype, reach, _)) in args.iter().zip(&expected) {
                    self.view(view, *dtype, *reach).map_err(wrong)?;
                }
                let share = |a: usize, b: usize| match routine {
                    Routine::Sort { dtypes, .. } if a.abs_diff(b) == dtypes.len() => Ok(()),
                    _ => Err(format!("{} does not work in place", routine.name())),
                };
                self.overlaps(args, |n| expected[n].1, |n| expected[n].2, share).map_err(wrong)
            }
            Step::Host { call, args } => {
                let expected: Vec<(DType, usize, bool)> = call.operands().collect();
                if args.len() != expected.len() {
                    let (expected, got) = (expected.len(), args.len());
                    return Err(wrong(format!("expected {expected} arguments, got {got}")));
                }
                for (view, (dtype, len, _)) in args.iter().zip(&expected) {
                    self.view(view, *dtype, *len).map_err(wrong)?;
                }
                let share = |_, _| Err("host calls do not work in place".to_owned());
                self.overlaps(args, |n| expected[n].1, |n| expected[n].2, share).map_err(wrong)
            }
            Step::Copy { from, to, len } => {
                let dtype = self.slot(to).map_err(wrong)?.dtype;
                self.view(from, dtype, *len).map_err(wrong)?;
                self.view(to, dtype, *len).map_err(wrong)?;
                let views = [from.clone(), to.clone()];
                self.overlaps(&views, |_| *len, |n| n == 1, |_, _| Ok(())).map_err(wrong)
            }
            Step::Loop { trips, body } => {
                self.trips.push(Trips::Count(*trips));
                self.steps(body)?;
                self.trips.pop();
                Ok(())
            }
            Step::While { test, holds, body, .. } => {
                self.trips.push(Trips::Unknown);
                self.view(holds, DType::Bool, 1).map_err(wrong)?;
                self.steps(test)?;
                self.steps(body)?;
                self.trips.pop();
                Ok(())
            }
            Step::Branch { index, arms } => {
                self.view(index, DType::I32, 1).map_err(wrong)?;
                if arms.is_empty() {
                    return Err(wrong("a branch needs an arm".into()));
                }
                arms.iter().try_for_each(|arm| self.steps(arm))
            }
        }
    }

    fn slot(&self, view: &View) -> Result<&'a Slot, String> {
        let missing = || format!("there is no slot {}", view.slot.0);
        self.program.slots.get(view.slot.0 as usize).ok_or_else(missing)
    }

    /// Checks that `len` elements of this type lie in the slot from every position of the view.
    fn view(&self, view: &View, dtype: DType, len: usize) -> Result<(), String> {
        let slot = self.slot(view)?;
        let text = || self.program.view_text(view);
        if slot.dtype != dtype {
            return Err(format!("{}: expected {dtype}, got {}", text(), slot.dtype));
        }
        let varying = (0..view.at.strides.len()).filter(|n| view.at.stride(*n) != 0);
        for n in varying {
            match self.trips.get(n) {
                Some(Trips::Count(_)) => {}
                Some(Trips::Unknown) => {
                    return Err(format!("{}: i{n} counts a while loop", text()));
                }
                None => return Err(format!("{}: there is no loop {n}", text())),
            }
        }
        let Some(domain) = self.domain() else { return Ok(()) };
        let (low, high) = domain.bounds(&view.at);
        if low < 0 || high + len as i128 > slot.len as i128 {
            let (end, has) = (high + len as i128, slot.len);
            return Err(format!("{} spans {low} to {end}, the slot has {has}", text()));
        }
        Ok(())
    }

    /// The box of all values of the counters; `None` if the step never runs.
    fn domain(&self) -> Option<Domain> {
        Domain::new(self.trips.iter().map(|t| if let Trips::Count(n) = t { *n } else { 1 }))
    }

    /// Checks that two arguments of which one is written do not overlap, unless they are the same
    /// view and `share` allows it.
    fn overlaps(
        &self,
        args: &[View],
        len: impl Fn(usize) -> usize,
        written: impl Fn(usize) -> bool,
        share: impl Fn(usize, usize) -> Result<(), String>,
    ) -> Result<(), String> {
        let mut order: Vec<usize> = (0..args.len()).collect();
        order.sort_by_key(|n| args[*n].slot);
        for group in order.chunk_by(|a, b| args[*a].slot == args[*b].slot) {
            for (n, &a) in group.iter().enumerate() {
                for &b in &group[n + 1..] {
                    if !(written(a) || written(b)) || len(a) == 0 || len(b) == 0 {
                        continue;
                    }
                    if same(&args[a].at, &args[b].at) {
                        let name = || self.program.view_text(&args[a]);
                        share(a, b).map_err(|how| format!("{} is bound twice: {how}", name()))?;
                    } else if !self.apart((&args[a].at, len(a)), (&args[b].at, len(b))) {
                        let text = |n: usize| self.program.view_text(&args[n]);
                        return Err(format!("{} and {} may overlap", text(a), text(b)));
                    }
                }
            }
        }
        Ok(())
    }

    fn apart(&self, a: (&Affine, usize), b: (&Affine, usize)) -> bool {
        let (first, last) = if a.0.offset <= b.0.offset { (a, b) } else { (b, a) };
        if same_strides(first.0, last.0) {
            return i128::from(first.0.offset) + first.1 as i128 <= i128::from(last.0.offset);
        }
        let Some(domain) = self.domain() else { return true };
        let (x, y) = (domain.bounds(a.0), domain.bounds(b.0));
        x.1 + a.1 as i128 <= y.0 || y.1 + b.1 as i128 <= x.0
    }
}

/// Invariant 1 for the parameters of a routine.
fn routine_fits(routine: &Routine) -> Result<(), String> {
    match routine {
        Routine::Dot { dtype, batch, m, n, k, lhs, rhs, precision } => {
            if !dtype.is_inexact() && !dtype.is_int() {
                return Err(format!("dot does not take {dtype}"));
            }
            if !precision.fits(*dtype) {
                return Err(format!("dot has no precision {} of {dtype}", precision.name()));
            }
            for (extents, strides) in [([*batch, *m, *k], lhs), ([*batch, *k, *n], rhs)] {
                let low = Domain::new(extents).map_or(0, |d| d.bounds(&Affine::new(0, *strides)).0);
                if low < 0 {
                    return Err(format!("strides {strides:?} lead before the start"));
                }
            }
            Ok(())
        }
        Routine::Sort { dtypes, keys, .. } => {
            if *keys == 0 || *keys > dtypes.len() {
                return Err(format!("{keys} keys of {} operands", dtypes.len()));
            }
            match dtypes.iter().find(|d| d.is_complex()) {
                Some(d) => Err(format!("sort does not take {d}")),
                None => Ok(()),
            }
        }
        Routine::TopK { dtype, place, k, len, .. } => {
            if dtype.is_complex() {
                return Err(format!("top_k does not take {dtype}"));
            }
            if k > len {
                return Err(format!("the {k} greatest of {len} elements"));
            }
            let holds = match place {
                DType::I32 => i32::try_from(*len).is_ok(),
                DType::I64 => i64::try_from(*len).is_ok(),
                _ => false,
            };
            match holds {
                true => Ok(()),
                false => Err(format!("{place} does not hold the positions of {len} elements")),
            }
        }
        Routine::Cholesky { dtype, paired, .. }
        | Routine::TriangularSolve { dtype, paired, .. } => {
            let wide = matches!(dtype.part(), DType::F32 | DType::F64);
            match wide && !(*paired && dtype.is_complex()) {
                true => Ok(()),
                false => Err(format!("{} does not take {dtype}", routine.name())),
            }
        }
    }
}
