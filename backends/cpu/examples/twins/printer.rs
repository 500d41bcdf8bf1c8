//! Prints an elementwise kernel as a Rust function of `core::arch::x86_64` intrinsics: one `let`
//! for each live node of its graph.
//!
//! Values that do not vary stand in front of the loop, constants as `set1`. Masks are `__mmask16`
//! and `__mmask8` at 512 bits, vectors of ints at 256. A programmer who has the graph before him
//! would write this text; registers, spills, the order and loads as operands are left to rustc. All
//! lanes of a kernel have one width, so that every node is one register. An op that no kernel here
//! needs is a panic.
//!
//! The compilation of the text does not live here, nor does its execution.

use cotangent_jit::build::live_nodes;
use cotangent_jit::kernel::{Kernel, Node, NodeId};
use cotangent_jit::math::far;
use cotangent_jit::op::MachineOp;
use cotangent_jit::prepare::definitions;
use cotangent_jit::prepare::loops::dependence;
use cotangent_jit::{DType, Scalar};
use std::fmt::Write;

/// The head of a printed file.
pub const HEAD: &str = "#![allow(unused, non_upper_case_globals)]
use core::arch::x86_64::*;
type Far = extern \"C\" fn(u32, f64) -> f64;
";

/// A function `name(buffers, far)` that runs the kernel's one loop over whole registers of this
/// many bits. `far` computes sines, cosines and tangents of huge numbers.
pub fn function(name: &str, kernel: &Kernel, bits: usize) -> String {
    let kernel = definitions::expand(kernel);
    let types = kernel.node_types().expect("a kernel that was verified");
    let size = kernel.buffers[0].dtype.size();
    let printer = Printer { name, kernel: &kernel, types, bits, lanes: bits / 8 / size };
    printer.function()
}

struct Printer<'k> {
    name: &'k str,
    kernel: &'k Kernel,
    types: Vec<DType>,
    bits: usize,
    lanes: usize,
}

