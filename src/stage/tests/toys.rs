//! Primitives with nothing but a type and a lowering, and how a test runs a function of them.

use crate::core::array::Array;
use crate::core::aval::{Aval, Avals};
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::{Param, Params};
use crate::core::primitive::{
    Arrays, BatchResult, Ctx, JvpResult, Known, Nature, Operand, Primitive, Simpler, Tangent,
    Taylor, TransposeResult, not_linear,
};
use crate::core::trace;
use crate::stage::executable::Executable;
use crate::stage::{device, run};
use cotangent_jit::affine::Affine;
use cotangent_jit::backend::CompileOptions;
use cotangent_jit::kernel::Combine;
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{Error, Scalar};
use smallvec::SmallVec;
use std::fmt;
use std::sync::Arc;

type OutFn = Box<dyn Fn(&[Aval]) -> Avals + Send + Sync>;
type LowerFn = Box<dyn Fn(&[Aval], &[Aval]) -> Lowering + Send + Sync>;

pub struct Toy {
    name: &'static str,
    out: OutFn,
    lower: LowerFn,
    kind: LoweringKind,
}

impl fmt::Debug for Toy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl Primitive for Toy {
    fn name(&self) -> &'static str {
        self.name
    }

    /// Two toys are never equal.
    fn params(&self) -> Params {
        Params::from_iter([("address", Param::Int(std::ptr::from_ref(self) as i64))])
    }

    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error> {
        Ok((self.out)(inputs))
    }

    fn jvp(&self, _: &Ctx, _: &[Array], _: &[Tangent]) -> JvpResult {
        not_linear(self)
    }

    fn taylor(&self) -> Taylor<'_> {
        Taylor::Still
    }

    fn transpose(&self, _: &Ctx, _: &[Tangent], _: &[Operand]) -> TransposeResult {
        not_linear(self)
    }

    fn batch(&self, _: &Ctx, _: &[Array], _: &[Option<usize>]) -> BatchResult {
        not_linear(self)
    }

    fn kind(&self) -> LoweringKind {
        self.kind
    }

    fn lower(&self, inputs: &[Aval], outputs: &[Aval]) -> Result<Lowering, Error> {
        Ok((self.lower)(inputs, outputs))
    }

    fn simplify(&self, _: &[Known], _: &[Aval]) -> Option<Simpler> {
        None
    }

    fn nature(&self) -> Nature<'_> {
        Nature::PURE
    }
}

/// Applies a primitive that gives one output of this type, or several.
pub fn toy(
    name: &'static str,
    inputs: &[&Array],
    out: impl Fn(&[Aval]) -> Avals + Send + Sync + 'static,
    lower: impl Fn(&[Aval], &[Aval]) -> Lowering + Send + Sync + 'static,
) -> Arrays {
    let avals: Vec<Aval> = inputs.iter().map(|a| a.aval()).collect();
    let kind = lower(&avals, &out(&avals)).kind();
    let prim = Arc::new(Toy { name, out: Box::new(out), lower: Box::new(lower), kind });
    let inputs: Vec<Array> = inputs.iter().map(|a| (*a).clone()).collect();
    trace::bind(prim, &inputs).expect("toys fit")
}

pub fn one(aval: Aval) -> Avals {
    Avals::from_iter([aval])
}

/// An op of scalars, point by point.
pub fn op(op: ScalarOp, inputs: &[&Array]) -> Array {
    let out = move |avals: &[Aval]| {
        let widest = avals.iter().max_by_key(|a| a.rank()).expect("an operand");
        let types: Vec<_> = avals.iter().map(|a| a.dtype).collect();
        one(widest.with_dtype(op.result(&types).expect("types that fit")))
    };
    toy(op.name(), inputs, out, move |_, _| {
        Lowering::Elementwise(Arc::new(move |b, args| SmallVec::from_iter([b.op(op, args)])))
    })
    .remove(0)
}

pub fn add(a: &Array, b: &Array) -> Array {
    op(ScalarOp::Add, &[a, b])
}

pub fn mul(a: &Array, b: &Array) -> Array {
    op(ScalarOp::Mul, &[a, b])
}

pub fn sin(a: &Array) -> Array {
    op(ScalarOp::Sin, &[a])
}

pub fn view(a: &Array, shape: &[usize], maps: Vec<Affine>) -> Array {
    let shape = shape.to_vec();
    toy(
        "view",
        &[a],
        move |avals| one(avals[0].with_shape(shape.iter().copied())),
        move |_, _| Lowering::View(maps.clone()),
    )
    .remove(0)
}

pub fn transpose(a: &Array) -> Array {
    let shape = [a.shape()[1], a.shape()[0]];
    view(a, &shape, vec![Affine::counter(1), Affine::counter(0)])
}

