//! The roll call of vectors of 256 and 512 bits: the ops, conversions and folds that have them.
//! Values do not live here: `random` compares them with the oracle, in every tier.

#![cfg(all(target_arch = "x86_64", not(windows)))]

mod support;

use cotangent_cpu::backend;
use cotangent_jit::affine::Affine;
use cotangent_jit::backend::{Backend, CompileOptions};
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Combine, Kernel, Loop, Mode, NodeId};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::verify::verify;
use cotangent_jit::{DType, Scalar};
use support::launch;

fn text(kernel: &Kernel, stage: &str) -> String {
    let program = verify(launch(kernel)).unwrap();
    let keep = CompileOptions { keep_text: true, ..CompileOptions::default() };
    backend().compile(&program, &keep).unwrap().text(stage).unwrap()
}

fn listing(kernel: &Kernel) -> String {
    text(kernel, "clif")
}

/// The instructions of the one kernel, without those of the driver.
fn instructions(kernel: &Kernel) -> String {
    let all = text(kernel, "asm");
    all[all.find(": vectors of").unwrap()..].to_owned()
}

const WITHOUT: &str = "COTANGENT_CPU_WITHOUT";

/// Returns whether this process has the vectors.
fn has_wide_vectors() -> bool {
    macro_rules! all {
        ($($feature:tt)*) => { $(std::is_x86_feature_detected!($feature))&&* };
    }
    let without = std::env::var(WITHOUT).unwrap_or_default();
    let taken = without.split(',').any(|w| w == "avx2" || w == "fma");
    !taken && all!("avx2" "fma" "f16c" "bmi1" "bmi2")
}

/// The names of the kernels that are left to Cranelift.
fn not_wide(kernels: impl Iterator<Item = (String, Kernel)>, least: usize) -> Vec<String> {
    let mut count = 0;
    let counted = kernels.inspect(|_| count += 1);
    let gone = counted.filter(|(_, k)| !listing(k).contains("not by Cranelift"));
    let gone = gone.map(|(name, _)| name).collect();
    assert!(count >= least, "{count} kernels");
    gone
}

/// The tests below are of the processor's widest vectors. This one runs them again without those of
/// 512 bits.
#[test]
fn vectors_of_256_bits_have_every_op() {
    if !has_wide_vectors() || std::env::var(WITHOUT).is_ok() {
        return;
    }
    let mut command = std::process::Command::new(std::env::current_exe().unwrap());
    let output = command.arg("wide_vectors").env(WITHOUT, "avx512").output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("3 passed"), "{text}");
}

fn real() -> impl Iterator<Item = DType> {
    DType::ALL.into_iter().filter(|d| d.runs() && !d.is_complex())
}

#[test]
fn every_op_has_wide_vectors() {
    if !has_wide_vectors() {
        return;
    }
    let families = ScalarOp::ALL.into_iter().flat_map(|op| {
        real().filter_map(move |to| match op {
            ScalarOp::Convert(_) => Some(ScalarOp::Convert(to)),
            ScalarOp::Bitcast(_) => Some(ScalarOp::Bitcast(to)),
            _ => (to == DType::F32).then_some(op),
        })
    });
    let kernels = families.flat_map(|op| {
        real().filter_map(move |d| {
            let mut operands = vec![d; op.signature().0];
            if op == ScalarOp::Select {
                operands[0] = DType::Bool;
            }
            let result = op.result(&operands).filter(|d| d.runs() && !d.is_complex())?;
            Some((format!("{op:?} {d} -> {result}"), points(op, &operands)))
        })
    });
    let gone = not_wide(kernels, 600);
    assert!(gone.is_empty(), "by Cranelift: {gone:?}");
}

#[test]
fn every_fold_has_wide_vectors() {
    if !has_wide_vectors() {
        return;
    }
    let folds = Combine::ALL.into_iter().flat_map(|c| real().map(move |d| (c, d)));
    let kernels = folds.filter(|(c, d)| c.op().result(&[*d, *d]).is_some()).flat_map(|(c, d)| {
        [false, true].map(|columns| (format!("{} {d} {columns}", c.name()), fold(c, d, columns)))
    });
    let gone = not_wide(kernels, 100);
    assert!(gone.is_empty(), "by Cranelift: {gone:?}");
}

/// The fold of 320 columns of 40 rows, or of 40 rows of 320 columns.
fn fold(combine: Combine, d: DType, columns: bool) -> Kernel {
    let (kept, gone) = if columns { (320, 40) } else { (40, 320) };
    let loops = [(kept, Mode::Parallel), (gone, Mode::Reduce)];
    let mut b = KernelBuilder::new("fold", loops.map(|(extent, mode)| Loop { extent, mode }));
    let (x, y) = (b.buffer(d, 40 * 320), b.buffer(d, kept));
    let strides = if columns { [1, 320] } else { [320, 1] };
    let v = b.load(x, Affine::new(0, strides));
    b.reduce(y, Affine::counter(0), combine, v);
    b.finish()
}

/// `y[i] = op(x0[i], ..)` for 300 points.
fn points(op: ScalarOp, operands: &[DType]) -> Kernel {
    let mut b = KernelBuilder::new("op", [Loop { extent: 300, mode: Mode::Parallel }]);
    let args: Vec<_> = operands
        .iter()
        .map(|d| {
            let x = b.buffer(*d, 300);
            b.load(x, Affine::counter(0))
        })
        .collect();
    let v = b.op(op, &args);
    let y = b.buffer(b.dtype(v), 300);
    b.store_at(y, Affine::counter(0), v);
    b.finish()
}

