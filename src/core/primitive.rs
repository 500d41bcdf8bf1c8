//! The contract of a primitive. Every rule is required: a forgotten rule is a compile error.
//!
//! The jvp, transpose and batch rules call the public `lax` functions on the arrays that they
//! receive. These arrays are tracers of the transformed jaxpr, which is being built. A pass asks
//! the primitive for every fact that it needs; no pass keeps a list of primitives.

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

/// The outputs of a primitive, mostly one.
pub type Arrays = SmallVec<[Array; 1]>;

/// The outputs and their tangents.
pub type JvpResult = Result<(Arrays, Vec<Tangent>), Error>;

/// The cotangents, one per input.
pub type TransposeResult = Result<Vec<Tangent>, Error>;

/// The outputs, and the position of the batch axis in each; `None` if an output has no batch axis.
pub type BatchResult = Result<(Arrays, Vec<Option<usize>>), Error>;

/// A primitive with its parameters: one value per equation.
pub trait Primitive: Debug + Send + Sync + 'static {
    fn name(&self) -> &'static str;

    /// All parameters as plain data. The name and the parameters together decide equality.
    fn params(&self) -> Params;

    /// The types of the outputs, or an error if the inputs do not fit. Elementwise primitives
    /// accept rank-0 operands (literals) together with operands of another shape; nothing else
    /// broadcasts.
    fn abstract_eval(&self, inputs: &[Aval]) -> Result<Avals, Error>;

    /// The outputs and their tangents. Tangents of ints and bools are always zero.
    fn jvp(&self, ctx: &Ctx, primals: &[Array], tangents: &[Tangent]) -> JvpResult;

    /// How the Taylor coefficients of the outputs follow from those of the inputs: see [`Taylor`].
    fn taylor(&self) -> Taylor<'_>;

    /// The cotangents of the inputs from those of the outputs: one per input, zero for known
    /// inputs. Transforms call this only where the primitive is linear in the inputs that are
    /// [`Operand::Linear`] and at least one output has a nonzero cotangent.
    fn transpose(&self, ctx: &Ctx, cotangents: &[Tangent], inputs: &[Operand]) -> TransposeResult;

    /// Applies the primitive to a batch. `axes[i]` is the position of the batch axis in input `i`,
    /// or `None`. At least one input has the batch axis, or the primitive names the axis in its
    /// parameters or in a body. Returns the outputs and the position of the batch axis in each.
    fn batch(&self, ctx: &Ctx, inputs: &[Array], axes: &[Option<usize>]) -> BatchResult;

    /// The kind of [`Lowering`] that [`lower`](Primitive::lower) returns, without lowering
    /// anything. Passes ask for it at every equation.
    fn kind(&self) -> LoweringKind;

    /// Tells the compiler how to execute the equation. May trace a body.
    fn lower(&self, inputs: &[Aval], outputs: &[Aval]) -> Result<Lowering, Error>;

    /// A simpler equivalent of this application, if these operands allow one.
    fn simplify(&self, inputs: &[Known], outputs: &[Aval]) -> Option<Simpler>;

    /// States whether the primitive has effects, hazards or jaxprs. Most primitives are
    /// [`Nature::PURE`].
    fn nature(&self) -> Nature<'_>;
}

impl dyn Primitive {
    /// The effects that the primitive has besides its outputs.
    pub fn effects(&self) -> Effects {
        self.nature().effects
    }

    /// The hazards for inputs of these types: failures at run time that no result shows.
    pub fn hazards(&self, inputs: &[Aval]) -> Vec<Hazard> {
        self.nature().hazards.map_or_else(Vec::new, |h| h.hazards(inputs))
    }

    /// The second contract, if the primitive carries jaxprs.
    pub fn carrier(&self) -> Option<&dyn Carrier> {
        self.nature().carrier
    }
}

/// The properties of a primitive besides its rules, and its further contracts. A primitive without
/// any of them says so in one word: [`Nature::PURE`].
#[derive(Clone, Copy)]
pub struct Nature<'a> {
    effects: Effects,
    hazards: Option<&'a dyn Hazardous>,
    carrier: Option<&'a dyn Carrier>,
}

