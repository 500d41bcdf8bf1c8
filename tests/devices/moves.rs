//! Devices of arrays, moves between them, and operands on two devices.

use crate::support::{apart, first, message, second};
use cotangent::prelude::*;
use cotangent::{ErrorKind, lax, random};

#[test]
fn devices_have_names() {
    apart(|| {
        assert_eq!(devices(), [first(), second()]);
        assert_eq!(format!("{} {:?}", first(), second()), "cpu:0 cpu:1");
        assert!(first().name().contains("core") && first().name() == second().name());
        for name in ["cpu", "cpu:0"] {
            assert_eq!(Device::parse(name), Ok(first()));
        }
        assert_eq!(default_device(), Ok(first()));
        first().synchronize();
        assert_eq!(second().try_synchronize(), Ok(()));
    });
}

#[test]
fn wrong_names_say_what_there_is() {
    apart(|| {
        let kinds = "there is no such kind of device; a device is named cpu, cuda, or with a \
                     number, cuda:1";
        let number = "expected a number after the colon, as in cpu:1, got";
        for (name, said) in [
            ("gpu", format!("device gpu: {kinds}")),
            ("", format!("device : {kinds}")),
            ("cpu:", format!("device cpu:: {number} \"\"")),
            ("cpu:-1", format!("device cpu:-1: {number} \"-1\"")),
            ("cpu:2", "device cpu:2: there are 2 cpu devices, cpu:0 to cpu:1".into()),
        ] {
            let error = Device::parse(name).expect_err("no device");
            assert_eq!((error.kind(), error.message()), (ErrorKind::Device, &said[..]));
        }
    });
}

#[test]
fn arrays_tell_their_device_and_move() {
    apart(|| {
        let x = array![1.0, 2.0];
        assert_eq!(x.device(), first());
        let y = x.to(&second());
        assert_eq!((y.device(), y.to_vec::<f32>()), (second(), vec![1.0, 2.0]));
        assert_eq!(y.to_string(), "[1. 2.]");
        // No copy where it is there already.
        let live = second().memory_stats().live;
        let same = y.to(&second());
        assert_eq!(second().memory_stats().live, live);
        assert_eq!(same.device(), second());
        assert_eq!(y.to(&first()), x);
        assert_eq!(y.reshape([2, 1]).device(), second());
        // A number has no memory before it moves, and keeps its weak type.
        let number = Array::from(2.0);
        assert_eq!(number.device(), first());
        let there = number.to(&second());
        assert_eq!((there.device(), there.is_weak()), (second(), true));
        for dtype in [DType::Bool, DType::I8, DType::F64, DType::C64, DType::BF16] {
            let z = ones_dtype([3], dtype);
            assert_eq!(z.to(&second()).to_bytes(), z.to_bytes());
        }
        assert_eq!(zeros([0, 3]).to(&second()).to(&first()).shape(), [0, 3]);
    });
}

#[test]
fn operands_on_two_devices_are_an_error() {
    apart(|| {
        let (x, y) = (array![1.0, 2.0], array![[3.0, 4.0]].to(&second()));
        let cure = "move one of them with x.to(&device)";
        let said = |name: &str, a: &str, b: &str| {
            format!("{name}: expected operands on one device, got {a} and {b}; {cure}")
        };
        let (on_0, on_1) = ("f32[2] on cpu:0", "f32[1,2] on cpu:1");
        assert_eq!(
            message((x.expand_dims(0)).try_maximum(&y)),
            said("maximum", "f32[1,2] on cpu:0", on_1)
        );
        let error = y.try_matmul(&x).expect_err("two devices");
        assert_eq!(error.kind(), ErrorKind::Device);
        assert_eq!(error.message(), said("matmul", on_1, on_0));
        assert_eq!(
            message(lax::try_concatenate(&[x.clone(), y.index(0)], 0)),
            said("concatenate", on_0, "f32[2] on cpu:1")
        );
        let f = jit(|x: Array, y: Array| x + y).named("plus");
        assert_eq!(message(f.try_call((x.clone(), y.clone()))), said("plus", on_0, on_1));
        let g = grad(|x: Array, y: Array| (x * y).sum());
        assert!(message(g.try_call((x.clone(), y.clone()))).ends_with(&said("main", on_0, on_1)));
        // Elements of the user on the default device, beside others.
        let said = message(y.try_index(&array![0, 0]));
        assert!(said.starts_with("index: ") && said.contains("on cpu:0"), "{said}");
    });
}

