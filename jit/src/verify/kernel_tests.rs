//! Kernels that break each invariant, with the verifier's messages, and unusual kernels that must
//! pass.

use super::verify_kernel;
use crate::affine::Affine;
use crate::build::KernelBuilder;
use crate::kernel::{
    BufferId, Combine, Cut, Kernel, Loop, Mode, Node, NodeId, Order, Range, Store,
};
use crate::op::ScalarOp;
use crate::{DType, Scalar};
use smallvec::smallvec;

fn loops(mode: Mode, extents: &[usize]) -> Vec<Loop> {
    extents.iter().map(|&extent| Loop { extent, mode }).collect()
}

fn parallel(extents: &[usize]) -> Vec<Loop> {
    loops(Mode::Parallel, extents)
}

/// `b[store] = a[load]` over parallel loops.
fn copy(extents: &[usize], lens: [usize; 2], load: Affine, store: Affine) -> Kernel {
    let mut b = KernelBuilder::new("copy", parallel(extents));
    let (x, y) = (b.buffer(DType::F32, lens[0]), b.buffer(DType::F32, lens[1]));
    let v = b.load(x, load);
    b.store_at(y, store, v);
    b.finish()
}

fn copy8() -> Kernel {
    copy(&[8], [8, 8], Affine::counter(0), Affine::counter(0))
}

fn holds(kernel: Kernel) {
    if let Err(e) = verify_kernel(kernel) {
        panic!("{e}");
    }
}

#[track_caller]
fn breaks(law: usize, text: &str, kernel: Kernel) {
    let e = verify_kernel(kernel).expect_err("the kernel passed");
    assert!(e.message().contains(&format!("breaks invariant {law},")), "{e}");
    assert!(e.message().contains(text), "{e}");
}

#[track_caller]
fn broken(law: usize, text: &str, mut kernel: Kernel, change: impl FnOnce(&mut Kernel)) {
    change(&mut kernel);
    breaks(law, text, kernel);
}

