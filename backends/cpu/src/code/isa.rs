//! The targets that code is generated for: the host with all its features, in two variants of the
//! register allocator.
//!
//! The targets are built once per process and shared by all threads. Nothing here depends on a
//! kernel.

use cotangent_jit::{Error, err};
use cranelift_codegen::isa::OwnedTargetIsa;
use cranelift_codegen::settings::{self, Configurable};
use std::sync::OnceLock;

/// The variant of the register allocator.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
pub enum Allocator {
    /// For loop bodies: it gives good code, in time superlinear in the size of straight-line code.
    Careful,
    /// For long straight-line code: it gives more spills, in linear time.
    Fast,
}

/// An environment variable that takes features from the host, by Cranelift's names without `has_`:
/// `fma,avx2`.
///
/// Results do not depend on features: calls replace missing instructions, with the same bits and at
/// a higher cost. (Without FMA every fused step of an elementary function is such a call.)
pub const WITHOUT: &str = "COTANGENT_CPU_WITHOUT";

/// The host, described to Cranelift.
pub fn host(allocator: Allocator) -> Result<&'static OwnedTargetIsa, Error> {
    static CAREFUL: OnceLock<Result<OwnedTargetIsa, Error>> = OnceLock::new();
    static FAST: OnceLock<Result<OwnedTargetIsa, Error>> = OnceLock::new();
    let (cell, name) = match allocator {
        Allocator::Careful => (&CAREFUL, "backtracking"),
        Allocator::Fast => (&FAST, "single_pass"),
    };
    cell.get_or_init(|| build(name)).as_ref().map_err(Clone::clone)
}

fn build(allocator: &str) -> Result<OwnedTargetIsa, Error> {
    let mut flags = settings::builder();
    // Invariants are hoisted and nodes shared before code generation, so Cranelift's optimiser
    // would only cost time.
    let options = [
        ("opt_level", "none"),
        ("regalloc_algorithm", allocator),
        ("enable_verifier", if cfg!(debug_assertions) { "true" } else { "false" }),
        ("is_pic", "false"),
        ("unwind_info", "false"),
        ("enable_probestack", "true"),
        ("probestack_strategy", "inline"),
    ];
    for (name, value) in options {
        flags.set(name, value).map_err(|e| err!(Compile, "cranelift: setting {name}: {e}"))?;
    }
    let mut isa = cranelift_native::builder()
        .map_err(|e| err!(Unsupported, "cranelift: this machine is not supported: {e}"))?;
    let without = std::env::var(WITHOUT).unwrap_or_default();
    for feature in without.split(',').map(str::trim).filter(|f| !f.is_empty()) {
        // Cranelift has no such features: the other emitter has.
        if matches!(feature, "avx512" | "avx512vpopcntdq") {
            continue;
        }
        let name = format!("has_{feature}");
        isa.set(&name, "false").map_err(|e| err!(Compile, "{WITHOUT}: {feature}: {e}"))?;
    }
    isa.finish(settings::Flags::new(flags)).map_err(|e| err!(Compile, "cranelift: {e}"))
}
