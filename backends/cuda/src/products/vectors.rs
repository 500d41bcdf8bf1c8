//! Products of a matrix and a few vectors, which are as fast as the matrix comes from memory.
//!
//! The side with more rows is the matrix, each row of the other a vector. Where summed numbers lie
//! side by side, a row belongs to lanes of a warp, or to all lanes of a block if rows are few: each
//! sums every so many chunks, and lanes meet by halves. Where rows lie side by side, a lane has a
//! chunk of rows, and the warps of a block share the summed numbers and add theirs in order.
//!
//! How a sum is cut follows from the shape alone; alignment decides only how a chunk is loaded.

use super::elements::Chunks;
use super::frame::{advanced, divide};
use super::meet::{Place, gather, meet};
use super::product::{Product, Side};
use super::share::{Plan, WARPS};
use super::tiles::multiply_add;
use crate::ops;
use crate::ptx::{Class, Code, Entry, Value};
use cotangent_jit::Error;

/// What a thread sums.
struct Task {
    /// The matrix's rows and the vectors, from the thread's first summed number.
    rows: Vec<Value>,
    vectors: Vec<Value>,
    /// Its first summed number, that behind the last of its part, and the distance of two.
    depth: Value,
    end: Value,
    step: usize,
}

pub fn entry(p: &Product, plan: &Plan) -> Result<Entry, Error> {
    let mut c = Code::default();
    let thread = c.get(Class::B32, "mov.u32", format_args!("%tid.x"));
    let block = c.get(Class::B32, "mov.u32", format_args!("%ctaid.x"));
    let blocks = plan.blocks(p) / plan.parts;
    let (part, block) = divide(&mut c, block, blocks);
    let (warp, lane) = divide(&mut c, thread, 32);
    let (mine, within, members) = match (plan.by_rows, plan.shared) {
        (true, _) => (lane, warp, WARPS),
        (false, true) => (Value::int(0), thread, WARPS * 32),
        (false, false) => {
            let (group, lane) = divide(&mut c, thread, plan.lanes);
            (group, lane, plan.lanes)
        }
    };
    let mine = c.held(mine);
    let of_block = plan.groups_of_block();
    let group = c.get(Class::B32, "mad.lo.s32", format_args!("{block}, {of_block}, {mine}"));
    let all = p.batch * plan.groups(p);
    let active = c.get(Class::Pred, "setp.lt.s32", format_args!("{group}, {all}"));
    // Threads beyond the last group take its place, so that what they read is there.
    let group = c.get(Class::B32, "min.s32", format_args!("{group}, {}", all - 1));
    let (batch, group) = divide(&mut c, group, plan.groups(p));
    let task = task(&mut c, p, plan, (part, batch, group), (within, members));
    let sums = sum(&mut c, p, plan, &task)?;
    let sums = match plan.by_rows {
        true => sums,
        false => meet(&mut c, p.sum(), sums, plan.lanes)?,
    };
    let lead = (!plan.by_rows).then(|| {
        let first = c.get(Class::Pred, "setp.eq.s32", format_args!("{lane}, 0"));
        match plan.shared || plan.lanes == 32 {
            true => first,
            false => c.get(Class::Pred, "setp.eq.s32", format_args!("{within}, 0")),
        }
    });
    let end = c.label();
    let mut shared = 0;
    let mut sums = sums;
    if plan.shared {
        let slots = if plan.by_rows { 32 } else { 1 };
        let slot = if plan.by_rows { lane } else { Value::int(0) };
        shared = (WARPS - 1) * slots * sums.len() * p.sum().size();
        let place = Place { warp, slot, slots };
        sums = gather(&mut c, p.sum(), sums, &place, lead, end)?;
    }
    let stores = match lead {
        None => active,
        Some(lead) => {
            let both = c.register(Class::Pred);
            c.put(format_args!("and.pred {both}, {active}, {lead}"));
            both
        }
    };
    c.put(format_args!("@!{stores} bra {end}"));
    store(&mut c, p, plan, (part, batch, group), &sums)?;
    c.place(end);
    let threads = (WARPS * 32) as u32;
    Ok(Entry { name: String::new(), addresses: 3, threads, shared, code: c })
}

