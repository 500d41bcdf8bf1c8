//! The vector instructions of this processor that the emitter uses.
//!
//! Results do not depend on the tier. `COTANGENT_CPU_WITHOUT` takes tiers away: `avx512` leaves
//! 256-bit vectors, `avx512,avx2` those of 128 bits, which Cranelift makes.

use super::asm::Width;
use crate::plan::lanes::Vectors;
use std::sync::OnceLock;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Tier {
    /// 16 registers of 256 bits, with FMA and F16C.
    Avx2,
    /// 32 registers of 512 bits and 8 mask registers: AVX-512 F, DQ, BW, VL and CD.
    Avx512,
}

impl Tier {
    pub fn width(self) -> Width {
        match self {
            Tier::Avx2 => Width::Y256,
            Tier::Avx512 => Width::Z512,
        }
    }

    pub fn vectors(self) -> Vectors {
        Vectors { bytes: self.width().bytes() }
    }

    /// Returns whether masks are mask registers, not vectors.
    pub fn masks(self) -> bool {
        self == Tier::Avx512
    }
}

/// The widest tier of this processor; `None` if it has neither.
pub fn host() -> Option<Tier> {
    static HOST: OnceLock<Option<Tier>> = OnceLock::new();
    *HOST.get_or_init(|| {
        let without = std::env::var(crate::code::isa::WITHOUT).unwrap_or_default();
        let without: Vec<&str> = without.split(',').map(str::trim).collect();
        detect(&|feature| without.contains(&feature))
    })
}

/// Returns whether the processor counts one bits in vectors of the wide tier.
/// `COTANGENT_CPU_WITHOUT=avx512vpopcntdq` takes it away.
pub fn counts_ones() -> bool {
    static COUNTS: OnceLock<bool> = OnceLock::new();
    *COUNTS.get_or_init(|| {
        let without = std::env::var(crate::code::isa::WITHOUT).unwrap_or_default();
        let taken = without.split(',').any(|w| w.trim() == "avx512vpopcntdq");
        std::is_x86_feature_detected!("avx512vpopcntdq") && !taken
    })
}

fn detect(without: &dyn Fn(&str) -> bool) -> Option<Tier> {
    macro_rules! all {
        ($($feature:tt)*) => { $(std::is_x86_feature_detected!($feature))&&* };
    }
    let narrow = all!("avx2" "fma" "f16c" "bmi1" "bmi2");
    if !narrow || without("avx2") || without("fma") {
        return None;
    }
    let wide = all!("avx512f" "avx512dq" "avx512bw" "avx512vl" "avx512cd");
    Some(if wide && !without("avx512") { Tier::Avx512 } else { Tier::Avx2 })
}
