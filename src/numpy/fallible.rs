//! Pairs of a form that panics at the user's line and its `try_` twin that returns the error, from
//! one body.
//!
//! Every operation in a body is recorded as standing on the user's line, also inside closures;
//! every error of it speaks of the function that the user called.

/// `fn name, try_name(self, arg: Type) -> Out { body }` of `Array`; the body gives a `Result`. Type
/// parameters stand in brackets: `fn name, try_name[const N: usize](self) -> [Array; N]`.
///
/// It begins with the heading of the block on the page of `Array`: `//! # Reduce`. The doc
/// and the attributes of a function (`#[doc(alias = "amax")]`) are those of the panicking form.
macro_rules! methods {
    ($(#![$heading:meta])* $(
        $(#[$doc:meta])*
        fn $name:ident, $try:ident $([$($generic:tt)*])? ($self:ident $(,
            $arg:ident: $ty:ty)* $(,)?) -> $out:ty $body:block
    )*) => {
        $(#[$heading])*
        impl $crate::core::array::Array {$(
            $(#[$doc])*
            #[track_caller]
            pub fn $name $(<$($generic)*>)? (&$self $(, $arg: $ty)*) -> $out {
                $crate::prims::rules::apply::expect($self.$try($($arg),*))
            }

            #[doc = concat!("Returns the error of [`Array::", stringify!($name),
                "`](crate::core::array::Array::", stringify!($name), ") instead of panicking.")]
            #[track_caller]
            pub fn $try $(<$($generic)*>)? (
                &$self $(, $arg: $ty)*
            ) -> Result<$out, cotangent_jit::Error> {
                $crate::core::source::in_name_of(stringify!($name), move || $body)
            }
        )*}
    };
}

/// The same for free functions.
macro_rules! functions {
    ($(
        $(#[$doc:meta])*
        fn $name:ident, $try:ident $([$($generic:tt)*])? (
            $($arg:ident: $ty:ty),* $(,)?
        ) -> $out:ty $body:block
    )*) => {$(
        $(#[$doc])*
        #[track_caller]
        pub fn $name $(<$($generic)*>)? ($($arg: $ty),*) -> $out {
            $crate::prims::rules::apply::expect($try($($arg),*))
        }

        #[doc = concat!("Returns the error of [`", stringify!($name), "`] instead of panicking.")]
        #[track_caller]
        pub fn $try $(<$($generic)*>)? ($($arg: $ty),*) -> Result<$out, cotangent_jit::Error> {
            $crate::core::source::in_name_of(stringify!($name), move || $body)
        }
    )*};
}

pub(crate) use {functions, methods};
