//! Settings of a thread that hold while a closure runs.
//!
//! Each setting is a thread-local of the file that owns it. The guards here put its former value
//! back, also when the closure panics. Not here: the stack of traces (`trace`), whose frames are
//! handed back to the caller.

use std::cell::{Cell, RefCell};
use std::mem;
use std::thread::LocalKey;

/// A cell that a thread-local setting is kept in.
pub trait Slot: Sized + 'static {
    type Value;

    fn replace(setting: &'static LocalKey<Self>, value: Self::Value) -> Self::Value;

    /// Puts `before` back. Afterwards `before` holds a value that may be dropped.
    fn restore(setting: &'static LocalKey<Self>, before: &mut Self::Value);
}

impl<T: Copy + 'static> Slot for Cell<T> {
    type Value = T;

    fn replace(setting: &'static LocalKey<Self>, value: T) -> T {
        setting.replace(value)
    }

    fn restore(setting: &'static LocalKey<Self>, before: &mut T) {
        setting.set(*before);
    }
}

impl<T: 'static> Slot for RefCell<T> {
    type Value = T;

    fn replace(setting: &'static LocalKey<Self>, value: T) -> T {
        setting.replace(value)
    }

    fn restore(setting: &'static LocalKey<Self>, before: &mut T) {
        setting.with_borrow_mut(|now| mem::swap(now, before));
    }
}

/// Puts the former value of a setting back when it is dropped.
#[must_use]
pub struct Scoped<S: Slot> {
    setting: &'static LocalKey<S>,
    before: S::Value,
}

impl<S: Slot> Scoped<S> {
    /// Sets the value until the guard is dropped.
    ///
    /// It is not inlined, because every operation calls it with a closure of its own.
    #[inline(never)]
    pub fn set(setting: &'static LocalKey<S>, value: S::Value) -> Scoped<S> {
        Scoped { setting, before: S::replace(setting, value) }
    }
}

impl<S: Slot> Drop for Scoped<S> {
    #[inline(never)]
    fn drop(&mut self) {
        S::restore(self.setting, &mut self.before);
    }
}

/// Runs `f` while the setting has this value.
pub fn with<S: Slot, R>(
    setting: &'static LocalKey<S>,
    value: S::Value,
    f: impl FnOnce() -> R,
) -> R {
    let _restore = Scoped::set(setting, value);
    f()
}

/// Runs `f` while this item is the last of the setting's list.
pub fn with_pushed<T: 'static, R>(
    setting: &'static LocalKey<RefCell<Vec<T>>>,
    item: T,
    f: impl FnOnce() -> R,
) -> R {
    struct Truncate<T: 'static> {
        list: &'static LocalKey<RefCell<Vec<T>>>,
        len: usize,
    }
    impl<T: 'static> Drop for Truncate<T> {
        fn drop(&mut self) {
            // The items are dropped after the list is free again: their drop may use it.
            let items = self.list.with_borrow_mut(|list| list.split_off(self.len));
            drop(items);
        }
    }
    let len = setting.with_borrow_mut(|list| {
        list.push(item);
        list.len() - 1
    });
    let _truncate = Truncate { list: setting, len };
    f()
}

#[cfg(test)]
mod tests {
    use super::{Cell, RefCell, with, with_pushed};
    use std::panic::catch_unwind;

    thread_local! {
        static NUMBER: Cell<u32> = const { Cell::new(1) };
        static WORD: RefCell<String> = const { RefCell::new(String::new()) };
        static LIST: RefCell<Vec<u32>> = const { RefCell::new(Vec::new()) };
    }

    #[test]
    fn values_hold_while_the_closure_runs() {
        let inside = with(&NUMBER, 2, || (NUMBER.get(), with(&NUMBER, 3, || NUMBER.get())));
        assert_eq!((inside, NUMBER.get()), ((2, 3), 1));
        let inside = with(&WORD, "a".into(), || WORD.with_borrow(String::clone));
        assert_eq!((&inside[..], WORD.take()), ("a", String::new()));
        let inside =
            with_pushed(&LIST, 1, || with_pushed(&LIST, 2, || LIST.with_borrow(Vec::clone)));
        assert_eq!((inside, LIST.take()), (vec![1, 2], vec![]));
    }

    #[test]
    fn values_are_put_back_after_a_panic() {
        let panic = || with(&NUMBER, 2, || with(&WORD, "a".into(), || with_pushed(&LIST, 1, stop)));
        assert!(catch_unwind(panic).is_err());
        assert_eq!((NUMBER.get(), WORD.take(), LIST.take()), (1, String::new(), vec![]));
    }

    fn stop() {
        std::panic::resume_unwind(Box::new(()));
    }
}
