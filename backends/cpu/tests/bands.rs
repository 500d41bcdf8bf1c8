//! Launches that are done band by band: random runs of kernels over rows, columns and whole arrays
//! agree with the interpreter to the bit, in pools of one and three threads, inside of loops, with
//! temporaries that share bytes and with outputs in the memory of inputs. Random kernels live in
//! `random`.

mod support;

use cotangent_cpu::backend;
use cotangent_jit::affine::Affine;
use cotangent_jit::backend::{Backend, CompileOptions, Executable};
use cotangent_jit::build::KernelBuilder;
use cotangent_jit::kernel::{BufferId, Combine, Kernel, Loop, Mode, NodeId};
use cotangent_jit::op::ScalarOp;
use cotangent_jit::program::{KernelId, Program, Slot, SlotId, SlotKind, Step, View};
use cotangent_jit::verify::verify;
use cotangent_jit::{DType, interp, plan};
use support::{CPU, Random, compare, output_sizes, run};

const D: DType = DType::F32;

/// What a slot has one element for.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Form {
    Point,
    Row,
    Column,
}

/// A program under construction, over `rows` by `columns` points.
struct Draft {
    r: Random,
    rows: usize,
    columns: usize,
    slots: Vec<(Form, SlotKind)>,
    kernels: Vec<Kernel>,
    steps: Vec<Step>,
}

impl Draft {
    fn len(&self, form: Form) -> usize {
        match form {
            Form::Point => self.rows * self.columns,
            Form::Row => self.rows,
            Form::Column => self.columns,
        }
    }

    fn slot(&mut self, form: Form, kind: SlotKind) -> usize {
        self.slots.push((form, kind));
        self.slots.len() - 1
    }

    /// A slot that has been written, with this form.
    fn pick(&mut self, form: Form) -> Option<usize> {
        let all: Vec<usize> = (0..self.slots.len()).filter(|n| self.slots[*n].0 == form).collect();
        (!all.is_empty()).then(|| all[self.r.below(all.len())])
    }

    /// The position of a slot's element at the counters of rows and columns.
    fn at(&self, form: Form, row: usize, column: usize, loops: usize) -> Affine {
        let mut strides = vec![0; loops];
        match form {
            Form::Point => (strides[row], strides[column]) = (self.columns as i64, 1),
            Form::Row => strides[row] = 1,
            Form::Column => strides[column] = 1,
        }
        Affine::new(0, strides)
    }

    /// A launch of one of several kinds, and the slot that it writes.
    fn launch(&mut self) {
        let kind = self.r.below(8);
        let (rows, columns) = (self.rows, self.columns);
        let over = |extent, mode| Loop { extent, mode };
        let loops = match kind {
            0 => vec![over(rows * columns, Mode::Parallel)],
            1 => vec![over(rows, Mode::Parallel)],
            2 | 3 => vec![over(rows, Mode::Parallel), over(columns, Mode::Reduce)],
            4 => vec![over(columns, Mode::Parallel), over(rows, Mode::Reduce)],
            _ => vec![over(rows, Mode::Parallel), over(columns, Mode::Parallel)],
        };
        let (row, column) = if kind == 4 { (1, 0) } else { (0, 1) };
        let mut b = KernelBuilder::new("k", loops.clone());
        let mut read: Vec<(usize, BufferId)> = Vec::new();
        let mut value: Option<NodeId> = None;
        let forms = match kind {
            0 => vec![Form::Point, Form::Point],
            1 => vec![Form::Row, Form::Row],
            4 => vec![Form::Point, Form::Row],
            _ => vec![Form::Point, Form::Row, Form::Column, Form::Point],
        };
        for form in forms.into_iter().take(1 + self.r.below(4)) {
            let Some(slot) = self.pick(form) else { continue };
            let buffer = match read.iter().find(|(s, _)| *s == slot) {
                Some((_, buffer)) => *buffer,
                None => b.buffer(D, self.len(form)),
            };
            read.push((slot, buffer));
            let at = match kind {
                0 | 1 => Affine::counter(0),
                // Now and then from another row.
                7 if form == Form::Point && self.r.below(3) == 0 => {
                    let last = (rows as i64 - 1) * columns as i64;
                    Affine::new(last, [-(columns as i64), 1])
                }
                _ => self.at(form, row, column, loops.len()),
            };
            let x = b.load(buffer, at);
            let op = [ScalarOp::Add, ScalarOp::Sub, ScalarOp::Mul][self.r.below(3)];
            value = Some(match value {
                None => x,
                Some(v) => b.op(op, &[v, x]),
            });
        }
        let Some(mut value) = value else { return };
        if self.r.below(4) == 0 {
            value = b.op(ScalarOp::Sin, &[value]);
        }
        let mut views: Vec<usize> = Vec::new();
        for (slot, buffer) in &read {
            if buffer.0 as usize == views.len() {
                views.push(*slot);
            }
        }
        let form = match kind {
            1..=3 => Form::Row,
            4 => Form::Column,
            _ => Form::Point,
        };
        let at = match kind {
            0 | 1 => Affine::counter(0),
            _ => self.at(form, row, column, loops.len()),
        };
        if matches!(kind, 2..=4) {
            let combine = if self.r.below(3) == 0 { Combine::Max } else { Combine::Sum };
            if kind == 3 {
                // What is summed is kept, too.
                let out = b.buffer(D, rows * columns);
                b.store_at(out, self.at(Form::Point, 0, 1, 2), value);
                views.push(self.slot(Form::Point, SlotKind::Temp { arena_offset: 0 }));
            }
            let out = b.buffer(D, self.len(form));
            b.reduce(out, at, combine, value);
        } else {
            let out = b.buffer(D, self.len(form));
            b.store_at(out, at, value);
        }
        views.push(self.slot(form, SlotKind::Temp { arena_offset: 0 }));
        let kernel = KernelId(self.kernels.len() as u32);
        self.kernels.push(b.finish());
        let args = views.iter().map(|n| View::whole(SlotId(*n as u32))).collect();
        self.steps.push(Step::Launch { kernel, args });
    }
}

