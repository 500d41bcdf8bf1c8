//! The little of JSON that a safetensors header is made of: objects, strings, unsigned ints; read
//! strictly.

use cotangent_jit::{Error, err};

pub(super) struct Json<'a> {
    op: &'a str,
    text: &'a str,
    at: usize,
}

impl<'a> Json<'a> {
    pub fn new(op: &'a str, text: &'a str) -> Json<'a> {
        Json { op, text, at: 0 }
    }

    pub fn wrong(&self, expected: &str) -> Error {
        err!(File, "{}: the header has something else than {expected} at byte {}", self.op, self.at)
    }

    fn rest(&mut self) -> &'a str {
        let rest = self.text[self.at..].trim_start_matches([' ', '\n', '\r', '\t']);
        self.at = self.text.len() - rest.len();
        rest
    }

    /// Whether this character comes next; takes it.
    pub fn take(&mut self, c: char) -> bool {
        let found = self.rest().starts_with(c);
        self.at += if found { c.len_utf8() } else { 0 };
        found
    }

    pub fn expect(&mut self, c: char) -> Result<(), Error> {
        if self.take(c) { Ok(()) } else { Err(self.wrong(&format!("{c:?}"))) }
    }

    /// Nothing but white space is left.
    pub fn end(&mut self) -> Result<(), Error> {
        if self.rest().is_empty() { Ok(()) } else { Err(self.wrong("the end")) }
    }

    /// Calls `f` with every key of an object; it reads the value.
    pub fn object(
        &mut self,
        mut f: impl FnMut(&mut Json<'a>, String) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.list('{', '}', |json| {
            let key = json.string()?;
            json.expect(':')?;
            f(json, key)
        })
    }

    /// Calls `f` for every entry of a list.
    pub fn list(
        &mut self,
        open: char,
        close: char,
        mut f: impl FnMut(&mut Json<'a>) -> Result<(), Error>,
    ) -> Result<(), Error> {
        self.expect(open)?;
        if self.take(close) {
            return Ok(());
        }
        loop {
            f(self)?;
            if !self.take(',') {
                return self.expect(close);
            }
        }
    }

    pub fn number(&mut self) -> Result<usize, Error> {
        let rest = self.rest();
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        if digits > 1 && rest.starts_with('0') {
            return Err(self.wrong("a number without leading zeros"));
        }
        let number = rest[..digits].parse().map_err(|_| self.wrong("an unsigned int"))?;
        self.at += digits;
        Ok(number)
    }

    pub fn string(&mut self) -> Result<String, Error> {
        self.expect('"')?;
        let mut string = String::new();
        loop {
            let rest = &self.text[self.at..];
            let plain = rest.find(|c: char| c == '"' || c == '\\' || c < ' ');
            let Some(plain) = plain else { return Err(self.wrong("a string's end")) };
            string.push_str(&rest[..plain]);
            self.at += plain;
            match rest.as_bytes()[plain] {
                b'"' => {
                    self.at += 1;
                    return Ok(string);
                }
                b'\\' => {
                    self.at += 1;
                    string.push(self.escaped()?);
                }
                _ => return Err(self.wrong("a string without control characters")),
            }
        }
    }

    fn escaped(&mut self) -> Result<char, Error> {
        let next = self.text.as_bytes().get(self.at).copied();
        let c = match next {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err(self.wrong("an escape")),
        };
        self.at += 1;
        Ok(c)
    }

    fn hex(&mut self) -> Result<u32, Error> {
        let four = self.text.get(self.at..self.at + 4);
        let four = four.filter(|t| t.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = four.and_then(|t| u32::from_str_radix(t, 16).ok());
        let unit = unit.ok_or_else(|| self.wrong("four hexadecimal digits"))?;
        self.at += 4;
        Ok(unit)
    }

    fn unicode(&mut self) -> Result<char, Error> {
        let mut code = self.hex()?;
        if (0xd800..0xdc00).contains(&code) && self.text[self.at..].starts_with("\\u") {
            self.at += 2;
            let low = self.hex()?;
            if !(0xdc00..0xe000).contains(&low) {
                return Err(self.wrong("the second half of a character"));
            }
            code = 0x10000 + ((code - 0xd800) << 10) + (low - 0xdc00);
        }
        char::from_u32(code).ok_or_else(|| self.wrong("a character"))
    }
}

/// A string with quotes and escapes.
pub(super) fn quoted(string: &str) -> String {
    let mut text = String::from('"');
    for c in string.chars() {
        match c {
            '"' => text.push_str("\\\""),
            '\\' => text.push_str("\\\\"),
            '\n' => text.push_str("\\n"),
            '\r' => text.push_str("\\r"),
            '\t' => text.push_str("\\t"),
            '\u{8}' => text.push_str("\\b"),
            '\u{c}' => text.push_str("\\f"),
            c if c < ' ' => text.push_str(&format!("\\u{:04x}", c as u32)),
            c => text.push(c),
        }
    }
    text.push('"');
    text
}
