//! Planted faults: each is found with its kind and line, and its twin without the fault passes.

use crate::support::{Gpu, entry, expect_fault, line_of, module, source};
use cotangent_cuda_emulator::{FaultKind, Module};

/// `%a0`, `%a1` are the parameters, `%r0` the thread, `%r1` the block, `%a2` and `%a3` the places
/// of the thread in the two buffers.
const BEGIN: &str = "
    ld.param.u64 %a0, [p0];
    ld.param.u64 %a1, [p1];
    mov.u32 %r0, %tid.x;
    mov.u32 %r1, %ctaid.x;
    mad.wide.u32 %a2, %r0, 4, %a0;
    mad.wide.u32 %a3, %r0, 4, %a1;";

/// A buffer of 64 numbers and an empty one.
fn gpu(seed: u64) -> Gpu {
    Gpu::new(seed).holds(&[1; 256]).room(256)
}

/// Runs the text with the wrong line and with the right one, which both replace `HERE`. The line of
/// the fault holds the mark; every seed must find it.
fn pair(kind: FaultKind, body: &str, wrong: &str, right: &str, mark: &str, grid: u32, block: u32) {
    let with = |line: &str| entry(2, "", &format!("{BEGIN}\n{}", body.replace("HERE", line)));
    for seed in 0..6 {
        let text = with(wrong);
        let mark = if mark.is_empty() { wrong.lines().next().unwrap() } else { mark };
        let result = gpu(seed).launch(&module(&text), grid, block);
        expect_fault(result, kind, &text, mark);
        if let Err(fault) = gpu(seed).launch(&module(&with(right)), grid, block) {
            panic!("the twin fails: {fault}\n{}", with(right));
        }
    }
}

/// The same for what reading the text refuses.
fn refused(kind: FaultKind, wrong: &str, right: &str) {
    let text = entry(1, "", wrong);
    let fault = Module::parse(&source(&text)).expect_err(wrong);
    assert_eq!(fault.kind, kind, "{fault}");
    assert_eq!(fault.line, Some(line_of(&text, wrong.lines().next().unwrap())), "{fault}");
    module(&entry(1, "", right));
}

const EXCHANGE: &str = "
    .shared .align 4 .b32 s[64];
    mov.u32 %r3, s;
    mad.lo.u32 %r4, %r0, 4, %r3;
    xor.b32 %r5, %r4, 4;
    st.shared.u32 [%r4], %r0;
    HERE
    ld.shared.u32 %r6, [%r5];
    st.global.u32 [%a3], %r6;";

#[test]
fn missing_barrier_within_a_warp() {
    let mark = "ld.shared.u32 %r6";
    pair(FaultKind::SharedRace, EXCHANGE, "", "bar.sync 0;", mark, 1, 32);
    pair(FaultKind::SharedRace, EXCHANGE, "", "bar.warp.sync 0xffffffff;", mark, 1, 32);
}

/// An earlier barrier does not order what follows it.
#[test]
fn missing_second_barrier() {
    let store = "st.shared.u32 [%r4], %r0;";
    for barrier in ["bar.sync 0;", "bar.warp.sync 0xffffffff;"] {
        let body = EXCHANGE.replace(store, &format!("{barrier}\n{store}"));
        pair(FaultKind::SharedRace, &body, "", barrier, "ld.shared.u32 %r6", 1, 32);
    }
}

#[test]
fn two_lanes_store_to_one_place() {
    let body = ".shared .align 4 .b32 s[64];
        HERE
        st.shared.u32 [s], %r0;
        LATER:";
    let guard = "setp.ne.u32 %p0, %r0, 3;\n@%p0 bra LATER;";
    pair(FaultKind::SharedRace, body, "", guard, "st.shared.u32 [s]", 1, 64);
}

#[test]
fn missing_barrier_between_warps() {
    let body = EXCHANGE.replace("xor.b32 %r5, %r4, 4", "xor.b32 %r5, %r4, 128");
    for seed in 0..6 {
        // Either the read is too early, and finds nothing, or it races.
        let text = entry(2, "", &format!("{BEGIN}\n{}", body.replace("HERE", "")));
        let fault = gpu(seed).launch(&module(&text), 1, 64).unwrap_err();
        let kinds = [FaultKind::SharedRace, FaultKind::UnwrittenMemory];
        assert!(kinds.contains(&fault.kind), "{fault}");
        assert_eq!(fault.line, Some(line_of(&text, "ld.shared.u32 %r6")));
        let text = entry(2, "", &format!("{BEGIN}\n{}", body.replace("HERE", "bar.sync 0;")));
        gpu(seed).launch(&module(&text), 1, 64).unwrap();
    }
}

