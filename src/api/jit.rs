//! `jit` traces and compiles a function once per structure, types and static fields of its
//! arguments. Later calls only run the code.
//!
//! Inside another trace a jitted function becomes one `call` equation. Not here: the compiler
//! (`stage`).

use super::cache::{Cache, Entry, Key, site_of_call};
use super::device::Device;
use super::function::{Callee, Func, Function, Name, Sig, caller};
use super::graph::{self, Graph, argument, at_caller};
use super::misses::{Miss, explain, remember};
use super::pytree::{Flat, Pytree};
use crate::core::array::Array;
use crate::core::home::with_home;
use crate::core::source::awaiting;
use crate::core::{scoped, trace};
use crate::prims::carriers::call::call;
use crate::stage::cache::{cached, generation};
use crate::stage::device::{default_place, place_or_process};
use crate::stage::executable::Executable;
use crate::stage::nan_check::{self, NanCheck, with_nan_check};
use crate::stage::placement::{Site, committed_elsewhere, moved, site_of, whereabouts};
use crate::stage::run::run_checked;
use crate::stage::subnormals::{flushes, with_flush};
use crate::transforms::simplify::{Options, simplify};
use cotangent_jit::{Error, err, plural};
use std::cell::Cell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

/// Compiles `f`: the first call with arguments of new types traces it, and later calls run machine
/// code.
///
/// The key is the structure of the arguments, their shapes, dtypes and weakness, static fields, and
/// the device.
/// Tracing captures the values that `f` closes over: arrays are passed in at every call, other
/// values are frozen. The result can be called from many threads at once. An argument passed by
/// value without another owner gives its memory to the results.
///
/// ```
/// use cotangent::prelude::*;
/// let f = jit(|x: Array| x * 2.0 + 1.0);
/// assert_eq!(f(array![1.0, 2.0]).to_vec::<f32>(), [3.0, 5.0]);
/// ```
///
/// # Several arguments, any pytree
///
/// ```
/// use cotangent::prelude::*;
/// let f = jit(|(w, b): (Array, Array), xs: Vec<Array>| {
///     xs.into_iter().map(|x| x * &w + &b).collect::<Vec<Array>>()
/// });
/// let y = f((array![2.0], array![1.0]), vec![array![1.0], array![2.0]]);
/// assert_eq!(y[1].item::<f32>(), 5.0);
/// ```
///
/// # Borrowed arguments
///
/// They keep their memory. An owned argument without another handle gives its memory to the
/// results, so that a training step does not allocate.
///
/// ```
/// use cotangent::prelude::*;
/// let f = jit(|x: &Array, y: &Array| x + y);
/// let x = array![1.0, 2.0];
/// assert_eq!(f(&x, &x).to_vec::<f32>(), [2.0, 4.0]);
/// ```
///
/// # With other transforms
///
/// The order is free: `jit(grad(f))` compiles a gradient, `grad(jit(f))` differentiates the jitted
/// function. Compile the outermost function: the whole of a step, not its parts.
///
/// ```
/// use cotangent::prelude::*;
/// let f = |x: Array| x.sin().sum();
/// let x = array![0.0, 1.0];
/// let (a, b) = (jit(grad(f))(x.clone()), grad(jit(f))(x.clone()));
/// assert_eq!(a.to_vec::<f32>(), b.to_vec::<f32>());
/// let per_row = jit(vmap(grad(f)));
/// assert_eq!(per_row(array![[0.0, 0.0], [0.0, 0.0]]).to_vec::<f32>(), [1.0; 4]);
/// ```
///
/// # What is static
///
/// Shapes, dtypes, structures and the static fields of a struct are known while tracing, and a
/// change of them compiles anew; [`jit_misses`](super::misses::jit_misses) tells why. The elements
/// are not known. A number of Rust that the closure captures is a constant of the code.
///
/// ```
/// use cotangent::prelude::*;
/// let n = 3;
/// let power = jit(|x: Array| (0..n).fold(ones(()), |y, _| y * &x));
/// assert_eq!(power(array![2.0].sum()).item::<f32>(), 8.0);
/// ```
///
/// # Pitfalls
///
/// - Keep the jitted function: `jit(f)` in a loop traces anew in every round.
/// - Inside, values are tracers: no `x.item()`, no Rust `if` on elements; a `println!` runs once,
///   while tracing. [`cond`](super::control::cond), [`Array::select`](Array::select),
///   [`debug_print!`](crate::debug_print!) are for that.
/// - A Rust `for` is unrolled into the code; [`fori_loop`](super::control::fori_loop) and
///   [`scan`](super::control::scan) are not.
/// - What the closure captures is borrowed (`x * &s`) or a clone moved in. A captured number is
///   frozen: what changes from call to call should be an argument.
/// - The types of a closure's arguments must be written: `|x: Array|`.
///
/// See also [`jit_with`], [`Func::lower`](Func::lower) (the jaxpr, the program, the machine code),
/// [`make_jaxpr`](super::make_jaxpr::make_jaxpr), [`disable_jit`],
/// [`debug_nans`](super::debug_nans::debug_nans()), [`function`](super::function) (closures at
/// length).
#[doc(alias("compile", "pjit", "script"))]
pub fn jit<'f, F, S: Sig<'f>, R: Pytree>(f: F) -> Func<'f, S, R>
where
    F: Function<'f, S, R>,
{
    jit_with(f, JitOptions::default())
}

