//! Calls the method of an instruction on general registers or masks that a line means.

use super::parse::{Arg, Line};
use crate::wide::asm::{Alu, Assembler, Cond, Gpr, Load, MaskOp, Mem, Operand, Shift, Size, Unary};

pub fn write(a: &mut Assembler, line: &Line) {
    let name = line.mnemonic;
    let known = match line.args[..] {
        [] => alone(a, name),
        [Arg::G(_, r)] => on_register(a, name, line.size, r),
        [Arg::Mem(m)] => on_memory(a, name, m),
        _ if name.starts_with('k') => on_masks(a, line),
        [Arg::G(s, dst), src] => to_register(a, name, line.size, (s, dst), src),
        [Arg::Mem(dst), src] => to_memory(a, name, line.size, dst, src),
        [Arg::G(_, dst), Arg::G(_, src), Arg::Imm(imm)] if name == "imul" => {
            a.imul_imm(dst, src, imm as i32);
            true
        }
        [Arg::G(_, dst), Arg::G(_, src), Arg::G(_, n)] => {
            match name {
                "bzhi" => a.bzhi(line.size, dst, src, n),
                _ => a.shiftx(shift(&name[..3]).expect("a shift"), line.size, dst, src, n),
            }
            true
        }
        _ => false,
    };
    assert!(known, "{}", line.text);
}

fn alone(a: &mut Assembler, name: &str) -> bool {
    match name {
        "cqo" => a.cqo(),
        "cdq" => a.cdq(),
        "ret" => a.ret(),
        "sfence" => a.sfence(),
        "vzeroupper" => a.vzeroupper(),
        _ => return false,
    }
    true
}

fn on_register(a: &mut Assembler, name: &str, s: Size, r: Gpr) -> bool {
    match name {
        "push" => a.push(r),
        "pop" => a.pop(r),
        "call" => a.call(r),
        "not" => a.unary(Unary::Not, s, r),
        "neg" => a.unary(Unary::Neg, s, r),
        "mul" => a.unary(Unary::Mul, s, r),
        "imul" => a.unary(Unary::Imul, s, r),
        "div" => a.unary(Unary::Div, s, r),
        "idiv" => a.unary(Unary::Idiv, s, r),
        _ => match name.strip_prefix("set").and_then(condition) {
            Some(c) => a.setcc(c, r),
            None => return false,
        },
    }
    true
}

fn on_memory(a: &mut Assembler, name: &str, m: Mem) -> bool {
    match name {
        "ldmxcsr" => a.ldmxcsr(m),
        "stmxcsr" => a.stmxcsr(m),
        "prefetcht0" => a.prefetch(m),
        _ => return false,
    }
    true
}

fn to_register(a: &mut Assembler, name: &str, s: Size, dst: (Size, Gpr), src: Arg) -> bool {
    let (wide, dst) = dst;
    match (name, src) {
        ("mov", Arg::G(..)) if s == Size::D32 => a.mov32(dst, register(src)),
        ("mov", Arg::G(..)) => a.mov(dst, register(src)),
        ("mov" | "movabs", Arg::Imm(imm)) => a.mov_imm(dst, imm),
        ("lea", Arg::Mem(m)) => a.lea(dst, m),
        ("imul", _) => a.imul(dst, operand(src)),
        ("test", _) => a.test(s, dst, operand(src)),
        ("popcnt", _) => a.popcnt(s, dst, register(src)),
        ("lzcnt", _) => a.lzcnt(s, dst, register(src)),
        ("tzcnt", _) => a.tzcnt(s, dst, register(src)),
        _ => {
            if let Some(how) = loading(name, s, wide) {
                match src {
                    Arg::Mem(m) => a.load(how, dst, m),
                    _ => a.extend(how, dst, register(src)),
                }
            } else if let Some(op) = alu(name) {
                match (s, op) {
                    (Size::Q64, Alu::Add) => a.add(dst, operand(src)),
                    (Size::Q64, Alu::Sub) => a.sub(dst, operand(src)),
                    (Size::Q64, Alu::And) => a.and(dst, operand(src)),
                    (Size::Q64, Alu::Or) => a.or(dst, operand(src)),
                    (Size::Q64, Alu::Xor) => a.xor(dst, operand(src)),
                    (Size::Q64, Alu::Cmp) => a.cmp(dst, operand(src)),
                    _ => a.alu(op, s, dst, operand(src)),
                }
            } else if let (Some(op), Arg::Imm(n)) = (shift(name), src) {
                a.shift(op, s, dst, n as u8);
            } else if let Some(c) = name.strip_prefix("cmov").and_then(condition) {
                a.cmov(c, s, dst, operand(src));
            } else {
                return false;
            }
        }
    }
    true
}