#[test]
fn divergent_barrier() {
    let body = "setp.lt.u32 %p0, %r0, 7;\n HERE\n st.global.u32 [%a3], %r0;";
    let kind = FaultKind::DivergentBarrier;
    pair(kind, body, "@%p0 bar.sync 0;", "bar.sync 0;", "", 1, 64);
    let body = "setp.lt.u32 %p0, %r0, 7;\n HERE\n bar.sync 0;\n DONE:";
    pair(kind, body, "@%p0 ret;", "@%p0 bra NEXT;\n NEXT:", "bar.sync 0", 1, 64);
    let body = "setp.lt.u32 %p0, %r0, 32;\n HERE\n bar.sync 0;\n DONE:";
    pair(kind, body, "@%p0 bra DONE;", "", "bar.sync 0", 1, 64);
    let body = "setp.lt.u32 %p0, %r0, 32;\n HERE";
    let wrong = "@%p0 bra A;\n bar.sync 1;\n bra B;\n A:\n bar.sync 0;\n B:";
    let text = entry(2, "", &format!("{BEGIN}\n{}", body.replace("HERE", wrong)));
    let fault = gpu(0).launch(&module(&text), 1, 64).unwrap_err();
    assert_eq!(fault.kind, kind, "{fault}");
}

#[test]
fn unguarded_store() {
    let body = "mad.lo.u32 %r2, %r1, 64, %r0;
        mad.wide.u32 %a4, %r2, 4, %a1;
        setp.lt.u32 %p0, %r2, 64;
        HERE";
    let (wrong, right) = ("st.global.u32 [%a4], %r2;", "@%p0 st.global.u32 [%a4], %r2;");
    pair(FaultKind::OutOfBounds, body, wrong, right, "", 2, 64);
    let shared = ".shared .align 4 .b32 s[63];
        mov.u32 %r3, s;
        mad.lo.u32 %r4, %r0, 4, %r3;
        setp.lt.u32 %p0, %r0, 63;
        HERE";
    let (wrong, right) = ("st.shared.u32 [%r4], %r0;", "@%p0 st.shared.u32 [%r4], %r0;");
    pair(FaultKind::OutOfBounds, shared, wrong, right, "", 1, 64);
}

#[test]
fn misaligned_vector() {
    let body = "mul.wide.u32 %a4, %r0, 8;\n add.u64 %a4, %a4, %a0;\n HERE";
    let wrong = "ld.global.v4.b32 {%r4, %r5, %r6, %r7}, [%a4];";
    let right = "ld.global.v2.b32 {%r4, %r5}, [%a4];";
    pair(FaultKind::Misaligned, body, wrong, right, "", 1, 16);
    let wrong = "ld.global.u32 %r4, [%a0+2];";
    pair(FaultKind::Misaligned, "HERE", wrong, "ld.global.u16 %r4, [%a0+2];", "", 1, 1);
}

#[test]
fn read_only_load_of_what_the_launch_writes() {
    let body = "HERE\n add.u32 %r4, %r4, 1;\n st.global.u32 [%a2], %r4;";
    let (wrong, right) = ("ld.global.nc.u32 %r4, [%a2];", "ld.global.u32 %r4, [%a2];");
    pair(FaultKind::ReadOnlyAlias, body, wrong, right, "st.global.u32 [%a2]", 1, 64);
    let body = "st.global.u32 [%a2], %r0;\n HERE";
    pair(FaultKind::ReadOnlyAlias, body, wrong, right, "", 1, 64);
}

#[test]
fn unwritten_register() {
    let body = "setp.lt.u32 %p0, %r0, 63;\n HERE\n st.global.u32 [%a3], %r4;";
    let (wrong, mark) = ("@%p0 mov.u32 %r4, 1;", "st.global.u32 [%a3]");
    pair(FaultKind::UnwrittenRegister, body, wrong, "mov.u32 %r4, 1;", mark, 1, 64);
    let body = "HERE\n @%p3 st.global.u32 [%a3], %r0;";
    let right = "setp.eq.u32 %p3, %r0, 1;";
    pair(FaultKind::UnwrittenRegister, body, "", right, "@%p3 st", 1, 64);
}

