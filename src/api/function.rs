//! Functions that transforms take and give: closures of one to eight pytrees, and [`Func`], which
//! is called like a closure.
//!
//! [`Sig`] is the list of arguments, all owned or all borrowed. A [`Function`] has such a list:
//! closures, `fn` items, and `Func`, so that transforms nest. A call of a `Func` goes through
//! `Deref` to a `dyn Fn`. The deref notes the caller's line, which the body of a closure cannot
//! know, and errors name it.
//!
//! # Closures that transforms take
//!
//! Write the types of the arguments; take all by value or all by reference; and let the closure
//! borrow what it captures (`&s`), or move a clone into it. A function that has to live as long as
//! it likes (one that is returned, or has a custom rule) takes `move` and clones.
//!
//! ```
//! use cotangent::prelude::*;
//! let s = array![2.0, 3.0];
//! // Borrowed: `&s` in the body. `x * s` would move `s` out of a closure that is called again.
//! let by_reference = grad(|x: Array| (x * &s).sum());
//! assert_eq!(by_reference(array![1.0, 1.0]).to_vec::<f32>(), [2.0, 3.0]);
//! // Owned: a clone is moved in; arrays are handles, so that no element is copied.
//! fn scaled(s: &Array) -> Func<'static, (Own<Array>,), Array> {
//!     let s = s.clone();
//!     grad(move |x: Array| (x * &s).sum())
//! }
//! assert_eq!(scaled(&s)(array![1.0, 1.0]).to_vec::<f32>(), [2.0, 3.0]);
//! ```
//!
//! A training step owns parameters and state, which it replaces, and its data, whose handles are
//! cloned; inside, the loss borrows.
//!
//! ```
//! use cotangent::{optim, prelude::*};
//! #[derive(Pytree, Clone)]
//! struct Line { w: Array, b: Array }
//! let loss = |p: &Line, x: &Array, y: &Array| (&p.w * x + &p.b - y).square().mean();
//! let adam = optim::adam(0.1);
//! let step = jit(|p: Line, state: optim::State, x: Array, y: Array| {
//!     let (value, g) = value_and_grad(loss)(&p, &x, &y);
//!     let (updates, state) = adam.update(g, state, &p);
//!     (optim::apply_updates(p, updates), state, value)
//! });
//! let (x, y) = (array![0.0, 1.0], array![1.0, 3.0]);
//! let start = Line { w: Array::from(0.0), b: Array::from(0.0) };
//! let (mut p, mut state) = (start.clone(), adam.init(&start));
//! for _ in 0..200 {
//!     (p, state, _) = step(p, state, x.clone(), y.clone());
//! }
//! assert!(p.w.isclose_within(2.0, 0.01, 0.0).all().to_bool(), "{}", p.w);
//! ```
//!
//! The closure is called on *tracers*, once per structure and types of its arguments. A tracer has
//! a shape and a dtype and no elements: `x.item()`, `x.to_vec()`, printing its elements and a Rust
//! `if` on them are for outside. In their place stand [`Array::select`](crate::Array::select),
//! [`cond`](super::control::cond), [`debug_print!`](crate::debug_print!) and
//! [`while_loop`](super::control::while_loop).
//!
//! ```
//! use cotangent::prelude::*;
//! // Not `if x.item::<f32>() > 0.0 { .. }`:
//! let f = |x: Array| x.gt(0.0).select(x.sin(), 2.0 * &x).sum();
//! assert_eq!(grad(f)(array![0.0, -1.0]).to_vec::<f32>(), [2.0, 2.0]);
//! ```
//!
//! # Functions that take functions
//!
//! A sampler or a solver of your own bounds what it is given by `Send + Sync`, because a transform
//! may run it on another thread. A borrowed function need only be `Sync`; one that is returned, or
//! kept, is `'static` as well.
//!
//! ```
//! use cotangent::prelude::*;
//! fn ascent(f: &(impl Fn(Array) -> Array + Sync), x: Array) -> Array {
//!     fori_loop(0..50, |_, x: Array| &x + 0.1 * grad(f)(x.clone()), x)
//! }
//! fn slope(f: impl Fn(Array) -> Array + Send + Sync, x: Array) -> Array {
//!     grad(f)(x)
//! }
//! let hill = |x: Array| -(x - 3.0).square();
//! assert!((ascent(&hill, Array::from(0.0)).item::<f32>() - 3.0).abs() < 1e-3);
//! assert_eq!(slope(hill, Array::from(1.0)).item::<f32>(), 4.0);
//! ```
//!
//! What a transform returns is a [`Func`], which is called as `g(x)` and given to other transforms
//! as it is; where a function of your own asks for `impl Fn`, give it `|x| g(x)`:
//!
//! ```
//! use cotangent::prelude::*;
//! fn twice(f: impl Fn(Array) -> Array, x: Array) -> Array {
//!     f(f(x))
//! }
//! let slope = grad(|x: Array| x.square());
//! assert_eq!(twice(|x| slope(x), Array::from(1.0)).item::<f32>(), 4.0);
//! ```
//!
//! Where a transform refuses a function, the compiler may add `expected function, found Func` at
//! each call of its result. Look at the first error: those go away with it.
//!
//! # Numbers
//!
//! Numbers of the program keep the dtype of the array beside them: `2.0 * x` is `f32` if `x` is. An
//! *array* of another dtype widens the result, as `array![2.0f64]` does; `astype` sets it right.
//! Loops refuse a carry that comes back wider.

