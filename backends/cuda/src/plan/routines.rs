//! Routines as kernels, for those that the kernel language can say.

use cotangent_jit::DType;
use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Combine, Kernel, Loop, Mode, Node};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::program::{KernelId, Program, Routine, Step};

/// The name of products of matrices.
pub const DOT: &str = "dot";

/// The program in which products of matrices and copies are kernels, those behind the kernels that
/// it has; products of matrices sum [without rounding](without_rounding). The routines that `stays`
/// names stay.
pub fn as_kernels(program: &Program, stays: &dyn Fn(&Routine) -> bool) -> Program {
    let mut out = program.clone();
    let steps = std::mem::take(&mut out.steps);
    out.steps = replaced(steps, &mut out, stays);
    out
}

fn replaced(
    steps: Vec<Step>,
    program: &mut Program,
    stays: &dyn Fn(&Routine) -> bool,
) -> Vec<Step> {
    let mut all = Vec::with_capacity(steps.len());
    for step in steps {
        all.push(match step {
            Step::Routine { routine, args } => {
                match kernel(&routine).filter(|_| !stays(&routine)) {
                    Some(k) => Step::Launch { kernel: add(program, k), args },
                    None => Step::Routine { routine, args },
                }
            }
            Step::Copy { from, to, len } if from == to || len == 0 => continue,
            Step::Copy { from, to, len } => {
                let dtype = program.slot(from.slot).dtype;
                let kernel = add(program, copy(dtype, len));
                Step::Launch { kernel, args: [from, to].into_iter().collect() }
            }
            Step::Loop { trips, body } => {
                Step::Loop { trips, body: replaced(body, program, stays) }
            }
            Step::While { test, holds, body, limit } => {
                let (test, body) = (replaced(test, program, stays), replaced(body, program, stays));
                Step::While { test, holds, body, limit }
            }
            Step::Branch { index, arms } => {
                let arms = arms.into_iter().map(|a| replaced(a, program, stays));
                Step::Branch { index, arms: arms.collect() }
            }
            other => other,
        });
    }
    all
}

/// The number of a kernel of the program, which is added unless there is an equal one.
fn add(program: &mut Program, k: Kernel) -> KernelId {
    let known = program.kernels.iter().position(|other| *other == k);
    let n = known.unwrap_or_else(|| {
        program.kernels.push(k);
        program.kernels.len() - 1
    });
    KernelId(n as u32)
}

/// A routine as a kernel over the same arguments, if it is one.
fn kernel(routine: &Routine) -> Option<Kernel> {
    let Routine::Dot { dtype, batch, m, n, k, lhs, rhs, .. } = routine else { return None };
    let extents = [*batch, *m, *n, *k];
    let modes = [Mode::Parallel, Mode::Parallel, Mode::Parallel, Mode::Reduce];
    let loops = extents.into_iter().zip(modes).map(|(extent, mode)| Loop { extent, mode });
    let mut b = KernelBuilder::new(DOT, loops);
    let args = routine.args();
    let buffers: Vec<_> = args.iter().map(|(d, len, _)| b.buffer(*d, *len)).collect();
    let sum = Combine::Sum.accumulator(*dtype);
    let left = b.load(buffers[0], Affine::new(0, [lhs[0], lhs[1], 0, lhs[2]]));
    let right = b.load(buffers[1], Affine::new(0, [rhs[0], 0, rhs[2], rhs[1]]));
    let (left, right) = (b.convert(left, sum), b.convert(right, sum));
    let product = b.op(ScalarOp::Mul, &[left, right]);
    let value = if sum == *dtype { product } else { b.convert(product, *dtype) };
    let dense = [(m * n) as i64, *n as i64, 1];
    b.reduce(buffers[2], Affine::new(0, dense), Combine::Sum, value);
    Some(b.finish())
}

/// Drops the rounding between a product and its sum, which the definition of a product of matrices
/// does not have. No verified kernel may say so: this is for kernels that are prepared.
pub fn without_rounding(k: &mut Kernel) {
    let nodes = &k.nodes;
    for r in &mut k.reductions {
        if let Node::Op { op: ScalarOp::Convert(_), args } = &nodes[r.value.0 as usize] {
            r.value = args[0];
        }
    }
}

/// A kernel that copies elements.
fn copy(dtype: DType, len: usize) -> Kernel {
    let mut b = KernelBuilder::new("copy", [Loop { extent: len, mode: Mode::Parallel }]);
    let (from, to) = (b.buffer(dtype, len), b.buffer(dtype, len));
    let v = b.load(from, Affine::counter(0));
    b.store_at(to, Affine::counter(0), v);
    b.finish()
}
