//! What a row of the table of vector instructions says.
//!
//! The rows themselves do not live here.

/// The mandatory prefix, numbered as VEX and EVEX encode it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Prefix {
    P0,
    P66,
    PF3,
    PF2,
}

/// The map of opcodes, numbered as VEX and EVEX encode it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Map {
    M0F = 1,
    M38,
    M3A,
}

/// Where the operands of an instruction go.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Operands {
    /// A destination, and a source in a register or in memory.
    One,
    /// A destination, a source in a register, and a source in a register or in memory.
    Two,
    /// As `Two`; the destination of the EVEX form is a mask register.
    Test,
    /// A source, and a destination in a register or in memory.
    To,
}

/// The part of a vector that an instruction reads or writes in memory.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Memory {
    Full,
    Half,
    Quarter,
    Eighth,
    Fixed,
}

/// One instruction.
#[derive(Clone, Copy, Debug)]
pub(super) struct Row {
    pub prefix: Prefix,
    pub map: Map,
    pub opcode: u8,
    /// The bit W of the VEX form, if there is one.
    pub vex: Option<bool>,
    /// The bit W of the EVEX form, if there is one.
    pub evex: Option<bool>,
    pub operands: Operands,
    pub memory: Memory,
    /// Bytes: all that `Fixed` reads or writes; of other rows one element that the EVEX form can
    /// read for all lanes, 0 if it cannot.
    pub bytes: u8,
    /// The extension of the opcode. The destination then stands in the place of the second source.
    pub extension: Option<u8>,
    /// Prefix and opcode with source and destination exchanged.
    pub store: Option<(Prefix, u8)>,
}

impl Row {
    /// The row of the form with source and destination exchanged.
    pub(super) fn stored(self) -> Row {
        debug_assert!(
            self.store.is_some() || self.operands == Operands::To,
            "an instruction that does not store"
        );
        let (prefix, opcode) = self.store.unwrap_or((self.prefix, self.opcode));
        Row { prefix, opcode, ..self }
    }

    /// The bytes of memory at a width of `width` bytes, which are the unit of the short
    /// displacement of the EVEX form.
    pub(super) fn unit(self, width: usize, each: bool) -> u8 {
        let width = width as u8;
        match self.memory {
            _ if each => self.bytes,
            Memory::Fixed => self.bytes,
            Memory::Full => width,
            Memory::Half => width / 2,
            Memory::Quarter => width / 4,
            Memory::Eighth => width / 8,
        }
    }
}
