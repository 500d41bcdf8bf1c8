//! Running what is enqueued, one piece at a time, in an order drawn from the seed.

use super::clock::Clock;
use super::context::{Context, Poison};
use super::counters::Counter;
use super::failure::Failure;
use super::run::Step;
use super::settings::Shared;
use super::stream::Stream;
use super::work::Work;
use crate::code::{Answer, Code};
use crate::pointer::Call;

/// What somebody waits for: of each stream, how many pieces of work.
pub type Goal = Clock;

/// How far a wait has come.
pub enum Advance {
    Done,
    /// A function of the host must be called, without the lock; then the stream must be told.
    Call(u64, Call),
    /// Another thread is in a function of the host.
    Busy,
}

enum Turn {
    Ran,
    Call(u64, Call),
    Stuck,
}

impl Context {
    fn completed(&self, stream: u64) -> u64 {
        self.streams.get(&stream).map_or(u64::MAX, |s| s.completed)
    }

    pub fn is_done(&self, goal: &Goal) -> bool {
        goal.iter().all(|(stream, tick)| self.completed(stream) >= tick)
    }

    /// All that is enqueued.
    pub fn everything(&self) -> Goal {
        let mut goal = self.retired.clone();
        self.streams.values().for_each(|s| goal.join(&s.clock));
        goal
    }

    /// Runs until a goal is reached. Work of other streams takes its turns.
    pub fn advance(&mut self, shared: &mut Shared, goal: &Goal) -> Advance {
        while !self.is_done(goal) {
            match self.turn(shared, true) {
                Turn::Ran => {}
                Turn::Call(stream, call) => return Advance::Call(stream, call),
                Turn::Stuck => return Advance::Busy,
            }
        }
        self.host.join(goal);
        self.prune();
        Advance::Done
    }

    /// Runs one piece of work, or none, because somebody asks whether it is done. A function of
    /// the host is left to the caller.
    pub fn nudge(&mut self, shared: &mut Shared, goal: &Goal) -> Option<(u64, Call)> {
        if self.is_done(goal) || shared.random.percent(50) {
            return None;
        }
        match self.turn(shared, true) {
            Turn::Call(stream, call) => Some((stream, call)),
            Turn::Ran | Turn::Stuck => None,
        }
    }

    /// Tells whether a goal is reached.
    pub fn tell(&mut self, goal: &Goal) -> Answer {
        self.surface()?;
        if !self.is_done(goal) {
            return Err(Code::NOT_READY);
        }
        self.host.join(goal);
        Ok(())
    }

    /// Ends the context with a status that a test asked for.
    pub fn end(&mut self, shared: &mut Shared, code: Code) {
        self.fail(shared, Failure::new(code, "a launch that a test wants to fail"));
    }

    /// Now and then runs some of what is enqueued, though nobody waits for it.
    pub fn run_early(&mut self, shared: &mut Shared) {
        let eagerness = shared.settings.eagerness;
        while shared.random.percent(eagerness) {
            match self.turn(shared, false) {
                Turn::Ran if eagerness < 100 || !self.is_idle() => {}
                _ => return,
            }
        }
    }

    /// Whether a function of the host is running.
    pub fn is_calling(&self) -> bool {
        self.streams.values().any(|s| s.busy)
    }

    fn is_idle(&self) -> bool {
        self.streams.values().all(Stream::is_idle)
    }

    fn prune(&mut self) {
        if self.history.is_empty() {
            return;
        }
        let pending: Vec<&Clock> =
            self.streams.values().flat_map(|s| &s.queue).map(|i| &i.clock).collect();
        let host = &self.host;
        let known = |s| pending.iter().map(|c| c.of(s)).fold(host.of(s), u64::min);
        self.history.prune(known);
    }

    /// One piece of work, or one node of a graph, of a stream that may go on.
    fn turn(&mut self, shared: &mut Shared, calls: bool) -> Turn {
        let may_run = |s: &Stream| {
            let Some(item) = s.queue.front().filter(|_| !s.busy) else { return false };
            (calls || !item.work.may_call()) && self.is_done(&item.clock)
        };
        let ready: Vec<u64> =
            self.streams.iter().filter(|(_, s)| may_run(s)).map(|(h, _)| *h).collect();
        if ready.is_empty() {
            return Turn::Stuck;
        }
        let handle = ready[shared.random.below(ready.len())];
        let stream = self.streams.get_mut(&handle);
        let Some(mut item) = stream.and_then(|s| s.queue.pop_front()) else { return Turn::Stuck };
        let mut finished = true;
        let what = item.work.to_string();
        let result = match &mut item.work {
            Work::Call(call) => Ok(Step::Call(*call)),
            Work::Graph(run) => self.node(shared, run),
            work => self.execute(shared, work, (handle, item.tick)).map(|a| Step::Ran(what, a)),
        };
        let result = match result {
            Ok(Step::Ran(what, accesses)) => {
                finished = !matches!(&item.work, Work::Graph(run) if !run.is_finished());
                let clash = self.history.add((handle, item.tick), &item.clock, what, accesses);
                clash.map_or(Ok(()), |text| Err(Failure::race(text)))
            }
            Ok(Step::Finished) => Ok(()),
            Ok(Step::Call(call)) => {
                shared.counters.one(Counter::HostCalls);
                // The function may tell any thread that what comes before it is done.
                self.host.join(&item.clock);
                if let Some(stream) = self.streams.get_mut(&handle) {
                    stream.busy = true;
                    stream.queue.push_front(item);
                }
                return Turn::Call(handle, call);
            }
            Err(failure) => Err(failure),
        };
        match result {
            Err(failure) => self.fail(shared, failure),
            Ok(()) if finished => self.complete(handle, item.tick),
            Ok(()) => {
                if let Some(stream) = self.streams.get_mut(&handle) {
                    stream.queue.push_front(item);
                }
            }
        }
        Turn::Ran
    }

    fn complete(&mut self, handle: u64, tick: u64) {
        let Some(stream) = self.streams.get_mut(&handle) else { return };
        stream.completed = stream.completed.max(tick);
        self.retire(handle);
    }

    /// Drops a stream that nobody names and that has nothing to do.
    pub fn retire(&mut self, handle: u64) {
        let Some(stream) = self.streams.get(&handle) else { return };
        if stream.destroyed && stream.is_idle() && !stream.busy {
            self.retired.join(&stream.clock);
            self.streams.remove(&handle);
        }
    }

    /// A function of the host that this stream called is back.
    pub fn called(&mut self, handle: u64) {
        let Some(stream) = self.streams.get_mut(&handle) else { return };
        stream.busy = false;
        let tick = match stream.queue.front() {
            Some(item) if matches!(item.work, Work::Call(_)) => item.tick,
            _ => return,
        };
        stream.queue.pop_front();
        self.complete(handle, tick);
    }

    /// Ends the context.
    fn fail(&mut self, shared: &mut Shared, failure: Failure) {
        shared.report(failure.text);
        self.poison = Some(Poison { code: failure.code, surfaced: false });
        self.streams.values_mut().for_each(Stream::clear);
        let gone: Vec<u64> = self.streams.keys().copied().collect();
        gone.into_iter().for_each(|s| self.retire(s));
    }
}
