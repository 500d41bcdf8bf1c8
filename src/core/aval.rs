//! Abstract values: the type of an array, without its elements.

use cotangent_jit::{DType, Error, err};
use smallvec::SmallVec;
use std::fmt;
use std::hash::{Hash, Hasher};

/// Sizes of the axes, outermost first.
pub type Shape = SmallVec<[usize; 4]>;

/// Shape and dtype of an array, and whether its dtype is *weak*: it came from a literal, and
/// promotion lets the other dtype win.
///
/// Weakness counts for promotion while tracing, and so for the key of a jitted function's cache. It
/// is no part of the meaning of a jaxpr: equality, hashing, printing and type checks see shape and
/// dtype only.
#[doc(alias = "ShapedArray")]
#[derive(Clone)]
pub struct Aval {
    pub shape: Shape,
    pub dtype: DType,
    pub weak: bool,
}

/// Types of outputs. Mostly there is one.
pub type Avals = SmallVec<[Aval; 1]>;

impl Aval {
    pub fn new(shape: impl IntoIterator<Item = usize>, dtype: DType) -> Aval {
        Aval { shape: shape.into_iter().collect(), dtype, weak: false }
    }

    pub fn scalar(dtype: DType) -> Aval {
        Aval::new([], dtype)
    }

    pub fn rank(&self) -> usize {
        self.shape.len()
    }

    /// Number of elements. It is the product of the shape, and 1 for a scalar.
    pub fn size(&self) -> usize {
        self.shape.iter().product()
    }

    /// Returns an error of `op` if the number of bytes exceeds isize. Axes of size 0 do not count,
    /// as in NumPy: strides are products of the other ones.
    pub fn expect_countable(&self, op: &str) -> Result<(), Error> {
        let mut sizes = self.shape.iter().copied().filter(|n| *n != 0);
        let bytes = sizes.try_fold(self.dtype.size(), usize::checked_mul);
        match bytes {
            Some(bytes) if isize::try_from(bytes).is_ok() => Ok(()),
            _ => Err(err!(Shape, "{op}: expected a shape of at most isize::MAX bytes, got {self}")),
        }
    }

    /// Returns this type, if its bytes can be counted ([`Aval::expect_countable`]).
    pub fn countable(self, op: &str) -> Result<Aval, Error> {
        self.expect_countable(op).map(|()| self)
    }

    #[doc(alias = "nbytes")]
    pub fn bytes(&self) -> usize {
        self.size() * self.dtype.size()
    }

    pub fn with_shape(&self, shape: impl IntoIterator<Item = usize>) -> Aval {
        Aval { shape: shape.into_iter().collect(), dtype: self.dtype, weak: self.weak }
    }

    pub fn with_dtype(&self, dtype: DType) -> Aval {
        Aval { shape: self.shape.clone(), dtype, weak: self.weak }
    }

    pub fn strong(&self) -> Aval {
        Aval { weak: false, ..self.clone() }
    }

    /// The type with an axis of `size` inserted at `axis`.
    pub fn batched(&self, axis: usize, size: usize) -> Aval {
        let mut shape = self.shape.clone();
        shape.insert(axis, size);
        Aval { shape, ..self.clone() }
    }

    /// The type without axis `axis`.
    pub fn unbatched(&self, axis: usize) -> Aval {
        let mut shape = self.shape.clone();
        shape.remove(axis);
        Aval { shape, ..self.clone() }
    }
}

impl PartialEq for Aval {
    fn eq(&self, other: &Aval) -> bool {
        self.dtype == other.dtype && self.shape == other.shape
    }
}

impl Eq for Aval {}

impl Hash for Aval {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.dtype.hash(state);
        self.shape.hash(state);
    }
}

/// Prints the type as in jaxprs: `f32[2,3]`, `i32[]`.
impl fmt::Display for Aval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}[", self.dtype)?;
        for (i, n) in self.shape.iter().enumerate() {
            if i > 0 {
                f.write_str(",")?;
            }
            write!(f, "{n}")?;
        }
        f.write_str("]")
    }
}

impl fmt::Debug for Aval {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
