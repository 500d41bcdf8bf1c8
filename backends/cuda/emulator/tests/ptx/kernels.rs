//! Small whole kernels, each under several seeds.

use crate::support::{Gpu, bytes, entry, floats, module, words};
use cotangent_cuda_emulator::{Class, Launch};

/// `%r1` is the index of the thread in the grid.
const INDEX: &str = "
    mov.u32 %r2, %ctaid.x;
    mov.u32 %r3, %ntid.x;
    mov.u32 %r4, %tid.x;
    mad.lo.u32 %r1, %r2, %r3, %r4;";

#[test]
fn axpy_with_vectors_and_a_guarded_tail() {
    let text = entry(
        3,
        "",
        &format!(
            "{INDEX}
        ld.param.u64 %a0, [p0];
        ld.param.u64 %a1, [p1];
        ld.param.u32 %r5, [p2];
        mul.lo.u32 %r6, %r1, 4;
        add.u32 %r7, %r6, 4;
        setp.gt.u32 %p0, %r7, %r5;
        mad.wide.u32 %a2, %r6, 4, %a0;
        mad.wide.u32 %a3, %r6, 4, %a1;
        @%p0 bra TAIL;
        ld.global.nc.v4.f32 {{%f0, %f1, %f2, %f3}}, [%a2];
        ld.global.v4.f32 {{%f4, %f5, %f6, %f7}}, [%a3];
        fma.rn.f32 %f4, %f0, 0f40000000, %f4;
        fma.rn.f32 %f5, %f1, 0f40000000, %f5;
        fma.rn.f32 %f6, %f2, 0f40000000, %f6;
        fma.rn.f32 %f7, %f3, 0f40000000, %f7;
        st.global.v4.f32 [%a3], {{%f4, %f5, %f6, %f7}};
        ret;
        TAIL:
        setp.ge.u32 %p1, %r6, %r5;
        @%p1 bra DONE;
        ld.global.nc.f32 %f0, [%a2];
        ld.global.f32 %f4, [%a3];
        fma.rn.f32 %f4, %f0, 0f40000000, %f4;
        st.global.f32 [%a3], %f4;
        add.u32 %r6, %r6, 1;
        add.u64 %a2, %a2, 4;
        add.u64 %a3, %a3, 4;
        bra TAIL;
        DONE:"
        ),
    );
    let module = module(&text);
    for (seed, n) in [(0, 1000), (1, 1001), (2, 1003), (3, 2), (4, 4096)] {
        let x: Vec<f32> = (0..n).map(|i| i as f32).collect();
        let y: Vec<f32> = (0..n).map(|i| 0.5 * i as f32).collect();
        let mut gpu = Gpu::new(seed)
            .holds(&bytes(&x, f32::to_le_bytes))
            .holds(&bytes(&y, f32::to_le_bytes))
            .number(n);
        let stats = gpu.launch(&module, (n as u32).div_ceil(256), 64).unwrap();
        let found = floats(&gpu.read(1, 4 * n));
        assert!(found.iter().enumerate().all(|(i, y)| *y == 2.5 * i as f32));
        if n == 4096 {
            assert_eq!(stats.global_reads.bytes, 8 * n);
            assert_eq!(stats.global_reads.sectors, 8 * n / 32);
            assert_eq!(stats.global_writes.sectors, 4 * n / 32);
            assert_eq!(stats.divergent_branches, 0);
            assert_eq!(stats.of(Class::Float).lanes, n);
        }
    }
}

