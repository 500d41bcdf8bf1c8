//! Times on a device, and lines of JSON.

use cotangent::prelude::*;
use cotangent::random;
use std::fmt::Write;
use std::hint::black_box;
use std::time::{Duration, Instant};

/// One object of JSON on a line of its own.
pub struct Line(String);

impl Line {
    pub fn new(what: &str) -> Line {
        Line(format!("{{\"what\": {what:?}"))
    }

    pub fn text(mut self, key: &str, value: &str) -> Line {
        write!(self.0, ", {key:?}: {value:?}").expect("a string");
        self
    }

    pub fn number(mut self, key: &str, value: f64) -> Line {
        match value.is_finite() {
            true => write!(self.0, ", {key:?}: {value:.6}"),
            false => write!(self.0, ", {key:?}: null"),
        }
        .expect("a string");
        self
    }

    pub fn count(mut self, key: &str, value: usize) -> Line {
        write!(self.0, ", {key:?}: {value}").expect("a string");
        self
    }

    pub fn print(self) {
        println!("{}}}", self.0);
    }
}

pub struct Session {
    pub device: Device,
    pub small: bool,
    began: Instant,
    limit: Duration,
}

impl Session {
    pub fn new(device: Device, seconds: f64, small: bool) -> Session {
        let limit = Duration::from_secs_f64(seconds.clamp(1.0, 1e6));
        Session { device, small, began: Instant::now(), limit }
    }

    pub fn seconds(&self) -> f64 {
        self.began.elapsed().as_secs_f64()
    }

    /// Whether no further part may begin.
    pub fn is_over(&self) -> bool {
        self.began.elapsed() > self.limit
    }

    /// A size, or one for a check that everything runs.
    pub fn size(&self, full: usize, small: usize) -> usize {
        if self.small { small } else { full }
    }

    /// The seconds of one of many calls that follow each other: the best mean of five batches,
    /// after one that is not counted. Nothing waits between the calls of a batch.
    pub fn time<R>(&self, call: impl Fn() -> R) -> f64 {
        let batch = |times: usize| {
            self.device.synchronize();
            let before = Instant::now();
            for _ in 0..times {
                black_box(call());
            }
            self.device.synchronize();
            before.elapsed().as_secs_f64() / times as f64
        };
        let once = batch(1).min(batch(1));
        let most = if self.small { 1 } else { 1_000 };
        let times = ((0.05 / once.max(1e-9)) as usize).clamp(1, most);
        let batches = if self.small { 1 } else { 5 };
        (0..batches).map(|_| batch(times)).fold(f64::INFINITY, f64::min)
    }

    /// The seconds of a call whose result is waited for.
    pub fn time_alone<R>(&self, call: impl Fn() -> R) -> f64 {
        let one = || {
            self.device.synchronize();
            let before = Instant::now();
            black_box(call());
            self.device.synchronize();
            before.elapsed().as_secs_f64()
        };
        let times = if self.small { 2 } else { 100 };
        (0..times).map(|_| one()).fold(f64::INFINITY, f64::min)
    }

    /// Normal numbers on the device.
    pub fn normal<const N: usize>(&self, shape: [usize; N], dtype: DType) -> Array {
        let key = random::fold_in(&random::key(0), shape.iter().sum::<usize>() as u32);
        let f =
            jit(move |key: random::Key| random::normal(&key, &shape[..], DType::F32).astype(dtype));
        with_default_device(&self.device, || f(key)).to(&self.device)
    }

    /// Reports an error of a measurement and goes on.
    pub fn attempt(&self, name: &str, f: impl FnOnce() -> Result<(), Error>) {
        if self.is_over() {
            Line::new("left out").text("part", name).print();
        } else if let Err(e) = f() {
            Line::new("failed").text("part", name).text("error", e.message()).print();
        }
    }
}