impl<'a> Nature<'a> {
    /// No effects, no hazards and no jaxprs: the primitive only computes its outputs.
    pub const PURE: Nature<'static> =
        Nature { effects: Effects::NONE, hazards: None, carrier: None };

    /// The primitive has these effects besides its outputs.
    pub fn effectful(effects: Effects) -> Nature<'a> {
        Nature { effects, ..Nature::PURE }
    }

    /// The primitive carries jaxprs; the jaxprs that run have these effects.
    pub fn carrier(carrier: &'a dyn Carrier, effects: Effects) -> Nature<'a> {
        Nature { effects, carrier: Some(carrier), ..Nature::PURE }
    }

    /// Adds hazards: failures at run time that no result shows.
    pub fn hazardous(self, hazards: &'a dyn Hazardous) -> Nature<'a> {
        Nature { hazards: Some(hazards), ..self }
    }
}

/// The further contract of primitives that carry jaxprs: how they split into known and unknown
/// parts, and how they lose what is unused.
pub trait Carrier {
    /// Splits the application into a part that needs only the known inputs and a part that needs
    /// the unknown ones.
    fn partial_eval(&self, ctx: &Ctx, unknown: &[bool]) -> Result<PartialEval, Error>;

    /// Returns the application in two versions. The first also outputs the kept values: values
    /// inside that depend on known inputs alone and that `policy` keeps, except outputs in
    /// `forbidden`. The second takes the kept values as inputs instead of computing them. `None`
    /// means that no value inside can be kept by itself, only the outputs.
    fn keep(
        &self,
        ctx: &Ctx,
        unknown: &[bool],
        forbidden: &[bool],
        policy: &Arc<dyn KeepPolicy>,
    ) -> Result<Option<Kept<Prim>>, Error>;

    /// The same primitive with other bodies of the same types, in the order of its parameters.
    fn with_jaxprs(&self, jaxprs: Vec<Arc<Jaxpr>>) -> Prim;

    /// The same primitive without the parts that only unused outputs need.
    fn dce(&self, ctx: &Ctx, used: &[bool]) -> Result<Shrunk, Error>;

    /// Applies the primitive with a state that passes through its bodies in the order in which they
    /// run. `bodies` are like the bodies in its parameters, but take the state in front of their
    /// inputs and return it in front of their outputs. Returns the state and the outputs.
    fn threaded(&self, bodies: Vec<Arc<Jaxpr>>, state: &[Array], inputs: &[Array]) -> ThreadResult;
}

/// The outcome of [`Carrier::partial_eval`].
#[derive(Clone, Debug)]
pub struct PartialEval {
    /// Maps all known inputs, in order, to the known outputs, in order, then the computed
    /// residuals. In the known part of the outer jaxpr, its equations replace the primitive's
    /// equation.
    pub known: Arc<Jaxpr>,
    /// Maps all residuals, then all unknown inputs, to the unknown outputs.
    pub unknown: Arc<Jaxpr>,
    /// Marks the outputs that the unknown part computes.
    pub unknown_out: Vec<bool>,
    pub residuals: Vec<Residual>,
}

/// A value that the unknown part takes from the known part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Residual {
    /// The primitive's own input of this number.
    Input(usize),
    /// The next extra output of the known part.
    Computed(Aval),
}

/// The outcome of [`Carrier::threaded`]: the state, then the outputs.
pub type ThreadResult = Result<(Vec<Array>, Arrays), Error>;

/// The outcome of [`Carrier::keep`] and [`Recur::keep`].
#[derive(Debug)]
pub struct Kept<T> {
    /// Maps the inputs to the outputs, then the kept values.
    pub giving: T,
    /// Maps the inputs, then the kept values, to the outputs.
    pub taking: T,
    pub values: Vec<Aval>,
    /// Marks the outputs that depend on unknown inputs.
    pub unknown_out: Vec<bool>,
}