/// Wide vectors have masks, so that loops shorter than a register run in them, too.
#[test]
fn short_rows_and_gathers_have_wide_vectors() {
    if !has_wide_vectors() {
        return;
    }
    let parallel = |extent| Loop { extent, mode: Mode::Parallel };
    let rows = (2..9).map(|short| {
        // Neither loop is contiguous in both buffers.
        let mut b = KernelBuilder::new("rows", [100, short].map(parallel));
        let (x, y) = (b.buffer(DType::F32, 100 * short), b.buffer(DType::F32, 100 * short));
        let v = b.load(x, Affine::new(0, [1, 100]));
        let v = b.op(ScalarOp::Exp, &[v]);
        b.store_at(y, Affine::new(0, [short as i64, 1]), v);
        (format!("rows of {short}"), b.finish())
    });
    let gathers = [DType::F32, DType::F64, DType::I32, DType::I64].map(|d| {
        let mut b = KernelBuilder::new("gather", [parallel(300)]);
        let (x, at, y) = (b.buffer(d, 40), b.buffer(DType::I32, 300), b.buffer(d, 300));
        let place = b.load(at, Affine::counter(0));
        let place = b.convert(place, DType::I64);
        let v = b.gather(x, place);
        b.store_at(y, Affine::counter(0), v);
        (format!("gather of {d}"), b.finish())
    });
    let gone = not_wide(rows.chain(gathers), 11);
    assert!(gone.is_empty(), "by Cranelift: {gone:?}");
}

/// An op and the op that makes its operand are one instruction, and no other instruction is left of
/// either.
#[test]
fn pairs_of_ops_are_one_instruction() {
    use ScalarOp::{And, Eq, Fma, Gt, Neg, Or, Select, Shl, ShrLogical};
    if !has_wide_vectors() {
        return;
    }
    let number = |b: &mut KernelBuilder, c: f32| b.constant(Scalar::from(c));
    let int = |b: &mut KernelBuilder, c: u32| b.constant(Scalar::from(c));
    type Build<'a> = &'a dyn Fn(&mut KernelBuilder, NodeId) -> NodeId;
    let clamp: Build = &|b, x| {
        let most = number(b, 2.0);
        let above = b.op(Gt, &[x, most]);
        b.op(Select, &[above, most, x])
    };
    let product: Build = &|b, x| {
        let minus = b.op(Neg, &[x]);
        b.op(Fma, &[minus, x, x])
    };
    let rotated: Build = &|b, x| {
        let (up, down) = (int(b, 13), int(b, 19));
        let (high, low) = (b.op(Shl, &[x, up]), b.op(ShrLogical, &[x, down]));
        b.op(Or, &[high, low])
    };
    let tested: Build = &|b, x| {
        let (bit, zero) = (int(b, 4), int(b, 0));
        let bit = b.op(And, &[x, bit]);
        let unset = b.op(Eq, &[bit, zero]);
        b.op(Select, &[unset, x, zero])
    };
    let masks = std::is_x86_feature_detected!("avx512dq") && std::env::var(WITHOUT).is_err();
    let cases: [(DType, Build, &str, &[&str], bool); 4] = [
        (DType::F32, clamp, "vminps", &["vcmpps", "blend"], true),
        (DType::F32, product, "vfnmadd", &["vxorps"], true),
        (DType::U32, rotated, "vprold", &["vpslld", "vpsrld"], masks),
        (DType::U32, tested, "vptestnmd", &["vpandd", "vpcmp"], masks),
    ];
    for (d, build, has, lacks, applies) in cases {
        let mut b = KernelBuilder::new("pair", [Loop { extent: 256, mode: Mode::Parallel }]);
        let (x, y) = (b.buffer(d, 256), b.buffer(d, 256));
        let v = b.load(x, Affine::counter(0));
        let v = build(&mut b, v);
        b.store_at(y, Affine::counter(0), v);
        let kernel = b.finish();
        let text = instructions(&kernel);
        if applies {
            assert!(text.contains(has), "{has}: {text}");
            assert!(!lacks.iter().any(|other| text.contains(other)), "{has}: {text}");
        }
    }
}

/// Gathers count elements in 32 bits, so longer strides are left to Cranelift. Nothing is run: the
/// buffers would not fit into memory.
#[test]
fn strides_beyond_32_bits_are_not_gathered() {
    for (stride, wide) in [(1i64 << 20, true), (1 << 28, false)] {
        let mut b = KernelBuilder::new("far", [Loop { extent: 64, mode: Mode::Parallel }]);
        let x = b.buffer(DType::F32, 63 * stride as usize + 1);
        let y = b.buffer(DType::F32, 64);
        let v = b.load(x, Affine::new(0, [stride]));
        let v = b.op(ScalarOp::Exp, &[v]);
        b.store_at(y, Affine::counter(0), v);
        let kernel = b.finish();
        let found = listing(&kernel).contains("not by Cranelift");
        assert_eq!(found, wide && has_wide_vectors(), "stride {stride}");
    }
}
