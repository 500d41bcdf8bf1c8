//! The loop over the sum: a ring of stages in shared memory, into which tiles are copied ahead of
//! their use.
//!
//! ```text
//! round t:  wait until tile t is there; barrier
//!           begin to copy tile t + stages - 1, over tile t - 1, which all threads have read
//!           use tile t
//! ```

use super::copies::Copy;
use super::frame::Frame;
use crate::ptx::{Class, Code, Label, Value};

/// A ring of stages.
pub struct Ring {
    pub stages: usize,
    /// Bytes of a stage, and of the left tile, which comes first in it.
    pub stage: usize,
    pub left: usize,
}

/// Runs `use_tile` for each tile, with the address of its stage.
pub fn run(
    c: &mut Code,
    ring: &Ring,
    copies: &mut [Copy; 2],
    frame: &Frame,
    use_tile: impl FnOnce(&mut Code, Value),
) {
    let shared = c.get(Class::B32, "mov.u32", format_args!("shared"));
    let rounds = frame.rounds;
    for n in 0..ring.stages - 1 {
        let skip = c.label();
        if n > 0 {
            leave_unless_below(c, Value::int(n as i32), rounds, skip);
        }
        let to = c.get(Class::B32, "add.s32", format_args!("{shared}, {}", n * ring.stage));
        begin(c, ring, copies, to);
        end(c, ring, copies, to);
        c.place(skip);
        c.put(format_args!("cp.async.commit_group"));
    }
    let last = (ring.stages - 1) * ring.stage;
    let from = c.copy(shared);
    let to = c.get(Class::B32, "add.s32", format_args!("{shared}, {last}"));
    let end_of_ring = c.get(Class::B32, "add.s32", format_args!("{shared}, {}", last + ring.stage));
    let (round, again) = (c.copy(Value::int(0)), c.label());
    c.place(again);
    c.put(format_args!("cp.async.wait_group {}", ring.stages - 2));
    c.put(format_args!("bar.sync 0"));
    let ahead = c.get(Class::B32, "add.s32", format_args!("{round}, {}", ring.stages - 1));
    let skip = c.label();
    leave_unless_below(c, ahead, rounds, skip);
    begin(c, ring, copies, to);
    c.place(skip);
    c.put(format_args!("cp.async.commit_group"));
    use_tile(c, from);
    if copies.iter().any(Copy::holds) {
        let skip = c.label();
        leave_unless_below(c, ahead, rounds, skip);
        end(c, ring, copies, to);
        c.place(skip);
    }
    for stage in [from, to] {
        c.put(format_args!("add.s32 {stage}, {stage}, {}", ring.stage));
        let around = c.get(Class::Pred, "setp.eq.s32", format_args!("{stage}, {end_of_ring}"));
        c.put(format_args!("@{around} mov.b32 {stage}, {shared}"));
    }
    c.put(format_args!("add.s32 {round}, {round}, 1"));
    let more = c.get(Class::Pred, "setp.lt.s32", format_args!("{round}, {rounds}"));
    c.put(format_args!("@{more} bra {again}"));
}

fn leave_unless_below(c: &mut Code, n: Value, most: Value, to: Label) {
    let below = c.get(Class::Pred, "setp.gt.s32", format_args!("{most}, {n}"));
    c.put(format_args!("@!{below} bra {to}"));
}

fn begin(c: &mut Code, ring: &Ring, [left, right]: &mut [Copy; 2], to: Value) {
    left.begin(c, to);
    let to = c.get(Class::B32, "add.s32", format_args!("{to}, {}", ring.left));
    right.begin(c, to);
}

fn end(c: &mut Code, ring: &Ring, [left, right]: &mut [Copy; 2], to: Value) {
    left.end(c, to);
    let to = c.get(Class::B32, "add.s32", format_args!("{to}, {}", ring.left));
    right.end(c, to);
}
