//! A loop over the rows of an array.

#![allow(unused)]
use cotangent::numpy;
use cotangent::prelude::*;

pub fn main() {
    let x = array![[1.0, 2.0], [3.0, 4.0]];
    let mut sums = Vec::new();
    for row in &x {
        sums.push(row.sum().item::<f32>());
    }
    assert_eq!(sums, [3.0, 7.0]);
    assert_eq!((x.len(), x.iter().rev().count()), (2, 2));
    for row in x {
        assert_eq!(row.shape(), [2]);
    }

    // Under a trace the loop is unrolled, and differentiable.
    let weighted = |x: Array| {
        let rows = x.iter().zip(1..);
        rows.fold(Array::from(0), |total, (row, i)| total + i * row.sum())
    };
    let g = jit(grad(weighted))(array![[1.0, 2.0], [3.0, 4.0]]);
    assert_eq!(g.to_vec::<f32>(), [1.0, 1.0, 2.0, 2.0]);

    let none = zeros([0, 3]);
    assert_eq!((none.len(), none.iter().count(), none.is_empty()), (0, 0, true));
    assert!(!ones([2]).is_empty());
    let mut parts = arange(5).into_iter();
    assert_eq!(parts.nth(1).unwrap().item::<i32>(), 1);
    assert_eq!((parts.len(), parts.next_back().unwrap().item::<i32>()), (3, 4));

    let scalar = Array::from(1.0f32);
    let cure = "expected an array with an axis, got f32[]; item() gives the number, size() counts \
                elements";
    assert_eq!(scalar.try_len().unwrap_err().message(), format!("len: {cure}"));
    assert_eq!(scalar.try_iter().err().unwrap().message(), format!("iter: {cure}"));
}
