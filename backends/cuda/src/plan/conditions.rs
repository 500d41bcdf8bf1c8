//! Loops and branches as conditional nodes of graphs: the device decides how often a body runs, and
//! no round waits for the host.
//!
//! A condition has a handle, which a launch sets before its node, and the body of a loop again at
//! its end:
//!
//! ```text
//! while   test, setter, node { body, test, setter }
//! loop    setter, node { body, .., body, setter }
//! branch  setter, node { arm }, node { arm }, ..
//! ```
//!
//! A body never is empty: drivers before 12.8 hang. The text of setters does not live here, nor
//! which drivers have conditions.

use super::items::{Address, Argument, Graph, Guarded, Item, Launch, Node, Own};
use super::places::{Level, Place, placed};
use crate::ptx::Source;

/// The most launches of a loop that is unrolled, within a body or with other loops in it; of other
/// loops the most that a round has, if it holds several iterations.
const UNROLLED: usize = 32;
/// The most arms of a branch whose conditions one launch sets.
pub const ARMS: usize = 32;

/// A launch that sets conditions, by one thread. Its parameters are in the order of the text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Setter {
    /// Begins a loop: the condition holds, the counter is 0.
    Begin,
    /// Counts a round: the condition holds while the counter is below the third parameter.
    Next,
    /// The condition is the bool at the first parameter.
    Holds,
    /// The same before a loop with a limit, the last parameter: the counter is 0.
    HoldsFirst,
    /// The same behind a round of such a loop, which is counted.
    HoldsAgain,
    /// Sets the conditions of so many arms by the index at the first parameter: each holds from its
    /// lowest index to its highest.
    Choose(usize),
}

/// A function of which an entry is made.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Function {
    /// That of the entry of this number.
    Entry(usize),
    Setter(Setter),
}

/// The number of the entry of a function with parameters from these sources.
pub type Entries<'a> = dyn FnMut(Function, &[Source]) -> usize + 'a;

/// How a loop of so many launches runs.
struct Rounds {
    /// Iterations of a round of the device's loop, and before it.
    each: usize,
    before: usize,
    rounds: usize,
}

/// `None` if the loop is unrolled.
fn rounds(trips: usize, body: &[Item]) -> Option<Rounds> {
    let once = count_all(body).unwrap_or(usize::MAX);
    if once.saturating_mul(trips) <= UNROLLED {
        return None;
    }
    let each = (UNROLLED / once.max(1)).clamp(1, trips.max(1));
    Some(Rounds { each, before: trips % each, rounds: trips / each })
}

/// The number of launches of an item that is nothing but launches and loops of such.
pub fn straight(item: &Item) -> Option<usize> {
    match item {
        Item::Launch { .. } => Some(1),
        Item::Loop { trips, body } => {
            let once: Option<usize> = body.iter().map(straight).sum();
            once?.checked_mul(*trips)
        }
        _ => None,
    }
}

/// The nodes of an item in a body; `None` if the host takes part in it.
pub fn count(item: &Item) -> Option<usize> {
    match item {
        Item::Launch { .. } => Some(1),
        Item::Loop { trips, body } => {
            let once = count_all(body)?;
            Some(match rounds(*trips, body) {
                None => once * trips,
                Some(Rounds { each, before, .. }) => {
                    once.saturating_mul(each + before).saturating_add(3)
                }
            })
        }
        Item::While { test, body, .. } => {
            let (test, body) = (count_all(test)?, count_all(body)?);
            Some(test.saturating_mul(2).saturating_add(body).saturating_add(3))
        }
        Item::Branch { arms, .. } => arms.iter().try_fold(1usize, |n, arm| {
            let arm = count_all(arm)?.saturating_add(2);
            Some(n.saturating_add(arm))
        }),
        _ => None,
    }
}

fn count_all(items: &[Item]) -> Option<usize> {
    items.iter().try_fold(0usize, |n, item| Some(n.saturating_add(count(item)?)))
}

/// Adds items to a graph.
pub struct Builder<'a, 'e> {
    pub graph: &'a mut Graph,
    pub entries: &'a mut Entries<'e>,
}

