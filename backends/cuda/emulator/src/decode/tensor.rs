//! `mma.sync`: the shapes that every architecture from sm_80 on has.

use super::arithmetic::Decoded;
use super::line::{Line, Width};
use crate::fault::FaultKind;
use crate::float::{widen_bf16, widen_f16};
use crate::instruction::{Class, Op, Tile};
use crate::types::Type;

/// Shape and types, as modifiers; the tile; registers of a and b, and of c and d.
type Row = (&'static str, [&'static str; 4], Tile, [usize; 3]);

const ROWS: [Row; 4] = [
    ("m16n8k16", ["f32", "f16", "f16", "f32"], Tile::Half(widen_f16), [4, 2, 4]),
    ("m16n8k16", ["f32", "bf16", "bf16", "f32"], Tile::Half(widen_bf16), [4, 2, 4]),
    ("m16n8k8", ["f32", "tf32", "tf32", "f32"], Tile::Tensor32, [4, 2, 4]),
    ("m8n8k4", ["f64", "f64", "f64", "f64"], Tile::Double, [1, 1, 2]),
];

pub fn multiply(line: &mut Line<'_, '_, '_>) -> Decoded {
    line.since(80, 70)?;
    line.want("sync")?;
    line.want("aligned")?;
    let shape = line.peek();
    line.take(shape);
    line.want("row")?;
    line.want("col")?;
    let mut types = [""; 4];
    for ty in &mut types {
        *ty = line.peek();
        line.take(ty);
    }
    let Some((_, _, tile, counts)) = ROWS.iter().find(|r| r.0 == shape && r.1 == types) else {
        return Err(line.unsupported());
    };
    line.end(4..=4)?;
    let (part, sum) = match tile {
        Tile::Double => (Type::F64, Type::F64),
        _ => (Type::bits(32), Type::F32),
    };
    let d = line.targets(0, sum, Width::Exact)?.0;
    let (a, b) = (line.sources(1, part, Width::Exact)?, line.sources(2, part, Width::Exact)?);
    let c = line.sources(3, sum, Width::Exact)?;
    if [a.len(), b.len(), c.len()] != *counts || d.len() != c.len() {
        let [a, b, c] = counts;
        let text = format!("wants {c}, {a}, {b} and {c} registers");
        return Err(line.fault(FaultKind::Type, text));
    }
    Ok((Class::Tensor, Op::Multiply { tile: *tile, d, a, b, c }))
}
