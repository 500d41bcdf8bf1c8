//! `J v = d/dt f(x + t v)`: forward mode against central finite differences in a scattered
//! direction.
//!
//! Also: the outputs beside the tangents are `f(x)`; tangents add up over inputs; an output whose
//! tangent is left out, because it is zero, does not move. Of programs in floats of 16 bits the law
//! is that of their twin in f64, and their tangents are the twin's, rounded.

use crate::program::{Program, subsets};
use crate::values::{Near, array, compare_all, compare_with_twin, count, largest, numbers, zeros};
use crate::violation::Violation;
use cotangent::core::array::Array;
use cotangent::core::aval::Aval;
use cotangent::core::primitive::Recur;
use cotangent::prims::entry::Case;
use cotangent::transforms::Transforms;
use std::sync::atomic::{AtomicUsize, Ordering};

pub fn law(case: &Case) -> Result<(), Violation> {
    on(&Program::of(case)?)
}

pub fn on(p: &Program) -> Result<(), Violation> {
    let masks = subsets(&p.wrt());
    if let Some(twin) = p.twin()? {
        on(&twin).map_err(|e| e.within("the twin in f64"))?;
        return masks.iter().try_for_each(|m| as_twin(p, &twin, m));
    }
    let parts: Result<Vec<Vec<Array>>, Violation> = masks.iter().map(|m| part(p, m)).collect();
    adds_up(p, &parts?)
}

/// The law for all inputs together only.
pub fn together(p: &Program) -> Result<(), Violation> {
    if let Some(twin) = p.twin()? {
        together(&twin).map_err(|e| e.within("the twin in f64"))?;
        return as_twin(p, &twin, &p.wrt());
    }
    part(p, &p.wrt()).map(|_| ())
}

/// Outputs and tangents are those of the twin.
fn as_twin(p: &Program, twin: &Program, mask: &[bool]) -> Result<(), Violation> {
    let moved = p.jvp_in(mask, 0)?;
    let (own, other) = (moved.interpret()?, twin.jvp_in(mask, 0)?.interpret()?);
    compare_with_twin("outputs and tangents", &own, &other, p.epsilon())
        .map_err(|e| e.within(format!("inputs in {mask:?} move, by\n{}", moved.jaxpr)))
}

/// The tangents of all outputs when the inputs in `mask` move.
fn part(p: &Program, mask: &[bool]) -> Result<Vec<Array>, Violation> {
    let moved = p.jvp_in(mask, 0)?;
    let mut outs = moved.interpret()?;
    let tangents = outs.split_off(p.outs());
    let near = Near::Roundings(16.0);
    compare_all("outputs beside their tangents", &outs, &p.interpret()?, near)?;
    let told = |e: Violation| e.within(format!("inputs in {mask:?} move, by\n{}", moved.jaxpr));
    agrees(p, mask, &tangents).map_err(told)?;
    left_out_are_zero(p, mask, &tangents)?;
    Ok(tangents)
}

/// The derivative along the tangents, by differences.
fn agrees(p: &Program, mask: &[bool], tangents: &[Array]) -> Result<(), Violation> {
    let Some(slopes) = differences(p, mask)? else { return Ok(()) };
    let (eps, outs) = (p.epsilon(), p.interpret()?);
    for (o, (tangent, slope)) in tangents.iter().zip(&slopes).enumerate() {
        if !tangent.dtype().is_inexact() {
            continue;
        }
        let t = numbers(tangent)?;
        let size = 1.0 + largest(slope) + largest(&numbers(&outs[o])?);
        let slack = if eps > 1e-10 { 4e-3 } else { 4e-7 } * size;
        for (i, (t, s)) in t.iter().zip(slope).enumerate() {
            if s.is_finite() && ((t - s).abs() > slack || t.is_nan()) {
                return Err(Violation::new(format!(
                    "element {i} of the tangent of output {o}: finite differences give {s:.9}, the \
                     rule {t:.9}"
                )));
            }
        }
    }
    Ok(())
}

/// The tangents of all outputs, by differences; zeros where they are of no use.
pub fn by_differences(p: &Program, mask: &[bool]) -> Result<Vec<Array>, Violation> {
    let slopes = differences(p, mask)?;
    let outs = p.jaxpr.out_avals();
    let slopes = slopes.unwrap_or_else(|| outs.iter().map(|a| vec![0.0; count(a)]).collect());
    let tangent = |(a, s): (&Aval, Vec<f64>)| match a.dtype.is_inexact() {
        true => array(&a.strong(), s),
        false => zeros(&a.strong()),
    };
    Ok(outs.iter().zip(slopes).map(tangent).collect())
}

