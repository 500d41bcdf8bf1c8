//! The device on which an operation runs, and which of its operands move there.
//!
//! An operation runs where its operands are. Operands that are *committed* to a device stay there,
//! and if they are of two devices, that is an error. All others move: literals, arrays of rank 0,
//! and what was computed from such alone (`zeros([3])`, a table of indices, a random key), since
//! nobody chose a device for them. Elements of the user commit an array, `to` does, and so does
//! any committed operand of the operation that made it.
//!
//! Not here: the devices themselves (`device`).

use super::device;
use crate::core::array::{Array, Concrete, Held, Repr};
use crate::core::home::{Home, as_home, with_home};
use cotangent_jit::buffer::{Buffer, Memory};
use cotangent_jit::program::Placement;
use cotangent_jit::{Error, err};
use std::fmt;
use std::sync::Arc;

/// A device as its memory, so that a comparison is one of addresses.
#[derive(Clone, Copy)]
pub struct Site(&'static dyn Memory);

impl PartialEq for Site {
    fn eq(&self, other: &Site) -> bool {
        std::ptr::addr_eq(self.0, other.0)
    }
}

impl Eq for Site {}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.place(), f)
    }
}

impl Site {
    pub fn of(place: Placement) -> Result<Site, Error> {
        Ok(Site(device::memory(place)?))
    }

    /// The site of an array that has memory.
    pub fn of_array(array: &Array) -> Option<Site> {
        if let Repr::Concrete(c) = &array.0 { Some(Site::of_concrete(c)) } else { None }
    }

    fn of_concrete(c: &Concrete) -> Site {
        Site(c.buffer.memory())
    }

    pub(crate) fn holds(self, c: &Concrete) -> bool {
        self.gave(&c.buffer)
    }

    /// Tells whether the buffer is memory of this site.
    pub fn gave(self, buffer: &Buffer) -> bool {
        Site(buffer.memory()) == self
    }

    pub fn place(self) -> Placement {
        self.0.place()
    }

    fn is_default(self) -> bool {
        device::default_place() == Ok(self.place())
    }

    pub fn memory(self) -> &'static dyn Memory {
        self.0
    }

    /// Makes new arrays live here until the guard is dropped.
    pub fn as_home(self) -> Home {
        as_home(self.place())
    }

    /// Runs `f` while new arrays live here.
    pub fn home<R>(self, f: impl FnOnce() -> R) -> R {
        with_home(self.place(), f)
    }
}

/// The site of an operation on these operands: that of the first committed one. If none is
/// committed, it is that of the first that has memory, but one away from the default device counts
/// more, since something was computed there. `None` if none has memory.
pub fn site_of(operands: &[Array]) -> Option<Site> {
    let mut free: Option<Site> = None;
    for operand in operands {
        let Repr::Concrete(c) = &operand.0 else { continue };
        let site = Site::of_concrete(c);
        if c.committed() {
            return Some(site);
        }
        match free {
            None => free = Some(site),
            Some(before) if before != site && before.is_default() => free = Some(site),
            Some(_) => {}
        }
    }
    free
}

/// Like [`site_of`]; the default device if no operand has memory.
pub fn site(operands: &[Array]) -> Result<Site, Error> {
    match site_of(operands) {
        Some(site) => Ok(site),
        None => Site::of(device::default_place()?),
    }
}

/// Runs `f` while new arrays live where these operands are.
pub fn at_home_of<R>(operands: &[Array], f: impl FnOnce() -> R) -> R {
    match site_of(operands) {
        Some(site) => site.home(f),
        None => f(),
    }
}

/// Tells whether one of the operands is committed to its device.
pub fn any_committed(operands: &[Array]) -> bool {
    operands.iter().any(|a| matches!(&a.0, Repr::Concrete(c) if c.committed()))
}

/// Tells whether an array is committed to another site.
pub fn committed_elsewhere(array: &Array, site: Site) -> bool {
    matches!(&array.0, Repr::Concrete(c) if c.committed() && !site.holds(c))
}

/// The array with its elements at this site. It is the same one if they are there already.
pub fn moved(array: &Array, to: Site, committed: bool) -> Result<Array, Error> {
    if Site::of_array(array) == Some(to) {
        return Ok(array.clone());
    }
    device::upload_to(to.memory(), array.aval(), &array.to_bytes()?, committed)
}

/// The array at this site, and committed to it. Elements that are there already are not copied.
pub fn committed(array: &Array, to: Site) -> Result<Array, Error> {
    match &array.0 {
        Repr::Concrete(c) if to.holds(c) => Ok(match c.committed() || c.aval.shape.is_empty() {
            true => array.clone(),
            false => {
                let owner = if let Held::Of(owner) = &c.buffer { owner } else { c };
                let same = Concrete::new(c.aval.clone(), Held::Of(owner.clone()), true);
                Array(Repr::Concrete(Arc::new(same)))
            }
        }),
        _ => moved(array, to, true),
    }
}

/// The error of operands that are committed to two devices, or to another than that of the
/// program.
#[cold]
pub fn mixed(name: &str, to: Site, operands: &[Array], wrong: &Array) -> Error {
    let is_here = |a: &&Array| matches!(&a.0, Repr::Concrete(c) if c.committed() && to.holds(c));
    let (aval, device) = (wrong.aval(), whereabouts(wrong));
    match operands.iter().find(is_here) {
        Some(other) => err!(
            Device,
            "{name}: expected operands on one device, got {} on {to} and {aval} on {device}; move \
             one of them with x.to(&device)",
            other.aval()
        ),
        None => err!(
            Device,
            "{name}: it runs on {to}, got {aval} on {device}; move the array with x.to(&device) \
             first"
        ),
    }
}

/// The device of an array that has memory, as messages have it.
pub fn whereabouts(array: &Array) -> String {
    let site = Site::of_array(array);
    site.map_or_else(|| "no device".into(), |site| site.to_string())
}
