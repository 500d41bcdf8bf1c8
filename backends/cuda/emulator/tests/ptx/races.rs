//! Orders between blocks: what synchronises and what does not.

use crate::support::{Gpu, bytes, entry, expect_fault, module, words};
use cotangent_cuda_emulator::{Fault, FaultKind, Stats};

/// Block 0 writes data and then a flag; the other blocks wait for the flag and read the data.
fn message(before: &str, store: &str, load: &str, after: &str) -> String {
    entry(
        2,
        "",
        &format!(
            "
        ld.param.u64 %a0, [p0];
        ld.param.u64 %a1, [p1];
        mov.u32 %r0, %tid.x;
        mov.u32 %r1, %ctaid.x;
        setp.ne.u32 %p0, %r1, 0;
        setp.ne.u32 %p1, %r0, 0;
        mad.wide.u32 %a2, %r0, 4, %a0;
        @%p0 bra READER;
        st.global.u32 [%a2], 77;
        bar.sync 0;
        @%p1 ret;
        {before}
        {store} [%a1], 1;
        ret;
        READER:
        @%p1 bra READY;
        SPIN:
        {load} %r2, [%a1];
        setp.eq.u32 %p2, %r2, 0;
        @%p2 bra SPIN;
        {after}
        READY:
        bar.sync 0;
        ld.global.u32 %r3, [%a2];
        mad.lo.u32 %r4, %r1, 64, %r0;
        mad.wide.u32 %a3, %r4, 4, %a0;
        st.global.u32 [%a3], %r3;"
        ),
    )
}

fn run(text: &str, seed: u64, grid: u32) -> Result<Vec<u32>, Fault> {
    let mut gpu = Gpu::new(seed).holds(&[0; 4 * 64 * 8]).holds(&[0; 4]);
    gpu.launch(&module(text), grid, 64)?;
    Ok(words(&gpu.read(0, 4 * 64 * u64::from(grid))))
}

#[test]
fn messages_that_are_ordered() {
    let fence = "fence.acq_rel.gpu;";
    for (before, store, load, after) in [
        ("", "st.release.gpu.global.u32", "ld.acquire.gpu.global.u32", ""),
        (fence, "st.relaxed.gpu.global.u32", "ld.relaxed.gpu.global.u32", fence),
        ("membar.gl;", "st.volatile.global.u32", "ld.volatile.global.u32", "membar.gl;"),
        (fence, "st.relaxed.gpu.global.u32", "ld.acquire.gpu.global.u32", ""),
        ("", "red.release.gpu.global.add.u32", "ld.acquire.gpu.global.u32", ""),
    ] {
        let text = message(before, store, load, after);
        for seed in 0..4 {
            assert!(run(&text, seed, 4).unwrap().iter().all(|x| *x == 77));
        }
    }
}

#[test]
fn messages_that_are_not_ordered() {
    let (fence, mark) = ("fence.acq_rel.gpu;", "ld.global.u32 %r3");
    for (before, store, load, after) in [
        ("", "st.relaxed.gpu.global.u32", "ld.acquire.gpu.global.u32", ""),
        ("", "st.release.gpu.global.u32", "ld.relaxed.gpu.global.u32", ""),
        (fence, "st.relaxed.gpu.global.u32", "ld.relaxed.gpu.global.u32", ""),
        ("", "st.volatile.global.u32", "ld.volatile.global.u32", fence),
    ] {
        let text = message(before, store, load, after);
        for seed in 0..4 {
            let mut gpu = Gpu::new(seed).holds(&[0; 4 * 64 * 4]).holds(&[0; 4]);
            let result = gpu.launch(&module(&text), 4, 64);
            expect_fault(result, FaultKind::GlobalRace, &text, mark);
        }
    }
    // A weak flag is a race itself.
    let text = message("", "st.global.u32", "ld.acquire.gpu.global.u32", "");
    assert_eq!(run(&text, 0, 2).unwrap_err().kind, FaultKind::GlobalRace);
}

/// Blocks write partial sums; the block that comes last adds them in order.
fn last_block(acquires: &str) -> String {
    entry(
        3,
        "",
        &format!(
            "
        ld.param.u64 %a0, [p0];
        ld.param.u64 %a1, [p1];
        ld.param.u64 %a2, [p2];
        mov.u32 %r1, %ctaid.x;
        mov.u32 %r2, %nctaid.x;
        mad.wide.u32 %a3, %r1, 4, %a0;
        st.global.u32 [%a3], %r1;
        fence.acq_rel.gpu;
        atom.relaxed.gpu.global.add.u32 %r3, [%a1], 1;
        sub.u32 %r4, %r2, 1;
        setp.ne.u32 %p0, %r3, %r4;
        @%p0 ret;
        {acquires}
        mov.u32 %r5, 0;
        mov.u32 %r6, 0;
        ADD:
        ld.global.u32 %r7, [%a0];
        add.u32 %r6, %r6, %r7;
        add.u64 %a0, %a0, 4;
        add.u32 %r5, %r5, 1;
        setp.lt.u32 %p1, %r5, %r2;
        @%p1 bra ADD;
        st.global.u32 [%a2], %r6;"
        ),
    )
}

