//! Every scalar op on every type that it takes, in lanes and as scalars, on odd values, has the
//! results of the oracle.

mod support;

use cotangent_cpu::backend;
use cotangent_jit::affine::Affine;
use cotangent_jit::backend::{Backend, CompileOptions};
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Loop, Mode};
use cotangent_jit::op::{Level, ScalarOp};
use cotangent_jit::verify::verify;
use cotangent_jit::{DType, Scalar};
use support::Random;

fn odd_values(d: DType) -> Vec<Scalar> {
    let floats = [
        0.0,
        -0.0,
        1.0,
        -1.0,
        0.5,
        1.5,
        2.5,
        -2.5,
        3.7,
        -3.7,
        f64::NAN,
        f64::INFINITY,
        f64::NEG_INFINITY,
        1e-310,
        -1e-40,
        4294967040.0,
        -2147483904.0,
        2147483648.0,
        9.3e18,
        -9.3e18,
        1.9e19,
        16777217.0,
        1e300,
        // Remainders with quotients of any length, and conversions beside the powers of two.
        5e-324,
        1.5e-45,
        1e-300,
        f64::MAX,
        f32::MAX as f64,
        7.0,
        0.1,
        1e22,
        -9007199254740993.0,
        9223372036854774784.0,
        18446744073709549568.0,
    ];
    let ints: [i64; 28] = [
        0,
        1,
        -1,
        2,
        -2,
        7,
        31,
        32,
        33,
        63,
        64,
        i64::MAX,
        i64::MIN,
        i32::MAX as i64,
        i32::MIN as i64,
        3,
        10,
        1000003,
        -1000003,
        1 << 32,
        (1 << 32) + 1,
        (1 << 53) + 1,
        (1 << 54) + (1 << 30) + 1,
        -(1 << 54) - (1 << 30) - 1,
        (1 << 62) - 1,
        i64::MAX - 1024,
        i64::MIN + 1,
        0x7654_3210_fedc_ba98,
    ];
    match d {
        DType::Bool => vec![Scalar::from(false), Scalar::from(true)],
        _ if d.is_complex() => {
            let parts = odd_values(d.part());
            let some = || parts.iter().skip(1).step_by(2);
            some().flat_map(|x| some().map(|y| Scalar::complex(*x, *y).unwrap())).collect()
        }
        _ if d.is_float() => floats.iter().map(|x| Scalar::from_f64(d, *x).unwrap()).collect(),
        _ => ints
            .iter()
            .map(|x| Scalar::from_i64(d, *x).unwrap())
            .chain([
                Scalar::from_bits(d, 0x8000_0001_0000_0001),
                Scalar::from_bits(d, u128::MAX >> 3),
            ])
            .collect(),
    }
}

/// The least number of points that has a function of its own.
const MANY: usize = 259;

/// All pairs (or triples, thinned) of odd values through one op over `count` points.
fn check(op: ScalarOp, operands: &[DType], uniform: bool) {
    let values: Vec<Vec<Scalar>> = operands.iter().map(|d| odd_values(*d)).collect();
    let mut rows: Vec<Vec<Scalar>> = vec![Vec::new()];
    for choices in &values {
        rows = rows
            .iter()
            .flat_map(|r| choices.iter().map(move |c| r.iter().copied().chain([*c]).collect()))
            .collect();
    }
    if operands.len() == 3 {
        let stride = (rows.len() / 500).max(1) | 1;
        rows = rows.into_iter().step_by(stride).collect();
    }
    if uniform {
        // The second operand does not vary: one launch for each of its values.
        for last in &values[1] {
            run(op, operands, &values[0].iter().map(|x| vec![*x, *last]).collect::<Vec<_>>(), true);
        }
        return;
    }
    run(op, operands, &rows, false);
}

