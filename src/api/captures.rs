//! [`clone!`](crate::clone!): closures that own clones of what they use.

/// Evaluates an expression, most often a `move` closure, with clones of some variables: they stay
/// the caller's, and the closure has its own.
///
/// Arrays are handles, so that a clone of one costs nothing. An entry is a name (`w`), a name with
/// `mut` (`mut w`), or a name for the clone of something (`w = self.w`). The value may be behind a
/// reference: what it refers to is cloned.
///
/// ```
/// use cotangent::prelude::*;
/// // A closure that is returned owns what it captures.
/// fn affine(w: &Array, b: &Array) -> impl Fn(Array) -> Array + Send + Sync + use<> {
///     clone!(w, b => move |x| x * &w + &b)
/// }
/// let f = affine(&array![2.0], &array![1.0]);
/// assert_eq!(f(array![3.0]), array![7.0]);
/// assert_eq!(grad(|x: Array| f(x).sum())(array![3.0]), array![2.0]);
///
/// // The fields of a struct, without naming it inside.
/// struct Model {
///     w: Array,
/// }
/// impl Model {
///     fn loss(&self) -> Func<'static, (Own<Array>,), Array> {
///         jit(clone!(w = self.w => move |x: Array| (x * &w).sum()))
///     }
/// }
/// assert_eq!(Model { w: array![2.0] }.loss()(array![3.0]).item::<f32>(), 6.0);
/// ```
///
/// Without the macro the same is written with a block: `{ let w = w.clone(); move |x| x * &w }`.
/// A closure that does not leave the scope needs neither: it borrows.
#[macro_export]
macro_rules! clone {
    (mut $name:ident => $value:expr $(,)?) => {{
        let mut $name = $name.clone();
        $value
    }};
    ($name:ident => $value:expr $(,)?) => {{
        let $name = $name.clone();
        $value
    }};
    (mut $name:ident = $of:expr => $value:expr $(,)?) => {{
        let mut $name = $of.clone();
        $value
    }};
    ($name:ident = $of:expr => $value:expr $(,)?) => {{
        let $name = $of.clone();
        $value
    }};
    (mut $name:ident, $($rest:tt)+) => {{
        let mut $name = $name.clone();
        $crate::clone!($($rest)+)
    }};
    ($name:ident, $($rest:tt)+) => {{
        let $name = $name.clone();
        $crate::clone!($($rest)+)
    }};
    (mut $name:ident = $of:expr, $($rest:tt)+) => {{
        let mut $name = $of.clone();
        $crate::clone!($($rest)+)
    }};
    ($name:ident = $of:expr, $($rest:tt)+) => {{
        let $name = $of.clone();
        $crate::clone!($($rest)+)
    }};
}