#[test]
fn what_nobody_placed_moves_freely() {
    apart(|| {
        let y = array![1.0, 2.0, 3.0].to(&second());
        let scalar = Array::scalar(2.0f32);
        for z in [&y * &scalar, &scalar * &y, &y + zeros([3]), arange(3) * &y, 2.0 - &y] {
            assert_eq!(z.device(), second());
        }
        let noise = random::normal(&random::key(0), [3], DType::F32);
        assert_eq!((noise.device(), (noise + &y).device()), (first(), second()));
        // What was computed from scalars alone moves, too; a committed array does not.
        let twos = (&scalar + 0.0).broadcast_to([3]);
        assert_eq!((&twos * &y).device(), second());
        assert_eq!((&y.sum() + array![1.0, 2.0]).device(), first());
        let pinned = zeros([3]).to(&first());
        assert!(message(y.try_maximum(&pinned)).contains("f32[3] on cpu:0"));
        // No operand is committed: the one away from the default device counts.
        assert_eq!((arange(3) * y.sum()).device(), second());
        assert_eq!((y.sum() * &scalar).device(), second());
        assert_eq!((&scalar * 2.0).device(), first());
    });
}

#[test]
fn scopes_nest_and_end() {
    apart(|| {
        let inside = with_default_device(&second(), || {
            let x = array![1.0];
            let back = with_default_device(&first(), || array![1.0]);
            (x.device(), back.device(), default_device().unwrap(), memory_stats().live)
        });
        assert_eq!((inside.0, inside.1, inside.2), (second(), first(), second()));
        assert!(inside.3 < 4096, "the statistics of the second device");
        let panics = || with_default_device(&second(), || panic!("stop"));
        assert!(std::panic::catch_unwind(panics).is_err());
        assert_eq!(default_device(), Ok(first()));
        // A scope inside of a trace does not change the device of the trace.
        let f = jit(|x: Array| {
            with_default_device(&second(), || assert_eq!(x.sin().device(), first()));
            x + 1.0
        });
        assert_eq!(f(array![1.0]).device(), first());
        // Arrays that exist are not moved by a scope, and other threads have scopes of their own.
        let x = array![1.0, 2.0];
        let (y, z) = with_default_device(&second(), || {
            let other = std::thread::spawn(|| array![1.0].device()).join().unwrap();
            (x.sin().device(), other)
        });
        assert_eq!((y, z), (first(), first()));
    });
}

#[test]
fn each_device_counts_its_memory() {
    apart(|| {
        let before = [first(), second()].map(|d| d.memory_stats());
        let x = with_default_device(&second(), || zeros([1000, 1000]));
        let held = [first(), second()].map(|d| d.memory_stats());
        assert!(held[1].live >= before[1].live + 4_000_000 && held[1].peak >= held[1].live);
        assert!(held[0].live < before[0].live + 1_000_000);
        drop(x);
        assert_eq!(second().memory_stats().live, before[1].live);
        assert!(second().memory_stats().peak >= 4_000_000);
        let y = with_default_device(&second(), || zeros([1000, 1000]));
        assert!(second().memory_stats().hits > held[1].hits);
        drop(y);
        assert_eq!(memory_stats().peak, first().memory_stats().peak);
    });
}

#[test]
fn files_go_to_the_default_device() {
    apart(|| {
        let x = array![1.0, 2.0].to(&second());
        let bytes = cotangent::io::npy_to_bytes(&x).expect("written");
        let read = || cotangent::io::npy_from_bytes(&bytes).expect("read");
        assert_eq!(read().device(), first());
        let there = with_default_device(&second(), read);
        assert_eq!((there.device(), there), (second(), x));
    });
}
