//! One kernel, point by point: the outermost loop first, every node at every point, then the
//! stores. Single ops live in `scalar.rs` and `elementary.rs`, scatters by chunks in `scatter.rs`.
//!
//! Reductions fold in the accumulator's type, in exactly the order that the kernel has
//! ([`Order`]), and are stored when the reduce loops are done. An
//! elementary op has the value of its definition. A verified kernel fails only if an element type
//! does not run; a kernel that is not verified may give an error.

use super::elementary::op_value;
use super::memory::Place;
use super::scalar;
use crate::affine::Affine;
use crate::kernel::{BufferId, Combine, Cut, Kernel, Mode, Node, NodeId, Order, Store};
use crate::{DType, Error, Scalar, err};
use smallvec::SmallVec;

/// Runs a kernel on one byte vector per buffer, each at least as long as its buffer.
pub fn run_kernel(kernel: &Kernel, buffers: &mut [Vec<u8>]) -> Result<(), Error> {
    if buffers.len() != kernel.buffers.len() {
        let (expected, got) = (kernel.buffers.len(), buffers.len());
        return Err(err!(
            Value,
            "{}: expected {buffers}, got {got}",
            kernel.name,
            buffers = crate::plural(expected, "buffer")
        ));
    }
    let places: Vec<Place> = (0..buffers.len()).map(|region| Place { region, byte: 0 }).collect();
    run(kernel, buffers, &places)
}

pub(super) fn run(kernel: &Kernel, memory: &mut [Vec<u8>], places: &[Place]) -> Result<(), Error> {
    let mut machine = Machine {
        kernel,
        memory,
        places,
        counters: vec![0; kernel.loops.len()],
        values: Vec::with_capacity(kernel.nodes.len()),
    };
    machine.run().map_err(|e| e.context(format_args!("kernel {}", kernel.name)))
}

/// A value of each reduction, in the accumulator's type.
type Folds = SmallVec<[Scalar; 4]>;

pub(super) struct Machine<'a> {
    pub(super) kernel: &'a Kernel,
    memory: &'a mut [Vec<u8>],
    places: &'a [Place],
    pub(super) counters: Vec<i64>,
    /// The values of the nodes at the current point.
    values: Vec<Scalar>,
}