use super::device::Device;
use super::pytree::{Flat, Pytree, Rebuild};
use super::type_text::type_text;
use crate::core::array::Array;
use crate::core::jaxpr::ClosedJaxpr;
use crate::core::scoped;
use crate::core::source::{Source, awaiting, fail_called_at, here, raise};
use cotangent_jit::Error;
use std::cell::Cell;
use std::fmt;
use std::marker::PhantomData;
use std::ops::Deref;
use std::panic::{Location, RefUnwindSafe, UnwindSafe};
use std::sync::Arc;

/// An argument taken by value.
pub struct Own<A>(PhantomData<A>);

/// An argument taken by reference.
pub struct Ref<A>(PhantomData<A>);

/// The types of a function's arguments: a tuple of [`Own`] or of [`Ref`].
#[diagnostic::on_unimplemented(
    message = "`{Self}` is no list of arguments: expected a tuple of 1 to 8 `Own<A>`, or of 1 to 8 \
               `Ref<A>`, of pytrees",
    label = "write `(Own<A>, Own<B>)` for owned arguments, `(Ref<A>, Ref<B>)` for borrowed ones"
)]
pub trait Sig<'f>: 'f {
    type First: Pytree;
    /// All arguments, as a tuple.
    type Args: Pytree;
    /// The same arguments, by value.
    type Owned: Sig<'static, Args = Self::Args, First = Self::First>;
    /// The type of a call: `dyn Fn(A, B) -> R`.
    type Dyn<R: 'f>: ?Sized + Send + Sync + 'f;

    /// The types of the arguments, as they are written.
    #[doc(hidden)]
    fn arguments() -> Vec<String>;

    /// A call that flattens its arguments and passes them on.
    #[doc(hidden)]
    fn call_flat<R: 'f>(f: impl Fn(Flat) -> R + Send + Sync + 'f) -> Arc<Self::Dyn<R>>;
}