impl Printer<'_> {
    fn function(&self) -> String {
        let (name, features) = (self.name, self.features());
        let (live, varies) = (live_nodes(self.kernel), dependence(self.kernel));
        let (mut before, mut inside) = (String::new(), String::new());
        for n in (0..self.types.len()).filter(|n| live[*n]) {
            // A counter is part of the number that is made of it.
            if matches!(self.kernel.nodes[n], Node::Counter(_)) {
                continue;
            }
            let to = if varies[n] == 0 { &mut before } else { &mut inside };
            let _ = writeln!(to, "        let v{n} = {};", self.node(n));
        }
        for s in &self.kernel.stores {
            let (b, v) = (s.buffer.0, s.value.0);
            let d = self.types[v as usize];
            let _ = writeln!(inside, "        {};", self.store(d, b, v));
        }
        let (n, lanes) = (self.kernel.loops[0].extent, self.lanes);
        assert!(n.is_multiple_of(lanes), "the twin has no remainder");
        format!(
            "#[unsafe(no_mangle)]
#[target_feature(enable = \"{features}\")]
pub unsafe extern \"C\" fn {name}(buffers: *const *mut u8, far: Far) {{ unsafe {{
{before}    let mut i = 0usize;
    while i < {n} {{
{inside}        i += {lanes};
    }}
}} }}
{}",
            self.far_helper()
        )
    }

    fn features(&self) -> &'static str {
        match self.bits {
            256 => "avx2,fma",
            _ => "avx512f,avx512dq,avx512bw,avx512vl,avx512cd,avx2,fma",
        }
    }

    /// Lane by lane, out of line: what the generated code does through the runtime.
    fn far_helper(&self) -> String {
        let (name, features) = (self.name, self.features());
        let d = self.kernel.buffers[0].dtype;
        if !d.is_float() {
            return String::new();
        }
        let (float, lanes, v) = (rust(d), self.lanes, self.vector(d));
        format!(
            "#[cold]
#[inline(never)]
#[target_feature(enable = \"{features}\")]
unsafe fn {name}_far(op: u32, x: {v}, near: {v}, far: Far) -> {v} {{ unsafe {{
    let x: [{float}; {lanes}] = core::mem::transmute(x);
    let mut y: [{float}; {lanes}] = core::mem::transmute(near);
    for n in 0..{lanes} {{
        if x[n].abs() > {:?} {{ y[n] = far(op, x[n] as f64) as {float}; }}
    }}
    core::mem::transmute(y)
}} }}
",
            far::reach(d)
        )
    }

    /// `_mm512_name`, or `_mm256_name`.
    fn mm(&self, name: &str) -> String {
        format!("_mm{}_{name}", self.bits)
    }

    fn wide(&self) -> bool {
        self.bits == 512
    }

    fn vector(&self, d: DType) -> String {
        let letter = match d {
            DType::F32 => "",
            DType::F64 => "d",
            _ => "i",
        };
        format!("__m{}{letter}", self.bits)
    }

    fn node(&self, n: usize) -> String {
        let d = self.types[n];
        match &self.kernel.nodes[n] {
            Node::Constant(s) => self.constant(*s),
            Node::Load { buffer, at, .. } => {
                let from = format!("(*buffers.add({}) as *const {})", buffer.0, rust(d));
                let from = format!("{from}.offset({})", at.offset);
                match at.stride(0) {
                    0 => self.broadcast(d, &format!("*{from}")),
                    1 if d.is_float() => self.call(d, "loadu", &[&format!("{from}.add(i)")]),
                    1 => format!("{}({from}.add(i) as *const _)", self.mm(&self.whole("loadu"))),
                    step => panic!("a stride of {step}"),
                }
            }
            Node::Op { op, args } => self.op(op.machine().expect("a machine op"), args),
            Node::Counter(_) | Node::Gather { .. } => panic!("a counter or a gather"),
        }
    }

    fn store(&self, d: DType, b: u32, v: u32) -> String {
        let to = format!("(*buffers.add({b}) as *mut {}).add(i)", rust(d));
        match d.is_float() {
            true => self.call(d, "storeu", &[&to, &format!("v{v}")]),
            false => format!("{}({to} as *mut _, v{v})", self.mm(&self.whole("storeu"))),
        }
    }

    /// `loadu_si512`, `loadu_si256`.
    fn whole(&self, name: &str) -> String {
        format!("{name}_si{}", self.bits)
    }

    /// An intrinsic with the suffix of this type.
    fn call(&self, d: DType, name: &str, args: &[&str]) -> String {
        format!("{}({})", self.mm(&format!("{name}_{}", suffix(d))), args.join(", "))
    }

    fn broadcast(&self, d: DType, value: &str) -> String {
        // The one for 64 bits has a name of its own at 256.
        let suffix = match d {
            _ if d.is_float() => suffix(d),
            _ if d.size() == 4 => "epi32",
            _ if self.wide() => "epi64",
            _ => "epi64x",
        };
        let cast = match (d.is_float(), d.size()) {
            (true, _) => "",
            (_, 4) => " as i32",
            _ => " as i64",
        };
        format!("{}({value}{cast})", self.mm(&format!("set1_{suffix}")))
    }

    fn constant(&self, s: Scalar) -> String {
        let (d, bits) = (s.dtype(), s.bits());
        match d {
            DType::Bool if self.wide() => {
                format!("{}", if bits == 0 { 0 } else { (1u32 << self.lanes) - 1 })
            }
            DType::Bool => self.broadcast(DType::I32, if bits == 0 { "0" } else { "-1" }),
            DType::F32 | DType::F64 => {
                self.broadcast(d, &format!("{}::from_bits({bits:#x})", rust(d)))
            }
            _ => self.broadcast(d, &format!("{bits:#x}{}", unsigned(d))),
        }
    }

    fn op(&self, op: MachineOp, args: &[NodeId]) -> String {
        let named: Vec<String> = args.iter().map(|a| format!("v{}", a.0)).collect();
        let x: Vec<&str> = named.iter().map(String::as_str).collect();
        let d = self.types[args[args.len() - 1].0 as usize];
        match op {
            MachineOp::Select => return self.select(d, &x),
            MachineOp::Bitcast(to) => return self.bitcast(d, to, x[0]),
            MachineOp::Convert(to) => return self.convert(args[0], d, to, x[0]),
            MachineOp::Shl | MachineOp::ShrLogical | MachineOp::ShrArithmetic => {
                let Node::Constant(by) = self.kernel.node(args[1]) else {
                    panic!("{op:?} by lanes")
                };
                return self.shift(op, d, x[0], by.bits() as u32);
            }
            _ => {}
        }
        match (d.is_bool(), d.is_float()) {
            (true, _) => self.on_masks(op, &x),
            (_, true) => self.float(op, d, &x, self.known(args)),
            _ => self.int(op, d, &x),
        }
    }

    /// The one operand that is a constant other than NaN and zero, and its place.
    fn known(&self, args: &[NodeId]) -> Option<usize> {
        let plain = |a: &NodeId| match self.kernel.node(*a) {
            Node::Constant(s) => s.to_f64().is_some_and(|c| !c.is_nan() && c != 0.0),
            _ => false,
        };
        args.iter().position(plain)
    }

    fn float(&self, op: MachineOp, d: DType, x: &[&str], known: Option<usize>) -> String {
        use MachineOp::*;
        let sign = self.broadcast(d, "-0.0");
        let round = |n: u32| {
            let name = if self.wide() { "roundscale" } else { "round" };
            format!("{}::<{n}>({})", self.mm(&format!("{name}_{}", suffix(d))), x[0])
        };
        match op {
            Neg => self.call(d, "xor", &[x[0], &sign]),
            Abs => self.call(d, "andnot", &[&sign, x[0]]),
            Floor => round(9),
            Ceil => round(10),
            Trunc => round(11),
            RoundEven => round(8),
            Sqrt => self.call(d, "sqrt", x),
            Add => self.call(d, "add", x),
            Sub => self.call(d, "sub", x),
            Mul => self.call(d, "mul", x),
            Div => self.call(d, "div", x),
            Fma => self.call(d, "fmadd", x),
            Max | Min => {
                // The instruction gives its second operand if either is a NaN.
                let c = known.expect("an extremum with a constant");
                self.call(d, if op == Max { "max" } else { "min" }, &[x[c], x[1 - c]])
            }
            Eq => self.compare_floats(d, "_CMP_EQ_OQ", x),
            Ne => self.compare_floats(d, "_CMP_NEQ_UQ", x),
            Lt => self.compare_floats(d, "_CMP_LT_OQ", x),
            Le => self.compare_floats(d, "_CMP_LE_OQ", x),
            Gt => self.compare_floats(d, "_CMP_GT_OQ", x),
            Ge => self.compare_floats(d, "_CMP_GE_OQ", x),
            FarSin => self.far(d, 0, x),
            FarCos => self.far(d, 1, x),
            FarTan => self.far(d, 2, x),
            other => panic!("{other:?} of floats"),
        }
    }

    fn compare_floats(&self, d: DType, how: &str, x: &[&str]) -> String {
        let (s, args) = (suffix(d), x.join(", "));
        match self.wide() {
            true => format!("_mm512_cmp_{s}_mask::<{how}>({args})"),
            false => format!("_mm256_cast{s}_si256(_mm256_cmp_{s}::<{how}>({args}))"),
        }
    }

    fn far(&self, d: DType, op: u32, x: &[&str]) -> String {
        let size = self.call(d, "andnot", &[&self.broadcast(d, "-0.0"), x[0]]);
        let reach = self.broadcast(d, &format!("{:?}", far::reach(d)));
        let beyond = self.compare_floats(d, "_CMP_GT_OQ", &[&size, &reach]);
        let any = match self.wide() {
            true => format!("{beyond} != 0"),
            false => format!("{{ let m = {beyond}; _mm256_testz_si256(m, m) == 0 }}"),
        };
        let (x, near) = (x[0], x[1]);
        format!("if {any} {{ {}_far({op}, {x}, {near}, far) }} else {{ {near} }}", self.name)
    }

    fn int(&self, op: MachineOp, d: DType, x: &[&str]) -> String {
        use MachineOp::*;
        let signed = suffix(if d.size() == 4 { DType::I32 } else { DType::I64 });
        let call =
            |name: &str| format!("{}({})", self.mm(&format!("{name}_{signed}")), x.join(", "));
        let bits = |name: &str| format!("{}({})", self.mm(&self.whole(name)), x.join(", "));
        match op {
            Add => call("add"),
            Sub => call("sub"),
            Mul => call("mullo"),
            And => bits("and"),
            Or => bits("or"),
            Xor => bits("xor"),
            Not => {
                format!("{}({}, {})", self.mm(&self.whole("xor")), x[0], self.broadcast(d, "-1"))
            }
            Eq | Ne | Lt | Le | Gt | Ge => self.compare_ints(op, d, x),
            other => panic!("{other:?} of ints"),
        }
    }

    fn compare_ints(&self, op: MachineOp, d: DType, x: &[&str]) -> String {
        use MachineOp::*;
        if self.wide() {
            let how = match op {
                Eq => "_MM_CMPINT_EQ",
                Ne => "_MM_CMPINT_NE",
                Lt => "_MM_CMPINT_LT",
                Le => "_MM_CMPINT_LE",
                Gt => "_MM_CMPINT_NLE",
                _ => "_MM_CMPINT_NLT",
            };
            return format!("_mm512_cmp_{}_mask::<{how}>({})", suffix(d), x.join(", "));
        }
        assert!(d.is_signed() || matches!(op, Eq | Ne), "{op:?} of {d}");
        let s = suffix(d);
        let not = |m: String| format!("_mm256_xor_si256({m}, _mm256_set1_epi32(-1))");
        match op {
            Eq => format!("_mm256_cmpeq_{s}({}, {})", x[0], x[1]),
            Ne => not(format!("_mm256_cmpeq_{s}({}, {})", x[0], x[1])),
            Gt => format!("_mm256_cmpgt_{s}({}, {})", x[0], x[1]),
            Lt => format!("_mm256_cmpgt_{s}({}, {})", x[1], x[0]),
            Le => not(format!("_mm256_cmpgt_{s}({}, {})", x[0], x[1])),
            _ => not(format!("_mm256_cmpgt_{s}({}, {})", x[1], x[0])),
        }
    }

    fn on_masks(&self, op: MachineOp, x: &[&str]) -> String {
        use MachineOp::*;
        let (symbol, name) = match op {
            And | Min => ("&", "and"),
            Or | Max => ("|", "or"),
            Xor | Ne => ("^", "xor"),
            Not if self.wide() => return format!("!{}", x[0]),
            Not => return format!("_mm256_xor_si256({}, _mm256_set1_epi32(-1))", x[0]),
            other => panic!("{other:?} of bools"),
        };
        match self.wide() {
            true => format!("{} {symbol} {}", x[0], x[1]),
            false => format!("_mm256_{name}_si256({}, {})", x[0], x[1]),
        }
    }

    fn select(&self, d: DType, x: &[&str]) -> String {
        let [mask, yes, no] = [x[0], x[1], x[2]];
        match (self.wide(), d.is_bool(), d.is_float()) {
            (true, true, _) => format!("({mask} & {yes}) | (!{mask} & {no})"),
            (true, ..) => self.call(signed(d), "mask_blend", &[mask, no, yes]),
            (false, _, true) => {
                let mask = format!("_mm256_castsi256_{}({mask})", suffix(d));
                self.call(d, "blendv", &[no, yes, &mask])
            }
            (false, ..) => format!("_mm256_blendv_epi8({no}, {yes}, {mask})"),
        }
    }

    fn bitcast(&self, d: DType, to: DType, x: &str) -> String {
        let whole = format!("si{}", self.bits);
        let of = |d: DType| if d.is_float() { suffix(d).to_owned() } else { whole.clone() };
        match of(d) == of(to) {
            true => x.to_owned(),
            false => format!("{}({x})", self.mm(&format!("cast{}_{}", of(d), of(to)))),
        }
    }

    fn convert(&self, arg: NodeId, d: DType, to: DType, x: &str) -> String {
        match (self.kernel.node(arg), d, to) {
            (Node::Counter(0), _, DType::U32 | DType::I32) => {
                let lanes: Vec<String> = (0..self.lanes).map(|n| n.to_string()).collect();
                let ramp = format!("{}({})", self.mm("setr_epi32"), lanes.join(", "));
                let first = self.broadcast(DType::I32, "i");
                format!("{}({first}, {ramp})", self.mm("add_epi32"))
            }
            (_, DType::I32, DType::F32) => format!("{}({x})", self.mm("cvtepi32_ps")),
            _ => panic!("{d} to {to}"),
        }
    }

    fn shift(&self, op: MachineOp, d: DType, x: &str, by: u32) -> String {
        let s = suffix(signed(d));
        let name = match op {
            MachineOp::Shl => "slli",
            MachineOp::ShrLogical => "srli",
            _ if d.size() == 8 && !self.wide() => {
                // There is no such instruction: of a negative number the complement is shifted.
                let sign = format!("_mm256_cmpgt_epi64(_mm256_setzero_si256(), {x})");
                let flipped = format!("_mm256_xor_si256({x}, sign)");
                let shifted = format!("_mm256_srli_epi64::<{by}>({flipped})");
                return format!("{{ let sign = {sign}; _mm256_xor_si256({shifted}, sign) }}");
            }
            _ => "srai",
        };
        format!("{}::<{by}>({x})", self.mm(&format!("{name}_{s}")))
    }
}

fn suffix(d: DType) -> &'static str {
    match d {
        DType::F32 => "ps",
        DType::F64 => "pd",
        DType::I32 => "epi32",
        DType::U32 => "epu32",
        DType::I64 => "epi64",
        DType::U64 => "epu64",
        other => panic!("lanes of {other}"),
    }
}

fn signed(d: DType) -> DType {
    match d {
        DType::U32 => DType::I32,
        DType::U64 => DType::I64,
        d => d,
    }
}

fn unsigned(d: DType) -> &'static str {
    if d.size() == 4 { "u32" } else { "u64" }
}

fn rust(d: DType) -> String {
    d.to_string()
}
