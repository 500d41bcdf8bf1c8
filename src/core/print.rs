//! Jaxprs as text, in JAX's notation: `{ lambda ; a:f32[3]. let b:f32[3] = sin a in (b,) }`.
//!
//! Variables are named a, b, ..., z, ba, bb, ... in binding order. An output that no equation reads
//! is `_`. A jaxpr of one plain equation prints on one line. [`parse`](super::parse) reads the text
//! back.

use super::jaxpr::{Atom, ClosedJaxpr, Eqn, Jaxpr, Var};
use super::params::Param;
use cotangent_jit::Scalar;
use std::fmt::{self, Write};

impl fmt::Display for Jaxpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&jaxpr_text(self, 0, 0))
    }
}

impl fmt::Display for ClosedJaxpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&jaxpr_text(&self.jaxpr, self.consts.len(), 0))
    }
}

impl fmt::Debug for ClosedJaxpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The name of the `n`th variable: a numeral in base 26 with the digits a to z.
pub fn name(mut n: u32) -> String {
    let mut letters = Vec::new();
    loop {
        letters.push(b'a' + (n % 26) as u8);
        n /= 26;
        if n == 0 {
            break;
        }
    }
    letters.iter().rev().map(|b| *b as char).collect()
}

struct Names<'a> {
    jaxpr: &'a Jaxpr,
    read: Vec<bool>,
}

impl Names<'_> {
    fn typed(&self, v: Var) -> String {
        let name = if self.read[v.index()] { name(v.0) } else { "_".to_owned() };
        format!("{name}:{}", self.jaxpr.aval(v))
    }

    fn atom(&self, a: &Atom) -> String {
        match a {
            Atom::Var(v) => name(v.0),
            Atom::Literal(s) => literal(*s),
        }
    }
}

fn literal(s: Scalar) -> String {
    format!("{s}:{}[]", s.dtype())
}

/// `consts` leading inputs stand before the semicolon.
fn jaxpr_text(jaxpr: &Jaxpr, consts: usize, indent: usize) -> String {
    let mut read = vec![false; jaxpr.avals.len()];
    let used = jaxpr.eqns.iter().flat_map(|e| e.inputs.iter()).chain(&jaxpr.outputs);
    used.filter_map(|a| a.var()).for_each(|v| read[v.index()] = true);
    // Inputs have names even if no equation reads them.
    jaxpr.inputs.iter().for_each(|v| read[v.index()] = true);
    let names = Names { jaxpr, read };
    let typed = |vars: &[Var]| vars.iter().map(|v| names.typed(*v)).collect::<Vec<_>>().join(" ");
    let (captured, arguments) = jaxpr.inputs.split_at(consts);
    let mut head = String::from("{ lambda ");
    for part in [typed(captured), ";".to_owned(), typed(arguments)] {
        if !part.is_empty() {
            head += &part;
            head += " ";
        }
    }
    let head = head.trim_end().to_owned() + ". let";
    let outs: Vec<String> = jaxpr.outputs.iter().map(|a| names.atom(a)).collect();
    let outs = tuple(&outs);
    let eqns: Vec<String> = jaxpr.eqns.iter().map(|e| eqn_text(e, &names, indent + 4)).collect();
    match &eqns[..] {
        [] => format!("{head} in {outs} }}"),
        [one] if !one.contains('\n') && head.len() + one.len() + outs.len() < 90 => {
            format!("{head} {one} in {outs} }}")
        }
        many => {
            let mut text = head;
            for e in many {
                write!(text, "\n{:1$}{e}", "", indent + 4).expect("a string");
            }
            write!(text, "\n{:1$}in {outs} }}", "", indent + 2).expect("a string");
            text
        }
    }
}

fn eqn_text(eqn: &Eqn, names: &Names, indent: usize) -> String {
    let outs: Vec<String> = eqn.outputs.iter().map(|v| names.typed(*v)).collect();
    let inputs: Vec<String> = eqn.inputs.iter().map(|a| names.atom(a)).collect();
    let mut text = outs.join(" ");
    if !outs.is_empty() {
        text += " ";
    }
    text += "= ";
    text += eqn.prim.name();
    let params = eqn.prim.params();
    let nested = params.iter().any(|(_, p)| !p.jaxprs().is_empty());
    let shown: Vec<String> =
        params.iter().map(|(k, p)| format!("{k}={}", param_text(p, indent + 2))).collect();
    match (shown.is_empty(), nested) {
        (true, _) => {}
        (false, false) => write!(text, "[{}]", shown.join(" ")).expect("a string"),
        (false, true) => {
            text += "[";
            for s in shown {
                write!(text, "\n{:1$}{s}", "", indent + 2).expect("a string");
            }
            write!(text, "\n{:1$}]", "", indent).expect("a string");
        }
    }
    for i in inputs {
        text += " ";
        text += &i;
    }
    text
}

fn param_text(p: &Param, indent: usize) -> String {
    match p {
        Param::Bool(b) => b.to_string(),
        Param::Int(i) => i.to_string(),
        Param::Ints(v) => ints(v),
        Param::Lists(lists) => tuple(&lists.iter().map(|l| ints(l)).collect::<Vec<_>>()),
        Param::DType(d) => d.to_string(),
        Param::Scalar(s) => literal(*s),
        Param::Axes(names) => tuple(&names.iter().map(|n| format!("{n:?}")).collect::<Vec<_>>()),
        Param::Name(n) => n.clone(),
        Param::Jaxpr(j) => jaxpr_text(j, 0, indent),
        Param::Jaxprs(js) => {
            let texts = js
                .iter()
                .map(|j| format!("{:1$}{2}", "", indent + 2, jaxpr_text(j, 0, indent + 2)));
            format!("(\n{}\n{:indent$})", texts.collect::<Vec<_>>().join("\n"), "")
        }
        Param::Rule(r) => format!("{r:?}"),
    }
}

fn ints(v: &[i64]) -> String {
    tuple(&v.iter().map(i64::to_string).collect::<Vec<_>>())
}

/// The text of a tuple as in Python, without spaces: `()`, `(a,)`, `(a,b)`.
fn tuple(items: &[String]) -> String {
    match items {
        [one] => format!("({one},)"),
        many => format!("({})", many.join(",")),
    }
}
