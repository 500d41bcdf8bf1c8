//! Whole pytrees in one file, with names made of their key paths.

use super::budget::{self, of_array};
use super::npz::{self, read_npz_up_to, write_npz};
use super::safetensors::{read_safetensors_up_to, write_safetensors};
use crate::api::pytree::{Pytree, Tree, tree_structure, try_tree_unflatten};
use crate::core::array::Array;
use crate::core::aval::Aval;
use cotangent_jit::{Error, err};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

#[derive(Clone, Copy)]
enum Format {
    Npz,
    SafeTensors,
}

fn format(op: &str, path: &Path) -> Result<Format, Error> {
    match path.extension().and_then(|e| e.to_str()) {
        Some("npz") => Ok(Format::Npz),
        Some("safetensors") => Ok(Format::SafeTensors),
        _ => Err(err!(
            File,
            "{op}: {}: expected a name that ends in .npz or .safetensors",
            path.display()
        )),
    }
}

/// The name of each leaf in files: its key path with dots, such as `layers.0.w` for `.layers[0].w`.
/// The name of a bare array is `value`.
///
/// ```
/// use cotangent::{io::leaf_names, prelude::*};
/// use std::collections::BTreeMap;
/// let tree = (array![1.0], BTreeMap::from([("bias", vec![array![2.0]])]));
/// assert_eq!(leaf_names(&tree), ["0", "1.bias.0"]);
/// ```
pub fn leaf_names<T: Pytree>(tree: &T) -> Vec<String> {
    tree_structure(tree).paths().iter().map(|p| name(p)).collect()
}

/// `.layers[0].w` is `layers.0.w`, `["bias"]` is `bias`.
fn name(path: &str) -> String {
    let mut name = String::new();
    let mut quoted = false;
    let mut chars = path.chars();
    while let Some(c) = chars.next() {
        match c {
            '"' => quoted = !quoted,
            // `Debug` writes the name like this between the quotes.
            '\\' if quoted => name.extend(chars.next()),
            '[' if !quoted => name.push('.'),
            ']' if !quoted => {}
            c => name.push(c),
        }
    }
    let name = name.strip_prefix('.').unwrap_or(&name);
    if name.is_empty() { "value".into() } else { name.into() }
}

fn distinct(op: &str, names: &[String], paths: &[String]) -> Result<(), Error> {
    let mut seen = BTreeSet::new();
    match names.iter().position(|n| !seen.insert(n)) {
        None => Ok(()),
        Some(i) => Err(err!(
            Tree,
            "{op}: two leaves would be named {:?}, the second is {}; rename a field or key",
            names[i],
            paths[i]
        )),
    }
}

/// Saves the arrays of a pytree, as npz or safetensors by the ending of the name. The file is
/// written whole or not at all.
///
/// Static fields are no part of the file: they come from the tree that is given to [`load_pytree`].
///
/// Errors: the name has another ending, the file cannot be written, or two leaves would have the
/// same name.
#[doc(alias = "save")]
pub fn save_pytree<T: Pytree>(path: impl AsRef<Path>, tree: &T) -> Result<(), Error> {
    const OP: &str = "save_pytree";
    let path = path.as_ref();
    let format = format(OP, path)?;
    let tree = Tree::of_ref(tree);
    let paths = tree.paths();
    let names: Vec<String> = paths.iter().map(|p| name(p)).collect();
    distinct(OP, &names, &paths)?;
    let arrays = names.into_iter().zip(tree.into_leaves());
    let written = match format {
        Format::Npz => write_npz(path, arrays),
        Format::SafeTensors => write_safetensors(path, arrays, &BTreeMap::new()),
    };
    written.map_err(|e| e.context(OP))
}

/// Loads a pytree of the structure and the types of `like`. The values of `like` do not count.
///
/// Errors: the file cannot be read, or some arrays are missing, unexpected, or of another shape or
/// dtype. The message lists all of them.
#[doc(alias = "load")]
pub fn load_pytree<T: Pytree>(path: impl AsRef<Path>, like: &T) -> Result<T, Error> {
    const OP: &str = "load_pytree";
    let path = path.as_ref();
    let like = Tree::of_ref(like);
    let paths = like.paths();
    let names: Vec<String> = paths.iter().map(|p| name(p)).collect();
    distinct(OP, &names, &paths)?;
    // The expected arrays may be compressed to any degree, and may be tiny. Arrays of other shapes
    // may take what they may in any file, so that the message can list them.
    let names_bytes: usize = names.iter().map(String::len).sum();
    let leaves = like.leaves().iter().map(|x| of_array(x.aval().bytes()) + 1024);
    let expected = leaves.sum::<usize>() + 2 * names_bytes;
    let file =
        std::fs::metadata(path).map_or(0, |m| usize::try_from(m.len()).unwrap_or(usize::MAX));
    let arrays = match format(OP, path)? {
        Format::Npz => read_npz_up_to(path, expected.max(npz::usual_limit(file))),
        Format::SafeTensors => {
            let limit = expected.max(budget::usual_limit(file));
            read_safetensors_up_to(path, limit).map(|s| s.arrays)
        }
    };
    let arrays = arrays.map_err(|e| e.context(OP))?;
    let types: Vec<Aval> = like.leaves().iter().map(Array::aval).collect();
    let leaves = sorted(arrays, &names, &types)
        .map_err(|list| err!(Tree, "{OP}: {}: {list}", path.display()))?;
    try_tree_unflatten(like.structure(), leaves)
}

/// The arrays in the order of the names, or an error that lists all that do not fit.
fn sorted(
    mut arrays: BTreeMap<String, Array>,
    names: &[String],
    types: &[Aval],
) -> Result<Vec<Array>, String> {
    let mut leaves = Vec::with_capacity(names.len());
    let mut wrong = Vec::new();
    for (name, expected) in names.iter().zip(types) {
        match arrays.remove(name) {
            None => wrong.push(format!("{name} ({expected}) is missing")),
            Some(x) if x.aval() != *expected => {
                wrong.push(format!("{name} is {}, expected {expected}", x.aval()));
            }
            Some(x) => leaves.push(x),
        }
    }
    let more = arrays.iter().map(|(name, x)| format!("{name} ({}) is not expected", x.aval()));
    wrong.extend(more);
    if wrong.is_empty() { Ok(leaves) } else { Err(wrong.join("; ")) }
}
