//! Texts with holes for arrays: `x = {}, y = {y:.3}`, in the manner of `format!`.
//!
//! A template is checked when it is made, which is when the user's function is traced; it is filled
//! when values are known.

use super::array::Array;
use cotangent_jit::{Error, err, plural};

/// A text whose holes are numbered.
#[derive(Clone, PartialEq, Eq, Hash, Debug, Default)]
pub struct Template(Vec<Piece>);

#[derive(Clone, PartialEq, Eq, Hash, Debug)]
enum Piece {
    Text(String),
    Hole { arg: usize, precision: Option<usize>, debug: bool },
}

impl Template {
    /// A text without holes.
    pub fn plain(text: &str) -> Template {
        Template(vec![Piece::Text(text.into())])
    }

    /// Reads `{}`, `{0}` and `{name}`, each with `:.3` or `:?` if wanted. `{{` and `}}` are braces.
    /// Every argument must be used. `args` are the arguments' names, `None` for those without.
    pub fn parse(op: &str, text: &str, args: &[Option<&str>]) -> Result<Template, Error> {
        let mut pieces = Vec::new();
        let mut plain = String::new();
        let mut used = vec![false; args.len()];
        let mut next = 0;
        let mut rest = text;
        while let Some(at) = rest.find(['{', '}']) {
            plain.push_str(&rest[..at]);
            let (brace, tail) = rest[at..].split_at(1);
            if let Some(tail) = tail.strip_prefix(brace) {
                plain.push_str(brace);
                rest = tail;
                continue;
            }
            let Some((inside, tail)) = tail.split_once('}').filter(|_| brace == "{") else {
                return Err(err!(Value, "{op}: `{text}` has a `{brace}` without its partner"));
            };
            let (name, spec) = inside.split_once(':').unwrap_or((inside, ""));
            let arg = match name.trim() {
                "" => {
                    next += 1;
                    next - 1
                }
                name => match name.parse() {
                    Ok(number) => number,
                    Err(_) => args.iter().position(|a| *a == Some(name)).ok_or_else(|| {
                        err!(
                            Value,
                            "{op}: `{text}` names `{name}`, which is no argument; \
                             give it as `{name} = value`"
                        )
                    })?,
                },
            };
            let Some(seen) = used.get_mut(arg) else {
                return Err(err!(
                    Value,
                    "{op}: `{text}` speaks of argument {arg}, counted from 0, got {arguments}",
                    arguments = plural(args.len(), "argument")
                ));
            };
            *seen = true;
            if !plain.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut plain)));
            }
            pieces.push(hole(op, text, arg, spec)?);
            rest = tail;
        }
        plain.push_str(rest);
        if !plain.is_empty() {
            pieces.push(Piece::Text(plain));
        }
        match used.iter().position(|u| !u) {
            Some(n) => Err(err!(Value, "{op}: `{text}` does not speak of argument {n}")),
            None => Ok(Template(pieces)),
        }
    }

    /// The text with these arrays in its holes.
    pub fn fill(&self, args: &[Array]) -> String {
        let piece = |p: &Piece| match p {
            Piece::Text(text) => text.clone(),
            Piece::Hole { arg, precision, debug } => match (&args[*arg], precision) {
                (a, Some(precision)) => format!("{a:.precision$}"),
                (a, None) if *debug => format!("{a:?}"),
                (a, None) => a.to_string(),
            },
        };
        self.0.iter().map(piece).collect()
    }

    /// The text as it was written, but for names.
    pub fn text(&self) -> String {
        let piece = |p: &Piece| match p {
            Piece::Text(text) => text.replace('{', "{{").replace('}', "}}"),
            Piece::Hole { arg, precision: Some(p), .. } => format!("{{{arg}:.{p}}}"),
            Piece::Hole { arg, debug: true, .. } => format!("{{{arg}:?}}"),
            Piece::Hole { arg, .. } => format!("{{{arg}}}"),
        };
        self.0.iter().map(piece).collect()
    }
}

fn hole(op: &str, text: &str, arg: usize, spec: &str) -> Result<Piece, Error> {
    let precision = spec.strip_prefix('.').and_then(|p| p.parse().ok());
    match spec {
        "" => Ok(Piece::Hole { arg, precision: None, debug: false }),
        "?" => Ok(Piece::Hole { arg, precision: None, debug: true }),
        _ if precision.is_some() => Ok(Piece::Hole { arg, precision, debug: false }),
        _ => Err(err!(
            Value,
            "{op}: `{text}`: expected `:?` or a precision like `:.3`, got `:{spec}`"
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::array;

    #[test]
    fn holes_are_filled() {
        let t = Template::parse("print", "{{x}} = {x}, {:.2} and {0:?}", &[None, Some("x")]);
        let args = [Array::from(1.23456), array![1, 2]];
        assert_eq!(t.unwrap().fill(&args), "{x} = [1 2], 1.23 and array(1.23456, f32, weak)");
        assert_eq!(Template::parse("print", "plain", &[]).unwrap().fill(&[]), "plain");
        let t = Template::parse("print", "{:.1}", &[None]).unwrap();
        assert_eq!(t.fill(&[array![[1.26, -10.0]]]), "[[  1.3 -10.0]]");
        assert_eq!(t.fill(&[array![1, 2]]), "[1 2]");
    }

    #[test]
    fn what_does_not_fit_is_told() {
        let error = |text, args: &[Option<&str>]| {
            Template::parse("debug::print", text, args).unwrap_err().message().to_owned()
        };
        let expected =
            "debug::print: `x = {x}` names `x`, which is no argument; give it as `x = value`";
        assert_eq!(error("x = {x}", &[None]), expected);
        assert_eq!(error("{", &[]), "debug::print: `{` has a `{` without its partner");
        assert_eq!(error("a}", &[]), "debug::print: `a}` has a `}` without its partner");
        assert_eq!(
            error("{}{}", &[None]),
            "debug::print: `{}{}` speaks of argument 1, counted from 0, got 1 argument"
        );
        assert_eq!(error("no", &[None]), "debug::print: `no` does not speak of argument 0");
        let expected = "debug::print: `{:x}`: expected `:?` or a precision like `:.3`, got `:x`";
        assert_eq!(error("{:x}", &[None]), expected);
    }
}