fn run(op: ScalarOp, operands: &[DType], rows: &[Vec<Scalar>], uniform: bool) {
    // The larger size reaches whole vectors and the remainder, also of the widest: a kernel of few
    // points is left to the driver. The smaller size reaches scalars alone.
    for count in [rows.len().max(MANY), rows.len().min(3)] {
        let mut b = KernelBuilder::new("op", [Loop { extent: count, mode: Mode::Parallel }]);
        let mut buffers = Vec::new();
        let mut args = Vec::new();
        for (n, d) in operands.iter().enumerate() {
            let fixed = uniform && n == 1;
            let len = if fixed { 1 } else { count };
            let buffer = b.buffer(*d, len);
            let rows = rows.iter().cycle().take(len);
            buffers.push(rows.flat_map(|r| r[n].to_bytes()).collect());
            let at = if fixed { Affine::default() } else { Affine::counter(0) };
            args.push(b.load(buffer, at));
        }
        let value = b.op(op, &args);
        let d = b.dtype(value);
        let out = b.buffer(d, count);
        b.store_at(out, Affine::counter(0), value);
        buffers.push(vec![0; d.size() * count]);
        // A copy beside it is worth lanes, whatever the op costs.
        let (first, copy) = (b.dtype(args[0]), b.buffer(b.dtype(args[0]), count));
        b.store_at(copy, Affine::counter(0), args[0]);
        buffers.push(vec![0; first.size() * count]);
        support::check(&b.finish(), &buffers);
    }
}

fn runnable() -> impl Iterator<Item = DType> {
    DType::ALL.into_iter().filter(|d| d.runs())
}

#[test]
fn machine_ops_agree_with_the_oracle() {
    use ScalarOp::*;
    for op in ScalarOp::ALL {
        if matches!(op, Convert(_) | Bitcast(_)) {
            continue;
        }
        for d in runnable().filter(|d| op.level_on(*d) == Level::Machine) {
            let (arity, _) = op.signature();
            let mut operands = vec![d; arity];
            if op == Select {
                operands[0] = DType::Bool;
            }
            if op.result(&operands).is_none() {
                continue;
            }
            check(op, &operands, false);
            if arity == 2 {
                check(op, &operands, true);
            }
        }
    }
}

/// Numbers of any size: ints of any number of bits, also beside multiples of each other, and floats
/// of any exponent.
fn of_any_size(r: &mut Random, d: DType) -> Scalar {
    let bits = r.bits();
    if d.is_float() {
        let (mantissa, exponents) = if d == DType::F32 { (23, 254) } else { (52, 2046) };
        let exponent = r.below(exponents) as u64;
        return Scalar::from_bits(d, u128::from(exponent << mantissa | bits >> (64 - mantissa)));
    }
    let size = d.bits() as usize;
    let x = bits >> (64 - size) >> r.below(size);
    Scalar::from_bits(d, u128::from(if r.below(3) == 0 { x.wrapping_neg() } else { x }))
}

#[test]
fn quotients_and_counts_of_numbers_of_any_size_agree_with_the_oracle() {
    use ScalarOp::*;
    let r = &mut Random(5);
    for d in [DType::I32, DType::U32, DType::I64, DType::U64, DType::F32, DType::F64] {
        for op in [Div, Rem, MulHi, Mul, PopCount, Clz] {
            let operands = vec![d; op.signature().0];
            if op.result(&operands).is_none() || d.is_float() && op != Rem {
                continue;
            }
            let row = |r: &mut Random| -> Vec<Scalar> {
                let mut row: Vec<Scalar> = operands.iter().map(|d| of_any_size(r, *d)).collect();
                if row.len() == 2 && !d.is_float() && r.below(2) == 0 {
                    // A dividend beside a multiple of the divisor.
                    let (x, y) = (row[0].bits() as u64, row[1].bits() as u64);
                    let near = x - x.checked_rem(y).unwrap_or(0);
                    let near = near.wrapping_add(r.below(3) as u64).wrapping_sub(1);
                    row[0] = Scalar::from_bits(d, near.into());
                }
                row
            };
            let rows: Vec<Vec<Scalar>> = (0..20_000).map(|_| row(r)).collect();
            run(op, &operands, &rows, false);
        }
    }
}