/// A random program; its outputs are its last array, sometimes another one, and in the memory of
/// which input the first output may lie.
fn draft(seed: u64) -> Program {
    let mut r = Random(seed);
    let sizes = [(100, 100), (64, 300), (1000, 20), (9, 3000), (37, 401), (256, 64)];
    let (rows, columns) = sizes[r.below(sizes.len())];
    let mut d = Draft { r, rows, columns, slots: vec![], kernels: vec![], steps: vec![] };
    for (n, form) in [Form::Point, Form::Row, Form::Column, Form::Point].into_iter().enumerate() {
        d.slot(form, SlotKind::Input(n));
    }
    for _ in 0..2 + d.r.below(7) {
        d.launch();
    }
    let written: Vec<usize> = (4..d.slots.len()).collect();
    let mut outputs = 0;
    for n in written.iter().rev() {
        if outputs == 0 || d.r.below(4) == 0 {
            d.slots[*n].1 = SlotKind::Output(outputs);
            outputs += 1;
        }
    }
    let mut steps = std::mem::take(&mut d.steps);
    if d.r.below(4) == 0 {
        steps = vec![Step::Loop { trips: 2, body: steps }];
    }
    let slots = (d.slots.iter())
        .map(|(form, kind)| Slot { dtype: D, len: d.len(*form), kind: *kind })
        .collect();
    let donations = Vec::new();
    let (kernels, arena) = (d.kernels, 0);
    let mut p =
        Program { name: "bands".into(), place: CPU, slots, kernels, steps, donations, arena };
    plan::plan(&mut p);
    for input in [0, 3] {
        let donated = Program { donations: vec![(0, input)], ..p.clone() };
        if verify(donated.clone()).is_ok() {
            return donated;
        }
    }
    p
}

/// Runs with the first output in the memory of the input that it may replace.
fn run_donated(e: &dyn Executable, p: &Program, inputs: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut inputs: Vec<Vec<u64>> = inputs.iter().map(|bytes| words(bytes)).collect();
    let mut outputs: Vec<Vec<u64>> =
        output_sizes(p).iter().map(|n| vec![0; n.div_ceil(8)]).collect();
    let mut targets: Vec<*mut u8> = outputs.iter_mut().map(|o| o.as_mut_ptr().cast()).collect();
    let mut sources: Vec<*const u8> = Vec::new();
    for input in &mut inputs {
        sources.push(input.as_mut_ptr().cast_const().cast());
    }
    for (output, input) in &p.donations {
        targets[*output] = inputs[*input].as_mut_ptr().cast();
        sources[*input] = targets[*output].cast_const();
    }
    // SAFETY: each is as long as its slot, and the program allows the shared memory.
    unsafe { e.run(&mut sources, &[], &targets) }.unwrap();
    let bytes = |w: &[u64], n: usize| -> Vec<u8> {
        w.iter().flat_map(|x| x.to_ne_bytes()).take(n).collect()
    };
    (output_sizes(p).iter().enumerate())
        .map(|(o, n)| match p.donations.iter().find(|d| d.0 == o) {
            Some((_, input)) => bytes(&inputs[*input], *n),
            None => bytes(&outputs[o], *n),
        })
        .collect()
}