fn task(
    c: &mut Code,
    p: &Product,
    plan: &Plan,
    (part, batch, group): (Value, Value, Value),
    (within, members): (Value, usize),
) -> Task {
    let size = p.dtype.size() as i64;
    let chunk = if plan.by_rows { 1 } else { plan.width };
    let (part, within) = (c.held(part), c.held(within));
    let start = c.get(Class::B32, "mul.lo.s32", format_args!("{part}, {}", plan.part));
    let depth = c.get(Class::B32, "mad.lo.s32", format_args!("{within}, {chunk}, {start}"));
    let end = c.get(Class::B32, "add.s32", format_args!("{start}, {}", plan.part));
    let end = c.get(Class::B32, "min.s32", format_args!("{end}, {}", p.k));
    let bases: [Value; 2] = std::array::from_fn(|n| {
        let side = &p.sides[n];
        let base = c.get(Class::B64, "ld.param.u64", format_args!("[a{n}]"));
        let base = advanced(c, base, batch, side.batch * size);
        let base = advanced(c, base, depth, side.depth * size);
        c.copy(base)
    });
    let matrix = plan.side(p);
    let first = c.held(group);
    let first = c.get(Class::B32, "mul.lo.s32", format_args!("{first}, {}", plan.rows));
    let loads = if plan.by_rows { 1 } else { plan.rows };
    let mut rows = Vec::with_capacity(loads);
    for n in 0..loads {
        let mut row = c.get(Class::B32, "add.s32", format_args!("{first}, {n}"));
        if !matrix.rows.is_multiple_of(plan.rows) {
            row = c.get(Class::B32, "min.s32", format_args!("{row}, {}", matrix.rows - 1));
        }
        let at = advanced(c, bases[plan.matrix], row, matrix.row * size);
        rows.push(c.copy(at));
    }
    let other = &p.sides[1 - plan.matrix];
    let vectors = (0..other.rows).map(|n| {
        let row = Value::int(n as i32);
        let at = advanced(c, bases[1 - plan.matrix], row, other.row * size);
        c.copy(at)
    });
    let vectors = vectors.collect();
    let depth = c.copy(depth);
    Task { rows, vectors, depth, end, step: members * chunk }
}

/// The sums of a thread: by row, then by vector.
fn sum(c: &mut Code, p: &Product, plan: &Plan, task: &Task) -> Result<Vec<Value>, Error> {
    let zero = Value::Constant(Class::of(p.sum()), 0);
    let count = plan.rows * task.vectors.len();
    let sums: Vec<Value> = (0..count).map(|_| c.copy(zero)).collect();
    // As many loads are on their way as registers allow.
    let ahead = match task.vectors.len() {
        1 | 2 => 4,
        _ => 2,
    };
    for ahead in [ahead, 1] {
        let (again, done) = (c.label(), c.label());
        c.place(again);
        let last = c.get(
            Class::B32,
            "add.s32",
            format_args!("{}, {}", task.depth, (ahead - 1) * task.step),
        );
        let over = c.get(Class::Pred, "setp.ge.s32", format_args!("{last}, {}", task.end));
        c.put(format_args!("@{over} bra {done}"));
        round(c, p, plan, task, &sums, ahead)?;
        c.put(format_args!("bra {again}"));
        c.place(done);
    }
    Ok(sums)
}

