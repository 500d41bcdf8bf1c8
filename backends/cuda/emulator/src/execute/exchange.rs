//! Exchanges between the lanes of a warp. The mask must name exactly the lanes that take part.

use crate::fault::{FaultKind, Trap};
use crate::instruction::{Op, Shuffle, Value, Vote};
use crate::warp::{LANES, Lanes, Warp, lanes};

/// The value that all active lanes hold.
pub fn same(values: &Lanes, active: u32, what: &str) -> Result<u64, Trap> {
    let first = values[active.trailing_zeros() as usize % LANES];
    match lanes(active).find(|n| values[*n] != first) {
        Some(lane) => {
            let text = format!("{what} differs between lanes");
            Err(Trap::new(FaultKind::MaskMismatch, lane as u32, text))
        }
        None => Ok(first),
    }
}

/// Checks the mask of a `.sync` instruction.
pub fn mask(warp: &Warp, mask: Value, active: u32) -> Result<(), Trap> {
    let mask = same(&warp.read(mask, active)?, active, "the mask")? as u32;
    if mask == active {
        return Ok(());
    }
    let text = format!("the mask is {mask:#010x}, but the lanes {active:#010x} are here");
    Err(Trap::new(FaultKind::MaskMismatch, (mask ^ active).trailing_zeros(), text))
}

pub fn execute(warp: &mut Warp, op: &Op, active: u32) -> Result<(), Trap> {
    match op {
        Op::Shuffle { mask: named, .. } => {
            mask(warp, *named, active)?;
            shuffle(warp, op, active)
        }
        Op::Vote { mode, d, p, mask: named } => {
            mask(warp, *named, active)?;
            let holds = warp.holds(*p, active)?;
            let result = match mode {
                Vote::All => holds == active,
                Vote::Any => holds != 0,
                Vote::Uniform => holds == active || holds == 0,
            };
            warp.write_predicate(*d, if result { active } else { 0 }, active);
            Ok(())
        }
        Op::Ballot { d, p, mask: named } => {
            mask(warp, *named, active)?;
            let holds = warp.holds(*p, active)?;
            warp.write(*d, &[holds.into(); LANES], active);
            Ok(())
        }
        Op::MatchAny { d, a, mask: named } => {
            mask(warp, *named, active)?;
            let a = warp.read(*a, active)?;
            let equal = |n: usize| lanes(active).filter(|m| a[*m] == a[n]).map(|m| 1u64 << m).sum();
            warp.write(*d, &std::array::from_fn(equal), active);
            Ok(())
        }
        Op::Reduce { f, d, a, mask: named } => {
            mask(warp, *named, active)?;
            let a = warp.read(*a, active)?;
            let result = lanes(active).map(|n| a[n]).reduce(f).unwrap_or_default();
            warp.write(*d, &[result; LANES], active);
            Ok(())
        }
        Op::ActiveMask { d } => {
            warp.write(*d, &[active.into(); LANES], active);
            Ok(())
        }
        _ => Ok(()),
    }
}

fn shuffle(warp: &mut Warp, op: &Op, active: u32) -> Result<(), Trap> {
    let Op::Shuffle { mode, d, p, a, b, clamp, .. } = op else { return Ok(()) };
    let (a, b) = (warp.read(*a, active)?, warp.read(*b, active)?);
    let clamp = warp.read(*clamp, active)?;
    let (mut result, mut inside) = (a, 0);
    for lane in lanes(active) {
        let (from, fits) = source(*mode, lane, b[lane] as usize & 31, clamp[lane]);
        if active >> from & 1 == 0 {
            let text = format!("lane {lane} reads from lane {from}, which does not take part");
            return Err(Trap::new(FaultKind::AbsentLane, lane as u32, text));
        }
        result[lane] = a[from];
        inside |= u32::from(fits) << lane;
    }
    warp.write(*d, &result, active);
    if let Some(p) = p {
        warp.write_predicate(*p, inside, active);
    }
    Ok(())
}

/// The lane that a lane reads from, and whether that lies inside its segment. Outside of it a lane
/// reads its own value.
fn source(mode: Shuffle, lane: usize, b: usize, clamp: u64) -> (usize, bool) {
    let (bound, segment) = (clamp as usize & 31, (clamp >> 8) as usize & 31);
    let most = (lane & segment) | (bound & !segment);
    let least = lane & segment;
    let (from, fits) = match mode {
        // For `up` the bound is the least lane of the segment.
        Shuffle::Up => match lane.checked_sub(b) {
            Some(from) => (from, from >= most),
            None => (lane, false),
        },
        Shuffle::Down => (lane + b, lane + b <= most),
        Shuffle::Butterfly => (lane ^ b, (lane ^ b) <= most),
        Shuffle::Index => {
            let from = least | (b & !segment);
            (from, from <= most)
        }
    };
    if fits { (from, true) } else { (lane, false) }
}
