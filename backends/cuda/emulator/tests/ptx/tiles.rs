//! `mma.sync` against plain products, with fragments loaded by the tables of the specification and
//! by `cp.async` and `ldmatrix`.

use crate::support::{Gpu, bytes, entry, floats, module};
use cotangent_cuda_emulator::FaultKind;
use half::{bf16, f16};

/// Small integers, so that every sum is exact in every order.
fn number(n: usize) -> f32 {
    ((n * 7 + n / 5) % 13) as f32 - 6.0
}

fn product(rows: usize, columns: usize, depth: usize) -> Vec<f32> {
    let element = |n: usize| {
        let (row, column) = (n / columns, n % columns);
        let sum: f32 =
            (0..depth).map(|k| number(row * depth + k) * number(500 + column * depth + k)).sum();
        sum + number(1000 + n)
    };
    (0..rows * columns).map(element).collect()
}

/// `%r1` is the group of four lanes, `%r2` the lane in the group.
const LANE: &str = "
    ld.param.u64 %a0, [p0];
    ld.param.u64 %a1, [p1];
    ld.param.u64 %a2, [p2];
    ld.param.u64 %a3, [p3];
    mov.u32 %r0, %laneid;
    shr.u32 %r1, %r0, 2;
    and.b32 %r2, %r0, 3;
    mul.lo.u32 %r3, %r1, 8;
    mad.lo.u32 %r3, %r2, 2, %r3;";

/// Loads c into `%f0` to `%f3` and stores `%f4` to `%f7`, 16 rows of 8.
const SUMS: [&str; 2] = [
    "mad.wide.u32 %a4, %r3, 4, %a2;
    mad.wide.u32 %a5, %r3, 4, %a3;
    ld.global.v2.f32 {%f0, %f1}, [%a4];
    ld.global.v2.f32 {%f2, %f3}, [%a4+256];",
    "st.global.v2.f32 [%a5], {%f4, %f5};
    st.global.v2.f32 [%a5+256], {%f6, %f7};",
];

fn buffers(a: Vec<u8>, b: Vec<u8>, c: Vec<u8>, result: u64) -> Gpu {
    Gpu::new(1).holds(&a).holds(&b).holds(&c).room(result)
}

fn numbers<const N: usize>(from: usize, count: usize, to: impl Fn(f32) -> [u8; N]) -> Vec<u8> {
    (from..from + count).flat_map(|n| to(number(n))).collect()
}

#[test]
fn halves_by_the_table() {
    for ty in ["f16", "bf16"] {
        let text = entry(
            4,
            "",
            &format!(
                "{LANE} {}
            mul.lo.u32 %r4, %r1, 16;
            mad.lo.u32 %r4, %r2, 2, %r4;
            mad.wide.u32 %a6, %r4, 2, %a0;
            mad.wide.u32 %a7, %r4, 2, %a1;
            ld.global.b32 %r10, [%a6];
            ld.global.b32 %r11, [%a6+256];
            ld.global.b32 %r12, [%a6+16];
            ld.global.b32 %r13, [%a6+272];
            ld.global.b32 %r14, [%a7];
            ld.global.b32 %r15, [%a7+16];
            mma.sync.aligned.m16n8k16.row.col.f32.{ty}.{ty}.f32 {{%f4, %f5, %f6, %f7}},
                {{%r10, %r11, %r12, %r13}}, {{%r14, %r15}}, {{%f0, %f1, %f2, %f3}};
            {}",
                SUMS[0], SUMS[1]
            ),
        );
        let to = |x: f32| match ty {
            "f16" => f16::from_f32(x).to_le_bytes(),
            _ => bf16::from_f32(x).to_le_bytes(),
        };
        let c = numbers(1000, 128, f32::to_le_bytes);
        let mut gpu = buffers(numbers(0, 256, to), numbers(500, 128, to), c, 512);
        gpu.launch(&module(&text), 1, 32).unwrap();
        assert_eq!(floats(&gpu.read(3, 512)), product(16, 8, 16));
        let fault = gpu.launch(&module(&text), 1, 31).unwrap_err();
        assert_eq!(fault.kind, FaultKind::MaskMismatch);
    }
}

