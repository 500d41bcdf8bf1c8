//! Entries of loops and branches that are nodes of graphs: those that set conditions, and those of
//! bodies, which take their parameters from the device's memory.

use crate::plan::{Function, Item, Node, Setter};
use crate::ptx::{Class, Code, Entry, Source, Value};
use rustc_hash::FxHashMap;

/// Entries, and those that were made from them for launches under conditions.
pub struct Guards {
    pub entries: Vec<Entry>,
    known: FxHashMap<(Function, Vec<Source>), usize>,
}

impl Guards {
    pub fn new(entries: Vec<Entry>) -> Guards {
        Guards { entries, known: FxHashMap::default() }
    }

    /// The number of the entry of a function with parameters from these sources.
    pub fn entry(&mut self, function: Function, sources: &[Source]) -> usize {
        let key = (function, sources.to_vec());
        if let Some(known) = self.known.get(&key) {
            return *known;
        }
        let name = format!("k{}", self.entries.len());
        let entry = match function {
            Function::Entry(n) => self.entries[n].from_sources(name, sources),
            Function::Setter(s) => setter(s).from_sources(name, sources),
        };
        self.entries.push(entry);
        self.known.insert(key, self.entries.len() - 1);
        self.entries.len() - 1
    }
}

/// A setter, for one thread.
fn setter(setter: Setter) -> Entry {
    let (mut c, mut addresses) = (Code::default(), 0);
    let mut parameter = |c: &mut Code| {
        addresses += 1;
        c.get(Class::B64, "ld.param.u64", format_args!("[a{}]", addresses - 1))
    };
    match setter {
        Setter::Begin => {
            let (handle, counter) = (parameter(&mut c), parameter(&mut c));
            store(&mut c, counter, Value::long(0));
            let holds = c.copy(Value::int(1));
            c.set_condition(handle, holds);
        }
        Setter::Next => {
            let (handle, counter) = (parameter(&mut c), parameter(&mut c));
            let rounds = parameter(&mut c);
            let n = counted(&mut c, counter);
            let more = below(&mut c, n, rounds);
            let holds = number(&mut c, more);
            c.set_condition(handle, holds);
        }
        Setter::Holds => {
            let holds = parameter(&mut c);
            let holds = element(&mut c, holds);
            let handle = parameter(&mut c);
            let holds = number(&mut c, holds);
            c.set_condition(handle, holds);
        }
        Setter::HoldsFirst | Setter::HoldsAgain => {
            let holds = parameter(&mut c);
            let holds = element(&mut c, holds);
            let (handle, counter) = (parameter(&mut c), parameter(&mut c));
            let limit = parameter(&mut c);
            let n = match setter {
                Setter::HoldsAgain => counted(&mut c, counter),
                _ => {
                    let zero = c.copy(Value::long(0));
                    store(&mut c, counter, zero);
                    zero
                }
            };
            let more = below(&mut c, n, limit);
            let both = c.get(Class::Pred, "and.pred", format_args!("{holds}, {more}"));
            let holds = number(&mut c, both);
            c.set_condition(handle, holds);
        }
        Setter::Choose(arms) => {
            let index = parameter(&mut c);
            let index = c.get(Class::B32, "ld.global.b32", format_args!("[{index}]"));
            let index = c.get(Class::B64, "cvt.s64.s32", format_args!("{index}"));
            for _ in 0..arms {
                let handle = parameter(&mut c);
                let (low, high) = (parameter(&mut c), parameter(&mut c));
                let above = c.get(Class::Pred, "setp.ge.s64", format_args!("{index}, {low}"));
                let below = c.get(Class::Pred, "setp.le.s64", format_args!("{index}, {high}"));
                let both = c.get(Class::Pred, "and.pred", format_args!("{above}, {below}"));
                let holds = number(&mut c, both);
                c.set_condition(handle, holds);
            }
        }
    }
    Entry { name: String::new(), addresses, threads: 1, shared: 0, code: c }
}

/// Whether the bool at an address is true.
fn element(c: &mut Code, at: Value) -> Value {
    let byte = c.get(Class::B32, "ld.global.u8", format_args!("[{at}]"));
    c.get(Class::Pred, "setp.ne.u32", format_args!("{byte}, 0"))
}

/// Counts one round.
fn counted(c: &mut Code, at: Value) -> Value {
    let n = c.get(Class::B64, "ld.global.b64", format_args!("[{at}]"));
    let n = c.get(Class::B64, "add.s64", format_args!("{n}, 1"));
    store(c, at, n);
    n
}

fn store(c: &mut Code, at: Value, n: Value) {
    let n = c.held(n);
    c.put(format_args!("st.global.b64 [{at}], {n}"));
}

fn below(c: &mut Code, n: Value, end: Value) -> Value {
    c.get(Class::Pred, "setp.lt.s64", format_args!("{n}, {end}"))
}

fn number(c: &mut Code, p: Value) -> Value {
    c.get(Class::B32, "selp.b32", format_args!("1, 0, {p}"))
}

/// The entries that items launch; their numbers in the items change. An entry that only bodies use
/// is not needed as it was made at first.
pub fn drop_unused(entries: Vec<Entry>, items: &mut [Item]) -> Vec<Entry> {
    let mut used = vec![false; entries.len()];
    each_entry(items, &mut |n| used[*n] = true);
    let mut count = 0;
    let numbers: Vec<usize> = used
        .iter()
        .map(|used| {
            count += usize::from(*used);
            count.saturating_sub(1)
        })
        .collect();
    each_entry(items, &mut |n| *n = numbers[*n]);
    entries.into_iter().zip(used).filter(|(_, used)| *used).map(|(entry, _)| entry).collect()
}

fn each_entry(items: &mut [Item], f: &mut impl FnMut(&mut usize)) {
    for item in items {
        match item {
            Item::Launch { entry, .. } => f(entry),
            Item::Graph { graph, .. } => each_of_nodes(&mut graph.nodes, f),
            Item::Product { .. } | Item::Host { .. } | Item::Routine { .. } => {}
            Item::Loop { body, .. } => each_entry(body, f),
            Item::While { test, body, .. } => {
                each_entry(test, f);
                each_entry(body, f);
            }
            Item::Branch { arms, .. } => arms.iter_mut().for_each(|a| each_entry(a, f)),
        }
    }
}

fn each_of_nodes(nodes: &mut [Node], f: &mut impl FnMut(&mut usize)) {
    for node in nodes {
        match node {
            Node::Launch(launch) => f(&mut launch.entry),
            Node::Guarded(guarded) => f(&mut guarded.entry),
            Node::Condition { body, .. } => each_of_nodes(body, f),
        }
    }
}
