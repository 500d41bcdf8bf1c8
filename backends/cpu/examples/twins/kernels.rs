//! The kernels that have twins, and the numbers that they get.

use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{BufferId, Kernel, Loop, Mode, NodeId};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Scalar};

/// A function of one or two arguments.
#[derive(Clone, Copy)]
pub struct Function {
    pub name: &'static str,
    pub inputs: usize,
    /// The interval of its arguments.
    pub on: (f64, f64),
    build: fn(&mut KernelBuilder, &[NodeId]) -> NodeId,
}

macro_rules! ops {
    ($($name:literal: $op:ident of $inputs:literal on $low:literal, $high:literal;)*) => {
        &[$(Function {
            name: $name,
            inputs: $inputs,
            on: ($low, $high),
            build: |b, x| b.op(ScalarOp::$op, x),
        }),*]
    };
}

/// The functions that are always timed.
pub const FUNCTIONS: &[Function] = ops! {
    "exp": Exp of 1 on -3.0, 3.0;
    "tanh": Tanh of 1 on -3.0, 3.0;
    "log1p": Log1p of 1 on -0.9, 5.0;
    "pow": Pow of 2 on 0.1, 4.0;
    "sin": Sin of 1 on -9.0, 9.0;
};

pub const GELU: Function = Function { name: "gelu", inputs: 1, on: (-3.0, 3.0), build: gelu };

/// Those that are timed on demand.
pub const MORE: &[Function] = ops! {
    "exp2": Exp2 of 1 on -3.0, 3.0;
    "expm1": Expm1 of 1 on -3.0, 3.0;
    "log": Log of 1 on 0.1, 5.0;
    "log2": Log2 of 1 on 0.1, 5.0;
    "cos": Cos of 1 on -9.0, 9.0;
    "tan": Tan of 1 on -9.0, 9.0;
    "asin": Asin of 1 on -0.9, 0.9;
    "atan": Atan of 1 on -3.0, 3.0;
    "sinh": Sinh of 1 on -3.0, 3.0;
    "logistic": Logistic of 1 on -3.0, 3.0;
    "erf": Erf of 1 on -3.0, 3.0;
    "cbrt": Cbrt of 1 on -3.0, 3.0;
    "atan2": Atan2 of 2 on -3.0, 3.0;
};

/// `x/2 (1 + tanh(√(2/π) (x + 0.044715 x³)))`.
fn gelu(b: &mut KernelBuilder, x: &[NodeId]) -> NodeId {
    use ScalarOp::{Add, Mul, Tanh};
    let (x, d) = (x[0], b.dtype(x[0]));
    let number = |b: &mut KernelBuilder, c| b.constant(Scalar::from_f64(d, c).expect("a float"));
    let [half, one, scale, part] = [0.5, 1.0, 0.797_884_560_8, 0.044_715].map(|c| number(b, c));
    let square = b.op(Mul, &[x, x]);
    let cube = b.op(Mul, &[square, x]);
    let cube = b.op(Mul, &[part, cube]);
    let inner = b.op(Add, &[x, cube]);
    let inner = b.op(Mul, &[scale, inner]);
    let tanh = b.op(Tanh, &[inner]);
    let gate = b.op(Add, &[one, tanh]);
    let half = b.op(Mul, &[half, x]);
    b.op(Mul, &[half, gate])
}

impl Function {
    /// `y[i] = f(x[i], ..)` at `n` points. The last buffer is the output.
    pub fn kernel(&self, d: DType, n: usize) -> Kernel {
        let mut b = points(self.name, n);
        let buffers: Vec<BufferId> = (0..self.inputs).map(|_| b.buffer(d, n)).collect();
        let y = b.buffer(d, n);
        let x: Vec<NodeId> = buffers.iter().map(|x| b.load(*x, Affine::counter(0))).collect();
        let v = (self.build)(&mut b, &x);
        b.store_at(y, Affine::counter(0), v);
        b.finish()
    }

    /// The bytes of argument `which`: numbers all over the interval, and of an odd case, if that is
    /// wanted, now and then one of those.
    pub fn argument(&self, which: usize, d: DType, n: usize, odd: &[f64]) -> Vec<u8> {
        let (low, high) = self.on;
        let number = |i: usize| match odd {
            [] => low + (high - low) * ((i * 7919 + which * 31) % 1009) as f64 / 1009.0,
            odd => odd[(i * 5 + which * (1 + i / odd.len())) % odd.len()],
        };
        let scalar = |i| Scalar::from_f64(d, number(i)).expect("a float");
        (0..n).flat_map(|i| scalar(i).to_bytes()).collect()
    }
}

fn points(name: &str, n: usize) -> KernelBuilder {
    KernelBuilder::new(name, [Loop { extent: n, mode: Mode::Parallel }])
}

/// Random u32 as the library draws them: the words of Threefry-2x32 with 20 rounds of the key and
/// the position, joined. The first buffer is the key, the last one the output.
pub fn threefry(n: usize) -> Kernel {
    use ScalarOp::{Add, Convert, Or, Shl, ShrLogical, Xor};
    let mut b = points("threefry", n);
    let (key, out) = (b.buffer(DType::U32, 2), b.buffer(DType::U32, n));
    let number = |b: &mut KernelBuilder, c: u32| b.constant(Scalar::from(c));
    let [k0, k1] = [0, 1].map(|at| b.load(key, Affine::new(at, [])));
    let parity = number(&mut b, 0x1bd1_1bda);
    let both = b.op(Xor, &[k0, k1]);
    let key = [k0, k1, b.op(Xor, &[both, parity])];
    let counter = b.counter(0);
    let counter = b.op(Convert(DType::U32), &[counter]);
    let zero = number(&mut b, 0);
    let mut x = [b.op(Add, &[zero, key[0]]), b.op(Add, &[counter, key[1]])];
    for group in 0..5 {
        for by in [[13, 15, 26, 6], [17, 29, 16, 24]][group % 2] {
            x[0] = b.op(Add, &x);
            let (up, down) = (number(&mut b, by), number(&mut b, 32 - by));
            let (high, low) = (b.op(Shl, &[x[1], up]), b.op(ShrLogical, &[x[1], down]));
            let rotated = b.op(Or, &[high, low]);
            x[1] = b.op(Xor, &[rotated, x[0]]);
        }
        x[0] = b.op(Add, &[x[0], key[(group + 1) % 3]]);
        x[1] = b.op(Add, &[x[1], key[(group + 2) % 3]]);
        let step = number(&mut b, group as u32 + 1);
        x[1] = b.op(Add, &[x[1], step]);
    }
    let bits = b.op(Xor, &x);
    b.store_at(out, Affine::counter(0), bits);
    b.finish()
}