#[test]
fn unwritten_memory() {
    let body = ".shared .align 4 .b32 s[2];\n HERE\n bar.sync 0;\n ld.shared.u32 %r4, [s];";
    let first = "setp.eq.u32 %p0, %r0, 0;\n @%p0 st.shared.u32 [s";
    let (wrong, right) = (format!("{first}+4], 1;"), format!("{first}], 1;"));
    pair(FaultKind::UnwrittenMemory, body, &wrong, &right, "ld.shared.u32 %r4", 1, 64);
    let (wrong, right) = ("ld.global.u32 %r4, [%a3];", "ld.global.u32 %r4, [%a2];");
    pair(FaultKind::UnwrittenMemory, "HERE", wrong, right, "", 1, 64);
    let body = ".local .align 4 .b8 l[8];\n st.local.u32 [l], 1;\n HERE";
    let (wrong, right) = ("ld.local.u32 %r4, [l+4];", "ld.local.u32 %r4, [l];");
    pair(FaultKind::UnwrittenMemory, body, wrong, right, "", 1, 64);
}

#[test]
fn race_between_blocks() {
    let body = "HERE\n st.global.u32 [%a4], %r0;";
    let (wrong, right) = ("mov.u64 %a4, %a3;", "mad.wide.u32 %a4, %r1, 128, %a3;");
    pair(FaultKind::GlobalRace, body, wrong, right, "st.global.u32 [%a4]", 2, 32);
    let body = "setp.eq.u32 %p0, %r0, 0;\n HERE";
    let wrong = "@%p0 st.global.u32 [%a1], 1;";
    let right = "@%p0 atom.global.exch.b32 %r5, [%a1], 1;";
    let right = format!("@%p0 st.relaxed.gpu.global.u32 [%a1], 1;\n bar.sync 0;\n {right}");
    pair(FaultKind::GlobalRace, body, wrong, &right, "", 2, 32);
}

#[test]
fn division_by_zero() {
    let body = "sub.u32 %r4, %r0, 5;\n HERE\n st.global.u32 [%a3], %r5;";
    for op in ["div.u32", "rem.u32", "div.s32", "rem.s32"] {
        let wrong = format!("{op} %r5, %r0, %r4;");
        let right = format!("max.u32 %r4, %r4, 1;\n {wrong}");
        pair(FaultKind::DivisionByZero, body, &wrong, &right, "", 1, 64);
    }
}

#[test]
fn absent_shuffle_lane() {
    let body = "setp.lt.u32 %p0, %r0, 16;\n @!%p0 bra DONE;\n HERE\n DONE:";
    let wrong = "shfl.sync.down.b32 %r4, %r0, 8, 31, 0xffff;";
    let right = "shfl.sync.down.b32 %r4, %r0, 8, 0x100f, 0xffff;";
    pair(FaultKind::AbsentLane, body, wrong, right, "", 1, 32);
    let wrong = "shfl.sync.bfly.b32 %r4, %r0, 8, 31, 0xffffffff;";
    let right = "shfl.sync.bfly.b32 %r4, %r0, 8, 31, 0xffff;";
    pair(FaultKind::MaskMismatch, body, wrong, right, "", 1, 32);
    let wrong = "vote.sync.ballot.b32 %r4, %p0, %r0;";
    let right = "vote.sync.ballot.b32 %r4, %p0, 0xffff;";
    pair(FaultKind::MaskMismatch, body, wrong, right, "", 1, 32);
}

#[test]
fn divergent_uniform_branch() {
    let body = "setp.lt.u32 %p0, %r0, 5;\n HERE\n st.global.u32 [%a3], %r0;\n DONE:";
    let (wrong, right) = ("@%p0 bra.uni DONE;", "@%p0 bra DONE;");
    pair(FaultKind::DivergentBranch, body, wrong, right, "", 1, 32);
}

