//! Every kind of lowering in values: compiled, interpreted, and with inputs given up, all must say
//! the same.

mod alone;
mod control;
mod fused;
mod random;
mod roll;
mod time;
mod toys;