/// [`jit`] with options.
///
/// ```
/// use cotangent::prelude::*;
/// let step = jit_with(|x: Array, y: Array| x + y, JitOptions::new().name("step").donate([0]));
/// let x = array![1.0];
/// let kept = x.clone();
/// let error = step.try_call((x, array![2.0])).unwrap_err();
/// assert!(error.message().contains("argument 0"), "{error}");
/// # drop(kept);
/// ```
#[doc(alias("static_argnums", "donate_argnums"))]
pub fn jit_with<'f, F, S: Sig<'f>, R: Pytree>(f: F, options: JitOptions) -> Func<'f, S, R>
where
    F: Function<'f, S, R>,
{
    let mut f = f.erase();
    if let Some(name) = options.name {
        f.name = Name::Given(name.into());
    }
    let plain = f.clone();
    let jitted = Jitted {
        f,
        cache: Cache::default(),
        generation: AtomicU64::new(generation()),
        nan_check: options.nan_check,
        flush: options.flush,
        donated: options.donated,
        device: options.device,
    };
    let jitted = Arc::new(jitted);
    let programs = {
        let jitted = jitted.clone();
        move || jitted.cache.values(|traced| traced.graph.closed())
    };
    let run = move |name: &Name, args| jitted.call(name.text(), args);
    let callee = Callee { run: Arc::new(run), name: plain.name.clone() };
    let func: Func<'f, S, R> = Func::awaiting_itself(callee);
    let func = func.looked_into_as(plain).flushing(options.flush).on(options.device);
    func.listing(programs)
}

/// The options of [`jit_with`].
#[derive(Clone, Default, Debug)]
pub struct JitOptions {
    name: Option<String>,
    nan_check: NanCheck,
    flush: bool,
    donated: Vec<usize>,
    device: Option<Device>,
}

impl JitOptions {
    pub fn new() -> JitOptions {
        JitOptions::default()
    }

    /// The name in jaxprs and messages.
    pub fn name(mut self, name: &str) -> JitOptions {
        self.name = Some(name.into());
        self
    }

    /// Turns results with a NaN into errors, as [`debug_nans`](super::debug_nans::debug_nans) does.
    pub fn debug_nans(mut self) -> JitOptions {
        self.nan_check = self.nan_check | NanCheck::NAN;
        self
    }

