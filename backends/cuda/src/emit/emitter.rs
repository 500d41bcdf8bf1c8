//! The state of an entry in the making.
//!
//! Scopes follow the loops of the code: what was computed in a loop is forgotten behind it. The
//! thread's own counters belong to the outermost scope.

use crate::plan::Tasks;
use crate::ptx::{Class, Code, Value};
use cotangent_jit::build::live_nodes;
use cotangent_jit::kernel::{BufferId, Kernel, NodeId};
use cotangent_jit::prepare::loops::dependence;
use cotangent_jit::{DType, Error, err};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;

/// A value at each of the neighbouring points, or one for all of them.
pub type Lanes = SmallVec<[Value; 4]>;

/// Neighbouring points that the code treats at once.
#[derive(Clone, Copy, Debug)]
pub struct Vector {
    /// The loop along which they lie.
    pub of: usize,
    pub width: usize,
    /// The distance of two neighbours.
    pub step: i64,
    /// One access may move all of them: they lie side by side, and the first counter is a multiple
    /// of the width.
    pub whole: bool,
}

/// The counter of a loop and the scope that it belongs to.
#[derive(Clone, Copy, Debug)]
pub struct Counter {
    pub value: Value,
    pub scope: usize,
}

/// The points of a loop that the code is for, if not all.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    pub first: Value,
    pub points: usize,
}

/// Buffer (or none, for the index itself) and strides.
pub type Key = (Option<u32>, SmallVec<[i64; 6]>);

/// What a scope has computed.
#[derive(Default)]
struct Scope {
    nodes: Vec<usize>,
    indices: Vec<Key>,
}

pub struct Emitter<'a> {
    pub c: Code,
    pub k: &'a Kernel,
    pub types: Vec<DType>,
    /// The loops that each node depends on, as bits.
    pub dependence: Vec<u64>,
    pub live: Vec<bool>,
    pub wide: bool,
    /// The address of each buffer, then those of scratch memory.
    pub bases: Vec<Value>,
    /// Buffers that no thread of the launch writes, under any name.
    pub unwritten: Vec<bool>,
    pub alignment: &'a [usize],
    /// Buffers that lie in shared memory.
    pub shared: Vec<bool>,
    /// By loop.
    pub spans: Vec<Option<Span>>,
    /// Elements that a loop in order keeps in registers, by buffer.
    pub carried: Vec<Option<Value>>,
    /// Two buffers may be one.
    pub aliased: bool,
    pub counters: Vec<Option<Counter>>,
    pub vector: Option<Vector>,
    pub values: Vec<Option<Lanes>>,
    pub indices: FxHashMap<Key, Value>,
    scopes: Vec<Scope>,
}

impl<'a> Emitter<'a> {
    /// Adds to this code. `bases` are the addresses of the buffers and of scratch memory.
    pub fn new(
        c: Code,
        tasks: &'a Tasks,
        bases: &[Value],
        aliased: bool,
    ) -> Result<Emitter<'a>, Error> {
        let k = &tasks.shape.kernel;
        let types = k.node_types();
        let types = types.ok_or_else(|| err!(Compile, "cuda: kernel {} has no types", k.name))?;
        if k.loops.len() > 60 {
            return Err(err!(Compile, "cuda: kernel {} has more than 60 loops", k.name));
        }
        let unwritten = |n| !aliased && !k.writes(BufferId(n));
        Ok(Emitter {
            c,
            k,
            types,
            dependence: dependence(k),
            live: live_nodes(k),
            wide: tasks.shape.wide,
            bases: bases.to_vec(),
            unwritten: (0..k.buffers.len() as u32).map(unwritten).collect(),
            alignment: &tasks.alignment,
            shared: vec![false; k.buffers.len()],
            spans: vec![None; k.loops.len()],
            carried: vec![None; k.buffers.len()],
            aliased,
            counters: vec![None; k.loops.len()],
            vector: None,
            values: vec![None; k.nodes.len()],
            indices: FxHashMap::default(),
            scopes: vec![Scope::default()],
        })
    }

    /// The points of a loop.
    pub fn span(&self, of: usize) -> usize {
        self.spans[of].map_or(self.k.loops[of].extent, |s| s.points)
    }

    /// The class of counters and indices.
    pub fn index_class(&self) -> Class {
        if self.wide { Class::B64 } else { Class::B32 }
    }

    /// The type of counters and indices in instructions.
    pub fn index_type(&self) -> &'static str {
        if self.wide { "s64" } else { "s32" }
    }

    pub fn index_constant(&self, n: i64) -> Value {
        if self.wide { Value::long(n) } else { Value::int(n as i32) }
    }

    pub fn scope(&self) -> usize {
        self.scopes.len() - 1
    }

    pub fn enter(&mut self) {
        self.scopes.push(Scope::default());
    }

    /// Forgets what the scope has computed.
    pub fn leave(&mut self) {
        let Some(scope) = self.scopes.pop() else { return };
        scope.nodes.into_iter().for_each(|n| self.values[n] = None);
        for key in scope.indices {
            self.indices.remove(&key);
        }
    }

    pub fn keep_value(&mut self, node: usize, lanes: Lanes) {
        self.values[node] = Some(lanes);
        if let Some(scope) = self.scopes.last_mut() {
            scope.nodes.push(node);
        }
    }

    pub fn keep_index(&mut self, key: Key, value: Value) {
        self.indices.insert(key.clone(), value);
        if let Some(scope) = self.scopes.last_mut() {
            scope.indices.push(key);
        }
    }

    pub fn set_counter(&mut self, of: usize, value: Value) {
        self.counters[of] = Some(Counter { value, scope: self.scope() });
    }

    /// The value of a node for one of the neighbours.
    pub fn value(&self, node: NodeId, lane: usize) -> Result<Value, Error> {
        let lanes = self.values[node.0 as usize].as_ref();
        let lanes = lanes.ok_or_else(|| err!(Compile, "cuda: node {} has no value", node.0))?;
        Ok(if lanes.len() == 1 { lanes[0] } else { lanes[lane] })
    }

    pub fn width(&self) -> usize {
        self.vector.map_or(1, |v| v.width)
    }

    /// Whether a node differs between neighbours.
    pub fn varies(&self, node: usize) -> bool {
        self.vector.is_some_and(|v| v.width > 1 && self.dependence[node] >> v.of & 1 == 1)
    }

    /// Runs `body` for a counter of `of` from `start` up to below `end`, in these steps.
    pub fn repeat(
        &mut self,
        of: usize,
        (start, end): (Value, Value),
        step: i64,
        body: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<Value, Error> {
        let counter = self.c.copy(start);
        self.repeat_on(of, counter, end, step, body)?;
        Ok(counter)
    }

    /// The same, with a register that counts on from its value.
    pub fn repeat_on(
        &mut self,
        of: usize,
        counter: Value,
        end: Value,
        step: i64,
        body: impl FnOnce(&mut Self) -> Result<(), Error>,
    ) -> Result<(), Error> {
        let (again, done) = (self.c.label(), self.c.label());
        let t = self.index_type();
        self.c.place(again);
        let over =
            self.c.get(Class::Pred, &format!("setp.ge.{t}"), format_args!("{counter}, {end}"));
        self.c.put(format_args!("@{over} bra {done}"));
        self.enter();
        self.set_counter(of, counter);
        body(self)?;
        self.counters[of] = None;
        self.leave();
        let step = self.index_constant(step);
        self.c.put(format_args!("add.{t} {counter}, {counter}, {step}"));
        self.c.put(format_args!("bra {again}"));
        self.c.place(done);
        Ok(())
    }
}
