//! The floats of 16 bits, against the crate `half` and against a search through all of f16.

use super::{Row, check, row};
use half::{bf16, f16};

fn h(x: f16) -> u64 {
    if x.is_nan() { 0x7fff } else { x.to_bits().into() }
}

fn b(x: bf16) -> u64 {
    if x.is_nan() { 0x7fff } else { x.to_bits().into() }
}

fn f(x: u64) -> f32 {
    f32::from_bits(x as u32)
}

fn b32(x: f32) -> u64 {
    if x.is_nan() { 0x7fff_ffff } else { x.to_bits().into() }
}

/// The nearest f16 of an f64 by comparison with all of them, the even one of two.
fn nearest(x: f64) -> u64 {
    let sign = u64::from(x.is_sign_negative()) << 15;
    let size = x.abs();
    if x.is_nan() {
        return 0x7fff;
    }
    // The value behind the largest number, were there one, is where infinity begins.
    let value = |bits: u16| match bits {
        0x7c00 => 65536.0,
        _ => f16::from_bits(bits).to_f64(),
    };
    let closer = |a: &u16, b: &u16| {
        let distance = |bits: u16| (value(bits) - size).abs();
        distance(*a).total_cmp(&distance(*b)).then((a & 1).cmp(&(b & 1)))
    };
    let found = if size >= 65536.0 { 0x7c00 } else { (0..=0x7c00).min_by(closer).unwrap() };
    sign | u64::from(found)
}

const ROWS: &[Row] = &[
    row("cvt.rn.f16.f32 D, A;", &[32], 16, |o| h(f16::from_f32(f(o[0])))),
    row("cvt.rn.bf16.f32 D, A;", &[32], 16, |o| b(bf16::from_f32(f(o[0])))),
    row("cvt.rn.f16.f64 D, A;", &[64], 16, |o| nearest(f64::from_bits(o[0]))),
    row("cvt.f32.f16 D, A;", &[16], 32, |o| b32(f16::from_bits(o[0] as u16).to_f32())),
    row("cvt.rn.f16x2.f32 D, A, B;", &[32, 32], 32, |o| {
        h(f16::from_f32(f(o[0]))) << 16 | h(f16::from_f32(f(o[1])))
    }),
    row("cvt.rn.bf16x2.f32 D, A, B;", &[32, 32], 32, |o| {
        b(bf16::from_f32(f(o[0]))) << 16 | b(bf16::from_f32(f(o[1])))
    }),
    row("cvt.rn.f16.s32 D, A;", &[32], 16, |o| nearest(f64::from(o[0] as i32))),
    row("cvt.rzi.s32.f16 D, A;", &[16], 32, |o| {
        f16::from_bits(o[0] as u16).to_f32() as i32 as u32 as u64
    }),
];

#[test]
fn narrow_floats() {
    check(ROWS);
}
