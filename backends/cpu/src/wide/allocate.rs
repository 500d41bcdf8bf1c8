//! The choice of physical registers: a linear scan over live ranges, with spills to the frame.
//!
//! A live range is one interval from the first definition to the last use, stretched over every
//! loop that it enters alive. Where registers run out, the range with the fewest uses for its
//! length (uses in inner loops count eightfold per loop) lives in the frame for its whole life; a
//! constant lives in the pool behind the code. The instructions that read and write the frame are
//! made in `encode`.

use super::code::{Class, Code, Inst, R, Role};

/// The home of a virtual register.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Home {
    Reg(u8),
    /// An offset in the frame.
    Frame(u32),
    /// The pool's constant of this number.
    Constant(u32),
    /// Never used.
    Nowhere,
}

/// The physical registers that may be given out, best first.
pub struct Registers {
    pub general: &'static [u8],
    pub vector: &'static [u8],
    pub mask: &'static [u8],
    /// Bytes of a spilled vector.
    pub vector_bytes: u32,
}

#[derive(Clone, Copy)]
struct Range {
    reg: R,
    start: u32,
    end: u32,
    weight: f32,
    hint: Option<R>,
    constant: Option<u32>,
}

impl Range {
    /// The uses per instruction of its life: the range with the least is spilled.
    fn density(&self) -> f32 {
        // A constant in the pool costs nothing but a load, no store.
        let cheap = if self.constant.is_some() { 0.5 } else { 1.0 };
        cheap * self.weight / (self.end - self.start + 2) as f32
    }
}

/// The homes of all registers. The frame of the code grows by the spilled ones.
pub fn allocate(code: &mut Code, registers: &Registers) -> Vec<Home> {
    let mut homes = vec![Home::Nowhere; code.classes.len()];
    let mut ranges = ranges(code);
    ranges.sort_by_key(|r| (r.start, r.reg));
    for (class, pool) in [
        (Class::General, registers.general),
        (Class::Vector, registers.vector),
        (Class::Mask, registers.mask),
    ] {
        let own: Vec<Range> =
            ranges.iter().copied().filter(|r| code.class(r.reg) == class).collect();
        let spilled = scan(&own, pool, &mut homes);
        for r in spilled {
            homes[r.reg.0 as usize] = match r.constant {
                Some(n) => Home::Constant(n),
                None => {
                    let bytes = if class == Class::Vector { registers.vector_bytes } else { 8 };
                    Home::Frame(spill_room(code, bytes))
                }
            };
        }
    }
    homes
}

fn spill_room(code: &mut Code, bytes: u32) -> u32 {
    let at = code.frame.next_multiple_of(bytes);
    code.frame = at + bytes;
    at
}

/// Gives registers to ranges in the order of their starts; returns those that got none.
fn scan(ranges: &[Range], pool: &[u8], homes: &mut [Home]) -> Vec<Range> {
    let mut free: u64 = pool.iter().fold(0, |m, r| m | 1 << r);
    let mut active: Vec<(Range, u8)> = Vec::new();
    let mut spilled = Vec::new();
    for &range in ranges {
        active.retain(|(r, reg)| {
            let alive = r.end >= range.start;
            if !alive {
                free |= 1 << reg;
            }
            alive
        });
        let hinted = range.hint.and_then(|h| match homes[h.0 as usize] {
            Home::Reg(n) if free >> n & 1 == 1 => Some(n),
            _ => None,
        });
        let chosen = hinted.or_else(|| pool.iter().copied().find(|n| free >> n & 1 == 1));
        let reg = match chosen {
            Some(n) => n,
            None => {
                let worst = (0..active.len())
                    .min_by(|a, b| active[*a].0.density().total_cmp(&active[*b].0.density()));
                match worst.filter(|n| active[*n].0.density() < range.density()) {
                    Some(n) => {
                        let (out, reg) = active.swap_remove(n);
                        spilled.push(out);
                        reg
                    }
                    None => {
                        spilled.push(range);
                        continue;
                    }
                }
            }
        };
        free &= !(1 << reg);
        homes[range.reg.0 as usize] = Home::Reg(reg);
        active.push((range, reg));
    }
    spilled
}

/// One loop of the list, by positions.
struct Loop {
    start: u32,
    end: u32,
    parent: Option<usize>,
    depth: i32,
}

/// The live ranges. Instruction `n` reads at `2n` and writes at `2n + 1`.
fn ranges(code: &Code) -> Vec<Range> {
    let (loops, inside) = loops(code);
    let mut found: Vec<Option<Range>> = vec![None; code.classes.len()];
    for (n, inst) in code.insts.iter().enumerate() {
        let (read, write) = (2 * n as u32, 2 * n as u32 + 1);
        let home = inside[n];
        let weight = home.map_or(1.0, |l| 8f32.powi(loops[l].depth));
        inst.visit(&mut |r, role| {
            let at = if role == Role::Use { read } else { write };
            let fresh =
                Range { reg: r, start: at, end: at, weight: 0.0, hint: None, constant: None };
            let range = found[r.0 as usize].get_or_insert(fresh);
            range.weight += weight;
            let mut end = at;
            // Alive when the loop began, so alive until it ends.
            let mut at = home;
            while let Some(l) = at {
                if range.start < loops[l].start {
                    end = end.max(loops[l].end);
                }
                at = loops[l].parent;
            }
            range.end = range.end.max(end);
        });
        if let Some((dst, from)) = inst.hint()
            && let Some(range) = &mut found[dst.0 as usize]
            && range.hint.is_none()
        {
            range.hint = Some(from);
        }
        if let Inst::Constant { dst, constant } = inst
            && let Some(range) = &mut found[dst.0 as usize]
        {
            range.constant = Some(*constant);
        }
    }
    found.into_iter().flatten().collect()
}

/// All loops, and the innermost loop of each instruction.
fn loops(code: &Code) -> (Vec<Loop>, Vec<Option<usize>>) {
    let mut loops: Vec<Loop> = Vec::new();
    let mut inside = Vec::with_capacity(code.insts.len());
    let mut open: Option<usize> = None;
    for (n, inst) in code.insts.iter().enumerate() {
        let at = 2 * n as u32;
        match inst {
            Inst::LoopBegin => {
                let depth = open.map_or(1, |l| loops[l].depth + 1);
                loops.push(Loop { start: at, end: at, parent: open, depth });
                open = Some(loops.len() - 1);
                inside.push(open);
            }
            Inst::LoopEnd => {
                inside.push(open);
                if let Some(l) = open {
                    loops[l].end = at + 1;
                    open = loops[l].parent;
                }
            }
            _ => inside.push(open),
        }
    }
    (loops, inside)
}