/// Adds so many chunks to the sums and goes on behind them.
fn round(
    c: &mut Code,
    p: &Product,
    plan: &Plan,
    task: &Task,
    sums: &[Value],
    ahead: usize,
) -> Result<(), Error> {
    let (matrix, other) = (plan.side(p), &p.sides[1 - plan.matrix]);
    let size = p.dtype.size() as i64;
    let along = |side: &Side| if plan.by_rows { side.row } else { side.depth };
    let width = plan.width;
    let chunks = |side: &Side, width: usize| Chunks {
        dtype: p.dtype,
        width,
        stride: along(side),
        alignment: if along(side) == 1 {
            aligned(side, plan.by_rows, width, size as usize)
        } else {
            0
        },
    };
    let of_matrix = chunks(matrix, width);
    let of_vector = chunks(other, if plan.by_rows { 1 } else { width });
    let mut found = Vec::with_capacity(ahead);
    for n in 0..ahead {
        let by = |side: &Side| (n * task.step) as i64 * side.depth * size;
        let rows: Vec<_> = task.rows.iter().map(|x| of_matrix.load(c, *x, by(matrix))).collect();
        let vectors: Vec<_> =
            task.vectors.iter().map(|x| of_vector.load(c, *x, by(other))).collect();
        found.push((rows, vectors));
    }
    for (rows, vectors) in found {
        let rows: Vec<Vec<Value>> =
            rows.iter().map(|x| of_matrix.numbers(c, x)).collect::<Result<_, _>>()?;
        let vectors: Vec<Vec<Value>> =
            vectors.iter().map(|x| of_vector.numbers(c, x)).collect::<Result<_, _>>()?;
        for (n, sum) in sums.iter().enumerate() {
            let (row, vector) = (n / vectors.len(), n % vectors.len());
            let pairs: Vec<(Value, Value)> = match plan.by_rows {
                true => vec![(rows[0][row], vectors[vector][0])],
                false => rows[row].iter().copied().zip(vectors[vector].iter().copied()).collect(),
            };
            for (x, y) in pairs {
                let mnemonic = multiply_add(p.sum());
                c.put(format_args!("{mnemonic} {sum}, {x}, {y}, {sum}"));
            }
        }
    }
    let further = |c: &mut Code, all: &[Value], side: &Side| {
        let by = (ahead * task.step) as i64 * side.depth * size;
        for x in all {
            c.put(format_args!("add.s64 {x}, {x}, {by}"));
        }
    };
    further(c, &task.rows, matrix);
    further(c, &task.vectors, other);
    let Task { depth, step, .. } = task;
    c.put(format_args!("add.s32 {depth}, {depth}, {}", ahead * step));
    Ok(())
}

/// Bytes at multiples of which the chunks of a side begin.
fn aligned(side: &Side, by_rows: bool, width: usize, size: usize) -> usize {
    let other = if by_rows { side.depth } else { side.row };
    let fits = |w: &usize| {
        let multiple = |s: i64| s.unsigned_abs().is_multiple_of(*w as u64);
        width.is_multiple_of(*w)
            && side.alignment.is_multiple_of(w * size)
            && multiple(other)
            && multiple(side.batch)
    };
    size * [8, 4, 2].into_iter().find(fits).unwrap_or(1)
}

fn store(
    c: &mut Code,
    p: &Product,
    plan: &Plan,
    (part, batch, group): (Value, Value, Value),
    sums: &[Value],
) -> Result<(), Error> {
    let d = if plan.parts > 1 { p.sum() } else { p.dtype };
    let size = d.size() as i64;
    let vectors = p.m.min(p.n);
    let (of_row, of_vector) = if plan.matrix == 0 { (p.n, 1) } else { (1, p.n) };
    let base = c.get(Class::B64, "ld.param.u64", format_args!("[a2]"));
    let base = match plan.parts {
        1 => base,
        _ => advanced(c, base, part, p.results() as i64 * size),
    };
    let base = advanced(c, base, batch, (p.m * p.n) as i64 * size);
    let group = c.held(group);
    let first = c.get(Class::B32, "mul.lo.s32", format_args!("{group}, {}", plan.rows));
    let base = advanced(c, base, first, of_row as i64 * size);
    let rows = plan.side(p).rows;
    for (n, sum) in sums.iter().enumerate() {
        let (row, vector) = (n / vectors, n % vectors);
        let only = match rows.is_multiple_of(plan.rows) {
            true => String::new(),
            false => {
                let last = format_args!("{first}, {}", rows - row);
                format!("@{} ", c.get(Class::Pred, "setp.lt.s32", last))
            }
        };
        let value = ops::convert(c, p.sum(), d, *sum)?;
        let offset = (row * of_row + vector * of_vector) as i64 * size;
        let (at, offset) = match i32::try_from(offset) {
            Ok(near) => (base, near),
            Err(_) => (c.get(Class::B64, "add.s64", format_args!("{base}, {offset}")), 0),
        };
        c.put(format_args!("{only}st.global.b{} [{at}+{offset}], {value}", 8 * size));
    }
    Ok(())
}
