//! safetensors: arrays by name behind a header in JSON, with room for remarks.
//!
//! Eight bytes that say how long the header is, the header, then the elements of all arrays without
//! gaps. As the reference implementation does, arrays are written by falling dtype, then by name,
//! so that every one is aligned.

use super::budget::Budget;
use super::header::byte_size;
use super::json::{Json, quoted};
use super::{atomic, npy};
use crate::core::array::Array;
use crate::core::aval::{Aval, Shape};
use cotangent_jit::{DType, Error, err, plural};
use std::collections::BTreeMap;
use std::ops::Range;
use std::path::Path;

/// What a safetensors file holds.
#[derive(Clone, Default)]
pub struct SafeTensors {
    pub arrays: BTreeMap<String, Array>,
    /// The remarks of its writer.
    pub metadata: BTreeMap<String, String>,
}

/// Names in the format's own order.
const NAMES: [(&str, DType); 14] = [
    ("BOOL", DType::Bool),
    ("U8", DType::U8),
    ("I8", DType::I8),
    ("I16", DType::I16),
    ("U16", DType::U16),
    ("F16", DType::F16),
    ("BF16", DType::BF16),
    ("I32", DType::I32),
    ("U32", DType::U32),
    ("F32", DType::F32),
    ("C64", DType::C64),
    ("F64", DType::F64),
    ("I64", DType::I64),
    ("U64", DType::U64),
];

/// As many axes as npy allows; no bound of the format.
const MAX_RANK: usize = 64;

/// Reads a safetensors file.
///
/// What it gives takes at most three times the bytes of the file (and 64 KiB);
/// [`read_safetensors_up_to`] allows more, which thousands of tiny arrays may need.
///
/// Errors: the file cannot be read; the header is no JSON of the expected form, names something
/// twice or has a dtype that is not known; arrays overlap, leave gaps, or do not fit their shapes.
#[doc(alias = "load_file")]
pub fn read_safetensors(path: impl AsRef<Path>) -> Result<SafeTensors, Error> {
    read("read_safetensors", path.as_ref(), None)
}

/// As [`read_safetensors`], with so many bytes of memory for arrays, names and remarks.
pub fn read_safetensors_up_to(path: impl AsRef<Path>, bytes: usize) -> Result<SafeTensors, Error> {
    read("read_safetensors_up_to", path.as_ref(), Some(bytes))
}

fn read(op: &str, path: &Path, limit: Option<usize>) -> Result<SafeTensors, Error> {
    let file = atomic::read(op, path)?;
    parse(op, &file, limit).map_err(|e| e.context(path.display()))
}

/// As [`read_safetensors`], of bytes in memory.
///
/// ```
/// use cotangent::{io, prelude::*};
/// use std::collections::BTreeMap;
/// let remarks = BTreeMap::from([("epoch".to_string(), "3".to_string())]);
/// let bytes = io::safetensors_to_bytes([("w", array![1.0, 2.0])], &remarks)?;
/// let read = io::safetensors_from_bytes(&bytes)?;
/// assert_eq!(read.arrays["w"].to_vec::<f32>(), [1.0, 2.0]);
/// assert_eq!(read.metadata, remarks);
/// # Ok::<(), Error>(())
/// ```
pub fn safetensors_from_bytes(bytes: &[u8]) -> Result<SafeTensors, Error> {
    parse("safetensors_from_bytes", bytes, None)
}

/// As [`read_safetensors_up_to`], of bytes in memory.
pub fn safetensors_from_bytes_up_to(file: &[u8], bytes: usize) -> Result<SafeTensors, Error> {
    parse("safetensors_from_bytes_up_to", file, Some(bytes))
}

struct Entry {
    aval: Aval,
    data: Range<usize>,
}