#[test]
fn block_sum_through_shuffles_and_shared_memory() {
    let mut shuffles = String::new();
    for distance in [16, 8, 4, 2, 1] {
        shuffles += &format!(
            "
            shfl.sync.bfly.b32 %r10, %f0, {distance}, 31, 0xffffffff;
            mov.b32 %f1, %r10;
            add.rn.f32 %f0, %f0, %f1;"
        );
    }
    let text = entry(
        2,
        "",
        &format!(
            "{INDEX}
        .shared .align 4 .f32 partial[8];
        ld.param.u64 %a0, [p0];
        ld.param.u64 %a1, [p1];
        mad.wide.u32 %a2, %r1, 4, %a0;
        ld.global.f32 %f0, [%a2];
        {shuffles}
        mov.u32 %r11, %laneid;
        setp.eq.u32 %p0, %r11, 0;
        shr.u32 %r12, %r4, 5;
        mov.u32 %r13, partial;
        mad.lo.u32 %r14, %r12, 4, %r13;
        @%p0 st.shared.f32 [%r14], %f0;
        bar.sync 0;
        setp.ge.u32 %p1, %r4, 32;
        @%p1 bra DONE;
        and.b32 %r15, %r4, 7;
        mad.lo.u32 %r16, %r15, 4, %r13;
        ld.shared.f32 %f0, [%r16];
        {shuffles}
        mul.rn.f32 %f0, %f0, 0f3E800000;
        mad.wide.u32 %a3, %r2, 4, %a1;
        setp.eq.u32 %p2, %r4, 0;
        @%p2 st.global.f32 [%a3], %f0;
        DONE:"
        ),
    );
    let module = module(&text);
    for seed in 0..4 {
        let x: Vec<f32> = (0..1024).map(|i| (i % 7) as f32).collect();
        let mut gpu = Gpu::new(seed).holds(&bytes(&x, f32::to_le_bytes)).room(16);
        let stats = gpu.launch(&module, 4, 256).unwrap();
        let sums: Vec<f32> = x.chunks(256).map(|c| c.iter().sum()).collect();
        assert_eq!(floats(&gpu.read(1, 16)), sums);
        assert_eq!(stats.barriers, 4);
        assert_eq!(stats.blocks, 4);
    }
}

#[test]
fn transpose_through_padded_shared_memory() {
    let text = entry(
        2,
        "",
        "
        .shared .align 4 .b8 tile[4224];
        mov.u32 %r0, %tid.x;
        mov.u32 %r1, %tid.y;
        mov.u32 %r2, %ctaid.x;
        mov.u32 %r3, %ctaid.y;
        ld.param.u64 %a0, [p0];
        ld.param.u64 %a1, [p1];
        mad.lo.u32 %r4, %r2, 32, %r0;
        mad.lo.u32 %r5, %r3, 32, %r1;
        mad.lo.u32 %r6, %r5, 64, %r4;
        mad.wide.u32 %a2, %r6, 4, %a0;
        mov.u32 %r7, tile;
        mad.lo.u32 %r8, %r1, 132, %r7;
        mad.lo.u32 %r8, %r0, 4, %r8;
        mov.u32 %r9, 0;
        LOAD:
        ld.global.b32 %r10, [%a2];
        st.shared.b32 [%r8], %r10;
        add.u64 %a2, %a2, 2048;
        add.u32 %r8, %r8, 1056;
        add.u32 %r9, %r9, 8;
        setp.lt.u32 %p0, %r9, 32;
        @%p0 bra LOAD;
        bar.sync 0;
        mad.lo.u32 %r4, %r3, 32, %r0;
        mad.lo.u32 %r5, %r2, 32, %r1;
        mad.lo.u32 %r6, %r5, 64, %r4;
        mad.wide.u32 %a3, %r6, 4, %a1;
        mad.lo.u32 %r8, %r0, 132, %r7;
        mad.lo.u32 %r8, %r1, 4, %r8;
        mov.u32 %r9, 0;
        STORE:
        ld.shared.b32 %r10, [%r8];
        st.global.b32 [%a3], %r10;
        add.u64 %a3, %a3, 2048;
        add.u32 %r8, %r8, 32;
        add.u32 %r9, %r9, 8;
        setp.lt.u32 %p0, %r9, 32;
        @%p0 bra STORE;",
    );
    let module = module(&text);
    let x: Vec<u32> = (0..4096).collect();
    let mut gpu = Gpu::new(7).holds(&bytes(&x, u32::to_le_bytes)).room(4 * 4096);
    let params = bytes(&gpu.params, u64::to_le_bytes);
    let stats = gpu.device.launch(&module, "f", [2, 2, 1], [32, 8, 1], 0, &params).unwrap();
    let found = words(&gpu.read(1, 4 * 4096));
    assert!((0..4096).all(|n| found[n] as usize == n % 64 * 64 + n / 64));
    // All requests are coalesced.
    assert_eq!(stats.global_writes.sectors * 32, stats.global_writes.bytes);
    assert_eq!(stats.global_reads.sectors * 32, stats.global_reads.bytes);
}

