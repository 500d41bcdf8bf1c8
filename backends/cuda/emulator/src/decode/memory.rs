//! Loads, stores, atomics, fences, asynchronous copies.

use super::arithmetic::Decoded;
use super::line::{Line, Width};
use crate::fault::{Fault, FaultKind};
use crate::instruction::{Address, Class, Extend, Op, Order, Value};
use crate::syntax::{Operand, Space};
use crate::types::{Kind, Type};

const SPACES: [(&str, Space); 5] = [
    ("global", Space::Global),
    ("shared", Space::Shared),
    ("const", Space::Const),
    ("local", Space::Local),
    ("param", Space::Param),
];

const NUMBERS: [Kind; 4] = [Kind::Bits, Kind::Unsigned, Kind::Signed, Kind::Float];

const STRONG: Order = Order { strong: true, acquire: false, release: false, read_only: false };

/// `.gpu` and `.sys`. Narrower scopes order no blocks, so global memory does not take them.
fn scope(line: &mut Line<'_, '_, '_>, space: Space) -> Result<(), Fault> {
    let found = line.choose(&[("cta", false), ("gpu", true), ("sys", true)]);
    match found {
        Some(device) if device || space == Space::Shared => Ok(()),
        _ => Err(line.fault(FaultKind::Unsupported, "expected the scope `.gpu` or `.sys`")),
    }
}

/// The state space behind an order; without one the address is generic.
fn space(line: &mut Line<'_, '_, '_>) -> Space {
    line.choose(&SPACES).unwrap_or(Space::Generic)
}

fn order(line: &mut Line<'_, '_, '_>, load: bool) -> Result<(Order, Space), Fault> {
    let words: &[(&str, Order)] = match load {
        true => &[("relaxed", STRONG), ("acquire", Order { acquire: true, ..STRONG })],
        false => &[("relaxed", STRONG), ("release", Order { release: true, ..STRONG })],
    };
    if line.take("volatile") {
        return Ok((STRONG, space(line)));
    }
    let Some(order) = line.choose(words) else {
        line.take("weak");
        return Ok((Order::default(), space(line)));
    };
    let device = line.choose(&[("gpu", true), ("sys", true), ("cta", false)]);
    let space = space(line);
    if device != Some(true) || !matches!(space, Space::Global | Space::Generic) {
        let text = "orders are known here of global memory at the scopes `.gpu` and `.sys`";
        return Err(line.fault(FaultKind::Unsupported, text));
    }
    line.since(70, 60)?;
    Ok((order, space))
}

/// The number of elements and their type.
fn elements(line: &mut Line<'_, '_, '_>) -> Result<(usize, Type), Fault> {
    let count = line.choose(&[("v2", 2), ("v4", 4)]).unwrap_or(1);
    let ty = line.ty_of(&NUMBERS, &[8, 16, 32, 64])?;
    if ty.is_float() && ty.bits == 16 {
        return Err(line.fault(FaultKind::Type, "memory has no type .f16: use .b16"));
    }
    if count as u32 * ty.bits > 128 {
        return Err(line.fault(FaultKind::Type, "an access has at most 16 bytes"));
    }
    Ok((count, ty))
}

fn count(line: &Line<'_, '_, '_>, n: usize, wanted: usize, found: usize) -> Result<(), Fault> {
    let vector = matches!(line.operand(n)?, Operand::Vector(_));
    match found == wanted && vector == (wanted > 1) {
        true => Ok(()),
        false => Err(line.fault(FaultKind::Type, format!("wants {wanted} registers"))),
    }
}

pub fn load(line: &mut Line<'_, '_, '_>) -> Decoded {
    let (mut order, space) = order(line, true)?;
    if line.take("nc") {
        if space != Space::Global || order.strong {
            return Err(line.unsupported());
        }
        order.read_only = true;
    }
    for hint in ["L1::no_allocate", "L1::evict_last", "L1::evict_first"] {
        line.take(hint);
    }
    line.choose(&[("ca", ()), ("cg", ()), ("cs", ()), ("lu", ())]);
    let (elements, ty) = elements(line)?;
    line.end(2..=2)?;
    let (to, register) = line.targets(0, ty, Width::Wider)?;
    count(line, 0, elements, to.len())?;
    let address = line.address(1, space)?;
    let extend = Extend { from: ty.bits, signed: ty.is_signed(), to: register.bits };
    Ok((Class::Load, Op::Load { address, bytes: ty.bytes(), order, extend, to }))
}

