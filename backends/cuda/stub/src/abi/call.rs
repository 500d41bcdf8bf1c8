//! What all functions have in common: the guard against panics, the current context, waiting.

use crate::code::{Answer, Code};
use crate::driver::{Advance, CHANGED, Context, Driver, Goal, Shared, lock};
use crate::pointer::Call;
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::MutexGuard;

/// The most contexts of a thread.
const DEEPEST: usize = 16;

/// The contexts of a thread, the current one last. It has no destructor, since callers may end
/// their work in destructors of the thread's, which come in any order.
#[derive(Clone, Copy)]
struct Stack {
    depth: usize,
    contexts: [u64; DEEPEST],
}

impl Stack {
    fn push(&mut self, context: u64) -> Answer {
        let place = self.contexts.get_mut(self.depth).ok_or(Code::INVALID_VALUE)?;
        (*place, self.depth) = (context, self.depth + 1);
        Ok(())
    }

    fn pop(&mut self) -> Option<u64> {
        self.depth = self.depth.checked_sub(1)?;
        Some(self.contexts[self.depth])
    }

    fn with<T>(work: impl FnOnce(&mut Stack) -> T) -> T {
        let mut stack = CURRENT.get();
        let result = work(&mut stack);
        CURRENT.set(stack);
        result
    }
}

thread_local! {
    /// The contexts of this thread.
    static CURRENT: Cell<Stack> = const { Cell::new(Stack { depth: 0, contexts: [0; DEEPEST] }) };
    /// Whether a function of the host is running, which must not call the driver.
    static CALLED: Cell<bool> = const { Cell::new(false) };
}

/// Exports functions of C.
macro_rules! functions {
    ($($(#[$doc:meta])* fn $name:ident($($argument:ident: $ty:ty),* $(,)?) $body:block)*) => {$(
        $(#[$doc])*
        // SAFETY: no other function of this name is linked into the library.
        #[unsafe(no_mangle)]
        #[allow(non_snake_case)]
        pub extern "C" fn $name($($argument: $ty),*) -> u32 {
            $crate::abi::call::answer(stringify!($name), move || $body)
        }
    )*};
}
pub(super) use functions;

/// Turns an answer into a status, and a panic too.
pub fn answer(name: &str, function: impl FnOnce() -> Answer) -> u32 {
    match catch_unwind(AssertUnwindSafe(function)) {
        Ok(Ok(())) => 0,
        Ok(Err(code)) => code.0,
        Err(_) => {
            eprintln!("cotangent stub: {name} panicked");
            Code::UNKNOWN.0
        }
    }
}

/// The driver, once it is initialised.
pub fn enter() -> Answer<MutexGuard<'static, Driver>> {
    if CALLED.get() {
        return Err(Code::NOT_PERMITTED);
    }
    let driver = lock();
    if driver.initialised { Ok(driver) } else { Err(Code::NOT_INITIALIZED) }
}

/// The current context of this thread, or zero.
pub fn current_or_none() -> u64 {
    Stack::with(|stack| stack.depth.checked_sub(1).map_or(0, |top| stack.contexts[top]))
}

/// The current context of this thread.
pub fn current() -> Answer<u64> {
    match current_or_none() {
        0 => Err(Code::INVALID_CONTEXT),
        context => Ok(context),
    }
}

/// Replaces the current context; zero takes it away.
pub fn set_current(context: u64) -> Answer {
    Stack::with(|stack| {
        stack.pop();
        if context != 0 { stack.push(context) } else { Ok(()) }
    })
}

pub fn push_current(context: u64) -> Answer {
    Stack::with(|stack| stack.push(context))
}

pub fn pop_current() -> Answer<u64> {
    Stack::with(Stack::pop).ok_or(Code::INVALID_CONTEXT)
}

/// Works on the current context, unless a fault has ended it.
pub fn with<T>(work: impl FnOnce(&mut Shared, &mut Context) -> Answer<T>) -> Answer<T> {
    let mut driver = enter()?;
    let (shared, context) = driver.context(current()?)?;
    context.check()?;
    work(shared, context)
}

/// The driver, and the context and the name of a stream.
pub fn with_stream<T>(
    stream: u64,
    work: impl FnOnce(&mut Driver, u64, u64) -> Answer<T>,
) -> Answer<T> {
    let mut driver = enter()?;
    let (context, stream) = driver.stream(current_or_none(), stream)?;
    if context == 0 {
        return Err(Code::INVALID_CONTEXT);
    }
    driver.context(context)?.1.check()?;
    work(&mut driver, context, stream)
}

/// Runs a context until a goal is reached, and tells of its faults.
pub fn wait(context: u64, goal: &Goal) -> Answer {
    let mut driver = enter()?;
    loop {
        let (shared, c) = driver.context(context)?;
        match c.advance(shared, goal) {
            Advance::Done => return c.surface(),
            Advance::Call(stream, call) => {
                drop(driver);
                perform(context, stream, call);
                driver = lock();
            }
            Advance::Busy if c.is_calling() => {
                driver = CHANGED.wait(driver).unwrap_or_else(|e| e.into_inner());
            }
            Advance::Busy => {
                shared.report("nothing can run, though somebody waits".to_owned());
                return Err(Code::UNKNOWN);
            }
        }
    }
}

/// Calls a function of the host without the lock, and tells the stream.
fn perform(context: u64, stream: u64, call: Call) {
    CALLED.set(true);
    call.invoke();
    CALLED.set(false);
    if let Ok((_, context)) = lock().context(context) {
        context.called(stream);
    }
    CHANGED.notify_all();
}

/// Tells whether a goal is reached. The question may run a piece of work.
pub fn ask(context: u64, goal: &Goal) -> Answer {
    let call = {
        let mut driver = enter()?;
        let (shared, c) = driver.context(context)?;
        c.nudge(shared, goal)
    };
    if let Some((stream, call)) = call {
        perform(context, stream, call);
    }
    enter()?.context(context)?.1.tell(goal)
}

/// Waits for all that is enqueued in a context.
pub fn wait_for_all(context: u64) -> Answer {
    let goal = {
        let mut driver = enter()?;
        driver.context(context)?.1.everything()
    };
    wait(context, &goal)
}