#[test]
fn the_last_block_adds_what_all_have_written() {
    let launch = |text: &str, seed: u64| -> Result<(Stats, Vec<u32>), Fault> {
        let mut gpu = Gpu::new(seed).room(4 * 100).holds(&[0; 4]).room(4);
        let stats = gpu.launch(&module(text), 100, 1)?;
        Ok((stats, words(&gpu.read(2, 4))))
    };
    for seed in 0..4 {
        let (stats, sum) = launch(&last_block("fence.acq_rel.gpu;"), seed).unwrap();
        assert_eq!((sum, stats.blocks), (vec![4950], 100));
        let text = last_block("");
        let result = launch(&text, seed).map(|(stats, _)| stats);
        expect_fault(result, FaultKind::GlobalRace, &text, "ld.global.u32 %r7");
    }
}

/// Launches are ordered: a later one may write what an earlier one has read or written.
#[test]
fn launches_follow_each_other() {
    let text = entry(
        1,
        "",
        "
        ld.param.u64 %a0, [p0];
        mov.u32 %r0, %ctaid.x;
        mad.wide.u32 %a1, %r0, 4, %a0;
        ld.global.u32 %r1, [%a1];
        add.u32 %r1, %r1, 1;
        st.global.u32 [%a1], %r1;",
    );
    let module = module(&text);
    let mut gpu = Gpu::new(0).holds(&bytes(&[0u32; 70], u32::to_le_bytes));
    for _ in 0..3 {
        gpu.launch(&module, 70, 1).unwrap();
    }
    assert!(words(&gpu.read(0, 280)).iter().all(|n| *n == 3));
}

/// Reads of one byte by threads, warps and blocks all count when it is written.
#[test]
fn every_reader_counts() {
    for (grid, block, index, writer) in
        [(1, 2, "%tid.x", 1), (1, 64, "%tid.x", 40), (3, 1, "%ctaid.x", 2)]
    {
        let text = entry(
            1,
            "",
            &format!(
                "
            ld.param.u64 %a0, [p0];
            mov.u32 %r0, {index};
            ld.global.u32 %r1, [%a0];
            setp.ne.u32 %p0, %r0, {writer};
            @%p0 ret;
            st.global.u32 [%a0], %r1;"
            ),
        );
        for seed in 0..6 {
            let mut gpu = Gpu::new(seed).holds(&[0; 8]);
            let fault = gpu.launch(&module(&text), grid, block).unwrap_err();
            assert_eq!(fault.kind, FaultKind::GlobalRace, "{fault}");
        }
    }
}

/// Block 0 overwrites what three blocks have read and counted. Block 3 may count without a release.
fn overwrite(count: &str) -> String {
    entry(
        2,
        "",
        &format!(
            "
        ld.param.u64 %a0, [p0];
        ld.param.u64 %a1, [p1];
        mov.u32 %r1, %ctaid.x;
        setp.eq.u32 %p0, %r1, 0;
        @%p0 bra WAIT;
        ld.global.u32 %r2, [%a0];
        setp.eq.u32 %p1, %r1, 3;
        @!%p1 red.release.gpu.global.add.u32 [%a1], 1;
        @%p1 {count} [%a1], 1;
        ret;
        WAIT:
        ld.acquire.gpu.global.u32 %r3, [%a1];
        setp.lt.u32 %p2, %r3, 3;
        @%p2 bra WAIT;
        st.global.u32 [%a0], 5;"
        ),
    )
}

#[test]
fn every_block_that_reads_counts() {
    for seed in 0..16 {
        let text = overwrite("red.release.gpu.global.add.u32");
        let mut gpu = Gpu::new(seed).holds(&[0; 4]).holds(&[0; 4]);
        gpu.launch(&module(&text), 4, 1).unwrap();
        let text = overwrite("red.relaxed.gpu.global.add.u32");
        let mut gpu = Gpu::new(seed).holds(&[0; 4]).holds(&[0; 4]);
        let result = gpu.launch(&module(&text), 4, 1);
        expect_fault(result, FaultKind::GlobalRace, &text, "st.global.u32 [%a0]");
    }
}

/// Atomics meet atomics without a race, in both memories, and give each value once.
#[test]
fn atomics_of_all_blocks() {
    let text = entry(
        2,
        "",
        "
        .shared .align 4 .b32 count;
        ld.param.u64 %a0, [p0];
        ld.param.u64 %a1, [p1];
        mov.u32 %r0, %tid.x;
        setp.eq.u32 %p0, %r0, 0;
        @%p0 st.shared.u32 [count], 0;
        bar.sync 0;
        atom.shared.add.u32 %r1, [count], 1;
        atom.global.add.u32 %r2, [%a0], 1;
        mad.wide.u32 %a2, %r2, 4, %a1;
        st.global.u32 [%a2], %r1;
        atom.global.max.s32 %r3, [%a0+4], %r2;
        red.global.xor.b32 [%a0+8], %r2;
        bar.sync 0;
        ld.shared.u32 %r4, [count];
        setp.ne.u32 %p1, %r4, 64;
        @%p1 st.global.u32 [%a1+-4], %r4;",
    );
    let module = module(&text);
    for seed in 0..3 {
        let mut gpu = Gpu::new(seed).holds(&[0; 12]).room(4 * 256);
        gpu.launch(&module, 4, 64).unwrap();
        let xor = (0..256).fold(0, |a, b| a ^ b);
        assert_eq!(words(&gpu.read(0, 12)), [256, 255, xor]);
        let mut tickets = words(&gpu.read(1, 1024));
        tickets.sort_unstable();
        assert!((0..256).all(|n| tickets[n] as usize == n / 4));
    }
}
