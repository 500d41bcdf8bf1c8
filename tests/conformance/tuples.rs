//! Index tuples of NumPy, written as text, to read and to update. Their form is described in
//! `scripts/conformance_tuples.py`.

use crate::{Operation, Params, array};
use cotangent::numpy::entries::Index;

pub fn operation(name: &str) -> Operation {
    match name {
        "read" => |p, x| vec![x[0].index(entries(p))],
        "set" => |p, x| vec![x[0].at(entries(p)).set(&x[1])],
        "add" => |p, x| vec![x[0].at(entries(p)).add(&x[1])],
        _ => panic!("no operation {name}"),
    }
}

fn entries(p: &Params) -> Vec<Index> {
    p.text("at").split(';').map(entry).collect()
}

fn entry(text: &str) -> Index {
    let int = |t: &str| t.parse::<i64>().unwrap_or_else(|_| panic!("no index {text}"));
    match text {
        "none" => Index::NewAxis,
        "..." => Index::Ellipsis,
        _ if text.starts_with('@') => Index::from(array(&text[1..])),
        _ if text.contains(':') => {
            let mut parts = text.split(':').map(|t| (!t.is_empty()).then(|| int(t)));
            let mut next = || parts.next().flatten();
            let (start, stop) = (next(), next());
            Index::Range { start, stop, step: next().unwrap_or(1) }
        }
        _ => Index::At(int(text)),
    }
}
