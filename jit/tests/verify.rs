//! The verifier's promise: kernels that pass never leave their buffers, and mean the same in any
//! order of their parallel points. Random kernels, half of them wrong, are run as written and with
//! their points in another order.

use cotangent_jit::affine::Affine;
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::interp::run_kernel;
use cotangent_jit::kernel::{
    BufferId, Combine, Kernel, Loop, Mode, Node, NodeId, Range, Reduction, Store,
};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::verify::verify_kernel;
use cotangent_jit::{DType, Scalar};

/// Splitmix64.
struct Random(u64);

impl Random {
    fn below(&mut self, n: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) % n as u64) as usize
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.below(from.len())]
    }
}

fn random_affine(r: &mut Random, loops: &[Loop]) -> Affine {
    let mut strides: Vec<i64> = Vec::new();
    let mut dense = 1;
    for l in loops.iter().rev() {
        let any = [dense, dense, dense, dense, 0, 1, 2, -1, -dense];
        strides.insert(0, r.pick(&any));
        dense *= l.extent.max(1) as i64;
    }
    let extents: Vec<usize> = loops.iter().map(|l| l.extent).collect();
    let low = Affine::new(0, strides.iter().copied()).range(&extents).map_or(0, |(low, _)| low);
    Affine::new(r.pick(&[0, 0, 0, 0, 0, 1, 2, -1]) - low, strides)
}

fn random_kernel(r: &mut Random) -> Kernel {
    let rank = r.below(4);
    let kinds: &[Mode] = match r.below(4) {
        0 => &[Mode::Sequential],
        1 => &[Mode::Parallel, Mode::Sequential],
        _ => &[Mode::Parallel],
    };
    let extents = [1, 2, 2, 3, 3, 4, 0];
    let mut loops: Vec<Loop> =
        (0..rank).map(|_| Loop { extent: r.pick(&extents), mode: r.pick(kinds) }).collect();
    let outer = loops.len();
    for _ in 0..r.below(3) / 2 {
        loops.push(Loop { extent: r.pick(&extents), mode: Mode::Reduce });
    }
    let mut b = KernelBuilder::new("random", loops.iter().copied());
    let buffers: Vec<BufferId> =
        (0..3).map(|_| b.buffer(DType::I64, r.pick(&[1, 4, 8, 9, 16, 24, 36, 72]))).collect();
    let targets = &buffers[1..];
    let mut ats: Vec<Affine> = (0..3).map(|_| random_affine(r, &loops)).collect();
    let mut values: Vec<NodeId> = vec![b.constant(Scalar::from(3i64))];
    for _ in 0..1 + r.below(3) {
        let buffer = r.pick(&buffers);
        let at = if r.below(2) == 0 { ats[r.below(3)].clone() } else { random_affine(r, &loops) };
        let v = match r.below(6) {
            0 if !loops.is_empty() => b.counter(r.below(loops.len())),
            1 => b.gather(buffer, values[r.below(values.len())]),
            2 => {
                let low = r.below(3) as i64 - 1;
                let of = if r.below(2) == 0 { at.clone() } else { random_affine(r, &loops) };
                let guard = Range { at: of, low, high: low + 1 + r.below(5) as i64 };
                b.load_guarded(buffer, at, [guard], Scalar::from(-5i64))
            }
            _ => b.load(buffer, at),
        };
        let sum = b.op(ScalarOp::Add, &[v, values[r.below(values.len())]]);
        values.extend([v, sum]);
    }
    let value = |r: &mut Random| values[values.len() - 1 - r.below(2.min(values.len()))];
    if loops.len() > outer {
        let at = Affine::new(0, random_affine(r, &loops[..outer]).strides);
        let combine = r.pick(&[Combine::Sum, Combine::Max, Combine::Xor]);
        b.reduce(r.pick(targets), at, combine, value(r));
    }
    for _ in 0..r.below(3) {
        let at = ats.swap_remove(r.below(ats.len()));
        ats.push(at.clone());
        let combine = r.pick(&[None, None, Some(Combine::Sum), Some(Combine::Min)]);
        let offset = (r.below(4) == 0).then(|| value(r));
        b.store(Store { buffer: r.pick(targets), at, offset, combine, value: value(r) });
    }
    b.finish()
}