#[test]
fn copy_that_is_not_waited_for() {
    let body = ".shared .align 16 .b8 s[1024];
        mov.u32 %r3, s;
        mad.lo.u32 %r4, %r0, 4, %r3;
        cp.async.ca.shared.global [%r4], [%a2], 4;
        cp.async.commit_group;
        cp.async.ca.shared.global [%r4+256], [%a2], 4;
        cp.async.commit_group;
        HERE
        bar.sync 0;
        xor.b32 %r4, %r4, 4;
        ld.shared.u32 %r5, [%r4];
        ld.shared.u32 %r6, [%r4+256];
        st.global.u32 [%a3], %r6;";
    let kind = FaultKind::AsyncPending;
    let right = "cp.async.wait_group 0;";
    pair(kind, body, "", right, "ld.shared.u32 %r5", 1, 64);
    pair(kind, body, "cp.async.wait_group 1;", right, "ld.shared.u32 %r6", 1, 64);
    pair(kind, body, "cp.async.wait_group 2;", "cp.async.wait_all;", "ld.shared.u32 %r5", 1, 64);
    // The wait makes a copy visible to its own thread only.
    let body = body.replace("bar.sync 0;", "");
    let text = entry(2, "", &format!("{BEGIN}\n{}", body.replace("HERE", right)));
    let result = gpu(0).launch(&module(&text), 1, 64);
    expect_fault(result, FaultKind::SharedRace, &text, "ld.shared.u32 %r5");
}

#[test]
fn endless_loop() {
    let text = entry(2, "", &format!("{BEGIN}\n LOOP:\n add.u32 %r0, %r0, 1;\n bra LOOP;"));
    let mut gpu = gpu(0);
    gpu.device.set_budget(10_000);
    let fault = gpu.launch(&module(&text), 1, 32).unwrap_err();
    assert_eq!(fault.kind, FaultKind::Budget);
}

#[test]
fn texts_that_are_refused() {
    use FaultKind::{Contraction, Name, Type, Unsupported};
    for op in ["add", "sub", "mul"] {
        for (ty, r) in [("f32", "f"), ("f64", "d")] {
            let with = |rounding| format!("{op}{rounding}.{ty} %{r}0, %{r}1, %{r}2;");
            refused(Contraction, &with(""), &with(".rn"));
        }
    }
    for (kind, wrong, right) in [
        (Unsupported, "add.rn.ftz.f32 %f0, %f1, %f2;", "add.rn.f32 %f0, %f1, %f2;"),
        (Unsupported, "div.full.f32 %f0, %f1, %f2;", "div.rn.f32 %f0, %f1, %f2;"),
        (Unsupported, "sqrt.approx.f32 %f0, %f1;", "sqrt.rn.f32 %f0, %f1;"),
        (Unsupported, "ex2.approx.f32 %f0, %f1;", "rcp.rn.f32 %f0, %f1;"),
        (Unsupported, "max.NaN.f64 %d0, %d1, %d2;", "max.f64 %d0, %d1, %d2;"),
        (Unsupported, "red.global.max.f32 [%a0], %f1;", "red.global.max.s32 [%a0], %r1;"),
        (Type, "shl.b64 %a0, %a1, %a2;", "shl.b64 %a0, %a1, %r2;"),
        (Type, "setp.lt.u8 %p0, %r0, %r1;", "setp.lt.u16 %p0, %h0, %h1;"),
        (Type, "setp.ltu.u32 %p0, %r0, %r1;", "setp.lt.u32 %p0, %r0, %r1;"),
        (Type, "add.u32 %r0, %a1, %r2;", "add.u32 %r0, %r1, %r2;"),
        (Type, "add.u32 %r0, %f1, %r2;", "add.u32 %r0, %r1, %r2;"),
        (Type, "ld.global.u32 %r0, [%r1];", "ld.global.u32 %r0, [%a1];"),
        (Type, "ld.global.f16 %h0, [%a1];", "ld.global.b16 %h0, [%a1];"),
        (Type, "ld.global.u32 %h0, [%a1];", "ld.global.u8 %h0, [%a1];"),
        (
            Type,
            "ld.global.v4.f64 {%d0, %d1, %d2, %d3}, [%a1];",
            "ld.global.v2.f64 {%d0, %d1}, [%a1];",
        ),
        (Type, "popc.b64 %a0, %a1;", "popc.b64 %r0, %a1;"),
        (Type, "mov.u64 %a0, %tid.x;", "mov.u32 %r0, %tid.x;"),
        (Type, "add.rn.f32 %f0, %f1, 1;", "add.rn.f32 %f0, %f1, 1.0;"),
        (Name, "add.u32 %r0, %tid.x, %r2;", "add.u32 %r0, %r1, %r2;"),
        (Name, "bra NOWHERE;", "bra HERE;\n HERE:"),
        (Name, "mov.u32 %r99, 1;", "mov.u32 %r9, 1;"),
        (Unsupported, "cvt.f32.f64 %f0, %d0;", "cvt.rn.f32.f64 %f0, %d0;"),
        (Unsupported, "cvt.rn.bf16.f64 %h0, %d0;", "cvt.rn.bf16.f32 %h0, %f0;"),
        (Name, "mov.u32 %r0, %clock;", "mov.u32 %r0, %laneid;"),
        (Unsupported, "st.global.u32.sometimes [%a0], %r0;", "st.global.u32 [%a0], %r0;"),
        (Unsupported, "wgmma.fence.sync.aligned;", "fence.sc.gpu;"),
        (
            Unsupported,
            "ld.acquire.cta.global.u32 %r0, [%a0];",
            "ld.acquire.gpu.global.u32 %r0, [%a0];",
        ),
    ] {
        refused(kind, wrong, right);
    }
}

