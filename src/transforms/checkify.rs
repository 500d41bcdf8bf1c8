//! Turns checks into results: a jaxpr `x -> y` becomes `x -> state, y`, where the state tells the
//! first failure.
//!
//! ```text
//! state = code, ints, floats    code 0: no failure; else its number,
//!     and the arguments of its message
//! ```
//! Each primitive tells its hazards ([`Hazard`]), and each hazard becomes a comparison. The state
//! keeps the first failure in the order of equations, steps and lanes. Carriers thread the state
//! through their bodies ([`Carrier::threaded`](crate::core::primitive::Carrier::threaded)). The
//! result is an ordinary jaxpr, so it differentiates, batches and compiles like any other.
//!
//! Not here: the messages of failures (api).

use super::replay::replay;
use crate::core::array::Array;
use crate::core::aval::{Aval, Shape};
use crate::core::hazard::{Failure, Failures, Hazard, Kind};
use crate::core::jaxpr::{Atom, Eqn, Jaxpr};
use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::source;
use crate::core::template::Template;
use crate::core::trace::bind;
use crate::prims::lax;
use crate::prims::places::dynamic_slice::try_slice_at;
use crate::prims::places::index_arithmetic::as_i64;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{Combine, Node, NodeId};
use cotangent_jit::{DType, Error, Scalar};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::ops::BitOr;
use std::sync::Arc;

/// The set of checks to make. Sets combine: `Checks::USER | Checks::NAN`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Checks(u8);

impl Checks {
    /// The user's `check` calls.
    pub const USER: Checks = Checks(1);
    /// Operations that give NaN.
    pub const NAN: Checks = Checks(2);
    /// Indices out of bounds.
    pub const INDEX: Checks = Checks(4);
    /// Divisions by zero, of ints and floats.
    pub const DIVISION: Checks = Checks(8);
    /// NaN and division.
    pub const FLOAT: Checks = Checks(2 | 8);
    /// All but the user's.
    pub const AUTOMATIC: Checks = Checks(2 | 4 | 8);
    pub const ALL: Checks = Checks(15);

    /// Tells whether there are checks other than the user's.
    pub fn any_automatic(self) -> bool {
        self.0 & Checks::AUTOMATIC.0 != 0
    }

    fn has(self, kind: Kind) -> bool {
        let Checks(bit) = match kind {
            Kind::User => Checks::USER,
            Kind::Nan => Checks::NAN,
            Kind::Index => Checks::INDEX,
            Kind::Division => Checks::DIVISION,
        };
        self.0 & bit != 0
    }
}

impl BitOr for Checks {
    type Output = Checks;
    fn bitor(self, other: Checks) -> Checks {
        Checks(self.0 | other.0)
    }
}

/// A jaxpr with its checks as results.
#[derive(Debug)]
pub struct Checked {
    /// From the same inputs to the state, then the same outputs.
    pub jaxpr: Jaxpr,
    /// Number of outputs of the state.
    pub state: usize,
    /// The meaning of the codes. It also tells the types of the state.
    pub failures: Arc<Failures>,
}

/// Turns the checks in `checks` into results. The user's checks are dropped if they are not among
/// them.
pub fn checkify(jaxpr: &Jaxpr, checks: Checks) -> Result<Checked, Error> {
    let mut pass = Pass {
        checks,
        failures: Failures::default(),
        words: [0, 0],
        surveyed: FxHashMap::default(),
        threaded: FxHashMap::default(),
    };
    pass.measure_state(jaxpr);
    let types = pass.state_avals();
    let state = types.len();
    let jaxpr = replay(&jaxpr.in_avals(), |args| {
        let fresh = |a: &Aval| match a.rank() {
            0 => Array::strong_literal(Scalar::zero(a.dtype)),
            _ => lax::full(&a.shape, Scalar::zero(a.dtype)),
        };
        pass.run(jaxpr, types.iter().map(fresh).collect(), args)
    })?;
    Ok(Checked { jaxpr, state, failures: Arc::new(pass.failures) })
}

