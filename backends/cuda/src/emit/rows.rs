//! The entry of launches that work row by row: a warp per row.

use super::emitter::{Emitter, Span};
use super::task::emit_into;
use crate::plan::{Address, Argument, Kept, Rows, Tasks};
use crate::ptx::{Class, Code, Entry, Value};
use cotangent_jit::Error;
use cotangent_jit::program::{Program, Step, View};

/// Threads of a warp.
const WARP: usize = 32;
/// Bytes that a thread copies at once.
const PIECE: usize = 16;

/// The entry, its parameters and its blocks. `depth` is the number of enclosing loops.
pub fn entry(
    name: &str,
    program: &Program,
    kernels: &[Tasks],
    rows: &Rows,
    depth: usize,
) -> Result<(Entry, Vec<Argument>, u64), Error> {
    let mut code = Code::default();
    code.comment("rows");
    let mut row = Row { program, kernels, rows, depth, args: Vec::new(), bases: Vec::new(), code };
    let threads = WARP * rows.warps;
    let special =
        |code: &mut Code, name: &str| code.get(Class::B32, "mov.u32", format_args!("{name}"));
    // All addresses come first, since they are the parameters.
    row.parameters();
    let c = &mut row.code;
    let (block, place) = (special(c, "%ctaid.x"), special(c, "%tid.x"));
    let (lane, warp) = (
        c.get(Class::B32, "and.b32", format_args!("{place}, 31")),
        c.get(Class::B32, "shr.u32", format_args!("{place}, 5")),
    );
    let number = c.get(Class::B32, "mad.lo.u32", format_args!("{block}, {}, {warp}", rows.warps));
    let end = c.label();
    let beyond = c.get(Class::Pred, "setp.ge.u32", format_args!("{number}, {}", rows.rows));
    c.put(format_args!("@{beyond} bra {end}"));
    let shared = c.get(Class::B64, "mov.u64", format_args!("shared"));
    let operands = format_args!("{warp}, {}, {shared}", rows.row_bytes);
    let shared = c.get(Class::B64, "mad.wide.u32", operands);
    for kept in rows.kept.iter().filter(|k| k.given) {
        row.fetch(kept, number, lane, shared);
    }
    row.meet();
    for (step, (split, points)) in rows.steps.iter().zip(&rows.splits) {
        row.launch(step, *split, *points, number, lane, shared)?;
        row.meet();
    }
    let Row { mut code, args, .. } = row;
    code.place(end);
    let entry = Entry {
        name: name.into(),
        addresses: args.len(),
        threads: threads as u32,
        shared: rows.row_bytes * rows.warps,
        code,
    };
    Ok((entry, args, rows.rows.div_ceil(rows.warps) as u64))
}

struct Row<'a> {
    program: &'a Program,
    kernels: &'a [Tasks],
    rows: &'a Rows<'a>,
    depth: usize,
    args: Vec<Argument>,
    /// The values of the parameters.
    bases: Vec<Value>,
    code: Code,
}