/// A closure, a `fn` item or a [`Func`], from arguments `S` to a result `R`. Captures must be
/// `Send + Sync` and may borrow.
#[diagnostic::on_unimplemented(
    message = "expected a closure of 1 to 8 arguments, all owned or all borrowed pytrees, that \
               returns a pytree",
    label = "this function has no such arguments, or no such result",
    note = "all arguments are owned (`|x: Array, y: Array|`) or all are borrowed (`|x: &Array, y: \
            &Array|`), and `x.clone()` copies a handle, no elements; more than 8 go into a tuple \
            or a struct",
    note = "pytrees are `Array`, tuples, `Vec`, `[T; N]`, `Option` and maps of pytrees, and \
            structs with `#[derive(Pytree)]`; a number is none: pass an `Array` \
            (`Array::from(0.5)`), or capture the number",
    note = "write the types of a closure's arguments: `|x: Array|`, `|(w, b): (Array, Array)|`",
    note = "a function that takes a function bounds it by `f: impl Fn(Array) -> Array + Send + \
            Sync`, or borrows it, `f: &(impl Fn(Array) -> Array + Sync)`"
)]
pub trait Function<'f, S: Sig<'f>, R: 'f>: 'f {
    #[doc(hidden)]
    fn erase(self) -> Callee<'f, R>;
}

/// What a function returns that `grad` differentiates: an [`Array`].
#[diagnostic::on_unimplemented(
    message = "expected a function that returns an `Array`, the scalar to differentiate, got one \
               that returns `{Self}`",
    label = "the function must return an `Array`",
    note = "end the closure with the scalar: without a semicolon, and without `item()`, which \
            takes the number out",
    note = "a function that returns the scalar and something else goes to `grad_aux` or \
            `value_and_grad_aux`; one that returns several numbers to `jacrev`"
)]
pub trait Differentiable: Pytree {
    #[doc(hidden)]
    fn scalar(self) -> Array;
}

impl Differentiable for Array {
    fn scalar(self) -> Array {
        self
    }
}

/// What a function returns that `grad_aux` differentiates: an [`Array`], and a pytree beside it.
#[diagnostic::on_unimplemented(
    message = "expected a function that returns `(Array, aux)`, the scalar to differentiate and a \
               pytree, got one that returns `{Self}`",
    label = "the function must return a pair: an `Array`, and a pytree",
    note = "a function that returns the scalar alone goes to `grad` or `value_and_grad`"
)]
pub trait DifferentiableWithAux: Pytree {
    type Aux: Pytree;

    #[doc(hidden)]
    fn aux(self) -> Self::Aux;
}

impl<A: Pytree> DifferentiableWithAux for (Array, A) {
    type Aux = A;

    fn aux(self) -> A {
        self.1
    }
}

/// What a closure captures can be used from several threads. The trait is there for its name: the
/// compiler says that a closure which captures an `Rc` lacks it.
#[doc(hidden)]
pub trait ThreadSafeCapturesSuchAsArc: Send + Sync {}

impl<F: Send + Sync> ThreadSafeCapturesSuchAsArc for F {}

/// A closure that is `Fn`: one that neither moves nor changes what it captures. The trait is there
/// for its name: the compiler says that a closure which moves a capture lacks it.
#[doc(hidden)]
pub trait ReadsCapturesByReference<S, R> {
    type Args;
    fn call_with(&self, args: Self::Args) -> R;
}

/// A function that also gets the name under which it is called.
type Run<'f, R> = dyn Fn(&Name, Flat) -> Result<R, Error> + Send + Sync + 'f;

/// A function of flattened arguments, with a name.
#[doc(hidden)]
pub struct Callee<'f, R> {
    pub run: Arc<Run<'f, R>>,
    pub name: Name,
}

impl<R> Callee<'_, R> {
    pub fn call(&self, args: Flat) -> Result<R, Error> {
        (self.run)(&self.name, args)
    }
}

impl<'f, R: Differentiable> Callee<'f, R> {
    /// The same function, of a type that says that it returns an array.
    pub(crate) fn returning_array(self) -> Callee<'f, Array> {
        let Callee { run, name } = self;
        Callee { run: Arc::new(move |name, flat| Ok(run(name, flat)?.scalar())), name }
    }
}

impl<R> Clone for Callee<'_, R> {
    fn clone(&self) -> Self {
        Callee { run: self.run.clone(), name: self.name.clone() }
    }
}

/// The name of a function in jaxprs and messages: `loss`, `grad(loss)`.
#[doc(hidden)]
#[derive(Clone)]
pub enum Name {
    /// What the compiler's name of a type says.
    Type(&'static str),
    Given(Arc<str>),
}

impl Name {
    pub fn of(&self, transform: &str) -> Name {
        Name::Given(format!("{transform}({})", self.text()).into())
    }

