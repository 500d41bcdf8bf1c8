//! Any op on scalars. A machine op is evaluated as its row says, and an elementary op by its
//! definition in [`math`], for narrow types in the wider type. Each definition is built once per
//! type and kept. Machine ops live in `scalar.rs`.

use super::scalar;
use crate::kernel::{Kernel, Node};
use crate::op::{Level, ScalarOp};
use crate::{DType, Error, Scalar, err, math};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::sync::{Arc, LazyLock, RwLock};

/// The value of any op; that of an elementary op is the value of its definition.
pub fn op_value(op: ScalarOp, args: &[Scalar]) -> Result<Scalar, Error> {
    if args.first().is_none_or(|a| op.level_on(a.dtype()) == Level::Machine) {
        return scalar::apply(op, args);
    }
    let Some(dtype) = args.first().map(|a| a.dtype()).filter(|d| d.runs()) else {
        return Err(err!(Unsupported, "{}: the interpreter does not run {args:?}", op.name()));
    };
    if dtype.is_narrow() {
        let wide = dtype.widened();
        let args: Result<Vec<Scalar>, Error> =
            args.iter().map(|a| scalar::convert(*a, wide)).collect();
        let result = op_value(op, &args?)?;
        return if result.dtype() == wide { scalar::convert(result, dtype) } else { Ok(result) };
    }
    let definition = definition(op, dtype)?;
    let mut values: Vec<Scalar> = Vec::with_capacity(definition.nodes.len());
    for node in &definition.nodes {
        values.push(match node {
            Node::Constant(value) => *value,
            Node::Load { buffer, .. } => args[buffer.0 as usize],
            Node::Op { op, args } => {
                let args: SmallVec<[Scalar; 3]> =
                    args.iter().map(|a| values[a.0 as usize]).collect();
                op_value(*op, &args)?
            }
            Node::Counter(_) | Node::Gather { .. } => {
                return Err(err!(Verify, "{}: a definition is made of ops alone", op.name()));
            }
        });
    }
    Ok(values[definition.stores[0].value.0 as usize])
}

/// The sum of a measure over the ops of an elementary op's definition.
pub(crate) fn definition_sum(
    op: ScalarOp,
    dtype: DType,
    measure: impl Fn(ScalarOp, DType) -> Result<f64, Error>,
) -> Result<f64, Error> {
    let definition = definition(op, dtype.widened())?;
    let types = definition.node_types().unwrap_or_default();
    let mut sum = 0.0;
    for node in &definition.nodes {
        if let Node::Op { op, args } = node
            && let Some(dtype) = args.last().and_then(|a| types.get(a.0 as usize))
        {
            sum += measure(*op, *dtype)?;
        }
    }
    Ok(sum)
}

type Definitions = FxHashMap<(ScalarOp, DType), Arc<Kernel>>;

/// The definition of an elementary op as a kernel of one point, built once per type.
fn definition(op: ScalarOp, dtype: DType) -> Result<Arc<Kernel>, Error> {
    static KNOWN: LazyLock<RwLock<Definitions>> = LazyLock::new(RwLock::default);
    if let Some(kernel) = KNOWN.read().unwrap_or_else(|e| e.into_inner()).get(&(op, dtype)) {
        return Ok(Arc::clone(kernel));
    }
    let kernel = Arc::new(define(op, dtype)?);
    let mut known = KNOWN.write().unwrap_or_else(|e| e.into_inner());
    Ok(Arc::clone(known.entry((op, dtype)).or_insert(kernel)))
}

fn define(op: ScalarOp, dtype: DType) -> Result<Kernel, Error> {
    let arity = op.signature().0;
    if op.result(&vec![dtype; arity]).is_none() {
        return Err(err!(DType, "{}: does not take {dtype}", op.name()));
    }
    Ok(math::point_kernel(op.name(), dtype, arity, |b, args| math::define(op, b, args)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::affine::Affine;
    use crate::build::KernelBuilder;
    use crate::interp::run_kernel;
    use crate::kernel::{Loop, Mode};
    use crate::prepare;

    fn bytes(values: &[f32]) -> Vec<u8> {
        values.iter().flat_map(|v| v.to_le_bytes()).collect()
    }

    #[test]
    fn elementary_ops_are_their_definitions() {
        let e = op_value(ScalarOp::Exp, &[Scalar::from(1f64)]).unwrap();
        assert_eq!(e, Scalar::from(std::f64::consts::E));
        assert!(op_value(ScalarOp::Exp, &[Scalar::from(1i32)]).is_err());
        let mut b = KernelBuilder::new("waves", [Loop { extent: 9, mode: Mode::Parallel }]);
        let (x, y) = (b.buffer(DType::F32, 9), b.buffer(DType::F32, 9));
        let v = b.load(x, Affine::counter(0));
        let v = b.op(ScalarOp::Sin, &[v]);
        let v = b.op(ScalarOp::Log1p, &[v]);
        b.store_at(y, Affine::counter(0), v);
        let kernel = b.finish();
        let values: Vec<f32> = (0..9).map(|n| n as f32 * 1.7 - 6.0).collect();
        let mut plain = [bytes(&values), bytes(&[0f32; 9])];
        let mut expanded = plain.clone();
        run_kernel(&kernel, &mut plain).unwrap();
        run_kernel(&prepare::definitions::expand(&kernel), &mut expanded).unwrap();
        assert_eq!(plain, expanded);
    }
}
