//! Routines: the operations that programs call and do not fuse. Each takes the addresses of its
//! arguments in order. Their definitions live in `cotangent_jit`.

mod digits;
mod dot;
#[cfg(feature = "linalg")]
mod linalg;
mod operand;
mod order;
pub mod scatter;
mod sort;
mod top_k;
mod vector;

use crate::run::runtime;
use cotangent_jit::program::Routine;
use cotangent_jit::{Error, err};

/// A routine call of a program, with the data that is computed once.
pub struct Call {
    routine: Routine,
}

impl Call {
    pub fn new(routine: Routine) -> Result<Call, Error> {
        let linalg = matches!(routine, Routine::Cholesky { .. } | Routine::TriangularSolve { .. });
        if linalg && !cfg!(feature = "linalg") {
            return Err(err!(
                Unsupported,
                "cpu: {} needs the feature linalg of cotangent-cpu, which is off",
                routine.name()
            ));
        }
        Ok(Call { routine })
    }
}

/// Generated code calls this function.
///
/// # Safety
/// `call` is alive, and `args` holds as many valid addresses as `Routine::args` says.
pub unsafe extern "C" fn run(call: *const Call, args: *const *mut u8) {
    // SAFETY: the caller's promise.
    let call = unsafe { &*call };
    runtime::guarded(|| match &call.routine {
        Routine::Dot { dtype, batch, m, n, k, lhs, rhs, .. } => {
            let shape = operand::Shape { batch: *batch, m: *m, n: *n, k: *k, lhs: *lhs, rhs: *rhs };
            // SAFETY: the verified program passes lhs, rhs and out of these extents.
            unsafe { dot::run(*dtype, &shape, *args, *args.add(1), *args.add(2)) }
        }
        Routine::Sort { dtypes, keys, outer, len, inner } => {
            let shape = sort::Shape { keys: *keys, outer: *outer, len: *len, inner: *inner };
            // SAFETY: the verified program passes the operands and as many outputs.
            unsafe { sort::run(dtypes, &shape, args) }
        }
        Routine::TopK { dtype, place, k, outer, len, inner } => {
            let shape = top_k::Shape { k: *k, outer: *outer, len: *len, inner: *inner };
            // SAFETY: the verified program passes x, values and positions of these extents.
            unsafe { top_k::run([*dtype, *place], &shape, [*args, *args.add(1), *args.add(2)]) }
        }
        #[cfg(feature = "linalg")]
        Routine::Cholesky { dtype, paired, batch, n } => {
            // SAFETY: the verified program passes x and l of these extents.
            unsafe { linalg::cholesky(*dtype, *paired, [*batch, *n], *args, *args.add(1)) }
        }
        #[cfg(feature = "linalg")]
        Routine::TriangularSolve { dtype, paired, batch, n, m, triangle } => {
            // SAFETY: the verified program passes a, b and x of these extents.
            unsafe {
                let args = [*args, *args.add(1), *args.add(2)];
                linalg::triangular_solve(*dtype, *paired, [*batch, *n, *m], *triangle, args)
            }
        }
        #[cfg(not(feature = "linalg"))]
        Routine::Cholesky { .. } | Routine::TriangularSolve { .. } => {
            unreachable!("refused by `Call::new`")
        }
    });
}
