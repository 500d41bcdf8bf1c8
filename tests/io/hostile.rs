//! Tens of thousands of broken files: each gives an array or an error, never a panic, and never
//! takes memory beyond four times the file. `SEED=.. MUTATIONS=..` tries others; `--ignored` tries
//! 100,000 and more.

use super::{bytes, data};
use cotangent::io;
use cotangent::prelude::*;
use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::panic::catch_unwind;

/// Counts what this thread holds, and the most it held.
struct Counting;

thread_local! {
    static HELD: Cell<usize> = const { Cell::new(0) };
    static MOST: Cell<usize> = const { Cell::new(0) };
}

fn took(bytes: usize) {
    // While a thread ends there is nothing left to count in.
    let _ = HELD.try_with(|h| {
        h.set(h.get().wrapping_add(bytes));
        let held = h.get();
        // Below zero where another thread's memory is given back.
        if held <= isize::MAX as usize {
            let _ = MOST.try_with(|m| m.set(m.get().max(held)));
        }
    });
}

fn gave(bytes: usize) {
    let _ = HELD.try_with(|h| h.set(h.get().wrapping_sub(bytes)));
}

// SAFETY: every call goes to the system's allocator as it came; what is counted beside is no memory
// of the caller's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        took(layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        gave(layout.size());
        // SAFETY: the caller keeps the contract.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What small files may take beside: messages, tables, the allocator of the device.
const SLACK: usize = 64 << 10;

/// The most that `f` held.
fn most(f: impl FnOnce()) -> usize {
    HELD.set(0);
    MOST.set(0);
    f();
    MOST.get()
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n.max(1) as u64) as usize
    }
}

/// One change somewhere, mostly where the structure is.
fn mutate(file: &mut Vec<u8>, r: &mut Random) {
    let near = if r.below(3) > 0 { file.len().min(160) } else { file.len() };
    let from_end = r.below(4) == 0;
    let mut at = r.below(near);
    if from_end {
        at = file.len().saturating_sub(1 + at);
    }
    if at >= file.len() {
        return;
    }
    let left = file.len() - at;
    match r.below(9) {
        0 => file[at] ^= 1 << r.below(8),
        1 => {
            file[at] =
                [0, 1, 0x7f, 0x80, 0xff, b'9', b'-', b'"', b'\'', b'{', b'(', b','][r.below(12)]
        }
        2 => file.truncate(at),
        3 => {
            let n = (1 + r.below(8)).min(left);
            file.drain(at..at + n);
        }
        4 => {
            let some: Vec<u8> = (0..1 + r.below(8)).map(|_| r.next() as u8).collect();
            file.splice(at..at, some);
        }
        5 => {
            // A number, in binary, where one may be.
            let n =
                [0, 1, u64::MAX, u64::MAX / 2, 1 << 32, u32::MAX as u64, 1 << 62, 4][r.below(8)];
            let width = [2, 4, 8][r.below(3)].min(left);
            file[at..at + width].copy_from_slice(&n.to_le_bytes()[..width]);
        }
        6 => {
            // A digit becomes many.
            let digit = (at..file.len()).find(|i| file[*i].is_ascii_digit());
            if let Some(i) = digit {
                let n = ["18446744073709551615", "4294967296", "0", "99999999999999999999", "007"];
                file.splice(i..i + 1, n[r.below(5)].bytes());
            }
        }
        7 => {
            let n = (1 + r.below(64)).min(left);
            let part = file[at..at + n].to_vec();
            let to = r.below(file.len());
            file.splice(to..to, part);
        }
        _ => {
            let n = (1 + r.below(16)).min(left);
            let to = r.below(file.len() - n + 1);
            file.copy_within(at..at + n, to);
        }
    }
}

/// The arrays that a file gives, if any.
type Reader = fn(&[u8]) -> Option<Vec<Array>>;

fn npy(file: &[u8]) -> Option<Vec<Array>> {
    Some(vec![io::npy_from_bytes(file).ok()?])
}

fn npz(file: &[u8]) -> Option<Vec<Array>> {
    Some(io::npz_from_bytes(file).ok()?.into_values().collect())
}

fn safetensors(file: &[u8]) -> Option<Vec<Array>> {
    Some(io::safetensors_from_bytes(file).ok()?.arrays.into_values().collect())
}

