//! Exchanges between lanes, special registers, and atomic operations one by one.

use crate::support::{Gpu, bytes, entry, module, words};

/// Runs one warp. The body gets the lane in `%r0` and a number in `%r1`, and leaves `%r9`.
fn warp(body: &str, numbers: &[u32; 32]) -> Vec<u32> {
    let text = entry(
        2,
        "",
        &format!(
            "
        ld.param.u64 %a0, [p0];
        ld.param.u64 %a1, [p1];
        mov.u32 %r0, %laneid;
        mad.wide.u32 %a2, %r0, 4, %a0;
        mad.wide.u32 %a3, %r0, 4, %a1;
        ld.global.u32 %r1, [%a2];
        {body}
        st.global.u32 [%a3], %r9;"
        ),
    );
    let mut gpu = Gpu::new(0).holds(&bytes(numbers, u32::to_le_bytes)).room(128);
    if let Err(fault) = gpu.launch(&module(&text), 1, 32) {
        panic!("{fault}\n{text}");
    }
    words(&gpu.read(1, 128))
}

fn numbers() -> [u32; 32] {
    std::array::from_fn(|n| [5, 0x8000_0001, 77, u32::MAX, 0][n * n % 5] ^ (n as u32 / 16))
}

#[test]
fn shuffles_within_segments() {
    let x = numbers();
    // Segments of eight lanes: the mask is 0b11000 in the upper bits of the clamp.
    type Source = fn(usize) -> Option<usize>;
    let rows: [(&str, Source); 6] = [
        ("up.b32 %r9|%p0, %r1, 3, 0x1800", |n| (n % 8 >= 3).then(|| n - 3)),
        ("down.b32 %r9|%p0, %r1, 3, 0x181f", |n| (n % 8 < 5).then(|| n + 3)),
        ("bfly.b32 %r9|%p0, %r1, 5, 0x181f", |n| Some(n ^ 5)),
        ("bfly.b32 %r9|%p0, %r1, 9, 0x1807", |n| ((n ^ 9) <= n / 8 * 8 + 7).then_some(n ^ 9)),
        ("idx.b32 %r9|%p0, %r1, 6, 0x181f", |n| Some(n / 8 * 8 + 6)),
        ("idx.b32 %r9|%p0, %r1, %r0, 0x1803", |n| (n % 8 < 4).then_some(n)),
    ];
    for (text, source) in rows {
        let found = warp(&format!("shfl.sync.{text}, -1;\n @!%p0 add.u32 %r9, %r9, 1;"), &x);
        let wanted = |n: usize| source(n).map_or(x[n].wrapping_add(1), |m| x[m]);
        assert_eq!(found, (0..32).map(wanted).collect::<Vec<_>>(), "{text}");
    }
}

#[test]
fn votes_matches_and_reductions() {
    let x = numbers();
    let all = |value: u32| vec![value; 32];
    let lanes = |holds: &dyn Fn(usize) -> bool| {
        (0..32).filter(|n| holds(*n)).map(|n| 1u32 << n).sum::<u32>()
    };
    let ballot = "setp.gt.u32 %p0, %r1, 50;\n vote.sync.ballot.b32 %r9, %p0, -1;";
    assert_eq!(warp(ballot, &x), all(lanes(&|n| x[n] > 50)));
    for (mode, p, wanted) in [
        ("all", "%p0", 0),
        ("any", "%p0", 1),
        ("uni", "%p0", 0),
        ("all", "%p1", 1),
        ("uni", "!%p1", 1),
        ("any", "!%p1", 0),
    ] {
        let text = format!(
            "setp.gt.u32 %p0, %r1, 50;\n setp.lt.u32 %p1, %r0, 32;
            vote.sync.{mode}.pred %p2, {p}, -1;\n selp.u32 %r9, 1, 0, %p2;"
        );
        assert_eq!(warp(&text, &x), all(wanted), "{mode} {p}");
    }
    let found = warp("match.any.sync.b32 %r9, %r1, -1;", &x);
    assert!((0..32).all(|n| found[n] == lanes(&|m| x[m] == x[n])));
    let (first, rest) = (x[0], &x[1..]);
    let fold = |f: fn(u32, u32) -> u32| all(rest.iter().fold(first, |a, b| f(a, *b)));
    assert_eq!(warp("redux.sync.add.u32 %r9, %r1, -1;", &x), fold(u32::wrapping_add));
    assert_eq!(warp("redux.sync.max.u32 %r9, %r1, -1;", &x), fold(u32::max));
    assert_eq!(
        warp("redux.sync.min.s32 %r9, %r1, -1;", &x),
        fold(|a, b| (a as i32).min(b as i32) as u32)
    );
    assert_eq!(warp("redux.sync.xor.b32 %r9, %r1, -1;", &x), fold(|a, b| a ^ b));
    // Only some lanes take part, under a guard and on a path of their own.
    let some = "mov.u32 %r9, 0;\n setp.lt.u32 %p0, %r0, 4;\n @%p0 redux.sync.or.b32 %r9, %r0, 15;";
    assert_eq!(warp(some, &x)[2..6], [3, 3, 0, 0]);
    let path = "mov.u32 %r9, 0;\n setp.lt.u32 %p0, %r0, 4;\n @%p0 bra END;
        activemask.b32 %r9;\n END:";
    assert_eq!(warp(path, &x)[2..6], [0, 0, 0xffff_fff0, 0xffff_fff0]);
}

