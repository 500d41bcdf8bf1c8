//! The array handle: one type for arrays that hold elements and for values that are being traced.
//!
//! Not here: constructors and extraction (`construct`, `extract`), printing (`display`), operators
//! (prims).

use super::aval::{Aval, Shape};
use super::id::{TraceId, Var};
use super::live::Ticket;
use super::source::Source;
use cotangent_jit::buffer::Buffer;
use cotangent_jit::{DType, Scalar};
use std::ops::Deref;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::sync::Arc;
use std::thread::ThreadId;

/// An n-dimensional array: immutable, dense and row-major, cheap to clone, `Send + Sync`.
///
/// Inside `grad`, `vmap`, `jit` and their kin an `Array` stands for a value that is not known yet
/// (a *tracer*): it has a shape and a dtype, and operations on it are recorded.
#[derive(Clone)]
pub struct Array(pub(crate) Repr);

// A handle is immutable, and what it refers to is only written while nothing else refers to it: a
// panic leaves no array half written that anybody can reach.
impl UnwindSafe for Array {}
impl RefUnwindSafe for Array {}

#[derive(Clone)]
pub(crate) enum Repr {
    /// A number of rank 0 in the program. Tracing makes it a literal of the jaxpr.
    Literal {
        value: Scalar,
        weak: bool,
    },
    Concrete(Arc<Concrete>),
    Tracer(Arc<Tracer>),
}

/// Elements on a device.
pub(crate) struct Concrete {
    pub aval: Aval,
    pub buffer: Held,
    pub ticket: Option<Ticket>,
}

impl Concrete {
    pub fn new(aval: Aval, buffer: Held) -> Concrete {
        let bytes = if let Held::Own(own) = &buffer { own.bytes() } else { 0 };
        let ticket = Ticket::take(&aval, bytes);
        Concrete { aval, buffer, ticket }
    }
}

/// The memory of a concrete array: its own, or that of an array with the same elements under
/// another shape.
pub(crate) enum Held {
    Own(Buffer),
    Of(Arc<Concrete>),
}

impl Held {
    /// The memory for writing, if no other array shares it.
    pub fn sole(&mut self) -> Option<&mut Buffer> {
        match self {
            Held::Own(buffer) => Some(buffer),
            Held::Of(array) => Arc::get_mut(array)?.buffer.sole(),
        }
    }
}

impl Deref for Held {
    type Target = Buffer;
    fn deref(&self) -> &Buffer {
        match self {
            Held::Own(buffer) => buffer,
            Held::Of(array) => &array.buffer,
        }
    }
}

/// A variable of a trace in progress.
pub(crate) struct Tracer {
    pub aval: Aval,
    pub trace: TraceId,
    pub var: Var,
    pub thread: ThreadId,
    pub source: Source,
}

impl Array {
    /// A weakly typed literal: promotion gives it the dtype of the array beside it.
    pub fn literal(value: Scalar) -> Array {
        Array(Repr::Literal { value, weak: true })
    }

    /// A literal that keeps its dtype in promotion.
    pub fn strong_literal(value: Scalar) -> Array {
        Array(Repr::Literal { value, weak: false })
    }

    pub(crate) fn concrete(aval: Aval, buffer: Buffer) -> Array {
        Array(Repr::Concrete(Arc::new(Concrete::new(aval, Held::Own(buffer)))))
    }

    pub fn aval(&self) -> Aval {
        match &self.0 {
            Repr::Literal { value, weak } => Aval { weak: *weak, ..Aval::scalar(value.dtype()) },
            Repr::Concrete(c) => c.aval.clone(),
            Repr::Tracer(t) => t.aval.clone(),
        }
    }

    pub fn dtype(&self) -> DType {
        match &self.0 {
            Repr::Literal { value, .. } => value.dtype(),
            Repr::Concrete(c) => c.aval.dtype,
            Repr::Tracer(t) => t.aval.dtype,
        }
    }

    /// Sizes of the axes; empty for a scalar.
    pub fn shape(&self) -> &[usize] {
        match &self.0 {
            Repr::Literal { .. } => &[],
            Repr::Concrete(c) => &c.aval.shape,
            Repr::Tracer(t) => &t.aval.shape,
        }
    }

    pub fn to_shape(&self) -> Shape {
        self.shape().iter().copied().collect()
    }

    /// Number of axes.
    pub fn ndim(&self) -> usize {
        self.shape().len()
    }

    /// Number of elements.
    pub fn size(&self) -> usize {
        self.shape().iter().product()
    }

    /// Tells whether the dtype is weak in promotion, as that of a literal is.
    pub fn is_weak(&self) -> bool {
        match &self.0 {
            Repr::Literal { weak, .. } => *weak,
            Repr::Concrete(c) => c.aval.weak,
            Repr::Tracer(t) => t.aval.weak,
        }
    }

    /// Tells whether this is a value being traced. Its elements cannot be read.
    pub fn is_tracer(&self) -> bool {
        matches!(self.0, Repr::Tracer(_))
    }

    /// Sets the weakness of a concrete array that has no other owner. An executable serves types of
    /// either weakness, so that its outputs get their weakness afterwards.
    pub(crate) fn set_weak(&mut self, weak: bool) {
        if let Repr::Concrete(c) = &mut self.0
            && c.aval.weak != weak
            && let Some(c) = Arc::get_mut(c)
        {
            c.aval.weak = weak;
        }
    }

    /// The value of a literal.
    pub(crate) fn as_literal(&self) -> Option<Scalar> {
        if let Repr::Literal { value, .. } = &self.0 { Some(*value) } else { None }
    }
}
