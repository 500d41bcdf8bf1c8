//! `#[derive(Pytree)]`: structs and enums whose fields are pytrees, or `#[pytree(static)]`.
//!
//! Nothing here knows arrays: the generated code calls the trait of the `cotangent` crate.

use proc_macro2::TokenStream;
use quote::{format_ident, quote};
use syn::{
    Data, DeriveInput, Error, Field, Fields, Ident, Index, Member, parse_macro_input, parse_quote,
};

/// Makes a struct or an enum a pytree: every field is a subtree, in order of declaration.
///
/// A field marked `#[pytree(static)]` is structure instead (it must be
/// `Eq + Hash + Clone + Send + Sync + 'static`): a jitted function is traced anew for every
/// different value.
#[proc_macro_derive(Pytree, attributes(pytree))]
pub fn derive_pytree(input: proc_macro::TokenStream) -> proc_macro::TokenStream {
    let input = parse_macro_input!(input as DeriveInput);
    expand(input).unwrap_or_else(Error::into_compile_error).into()
}

/// One struct, or one variant of an enum.
struct Shape {
    /// `Layer` or `Shape::Circle`, as paths print.
    label: String,
    /// How the value is written: `Self` or `Self::Circle`.
    path: TokenStream,
    fields: Vec<Piece>,
}

struct Piece {
    member: Member,
    label: String,
    /// What it is bound to in patterns.
    name: Ident,
    fixed: bool,
    ty: syn::Type,
}

