//! The library for products of matrices: what it computes, when, and what it refuses.

mod session;

use cudarc::driver::{result, sys};
use session::{Session, lazy};
use std::cell::Cell;
use std::ffi::{CStr, CString, c_char, c_int, c_void};

unsafe extern "C" {
    fn dlopen(path: *const c_char, flags: c_int) -> *mut c_void;
    fn dlsym(library: *mut c_void, name: *const c_char) -> *mut c_void;
}

const INVALID: u32 = 7;
const EXECUTION_FAILED: u32 = 13;
const NOT_SUPPORTED: u32 = 15;

/// A function of the library that takes so many words.
macro_rules! call {
    ($name:expr, $($argument:expr),+) => {{
        let function = address($name);
        // SAFETY: the function takes integers and addresses; narrow integers take the low half of a
        // register. The addresses are those of values of the caller.
        unsafe { called!(function, $($argument),+) }
    }};
}

macro_rules! called {
    ($function:expr, $($argument:expr),+) => {
        std::mem::transmute::<*mut c_void, extern "C" fn($(word!($argument)),+) -> u32>($function)(
            $($argument as u64),+
        )
    };
}

macro_rules! word {
    ($argument:expr) => {
        u64
    };
}

fn address(name: &CStr) -> *mut c_void {
    let path = cotangent_cuda_stub::control::beside_this_program();
    let path = CString::new(path.to_str().unwrap()).unwrap();
    // SAFETY: both texts end with a zero; the library is loaded already.
    let found = unsafe { dlsym(dlopen(path.as_ptr(), 2), name.as_ptr()) };
    assert!(!found.is_null(), "{name:?}");
    found
}

/// The address of a value that the library reads.
fn place<T>(value: &T) -> u64 {
    std::ptr::from_ref(value).expose_provenance() as u64
}

/// The address of a value that the library writes.
fn out<T>(value: &Cell<T>) -> u64 {
    value.as_ptr().expose_provenance() as u64
}

fn library() -> u64 {
    let handle = Cell::new(0u64);
    assert_eq!(call!(c"cublasLtCreate", out(&handle)), 0);
    handle.get()
}

#[derive(Clone, Copy)]
struct Layout {
    dtype: u32,
    rows: u64,
    columns: u64,
    leading: i64,
    batch: i32,
    apart: i64,
}

/// Matrices of f32 without gaps.
fn dense(rows: u64, columns: u64, batch: i32) -> Layout {
    let apart = (rows * columns) as i64;
    Layout { dtype: 0, rows, columns, leading: rows as i64, batch, apart }
}

impl Layout {
    fn make(&self) -> u64 {
        let handle = Cell::new(0u64);
        let Layout { dtype, rows, columns, leading, .. } = *self;
        let create = c"cublasLtMatrixLayoutCreate";
        assert_eq!(call!(create, out(&handle), dtype, rows, columns, leading), 0);
        let handle = handle.get();
        let set = c"cublasLtMatrixLayoutSetAttribute";
        assert_eq!(call!(set, handle, 5, place(&self.batch), 4), 0);
        assert_eq!(call!(set, handle, 6, place(&self.apart), 8), 0);
        handle
    }
}

/// A product in the making: left, right, result.
struct Product {
    library: u64,
    compute: u32,
    transposed: [bool; 2],
    layouts: [Layout; 3],
    workspace: u64,
    alignment: u32,
    schemes: u32,
    beta: f32,
}

type Algorithm = [u64; 8];

impl Product {
    fn new(layouts: [Layout; 3]) -> Product {
        Product {
            library: library(),
            compute: 68,
            transposed: [false; 2],
            layouts,
            workspace: 32 << 20,
            alignment: 16,
            schemes: 2,
            beta: 0.0,
        }
    }

    fn description(&self) -> u64 {
        let handle = Cell::new(0u64);
        assert_eq!(call!(c"cublasLtMatmulDescCreate", out(&handle), self.compute, 0), 0);
        let handle = handle.get();
        for (n, turned) in self.transposed.into_iter().enumerate() {
            let op = i32::from(turned);
            let set = c"cublasLtMatmulDescSetAttribute";
            assert_eq!(call!(set, handle, 3 + n, place(&op), 4), 0);
        }
        handle
    }