/// Repeats along new leading axes.
pub fn repeat(a: &Array, leading: &[usize]) -> Array {
    let shape: Vec<usize> = leading.iter().chain(a.shape()).copied().collect();
    let maps = (0..a.ndim()).map(|n| Affine::counter(leading.len() + n)).collect();
    view(a, &shape, maps)
}

pub fn reshape(a: &Array, shape: &[usize]) -> Array {
    let shape = shape.to_vec();
    let out = move |avals: &[Aval]| one(avals[0].with_shape(shape.iter().copied()));
    toy("reshape", &[a], out, |_, _| Lowering::Reshape).remove(0)
}

pub fn reduce(a: &Array, combine: Combine, axes: &[usize]) -> Array {
    let axes: SmallVec<[usize; 4]> = axes.into();
    let kept: Vec<usize> = (0..a.ndim()).filter(|n| !axes.contains(n)).collect();
    toy(
        "reduce",
        &[a],
        move |avals| one(avals[0].with_shape(kept.iter().map(|n| avals[0].shape[*n]))),
        move |_, _| Lowering::Reduce { combine, axes: axes.clone() },
    )
    .remove(0)
}

pub fn sum(a: &Array, axes: &[usize]) -> Array {
    reduce(a, Combine::Sum, axes)
}

pub fn number(x: f32) -> Array {
    Array::literal(Scalar::from(x))
}

pub fn int(x: i32) -> Array {
    Array::literal(Scalar::from(x))
}

/// An f32 array of this shape: 0.5, 1.5, 2.5, ...
pub fn steps(shape: &[usize]) -> Array {
    let n: usize = shape.iter().product();
    floats(shape, &(0..n).map(|i| i as f32 + 0.5).collect::<Vec<_>>())
}

pub fn floats(shape: &[usize], values: &[f32]) -> Array {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    device::upload(Aval::new(shape.iter().copied(), cotangent_jit::DType::F32), &bytes, true)
        .expect("a device")
}

pub fn ints(shape: &[usize], values: &[i32]) -> Array {
    let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
    device::upload(Aval::new(shape.iter().copied(), cotangent_jit::DType::I32), &bytes, true)
        .expect("a device")
}

pub fn traced(inputs: &[Aval], f: impl FnOnce(&[Array]) -> Vec<Array>) -> Jaxpr {
    trace::trace(inputs, |args| Ok(f(&args))).expect("a trace").jaxpr
}

pub fn compiled(jaxpr: &Jaxpr) -> Executable {
    let options = CompileOptions::default();
    Executable::compile(jaxpr, "test", device::default_place().expect("a device"), &options)
        .expect("compiles")
}

/// Elements as f64, whatever the dtype; parts of complex ones.
pub fn values(a: &Array) -> Vec<f64> {
    let scalars = a.try_to_scalars().expect("elements");
    let parts = |s: &Scalar| s.parts().map_or(vec![*s], |(re, im)| vec![re, im]);
    let number = |s: Scalar| s.to_f64().expect("a number");
    scalars.iter().flat_map(parts).map(number).collect()
}

/// Runs a function in every way there is; returns its program's text and the outputs' elements.
#[track_caller]
pub fn run(inputs: &[Array], f: impl FnOnce(&[Array]) -> Vec<Array>) -> (String, Vec<Vec<f64>>) {
    let avals: Vec<Aval> = inputs.iter().map(Array::aval).collect();
    let jaxpr = traced(&avals, f);
    let executable = compiled(&jaxpr);
    let text = executable.program().get().to_string();
    let all = |arrays: &[Array]| -> Vec<Vec<f64>> { arrays.iter().map(values).collect() };
    let expected = all(&run::interpret(&jaxpr, inputs).expect("interprets"));
    let close = |got: Vec<Vec<f64>>, how: &str| {
        for (n, (got, expected)) in got.iter().zip(&expected).enumerate() {
            for (g, e) in got.iter().zip(expected) {
                let fits = g == e
                    || (g - e).abs() <= 1e-5 * e.abs().max(1.0)
                    || (g.is_nan() && e.is_nan());
                assert!(fits, "output {n}, {how}: expected {expected:?}, got {got:?} of\n{text}");
            }
        }
    };
    close(all(&run::interpret_donating(&jaxpr, inputs).expect("interprets")), "donating");
    close(all(&executable.run_ref("test", inputs).expect("runs")), "compiled");
    let bytes = || inputs.iter().map(|a| a.to_bytes().expect("bytes")).collect::<Vec<_>>();
    let before = bytes();
    close(all(&executable.run("test", inputs.to_vec()).expect("runs")), "shared inputs");
    assert_eq!(bytes(), before, "shared inputs change of\n{text}");
    let fresh = |a: &Array| {
        device::upload(a.aval(), &a.to_bytes().expect("bytes"), true).expect("a device")
    };
    let sole: Vec<Array> = inputs.iter().map(fresh).collect();
    close(all(&executable.run("test", sole).expect("runs")), "sole inputs");
    (text, expected)
}