/// The same points in another order: parallel and reduce loops run backwards, and each parallel
/// loop moves inwards by one place, if that is not a reduce loop's.
fn turned(kernel: &Kernel) -> Kernel {
    let mut order: Vec<usize> = (0..kernel.loops.len()).collect();
    for n in (1..order.len()).rev() {
        let (left, right) = (kernel.loops[order[n - 1]].mode, kernel.loops[order[n]].mode);
        if left == Mode::Parallel && right != Mode::Reduce {
            order.swap(n - 1, n);
        }
    }
    let last = |n: usize| kernel.loops[n].extent as i64 - 1;
    let backwards = |n: usize| kernel.loops[n].mode != Mode::Sequential;
    let affine = |at: &Affine| {
        let turned = (0..order.len()).filter(|n| backwards(*n));
        let offset = at.offset + turned.map(|n| at.stride(n) * last(n)).sum::<i64>();
        let stride = |n: &usize| if backwards(*n) { -at.stride(*n) } else { at.stride(*n) };
        Affine::new(offset, order.iter().map(stride))
    };
    let mut b = KernelBuilder::new("turned", order.iter().map(|n| kernel.loops[*n]));
    for buffer in &kernel.buffers {
        b.buffer(buffer.dtype, buffer.len);
    }
    let mut new: Vec<NodeId> = Vec::new();
    for node in &kernel.nodes {
        let id = match node {
            Node::Counter(n) => {
                let at = (0..=*n).map(|m| (m == *n) as i64);
                b.affine(&affine(&Affine::new(0, at)))
            }
            Node::Load { buffer, at, guard, fill } => {
                let guard: Vec<Range> =
                    guard.iter().map(|r| Range { at: affine(&r.at), ..r.clone() }).collect();
                b.load_guarded(*buffer, affine(at), guard, *fill)
            }
            Node::Gather { buffer, at } => b.gather(*buffer, new[at.0 as usize]),
            Node::Op { op, args } => {
                let args: Vec<NodeId> = args.iter().map(|a| new[a.0 as usize]).collect();
                b.op(*op, &args)
            }
            Node::Constant(value) => b.constant(*value),
        };
        new.push(id);
    }
    for s in &kernel.stores {
        let (offset, value) = (s.offset.map(|v| new[v.0 as usize]), new[s.value.0 as usize]);
        b.store(Store { at: affine(&s.at), offset, value, ..s.clone() });
    }
    for Reduction { buffer, at, combine, value, .. } in &kernel.reductions {
        b.reduce(*buffer, affine(at), *combine, new[value.0 as usize]);
    }
    b.finish()
}

#[test]
fn what_passes_stays_inside_and_needs_no_order() {
    let (mut passed, mut moved) = (0, 0);
    for seed in 0..60_000 {
        let kernel = random_kernel(&mut Random(seed));
        let Ok(kernel) = verify_kernel(kernel) else { continue };
        passed += 1;
        let memory: Vec<Vec<u8>> = kernel
            .buffers
            .iter()
            .map(|b| (0..b.len as i64).flat_map(|n| (n * 7 % 11 - 3).to_le_bytes()).collect())
            .collect();
        let (mut plain, mut other) = (memory.clone(), memory.clone());
        run_kernel(&kernel, &mut plain).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{}", *kernel));
        let turned = turned(&kernel);
        run_kernel(&turned, &mut other).unwrap_or_else(|e| panic!("seed {seed}: {e}\n{turned}"));
        assert_eq!(plain, other, "seed {seed}: order matters\n{}\n{turned}", *kernel);
        moved += (plain != memory) as usize;
    }
    assert!(passed > 6000 && passed < 50_000, "{passed} kernels passed");
    assert!(moved > 3000, "{moved} of {passed} did something");
}