struct Pass {
    checks: Checks,
    failures: Failures,
    /// Ints and floats in the state.
    words: [usize; 2],
    /// Tells by address whether a body has anything to check. The jaxpr in the pair keeps its
    /// address in use.
    surveyed: FxHashMap<usize, (Arc<Jaxpr>, bool)>,
    /// Bodies with the state threaded through.
    threaded: FxHashMap<usize, Arc<Jaxpr>>,
}

/// A check of one equation.
enum Plan {
    /// The equation is itself a check.
    Given(Arc<Failures>),
    Division {
        divisor: usize,
        failure: Failure,
    },
    Index {
        input: usize,
        limits: SmallVec<[usize; 4]>,
        /// Sizes of the axes whose negative indices were counted from the end.
        from_end: Option<SmallVec<[usize; 4]>>,
        failure: Failure,
    },
    /// Checks the outputs.
    Nan(Failure),
}

impl Plan {
    fn failures(&self) -> Vec<&Failure> {
        match self {
            Plan::Given(f) => f.0.iter().collect(),
            Plan::Division { failure, .. } | Plan::Index { failure, .. } | Plan::Nan(failure) => {
                vec![failure]
            }
        }
    }
}

impl Pass {
    /// Finds the size of the state, and whether there is anything to check.
    fn measure_state(&mut self, jaxpr: &Jaxpr) -> bool {
        let mut any = false;
        for eqn in &jaxpr.eqns {
            for plan in self.plans(jaxpr, eqn) {
                any = true;
                for [ints, floats] in plan.failures().iter().map(|f| f.words()) {
                    self.words = [self.words[0].max(ints), self.words[1].max(floats)];
                }
            }
            if eqn.prim.carrier().is_some() {
                for body in eqn.prim.params().iter().flat_map(|(_, p)| p.jaxprs()) {
                    any |= self.has_checks(body);
                }
            }
        }
        any
    }

    fn has_checks(&mut self, body: &Arc<Jaxpr>) -> bool {
        let address = Arc::as_ptr(body) as usize;
        if let Some((_, any)) = self.surveyed.get(&address) {
            return *any;
        }
        let any = self.measure_state(body);
        self.surveyed.insert(address, (body.clone(), any));
        any
    }

    fn state_avals(&self) -> Vec<Aval> {
        let [ints, floats] = self.words;
        let mut avals = vec![Aval::scalar(DType::I32)];
        avals.extend((ints > 0).then(|| Aval::new([ints], DType::I64)));
        avals.extend((floats > 0).then(|| Aval::new([floats], DType::F64)));
        avals
    }

    /// The checks of an equation that are wanted.
    fn plans(&self, jaxpr: &Jaxpr, eqn: &Eqn) -> Vec<Plan> {
        let inputs: Vec<Aval> = eqn.inputs.iter().map(|a| jaxpr.atom_aval(*a)).collect();
        let failure = |kind, text: &str, args| Failure {
            kind,
            op: eqn.prim.name().into(),
            text: Template::parse("checkify", text, &vec![None; Vec::len(&args)])
                .unwrap_or_else(|_| Template::plain(text)),
            args,
            at: eqn.source,
        };
        let mut plans = Vec::new();
        for hazard in eqn.prim.hazards(&inputs) {
            match hazard {
                Hazard::Failure(failures) => plans.push(Plan::Given(failures)),
                Hazard::Division { divisor } if self.checks.has(Kind::Division) => {
                    let harmless =
                        matches!(eqn.inputs[divisor], Atom::Literal(s) if s.to_f64() != Some(0.0));
                    if !harmless && inputs[divisor].size() > 0 {
                        let failure = failure(Kind::Division, "division by zero", vec![]);
                        plans.push(Plan::Division { divisor, failure });
                    }
                }
                Hazard::Index { input, limits, sizes } if self.checks.has(Kind::Index) => {
                    if inputs[input].size() == 0 {
                        continue;
                    }
                    let text = out_of_bounds_text(eqn, &limits, &sizes);
                    let args = vec![Aval::scalar(DType::I64)];
                    let mut failure = failure(Kind::Index, &text, args);
                    failure.op = eqn.source.function().unwrap_or(eqn.prim.name()).into();
                    let from_end = eqn.source.counts_from_end().then_some(sizes);
                    plans.push(Plan::Index { input, limits, from_end, failure });
                }
                Hazard::Division { .. } | Hazard::Index { .. } => {}
            }
        }
        if self.checks.has(Kind::Nan) && makes_nan(jaxpr, eqn, &inputs) {
            plans.push(Plan::Nan(failure(Kind::Nan, "the result has a NaN", vec![])));
        }
        plans
    }

