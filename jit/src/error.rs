//! The one error type of the system: a kind to match on and a message to read. Where errors arise
//! does not matter here.

use std::fmt;

/// The kind of a failure. Later versions may add kinds.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// Shapes do not fit each other.
    Shape,
    /// A dtype was not the expected one.
    DType,
    /// An axis or an index is out of range.
    Axis,
    /// A tracer was used where a value is needed, after its trace ended, or on another thread.
    Tracer,
    /// Pytrees of different structure.
    Tree,
    /// A derivative, batching or transposition that does not exist.
    Transform,
    /// Text that is not a jaxpr.
    Parse,
    /// A kernel or program that breaks an invariant: a defect of the compiler, not of the user's
    /// code.
    Verify,
    /// The code generator failed.
    Compile,
    /// A device failed, lacks memory or does not exist, or operands are on two devices.
    Device,
    /// A feature that does not exist yet.
    Unsupported,
    /// A value is not the expected one (for instance in its count of elements).
    Value,
    /// A callback panicked.
    Callback,
    /// A check failed, or a NaN was found, in a mode that looks for them.
    Check,
    /// A file could not be read or written, or has other contents than it should.
    File,
}

/// An error with a kind. Its text names the expectation, the actual value, the place, and the
/// remedy if there is a known one.
#[derive(Clone, PartialEq, Eq)]
pub struct Error {
    kind: ErrorKind,
    message: String,
}

impl Error {
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Error {
        Error { kind, message: message.into() }
    }

    pub fn kind(&self) -> ErrorKind {
        self.kind
    }

    pub fn message(&self) -> &str {
        &self.message
    }

    /// Returns whether the message begins with the name of an operation.
    pub fn names_operation(&self) -> bool {
        self.message.split_once(": ").is_some_and(|(op, _)| is_name(op))
    }

    /// The same error under the name of a function that the user called: `name` replaces the name
    /// of the operation inside it. Errors of running programs keep the name of the operation that
    /// failed.
    pub fn told_by(self, name: &str) -> Error {
        use ErrorKind::{Axis, DType, Device, Shape, Tracer, Tree, Unsupported, Value};
        if !matches!(self.kind, Shape | DType | Axis | Tracer | Tree | Value | Unsupported | Device)
        {
            return self;
        }
        match self.message.split_once(": ") {
            Some((op, rest)) if is_name(op) && op != name => {
                Error { kind: self.kind, message: format!("{name}: {rest}") }
            }
            _ => self,
        }
    }

    /// The same error with the path of a leaf behind its message. A tree that is a single leaf has
    /// an empty path, which adds nothing.
    pub fn in_leaf(self, path: impl AsRef<str>) -> Error {
        let path = path.as_ref();
        if path.is_empty() {
            return self;
        }
        Error { kind: self.kind, message: format!("{}, in the leaf {path}", self.message) }
    }

    /// The same error with `context: ` before its message.
    pub fn context(self, context: impl fmt::Display) -> Error {
        Error { kind: self.kind, message: format!("{context}: {}", self.message) }
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} error: {}", self.kind, self.message)
    }
}

impl std::error::Error for Error {}

fn is_name(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A count with its noun, as messages have it: `1 axis`, `2 axes`.
pub fn plural(n: impl fmt::Display, thing: &str) -> String {
    let n = n.to_string();
    if n == "1" {
        return format!("1 {thing}");
    }
    let stem = |end: &str| thing.strip_suffix(end);
    match (stem("ex"), stem("is"), stem("f"), stem("y"), stem("ch")) {
        (Some(s), ..) => format!("{n} {s}ices"),
        (_, Some(s), ..) => format!("{n} {s}es"),
        (_, _, Some(s), ..) => format!("{n} {s}ves"),
        (_, _, _, Some(s), _) if !s.ends_with(['a', 'e', 'o', 'u']) => format!("{n} {s}ies"),
        (_, _, _, _, Some(s)) => format!("{n} {s}ches"),
        _ => format!("{n} {thing}s"),
    }
}

/// `err!(Shape, "add: ...", args)` makes an [`Error`] of that [`ErrorKind`].
#[macro_export]
macro_rules! err {
    ($kind:ident, $($arg:tt)*) => {
        $crate::error::Error::new($crate::error::ErrorKind::$kind, format!($($arg)*))
    };
}

#[cfg(test)]
mod tests {
    use super::plural;

    #[test]
    fn counts_read_as_they_should() {
        let things = ["axis", "index", "leaf", "entry", "branch", "operand", "key"];
        let one = things.map(|t| plural(1, t));
        assert_eq!(
            one,
            ["1 axis", "1 index", "1 leaf", "1 entry", "1 branch", "1 operand", "1 key"]
        );
        let two = things.map(|t| plural(2, t));
        let more =
            ["2 axes", "2 indices", "2 leaves", "2 entries", "2 branches", "2 operands", "2 keys"];
        assert_eq!(two, more);
    }

    #[test]
    fn a_function_tells_the_errors_of_its_parts_under_its_name() {
        let told = |text: &str| err!(Shape, "{text}").told_by("softmax").message().to_owned();
        assert_eq!(told("reduce_max: axis 2"), "softmax: axis 2");
        assert_eq!(told("softmax: axis 2"), "softmax: axis 2");
        assert_eq!(told("a.rs:3: sin: odd"), "a.rs:3: sin: odd");
        assert_eq!(told("no name at all"), "no name at all");
        let ran = err!(Check, "log: makes NaN").told_by("softmax");
        assert_eq!(ran.message(), "log: makes NaN");
    }
}