#[test]
fn special_registers() {
    let x = numbers();
    for (name, wanted) in [
        ("eq", (|n| 1 << n) as fn(u32) -> u32),
        ("lt", |n| (1 << n) - 1),
        ("le", |n| (1u32 << n) | ((1 << n) - 1)),
        ("gt", |n| !((1u32 << n) | ((1 << n) - 1))),
        ("ge", |n| !((1 << n) - 1)),
    ] {
        let found = warp(&format!("mov.u32 %r9, %lanemask_{name};"), &x);
        assert_eq!(found, (0..32).map(wanted).collect::<Vec<_>>(), "{name}");
    }
    // All indices and extents of a grid of three axes, as digits.
    let digits = ["%tid", "%ctaid", "%ntid", "%nctaid"].map(|register| {
        ["x", "y", "z"].map(|axis| {
            format!("mov.u32 %r2, {register}.{axis};\n mad.lo.u32 %r9, %r9, 10, %r2;\n")
        })
    });
    let text = entry(
        1,
        "",
        &format!(
            "
        ld.param.u64 %a0, [p0];
        mov.u32 %r9, 0;
        {}
        mov.u32 %r3, 0;
        atom.global.add.u32 %r3, [%a0], 1;
        mad.wide.u32 %a1, %r3, 4, %a0;
        st.global.u32 [%a1+4], %r9;",
            digits[..2].concat().concat()
        ),
    );
    let mut gpu = Gpu::new(0).holds(&[0; 4]);
    gpu.params[0] = gpu.device.allocate(4 + 4 * 24 * 8).unwrap();
    gpu.device.write(gpu.params[0], &[0; 4]).unwrap();
    let params = bytes(&gpu.params, u64::to_le_bytes);
    gpu.device.launch(&module(&text), "f", [2, 2, 2], [4, 3, 2], 0, &params).unwrap();
    let mut found = words(&gpu.read(0, 4 + 4 * 24 * 8))[1..].to_vec();
    let mut wanted = Vec::new();
    for n in 0..24 {
        for b in 0..8 {
            let thread = 100 * (n % 4) + 10 * (n / 4 % 3) + n / 12;
            wanted.push(1000 * thread + 100 * (b % 2) + 10 * (b / 2 % 2) + b / 4);
        }
    }
    found.sort_unstable();
    wanted.sort_unstable();
    assert_eq!(found, wanted);
}

/// What one thread leaves in memory, and the old value.
fn atomic(text: &str, memory: u32, operand: u32) -> (u32, u32) {
    let body = format!(
        "
        .shared .align 4 .b32 s;
        ld.param.u64 %a0, [p0];
        ld.param.u64 %a1, [p1];
        ld.param.u32 %r1, [p2];
        ld.global.u32 %r2, [%a0];
        st.shared.u32 [s], %r2;
        mov.b32 %f1, %r1;
        {text}
        mov.b32 %r9, %f9;
        st.global.u32 [%a1], %r9;
        ld.shared.u32 %r3, [s];
        st.global.u32 [%a1+4], %r3;"
    );
    let mut gpu = Gpu::new(0).holds(&memory.to_le_bytes()).room(8).number(operand.into());
    gpu.launch(&module(&entry(3, "", &body)), 1, 1).unwrap();
    let place =
        if text.contains("shared") { words(&gpu.read(1, 8))[1] } else { words(&gpu.read(0, 4))[0] };
    (place, words(&gpu.read(1, 4))[0])
}

#[test]
fn atomic_operations() {
    let both = |op: &str, memory, operand| {
        let with = |space: &str| {
            let place = if space == "shared" { "[s]" } else { "[%a0]" };
            let text = format!("atom.{space}.{op} %r8, {place}, %r1;\n mov.b32 %f9, %r8;");
            atomic(&text, memory, operand)
        };
        assert_eq!(with("global"), with("shared"), "{op}");
        with("global")
    };
    let minus = (-3i32) as u32;
    for (op, memory, operand, wanted) in [
        ("add.u32", u32::MAX, 2, 1),
        ("min.u32", minus, 2, 2),
        ("min.s32", minus, 2, minus),
        ("max.u32", minus, 2, minus),
        ("max.s32", minus, 2, 2),
        ("and.b32", 12, 10, 8),
        ("or.b32", 12, 10, 14),
        ("xor.b32", 12, 10, 6),
        ("exch.b32", 12, 10, 10),
    ] {
        assert_eq!(both(op, memory, operand), (wanted, memory), "{op}");
    }
    let cas = "atom.global.cas.b32 %r8, [%a0], 7, %r1;\n mov.b32 %f9, %r8;";
    assert_eq!((atomic(cas, 7, 9), atomic(cas, 8, 9)), ((9, 7), (8, 8)));
    // Global memory flushes subnormals, shared memory does not.
    let tiny = 1e-40f32.to_bits();
    let global = "atom.global.add.f32 %f9, [%a0], %f1;";
    let shared = "atom.shared.add.f32 %f9, [s], %f1;";
    assert_eq!(atomic(global, tiny, tiny), (0, tiny));
    assert_eq!(atomic(shared, tiny, tiny), (2 * tiny, tiny));
    let (half, one) = (0.5f32.to_bits(), 1f32.to_bits());
    assert_eq!(atomic(global, half, half), (one, half));
    let smallest = f32::MIN_POSITIVE;
    let minus = -1.5 * smallest;
    let wanted = (-0.5 * smallest).to_bits() & 0x8000_0000;
    assert_eq!(atomic(global, smallest.to_bits(), minus.to_bits()).0, wanted);
}