impl Builder<'_, '_> {
    /// Adds an item that is nothing but launches, loops and branches. A loop without tests and
    /// branches is unrolled if it has at most so many launches.
    pub fn add(&mut self, item: &Item, most: usize) {
        let mut nodes = std::mem::take(&mut self.graph.nodes);
        match (item, straight(item)) {
            (Item::Loop { .. }, Some(n)) if n <= most => {
                self.unrolled(item, &Place::default(), &mut nodes);
            }
            _ => self.item(item, &Place::default(), &mut nodes),
        }
        self.graph.nodes = nodes;
    }

    /// Adds all iterations of a loop of launches and such loops.
    fn unrolled(&mut self, item: &Item, place: &Place, nodes: &mut Vec<Node>) {
        let Item::Loop { trips, body } = item else { return self.item(item, place, nodes) };
        if straight(item) == Some(0) {
            return;
        }
        for n in 0..*trips {
            let place = place.within(Level::Fixed(n as i64));
            body.iter().for_each(|item| self.unrolled(item, &place, nodes));
        }
    }

    fn items(&mut self, items: &[Item], place: &Place, nodes: &mut Vec<Node>) {
        items.iter().for_each(|item| self.item(item, place, nodes));
    }

    fn item(&mut self, item: &Item, place: &Place, nodes: &mut Vec<Node>) {
        match item {
            Item::Launch { entry, blocks, args } => {
                self.launch(*entry, *blocks, args, place, nodes)
            }
            Item::Loop { .. } if count(item) == Some(0) => {}
            Item::Loop { trips, body } => match rounds(*trips, body) {
                None => {
                    for n in 0..*trips {
                        self.items(body, &place.within(Level::Fixed(n as i64)), nodes);
                    }
                }
                Some(rounds) => self.counted(&rounds, body, place, nodes),
            },
            Item::While { test, holds, body, limit } => {
                self.tested(test, holds, body, *limit, place, nodes);
            }
            Item::Branch { index, arms } => self.branch(index, arms, place, nodes),
            // The host takes part in all others.
            _ => {}
        }
    }

    fn launch(
        &mut self,
        entry: usize,
        blocks: u64,
        args: &[Argument],
        place: &Place,
        nodes: &mut Vec<Node>,
    ) {
        if !place.guarded {
            let args = args.iter().map(|a| placed(a, &place.levels).0).collect();
            nodes.push(Node::Launch(Launch { entry, blocks, args }));
            return;
        }
        let args: Vec<Given> = args.iter().map(|a| Given::Argument(a.clone())).collect();
        self.guarded(Function::Entry(entry), blocks, &args, place, nodes);
    }

    /// A launch whose parameters come from a table.
    fn guarded(
        &mut self,
        function: Function,
        blocks: u64,
        args: &[Given],
        place: &Place,
        nodes: &mut Vec<Node>,
    ) {
        let (mut row, mut own, mut sources) = (Vec::new(), Vec::new(), Vec::new());
        for given in args {
            let argument = match given {
                Given::Own(parameter) => {
                    own.push(*parameter);
                    sources.push(Source::Own);
                    continue;
                }
                Given::Argument(argument) => argument,
            };
            let (argument, terms) = placed(argument, &place.levels);
            match argument {
                Argument::Value(n) if terms.is_empty() => {
                    own.push(Own::Value(n));
                    sources.push(Source::Own);
                }
                argument => {
                    row.push(argument);
                    sources.push(Source::Row { terms });
                }
            }
        }
        let entry = (self.entries)(function, &sources);
        nodes.push(Node::Guarded(Guarded { entry, blocks, row, own }));
    }

    fn set(&mut self, setter: Setter, args: &[Given], place: &Place, nodes: &mut Vec<Node>) {
        self.guarded(Function::Setter(setter), 1, args, place, nodes);
    }

    fn condition(&mut self) -> usize {
        self.graph.conditions += 1;
        self.graph.conditions - 1
    }

