//! Lowers a jaxpr to a program.
//!
//! A region is a jaxpr that runs as a block: the program itself, the body of a loop, the arm of a
//! branch. All regions pass through the same stages. The type of each stage owns what is known
//! then, and later stages only read it.
//!
//! ```text
//! jaxpr --flatten--> Flat --group--> Grouped --assign--> Placed --emit--> steps
//! ```
//!
//! | file | contents |
//! | --- | --- |
//! | [`flatten`] | calls inlined: one list of equations |
//! | [`pads`], [`sums`], [`components`] | rewrites of that list |
//! | [`value`] | index maps: every view is one affine function of a value that has memory |
//! | [`group`] | equations in groups, one kernel each; equations that fit no kernel stand alone |
//! | [`reads`], [`assign`] | places of roots, outputs in place of inputs, donations of the caller |
//! | [`emit`] | items as steps |
//! | [`writer`], [`fuse`] | a kernel under construction; a group as one kernel |
//! | [`assemble`] | pieces, copies, fills, scatters |
//! | [`routine`], [`accumulate`] | dots, sorts, calls of the host; cumulative folds |
//! | [`control`], [`hoist`] | loops and branches; work that moves before a loop |
//! | [`time`] | scans that work lane by lane as one kernel |
//! | [`program`] | the program under construction |
//!
//! Not here: simplification (a transform), offsets of temporaries in the arena
//! (`cotangent_jit::plan`), machine code.

mod accumulate;
mod assemble;
mod assign;
mod components;
mod control;
mod emit;
mod flatten;
mod fuse;
mod group;
mod hoist;
mod pads;
mod program;
mod reads;
mod routine;
mod sums;
mod time;
mod value;
mod writer;

use crate::core::array::Array;
use crate::core::jaxpr::Jaxpr;
use assign::{Overwrite, Placed};
use cotangent_jit::Error;
use cotangent_jit::backend::Tuning;
use cotangent_jit::program::{Placement, Program, SlotKind, Step};
use flatten::Flat;
use group::grouped::Grouped;
use group::grouping::Level;
use program::ProgramBuilder;
use value::{Arg, Place, dense};

/// The program that computes this jaxpr, not yet planned, and the arrays that are its inputs after
/// those of the jaxpr.
pub fn lower(
    jaxpr: &Jaxpr,
    name: &str,
    place: Placement,
    tuning: Tuning,
) -> Result<(Program, Vec<Array>), Error> {
    let mut program = ProgramBuilder::new(jaxpr.inputs.len(), tuning, lower_nested);
    let args: Vec<Arg> = (jaxpr.inputs.iter().enumerate())
        .map(|(n, v)| {
            let aval = jaxpr.aval(*v);
            let slot = program.slot(aval.dtype, aval.size(), SlotKind::Input(n));
            Arg::Strided { place: Place::whole(slot), len: aval.size(), at: dense(&aval.shape) }
        })
        .collect();
    let dests: Vec<Place> = (jaxpr.out_avals().iter().enumerate())
        .map(|(n, a)| Place::whole(program.slot(a.dtype, a.size(), SlotKind::Output(n))))
        .collect();
    let placed = placed(&mut program, jaxpr, args, &dests, Level { depth: 0, nested: false })?;
    let donations = placed.donations();
    let steps = placed.emit(&mut program)?;
    Ok(program.finish(name, place, steps, donations))
}

/// The steps of a nested region.
fn lower_nested(
    program: &mut ProgramBuilder,
    jaxpr: &Jaxpr,
    args: Vec<Arg>,
    dests: &[Place],
    depth: usize,
) -> Result<Vec<Step>, Error> {
    placed(program, jaxpr, args, dests, Level { depth, nested: true })?.emit(program)
}

/// The stages before the last.
fn placed(
    program: &mut ProgramBuilder,
    jaxpr: &Jaxpr,
    args: Vec<Arg>,
    dests: &[Place],
    level: Level,
) -> Result<Placed, Error> {
    let mut flat = Flat::new(jaxpr)?;
    flat.merge_pads();
    flat.add_updates();
    let grouped = Grouped::new(program, flat, args, dests, level);
    Ok(Placed::new(program, grouped, Overwrite::Harmless))
}
