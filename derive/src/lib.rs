//! `#[derive(Pytree)]`: structs and enums whose fields are pytrees, or `#[pytree(static)]`.
//!
//! Nothing here knows arrays: the generated code calls the trait of the `cotangent` crate.

mod attributes;
#[cfg(test)]
mod tests;

use attributes::{OfField, OfShape};
use proc_macro2::{Span, TokenStream};
use quote::{format_ident, quote};
use syn::{
    Data, DeriveInput, Error, Fields, Ident, Index, LitStr, Member, parse_macro_input, parse_quote,
};

/// Makes a struct or an enum a pytree: every field is a subtree, in order of declaration.
///
/// Above a field:
/// - `#[pytree(static)]`: the field is structure instead. A jitted function is traced anew for
///   every different value. It must be `Eq + Hash + Clone + Send + Sync + 'static`, or floats,
///   which are compared by their bits: `f32`, `f64`, and options, vectors, fixed arrays and tuples
///   of them. (A field whose type has a type parameter of the struct must be `Eq + Hash`.)
/// - `#[pytree(name = "kernel")]`: its name in key paths, messages and files.
///
/// Above a struct:
/// - `#[pytree(transparent)]`: a struct of one field is that field; paths and structure show
///   nothing of it.
/// - `#[pytree(name = "dense")]`: its name in structures and messages; above variants, too.
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
    renamed: bool,
    ty: syn::Type,
}

fn expand(mut input: DeriveInput) -> Result<TokenStream, Error> {
    let ident = input.ident.clone();
    let above = OfShape::read(&input.attrs)?;
    let name = above.name.as_ref().map_or(ident.to_string(), LitStr::value);
    let shapes = match &input.data {
        Data::Struct(data) => {
            let fields = pieces(&data.fields)?;
            vec![Shape { label: name, path: quote!(Self), fields }]
        }
        Data::Enum(data) => data
            .variants
            .iter()
            .map(|variant| {
                let of = OfShape::read(&variant.attrs)?;
                if of.transparent {
                    return Err(Error::new(variant.ident.span(), ONE_FIELD));
                }
                let path = &variant.ident;
                let last = of.name.as_ref().map_or(path.to_string(), LitStr::value);
                Ok(Shape {
                    label: format!("{name}::{last}"),
                    path: quote!(Self::#path),
                    fields: pieces(&variant.fields)?,
                })
            })
            .collect::<Result<_, Error>>()?,
        Data::Union(_) => return Err(Error::new(ident.span(), "a union cannot be a pytree")),
    };
    for (i, shape) in shapes.iter().enumerate() {
        if shapes[..i].iter().any(|s| s.label == shape.label) {
            let twice = format!("two variants are named {:?}", shape.label);
            return Err(Error::new(ident.span(), twice));
        }
    }
    if above.transparent {
        let is_struct = matches!(input.data, Data::Struct(_));
        return transparent(input, shapes.into_iter().next().filter(|_| is_struct));
    }
    let name = ident;
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

const ONE_FIELD: &str = "`transparent` is for structs of one field, which the struct then is";

/// A struct that is its only field.
fn transparent(mut input: DeriveInput, shape: Option<Shape>) -> Result<TokenStream, Error> {
    let name = input.ident.clone();
    let shapes: Vec<Shape> = shape.into_iter().collect();
    let [Shape { fields, .. }] = &shapes[..] else {
        return Err(Error::new(name.span(), ONE_FIELD));
    };
    let [field] = &fields[..] else {
        return Err(Error::new(name.span(), format!("{ONE_FIELD}; this has {}", fields.len())));
    };
    if field.fixed || field.renamed {
        let wrong = "the field of a transparent struct is neither static nor named: it is the \
                     whole pytree";
        return Err(Error::new(name.span(), wrong));
    }
    bound(&mut input, &shapes);
    let (member, ty) = (&field.member, &field.ty);
    let (generics, arguments, conditions) = input.generics.split_for_impl();
    let mut nest = input.generics.clone();
    if nest.type_params().next().is_some() {
        let nests: syn::WherePredicate = parse_quote!(#ty: ::cotangent::api::pytree::Nest);
        nest.make_where_clause().predicates.push(nests);
    }
    let nest_conditions = &nest.where_clause;
    Ok(quote! {
        #[automatically_derived]
        impl #generics ::cotangent::api::pytree::Pytree for #name #arguments #conditions {
            fn flatten(self, to: &mut ::cotangent::api::pytree::Flat) {
                ::cotangent::api::pytree::Pytree::flatten(self.#member, to)
            }

            fn flatten_ref(&self, to: &mut ::cotangent::api::pytree::Flat) {
                ::cotangent::api::pytree::Pytree::flatten_ref(&self.#member, to)
            }

            fn unflatten(
                from: &mut ::cotangent::api::pytree::Rebuild<'_>,
            ) -> ::core::result::Result<Self, ::cotangent::Error> {
                let field = <#ty as ::cotangent::api::pytree::Pytree>::unflatten(from)?;
                ::core::result::Result::Ok(Self { #member: field })
            }
        }

        #[automatically_derived]
        impl #generics ::cotangent::api::pytree::Nest for #name #arguments #nest_conditions {
            type With<__Inner: ::cotangent::api::pytree::Pytree> =
                <#ty as ::cotangent::api::pytree::Nest>::With<__Inner>;
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
    let mut pieces = Vec::<Piece>::new();
    for (i, field) in fields.iter().enumerate() {
        let of = OfField::read(&field.attrs)?;
        let (member, ident) = match &field.ident {
            Some(ident) => (Member::Named(ident.clone()), ident.to_string()),
            None => (Member::Unnamed(Index::from(i)), i.to_string()),
        };
        let label = of.name.as_ref().map_or(ident, LitStr::value);
        if pieces.iter().any(|p| p.label == label) {
            let span = of.name.as_ref().map_or(Span::call_site(), LitStr::span);
            return Err(Error::new(span, format!("two fields are named {label:?}")));
        }
        pieces.push(Piece {
            member,
            label,
            name: format_ident!("field_{i}"),
            fixed: of.fixed,
            renamed: of.name.is_some(),
            ty: field.ty.clone(),
        });
    }
    Ok(pieces)
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
                        ::cotangent::__static_value!(#value)
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