#[test]
fn launches_that_are_refused() {
    let text = "
        .extern .shared .align 4 .b8 dynamic[];
        .visible .entry f(.param .u64 p0, .param .u32 p1) .maxntid 64 { ret; }
        .visible .entry g() .reqntid 32 { ret; }";
    let module = module(text);
    assert_eq!(module.entry("f").unwrap().parameters(), [(0, 8), (8, 4)]);
    let mut device = cotangent_cuda_emulator::Device::new(0);
    let mut launch = |entry: &str, grid, block, shared, bytes: usize| {
        let params = vec![0; bytes];
        device.launch(&module, entry, grid, block, shared, &params).map_err(|fault| fault.kind)
    };
    let (one, warp) = ([1; 3], [32, 1, 1]);
    assert!(launch("f", one, warp, 227 << 10, 12).is_ok());
    assert_eq!(launch("f", one, warp, (227 << 10) + 1, 12), Err(FaultKind::SharedSize));
    assert_eq!(launch("f", one, [65, 1, 1], 0, 12), Err(FaultKind::Shape));
    assert_eq!(launch("f", one, [0, 1, 1], 0, 12), Err(FaultKind::Shape));
    assert_eq!(launch("f", [1, 70_000, 1], warp, 0, 12), Err(FaultKind::Shape));
    assert_eq!(launch("f", one, warp, 0, 16), Err(FaultKind::Parameters));
    assert_eq!(launch("g", one, [16, 1, 1], 0, 0), Err(FaultKind::Shape));
    assert!(launch("g", one, warp, 0, 0).is_ok());
    assert_eq!(launch("h", one, warp, 0, 0), Err(FaultKind::Name));
}

#[test]
fn addresses_of_the_host() {
    let mut device = cotangent_cuda_emulator::Device::new(3);
    let (a, b) = (device.allocate(100).unwrap(), device.allocate(10).unwrap());
    assert!(a % 256 == 0 && b % 256 == 0 && b - a > 1 << 20);
    device.fill(a, &[7, 8], 20).unwrap();
    assert_eq!(device.read(a + 38, 2).unwrap(), [7, 8]);
    let kind = |result: Result<Vec<u8>, cotangent_cuda_emulator::Fault>| result.unwrap_err().kind;
    assert_eq!(kind(device.read(a + 38, 4)), FaultKind::UnwrittenMemory);
    assert_eq!(kind(device.read(a + 98, 4)), FaultKind::OutOfBounds);
    assert_eq!(device.write(b + 8, &[0; 4]).unwrap_err().kind, FaultKind::OutOfBounds);
    device.copy(b, a + 36, 10).unwrap();
    assert_eq!(device.read(b, 4).unwrap(), [7, 8, 7, 8]);
    assert_eq!(kind(device.read(b, 5)), FaultKind::UnwrittenMemory);
    assert_eq!(device.allocated(), (110, 2));
    assert_eq!(device.free(a).unwrap(), 100);
    let fault = device.read(a, 1).unwrap_err();
    assert!(fault.message.contains("which was freed"), "{fault}");
    assert!(device.free(a).is_err() && device.free(b + 1).is_err());
    // A driver may hold the device behind a lock, for all threads.
    let mut device = std::thread::spawn(move || device).join().unwrap();
    device.set_capacity(1000);
    assert_eq!(device.allocate(991).unwrap_err().kind, FaultKind::OutOfMemory);
    assert!(device.allocate(990).is_ok());
}
