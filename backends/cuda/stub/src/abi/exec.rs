//! Instantiated graphs: launches and changes of parameters.

use super::call::{enter, functions, with_stream};
use super::node::{Copies, Fills, Kernel};
use crate::code::{Answer, Code};
use crate::driver::{Copy, Counter, Driver, Exec, Plan, Run, Side, Task, Work};
use crate::pointer::{In, Out};
use std::sync::Arc;

/// The flags of instantiation: to launch from the device is not built.
const FROM_DEVICE: u64 = 4;
const FLAGS: u64 = 15;

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Instantiation {
    flags: u64,
    stream: u64,
    error_node: u64,
    result: u32,
}

/// What an update tells.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Updated {
    result: u32,
    node: u64,
    from: u64,
}

fn instantiate(driver: &mut Driver, graph: u64, flags: u64) -> Answer<u64> {
    if flags & !FLAGS != 0 {
        return Err(Code::INVALID_VALUE);
    }
    if flags & FROM_DEVICE != 0 {
        return Err(Code::NOT_SUPPORTED);
    }
    if driver.graph(graph)?.owner.is_some() {
        return Err(Code::INVALID_VALUE);
    }
    let plan = Arc::new(Plan::new(&driver.graphs, graph)?);
    let handle = driver.shared.handle();
    driver.shared.counters.one(Counter::Instantiations);
    driver.execs.insert(handle, Exec { plan, last: Default::default() });
    Ok(handle)
}

/// Changes the task that was made from a node.
fn change(exec: u64, node: u64, change: impl FnOnce(&mut Driver, &mut Task) -> Answer) -> Answer {
    let mut driver = enter()?;
    driver.node(node)?;
    // The plan is taken out, so that the driver can be asked meanwhile; launches that are
    // enqueued keep theirs.
    let mut plan = driver.exec(exec)?.plan.clone();
    let result = match Arc::make_mut(&mut plan).find(node) {
        Some(task) => change(&mut driver, task),
        None => Err(Code::INVALID_VALUE),
    };
    if result.is_ok() {
        driver.exec(exec)?.plan = plan;
        driver.shared.counters.one(Counter::Updates);
    }
    result
}

functions! {
    fn cuGraphInstantiateWithFlags(exec: Out<u64>, graph: u64, flags: u64) {
        if exec.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        let handle = instantiate(&mut *enter()?, graph, flags)?;
        exec.put(handle)
    }

    fn cuGraphInstantiateWithParams(exec: Out<u64>, graph: u64, params: Out<Instantiation>) {
        if exec.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        let given = params.get()?;
        let result = instantiate(&mut *enter()?, graph, given.flags);
        // 1 is an error of another kind than those that the driver tells apart.
        params.put(Instantiation { error_node: 0, result: result.is_err().into(), ..given })?;
        exec.put(result?)
    }

    fn cuGraphExecDestroy(exec: u64) {
        enter()?.execs.remove(&exec).map(drop).ok_or(Code::INVALID_HANDLE)
    }

    fn cuGraphUpload(exec: u64, stream: u64) {
        with_stream(stream, |driver, _, _| driver.exec(exec).map(drop))
    }

    fn cuGraphLaunch(exec: u64, stream: u64) {
        with_stream(stream, |driver, context, stream| {
            let Exec { plan, last } = driver.exec(exec)?.clone();
            driver.shared.counters.one(Counter::GraphLaunches);
            if let Some(code) = driver.shared.fails_launch() {
                return driver.fail_launch(context, code);
            }
            let (_, c) = driver.context(context)?;
            let queue = c.stream(stream)?;
            if queue.capture.is_none() {
                // An instance runs once at a time.
                if last.0 == context {
                    queue.clock.join(&last.1);
                }
            }
            driver.submit(context, stream, Work::Graph(Box::new(Run::new(plan))))?;
            let (_, c) = driver.context(context)?;
            let last = c.stream(stream)?.clock.clone();
            driver.exec(exec)?.last = (context, last);
            Ok(())
        })
    }

    fn cuGraphExecKernelNodeSetParams_v2(exec: u64, node: u64, params: In<Kernel>) {
        let params = params.get()?;
        change(exec, node, |driver, task| match task {
            Task::Kernel(old) => {
                *old = params.launch(driver, old.shape.cooperative)?;
                Ok(())
            }
            _ => Err(Code::INVALID_VALUE),
        })
    }

    fn cuGraphExecMemcpyNodeSetParams(exec: u64, node: u64, params: In<Copies>, context: u64) {
        let params = params.get()?;
        change(exec, node, |driver, task| {
            let Task::Copy(old) = task else { return Err(Code::INVALID_VALUE) };
            let new = params.copy(driver, context)?;
            let way = |c: &Copy| {
                let device = |side: &Side| matches!(side, Side::Device(_));
                (device(&c.from), device(&c.to))
            };
            if way(old) != way(&new) {
                return Err(Code::INVALID_VALUE);
            }
            *old = new;
            Ok(())
        })
    }

    fn cuGraphExecMemsetNodeSetParams(exec: u64, node: u64, params: In<Fills>, context: u64) {
        let params = params.get()?;
        change(exec, node, |driver, task| {
            let Task::Fill(old) = task else { return Err(Code::INVALID_VALUE) };
            *old = params.fill(driver, context)?;
            Ok(())
        })
    }

    fn cuGraphExecUpdate_v2(exec: u64, graph: u64, out: Out<Updated>) {
        if out.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        let mut driver = enter()?;
        let new = Plan::new(&driver.graphs, graph)?;
        let exec = driver.exec(exec)?;
        let alike = exec.plan.is_like(&new);
        // 2 says that the nodes or edges have changed.
        out.put(Updated { result: if alike { 0 } else { 2 }, node: 0, from: 0 })?;
        if !alike {
            return Err(Code::UPDATE_FAILURE);
        }
        Arc::make_mut(&mut exec.plan).take(&new);
        driver.shared.counters.one(Counter::Updates);
        Ok(())
    }
}
