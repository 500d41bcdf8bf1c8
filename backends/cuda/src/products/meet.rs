//! The sums of lanes and of warps become one, in an order that is always the same.

use super::share::WARPS;
use crate::ops;
use crate::ptx::{Class, Code, Label, Value};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::{DType, Error};

/// Adds the sums of neighbouring lanes by halves.
pub fn meet(c: &mut Code, d: DType, sums: Vec<Value>, lanes: usize) -> Result<Vec<Value>, Error> {
    let mut sums = sums;
    let mut half = lanes / 2;
    while half > 0 {
        for sum in &mut sums {
            let other = of_lane(c, *sum, half);
            *sum = ops::emit(c, ScalarOp::Add, d, &[*sum, other])?;
        }
        half /= 2;
    }
    Ok(sums)
}

/// A thread among those that sum the same: its warp, and its place among the sums of a warp.
pub struct Place {
    pub warp: Value,
    pub slot: Value,
    pub slots: usize,
}

/// Adds the sums of the warps in the first one, in order; the others go to `end`.
pub fn gather(
    c: &mut Code,
    d: DType,
    sums: Vec<Value>,
    place: &Place,
    lead: Option<Value>,
    end: Label,
) -> Result<Vec<Value>, Error> {
    let (size, count) = (d.size(), sums.len());
    let bits = 8 * size;
    let (warp, slot) = (place.warp, c.held(place.slot));
    let base = c.get(Class::B32, "mov.u32", format_args!("shared"));
    let at = c.get(Class::B32, "mad.lo.s32", format_args!("{slot}, {size}, {base}"));
    // Sums of one number lie side by side, so that lanes reach different banks.
    let (line, of_warp) = (place.slots * size, place.slots * size * count);
    let before = c.get(Class::B32, "add.s32", format_args!("{at}, {}", -(of_warp as i64)));
    let own = c.get(Class::B32, "mad.lo.s32", format_args!("{warp}, {of_warp}, {before}"));
    let later = c.get(Class::Pred, "setp.gt.s32", format_args!("{warp}, 0"));
    let writes = match lead {
        None => later,
        Some(lead) => {
            let both = c.register(Class::Pred);
            c.put(format_args!("and.pred {both}, {later}, {lead}"));
            both
        }
    };
    for (n, sum) in sums.iter().enumerate() {
        c.put(format_args!("@{writes} st.shared.b{bits} [{own}+{}], {sum}", n * line));
    }
    c.put(format_args!("bar.sync 0"));
    c.put(format_args!("@{later} bra {end}"));
    let mut sums = sums;
    for w in 0..WARPS - 1 {
        for (n, sum) in sums.iter_mut().enumerate() {
            let from = w * of_warp + n * line;
            let x = c.register(Class::of(d));
            c.put(format_args!("ld.shared.b{bits} {x}, [{at}+{from}]"));
            *sum = ops::emit(c, ScalarOp::Add, d, &[*sum, x])?;
        }
    }
    Ok(sums)
}

/// The value of the lane whose number differs in one bit.
fn of_lane(c: &mut Code, x: Value, bit: usize) -> Value {
    let swap = |c: &mut Code, x: Value| {
        c.get(Class::B32, "shfl.sync.bfly.b32", format_args!("{x}, {bit}, 31, 0xffffffff"))
    };
    if x.class() != Class::B64 {
        return swap(c, x);
    }
    let (low, high) = (c.register(Class::B32), c.register(Class::B32));
    c.put(format_args!("mov.b64 {{{low}, {high}}}, {x}"));
    let (low, high) = (swap(c, low), swap(c, high));
    c.get(Class::B64, "mov.b64", format_args!("{{{low}, {high}}}"))
}
