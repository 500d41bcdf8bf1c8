//! One statement while it is decoded: its modifiers in order, its operands by type.

use super::layout::Place;
use super::names::Names;
use crate::fault::{Fault, FaultKind};
use crate::instruction::{Address, Predicate, Reg, Sources, Targets, Value};
use crate::syntax::{Operand, Space, Statement};
use crate::types::Type;

/// How strictly the width of a register must be that of the instruction.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Width {
    Exact,
    /// Loads, stores and conversions: an integer may lie in a wider register.
    Wider,
}

pub struct Line<'l, 'd, 'a> {
    pub names: &'l mut Names<'d, 'a>,
    pub statement: &'l Statement<'a>,
    pub base: &'a str,
    modifiers: Vec<&'a str>,
    at: usize,
    pub version: u32,
    pub target: u32,
}

impl<'l, 'd, 'a> Line<'l, 'd, 'a> {
    pub fn new(
        names: &'l mut Names<'d, 'a>,
        statement: &'l Statement<'a>,
        (version, target): (u32, u32),
    ) -> Self {
        let mut words = statement.opcode.split('.');
        let base = words.next().unwrap_or_default();
        Line { names, statement, base, modifiers: words.collect(), at: 0, version, target }
    }

    pub fn fault(&self, kind: FaultKind, message: impl Into<String>) -> Fault {
        let message = format!("{}: {}", self.statement.opcode, message.into());
        Fault::at_line(kind, self.statement.line, message)
    }

    pub fn unsupported(&self) -> Fault {
        self.fault(FaultKind::Unsupported, "is not known here")
    }

