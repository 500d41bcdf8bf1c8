//! The nodes of graphs.

use super::call::{current_or_none, enter, functions};
use super::graph::{ALL_CONDITIONS, conditions, plain};
use super::launch::{COOPERATIVE, Geometry, launch};
use crate::code::{Answer, Code};
use crate::driver::{Action, Copy, Driver, Fill, Kind, Launch, Side};
use crate::pointer::{Call, Function, Host, In, Out};

/// The parameters of a kernel node.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Kernel {
    function: u64,
    grid: [u32; 3],
    block: [u32; 3],
    shared: u32,
    params: In<Host>,
    extra: In<Host>,
    kernel: u64,
    context: u64,
}

impl Kernel {
    pub fn launch(self, driver: &mut Driver, cooperative: bool) -> Answer<Launch> {
        let Kernel { function, grid, block, shared, params, extra, .. } = self;
        // Kernels without a module are not built.
        if function == 0 && self.kernel != 0 {
            return Err(Code::NOT_SUPPORTED);
        }
        launch(driver, function, Geometry { grid, block, shared, cooperative }, params, extra)
    }
}

/// One side of a copy.
#[repr(C)]
#[derive(Clone, Copy)]
struct Place {
    x: usize,
    y: usize,
    z: usize,
    level: usize,
    kind: u32,
    host: Host,
    device: u64,
    array: u64,
    reserved: u64,
    pitch: usize,
    height: usize,
}

impl Place {
    fn side(self) -> Answer<Side> {
        if (self.y, self.z, self.level, self.array) != (0, 0, 0, 0) {
            return Err(Code::NOT_SUPPORTED);
        }
        match self.kind {
            1 if !self.host.is_null() => Ok(Side::Host(self.host.offset(self.x))),
            1 => Err(Code::INVALID_VALUE),
            2 => Ok(Side::Device(self.device.wrapping_add(self.x as u64))),
            _ => Err(Code::NOT_SUPPORTED),
        }
    }
}

/// A copy in three dimensions, of which one is built.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Copies {
    from: Place,
    to: Place,
    width: usize,
    height: usize,
    depth: usize,
}

impl Copies {
    pub fn copy(self, driver: &mut Driver, context: u64) -> Answer<Copy> {
        if self.height > 1 || self.depth > 1 {
            return Err(Code::NOT_SUPPORTED);
        }
        let copy = Copy { from: self.from.side()?, to: self.to.side()?, bytes: self.width as u64 };
        let (_, c) = driver.context(context).map_err(|_| Code::INVALID_CONTEXT)?;
        for side in [&copy.from, &copy.to] {
            if let Side::Device(address) = side {
                c.check_range(*address, copy.bytes)?;
            }
        }
        match (&copy.from, &copy.to) {
            (Side::Host(_), Side::Host(_)) => Err(Code::NOT_SUPPORTED),
            _ => Ok(copy),
        }
    }
}

/// A fill in two dimensions, of which one is built.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Fills {
    address: u64,
    pitch: usize,
    value: u32,
    size: u32,
    width: usize,
    height: usize,
}

impl Fills {
    pub fn fill(self, driver: &mut Driver, context: u64) -> Answer<Fill> {
        if self.height > 1 {
            return Err(Code::NOT_SUPPORTED);
        }
        let fill = Fill::new(self.address, self.value, self.size, self.width as u64)?;
        let (_, c) = driver.context(context).map_err(|_| Code::INVALID_CONTEXT)?;
        c.check_range(fill.address, fill.bytes())?;
        Ok(fill)
    }
}

/// A call of a function of the host.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Calls {
    function: Function,
    data: Host,
}

#[repr(C)]
#[derive(Clone, Copy)]
struct Condition {
    condition: u64,
    kind: u32,
    bodies: u32,
    list: u64,
    context: u64,
}

/// The parameters of a node of any kind: its number, and a union behind it.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Params {
    kind: u32,
    reserved: [i32; 3],
    union: [u64; 29],
    end: u64,
}

/// Where the union begins, and where in a condition the list of bodies goes.
const UNION: usize = 16;
const LIST: usize = UNION + 16;

fn add(
    out: &Out<u64>,
    graph: u64,
    after: In<u64>,
    count: usize,
    action: impl FnOnce(&mut Driver) -> Answer<Action>,
) -> Answer {
    if out.is_null() {
        return Err(Code::INVALID_VALUE);
    }
    let after = after.array(count)?;
    let mut driver = enter()?;
    driver.graph(graph)?;
    let after = driver.places(graph, &after)?;
    let action = action(&mut driver)?;
    out.put(driver.add_node(graph, after, action)?)
}

/// A copy of a graph that becomes part of another.
fn child(driver: &mut Driver, graph: u64, into: u64) -> Answer<Action> {
    Ok(Action::Child(driver.copy_graph(graph, into)?))
}

/// A condition of a graph, with empty bodies.
fn condition(driver: &mut Driver, graph: u64, condition: Condition) -> Answer<Action> {
    conditions(driver)?;
    let Condition { condition, kind, bodies, .. } = condition;
    let (kind, most) = match kind {
        0 => (Kind::If, 2),
        1 => (Kind::While, 1),
        2 => (Kind::Switch, 1 << 16),
        _ => return Err(Code::INVALID_VALUE),
    };
    if bodies == 0 || bodies > most {
        return Err(Code::INVALID_VALUE);
    }
    if (kind == Kind::Switch || bodies > 1) && driver.shared.settings.driver < ALL_CONDITIONS {
        return Err(Code::NEWER_DRIVER);
    }
    let has = |driver: &mut Driver| {
        let own = driver.graph(graph)?;
        let used =
            |a: &Action| matches!(a, Action::Condition { condition: c, .. } if *c == condition);
        let known = own.conditions.iter().any(|(c, _)| *c == condition);
        Ok(known && !own.nodes.iter().any(|n| used(&n.action)))
    };
    // A condition belongs to its graph, and to one node of it.
    if !has(driver)? {
        return Err(Code::INVALID_VALUE);
    }
    let bodies = (0..bodies).map(|_| driver.new_graph(Some(graph))).collect();
    Ok(Action::Condition { kind, condition, bodies })
}

