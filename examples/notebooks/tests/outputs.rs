//! Holds that each notebook prints what stands in it.
//!
//! Cells with the tag `varies`, which print times or lines of files, only have to run.
//! `scripts/notebooks update` executes the notebooks with their kernel and writes the outputs.

#[path = "../src/notebook.rs"]
mod notebook;

use notebook::{Notebook, text};
use serde_json::Value;
use std::path::Path;
use std::process::Command;

/// What one cell prints.
#[derive(Default, PartialEq, Debug)]
struct Printed {
    lines: String,
    /// The forms of the value that the cell shows, by their MIME types.
    shown: Vec<(String, String)>,
}

impl Printed {
    /// From the outputs in a notebook.
    fn recorded(outputs: &Value) -> Printed {
        let mut printed = Printed::default();
        for output in outputs.as_array().into_iter().flatten() {
            if output["output_type"] == "stream" && output["name"] == "stdout" {
                printed.lines.push_str(&text(&output["text"]));
            }
            for (kind, form) in output["data"].as_object().into_iter().flatten() {
                printed.shown.push((kind.clone(), text(form)));
            }
        }
        printed.shown.sort();
        printed
    }
}

/// What a run printed, per cell.
fn read(stdout: &str) -> Vec<Printed> {
    let mut cells: Vec<Printed> = Vec::new();
    let mut lines = stdout.lines();
    while let Some(line) = lines.next() {
        if line.starts_with("NOTEBOOK_CELL ") {
            cells.push(Printed::default());
            continue;
        }
        let cell = cells.last_mut().expect("the first line begins a cell");
        let Some(kind) = line.strip_prefix("EVCXR_BEGIN_CONTENT ") else {
            cell.lines.push_str(line);
            cell.lines.push('\n');
            continue;
        };
        let form = lines.by_ref().take_while(|line| *line != "EVCXR_END_CONTENT");
        let form = form.collect::<Vec<_>>().join("\n");
        // The kernel keeps the last form of each kind.
        cell.shown.retain(|(other, _)| other != kind);
        cell.shown.push((kind.to_owned(), form));
        cell.shown.sort();
    }
    cells
}

#[test]
fn notebooks_print_what_stands_in_them() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut wrong = Vec::new();
    for path in notebook::all(folder) {
        let name = path.file_stem().and_then(|n| n.to_str()).expect("a name");
        let notebook = Notebook::read(&path).expect("a notebook");
        let mut run = Command::new(env!("CARGO_BIN_EXE_cotangent-notebooks"));
        let ran = run.arg(name).current_dir(folder).output().expect("the program starts");
        let (stdout, stderr) =
            (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "{name}: {stderr}\n{stdout}");
        let printed = read(&stdout);
        assert_eq!(printed.len(), notebook.cells().count(), "{name}: every cell begins");
        for (n, (cell, printed)) in notebook.cells().zip(printed).enumerate() {
            let recorded = Printed::recorded(cell.outputs());
            if !cell.varies() && recorded != printed {
                let code = cell.code();
                wrong.push(format!(
                    "{name}, code cell {n}:\n{code}\n-- recorded\n{recorded:#?}\n-- printed\n\
                     {printed:#?}"
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

#[test]
fn outputs_are_told_apart() {
    let stdout = "NOTEBOOK_CELL 0\na\nEVCXR_BEGIN_CONTENT text/plain\nx\ny\nEVCXR_END_CONTENT\nb\n\
                  NOTEBOOK_CELL 1\n";
    let cells = read(stdout);
    assert_eq!(cells[0].lines, "a\nb\n");
    assert_eq!(cells[0].shown, [("text/plain".to_owned(), "x\ny".to_owned())]);
    assert_eq!(cells[1], Printed::default());
    let recorded = serde_json::from_str(
        r#"[{"output_type": "stream", "name": "stdout", "text": ["a\n", "b\n"]},
            {"output_type": "stream", "name": "stderr", "text": ["c"]},
            {"output_type": "execute_result", "data": {"text/plain": "x\ny"}}]"#,
    );
    assert_eq!(Printed::recorded(&recorded.expect("it is JSON")), cells[0]);
}
