//! The contract of a primitive, every rule required: a forgotten rule is a compile error.
//!
//! Rules of jvp, transpose and batch are written with the public `lax` functions on the arrays they are given, which are
//! tracers of the transformed jaxpr being built. What a pass needs to know of a primitive it asks here; no pass keeps a
//! list of primitives.

use super::array::Array;
use super::aval::{Aval, Avals};
use super::axis::BatchAxis;
use super::hazard::{Hazard, Hazardous};
use super::jaxpr::{Atom, Jaxpr};
use super::lowering::{Lowering, LoweringKind};
use super::params::Params;
use super::policy::KeepPolicy;
use cotangent_jit::{Error, Scalar};
use smallvec::SmallVec;
use std::fmt::Debug;
use std::ops::BitOr;
use std::sync::Arc;

pub type Prim = Arc<dyn Primitive>;

/// Outputs of a primitive; mostly one.
pub type Arrays = SmallVec<[Array; 1]>;

/// Outputs and their tangents.
pub type JvpResult = Result<(Arrays, Vec<Tangent>), Error>;

/// Cotangents, one per input.
pub type TransposeResult = Result<Vec<Tangent>, Error>;

/// Outputs, and where each has the batch axis.
pub type BatchResult = Result<(Arrays, Vec<Option<usize>>), Error>;

/// A primitive with its parameters: one value per equation.
pub trait Primitive: Debug + Send + Sync + 'static {
    fn name(&self) -> &'static str;

    /// All parameters as plain data; together with the name they decide equality.
    fn params(&self) -> Params;

    /// Types of the outputs, or what is wrong with the inputs. Elementwise primitives accept rank-0 operands beside
    /// others (they are literals); nothing else broadcasts.
    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error>;

    /// Outputs and their tangents. Tangents of ints and bools are always zero.
    fn jvp(&self, ctx: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult;

    /// What kind of creature this is to Taylor mode: how the coefficients of the outputs follow from those of the inputs.
    fn taylor(&self) -> Taylor<'_>;

    /// Cotangents of the inputs from those of the outputs: one per input, zero for known ones. Called only where the
    /// primitive is linear in the inputs that are [`Operand::Linear`]; at least one output's cotangent is not zero.
    fn transpose(&self, ctx: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult;

    /// The primitive over a batch: `axes[i]` is where input `i` has the batch axis, if it has one. At least one has, or
    /// the primitive mentions the axis by name, in its own parameters or in a body.
    /// Returns outputs and where they have it.
    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult;

    /// The kind of [`lower`](Primitive::lower)'s answer, without lowering anything. Passes ask it of every equation.
    fn kind(&self) -> LoweringKind;

    /// Tells the compiler how the equation is carried out. May trace a body.
    fn lower(&self, inputs: &[Aval], outputs: &[Aval]) -> Result<Lowering, Error>;

    /// A simpler equal of this application, if these operands allow one.
    fn simplify(&self, inputs: &[Known], outputs: &[Aval]) -> Option<Simpler>;

    /// States whether the primitive has effects, hazards or jaxprs; most are [`Nature::PURE`].
    fn nature(&self) -> Nature<'_>;
}

impl dyn Primitive {
    /// What the primitive does besides computing.
    pub fn effects(&self) -> Effects {
        self.nature().effects
    }

    /// What can go wrong with inputs of these types without anybody noticing.
    pub fn hazards(&self, inputs: &[Aval]) -> Vec<Hazard> {
        self.nature().hazards.map_or_else(Vec::new, |h| h.hazards(inputs))
    }

    /// The second contract, if the primitive carries jaxprs.
    pub fn carrier(&self) -> Option<&dyn Carrier> {
        self.nature().carrier
    }
}

/// What a primitive is beside a function of its inputs. Further contracts that it owes are stated here, so that a
/// primitive that owes none says so in one word.
#[derive(Clone, Copy)]
pub struct Nature<'a> {
    effects: Effects,
    hazards: Option<&'a dyn Hazardous>,
    carrier: Option<&'a dyn Carrier>,
}

impl<'a> Nature<'a> {
    /// Nothing happens besides computing, nothing goes wrong unnoticed, and there are no jaxprs inside.
    pub const PURE: Nature<'static> =
        Nature { effects: Effects::NONE, hazards: None, carrier: None };

