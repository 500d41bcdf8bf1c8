//! From arrays back to the program's own values. Every form that panics has a `try_` twin.
//!
//! Elements of a value being traced cannot be read: the message says where it was made and what to
//! use instead.

use super::array::{Array, Repr};
use super::construct::Element;
use super::eager;
use super::source::raise;
use super::trace::no_value;
use cotangent_jit::{DType, Error, Scalar, err};
use std::sync::Arc;

/// # Read elements out
impl Array {
    /// Whether this handle is the only one, so that its memory can be reused when it is given away.
    pub fn is_unique(&self) -> bool {
        match &self.0 {
            Repr::Literal { .. } => true,
            Repr::Concrete(c) => Arc::strong_count(c) == 1,
            Repr::Tracer(t) => Arc::strong_count(t) == 1,
        }
    }

    /// The elements in row-major order. Panics on another dtype or on a value being traced.
    ///
    /// ```
    /// use cotangent::array;
    /// assert_eq!(array![[1, 2], [3, 4]].to_vec::<i32>(), [1, 2, 3, 4]);
    /// ```
    #[doc(alias("tolist", "numpy", "device_get"))]
    #[track_caller]
    pub fn to_vec<T: Element>(&self) -> Vec<T> {
        raise(self.read("to_vec"))
    }

    /// Returns the error of [`Array::to_vec`] instead of panicking.
    pub fn try_to_vec<T: Element>(&self) -> Result<Vec<T>, Error> {
        self.read("to_vec")
    }

    /// The one element of an array of size 1. Panics on another dtype or size, or on a value being
    /// traced.
    ///
    /// ```
    /// use cotangent::array;
    /// assert_eq!(array![2.5].item::<f32>(), 2.5);
    /// ```
    #[track_caller]
    pub fn item<T: Element>(&self) -> T {
        raise(self.try_item())
    }

    /// Returns the error of [`Array::item`] instead of panicking.
    pub fn try_item<T: Element>(&self) -> Result<T, Error> {
        expect_dtype::<T>(self, "item")?;
        let scalar = self.one("item")?;
        Ok(T::from_scalar(scalar).expect("of the dtype that was checked"))
    }

    /// The one element as an `f64`, whatever its (real) dtype. Panics where [`Array::item`] does.
    ///
    /// ```
    /// use cotangent::array;
    /// assert_eq!(array![3].to_f64(), 3.0);
    /// ```
    #[track_caller]
    pub fn to_f64(&self) -> f64 {
        raise(self.try_to_f64())
    }

    /// Returns the error of [`Array::to_f64`] instead of panicking.
    pub fn try_to_f64(&self) -> Result<f64, Error> {
        let scalar = self.one("to_f64")?;
        scalar.to_f64().ok_or_else(|| {
            let x = self.aval();
            err!(DType, "to_f64: expected a real number, got {x}; take real(x), imag(x) or abs(x)")
        })
    }

    /// The one element of an integer or bool array as an `i64`. Panics where [`Array::item`] does.
    #[track_caller]
    pub fn to_i64(&self) -> i64 {
        raise(self.try_to_i64())
    }

    /// Returns the error of [`Array::to_i64`] instead of panicking.
    pub fn try_to_i64(&self) -> Result<i64, Error> {
        let scalar = self.one("to_i64")?;
        scalar.to_i64().ok_or_else(|| {
            err!(DType, "to_i64: expected ints, got {}; cast with astype first", self.aval())
        })
    }

    /// The one element of a bool array: `assert!(x.lt(y).all().to_bool())`. Panics where
    /// [`Array::item`] does.
    ///
    /// ```
    /// use cotangent::array;
    /// assert!(array![1.0, 2.0].lt(3.0).all().to_bool());
    /// ```
    #[track_caller]
    pub fn to_bool(&self) -> bool {
        raise(self.try_to_bool())
    }

    /// Returns the error of [`Array::to_bool`] instead of panicking.
    pub fn try_to_bool(&self) -> Result<bool, Error> {
        let scalar = self.one("to_bool")?;
        bool::from_scalar(scalar).ok_or_else(|| {
            err!(DType, "to_bool: expected bool[], got {}; compare it with a number", self.aval())
        })
    }

    /// Every element as a [`Scalar`], in row-major order, whatever the dtype.
    pub fn try_to_scalars(&self) -> Result<Vec<Scalar>, Error> {
        let size = self.dtype().size();
        let bytes = self.try_to_bytes("to_scalars")?;
        Ok(bytes.chunks_exact(size).map(|b| Scalar::from_bytes(self.dtype(), b)).collect())
    }

    /// The elements' bytes, little-endian, in row-major order.
    #[doc(alias = "tobytes")]
    pub fn to_bytes(&self) -> Result<Vec<u8>, Error> {
        self.try_to_bytes("to_bytes")
    }

    fn try_to_bytes(&self, op: &str) -> Result<Vec<u8>, Error> {
        match &self.0 {
            Repr::Literal { value, .. } => Ok(value.to_bytes()),
            Repr::Concrete(c) => {
                let mut bytes = vec![0; c.aval.bytes()];
                eager::download(&c.buffer, &mut bytes)?;
                Ok(bytes)
            }
            Repr::Tracer(t) => Err(no_value(t, op)),
        }
    }

    fn one(&self, op: &str) -> Result<Scalar, Error> {
        if self.size() != 1 {
            return Err(err!(
                Shape,
                "{op}: expected one element, got {}; pick one with index, or take all with to_vec",
                self.aval()
            ));
        }
        if let Some(value) = self.as_literal() {
            return Ok(value);
        }
        Ok(Scalar::from_bytes(self.dtype(), &self.try_to_bytes(op)?))
    }

    fn read<T: Element>(&self, op: &str) -> Result<Vec<T>, Error> {
        expect_dtype::<T>(self, op)?;
        let Repr::Concrete(c) = &self.0 else {
            let bytes = self.try_to_bytes(op)?;
            let scalar = Scalar::from_bytes(self.dtype(), &bytes);
            return Ok(vec![T::from_scalar(scalar).expect("of the dtype that was checked")]);
        };
        let mut elements = vec![T::default(); self.size()];
        if T::DTYPE == DType::Bool {
            let bytes = self.try_to_bytes(op)?;
            for (to, byte) in elements.iter_mut().zip(bytes) {
                let value = Scalar::from(byte != 0);
                *to = T::from_scalar(value).expect("a bool");
            }
            return Ok(elements);
        }
        let bytes = std::mem::size_of_val(&elements[..]);
        // SAFETY: the elements are numbers (bools are handled above, and `Element` is sealed), for
        // which every bit pattern is a value; the slice covers exactly the initialised elements.
        let to = unsafe { std::slice::from_raw_parts_mut(elements.as_mut_ptr().cast(), bytes) };
        eager::download(&c.buffer, to)?;
        Ok(elements)
    }
}

fn expect_dtype<T: Element>(array: &Array, op: &str) -> Result<(), Error> {
    if array.dtype() == T::DTYPE {
        return Ok(());
    }
    let any = if op == "item" { "; to_f64 takes any real dtype" } else { "" };
    Err(err!(
        DType,
        "{op}: expected {}, got {}; ask for {op}::<{}> or cast with astype{any}",
        T::DTYPE,
        array.aval(),
        array.dtype()
    ))
}