    fn choose(&self) -> Result<Algorithm, u32> {
        let wishes = Cell::new(0u64);
        assert_eq!(call!(c"cublasLtMatmulPreferenceCreate", out(&wishes)), 0);
        let wishes = wishes.get();
        let set = c"cublasLtMatmulPreferenceSetAttribute";
        assert_eq!(call!(set, wishes, 1, place(&self.workspace), 8), 0);
        assert_eq!(call!(set, wishes, 3, place(&self.schemes), 4), 0);
        for n in 5..9 {
            assert_eq!(call!(set, wishes, n, place(&self.alignment), 4), 0);
        }
        let [left, right, sum] = self.layouts.map(|l| l.make());
        let (found, count) = (Cell::new([0u64; 12]), Cell::new(0i32));
        let status = call!(
            c"cublasLtMatmulAlgoGetHeuristic",
            self.library,
            self.description(),
            left,
            right,
            sum,
            sum,
            wishes,
            1,
            out(&found),
            out(&count)
        );
        if status != 0 {
            return Err(status);
        }
        assert_eq!(count.get(), 1);
        let found = found.get();
        assert_eq!(found[8], found[4]);
        Ok(std::array::from_fn(|n| found[n]))
    }

    /// Enqueues the product of what lies at these addresses.
    fn run(
        &self,
        algorithm: &Algorithm,
        [left, right, sum]: [u64; 3],
        (workspace, bytes): (u64, u64),
        stream: sys::CUstream,
    ) -> u32 {
        let alpha = 1f32;
        let layouts = self.layouts.map(|l| l.make());
        call!(
            c"cublasLtMatmul",
            self.library,
            self.description(),
            place(&alpha),
            left,
            layouts[0],
            right,
            layouts[1],
            place(&self.beta),
            sum,
            layouts[2],
            sum,
            layouts[2],
            place(algorithm),
            workspace,
            bytes,
            stream.addr()
        )
    }
}

/// The numbers from one on.
fn numbers(s: &Session, count: usize) -> u64 {
    let all: Vec<f32> = (1..=count).map(|n| n as f32).collect();
    s.upload(&all)
}

#[test]
fn columns_times_columns() {
    let s = lazy();
    let stream = s.stream();
    // By columns: 1 3 5 / 2 4 6 times 1 4 / 2 5 / 3 6.
    let p = Product::new([dense(2, 3, 1), dense(3, 2, 1), dense(2, 2, 1)]);
    let algorithm = p.choose().unwrap();
    let (x, y, z) = (numbers(&s, 6), numbers(&s, 6), numbers(&s, 4));
    assert_eq!(p.run(&algorithm, [x, y, z], (0, 0), stream), 0);
    // It waits as a kernel does.
    // SAFETY: the stream exists.
    unsafe { result::stream::synchronize(stream) }.unwrap();
    assert_eq!(s.download::<f32>(z, 4).unwrap(), [22.0, 28.0, 49.0, 64.0]);
    // Both transposed: 1 2 / 3 4 / 5 6 times 1 2 3 / 4 5 6.
    let layouts = [dense(2, 3, 1), dense(3, 2, 1), dense(3, 3, 1)];
    let p = Product { transposed: [true; 2], ..Product::new(layouts) };
    let algorithm = p.choose().unwrap();
    let z = numbers(&s, 9);
    assert_eq!(p.run(&algorithm, [x, y, z], (0, 0), stream), 0);
    // SAFETY: the stream exists.
    unsafe { result::stream::synchronize(stream) }.unwrap();
    let wanted = [9.0, 19.0, 29.0, 12.0, 26.0, 40.0, 15.0, 33.0, 51.0];
    assert_eq!(s.download::<f32>(z, 9).unwrap(), wanted);
}

