//! The twin of a program in floats of 16 bits: the same program in f64.
//!
//! Differences say nothing of numbers of two or three digits, so that laws of derivatives speak of
//! the twin. A rule of the user's gives way to the body that it is the rule of; what looks at bits
//! keeps its dtype, conversions around it.

use crate::mapped::WithMapped;
use cotangent::core::array::Array;
use cotangent::core::aval::Aval;
use cotangent::core::jaxpr::{Atom, Eqn, Jaxpr};
use cotangent::core::params::Param;
use cotangent::core::primitive::{Prim, Registry};
use cotangent::core::trace::{bind, eval, trace};
use cotangent::prims::lax;
use cotangent::prims::roll_call::Roll;
use cotangent::prims::rules::zeros::zeros;
use cotangent::{DType, Error, Scalar};
use std::sync::Arc;

pub fn is_narrow(dtype: DType) -> bool {
    matches!(dtype, DType::F16 | DType::BF16)
}

fn wide(dtype: DType) -> DType {
    if is_narrow(dtype) { DType::F64 } else { dtype }
}

fn wide_aval(aval: &Aval) -> Aval {
    aval.strong().with_dtype(wide(aval.dtype))
}

fn wide_scalar(s: Scalar) -> Scalar {
    match is_narrow(s.dtype()) {
        true => Scalar::from_f64(DType::F64, s.to_f64().expect("a float")).expect("a float"),
        false => s,
    }
}

/// Whether floats of 16 bits are computed with, taken or given; what only looks at their bits does
/// not count, for a twin does that, too.
pub fn narrow(j: &Jaxpr) -> bool {
    let looks = ["convert_element_type", "bitcast_convert_type"];
    let computes = |e: &Eqn| {
        let touches = || {
            let outputs = e.outputs.iter().map(|v| j.aval(*v).dtype);
            e.inputs.iter().map(|a| j.atom_aval(*a).dtype).chain(outputs).any(is_narrow)
        };
        !looks.contains(&e.prim.name()) && touches()
            || e.prim.params().iter().flat_map(|(_, p)| p.jaxprs()).any(|j| narrow(j))
    };
    let ends = j.in_avals().into_iter().chain(j.out_avals());
    ends.map(|a| a.dtype).any(is_narrow) || j.eqns.iter().any(computes)
}

/// The twin; `None` if there is a rule inside of which nobody knows the body.
pub fn twin(j: &Jaxpr) -> Result<Option<Jaxpr>, Error> {
    let avals: Vec<Aval> = j.in_avals().iter().map(wide_aval).collect();
    let mut known = true;
    let traced = trace(&avals, |args| {
        let mut env: Vec<Option<Array>> = vec![None; j.avals.len()];
        for (v, x) in j.inputs.iter().zip(args) {
            env[v.index()] = Some(x);
        }
        let read = |env: &[Option<Array>], a: &Atom| match a {
            Atom::Var(v) => env[v.index()].clone().expect("bound before its use"),
            Atom::Literal(s) => Array::literal(wide_scalar(*s)),
        };
        for eqn in &j.eqns {
            let inputs: Vec<Array> = eqn.inputs.iter().map(|a| read(&env, a)).collect();
            let outs = applied(eqn, j, &inputs)?.unwrap_or_else(|| {
                known = false;
                eqn.outputs.iter().map(|v| zeros(&wide_aval(j.aval(*v)))).collect()
            });
            for (v, x) in eqn.outputs.iter().zip(outs) {
                env[v.index()] = Some(x);
            }
        }
        Ok(j.outputs.iter().map(|a| read(&env, a)).collect())
    })?;
    Ok(known.then_some(traced.jaxpr))
}

/// What an equation does to wide inputs.
fn applied(eqn: &Eqn, j: &Jaxpr, inputs: &[Array]) -> Result<Option<Vec<Array>>, Error> {
    let params = eqn.prim.params();
    let here = eqn.inputs.iter().map(|a| j.atom_aval(*a).dtype);
    let here = here.chain(eqn.outputs.iter().map(|v| j.aval(*v).dtype));
    if !here.into_iter().any(is_narrow)
        && !params.iter().flat_map(|(_, p)| p.jaxprs()).any(|j| narrow(j))
    {
        return bind(eqn.prim.clone(), inputs).map(|o| Some(o.into_vec()));
    }
    let rule = params.iter().any(|(_, p)| matches!(p, Param::Rule(_)));
    let body =
        params.iter().find_map(|(_, p)| if let Param::Jaxpr(j) = p { Some(j) } else { None });
    match body {
        Some(body) if rule => match twin(body)? {
            Some(body) => eval(&body, inputs).map(Some),
            None => Ok(None),
        },
        None if rule && !inputs.is_empty() => Ok(None),
        _ if rule || eqn.prim.name() == "bitcast_convert_type" => {
            as_it_is(eqn, j, inputs).map(Some)
        }
        _ => match rebuilt(eqn, &params)? {
            Some(prim) => bind(prim, inputs).map(|o| Some(o.into_vec())),
            None => Ok(None),
        },
    }
}

/// With its own dtypes, and wide ones around it.
fn as_it_is(eqn: &Eqn, j: &Jaxpr, inputs: &[Array]) -> Result<Vec<Array>, Error> {
    let own = eqn.inputs.iter().zip(inputs);
    let own: Vec<Array> =
        own.map(|(a, x)| lax::convert_element_type(x, j.atom_aval(*a).dtype)).collect();
    let outs = bind(eqn.prim.clone(), &own)?;
    Ok(outs.iter().map(|o| lax::convert_element_type(o, wide(o.dtype()))).collect())
}

/// From its parameters, wide ones in place of narrow ones.
fn rebuilt(eqn: &Eqn, params: &[(&'static str, Param)]) -> Result<Option<Prim>, Error> {
    let mut wider = Vec::new();
    for (name, param) in params {
        let param = match param {
            Param::DType(d) => Param::DType(wide(*d)),
            Param::Scalar(s) => Param::Scalar(wide_scalar(*s)),
            Param::Jaxpr(j) => match twin(j)? {
                Some(j) => Param::Jaxpr(Arc::new(j)),
                None => return Ok(None),
            },
            Param::Jaxprs(js) => {
                let twins: Result<Option<Vec<Jaxpr>>, Error> = js.iter().map(|j| twin(j)).collect();
                match twins? {
                    Some(js) => Param::Jaxprs(js.into_iter().map(Arc::new).collect()),
                    None => return Ok(None),
                }
            }
            other => other.clone(),
        };
        wider.push(((*name).to_owned(), param));
    }
    WithMapped(&Roll::default()).build(eqn.prim.name(), &wider).map(Some)
}
