//! Calls the method of a vector instruction that a line means.

use super::parse::{Arg, Line};
use crate::wide::asm::row::Operands;
use crate::wide::asm::{Assembler, Ins, Lanes, Masked, Rm, Width};

/// The row of the table: the mnemonic, with `Imm` or `Gpr` where there is such a row and the line
/// has such an operand.
pub fn instruction(line: &Line) -> Ins {
    let named = |suffix: &str| {
        let wanted = format!("{}{suffix}", line.mnemonic);
        Ins::ALL.iter().copied().find(|i| format!("{i:?}").eq_ignore_ascii_case(&wanted))
    };
    let imm = || named("imm").filter(|_| matches!(line.args.last(), Some(Arg::Imm(_))));
    let wide = line.mnemonic != "vmovd";
    let gpr = || named("gpr").filter(|_| line.args.iter().any(|a| matches!(a, Arg::G(..))));
    imm()
        .or_else(|| gpr().filter(|_| wide))
        .or_else(|| named(""))
        .unwrap_or_else(|| panic!("{} is not in the table", line.mnemonic))
}

pub fn write(a: &mut Assembler, line: &Line, w: Width) {
    if line.mnemonic == "vzeroupper" {
        return a.vzeroupper();
    }
    let i = instruction(line);
    let m = line.masked.map(|(k, zero)| Masked { k, zero });
    let (args, imm) = match line.args[..] {
        [ref args @ .., Arg::Imm(imm)] => (args, Some(imm as u8)),
        ref args => (args, None),
    };
    use Arg::{G, K, Sparse, V};
    match (args, imm) {
        (&[V(dst), Sparse(from), V(mask)], None) => a.gather(i, w, dst, from, Lanes::Vector(mask)),
        (&[V(dst), Sparse(from)], None) => {
            a.gather(i, w, dst, from, Lanes::Mask(m.expect("a mask").k));
        }
        (&[Sparse(to), V(src)], None) => a.scatter(i, w, src, to, m.expect("a mask").k),
        (&[K(dst), V(src)], None) => a.mask_from_v(i, w, dst, src),
        (&[V(dst), K(src)], None) => a.v_from_mask(i, w, dst, src),
        (&[K(dst), V(x), y], imm) => a.compare(i, w, dst, x, rm(y), imm, m.map(|m| m.k)),
        (&[V(dst), G(_, src)], None) => a.v_from_gpr(i, w, dst, src, m),
        (&[G(_, dst), V(src)], None) if i.row().store.is_some() => a.gpr_from_v(i, dst, src),
        (&[G(_, dst), V(src)], None) => a.signs(i, w, dst, src),
        (&[G(_, dst), V(src)], Some(lane)) => a.extract(i, dst, src, lane),
        (&[V(dst), V(x), G(_, src)], Some(lane)) => a.insert(i, dst, x, src, lane),
        (&[Arg::Mem(to), V(src)], None) => a.store(i, w, src, to, m),
        (&[Arg::Mem(to), V(src)], Some(imm)) => a.store_imm(i, w, src, to, imm, m),
        (&[Arg::Mem(to), V(mask), V(src)], None) => a.store_lanes(i, w, mask, src, to),
        (&[V(dst), V(src)], imm) if i.row().operands == Operands::To => {
            a.store_to_reg(i, w, dst, src, imm, m);
        }
        (&[V(dst), V(x), y, V(mask)], None) => a.blendv(i, w, dst, x, rm(y), mask),
        (&[V(dst), ref sources @ .., y], imm) => {
            let x = match *sources {
                [] => None,
                [V(x)] => Some(x),
                _ => panic!("{}", line.text),
            };
            match (imm, m) {
                (None, None) => a.v(i, w, dst, x, rm(y)),
                (Some(imm), None) => a.vi(i, w, dst, x, rm(y), imm),
                (imm, Some(m)) => a.v_masked(i, w, dst, x, rm(y), imm, m),
            }
        }
        _ => panic!("{}", line.text),
    }
}

fn rm(arg: Arg) -> Rm {
    match arg {
        Arg::V(r) => Rm::Reg(r),
        Arg::Mem(m) => Rm::Mem(m),
        Arg::Each(m) => Rm::Each(m),
        _ => panic!("{arg:?} is neither a vector nor memory"),
    }
}