pub fn store(line: &mut Line<'_, '_, '_>) -> Decoded {
    let (order, space) = order(line, false)?;
    if space == Space::Param {
        return argument(line);
    }
    if space == Space::Const {
        return Err(line.fault(FaultKind::ReadOnlyMemory, "this space is read only"));
    }
    line.choose(&[("wb", ()), ("cg", ()), ("cs", ()), ("wt", ())]);
    let (elements, ty) = elements(line)?;
    line.end(2..=2)?;
    let address = line.address(0, space)?;
    let from = line.sources(1, ty, Width::Wider)?;
    count(line, 1, elements, from.len())?;
    Ok((Class::Store, Op::Store { address, bytes: ty.bytes(), order, from }))
}

/// `st.param`, which gives a value to an argument of a call.
fn argument(line: &mut Line<'_, '_, '_>) -> Decoded {
    let (elements, ty) = elements(line)?;
    line.end(2..=2)?;
    let Operand::Address(Some(name), 0) = line.operand(0)? else {
        return Err(line.fault(FaultKind::ReadOnlyMemory, "parameters of an entry are read only"));
    };
    let address = line.argument(name, u64::from(ty.bytes()))?;
    let from = line.sources(1, ty, Width::Wider)?;
    count(line, 1, elements, 1)?;
    let order = Order::default();
    Ok((Class::Store, Op::Store { address, bytes: ty.bytes(), order, from }))
}

/// The function of an atomic operation: of the old value and its operands.
type Update = fn(u64, u64, u64) -> u64;

fn update(line: &Line<'_, '_, '_>, name: &str, space: Space, ty: Type) -> Option<Update> {
    use crate::float::{bits_32, bits_64, f32_of, f64_of, flush};
    let shared = space == Space::Shared;
    Some(match (name, ty.kind, ty.bits) {
        ("exch", Kind::Bits, 32 | 64) => |_, b, _| b,
        ("cas", Kind::Bits, 32 | 64) => |old, b, c| if old == b { c } else { old },
        ("and", Kind::Bits, 32 | 64) => |old, b, _| old & b,
        ("or", Kind::Bits, 32 | 64) => |old, b, _| old | b,
        ("xor", Kind::Bits, 32 | 64) => |old, b, _| old ^ b,
        ("add", Kind::Unsigned | Kind::Signed, 32) => {
            |old, b, _| u64::from(old as u32).wrapping_add(b) & 0xffff_ffff
        }
        ("add", Kind::Unsigned, 64) => |old, b, _| old.wrapping_add(b),
        ("min", Kind::Unsigned, 32 | 64) => |old, b, _| old.min(b),
        ("max", Kind::Unsigned, 32 | 64) => |old, b, _| old.max(b),
        ("min", Kind::Signed, 32) => |old, b, _| (old as i32).min(b as i32) as u32 as u64,
        ("max", Kind::Signed, 32) => |old, b, _| (old as i32).max(b as i32) as u32 as u64,
        ("min", Kind::Signed, 64) => |old, b, _| (old as i64).min(b as i64) as u64,
        ("max", Kind::Signed, 64) => |old, b, _| (old as i64).max(b as i64) as u64,
        // In shared memory it is a loop around `add.rn`, which keeps subnormals.
        ("add", Kind::Float, 32) if shared => |old, b, _| bits_32(f32_of(old) + f32_of(b)),
        ("add", Kind::Float, 32) => {
            |old, b, _| bits_32(flush(flush(f32_of(old)) + flush(f32_of(b))))
        }
        ("add", Kind::Float, 64) if line.target >= 60 => {
            |old, b, _| bits_64(f64_of(old) + f64_of(b))
        }
        _ => return None,
    })
}

