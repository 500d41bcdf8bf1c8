//! Rules of the user's and what reverse mode keeps: checkpoints and their policies, custom
//! derivatives, custom batching.

mod batching;
mod checkpoint;
mod closures;
mod derivatives;
mod families;
mod scans;
mod updates;
