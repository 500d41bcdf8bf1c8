//! What is on the roll: every primitive's name, how it is rebuilt from its parameters, and the cases that laws run on.

use crate::core::array::Array;
use crate::core::axis::{AxisName, BatchAxis};
use crate::core::jaxpr::Jaxpr;
use crate::core::params::Param;
use crate::core::primitive::{Prim, Registry};
use cotangent_jit::{DType, Error, err};
use std::sync::Arc;

/// One primitive of the roll.
pub struct Entry {
    pub name: &'static str,
    /// The inverse of [`Primitive::params`](crate::core::primitive::Primitive::params).
    pub build: fn(&Args) -> Result<Prim, Error>,
    /// Small well-conditioned applications for every dtype it takes.
    pub cases: fn() -> Vec<Case>,
}

/// A primitive applied to concrete arrays, on which every law must hold.
#[derive(Clone)]
pub struct Case {
    pub prim: Prim,
    pub inputs: Vec<Array>,
    /// Why a law does not apply, by the law's name (`*` is all of them); printed in the roll call's cell.
    pub exempt: Vec<(&'static str, &'static str)>,
    /// The primitive stands inside a function that is mapped over this axis, of which it speaks; the inputs have the lanes
    /// in front.
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

    /// Whether a parameter that may be left out is there.
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

    /// A rule cannot be rebuilt from its name.
    pub fn no_rules<T>(&self) -> Result<T, Error> {
        Err(err!(Parse, "{}: carries a user's rule, which text only names", self.prim))
    }

    pub fn wrong(&self, name: &str, expected: &str, got: &Param) -> Error {
        err!(Parse, "{}: parameter {name} should be {expected}, got {got:?}", self.prim)
    }
}

/// Every primitive of the library.
pub fn roll_call() -> Vec<Entry> {
    let rooms: &[fn() -> Vec<Entry>] = &[
        super::unary::entries,
        super::power::entries,
        super::binary::entries,
        super::compare::entries,
        super::select::entries,
        super::convert::entries,
        super::complex::entries,
        super::reduce_precision::entries,
        super::reduce::entries,
        super::cumulative::entries,
        super::softmax::entries,
        super::reduce_window::entries,
        super::sliding::entries,
        super::identity::entries,
        super::guard::entries,
        super::name::entries,
        super::threefry::entries,
        super::broadcast::entries,
        super::reshape::entries,
        super::transpose::entries,
        super::slice::entries,
        super::pad::entries,
        super::concatenate::entries,
        super::iota::entries,
        super::dot_general::entries,
        super::conv::entries,
        #[cfg(feature = "linalg")]
        super::cholesky::entries,
        #[cfg(feature = "linalg")]
        super::triangular_solve::entries,
        super::call::entries,
        super::callback::entries,
        super::check::entries,
        super::cond::entries,
        super::scan::entries,
        super::while_loop::entries,
        super::linear_solve::entries,
        super::root::entries,
        super::checkpoint::entries,
        super::custom_jvp::entries,
        super::custom_vjp::entries,
        super::custom_lin::entries,
        super::custom_vmap::entries,
        super::constant::entries,
        super::rev::entries,
        super::dynamic_slice::entries,
        super::dynamic_update_slice::entries,
        super::gather::entries,
        super::scatter::entries,
        super::sort::entries,
        super::collective_reduce::entries,
        super::collective_move::entries,
        super::axis_index::entries,
    ];
    rooms.iter().flat_map(|entries| entries()).collect()
}

/// Rebuilds the library's primitives; users add their own entries.
#[derive(Default)]
pub struct Roll {
    pub more: Vec<Entry>,
}

impl Registry for Roll {
    fn build(&self, name: &str, params: &[(String, Param)]) -> Result<Prim, Error> {
        let args = Args { prim: name, params };
        let own = self.more.iter().find(|e| e.name == name).map(|e| e.build);
        let build = own.or_else(|| roll_call().iter().find(|e| e.name == name).map(|e| e.build));
        build.ok_or_else(|| err!(Parse, "{name}: no primitive of this name"))?(&args)
    }
}
