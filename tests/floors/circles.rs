//! Circles of files: files that reach each other by the paths that they name.
//!
//! An arrow leads from a file to each file that a path in it names: by `use`, by a re-export, or
//! inline where the path begins with `crate` or `super`. A `mod` declaration is no arrow. A name
//! that a facade re-exports leads to the facade. A name at a crate's root is the exception: it
//! leads to its definition, because the root re-exports from everywhere.

use super::sources::{File, files};
use std::collections::BTreeMap;

struct Crate {
    folder: &'static str,
    /// Arrows that are left out: from a file to a room.
    hooks: &'static [(&'static str, &'static str)],
    /// The files of each circle that there may be.
    knots: &'static [&'static [&'static str]],
}

const CRATES: &[Crate] = &[
    Crate {
        folder: "src",
        // Operations outside of traces run through the stage, which stands above core.
        hooks: &[("src/core/eager.rs", "src/stage/")],
        // The IR: equations hold primitives, primitives hold parameters and lower to jaxprs, and
        // parameters hold jaxprs.
        knots: &[&[
            "src/core/jaxpr.rs",
            "src/core/lowering.rs",
            "src/core/params.rs",
            "src/core/policy.rs",
            "src/core/primitive.rs",
        ]],
    },
    Crate { folder: "jit/src", hooks: &[], knots: &[] },
    Crate { folder: "backends/cpu/src", hooks: &[], knots: &[] },
    Crate { folder: "backends/cuda/src", hooks: &[], knots: &[] },
    Crate { folder: "backends/cuda/emulator/src", hooks: &[], knots: &[] },
    Crate { folder: "backends/cuda/stub/src", hooks: &[], knots: &[] },
    Crate { folder: "derive/src", hooks: &[], knots: &[] },
    Crate { folder: "proptests/src", hooks: &[], knots: &[] },
];

/// Primitives are written in terms of each other, so that a circle of theirs is no fault in itself.
const PRIMS: &str = "src/prims/";
const MOST_PRIMS: usize = 20;

/// The files of a crate and their arrows.
struct Graph {
    files: Vec<File>,
    arrows: Vec<Vec<usize>>,
}

impl Graph {
    fn of(files: Vec<File>) -> Graph {
        let files: Vec<File> = files.into_iter().filter(|f| !f.is_test()).collect();
        let modules: BTreeMap<Vec<String>, usize> =
            files.iter().enumerate().map(|(n, f)| (f.module(), n)).collect();
        let root = modules.get(&Vec::new()).copied();
        let exported = root.map(|n| exports(&files[n])).unwrap_or_default();
        let target = |from: &File, path: &[String]| -> Option<usize> {
            let full = match path.split_first()? {
                (first, rest) if first == "crate" => rest.to_vec(),
                _ => [&from.module()[..], path].concat(),
            };
            let found = (1..=full.len()).rev().find_map(|n| modules.get(&full[..n]).copied());
            let own =
                path[0] == "crate" || found.is_some_and(|n| files[n].module() != from.module());
            match found.filter(|_| own) {
                None if path[0] == "crate" => {
                    let name = full.first()?;
                    if name == "prelude" {
                        return root;
                    }
                    let leads_to = exported.get(name)?;
                    (1..=leads_to.len()).rev().find_map(|n| modules.get(&leads_to[..n]).copied())
                }
                found => found,
            }
        };
        let arrows = files.iter().enumerate().map(|(n, file)| {
            let paths = file.paths();
            let mut to: Vec<usize> = paths
                .iter()
                .filter_map(|p| target(file, &p.segments))
                .filter(|m| *m != n)
                .collect();
            to.sort_unstable();
            to.dedup();
            to
        });
        let arrows = arrows.collect();
        Graph { files, arrows }
    }

    fn drop_hooks(&mut self, hooks: &[(&str, &str)]) {
        for (from, room) in hooks {
            let Graph { files, arrows } = self;
            for (file, to) in files.iter().zip(arrows) {
                if file.path == *from {
                    to.retain(|n| !files[*n].path.starts_with(room));
                }
            }
        }
    }

    fn reached_from(&self, file: usize) -> Vec<bool> {
        let mut reached = vec![false; self.files.len()];
        let mut open = vec![file];
        while let Some(n) = open.pop() {
            for m in &self.arrows[n] {
                if !reached[*m] {
                    reached[*m] = true;
                    open.push(*m);
                }
            }
        }
        reached
    }

    /// The paths of the files of each circle, largest circle first.
    fn circles(&self) -> Vec<Vec<&str>> {
        let reached: Vec<Vec<bool>> = (0..self.files.len()).map(|n| self.reached_from(n)).collect();
        let mut circles = Vec::new();
        let mut seen = vec![false; self.files.len()];
        for n in 0..self.files.len() {
            let members: Vec<usize> =
                (0..self.files.len()).filter(|m| reached[n][*m] && reached[*m][n]).collect();
            if !members.is_empty() && !seen[n] {
                members.iter().for_each(|m| seen[*m] = true);
                circles.push(members.iter().map(|m| &self.files[*m].path[..]).collect::<Vec<_>>());
            }
        }
        circles.sort_by_key(|c| std::cmp::Reverse(c.len()));
        circles
    }
}

/// The names that the root of a crate re-exports, with the paths that they lead to.
fn exports(root: &File) -> BTreeMap<String, Vec<String>> {
    let path =
        |segments: &[String]| segments.strip_prefix(&["crate".to_owned()]).map(<[_]>::to_vec);
    let named = root.paths().into_iter().map(|p| path(&p.segments).unwrap_or(p.segments));
    named.filter(|p| p.len() > 1).filter_map(|p| Some((p.last()?.clone(), p))).collect()
}

#[test]
fn files_form_no_circles() {
    let mut broken = Vec::new();
    for Crate { folder, hooks, knots } in CRATES {
        let mut graph = Graph::of(files(folder));
        graph.drop_hooks(hooks);
        let arrows: usize = graph.arrows.iter().map(Vec::len).sum();
        println!("{folder}: {} files, {arrows} arrows", graph.files.len());
        for circle in graph.circles() {
            println!("  circle of {}: {}", circle.len(), circle.join(" "));
            let fits = match circle.iter().all(|f| f.starts_with(PRIMS)) {
                true => circle.len() <= MOST_PRIMS,
                false => knots.iter().any(|knot| circle.iter().all(|f| knot.contains(f))),
            };
            if !fits {
                broken.push(format!("{folder}: circle of {}: {}", circle.len(), circle.join(" ")));
            }
        }
    }
    super::report(broken);
}

#[test]
fn circles_are_found() {
    let file = |path: &str, text: &str| File { path: path.into(), text: text.into() };
    let graph = Graph::of(vec![
        file("x/src/lib.rs", "pub mod a; pub mod b; pub use a::A; pub use b::{B, c::C};"),
        file("x/src/a.rs", "use crate::B; pub struct A;"),
        file("x/src/b/mod.rs", "pub mod c; mod d; pub use d::D; pub struct B(crate::A);"),
        file("x/src/b/c.rs", "use super::D; pub struct C;"),
        file("x/src/b/d.rs", "pub struct D; fn f() -> crate::C { todo!() }"),
    ]);
    assert_eq!(graph.circles(), [["x/src/a.rs", "x/src/b/mod.rs", "x/src/b/c.rs", "x/src/b/d.rs"]]);
}