impl Kept<Arc<Jaxpr>> {
    /// The same outcome for the primitive that has the jaxpr as its body: `wrap` makes the
    /// primitive.
    pub fn wrapped(&self, wrap: impl Fn(Arc<Jaxpr>) -> Prim) -> Kept<Prim> {
        Kept {
            giving: wrap(self.giving.clone()),
            taking: wrap(self.taking.clone()),
            values: self.values.clone(),
            unknown_out: self.unknown_out.clone(),
        }
    }
}

/// The outcome of [`Carrier::dce`].
#[derive(Debug)]
pub struct Shrunk {
    pub prim: Prim,
    /// Marks the former inputs that the new primitive takes, in order.
    pub inputs: Vec<bool>,
    /// Marks the former outputs that the new primitive returns, in order: at least all used ones.
    pub outputs: Vec<bool>,
}

/// The context in which a transform calls a rule. A new field changes no rule.
pub struct Ctx<'a> {
    /// The transforms, for the jaxprs that a primitive carries.
    pub recur: &'a dyn Recur,
    /// The mapped axis, in batch rules.
    pub axis: &'a BatchAxis,
    /// The size of `axis`.
    pub batch_size: usize,
}

/// A jaxpr, and a mask over its inputs or its outputs.
pub type Masked = (Arc<Jaxpr>, Vec<bool>);

/// The transforms of jaxprs, for primitives that carry jaxprs. Results are memoised by jaxpr and
/// masks, so nested calls cost linear work.
///
/// Below, inputs and outputs are those of the returned jaxpr. A returned mask contains `force`, if
/// there is one.
pub trait Recur {
    /// Inputs: the primals, then the tangents of the inputs in `nonzero`. Outputs: the primals,
    /// then the tangents of the outputs in the returned mask.
    fn jvp(&self, jaxpr: &Arc<Jaxpr>, nonzero: &[bool], force: &[bool]) -> Result<Masked, Error>;

    /// Inputs: the primals, then their Taylor coefficients, `order` per input, input by input, but
    /// only the coefficients in `nonzero`. Outputs: the primals, then the coefficients of the
    /// outputs in the returned mask.
    fn jet(
        &self,
        jaxpr: &Arc<Jaxpr>,
        order: usize,
        nonzero: &[bool],
        force: &[bool],
    ) -> Result<Masked, Error>;

    /// The inputs in `batched` and the outputs in the returned mask have the batch axis in front.
    /// The returned jaxpr does not name the axis.
    fn batch(
        &self,
        jaxpr: &Arc<Jaxpr>,
        axis: &BatchAxis,
        batched: &[bool],
        force: &[bool],
    ) -> Result<Masked, Error>;

    /// Splits a jaxpr by the `unknown` inputs. Outputs in `force` count as unknown.
    fn split(
        &self,
        jaxpr: &Arc<Jaxpr>,
        unknown: &[bool],
        force: &[bool],
    ) -> Result<Arc<Split>, Error>;

    /// Does for a jaxpr what [`Carrier::keep`] does for a primitive.
    fn keep(
        &self,
        jaxpr: &Arc<Jaxpr>,
        unknown: &[bool],
        forbidden: &[bool],
        policy: &Arc<dyn KeepPolicy>,
    ) -> Result<Arc<Kept<Arc<Jaxpr>>>, Error>;

    /// Transposes a jaxpr with respect to its `linear` inputs. Inputs: the other inputs, then the
    /// cotangents of the outputs in `nonzero`. Outputs: the cotangents of the linear inputs in the
    /// returned mask, which has one entry per linear input.
    fn transpose(
        &self,
        jaxpr: &Arc<Jaxpr>,
        linear: &[bool],
        nonzero: &[bool],
        force: &[bool],
    ) -> Result<Masked, Error>;

    /// Drops the outputs not in `used` and everything that only they need. Returns the mask of the
    /// remaining inputs.
    fn dce(&self, jaxpr: &Arc<Jaxpr>, used: &[bool]) -> Result<Masked, Error>;
}

