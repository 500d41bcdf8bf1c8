//! Scatters: updates that combine with elements at places that are known when the program runs, as
//! `cotangent_jit::kernel` defines it. How a kernel becomes one lives in `plan::scatter`.
//!
//! An update is a row of neighbouring elements, often of one. Threads share a scatter in one of two
//! ways, and neither lets their number show in a result:
//! - the kernel's order has chunks: a thread takes a chunk of updates and a copy of the elements,
//!   and the copies are folded in order;
//! - else a thread takes a range of the elements, and of every update what falls into it. The order
//!   of the updates of one element stays.

mod number;
mod update;

use self::number::{Element, Max, Min, Number, Op, Product, Sum};
use self::update::{Updates, update};
use crate::run::runtime::guarded;
use crate::run::share::share;
use cotangent_jit::DType;
use cotangent_jit::kernel::Combine;
use half::{bf16, f16};
use std::ops::Range;

/// Elements below which a thread does all updates, and elements of a part that folds copies.
const SHARED: usize = 1 << 14;
const JOINED: usize = 1 << 12;
/// Elements of copies that are folded at once.
const BLOCK: usize = 256;
/// Rows of this width pay for a look at all places by several parts per thread.
const WIDE_ROW: usize = 16;
const PARTS_PER_THREAD: usize = 4;

/// A scatter of a program.
pub struct Scatter {
    pub dtype: DType,
    pub combine: Option<Combine>,
    /// The number of updates, and the neighbouring elements of an update.
    pub rows: usize,
    pub width: usize,
    /// The number of elements.
    pub len: usize,
    /// Lanes, and updates per chunk, if updates combine in copies of the elements.
    pub copies: Option<(usize, usize)>,
}

/// A scatter with its addresses.
struct Task<'a> {
    s: &'a Scatter,
    elements: *mut u8,
    places: *const i32,
    values: *const u8,
    copies: *mut u8,
}

// SAFETY: places and values are read; parts write copies or ranges of elements of their own.
unsafe impl Sync for Task<'_> {}

/// Generated code calls this function.
///
/// # Safety
/// `scatter` is alive. `args` holds the addresses of the elements, of the places of all updates, of
/// their values in order, and of the scratch memory for copies.
pub unsafe extern "C" fn run(scatter: *const Scatter, args: *const *mut u8) {
    // SAFETY: the caller's promise.
    let (s, [elements, places, values, copies]) =
        unsafe { (&*scatter, [0, 1, 2, 3].map(|n| *args.add(n))) };
    let t = Task { s, elements, places: places.cast(), values, copies };
    // SAFETY: the planner allows only these types.
    guarded(|| unsafe {
        match (s.combine, s.dtype) {
            (None, d) => match d.size() {
                1 => t.in_order::<u8, u8>(|_, x| x),
                2 => t.in_order::<u16, u16>(|_, x| x),
                4 => t.in_order::<u32, u32>(|_, x| x),
                _ => t.in_order::<u64, u64>(|_, x| x),
            },
            (Some(Combine::Sum), d) => t.by_bits::<Sum>(d),
            (Some(Combine::Product), d) => t.by_bits::<Product>(d),
            (Some(Combine::Max), d) => t.by_size::<Max>(d),
            (Some(Combine::Min), d) => t.by_size::<Min>(d),
            (Some(other), _) => unreachable!("no scatter by {}", other.name()),
        }
    });
}