#[test]
fn descriptions_that_do_not_fit() {
    let _s = lazy();
    let [x, y, z] = [dense(4, 3, 2), dense(3, 5, 2), dense(4, 5, 2)];
    let refused = |layouts: [Layout; 3]| Product::new(layouts).choose().unwrap_err();
    assert!(Product::new([x, y, z]).choose().is_ok());
    for layouts in [
        [x, dense(4, 5, 2), z],
        [x, y, dense(5, 4, 2)],
        [Layout { leading: 3, ..x }, y, z],
        [x, Layout { leading: -3, ..y }, z],
        [Layout { rows: 0, ..x }, y, z],
        [Layout { batch: 3, ..x }, y, z],
        [x, Layout { dtype: 2, ..y }, z],
        // Results that overlap; operands may.
        [x, y, Layout { apart: 19, ..z }],
        [x, y, Layout { apart: 0, ..z }],
    ] {
        assert_eq!(refused(layouts), INVALID);
    }
    assert!(Product::new([Layout { apart: 0, ..x }, Layout { apart: 1, ..y }, z]).choose().is_ok());
    // Types that are not summed so, a scheme that adds in the type of results, a foreign library.
    let product = || Product::new([x, y, z]);
    assert_eq!(Product { compute: 70, ..product() }.choose().unwrap_err(), NOT_SUPPORTED);
    assert_eq!(Product { schemes: 7, ..product() }.choose().unwrap_err(), NOT_SUPPORTED);
    assert_eq!(Product { alignment: 3, ..product() }.choose().unwrap_err(), INVALID);
    assert_eq!(Product { library: 1, ..product() }.choose().unwrap_err(), INVALID);
    let deep = Product::new([dense(4, 300, 1), dense(300, 5, 1), dense(4, 5, 1)]);
    assert_eq!(Product { workspace: 0, ..deep }.choose().unwrap_err(), NOT_SUPPORTED);
}

#[test]
fn operands_that_do_not_fit() {
    let s = lazy();
    let stream = s.stream();
    let p = Product::new([dense(4, 300, 1), dense(300, 5, 1), dense(4, 5, 1)]);
    let algorithm = p.choose().unwrap();
    let good = [numbers(&s, 1200), numbers(&s, 1500), numbers(&s, 20)];
    let [x, y, z] = good;
    let space = (s.upload(&vec![0u8; 1 << 20]), 1 << 20);
    assert_eq!(p.run(&algorithm, good, space, stream), 0);
    for bad in [[x + 4, y, z], [x, y + 16, z], [x, y, z + 16], [x, z, z], [8, y, z]] {
        assert_eq!(p.run(&algorithm, bad, space, stream), INVALID, "{bad:?}");
    }
    for bad in [(0, 0), (space.0, 100), (space.0 + 256, 1 << 20), (0, 1 << 20)] {
        assert_eq!(p.run(&algorithm, good, bad, stream), INVALID, "{bad:?}");
    }
    // An algorithm of another product; something to add.
    let other = Product::new([dense(4, 300, 1), dense(300, 4, 1), dense(4, 4, 1)]);
    assert_eq!(p.run(&other.choose().unwrap(), good, space, stream), INVALID);
    let adds = Product { beta: 1.0, ..p };
    assert_eq!(adds.run(&algorithm, good, space, stream), INVALID);
}

#[test]
fn a_stream_that_records_takes_no_product() {
    let s = lazy();
    let stream = s.stream();
    let p = Product::new([dense(4, 3, 1), dense(3, 5, 1), dense(4, 5, 1)]);
    let algorithm = p.choose().unwrap();
    let all = [numbers(&s, 12), numbers(&s, 15), numbers(&s, 20)];
    let mode = sys::CUstreamCaptureMode::CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
    // SAFETY: the stream exists.
    unsafe { result::stream::begin_capture(stream, mode) }.unwrap();
    assert_eq!(p.run(&algorithm, all, (0, 0), stream), EXECUTION_FAILED);
    assert_eq!(p.choose().unwrap_err(), NOT_SUPPORTED);
    // SAFETY: the stream exists.
    assert!(unsafe { result::stream::end_capture(stream) }.is_err());
    assert_eq!(p.run(&algorithm, all, (0, 0), stream), 0);
}

#[test]
fn products_of_two_streams_race() {
    let s = lazy();
    let (first, second) = (s.stream(), s.stream());
    let p = Product::new([dense(4, 3, 1), dense(3, 5, 1), dense(4, 5, 1)]);
    let algorithm = p.choose().unwrap();
    let all = [numbers(&s, 12), numbers(&s, 15), numbers(&s, 20)];
    assert_eq!(p.run(&algorithm, all, (0, 0), first), 0);
    assert_eq!(p.run(&algorithm, all, (0, 0), second), 0);
    // SAFETY: the streams exist.
    let both = unsafe { [first, second].map(|stream| result::stream::synchronize(stream)) };
    assert!(both.iter().any(Result::is_err));
    assert!(s.stub.fault().contains("a product of matrices"), "{}", s.stub.fault());
}