    /// The last part of the path of a function's type. It is found here and not in `text`, since
    /// every call asks for the text.
    fn of_type<F>() -> Name {
        let path = std::any::type_name::<F>();
        if path.starts_with("fn(") || path.starts_with("for<") {
            return Name::Type("fn");
        }
        let path = path.split('<').next().unwrap_or(path);
        if path.ends_with("{{closure}}") {
            return Name::Type("closure");
        }
        Name::Type(path.rsplit("::").next().unwrap_or(path))
    }

    /// The text of a closure is `closure`, that of a function pointer `fn`.
    pub fn text(&self) -> &str {
        match self {
            Name::Given(name) => name,
            Name::Type(name) => name,
        }
    }
}

/// The result of a transform. It can be called as `g(x)`, transformed again, and kept in a variable
/// or a field. Where a function of your own asks for `impl Fn`, give it `|x| g(x)`.
///
/// ```
/// use cotangent::prelude::*;
/// let square: Func<(Own<Array>,), Array> = jit(|x: Array| &x * &x);
/// assert_eq!(square(array![3.0]).to_vec::<f32>(), [9.0]);
/// ```
pub struct Func<'f, S: Sig<'f>, R: 'f> {
    call: Arc<S::Dyn<R>>,
    pub(crate) callee: Callee<'f, R>,
    /// The function that transforms look into. In a jitted function it is the one that was jitted.
    pub(crate) inner: Callee<'f, R>,
    /// A jitted function that flushes subnormal numbers wherever it is called.
    pub(crate) flush: bool,
    /// A jitted function that is compiled for this device wherever it is called.
    pub(crate) device: Option<Device>,
    /// Lists what a jitted function was traced to.
    programs: Option<Arc<Programs<'f>>>,
}

/// The jaxprs that a jitted function keeps, oldest first.
type Programs<'f> = dyn Fn() -> Vec<ClosedJaxpr> + Send + Sync + 'f;

impl<'f, S: Sig<'f>, R: 'f> Clone for Func<'f, S, R> {
    fn clone(&self) -> Self {
        let Func { call, callee, inner, flush, device, programs } = self;
        let (call, callee, inner) = (call.clone(), callee.clone(), inner.clone());
        Func { call, callee, inner, flush: *flush, device: *device, programs: programs.clone() }
    }
}

// The closure inside is `Fn + Send + Sync`. What it can change is behind locks, which are poisoned
// by a panic, or atomic; the crate's caches hold whole entries.
impl<'f, S: Sig<'f>, R: 'f> UnwindSafe for Func<'f, S, R> {}
impl<'f, S: Sig<'f>, R: 'f> RefUnwindSafe for Func<'f, S, R> {}

/// The name.
impl<'f, S: Sig<'f>, R: 'f> fmt::Debug for Func<'f, S, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl<'f, S: Sig<'f>, R: 'f> Deref for Func<'f, S, R> {
    type Target = S::Dyn<R>;

    #[track_caller]
    fn deref(&self) -> &S::Dyn<R> {
        CALLER.set(Some(Call { line: here(), written: Location::caller() }));
        &self.call
    }
}

