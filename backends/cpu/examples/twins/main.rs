//! Elementwise kernels in the first cache beside their twins: the same expanded graph, printed as
//! `core::arch` intrinsics and compiled by rustc.
//!
//! `cargo run --release -p cotangent-cpu --example twins -- [--more] [--keep] [NAME]`
//!
//! rustc gets the same ops on the same lanes, so the ratio shows what the emitter leaves undone: at
//! 1 its registers, order, spills and operands are as good as LLVM's. Each row is one function and
//! type at one size. The nanoseconds are medians of rounds in which both sides take turns; ours
//! contain the launch by the driver (some 20 ns a call). Before they are timed, both sides must
//! give the same bits. There is a table for 512 bits and one for 256, where the processor has them:
//! the width belongs to a process, so the narrower one is timed in a child. `--more` adds
//! functions; `--keep` keeps the printed files, and our instructions beside them, in a folder that
//! it names.
//!
//! | file | contents |
//! | --- | --- |
//! | `kernels.rs` | the functions and their arguments |
//! | `printer.rs` | a kernel as Rust text |
//! | `library.rs` | Rust text as a function |
//! | `sides.rs` | a kernel on our side and on the twin's |

#[cfg(all(target_arch = "x86_64", unix))]
mod kernels;
#[cfg(all(target_arch = "x86_64", unix))]
mod library;
#[cfg(all(target_arch = "x86_64", unix))]
mod printer;
#[cfg(all(target_arch = "x86_64", unix))]
mod sides;

#[cfg(not(all(target_arch = "x86_64", unix)))]
fn main() {
    println!("twins are printed for x86-64");
}

#[cfg(all(target_arch = "x86_64", unix))]
fn main() {
    table::print();
}

#[cfg(all(target_arch = "x86_64", unix))]
mod table {
    use crate::kernels::{FUNCTIONS, Function, GELU, MORE, threefry};
    use crate::library::{Library, has_rustc};
    use crate::printer;
    use crate::sides::Sides;
    use cotangent_jit::DType;
    use cotangent_jit::kernel::Kernel;
    use std::time::Instant;

    /// Rounds in which both sides take turns, and the seconds of a side in each.
    const ROUNDS: usize = 31;
    const SECONDS: f64 = 0.001;
    /// Bytes of all buffers together, at most.
    const FIRST_CACHE: usize = 32 << 10;
    const WITHOUT: &str = "COTANGENT_CPU_WITHOUT";

    struct Row {
        name: String,
        dtype: DType,
        kernel: Kernel,
        inputs: Vec<Vec<u8>>,
    }

    pub fn print() {
        if !has_rustc() {
            println!("twins are compiled by rustc, which is not here");
            return;
        }
        let words: Vec<String> = std::env::args().skip(1).collect();
        let [more, keep] = ["--more", "--keep"].map(|flag| words.iter().any(|w| w == flag));
        let only = words.iter().find(|w| !w.starts_with("--"));
        let mut rows = rows(more);
        rows.retain(|r| only.is_none_or(|o| r.name == *o));
        let bits = Sides::bits(&rows[0].kernel);
        let bits = bits.expect("a processor with AVX2 and FMA");
        let names: Vec<String> = (0..rows.len()).map(|n| format!("twin_{n}")).collect();
        let functions = rows.iter().zip(&names);
        let functions = functions.map(|(r, name)| printer::function(name, &r.kernel, bits));
        let text = printer::HEAD.to_owned() + &functions.collect::<String>();
        let library = Library::compile(&text, &bits.to_string(), keep);
        if let Some(folder) = &library.folder {
            println!("{}", folder.display());
            for (row, name) in rows.iter().zip(&names) {
                let listing = Sides::listing(&row.kernel);
                std::fs::write(folder.join(format!("{name}.txt")), listing).expect("a file");
            }
        }
        println!("{bits} bits: nanoseconds an element");
        println!("| function | dtype | elements | ours | twin | ratio |");
        println!("| --- | --- | --- | --- | --- | --- |");
        let mut product = 0.0;
        for (row, name) in rows.iter().zip(&names) {
            let mut sides = Sides::new(&row.kernel, &row.inputs, library.function(name));
            sides.check(&row.name);
            product += time(row, &mut sides).ln();
        }
        println!("geometric mean {:.2}\n", (product / rows.len() as f64).exp());
        if bits == 512 && std::env::var(WITHOUT).is_err() {
            let this = std::env::current_exe().expect("this program");
            let mut child = std::process::Command::new(this);
            let status = child.args(&words).env(WITHOUT, "avx512").status().expect("a child");
            assert!(status.success());
        }
    }

    fn rows(more: bool) -> Vec<Row> {
        let mut functions: Vec<Function> = FUNCTIONS.to_vec();
        functions.insert(2, GELU);
        if more {
            functions.extend(MORE);
        }
        let mut rows = Vec::new();
        for f in functions {
            for d in [DType::F32, DType::F64] {
                let most = FIRST_CACHE / d.size() / (f.inputs + 1);
                let most = if most.is_power_of_two() { most } else { most.next_power_of_two() / 2 };
                for n in [1024, most].into_iter().take(1 + usize::from(most > 1024)) {
                    let inputs = (0..f.inputs).map(|a| f.argument(a, d, n, &[])).collect();
                    let kernel = f.kernel(d, n);
                    rows.push(Row { name: f.name.into(), dtype: d, kernel, inputs });
                }
            }
        }
        for n in [1024, 4096] {
            let key = [3u32, 5].into_iter().flat_map(u32::to_le_bytes).collect();
            let (name, kernel) = ("threefry".into(), threefry(n));
            rows.push(Row { name, dtype: DType::U32, kernel, inputs: vec![key] });
        }
        rows
    }

    /// Prints a row; returns the ratio.
    fn time(row: &Row, sides: &mut Sides) -> f64 {
        let n = row.kernel.loops[0].extent;
        let calls = [calls(&mut || sides.run()), calls(&mut || sides.run_twin())];
        let mut times = [Vec::new(), Vec::new()];
        for _ in 0..ROUNDS {
            times[0].push(round(&mut || sides.run(), calls[0]));
            times[1].push(round(&mut || sides.run_twin(), calls[1]));
        }
        let [ours, twin] = times.map(|mut t| {
            t.sort_by(f64::total_cmp);
            t[ROUNDS / 2] / n as f64
        });
        let ratio = ours / twin;
        let (name, d) = (&row.name, row.dtype);
        println!("| {name} | {d} | {n} | {ours:.3} | {twin:.3} | {ratio:.2} |");
        ratio
    }

    /// Nanoseconds of a call.
    fn round(f: &mut dyn FnMut(), calls: u32) -> f64 {
        let start = Instant::now();
        for _ in 0..calls {
            f();
        }
        start.elapsed().as_nanos() as f64 / f64::from(calls)
    }

    /// The calls that take about a round.
    fn calls(f: &mut dyn FnMut()) -> u32 {
        let mut calls = 1;
        loop {
            // A call may wait for its turn on the processor, so the shortest of three counts.
            let best = (0..3).map(|_| round(f, calls)).fold(f64::INFINITY, f64::min);
            if best * f64::from(calls) >= SECONDS * 1e9 / 2.0 {
                return calls;
            }
            calls *= 2;
        }
    }
}
