//! The functions of cuBLASLt that cotangent's CUDA backend calls, over the same memory and streams.
//!
//! They give statuses of that library. A product waits in its stream as a kernel does.

use super::call::{current_or_none, enter, functions, with_stream};
use crate::code::{Answer, Code};
use crate::driver::blas::{Algorithm, Operands};
use crate::driver::object::{
    Description, EXECUTION_FAILED, INVALID, Layout, NOT_INITIALIZED, NOT_SUPPORTED, Object,
    Preference,
};
use crate::driver::{Driver, Work};
use crate::pointer::{In, Out};
use std::sync::MutexGuard;

/// The words of an algorithm, and of a result of the choice.
const WORDS: usize = 8;

/// The calls that a test may fail.
const CREATE: u32 = 0;
const CHOOSE: u32 = 1;
const MULTIPLY: u32 = 2;

/// The driver, unless a test wants this call to fail.
fn begin(call: u32) -> Answer<MutexGuard<'static, Driver>> {
    let driver = enter().map_err(|_| NOT_INITIALIZED)?;
    match driver.shared.settings.fail_product {
        Some((failing, code)) if failing == call => Err(code),
        _ => Ok(driver),
    }
}

fn objects() -> Answer<MutexGuard<'static, Driver>> {
    enter().map_err(|_| NOT_INITIALIZED)
}

fn made(out: &Out<u64>, object: Object) -> Answer {
    if out.is_null() {
        return Err(INVALID);
    }
    out.put(objects()?.add_object(object))
}

fn destroyed(handle: u64, is: fn(&Object) -> bool) -> Answer {
    let mut driver = objects()?;
    if !is(driver.object(handle)?) {
        return Err(INVALID);
    }
    driver.objects.remove(&handle);
    Ok(())
}

/// The value of an attribute of so many bytes.
fn value<T: Copy>(from: In<u64>, bytes: usize) -> Answer<T> {
    if bytes != size_of::<T>() {
        return Err(INVALID);
    }
    from.part::<T>(0).get().map_err(|_| INVALID)
}

