//! What a driver asks for the sake of graphs: conditions that kernels set, and the bytes that a
//! launch has touched.

use crate::support::{entry, module, source};
use cotangent_cuda_emulator::{Device, FaultKind, Launch, Module, Touched};
use std::ops::Range;

const DECLARED: &str =
    ".extern .func cudaGraphSetConditional(.param .b64 handle, .param .b32 value);";

/// A call whose arguments are the parameter `p0` and the index of the thread.
const CALL: &str = "
    ld.param.u64 %a0, [p0];
    mov.u32 %r0, %tid.x;
    {
        .param .b64 first;
        .param .align 4 .b32 second;
        st.param.b64 [first+0], %a0;
        st.param.b32 [second], %r0;
        call.uni cudaGraphSetConditional, (first, second);
    }";

fn one(threads: u32) -> Launch {
    Launch { grid: [1; 3], block: [threads, 1, 1], dynamic_shared: 0, cooperative: false }
}

#[test]
fn each_thread_sets_a_condition() {
    let module = module(&entry(1, DECLARED, CALL));
    let (mut device, mut seen) = (Device::new(0), Vec::new());
    let mut set = |handle, value| {
        seen.push((handle, value));
        true
    };
    let params = 0x1234_5678_9abc_u64.to_le_bytes();
    device.launch_setting(&module, "f", one(40), &params, &mut set).unwrap();
    seen.sort_unstable();
    let expected: Vec<(u64, u32)> = (0..40).map(|n| (0x1234_5678_9abc, n)).collect();
    assert_eq!(seen, expected);
}

#[test]
fn a_condition_that_nobody_has_is_a_fault() {
    let module = module(&entry(1, DECLARED, CALL));
    let fault = Device::new(0).launch(&module, "f", [1; 3], [1; 3], 0, &[0; 8]).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Condition);
}

#[test]
fn an_argument_without_a_value_is_a_fault() {
    let text = entry(1, DECLARED, &CALL.replace("st.param.b32 [second], %r0;", ""));
    let module = module(&text);
    let fault = Device::new(0).launch(&module, "f", [1; 3], [1; 3], 0, &[0; 8]).unwrap_err();
    assert_eq!(fault.kind, FaultKind::UnwrittenMemory);
}

#[test]
fn other_calls_are_refused() {
    let kind = |before: &str, body: &str| {
        Module::parse(&source(&entry(1, before, body))).unwrap_err().kind
    };
    let change = |from: &str, to: &str| {
        assert!(CALL.contains(from));
        kind(DECLARED, &CALL.replace(from, to))
    };
    assert_eq!(kind("", CALL), FaultKind::Unsupported);
    let other = DECLARED.replace("cudaGraphSetConditional", "vprintf");
    assert_eq!(kind(&other, CALL), FaultKind::Unsupported);
    assert_eq!(kind(&DECLARED.replace(".b32", ".b64"), CALL), FaultKind::Syntax);
    assert_eq!(change("cudaGraphSetConditional", "vprintf"), FaultKind::Unsupported);
    assert_eq!(change("(first, second)", "(first)"), FaultKind::Syntax);
    assert_eq!(change("(first, second)", "(second, first)"), FaultKind::Type);
    assert_eq!(change("(first, second)", "(p0, second)"), FaultKind::Type);
    assert_eq!(change("st.param.b32 [second]", "st.param.b64 [second]"), FaultKind::Type);
    assert_eq!(
        change("st.param.b64 [first+0]", "st.param.b64 [first+8]"),
        FaultKind::ReadOnlyMemory
    );
    assert_eq!(change("st.param.b64 [first+0]", "st.param.b64 [p0]"), FaultKind::Type);
    assert_eq!(change("mov.u32 %r0, %tid.x", "mov.u64 %a1, first"), FaultKind::Name);
    assert_eq!(change(".param .b64 first;", ".param .b64 first = 3;"), FaultKind::Syntax);
}

/// Ranges in order, with those joined that follow each other.
fn joined(mut ranges: Vec<Range<u64>>) -> Vec<(u64, u64)> {
    ranges.sort_unstable_by_key(|r| r.start);
    let mut joined: Vec<(u64, u64)> = Vec::new();
    for range in ranges {
        match joined.last_mut() {
            Some(last) if last.1 == range.start => last.1 = range.end,
            _ => joined.push((range.start, range.end)),
        }
    }
    joined
}

#[test]
fn a_launch_tells_what_it_touched() {
    let text = entry(
        1,
        "",
        "
        ld.param.u64 %a0, [p0];
        mov.u32 %r0, %tid.x;
        mad.wide.u32 %a1, %r0, 4, %a0;
        ld.global.u32 %r1, [%a1];
        st.global.u32 [%a1+512], %r1;
        ld.global.u32 %r2, [%a1+512];
        atom.global.add.u32 %r3, [%a0+1024], 1;",
    );
    let module = module(&text);
    let mut device = Device::numbered(3, 0);
    let (a, b) = (device.allocate(2048).unwrap(), device.allocate(16).unwrap());
    device.fill(a, &[0], 2048).unwrap();
    device.fill(b, &[0], 16).unwrap();
    for _ in 0..2 {
        device.launch(&module, "f", [1; 3], [100, 1, 1], 0, &a.to_le_bytes()).unwrap();
        let Touched { reads, writes, updates } = device.touched();
        assert_eq!(joined(reads), [(a, a + 400)]);
        assert_eq!(joined(writes), [(a + 512, a + 912)]);
        assert_eq!(joined(updates), [(a + 1024, a + 1028)]);
    }
    // What another launch has touched is not told again.
    device.free(a).unwrap();
    let none = Module::parse(&source(&entry(0, "", ""))).unwrap();
    device.launch(&none, "f", [1; 3], [1; 3], 0, &[]).unwrap();
    assert_eq!(device.touched(), Default::default());
}

#[test]
fn devices_have_addresses_apart() {
    let (mut first, mut second) = (Device::numbered(0, 0), Device::numbered(1, 0));
    let (a, b) = (first.allocate(4).unwrap(), second.allocate(4).unwrap());
    assert!(a.abs_diff(b) > 1 << 40);
    assert_eq!(second.write(a, &[0]).unwrap_err().kind, FaultKind::OutOfBounds);
}
