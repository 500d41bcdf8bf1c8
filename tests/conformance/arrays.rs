//! Reductions, movement, contractions.

use crate::{Operation, Params};
use cotangent::lax;
use cotangent::prelude::*;

pub fn operation(name: &str) -> Operation {
    match name {
        "reduce" => |p, x| vec![reduced(p, &x[0])],
        "move" => moved,
        "einsum" => |p, x| vec![einsum(p.text("spec"), x.iter().collect::<Vec<_>>())],
        "matmul" => |_, x| vec![x[0].matmul(&x[1])],
        "tensordot" => |_, x| vec![x[0].tensordot(&x[1], [1, 2], [0, 1])],
        "outer" => |_, x| vec![x[0].outer(&x[1])],
        _ => panic!("no operation {name}"),
    }
}

/// Cases in which we differ: the tangent of the greatest of nothing is 0 here and 0 / 0 there; the
/// sign of complex numbers turns with them here, and has no tangent there; `i` is true here, as in
/// NumPy, where JAX converts the real part alone.
pub fn excused(line: &str) -> bool {
    if line.starts_with("convert | to=bool | c") {
        return true;
    }
    if line.starts_with("unary/jvp | f=sign | c") || line.starts_with("unary/vjp | f=sign | c") {
        return true;
    }
    let extreme = line.starts_with("reduce/jvp | f=max") || line.starts_with("reduce/jvp | f=min");
    extreme && (line.contains("[2,0,3]") || line.contains("[0,3]"))
}

fn reduced(p: &Params, x: &Array) -> Array {
    let axes = p.sizes("axes");
    let f = match p.text("f") {
        "sum" => lax::reduce_sum,
        "prod" => lax::reduce_prod,
        "max" => lax::reduce_max,
        "min" => lax::reduce_min,
        "and" => lax::reduce_and,
        "or" => lax::reduce_or,
        _ => lax::reduce_xor,
    };
    f(x, &axes)
}

fn moved(p: &Params, x: &[Array]) -> Vec<Array> {
    let x = &x[0];
    let ints = |places: [i32; 3]| places.map(Array::from);
    vec![match p.text("f") {
        "reshape" => x.reshape([4, 6]),
        "transpose" => lax::transpose(x, &[2, 0, 1]),
        "rev" => lax::rev(x, &[0, 2]),
        "broadcast" => lax::broadcast_in_dim(x, &[2, 5, 3, 4], &[0, 2, 3]),
        "pad" => {
            let zero = lax::full(&[], cotangent::Scalar::zero(x.dtype()));
            lax::pad(x, &zero, &[(1, 2, 0), (-1, 1, 1), (0, -2, 2)])
        }
        "slice" => lax::slice(x, &[0, 1, 0], &[2, 3, 4], &[1, 1, 3]),
        "concatenate" => lax::concatenate(&[x.clone(), x.index(s![.., ..1])], 1),
        "split" => return x.split_at([1], 2),
        "stack" => stack(&[x.clone(), x.clone()], 1),
        "tile" => x.tile([2, 1, 3]),
        "squeeze" => lax::squeeze(&x.index(..1), &[0]),
        "roll" => x.roll(5, 1),
        "repeat" => x.repeat(3, 1),
        "flip" => x.flip(1),
        "swapaxes" => x.swapaxes(0, 2),
        "moveaxis" => x.moveaxis(0, -1),
        "tril" => x.tril(1),
        "triu" => x.triu(0),
        "expand_dims" => x.expand_dims(2),
        "dynamic_slice" => lax::dynamic_slice(x, &ints([1, -1, 9]), &[1, 2, 3]),
        "dynamic_update_slice" => {
            lax::dynamic_update_slice(x, &x.index(s![..1, ..2, ..2]), &ints([7, -2, 1]))
        }
        "cumsum" => lax::cumsum(x, 1, false),
        name => panic!("no function {name}"),
    }]
}
