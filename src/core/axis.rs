//! Axes that batching maps over, and the names under which collectives know them.
//!
//! A name is in force on a thread while the function of its `vmap` is traced there. If two axes
//! have the same name, the innermost one counts.
//!
//! Not here: the rules of collectives (prims).

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
    /// The name that collectives use. Without one they cannot name the axis.
    pub name: Option<AxisName>,
}

impl BatchAxis {
    /// An axis that no collective can name.
    pub fn unnamed(size: usize) -> BatchAxis {
        BatchAxis { size, name: None }
    }

    pub fn named(name: impl Into<AxisName>, size: usize) -> BatchAxis {
        BatchAxis { size, name: Some(name.into()) }
    }

    /// Tells whether it has this name.
    pub fn is(&self, name: &AxisName) -> bool {
        self.name.as_ref() == Some(name)
    }
}

/// The names in force and their sizes, outermost first. They are part of the key of every cache of
/// traces.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct AxisEnv(Option<Arc<Vec<(AxisName, usize)>>>);

thread_local! {
    static IN_FORCE: RefCell<AxisEnv> = const { RefCell::new(AxisEnv(None)) };
}

impl AxisEnv {
    /// The names in force on this thread.
    pub fn current() -> AxisEnv {
        IN_FORCE.with_borrow(AxisEnv::clone)
    }

    /// Tells whether these are the names in force on this thread.
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

    /// These names with that of an inner axis. An axis without a name adds none.
    pub fn and(&self, axis: &BatchAxis) -> AxisEnv {
        let Some(name) = &axis.name else { return self.clone() };
        let mut axes = self.axes().to_vec();
        axes.push((name.clone(), axis.size));
        AxisEnv(Some(Arc::new(axes)))
    }

    /// The size of the innermost axis of this name. The error names `op`.
    pub fn size(&self, op: &str, name: &AxisName) -> Result<usize, Error> {
        let found = self.axes().iter().rev().find(|(n, _)| n == name);
        found.map(|(_, size)| *size).ok_or_else(|| self.unbound(op, name))
    }

    fn unbound(&self, op: &str, name: &AxisName) -> Error {
        let names: Vec<String> = self.axes().iter().map(|(n, s)| format!("{n:?} ({s})")).collect();
        let names = if names.is_empty() { "none".to_owned() } else { names.join(", ") };
        err!(
            Axis,
            "{op}: no axis named {name:?} is in force; in force: {names}; call it inside a \
             function mapped by \
             vmap_with(f, VmapOptions::new().axis_name({name:?}))"
        )
    }

    /// Runs `f` with these names in force and no others.
    pub fn within<R>(&self, f: impl FnOnce() -> R) -> R {
        scoped::with(&IN_FORCE, self.clone(), f)
    }
}
