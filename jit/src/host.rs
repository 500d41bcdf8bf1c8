//! Calls from a program into the host: opaque closures over typed bytes.
//!
//! Calls are compared by identity, not by effect: clones of one identity are the same call, so
//! programs are plain data that can be compared and hashed. [`HostCall::run`] always returns: it
//! turns a panic of the closure into an error, so no panic unwinds into generated code. Steps that
//! call the host live in `program.rs`.

use crate::{DType, Error, err};
use std::any::Any;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Elements that a host call reads.
#[derive(Clone, Copy, Debug)]
pub struct HostInput<'a> {
    pub dtype: DType,
    /// Little-endian elements.
    pub bytes: &'a [u8],
}

/// Elements that a host call must write, every one of them.
#[derive(Debug)]
pub struct HostOutput<'a> {
    pub dtype: DType,
    pub bytes: &'a mut [u8],
}

/// The closure of a call. It may run on many threads at once.
pub type HostFunction =
    dyn Fn(&[HostInput], &mut [HostOutput]) -> Result<(), Error> + Send + Sync + 'static;

/// Type and number of elements of an argument or a result.
pub type HostType = (DType, usize);

/// A closure of the host with its signature.
#[derive(Clone)]
pub struct HostCall {
    /// The name in listings.
    pub name: Arc<str>,
    /// The place of the call in the user's code. Messages about failures begin with it.
    pub at: Arc<str>,
    pub args: Vec<HostType>,
    pub results: Vec<HostType>,
    identity: Arc<dyn Any + Send + Sync>,
    function: Arc<HostFunction>,
}

impl HostCall {
    /// `identity` stands for `function`: two calls with clones of one identity do the same.
    pub fn new(
        name: &str,
        identity: Arc<dyn Any + Send + Sync>,
        args: Vec<HostType>,
        results: Vec<HostType>,
        function: Arc<HostFunction>,
    ) -> HostCall {
        HostCall { name: name.into(), at: "".into(), args, results, identity, function }
    }

    /// The same call with this place in the user's code.
    pub fn at(self, place: impl fmt::Display) -> HostCall {
        HostCall { at: place.to_string().into(), ..self }
    }

    /// The same call for a step that passes complex operands as pairs of parts. The closure still
    /// sees complex operands.
    pub(crate) fn on_parts(&self) -> HostCall {
        let all = || self.args.iter().chain(&self.results);
        if !all().any(|(d, _)| d.is_complex()) {
            return self.clone();
        }
        let parts = |types: &[HostType]| -> Vec<HostType> {
            let part = |(d, n): &HostType| (d.part(), if d.is_complex() { 2 * n } else { *n });
            types.iter().map(part).collect()
        };
        let (args, results) = (self.args.clone(), self.results.clone());
        let (identity, function) = (self.identity.clone(), self.function.clone());
        let on_parts = move |inputs: &[HostInput], outputs: &mut [HostOutput]| {
            let inputs: Vec<HostInput> = inputs
                .iter()
                .zip(&args)
                .map(|(x, (dtype, _))| HostInput { dtype: *dtype, bytes: x.bytes })
                .collect();
            let mut outputs: Vec<HostOutput> = outputs
                .iter_mut()
                .zip(&results)
                .map(|(x, (dtype, _))| HostOutput { dtype: *dtype, bytes: &mut *x.bytes })
                .collect();
            function(&inputs, &mut outputs)
        };
        HostCall {
            name: self.name.clone(),
            at: self.at.clone(),
            args: parts(&self.args),
            results: parts(&self.results),
            identity,
            function: Arc::new(on_parts),
        }
    }

    /// The type, the length and whether it is written, of each operand in the order of a step's
    /// views: arguments, then results.
    pub fn operands(&self) -> impl Iterator<Item = (DType, usize, bool)> + '_ {
        let args = self.args.iter().map(|(d, n)| (*d, *n, false));
        args.chain(self.results.iter().map(|(d, n)| (*d, *n, true)))
    }

    /// Calls the closure. Its panics and errors come back as errors that name the call and its
    /// place.
    pub fn run(&self, args: &[HostInput], results: &mut [HostOutput]) -> Result<(), Error> {
        let outcome = catch_unwind(AssertUnwindSafe(|| (self.function)(args, results)));
        let error = match outcome {
            Ok(Ok(())) => return Ok(()),
            Ok(Err(e)) => e.context(&*self.name),
            Err(panic) => {
                let text = message(&*panic).to_owned();
                // Dropping the payload runs code of the user, too.
                let _ = catch_unwind(AssertUnwindSafe(|| drop(panic)));
                err!(Callback, "{}: the callback panicked: {text}", self.name)
            }
        };
        Err(if self.at.is_empty() { error } else { error.context(&*self.at) })
    }

    fn address(&self) -> usize {
        Arc::as_ptr(&self.identity) as *const () as usize
    }
}

/// The text of a panic.
fn message(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no message")
}

impl PartialEq for HostCall {
    fn eq(&self, other: &HostCall) -> bool {
        self.address() == other.address()
            && self.name == other.name
            && self.args == other.args
            && self.results == other.results
    }
}

impl Eq for HostCall {}

impl Hash for HostCall {
    fn hash<H: Hasher>(&self, state: &mut H) {
        (self.address(), &self.name, &self.args, &self.results).hash(state);
    }
}

impl fmt::Debug for HostCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "@{}", self.name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(function: Arc<HostFunction>) -> HostCall {
        HostCall::new("f", Arc::new(()), vec![], vec![], function).at("main.rs:3")
    }

    #[test]
    fn panics_and_errors_come_back() {
        let panics = call(Arc::new(|_, _| panic!("lost {}", 7)));
        let error = panics.run(&[], &mut []).unwrap_err();
        assert_eq!(error.message(), "main.rs:3: f: the callback panicked: lost 7");
        let fails = call(Arc::new(|_, _| Err(err!(Value, "too cold"))));
        assert_eq!(fails.run(&[], &mut []).unwrap_err().message(), "main.rs:3: f: too cold");
    }

    #[test]
    fn calls_are_their_identity() {
        let (a, b) = (call(Arc::new(|_, _| Ok(()))), call(Arc::new(|_, _| Ok(()))));
        assert_eq!(a, a.clone().at("elsewhere"));
        assert_ne!(a, b);
    }
}
