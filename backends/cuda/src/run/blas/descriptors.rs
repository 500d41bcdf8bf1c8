//! Descriptions of products, matrices and wishes, which the library makes and destroys.

use super::functions::Functions;
use crate::plan::{Gemm, Matrix};
use cotangent_jit::DType;
use cotangent_jit::program::Precision;
use cudarc::cublaslt::sys::{
    cublasComputeType_t as Compute, cublasLtMatmulDesc_t, cublasLtMatmulDescAttributes_t as Of,
    cublasLtMatmulPreference_t, cublasLtMatmulPreferenceAttributes_t as Wish,
    cublasLtMatrixLayout_t, cublasLtMatrixLayoutAttribute_t as Part,
    cublasLtReductionScheme_t as Scheme, cudaDataType_t as Type,
};
use std::ffi::c_void;
use std::ptr::null_mut;

/// Nothing, or the status of a function that fails.
pub type Status<T = ()> = Result<T, u32>;

pub fn checked(status: u32) -> Status {
    if status == 0 { Ok(()) } else { Err(status) }
}

/// The numbers of operations on operands: of `cublasOperation_t`, which the bindings lack.
const PLAIN: i32 = 0;
const TRANSPOSED: i32 = 1;

/// A value as the functions that set attributes take it.
fn bytes<T>(value: &T) -> (*const c_void, usize) {
    (std::ptr::from_ref(value).cast(), size_of::<T>())
}

/// An object of the library, and how it goes.
pub struct Object<T: Copy> {
    pub handle: T,
    destroy: unsafe extern "C" fn(T) -> u32,
}

impl<T: Copy> Drop for Object<T> {
    fn drop(&mut self) {
        // SAFETY: the library has made the object, and nobody else destroys it.
        let _ = unsafe { (self.destroy)(self.handle) };
    }
}

pub type Description = Object<cublasLtMatmulDesc_t>;
pub type Layout = Object<cublasLtMatrixLayout_t>;
pub type Preference = Object<cublasLtMatmulPreference_t>;

/// How a product is computed: the type in which it multiplies and adds, the type of the factors
/// `alpha` and `beta`, and what is transposed.
pub fn description(f: &Functions, gemm: &Gemm) -> Status<Description> {
    let compute = match (gemm.dtype, gemm.precision) {
        (DType::F64, _) => Compute::CUBLAS_COMPUTE_64F,
        (DType::F32, Precision::Tf32) => Compute::CUBLAS_COMPUTE_32F_FAST_TF32,
        _ => Compute::CUBLAS_COMPUTE_32F,
    };
    let scale = if gemm.dtype == DType::F64 { Type::CUDA_R_64F } else { Type::CUDA_R_32F };
    let mut handle = null_mut();
    // SAFETY: the place is valid for the call.
    checked(unsafe { (f.create_desc)(&mut handle, compute as u32, scale as u32) })?;
    let made = Object { handle, destroy: f.destroy_desc };
    for (attribute, (_, transposed)) in [
        (Of::CUBLASLT_MATMUL_DESC_TRANSA, gemm.left),
        (Of::CUBLASLT_MATMUL_DESC_TRANSB, gemm.right),
    ] {
        let op = if transposed { TRANSPOSED } else { PLAIN };
        let (from, size) = bytes(&op);
        // SAFETY: the object lives, and the attribute is a number of 32 bits.
        checked(unsafe { (f.set_desc)(handle, attribute as u32, from, size) })?;
    }
    Ok(made)
}

pub fn layout(f: &Functions, gemm: &Gemm, matrix: &Matrix) -> Status<Layout> {
    let dtype = match gemm.dtype {
        DType::F16 => Type::CUDA_R_16F,
        DType::BF16 => Type::CUDA_R_16BF,
        DType::F64 => Type::CUDA_R_64F,
        _ => Type::CUDA_R_32F,
    };
    let (rows, columns) = (matrix.rows as u64, matrix.columns as u64);
    let mut handle = null_mut();
    // SAFETY: the place is valid for the call.
    checked(unsafe {
        (f.create_layout)(&mut handle, dtype as u32, rows, columns, matrix.leading)
    })?;
    let made = Object { handle, destroy: f.destroy_layout };
    if gemm.batch > 1 {
        let count = gemm.batch as i32;
        for (attribute, (from, size)) in [
            (Part::CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, bytes(&count)),
            (Part::CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, bytes(&matrix.apart)),
        ] {
            // SAFETY: the object lives; the attributes are numbers of 32 and 64 bits.
            checked(unsafe { (f.set_layout)(handle, attribute as u32, from, size) })?;
        }
    }
    Ok(made)
}

/// What an algorithm may use: so many bytes of memory, addresses of these alignments, and parts of
/// sums that are added in the type of sums, not in a narrow one.
pub fn preference(f: &Functions, gemm: &Gemm, workspace: usize) -> Status<Preference> {
    let mut handle = null_mut();
    // SAFETY: the place is valid for the call.
    checked(unsafe { (f.create_preference)(&mut handle) })?;
    let made = Object { handle, destroy: f.destroy_preference };
    let schemes = Scheme::CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE as u32;
    let workspace = workspace as u64;
    let aligned = [gemm.left.0, gemm.right.0, gemm.out].map(|m| m.alignment as u32);
    for (attribute, (from, size)) in [
        (Wish::CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, bytes(&workspace)),
        (Wish::CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, bytes(&schemes)),
        (Wish::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, bytes(&aligned[0])),
        (Wish::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, bytes(&aligned[1])),
        (Wish::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, bytes(&aligned[2])),
        (Wish::CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, bytes(&aligned[2])),
    ] {
        // SAFETY: the object lives; the first attribute is a number of 64 bits, the others of 32.
        checked(unsafe { (f.set_preference)(handle, attribute as u32, from, size) })?;
    }
    Ok(made)
}
