//! The golden corpus as PTX, against the record in `tests/golden` beside the other stages; and what
//! it computes, beside the CPU.
//!
//! `GOLDEN=update cargo test -p cotangent-proptests --test ptx` writes it anew. The text is for
//! every device the same, and a stub of the driver is enough to make it.

#[path = "../../tests/golden/corpus.rs"]
mod corpus;

use cotangent::prelude::*;
use cotangent_proptests::laws::cuda::device;
use std::path::Path;

fn text(device: &Device, f: Func<'static, (Own<Array>,), Array>, x: &Array) -> String {
    with_default_device(device, || {
        let compiled = f.lower((x.to(device),)).and_then(|l| l.compile()).expect("it compiles");
        compiled.text("ptx").expect("text was kept")
    })
}

#[test]
fn corpus_as_ptx() {
    let device = device().expect("the stub's device");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/golden");
    let mut wrong = Vec::new();
    let integers: corpus::Entry = ("integers", |x| (&x * 3 + 1) ^ x, || array![1, 2, 3, 4, 5]);
    for (name, f, x) in corpus::ALL.into_iter().chain([integers]) {
        let x = x();
        let mut found = format!("== value\n{}", text(&device, jit(f), &x));
        if x.dtype().is_float() {
            found += &format!("\n== gradient\n{}", text(&device, jit(grad(f)), &x));
        }
        let path = folder.join(format!("{name}.ptx"));
        if std::env::var("GOLDEN").is_ok_and(|v| v == "update") {
            std::fs::write(&path, &found).expect("a record that can be written");
            continue;
        }
        let kept = std::fs::read_to_string(&path).unwrap_or_default();
        let same = kept.lines().zip(found.lines()).take_while(|(a, b)| a == b).count();
        if kept != found {
            wrong.push(format!("{name}.ptx differs from line {}", same + 1));
        }
    }
    assert!(wrong.is_empty(), "{}\nGOLDEN=update writes the record anew", wrong.join("\n"));
}

/// Results are the CPU's to the bit, but for products of matrices, which sum in another order.
#[test]
fn corpus_computes_what_the_cpu_does() {
    let device = device().expect("the stub's device");
    for (name, f, x) in corpus::ALL {
        let x = x();
        for (what, f) in [("value", jit(f)), ("gradient", jit(grad(f)))] {
            let want = f(x.to(&Device::cpu())).to_vec::<f32>();
            let got = f(x.to(&device)).to_vec::<f32>();
            let most = if name == "layer" { 1e-6 } else { 0.0 };
            let agree = want.iter().zip(&got).all(|(w, g)| w == g || (w - g).abs() <= most);
            assert!(want.len() == got.len() && agree, "{name}, {what}: {got:?}, expected {want:?}");
        }
    }
}