    /// The primitive does something besides computing.
    pub fn effectful(effects: Effects) -> Nature<'a> {
        Nature { effects, ..Nature::PURE }
    }

    /// The primitive carries jaxprs; those that run have these effects.
    pub fn carrier(carrier: &'a dyn Carrier, effects: Effects) -> Nature<'a> {
        Nature { effects, carrier: Some(carrier), ..Nature::PURE }
    }

    /// Something can go wrong that no result shows.
    pub fn hazardous(self, hazards: &'a dyn Hazardous) -> Nature<'a> {
        Nature { hazards: Some(hazards), ..self }
    }
}

/// Owed by primitives that carry jaxprs: how they split into known and unknown parts, and how they shrink.
pub trait Carrier {
    /// Splits into a part that needs only the known inputs and a part that needs the unknown ones.
    fn partial_eval(&self, ctx: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error>;

    /// The application twice: once giving also what `policy` keeps of the values inside that depend on known inputs alone
    /// (and that are no outputs in `forbidden`), once taking those instead of computing them. `None`: nothing inside can
    /// be kept by itself, only the outputs.
    fn keep(
        &self,
        ctx: &Ctx,
        unknown: &[bool],
        forbidden: &[bool],
        policy: &Arc<dyn KeepPolicy>,
    ) -> Result<Option<Kept<Prim>>, Error>;

    /// The same primitive with other bodies of the same types, in the order of its parameters.
    fn with_jaxprs(&self, jaxprs: Vec<Arc<Jaxpr>>) -> Prim;

    /// The same primitive without what only unused outputs need.
    fn dce(&self, ctx: &Ctx, used: &[bool]) -> Result<Shrunk, Error>;

    /// Applies the primitive with a state passed through its bodies in the order in which they run. `bodies` are like those
    /// of its parameters, but take the state in front of their inputs and give it in front of their outputs. Returns the
    /// state and the outputs.
    fn threaded(&self, bodies: Vec<Arc<Jaxpr>>, state: &[Array], inputs: &[Array]) -> ThreadResult;
}

/// Outcome of [`Carrier::partial_eval`].
#[derive(Clone, Debug)]
pub struct PartialEval {
    /// From all known inputs, in order, to the known outputs, in order, then the computed residuals. Its equations take
    /// the place of the primitive's in the known part.
    pub known: Arc<Jaxpr>,
    /// From all residuals, then all unknown inputs, to the unknown outputs.
    pub unknown: Arc<Jaxpr>,
    /// Which outputs the unknown part gives.
    pub unknown_out: Vec<bool>,
    pub residuals: Vec<Residual>,
}

/// What the unknown part takes from the known one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Residual {
    /// The primitive's own input of this number.
    Input(usize),
    /// The next extra output of the known part.
    Computed(Aval),
}

/// Outcome of [`Carrier::threaded`]: the state, the outputs.
pub type ThreadResult = Result<(Vec<Array>, Arrays), Error>;

/// Outcome of [`Carrier::keep`] and [`Recur::keep`].
#[derive(Debug)]
pub struct Kept<T> {
    /// From the inputs to the outputs, then the kept values.
    pub giving: T,
    /// From the inputs, then the kept values, to the outputs.
    pub taking: T,
    pub values: Vec<Aval>,
    /// Which outputs depend on unknown inputs.
    pub unknown_out: Vec<bool>,
}

impl Kept<Arc<Jaxpr>> {
    /// The primitive of which these are the body.
    pub fn wrapped(&self, wrap: impl Fn(Arc<Jaxpr>) -> Prim) -> Kept<Prim> {
        Kept {
            giving: wrap(self.giving.clone()),
            taking: wrap(self.taking.clone()),
            values: self.values.clone(),
            unknown_out: self.unknown_out.clone(),
        }
    }
}

/// Outcome of [`Carrier::dce`].
#[derive(Debug)]
pub struct Shrunk {
    pub prim: Prim,
    /// Which of the former inputs the new primitive takes, in order.
    pub inputs: Vec<bool>,
    /// Which of the former outputs it gives, in order: all used ones at least.
    pub outputs: Vec<bool>,
}

/// What rules may ask of the transform at work. It grows without touching the rules.
pub struct Ctx<'a> {
    /// The transforms, for the jaxprs that a primitive carries.
    pub recur: &'a dyn Recur,
    /// The axis that is mapped, in batching rules.
    pub axis: &'a BatchAxis,
    /// Its size.
    pub batch_size: usize,
}

