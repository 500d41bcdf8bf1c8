//! Complex arrays: how they are made, and what they are made of.
//!
//! Operators and functions take complex numbers where they have a meaning; they have no order, so
//! what compares does not. Derivatives follow JAX: of a holomorphic function the tangent is
//! multiplied by `f'(z)`, and `grad` of a real function `f` of `x + iy` gives `∂f/∂x - i ∂f/∂y`,
//! the conjugate of the direction in which `f` grows fastest.

use super::fallible::methods;
use crate::core::array::Array;
use crate::core::source::in_name_of;
use crate::prims::array::literal::{Operand, together};
use crate::prims::lax;
use crate::prims::rules::apply::expect;
use crate::prims::rules::numbers;
use cotangent_jit::{DType, Error};

/// # Make complex numbers
impl Array {
    /// The complex numbers with these parts, which are broadcast: c64 of f32 (and of ints), c128 of
    /// f64.
    ///
    /// Derivative: see [`lax::complex`]. Panics where [`Array::try_complex`] gives an error.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let z = Array::complex(array![3.0, 0.0], array![4.0, 1.0]);
    /// assert_eq!(z.abs().to_vec::<f32>(), [5.0, 1.0]);
    /// assert_eq!((&z * z.conj()).to_string(), "[25.+0.j  1.+0.j]");
    /// ```
    #[track_caller]
    pub fn complex(re: impl Operand, im: impl Operand) -> Array {
        expect(Array::try_complex(re, im))
    }

    /// Returns the error of [`Array::complex`] instead of panicking.
    ///
    /// Fails if the parts do not broadcast or are complex themselves.
    #[track_caller]
    pub fn try_complex(re: impl Operand, im: impl Operand) -> Result<Array, Error> {
        in_name_of("complex", || {
            let parts = together("complex", &[&re, &im], true)?;
            lax::try_complex(&parts[0], &parts[1])
        })
    }
}

methods! {
    //! # Parts of complex numbers

    /// The real part; real arrays as they are.
    fn real, try_real(self) -> Array {
        if self.dtype().is_complex() { lax::try_real(self) } else { Ok(self.clone()) }
    }

    /// The imaginary part; zeros of real arrays.
    fn imag, try_imag(self) -> Array {
        if self.dtype().is_complex() {
            lax::try_imag(self)
        } else {
            lax::try_full(self.shape(), cotangent_jit::Scalar::zero(self.dtype()))
        }
    }

    /// The conjugate; real arrays as they are.
    #[doc(alias = "conjugate")]
    fn conj, try_conj(self) -> Array {
        if self.dtype().is_complex() { lax::try_conj(self) } else { Ok(self.clone()) }
    }

    /// The angle in radians, -π to π: `atan2(imag, real)`; of real arrays 0 or π.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// assert_eq!(array![Complex::new(0.0, 2.0)].angle().to_string(), "[1.5707964]");
    /// ```
    #[doc(alias = "phase")]
    fn angle, try_angle(self) -> Array {
        if self.dtype().is_complex() {
            return lax::try_atan2(&lax::try_imag(self)?, &lax::try_real(self)?);
        }
        let x = if self.dtype().is_float() { self.clone() } else { self.try_astype(DType::F32)? };
        lax::try_atan2(&numbers::number(0.0, x.dtype()), &x)
    }
}
