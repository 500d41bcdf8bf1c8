//! The transforms in the form in which primitives that carry jaxprs call them, memoised on (jaxpr,
//! masks).
//!
//! One [`Transforms`] serves one call of `grad`, `vmap` and so on: a body that is called twice is
//! transformed once, so the work is linear in the number of distinct bodies, however deep the calls
//! nest.

use super::{batch, dce, jet, jvp, keep, split, transpose};
use crate::core::axis::BatchAxis;
use crate::core::jaxpr::Jaxpr;
use crate::core::params::Param;
use crate::core::policy::KeepPolicy;
use crate::core::primitive::{Ctx, Kept, Masked, Recur, Split};
use cotangent_jit::Error;
use rustc_hash::FxHashMap;
use std::cell::RefCell;
use std::hash::Hash;
use std::sync::Arc;

type Mask = Vec<bool>;

/// Unknown inputs, forbidden outputs, the policy.
type KeepKey = ([Mask; 2], Param);

/// All transforms, with the results so far.
#[derive(Default)]
pub struct Transforms {
    jvps: Memo<[Mask; 2], Masked>,
    jets: Memo<(usize, [Mask; 2]), Masked>,
    batches: Memo<(BatchAxis, [Mask; 2]), Masked>,
    splits: Memo<[Mask; 2], Arc<Split>>,
    keeps: Memo<KeepKey, Arc<Kept<Arc<Jaxpr>>>>,
    transposes: Memo<[Mask; 3], Masked>,
    dces: Memo<Mask, Masked>,
}

impl Transforms {
    pub fn new() -> Transforms {
        Transforms::default()
    }

    /// The context that rules get.
    pub fn ctx(&self) -> Ctx<'_> {
        self.over(const { &BatchAxis { size: 0, name: None } })
    }

    /// The context that batching rules get.
    pub fn over<'a>(&'a self, axis: &'a BatchAxis) -> Ctx<'a> {
        Ctx { recur: self, axis, batch_size: axis.size }
    }
}

impl Recur for Transforms {
    fn jvp(&self, jaxpr: &Arc<Jaxpr>, nonzero: &[bool], force: &[bool]) -> Result<Masked, Error> {
        self.jvps.get(jaxpr, [nonzero.to_vec(), force.to_vec()], || {
            let (j, mask) = jvp::jvp(&self.ctx(), jaxpr, nonzero, force)?;
            Ok((Arc::new(j), mask))
        })
    }

    fn jet(
        &self,
        jaxpr: &Arc<Jaxpr>,
        order: usize,
        nonzero: &[bool],
        force: &[bool],
    ) -> Result<Masked, Error> {
        self.jets.get(jaxpr, (order, [nonzero.to_vec(), force.to_vec()]), || {
            let (j, mask) = jet::jet(&self.ctx(), jaxpr, order, nonzero, force)?;
            Ok((Arc::new(j), mask))
        })
    }

    fn batch(
        &self,
        jaxpr: &Arc<Jaxpr>,
        axis: &BatchAxis,
        batched: &[bool],
        force: &[bool],
    ) -> Result<Masked, Error> {
        self.batches.get(jaxpr, (axis.clone(), [batched.to_vec(), force.to_vec()]), || {
            let (j, mask) = batch::batch(&self.over(axis), jaxpr, batched, force)?;
            Ok((Arc::new(j), mask))
        })
    }

    fn split(
        &self,
        jaxpr: &Arc<Jaxpr>,
        unknown: &[bool],
        force: &[bool],
    ) -> Result<Arc<Split>, Error> {
        self.splits.get(jaxpr, [unknown.to_vec(), force.to_vec()], || {
            Ok(Arc::new(split::split(&self.ctx(), jaxpr, unknown, force)?))
        })
    }

    fn keep(
        &self,
        jaxpr: &Arc<Jaxpr>,
        unknown: &[bool],
        forbidden: &[bool],
        policy: &Arc<dyn KeepPolicy>,
    ) -> Result<Arc<Kept<Arc<Jaxpr>>>, Error> {
        let key = ([unknown.to_vec(), forbidden.to_vec()], policy.param());
        self.keeps.get(jaxpr, key, || {
            Ok(Arc::new(keep::keep(&self.ctx(), jaxpr, unknown, forbidden, policy)?))
        })
    }

    fn transpose(
        &self,
        jaxpr: &Arc<Jaxpr>,
        linear: &[bool],
        nonzero: &[bool],
        force: &[bool],
    ) -> Result<Masked, Error> {
        let key = [linear.to_vec(), nonzero.to_vec(), force.to_vec()];
        self.transposes.get(jaxpr, key, || {
            let (j, mask) = transpose::transpose(&self.ctx(), jaxpr, linear, nonzero, force)?;
            Ok((Arc::new(j), mask))
        })
    }

    fn dce(&self, jaxpr: &Arc<Jaxpr>, used: &[bool]) -> Result<Masked, Error> {
        self.dces.get(jaxpr, used.to_vec(), || {
            let (j, mask) = dce::dce(&self.ctx(), jaxpr, used)?;
            Ok((Arc::new(j), mask))
        })
    }
}

/// Results by jaxpr identity and mask. It holds the jaxprs, so that no address is used twice.
struct Memo<K, V>(RefCell<FxHashMap<(usize, K), Remembered<V>>>);

/// A result with its jaxpr.
type Remembered<V> = (Arc<Jaxpr>, V);

impl<K, V> Default for Memo<K, V> {
    fn default() -> Self {
        Memo(RefCell::default())
    }
}

impl<K: Hash + Eq, V: Clone> Memo<K, V> {
    fn get(
        &self,
        jaxpr: &Arc<Jaxpr>,
        key: K,
        make: impl FnOnce() -> Result<V, Error>,
    ) -> Result<V, Error> {
        let key = (Arc::as_ptr(jaxpr) as usize, key);
        if let Some((_, v)) = self.0.borrow().get(&key) {
            return Ok(v.clone());
        }
        let v = make()?;
        self.0.borrow_mut().insert(key, (jaxpr.clone(), v.clone()));
        Ok(v)
    }
}
