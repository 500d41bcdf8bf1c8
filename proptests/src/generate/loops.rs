//! The steps of random programs that loop until a test fails, and those in which lanes of a batch
//! talk to each other.

use super::bench::{Bench, int, literal, part, ramp};
use super::recipe::{Op, Step};
use crate::mapped::Mapped;
use cotangent::DType;
use cotangent::api::control::{try_map, try_map_batched};
use cotangent::core::array::Array;
use cotangent::core::aval::Aval;
use cotangent::core::axis::{AxisEnv, BatchAxis};
use cotangent::core::jaxpr::Jaxpr;
use cotangent::core::lowering::WhileParts;
use cotangent::core::primitive::Recur;
use cotangent::core::trace::{bind, eval, trace};
use cotangent::prelude::{
    all_gather, all_to_all, axis_index, pmax, pmean, pmin, ppermute, psum, psum_scatter,
};
use cotangent::prims::carriers::while_loop::while_loop;
use cotangent::prims::lax;
use cotangent::transforms::Transforms;
use std::sync::Arc;

impl Bench {
    /// Carries the first operand, a float and a counter; the other operands are constants. Ends by
    /// the counter, or by a carried float, so that lanes end separately; and by a limit, unless
    /// reverse mode is not asked for.
    pub fn while_step(
        &mut self,
        s: &Step,
        avals: &[Aval],
        operands: &[Array],
    ) -> Result<Vec<Array>, cotangent::Error> {
        let limit = (s.op == Op::BoundedWhile).then_some([4, 2, 1, 0][s.c as usize / 4 % 4]);
        let (scalar, counter) = (Aval::scalar(self.dtype), Aval::scalar(DType::I32));
        let carried = [avals[0].clone(), scalar, counter.clone()];
        let by_value = s.b & 4 == 4;
        let test_types = [&[counter][..], &carried].concat();
        let test = trace(&test_types, |args| {
            let below = lax::lt(&args[3], &args[0]);
            let carried = part(&args[2], s.c);
            let small = lax::lt(&carried, &literal(carried.dtype(), 0.37));
            Ok(vec![if by_value { lax::and(&below, &small) } else { below }])
        })?;
        let body_types = [&avals[1..], &carried].concat();
        let floats = [carried[0].clone(), carried[1].clone()];
        let round = self.body(&body_types, &s.body, Some(&floats));
        let body = trace(&body_types, |args| {
            let mut outs = eval(&round, &args)?;
            outs.push(lax::add(&args[args.len() - 1], &int(1)));
            Ok(outs)
        })?;
        let rounds = lax::rem(&lax::abs(&self.int(s.a, &[])), &int(4));
        let parts = WhileParts {
            test: Arc::new(test.jaxpr),
            body: Arc::new(body.jaxpr),
            test_consts: 1,
            body_consts: operands.len() - 1,
            limit,
        };
        let init = [operands[0].clone(), self.float_of(s.c, &[]).0, int(0)];
        while_loop(parts, &[&[rounds][..], &operands[1..], &init].concat())
    }

    /// The first operand's rows one by one, or two at a time, beside the other operands.
    pub fn map_step(
        &mut self,
        s: &Step,
        avals: &[Aval],
        operands: &[Array],
    ) -> Result<Vec<Array>, cotangent::Error> {
        let body = self.body(avals, &s.body, None);
        let mut shape = operands[0].to_shape();
        shape.insert(0, [3, 1, 0, 4][s.b as usize / 8 % 4]);
        let kept: Vec<usize> = (1..shape.len()).collect();
        let rows = lax::broadcast_in_dim(&operands[0], &shape, &kept);
        let rows = self.damped(&lax::mul(&rows, &ramp(self.dtype, &shape)));
        let rest = operands[1..].to_vec();
        let one = move |x: Array| -> Vec<Array> {
            eval(&body, &[&[x][..], &rest].concat()).expect("a body is well typed")
        };
        match s.c & 4 {
            0 => try_map(one, rows),
            _ => try_map_batched(2, one, rows),
        }
    }

    /// A body over two lanes that know their axis by a name: batched at once, or when it runs.
    pub fn lanes(
        &mut self,
        s: &Step,
        avals: &[Aval],
        operands: &[Array],
    ) -> Result<Vec<Array>, cotangent::Error> {
        let around = AxisEnv::current();
        // Every second name hides one around.
        let name = format!("lanes{}", around.axes().len() / 2);
        let axis = BatchAxis::named(name, 2);
        let body: Arc<Jaxpr> = around.and(&axis).within(|| self.body(avals, &s.body, None));
        let whole = s.b & 2 == 2;
        let wide = |x: &Array| -> Array {
            let rows = lax::expand_dims(x, &[0]);
            let other = if x.dtype() == self.dtype { self.damped(&rows) } else { rows.clone() };
            lax::concatenate(&[rows, other], 0)
        };
        let mask: Vec<bool> =
            avals.iter().map(|a| whole || a.dtype.is_inexact() && s.c & 4 == 0).collect();
        let args: Vec<Array> =
            operands.iter().zip(&mask).map(|(x, m)| if *m { wide(x) } else { x.clone() }).collect();
        if whole {
            return Ok(bind(Arc::new(Mapped { axis, jaxpr: body }), &args)?.into_vec());
        }
        let force = vec![true; body.outputs.len()];
        let (wide, _) = Transforms::new().batch(&body, &axis, &mask, &force)?;
        eval(&wide, &args)
    }

    /// A collective over an axis in force; nothing outside of lanes.
    pub fn collective(&mut self, s: &Step) {
        let env = AxisEnv::current();
        let axes = env.axes();
        if axes.is_empty() {
            return;
        }
        let name = &axes[s.b as usize % axes.len()].0;
        let (x, bound) = self.float(s.a);
        match s.c % 10 {
            0 => self.keep(psum(x, name), 2.0 * bound),
            1 => self.keep(pmean(self.damped(&x), name), 1.5),
            2 => self.keep(pmax(part(&x, s.a), name), bound),
            3 => self.keep(pmin(part(&x, s.a), name), bound),
            4 => self.keep(ppermute(x, name, &[(0, 1), (1, 0)]), bound),
            5 => self.keep(ppermute(x, name, &[(0, 1)]), bound),
            6 => self.keep(all_gather(x, name, -1, false), bound),
            7 => {
                let both = all_gather(self.damped(&x), name, 0, false);
                self.keep(all_to_all(both, name, 0, 0, false), 1.5);
            }
            8 => {
                let both = all_gather(self.damped(&x), name, 0, false);
                self.keep(psum_scatter(both, name, 0, false), 3.0);
            }
            _ => {
                let lane = axis_index(name);
                let here = lax::convert_element_type(&lane, self.dtype);
                let here = lax::broadcast_in_dim(&here, x.shape(), &[]);
                self.keep(lax::mul(&x, &here), bound);
                self.keep_int(lane);
            }
        }
    }
}
