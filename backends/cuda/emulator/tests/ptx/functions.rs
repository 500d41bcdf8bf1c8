//! Functions of the module: lanes that part around a call and inside of it, and what is refused.

use crate::support::{Gpu, bytes, entry, module, source, words};
use cotangent_cuda_emulator::{FaultKind, Module};

/// Collatz steps, up to nine: a loop with a return in its middle.
const STEPS: &str = "
    .func (.reg .b32 steps) collatz(.reg .b32 n, .reg .b32 most)
    {
        .reg .b32 %n<2>;
        .reg .pred %p<3>;
        mov.b32 steps, 0;
        mov.b32 %n0, n;
    AGAIN:
        setp.eq.u32 %p0, %n0, 1;
        @%p0 ret;
        setp.ge.u32 %p1, steps, most;
        @%p1 bra LAST;
        and.b32 %n1, %n0, 1;
        setp.eq.u32 %p2, %n1, 0;
        @%p2 shr.u32 %n0, %n0, 1;
        @!%p2 mad.lo.u32 %n0, %n0, 3, 1;
        add.u32 steps, steps, 1;
        bra AGAIN;
    LAST:
        mov.b32 steps, 1000;
    }
    .func (.reg .b32 y) twice(.reg .b32 x) { add.u32 y, x, x; ret; }";

fn steps(mut n: u32, most: u32) -> u32 {
    let mut steps = 0;
    while n != 1 {
        if steps >= most {
            return 1000;
        }
        n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
        steps += 1;
    }
    steps
}

#[test]
fn lanes_part_and_meet() {
    let text = entry(
        1,
        STEPS,
        "
        ld.param.u64 %a0, [p0];
        mov.u32 %r0, %tid.x;
        mad.wide.u32 %a1, %r0, 4, %a0;
        add.u32 %r1, %r0, 1;
        mov.u32 %r5, 7;
        setp.lt.u32 %p0, %r0, 9;
        mov.u32 %r2, %r1;
        @%p0 bra AGAIN;
        mov.u32 %r3, 9;
        call (%r2), collatz, (%r1, %r3);
    AGAIN:
        and.b32 %r4, %r0, 1;
        setp.eq.u32 %p1, %r4, 0;
        @%p1 call (%r2), twice, (%r2);
        call (%r5), collatz, (%r1, %r5);
        bar.sync 0;
        add.u32 %r2, %r2, %r5;
        st.global.u32 [%a1], %r2;",
    );
    for seed in 0..8 {
        let mut gpu = Gpu::new(seed).room(400);
        gpu.launch(&module(&text), 1, 100).unwrap_or_else(|fault| panic!("{fault}\n{text}"));
        let expected = |n: u32| {
            let first = if n < 9 { n + 1 } else { steps(n + 1, 9) };
            first * (2 - n % 2) + steps(n + 1, 7)
        };
        assert_eq!(words(&gpu.read(0, 400)), (0..100).map(expected).collect::<Vec<_>>());
    }
}

/// An `exit` in a function ends the lane, and a barrier behind the call then misses it.
#[test]
fn exit_ends_the_lane() {
    let before = ".func (.reg .b32 y) f(.reg .b32 x)
        { .reg .pred %p<1>; setp.eq.u32 %p0, x, 3; @%p0 exit; mov.b32 y, x; ret; }";
    let text = entry(
        1,
        before,
        "
        ld.param.u64 %a0, [p0];
        mov.u32 %r0, %tid.x;
        mad.wide.u32 %a1, %r0, 4, %a0;
        call (%r1), f, (%r0);
        st.global.u32 [%a1], %r1;",
    );
    let text = text.replace(".entry f(", ".entry g(");
    let module = module(&text);
    let mut gpu = Gpu::new(1).holds(&[9; 20]);
    let params = bytes(&gpu.params, u64::to_le_bytes);
    gpu.device.launch(&module, "g", [1, 1, 1], [5, 1, 1], 0, &params).expect("a launch");
    assert_eq!(words(&gpu.read(0, 20)), [0, 1, 2, 0x0909_0909, 4]);
}

#[test]
fn refused() {
    let cases = [
        ("call (%r1), other, (%r0);", FaultKind::Name),
        ("call (%r1), twice, (%r0, %r0);", FaultKind::Syntax),
        ("call (%a1), twice, (%r0);", FaultKind::Type),
        ("call (%r1), twice, (%a0);", FaultKind::Type),
        ("call twice, (%r0);", FaultKind::Unsupported),
    ];
    for (call, kind) in cases {
        let text = source(&entry(1, STEPS, call));
        assert_eq!(Module::parse(&text).map(drop).map_err(|f| f.kind), Err(kind), "{call}");
    }
    let itself = ".func (.reg .b32 y) again(.reg .b32 x) { call (y), again, (x); ret; }";
    let text = source(&entry(0, itself, "mov.u32 %r0, 1; call (%r1), again, (%r0);"));
    let fault = Module::parse(&text).map(drop).map_err(|f| f.kind);
    assert_eq!(fault, Err(FaultKind::Unsupported));
    let unwritten = ".func (.reg .b32 y) none(.reg .b32 x) { ret; }";
    let text = entry(1, unwritten, "mov.u32 %r0, 1; call (%r1), none, (%r0);");
    let fault = Gpu::new(0).room(4).launch(&module(&text), 1, 1).map(drop).map_err(|f| f.kind);
    assert_eq!(fault, Err(FaultKind::UnwrittenRegister));
}
