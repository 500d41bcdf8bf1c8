//! Products of matrices: each result is summed in f64 and rounded once.

use super::context::Context;
use super::counters::Counter;
use super::failure::Failure;
use super::product::{Matrix, Number, Product};
use super::ranges::Accesses;
use super::settings::Shared;
use super::task::span;
use std::ops::Range;

impl Context {
    pub fn product(&mut self, shared: &mut Shared, p: &Product) -> Result<Accesses, Failure> {
        let (mut reads, mut writes) = (Vec::new(), Vec::new());
        if let Some((at, bytes)) = p.workspace {
            self.device.fill(at, &[0xcd], bytes)?;
            writes.push(span(at, bytes));
        }
        let (number, [left, right, out]) = (p.number, &p.operands);
        for batch in 0..p.batch {
            let left = self.matrix(number, left, batch, &mut reads)?;
            let right = self.matrix(number, right, batch, &mut reads)?;
            for column in 0..out.columns {
                let mut bytes = Vec::new();
                for row in 0..out.rows {
                    let product = |k: u64| {
                        left.at(row, k, p.transposed[0]) * right.at(k, column, p.transposed[1])
                    };
                    let sum: f64 = (0..p.depth).map(product).sum();
                    bytes.extend(number.write(p.alpha * sum));
                }
                let to = out.column(number, batch, column);
                self.device.write(to.start, &bytes)?;
                writes.push(to);
            }
        }
        shared.counters.one(Counter::Products);
        self.time += p.batch * p.depth * out.columns * out.rows / 1024;
        Ok(Accesses::new(&reads, &writes))
    }

    fn matrix(
        &mut self,
        number: Number,
        m: &Matrix,
        batch: u64,
        reads: &mut Vec<Range<u64>>,
    ) -> Result<Elements, Failure> {
        let mut all = Vec::new();
        for column in 0..m.columns {
            let from = m.column(number, batch, column);
            let bytes = self.device.read(from.start, from.end - from.start)?;
            all.extend(bytes.chunks(number.size() as usize).map(|b| number.read(b)));
            reads.push(from);
        }
        Ok(Elements { rows: m.rows, all })
    }
}

/// The elements of a matrix, column by column.
struct Elements {
    rows: u64,
    all: Vec<f64>,
}

impl Elements {
    fn at(&self, row: u64, column: u64, transposed: bool) -> f64 {
        let (row, column) = if transposed { (column, row) } else { (row, column) };
        self.all[(column * self.rows + row) as usize]
    }
}