/// Both matrices come through shared memory; the second one is stored with rows of k.
#[test]
fn halves_through_shared_memory() {
    let text = entry(
        4,
        "",
        &format!(
            "{LANE} {}
        .shared .align 16 .b8 left[512];
        .shared .align 16 .b8 right[256];
        mul.lo.u32 %r4, %r0, 16;
        mov.u32 %r5, left;
        mov.u32 %r6, right;
        cvt.u64.u32 %a6, %r4;
        add.u64 %a7, %a0, %a6;
        add.u64 %a8, %a1, %a6;
        add.u32 %r7, %r5, %r4;
        add.u32 %r8, %r6, %r4;
        cp.async.cg.shared.global [%r7], [%a7], 16;
        setp.lt.u32 %p0, %r0, 16;
        @%p0 cp.async.ca.shared.global [%r8], [%a8], 16;
        cp.async.commit_group;
        cp.async.wait_group 0;
        bar.sync 0;
        and.b32 %r16, %r0, 15;
        shr.u32 %r17, %r0, 4;
        mad.lo.u32 %r18, %r16, 32, %r5;
        mad.lo.u32 %r18, %r17, 16, %r18;
        ldmatrix.sync.aligned.m8n8.x4.shared.b16 {{%r10, %r11, %r12, %r13}}, [%r18];
        mad.lo.u32 %r19, %r16, 16, %r6;
        ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {{%r14, %r15}}, [%r19];
        mma.sync.aligned.m16n8k16.row.col.f32.f16.f16.f32 {{%f4, %f5, %f6, %f7}},
            {{%r10, %r11, %r12, %r13}}, {{%r14, %r15}}, {{%f0, %f1, %f2, %f3}};
        {}",
            SUMS[0], SUMS[1]
        ),
    );
    let to = |x: f32| f16::from_f32(x).to_le_bytes();
    let right: Vec<u8> = (0..128).flat_map(|n| to(number(500 + n % 8 * 16 + n / 8))).collect();
    let c = numbers(1000, 128, f32::to_le_bytes);
    let mut gpu = buffers(numbers(0, 256, to), right, c, 512);
    gpu.launch(&module(&text), 1, 32).unwrap();
    assert_eq!(floats(&gpu.read(3, 512)), product(16, 8, 16));
}

#[test]
fn tf32_by_the_table() {
    let text = entry(
        4,
        "",
        &format!(
            "{LANE} {}
        mad.lo.u32 %r4, %r1, 8, %r2;
        mad.wide.u32 %a6, %r4, 4, %a0;
        mad.wide.u32 %a7, %r4, 4, %a1;
        ld.global.b32 %r10, [%a6];
        ld.global.b32 %r11, [%a6+256];
        ld.global.b32 %r12, [%a6+16];
        ld.global.b32 %r13, [%a6+272];
        ld.global.b32 %r14, [%a7];
        ld.global.b32 %r15, [%a7+16];
        mma.sync.aligned.m16n8k8.row.col.f32.tf32.tf32.f32 {{%f4, %f5, %f6, %f7}},
            {{%r10, %r11, %r12, %r13}}, {{%r14, %r15}}, {{%f0, %f1, %f2, %f3}};
        {}",
            SUMS[0], SUMS[1]
        ),
    );
    // Bits behind the precision of the type do not count.
    let to = |x: f32| (x.to_bits() | 0x1fff).to_le_bytes();
    let to = |x: f32| if x == 0.0 { x.to_le_bytes() } else { to(x) };
    let c = numbers(1000, 128, f32::to_le_bytes);
    let mut gpu = buffers(numbers(0, 128, to), numbers(500, 64, to), c, 512);
    gpu.launch(&module(&text), 1, 32).unwrap();
    assert_eq!(floats(&gpu.read(3, 512)), product(16, 8, 8));
}

#[test]
fn f64_by_the_table() {
    let text = entry(
        4,
        "",
        &format!(
            "{LANE}
        mad.wide.u32 %a4, %r3, 8, %a2;
        mad.wide.u32 %a5, %r3, 8, %a3;
        mad.wide.u32 %a6, %r0, 8, %a0;
        mad.wide.u32 %a7, %r0, 8, %a1;
        ld.global.v2.f64 {{%d0, %d1}}, [%a4];
        ld.global.f64 %d2, [%a6];
        ld.global.f64 %d3, [%a7];
        mma.sync.aligned.m8n8k4.row.col.f64.f64.f64.f64 {{%d4, %d5}}, {{%d2}}, {{%d3}},
            {{%d0, %d1}};
        st.global.v2.f64 [%a5], {{%d4, %d5}};"
        ),
    );
    let to = |x: f32| f64::from(x).to_le_bytes();
    let (a, b) = (numbers(0, 32, to), numbers(500, 32, to));
    let mut gpu = buffers(a, b, numbers(1000, 64, to), 512);
    gpu.launch(&module(&text), 1, 32).unwrap();
    let wanted: Vec<f64> = product(8, 8, 4).into_iter().map(f64::from).collect();
    assert_eq!(gpu.read(3, 512), bytes(&wanted, f64::to_le_bytes));
}
