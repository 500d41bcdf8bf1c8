//! Parameters of primitives as ordered plain data. Printing, parsing, equality, hashing and visits
//! of sub-jaxprs work on this data.
//!
//! Not here: the parameters of each primitive (prims).

use super::axis::AxisName;
use super::jaxpr::Jaxpr;
use cotangent_jit::{DType, Scalar};
use smallvec::SmallVec;
use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

/// Named parameters, in the order in which they print.
pub type Params = SmallVec<[(&'static str, Param); 4]>;

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub enum Param {
    Bool(bool),
    Int(i64),
    Ints(SmallVec<[i64; 4]>),
    /// A list of tuples of ints: padding configurations, dimension numbers.
    Lists(Vec<SmallVec<[i64; 4]>>),
    DType(DType),
    Scalar(Scalar),
    /// Names of mapped axes: `axes=("i",)`. They tell whether an equation names an axis.
    Axes(SmallVec<[AxisName; 1]>),
    /// An identifier: `mode=clip`.
    Name(String),
    Jaxpr(Arc<Jaxpr>),
    Jaxprs(Vec<Arc<Jaxpr>>),
    /// An opaque value with a name and an identity: a user's rule. It prints as `@name`.
    Rule(Rule),
}

impl Param {
    /// A list of ints. An int beyond i64 becomes the greatest i64. It can only be a size that no
    /// array has, and the primitive refuses it.
    pub fn ints<T: TryInto<i64>>(values: impl IntoIterator<Item = T>) -> Param {
        Param::Ints(values.into_iter().map(|v| v.try_into().unwrap_or(i64::MAX)).collect())
    }

    /// The jaxprs inside.
    pub fn jaxprs(&self) -> &[Arc<Jaxpr>] {
        match self {
            Param::Jaxpr(j) => std::slice::from_ref(j),
            Param::Jaxprs(js) => js,
            _ => &[],
        }
    }
}

/// A shared opaque value. It equals its own clones only.
#[derive(Clone)]
pub struct Rule {
    pub name: Arc<str>,
    pub value: Arc<dyn Any + Send + Sync>,
}

impl Rule {
    fn address(&self) -> usize {
        Arc::as_ptr(&self.value) as *const () as usize
    }
}

impl PartialEq for Rule {
    fn eq(&self, other: &Rule) -> bool {
        self.address() == other.address()
    }
}

impl Eq for Rule {}

impl Hash for Rule {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.address().hash(state);
    }
}

impl fmt::Debug for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.name)
    }
}