    /// Turns results with an infinity into errors.
    pub fn debug_infs(mut self) -> JitOptions {
        self.nan_check = self.nan_check | NanCheck::INFINITY;
        self
    }

    /// Flushes subnormal numbers to zero, wherever the function is called: as if every call stood
    /// in [`flush_subnormals`](super::subnormals::flush_subnormals()).
    /// [The module](super::subnormals) says what that means.
    ///
    /// A function that is traced as a part of another is compiled with that one and runs in its
    /// mode: the option belongs to the outermost function, `jit_with(grad(f), ..)`.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// // The gradient falls by a tenth in each step, and ends at the smallest subnormal numbers.
    /// let last = |x: Array| fori_loop(0..2000, |_, x: Array| x * 0.9, x);
    /// assert!(jit(grad(last))(Array::from(1.0)).item::<f32>() > 0.0);
    /// # if cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
    /// let fast = jit_with(grad(last), JitOptions::new().flush_subnormals());
    /// assert_eq!(fast(Array::from(1.0)).item::<f32>(), 0.0);
    /// # }
    /// ```
    pub fn flush_subnormals(mut self) -> JitOptions {
        self.flush = true;
        self
    }

    /// Checks at every call that the memory of these arguments can be reused: their arrays may have
    /// no other owner. Reuse itself needs no option.
    pub fn donate(mut self, arguments: impl IntoIterator<Item = usize>) -> JitOptions {
        self.donated = arguments.into_iter().collect();
        self
    }

    /// Compiles for this device, whatever the device of the arguments is. Arguments on another
    /// device are an error, unless they move freely ([the module on devices](super::device) says
    /// which do).
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let device = Device::cpu();
    /// let f = jit_with(|x: Array| x * array![1.0, 2.0], JitOptions::new().device(&device));
    /// assert_eq!(f(Array::from(3.0)).device(), device);
    /// ```
    pub fn device(mut self, device: &Device) -> JitOptions {
        self.device = Some(*device);
        self
    }
}

struct Jitted<'f, R> {
    f: Callee<'f, R>,
    cache: Cache<Traced>,
    /// The generation of the stage's caches when `cache` was last emptied.
    generation: AtomicU64,
    nan_check: NanCheck,
    flush: bool,
    donated: Vec<usize>,
    device: Option<Device>,
}

struct Traced {
    graph: Graph,
    /// One that keeps subnormal numbers, one that flushes them.
    executables: [OnceLock<Arc<Executable>>; 2],
}

