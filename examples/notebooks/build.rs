//! Makes a Rust function of each notebook: its cells, one after another.

#[path = "src/notebook.rs"]
mod notebook;

use notebook::{Cell, Notebook};
use std::fmt::Write;
use std::path::Path;
use syn::spanned::Spanned;
use syn::{Block, Expr, Stmt};

fn main() {
    println!("cargo::rerun-if-changed=.");
    let out = std::env::var("OUT_DIR").expect("set by cargo");
    let mut table = String::new();
    let mut names = String::new();
    for path in notebook::all(Path::new(".")) {
        let name = path.file_stem().and_then(|n| n.to_str()).expect("a name").to_owned();
        let notebook = Notebook::read(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        let file = Path::new(&out).join(format!("{name}.rs"));
        std::fs::write(&file, program(&name, &notebook)).expect("can write to OUT_DIR");
        writeln!(table, "#[allow(unused, clippy::all)] #[path = {file:?}] mod {name};").unwrap();
        writeln!(names, "    ({name:?}, {name}::run),").unwrap();
    }
    let table = format!("{table}\npub const NOTEBOOKS: &[(&str, Run)] = &[\n{names}];\n");
    std::fs::write(Path::new(&out).join("notebooks.rs"), table).expect("can write to OUT_DIR");
}

fn program(name: &str, notebook: &Notebook) -> String {
    let mut text = String::from(
        "use crate::DebugUnlessShown as _;\n\
         pub fn run() -> Result<(), Box<dyn std::error::Error>> {\n",
    );
    for (n, cell) in notebook.cells().enumerate() {
        writeln!(text, "// {name}.ipynb, code cell {n}\ncrate::begin_cell({n});").unwrap();
        match shown(&cell) {
            Ok(code) => text.push_str(&code),
            Err(e) => panic!("{name}.ipynb, code cell {n}: {e}\n{}", cell.code()),
        }
        text.push('\n');
    }
    text + "Ok(())\n}\n"
}

/// The code of a cell, in which the last expression shows itself as the kernel has it do.
fn shown(cell: &Cell) -> syn::Result<String> {
    let code = cell.code();
    let block: Block = syn::parse_str(&format!("{{{code}\n}}"))?;
    let Some(Stmt::Expr(expression, None)) = block.stmts.last() else { return Ok(code) };
    if matches!(expression, Expr::ForLoop(_) | Expr::While(_) | Expr::Loop(_)) {
        return Ok(code);
    }
    // The brace before the code is one byte of the first line.
    let range = expression.span().byte_range();
    let (start, end) = (range.start - 1, range.end - 1);
    Ok(format!("{}(&({})).evcxr_display();{}", &code[..start], &code[start..end], &code[end..]))
}
