//! Triangular factors and systems.

use crate::Operation;
use cotangent::lax::{self, Solve};
use cotangent::linalg::{self, Triangle};

pub fn operation(name: &str) -> Operation {
    match name {
        "cholesky" => |_, x| vec![linalg::cholesky(&x[0])],
        "triangular_solve" => |p, x| {
            let flag = |name: &str| p.int(name) == 1;
            let options = Solve {
                left_side: flag("left"),
                lower: flag("lower"),
                transpose_a: flag("transpose"),
                conjugate_a: flag("conjugate"),
                unit_diagonal: flag("unit"),
            };
            vec![lax::triangular_solve(&x[0], &x[1], options)]
        },
        "solve_triangular" => |p, x| {
            let lower = p.int("lower") == 1;
            let triangle = if lower { Triangle::lower() } else { Triangle::upper() };
            vec![linalg::solve_triangular(&x[0], &x[1], triangle)]
        },
        "cho_solve" => |_, x| vec![linalg::cho_solve(&x[0], &x[1])],
        _ => panic!("no operation {name}"),
    }
}