impl<R: Pytree> Jitted<'_, R> {
    fn call(&self, name: &str, args: Flat) -> Result<R, Error> {
        if self.flush && !flushes() {
            return with_flush(true, || self.call(name, args));
        }
        if DISABLED.get() {
            let call = || awaiting(|| self.f.call(args));
            return match self.device {
                Some(device) => with_home(device.place(), call),
                None => call(),
            };
        }
        let now = generation();
        if self.generation.load(Ordering::Relaxed) != now {
            self.cache.clear();
            self.generation.store(now, Ordering::Relaxed);
        }
        let tracing = trace::is_tracing();
        // Tracers have no memory.
        if !self.donated.is_empty() && !tracing {
            self.check_donated(name, &args)?;
        }
        let site = match site_of(&args.leaves) {
            Some(site) if !tracing && self.device.is_none() => Some(site),
            _ => self.site(name, &args)?,
        };
        let entry = match self.cache.get(&args, site) {
            Some(entry) => entry,
            None => awaiting(|| self.miss(name, &args, site))?,
        };
        let Traced { graph, executables } = &entry.value;
        let inputs = graph.inputs(args.leaves);
        let leaves = if tracing {
            awaiting(|| at_caller(|| call(name, graph.jaxpr.clone(), &inputs)))?
        } else {
            let executable = &executables[usize::from(flushes())];
            let executable = match executable.get() {
                Some(executable) => executable,
                None => {
                    let made = awaiting(|| {
                        let simple = simplify(&graph.jaxpr, Options { inline: true })?;
                        let place = site.map_or_else(default_place, |s| Ok(s.place()))?;
                        cached(&simple, name, place)
                    })?;
                    executable.get_or_init(|| made)
                }
            };
            let run = || run_checked(executable, name, &graph.jaxpr, inputs);
            let results = match self.nan_check {
                NanCheck::NONE => run(),
                check => with_nan_check(check | nan_check::current(), run),
            };
            graph::typed(results?, &graph.out_weak)
        };
        graph::result(&graph.out_tree, leaves)
    }

    /// The device of a call: the one that was fixed, else that of the arguments.
    #[cold]
    fn site(&self, name: &str, args: &Flat) -> Result<Option<Site>, Error> {
        let Some(device) = self.device else { return site_of_call(args) };
        if trace::is_tracing() {
            let around = Device::of(place_or_process(trace::home_of_trace())?);
            if around != device {
                return Err(err!(
                    Device,
                    "{name}: it is compiled for {device}, and the trace that calls it is for \
                     {around}; a program runs on one device"
                ));
            }
        }
        Site::of(device.place()).map(Some)
    }

    #[cold]
    fn miss(
        &self,
        name: &str,
        args: &Flat,
        site: Option<Site>,
    ) -> Result<Arc<Entry<Traced>>, Error> {
        let key = Key::of(args, site);
        let reason = explain(self.cache.nearest(&key.tree).as_ref(), &key);
        remember(Miss { function: name.into(), at: caller(), reason });
        let mut graph = graph::trace(&self.f, &key.tree, &key.avals, site)?;
        if let Some(site) = site.filter(|_| !trace::is_tracing()) {
            gather(name, site, &mut graph.captured)?;
        }
        // A result that captures tracers of an outer trace is useless once that trace ends.
        let once = graph.captured.iter().any(Array::is_tracer);
        let traced = Traced { graph, executables: Default::default() };
        Ok(if once { Cache::once(key, traced) } else { self.cache.insert(args, key, traced) })
    }

    fn check_donated(&self, name: &str, args: &Flat) -> Result<(), Error> {
        for donated in &self.donated {
            let count = args.tree.child_count();
            if *donated >= count {
                return Err(err!(
                    Value,
                    "jit: argument {donated} should be donated, but the function has {arguments}",
                    arguments = plural(count, "argument")
                ));
            }
            let (_, leaves) = args.tree.child(*donated);
            for i in leaves {
                if !args.leaves[i].is_unique() {
                    return Err(err!(
                        Value,
                        "{name}: {} ({}) should be donated, but somebody else holds it; move it \
                         in and drop other \
                         handles",
                        argument(&args.tree, i),
                        args.leaves[i].aval()
                    ));
                }
            }
        }
        Ok(())
    }
}

/// Moves captured arrays to the device of the program, once for all calls.
fn gather(name: &str, site: Site, captured: &mut [Array]) -> Result<(), Error> {
    for array in captured.iter_mut().filter(|a| !a.is_tracer()) {
        if committed_elsewhere(array, site) {
            return Err(err!(
                Device,
                "{name}: it is called for {site} and closes over {} on {}; move that array with \
                 x.to(&device) first",
                array.aval(),
                whereabouts(array)
            ));
        }
        *array = moved(array, site, false)?;
    }
    Ok(())
}

thread_local! {
    static DISABLED: Cell<bool> = const { Cell::new(false) };
}

/// Runs `f` with [`jit`] off on this thread, so that a debugger can step through jitted functions.
///
/// ```
/// use cotangent::prelude::*;
/// let f = jit(|x: Array| { assert!(!x.is_tracer()); x * 2.0 });
/// assert_eq!(disable_jit(|| f(array![1.0])).item::<f32>(), 2.0);
/// ```
pub fn disable_jit<T>(f: impl FnOnce() -> T) -> T {
    scoped::with(&DISABLED, true, f)
}