functions! {
    fn cuGraphAddKernelNode_v2(
        node: Out<u64>,
        graph: u64,
        after: In<u64>,
        count: usize,
        params: In<Kernel>,
    ) {
        let params = params.get()?;
        add(&node, graph, after, count, |driver| Ok(Action::Kernel(params.launch(driver, false)?)))
    }

    fn cuGraphAddMemcpyNode(
        node: Out<u64>,
        graph: u64,
        after: In<u64>,
        count: usize,
        params: In<Copies>,
        context: u64,
    ) {
        let params = params.get()?;
        add(&node, graph, after, count, |driver| Ok(Action::Copy(params.copy(driver, context)?)))
    }

    fn cuGraphAddMemsetNode(
        node: Out<u64>,
        graph: u64,
        after: In<u64>,
        count: usize,
        params: In<Fills>,
        context: u64,
    ) {
        let params = params.get()?;
        add(&node, graph, after, count, |driver| Ok(Action::Fill(params.fill(driver, context)?)))
    }

    fn cuGraphAddHostNode(
        node: Out<u64>,
        graph: u64,
        after: In<u64>,
        count: usize,
        params: In<Calls>,
    ) {
        let Calls { function, data } = params.get()?;
        add(&node, graph, after, count, |_| Ok(Action::Call(Call::new(function, data)?)))
    }

    fn cuGraphAddEmptyNode(node: Out<u64>, graph: u64, after: In<u64>, count: usize) {
        add(&node, graph, after, count, |_| Ok(Action::Empty))
    }

    fn cuGraphAddChildGraphNode(
        node: Out<u64>,
        graph: u64,
        after: In<u64>,
        count: usize,
        part: u64,
    ) {
        add(&node, graph, after, count, |driver| child(driver, part, graph))
    }

    fn cuGraphAddNode_v2(
        node: Out<u64>,
        graph: u64,
        after: In<u64>,
        edges: In<[u8; 8]>,
        count: usize,
        params: Out<Params>,
    ) {
        plain(edges, count)?;
        let (kind, input, list) = (params.get()?.kind, params.input(), params.part::<u64>(LIST));
        add(&node, graph, after, count, |driver| {
            let current = current_or_none();
            let context = |context: u64| if context == 0 { current } else { context };
            Ok(match kind {
                0 => Action::Kernel(input.part::<Kernel>(UNION).get()?.launch(driver, false)?),
                1 => {
                    // Flags come first, then the context.
                    let copies = input.part::<Copies>(UNION + 16).get()?;
                    let of = input.part::<u64>(UNION + 8).get()?;
                    Action::Copy(copies.copy(driver, context(of))?)
                }
                2 => {
                    let fills = input.part::<Fills>(UNION).get()?;
                    let of = input.part::<u64>(UNION + size_of::<Fills>()).get()?;
                    Action::Fill(fills.fill(driver, context(of))?)
                }
                3 => {
                    let Calls { function, data } = input.part::<Calls>(UNION).get()?;
                    Action::Call(Call::new(function, data)?)
                }
                4 => child(driver, input.part::<u64>(UNION).get()?, graph)?,
                5 => Action::Empty,
                13 => condition(driver, graph, input.part::<Condition>(UNION).get()?)?,
                _ => return Err(Code::NOT_SUPPORTED),
            })
        })?;
        let (handle, mut driver) = (node.get()?, enter()?);
        let (_, place) = driver.node(handle)?;
        if let Action::Condition { bodies, .. } = &driver.graph(graph)?.nodes[place].action {
            let bodies: Box<[u64]> = bodies.as_slice().into();
            list.put(bodies.as_ptr() as u64)?;
            driver.bodies.insert(handle, bodies);
        }
        Ok(())
    }

    fn cuGraphKernelNodeSetParams_v2(node: u64, params: In<Kernel>) {
        let params = params.get()?;
        let mut driver = enter()?;
        let (graph, place) = driver.node(node)?;
        let cooperative = match &driver.graph(graph)?.nodes[place].action {
            Action::Kernel(old) => old.shape.cooperative,
            _ => return Err(Code::INVALID_VALUE),
        };
        let launch = params.launch(&mut driver, cooperative)?;
        driver.graph(graph)?.nodes[place].action = Action::Kernel(launch);
        Ok(())
    }

    fn cuGraphKernelNodeSetAttribute(node: u64, attribute: u32, value: In<u32>) {
        let value = value.get()?;
        let mut driver = enter()?;
        let (graph, place) = driver.node(node)?;
        match (&mut driver.graph(graph)?.nodes[place].action, attribute) {
            (Action::Kernel(launch), COOPERATIVE) => launch.shape.cooperative = value != 0,
            (Action::Kernel(_), _) => return Err(Code::NOT_SUPPORTED),
            _ => return Err(Code::INVALID_VALUE),
        }
        Ok(())
    }
}