    /// Replays a jaxpr's equations with their checks; returns the state and the outputs.
    fn run(
        &mut self,
        jaxpr: &Jaxpr,
        mut state: Vec<Array>,
        args: &[Array],
    ) -> Result<Vec<Array>, Error> {
        let mut env: Vec<Option<Array>> = vec![None; jaxpr.avals.len()];
        for (v, a) in jaxpr.inputs.iter().zip(args) {
            env[v.index()] = Some(a.clone());
        }
        let read = |env: &[Option<Array>], a: &Atom| match a {
            Atom::Var(v) => env[v.index()].clone().expect("a variable is bound before its use"),
            Atom::Literal(s) => Array::literal(*s),
        };
        for eqn in &jaxpr.eqns {
            let inputs: SmallVec<[Array; 3]> = eqn.inputs.iter().map(|a| read(&env, a)).collect();
            let outs = source::replaying(eqn.source, || self.eqn(jaxpr, eqn, &mut state, &inputs))
                .map_err(|e| e.context(eqn.source))?;
            for (v, a) in eqn.outputs.iter().zip(outs) {
                env[v.index()] = Some(a);
            }
        }
        state.extend(jaxpr.outputs.iter().map(|a| read(&env, a)));
        Ok(state)
    }

    fn eqn(
        &mut self,
        jaxpr: &Jaxpr,
        eqn: &Eqn,
        state: &mut Vec<Array>,
        inputs: &[Array],
    ) -> Result<Vec<Array>, Error> {
        if let Some(carrier) = eqn.prim.carrier() {
            let params = eqn.prim.params();
            let bodies: Vec<Arc<Jaxpr>> =
                params.iter().flat_map(|(_, p)| p.jaxprs().to_vec()).collect();
            let mut any = false;
            bodies.iter().for_each(|b| any |= self.has_checks(b));
            if any {
                let bodies: Result<_, Error> = bodies.iter().map(|b| self.body(b)).collect();
                let (new, outs) = carrier.threaded(bodies?, state, inputs)?;
                *state = new;
                return Ok(outs.into_vec());
            }
        }
        let plans = self.plans(jaxpr, eqn);
        for plan in &plans {
            match plan {
                Plan::Given(failures) => {
                    if self.checks.has(Kind::User) {
                        self.given(state, failures, inputs)?;
                    }
                    return Ok(Vec::new());
                }
                Plan::Division { divisor, failure } => {
                    let d = &inputs[*divisor];
                    let zero = lax::eq(d, &Array::literal(Scalar::zero(d.dtype())));
                    self.note(state, failure, &any(&zero), &[])?;
                }
                Plan::Index { input, limits, from_end, failure } => {
                    let (wrong, index) =
                        out_of_bounds(&inputs[*input], limits, from_end.as_deref())?;
                    self.note(state, failure, &wrong, &[index])?;
                }
                Plan::Nan(_) => {}
            }
        }
        let outs = bind(eqn.prim.clone(), inputs)?.into_vec();
        for plan in &plans {
            if let Plan::Nan(failure) = plan {
                let floats = outs.iter().filter(|o| o.dtype().is_inexact() && o.size() > 0);
                let nan = floats.map(|o| any(&lax::ne(o, o))).reduce(|a, b| lax::or(&a, &b));
                if let Some(nan) = nan {
                    self.note(state, failure, &nan, &[])?;
                }
            }
        }
        Ok(outs)
    }