fn parse(op: &str, file: &[u8], limit: Option<usize>) -> Result<SafeTensors, Error> {
    let mut budget = Budget::new(op, limit, file.len());
    let short = || err!(File, "{op}: the file ends within its header");
    let (length, rest) = file.split_first_chunk::<8>().ok_or_else(short)?;
    let length = usize::try_from(u64::from_le_bytes(*length)).map_err(|_| short())?;
    let (header, data) = rest.split_at_checked(length).ok_or_else(short)?;
    let header = std::str::from_utf8(header)
        .map_err(|_| err!(File, "{op}: the header is no text in UTF-8"))?;
    if !header.starts_with('{') {
        return Err(err!(File, "{op}: not a safetensors file: no JSON object after its length"));
    }
    // Read twice: what it asks for is known before anything is kept.
    let most = header.matches('{').count().min(header.len() / SHORTEST);
    budget.take(most * size_of::<Range<usize>>())?;
    let mut places: Vec<Range<usize>> = Vec::with_capacity(most);
    each(op, header, |item| match item {
        Item::Remark(key, value) => budget.remark(&key, &value),
        Item::Array(name, entry) => {
            budget.array(&name, entry.data.len())?;
            places.push(entry.data);
            Ok(())
        }
    })?;
    whole(op, header, &mut places, data.len())?;
    drop(places);
    let mut read = SafeTensors::default();
    each(op, header, |item| match item {
        Item::Remark(key, value) => once(op, &key, read.metadata.contains_key(&key))
            .map(|()| drop(read.metadata.insert(key, value))),
        Item::Array(name, e) => {
            once(op, &name, read.arrays.contains_key(&name))?;
            let array = npy::from_bytes(op, &e.aval, &data[e.data])
                .map_err(|e| e.context(format_args!("{name:?}")))?;
            read.arrays.insert(name, array);
            Ok(())
        }
    })?;
    Ok(read)
}

/// No array is described in fewer bytes.
const SHORTEST: usize = r#""":{"dtype":"U8","shape":[],"data_offsets":[0,1]}"#.len();

/// What a header names.
enum Item {
    Remark(String, String),
    Array(String, Entry),
}

/// Calls `f` with all that a header names, in order.
fn each(op: &str, header: &str, mut f: impl FnMut(Item) -> Result<(), Error>) -> Result<(), Error> {
    let mut json = Json::new(op, header);
    let mut remarked = false;
    json.object(|json, name| {
        if name == "__metadata__" {
            once(op, &name, std::mem::replace(&mut remarked, true))?;
            return json.object(|json, key| f(Item::Remark(key, json.string()?)));
        }
        let entry = entry(op, json, &name)?;
        f(Item::Array(name, entry))
    })?;
    json.end()
}

fn once(op: &str, name: &str, again: bool) -> Result<(), Error> {
    if again { Err(err!(File, "{op}: the header names {name:?} twice")) } else { Ok(()) }
}

fn entry(op: &str, json: &mut Json, name: &str) -> Result<Entry, Error> {
    let (mut dtype, mut shape, mut offsets) = (None, None, None);
    json.object(|json, key| {
        let again = match &key[..] {
            "dtype" => dtype.replace(json.string()?).is_some(),
            "shape" => shape.replace(numbers(json)?).is_some(),
            "data_offsets" => offsets.replace(numbers(json)?).is_some(),
            _ => return Err(json.wrong(&format!("dtype, shape or data_offsets of {name:?}"))),
        };
        once(op, &key, again)
    })?;
    let (Some(dtype), Some(shape), Some(offsets)) = (dtype, shape, offsets) else {
        return Err(err!(File, "{op}: {name:?} lacks dtype, shape or data_offsets"));
    };
    let Some((_, dtype)) = NAMES.iter().find(|(n, _)| *n == dtype) else {
        return Err(err!(
            Unsupported,
            "{op}: {name:?} has dtype {dtype:?}, which is not supported"
        ));
    };
    let bytes = byte_size(op, &shape, *dtype).map_err(|e| e.context(format_args!("{name:?}")))?;
    match offsets[..] {
        [from, to] if to.checked_sub(from) == Some(bytes) => {
            Ok(Entry { aval: Aval::new(shape, *dtype), data: from..to })
        }
        _ => Err(err!(
            File,
            "{op}: {name:?} is {dtype}{shape:?} of {bytes}, but lies at {offsets:?}",
            bytes = plural(bytes, "byte")
        )),
    }
}

fn numbers(json: &mut Json) -> Result<Shape, Error> {
    let mut numbers = Shape::new();
    json.list('[', ']', |json| {
        if numbers.len() == MAX_RANK {
            return Err(json.wrong(&format!("at most {axes}", axes = plural(MAX_RANK, "axis"))));
        }
        numbers.push(json.number()?);
        Ok(())
    })?;
    Ok(numbers)
}

/// The arrays lie one after the other and fill the file.
fn whole(op: &str, header: &str, places: &mut [Range<usize>], size: usize) -> Result<(), Error> {
    places.sort_unstable_by_key(|r| (r.start, r.end));
    let mut at = 0;
    for place in places.iter() {
        if place.start != at {
            let names = names_at(op, header, place)?;
            if let Some(twice) = (1..names.len()).find(|n| names[..*n].contains(&names[*n])) {
                return once(op, &names[twice], true);
            }
            let what = if place.start < at { "overlaps what is" } else { "leaves a gap" };
            let name = names.last().expect("what has this place");
            return Err(err!(File, "{op}: {name:?} at {place:?} {what} before it"));
        }
        at = place.end;
    }
    if at == size {
        Ok(())
    } else {
        Err(err!(
            File,
            "{op}: the header speaks of {bytes} of elements, got {size}",
            bytes = plural(at, "byte")
        ))
    }
}

