//! `#[pytree(..)]` above structs, variants and fields, read.

use syn::spanned::Spanned;
use syn::{Attribute, Error, LitStr, meta::ParseNestedMeta};

/// What stands above a field.
#[derive(Default)]
pub(crate) struct OfField {
    pub fixed: bool,
    pub name: Option<LitStr>,
}

/// What stands above a struct, an enum or a variant.
#[derive(Default)]
pub(crate) struct OfShape {
    pub transparent: bool,
    pub name: Option<LitStr>,
}

impl OfField {
    pub fn read(attributes: &[Attribute]) -> Result<OfField, Error> {
        let mut found = OfField::default();
        each(attributes, |meta| {
            if meta.path.is_ident("static") {
                found.fixed = true;
                return Ok(());
            }
            if meta.path.is_ident("name") {
                return named(&mut found.name, &meta);
            }
            let wrong = match meta.path.is_ident("transparent") {
                true => "`transparent` stands above the struct, not above its field",
                false => "expected `static` or `name = \"..\"` above a field",
            };
            Err(meta.error(wrong))
        })?;
        match &found.name {
            Some(name) if name.value().contains(['.', '[', ']', '"']) => Err(Error::new(
                name.span(),
                "expected a name without `.`, `[`, `]` and `\"`, \
                    which stand between the names of a path",
            )),
            _ => Ok(found),
        }
    }
}

impl OfShape {
    pub fn read(attributes: &[Attribute]) -> Result<OfShape, Error> {
        let mut found = OfShape::default();
        each(attributes, |meta| {
            if meta.path.is_ident("transparent") {
                found.transparent = true;
                return Ok(());
            }
            if meta.path.is_ident("name") {
                return named(&mut found.name, &meta);
            }
            let wrong = match meta.path.is_ident("static") {
                true => {
                    "`static` stands above a field; everything in a pytree is static if all \
                         its fields are"
                }
                false => {
                    "expected `transparent` or `name = \"..\"` above a struct, an enum or a \
                          variant"
                }
            };
            Err(meta.error(wrong))
        })?;
        match &found.name {
            Some(name) if found.transparent => Err(Error::new(
                name.span(),
                "a transparent struct is its field, and has no name of its own",
            )),
            _ => Ok(found),
        }
    }
}

fn each(
    attributes: &[Attribute],
    mut f: impl FnMut(ParseNestedMeta) -> Result<(), Error>,
) -> Result<(), Error> {
    let ours = attributes.iter().filter(|a| a.path().is_ident("pytree"));
    ours.into_iter().try_for_each(|a| a.parse_nested_meta(&mut f))
}

fn named(to: &mut Option<LitStr>, meta: &ParseNestedMeta) -> Result<(), Error> {
    let name: LitStr = meta.value()?.parse()?;
    if name.value().is_empty() {
        return Err(Error::new(name.span(), "expected a name, got an empty one"));
    }
    match to.replace(name) {
        None => Ok(()),
        Some(_) => Err(Error::new(meta.path.span(), "`name` is given twice")),
    }
}
