//! A tour: plain closures, traced, differentiated, batched, compiled, each shown as its jaxpr.
//!
//! `cargo run --release --example 01_closures`

use cotangent::prelude::*;

/// A function is a closure or `fn` of arrays; nothing marks it as special.
fn energy(x: Array, y: Array) -> Array {
    (x.sin() * y).sum()
}

fn main() -> Result<(), Error> {
    // A device in COTANGENT_DEVICE that cannot be had is an error in words here.
    default_device()?;
    let (x, y) = (array![0.0, 0.5, 1.0], array![1.0, 2.0, 3.0]);

    heading("call it: operations run at once");
    println!("energy(x, y) = {}", energy(x.clone(), y.clone()));

    heading("trace it: the same closure as a jaxpr");
    println!("{}", make_jaxpr(energy)(x.clone(), y.clone()));

    heading("grad: cos x times y, as one would write it by hand");
    println!("{}", make_jaxpr(grad(energy))(x.clone(), y.clone()));
    println!("{}", grad(energy)(x.clone(), y.clone()));

    heading("grad of grad: closures compose, so transforms do");
    let slope = |t: Array| grad(|t: Array| t.sin() * &t)(t);
    println!("{}", make_jaxpr(grad(slope))(Array::from(0.5f32)));
    println!("second derivative at 0.5: {}", grad(slope)(Array::from(0.5f32)));

    heading("vmap: one gradient for each row of x, y shared");
    let rows = array![[0.0, 0.5, 1.0], [1.0, 1.5, 2.0]];
    let per_row = vmap_axes(grad(energy), (0, None));
    println!("{}", make_jaxpr(per_row.clone())(rows.clone(), y.clone()));
    println!("{}", per_row(rows, y.clone()));

    heading("captured arrays are inputs, never baked into code");
    let weights = array![0.1, 0.2, 0.3];
    let weighted = |x: Array| (x * &weights).sum();
    println!("{}", make_jaxpr(weighted)(x.clone()));

    heading("loops are one equation, whatever their length");
    let powers = |x: Array| {
        scan_with(
            |c: Array, ()| {
                let next = c * &x;
                (next.clone(), next)
            },
            Array::from(1.0f32),
            (),
            ScanOptions { length: Some(5), ..Default::default() },
        )
        .1
    };
    println!("{}", make_jaxpr(powers)(Array::from(2.0f32)));
    println!("{}", powers(Array::from(2.0f32)));
    println!(
        "derivative of the sum at 2: {}",
        grad(|x: Array| powers(x).sum())(Array::from(2.0f32))
    );

    heading("jit: traced once, compiled, then only called");
    let compiled = jit(value_and_grad(energy));
    let (value, gradient) = compiled(x, y);
    println!("{value} {gradient}");
    Ok(())
}

fn heading(text: &str) {
    println!("\n-- {text}");
}