impl<'f, S: Sig<'f>, R: 'f> Func<'f, S, R> {
    pub(crate) fn new(
        name: Name,
        run: impl Fn(Flat) -> Result<R, Error> + Send + Sync + 'f,
    ) -> Func<'f, S, R> {
        Func::of(Callee { run: Arc::new(move |_: &Name, args| run(args)), name })
    }

    pub(crate) fn of(callee: Callee<'f, R>) -> Func<'f, S, R> {
        Func::calls(callee, |inside, flat| awaiting(|| inside.call(flat)))
    }

    /// Makes a function from one that awaits errors of panicking forms itself where there may be
    /// some. A jitted function that has its code ready then loses no time.
    pub(crate) fn awaiting_itself(callee: Callee<'f, R>) -> Func<'f, S, R> {
        Func::calls(callee, |inside, flat| inside.call(flat))
    }

    fn calls(
        callee: Callee<'f, R>,
        run: impl Fn(&Callee<'f, R>, Flat) -> Result<R, Error> + Send + Sync + 'f,
    ) -> Func<'f, S, R> {
        let inside = callee.clone();
        let call = S::call_flat(move |flat| {
            let caller = CALLER.get();
            let result = run(&inside, flat);
            // Calls inside `run` have set their own line. The expression of our caller may make
            // further calls.
            CALLER.set(caller);
            match (result, caller) {
                (Ok(value), _) => value,
                (Err(e), Some(call)) => fail_called_at(e, call.written, call.line),
                (Err(e), None) => raise(Err(e)),
            }
        });
        Func { call, inner: callee.clone(), callee, flush: false, device: None, programs: None }
    }

    pub(crate) fn looked_into_as(mut self, inner: Callee<'f, R>) -> Self {
        self.inner = inner;
        self
    }

    pub(crate) fn flushing(self, flush: bool) -> Self {
        Func { flush, ..self }
    }

    pub(crate) fn on(self, device: Option<Device>) -> Self {
        Func { device, ..self }
    }

    pub(crate) fn listing(
        self,
        programs: impl Fn() -> Vec<ClosedJaxpr> + Send + Sync + 'f,
    ) -> Self {
        Func { programs: Some(Arc::new(programs)), ..self }
    }

    /// What a jitted function was traced to so far.
    pub(crate) fn programs(&self) -> Vec<ClosedJaxpr> {
        self.programs.as_ref().map_or(Vec::new(), |list| list())
    }

    /// Calls with the arguments as a tuple and returns the error instead of panicking with it.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let g = grad(|x: Array| x * 2.0);
    /// let error = g.try_call((array![1.0, 2.0],)).unwrap_err();
    /// assert!(error.message().contains("must return a scalar"), "{error}");
    /// ```
    #[track_caller]
    pub fn try_call(&self, args: S::Args) -> Result<R, Error> {
        calling(|| self.callee.call(Flat::of(args)))
    }

    /// The name of the function in jaxprs and messages.
    pub fn name(&self) -> &str {
        self.callee.name.text()
    }

    /// The same function under another name.
    pub fn named(self, name: &str) -> Self {
        let name = Name::Given(name.into());
        let inner = Callee { name: name.clone(), ..self.inner };
        let named: Func<'f, S, R> = Func::of(Callee { name, ..self.callee });
        let named = named.looked_into_as(inner).flushing(self.flush).on(self.device);
        Func { programs: self.programs, ..named }
    }
}

/// A call of a [`Func`] in progress.
#[derive(Clone, Copy)]
struct Call {
    /// The line that its operations get.
    line: Source,
    /// The location at which the call is written, also while another line is replayed.
    written: &'static Location<'static>,
}

thread_local! {
    static CALLER: Cell<Option<Call>> = const { Cell::new(None) };
}

/// Runs `f` as a call at the caller's line.
#[track_caller]
pub(crate) fn calling<T>(f: impl FnOnce() -> Result<T, Error>) -> Result<T, Error> {
    let call = Call { line: here(), written: Location::caller() };
    scoped::with(&CALLER, Some(call), || awaiting(f))
}

/// The user's line of the call in progress.
pub(crate) fn caller() -> Option<Source> {
    CALLER.get().map(|call| call.line)
}

impl<'f, S: Sig<'f>, R: 'f> Function<'f, S, R> for Func<'f, S, R> {
    fn erase(self) -> Callee<'f, R> {
        self.callee
    }
}