/// Tiles take a ticket, publish their sum and look back until they meet a prefix.
fn look_back(acquire: &str, release: &str) -> String {
    entry(
        4,
        "",
        &format!(
            "
        .shared .align 4 .b32 ticket;
        .shared .align 4 .b32 before;
        .shared .align 4 .b32 sums[32];
        ld.param.u64 %a0, [p0];
        ld.param.u64 %a1, [p1];
        ld.param.u64 %a2, [p2];
        ld.param.u64 %a3, [p3];
        mov.u32 %r0, %tid.x;
        setp.ne.u32 %p0, %r0, 0;
        @%p0 bra TAKEN;
        atom.global.add.u32 %r1, [%a3], 1;
        st.shared.u32 [ticket], %r1;
        TAKEN:
        bar.sync 0;
        ld.shared.u32 %r1, [ticket];
        mad.lo.u32 %r2, %r1, 32, %r0;
        mad.wide.u32 %a4, %r2, 4, %a0;
        ld.global.u32 %r3, [%a4];
        mov.u32 %r4, 1;
        UP:
        shfl.sync.up.b32 %r5|%p1, %r3, %r4, 0, 0xffffffff;
        @%p1 add.u32 %r3, %r3, %r5;
        shl.b32 %r4, %r4, 1;
        setp.lt.u32 %p2, %r4, 32;
        @%p2 bra UP;
        mad.wide.u32 %a5, %r1, 8, %a2;
        setp.ne.u32 %p3, %r0, 31;
        @%p3 bra READY;
        mov.u32 %r6, 0;
        setp.eq.u32 %p4, %r1, 0;
        @%p4 bra PUBLISH;
        SPIN:
        {acquire} %a6, [%a5+-8];
        mov.b64 {{%r7, %r8}}, %a6;
        setp.eq.u32 %p5, %r8, 0;
        @%p5 bra SPIN;
        mov.u32 %r6, %r7;
        PUBLISH:
        add.u32 %r9, %r6, %r3;
        mov.u32 %r10, 1;
        mov.b64 %a7, {{%r9, %r10}};
        {release} [%a5], %a7;
        st.shared.u32 [before], %r6;
        READY:
        bar.sync 0;
        ld.shared.u32 %r6, [before];
        add.u32 %r3, %r3, %r6;
        mad.wide.u32 %a8, %r2, 4, %a1;
        st.global.u32 [%a8], %r3;"
        ),
    )
}

#[test]
fn scan_with_decoupled_look_back() {
    let module = module(&look_back("ld.acquire.gpu.global.b64", "st.release.gpu.global.b64"));
    let x: Vec<u32> = (0..2048).map(|n| n * n % 11).collect();
    for seed in 0..4 {
        let mut gpu = Gpu::new(seed)
            .holds(&bytes(&x, u32::to_le_bytes))
            .room(4 * 2048)
            .holds(&[0; 8 * 64])
            .holds(&[0; 4]);
        gpu.launch(&module, 64, 32).unwrap();
        let prefix = |sum: &mut u32, x: &u32| {
            *sum += x;
            Some(*sum)
        };
        let wanted: Vec<u32> = x.iter().scan(0, prefix).collect();
        assert_eq!(words(&gpu.read(1, 4 * 2048)), wanted);
    }
}

/// Blocks meet between two rounds; each reads what its neighbour has written.
#[test]
fn cooperative_grid_barrier() {
    let text = entry(
        2,
        "",
        "
        ld.param.u64 %a0, [p0];
        ld.param.u64 %a1, [p1];
        mov.u32 %r0, %ctaid.x;
        mov.u32 %r1, %nctaid.x;
        mad.wide.u32 %a2, %r0, 4, %a0;
        st.global.u32 [%a2], %r0;
        bar.sync 0;
        atom.acq_rel.gpu.global.add.u32 %r2, [%a1], 1;
        WAIT:
        ld.acquire.gpu.global.u32 %r3, [%a1];
        setp.lt.u32 %p0, %r3, %r1;
        @%p0 bra WAIT;
        bar.sync 0;
        add.u32 %r4, %r0, 1;
        rem.u32 %r4, %r4, %r1;
        mad.wide.u32 %a3, %r4, 4, %a0;
        ld.global.u32 %r5, [%a3];
        mad.wide.u32 %a4, %r1, 4, %a2;
        st.global.u32 [%a4], %r5;",
    );
    let module = module(&text);
    let mut gpu = Gpu::new(5).room(4 * 200).holds(&[0; 4]);
    let params = bytes(&gpu.params, u64::to_le_bytes);
    let mut launch =
        Launch { grid: [100, 1, 1], block: [1, 1, 1], dynamic_shared: 0, cooperative: true };
    gpu.device.launch_as(&module, "f", launch, &params).unwrap();
    let found = words(&gpu.device.read(gpu.params[0] + 400, 400).unwrap());
    assert!((0..100).all(|n| found[n] as usize == (n + 1) % 100));
    // Without the promise that all blocks are resident the wait does not end.
    launch.cooperative = false;
    gpu.device.write(gpu.params[1], &[0; 4]).unwrap();
    gpu.device.set_budget(100_000);
    let fault = gpu.device.launch_as(&module, "f", launch, &params).unwrap_err();
    assert_eq!(fault.kind, cotangent_cuda_emulator::FaultKind::Budget, "{fault}");
}