    /// The body with the state in front of its inputs and outputs.
    fn body(&mut self, body: &Arc<Jaxpr>) -> Result<Arc<Jaxpr>, Error> {
        let address = Arc::as_ptr(body) as usize;
        if let Some(done) = self.threaded.get(&address) {
            return Ok(done.clone());
        }
        let state = self.state_avals();
        let types: Vec<Aval> = state.iter().cloned().chain(body.in_avals()).collect();
        let done = replay(&types, |args| {
            let (state, args) = args.split_at(state.len());
            self.run(body, state.to_vec(), args)
        })?;
        let done = Arc::new(done);
        self.threaded.insert(address, done.clone());
        Ok(done)
    }

    /// Copies the failure that a check found: the code of its first failing lane.
    fn given(
        &mut self,
        state: &mut [Array],
        failures: &Failures,
        inputs: &[Array],
    ) -> Result<(), Error> {
        let lanes = inputs[0].shape();
        let count: usize = lanes.iter().product();
        let base = self.failures.0.len();
        self.failures.0.extend(failures.0.iter().cloned());
        if count == 0 {
            return Ok(());
        }
        let (code, payload) = match lanes {
            [] => (inputs[0].clone(), inputs[1..].to_vec()),
            _ => {
                let codes = lax::try_reshape(&inputs[0], &[count])?;
                let bad = lax::ne(&codes, &Array::literal(0i32.into()));
                let lane = first(&bad)?;
                let pick = |x: &Array| {
                    let n = x.size() / count;
                    let flat = lax::try_reshape(x, &[count, n])?;
                    let zero = Array::strong_literal(Scalar::zero(lane.dtype()));
                    let one = try_slice_at(&flat, &[lane.clone(), zero], &[1, n])?;
                    lax::try_reshape(&one, &[n])
                };
                let code = lax::try_reshape(&pick(&codes)?, &[])?;
                (code, inputs[1..].iter().map(pick).collect::<Result<Vec<_>, Error>>()?)
            }
        };
        let wrong = lax::ne(&code, &Array::literal(0i32.into()));
        let code = lax::add(&code, &Array::strong_literal((base as i32).into()));
        merge(state, &wrong, &code, &payload)
    }

    /// Notes a failure and the arguments of its text, which are all ints.
    fn note(
        &mut self,
        state: &mut [Array],
        failure: &Failure,
        wrong: &Array,
        ints: &[Array],
    ) -> Result<(), Error> {
        let known = self.failures.0.iter().position(|f| f == failure);
        let number = known.unwrap_or_else(|| {
            self.failures.0.push(failure.clone());
            self.failures.0.len() - 1
        });
        let code = Array::strong_literal((number as i32 + 1).into());
        let one = |x: &Array| lax::try_reshape(x, &[1]);
        let payload: Vec<Array> = match ints {
            [] => Vec::new(),
            _ => {
                let ints = ints.iter().map(one).collect::<Result<Vec<_>, Error>>()?;
                vec![lax::try_concatenate(&ints, 0)?]
            }
        };
        merge(state, wrong, &code, &payload)
    }
}

/// The first failure stays: the state takes the new one if it has none.
fn merge(state: &mut [Array], wrong: &Array, code: &Array, payload: &[Array]) -> Result<(), Error> {
    let well = lax::eq(&state[0], &Array::literal(0i32.into()));
    let take = lax::and(&well, wrong);
    state[0] = lax::try_select_n(&take, &[&state[0], code])?;
    for new in payload {
        let old = state.iter_mut().find(|s| s.ndim() == 1 && s.dtype() == new.dtype());
        let Some(old) = old else { continue };
        let more = old.size() - new.size();
        let new = match more {
            0 => new.clone(),
            _ => lax::try_concatenate(
                &[new.clone(), lax::full(&[more], Scalar::zero(new.dtype()))],
                0,
            )?,
        };
        *old = lax::try_select_n(&take, &[old, &new])?;
    }
    Ok(())
}

/// Tells whether any element is true.
fn any(x: &Array) -> Array {
    let axes: Vec<usize> = (0..x.ndim()).collect();
    if axes.is_empty() { x.clone() } else { lax::reduce_or(x, &axes) }
}

