//! The header of npy: a magic word, a version, and a Python dictionary that says dtype, order and
//! shape.
//!
//! `{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }`, padded with spaces to a multiple
//! of 64 and ended by a new line. Versions differ in the width of its length (1: two bytes, 2 and
//! 3: four) and its encoding (3: UTF-8).

use crate::core::aval::{Aval, Shape};
use cotangent_jit::{DType, Error, err, plural};

const MAGIC: &[u8] = b"\x93NUMPY";
/// As many axes as NumPy allows.
const MAX_RANK: usize = 64;

/// What the header says.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Header {
    pub aval: Aval,
    pub fortran: bool,
    pub big_endian: bool,
    /// Where the elements begin.
    pub start: usize,
    /// How many bytes they are.
    pub bytes: usize,
}

/// Bytes of an array of this shape: an error if that is more than memory can hold. Sizes are
/// checked without the empty axes, so that no order of multiplication overflows.
pub(super) fn byte_size(op: &str, shape: &[usize], dtype: DType) -> Result<usize, Error> {
    let mut size = dtype.size();
    for n in shape.iter().filter(|n| **n != 0) {
        size = size
            .checked_mul(*n)
            .filter(|s| *s <= isize::MAX as usize)
            .ok_or_else(|| err!(File, "{op}: the shape {shape:?} overflows"))?;
    }
    Ok(if shape.contains(&0) { 0 } else { size })
}

/// The type of this description: `<f4`, `|b1`, `>i8`; and whether its bytes are in reverse order.
fn dtype(op: &str, text: &str) -> Result<(DType, bool), Error> {
    let Some((order, code)) = text.split_at_checked(1) else {
        return Err(err!(File, "{op}: there is no dtype {text:?}"));
    };
    let dtype = match code {
        "b1" | "?" => DType::Bool,
        "i1" => DType::I8,
        "i2" => DType::I16,
        "i4" => DType::I32,
        "i8" => DType::I64,
        "u1" => DType::U8,
        "u2" => DType::U16,
        "u4" => DType::U32,
        "u8" => DType::U64,
        "f2" => DType::F16,
        "f4" => DType::F32,
        "f8" => DType::F64,
        "c8" => DType::C64,
        "c16" => DType::C128,
        "V2" => DType::BF16,
        _ => {
            return Err(err!(
                Unsupported,
                "{op}: arrays of dtype {text:?} are not supported: bools, ints, floats and complex \
                 numbers are"
            ));
        }
    };
    match order {
        "<" | "|" | "=" => Ok((dtype, false)),
        ">" => Ok((dtype, dtype.size() > 1)),
        _ => Err(err!(File, "{op}: {text:?} begins with no byte order")),
    }
}

fn code(dtype: DType) -> &'static str {
    match dtype {
        DType::Bool => "|b1",
        DType::I8 => "|i1",
        DType::I16 => "<i2",
        DType::I32 => "<i4",
        DType::I64 => "<i8",
        DType::U8 => "|u1",
        DType::U16 => "<u2",
        DType::U32 => "<u4",
        DType::U64 => "<u8",
        DType::F16 => "<f2",
        DType::BF16 => "<V2",
        DType::F32 => "<f4",
        DType::F64 => "<f8",
        DType::C64 => "<c8",
        DType::C128 => "<c16",
    }
}

impl Header {
    /// Reads the header from the front of a file.
    pub fn read(op: &str, file: &[u8]) -> Result<Header, Error> {
        let short = || err!(File, "{op}: the file ends within its header");
        let rest = file.strip_prefix(MAGIC).ok_or_else(|| {
            err!(File, "{op}: not an npy file: it does not begin with \\x93NUMPY")
        })?;
        let [major, minor, rest @ ..] = rest else { return Err(short()) };
        let (length, text) = match (major, minor, rest) {
            (1, 0, [a, b, text @ ..]) => (u16::from_le_bytes([*a, *b]) as usize, text),
            (2 | 3, 0, [a, b, c, d, text @ ..]) => {
                (u32::from_le_bytes([*a, *b, *c, *d]) as usize, text)
            }
            (1..=3, 0, _) => return Err(short()),
            _ => return Err(err!(File, "{op}: version {major}.{minor} of npy is not known")),
        };
        let text = text.get(..length).ok_or_else(short)?;
        let start = file.len() - rest.len() + if *major == 1 { 2 } else { 4 } + length;
        let text = std::str::from_utf8(text)
            .map_err(|_| err!(File, "{op}: the header is no text in UTF-8"))?;
        Dictionary { op, text, at: 0 }.header(start)
    }

