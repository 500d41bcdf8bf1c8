//! Wrong calls of the functions of the feature `linalg`.

use super::harness::wrong;
use super::values::{i, m, s, u, v};
use cotangent::lax::{self, Solve};
use cotangent::linalg::{self, Triangle};
use cotangent::prelude::*;
use cotangent::random;

fn key() -> random::Key {
    random::key(0)
}

wrong! {
    "lax::cholesky" => lax::cholesky(&m(), true);
    "lax::cholesky" => lax::cholesky(&array![[1]], true);
    "lax::triangular_solve" => lax::triangular_solve(&m(), &m(), Solve::left());
    "lax::triangular_solve" => lax::triangular_solve(&ones([2, 2]), &ones([3, 1]), Solve::left());
    "random::multivariate_normal" => random::multivariate_normal(&key(), &v(), &m(), [1]);
    "random::multivariate_normal" => random::multivariate_normal(&key(), &s(), &m(), [1]);
    "random::multivariate_normal" => random::multivariate_normal(&key(), &i(), &i(), [1]);
    "linalg::cholesky" => linalg::cholesky(m());
    "linalg::cholesky" => linalg::cholesky(s());
    "linalg::cho_solve" => linalg::cho_solve(ones([2, 2]), u());
    "linalg::cho_solve" => linalg::cho_solve(m(), v());
    "linalg::solve_positive" => linalg::solve_positive(ones([2, 2]), u());
    "linalg::solve_positive" => linalg::solve_positive(m(), v());
    "linalg::solve_triangular" => linalg::solve_triangular(ones([2, 2]), u(), Triangle::lower());
    "linalg::solve_triangular" => linalg::solve_triangular(m(), v(), Triangle::upper());
}
