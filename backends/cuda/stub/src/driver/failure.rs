//! The end of a context.

use crate::code::Code;
use cotangent_cuda_emulator::{Fault, FaultKind};

/// The end of a context: the status, and a text for people.
#[derive(Debug)]
pub struct Failure {
    pub code: Code,
    pub text: String,
}

impl Failure {
    pub fn new(code: Code, text: impl Into<String>) -> Failure {
        Failure { code, text: text.into() }
    }

    pub fn race(text: String) -> Failure {
        Failure::new(Code::LAUNCH_FAILED, text)
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Failure {
        let code = match fault.kind {
            FaultKind::OutOfBounds => Code::ILLEGAL_ADDRESS,
            FaultKind::Misaligned => Code::MISALIGNED_ADDRESS,
            FaultKind::ReadOnlyMemory => Code::INVALID_ADDRESS_SPACE,
            FaultKind::DivergentBarrier
            | FaultKind::DivergentBranch
            | FaultKind::AbsentLane
            | FaultKind::MaskMismatch => Code::ILLEGAL_INSTRUCTION,
            FaultKind::Budget => Code::LAUNCH_TIMEOUT,
            FaultKind::OutOfMemory => Code::OUT_OF_MEMORY,
            _ => Code::LAUNCH_FAILED,
        };
        Failure { code, text: fault.to_string() }
    }
}
