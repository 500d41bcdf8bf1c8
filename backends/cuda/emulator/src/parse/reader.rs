//! A position in the tokens of a text.

use crate::fault::{Fault, FaultKind};
use crate::syntax::Literal;
use crate::text::Token;

pub struct Reader<'a> {
    tokens: Vec<Token<'a>>,
    at: usize,
}

impl<'a> Reader<'a> {
    pub fn new(tokens: Vec<Token<'a>>) -> Reader<'a> {
        Reader { tokens, at: 0 }
    }

    /// The token `ahead` of the next one, empty behind the end.
    pub fn peek_at(&self, ahead: usize) -> &'a str {
        self.tokens.get(self.at + ahead).map_or("", |t| t.text)
    }

    pub fn peek(&self) -> &'a str {
        self.peek_at(0)
    }

    pub fn line(&self) -> u32 {
        self.tokens.get(self.at).or(self.tokens.last()).map_or(1, |t| t.line)
    }

    pub fn next(&mut self) -> &'a str {
        let text = self.peek();
        self.at += 1;
        text
    }

    /// Takes the next token if it is this one.
    pub fn take(&mut self, text: &str) -> bool {
        let found = self.peek() == text;
        self.at += usize::from(found);
        found
    }

    pub fn expect(&mut self, text: &str) -> Result<(), Fault> {
        match self.take(text) {
            true => Ok(()),
            false => Err(self.unexpected(&format!("`{text}`"))),
        }
    }

    pub fn unexpected(&self, wanted: &str) -> Fault {
        let found = match self.peek() {
            "" => "the end of the text".to_owned(),
            text => format!("`{text}`"),
        };
        self.fault(FaultKind::Syntax, format!("expected {wanted}, found {found}"))
    }

    pub fn fault(&self, kind: FaultKind, message: impl Into<String>) -> Fault {
        Fault::at_line(kind, self.line(), message)
    }

    /// A name: of a register, variable, label or entry.
    pub fn name(&mut self) -> Result<&'a str, Fault> {
        let first = self.peek().bytes().next().unwrap_or(b' ');
        if first.is_ascii_alphabetic() || matches!(first, b'_' | b'$' | b'%') {
            return Ok(self.next());
        }
        Err(self.unexpected("a name"))
    }

    /// An unsigned integer of 32 bits.
    pub fn count(&mut self) -> Result<u32, Fault> {
        match self.literal()? {
            Literal::Integer(n) if u32::try_from(n).is_ok() => Ok(n as u32),
            _ => Err(self.fault(FaultKind::Syntax, "expected an unsigned integer of 32 bits")),
        }
    }

    pub fn at_literal(&self) -> bool {
        let (first, second) = (self.peek(), self.peek_at(1));
        let digit = |text: &str| text.starts_with(|c: char| c.is_ascii_digit());
        digit(first) || (first == "-" && digit(second))
    }

    pub fn literal(&mut self) -> Result<Literal, Fault> {
        let negative = self.take("-");
        let text = self.peek();
        let Some(literal) = literal(text) else { return Err(self.unexpected("a literal")) };
        self.at += 1;
        Ok(match literal {
            Literal::Integer(n) if negative => Literal::Integer(-n),
            Literal::F32(bits) if negative => Literal::F32(bits ^ 1 << 31),
            Literal::F64(bits) if negative => Literal::F64(bits ^ 1 << 63),
            literal => literal,
        })
    }
}

fn literal(text: &str) -> Option<Literal> {
    let radix = |digits: &str, radix| {
        let fits = digits.bytes().all(|c| c.is_ascii_hexdigit());
        fits.then(|| u64::from_str_radix(digits, radix).ok())?
    };
    let prefixed = |prefixes: [&str; 2]| prefixes.iter().find_map(|p| text.strip_prefix(p));
    if let Some(digits) = prefixed(["0f", "0F"]) {
        return (digits.len() == 8).then(|| radix(digits, 16))?.map(|b| Literal::F32(b as u32));
    }
    if let Some(digits) = prefixed(["0d", "0D"]) {
        return (digits.len() == 16).then(|| radix(digits, 16))?.map(Literal::F64);
    }
    let whole = text.strip_suffix('U').unwrap_or(text);
    let integer = |digits, base| radix(digits, base).map(|n| Literal::Integer(n.into()));
    if let Some(digits) = whole.strip_prefix("0x").or(whole.strip_prefix("0X")) {
        return integer(digits, 16);
    }
    if let Some(digits) = whole.strip_prefix("0b").or(whole.strip_prefix("0B")) {
        return integer(digits, 2);
    }
    if text.contains('.') {
        let plain = text.bytes().all(|c| c.is_ascii_digit() || c == b'.');
        return plain.then(|| text.parse::<f64>().ok())?.map(|x| Literal::F64(x.to_bits()));
    }
    match whole.strip_prefix('0') {
        Some(digits) if !digits.is_empty() => integer(digits, 8),
        _ => integer(whole, 10),
    }
}
