//! Sorting, searching, running sums, indexing, random numbers.

use crate::calls;
use crate::harness::{Row, normal};
use crate::row;
use cotangent::prelude::*;
use cotangent::{lax, random};

const M: usize = 1_000_000;

fn indices(high: i64) -> Array {
    random::randint(&random::key(0), [M], DType::I32, 0, high)
}

pub fn rows() -> Vec<Row> {
    vec![
        row!("sort", |a| a.sort(-1), (normal([M]),)),
        row!("argsort", |a| a.argsort(-1), (normal([M]),)),
        row!("top_k", |a| lax::top_k(&a, 100, 0), (normal([M]),)),
        row!("cumsum", |a| lax::cumsum(&a, 0, false), (normal([M]),)),
        row!("argmax", |a| a.argmax(), (normal([M]),)),
        row!("gather", |a, i| a.take(&i, 0), (normal([M]), indices(M as i64))),
        row!("segment_sum", |a, i| zeros([1000]).at(i).add(a), (normal([M]), indices(1000))),
        Row::new("random_bits", || {
            let f = jit(|k: random::Key| random::bits(&k, [M], DType::U32));
            let key = random::key(0);
            calls!(f, key)
        }),
        Row::new("random_normal", || {
            let f = jit(|k: random::Key| random::normal(&k, [M], DType::F32));
            let key = random::key(0);
            calls!(f, key)
        }),
    ]
}