    /// The header that NumPy writes for this type.
    pub fn write(aval: &Aval) -> Vec<u8> {
        let sizes: Vec<String> = aval.shape.iter().map(usize::to_string).collect();
        let comma = if sizes.len() == 1 { "," } else { "" };
        let mut text = format!(
            "{{'descr': '{}', 'fortran_order': False, 'shape': ({}{comma}), }}",
            code(aval.dtype),
            sizes.join(", ")
        );
        let wide = text.len() + 1 + 64 > u16::MAX as usize;
        let front = MAGIC.len() + if wide { 6 } else { 4 };
        let padding = (64 - (front + text.len() + 1) % 64) % 64;
        text.push_str(&" ".repeat(padding));
        text.push('\n');
        let mut header = MAGIC.to_vec();
        if wide {
            header.extend([2, 0]);
            header.extend((text.len() as u32).to_le_bytes());
        } else {
            header.extend([1, 0]);
            header.extend((text.len() as u16).to_le_bytes());
        }
        header.extend(text.as_bytes());
        header
    }
}

/// The three entries, in any order.
struct Dictionary<'a> {
    op: &'a str,
    text: &'a str,
    at: usize,
}

impl<'a> Dictionary<'a> {
    fn header(mut self, start: usize) -> Result<Header, Error> {
        let (mut descr, mut fortran, mut shape) = (None, None, None);
        self.expect('{')?;
        while !self.take('}') {
            let key = self.string()?;
            self.expect(':')?;
            let again = match key {
                "descr" => descr.replace(self.string()?).is_some(),
                "fortran_order" => fortran.replace(self.boolean()?).is_some(),
                "shape" => shape.replace(self.tuple()?).is_some(),
                _ => return Err(self.wrong(&format!("no key {key:?}"))),
            };
            if again {
                return Err(self.wrong(&format!("{key:?} once")));
            }
            if !self.take(',') {
                self.expect('}')?;
                break;
            }
        }
        if !self.text[self.at..].trim_matches([' ', '\n']).is_empty() {
            return Err(self.wrong("the end"));
        }
        let (Some(descr), Some(fortran), Some(shape)) = (descr, fortran, shape) else {
            return Err(err!(File, "{}: the header lacks descr, fortran_order or shape", self.op));
        };
        let (dtype, big_endian) = dtype(self.op, descr)?;
        let bytes = byte_size(self.op, &shape, dtype)?;
        Ok(Header { aval: Aval::new(shape, dtype), fortran, big_endian, start, bytes })
    }

    fn wrong(&self, expected: &str) -> Error {
        err!(File, "{}: the header has something else than {expected} at byte {}", self.op, self.at)
    }

    fn rest(&mut self) -> &'a str {
        let rest = self.text[self.at..].trim_start_matches(' ');
        self.at = self.text.len() - rest.len();
        rest
    }

    fn take(&mut self, c: char) -> bool {
        let found = self.rest().starts_with(c);
        self.at += if found { c.len_utf8() } else { 0 };
        found
    }

    fn expect(&mut self, c: char) -> Result<(), Error> {
        if self.take(c) { Ok(()) } else { Err(self.wrong(&format!("{c:?}"))) }
    }

    fn word(&mut self, word: &str) -> bool {
        let found = self.rest().starts_with(word);
        self.at += if found { word.len() } else { 0 };
        found
    }

    fn string(&mut self) -> Result<&'a str, Error> {
        let rest = self.rest();
        let quote = rest.chars().next().filter(|c| matches!(c, '\'' | '"'));
        let Some(quote) = quote else {
            // A list of fields: records, not numbers.
            return Err(if rest.starts_with('[') {
                err!(Unsupported, "{}: arrays of records are not supported", self.op)
            } else {
                self.wrong("a string")
            });
        };
        let Some(length) = rest[1..].find(quote) else { return Err(self.wrong("a string's end")) };
        let string = &rest[1..1 + length];
        if string.contains('\\') {
            return Err(self.wrong("a plain string"));
        }
        self.at += length + 2;
        Ok(string)
    }

    fn boolean(&mut self) -> Result<bool, Error> {
        if self.word("True") {
            Ok(true)
        } else if self.word("False") {
            Ok(false)
        } else {
            Err(self.wrong("True or False"))
        }
    }

    fn tuple(&mut self) -> Result<Shape, Error> {
        let mut sizes = Shape::new();
        self.expect('(')?;
        while !self.take(')') {
            let rest = self.rest();
            let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            let size: usize = rest[..digits].parse().map_err(|_| self.wrong("a size"))?;
            self.at += digits;
            // Python 2 wrote long ints so.
            self.take('L');
            sizes.push(size);
            if sizes.len() > MAX_RANK {
                return Err(self.wrong(&format!("at most {axes}", axes = plural(MAX_RANK, "axis"))));
            }
            if !self.take(',') {
                self.expect(')')?;
                break;
            }
        }
        Ok(sizes)
    }
}
