//! Arithmetic and comparisons of f32 and f64, and their conversions to and from integers.

use super::{Row, check, row};

fn f(x: u64) -> f32 {
    f32::from_bits(x as u32)
}

fn d(x: u64) -> f64 {
    f64::from_bits(x)
}

fn b32(x: f32) -> u64 {
    if x.is_nan() { 0x7fff_ffff } else { x.to_bits().into() }
}

fn b64(x: f64) -> u64 {
    if x.is_nan() { 0x7fff_ffff_ffff_ffff } else { x.to_bits() }
}

/// The larger number by its place in the order of all floats, so that -0 is below +0.
fn larger(a: f64, b: f64) -> f64 {
    if a.is_nan() || (!b.is_nan() && b.total_cmp(&a).is_gt()) { b } else { a }
}

fn integer(x: f64, least: f64, most: f64) -> f64 {
    x.max(least).min(most)
}

const NAN_32: u64 = 0x7fff_ffff;

const ROWS: &[Row] = &[
    row("add.rn.f32 D, A, B;", &[32, 32], 32, |o| b32(f(o[0]) + f(o[1]))),
    row("sub.rn.f32 D, A, B;", &[32, 32], 32, |o| b32(f(o[0]) - f(o[1]))),
    row("mul.rn.f32 D, A, B;", &[32, 32], 32, |o| b32(f(o[0]) * f(o[1]))),
    row("div.rn.f32 D, A, B;", &[32, 32], 32, |o| b32(f(o[0]) / f(o[1]))),
    row("add.rn.f64 D, A, B;", &[64, 64], 64, |o| b64(d(o[0]) + d(o[1]))),
    row("mul.rn.f64 D, A, B;", &[64, 64], 64, |o| b64(d(o[0]) * d(o[1]))),
    row("div.rn.f64 D, A, B;", &[64, 64], 64, |o| b64(d(o[0]) / d(o[1]))),
    row("fma.rn.f32 D, A, B, C;", &[32, 32, 32], 32, |o| b32(f(o[0]).mul_add(f(o[1]), f(o[2])))),
    row("fma.rn.f64 D, A, B, C;", &[64, 64, 64], 64, |o| b64(d(o[0]).mul_add(d(o[1]), d(o[2])))),
    row("sqrt.rn.f32 D, A;", &[32], 32, |o| b32(f(o[0]).sqrt())),
    row("sqrt.rn.f64 D, A;", &[64], 64, |o| b64(d(o[0]).sqrt())),
    row("rcp.rn.f32 D, A;", &[32], 32, |o| b32(1.0 / f(o[0]))),
    row("neg.f32 D, A;", &[32], 32, |o| b32(-f(o[0]))),
    row("abs.f64 D, A;", &[64], 64, |o| b64(d(o[0]).abs())),
    row("max.f32 D, A, B;", &[32, 32], 32, |o| b32(larger(f(o[0]).into(), f(o[1]).into()) as f32)),
    row("min.f32 D, A, B;", &[32, 32], 32, |o| {
        b32(-larger((-f(o[0])).into(), (-f(o[1])).into()) as f32)
    }),
    row("max.NaN.f32 D, A, B;", &[32, 32], 32, |o| match f(o[0]).is_nan() || f(o[1]).is_nan() {
        true => NAN_32,
        false => b32(larger(f(o[0]).into(), f(o[1]).into()) as f32),
    }),
    row("min.NaN.f32 D, A, B;", &[32, 32], 32, |o| match f(o[0]).is_nan() || f(o[1]).is_nan() {
        true => NAN_32,
        false => b32(-larger((-f(o[0])).into(), (-f(o[1])).into()) as f32),
    }),
    row("max.f64 D, A, B;", &[64, 64], 64, |o| b64(larger(d(o[0]), d(o[1])))),
    row("copysign.f32 D, A, B;", &[32, 32], 32, |o| (o[0] & 1 << 31) | (o[1] & 0x7fff_ffff)),
    row("copysign.f64 D, A, B;", &[64, 64], 64, |o| (o[0] & 1 << 63) | (o[1] & !(1 << 63))),
    row("setp.lt.f32 %p0, A, B; selp.u32 D, 1, 0, %p0;", &[32, 32], 32, |o| {
        u64::from(f(o[0]) < f(o[1]))
    }),
    row("setp.neu.f32 %p0, A, B; selp.u32 D, 1, 0, %p0;", &[32, 32], 32, |o| {
        u64::from(f(o[0]) != f(o[1]))
    }),
    row("setp.ne.f32 %p0, A, B; selp.u32 D, 1, 0, %p0;", &[32, 32], 32, |o| {
        u64::from(f(o[0]) < f(o[1]) || f(o[0]) > f(o[1]))
    }),
    row("setp.geu.f64 %p0, A, B; selp.u32 D, 1, 0, %p0;", &[64, 64], 32, |o| {
        u64::from(d(o[0]) >= d(o[1]) || d(o[0]).is_nan() || d(o[1]).is_nan())
    }),
    row("setp.nan.f64 %p0, A, B; selp.u32 D, 1, 0, %p0;", &[64, 64], 32, |o| {
        u64::from(d(o[0]).is_nan() || d(o[1]).is_nan())
    }),
    row("setp.num.f32 %p0, A, B; selp.f32 D, A, B, %p0;", &[32, 32], 32, |o| {
        if f(o[0]).is_nan() || f(o[1]).is_nan() { o[1] } else { o[0] }
    }),
    row("cvt.rn.f32.f64 D, A;", &[64], 32, |o| b32(d(o[0]) as f32)),
    row("cvt.f64.f32 D, A;", &[32], 64, |o| b64(f(o[0]).into())),
    row("cvt.rna.tf32.f32 D, A;", &[32], 32, |o| match f(o[0]) {
        x if x.is_nan() => 0x7fff_ffff,
        x if x.is_infinite() || x == 0.0 => x.to_bits().into(),
        x => {
            // The exponent of the leading bit, as that of the least normal number at least.
            let power = ((x.to_bits() >> 23 & 0xff) as i32).max(1) - 127;
            let unit = 2f64.powi(power - 10);
            let rounded = (f64::from(x.abs()) / unit + 0.5).floor() * unit;
            (rounded as f32).copysign(x).to_bits().into()
        }
    }),
    row("cvt.rmi.f32.f32 D, A;", &[32], 32, |o| b32(f(o[0]).floor())),
    row("cvt.rpi.f64.f64 D, A;", &[64], 64, |o| b64(d(o[0]).ceil())),
    row("cvt.rni.f32.f32 D, A;", &[32], 32, |o| b32(f(o[0]).round_ties_even())),
    row("cvt.rzi.f64.f64 D, A;", &[64], 64, |o| b64(d(o[0]).trunc())),
    row("cvt.rn.f32.s32 D, A;", &[32], 32, |o| (o[0] as i32 as f32).to_bits().into()),
    row("cvt.rn.f32.u64 D, A;", &[64], 32, |o| (o[0] as f32).to_bits().into()),
    row("cvt.rn.f64.s64 D, A;", &[64], 64, |o| (o[0] as i64 as f64).to_bits()),
    row("cvt.rn.f32.u8 D, A;", &[8], 32, |o| (o[0] as f32).to_bits().into()),
    // Casts of Rust saturate and take a NaN to zero, as these conversions from f32 do.
    row("cvt.rzi.s32.f32 D, A;", &[32], 32, |o| f(o[0]) as i32 as u32 as u64),
    row("cvt.rzi.u32.f32 D, A;", &[32], 32, |o| f(o[0]) as u32 as u64),
    row("cvt.rni.s32.f32 D, A;", &[32], 32, |o| f(o[0]).round_ties_even() as i32 as u32 as u64),
    row("cvt.rzi.s16.f32 D, A;", &[32], 16, |o| f(o[0]) as i16 as u16 as u64),
    row("cvt.rzi.s8.f32 D, A;", &[32], 32, |o| f(o[0]) as i8 as i32 as u32 as u64),
    // A NaN gives the top bit if the source or the target has 64 bits.
    row("cvt.rzi.s64.f32 D, A;", &[32], 64, |o| match f(o[0]).is_nan() {
        true => 1 << 63,
        false => f(o[0]) as i64 as u64,
    }),
    row("cvt.rzi.s32.f64 D, A;", &[64], 32, |o| match d(o[0]).is_nan() {
        true => 1 << 31,
        false => d(o[0]) as i32 as u32 as u64,
    }),
    row("cvt.rmi.u32.f64 D, A;", &[64], 32, |o| match d(o[0]).is_nan() {
        true => 1 << 31,
        false => integer(d(o[0]).floor(), 0.0, 4294967295.0) as u64,
    }),
    row("cvt.rzi.u64.f64 D, A;", &[64], 64, |o| match d(o[0]).is_nan() {
        true => 1 << 63,
        false => d(o[0]) as u64,
    }),
];

#[test]
fn floats() {
    check(ROWS);
}