macro_rules! arity {
    ($First:ident $($A:ident $a:ident)+) => {
        impl<'f, $($A: Pytree),+> Sig<'f> for ($(Own<$A>,)+) {
            type First = $First;
            type Args = ($($A,)+);
            type Owned = ($(Own<$A>,)+);
            type Dyn<R: 'f> = dyn Fn($($A),+) -> R + Send + Sync + 'f;

            fn arguments() -> Vec<String> {
                vec![$(type_text::<$A>()),+]
            }

            fn call_flat<R: 'f>(
                f: impl Fn(Flat) -> R + Send + Sync + 'f,
            ) -> Arc<dyn Fn($($A),+) -> R + Send + Sync + 'f> {
                Arc::new(move |$($a: $A),+| f(Flat::of(($($a,)+))))
            }
        }

        impl<'f, $($A: Pytree),+> Sig<'f> for ($(Ref<$A>,)+) {
            type First = $First;
            type Args = ($($A,)+);
            type Owned = ($(Own<$A>,)+);
            type Dyn<R: 'f> = dyn Fn($(&$A),+) -> R + Send + Sync + 'f;

            fn arguments() -> Vec<String> {
                vec![$(format!("&{}", type_text::<$A>())),+]
            }

            fn call_flat<R: 'f>(
                f: impl Fn(Flat) -> R + Send + Sync + 'f,
            ) -> Arc<dyn Fn($(&$A),+) -> R + Send + Sync + 'f> {
                Arc::new(move |$($a: &$A),+| {
                    let mut flat = Flat::default();
                    let count = [$(stringify!($a)),+].len();
                    flat.push(super::pytree::Token::Tuple(count as u32));
                    $($a.flatten_ref(&mut flat);)+
                    f(flat)
                })
            }
        }

        impl<Fun, R, $($A),+> ReadsCapturesByReference<($(Own<$A>,)+), R> for Fun
        where
            Fun: Fn($($A),+) -> R,
        {
            type Args = ($($A,)+);

            fn call_with(&self, ($($a,)+): ($($A,)+)) -> R {
                self($($a),+)
            }
        }

        impl<Fun, R, $($A),+> ReadsCapturesByReference<($(Ref<$A>,)+), R> for Fun
        where
            Fun: Fn($(&$A),+) -> R,
        {
            type Args = ($($A,)+);

            fn call_with(&self, ($($a,)+): ($($A,)+)) -> R {
                self($(&$a),+)
            }
        }

        impl<'f, Fun, R: 'f, $($A: Pytree),+> Function<'f, ($(Own<$A>,)+), R> for Fun
        where
            Fun: FnOnce($($A),+) -> R + ThreadSafeCapturesSuchAsArc + 'f,
            Fun: ReadsCapturesByReference<($(Own<$A>,)+), R, Args = ($($A,)+)>,
        {
            fn erase(self) -> Callee<'f, R> {
                let name = Name::of_type::<Fun>();
                let run = move |_: &Name, flat: Flat| {
                    let args = rebuild::<($($A,)+)>(flat)?;
                    Ok(self.call_with(args))
                };
                Callee { run: Arc::new(run), name }
            }
        }

        impl<'f, Fun, R: 'f, $($A: Pytree),+> Function<'f, ($(Ref<$A>,)+), R> for Fun
        where
            Fun: FnOnce($(&$A),+) -> R + ThreadSafeCapturesSuchAsArc + 'f,
            Fun: ReadsCapturesByReference<($(Ref<$A>,)+), R, Args = ($($A,)+)>,
        {
            fn erase(self) -> Callee<'f, R> {
                let name = Name::of_type::<Fun>();
                let run = move |_: &Name, flat: Flat| {
                    let args = rebuild::<($($A,)+)>(flat)?;
                    Ok(self.call_with(args))
                };
                Callee { run: Arc::new(run), name }
            }
        }
    };
}

arity!(A A a);
arity!(A A a B b);
arity!(A A a B b C c);
arity!(A A a B b C c D d);
arity!(A A a B b C c D d E e);
arity!(A A a B b C c D d E e G g);
arity!(A A a B b C c D d E e G g H h);
arity!(A A a B b C c D d E e G g H h I i);

fn rebuild<T: Pytree>(flat: Flat) -> Result<T, Error> {
    T::unflatten(&mut Rebuild::new(&flat.tree, flat.leaves))
}
