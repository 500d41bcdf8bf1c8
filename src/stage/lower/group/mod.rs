//! The second stage: equations in items. An item is a group, which becomes one kernel, or one
//! equation that stands alone.
//!
//! | file | contents |
//! | --- | --- |
//! | `grouped` | the stage's result, which later stages only read |
//! | `grouping` | a region whose equations are being placed |
//! | `place` | finds the item of each equation |
//! | `dots` | packs the operands of dots that no stride can walk through |
//! | `sink` | moves equations down to the groups that need them |
//!
//! The fields of the result are open to the files of this folder only. Not here: memory (`assign`),
//! code (`emit`).

pub mod dots;
pub mod grouped;
pub mod grouping;
pub mod place;
pub mod sink;