impl Machine<'_> {
    fn run(&mut self) -> Result<(), Error> {
        let kernel = self.kernel;
        if kernel.order != Order::SEQUENTIAL
            && let Some(store) = kernel.scatter()
            && let Some(combine) = store.combine
        {
            return self.scatter(store, combine);
        }
        let outer = kernel.loops.iter().take_while(|l| l.mode != Mode::Reduce).count();
        let extents: Vec<usize> = kernel.loops.iter().map(|l| l.extent).collect();
        let mut go = first(&mut self.counters[..outer], &extents[..outer]);
        while go {
            let results = self.reduce(outer, &extents)?;
            if kernel.condition.is_some_and(|holds| self.value(holds).bits() == 0) {
                // The innermost sequential loop skips its other iterations.
                self.counters[outer - 1] = extents[outer - 1] as i64 - 1;
            }
            self.counters[outer..].fill(0);
            for (result, r) in results.into_iter().zip(&kernel.reductions) {
                let value = scalar::convert(result, self.dtype(r.buffer))?;
                self.write(r.buffer, r.at.at(&self.counters), value)?;
            }
            go = next(&mut self.counters[..outer], &extents[..outer]);
        }
        Ok(())
    }

    /// The results of all reductions at the current point of the outer loops.
    fn reduce(&mut self, outer: usize, extents: &[usize]) -> Result<Folds, Error> {
        let Some(Cut { of, length }) = self.kernel.order.cut else {
            return self.chunk(outer, extents, None);
        };
        let mut results = self.identities();
        for start in (0..extents[of]).step_by(length) {
            let mut part = extents.to_vec();
            part[of] = length.min(extents[of] - start);
            let chunk = self.chunk(outer, &part, Some((of, start)))?;
            for ((result, value), r) in results.iter_mut().zip(chunk).zip(&self.kernel.reductions) {
                *result = combined(r.combine, *result, value)?;
            }
        }
        Ok(results)
    }

    /// The folds over the points of the reduce loops, which have these extents and start at zero;
    /// one of them may start later.
    fn chunk(
        &mut self,
        outer: usize,
        extents: &[usize],
        start: Option<(usize, usize)>,
    ) -> Result<Folds, Error> {
        let kernel = self.kernel;
        let lanes = kernel.order.lanes;
        let mut partials: Vec<Folds> = vec![self.identities(); lanes];
        let mut place = vec![0; extents.len() - outer];
        let mut inside = first(&mut place, &extents[outer..]);
        while inside {
            self.counters[outer..].copy_from_slice(&place);
            if let Some((of, start)) = start {
                self.counters[of] += start as i64;
            }
            self.point()?;
            let lane = kernel.innermost_reduce().map_or(0, |n| self.counters[n] as usize % lanes);
            for (fold, r) in partials[lane].iter_mut().zip(&kernel.reductions) {
                let value = scalar::convert(self.value(r.value), r.accumulator)?;
                *fold = combined(r.combine, *fold, value)?;
            }
            inside = next(&mut place, &extents[outer..]);
        }
        while partials.len() > 1 {
            let upper = partials.split_off(partials.len() / 2);
            for (low, high) in partials.iter_mut().zip(upper) {
                for ((x, y), r) in low.iter_mut().zip(high).zip(&kernel.reductions) {
                    *x = combined(r.combine, *x, y)?;
                }
            }
        }
        Ok(partials.swap_remove(0))
    }

    fn identities(&self) -> Folds {
        self.kernel.reductions.iter().map(|r| r.combine.identity(r.accumulator)).collect()
    }

    /// All nodes and then all stores at the current point.
    fn point(&mut self) -> Result<(), Error> {
        self.nodes()?;
        for store in &self.kernel.stores {
            self.store(store)?;
        }
        Ok(())
    }

    /// All nodes at the current point.
    pub(super) fn nodes(&mut self) -> Result<(), Error> {
        self.values.clear();
        for node in &self.kernel.nodes {
            let value = self.evaluate(node)?;
            self.values.push(value);
        }
        Ok(())
    }

    fn evaluate(&self, node: &Node) -> Result<Scalar, Error> {
        Ok(match node {
            Node::Constant(value) => *value,
            Node::Counter(n) => Scalar::from(self.counters[*n]),
            Node::Load { buffer, at, guard, fill } => {
                let holds =
                    |at: &Affine, low: i64, high: i64| (low..high).contains(&at.at(&self.counters));
                if guard.iter().all(|r| holds(&r.at, r.low, r.high)) {
                    self.read(*buffer, at.at(&self.counters))?
                } else {
                    *fill
                }
            }
            Node::Gather { buffer, at } => {
                let len = self.kernel.buffers[buffer.0 as usize].len as i64;
                if len == 0 {
                    return Ok(Scalar::zero(self.dtype(*buffer)));
                }
                self.read(*buffer, self.index(*at).clamp(0, len - 1))?
            }
            Node::Op { op, args } => {
                let args: SmallVec<[Scalar; 3]> = args.iter().map(|a| self.value(*a)).collect();
                op_value(*op, &args)?
            }
        })
    }

    fn store(&mut self, store: &Store) -> Result<(), Error> {
        let Some(at) = self.place(store) else { return Ok(()) };
        let mut value = self.value(store.value);
        if let Some(combine) = store.combine {
            value = combined(combine, self.read(store.buffer, at)?, value)?;
        }
        self.write(store.buffer, at, value)
    }

    /// The element to which a store goes; `None` if the store is dropped.
    pub(super) fn place(&self, store: &Store) -> Option<i64> {
        let at = store.at.at(&self.counters);
        let Some(offset) = store.offset else { return Some(at) };
        let at = at.saturating_add(self.index(offset));
        let len = self.kernel.buffers[store.buffer.0 as usize].len as i64;
        (0..len).contains(&at).then_some(at)
    }

    pub(super) fn value(&self, id: NodeId) -> Scalar {
        self.values[id.0 as usize]
    }

    fn index(&self, id: NodeId) -> i64 {
        self.value(id).bits() as i64
    }

    pub(super) fn dtype(&self, id: BufferId) -> DType {
        self.kernel.buffers[id.0 as usize].dtype
    }

    pub(super) fn read(&self, id: BufferId, at: i64) -> Result<Scalar, Error> {
        let (region, byte) = self.element(id, at)?;
        Ok(Scalar::from_bytes(self.dtype(id), &self.memory[region][byte..]))
    }

    pub(super) fn write(&mut self, id: BufferId, at: i64, value: Scalar) -> Result<(), Error> {
        let (region, byte) = self.element(id, at)?;
        let size = value.dtype().size();
        self.memory[region][byte..byte + size].copy_from_slice(&value.bits().to_le_bytes()[..size]);
        Ok(())
    }

    fn element(&self, id: BufferId, at: i64) -> Result<(usize, usize), Error> {
        let (buffer, place) = (&self.kernel.buffers[id.0 as usize], self.places[id.0 as usize]);
        let size = buffer.dtype.size();
        let byte = place.byte + at.max(0) as usize * size;
        if at < 0 || at as usize >= buffer.len || byte + size > self.memory[place.region].len() {
            let (n, len) = (id.0, buffer.len);
            return Err(err!(Verify, "element {at} of buffer {n}, which has {len}"));
        }
        Ok((place.region, byte))
    }
}

