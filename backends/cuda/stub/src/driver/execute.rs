//! One piece of work: what it does to the memory of the device, and to the clock.

use super::context::Context;
use super::counters::Counter;
use super::failure::Failure;
use super::plan::Task;
use super::ranges::{Accesses, Ranges};
use super::run::{Run, Step};
use super::settings::Shared;
use super::task::{Copy, Fill, Launch, Side, span};
use super::work::Work;
use crate::code::Code;

/// Emulated nanoseconds of a launch that does nothing.
const LAUNCH_TIME: u64 = 2_000;

impl Context {
    /// Runs a piece of work that is neither a graph nor a call of the host.
    pub fn execute(
        &mut self,
        shared: &mut Shared,
        work: &Work,
        place: (u64, u64),
    ) -> Result<Accesses, Failure> {
        match work {
            Work::Kernel(launch) => self.kernel(shared, launch, &mut |_, _| false),
            Work::Copy(copy) => self.copy(shared, copy),
            Work::Fill(fill) => self.fill(shared, fill),
            Work::Product(product) => self.product(shared, product),
            Work::Allocate(address, bytes) => Ok(Accesses::new(&[], &[span(*address, *bytes)])),
            Work::Free(address) => self.free(shared, *address),
            Work::Record(event) => {
                let time = self.time;
                if let Some(event) =
                    self.events.get_mut(event).filter(|e| e.recorded == Some(place))
                {
                    event.time = Some(time);
                }
                Ok(Accesses::default())
            }
            Work::Call(_) | Work::Graph(_) | Work::Wait => Ok(Accesses::default()),
        }
    }

    /// Runs a kernel. `set` gets the conditions of a graph that it sets, and answers whether there
    /// is such a condition.
    pub fn kernel(
        &mut self,
        shared: &mut Shared,
        launch: &Launch,
        set: &mut dyn FnMut(u64, u32) -> bool,
    ) -> Result<Accesses, Failure> {
        shared.counters.kernel(&launch.entry);
        let Launch { module, entry, shape, params, .. } = launch;
        let stats = self.device.launch_setting(module, entry, *shape, params, set)?;
        let work = stats.total().warps;
        shared.counters.add(Counter::Instructions, work);
        self.time += LAUNCH_TIME + work;
        let touched = self.device.touched();
        Ok(Accesses {
            reads: Ranges::of(touched.reads),
            writes: Ranges::of(touched.writes),
            updates: Ranges::of(touched.updates),
        })
    }

    pub fn copy(&mut self, shared: &mut Shared, copy: &Copy) -> Result<Accesses, Failure> {
        let bytes = copy.bytes;
        self.time += LAUNCH_TIME + bytes / 64;
        let (calls, total, accesses) = match (&copy.from, &copy.to) {
            (Side::Host(from), Side::Device(to)) => {
                self.device.write(*to, &from.read(bytes as usize))?;
                let writes = Accesses::new(&[], &[span(*to, bytes)]);
                (Counter::UploadCalls, Counter::UploadBytes, writes)
            }
            (Side::Bytes(from), Side::Device(to)) => {
                self.device.write(*to, from)?;
                let writes = Accesses::new(&[], &[span(*to, bytes)]);
                (Counter::UploadCalls, Counter::UploadBytes, writes)
            }
            (Side::Device(from), Side::Host(to)) => {
                to.write(&self.device.read(*from, bytes)?);
                let reads = Accesses::new(&[span(*from, bytes)], &[]);
                (Counter::DownloadCalls, Counter::DownloadBytes, reads)
            }
            (Side::Device(from), Side::Device(to)) => {
                self.device.copy(*to, *from, bytes)?;
                let both = Accesses::new(&[span(*from, bytes)], &[span(*to, bytes)]);
                (Counter::DeviceCopyCalls, Counter::DeviceCopyBytes, both)
            }
            _ => return Err(Failure::new(Code::UNKNOWN, "a copy from the host to the host")),
        };
        shared.counters.one(calls);
        shared.counters.add(total, bytes);
        Ok(accesses)
    }

    pub fn fill(&mut self, shared: &mut Shared, fill: &Fill) -> Result<Accesses, Failure> {
        self.device.fill(fill.address, &fill.pattern, fill.count)?;
        self.time += LAUNCH_TIME + fill.bytes() / 64;
        shared.counters.one(Counter::FillCalls);
        shared.counters.add(Counter::FillBytes, fill.bytes());
        Ok(Accesses::new(&[], &[span(fill.address, fill.bytes())]))
    }

    /// Frees a block. To the order it is a write of all of its bytes.
    pub fn free(&mut self, shared: &mut Shared, address: u64) -> Result<Accesses, Failure> {
        let bytes = self.device.free(address)?;
        self.freeing.remove(&address);
        self.pooled.remove(&address);
        shared.counters.one(Counter::Frees);
        Ok(Accesses::new(&[], &[span(address, bytes)]))
    }

    /// Runs the next node of a graph.
    pub fn node(&mut self, shared: &mut Shared, run: &mut Run) -> Result<Step, Failure> {
        let next = run.next(&mut shared.random);
        shared.counters.add(Counter::GraphNodes, run.take_begun());
        let Some((plan, node)) = next? else { return Ok(Step::Finished) };
        let task = &plan.nodes[node].task;
        let accesses = match task {
            Task::Kernel(launch) => {
                self.kernel(shared, launch, &mut |condition, value| run.set(condition, value))?
            }
            Task::Copy(copy) => self.copy(shared, copy)?,
            Task::Fill(fill) => self.fill(shared, fill)?,
            Task::Call(call) => {
                run.finish(node, Accesses::default())?;
                return Ok(Step::Call(*call));
            }
            Task::Empty | Task::Child(_) | Task::Condition { .. } => Accesses::default(),
        };
        run.finish(node, accesses.clone())?;
        Ok(Step::Ran(format!("{} of a graph", task.name()), accesses))
    }
}
