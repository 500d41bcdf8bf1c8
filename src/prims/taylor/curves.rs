//! Quantities along a curve, and the recurrences of their coefficients, order by order.

use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::params::Params;
use crate::core::primitive::{Arrays, Ctx, JvpResult, Prim, Tangent, Taylor};
use crate::core::source::{Source, replaying};
use crate::core::trace::{bind, eval};
use crate::prims::points::binary::{try_add_any, try_mul};
use crate::prims::rules::numbers::number;
use crate::prims::rules::zeros::try_instantiate;
use cotangent_jit::{Error, Scalar};
use rustc_hash::FxHashMap;
use smallvec::SmallVec;
use std::sync::Arc;

/// Index of a [`Node`].
pub(super) type Id = usize;
pub(super) type Nodes = SmallVec<[Id; 3]>;

/// The degree of a curve that is not known to be a polynomial.
const ANY: usize = usize::MAX;

/// A quantity that depends on the curve's parameter `t`.
pub(super) struct Node {
    pub from: From,
    pub aval: Aval,
    /// Coefficients above this degree are zero.
    pub degree: usize,
    /// The known coefficients, from the zeroth on.
    known: Vec<Option<Tangent>>,
}

/// How a quantity is defined.
#[derive(Clone, Copy)]
pub(super) enum From {
    Given,
    Literal(Scalar),
    /// The derivative of another quantity with respect to `t`.
    Derivative(Id),
    /// An output of an application: the indices of both.
    Output(usize, usize),
}

impl Node {
    fn app(&self) -> usize {
        let From::Output(app, _) = self.from else { unreachable!("an output") };
        app
    }
}

/// A primitive applied to quantities.
pub(super) struct App {
    pub prim: Prim,
    pub inputs: Nodes,
    pub outputs: Nodes,
    pub source: Source,
    values: Option<Arrays>,
    /// The derivatives of the outputs by the primitive's rule, once it is traced.
    pub derivatives: Option<Arc<Derivatives>>,
}

pub(super) struct Derivatives {
    /// One per output; `None` where the rule gives zero.
    pub outputs: Vec<Option<Id>>,
    /// The outputs of the rule's equations, in their order.
    pub steps: Vec<Id>,
}

/// Quantities along a curve, with their known coefficients.
pub(super) struct Curves<'a> {
    pub ctx: &'a Ctx<'a>,
    order: usize,
    pub nodes: Vec<Node>,
    pub apps: Vec<App>,
    /// Applications by their key: equal applications are stored once.
    seen: FxHashMap<(&'static str, Params, Nodes), usize>,
    literals: FxHashMap<Scalar, Id>,
    derivatives: FxHashMap<Id, Id>,
}

impl<'a> Curves<'a> {
    /// See [`super::along`].
    pub(super) fn along(
        mut self,
        prim: &Prim,
        source: Source,
        primals: &[Array],
        series: &[Tangent],
    ) -> JvpResult {
        let each = series.chunks(self.order);
        let inputs: Nodes = primals.iter().zip(each).map(|(x, s)| self.given(x, s)).collect();
        let avals: Vec<Aval> = primals.iter().map(Array::aval).collect();
        let outs = self.apply(prim.clone(), inputs, &prim.abstract_eval(&avals)?, source);
        let Some(first) = outs.first() else { return Ok((Arrays::new(), Vec::new())) };
        let values = self.values(self.nodes[*first].app())?;
        let mut coefficients = Vec::new();
        for out in &outs {
            for k in 1..=self.order {
                coefficients.push(self.coefficient(*out, k)?);
            }
        }
        Ok((values, coefficients))
    }

