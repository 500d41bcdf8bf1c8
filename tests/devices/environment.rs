//! The variables of the environment that choose devices. Each case is a process of its own.

use crate::support::again;
use cotangent::ErrorKind;
use cotangent::prelude::*;

/// What the process of a case does: prints the outcomes of some operations.
#[test]
fn outcomes() {
    let show = |what: &str, result: Result<String, Error>| {
        let text = result.unwrap_or_else(|e| {
            assert_eq!(e.kind(), ErrorKind::Device, "{e}");
            e.message().into()
        });
        println!("|{what}: {text}|");
    };
    let at = |x: Array| x.try_device().map(|d| d.to_string());
    show("default", default_device().map(|d| d.to_string()));
    show("elements", Array::try_new(&[1f32, 2.0], [2]).and_then(at));
    show("made", cotangent::numpy::create::try_zeros([2]).and_then(at));
    show("number", jit(|x: Array| x + 1.0).try_call((Array::from(1.0),)).and_then(at));
    // What needs no device works.
    show("traced", Ok(make_jaxpr(|x: Array| x + 1.0)(shape_dtype([2], DType::F32)).to_string()));
    show("count", Ok(devices().len().to_string()));
    show("named", Device::parse("cpu").and_then(|d| Array::from(1.0).try_to(&d)).and_then(at));
}

/// The outcomes in a process with these variables.
fn said(variables: &[(&str, &str)]) -> Vec<String> {
    let out = again("environment::outcomes", variables);
    let text = String::from_utf8_lossy(&out.stdout).into_owned();
    assert!(out.status.success(), "{text}{}", String::from_utf8_lossy(&out.stderr));
    text.split('|').filter(|t| t.contains(": ") && !t.contains('\n')).map(String::from).collect()
}

const TRACED: &str = "traced: { lambda ; a:f32[2]. let b:f32[2] = add a 1.0:f32[] in (b,) }";

/// The outcomes where all goes well.
fn well(device: &str, count: usize) -> Vec<String> {
    let of = |what: &str| format!("{what}: {device}");
    let mut all: Vec<String> = ["default", "elements", "made", "number"].map(of).into();
    all.extend([TRACED.into(), format!("count: {count}"), "named: cpu:0".into()]);
    all
}

/// The outcomes where the default device does not exist.
fn badly(error: &str, count: usize) -> Vec<String> {
    let of = |what: &str| format!("{what}: {error}");
    let mut all: Vec<String> = ["default", "elements", "made", "number"].map(of).into();
    all.extend([TRACED.into(), format!("count: {count}"), "named: cpu:0".into()]);
    all
}

#[test]
fn the_default_device_is_the_one_that_is_named() {
    assert_eq!(said(&[]), well("cpu:0", 1));
    for name in ["cpu", "cpu:0", ""] {
        assert_eq!(said(&[("COTANGENT_DEVICE", name)]), well("cpu:0", 1));
    }
    let two = ("COTANGENT_CPU_DEVICES", "2");
    assert_eq!(said(&[two, ("COTANGENT_DEVICE", "cpu:1")]), well("cpu:1", 2));
}

#[test]
fn a_wrong_name_is_one_error_wherever_the_device_is_needed() {
    let case = |device: &str, more: &[(&str, &str)], error: &str, count: usize| {
        let variables = [&[("COTANGENT_DEVICE", device)], more].concat();
        assert_eq!(said(&variables), badly(&format!("COTANGENT_DEVICE={device}: {error}"), count));
    };
    let no_cuda = "this build has no CUDA backend: build cotangent with the feature `cuda`";
    if !cfg!(feature = "cuda") {
        case("cuda", &[], no_cuda, 1);
        case("cuda:1", &[], no_cuda, 1);
    } else if !devices().iter().any(|d| d.to_string().starts_with("cuda")) {
        let no_driver = "cuda: found no NVIDIA driver (libcuda.so.1, nvcuda.dll); install one, or \
                         name its library in COTANGENT_CUDA_DRIVER";
        case("cuda", &[], no_driver, 1);
        case("cuda:1", &[], no_driver, 1);
    }
    let kinds = "there is no such kind of device; a device is named cpu, cuda, or with a number, \
                 cuda:1";
    case("gpu", &[], kinds, 1);
    case("cpu:x", &[], "expected a number after the colon, as in cpu:1, got \"x\"", 1);
    let one = "there is one cpu device, cpu:0; COTANGENT_CPU_DEVICES=2 in the environment makes it \
               two";
    case("cpu:1", &[], one, 1);
    let two = [("COTANGENT_CPU_DEVICES", "2")];
    case("cpu:2", &two, "there are 2 cpu devices, cpu:0 to cpu:1", 2);
}

#[test]
fn a_wrong_count_of_cpus_is_an_error_where_they_are_counted() {
    let wrong = ("COTANGENT_CPU_DEVICES", "many");
    let error = "COTANGENT_CPU_DEVICES=many: expected a number from 1 to 64";
    let mut expected = well("cpu:0", 0);
    expected[6] = format!("named: device cpu: {error}");
    assert_eq!(said(&[wrong]), expected);
    let mut expected = badly(&format!("COTANGENT_DEVICE=cpu:1: {error}"), 0);
    expected[6] = format!("named: device cpu: {error}");
    assert_eq!(said(&[wrong, ("COTANGENT_DEVICE", "cpu:1")]), expected);
}

#[test]
fn panicking_forms_panic_at_the_line_of_the_user() {
    let out = again("environment::panics", &[("COTANGENT_DEVICE", "cuda:7")]);
    let said = String::from_utf8_lossy(&out.stderr);
    assert!(!out.status.success());
    assert!(said.contains("tests/devices/environment.rs"), "{said}");
    assert!(said.contains("COTANGENT_DEVICE=cuda:7: "), "{said}");
}

/// Run by the test above under a variable that is wrong.
#[test]
fn panics() {
    let x = array![1.0, 2.0];
    assert_eq!(x.shape(), [2]);
}
