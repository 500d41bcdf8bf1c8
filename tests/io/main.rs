//! Files: what NumPy and safetensors write is read, what we write is theirs byte for byte, and
//! whatever is not right is an error that says so.

mod hostile;

use cotangent::io::{self, NpyMap};
use cotangent::prelude::*;
use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};

fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/io/data").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    fs::read(data(name)).unwrap()
}

/// A folder of its own, gone at the end.
struct Folder(PathBuf);

impl Folder {
    fn new(name: &str) -> Folder {
        let path = std::env::temp_dir().join(format!("cotangent_{name}_{}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    fn at(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

#[track_caller]
fn says<T>(result: Result<T, Error>, parts: &[&str]) {
    let Err(e) = result else { panic!("no error") };
    for part in parts {
        assert!(e.message().contains(part), "{e} does not say {part:?}");
    }
}

/// NumPy's name of each dtype.
const NAMES: [(&str, DType); 15] = [
    ("bool", DType::Bool),
    ("int8", DType::I8),
    ("int16", DType::I16),
    ("int32", DType::I32),
    ("int64", DType::I64),
    ("uint8", DType::U8),
    ("uint16", DType::U16),
    ("uint32", DType::U32),
    ("uint64", DType::U64),
    ("float16", DType::F16),
    ("bfloat16", DType::BF16),
    ("float32", DType::F32),
    ("float64", DType::F64),
    ("complex64", DType::C64),
    ("complex128", DType::C128),
];

#[test]
fn npy_of_every_dtype_is_read_and_written_byte_for_byte() {
    for (name, dtype) in NAMES {
        let file = bytes(&format!("{name}.npy"));
        let read = io::npy_from_bytes(&file);
        if !dtype.runs() {
            says(read, &["no backend runs", dtype.name()]);
            continue;
        }
        let x = read.unwrap();
        assert_eq!(x.aval(), Aval::new([2, 3], dtype));
        assert_eq!(x.to_bytes().unwrap(), file[128..], "{name}");
        assert_eq!(io::npy_to_bytes(&x).unwrap(), file, "{name}");
        if dtype == DType::F32 {
            assert_eq!(x.to_vec::<f32>(), [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0]);
        }
    }
}

#[test]
fn npy_in_other_orders_and_versions() {
    let x = io::read_npy(data("fortran.npy")).unwrap();
    assert_eq!(x.shape(), [2, 3, 4]);
    assert_eq!(x.to_vec::<f32>(), (0..24).map(|i| i as f32).collect::<Vec<_>>());
    let x = io::read_npy(data("big.npy")).unwrap();
    assert_eq!(x.to_vec::<f64>(), [-2.0, -1.0, 0.0, 1.0, 2.0, 3.0]);
    let x = io::read_npy(data("big_ints.npy")).unwrap();
    assert_eq!(x.to_vec::<u32>(), [u32::MAX - 1, u32::MAX, 0, 1, 2, 3]);
    for name in ["version2.npy", "version3.npy"] {
        assert_eq!(io::read_npy(data(name)).unwrap().to_vec::<f32>()[5], 3.0);
    }
    assert_eq!(io::read_npy(data("scalar.npy")).unwrap().item::<f32>(), 2.5);
    assert_eq!(io::read_npy(data("empty.npy")).unwrap().shape(), [0, 3]);
    let x = io::read_npy(data("vector.npy")).unwrap().to_vec::<f32>();
    assert!(x[0] == 1.5 && x[1].to_bits() == 0x8000_0000 && x[2] == f32::INFINITY);
    for name in ["scalar.npy", "empty.npy", "vector.npy"] {
        let x = io::read_npy(data(name)).unwrap();
        assert_eq!(io::npy_to_bytes(&x).unwrap(), bytes(name));
    }
}

#[test]
fn what_is_no_array_of_numbers_is_refused() {
    says(io::read_npy(data("structured.npy")), &["structured.npy", "records are not supported"]);
    says(io::read_npy(data("objects.npy")), &["\"|O\" are not supported"]);
    says(io::read_npy(data("text.npy")), &["\"<U2\" are not supported"]);
    says(io::read_npy(data("stored.npz")), &["not an npy file"]);
    says(io::read_npy(data("nowhere.npy")), &["read_npy", "nowhere.npy"]);
    assert_eq!(io::read_npy(data("nowhere.npy")).unwrap_err().kind(), ErrorKind::File);
    says(io::npy_from_bytes(b"\x93NUMPY\x04\x00"), &["version 4.0"]);
    says(io::npy_from_bytes(b"\x93NUMPY\x01\x00\x05"), &["ends within its header"]);
    let file = |header: &str| {
        let mut file = b"\x93NUMPY\x01\x00".to_vec();
        file.extend((header.len() as u16).to_le_bytes());
        file.extend(header.as_bytes());
        io::npy_from_bytes(&file)
    };
    let big = "{'descr': '<f4', 'fortran_order': False, 'shape': (4294967296, 4294967296, 0), }";
    says(file(big), &["overflows"]);
    let zero = "{'descr': '<f4', 'fortran_order': True, 'shape': (0, 2305843009213693951), }";
    assert_eq!(file(zero).unwrap().shape(), [0, 2305843009213693951]);
    let short = "{'descr': '<f4', 'fortran_order': False, 'shape': (2,), }";
    says(file(short), &["f32[2] takes 8 bytes", "got 0"]);
    says(file(&short.replace("(2,)", "(-2,)")), &["a size"]);
    says(file(&short.replace("(2,)", &format!("({})", "1,".repeat(65)))), &["64 axes"]);
    says(file(&short.replace("'fortran_order': False, ", "")), &["lacks"]);
    says(file(&short.replace("'shape'", "'descr': '<f4', 'shape'")), &["\"descr\" once"]);
    says(file(&short.replace("<f4", "!f4")), &["no byte order"]);
    says(file(&format!("{short} 1")), &["the end"]);
    let mut bool_of_two = io::npy_to_bytes(&array![true]).unwrap();
    *bool_of_two.last_mut().unwrap() = 2;
    says(io::npy_from_bytes(&bool_of_two), &["a bool is 0 or 1, got 2"]);
}

#[test]
fn mapped_npy() {
    let folder = Folder::new("map");
    let path = folder.at("x.npy");
    let x = arange(12).reshape([4, 3]);
    io::write_npy(&path, &x).unwrap();
    // SAFETY: the file is this test's own and stays as it is.
    let map = unsafe { NpyMap::open(&path) }.unwrap();
    assert_eq!(map.aval(), &x.aval());
    assert_eq!(map.array().unwrap().to_vec::<i32>(), x.to_vec::<i32>());
    assert_eq!(map.rows(1..3).unwrap().to_vec::<i32>(), [3, 4, 5, 6, 7, 8]);
    assert_eq!(map.rows(4..4).unwrap().shape(), [0, 3]);
    says(map.rows(2..5), &["rows 2..5 of i32[4,3] do not exist"]);
    // SAFETY: as above, of files that no test writes.
    let open = |name| unsafe { NpyMap::open(data(name)) }.unwrap();
    says(open("scalar.npy").rows(0..0), &["has no rows"]);
    says(open("fortran.npy").rows(0..1), &["Fortran order"]);
    assert_eq!(open("empty.npy").rows(0..0).unwrap().shape(), [0, 3]);
    assert_eq!(open("big.npy").rows(1..2).unwrap().to_vec::<f64>(), [1.0, 2.0, 3.0]);
}

fn some() -> Vec<(&'static str, Array)> {
    let w = array![[-2.0, -1.0, 0.0], [1.0, 2.0, 3.0]];
    vec![("w", w), ("b", array![1.0f64, 2.0]), ("n", Array::scalar(7i32)), ("none", zeros([0]))]
}

#[track_caller]
fn same(got: &BTreeMap<String, Array>, expected: &[(&str, Array)]) {
    assert_eq!(got.len(), expected.len());
    for (name, x) in expected {
        assert_eq!(got[*name].aval(), x.aval());
        assert_eq!(got[*name].to_bytes().unwrap(), x.to_bytes().unwrap());
    }
}

#[test]
fn npz_stored_compressed_and_ours() {
    same(&io::read_npz(data("stored.npz")).unwrap(), &some());
    same(&io::read_npz(data("compressed.npz")).unwrap(), &some());
    says(
        io::read_npz(data("bomb.npz")),
        &["the archive unpacks to 800128 bytes", "allow 800128 with read_npz_up_to"],
    );
    let zeros = io::read_npz_up_to(data("bomb.npz"), 1 << 20).unwrap();
    assert_eq!(zeros["zeros"].shape(), [200_000]);
    let folder = Folder::new("npz");
    let path = folder.at("x.npz");
    io::write_npz(&path, some()).unwrap();
    same(&io::read_npz(&path).unwrap(), &some());
    io::write_npz(&path, [("", array![1.0]), ("a/b \u{e9}", array![2])]).unwrap();
    same(&io::read_npz(&path).unwrap(), &[("", array![1.0]), ("a/b \u{e9}", array![2])]);
    io::write_npz::<&str>(&path, []).unwrap();
    same(&io::read_npz(&path).unwrap(), &[]);
    says(
        io::write_npz(&path, [("a", array![1]), ("a", array![2])]),
        &["two arrays are named \"a\""],
    );
    // Many entries: their number no longer fits in two bytes.
    let many: Vec<(String, Array)> =
        (0..65_600).map(|i| (i.to_string(), Array::scalar(i))).collect();
    io::write_npz(&path, many).unwrap();
    let read = io::read_npz(&path).unwrap();
    assert_eq!((read.len(), read["65599"].item::<i32>()), (65_600, 65_599));
}

#[test]
fn damaged_archives_are_named() {
    let file = bytes("stored.npz");
    let at = file.windows(4).rposition(|w| w == 3f32.to_le_bytes()).unwrap();
    let mut damaged = file.clone();
    damaged[at] ^= 1;
    says(io::npz_from_bytes(&damaged), &["check sum differs"]);
    says(io::npz_from_bytes(&file[..file.len() - 1]), &["ends too early"]);
    says(io::npz_from_bytes(b"PK"), &["no end of a zip archive"]);
    // The same data listed twice under one name, and under two.
    let end = file.len() - 22;
    let list = u32::from_le_bytes(file[end + 16..end + 20].try_into().unwrap()) as usize;
    let first = 46 + 5;
    for (name, message) in [(b"w.npy", "in the archive twice"), (b"v.npy", "overlap")] {
        let mut twice = file[..list].to_vec();
        twice.extend(&file[list..list + first]);
        let mut copy = file[list..list + first].to_vec();
        copy[46..].copy_from_slice(name);
        twice.extend(copy);
        let mut tail = file[end..].to_vec();
        tail[8] = 2;
        tail[10] = 2;
        tail[12..16].copy_from_slice(&(2 * first as u32).to_le_bytes());
        twice.extend(tail);
        says(io::npz_from_bytes(&twice), &[message]);
    }
}

#[test]
fn safetensors_theirs_and_ours() {
    let file = bytes("some.safetensors");
    let read = io::read_safetensors(data("some.safetensors")).unwrap();
    let w = array![[-2.0, -1.0, 0.0], [1.0, 2.0, 3.0]];
    let expected = vec![
        ("layers.0.w", w),
        ("b", array![1.0f64, 2.0]),
        ("n", Array::scalar(7i32)),
        ("on", array![true, false]),
        ("none", zeros([0, 2])),
    ];
    same(&read.arrays, &expected);
    assert_eq!(read.metadata, BTreeMap::from([("epoch".to_string(), "3".to_string())]));
    assert_eq!(io::safetensors_to_bytes(expected, &read.metadata).unwrap(), file);
    let odd = BTreeMap::from([("a \"b\"\n\\\u{1}".to_string(), "\u{e9}\u{1f600}".to_string())]);
    let again = io::safetensors_to_bytes([("x\ty", array![1u32])], &odd).unwrap();
    let again = io::safetensors_from_bytes(&again).unwrap();
    assert_eq!(again.metadata, odd);
    same(&again.arrays, &[("x\ty", array![1u32])]);
    let nothing = io::safetensors_to_bytes::<&str>([], &BTreeMap::new()).unwrap();
    assert!(io::safetensors_from_bytes(&nothing).unwrap().arrays.is_empty());
    let taken = io::safetensors_to_bytes([("__metadata__", array![1])], &BTreeMap::new());
    says(taken, &["the name is taken"]);
}

#[test]
fn safetensors_that_lie() {
    let file = |header: &str, data: usize| {
        let mut file = (header.len() as u64).to_le_bytes().to_vec();
        file.extend(header.as_bytes());
        file.extend(vec![0; data]);
        io::safetensors_from_bytes(&file)
    };
    let a = r#""a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}"#;
    let b = r#""b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}"#;
    assert_eq!(file(&format!("{{{a},{b}}}  "), 16).unwrap().arrays.len(), 2);
    says(file(&format!("{{{a},{a}}}"), 8), &["names \"a\" twice"]);
    says(file(&format!("{{{a},{}}}", b.replace("[8,16]", "[4,12]")), 12), &["\"b\"", "overlaps"]);
    says(file(&format!("{{{a},{}}}", b.replace("[8,16]", "[12,20]")), 20), &["leaves a gap"]);
    says(file(&format!("{{{a}}}"), 9), &["8 bytes of elements, got 9"]);
    says(
        file(&format!("{{{}}}", a.replace("[2]", "[3]")), 8),
        &["f32[3] of 12 bytes, but lies at [0, 8]"],
    );
    says(file(&format!("{{{}}}", a.replace("[0,8]", "[8,0]")), 8), &["lies at [8, 0]"]);
    says(file(&format!("{{{}}}", a.replace("[2]", "[4294967296,4294967296]")), 8), &["overflows"]);
    says(file(&format!("{{{}}}", a.replace("F32", "F8_E4M3")), 8), &["F8_E4M3", "not supported"]);
    says(
        file(&format!("{{{}}}", a.replace("shape", "form")), 8),
        &["dtype, shape or data_offsets"],
    );
    says(file(&format!("{{{}}}", a.replace("[2]", "[02]")), 8), &["without leading zeros"]);
    says(file(&format!("{{{}}}", a.replace("[2]", "[2.0]")), 8), &["']'"]);
    says(file(&format!("{{{a}}}{{"), 8), &["the end"]);
    says(file(r#"{"__metadata__":{"a":"b"},"__metadata__":{}}"#, 0), &["twice"]);
    says(file(r#"{"__metadata__":{"a":1}}"#, 0), &["'\"'"]);
    says(file(r#"{"\ud83d":{}}"#, 0), &["a character"]);
    says(file(" {}", 0), &["no JSON object"]);
    says(io::safetensors_from_bytes(&u64::MAX.to_le_bytes()), &["ends within its header"]);
    says(io::safetensors_from_bytes(b"abc"), &["ends within its header"]);
}

#[derive(Clone, Pytree)]
struct Model {
    layers: Vec<(Array, Array)>,
    names: HashMap<String, Array>,
    scale: Option<Array>,
    #[pytree(static)]
    width: usize,
}

fn model() -> Model {
    Model {
        layers: vec![(ones([2, 3]), zeros([3])), (full([3, 1], 2.0), array![0.5])],
        names: HashMap::from([
            ("in \"x\"".to_string(), array![1]),
            ("out".to_string(), array![2, 3]),
        ]),
        scale: Some(Array::scalar(0.25f64)),
        width: 3,
    }
}

#[test]
fn pytrees_are_saved_and_loaded() {
    let folder = Folder::new("pytree");
    let names = io::leaf_names(&model());
    let expected = [
        "layers.0.0",
        "layers.0.1",
        "layers.1.0",
        "layers.1.1",
        "names.in \"x\"",
        "names.out",
        "scale",
    ];
    assert_eq!(names, expected);
    for ending in ["npz", "safetensors"] {
        let path = folder.at(&format!("model.{ending}"));
        io::save_pytree(&path, &model()).unwrap();
        let like =
            Model { scale: Some(Array::scalar(0f64)), ..tree_map(|x| zeros_like(&x), model()) };
        let loaded = io::load_pytree(&path, &like).unwrap();
        assert_eq!(tree_structure(&loaded), tree_structure(&model()));
        for (a, b) in tree_leaves(&loaded).iter().zip(tree_leaves(&model())) {
            assert_eq!(a.to_bytes().unwrap(), b.to_bytes().unwrap());
        }
        let mut other = model();
        other.layers.pop();
        other.layers[0].1 = zeros([4]);
        other.names.insert("more".into(), array![1u32]);
        says(
            io::load_pytree(&path, &other),
            &[
                &path.display().to_string(),
                "layers.0.1 is f32[3], expected f32[4]",
                "names.more (u32[1]) is missing",
                "layers.1.0 (f32[3,1]) is not expected; layers.1.1 (f32[1]) is not expected",
            ],
        );
    }
    // A file of much more than is expected says so, too.
    for ending in ["npz", "safetensors"] {
        let path = folder.at(&format!("wide.{ending}"));
        io::save_pytree(&path, &vec![ones([300, 200])]).unwrap();
        says(io::load_pytree(&path, &vec![ones([2, 2])]), &["is f32[300,200], expected f32[2,2]"]);
    }
    let path = folder.at("one.npz");
    io::save_pytree(&path, &array![1.5]).unwrap();
    assert_eq!(io::read_npz(&path).unwrap()["value"].item::<f32>(), 1.5);
    let same_names = BTreeMap::from([("a", vec![array![1]])]);
    let same_names = (same_names, BTreeMap::from([("a.0", array![2]), ("a", array![1])]));
    io::save_pytree(&path, &same_names).unwrap();
    let clash = BTreeMap::from([("a.0", vec![]), ("a", vec![array![1]])]);
    let mut clash = clash;
    clash.insert("a.0", vec![]);
    io::save_pytree(&path, &clash).unwrap();
    let clash = (BTreeMap::from([("a.b", array![1])]), 0);
    let clash = BTreeMap::from([("x.y", clash.0), ("x", BTreeMap::from([("y.a.b", array![2])]))]);
    says(io::save_pytree(&path, &clash), &["two leaves would be named \"x.y.a.b\""]);
    says(io::save_pytree(folder.at("x.txt"), &model()), &["ends in .npz or .safetensors"]);
    says(io::load_pytree(folder.at("x"), &model()), &["ends in .npz or .safetensors"]);
}

/// A file is there whole or as before, and nothing else is left.
#[test]
fn writing_is_atomic() {
    let folder = Folder::new("atomic");
    let path = folder.at("x.npz");
    io::write_npz(&path, some()).unwrap();
    let before = fs::read(&path).unwrap();
    // The second array fails after the first is written.
    assert!(io::write_npz(&path, [("a", zeros([100_000])), ("a", array![2])]).is_err());
    assert_eq!(fs::read(&path).unwrap(), before);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
    says(io::write_npz(folder.at("no/x.npz"), some()), &["write_npz", "no/x.npz"]);
    says(io::write_npy(folder.at(".."), &array![1]), &[".."]);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o640)).unwrap();
        std::os::unix::fs::symlink(&path, folder.at("link.npz")).unwrap();
        io::write_npz(folder.at("link.npz"), [("a", array![1])]).unwrap();
        assert!(fs::symlink_metadata(folder.at("link.npz")).unwrap().is_symlink());
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o640);
        assert_eq!(io::read_npz(&path).unwrap().len(), 1);
    }
    // Many threads at once on one name: the last to rename wins, whole.
    std::thread::scope(|s| {
        for i in 0..4 {
            let path = &path;
            s.spawn(move || io::write_npz(path, [("a", full([1000], i))]).unwrap());
        }
    });
    let x = io::read_npz(&path).unwrap()["a"].to_vec::<i32>();
    assert!(x.iter().all(|v| *v == x[0]));
}

#[cfg(feature = "ndarray")]
#[test]
fn ndarray_there_and_back() {
    let x = ndarray::Array2::from_shape_fn((2, 3), |(i, j)| (3 * i + j) as f32);
    let ours = Array::from(&x);
    assert_eq!((ours.shape(), ours.to_vec::<f32>()), (&[2, 3][..], vec![0., 1., 2., 3., 4., 5.]));
    assert_eq!(Array::from(x.t()).to_vec::<f32>(), [0., 3., 1., 4., 2., 5.]);
    assert_eq!(Array::from(x.t()).to_ndarray::<f32>(), x.t().into_dyn());
    says(ours.try_to_ndarray::<f64>(), &["expected f64, got f32[2,3]"]);
}