    pub(super) fn new(ctx: &'a Ctx<'a>, order: usize) -> Curves<'a> {
        Curves {
            ctx,
            order,
            nodes: Vec::new(),
            apps: Vec::new(),
            seen: FxHashMap::default(),
            literals: FxHashMap::default(),
            derivatives: FxHashMap::default(),
        }
    }

    fn node(&mut self, from: From, aval: Aval, degree: usize, known: Vec<Option<Tangent>>) -> Id {
        self.nodes.push(Node { from, aval, degree, known });
        self.nodes.len() - 1
    }

    pub(super) fn given(&mut self, x: &Array, series: &[Tangent]) -> Id {
        if let Some(s) = x.as_literal() {
            return self.literal(s);
        }
        let degree = series.iter().rposition(|t| !t.is_zero()).map_or(0, |k| k + 1);
        let values = [Tangent::Value(x.clone())].into_iter().chain(series.iter().cloned());
        let known = values.map(Some).collect();
        self.node(From::Given, x.aval(), degree, known)
    }

    pub(super) fn literal(&mut self, s: Scalar) -> Id {
        if let Some(id) = self.literals.get(&s) {
            return *id;
        }
        let x = Array::literal(s);
        let id = self.node(From::Literal(s), x.aval(), 0, vec![Some(Tangent::Value(x))]);
        self.literals.insert(s, id);
        id
    }

    /// The derivative with respect to `t`.
    pub(super) fn derivative(&mut self, of: Id) -> Id {
        if let Some(id) = self.derivatives.get(&of) {
            return *id;
        }
        let Node { aval, degree, .. } = &self.nodes[of];
        let (aval, degree) = (aval.strong(), if *degree == ANY { ANY } else { degree - 1 });
        let id = self.node(From::Derivative(of), aval, degree, Vec::new());
        self.derivatives.insert(of, id);
        id
    }

    pub(super) fn apply(
        &mut self,
        prim: Prim,
        inputs: Nodes,
        outs: &[Aval],
        source: Source,
    ) -> Nodes {
        let key = (prim.name(), prim.params(), inputs.clone());
        let pure = prim.effects().is_none();
        if pure && let Some(app) = self.seen.get(&key) {
            return self.apps[*app].outputs.clone();
        }
        let degree = self.degree(&prim, &inputs);
        let app = self.apps.len();
        let output = |(i, aval): (usize, &Aval)| {
            let degree = if aval.dtype.is_inexact() { degree } else { 0 };
            self.node(From::Output(app, i), aval.clone(), degree, Vec::new())
        };
        let outputs: Nodes = outs.iter().enumerate().map(output).collect();
        if pure {
            self.seen.insert(key, app);
        }
        let (values, derivatives) = (None, None);
        self.apps.push(App { prim, inputs, outputs: outputs.clone(), source, values, derivatives });
        outputs
    }

    fn degree(&self, prim: &Prim, inputs: &[Id]) -> usize {
        let of = |i: &Id| self.nodes[*i].degree;
        let largest = inputs.iter().map(of).max().unwrap_or(0);
        match prim.taylor() {
            Taylor::Still => 0,
            Taylor::Linear => largest,
            Taylor::Bilinear => inputs.iter().map(of).fold(0, usize::saturating_add),
            Taylor::Proportional if of(&inputs[1]) == 0 => largest,
            _ if largest == 0 => 0,
            _ => ANY,
        }
    }

    /// Coefficient `k` of a quantity.
    fn coefficient(&mut self, id: Id, k: usize) -> Result<Tangent, Error> {
        let node = &self.nodes[id];
        if let Some(Some(known)) = node.known.get(k) {
            return Ok(known.clone());
        }
        let (from, aval) = (node.from, node.aval.clone());
        let found = match from {
            _ if k > node.degree => Tangent::Zero(aval.strong()),
            From::Given | From::Literal(_) => unreachable!("known to its degree"),
            From::Derivative(of) => {
                debug_assert!(k < self.order, "an order too high is asked for");
                scaled(self.coefficient(of, k + 1)?, (k + 1) as f64)?
            }
            From::Output(app, i) => return self.output(app, i, k),
        };
        self.note(id, k, found.clone());
        Ok(found)
    }

    fn note(&mut self, id: Id, k: usize, t: Tangent) {
        let known = &mut self.nodes[id].known;
        if known.len() <= k {
            known.resize(k + 1, None);
        }
        known[k] = Some(t);
    }

    fn output(&mut self, app: usize, i: usize, k: usize) -> Result<Tangent, Error> {
        let App { prim, outputs, source, .. } = &self.apps[app];
        let (prim, out, source) = (prim.clone(), outputs[i], *source);
        let found = match prim.taylor() {
            Taylor::Linear => {
                let all = self.linear(app, &prim, source, k)?;
                let outputs = self.apps[app].outputs.clone();
                outputs.iter().zip(all).for_each(|(o, t)| self.note(*o, k, t));
                return Ok(self.nodes[out].known[k].clone().expect("noted"));
            }
            Taylor::Bilinear => self.product(app, &prim, source, k)?,
            _ if k == 0 => Tangent::Value(self.values(app)?[i].clone()),
            Taylor::Still => Tangent::Zero(self.nodes[out].aval.strong()),
            Taylor::Proportional => self.proportional(app, &prim, source, k)?,
            Taylor::ByDerivative => self.by_derivative(app, i, k)?,
            Taylor::Rule(rule) => {
                let inputs = self.apps[app].inputs.clone();
                let primals = self.at(&inputs, 0)?;
                let mut series = Vec::new();
                for input in inputs {
                    for k in 1..=k {
                        series.push(self.coefficient(input, k)?);
                    }
                }
                let ctx = self.ctx;
                let (values, all) = replaying(source, || rule.jet(ctx, k, &primals, &series))?;
                self.apps[app].values.get_or_insert(values);
                let outputs = self.apps[app].outputs.clone();
                let all = outputs.iter().zip(all.chunks(k));
                all.for_each(|(o, s)| self.note(*o, k, s[k - 1].clone()));
                return Ok(self.nodes[out].known[k].clone().expect("noted"));
            }
        };
        self.note(out, k, found.clone());
        Ok(found)
    }

    /// The coefficients `k` of quantities, as arrays.
    fn at(&mut self, ids: &[Id], k: usize) -> Result<Arrays, Error> {
        ids.iter().map(|id| try_instantiate(&self.coefficient(*id, k)?)).collect()
    }

    /// The outputs of an application at `t = 0`.
    fn values(&mut self, app: usize) -> Result<Arrays, Error> {
        if let Some(values) = &self.apps[app].values {
            return Ok(values.clone());
        }
        let inputs = self.apps[app].inputs.clone();
        let inputs = self.at(&inputs, 0)?;
        let App { prim, source, .. } = &self.apps[app];
        let values = replaying(*source, || bind(prim.clone(), &inputs))?;
        self.apps[app].values = Some(values.clone());
        Ok(values)
    }

    /// `y_k = f(x_k)`, with ints and bools at `t = 0`.
    fn linear(
        &mut self,
        app: usize,
        prim: &Prim,
        source: Source,
        k: usize,
    ) -> Result<Vec<Tangent>, Error> {
        let App { inputs, outputs, .. } = &self.apps[app];
        let (inputs, outputs) = (inputs.clone(), outputs.clone());
        let inexact = |curves: &Self, i: Id| curves.nodes[i].aval.dtype.is_inexact();
        let mut terms: SmallVec<[Tangent; 3]> = SmallVec::new();
        for i in &inputs {
            terms.push(self.coefficient(*i, k)?);
        }
        let of = |some: bool| inputs.iter().zip(&terms).filter(move |(_, t)| t.is_zero() != some);
        let any_nonzero = of(true).any(|(i, _)| inexact(self, *i));
        let any_zero = of(false).any(|(i, _)| inexact(self, *i));
        if !any_nonzero && (k > 0 || any_zero) {
            let zero = |o: &Id| Tangent::Zero(self.nodes[*o].aval.strong());
            return Ok(outputs.iter().map(zero).collect());
        }
        if k == 0 && !any_zero {
            return Ok(self.values(app)?.into_iter().map(Tangent::Value).collect());
        }
        if any_zero {
            return self.linear_in_some(app, source, &terms);
        }
        let mut operands = Arrays::new();
        for (i, t) in inputs.iter().zip(&terms) {
            let t = if inexact(self, *i) { t.clone() } else { self.coefficient(*i, 0)? };
            operands.push(try_instantiate(&t)?);
        }
        let made = replaying(source, || bind(prim.clone(), &operands))?;
        let out = |(o, x): (&Id, Array)| match inexact(self, *o) {
            true => Tangent::Value(x),
            false => Tangent::Zero(self.nodes[*o].aval.strong()),
        };
        Ok(outputs.iter().zip(made).map(out).collect())
    }

    /// The same as `linear`, if some coefficients are zero: the jvp rule then computes only what is
    /// needed.
    fn linear_in_some(
        &mut self,
        app: usize,
        source: Source,
        terms: &[Tangent],
    ) -> Result<Vec<Tangent>, Error> {
        let App { inputs, outputs, .. } = &self.apps[app];
        let (inputs, outputs) = (inputs.clone(), outputs.clone());
        let nonzero: Vec<bool> = inputs
            .iter()
            .zip(terms)
            .map(|(i, t)| !t.is_zero() && self.nodes[*i].aval.dtype.is_inexact())
            .collect();
        let (rule, nonzero_outputs) = self.trace_rule(app, &nonzero)?;
        let mut args: Vec<Array> = rule.captured.clone();
        args.extend(self.at(&inputs, 0)?);
        args.extend(
            terms.iter().zip(&nonzero).filter(|(_, m)| **m).filter_map(|(t, _)| t.value().cloned()),
        );
        // Keeps only the equations that the tangents need: the rule also computes the outputs,
        // which are already known.
        let live = super::rule::live(&rule.jaxpr);
        let mut jaxpr = rule.jaxpr;
        let mut live = live.iter();
        jaxpr.eqns.retain(|_| *live.next().expect("one per equation"));
        let made = replaying(source, || eval(&jaxpr, &args))?;
        let mut made = made.into_iter();
        let out = |(o, is_nonzero): (&Id, &bool)| match is_nonzero {
            true => Tangent::Value(made.next().expect("one per tangent")),
            false => Tangent::Zero(self.nodes[*o].aval.strong()),
        };
        Ok(outputs.iter().zip(&nonzero_outputs).map(out).collect())
    }

    /// `y_k = ∑ f(a_j, b_{k-j})`
    fn product(
        &mut self,
        app: usize,
        prim: &Prim,
        source: Source,
        k: usize,
    ) -> Result<Tangent, Error> {
        let (a, b) = (self.apps[app].inputs[0], self.apps[app].inputs[1]);
        let out = self.apps[app].outputs[0];
        let aval = self.nodes[out].aval.strong();
        if k == 0 && !self.nodes[out].aval.dtype.is_inexact() {
            return Ok(Tangent::Value(self.values(app)?[0].clone()));
        }
        let f = |x: &Array, y: &Array| Ok(bind(prim.clone(), &[x.clone(), y.clone()])?.remove(0));
        self.convolved(a, b, k, aval, source, f)
    }

    /// `∑ f(a_j, b_{k-j})`
    fn convolved(
        &mut self,
        a: Id,
        b: Id,
        k: usize,
        aval: Aval,
        source: Source,
        f: impl Fn(&Array, &Array) -> Result<Array, Error>,
    ) -> Result<Tangent, Error> {
        let mut sum: Option<Array> = None;
        for j in 0..=k {
            if j > self.nodes[a].degree || k - j > self.nodes[b].degree {
                continue;
            }
            let x = self.coefficient(a, j)?;
            let Some(x) = x.value() else { continue };
            let y = self.coefficient(b, k - j)?;
            let Some(y) = y.value() else { continue };
            sum = Some(replaying(source, || {
                let part = f(x, y)?;
                match sum {
                    None => Ok(part),
                    Some(s) => try_add_any(&s, &part),
                }
            })?);
        }
        Ok(sum.map_or(Tangent::Zero(aval), Tangent::Value))
    }

    /// `f(a, b) = a f(1, b)`
    fn proportional(
        &mut self,
        app: usize,
        prim: &Prim,
        source: Source,
        k: usize,
    ) -> Result<Tangent, Error> {
        let (a, b) = (self.apps[app].inputs[0], self.apps[app].inputs[1]);
        let aval = self.nodes[self.apps[app].outputs[0]].aval.strong();
        if self.nodes[b].degree == 0 {
            let x = self.coefficient(a, k)?;
            let Some(x) = x.value() else { return Ok(Tangent::Zero(aval)) };
            let y = try_instantiate(&self.coefficient(b, 0)?)?;
            let made = replaying(source, || bind(prim.clone(), &[x.clone(), y]))?;
            return Ok(Tangent::Value(made[0].clone()));
        }
        let of_one = self.of_one(prim, b, source)?;
        if of_one == self.apps[app].outputs[0] {
            return self.by_derivative(app, 0, k);
        }
        self.convolved(a, of_one, k, aval, source, try_mul)
    }

    /// `f(1, b)`
    fn of_one(&mut self, prim: &Prim, b: Id, source: Source) -> Result<Id, Error> {
        let aval = self.nodes[b].aval.clone();
        let one = number(1.0, aval.dtype);
        let outs = prim.abstract_eval(&[one.aval(), aval])?;
        let one = self.given(&one, &[]);
        Ok(self.apply(prim.clone(), SmallVec::from_slice(&[one, b]), &outs, source)[0])
    }

    /// `y_k` is coefficient `k - 1` of `y'`, divided by `k`.
    fn by_derivative(&mut self, app: usize, i: usize, k: usize) -> Result<Tangent, Error> {
        let derivatives = match &self.apps[app].derivatives {
            Some(derivatives) => derivatives.clone(),
            None => self.derive(app)?,
        };
        // In the order of the rule, so that a long rule does not cause deep recursion.
        for step in &derivatives.steps {
            self.coefficient(*step, k - 1)?;
        }
        let out = self.apps[app].outputs[i];
        match derivatives.outputs[i] {
            Some(dy) => scaled(self.coefficient(dy, k - 1)?, 1.0 / k as f64),
            None => Ok(Tangent::Zero(self.nodes[out].aval.strong())),
        }
    }
}

fn scaled(t: Tangent, by: f64) -> Result<Tangent, Error> {
    match t {
        Tangent::Value(x) if by != 1.0 => {
            let by = number(by, x.dtype());
            Ok(Tangent::Value(try_mul(&x, &by)?))
        }
        t => Ok(t),
    }
}