#[test]
fn messages_point_into_the_listing() {
    let kernel = copy(&[8], [7, 8], Affine::counter(0), Affine::counter(0));
    let expected = "\
kernel copy breaks invariant 2, loads stay inside their buffer: \
    the index runs from 0 to 7, the buffer has 7
  kernel copy(a: f32[7] read, b: f32[8] write) {
    for i0 < 8 parallel
>   v0 = load a[i0]
    store b[i0] = v0
";
    assert_eq!(verify_kernel(kernel).unwrap_err().message(), expected);
}

#[test]
fn one_types_and_references() {
    let op = |op, args: &[u32]| Node::Op { op, args: args.iter().map(|a| NodeId(*a)).collect() };
    broken(1, "v1 is not an earlier node", copy8(), |k| {
        k.nodes.push(op(ScalarOp::Neg, &[1]));
    });
    broken(1, "not does not take [f32]", copy8(), |k| k.nodes.push(op(ScalarOp::Not, &[0])));
    broken(1, "the graph has this node already, v0", copy8(), |k| k.nodes.push(k.nodes[0].clone()));
    broken(1, "there is no loop 1", copy8(), |k| k.nodes.push(Node::Counter(1)));
    broken(1, "there is no loop 3", copy8(), |k| k.stores[0].at = Affine::counter(3));
    broken(1, "there is no buffer 2", copy8(), |k| k.stores[0].buffer = BufferId(2));
    broken(1, "expected a value of type i32, got f32", copy8(), |k| {
        k.buffers[1].dtype = DType::I32
    });
    broken(1, "expected a fill of type f64", copy8(), |k| k.buffers[0].dtype = DType::F64);
    broken(1, "v9 is not an earlier node", copy8(), |k| k.stores[0].value = NodeId(9));
    broken(1, "xor does not take f32", copy8(), |k| k.stores[0].combine = Some(Combine::Xor));
    broken(1, "expected an i64 index, got f32", copy8(), |k| {
        k.nodes.push(Node::Gather { buffer: BufferId(0), at: NodeId(0) });
    });
    broken(1, "expected an i64 index, got f32", copy8(), |k| k.stores[0].offset = Some(NodeId(0)));
}

#[test]
fn two_loads_inside() {
    breaks(2, "from -1 to 6", copy(&[8], [8, 8], Affine::new(-1, [1]), Affine::counter(0)));
    let padded = |low, high| {
        let mut k = copy(&[8], [6, 8], Affine::new(-1, [1]), Affine::counter(0));
        if let Node::Load { guard, at, .. } = &mut k.nodes[0] {
            *guard = smallvec![Range { at: at.clone(), low, high }];
        }
        k
    };
    holds(padded(0, 6));
    breaks(2, "from -1 to 5", padded(-1, 6));
    breaks(2, "from 0 to 6", padded(0, 7));
    holds(copy(&[0], [0, 0], Affine::new(5, [1]), Affine::counter(0)));
    let huge = Affine::new(0, [i64::MAX]);
    breaks(2, "index runs from 0", copy(&[3], [8, 8], huge, Affine::counter(0)));
}

#[test]
fn three_stores_inside() {
    breaks(3, "from 0 to 7", copy(&[8], [8, 7], Affine::counter(0), Affine::counter(0)));
    breaks(3, "from -7 to 0", copy(&[8], [8, 8], Affine::counter(0), Affine::new(0, [-1])));
    holds(copy(&[8], [8, 8], Affine::counter(0), Affine::new(7, [-1])));
}

#[test]
fn four_points_do_not_meet() {
    let to = |extents: &[usize], strides: &[i64]| {
        let at = Affine::new(0, strides.iter().copied());
        copy(extents, [1, 64], Affine::default(), at)
    };
    holds(to(&[4, 3], &[3, 1]));
    holds(to(&[4, 3], &[1, 4]));
    holds(to(&[4, 1], &[1, 0]));
    breaks(4, "points meet at an element", to(&[4, 3], &[3, 0]));
    breaks(4, "points meet at an element", to(&[4, 3], &[2, 1]));
    // In order, the last one wins.
    broken(4, "points meet", to(&[4, 3], &[2, 1]), |k| k.loops[0].mode = Mode::Sequential);
    let mut k = to(&[4, 3], &[2, 1]);
    k.loops = loops(Mode::Sequential, &[4, 3]);
    holds(k);
    // A sequential loop may come back to each parallel point's own element.
    let mut k = to(&[4, 3], &[0, 1]);
    k.loops[0].mode = Mode::Sequential;
    holds(k);
}

#[test]
fn four_stores_to_one_buffer_lie_apart() {
    let two = |first: Affine, second: Affine| {
        let mut k = copy(&[4, 3], [12, 64], Affine::new(0, [3, 1]), first);
        k.stores.push(Store { at: second, ..k.stores[0].clone() });
        k
    };
    holds(two(Affine::new(0, [6, 1]), Affine::new(3, [6, 1])));
    holds(two(Affine::new(0, [3, 1]), Affine::new(12, [3, 1])));
    holds(two(Affine::new(0, [6, 2]), Affine::new(1, [6, 2])));
    holds(two(Affine::new(0, [3, 1]), Affine::new(0, [3, 1])));
    holds(two(Affine::new(0, [3, 1]), Affine::new(12, [1, 4])));
    breaks(4, "another store", two(Affine::new(0, [6, 1]), Affine::new(2, [6, 1])));
    breaks(4, "another store", two(Affine::new(0, [3, 1]), Affine::new(0, [1, 4])));
}

#[test]
fn four_scatters_run_in_order() {
    let scatter = |mode| {
        let mut b = KernelBuilder::new("scatter", loops(mode, &[4]));
        let (at, y) = (b.buffer(DType::I64, 4), b.buffer(DType::I64, 9));
        let v = b.load(at, Affine::counter(0));
        let (offset, combine) = (Some(v), Some(Combine::Sum));
        b.store(Store { buffer: y, at: Affine::default(), offset, combine, value: v });
        b.finish()
    };
    holds(scatter(Mode::Sequential));
    breaks(4, "v0 is not the same at all points", scatter(Mode::Parallel));
    // One offset for all points, as in dynamic_update_slice.
    let mut k = scatter(Mode::Parallel);
    k.stores[0].at = Affine::counter(0);
    k.nodes[0] = Node::Load {
        buffer: BufferId(0),
        at: Affine::default(),
        guard: smallvec![],
        fill: Scalar::from(0i64),
    };
    holds(k);
}

#[test]
fn five_in_place_is_at_one_point() {
    let in_place = |load: Affine| {
        let mut b = KernelBuilder::new("update", parallel(&[4]));
        let y = b.buffer(DType::F32, 8);
        let v = b.load(y, load);
        b.store_at(y, Affine::new(1, [1]), v);
        b.finish()
    };
    holds(in_place(Affine::new(1, [1])));
    breaks(5, "no store has this index", in_place(Affine::counter(0)));
    let mut k = in_place(Affine::counter(0));
    k.loops[0].mode = Mode::Sequential;
    holds(k);
    broken(5, "a gather may read any element", in_place(Affine::new(1, [1])), |k| {
        k.nodes.push(Node::Counter(0));
        k.nodes.push(Node::Gather { buffer: BufferId(0), at: NodeId(1) });
    });
}

fn row_sums() -> Kernel {
    let mut nest = parallel(&[4]);
    nest.extend(loops(Mode::Reduce, &[3]));
    let mut b = KernelBuilder::new("sums", nest);
    let (x, y) = (b.buffer(DType::F32, 12), b.buffer(DType::F32, 12));
    let v = b.load(x, Affine::new(0, [3, 1]));
    b.reduce(y, Affine::counter(0), Combine::Sum, v);
    b.finish()
}

#[test]
fn six_and_seven_reductions() {
    holds(row_sums());
    broken(6, "there are no reduce loops", row_sums(), |k| k.loops[1].mode = Mode::Parallel);
    broken(6, "moves with the reduce loop i1", row_sums(), |k| {
        k.reductions[0].at = Affine::new(0, [3, 1]);
    });
    broken(6, "a loop that reduces encloses it", row_sums(), |k| k.loops.reverse());
    broken(7, "f32 is not folded in i64", row_sums(), |k| k.reductions[0].accumulator = DType::I64);
    broken(1, "sum does not take bool", row_sums(), |k| k.reductions[0].accumulator = DType::Bool);
    broken(4, "points meet", row_sums(), |k| k.reductions[0].at = Affine::default());
    // Nothing to fold is still stored, and must be inside.
    let mut k = row_sums();
    k.loops[1].extent = 0;
    holds(k.clone());
    broken(3, "from 0 to 3", k, |k| k.buffers[1].len = 3);
    // A store beside the reduction runs at every point.
    let mut k = row_sums();
    let store =
        |at| Store { buffer: BufferId(0), at, offset: None, combine: None, value: NodeId(0) };
    k.stores.push(store(Affine::new(0, [3, 1])));
    holds(k.clone());
    broken(4, "points meet", k, |k| k.stores[0].at = Affine::counter(0));
}

#[test]
fn nine_orders_of_combination() {
    let with = |lanes, cut: Option<(usize, usize)>| {
        let cut = cut.map(|(of, length)| Cut { of, length });
        move |k: &mut Kernel| k.order = Order { lanes, cut }
    };
    let mut k = row_sums();
    with(32, Some((1, 64)))(&mut k);
    holds(k);
    broken(9, "expected a power of two up to 32 as lanes, got 3", row_sums(), with(3, None));
    broken(9, "expected a power of two up to 32 as lanes, got 0", row_sums(), with(0, None));
    broken(9, "expected a power of two up to 32 as lanes, got 64", row_sums(), with(64, None));
    broken(9, "i0 is not a reduce loop", row_sums(), with(1, Some((0, 2))));
    broken(9, "i2 is not a reduce loop", row_sums(), with(1, Some((2, 2))));
    broken(9, "1 lanes do not fold chunks of 0", row_sums(), with(1, Some((1, 0))));
    broken(9, "8 lanes do not fold chunks of 12", row_sums(), with(8, Some((1, 12))));
    let mut b = KernelBuilder::new("product", loops(Mode::Reduce, &[80]));
    let (x, y) = (b.buffer(DType::C64, 80), b.buffer(DType::C64, 1));
    let v = b.load(x, Affine::counter(0));
    b.reduce(y, Affine::default(), Combine::Product, v);
    let k = b.finish();
    holds(k.clone());
    broken(9, "complex products and extremes are folded in order", k, with(8, None));
}

#[test]
fn many_stores_stay_cheap() {
    let mut b = KernelBuilder::new("many", []);
    let y = b.buffer(DType::F32, 20_000);
    for n in 0..20_000 {
        let v = b.constant(Scalar::from(n as f32));
        b.store_at(y, Affine::constant(n), v);
    }
    holds(b.finish());
}

/// Every lane counts up to its own bound, in at most ten rounds.
fn counting() -> Kernel {
    let mut b = KernelBuilder::new(
        "count",
        parallel(&[4]).into_iter().chain(loops(Mode::Sequential, &[10])),
    );
    let (bound, sum) = (b.buffer(DType::I32, 4), b.buffer(DType::I32, 4));
    let (v, most) = (b.load(sum, Affine::counter(0)), b.load(bound, Affine::counter(0)));
    let one = b.constant(Scalar::from(1i32));
    let v = b.op(ScalarOp::Add, &[v, one]);
    b.store_at(sum, Affine::counter(0), v);
    let below = b.op(ScalarOp::Lt, &[v, most]);
    b.condition(below);
    b.finish()
}

#[test]
fn eight_loops_that_end_by_themselves() {
    holds(counting());
    broken(8, "expected a bool", counting(), |k| k.condition = Some(NodeId(0)));
    broken(8, "does not run in order", counting(), |k| k.loops[1].mode = Mode::Parallel);
    broken(8, "moves with the innermost loop", counting(), |k| {
        k.buffers[1].len = 40;
        k.stores[0].at = Affine::new(0, [10, 1]);
    });
}