    pub fn peek(&self) -> &'a str {
        self.modifiers.get(self.at).copied().unwrap_or_default()
    }

    /// Takes the next modifier if it is this one.
    pub fn take(&mut self, modifier: &str) -> bool {
        let found = self.at < self.modifiers.len() && self.peek() == modifier;
        self.at += usize::from(found);
        found
    }

    pub fn want(&mut self, modifier: &str) -> Result<(), Fault> {
        match self.take(modifier) {
            true => Ok(()),
            false => {
                let found = self.peek();
                let text = format!("expected `.{modifier}`, found `.{found}`");
                Err(self.fault(FaultKind::Unsupported, text))
            }
        }
    }

    /// Takes the next modifier if a table has it.
    pub fn choose<T: Copy>(&mut self, table: &[(&str, T)]) -> Option<T> {
        let (name, found) = table.iter().find(|(name, _)| *name == self.peek())?;
        self.take(name).then_some(*found)
    }

    pub fn ty(&mut self) -> Result<Type, Fault> {
        let Some(ty) = Type::parse(self.peek()) else {
            let text = format!("expected a type, found `.{}`", self.peek());
            return Err(self.fault(FaultKind::Unsupported, text));
        };
        self.at += 1;
        Ok(ty)
    }

    /// Ends the modifiers and checks the number of operands.
    pub fn end(&self, operands: std::ops::RangeInclusive<usize>) -> Result<(), Fault> {
        if self.at < self.modifiers.len() {
            let text = format!("the modifier `.{}` is not known here", self.peek());
            return Err(self.fault(FaultKind::Unsupported, text));
        }
        let found = self.statement.operands.len();
        match operands.contains(&found) {
            true => Ok(()),
            false => {
                let (least, most) = (operands.start(), operands.end());
                let text = format!("takes {least} to {most} operands, not {found}");
                Err(self.fault(FaultKind::Syntax, text))
            }
        }
    }

    /// Refuses what an architecture or version before this one does not have.
    pub fn since(&self, target: u32, version: u32) -> Result<(), Fault> {
        if self.target >= target && self.version >= version {
            return Ok(());
        }
        let (major, minor) = (version / 10, version % 10);
        let text = format!("needs sm_{target} and .version {major}.{minor}");
        Err(self.fault(FaultKind::Unsupported, text))
    }

    pub fn operand(&self, n: usize) -> Result<&'l Operand<'a>, Fault> {
        let missing = || self.fault(FaultKind::Syntax, format!("operand {} is missing", n + 1));
        self.statement.operands.get(n).ok_or_else(missing)
    }

    fn wrong(&self, n: usize, wanted: &str) -> Fault {
        self.fault(FaultKind::Type, format!("operand {} must be {wanted}", n + 1))
    }

    pub fn lookup(&mut self, name: &'a str) -> Result<(Reg, Type), Fault> {
        let found = self.names.register(self.statement.scope, name)?;
        found.ok_or_else(|| {
            self.fault(FaultKind::Name, format!("`{name}` is no register that is declared"))
        })
    }

    fn checked(&mut self, name: &'a str, ty: Type, width: Width) -> Result<(Reg, Type), Fault> {
        let (register, found) = self.lookup(name)?;
        let fits = match width {
            Width::Exact => ty.accepts(found),
            Width::Wider => ty.accepts_wider(found),
        };
        match fits {
            true => Ok((register, found)),
            false => {
                let text = format!("`{name}` is {found}, which does not fit {ty}");
                Err(self.fault(FaultKind::Type, text))
            }
        }
    }

    /// The register that gets a result, and its type.
    pub fn target_of(&mut self, n: usize, ty: Type, width: Width) -> Result<(Reg, Type), Fault> {
        match self.operand(n)? {
            Operand::Word(name, 0) => self.checked(name, ty, width),
            _ => Err(self.wrong(n, "a register")),
        }
    }

    pub fn d(&mut self, ty: Type) -> Result<Reg, Fault> {
        Ok(self.target_of(0, ty, Width::Exact)?.0)
    }

    pub fn source(&mut self, n: usize, ty: Type) -> Result<Value, Fault> {
        let operand = self.operand(n)?;
        self.value(operand, ty, Width::Exact)
    }

    pub fn value(&mut self, from: &Operand<'a>, ty: Type, width: Width) -> Result<Value, Fault> {
        match from {
            Operand::Word(name, 0) => Ok(Value::Register(self.checked(name, ty, width)?.0)),
            Operand::Literal(literal) => match literal.bits(ty) {
                Some(bits) => Ok(Value::Literal(bits)),
                None => Err(self.fault(FaultKind::Type, format!("a literal does not fit {ty}"))),
            },
            _ => Err(self.fault(FaultKind::Type, "an operand must be a register or literal")),
        }
    }

    pub fn predicate(&mut self, n: usize) -> Result<Predicate, Fault> {
        let (name, negated) = match self.operand(n)? {
            Operand::Word(name, 0) => (name, false),
            Operand::Negated(name) => (name, true),
            _ => return Err(self.wrong(n, "a predicate")),
        };
        let (register, _) = self.checked(name, Type::PREDICATE, Width::Exact)?;
        Ok(Predicate { register, negated })
    }

    /// A predicate that gets a result; `_` drops it.
    pub fn predicate_target(&mut self, name: &'a str) -> Result<Option<Reg>, Fault> {
        match name {
            "_" => Ok(None),
            _ => Ok(Some(self.checked(name, Type::PREDICATE, Width::Exact)?.0)),
        }
    }

    /// The registers of a vector operand; `_` drops a part.
    pub fn targets(&mut self, n: usize, ty: Type, width: Width) -> Result<(Targets, Type), Fault> {
        let mut widest = ty;
        let mut named = |line: &mut Self, part: &Operand<'a>| match part {
            Operand::Word("_", 0) => Ok(None),
            Operand::Word(name, 0) => {
                let (register, found) = line.checked(name, ty, width)?;
                widest = found;
                Ok(Some(register))
            }
            _ => Err(line.wrong(n, "made of registers")),
        };
        let targets = match self.operand(n)? {
            Operand::Vector(parts) => {
                parts.iter().map(|p| named(self, p)).collect::<Result<Targets, Fault>>()?
            }
            part => Targets::from_slice(&[named(self, part)?]),
        };
        Ok((targets, widest))
    }

    /// The values of a vector operand.
    pub fn sources(&mut self, n: usize, ty: Type, width: Width) -> Result<Sources, Fault> {
        match self.operand(n)? {
            Operand::Vector(parts) => parts.iter().map(|p| self.value(p, ty, width)).collect(),
            part => Ok(Sources::from_slice(&[self.value(part, ty, width)?])),
        }
    }

    /// Where an argument of so many bytes lies.
    pub fn argument(&self, name: &str, bytes: u64) -> Result<Address, Fault> {
        match self.names.variable(self.statement.scope, name) {
            Some(Place::Argument(offset, size)) if size == bytes => {
                Ok(Address { space: Space::Local, base: None, offset, dynamic: false })
            }
            _ => {
                let text = format!("`{name}` is no argument of {bytes} bytes");
                Err(self.fault(FaultKind::Type, text))
            }
        }
    }

    /// An address in a space.
    pub fn address(&mut self, n: usize, space: Space) -> Result<Address, Fault> {
        let Operand::Address(base, offset) = self.operand(n)? else {
            return Err(self.wrong(n, "an address"));
        };
        let plain = Address { space, base: None, offset: *offset as u64, dynamic: false };
        let Some(name) = base else { return Ok(plain) };
        if let Some((register, ty)) = self.names.register(self.statement.scope, name)? {
            let narrow =
                matches!(space, Space::Shared | Space::Local | Space::Param | Space::Const);
            let fits = ty.bits == 64 || (ty.bits == 32 && narrow);
            if !fits || ty.is_float() {
                let text = format!("`{name}` is {ty}, which holds no address");
                return Err(self.fault(FaultKind::Type, text));
            }
            return Ok(Address { base: Some(register), ..plain });
        }
        match self.names.variable(self.statement.scope, name) {
            Some(Place::At(at, start)) if at == space => {
                Ok(Address { offset: start.wrapping_add(plain.offset), ..plain })
            }
            Some(Place::Dynamic) if space == Space::Shared => {
                Ok(Address { dynamic: true, ..plain })
            }
            Some(_) => Err(self.fault(FaultKind::Type, format!("`{name}` lies in another space"))),
            None => Err(self.fault(FaultKind::Name, format!("`{name}` is not declared"))),
        }
    }
}
