//! The words and signs of a PTX text.

use crate::fault::{Fault, FaultKind};

#[derive(Clone, Copy, Debug)]
pub struct Token<'a> {
    pub line: u32,
    /// A word with its dots (`add.rn.f32`, `%tid.x`, `.reg`, `0f3F800000`), a string with its first
    /// quote, or one sign.
    pub text: &'a str,
}

fn is_word(c: u8) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, b'_' | b'$' | b'%' | b'.')
}

/// Splits a text. Comments are left out.
pub fn tokens(text: &str) -> Result<Vec<Token<'_>>, Fault> {
    let bytes = text.as_bytes();
    let (mut found, mut line, mut at) = (Vec::new(), 1, 0);
    while at < bytes.len() {
        let rest = &bytes[at..];
        let fault = |what| Fault::at_line(FaultKind::Syntax, line, what);
        let len = match rest[0] {
            b'/' if rest.starts_with(b"//") => {
                rest.iter().position(|c| *c == b'\n').unwrap_or(rest.len())
            }
            b'/' if rest.starts_with(b"/*") => {
                let end = rest.windows(2).skip(2).position(|w| w == b"*/");
                end.ok_or_else(|| fault("a comment does not end"))? + 4
            }
            b'"' => {
                let end = rest[1..].iter().position(|c| *c == b'"');
                end.ok_or_else(|| fault("a string does not end"))? + 1
            }
            c if is_word(c) => rest.iter().position(|c| !is_word(*c)).unwrap_or(rest.len()),
            c if c.is_ascii_graphic() || c.is_ascii_whitespace() => 1,
            _ => return Err(fault("a character that PTX does not have")),
        };
        let piece = &rest[..len];
        let comment = piece.starts_with(b"//") || piece.starts_with(b"/*");
        if !comment && !piece[0].is_ascii_whitespace() {
            // The cut lies beside ASCII characters, hence on a boundary.
            let text = text.get(at..at + len).unwrap_or_default();
            found.push(Token { line, text });
        }
        line += piece.iter().filter(|c| **c == b'\n').count() as u32;
        at += len + usize::from(piece[0] == b'"');
    }
    Ok(found)
}