/// `atom` and `red`
pub fn atomic(line: &mut Line<'_, '_, '_>) -> Decoded {
    let returns = line.base == "atom";
    let orders = [
        ("relaxed", STRONG),
        ("acquire", Order { acquire: true, ..STRONG }),
        ("release", Order { release: true, ..STRONG }),
        ("acq_rel", Order { acquire: true, release: true, ..STRONG }),
    ];
    let mut written = line.choose(&orders);
    if !returns && written.is_some_and(|o| o.acquire) {
        return Err(line.fault(FaultKind::Unsupported, "a reduction acquires nothing"));
    }
    let early = line.choose(&[("gpu", true), ("sys", true), ("cta", false)]);
    let space = space(line);
    if !matches!(space, Space::Global | Space::Shared | Space::Generic) {
        return Err(line.unsupported());
    }
    let scope_before = early.is_some();
    if matches!(line.peek(), "gpu" | "sys" | "cta") && !scope_before {
        scope(line, space)?;
    } else if early == Some(false) && space != Space::Shared {
        return Err(line.fault(FaultKind::Unsupported, "expected the scope `.gpu` or `.sys`"));
    }
    let order = written.take().unwrap_or(STRONG);
    let name = line.peek();
    line.take(name);
    let ty = line.ty_of(&NUMBERS, &[32, 64])?;
    let Some(f) = update(line, name, space, ty) else { return Err(line.unsupported()) };
    let (first, extra) = (usize::from(returns), usize::from(name == "cas"));
    if !returns && matches!(name, "cas" | "exch") {
        return Err(line.unsupported());
    }
    line.end(first + 2 + extra..=first + 2 + extra)?;
    let d = match returns {
        true if matches!(line.operand(0)?, Operand::Word("_", 0)) => None,
        true => Some(line.d(ty)?),
        false => None,
    };
    let address = line.address(first, space)?;
    let b = line.source(first + 1, ty)?;
    let c = if extra == 1 { line.source(first + 2, ty)? } else { Value::Literal(0) };
    Ok((Class::Atomic, Op::Atomic { address, bytes: ty.bytes(), order, f, d, b, c }))
}

/// `fence.acq_rel`, `fence.sc`, `membar`; those of a block order nothing between blocks.
pub fn fence(line: &mut Line<'_, '_, '_>) -> Decoded {
    let device = match line.base {
        "membar" => line.choose(&[("gl", true), ("sys", true), ("cta", false)]),
        _ => {
            if !line.take("acq_rel") && !line.take("sc") {
                return Err(line.unsupported());
            }
            line.choose(&[("gpu", true), ("sys", true), ("cta", false)])
        }
    };
    let Some(device) = device else { return Err(line.unsupported()) };
    line.end(0..=0)?;
    Ok((Class::Control, if device { Op::Fence } else { Op::Sleep }))
}

/// `cp.async`, its groups and waits.
pub fn copy(line: &mut Line<'_, '_, '_>) -> Decoded {
    line.want("async")?;
    line.since(80, 70)?;
    if line.take("commit_group") {
        line.end(0..=0)?;
        return Ok((Class::Control, Op::Commit));
    }
    if line.take("wait_all") {
        line.end(0..=0)?;
        return Ok((Class::Control, Op::Wait { pending: None }));
    }
    if line.take("wait_group") {
        line.end(1..=1)?;
        return match line.source(0, Type::unsigned(32))? {
            Value::Literal(n) => Ok((Class::Control, Op::Wait { pending: Some(n as u32) })),
            _ => Err(line.fault(FaultKind::Type, "the number of groups must be a literal")),
        };
    }
    let all_levels = line.choose(&[("ca", true), ("cg", false)]);
    line.want("shared")?;
    line.want("global")?;
    line.end(3..=4)?;
    let (to, from) = (line.address(0, Space::Shared)?, line.address(1, Space::Global)?);
    let Value::Literal(bytes) = line.source(2, Type::unsigned(32))? else {
        return Err(line.fault(FaultKind::Type, "the number of bytes must be a literal"));
    };
    let fits = match all_levels {
        Some(true) => matches!(bytes, 4 | 8 | 16),
        Some(false) => bytes == 16,
        None => false,
    };
    if !fits {
        return Err(line.fault(FaultKind::Type, "copies 4, 8 or 16 bytes; `.cg` copies 16"));
    }
    let valid = match line.statement.operands.len() {
        4 => Some(line.source(3, Type::unsigned(32))?),
        _ => None,
    };
    Ok((Class::Load, Op::CopyAsync { to, from, bytes: bytes as u32, valid }))
}

/// `ldmatrix`: rows of eight 16-bit elements in shared memory, one address per lane.
pub fn matrix(line: &mut Line<'_, '_, '_>) -> Decoded {
    line.since(75, 65)?;
    line.want("sync")?;
    line.want("aligned")?;
    line.want("m8n8")?;
    let Some(tiles) = line.choose(&[("x1", 1), ("x2", 2), ("x4", 4)]) else {
        return Err(line.unsupported());
    };
    let transposed = line.take("trans");
    line.want("shared")?;
    line.want("b16")?;
    line.end(2..=2)?;
    let to = line.targets(0, Type::bits(32), Width::Exact)?.0;
    if to.len() != tiles {
        return Err(line.fault(FaultKind::Type, format!("wants {tiles} registers")));
    }
    let address: Address = line.address(1, Space::Shared)?;
    Ok((Class::Load, Op::LoadMatrix { to, address, transposed }))
}