/// A jaxpr, and which of its inputs or outputs it is about.
pub type Masked = (Arc<Jaxpr>, Vec<bool>);

/// The transforms as primitives that carry jaxprs see them. Memoised on (jaxpr, masks), so nested calls cost linear work.
pub trait Recur {
    /// Inputs: primals, then tangents of the inputs in `nonzero`. Outputs: primals, then the tangents of those in the
    /// returned mask, which contains `force`.
    fn jvp(&self, jaxpr: &Arc<Jaxpr>, nonzero: &[bool], force: &[bool]) -> Result<Masked, Error>;

    /// Inputs: primals, then `order` Taylor coefficients per input, input by input, of which those in `nonzero` are there.
    /// Outputs: primals, then the coefficients of outputs in the returned mask, which contains `force`.
    fn jet(
        &self,
        jaxpr: &Arc<Jaxpr>,
        order: usize,
        nonzero: &[bool],
        force: &[bool],
    ) -> Result<Masked, Error>;

    /// Inputs in `batched` have the batch axis in front, outputs in the returned mask, which contains `force`, too. Nothing
    /// that is returned mentions the axis by its name.
    fn batch(
        &self,
        jaxpr: &Arc<Jaxpr>,
        axis: &BatchAxis,
        batched: &[bool],
        force: &[bool],
    ) -> Result<Masked, Error>;

    /// Splits by which inputs are unknown; outputs in `force` count as unknown.
    fn split(
        &self,
        jaxpr: &Arc<Jaxpr>,
        unknown: &[bool],
        force: &[bool],
    ) -> Result<Arc<Split>, Error>;

    /// As [`Carrier::keep`], of a jaxpr.
    fn keep(
        &self,
        jaxpr: &Arc<Jaxpr>,
        unknown: &[bool],
        forbidden: &[bool],
        policy: &Arc<dyn KeepPolicy>,
    ) -> Result<Arc<Kept<Arc<Jaxpr>>>, Error>;

    /// Transposes a jaxpr in its `linear` inputs. Inputs: those not linear, then the cotangents of the outputs in
    /// `nonzero`. Outputs: the cotangents of linear inputs in the returned mask (over linear inputs), which contains
    /// `force`.
    fn transpose(
        &self,
        jaxpr: &Arc<Jaxpr>,
        linear: &[bool],
        nonzero: &[bool],
        force: &[bool],
    ) -> Result<Masked, Error>;

    /// Without the outputs not in `used` and what only they need; returns which inputs remain.
    fn dce(&self, jaxpr: &Arc<Jaxpr>, used: &[bool]) -> Result<Masked, Error>;
}

/// A jaxpr split in two.
#[derive(Debug)]
pub struct Split {
    /// From the known inputs to the known outputs, then the computed residuals.
    pub known: Arc<Jaxpr>,
    /// From the residuals, then the unknown inputs, to the unknown outputs.
    pub unknown: Arc<Jaxpr>,
    pub unknown_out: Vec<bool>,
    pub residuals: Vec<Residual>,
}

/// How the Taylor coefficients `y_k` of the outputs follow from those of the inputs along a curve
/// `x(t) = x_0 + x_1 t + x_2 t² + ..`. There is no table of series: what is not linear follows from its derivative.
pub enum Taylor<'a> {
    /// No tangent passes: the outputs stay where they are.
    Still,
    /// Linear in the inexact inputs together: `y_k = f(x_k)`.
    Linear,
    /// Linear in each of two inputs: `y_k = ∑ f(a_j, b_{k-j})`.
    Bilinear,
    /// Linear in the first of two inputs, point by point: `f(a, b) = a f(1, b)`, a product as above.
    Proportional,
    /// `k y_k` is coefficient `k - 1` of the tangent that the primitive's own jvp rule gives along the curve. The rule
    /// applies to any primitive, linear in parts or not at all; it is what to answer when in doubt.
    ByDerivative,
    /// A rule of its own, as primitives that carry jaxprs have.
    Rule(&'a dyn TaylorRule),
}