fn to_memory(a: &mut Assembler, name: &str, s: Size, dst: Mem, src: Arg) -> bool {
    match (name, src) {
        ("mov", Arg::Imm(value)) => a.store_value(s, value as i32, dst),
        ("mov", _) => a.store_gpr(s, register(src), dst),
        _ => match alu(name) {
            Some(op) => a.alu_to(op, s, dst, operand(src)),
            None => return false,
        },
    }
    true
}

fn on_masks(a: &mut Assembler, line: &Line) -> bool {
    use Arg::{G, Imm, K, Mem};
    let s = line.size;
    let stem = &line.mnemonic[..line.mnemonic.len() - 1];
    let op = match stem {
        "kand" => Some(MaskOp::And),
        "kandn" => Some(MaskOp::Andn),
        "kor" => Some(MaskOp::Or),
        "kxnor" => Some(MaskOp::Xnor),
        "kxor" => Some(MaskOp::Xor),
        "kadd" => Some(MaskOp::Add),
        _ => None,
    };
    match (stem, &line.args[..]) {
        (_, &[K(dst), K(x), K(y)]) => match op {
            Some(op) => a.k(op, s, dst, x, y),
            None if stem.starts_with("kunpck") => a.kunpck(s, dst, x, y),
            None => return false,
        },
        ("knot", &[K(dst), K(src)]) => a.knot(s, dst, src),
        ("kortest", &[K(x), K(y)]) => a.kortest(s, x, y),
        ("ktest", &[K(x), K(y)]) => a.ktest(s, x, y),
        ("kshiftl", &[K(dst), K(src), Imm(n)]) => a.kshiftl(s, dst, src, n as u8),
        ("kshiftr", &[K(dst), K(src), Imm(n)]) => a.kshiftr(s, dst, src, n as u8),
        ("kmov", &[K(dst), K(src)]) => a.kmov(s, dst, src),
        ("kmov", &[K(dst), Mem(from)]) => a.kload(s, dst, from),
        ("kmov", &[Mem(to), K(src)]) => a.kstore(s, src, to),
        ("kmov", &[K(dst), G(_, src)]) => a.k_from_gpr(s, dst, src),
        ("kmov", &[G(_, dst), K(src)]) => a.gpr_from_k(s, dst, src),
        _ => return false,
    }
    true
}

fn register(arg: Arg) -> Gpr {
    match arg {
        Arg::G(_, r) => r,
        _ => panic!("{arg:?} is no general register"),
    }
}

fn operand(arg: Arg) -> Operand {
    match arg {
        Arg::G(_, r) => r.into(),
        Arg::Mem(m) => m.into(),
        Arg::Imm(imm) => i32::try_from(imm).expect("32 bits").into(),
        _ => panic!("{arg:?} is no operand of a general instruction"),
    }
}

/// How `name` loads `s` into a register of size `wide`.
fn loading(name: &str, s: Size, wide: Size) -> Option<Load> {
    Some(match (name, s, wide) {
        ("movzx", Size::B8, Size::D32) => Load::U8,
        ("movsx", Size::B8, Size::Q64) => Load::S8,
        ("movzx", Size::W16, Size::D32) => Load::U16,
        ("movsx", Size::W16, Size::Q64) => Load::S16,
        ("mov", Size::D32, Size::D32) => Load::U32,
        ("movsxd", Size::D32, Size::Q64) => Load::S32,
        ("mov", Size::Q64, Size::Q64) => Load::U64,
        _ => return None,
    })
}

fn alu(name: &str) -> Option<Alu> {
    use Alu::*;
    let all = [Add, Or, Adc, Sbb, And, Sub, Xor, Cmp];
    all.into_iter().find(|op| format!("{op:?}").eq_ignore_ascii_case(name))
}

fn shift(name: &str) -> Option<Shift> {
    use Shift::*;
    let all = [Rol, Ror, Shl, Shr, Sar];
    all.into_iter().find(|op| format!("{op:?}").eq_ignore_ascii_case(name))
}

fn condition(name: &str) -> Option<Cond> {
    use Cond::*;
    let all = [O, NO, B, AE, E, NE, BE, A, S, NS, P, NP, L, GE, LE, G];
    all.into_iter().find(|c| format!("{c:?}").eq_ignore_ascii_case(name))
}
