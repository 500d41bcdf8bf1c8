//! What the names of an entry mean: registers, predicates, variables and labels, by scope.

use super::layout::{Memory, Place, Variables};
use crate::fault::{Fault, FaultKind};
use crate::instruction::Reg;
use crate::syntax::{Entry, Space};
use crate::types::Type;
use rustc_hash::FxHashMap;

/// The most registers that an entry may use.
const MOST_REGISTERS: usize = 1 << 16;

pub struct Names<'d, 'a> {
    /// Whether the text declares the function that sets conditions.
    pub sets_conditions: bool,
    pub entry: &'d Entry<'a>,
    pub variables: &'d Variables<'a>,
    pub memory: Memory<'a>,
    numbers: FxHashMap<(usize, &'a str), (Reg, Type)>,
    pub registers: Vec<(String, Type)>,
    pub predicates: Vec<String>,
    /// The functions that the entry calls, in the order of the first calls.
    pub called: Vec<Called>,
}

/// A function as its callers see it.
pub struct Called {
    /// Its number in the text.
    pub function: usize,
    pub params: Vec<(Reg, Type)>,
    pub result: (Reg, Type),
}

/// A scope and those around it, from the inside.
fn scopes<'d>(entry: &'d Entry<'_>, from: usize) -> impl Iterator<Item = usize> + 'd {
    std::iter::successors(Some(from), |scope| entry.scopes[*scope].parent)
}

impl<'d, 'a> Names<'d, 'a> {
    pub fn new(entry: &'d Entry<'a>, variables: &'d Variables<'a>, memory: Memory<'a>) -> Self {
        let (numbers, sets_conditions) = (FxHashMap::default(), variables.sets_conditions);
        let (registers, predicates) = (Vec::new(), Vec::new());
        let called = Vec::new();
        Names { sets_conditions, entry, variables, memory, numbers, registers, predicates, called }
    }

    /// The number and type of a register. It gets its number when it is first named.
    pub fn register(&mut self, scope: usize, name: &'a str) -> Result<Option<(Reg, Type)>, Fault> {
        let Some((at, ty)) =
            scopes(self.entry, scope).find_map(|s| Some((s, self.declared(s, name)?)))
        else {
            return Ok(None);
        };
        if let Some(found) = self.numbers.get(&(at, name)) {
            return Ok(Some(*found));
        }
        let number = self.add(name, ty)?;
        self.numbers.insert((at, name), (number, ty));
        Ok(Some((number, ty)))
    }

    /// Gives a register of the outermost scope the number that it has elsewhere.
    pub fn bind(&mut self, name: &'a str, register: (Reg, Type)) {
        self.numbers.insert((0, name), register);
    }

    /// A new register.
    pub fn add(&mut self, name: &str, ty: Type) -> Result<Reg, Fault> {
        let number = match ty == Type::PREDICATE {
            true => {
                self.predicates.push(name.to_owned());
                self.predicates.len() - 1
            }
            false => {
                self.registers.push((name.to_owned(), ty));
                self.registers.len() - 1
            }
        };
        if number >= MOST_REGISTERS {
            return Err(Fault::new(FaultKind::Unsupported, "an entry names too many registers"));
        }
        Ok(number as Reg)
    }

    fn declared(&self, scope: usize, name: &str) -> Option<Type> {
        let registers = &self.entry.scopes[scope].registers;
        if let Some(found) = registers.get(name).filter(|r| r.count.is_none()) {
            return Some(found.ty);
        }
        let prefix = name.trim_end_matches(|c: char| c.is_ascii_digit());
        // `%a1<4>` names registers whose prefix ends with a digit. Counts have at most ten digits.
        let first = prefix.len().max(name.len().saturating_sub(10));
        (first..name.len()).find_map(|cut| {
            let (prefix, digits) = name.split_at_checked(cut)?;
            let found = registers.get(prefix)?;
            let number: u32 = digits.parse().ok()?;
            let plain = digits == "0" || !digits.starts_with('0');
            (plain && number < found.count?).then_some(found.ty)
        })
    }

    pub fn variable(&self, scope: usize, name: &str) -> Option<Place> {
        let local = |s: usize| self.memory.places[s].iter().find(|(n, _)| *n == name);
        if let Some((_, place)) = scopes(self.entry, scope).find_map(local) {
            return Some(*place);
        }
        if let Some((_, offset, _)) = self.memory.params.iter().find(|(n, _, _)| *n == name) {
            return Some(Place::At(Space::Param, u64::from(*offset)));
        }
        self.variables.places.iter().find(|(n, _)| *n == name).map(|(_, place)| *place)
    }

    pub fn label(&self, scope: usize, name: &str) -> Option<usize> {
        scopes(self.entry, scope).find_map(|s| self.entry.scopes[s].labels.get(name).copied())
    }
}
