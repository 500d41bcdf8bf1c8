//! The interpreter against plain definitions, whole kernels, planted faults and hostile text.
//!
//! With `EMULATOR_PTX` set to a folder, every text that must be accepted is written there, so that
//! an assembler can confirm it.

mod faults;
mod functions;
mod graphs;
mod hostile;
mod kernels;
mod lanes;
mod races;
mod support;
mod tiles;
mod values;