/// Central differences at three widths, the narrower two extrapolated; NaN where the widths do not
/// draw together, as at a kink or a jump. `None` if nothing moves.
fn differences(p: &Program, mask: &[bool]) -> Result<Option<Vec<Vec<f64>>>, Violation> {
    if !mask.contains(&true) || p.jaxpr.out_avals().iter().all(|a| !a.dtype.is_inexact()) {
        return Ok(None);
    }
    let coarse = p.epsilon() > 1e-10;
    let (width, trust) = if coarse { (1.0 / 64.0, 0.02) } else { (1.0 / 32768.0, 1e-5) };
    let here: Result<Vec<Vec<f64>>, Violation> = p.interpret()?.iter().map(numbers).collect();
    let here = here?;
    let at = |width| central(p, mask, &here, width);
    let (wide, narrow, narrowest) = (at(width)?, at(width / 2.0)?, at(width / 4.0)?);
    let noise = 64.0 * p.epsilon() / width;
    let mut slopes = Vec::new();
    for (o, here) in here.iter().enumerate() {
        let meet = |(i, x): (usize, &f64)| {
            let [w, n, m] = [&wide, &narrow, &narrowest].map(|d| &d[o][i]);
            let gap = (w.slope - n.slope).abs();
            let agree = gap <= trust * (1.0 + n.slope.abs());
            // Halving the step quarters the error; what a jump adds it doubles, or takes away if
            // that lies outside.
            let meets = (n.slope - m.slope).abs() <= 0.5 * gap + noise * (1.0 + x.abs());
            // Of a smooth function the slopes ahead and behind approach each other as the step
            // shrinks; at a kink they stay.
            let smooth = n.bend.abs() <= 0.7 * w.bend.abs() + noise * (1.0 + x.abs());
            let trusted = agree && meets && smooth;
            SEEN[usize::from(trusted)].fetch_add(1, Ordering::Relaxed);
            if trusted { (4.0 * m.slope - n.slope) / 3.0 } else { f64::NAN }
        };
        slopes.push(here.iter().enumerate().map(meet).collect());
    }
    Ok(Some(slopes))
}

/// Slopes that were left out as those of a kink, and slopes that were compared.
static SEEN: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

/// The share of slopes in this process that could be compared with tangents.
pub fn share_compared() -> f64 {
    let [left_out, compared] = SEEN.each_ref().map(|n| n.load(Ordering::Relaxed) as f64);
    compared / (left_out + compared).max(1.0)
}

/// What two steps, ahead and back, tell.
struct Difference {
    slope: f64,
    /// The slope ahead less the slope behind.
    bend: f64,
}

fn central(
    p: &Program,
    mask: &[bool],
    here: &[Vec<f64>],
    width: f64,
) -> Result<Vec<Vec<Difference>>, Violation> {
    let ahead = p.at(moved(p, mask, width)?).interpret()?;
    let behind = p.at(moved(p, mask, -width)?).interpret()?;
    let mut all = Vec::new();
    for ((a, b), x) in ahead.iter().zip(&behind).zip(here) {
        let (a, b) = (numbers(a)?, numbers(b)?);
        let difference = |((a, b), x): ((&f64, &f64), &f64)| Difference {
            slope: (a - b) / (2.0 * width),
            bend: (a - 2.0 * x + b) / width,
        };
        all.push(a.iter().zip(&b).zip(x).map(difference).collect());
    }
    Ok(all)
}

fn moved(p: &Program, mask: &[bool], by: f64) -> Result<Vec<Array>, Violation> {
    let mut tangents = p.tangents(mask, 0).into_iter();
    let step = |(x, m): (&Array, &bool)| -> Result<Array, Violation> {
        if !m {
            return Ok(x.clone());
        }
        let t = numbers(&tangents.next().expect("one per input in the mask"))?;
        let moved = numbers(x)?.into_iter().zip(t).map(|(x, t)| x + by * t);
        Ok(array(&x.aval(), moved))
    };
    p.inputs.iter().zip(mask).map(step).collect()
}

/// Without `force`, tangents that are left out must be those that are zero.
fn left_out_are_zero(p: &Program, mask: &[bool], all: &[Array]) -> Result<(), Violation> {
    let (_, given) = Transforms::new().jvp(&p.jaxpr, mask, &vec![false; p.outs()])?;
    for (o, (tangent, given)) in all.iter().zip(&given).enumerate() {
        if !given && largest(&numbers(tangent)?) > 0.0 {
            return Err(Violation::new(format!(
                "the tangent of output {o} is left out as zero, but is not"
            )));
        }
    }
    Ok(())
}

/// `J (u + v) = J u + J v`; the last of the parts has all inputs moved.
fn adds_up(p: &Program, parts: &[Vec<Array>]) -> Result<(), Violation> {
    let Some((together, alone)) = parts.split_last().filter(|(_, alone)| !alone.is_empty()) else {
        return Ok(());
    };
    for (o, whole) in together.iter().enumerate() {
        let whole = numbers(whole)?;
        let mut sum = vec![0.0; whole.len()];
        let mut size: f64 = 1.0;
        for part in alone {
            let part = numbers(&part[o])?;
            size = size.max(largest(&part));
            sum.iter_mut().zip(part).for_each(|(s, x)| *s += x);
        }
        let slack = 64.0 * p.epsilon() * size;
        for (i, (w, s)) in whole.iter().zip(&sum).enumerate() {
            if (w - s).abs() > slack {
                return Err(Violation::new(format!(
                    "tangents of the inputs add up to {s:.9} in element {i} of output {o}, \
                     together they give {w:.9}"
                )));
            }
        }
    }
    Ok(())
}
