//! What tests choose: by functions of the stub, or by variables of the environment.

use super::counters::Counters;
use super::random::Random;
use crate::code::Code;

#[derive(Clone, Debug)]
pub struct Settings {
    pub seed: u64,
    /// The bytes of a device.
    pub capacity: u64,
    pub devices: usize,
    /// The version of the driver: 13000 is 13.0.
    pub driver: i32,
    /// The chance, in percent, that a call which enqueues also runs some of what is enqueued.
    pub eagerness: u32,
    pub compute: (i32, i32),
    /// The instructions of warps that a launch may execute.
    pub budget: u64,
    /// Fails the allocation after this many others.
    pub fail_allocation: Option<u64>,
    /// Fails the launch after this many others with a status.
    pub fail_launch: Option<(u64, Code)>,
    /// Fails these calls of the library for products with a status of its own.
    pub fail_product: Option<(u32, Code)>,
}

/// A number in decimal or, behind `0x`, in hexadecimal.
fn variable(name: &str) -> Option<u64> {
    let text = std::env::var(format!("COTANGENT_STUB_{name}")).ok()?;
    let digits = text.trim();
    match digits.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => digits.parse().ok(),
    }
}

impl Settings {
    pub fn from_environment() -> Settings {
        Settings {
            seed: variable("SEED").unwrap_or(0),
            capacity: variable("CAPACITY").unwrap_or(4 << 30),
            devices: variable("DEVICES").map_or(1, |n| n.min(64) as usize),
            driver: variable("DRIVER").map_or(13_000, |n| n.min(99_990) as i32),
            eagerness: variable("EAGERNESS").map_or(25, |n| n.min(100) as u32),
            compute: (9, 0),
            budget: variable("BUDGET").unwrap_or(1 << 32),
            fail_allocation: None,
            fail_launch: None,
            fail_product: None,
        }
    }
}

/// What all contexts share.
#[derive(Debug)]
pub struct Shared {
    pub settings: Settings,
    pub counters: Counters,
    pub random: Random,
    /// The text of the last fault.
    pub fault: String,
    next: u64,
    contexts: u32,
}

impl Shared {
    pub fn new(settings: Settings) -> Shared {
        let random = Random::new(settings.seed);
        let (counters, fault) = (Counters::default(), String::new());
        Shared { settings, counters, random, fault, next: 0x1000, contexts: 0 }
    }

    /// The number of the next context.
    pub fn number(&mut self) -> u32 {
        self.contexts = self.contexts.wrapping_add(1);
        self.contexts - 1
    }

    /// A handle that was never given before.
    pub fn handle(&mut self) -> u64 {
        self.next += 1;
        self.next * 16
    }

    /// Counts an allocation. Gives whether it is one that a test wants to fail.
    pub fn fails_allocation(&mut self) -> bool {
        match &mut self.settings.fail_allocation {
            Some(0) => {
                self.settings.fail_allocation = None;
                true
            }
            Some(left) => {
                *left -= 1;
                false
            }
            None => false,
        }
    }

    /// The same for a launch, with the status to give.
    pub fn fails_launch(&mut self) -> Option<Code> {
        match &mut self.settings.fail_launch {
            Some((0, code)) => {
                let code = *code;
                self.settings.fail_launch = None;
                Some(code)
            }
            Some((left, _)) => {
                *left -= 1;
                None
            }
            None => None,
        }
    }

    pub fn report(&mut self, text: String) {
        eprintln!("cotangent stub: {text}");
        self.fault = text;
    }
}
