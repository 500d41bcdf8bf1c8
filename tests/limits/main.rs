//! Numbers at and beyond the limits of their types: sizes that cannot be counted, indices, classes
//! and bounds in every int type, functions at the ends of their ranges.

mod functions;
mod ints;
mod sizes;
