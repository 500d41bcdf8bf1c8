//! The contract of an entry in the list of primitives: the name of a primitive, the function that
//! rebuilds it from its parameters, and the cases on which every law runs.
//!
//! Not here: the list of primitives (`roll_call`).

use crate::core::array::Array;
use crate::core::axis::{AxisName, BatchAxis};
use crate::core::jaxpr::Jaxpr;
use crate::core::params::Param;
use crate::core::primitive::Prim;
use cotangent_jit::{DType, Error, err};
use std::sync::Arc;

/// An entry in the list of primitives.
pub struct Entry {
    pub name: &'static str,
    /// The inverse of [`Primitive::params`](crate::core::primitive::Primitive::params).
    pub build: fn(&Args) -> Result<Prim, Error>,
    /// Small, well-conditioned applications for every dtype that the primitive takes.
    pub cases: fn() -> Vec<Case>,
}

/// A primitive applied to concrete arrays, on which every law must hold.
#[derive(Clone)]
pub struct Case {
    pub prim: Prim,
    pub inputs: Vec<Array>,
    /// The names of the laws that do not apply (`*` means all laws), each with the reason. The
    /// generated table of primitives shows the reason.
    pub exempt: Vec<(&'static str, &'static str)>,
    /// The axis that a collective names. Laws apply the primitive inside a function that is
    /// mapped over this axis. The inputs have the lanes in front.
    pub axis: Option<BatchAxis>,
}

impl Case {
    pub fn new(prim: Prim, inputs: Vec<Array>) -> Case {
        Case { prim, inputs, exempt: Vec::new(), axis: None }
    }

    /// The case inside a function mapped over this axis.
    pub fn inside(mut self, axis: BatchAxis) -> Case {
        self.axis = Some(axis);
        self
    }

    pub fn exempt(mut self, law: &'static str, why: &'static str) -> Case {
        self.exempt.push((law, why));
        self
    }
}

/// Parsed parameters of a primitive.
pub struct Args<'a> {
    pub prim: &'a str,
    pub params: &'a [(String, Param)],
}

impl Args<'_> {
    pub fn get(&self, name: &str) -> Result<&Param, Error> {
        let found = self.params.iter().find(|(n, _)| n == name);
        found
            .map(|(_, p)| p)
            .ok_or_else(|| err!(Parse, "{}: parameter {name} is missing", self.prim))
    }

    /// True if an optional parameter is present.
    pub fn has(&self, name: &str) -> bool {
        self.params.iter().any(|(n, _)| n == name)
    }

    pub fn int(&self, name: &str) -> Result<i64, Error> {
        match self.get(name)? {
            Param::Int(i) => Ok(*i),
            p => Err(self.wrong(name, "an int", p)),
        }
    }

    pub fn bool(&self, name: &str) -> Result<bool, Error> {
        match self.get(name)? {
            Param::Bool(b) => Ok(*b),
            p => Err(self.wrong(name, "a bool", p)),
        }
    }

    pub fn ints(&self, name: &str) -> Result<&[i64], Error> {
        match self.get(name)? {
            Param::Ints(i) => Ok(i),
            p => Err(self.wrong(name, "a list of ints", p)),
        }
    }

    /// A list of ints that are sizes or axes.
    pub fn sizes(&self, name: &str) -> Result<Vec<usize>, Error> {
        let negative = || err!(Parse, "{}: parameter {name} has a negative entry", self.prim);
        self.ints(name)?.iter().map(|i| usize::try_from(*i).map_err(|_| negative())).collect()
    }

    /// An int that is a size or an axis.
    pub fn size(&self, name: &str) -> Result<usize, Error> {
        usize::try_from(self.int(name)?)
            .map_err(|_| err!(Parse, "{}: parameter {name} is negative", self.prim))
    }

    pub fn dtype(&self, name: &str) -> Result<DType, Error> {
        match self.get(name)? {
            Param::DType(d) => Ok(*d),
            p => Err(self.wrong(name, "a dtype", p)),
        }
    }

    pub fn name(&self, name: &str) -> Result<&str, Error> {
        match self.get(name)? {
            Param::Name(n) => Ok(n),
            p => Err(self.wrong(name, "a name", p)),
        }
    }

    /// Names of mapped axes.
    pub fn axes(&self, name: &str) -> Result<&[AxisName], Error> {
        match self.get(name)? {
            Param::Axes(names) => Ok(names),
            p => Err(self.wrong(name, "names of axes", p)),
        }
    }

    /// Exactly `N` lists of axes.
    pub fn axis_lists<const N: usize>(&self, name: &str) -> Result<[Vec<usize>; N], Error> {
        let p = self.get(name)?;
        let wrong = || self.wrong(name, &format!("{N} lists of axes"), p);
        let Param::Lists(lists) = p else { return Err(wrong()) };
        let axes = |l: &[i64]| l.iter().map(|a| usize::try_from(*a).ok()).collect();
        let lists: Option<Vec<Vec<usize>>> = lists.iter().map(|l| axes(l)).collect();
        lists.and_then(|l| l.try_into().ok()).ok_or_else(wrong)
    }

    pub fn jaxpr(&self, name: &str) -> Result<Arc<Jaxpr>, Error> {
        match self.get(name)? {
            Param::Jaxpr(j) => Ok(j.clone()),
            p => Err(self.wrong(name, "a jaxpr", p)),
        }
    }

    pub fn jaxprs(&self, name: &str) -> Result<Vec<Arc<Jaxpr>>, Error> {
        match self.get(name)? {
            Param::Jaxprs(j) => Ok(j.clone()),
            p => Err(self.wrong(name, "a tuple of jaxprs", p)),
        }
    }

    /// The error of a primitive with a custom rule: a rule cannot be rebuilt from its name.
    pub fn no_rules<T>(&self) -> Result<T, Error> {
        Err(err!(Parse, "{}: carries a user's rule, which text only names", self.prim))
    }

    pub fn wrong(&self, name: &str, expected: &str, got: &Param) -> Error {
        err!(Parse, "{}: parameter {name} should be {expected}, got {got:?}", self.prim)
    }
}
