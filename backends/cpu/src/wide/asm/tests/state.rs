//! Labels, jumps and the pool of constants.

use super::hex;
use crate::wide::asm::{Assembler, Base, Cond, Gpr, Ins, Mem, Rm, Vr, Width};
use cotangent_jit::ErrorKind;

#[test]
fn jumps_forward_and_backward() {
    let mut a = Assembler::new(false);
    let (top, end) = (a.label(), a.label());
    a.bind(top);
    a.jcc(Cond::E, end);
    a.sub(Gpr::RAX, 1);
    a.jcc(Cond::NE, top);
    a.jmp(top);
    a.jmp(end);
    a.bind(end);
    a.ret();
    // je +13; sub; jne -12; jmp -14; jmp +0; ret
    assert_eq!(hex(&a.finish().unwrap()), "0f840d0000004883e80175f4ebf2e900000000c3");
}

/// A jump of two bytes reaches back 128 bytes, counted from its end.
#[test]
fn jumps_take_five_bytes_from_far() {
    for (between, jump) in [(126, "eb80"), (127, "e97cffffff")] {
        let mut a = Assembler::new(false);
        let top = a.label();
        a.bind(top);
        (0..between).for_each(|_| a.ret());
        a.jmp(top);
        assert_eq!(hex(&a.finish().unwrap()[between..]), jump);
    }
    for (between, jump) in [(126, "7280"), (127, "0f827bffffff")] {
        let mut a = Assembler::new(false);
        let top = a.label();
        a.bind(top);
        (0..between).for_each(|_| a.ret());
        a.jcc(Cond::B, top);
        assert_eq!(hex(&a.finish().unwrap()[between..]), jump);
    }
}

/// The place of the constant that the address at `at` names, for an instruction that ends at `end`.
fn place(code: &[u8], at: usize, end: usize) -> usize {
    let bytes = code[at..at + 4].try_into().expect("four bytes");
    (end as i64 + i64::from(i32::from_le_bytes(bytes))) as usize
}

#[test]
fn constants_lie_aligned_behind_the_code() {
    let mut a = Assembler::new(true);
    let lengths = [4, 64, 8, 1, 16, 32];
    let constants = lengths.map(|n| Vec::from_iter((0..n as u8).map(|b| b ^ n as u8)));
    let mut ends = Vec::new();
    for c in &constants {
        let m = a.constant(c);
        a.lea(Gpr::RCX, m);
        ends.push(a.len());
    }
    a.ret();
    let code = a.finish().unwrap();
    for (c, end) in constants.iter().zip(ends) {
        let place = place(&code, end - 4, end);
        assert_eq!(place % c.len(), 0);
        assert_eq!(code[place..][..c.len()], c[..]);
    }
    // No gap but the one before the longest.
    assert_eq!(code.len(), 64 + 64 + 32 + 16 + 8 + 4 + 1);
}

#[test]
fn equal_constants_have_one_place() {
    let mut a = Assembler::new(true);
    let one = 1.0f32.to_le_bytes();
    let m = a.constant(&one);
    a.v(Ins::Vaddps, Width::Z512, Vr(0), Some(Vr(1)), Rm::Each(m));
    let again = a.constant(&one);
    assert_eq!(m, again);
    assert_ne!(m, a.constant(&2.0f32.to_le_bytes()));
    a.vi(Ins::Vshufps, Width::X128, Vr(0), Some(Vr(1)), Rm::Mem(again), 7);
    let code = a.finish().unwrap();
    assert_eq!(code.len(), 10 + 9 + 1 + 8);
    assert_eq!(place(&code, 6, 10), 20);
    // The immediate stands between the address and the end.
    assert_eq!(place(&code, 14, 19), 20);
    assert_eq!(code[20..24], one);
}

/// A displacement moves the address inside of a constant.
#[test]
fn parts_of_constants_are_reached() {
    let mut a = Assembler::new(false);
    let m = a.constant(&[7; 8]);
    a.lea(Gpr::RAX, Mem { disp: 4, ..m });
    let code = a.finish().unwrap();
    assert_eq!(place(&code, 3, 7), 12);
}

#[test]
fn a_label_that_was_not_bound_is_an_error() {
    let mut a = Assembler::new(false);
    let label = a.label();
    a.jmp(label);
    let error = a.finish().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Compile);
    assert_eq!(error.message(), "assembler: Label(0) is not bound");
}

#[test]
fn a_place_too_far_away_is_an_error() {
    let mut a = Assembler::new(false);
    let label = a.label();
    a.ret();
    a.bind(label);
    a.ret();
    let disp = i32::MIN;
    a.lea(Gpr::RAX, Mem { base: Base::Code(label), index: None, disp });
    let error = a.finish().unwrap_err();
    assert_eq!(error.message(), "assembler: Label(0) is too far away");
}

#[test]
fn negated_conditions_differ_in_the_last_bit() {
    use Cond::*;
    for c in [O, NO, B, AE, E, NE, BE, A, S, NS, P, NP, L, GE, LE, G] {
        assert_eq!(c.negated() as u8, c as u8 ^ 1);
    }
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "an EVEX form, which is not allowed")]
fn evex_forms_are_written_by_leave_only() {
    let mut a = Assembler::new(false);
    a.v(Ins::Vaddps, Width::X128, Vr(0), Some(Vr(16)), Rm::Reg(Vr(1)));
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "an instruction without an EVEX form")]
fn forms_that_do_not_exist_are_caught() {
    let mut a = Assembler::new(true);
    a.v(Ins::Vpand, Width::Z512, Vr(0), Some(Vr(1)), Rm::Reg(Vr(2)));
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "with None as its second source")]
fn a_missing_source_is_caught() {
    let mut a = Assembler::new(true);
    a.v(Ins::Vaddps, Width::X128, Vr(0), None, Rm::Reg(Vr(2)));
}
