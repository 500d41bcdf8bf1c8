//! Holds that each notebook prints what stands in it. `GOLDEN=update` writes it there.
//!
//! Cells with the tag `varies`, which print times, only have to run.

#[path = "../src/notebook.rs"]
mod notebook;

use notebook::{Notebook, text};
use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};
use serde_json::{Map, Value, json};
use std::path::Path;
use std::process::Command;

/// What one cell prints.
#[derive(Default, PartialEq, Debug, Clone)]
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

    fn to_outputs(&self, count: usize) -> Value {
        let mut outputs = Vec::new();
        if !self.lines.is_empty() {
            let lines = &self.lines;
            outputs.push(json!({"name": "stdout", "output_type": "stream", "text": split(lines)}));
        }
        if !self.shown.is_empty() {
            let forms = self.shown.iter().map(|(kind, form)| (kind.clone(), split(form)));
            let data: Map<String, Value> = forms.collect();
            outputs.push(json!({
                "data": data, "execution_count": count, "metadata": {},
                "output_type": "execute_result",
            }));
        }
        outputs.into()
    }
}

fn split(text: &str) -> Value {
    text.split_inclusive('\n').collect::<Vec<_>>().into()
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
    let update = std::env::var("GOLDEN").is_ok_and(|golden| golden == "update");
    let only = std::env::var("NOTEBOOK").ok();
    let mut wrong = Vec::new();
    for path in notebook::all(folder) {
        let name = path.file_stem().and_then(|n| n.to_str()).expect("a name");
        if only.as_ref().is_some_and(|only| only != name) {
            continue;
        }
        let mut notebook = Notebook::read(&path).expect("a notebook");
        let mut run = Command::new(env!("CARGO_BIN_EXE_cotangent-notebooks"));
        let ran = run.arg(name).current_dir(folder).output().expect("the program starts");
        let (stdout, stderr) =
            (String::from_utf8_lossy(&ran.stdout), String::from_utf8_lossy(&ran.stderr));
        assert!(ran.status.success(), "{name}: {stderr}\n{stdout}");
        let printed = read(&stdout);
        assert_eq!(printed.len(), notebook.cells().count(), "{name}: every cell begins");
        if update {
            write(&path, &mut notebook.json, &printed);
            continue;
        }
        for (n, (cell, printed)) in notebook.cells().zip(printed).enumerate() {
            let recorded = Printed::recorded(cell.outputs());
            let printed = Printed::recorded(&printed.to_outputs(0));
            if !cell.varies() && recorded != printed {
                wrong.push(format!(
                    "{name}, code cell {n}:\n{}\n-- recorded\n{recorded:#?}\n-- printed\n{printed:#?}",
                    cell.code()
                ));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n\n"));
}

/// Writes the outputs into the notebook, in the form in which Jupyter saves.
fn write(path: &Path, notebook: &mut Value, printed: &[Printed]) {
    let cells = notebook["cells"].as_array_mut().expect("cells");
    let code = cells.iter_mut().filter(|cell| cell["cell_type"] == "code");
    for (n, (cell, printed)) in code.zip(printed).enumerate() {
        cell["execution_count"] = (n + 1).into();
        cell["outputs"] = printed.to_outputs(n + 1);
    }
    let mut bytes = Vec::new();
    let mut to = Serializer::with_formatter(&mut bytes, PrettyFormatter::with_indent(b" "));
    notebook.serialize(&mut to).expect("a notebook is JSON");
    bytes.push(b'\n');
    std::fs::write(path, bytes).expect("can write the notebook");
}

#[test]
fn outputs_are_told_apart() {
    let stdout = "NOTEBOOK_CELL 0\na\nEVCXR_BEGIN_CONTENT text/plain\nx\ny\nEVCXR_END_CONTENT\nb\n\
                  NOTEBOOK_CELL 1\n";
    let cells = read(stdout);
    assert_eq!(cells[0].lines, "a\nb\n");
    assert_eq!(cells[0].shown, [("text/plain".to_owned(), "x\ny".to_owned())]);
    assert_eq!(cells[1], Printed::default());
    let outputs = cells[0].to_outputs(3);
    assert_eq!(Printed::recorded(&outputs), cells[0]);
}