/// A jaxpr split in two.
#[derive(Debug)]
pub struct Split {
    /// Maps the known inputs to the known outputs, then the computed residuals.
    pub known: Arc<Jaxpr>,
    /// Maps the residuals, then the unknown inputs, to the unknown outputs.
    pub unknown: Arc<Jaxpr>,
    pub unknown_out: Vec<bool>,
    pub residuals: Vec<Residual>,
}

/// The rule by which the Taylor coefficients `y_k` of the outputs follow from those of the inputs
/// along a curve `x(t) = x_0 + x_1 t + x_2 t² + ..`. There is no table of series: the coefficients
/// of a nonlinear primitive follow from its derivative.
pub enum Taylor<'a> {
    /// The outputs are constant along the curve: no tangent passes.
    Still,
    /// Linear in the inexact inputs together: `y_k = f(x_k)`.
    Linear,
    /// Linear in each of two inputs: `y_k = ∑ f(a_j, b_{k-j})`.
    Bilinear,
    /// Linear in the first of two inputs, elementwise: `f(a, b) = a f(1, b)`, a product as in
    /// [`Taylor::Bilinear`].
    Proportional,
    /// `k y_k` is coefficient `k - 1` of the tangent that the primitive's jvp rule gives along the
    /// curve. This is correct for any primitive, linear or not: choose it when in doubt.
    ByDerivative,
    /// The primitive's own rule. Primitives that carry jaxprs have one.
    Rule(&'a dyn TaylorRule),
}

/// A primitive's own rule for Taylor coefficients.
pub trait TaylorRule {
    /// The outputs and their coefficients. `series` holds `order` coefficients per input, starting
    /// with `x_1`: those of input 0, then those of input 1 and so on. The coefficients of the
    /// outputs are returned in the same order. Coefficients of ints and bools are always zero.
    fn jet(&self, ctx: &Ctx, order: usize, primals: &[Array], series: &[Tangent]) -> JvpResult;
}

/// A tangent or cotangent. Zeros are symbolic, so that no rule multiplies by them.
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
    /// The transform asks for the cotangent of this input.
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

/// The facts that the simplifier knows about an operand.
#[derive(Clone, Debug)]
pub struct Known {
    /// The operand itself.
    pub atom: Atom,
    pub aval: Aval,
    /// The value, if the operand is a literal or an array filled with one value.
    pub splat: Option<Scalar>,
    /// The primitive that made the operand, and its operands.
    pub made_by: Option<(Prim, SmallVec<[Atom; 3]>)>,
}

/// A simpler equivalent of an application.
#[derive(Clone, Debug)]
pub enum Simpler {
    /// The output is this operand.
    Operand(usize),
    /// The output is this atom, which is an operand of the primitive that made an operand.
    Atom(Atom),
    /// The output is filled with this value.
    Splat(Scalar),
    /// The output is this primitive applied to these atoms: operands, operands of what made them,
    /// or literals.
    Apply(Prim, SmallVec<[Atom; 3]>),
}

/// The effects that an equation has besides its outputs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Effects(u8);

impl Effects {
    pub const NONE: Effects = Effects(0);
    /// The equation must not be dropped or merged.
    pub const KEEP: Effects = Effects(1);
    /// The equation must also keep its order among `ORDERED` equations.
    pub const ORDERED: Effects = Effects(3);
    /// The equation changes the world outside: it must not run again where values are recomputed.
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

/// The types of the outputs, or an error if an output's size cannot be counted. Binding checks
/// this, so no larger array exists.
pub(crate) fn output_avals(prim: &Prim, inputs: &[Aval]) -> Result<Avals, Error> {
    let avals = prim.abstract_eval(inputs)?;
    avals.iter().try_for_each(|aval| aval.expect_countable(prim.name()))?;
    Ok(avals)
}

/// Whether two primitives have the same name and the same parameters.
pub fn same_prim(a: &Prim, b: &Prim) -> bool {
    Arc::ptr_eq(a, b) || (a.name() == b.name() && a.params() == b.params())
}

/// The error that a nonlinear primitive returns from `transpose`. It appears only if a transform is
/// wrong or a user calls `linear_transpose` on a function that is not linear.
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