#[test]
fn conversions_of_numbers_of_any_size_agree_with_the_oracle() {
    let r = &mut Random(6);
    let types = [DType::I32, DType::U32, DType::I64, DType::U64, DType::F32, DType::F64];
    for (from, to) in types.into_iter().flat_map(|from| types.map(|to| (from, to))) {
        let number = |r: &mut Random| match from.is_float() {
            // Most exponents are far from those of ints, so it is an int of any size, scaled.
            true => {
                let x = of_any_size(r, DType::I64).to_i64().unwrap() as f64;
                Scalar::from_f64(from, x * [1.0, 0.75, 2.0][r.below(3)])
            }
            false => Some(of_any_size(r, from)),
        };
        let rows: Vec<Vec<Scalar>> = (0..5000).map(|_| vec![number(r).unwrap()]).collect();
        run(ScalarOp::Convert(to), &[from], &rows, false);
    }
}

#[test]
fn changes_of_type_agree_with_the_oracle() {
    for from in runnable() {
        for to in runnable() {
            check(ScalarOp::Convert(to), &[from], false);
            if ScalarOp::Bitcast(to).result(&[from]).is_some() {
                check(ScalarOp::Bitcast(to), &[from], false);
            }
        }
    }
}

#[test]
fn elementary_functions_agree_with_the_oracle() {
    for op in ScalarOp::ALL {
        let elementary = |d: &DType| op.level_on(*d) == Level::Elementary && op.takes(*d);
        for d in runnable().filter(|d| d.is_inexact()).filter(elementary) {
            check(op, &vec![d; op.signature().0], false);
        }
    }
}

/// Tiers are those of a process, so this test runs others again in processes that go without. (The
/// narrowest one is that of the test below; elementary functions are made of these ops.)
#[cfg(target_arch = "x86_64")]
#[test]
fn every_tier_has_the_same_bits() {
    const WITHOUT: &str = "COTANGENT_CPU_WITHOUT";
    if std::env::var(WITHOUT).is_ok() {
        return;
    }
    for without in ["avx512vpopcntdq", "avx512"] {
        let mut command = std::process::Command::new(std::env::current_exe().unwrap());
        command.args(["machine_ops", "changes_of", "any_size"]).env(WITHOUT, without);
        let output = command.output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success(), "without {without}: {text}");
    }
}

/// Older processors have no FMA; there the oracle's bits come out of calls. Features are those of a
/// process, so this test runs others again in one that goes without.
#[cfg(target_arch = "x86_64")]
#[test]
fn without_fma_the_bits_are_the_same() {
    const WITHOUT: &str = "COTANGENT_CPU_WITHOUT";
    let mut b = KernelBuilder::new("op", [Loop { extent: 64, mode: Mode::Parallel }]);
    let (x, y) = (b.buffer(DType::F32, 64), b.buffer(DType::F32, 64));
    let v = b.load(x, Affine::counter(0));
    let v = b.op(ScalarOp::Exp, &[v]);
    b.store_at(y, Affine::counter(0), v);
    let program = verify(support::launch(&b.finish())).unwrap();
    let keep = CompileOptions { keep_text: true, ..CompileOptions::default() };
    let assembly = backend().compile(&program, &keep).unwrap().text("asm").unwrap();
    if std::env::var(WITHOUT).is_ok_and(|w| w.split(',').any(|f| f == "fma")) {
        assert!(!assembly.contains("vfm") && assembly.contains("call"), "{assembly}");
        return;
    }
    let me = std::env::current_exe().unwrap();
    let mut command = std::process::Command::new(me);
    command.args(["agree_with_the_oracle", "without_fma"]).env(WITHOUT, "fma");
    let output = command.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stdout));
}