/// The number of the first true element. There must be one.
fn first(flat: &Array) -> Result<Array, Error> {
    lax::try_argmax(&lax::try_convert_element_type(flat, DType::I32)?, 0)
}

/// The message for an index `{}` out of bounds, in terms of the function that the user called.
fn out_of_bounds_text(eqn: &Eqn, limits: &[usize], sizes: &[usize]) -> String {
    let named = eqn.source.function().is_some() && eqn.source.counts_from_end();
    match (limits, sizes) {
        ([limit], [n]) if named => {
            let (first, last) = (-(*n as i64), *limit as i64 - *n as i64);
            format!(
                "index {{}} is out of bounds, it should be in 0..={limit}, or in \
                 {first}..={last} from the end"
            )
        }
        ([limit], _) => format!("index {{}} is out of bounds, it should be in 0..={limit}"),
        _ => format!("index {{}} is out of bounds, the last ones are {limits:?}"),
    }
}

/// Tells whether some index is out of bounds, and gives the first such index, or any index if none
/// is. Negative indices are as they were before they were counted from the end of axes of these
/// sizes.
fn out_of_bounds(
    indices: &Array,
    limits: &[usize],
    from_end: Option<&[usize]>,
) -> Result<(Array, Array), Error> {
    let x = as_i64(indices)?;
    let number = |n: usize| Array::strong_literal((n as i64).into());
    // One number per component of the index vectors.
    let each = |numbers: &[usize]| match numbers {
        [one] => Ok(number(*one)),
        _ => {
            let one = |n: &usize| lax::try_full(&[1], (*n as i64).into());
            let all = numbers.iter().map(one).collect::<Result<Vec<_>, Error>>()?;
            let row = lax::try_concatenate(&all, 0)?;
            lax::try_broadcast_in_dim(&row, x.shape(), &[x.ndim() - 1])
        }
    };
    let negative = lax::lt(&x, &number(0));
    let bad = lax::or(&negative, &lax::gt(&x, &each(limits)?));
    let given = match from_end {
        None => x.clone(),
        Some(sizes) => lax::try_select_n(&negative, &[&x, &lax::sub(&x, &each(sizes)?)])?,
    };
    if x.ndim() == 0 {
        return Ok((bad, given));
    }
    let shape: Shape = [x.size()].into_iter().collect();
    let (flat, bad) = (lax::try_reshape(&given, &shape)?, lax::try_reshape(&bad, &shape)?);
    let one = try_slice_at(&flat, &[first(&bad)?], &[1])?;
    Ok((any(&bad), lax::try_reshape(&one, &[])?))
}

/// Tells whether the equation may give a NaN although its operands have none.
fn makes_nan(jaxpr: &Jaxpr, eqn: &Eqn, inputs: &[Aval]) -> bool {
    let outputs: Vec<Aval> = eqn.outputs.iter().map(|v| jaxpr.aval(*v).clone()).collect();
    if eqn.prim.carrier().is_some() || !outputs.iter().any(|o| o.dtype.is_inexact() && o.size() > 0)
    {
        return false;
    }
    match eqn.prim.kind() {
        LoweringKind::Dot | LoweringKind::Host | LoweringKind::Accumulate => return true,
        LoweringKind::Elementwise | LoweringKind::Reduce | LoweringKind::Scatter => {}
        _ => return false,
    }
    match eqn.prim.lower(inputs, &outputs) {
        Ok(Lowering::Elementwise(f)) => {
            let mut b = KernelBuilder::new("operands", []);
            let operand = |a: &Aval| b.constant(Scalar::zero(a.dtype));
            let operands: Vec<NodeId> = inputs.iter().map(operand).collect();
            f(&mut b, &operands);
            let makes = |n: usize| match b.node(NodeId(n as u32)) {
                Node::Op { op, .. } => op.makes_nan(),
                _ => false,
            };
            (0..b.len()).any(makes)
        }
        Ok(Lowering::Reduce { combine, .. }) => matches!(combine, Combine::Sum | Combine::Product),
        Ok(Lowering::Scatter { combine, .. }) => combine.is_some(),
        _ => false,
    }
}