    /// A counter that no loop around has.
    fn counter(&mut self, place: &Place) -> (usize, Place) {
        let counter = place.counters;
        self.graph.counters = self.graph.counters.max(counter + 1);
        (counter, Place { counters: counter + 1, ..place.guarded() })
    }

    /// A loop of a known number of rounds.
    fn counted(&mut self, rounds: &Rounds, body: &[Item], place: &Place, nodes: &mut Vec<Node>) {
        let condition = self.condition();
        let (counter, place) = self.counter(place);
        let (each, before) = (rounds.each as i64, rounds.before as i64);
        let iteration = |n: i64| place.within(Level::Counted { counter, times: each, plus: n });
        let handles = [Given::Own(Own::Condition(condition)), Given::Own(Own::Counter(counter))];
        self.set(Setter::Begin, &handles, &place, nodes);
        // The counter is 0 until the device's loop has had a round.
        (0..before).for_each(|n| self.items(body, &iteration(n), nodes));
        let mut inner = Vec::new();
        (0..each).for_each(|n| self.items(body, &iteration(before + n), &mut inner));
        let [handle, address] = handles;
        let count = Given::Own(Own::Value(rounds.rounds as i64));
        self.set(Setter::Next, &[handle, address, count], &place, &mut inner);
        nodes.push(Node::Condition { condition, repeats: true, body: inner });
    }

    /// A loop that ends by a test, or by a limit once the test holds.
    fn tested(
        &mut self,
        test: &[Item],
        holds: &Address,
        body: &[Item],
        limit: Option<usize>,
        place: &Place,
        nodes: &mut Vec<Node>,
    ) {
        let condition = self.condition();
        let mut args = vec![
            Given::Argument(Argument::Address(holds.clone())),
            Given::Own(Own::Condition(condition)),
        ];
        let (mut setters, mut place) = ([Setter::Holds; 2], place.guarded());
        if let Some(limit) = limit {
            let counter;
            (counter, place) = self.counter(&place);
            let limit = i64::try_from(limit).unwrap_or(i64::MAX);
            args.extend([Given::Own(Own::Counter(counter)), Given::Own(Own::Value(limit))]);
            setters = [Setter::HoldsFirst, Setter::HoldsAgain];
        }
        let place = place.within(Level::Fixed(0));
        self.items(test, &place, nodes);
        self.set(setters[0], &args, &place, nodes);
        let mut inner = Vec::new();
        self.items(body, &place, &mut inner);
        self.items(test, &place, &mut inner);
        self.set(setters[1], &args, &place, &mut inner);
        nodes.push(Node::Condition { condition, repeats: true, body: inner });
    }

    /// All conditions are set before an arm may write the index.
    fn branch(
        &mut self,
        index: &Address,
        arms: &[Vec<Item>],
        place: &Place,
        nodes: &mut Vec<Node>,
    ) {
        let place = place.guarded();
        let mut chosen = Vec::new();
        for (n, arm) in arms.iter().enumerate() {
            let mut body = Vec::new();
            self.items(arm, &place, &mut body);
            if !body.is_empty() {
                chosen.push((n, self.condition(), body));
            }
        }
        let last = arms.len().saturating_sub(1);
        for some in chosen.chunks(ARMS) {
            let mut args = vec![Given::Argument(Argument::Address(index.clone()))];
            for (n, condition, _) in some {
                // The first arm also takes what lies below, the last what lies above.
                let low = if *n == 0 { i64::from(i32::MIN) } else { *n as i64 };
                let high = if *n == last { i64::from(i32::MAX) } else { *n as i64 };
                let all = [Own::Condition(*condition), Own::Value(low), Own::Value(high)];
                args.extend(all.map(Given::Own));
            }
            self.set(Setter::Choose(some.len()), &args, &place, nodes);
        }
        nodes.extend(chosen.into_iter().map(|(_, condition, body)| Node::Condition {
            condition,
            repeats: false,
            body,
        }));
    }
}

/// A parameter of a launch under a condition.
#[derive(Clone)]
enum Given {
    Own(Own),
    Argument(Argument),
}
