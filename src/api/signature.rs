//! Names of [`Func`] types, and what a function shows in a notebook: its name, its types and the
//! jaxprs of the programs that it has.

use super::function::{Func, Own, Sig};
use super::type_text::type_text;
use crate::core::notebook::{Shown, escape, folded, preformatted};
use cotangent_jit::plural;

/// A function of one owned argument that borrows nothing: the type of a variable or a field.
///
/// ```
/// use cotangent::prelude::*;
/// struct Model { slope: Fn1<Array, Array>, step: Fn2<(Array, Array), Array, Array> }
/// let model = Model {
///     slope: jit(grad(|x: Array| x.square())),
///     step: jit(|(w, b): (Array, Array), x: Array| w * x + b),
/// };
/// assert_eq!((model.slope)(Array::from(3.0)).item::<f32>(), 6.0);
/// # (model.step)((ones(2), ones(2)), ones(2));
/// ```
pub type Fn1<A, R> = Func<'static, (Own<A>,), R>;
/// A function of two owned arguments, as [`Fn1`] is of one.
pub type Fn2<A, B, R> = Func<'static, (Own<A>, Own<B>), R>;
/// A function of three owned arguments, as [`Fn1`] is of one.
pub type Fn3<A, B, C, R> = Func<'static, (Own<A>, Own<B>, Own<C>), R>;
/// A function of four owned arguments, as [`Fn1`] is of one.
pub type Fn4<A, B, C, D, R> = Func<'static, (Own<A>, Own<B>, Own<C>, Own<D>), R>;

impl<'f, S: Sig<'f>, R: 'f> Func<'f, S, R> {
    /// The types of the arguments and the result, as they are written in Rust.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let f = grad(|p: (Array, Array), x: Array| (p.0 * x + p.1).sum());
    /// assert_eq!(f.signature(), "((Array, Array), Array) -> (Array, Array)");
    /// ```
    pub fn signature(&self) -> String {
        format!("({}) -> {}", S::arguments().join(", "), type_text::<R>())
    }

    /// Shows the function in an evcxr notebook: its name, its types, and behind a click the jaxpr
    /// of each program that it was traced to, if it is jitted.
    pub fn evcxr_display(&self) {
        self.shown().print();
    }

    fn shown(&self) -> Shown {
        let head = format!("{}: {}", self.name(), self.signature());
        let mut plain = head.clone();
        let mut html = format!("<p><code>{}</code></p>", escape(&head));
        let programs = self.programs();
        if programs.is_empty() {
            let hint = "make_jaxpr(f)(args) shows the jaxpr for arguments";
            plain.push_str(&format!("\n{hint}"));
            html.push_str(&format!("<p>{hint}</p>"));
        }
        for program in &programs {
            let jaxpr = &program.jaxpr;
            let arguments = &jaxpr.inputs[program.consts.len()..];
            let types: Vec<String> = arguments.iter().map(|v| jaxpr.aval(*v).to_string()).collect();
            let equations = plural(jaxpr.eqns.len(), "equation");
            let line = format!("for {}: {equations}", types.join(", "));
            plain.push_str(&format!("\n{line}"));
            html.push_str(&folded(&line, &preformatted(&program.to_string())));
        }
        Shown::new(plain, html)
    }
}

#[cfg(test)]
mod tests {
    use crate::prelude::*;

    #[test]
    fn functions_show_their_types_and_programs() {
        let f = jit(|x: &Array, y: &Array| (x * y).sin()).named("wave");
        let before = f.shown().marked();
        assert!(before.contains("\nwave: (&Array, &Array) -> Array\nmake_jaxpr(f)"), "{before}");
        f(&ones(3), &ones(3));
        let (g, after) = (f.clone(), f.shown().marked());
        assert!(after.contains("\nfor f32[3], f32[3]: 2 equations\nEVCXR_END"), "{after}");
        assert!(after.contains("<details><summary>for f32[3]"), "{after}");
        assert!(after.contains("sin"), "{after}");
        g(&ones(()), &ones(()));
        assert_eq!(f.programs().len(), 2, "clones share what they traced");
    }
}