fn words(bytes: &[u8]) -> Vec<u64> {
    let word = |c: &[u8]| {
        let mut w = [0; 8];
        w[..c.len()].copy_from_slice(c);
        u64::from_ne_bytes(w)
    };
    bytes.chunks(8).map(word).collect()
}

/// The number of functions that do launches band by band.
fn bands(e: &dyn Executable) -> usize {
    let text = e.text("clif").unwrap();
    text.lines().filter(|l| l.ends_with("(i64, i64, i64, i64) system_v {")).count()
}

fn compiled(p: &Program) -> Box<dyn Executable> {
    let options = CompileOptions { keep_text: true, ..CompileOptions::default() };
    backend().compile(&verify(p.clone()).unwrap(), &options).unwrap()
}

#[test]
fn random_launches_agree_with_the_interpreter() {
    let count = std::env::var("RANDOM_BANDS").map_or(150, |n| n.parse().unwrap());
    let pools = [1, 3].map(|n| rayon::ThreadPoolBuilder::new().num_threads(n).build().unwrap());
    let (mut banded, mut donated) = (0, 0);
    for seed in 0..count {
        let p = draft(seed);
        let mut r = Random(seed ^ 0xabcd);
        let inputs: Vec<Vec<u8>> = p.inputs().iter().map(|s| r.bytes(D, p.slot(*s).len)).collect();
        let e = compiled(&p);
        banded += usize::from(bands(&*e) > 0);
        let expected = interp::program::run(&verify(p.clone()).unwrap(), &inputs).unwrap();
        for pool in &pools {
            let mut all = vec![pool.install(|| run(&*e, &inputs, &output_sizes(&p)))];
            if !p.donations.is_empty() {
                all.push(pool.install(|| run_donated(&*e, &p, &inputs)));
                donated += 1;
            }
            for got in all {
                for (g, x) in got.iter().zip(&expected) {
                    compare(D, g, x, 0.0, &format!("seed {seed}: {p:?}"));
                }
            }
        }
    }
    assert!(banded * 3 > count as usize, "{banded} of {count} programs have bands");
    assert!(donated * 10 > count as usize, "{donated} of {count} programs share memory");
}

/// `y = x / sum(x)` by rows, of which only the sum is a temporary, so that it needs no memory of
/// its own; and where a sum over all rows stands between, the launches stay apart.
#[test]
fn launches_by_rows_are_done_band_by_band() {
    let (rows, columns) = (128, 256);
    let over = |extent, mode| Loop { extent, mode };
    let quotient = |stride: i64| {
        let two = [over(rows, Mode::Parallel), over(columns, Mode::Parallel)];
        let mut b = KernelBuilder::new("quotient", two);
        let (x, s) = (b.buffer(D, rows * columns), b.buffer(D, rows));
        let at = Affine::new(0, [columns as i64, 1]);
        let (v, w) = (b.load(x, at.clone()), b.load(s, Affine::new(0, [stride])));
        let v = b.op(ScalarOp::Div, &[v, w]);
        let y = b.buffer(D, rows * columns);
        b.store_at(y, at, v);
        b.finish()
    };
    for (stride, expected) in [(1, 1), (0, 0)] {
        let two = [over(rows, Mode::Parallel), over(columns, Mode::Reduce)];
        let mut b = KernelBuilder::new("sum", two);
        let x = b.buffer(D, rows * columns);
        let v = b.load(x, Affine::new(0, [columns as i64, 1]));
        let s = b.buffer(D, rows);
        b.reduce(s, Affine::counter(0), Combine::Sum, v);
        let view = |n: u32| View::whole(SlotId(n));
        let launch = |kernel: u32, args: &[u32]| Step::Launch {
            kernel: KernelId(kernel),
            args: args.iter().map(|n| view(*n)).collect(),
        };
        let slot = |len, kind| Slot { dtype: D, len, kind };
        let p = Program {
            name: "normalized".into(),
            place: CPU,
            slots: vec![
                slot(rows * columns, SlotKind::Input(0)),
                slot(rows, SlotKind::Temp { arena_offset: 0 }),
                slot(rows * columns, SlotKind::Output(0)),
            ],
            kernels: vec![b.finish(), quotient(stride)],
            steps: vec![launch(0, &[0, 1]), launch(1, &[0, 1, 2])],
            donations: vec![],
            arena: 4 * rows,
        };
        assert_eq!(bands(&*compiled(&p)), expected, "stride {stride}");
    }
}