functions! {
    fn cublasLtCreate(out: Out<u64>) {
        let mut driver = begin(CREATE)?;
        let context = current_or_none();
        driver.context(context).map_err(|_| NOT_INITIALIZED)?;
        out.put(driver.add_object(Object::Library { context }))
    }

    fn cublasLtDestroy(handle: u64) {
        destroyed(handle, |o| matches!(o, Object::Library { .. }))
    }

    fn cublasLtMatmulDescCreate(out: Out<u64>, compute: u32, scale: u32) {
        let transposed = [false; 2];
        made(&out, Object::Description(Description { compute, scale, transposed }))
    }

    fn cublasLtMatmulDescDestroy(handle: u64) {
        destroyed(handle, |o| matches!(o, Object::Description(_)))
    }

    fn cublasLtMatmulDescSetAttribute(
        handle: u64,
        attribute: u32,
        from: In<u64>,
        bytes: usize,
    ) {
        let mut driver = objects()?;
        let Object::Description(description) = driver.object(handle)? else {
            return Err(INVALID);
        };
        let transposed = match (attribute, value::<i32>(from, bytes)?) {
            (3 | 4, n @ (0 | 1)) => n == 1,
            _ => return Err(NOT_SUPPORTED),
        };
        description.transposed[attribute as usize - 3] = transposed;
        Ok(())
    }

    fn cublasLtMatrixLayoutCreate(
        out: Out<u64>,
        dtype: u32,
        rows: u64,
        columns: u64,
        leading: i64,
    ) {
        let layout = Layout { dtype, rows, columns, leading, batch: 1, apart: 0 };
        made(&out, Object::Layout(layout))
    }

    fn cublasLtMatrixLayoutDestroy(handle: u64) {
        destroyed(handle, |o| matches!(o, Object::Layout(_)))
    }

    fn cublasLtMatrixLayoutSetAttribute(
        handle: u64,
        attribute: u32,
        from: In<u64>,
        bytes: usize,
    ) {
        let mut driver = objects()?;
        let Object::Layout(layout) = driver.object(handle)? else { return Err(INVALID) };
        match attribute {
            5 => layout.batch = value(from, bytes)?,
            6 => layout.apart = value(from, bytes)?,
            _ => return Err(NOT_SUPPORTED),
        }
        Ok(())
    }

    fn cublasLtMatmulPreferenceCreate(out: Out<u64>) {
        let wishes = Preference { workspace: 0, alignment: [256; 4], schemes: 7 };
        made(&out, Object::Preference(wishes))
    }

    fn cublasLtMatmulPreferenceDestroy(handle: u64) {
        destroyed(handle, |o| matches!(o, Object::Preference(_)))
    }

    fn cublasLtMatmulPreferenceSetAttribute(
        handle: u64,
        attribute: u32,
        from: In<u64>,
        bytes: usize,
    ) {
        let mut driver = objects()?;
        let Object::Preference(wishes) = driver.object(handle)? else { return Err(INVALID) };
        match attribute {
            1 => wishes.workspace = value(from, bytes)?,
            3 => wishes.schemes = value(from, bytes)?,
            5..=8 => wishes.alignment[attribute as usize - 5] = value(from, bytes)?,
            _ => return Err(NOT_SUPPORTED),
        }
        Ok(())
    }

    fn cublasLtMatmulAlgoGetHeuristic(
        handle: u64,
        description: u64,
        left: u64,
        right: u64,
        added: u64,
        out: u64,
        wishes: u64,
        wanted: i32,
        results: Out<u64>,
        count: Out<i32>,
    ) {
        let mut driver = begin(CHOOSE)?;
        let context = driver.library(handle, current_or_none())?;
        // A choice while a stream records is what some versions fail at.
        driver.refuse_recording(context).map_err(|_| NOT_SUPPORTED)?;
        if wanted < 1 {
            return Err(INVALID);
        }
        let shapes = driver.shapes(description, [left, right, added, out])?;
        let Object::Preference(wishes) = *driver.object(wishes)? else { return Err(INVALID) };
        let Algorithm { of, alignment: [left, right, out], workspace } = shapes.choose(&wishes)?;
        for (n, word) in [of, left, right, out, workspace, 0, 0, 0, workspace].iter().enumerate() {
            results.put_at(n, *word)?;
        }
        // The status, and how many rounds the blocks make.
        results.put_at(WORDS + 1, u64::from(1f32.to_bits()) << 32)?;
        count.put(1)
    }

    fn cublasLtMatmul(
        handle: u64,
        description: u64,
        alpha: In<u64>,
        left: u64,
        left_layout: u64,
        right: u64,
        right_layout: u64,
        beta: In<u64>,
        added: u64,
        added_layout: u64,
        out: u64,
        out_layout: u64,
        algorithm: In<u64>,
        workspace: u64,
        workspace_bytes: usize,
        stream: u64,
    ) {
        let words = algorithm.array(WORDS).map_err(|_| INVALID)?;
        let current = {
            let mut driver = begin(MULTIPLY)?;
            driver.library(handle, current_or_none())?
        };
        with_stream(stream, |driver, context, stream| {
            if context != current {
                return Err(INVALID);
            }
            let layouts = [left_layout, right_layout, added_layout, out_layout];
            let shapes = driver.shapes(description, layouts)?;
            let factor = |from: &In<u64>| -> Answer<f64> {
                match shapes.description.scale {
                    1 => from.part::<f64>(0).get(),
                    _ => from.part::<f32>(0).get().map(f64::from),
                }
            };
            let operands = Operands {
                alpha: factor(&alpha)?,
                beta: factor(&beta)?,
                addresses: [left, right, added, out],
                algorithm: Algorithm {
                    of: words[0],
                    alignment: [words[1], words[2], words[3]],
                    workspace: words[4],
                },
                workspace: (workspace, workspace_bytes as u64),
            };
            let product = shapes.product(driver, context, &operands)?;
            driver.submit(context, stream, Work::Product(Box::new(product)))
        })
        // A status of the driver is none of the library's.
        .map_err(|code| if code.0 < 20 { code } else { EXECUTION_FAILED })
    }

    /// Fails a call of the library, until the stub is reset: 0 is its creation, 1 a choice, 2 a
    /// product.
    fn cotangent_stub_fail_product(call: u32, status: u32) {
        crate::driver::lock().shared.settings.fail_product = Some((call, Code(status)));
        Ok(())
    }
}
