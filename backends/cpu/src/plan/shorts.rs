//! Short parallel loops inside of the vector loop.
//!
//! A gather of short rows has positions that depend on the row alone. With the vector loop
//! innermost they would be computed once per element of a row:
//!
//! ```text
//! for u in 0..3, for v in lanes   ->   for v in lanes, for u in 0..3
//! ```

use crate::plan::loops::SHORT;
use crate::plan::nest::Nest;
use cotangent_jit::Error;
use cotangent_jit::kernel::{Mode, Node};
use cotangent_jit::prepare::loops::{choose_loops, dependence};

/// The least nodes that are computed once instead of for every point of that loop.
const LEAST_SAVED: usize = 4;

/// The nest with a short loop inside of the vector loop, if that saves the positions of a gather.
pub fn inside(nest: &Nest) -> Result<Option<Nest>, Error> {
    let k = &nest.kernel;
    let plain = k.reductions.is_empty()
        && k.loops.iter().all(|l| l.mode == Mode::Parallel)
        && nest.clips.is_empty()
        && !nest.calls;
    let Some((v, lanes)) = nest.vector.filter(|(v, _)| plain && *v + 1 == k.loops.len()) else {
        return Ok(None);
    };
    let bits = dependence(k);
    let varies = |n: usize, of: usize| bits[n] >> of & 1 == 1;
    let live = || (0..k.nodes.len()).filter(|n| nest.live[*n]);
    let gathers = |u: usize| {
        live().any(|n| {
            matches!(k.nodes[n], Node::Gather { .. }) && varies(n, u) && nest.steps[n].is_none()
        })
    };
    let saved = |u: &usize| {
        let kept = |n: &usize| varies(*n, v) && !varies(*n, *u) && nest.steps[*n].is_none();
        live().filter(kept).count()
    };
    let short = |u: &usize| (2..=SHORT).contains(&k.loops[*u].extent) && gathers(*u);
    let Some(u) = (0..v).filter(short).max_by_key(saved).filter(|u| saved(u) >= LEAST_SAVED) else {
        return Ok(None);
    };
    let order: Vec<usize> = (0..v).filter(|n| *n != u).chain([v, u]).collect();
    let mut k = k.clone();
    choose_loops(&mut k, &order);
    Nest::finish(k, Some((v - 1, lanes))).map(Some)
}
