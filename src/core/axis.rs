//! Axes that batching maps over, and the names under which collectives know them.
//!
//! The names in force are those of the `vmap`s whose functions are being traced, on this thread. Shadowing is lexical: the
//! innermost axis of a name is meant.

use super::scoped;
use cotangent_jit::{Error, err};
use std::cell::RefCell;
use std::fmt;
use std::sync::Arc;

/// The name of a mapped axis.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct AxisName(Arc<str>);

impl AxisName {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl From<&str> for AxisName {
    fn from(name: &str) -> AxisName {
        AxisName(name.into())
    }
}

impl From<String> for AxisName {
    fn from(name: String) -> AxisName {
        AxisName(name.into())
    }
}

impl From<&AxisName> for AxisName {
    fn from(name: &AxisName) -> AxisName {
        name.clone()
    }
}

impl fmt::Display for AxisName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for AxisName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// The axis that a batching maps over.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct BatchAxis {
    pub size: usize,
    /// What collectives call it, if they may.
    pub name: Option<AxisName>,
}

impl BatchAxis {
    /// An axis that no collective can speak of.
    pub fn unnamed(size: usize) -> BatchAxis {
        BatchAxis { size, name: None }
    }

    pub fn named(name: impl Into<AxisName>, size: usize) -> BatchAxis {
        BatchAxis { size, name: Some(name.into()) }
    }

    /// Whether it has this name.
    pub fn is(&self, name: &AxisName) -> bool {
        self.name.as_ref() == Some(name)
    }
}

/// Names in force and their sizes, outermost first; part of the key of whatever remembers traces.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct AxisEnv(Option<Arc<Vec<(AxisName, usize)>>>);

thread_local! {
    static IN_FORCE: RefCell<AxisEnv> = const { RefCell::new(AxisEnv(None)) };
}

impl AxisEnv {
    /// What is in force on this thread.
    pub fn current() -> AxisEnv {
        IN_FORCE.with_borrow(AxisEnv::clone)
    }

    /// Whether this is what is in force on this thread.
    pub fn is_current(&self) -> bool {
        IN_FORCE.with_borrow(|env| env == self)
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// Names with sizes, outermost first.
    pub fn axes(&self) -> &[(AxisName, usize)] {
        self.0.as_ref().map_or(&[], |axes| axes)
    }

    /// These and one more inside of them; the same if the axis has no name.
    pub fn and(&self, axis: &BatchAxis) -> AxisEnv {
        let Some(name) = &axis.name else { return self.clone() };
        let mut axes = self.axes().to_vec();
        axes.push((name.clone(), axis.size));
        AxisEnv(Some(Arc::new(axes)))
    }

    /// The size of the innermost axis of this name; `op` is who asks.
    pub fn size(&self, op: &str, name: &AxisName) -> Result<usize, Error> {
        let found = self.axes().iter().rev().find(|(n, _)| n == name);
        found.map(|(_, size)| *size).ok_or_else(|| self.unbound(op, name))
    }

    fn unbound(&self, op: &str, name: &AxisName) -> Error {
        let names: Vec<String> = self.axes().iter().map(|(n, s)| format!("{n:?} ({s})")).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        err!(
            Axis,
            "{op}: no axis named {name:?} is in force; in force: {names}; call it inside a function mapped by \
             vmap_with(f, VmapOptions::new().axis_name({name:?}))"
        )
    }

    /// Runs `f` with these in force and no others.
    pub fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        scoped::with(&IN_FORCE, self.clone(), f)
    }
}
