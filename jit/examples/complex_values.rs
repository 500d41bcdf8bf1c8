//! Values of complex functions by their definitions, for `scripts/complex_accuracy.py`: reads lines
//! of a name, a dtype and the bits of operands in hex, writes the bits of the result.

use cotangent_jit::interp::op_value;
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Scalar};
use std::io::{BufRead, Write};

fn main() {
    let mut out = std::io::BufWriter::new(std::io::stdout().lock());
    for line in std::io::stdin().lock().lines() {
        let line = line.expect("a line");
        let mut words = line.split_whitespace();
        let name = words.next().expect("a name");
        let dtype = words.next().and_then(DType::parse).expect("a dtype");
        let op = ScalarOp::ALL.into_iter().find(|op| op.name() == name).expect("an op");
        let operand = |w| Scalar::from_bits(dtype, u128::from_str_radix(w, 16).expect("hex"));
        let operands: Vec<Scalar> = words.map(operand).collect();
        let value = op_value(op, &operands).expect("a value");
        writeln!(out, "{:x}", value.bits()).expect("stdout");
    }
}
