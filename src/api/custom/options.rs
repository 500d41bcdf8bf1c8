//! [`Custom`]: the options of a function with rules of the user's.
//!
//! Not here: the functions that read the options (`jvp`, `vjp`, `batch`, `closure`).

/// Options of a custom derivative rule. [`custom_jvp`](super::custom_jvp),
/// [`custom_vjp`](super::custom_vjp) and the other plain functions use the defaults.
///
/// ```
/// use cotangent::prelude::*;
/// let power = Custom::new().nondiff([1]).jvp(
///     |x: Array, n: Array| x.pow(&n),
///     |(x, n), (dx, _)| (x.pow(&n), dx * &n * x.pow(&(&n - 1.0))),
/// );
/// let n = Array::from(3.0);
/// assert_eq!(grad(power.clone())(Array::from(2.0), n.clone()).item::<f32>(), 12.0);
/// assert!(grad_wrt(power, Arg::<1>).try_call((Array::from(2.0), n)).is_err());
/// ```
#[derive(Clone, Default, Debug)]
pub struct Custom {
    pub(super) nondiff: Vec<usize>,
    pub(super) captured_by_body: bool,
    pub(super) forward_cure: Option<&'static str>,
}

impl Custom {
    pub fn new() -> Custom {
        Custom::default()
    }

    /// Declares arguments, by number, as not differentiable. Rules get them, with tangents of
    /// zeros. The cotangents that a backward rule returns for them are ignored. A derivative with
    /// respect to one is an error that says so.
    pub fn nondiff(mut self, arguments: impl IntoIterator<Item = usize>) -> Custom {
        self.nondiff = arguments.into_iter().collect();
        self
    }

    /// Differentiates the function's body with respect to traced values that the function closes
    /// over. The rule still gives the derivative with respect to the arguments. Without this option
    /// a derivative with respect to such a value is an error, since the rule does not give it.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let f = |a: Array| {
    ///     let b = a.clone();
    ///     let times = Custom::new().captured_by_body().jvp(
    ///         move |x: Array| x * &a,
    ///         move |(x,), (dx,)| (x * &b, dx * &b),
    ///     );
    ///     times(Array::from(3.0))
    /// };
    /// assert_eq!(grad(f)(Array::from(2.0)).item::<f32>(), 3.0);
    /// ```
    pub fn captured_by_body(mut self) -> Custom {
        self.captured_by_body = true;
        self
    }

    /// Sets the advice in the error of forward mode, for a function of the library that has only a
    /// reverse rule.
    pub(crate) fn forward_cure(mut self, text: &'static str) -> Custom {
        self.forward_cure = Some(text);
        self
    }
}
