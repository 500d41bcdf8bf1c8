//! Plans: the loops, lanes, calls and launches of a program, chosen from the program and the width
//! of vectors. Nothing here knows the code generator, so that every generator follows the same
//! plan.
//!
//! | file | contents |
//! | --- | --- |
//! | `nest.rs` | a kernel's loops in the order of emission, and its vector loop |
//! | `cost.rs` | the cost of a point in lanes and in scalars; the number of lanes |
//! | `weights.rs` | the instructions of an op |
//! | `stages.rs` | long reductions, cut into nests that run one after the other |
//! | `scatter.rs` | scatters as a stage of places and a routine |
//! | `relooped.rs` | a kernel over other loops |
//! | `strided.rs` | rows: accesses strided along the vector loop, contiguous along another |
//! | `tiles.rs` | blocks of kernels that move rows: permuted operands, short last axes |
//! | `shorts.rs` | short loops inside of the vector loop |
//! | `loops.rs` | parallel loops, kernels of few points |
//! | `lanes.rs` | bits of a lane, widths of vectors, ops that have instructions for lanes |
//! | `steps.rs` | computed positions that advance by a constant from lane to lane |
//! | `carries.rs` | elements that a sequential loop keeps in registers |
//! | `calls.rs` | kernels that call elementary functions |
//! | `outlines.rs` | the numbers of the functions that are called |
//! | `launch.rs` | kernels in the driver, in functions of their own, shared by threads |
//! | `registers.rs` | slots that the driver keeps in registers |
//! | `rows.rs` | steps that can be done for some rows before the next rows |
//! | `row_loops.rs` | loops of the program that threads share by rows |
//! | `bands.rs` | runs of launches, done for as many rows at a time as a near cache holds |
//!
//! The passes that do not depend on the device live in `cotangent_jit::prepare`.

pub mod bands;
pub mod calls;
pub mod carries;
pub mod cost;
pub mod lanes;
pub mod launch;
pub mod loops;
pub mod nest;
pub mod outlines;
pub mod registers;
pub mod relooped;
pub mod row_loops;
pub mod rows;
pub mod scatter;
pub mod shorts;
pub mod stages;
pub mod steps;
pub mod strided;
pub mod tiles;
pub mod weights;
