//! Registers to registers.

use super::machine::Machine;
use crate::fault::{FaultKind, Trap};
use crate::instruction::{Logic, Op, Special, Value};
use crate::types::mask;
use crate::warp::{LANES, Lanes, Warp, lanes};

pub fn execute(
    machine: &Machine<'_>,
    block: [u32; 3],
    warp: &mut Warp,
    op: &Op,
    active: u32,
) -> Result<(), Trap> {
    match op {
        Op::Unary { f, d, a } => {
            let a = warp.read(*a, active)?;
            warp.write(*d, &a.map(f), active);
        }
        Op::Binary { f, d, a, b } => {
            let (a, b) = (warp.read(*a, active)?, warp.read(*b, active)?);
            warp.write(*d, &from_fn(|n| f(a[n], b[n])), active);
        }
        Op::Divide { f, d, a, b } => {
            let (a, b) = (warp.read(*a, active)?, warp.read(*b, active)?);
            if let Some(lane) = lanes(active).find(|n| b[*n] == 0) {
                let text = format!("{} is divided by zero", a[lane]);
                return Err(Trap::new(FaultKind::DivisionByZero, lane as u32, text));
            }
            warp.write(*d, &from_fn(|n| f(a[n], b[n])), active);
        }
        Op::Ternary { f, d, a, b, c } => {
            let (a, b) = (warp.read(*a, active)?, warp.read(*b, active)?);
            let c = warp.read(*c, active)?;
            warp.write(*d, &from_fn(|n| f(a[n], b[n], c[n])), active);
        }
        Op::Convert { how, d, a } => {
            let a = warp.read(*a, active)?;
            warp.write(*d, &a.map(|a| how.apply(a)), active);
        }
        Op::Insert { bits, d, from } => {
            let [a, b, at, len] = read_all(warp, from, active)?;
            warp.write(*d, &from_fn(|n| insert(*bits, a[n], b[n], at[n], len[n])), active);
        }
        Op::Lop3 { table, d, from } => {
            let [a, b, c] = read_all(warp, from, active)?;
            warp.write(*d, &from_fn(|n| lop3(*table, [a[n], b[n], c[n]])), active);
        }
        Op::Select { d, a, b, p } => {
            let chosen = warp.holds(*p, active)?;
            let (a, b) = (warp.read(*a, active)?, warp.read(*b, active)?);
            let select = |n| if chosen >> n & 1 == 1 { a[n] } else { b[n] };
            warp.write(*d, &from_fn(select), active);
        }
        Op::Special { d, of } => {
            let first = warp.first;
            let values = from_fn(|n| special(machine, block, first + n as u32, *of).into());
            warp.write(*d, &values, active);
        }
        Op::DynamicAddress { d, offset } => {
            let bits = machine.kernel.registers[*d as usize].1.bits;
            let address = offset.wrapping_add(machine.shape.dynamic.0.into()) & mask(bits);
            warp.write(*d, &[address; LANES], active);
        }
        Op::GlobalAddress { d, variable, offset } => {
            let address = machine.globals[*variable].wrapping_add(*offset);
            warp.write(*d, &[address; LANES], active);
        }
        Op::Pack { d, bits, from } => {
            let mut packed = [0; LANES];
            for (n, part) in from.iter().enumerate() {
                let part = warp.read(*part, active)?;
                packed = from_fn(|lane| packed[lane] | part[lane] << (n as u32 * bits));
            }
            warp.write(*d, &packed, active);
        }
        Op::Unpack { d, bits, a } => {
            let a = warp.read(*a, active)?;
            for (n, d) in d.iter().enumerate() {
                if let Some(d) = d {
                    warp.write(*d, &a.map(|a| a >> (n as u32 * bits) & mask(*bits)), active);
                }
            }
        }
        _ => predicates(warp, op, active)?,
    }
    Ok(())
}

fn from_fn(f: impl FnMut(usize) -> u64) -> Lanes {
    std::array::from_fn(f)
}

fn read_all<const N: usize>(
    warp: &Warp,
    from: &[Value; N],
    active: u32,
) -> Result<[Lanes; N], Trap> {
    let mut read = [[0; LANES]; N];
    for (lanes, value) in read.iter_mut().zip(from) {
        *lanes = warp.read(*value, active)?;
    }
    Ok(read)
}

fn predicates(warp: &mut Warp, op: &Op, active: u32) -> Result<(), Trap> {
    let logic = |f: Logic, a: u32, b: u32| match f {
        Logic::And => a & b,
        Logic::Or => a | b,
        Logic::Xor => a ^ b,
    };
    match op {
        Op::Compare { f, d, other, a, b, combine } => {
            let (a, b) = (warp.read(*a, active)?, warp.read(*b, active)?);
            let holds = (0..LANES).map(|n| u32::from(f(a[n], b[n])) << n).sum::<u32>();
            let (mut yes, mut no) = (holds, !holds);
            if let Some((f, p)) = combine {
                let p = warp.holds(*p, active)?;
                (yes, no) = (logic(*f, yes, p), logic(*f, no, p));
            }
            for (d, holds) in [(d, yes), (other, no)] {
                if let Some(d) = d {
                    warp.write_predicate(*d, holds, active);
                }
            }
        }
        Op::MovePredicate { d, a } => {
            let a = warp.holds(*a, active)?;
            warp.write_predicate(*d, a, active);
        }
        Op::Logic { f, d, a, b } => {
            let (a, b) = (warp.holds(*a, active)?, warp.holds(*b, active)?);
            warp.write_predicate(*d, logic(*f, a, b), active);
        }
        _ => {}
    }
    Ok(())
}

fn insert(bits: u32, field: u64, into: u64, at: u64, len: u64) -> u64 {
    let (at, len) = ((at & 0xff) as u32, (len & 0xff) as u32);
    if at >= bits {
        return into;
    }
    let place = mask(len.min(bits - at)) << at;
    (into & !place) | (field << at & place)
}

fn lop3(table: u8, [a, b, c]: [u64; 3]) -> u64 {
    let row = |n: u32| {
        let bit = |x: u64, set: bool| if set { x } else { !x };
        let row = bit(a, n & 4 != 0) & bit(b, n & 2 != 0) & bit(c, n & 1 != 0);
        if table >> n & 1 == 1 { row } else { 0 }
    };
    (0..8).map(row).fold(0, |all, row| all | row) & mask(32)
}

fn special(machine: &Machine<'_>, block: [u32; 3], thread: u32, of: Special) -> u32 {
    match of {
        Special::Thread(axis) => machine.thread(thread)[axis],
        Special::Threads(axis) => machine.shape.block[axis],
        Special::Block(axis) => block[axis],
        Special::Blocks(axis) => machine.shape.grid[axis],
        Special::Lane => thread % 32,
        Special::Warp => thread / 32,
        Special::Warps => machine.threads().div_ceil(32),
        Special::LaneMask(f) => f(thread % 32),
        Special::DynamicShared => machine.shape.dynamic.1,
    }
}