/// Outputs and their coefficients from those of the inputs.
pub trait TaylorRule {
    /// `series` holds `order` coefficients per input, from the first on: those of input 0, then those of input 1 and so
    /// on. Those of the outputs are given alike. Coefficients of ints and bools are always zero.
    fn jet(&self, ctx: &Ctx, order: usize, primals: &[Array], series: &[Tangent]) -> JvpResult;
}

/// A tangent or cotangent: zeros are symbolic, so that nobody multiplies by them.
#[derive(Clone)]
pub enum Tangent {
    Zero(Aval),
    Value(Array),
}

impl Tangent {
    pub fn is_zero(&self) -> bool {
        matches!(self, Tangent::Zero(_))
    }

    pub fn value(&self) -> Option<&Array> {
        if let Tangent::Value(a) = self { Some(a) } else { None }
    }

    pub fn aval(&self) -> Aval {
        match self {
            Tangent::Zero(a) => a.clone(),
            Tangent::Value(a) => a.aval(),
        }
    }
}

/// An input during transposition.
#[derive(Clone)]
pub enum Operand {
    /// The cotangent of this input is asked for.
    Linear(Aval),
    Known(Array),
}

impl Operand {
    pub fn is_linear(&self) -> bool {
        matches!(self, Operand::Linear(_))
    }

    pub fn known(&self) -> Option<&Array> {
        if let Operand::Known(a) = self { Some(a) } else { None }
    }

    pub fn aval(&self) -> Aval {
        match self {
            Operand::Linear(a) => a.clone(),
            Operand::Known(a) => a.aval(),
        }
    }
}

/// What the simplifier knows of an operand.
#[derive(Clone, Debug)]
pub struct Known {
    /// The operand itself.
    pub atom: Atom,
    pub aval: Aval,
    /// The operand is a literal, or an array filled with this value.
    pub splat: Option<Scalar>,
    /// The primitive that made the operand, and its operands.
    pub made_by: Option<(Prim, SmallVec<[Atom; 3]>)>,
}

/// A simpler equal.
#[derive(Clone, Debug)]
pub enum Simpler {
    /// The output is this operand.
    Operand(usize),
    /// The output is this atom, one of those that made an operand.
    Atom(Atom),
    /// The output is filled with this value.
    Splat(Scalar),
    /// The output is this primitive applied to these atoms: operands, what made them, or literals.
    Apply(Prim, SmallVec<[Atom; 3]>),
}

/// What an equation does besides computing.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Effects(u8);

impl Effects {
    pub const NONE: Effects = Effects(0);
    /// Must not be dropped or merged.
    pub const KEEP: Effects = Effects(1);
    /// Must keep its order among others of the kind.
    pub const ORDERED: Effects = Effects(3);
    /// Changes the world outside: must not happen again where values are computed again.
    pub const ONCE: Effects = Effects(5);

    pub fn is_none(self) -> bool {
        self == Effects::NONE
    }

    pub fn contains(self, other: Effects) -> bool {
        self.0 & other.0 == other.0
    }
}

impl BitOr for Effects {
    type Output = Effects;
    fn bitor(self, other: Effects) -> Effects {
        Effects(self.0 | other.0)
    }
}

/// Types of the outputs, each of a size that can be counted: where a primitive is bound nothing larger comes to be.
pub(crate) fn output_avals(prim: &Prim, inputs: &[Aval]) -> Result<Avals, Error> {
    let avals = prim.abstract_eval(inputs)?;
    avals.iter().try_for_each(|aval| aval.expect_countable(prim.name()))?;
    Ok(avals)
}

/// Same name, same parameters.
pub fn same_prim(a: &Prim, b: &Prim) -> bool {
    Arc::ptr_eq(a, b) || (a.name() == b.name() && a.params() == b.params())
}

/// The answer of a nonlinear primitive to `transpose`: it is never asked unless a transform is wrong or a user calls
/// `linear_transpose` on something that is not linear.
pub fn not_linear<T>(prim: &dyn Primitive) -> Result<T, Error> {
    Err(cotangent_jit::err!(
        Transform,
        "{}: not linear, so it cannot be transposed; differentiate first (linearize, vjp or grad)",
        prim.name()
    ))
}

/// Builds primitives from their text, for the parser.
pub trait Registry {
    fn build(&self, name: &str, params: &[(String, super::params::Param)]) -> Result<Prim, Error>;
}
