//! The policies of `checkpoint`, which select the values of a body that live until the backward
//! pass.
//!
//! A policy lists no primitives. It reads how a primitive lowers, and the name that it gives its
//! operand.

use crate::core::lowering::{Lowering, LoweringKind};
use crate::core::params::{Param, Rule};
pub use crate::core::policy::Candidate;
use crate::core::policy::{KeepPolicy, Verdict};
use crate::core::source::raise;
use crate::prims::points::name::{check_name, name_of};
use cotangent_jit::{Error, err};
use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;

/// Selects the values inside a [`checkpoint_with`](crate::api::checkpoint::checkpoint_with) that
/// reverse mode keeps. Reverse mode computes the others again.
///
/// ```
/// use cotangent::prelude::*;
/// let policy = Policy::dots().or(Policy::only_names(["attention"]));
/// assert_eq!(policy.to_string(), "dots.or.only<attention>");
/// ```
#[doc(alias = "checkpoint_policies")]
#[derive(Clone, PartialEq, Eq, Hash, Default)]
pub struct Policy(Kind);

#[derive(Clone, PartialEq, Eq, Hash, Default)]
enum Kind {
    #[default]
    Nothing,
    Everything,
    Dots {
        batched: bool,
    },
    Only(BTreeSet<String>),
    NamesBut(BTreeSet<String>),
    Except(BTreeSet<String>),
    /// The union of policies. It has an identity if one of them is a user's policy, because the
    /// text of a user's policy is only its name.
    Any(Vec<Policy>, Option<Rule>),
    User(Rule),
}

type Chooser = dyn Fn(&Candidate) -> bool + Send + Sync;

#[track_caller]
fn names<N: AsRef<str>>(names: impl IntoIterator<Item = N>) -> BTreeSet<String> {
    let checked = |name: N| {
        raise(check_name("policy", name.as_ref()));
        name.as_ref().to_owned()
    };
    names.into_iter().map(checked).collect()
}

impl Policy {
    /// Keeps only the arguments. This takes the least memory and computes everything twice.
    pub fn nothing() -> Policy {
        Policy(Kind::Nothing)
    }

    /// Keeps everything that the backward pass needs, as without a checkpoint.
    pub fn everything() -> Policy {
        Policy(Kind::Everything)
    }

    /// Keeps the results of contractions, which are the most expensive to compute again.
    pub fn dots() -> Policy {
        Policy(Kind::Dots { batched: true })
    }

    /// Keeps the results of contractions without batch axes: those of activations with weights, not
    /// those of two activations.
    pub fn dots_without_batch() -> Policy {
        Policy(Kind::Dots { batched: false })
    }

    /// Keeps the values to which [`checkpoint_name`](crate::prims::points::name::checkpoint_name)
    /// gave one of these names.
    #[track_caller]
    pub fn only_names<N: AsRef<str>>(list: impl IntoIterator<Item = N>) -> Policy {
        Policy(Kind::Only(names(list)))
    }

    /// Keeps the values that have a name, except those with one of these names.
    #[track_caller]
    pub fn any_names_but<N: AsRef<str>>(list: impl IntoIterator<Item = N>) -> Policy {
        Policy(Kind::NamesBut(names(list)))
    }

    /// Keeps all values, named or not, except those with one of these names.
    #[track_caller]
    pub fn anything_except_names<N: AsRef<str>>(list: impl IntoIterator<Item = N>) -> Policy {
        Policy(Kind::Except(names(list)))
    }

    /// Keeps the values that at least one of two policies keeps, and that neither forbids by name.
    pub fn or(self, other: Policy) -> Policy {
        let mut all = Vec::new();
        for p in [self, other] {
            match p.0 {
                Kind::Any(several, _) => all.extend(several),
                _ => all.push(p),
            }
        }
        let users = all.iter().any(|p| matches!(p.0, Kind::User(_)));
        let mut any = Policy(Kind::Any(all, None));
        if users {
            let name = any.to_string().into();
            let Policy(Kind::Any(_, rule)) = &mut any else { unreachable!("just made") };
            *rule = Some(Rule { name, value: Arc::new(()) });
        }
        any
    }

