//! The treatment of subnormal numbers by the float unit of a thread: by IEEE 754, or flushed to
//! zero.
//!
//! x86-64 has two bits for it in MXCSR: subnormal operands count as zero (DAZ), and subnormal
//! results become zero (FTZ). aarch64 has FZ in FPCR, which does both. On other machines nothing
//! is flushed.
//!
//! Rust takes for granted that these bits are clear: the compiler may compute an operation of
//! constants by IEEE 754, and may move an operation of Rust across a change of the bits. Therefore
//! the room changes them only around calls by address (the driver of a program, the parts that a
//! helping thread runs, a closure of the host), which the compiler cannot look into. Rust code of
//! the runtime that runs between, products and factorisations, computes with either treatment: no
//! index, length or address there comes from a float.
//!
//! Not here: which programs flush (`CompileOptions`).

use std::marker::PhantomData;

/// Tells whether this thread flushes now.
pub fn flushes() -> bool {
    unit::read() & unit::FLUSH == unit::FLUSH
}

/// The treatment of a thread until the guard is dropped, which puts the former one back.
#[must_use]
pub struct Treatment {
    /// The control word to put back, if it was changed.
    before: Option<unit::Word>,
    /// The word belongs to the thread: the guard cannot be sent to another.
    on_this_thread: PhantomData<*const ()>,
}

impl Treatment {
    pub fn set(flush: bool) -> Treatment {
        let now = unit::read();
        let word = if flush { now | unit::FLUSH } else { now & !unit::FLUSH };
        let before = (word != now).then_some(now);
        if before.is_some() {
            unit::write_flush_bits_of(word);
        }
        Treatment { before, on_this_thread: PhantomData }
    }
}

impl Drop for Treatment {
    fn drop(&mut self) {
        if let Some(word) = self.before {
            unit::write_flush_bits_of(word);
        }
    }
}

#[cfg(target_arch = "x86_64")]
mod unit {
    use std::arch::asm;

    pub type Word = u32;

    /// FTZ and DAZ. Every processor of 64 bits has both.
    pub const FLUSH: Word = 1 << 15 | 1 << 6;

    /// MXCSR.
    pub fn read() -> Word {
        let mut word: Word = 0;
        // SAFETY: the instruction stores 4 bytes to an address of 4 bytes, and changes nothing
        // else.
        unsafe {
            asm!("stmxcsr [{}]", in(reg) &raw mut word, options(nostack, preserves_flags));
        }
        word
    }

    /// Sets the bits of `FLUSH` as in this word, and leaves the other bits of MXCSR.
    pub fn write_flush_bits_of(word: Word) {
        let word = read() & !FLUSH | word & FLUSH;
        // SAFETY: the instruction loads 4 bytes from an address of 4 bytes. The word differs from
        // that of the processor in FTZ and DAZ alone, which exist, so that it does not fault, and
        // traps and the rounding mode stay. The head of the file says why float code that runs
        // with these bits is sound.
        unsafe { asm!("ldmxcsr [{}]", in(reg) &raw const word, options(nostack)) };
    }
}

#[cfg(target_arch = "aarch64")]
mod unit {
    use std::arch::asm;

    pub type Word = u64;

    /// FZ.
    pub const FLUSH: Word = 1 << 24;

    /// FPCR.
    pub fn read() -> Word {
        let word: Word;
        // SAFETY: reads a register that every program may read.
        unsafe { asm!("mrs {}, fpcr", out(reg) word, options(nostack, preserves_flags)) };
        word
    }

    /// Sets the bit of `FLUSH` as in this word, and leaves the other bits of FPCR.
    pub fn write_flush_bits_of(word: Word) {
        let word = read() & !FLUSH | word & FLUSH;
        // SAFETY: every program may write the register. The word differs from its content in FZ
        // alone. The head of the file says why float code that runs with this bit is sound.
        unsafe { asm!("msr fpcr, {}", in(reg) word, options(nostack)) };
    }
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
mod unit {
    pub type Word = u32;

    pub const FLUSH: Word = 1;

    pub fn read() -> Word {
        0
    }

    pub fn write_flush_bits_of(_: Word) {}
}

#[cfg(all(test, any(target_arch = "x86_64", target_arch = "aarch64")))]
mod tests {
    use super::*;
    use std::hint::black_box;
    use std::panic::catch_unwind;

    /// Half of the smallest normal number, and whether half of it and itself count as numbers.
    #[inline(never)]
    fn halves() -> [bool; 2] {
        let half: fn(f32) -> f32 = black_box(|x| x * black_box(0.5));
        let positive: fn(f32) -> bool = black_box(|x| x > black_box(0.0));
        [half(black_box(f32::MIN_POSITIVE)).to_bits() != 0, positive(black_box(f32::from_bits(1)))]
    }

    #[test]
    fn treatments_nest_and_are_put_back() {
        assert_eq!((flushes(), halves()), (false, [true; 2]));
        let flush = Treatment::set(true);
        assert_eq!((flushes(), halves()), (true, [false; 2]));
        {
            let _same = Treatment::set(true);
            assert!(flushes());
        }
        assert!(flushes());
        {
            let _ieee = Treatment::set(false);
            assert_eq!((flushes(), halves()), (false, [true; 2]));
        }
        assert_eq!((flushes(), halves()), (true, [false; 2]));
        drop(flush);
        assert_eq!((flushes(), halves()), (false, [true; 2]));
    }

    #[test]
    fn a_panic_puts_the_treatment_back() {
        let panics = || {
            let _flush = Treatment::set(true);
            std::panic::resume_unwind(Box::new(flushes()));
        };
        let flushed = catch_unwind(panics).unwrap_err();
        assert_eq!(flushed.downcast_ref(), Some(&true));
        assert!(!flushes());
    }
}