/// Lanes part twice, run loops of different lengths, and meet behind a path at the end of the text.
#[test]
fn nested_divergence_meets_again() {
    let text = entry(
        1,
        "",
        "
        ld.param.u64 %a0, [p0];
        mov.u32 %r0, %tid.x;
        mov.u32 %r1, 0;
        mov.u32 %r2, 0;
        and.b32 %r3, %r0, 1;
        setp.eq.u32 %p0, %r3, 1;
        @%p0 bra SLOW;
        BACK:
        bar.sync 0;
        shfl.sync.idx.b32 %r4, %r1, 3, 31, 0xffffffff;
        mad.lo.u32 %r1, %r4, 1000, %r1;
        mad.wide.u32 %a1, %r0, 4, %a0;
        st.global.u32 [%a1], %r1;
        ret;
        SLOW:
        add.u32 %r2, %r2, 1;
        and.b32 %r5, %r0, 2;
        setp.ne.u32 %p1, %r5, 0;
        @%p1 bra SKIP;
        add.u32 %r1, %r1, 10;
        SKIP:
        add.u32 %r1, %r1, 1;
        setp.lt.u32 %p2, %r2, %r0;
        @%p2 bra SLOW;
        bra.uni BACK;",
    );
    let module = module(&text);
    for seed in 0..4 {
        let mut gpu = Gpu::new(seed).room(128);
        let stats = gpu.launch(&module, 1, 32).unwrap();
        let count = |n: u32| match n % 2 {
            0 => 0,
            _ if n % 4 == 1 => 11 * n,
            _ => n,
        };
        let wanted: Vec<u32> = (0..32).map(|n| count(3) * 1000 + count(n)).collect();
        assert_eq!(words(&gpu.read(0, 128)), wanted);
        assert!(stats.divergent_branches > 10);
    }
}

/// Constants, variables of the module, dynamic shared memory, local memory, scopes.
#[test]
fn every_space() {
    let before = "
        .const .align 4 .u32 table[4] = {10, 20, 30};
        .global .align 8 .u64 counter = 5;
        .extern .shared .align 16 .b8 dynamic[];";
    let text = entry(
        1,
        before,
        "
        .shared .align 4 .b32 fixed[3];
        .local .align 8 .b8 stack[64];
        ld.param.u64 %a0, [p0];
        mov.u32 %r0, %tid.x;
        mul.lo.u32 %r1, %r0, 4;
        mov.u32 %r2, dynamic;
        add.u32 %r3, %r2, %r1;
        st.shared.u32 [%r3], %r0;
        setp.eq.u32 %p0, %r0, 0;
        @%p0 st.shared.u32 [fixed+8], %r2;
        mov.u64 %a1, table;
        cvt.u64.u32 %a2, %r1;
        add.u64 %a1, %a1, %a2;
        ld.const.u32 %r4, [%a1];
        {
            .reg .b32 %r<6>;
            mov.u32 %r4, 7;
            st.local.u32 [stack+12], %r4;
        }
        ld.local.u32 %r5, [stack+12];
        add.u32 %r4, %r4, %r5;
        mov.u64 %a3, counter;
        atom.global.add.u64 %a4, [%a3], 1;
        bar.sync 0;
        xor.b32 %r6, %r1, 12;
        add.u32 %r6, %r6, %r2;
        ld.shared.u32 %r7, [%r6];
        mad.lo.u32 %r4, %r7, 100, %r4;
        mad.wide.u32 %a5, %r0, 4, %a0;
        st.global.u32 [%a5], %r4;",
    );
    let module = module(&text);
    let mut gpu = Gpu::new(0).room(16);
    gpu.launch_with(&module, 1, 4, 16).unwrap();
    assert_eq!(words(&gpu.read(0, 16)), [317, 227, 137, 7]);
    let (counter, bytes) = gpu.device.global(&module, "counter").unwrap();
    assert_eq!(gpu.device.read(counter, bytes).unwrap(), 9u64.to_le_bytes());
    gpu.device.unload(&module).unwrap();
    assert!(gpu.device.read(counter, bytes).is_err());
}
