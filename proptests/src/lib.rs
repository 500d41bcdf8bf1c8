//! The laws that every primitive obeys, and the generator of random programs.
//!
//! A primitive of your own goes through the same laws: give a
//! [`Case`](cotangent::prims::entry::Case) of it to [`laws::ALL`].
//!
//! ```
//! use cotangent_proptests::laws::{ALL, Verdict};
//! let sine =
//!     cotangent::prims::roll_call::roll_call().into_iter().find(|e| e.name == "sin").unwrap();
//! for case in (sine.cases)() {
//!     for law in ALL {
//!         assert!(!matches!(law.verdict(&case), Verdict::Broken(_)), "{}", law.name);
//!     }
//! }
//! ```
//!
//! Not here: tests of single functions, which stand beside them.

pub mod generate;
pub mod laws;
pub mod mapped;
pub mod program;
pub mod table;
pub mod twin;
pub mod values;
pub mod violation;