fn expand(mut input: DeriveInput) -> Result<TokenStream, Error> {
    let name = input.ident.clone();
    let shapes = match &input.data {
        Data::Struct(data) => {
            vec![Shape {
                label: name.to_string(),
                path: quote!(Self),
                fields: pieces(&data.fields)?,
            }]
        }
        Data::Enum(data) => data
            .variants
            .iter()
            .map(|variant| {
                let ident = &variant.ident;
                Ok(Shape {
                    label: format!("{name}::{ident}"),
                    path: quote!(Self::#ident),
                    fields: pieces(&variant.fields)?,
                })
            })
            .collect::<Result<_, Error>>()?,
        Data::Union(_) => return Err(Error::new(name.span(), "a union cannot be a pytree")),
    };
    bound(&mut input, &shapes);
    let (generics, arguments, conditions) = input.generics.split_for_impl();
    let owned = shapes.iter().map(|s| s.flatten(false));
    let borrowed = shapes.iter().map(|s| s.flatten(true));
    let rebuilt = shapes.iter().map(Shape::rebuild);
    Ok(quote! {
        #[automatically_derived]
        impl #generics ::cotangent::api::pytree::Pytree for #name #arguments #conditions {
            fn flatten(self, to: &mut ::cotangent::api::pytree::Flat) {
                match self { #(#owned)* }
            }

            fn flatten_ref(&self, to: &mut ::cotangent::api::pytree::Flat) {
                match self { #(#borrowed)* }
            }

            fn unflatten(
                from: &mut ::cotangent::api::pytree::Rebuild<'_>,
            ) -> ::core::result::Result<Self, ::cotangent::Error> {
                let info = from.shape_of()?;
                #(#rebuilt)*
                ::core::result::Result::Err(::cotangent::api::pytree::mismatch(
                    ::core::stringify!(#name),
                    &::cotangent::api::pytree::Token::Struct(info),
                ))
            }
        }

        #[automatically_derived]
        impl #generics ::cotangent::api::pytree::Nest for #name #arguments #conditions {
            type With<__Inner: ::cotangent::api::pytree::Pytree> = ::cotangent::api::pytree::Tree;
        }
    })
}

/// Type parameters of fields must be pytrees (or usable as statics).
fn bound(input: &mut DeriveInput, shapes: &[Shape]) {
    let parameters: Vec<Ident> = input.generics.type_params().map(|p| p.ident.clone()).collect();
    if parameters.is_empty() {
        return;
    }
    let mut conditions = Vec::<syn::WherePredicate>::new();
    for field in shapes.iter().flat_map(|s| &s.fields) {
        let text = {
            let ty = &field.ty;
            quote!(#ty).to_string()
        };
        let mentions = |p: &Ident| {
            let p = p.to_string();
            text.split(|c: char| !c.is_alphanumeric() && c != '_').any(|word| word == p)
        };
        if !parameters.iter().any(mentions) {
            continue;
        }
        let ty = &field.ty;
        conditions.push(if field.fixed {
            parse_quote!(#ty: ::core::cmp::Eq + ::core::hash::Hash + ::core::clone::Clone
                + ::core::marker::Send + ::core::marker::Sync + 'static)
        } else {
            parse_quote!(#ty: ::cotangent::api::pytree::Pytree)
        });
    }
    let clause = input.generics.make_where_clause();
    clause
        .predicates
        .extend(parameters.iter().map(|p| -> syn::WherePredicate { parse_quote!(#p: 'static) }));
    clause.predicates.extend(conditions);
}

fn pieces(fields: &Fields) -> Result<Vec<Piece>, Error> {
    fields
        .iter()
        .enumerate()
        .map(|(i, field)| {
            let (member, label) = match &field.ident {
                Some(ident) => (Member::Named(ident.clone()), ident.to_string()),
                None => (Member::Unnamed(Index::from(i)), i.to_string()),
            };
            let name = format_ident!("field_{i}");
            Ok(Piece { member, label, name, fixed: is_static(field)?, ty: field.ty.clone() })
        })
        .collect()
}

fn is_static(field: &Field) -> Result<bool, Error> {
    let mut fixed = false;
    for attribute in field.attrs.iter().filter(|a| a.path().is_ident("pytree")) {
        attribute.parse_nested_meta(|meta| {
            fixed = meta.path.is_ident("static");
            if fixed { Ok(()) } else { Err(meta.error("expected `static`")) }
        })?;
    }
    Ok(fixed)
}

impl Shape {
    fn pattern(&self) -> TokenStream {
        let path = &self.path;
        let members = self.fields.iter().map(|f| &f.member);
        let names = self.fields.iter().map(|f| &f.name);
        quote!(#path { #(#members: #names),* })
    }

    fn info(&self) -> TokenStream {
        let label = &self.label;
        let fields = self.fields.iter().map(|f| &f.label);
        quote! {{
            static INFO: ::cotangent::api::pytree::StructInfo =
                ::cotangent::api::pytree::StructInfo { name: #label, fields: &[#(#fields),*] };
            &INFO
        }}
    }

    fn flatten(&self, borrowed: bool) -> TokenStream {
        let (pattern, info) = (self.pattern(), self.info());
        let parts = self.fields.iter().map(|f| {
            let name = &f.name;
            match (f.fixed, borrowed) {
                (true, _) => {
                    let value = if borrowed {
                        quote!(::core::clone::Clone::clone(#name))
                    } else {
                        quote!(#name)
                    };
                    quote!(to.push(::cotangent::api::pytree::Token::Static(
                        ::cotangent::api::pytree::StaticValue::new(#value)
                    ));)
                }
                (false, true) => quote!(::cotangent::api::pytree::Pytree::flatten_ref(#name, to);),
                (false, false) => quote!(::cotangent::api::pytree::Pytree::flatten(#name, to);),
            }
        });
        quote! {
            #pattern => {
                to.push(::cotangent::api::pytree::Token::Struct(#info));
                #(#parts)*
            }
        }
    }

    fn rebuild(&self) -> TokenStream {
        let (path, label) = (&self.path, &self.label);
        let parts = self.fields.iter().map(|f| {
            let (member, ty) = (&f.member, &f.ty);
            if f.fixed {
                quote!(#member: from.fixed::<#ty>()?)
            } else {
                quote!(#member: <#ty as ::cotangent::api::pytree::Pytree>::unflatten(from)?)
            }
        });
        quote! {
            if info.name == #label {
                return ::core::result::Result::Ok(#path { #(#parts),* });
            }
        }
    }
}