pub(super) fn combined(combine: Combine, old: Scalar, new: Scalar) -> Result<Scalar, Error> {
    scalar::apply(combine.op(), &[old, new])
}

/// Sets the counters to the first point; false if there is none.
pub(super) fn first(counters: &mut [i64], extents: &[usize]) -> bool {
    counters.fill(0);
    !extents.contains(&0)
}

/// Moves to the next point, the last counter fastest; false after the last.
pub(super) fn next(counters: &mut [i64], extents: &[usize]) -> bool {
    for (counter, extent) in counters.iter_mut().zip(extents).rev() {
        *counter += 1;
        if (*counter as usize) < *extent {
            return true;
        }
        *counter = 0;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::KernelBuilder;
    use crate::kernel::{Loop, Order, Range};
    use crate::op::ScalarOp;

    fn parallel(extent: usize) -> Loop {
        Loop { extent, mode: Mode::Parallel }
    }

    fn reduce(extent: usize) -> Loop {
        Loop { extent, mode: Mode::Reduce }
    }

    fn bytes<T: Copy + Into<Scalar>>(values: &[T]) -> Vec<u8> {
        values.iter().flat_map(|v| (*v).into().to_bytes()).collect()
    }

    #[test]
    fn guarded_loads_pad() {
        let mut b = KernelBuilder::new("pad", [parallel(5)]);
        let (x, y) = (b.buffer(DType::I32, 3), b.buffer(DType::I32, 5));
        let at = Affine::new(-1, [1]);
        let guard = Range { at: at.clone(), low: 0, high: 3 };
        let v = b.load_guarded(x, at, [guard], Scalar::from(9i32));
        b.store_at(y, Affine::counter(0), v);
        let mut memory = [bytes(&[1i32, 2, 3]), bytes(&[0i32; 5])];
        run_kernel(&b.finish(), &mut memory).unwrap();
        assert_eq!(memory[1], bytes(&[9i32, 1, 2, 3, 9]));
    }

    #[test]
    fn loops_end_by_themselves() {
        let time = Loop { extent: 5, mode: Mode::Sequential };
        let mut b = KernelBuilder::new("double", [parallel(3), time]);
        let x = b.buffer(DType::I32, 3);
        let v = b.load(x, Affine::counter(0));
        let v = b.op(ScalarOp::Add, &[v, v]);
        b.store_at(x, Affine::counter(0), v);
        let most = b.constant(Scalar::from(100i32));
        let below = b.op(ScalarOp::Lt, &[v, most]);
        b.condition(below);
        let mut memory = [bytes(&[1i32, 30, 200])];
        run_kernel(&b.finish(), &mut memory).unwrap();
        // The first point runs all five iterations, the second ends early, and the third runs one,
        // as every loop does.
        assert_eq!(memory[0], bytes(&[32i32, 120, 400]));
    }

    #[test]
    fn reductions_fold_in_the_accumulator() {
        let mut b = KernelBuilder::new("sum", [parallel(2), reduce(3)]);
        let (x, y) = (b.buffer(DType::F32, 6), b.buffer(DType::F32, 2));
        let v = b.load(x, Affine::new(0, [3, 1]));
        b.reduce(y, Affine::counter(0), Combine::Sum, v);
        // 2^24 + 1 + 1: in f32 alone the ones would be lost.
        let mut memory = [bytes(&[16_777_216f32, 1.0, 1.0, 4.0, 5.0, 6.0]), bytes(&[0f32; 2])];
        run_kernel(&b.finish(), &mut memory).unwrap();
        assert_eq!(memory[1], bytes(&[16_777_218f32, 15.0]));
    }

    /// The definition once more, in plain loops, for `sum over i, j of x[i, j]`.
    #[test]
    fn reductions_combine_in_their_order() {
        let (rows, columns) = (7, 21);
        let x: Vec<f64> = (0..rows * columns).map(|n| (n as f64 * 0.37).sin() * 1e3).collect();
        let whole = |rows: std::ops::Range<usize>, columns: std::ops::Range<usize>, lanes| {
            let mut partials = vec![0f64; lanes];
            for i in rows {
                for j in columns.clone() {
                    partials[j % lanes] += x[21 * i + j];
                }
            }
            let mut half = lanes / 2;
            while half > 0 {
                (0..half).for_each(|i| partials[i] += partials[i + half]);
                half /= 2;
            }
            partials[0]
        };
        let by = |n: usize, length| (0..n).step_by(length).map(move |i| i..n.min(i + length));
        let mut seen = Vec::new();
        for lanes in [1, 2, 8, 16] {
            for cut in [None, Some(Cut { of: 0, length: 3 }), Some(Cut { of: 1, length: 16 })] {
                let mut b = KernelBuilder::new("sum", [reduce(rows), reduce(columns)]);
                b.order(Order { lanes, cut });
                let (a, y) = (b.buffer(DType::F64, rows * columns), b.buffer(DType::F64, 1));
                let v = b.load(a, Affine::new(0, [21, 1]));
                b.reduce(y, Affine::default(), Combine::Sum, v);
                let mut memory = [bytes(&x), bytes(&[0f64])];
                run_kernel(&b.finish(), &mut memory).unwrap();
                let expected: f64 = match cut {
                    None => whole(0..rows, 0..columns, lanes),
                    Some(Cut { of: 0, length }) => {
                        by(rows, length).map(|r| whole(r, 0..columns, lanes)).sum()
                    }
                    Some(Cut { length, .. }) => {
                        by(columns, length).map(|c| whole(0..rows, c, lanes)).sum()
                    }
                };
                assert_eq!(memory[1], bytes(&[expected]), "{lanes} {cut:?}");
                seen.push(expected.to_bits());
            }
        }
        seen.sort_unstable();
        seen.dedup();
        assert!(seen.len() > 4, "the orders differ in few bits: {}", seen.len());
    }

    #[test]
    fn empty_reductions_give_the_identity() {
        for combine in Combine::ALL {
            for d in DType::ALL.into_iter().filter(|d| d.runs()) {
                if combine.op().result(&[d, d]).is_none() {
                    continue;
                }
                let mut b = KernelBuilder::new("empty", [parallel(2), reduce(0)]);
                let (x, y) = (b.buffer(d, 0), b.buffer(d, 2));
                let v = b.load(x, Affine::counter(1));
                b.reduce(y, Affine::counter(0), combine, v);
                let mut memory = [Vec::new(), vec![0xaa; 2 * d.size()]];
                run_kernel(&b.finish(), &mut memory).unwrap();
                let id = combine.identity(d);
                assert_eq!(memory[1], [id.to_bytes(), id.to_bytes()].concat(), "{combine:?} {d}");
            }
        }
    }

    #[test]
    fn gathers_clamp_and_scatters_drop() {
        let four = Loop { extent: 4, mode: Mode::Sequential };
        let mut b = KernelBuilder::new("move", [four]);
        let (at, x) = (b.buffer(DType::I64, 4), b.buffer(DType::F64, 3));
        let (y, z) = (b.buffer(DType::F64, 4), b.buffer(DType::F64, 3));
        let index = b.load(at, Affine::counter(0));
        let v = b.gather(x, index);
        b.store_at(y, Affine::counter(0), v);
        let (offset, combine) = (Some(index), Some(Combine::Sum));
        b.store(Store { buffer: z, at: Affine::default(), offset, combine, value: v });
        let mut memory = [
            bytes(&[-5i64, 1, 1, i64::MAX]),
            bytes(&[1.0, 2.0, 3.0]),
            bytes(&[0f64; 4]),
            bytes(&[10f64; 3]),
        ];
        run_kernel(&b.finish(), &mut memory).unwrap();
        assert_eq!(memory[2], bytes(&[1.0, 2.0, 2.0, 3.0]));
        assert_eq!(memory[3], bytes(&[10.0, 14.0, 10.0]));
    }

    #[test]
    fn deep_graphs_take_no_stack() {
        let mut b = KernelBuilder::new("deep", []);
        let y = b.buffer(DType::U64, 1);
        let one = b.constant(Scalar::from(1u64));
        let mut v = one;
        for _ in 0..100_000 {
            v = b.op(ScalarOp::Add, &[v, one]);
        }
        b.store_at(y, Affine::default(), v);
        let mut memory = [bytes(&[0u64])];
        run_kernel(&b.finish(), &mut memory).unwrap();
        assert_eq!(memory[0], bytes(&[100_001u64]));
    }

    #[test]
    fn elements_outside_are_an_error() {
        let mut b = KernelBuilder::new("outside", [parallel(4)]);
        let y = b.buffer(DType::I64, 3);
        let v = b.counter(0);
        b.store_at(y, Affine::counter(0), v);
        let e = run_kernel(&b.finish(), &mut [vec![0; 32]]).unwrap_err();
        assert_eq!(e.message(), "kernel outside: element 3 of buffer 0, which has 3");
    }
}
