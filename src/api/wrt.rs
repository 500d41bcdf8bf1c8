//! With respect to what: the typed choice of arguments to differentiate.

use super::pytree::Pytree;
use cotangent_jit::Error;

/// Argument number `N`, as a value: `grad_wrt(f, Arg::<1>)`, `grad_wrt(f, (Arg::<0>, Arg::<2>))`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arg<const N: usize>;

/// A choice among arguments `Args` (a tuple): one, or a tuple of them.
#[diagnostic::on_unimplemented(
    message = "`{Self}` chooses no argument of a function of `{Args}`",
    label = "expected `Arg::<0>`, or a tuple such as `(Arg::<0>, Arg::<1>)`, of arguments that \
             exist",
    note = "arguments are counted from 0 and chosen by type: `grad_wrt(f, Arg::<1>)` stands for \
            JAX's `argnums=1`"
)]
pub trait Choice<Args>: Copy + Send + Sync + 'static {
    /// The chosen arguments: of the type of the one, or a tuple.
    type Chosen: Pytree;

    #[doc(hidden)]
    fn arguments(self) -> Vec<usize>;

    /// Builds the chosen part from one rebuilder of single arguments.
    #[doc(hidden)]
    fn build(self, source: &mut dyn Source) -> Result<Self::Chosen, Error>;
}

/// Gives the leaves of argument `n` with its structure.
#[doc(hidden)]
pub trait Source {
    fn argument(&mut self, n: usize) -> (super::pytree::TreeDef, Vec<crate::core::array::Array>);
}

macro_rules! choose {
    ($([$($all:ident)*] $n:literal $one:ident;)*) => {$(
        impl<$($all: Pytree),*> Choice<($($all,)*)> for Arg<$n> {
            type Chosen = $one;

            fn arguments(self) -> Vec<usize> {
                vec![$n]
            }

            fn build(self, source: &mut dyn Source) -> Result<$one, Error> {
                let (tree, leaves) = source.argument($n);
                super::pytree::try_tree_unflatten(&tree, leaves)
            }
        }
    )*};
}

macro_rules! choose_any {
    ($([$($all:ident)*];)*) => {$( choose_any!(@each [$($all)*] [0 1 2 3 4 5 6 7] [$($all)*]); )*};
    (@each $all:tt [$n:literal $($more:literal)*] [$one:ident $($rest:ident)*]) => {
        choose!($all $n $one;);
        choose_any!(@each $all [$($more)*] [$($rest)*]);
    };
    (@each $all:tt [$($n:literal)*] []) => {};
}

choose_any! {
    [A];
    [A B];
    [A B C];
    [A B C D];
    [A B C D E];
    [A B C D E G];
    [A B C D E G H];
    [A B C D E G H I];
}

macro_rules! choose_several {
    ($($t:ident $i:tt)+) => {
        impl<Args, $($t: Choice<Args>),+> Choice<Args> for ($($t,)+) {
            type Chosen = ($($t::Chosen,)+);

            fn arguments(self) -> Vec<usize> {
                let mut all = Vec::new();
                $(all.extend(self.$i.arguments());)+
                all
            }

            fn build(self, source: &mut dyn Source) -> Result<Self::Chosen, Error> {
                Ok(($(self.$i.build(source)?,)+))
            }
        }
    };
}

choose_several!(P 0);
choose_several!(P 0 Q 1);
choose_several!(P 0 Q 1 T 2);
choose_several!(P 0 Q 1 T 2 U 3);
