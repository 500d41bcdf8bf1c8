//! Generated code as text, for people: the instructions with the registers that were chosen.

use super::allocate::Home;
use super::asm::Width;
use super::code::{Address, Amount, Base, Class, Code, Inst, MaskOp, Operand, R};
use std::fmt::Write;

/// One line per instruction; loops are indented.
pub fn listing(code: &Code, homes: &[Home]) -> String {
    let names = Names { code, homes };
    let mut text = String::new();
    let mut depth = 1;
    for inst in &code.insts {
        if matches!(inst, Inst::LoopEnd) {
            depth -= 1;
        }
        if let Some(line) = names.line(inst) {
            let _ = writeln!(text, "{:1$}{line}", "", 2 * depth);
        }
        if matches!(inst, Inst::LoopBegin) {
            depth += 1;
        }
    }
    text
}

struct Names<'c> {
    code: &'c Code,
    homes: &'c [Home],
}

const GENERAL: [&str; 16] = [
    "rax", "rcx", "rdx", "rbx", "rsp", "rbp", "rsi", "rdi", "r8", "r9", "r10", "r11", "r12", "r13",
    "r14", "r15",
];

impl Names<'_> {
    fn register(&self, r: R, w: Width) -> String {
        match (self.homes[r.0 as usize], self.code.class(r)) {
            (Home::Reg(n), Class::General) => GENERAL[usize::from(n)].into(),
            (Home::Reg(n), Class::Mask) => format!("k{n}"),
            (Home::Reg(n), Class::Vector) => match w {
                Width::X128 => format!("xmm{n}"),
                Width::Y256 => format!("ymm{n}"),
                Width::Z512 => format!("zmm{n}"),
            },
            (Home::Frame(at), _) => format!("[frame + {at}]"),
            (Home::Constant(n), _) => format!("[constant {n}]"),
            (Home::Nowhere, _) => "_".into(),
        }
    }

    fn general(&self, r: R) -> String {
        self.register(r, Width::X128)
    }

    fn address(&self, a: &Address) -> String {
        let base = match a.base {
            Base::Frame => "frame".into(),
            Base::Reg(r) => self.general(r),
        };
        let index = match a.index {
            Some((r, scale)) => format!(" + {}*{scale}", self.general(r)),
            None => String::new(),
        };
        format!("[{base}{index} + {}]", a.disp)
    }

    fn operand(&self, o: &Operand, w: Width) -> String {
        match o {
            Operand::Reg(r) => self.register(*r, w),
            Operand::Mem(a) => self.address(a),
        }
    }

    fn amount(&self, a: &Amount) -> String {
        match a {
            Amount::Reg(r) => self.general(*r),
            Amount::Now(n) => n.to_string(),
        }
    }

    fn line(&self, inst: &Inst) -> Option<String> {
        let lower = |x: &dyn std::fmt::Debug| format!("{x:?}").to_lowercase();
        let reg = |r: &R, w: &Width| self.register(*r, *w);
        Some(match inst {
            Inst::Vector { ins, w, dst, a, b, imm, within, .. } => {
                let mut line = format!("{} {}", lower(ins), reg(dst, w));
                if let Some(m) = within {
                    let zero = if m.zero { "{z}" } else { "" };
                    let _ = write!(line, " {{{}}}{zero}", self.general(m.mask));
                }
                if let Some(a) = a {
                    let _ = write!(line, ", {}", reg(a, w));
                }
                let _ = write!(line, ", {}", self.operand(b, *w));
                if let Some(imm) = imm {
                    let _ = write!(line, ", {imm:#x}");
                }
                line
            }
            Inst::Store { ins, w, src, to, within } => {
                let within = within.map_or(String::new(), |m| format!(" {{{}}}", self.general(m)));
                format!("{} {}{within}, {}", lower(ins), self.address(to), reg(src, w))
            }
            Inst::Part { ins, w, dst, src, .. } => {
                format!("{} {}, {}", lower(ins), reg(dst, w), reg(src, w))
            }
            Inst::Compare { ins, w, dst, a, b, imm, .. } => {
                let imm = imm.map_or(String::new(), |n| format!(", {n:#x}"));
                let (k, a, b) = (self.general(*dst), reg(a, w), self.operand(b, *w));
                format!("{} {k}, {a}, {b}{imm}", lower(ins))
            }
            Inst::Blend { ins, w, dst, a, b, mask } => {
                let (b, mask) = (self.operand(b, *w), reg(mask, w));
                format!("{} {}, {}, {b}, {mask}", lower(ins), reg(dst, w), reg(a, w))
            }
            Inst::MaskedLoad { ins, w, dst, mask, from } => {
                format!("{} {}, {}, {}", lower(ins), reg(dst, w), reg(mask, w), self.address(from))
            }
            Inst::MaskedStore { ins, w, src, mask, to } => {
                format!("{} {}, {}, {}", lower(ins), self.address(to), reg(mask, w), reg(src, w))
            }
            Inst::Gather { ins, w, dst, base, index, scale, .. } => {
                let at = format!("[{} + {}*{scale}]", self.general(*base), reg(index, w));
                format!("{} {}, {at}", lower(ins), reg(dst, w))
            }
            Inst::Scatter { ins, w, src, base, index, scale, .. } => {
                let at = format!("[{} + {}*{scale}]", self.general(*base), reg(index, w));
                format!("{} {at}, {}", lower(ins), reg(src, w))
            }
            Inst::Mask { op, dst, a, b } => {
                let [dst, a, b] = [dst, a, b].map(|r| self.general(*r));
                match op {
                    MaskOp::Not | MaskOp::Copy | MaskOp::Shift(_) => {
                        format!("k{} {dst}, {a}", lower(op))
                    }
                    _ => format!("k{} {dst}, {a}, {b}", lower(op)),
                }
            }
            Inst::MaskFrom { dst, src } => {
                format!("kmov {}, {}", self.general(*dst), self.general(*src))
            }
            Inst::Spread { dst, w, src, .. } => {
                format!("spread {}, {}", reg(dst, w), self.general(*src))
            }
            Inst::First { dst, src, .. } => {
                format!("vmov {}, {}", self.general(*dst), self.general(*src))
            }
            Inst::Copy { dst, src } => {
                format!("mov {}, {}", reg(dst, &Width::Z512), reg(src, &Width::Z512))
            }
            Inst::Set { dst, to } => format!("mov {}, {to}", self.general(*dst)),
            Inst::Load { dst, from, .. } => {
                format!("mov {}, {}", self.general(*dst), self.address(from))
            }
            Inst::StoreGeneral { src, to, .. } => {
                format!("mov {}, {}", self.address(to), self.general(*src))
            }
            Inst::Lea { dst, of } => format!("lea {}, {}", self.general(*dst), self.address(of)),
            Inst::Update { op, dst, by } => {
                format!("{} {}, {}", lower(op), self.general(*dst), self.amount(by))
            }
            Inst::KeepLow { dst, bits } => {
                format!("bzhi {}, {}", self.general(*dst), self.general(*bits))
            }
            Inst::Constant { dst, constant } => {
                let Home::Reg(_) = self.homes[dst.0 as usize] else { return None };
                format!("broadcast {}, constant {constant}", reg(dst, &Width::Z512))
            }
            Inst::Call { .. } => "call runtime".into(),
            Inst::Bind(p) => format!("p{}:", p.0),
            Inst::Fence => "sfence".into(),
            Inst::Prefetch { of } => format!("prefetcht0 {}", self.address(of)),
            Inst::Jump(p) => format!("jmp p{}", p.0),
            Inst::Branch { a, cond, b, to } => {
                let (a, b) = (self.general(*a), self.amount(b));
                format!("cmp {a}, {b}; j{} p{}", lower(cond), to.0)
            }
            Inst::NoneSet { mask, to, .. } => format!("jz {}, p{}", self.general(*mask), to.0),
            Inst::NoneSetVector { mask, w, to } => format!("jz {}, p{}", reg(mask, w), to.0),
            Inst::LoopBegin | Inst::LoopEnd => return None,
        })
    }
}
