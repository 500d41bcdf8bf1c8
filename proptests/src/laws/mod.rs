//! The laws, one noun per file. Each takes a [`Case`] of anyone's primitive; [`ALL`] is the list
//! that the roll call walks.
//!
//! | law | says |
//! | --- | --- |
//! | `jvp` | tangents are central finite differences |
//! | `adjoint` | `<ct, J v> = <J^T ct, v>` |
//! | `second`, `third` | the same of derivatives, forward and reverse |
//! | `jet` | Taylor coefficients are those that nested jvps give |
//! | `batch` | a batch is a loop over its slices |
//! | `commute` | jvp of batch = batch of jvp |
//! | `split`, `dce`, `simplify` | values stay |
//! | `checkify` | values stay when checks look on |
//! | `check` | every transform gives well-typed jaxprs |
//! | `text` | print then parse is the identity |
//! | `types` | `abstract_eval` tells what runs |
//! | `backend` | compiled = interpreted |
//! | `cuda (interpreted)` | the second backend's code = interpreted |

pub mod adjoint;
pub mod backend;
pub mod batch;
pub mod check;
pub mod checkify;
pub mod commute;
pub mod cuda;
pub mod higher;
pub mod jet;
pub mod jvp;
pub mod keep;
pub mod limits;
pub mod modes;
pub mod narrow;
pub mod text;
pub mod types;

use crate::program::Program;
use crate::violation::{Violation, guard};
use cotangent::prims::entry::Case;
use cotangent::prims::roll_call::roll_call;

/// A law of primitives.
pub struct Law {
    pub name: &'static str,
    check: fn(&Case) -> Result<(), Violation>,
    /// Why the law says nothing of a case, if so.
    silent: fn(&Case) -> Option<&'static str>,
}

/// What became of a law on a case.
pub enum Verdict {
    Holds,
    /// The law does not apply, because of this.
    Exempt(&'static str),
    Broken(Violation),
}

impl Law {
    pub fn named(name: &str) -> &'static Law {
        ALL.iter().find(|l| l.name == name).expect("a law of this name")
    }

    /// Runs a case through the law. A panic breaks it.
    pub fn verdict(&self, case: &Case) -> Verdict {
        let own =
            case.exempt.iter().find(|(law, _)| [self.name, "*"].contains(law)).map(|(_, why)| *why);
        let silent = match own {
            Some(why) => Ok(Some(why)),
            None => guard(|| Ok((self.silent)(case))),
        };
        match silent {
            Ok(Some(why)) => return Verdict::Exempt(why),
            Ok(None) => {}
            Err(broken) => return Verdict::Broken(broken),
        }
        match guard(|| (self.check)(case)) {
            Ok(()) => Verdict::Holds,
            Err(broken) => Verdict::Broken(broken.within(format!("law {}", self.name))),
        }
    }
}

/// Every law.
pub const ALL: &[Law] = &[
    Law { name: "types", check: types::law, silent: never },
    Law { name: "backend", check: backend::law, silent: never },
    Law { name: "cuda (interpreted)", check: cuda::law, silent: elsewhere },
    Law { name: "text", check: text::law, silent: rules },
    Law { name: "check", check: check::law, silent: never },
    Law { name: "jvp", check: jvp::law, silent: exact },
    Law { name: "adjoint", check: adjoint::law, silent: exact },
    Law { name: "second", check: higher::second, silent: exact },
    Law { name: "third", check: higher::third, silent: exact },
    Law { name: "jet", check: jet::law, silent: exact },
    Law { name: "batch", check: batch::law, silent: no_inputs },
    Law { name: "commute", check: commute::law, silent: exact },
    Law { name: "split", check: keep::split, silent: no_inputs },
    Law { name: "dce", check: keep::dced, silent: never },
    Law { name: "simplify", check: keep::simplified, silent: never },
    Law { name: "checkify", check: checkify::law, silent: checkify::lanes },
];

fn never(_: &Case) -> Option<&'static str> {
    None
}

fn no_inputs(case: &Case) -> Option<&'static str> {
    case.inputs.is_empty().then_some("no inputs")
}

/// Derivatives are of floats.
fn exact(case: &Case) -> Option<&'static str> {
    if case.inputs.is_empty() {
        return Some("no inputs");
    }
    let inexact = case.inputs.iter().any(|x| x.dtype().is_inexact());
    (!inexact).then_some("no derivative")
}

/// The array of `constant` lies on the first backend's device. A program that is not a test of this
/// workspace may have no second one.
fn elsewhere(case: &Case) -> Option<&'static str> {
    if cuda::device().is_err() {
        return Some("there is neither a CUDA device nor the stub of its driver");
    }
    let constant = case.prim.name() == "constant";
    constant.then_some("its array lies on another device")
}

fn rules(case: &Case) -> Option<&'static str> {
    if roll_call().iter().all(|e| e.name != case.prim.name()) {
        return Some("not on the roll: text::law_with takes a registry");
    }
    let rules = Program::of(case).ok()?.has_rules();
    rules.then_some("carries a rule or an array, which text does not")
}