fn attack(count: usize) {
    let setting = |name: &str, usual: u64| {
        std::env::var(name).map_or(usual, |v| v.parse().expect("a number"))
    };
    let (seed, count) = (setting("SEED", 20_261_125), setting("MUTATIONS", count as u64) as usize);
    let mut files: Vec<(String, Vec<u8>, Reader)> = Vec::new();
    for entry in std::fs::read_dir(data("")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let reader: Reader = match name.rsplit('.').next() {
            Some("npy") => npy,
            Some("npz") => npz,
            _ => safetensors,
        };
        files.push((name.clone(), bytes(&name), reader));
    }
    files.sort_by(|a, b| a.0.cmp(&b.0));
    // What the first call sets up for good is not the file's.
    for (_, file, reader) in &files {
        drop(reader(file));
    }
    let mut r = Random(seed);
    let quiet = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    let mut broken = Vec::new();
    let mut read = 0;
    for i in 0..count {
        let (name, file, reader) = &files[i % files.len()];
        let mut file = file.clone();
        for _ in 0..1 + r.below(3) {
            mutate(&mut file, &mut r);
        }
        let mut result = Ok(None);
        let held = most(|| result = catch_unwind(|| reader(&file)));
        // The device may have the memory of the arrays from earlier ones: they are counted by their
        // size as well.
        let size = |arrays: &[Array]| arrays.iter().map(|x| x.aval().bytes()).sum::<usize>();
        let arrays = result.as_ref().map_or(0, |r| r.as_deref().map_or(0, size));
        if result.is_err() || held.max(arrays) > 4 * file.len() + SLACK {
            let end = if result.is_err() { "a panic" } else { "no panic" };
            broken.push(format!("{name}, mutation {i} of seed {seed}: {held} bytes, {end}"));
        }
        read += usize::from(matches!(result, Ok(Some(_))));
    }
    std::panic::set_hook(quiet);
    // Most are found out, but not all are hurt: both ways through the readers were taken.
    assert!((count / 50..count / 2).contains(&read), "{read} of {count} were read");
    assert!(broken.is_empty(), "{} of {count}:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn broken_files_give_errors() {
    attack(30_000);
}

#[test]
#[ignore = "long; run with --release"]
fn many_broken_files_give_errors() {
    attack(300_000);
}

/// The count sees what a reader takes: putting a megabyte into C order takes another. (The device
/// keeps freed memory for the next array, so arrays themselves are counted once only.)
#[test]
fn memory_is_counted() {
    let mut file = io::npy_to_bytes(&zeros([512, 512])).unwrap();
    let at = file.windows(5).position(|w| w == b"False").unwrap();
    file[at..at + 5].copy_from_slice(b"True ");
    let held = most(|| drop(npy(&file)));
    assert!((1 << 20..=4 << 20).contains(&held), "{held}");
}

/// What a reader gives of a file it holds itself, within four times that file; the message where it
/// refuses.
#[track_caller]
fn within<T>(file: &[u8], read: impl Fn(&[u8]) -> Result<T, Error>) -> Result<(), String> {
    // Memory from earlier arrays would not be counted.
    let mut result = Ok(());
    let held = most(|| {
        let held = file.to_vec();
        let read = read(&held);
        result = read.map(drop).map_err(|e| e.to_string());
    });
    assert!(held <= 4 * file.len() + SLACK, "{held} bytes for {}: {result:?}", file.len());
    result
}

/// Headers crowded with names: each takes more memory than text. They are refused unless the reader
/// allows more.
#[test]
fn crowded_headers_are_bounded() {
    let n = 20_000;
    let list = |f: &dyn Fn(usize) -> String| (0..n).map(f).collect::<Vec<_>>().join(",");
    let entry = |i: usize, shape: String, from: usize, to: usize| {
        format!("\"{i}\":{{\"dtype\":\"U8\",\"shape\":[{shape}],\"data_offsets\":[{from},{to}]}}")
    };
    let empty = list(&|i| entry(i, "0".into(), 0, 0));
    let distinct = list(&|i| entry(i, format!("0,{i}"), 0, 0));
    let scalars = list(&|i| entry(i, String::new(), i, i + 1));
    let long = list(&|i| {
        format!("\"{i:a>150}\":{{\"dtype\":\"U8\",\"shape\":[],\"data_offsets\":[{i},{}]}}", i + 1)
    });
    let remarks = format!("\"__metadata__\":{{{}}}", list(&|i| format!("\"{i}\":\"\"")));
    let escaped = format!("\"__metadata__\":{{{}}}", list(&|i| format!("\"{i}\":\"\\nabcdefgh\"")));
    let braces = format!("\"__metadata__\":{{\"\":\"{}\"}}", "{".repeat(n * 50));
    for (header, data, fits) in [
        (empty, 0, false),
        (distinct, 0, false),
        (scalars, n, false),
        (long, n, true),
        (remarks, 0, false),
        (escaped, 0, false),
        (braces, 0, true),
    ] {
        let mut file = (header.len() as u64 + 2).to_le_bytes().to_vec();
        file.extend(format!("{{{header}}}").as_bytes());
        file.extend(vec![0; data]);
        let read = within(&file, io::safetensors_from_bytes);
        assert_eq!(read.is_ok(), fits, "{:.80}: {read:?}", header);
        if let Err(message) = read {
            assert!(message.ends_with("allow more with safetensors_from_bytes_up_to"), "{message}");
        }
        let all = io::safetensors_from_bytes_up_to(&file, 1 << 30).unwrap();
        assert_eq!(
            all.arrays.len() + all.metadata.len(),
            if data + n == n && fits { 1 } else { n }
        );
    }
}

/// Archives crowded with the smallest of arrays, and such as unpack to more than they should.
#[test]
fn crowded_archives_are_bounded() {
    let folder = crate::Folder::new("crowded");
    let path = folder.at("x.npz");
    io::write_npz(&path, (0..20_000).map(|i| (i.to_string(), Array::scalar(i)))).unwrap();
    let file = std::fs::read(&path).unwrap();
    within(&file, io::npz_from_bytes).unwrap();
    let bomb = bytes("bomb.npz");
    let message = within(&bomb, io::npz_from_bytes).unwrap_err();
    assert!(message.ends_with("allow 800128 with npz_from_bytes_up_to"), "{message}");
    assert_eq!(io::npz_from_bytes_up_to(&bomb, 800_128).unwrap()["zeros"].shape(), [200_000]);
}