impl Task<'_> {
    /// Sums and products: those of signed and unsigned ints have the same bits.
    unsafe fn by_bits<O: Op>(&self, d: DType) {
        // SAFETY: the elements have this type.
        unsafe {
            match d {
                DType::F32 => self.run::<f32, f32, f64, O>(),
                DType::F64 => self.run::<f64, f64, f64, O>(),
                DType::F16 => self.run::<f16, f32, f32, O>(),
                DType::BF16 => self.run::<bf16, f32, f32, O>(),
                d if d.size() == 4 => self.run::<u32, u32, u32, O>(),
                _ => self.run::<u64, u64, u64, O>(),
            }
        }
    }

    /// Extremes.
    unsafe fn by_size<O: Op>(&self, d: DType) {
        // SAFETY: the elements have this type.
        unsafe {
            match d {
                DType::F32 => self.run::<f32, f32, f32, O>(),
                DType::F64 => self.run::<f64, f64, f64, O>(),
                DType::F16 => self.run::<f16, f32, f32, O>(),
                DType::BF16 => self.run::<bf16, f32, f32, O>(),
                DType::I32 => self.run::<i32, i32, i32, O>(),
                DType::U32 => self.run::<u32, u32, u32, O>(),
                DType::I64 => self.run::<i64, i64, i64, O>(),
                _ => self.run::<u64, u64, u64, O>(),
            }
        }
    }

    /// Elements `T` that combine as numbers `C` in order and as `A` in copies.
    unsafe fn run<T: Element<C> + Element<A>, C: Number, A: Number, O: Op>(&self) {
        // SAFETY: the elements have this type.
        unsafe {
            match self.s.copies {
                None => self.in_order::<T, T>(|x, y| {
                    T::narrow(O::of(<T as Element<C>>::wide(x), <T as Element<C>>::wide(y)))
                }),
                Some(_) => self.in_copies::<T, A, O>(),
            }
        }
    }

    /// Threads share the elements.
    unsafe fn in_order<T: Copy, C: Copy>(&self, fold: impl Fn(C, T) -> C + Copy + Sync) {
        let s = self.s;
        let threads = rayon::current_num_threads();
        let parts = match s.rows * s.width {
            points if points < SHARED || threads == 1 => 1,
            _ if s.width >= WIDE_ROW => threads * PARTS_PER_THREAD,
            _ => threads,
        };
        let end = |part: usize| (s.len as u128 * part as u128 / parts as u128) as usize;
        share(parts, |part| {
            let range = end(part)..end(part + 1);
            // SAFETY: the range is inside the elements, and no other part writes to it.
            unsafe { update(&self.updates(0..s.rows), self.elements.cast(), range, 1, fold) };
        });
    }

    /// Threads share the updates. Each chunk of them has a copy of the elements.
    unsafe fn in_copies<T: Element<A>, A: Number, O: Op>(&self) {
        let (s, Some((lanes, rows))) = (self.s, self.s.copies) else { return };
        let chunks = s.rows.div_ceil(rows);
        let fold = |x: A, y: T| O::of(x, y.wide());
        let copies = self.copies.cast::<A>() as usize;
        share(chunks, |chunk| {
            let rows = chunk * rows..s.rows.min((chunk + 1) * rows);
            // SAFETY: the scratch memory has a copy for every chunk.
            unsafe {
                let copy =
                    std::slice::from_raw_parts_mut((copies as *mut A).add(chunk * s.len), s.len);
                copy.fill(O::neutral());
                if lanes == 1 {
                    return update(&self.updates(rows), copy.as_mut_ptr(), 0..s.len, 1, fold);
                }
                let mut dealt = vec![O::neutral::<A>(); lanes * s.len];
                update(&self.updates(rows), dealt.as_mut_ptr(), 0..s.len, lanes, fold);
                let mut half = lanes / 2;
                while half > 0 {
                    let (low, high) = dealt.split_at_mut(half * s.len);
                    low.iter_mut().zip(high).for_each(|(x, y)| *x = O::of(*x, *y));
                    half /= 2;
                }
                copy.copy_from_slice(&dealt[..s.len]);
            }
        });
        share(s.len.div_ceil(JOINED), |part| {
            let end = s.len.min((part + 1) * JOINED);
            for start in (part * JOINED..end).step_by(BLOCK) {
                // SAFETY: elements of this part, and all copies of them.
                unsafe {
                    let len = BLOCK.min(end - start);
                    let elements = self.elements.cast::<T>().add(start);
                    let elements = std::slice::from_raw_parts_mut(elements, len);
                    let mut sums = [O::neutral::<A>(); BLOCK];
                    sums.iter_mut().zip(&*elements).for_each(|(x, y)| *x = y.wide());
                    for chunk in 0..chunks {
                        let copy = (copies as *const A).add(chunk * s.len + start);
                        let copy = std::slice::from_raw_parts(copy, len);
                        sums.iter_mut().zip(copy).for_each(|(x, y)| *x = O::of(*x, *y));
                    }
                    elements.iter_mut().zip(sums).for_each(|(x, y)| *x = T::narrow(y));
                }
            }
        });
    }

    /// These updates.
    ///
    /// # Safety
    /// They exist, and have values of this type.
    unsafe fn updates<T>(&self, rows: Range<usize>) -> Updates<'_, T> {
        let (width, len) = (self.s.width, self.s.len);
        // SAFETY: the caller's promise.
        unsafe {
            let places = std::slice::from_raw_parts(self.places.add(rows.start), rows.len());
            let values = self.values.cast::<T>().add(rows.start * width);
            Updates { places, values, width, len }
        }
    }
}
