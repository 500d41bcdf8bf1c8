//! The objects of a library for products of matrices, and its statuses.

use crate::code::{Answer, Code};

/// The statuses of the library: numbers of their own.
pub const NOT_INITIALIZED: Code = Code(1);
pub const INVALID: Code = Code(7);
pub const EXECUTION_FAILED: Code = Code(13);
pub const NOT_SUPPORTED: Code = Code(15);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Description {
    pub compute: u32,
    pub scale: u32,
    /// Whether the left and the right operand are transposed.
    pub transposed: [bool; 2],
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Layout {
    pub dtype: u32,
    pub rows: u64,
    pub columns: u64,
    pub leading: i64,
    pub batch: i32,
    pub apart: i64,
}

#[derive(Clone, Copy, Debug)]
pub struct Preference {
    pub workspace: u64,
    /// Of the operands, of what is added, of the result.
    pub alignment: [u32; 4],
    pub schemes: u32,
}

#[derive(Clone, Copy, Debug)]
pub enum Object {
    Library { context: u64 },
    Description(Description),
    Layout(Layout),
    Preference(Preference),
}

impl Layout {
    pub fn check(&self) -> Answer {
        let fits = self.rows > 0 && self.columns > 0 && self.batch > 0 && self.apart >= 0;
        let leads = u64::try_from(self.leading).is_ok_and(|l| l >= self.rows);
        if fits && leads { Ok(()) } else { Err(INVALID) }
    }
}
