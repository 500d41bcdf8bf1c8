//! Marks that a compiler reads the crate, since evcxr's rust-analyzer runs no build scripts.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(compiled)");
    println!("cargo::rustc-cfg=compiled");
}
