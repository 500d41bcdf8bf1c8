//! Errors of the macro, which point at what is wrong and say what may stand there.

use super::expand;
use syn::{DeriveInput, parse_quote};

#[track_caller]
fn refused(input: DeriveInput, text: &str) {
    let error = expand(input).expect_err("an error").to_string();
    assert!(error.contains(text), "{error:?} lacks {text:?}");
}

#[test]
fn attributes_of_fields() {
    let of_field = "expected `static` or `name = \"..\"` above a field";
    refused(
        parse_quote!(
            struct S {
                #[pytree(skip)]
                x: Array,
            }
        ),
        of_field,
    );
    refused(
        parse_quote!(
            struct S(#[pytree(statik)] u8);
        ),
        of_field,
    );
    refused(
        parse_quote!(
            enum E {
                A(#[pytree(frozen)] u8),
            }
        ),
        of_field,
    );
    refused(
        parse_quote!(
            struct S {
                #[pytree(transparent)]
                x: Array,
            }
        ),
        "`transparent` stands above the struct",
    );
    refused(
        parse_quote!(
            struct S {
                #[pytree(name)]
                x: Array,
            }
        ),
        "expected `=`",
    );
    refused(
        parse_quote!(
            struct S {
                #[pytree(name = 3)]
                x: Array,
            }
        ),
        "expected string literal",
    );
    refused(
        parse_quote!(
            struct S {
                #[pytree(name = "")]
                x: Array,
            }
        ),
        "got an empty one",
    );
    refused(
        parse_quote!(
            struct S {
                #[pytree(name = "a.b")]
                x: Array,
            }
        ),
        "without `.`",
    );
    refused(
        parse_quote!(
            struct S {
                #[pytree(name = "a", name = "b")]
                x: Array,
            }
        ),
        "`name` is given twice",
    );
    refused(
        parse_quote!(
            struct S {
                x: Array,
                #[pytree(name = "x")]
                y: Array,
            }
        ),
        "two fields are named \"x\"",
    );
    refused(
        parse_quote!(
            struct S {
                #[pytree]
                x: Array,
            }
        ),
        "pytree(...)",
    );
}

#[test]
fn attributes_of_structs_and_variants() {
    let of_shape = "expected `transparent` or `name = \"..\"` above a struct";
    refused(
        parse_quote!(
            #[pytree(leaf)]
            struct S {
                x: Array,
            }
        ),
        of_shape,
    );
    refused(
        parse_quote!(
            enum E {
                #[pytree(other)]
                A,
            }
        ),
        of_shape,
    );
    refused(
        parse_quote!(
            #[pytree(static)]
            struct S {
                x: u8,
            }
        ),
        "`static` stands above a field",
    );
    refused(
        parse_quote!(
            enum E {
                #[pytree(name = "X")]
                A,
                #[pytree(name = "X")]
                B,
            }
        ),
        "two variants are named \"E::X\"",
    );
    refused(parse_quote!(union U { x: u8 }), "a union cannot be a pytree");
}

#[test]
fn transparent_structs_have_one_subtree() {
    let one = "`transparent` is for structs of one field";
    refused(
        parse_quote!(
            #[pytree(transparent)]
            struct S {
                x: Array,
                y: Array,
            }
        ),
        "this has 2",
    );
    refused(
        parse_quote!(
            #[pytree(transparent)]
            struct S;
        ),
        one,
    );
    refused(
        parse_quote!(
            #[pytree(transparent)]
            enum E {
                A(Array),
            }
        ),
        one,
    );
    refused(
        parse_quote!(
            enum E {
                #[pytree(transparent)]
                A(Array),
            }
        ),
        one,
    );
    let whole = "neither static nor named";
    refused(
        parse_quote!(
            #[pytree(transparent)]
            struct S(#[pytree(static)] u8);
        ),
        whole,
    );
    refused(
        parse_quote!(
            #[pytree(transparent)]
            struct S(#[pytree(name = "x")] Array);
        ),
        whole,
    );
    refused(
        parse_quote!(
            #[pytree(transparent, name = "T")]
            struct S(Array);
        ),
        "has no name of its own",
    );
    assert!(
        expand(parse_quote!(
            #[pytree(transparent)]
            struct S {
                x: Array,
            }
        ))
        .is_ok()
    );
    assert!(
        expand(parse_quote!(
            #[pytree(transparent)]
            struct S<T>(T);
        ))
        .is_ok()
    );
}
