//! Integers, bits, comparisons of integers, predicates.

use super::{Row, check, row};

fn s(x: u64) -> i32 {
    x as u32 as i32
}

fn u(x: i32) -> u64 {
    x as u32 as u64
}

const LOW: u64 = 0xffff_ffff;

/// The bit of a value, zero outside.
fn bit(x: u64, n: u64) -> u64 {
    if n < 64 { x >> n & 1 } else { 0 }
}

/// The extraction of a field as the specification writes it, bit by bit.
fn extract(o: &[u64], bits: u64, signed: bool) -> u64 {
    let (at, len, last) = (o[1] & 0xff, o[2] & 0xff, bits - 1);
    let sign = match signed && len > 0 {
        true => bit(o[0], (at + len - 1).min(last)),
        false => 0,
    };
    let one = |n: u64| if n < len && at + n <= last { bit(o[0], at + n) } else { sign };
    (0..bits).map(|n| one(n) << n).sum()
}

const ROWS: &[Row] = &[
    row("add.u32 D, A, B;", &[32, 32], 32, |o| (o[0] + o[1]) & LOW),
    row("add.s64 D, A, B;", &[64, 64], 64, |o| o[0].wrapping_add(o[1])),
    row("add.u16 D, A, B;", &[16, 16], 16, |o| (o[0] + o[1]) & 0xffff),
    row("sub.s32 D, A, B;", &[32, 32], 32, |o| u(s(o[0]).wrapping_sub(s(o[1])))),
    row("sub.u64 D, A, 3;", &[64], 64, |o| o[0].wrapping_sub(3)),
    row("mul.lo.s32 D, A, B;", &[32, 32], 32, |o| u(s(o[0]).wrapping_mul(s(o[1])))),
    row("mul.lo.u64 D, A, B;", &[64, 64], 64, |o| o[0].wrapping_mul(o[1])),
    row("mul.hi.u32 D, A, B;", &[32, 32], 32, |o| (o[0] * o[1]) >> 32),
    row("mul.hi.s32 D, A, B;", &[32, 32], 32, |o| {
        u(((i64::from(s(o[0])) * i64::from(s(o[1]))) >> 32) as i32)
    }),
    row("mul.hi.u64 D, A, B;", &[64, 64], 64, |o| ((o[0] as u128 * o[1] as u128) >> 64) as u64),
    row("mul.hi.s64 D, A, B;", &[64, 64], 64, |o| {
        ((o[0] as i64 as i128 * o[1] as i64 as i128) >> 64) as u64
    }),
    row("mul.wide.u32 D, A, B;", &[32, 32], 64, |o| o[0] * o[1]),
    row("mul.wide.s32 D, A, B;", &[32, 32], 64, |o| {
        (i64::from(s(o[0])) * i64::from(s(o[1]))) as u64
    }),
    row("mul.wide.s16 D, A, B;", &[16, 16], 32, |o| {
        u(i32::from(o[0] as i16) * i32::from(o[1] as i16))
    }),
    row("mad.wide.s32 D, A, B, C;", &[32, 32, 64], 64, |o| {
        (i64::from(s(o[0])) * i64::from(s(o[1]))).wrapping_add(o[2] as i64) as u64
    }),
    row("mad.lo.u32 D, A, B, C;", &[32, 32, 32], 32, |o| {
        (o[0].wrapping_mul(o[1]).wrapping_add(o[2])) & LOW
    }),
    row("mad.hi.u32 D, A, B, C;", &[32, 32, 32], 32, |o| (((o[0] * o[1]) >> 32) + o[2]) & LOW),
    row("or.b32 D, B, 1; div.u32 D, A, D;", &[32, 32], 32, |o| o[0] / (o[1] | 1)),
    row("or.b32 D, B, 1; rem.u32 D, A, D;", &[32, 32], 32, |o| o[0] % (o[1] | 1)),
    row(
        "or.b32 D, B, 1; div.s32 D, A, D;",
        &[32, 32],
        32,
        |o| u(s(o[0]).wrapping_div(s(o[1] | 1))),
    ),
    row("or.b64 D, B, 1; rem.s64 D, A, D;", &[64, 64], 64, |o| {
        (o[0] as i64).wrapping_rem((o[1] | 1) as i64) as u64
    }),
    row("neg.s32 D, A;", &[32], 32, |o| u(s(o[0]).wrapping_neg())),
    row("abs.s32 D, A;", &[32], 32, |o| u(s(o[0]).wrapping_abs())),
    row("abs.s64 D, A;", &[64], 64, |o| (o[0] as i64).unsigned_abs()),
    row("min.s32 D, A, B;", &[32, 32], 32, |o| u(s(o[0]).min(s(o[1])))),
    row("max.u32 D, A, B;", &[32, 32], 32, |o| o[0].max(o[1])),
    row("max.s64 D, A, B;", &[64, 64], 64, |o| (o[0] as i64).max(o[1] as i64) as u64),
    row("and.b32 D, A, B;", &[32, 32], 32, |o| o[0] & o[1]),
    row("or.b64 D, A, B;", &[64, 64], 64, |o| o[0] | o[1]),
    row("xor.b16 D, A, B;", &[16, 16], 16, |o| o[0] ^ o[1]),
    row("not.b32 D, A;", &[32], 32, |o| !o[0] & LOW),
    row("shl.b32 D, A, B;", &[32, 32], 32, |o| if o[1] < 32 { o[0] << o[1] & LOW } else { 0 }),
    row("shl.b64 D, A, B;", &[64, 32], 64, |o| if o[1] < 64 { o[0] << o[1] } else { 0 }),
    row("shl.b16 D, A, B;", &[16, 32], 16, |o| if o[1] < 16 { o[0] << o[1] & 0xffff } else { 0 }),
    row("shr.u32 D, A, B;", &[32, 32], 32, |o| if o[1] < 32 { o[0] >> o[1] } else { 0 }),
    row("shr.s32 D, A, B;", &[32, 32], 32, |o| u(s(o[0]) >> o[1].min(31))),
    row("shr.s64 D, A, B;", &[64, 32], 64, |o| ((o[0] as i64) >> o[1].min(63)) as u64),
    row("shf.l.wrap.b32 D, A, B, C;", &[32, 32, 32], 32, |o| {
        let n = o[2] as u32 & 31;
        u64::from(if n == 0 { o[1] as u32 } else { (o[1] as u32) << n | (o[0] as u32) >> (32 - n) })
    }),
    row("shf.l.clamp.b32 D, A, B, C;", &[32, 32, 32], 32, |o| match o[2].min(32) as u32 {
        0 => o[1],
        32 => o[0],
        n => u64::from((o[1] as u32) << n | (o[0] as u32) >> (32 - n)),
    }),
    row("shf.r.wrap.b32 D, A, B, C;", &[32, 32, 32], 32, |o| {
        let n = o[2] as u32 & 31;
        u64::from(if n == 0 { o[0] as u32 } else { (o[1] as u32) << (32 - n) | (o[0] as u32) >> n })
    }),
    row("shf.r.clamp.b32 D, A, B, C;", &[32, 32, 32], 32, |o| match o[2].min(32) as u32 {
        0 => o[0],
        32 => o[1],
        n => u64::from((o[1] as u32) << (32 - n) | (o[0] as u32) >> n),
    }),
    row("popc.b32 D, A;", &[32], 32, |o| o[0].count_ones().into()),
    row("popc.b64 D, A;", &[64], 32, |o| o[0].count_ones().into()),
    row("clz.b32 D, A;", &[32], 32, |o| (o[0] as u32).leading_zeros().into()),
    row("clz.b64 D, A;", &[64], 32, |o| o[0].leading_zeros().into()),
    row("brev.b32 D, A;", &[32], 32, |o| (0..32).map(|n| bit(o[0], n) << (31 - n)).sum()),
    row("bfe.u32 D, A, B, C;", &[32, 32, 32], 32, |o| extract(o, 32, false)),
    row("bfe.s32 D, A, B, C;", &[32, 32, 32], 32, |o| extract(o, 32, true)),
    row("bfe.u64 D, A, B, C;", &[64, 32, 32], 64, |o| extract(o, 64, false)),
    row("bfe.s64 D, A, B, C;", &[64, 32, 32], 64, |o| extract(o, 64, true)),
    row("bfi.b32 D, A, 0x5a5a5a5a, B, C;", &[32, 32, 32], 32, |o| {
        let (at, len) = (o[1] & 0xff, o[2] & 0xff);
        let one = |n: u64| match n >= at && n - at < len {
            true => bit(o[0], n - at),
            false => bit(0x5a5a_5a5a, n),
        };
        (0..32).map(|n| one(n) << n).sum()
    }),
    row("prmt.b32 D, A, B, C;", &[32, 32, 32], 32, |o| {
        let byte = |n: u64| {
            let chosen = o[2] >> (4 * n) & 15;
            let from = if chosen & 7 < 4 { o[0] } else { o[1] };
            let found = from >> (8 * (chosen & 3)) & 0xff;
            if chosen < 8 { found } else { 0xff * (found >> 7) }
        };
        (0..4).map(|n| byte(n) << (8 * n)).sum()
    }),
    row("lop3.b32 D, A, B, C, 0x96;", &[32, 32, 32], 32, |o| o[0] ^ o[1] ^ o[2]),
    row("lop3.b32 D, A, B, C, 0xca;", &[32, 32, 32], 32, |o| (o[0] & o[1]) | (!o[0] & o[2])),
    row("setp.lt.s32 %p0, A, B; selp.b32 D, 7, 9, %p0;", &[32, 32], 32, |o| {
        if s(o[0]) < s(o[1]) { 7 } else { 9 }
    }),
    row("setp.hi.u64 %p0, A, B; selp.b64 D, A, B, %p0;", &[64, 64], 64, |o| o[0].max(o[1])),
    row("setp.ne.b16 %p0, A, B; selp.b32 D, 1, 0, %p0;", &[16, 16], 32, |o| {
        u64::from(o[0] != o[1])
    }),
    row(
        "setp.lt.u32 %p2, A, 9; setp.ge.and.u32 %p0|%p1, A, B, !%p2;
        selp.b32 D, 2, 0, %p0; selp.b32 %r9, 1, 0, %p1; or.b32 D, D, %r9;",
        &[32, 32],
        32,
        |o| 2 * u64::from(o[0] >= o[1] && o[0] >= 9) + u64::from(o[0] < o[1] && o[0] >= 9),
    ),
    row(
        "setp.lt.u32 %p0, A, B; setp.eq.u32 %p1, A, 1; xor.pred %p2, %p0, %p1;
        not.pred %p2, %p2; mov.u32 D, 0; @!%p2 mov.u32 D, 1;",
        &[32, 32],
        32,
        |o| u64::from((o[0] < o[1]) != (o[0] == 1)),
    ),
    row("cvt.u64.u32 D, A;", &[32], 64, |o| o[0]),
    row("cvt.s64.s32 D, A;", &[32], 64, |o| s(o[0]) as i64 as u64),
    row("cvt.u32.u64 D, A;", &[64], 32, |o| o[0] & LOW),
    row("cvt.s32.s8 D, A;", &[8], 32, |o| u(i32::from(o[0] as i8))),
    row("cvt.s8.s32 D, A;", &[32], 32, |o| u(i32::from(o[0] as i8))),
    row("cvt.u8.u32 D, A;", &[32], 32, |o| o[0] & 0xff),
    row("cvt.s16.s64 D, A;", &[64], 16, |o| o[0] & 0xffff),
    row("cvt.sat.u8.s32 D, A;", &[32], 32, |o| s(o[0]).clamp(0, 255) as u64),
    row("cvt.sat.s32.u64 D, A;", &[64], 32, |o| o[0].min(i32::MAX as u64)),
    row("mov.b64 D, {A, B};", &[32, 32], 64, |o| o[0] | o[1] << 32),
    row("mov.b64 {_, D}, A;", &[64], 32, |o| o[0] >> 32),
    row("mov.b32 {D, _}, A;", &[32], 16, |o| o[0] & 0xffff),
];

#[test]
fn integers() {
    check(ROWS);
}
