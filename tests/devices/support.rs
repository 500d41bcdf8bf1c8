//! Runs each test in a process of its own that has two devices of the CPU.

use cotangent::prelude::*;
use std::process::Command;

/// Set in the processes that have two devices.
const APART: &str = "COTANGENT_TEST_APART";

/// Runs a test, which gives its body as a closure, where there are two devices.
pub fn apart<F: FnOnce()>(test: F) {
    if std::env::var_os(APART).is_some() {
        return test();
    }
    let path = std::any::type_name::<F>().trim_end_matches("::{{closure}}");
    let name = path.split_once("::").expect("the crate").1;
    let out = again(name, &[("COTANGENT_CPU_DEVICES", "2")]);
    let said = String::from_utf8_lossy(&out.stdout);
    assert!(said.contains("1 passed"), "{said}{}", String::from_utf8_lossy(&out.stderr));
}

/// The outcome of one test of this binary under these variables of the environment.
pub fn again(name: &str, variables: &[(&str, &str)]) -> std::process::Output {
    let this = std::env::current_exe().expect("the path of the test");
    let mut command = Command::new(this);
    command.args([name, "--exact", "--nocapture"]).env_remove("COTANGENT_DEVICE").env(APART, "1");
    command.env_remove("COTANGENT_CPU_DEVICES").envs(variables.iter().copied());
    command.output().expect("the test runs")
}

/// The default device.
pub fn first() -> Device {
    Device::cpu()
}

/// The other device.
pub fn second() -> Device {
    Device::parse("cpu:1").expect("two devices")
}

/// The message of a call that must fail.
pub fn message<T: std::fmt::Debug>(result: Result<T, Error>) -> String {
    result.expect_err("refused").message().to_string()
}