impl Row<'_> {
    fn parameters(&mut self) {
        for step in self.rows.steps {
            let Step::Launch { args, .. } = step else { continue };
            for view in args {
                let argument = Argument::Address(Address::of(self.program, view, self.depth));
                if !self.args.contains(&argument) {
                    let n = self.args.len();
                    self.bases.push(self.code.get(
                        Class::B64,
                        "ld.param.u64",
                        format_args!("[a{n}]"),
                    ));
                    self.args.push(argument);
                }
            }
        }
    }

    /// The address of a view.
    fn base(&self, view: &View) -> Value {
        let argument = Argument::Address(Address::of(self.program, view, self.depth));
        let n = self.args.iter().position(|a| *a == argument).unwrap_or_default();
        self.bases[n]
    }

    /// The threads of the warp wait for each other's stores.
    fn meet(&mut self) {
        self.code.put(format_args!("bar.warp.sync 0xffffffff"));
    }

    /// Copies the row of a slot into shared memory.
    fn fetch(&mut self, kept: &Kept, row: Value, lane: Value, shared: Value) {
        let dtype = self.program.slot(kept.slot).dtype;
        let bytes = kept.len * dtype.size();
        let view = View { slot: kept.slot, at: kept.base.clone() };
        let base = self.base(&view);
        let aligned = bytes.is_multiple_of(PIECE)
            && crate::plan::alignment(&Address::of(self.program, &view, self.depth)) >= PIECE;
        let piece = if aligned { PIECE } else { dtype.size() };
        let c = &mut self.code;
        let wide = c.get(Class::B64, "cvt.u64.u32", format_args!("{row}"));
        let from = c.get(Class::B64, "mad.lo.u64", format_args!("{wide}, {bytes}, {base}"));
        let to = c.get(Class::B64, "add.s64", format_args!("{shared}, {}", kept.at));
        let at = c.copy(lane);
        let (again, done) = (c.label(), c.label());
        let count = bytes / piece;
        c.place(again);
        let over = c.get(Class::Pred, "setp.ge.u32", format_args!("{at}, {count}"));
        c.put(format_args!("@{over} bra {done}"));
        let source = c.get(Class::B64, "mad.wide.u32", format_args!("{at}, {piece}, {from}"));
        let target = c.get(Class::B64, "mad.wide.u32", format_args!("{at}, {piece}, {to}"));
        copy_piece(c, source, target, piece);
        c.put(format_args!("add.u32 {at}, {at}, {WARP}"));
        c.put(format_args!("bra {again}"));
        c.place(done);
    }

    /// The points of a launch that belong to the row.
    fn launch(
        &mut self,
        step: &Step,
        split: usize,
        points: usize,
        row: Value,
        lane: Value,
        shared: Value,
    ) -> Result<(), Error> {
        let Step::Launch { kernel, args } = step else { return Ok(()) };
        let tasks = &self.kernels[kernel.0 as usize];
        let c = &mut self.code;
        let first = c.get(Class::B32, "mul.lo.u32", format_args!("{row}, {points}"));
        let wide = c.get(Class::B64, "cvt.u64.u32", format_args!("{row}"));
        let mut bases = Vec::with_capacity(args.len());
        let mut inside = Vec::with_capacity(args.len());
        for view in args {
            let kept = self.rows.kept.iter().find(|k| k.slot == view.slot);
            inside.push(kept.is_some());
            bases.push(match kept {
                Some(kept) => {
                    // Indices count from the first row, whose place would be here.
                    let size = self.program.slot(view.slot).dtype.size();
                    let bytes = (kept.len * size) as i64;
                    let c = &mut self.code;
                    let to = c.get(Class::B64, "add.s64", format_args!("{shared}, {}", kept.at));
                    c.get(Class::B64, "mad.lo.s64", format_args!("{wide}, {}, {to}", -bytes))
                }
                None => self.base(view),
            });
        }
        let task = &tasks.tasks[0];
        let whole = tasks.shape.kernel.loops[split].extent;
        let width = tasks.width_within(points);
        let threads = task.threads / (whole / points) * tasks.width() / width;
        let thread = self.code.copy(lane);
        let again = self.code.label();
        self.code.place(again);
        let code = std::mem::take(&mut self.code);
        let prepare = |e: &mut Emitter| {
            e.spans[split] = Some(Span { first, points });
            e.shared = inside;
        };
        self.code = emit_into(code, tasks, 0, &bases, thread, true, width, prepare)?;
        if threads > WARP {
            let c = &mut self.code;
            c.put(format_args!("add.s32 {thread}, {thread}, {WARP}"));
            let most = threads.next_multiple_of(WARP);
            let more = c.get(Class::Pred, "setp.lt.s32", format_args!("{thread}, {most}"));
            c.put(format_args!("@{more} bra {again}"));
        }
        Ok(())
    }
}

/// Moves 1, 2, 4, 8 or 16 bytes from global to shared memory.
fn copy_piece(c: &mut Code, from: Value, to: Value, bytes: usize) {
    if bytes == PIECE {
        let r: Vec<Value> = (0..4).map(|_| c.register(Class::B32)).collect();
        let list = format!("{{{}, {}, {}, {}}}", r[0], r[1], r[2], r[3]);
        c.put(format_args!("ld.global.v4.b32 {list}, [{from}]"));
        c.put(format_args!("st.shared.v4.b32 [{to}], {list}"));
        return;
    }
    let (class, t) = match bytes {
        1 => (Class::B32, "u8"),
        2 => (Class::B32, "u16"),
        4 => (Class::B32, "b32"),
        _ => (Class::B64, "b64"),
    };
    let x = c.register(class);
    c.put(format_args!("ld.global.{t} {x}, [{from}]"));
    c.put(format_args!("st.shared.{t} [{to}], {x}"));
}