    /// Keeps the outputs of the operations for which `keeps` is true. Printed jaxprs show `name`.
    ///
    /// ```
    /// use cotangent::prelude::*;
    /// let sines = Policy::new("sines", |op| op.prim.name() == "sin");
    /// let f = checkpoint_with(|x: Array| x.sin().exp(), sines);
    /// assert_eq!(grad(f)(Array::from(0.0)).item::<f32>(), 1.0);
    /// ```
    pub fn new(name: &str, keeps: impl Fn(&Candidate) -> bool + Send + Sync + 'static) -> Policy {
        let keeps: Box<Chooser> = Box::new(keeps);
        Policy(Kind::User(Rule { name: name.into(), value: Arc::new(keeps) }))
    }

    /// The policy that prints as this text.
    pub fn parse(text: &str) -> Result<Policy, Error> {
        let mut parts = text.split(".or.").map(Policy::parse_one);
        let first = parts.next().expect("a split gives at least one part")?;
        parts.try_fold(first, |all, p| Ok(all.or(p?)))
    }

    fn parse_one(text: &str) -> Result<Policy, Error> {
        let unknown =
            || err!(Parse, "Policy::parse: expected a policy as jaxprs print it, got {text:?}");
        Ok(Policy(match text {
            "nothing" => Kind::Nothing,
            "everything" => Kind::Everything,
            "dots" => Kind::Dots { batched: true },
            "dots_without_batch" => Kind::Dots { batched: false },
            _ => {
                let (kind, list) = text.split_once('<').ok_or_else(unknown)?;
                let list = list.strip_suffix('>').ok_or_else(unknown)?;
                let list = list.split('+').filter(|n| !n.is_empty()).map(str::to_owned).collect();
                match kind {
                    "only" => Kind::Only(list),
                    "names_but" => Kind::NamesBut(list),
                    "except" => Kind::Except(list),
                    _ => return Err(unknown()),
                }
            }
        }))
    }
}

impl fmt::Display for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |names: &BTreeSet<String>| names.iter().cloned().collect::<Vec<_>>().join("+");
        match &self.0 {
            Kind::Nothing => f.write_str("nothing"),
            Kind::Everything => f.write_str("everything"),
            Kind::Dots { batched: true } => f.write_str("dots"),
            Kind::Dots { batched: false } => f.write_str("dots_without_batch"),
            Kind::Only(names) => write!(f, "only<{}>", list(names)),
            Kind::NamesBut(names) => write!(f, "names_but<{}>", list(names)),
            Kind::Except(names) => write!(f, "except<{}>", list(names)),
            Kind::Any(all, _) => {
                let texts: Vec<String> = all.iter().map(Policy::to_string).collect();
                f.write_str(&texts.join(".or."))
            }
            Kind::User(rule) => write!(f, "{rule:?}"),
        }
    }
}

impl fmt::Debug for Policy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// The verdict of a policy that forbids nothing.
fn keep_if(keep: bool) -> Verdict {
    if keep { Verdict::Keep } else { Verdict::Remake }
}

impl KeepPolicy for Policy {
    fn verdict(&self, c: &Candidate) -> Verdict {
        match &self.0 {
            Kind::Nothing => Verdict::Remake,
            Kind::Everything => Verdict::Keep,
            Kind::Dots { .. } if c.prim.kind() != LoweringKind::Dot => Verdict::Remake,
            Kind::Dots { batched } => keep_if(match c.prim.lower(c.inputs, c.outputs) {
                Ok(Lowering::Dot { dims, .. }) => *batched || dims.lhs_batch.is_empty(),
                _ => false,
            }),
            Kind::Only(names) => keep_if(name_of(c.prim).is_some_and(|n| names.contains(&n))),
            Kind::NamesBut(names) => keep_if(name_of(c.prim).is_some_and(|n| !names.contains(&n))),
            Kind::Except(names) => match name_of(c.prim) {
                Some(n) if names.contains(&n) => Verdict::Forbid,
                _ => Verdict::Keep,
            },
            Kind::Any(all, _) => {
                let verdicts: Vec<Verdict> = all.iter().map(|p| p.verdict(c)).collect();
                match verdicts.contains(&Verdict::Forbid) {
                    true => Verdict::Forbid,
                    false => keep_if(verdicts.contains(&Verdict::Keep)),
                }
            }
            Kind::User(rule) => {
                let keeps = rule.value.downcast_ref::<Box<Chooser>>().expect("made by new");
                keep_if(keeps(c))
            }
        }
    }

    fn keeps_nothing(&self) -> bool {
        self.0 == Kind::Nothing
    }

    fn param(&self) -> Param {
        match &self.0 {
            Kind::User(rule) => Param::Rule(rule.clone()),
            Kind::Any(_, Some(rule)) => Param::Rule(rule.clone()),
            _ => Param::Name(self.to_string()),
        }
    }
}