/// The first names of arrays that lie there.
fn names_at(op: &str, header: &str, place: &Range<usize>) -> Result<Vec<String>, Error> {
    let mut names = Vec::new();
    each(op, header, |item| {
        match item {
            Item::Array(name, entry) if entry.data == *place && names.len() < 2 => names.push(name),
            _ => {}
        }
        Ok(())
    })?;
    Ok(names)
}

/// Writes arrays by name, and remarks, as a safetensors file; whole or not at all.
///
/// Errors: the file cannot be written; a name comes twice or is `__metadata__`; the format knows no
/// such dtype (c128).
#[doc(alias = "save_file")]
pub fn write_safetensors<N: AsRef<str>>(
    path: impl AsRef<Path>,
    arrays: impl IntoIterator<Item = (N, Array)>,
    metadata: &BTreeMap<String, String>,
) -> Result<(), Error> {
    const OP: &str = "write_safetensors";
    let (header, arrays) = header(OP, arrays, metadata)?;
    let mut failed = None;
    let written = atomic::write(OP, path.as_ref(), |to| {
        to.write_all(&header)?;
        for (_, array) in arrays.values() {
            match array.to_bytes() {
                Ok(bytes) => to.write_all(&bytes)?,
                Err(e) => {
                    failed = Some(e.told_by(OP));
                    return Err(std::io::Error::other("given up"));
                }
            }
        }
        Ok(())
    });
    failed.map_or(written, Err)
}

/// As [`write_safetensors`], into memory.
pub fn safetensors_to_bytes<N: AsRef<str>>(
    arrays: impl IntoIterator<Item = (N, Array)>,
    metadata: &BTreeMap<String, String>,
) -> Result<Vec<u8>, Error> {
    const OP: &str = "safetensors_to_bytes";
    let (mut bytes, arrays) = header(OP, arrays, metadata)?;
    for (_, array) in arrays.values() {
        bytes.extend(array.to_bytes().map_err(|e| e.told_by(OP))?);
    }
    Ok(bytes)
}

/// Arrays in the order in which they are written, by dtype and name.
type Ordered = BTreeMap<(std::cmp::Reverse<usize>, String), (&'static str, Array)>;

fn header<N: AsRef<str>>(
    op: &str,
    arrays: impl IntoIterator<Item = (N, Array)>,
    metadata: &BTreeMap<String, String>,
) -> Result<(Vec<u8>, Ordered), Error> {
    let mut ordered = Ordered::new();
    let mut names = std::collections::BTreeSet::new();
    for (name, array) in arrays {
        let name = name.as_ref().to_string();
        if name == "__metadata__" || !names.insert(name.clone()) {
            return Err(err!(Value, "{op}: two arrays are named {name:?}, or the name is taken"));
        }
        let Some(rank) = NAMES.iter().position(|(_, d)| *d == array.dtype()) else {
            return Err(err!(
                Unsupported,
                "{op}: {name:?} is {}, and the format has no {}; split it into two arrays",
                array.aval(),
                array.dtype()
            ));
        };
        ordered.insert((std::cmp::Reverse(rank), name), (NAMES[rank].0, array));
    }
    let mut text = String::from("{");
    if !metadata.is_empty() {
        let remarks: Vec<String> =
            metadata.iter().map(|(k, v)| format!("{}:{}", quoted(k), quoted(v))).collect();
        text.push_str(&format!("\"__metadata__\":{{{}}},", remarks.join(",")));
    }
    let mut at = 0;
    for ((_, name), (dtype, array)) in &ordered {
        let to = at + array.aval().bytes();
        let sizes: Vec<String> = array.shape().iter().map(usize::to_string).collect();
        text.push_str(&format!(
            "{}:{{\"dtype\":\"{dtype}\",\"shape\":[{}],\"data_offsets\":[{at},{to}]}},",
            quoted(name),
            sizes.join(",")
        ));
        at = to;
    }
    if text.ends_with(',') {
        text.pop();
    }
    text.push('}');
    text.push_str(&" ".repeat(text.len().next_multiple_of(8) - text.len()));
    let mut bytes = (text.len() as u64).to_le_bytes().to_vec();
    bytes.extend(text.as_bytes());
    Ok((bytes, ordered))
}
