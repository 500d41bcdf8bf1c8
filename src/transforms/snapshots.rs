//! What each transform does to a small jaxpr, as text.

use super::recur::Transforms;
use super::simplify::{Options, simplify};
use super::vjp::value_and_grad;
use crate::core::array::Array;
use crate::core::aval::Aval;
use crate::core::axis::BatchAxis;
use crate::core::check::check;
use crate::core::jaxpr::Jaxpr;
use crate::core::lowering::ScanParts;
use crate::core::parse::parse;
use crate::core::primitive::Recur;
use crate::core::trace::trace;
use crate::prims::carriers::scan::scan;
use crate::prims::cases::bodies;
use crate::prims::lax;
use crate::prims::roll_call::Roll;
use cotangent_jit::DType;
use std::sync::Arc;

fn jaxpr(inputs: &[Aval], f: impl Fn(&[Array]) -> Vec<Array>) -> Arc<Jaxpr> {
    Arc::new(trace(inputs, |args| Ok(f(&args))).unwrap().jaxpr)
}

/// `x, y -> sum(sin x * y)`
fn sum_sin_y() -> Arc<Jaxpr> {
    let vector = Aval::new([3], DType::F32);
    jaxpr(&[vector.clone(), vector], |a| {
        vec![lax::reduce_sum(&lax::mul(&lax::sin(&a[0]), &a[1]), &[0])]
    })
}

/// Compares text, after checking types and that the text reads back.
#[track_caller]
fn shows(j: &Jaxpr, expected: &str) {
    check(j).unwrap();
    let text = j.to_string();
    assert_eq!(text, expected.trim(), "\n{text}\n");
    assert_eq!(parse(&text, &Roll::default()).unwrap(), *j);
}

#[test]
fn jvp() {
    let (j, nonzero) = Transforms::new().jvp(&sum_sin_y(), &[true, false], &[false]).unwrap();
    assert_eq!(nonzero, [true]);
    shows(
        &j,
        "
{ lambda ; a:f32[3] b:f32[3] c:f32[3]. let
    d:f32[3] = sin a
    e:f32[3] = cos a
    f:f32[3] = mul c e
    g:f32[3] = mul d b
    h:f32[3] = mul f b
    i:f32[] = reduce_sum[axes=(0,)] g
    j:f32[] = reduce_sum[axes=(0,)] h
  in (i,j) }",
    );
}

#[test]
fn split() {
    let t = Transforms::new();
    let (j, _) = t.jvp(&sum_sin_y(), &[true, false], &[false]).unwrap();
    let s = t.split(&j, &[false, false, true], &[false, true]).unwrap();
    shows(
        &s.known,
        "
{ lambda ; a:f32[3] b:f32[3]. let
    c:f32[3] = sin a
    d:f32[3] = cos a
    e:f32[3] = mul c b
    f:f32[] = reduce_sum[axes=(0,)] e
  in (f,d) }",
    );
    shows(
        &s.unknown,
        "
{ lambda ; a:f32[3] b:f32[3] c:f32[3]. let
    d:f32[3] = mul c a
    e:f32[3] = mul d b
    f:f32[] = reduce_sum[axes=(0,)] e
  in (f,) }",
    );
}

/// As one would write it by hand.
#[test]
fn gradient_simplified() {
    let t = Transforms::new();
    let g = value_and_grad(&t, &sum_sin_y(), &[true, false]).unwrap();
    let (g, _) = t.dce(&Arc::new(g), &[false, true]).unwrap();
    shows(
        &simplify(&g, Options::default()).unwrap(),
        "
{ lambda ; a:f32[3] b:f32[3]. let
    c:f32[3] = cos a
    d:f32[3] = mul b c
  in (d,) }",
    );
}

#[test]
fn batch() {
    let (j, batched) = Transforms::new()
        .batch(&sum_sin_y(), &BatchAxis::unnamed(5), &[true, false], &[false])
        .unwrap();
    assert_eq!(batched, [true]);
    shows(
        &j,
        "
{ lambda ; a:f32[5,3] b:f32[3]. let
    c:f32[5,3] = sin a
    d:f32[5,3] = broadcast_in_dim[shape=(5,3) broadcast_dimensions=(1,)] b
    e:f32[5,3] = mul c d
    f:f32[5] = reduce_sum[axes=(1,)] e
  in (f,) }",
    );
}

/// Two loops: forwards stacking residuals, backwards reading them; constants' cotangents add up in
/// the carry.
#[test]
fn gradient_of_scan() {
    let d = DType::F64;
    let body = bodies::step(d);
    let scalar = Aval::scalar(d);
    let j = jaxpr(&[scalar.clone(), scalar, Aval::new([4], d)], |a| {
        let parts = ScanParts {
            body: body.clone(),
            consts: 1,
            carry: 1,
            length: 4,
            reverse: false,
            unroll: 1,
        };
        let outs = scan(parts, a).unwrap();
        vec![lax::add(&outs[0], &lax::reduce_sum(&outs[1], &[0]))]
    });
    let t = Transforms::new();
    let g = value_and_grad(&t, &j, &[true, true, true]).unwrap();
    shows(
        &g,
        "
{ lambda ; a:f64[] b:f64[] c:f64[4]. let
    d:f64[] e:f64[4] f:f64[4] g:f64[4] = scan[
      reverse=false
      length=4
      num_consts=1
      num_carry=1
      jaxpr={ lambda ; a:f64[] b:f64[] c:f64[]. let
          d:f64[] = mul b a
          e:f64[] = sin d
          f:f64[] = cos d
          g:f64[] = add e c
          h:f64[] = mul b c
        in (g,h,b,f) }
    ] a b c
    h:f64[] = reduce_sum[axes=(0,)] e
    i:f64[] = add d h
    j:f64[4] = broadcast_in_dim[shape=(4,) broadcast_dimensions=()] 1.0:f64[]
    k:f64[] l:f64[] m:f64[4] = scan[
      reverse=true
      length=4
      num_consts=1
      num_carry=2
      jaxpr={ lambda ; a:f64[] b:f64[] c:f64[] d:f64[] e:f64[] f:f64[] g:f64[]. let
          h:f64[] = mul d g
          i:f64[] = mul g f
          j:f64[] = add_any h c
          k:f64[] = mul c e
          l:f64[] = mul d k
          m:f64[] = mul k a
          n:f64[] = add_any i m
          o:f64[] = add_any b l
        in (o,n,j) }
    ] a 0.0:f64[] 1.0:f64[] f g c j
  in (i,k,l,m) }",
    );
    // And again: the transforms take their own output.
    let third = value_and_grad(&t, &Arc::new(g), &[true, true, true]).unwrap();
    check(&third).unwrap();
}

/// A carry that starts from a literal has a zero tangent there; the backward loop must not mind.
#[test]
fn gradient_of_scan_from_a_literal() {
    let d = DType::F64;
    let body = jaxpr(&[Aval::scalar(d), Aval::scalar(d)], |a| vec![lax::mul(&a[1], &a[0])]);
    let j = jaxpr(&[Aval::scalar(d)], |a| {
        let parts = ScanParts {
            body: body.clone(),
            consts: 1,
            carry: 1,
            length: 5,
            reverse: false,
            unroll: 1,
        };
        scan(parts, &[a[0].clone(), Array::literal(1.0.into())]).unwrap()
    });
    let g = value_and_grad(&Transforms::new(), &j, &[true]).unwrap();
    check(&g).unwrap();
    assert_eq!(g.eqns.len(), 2, "{g}");
}
