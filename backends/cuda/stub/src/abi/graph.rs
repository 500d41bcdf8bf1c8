//! Graphs: made, connected, listed, destroyed; conditions.

use super::call::{enter, functions};
use crate::code::{Answer, Code};
use crate::driver::Driver;
use crate::pointer::{In, Out};

/// The first driver that has conditions, and the first with all kinds of them.
const CONDITIONS: i32 = 12_040;
pub const ALL_CONDITIONS: i32 = 12_080;

/// Refuses conditions on a driver that is too old for them.
pub fn conditions(driver: &Driver) -> Answer {
    match driver.shared.settings.driver >= CONDITIONS {
        true => Ok(()),
        false => Err(Code::NEWER_DRIVER),
    }
}

/// Edges that carry no data: all of the structure is zero.
pub fn plain(edges: In<[u8; 8]>, count: usize) -> Answer {
    let plain = edges.is_null() || edges.array(count)?.iter().all(|e| *e == [0; 8]);
    if plain { Ok(()) } else { Err(Code::NOT_SUPPORTED) }
}

fn connect(graph: u64, from: In<u64>, to: In<u64>, count: usize) -> Answer {
    let (from, to) = (from.array(count)?, to.array(count)?);
    enter()?.add_edges(graph, &from, &to)
}

functions! {
    fn cuGraphCreate(graph: Out<u64>, flags: u32) {
        if graph.is_null() || flags != 0 {
            return Err(Code::INVALID_VALUE);
        }
        let handle = enter()?.new_graph(None);
        graph.put(handle)
    }

    fn cuGraphDestroy(graph: u64) {
        let mut driver = enter()?;
        // A body or child goes with the node that owns it.
        if driver.graph(graph)?.owner.is_some() {
            return Err(Code::INVALID_VALUE);
        }
        driver.destroy_graph(graph)
    }

    fn cuGraphGetNodes(graph: u64, nodes: Out<u64>, count: Out<usize>) {
        let mut driver = enter()?;
        let handles: Vec<u64> = driver.graph(graph)?.nodes.iter().map(|n| n.handle).collect();
        if nodes.is_null() {
            return count.put(handles.len());
        }
        let room = count.get()?;
        for n in 0..room {
            nodes.put_at(n, handles.get(n).copied().unwrap_or_default())?;
        }
        count.put(room.min(handles.len()))
    }

    fn cuGraphAddDependencies(graph: u64, from: In<u64>, to: In<u64>, count: usize) {
        connect(graph, from, to, count)
    }

    fn cuGraphAddDependencies_v2(
        graph: u64,
        from: In<u64>,
        to: In<u64>,
        edges: In<[u8; 8]>,
        count: usize,
    ) {
        plain(edges, count)?;
        connect(graph, from, to, count)
    }

    fn cuGraphConditionalHandleCreate(
        out: Out<u64>,
        graph: u64,
        context: u64,
        default: u32,
        flags: u32,
    ) {
        if out.is_null() || flags > 1 {
            return Err(Code::INVALID_VALUE);
        }
        let mut driver = enter()?;
        conditions(&driver)?;
        driver.context(context).map_err(|_| Code::INVALID_CONTEXT)?;
        driver.graph(graph)?;
        let handle = driver.shared.handle();
        let condition = (handle, (flags == 1).then_some(default));
        driver.graph(graph)?.conditions.push(condition);
        out.put(handle)
    }
}
