//! As much of zip as npz needs: entries stored or deflated, archives beyond 4 GiB (zip64), written
//! in one pass.
//!
//! Not here: encryption, several disks, other methods, names other than UTF-8: they are errors.

use super::atomic::failed;
use cotangent_jit::{Error, err, plural};
use std::collections::BTreeSet;
use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;

const LOCAL: u32 = 0x0403_4b50;
const CENTRAL: u32 = 0x0201_4b50;
const END: u32 = 0x0605_4b50;
const END64: u32 = 0x0606_4b50;
const LOCATOR64: u32 = 0x0706_4b50;
/// The tag of the extra field that has sizes of eight bytes.
const EXTRA64: u16 = 1;
const FULL: u64 = u32::MAX as u64;
/// No entry of the list has fewer bytes.
const SHORTEST: usize = 46;

/// One file of the archive.
#[derive(Debug)]
pub(super) struct Entry<'a> {
    pub name: &'a str,
    pub deflated: bool,
    pub crc: u32,
    pub size: usize,
    /// Where its (deflated) bytes are.
    pub data: Range<usize>,
}

/// Numbers at the front of what is left.
struct Cursor<'a> {
    op: &'a str,
    rest: &'a [u8],
}

impl<'a> Cursor<'a> {
    fn at(op: &'a str, file: &'a [u8], at: usize) -> Result<Cursor<'a>, Error> {
        let rest = file.get(at..).ok_or_else(|| short(op))?;
        Ok(Cursor { op, rest })
    }

    fn bytes(&mut self, n: usize) -> Result<&'a [u8], Error> {
        let (bytes, rest) = self.rest.split_at_checked(n).ok_or_else(|| short(self.op))?;
        self.rest = rest;
        Ok(bytes)
    }

    fn u16(&mut self) -> Result<u16, Error> {
        let b = self.bytes(2)?;
        Ok(u16::from_le_bytes([b[0], b[1]]))
    }

    fn u32(&mut self) -> Result<u32, Error> {
        let b = self.bytes(4)?;
        Ok(u32::from_le_bytes([b[0], b[1], b[2], b[3]]))
    }

    fn u64(&mut self) -> Result<u64, Error> {
        let low = self.u32()? as u64;
        Ok((self.u32()? as u64) << 32 | low)
    }
}

fn short(op: &str) -> Error {
    err!(File, "{op}: the archive ends too early, or points outside of itself")
}

fn place(op: &str, n: u64) -> Result<usize, Error> {
    usize::try_from(n).map_err(|_| short(op))
}

/// Number of entries, and where the list of them is.
fn directory(op: &str, file: &[u8]) -> Result<(u64, Range<usize>), Error> {
    let sign = END.to_le_bytes();
    // 22 bytes and a comment of at most 65,535.
    let from = file.len().saturating_sub(22 + u16::MAX as usize);
    let tail = &file[from..];
    let found = tail.windows(4).rposition(|w| w == sign);
    let end =
        from + found.ok_or_else(|| err!(File, "{op}: not an npz file: no end of a zip archive"))?;
    let mut c = Cursor::at(op, file, end + 4)?;
    let disks = (c.u16()?, c.u16()?);
    let counts = (c.u16()?, c.u16()?);
    let (mut size, mut start) = (c.u32()? as u64, c.u32()? as u64);
    let mut count = counts.1 as u64;
    let comment = c.u16()? as usize;
    c.bytes(comment)?;
    if !c.rest.is_empty() {
        return Err(err!(
            File,
            "{op}: {bytes} follow the archive",
            bytes = plural(c.rest.len(), "byte")
        ));
    }
    if disks != (0, 0) || counts.0 != counts.1 {
        return Err(err!(File, "{op}: archives on several disks are not supported"));
    }
    if count == u16::MAX as u64 || size == FULL || start == FULL {
        let mut c = Cursor::at(op, file, end.checked_sub(20).ok_or_else(|| short(op))?)?;
        if c.u32()? == LOCATOR64 {
            c.u32()?;
            let at = place(op, c.u64()?)?;
            let mut c = Cursor::at(op, file, at)?;
            if c.u32()? != END64 {
                return Err(short(op));
            }
            c.bytes(8 + 2 + 2 + 4 + 4 + 8)?;
            (count, size, start) = (c.u64()?, c.u64()?, c.u64()?);
        }
    }
    let (size, start) = (place(op, size)?, place(op, start)?);
    let stop = start.checked_add(size).filter(|s| *s <= end).ok_or_else(|| short(op))?;
    Ok((count, start..stop))
}

/// The entries of an archive, in the order of its list.
///
/// Errors, beside what is not supported: names that come twice, entries that overlap, sizes outside
/// of the file.
pub(super) fn entries<'a>(op: &'a str, file: &'a [u8]) -> Result<Vec<Entry<'a>>, Error> {
    let (count, list) = directory(op, file)?;
    let ends = list.start;
    let most = list.len() / SHORTEST;
    let mut c = Cursor { op, rest: &file[list] };
    let mut entries = Vec::with_capacity(most.min(usize::try_from(count).unwrap_or(most)));
    let mut names = BTreeSet::new();
    for _ in 0..count {
        let entry = entry(op, file, &mut c, ends)?;
        if !names.insert(entry.name) {
            return Err(err!(File, "{op}: {:?} is in the archive twice", entry.name));
        }
        entries.push(entry);
    }
    if !c.rest.is_empty() {
        return Err(err!(File, "{op}: the list of entries is longer than their number"));
    }
    let mut places: Vec<&Range<usize>> = entries.iter().map(|e| &e.data).collect();
    places.sort_by_key(|r| (r.start, r.end));
    if places.windows(2).any(|w| w[1].start < w[0].end) {
        return Err(err!(File, "{op}: entries of the archive overlap"));
    }
    Ok(entries)
}

fn entry<'a>(
    op: &str,
    file: &'a [u8],
    c: &mut Cursor<'a>,
    ends: usize,
) -> Result<Entry<'a>, Error> {
    if c.u32()? != CENTRAL {
        return Err(short(op));
    }
    c.bytes(4)?;
    let (flags, method) = (c.u16()?, c.u16()?);
    c.bytes(4)?;
    let crc = c.u32()?;
    let (mut packed, mut size) = (c.u32()? as u64, c.u32()? as u64);
    let (name, extra, comment) = (c.u16()?, c.u16()?, c.u16()?);
    c.bytes(2 + 2 + 4)?;
    let mut start = c.u32()? as u64;
    let name = std::str::from_utf8(c.bytes(name as usize)?)
        .map_err(|_| err!(File, "{op}: a name in the archive is not UTF-8"))?;
    let mut extra = Cursor { op, rest: c.bytes(extra as usize)? };
    c.bytes(comment as usize)?;
    while extra.rest.len() >= 4 {
        let (tag, length) = (extra.u16()?, extra.u16()?);
        let mut field = Cursor { op, rest: extra.bytes(length as usize)? };
        if tag == EXTRA64 {
            for n in [&mut size, &mut packed, &mut start] {
                if *n == FULL {
                    *n = field.u64()?;
                }
            }
        }
    }
    if flags & 1 != 0 {
        return Err(err!(Unsupported, "{op}: {name:?} is encrypted"));
    }
    let deflated = match method {
        0 => false,
        8 => true,
        n => return Err(err!(Unsupported, "{op}: {name:?} is compressed by method {n}")),
    };
    if !deflated && packed != size {
        return Err(err!(
            File,
            "{op}: {name:?} is stored in {bytes}, but has {size}",
            bytes = plural(packed, "byte")
        ));
    }
    // Lengths in the local header may differ from those of the list.
    let start = place(op, start)?;
    let mut local = Cursor::at(op, file, start)?;
    if local.u32()? != LOCAL {
        return Err(short(op));
    }
    local.bytes(22)?;
    let skip = local.u16()? as usize + local.u16()? as usize;
    let data = start + 30 + skip;
    let stop = place(op, packed)?.checked_add(data).filter(|s| *s <= ends);
    let data = data..stop.ok_or_else(|| short(op))?;
    Ok(Entry { name, deflated, crc, size: place(op, size)?, data })
}

/// The check sum of zip: CRC-32, reflected, of polynomial 0xedb88320.
pub(crate) fn crc(bytes: &[u8], before: u32) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut i = 0;
        while i < 256 {
            let mut c = i as u32;
            let mut bit = 0;
            while bit < 8 {
                c = if c & 1 == 1 { 0xedb8_8320 ^ (c >> 1) } else { c >> 1 };
                bit += 1;
            }
            table[i] = c;
            i += 1;
        }
        table
    };
    !bytes.iter().fold(!before, |c, b| TABLE[((c ^ *b as u32) & 255) as usize] ^ (c >> 8))
}

/// An archive being written, entries stored.
pub(super) struct Writer<'a> {
    to: &'a mut dyn Write,
    at: u64,
    list: Vec<u8>,
    count: u64,
}

impl<'a> Writer<'a> {
    pub fn new(to: &'a mut dyn Write) -> Writer<'a> {
        Writer { to, at: 0, list: Vec::new(), count: 0 }
    }

    fn put(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.at += bytes.len() as u64;
        self.to.write_all(bytes)
    }

    /// An entry of these parts, one after the other.
    pub fn entry(&mut self, name: &str, parts: &[&[u8]]) -> io::Result<()> {
        let start = self.at;
        let size: u64 = parts.iter().map(|p| p.len() as u64).sum();
        let crc = parts.iter().fold(0, |c, p| crc(p, c));
        let narrow = |n: u64| n.min(FULL) as u32;
        let name_length = u16::try_from(name.len())
            .map_err(|_| io::Error::other(format!("the name {name:?} is too long for zip")))?;
        let wide = size >= FULL;
        let common = |extra: u16| {
            let mut h = Vec::new();
            // Version 4.5 knows zip64; bit 11: the name is UTF-8; stored; the first day of 1980.
            for n in [45, 1 << 11, 0, 0, 0x21u16] {
                h.extend(n.to_le_bytes());
            }
            h.extend(crc.to_le_bytes());
            h.extend(narrow(size).to_le_bytes());
            h.extend(narrow(size).to_le_bytes());
            h.extend(name_length.to_le_bytes());
            h.extend(extra.to_le_bytes());
            h
        };
        let field = |sizes: &[u64]| {
            let mut f = Vec::new();
            if !sizes.is_empty() {
                f.extend(EXTRA64.to_le_bytes());
                f.extend((8 * sizes.len() as u16).to_le_bytes());
                sizes.iter().for_each(|n| f.extend(n.to_le_bytes()));
            }
            f
        };
        let mut large = if wide { vec![size, size] } else { Vec::new() };
        let extra = field(&large);
        self.put(&LOCAL.to_le_bytes())?;
        self.put(&common(extra.len() as u16))?;
        self.put(name.as_bytes())?;
        self.put(&extra)?;
        for part in parts {
            self.put(part)?;
        }
        if start >= FULL {
            large.push(start);
        }
        let extra = field(&large);
        self.list.extend(CENTRAL.to_le_bytes());
        self.list.extend(45u16.to_le_bytes());
        self.list.extend(common(extra.len() as u16));
        // No comment, first disk, no attributes.
        self.list.extend([0; 2 + 2 + 2 + 4]);
        self.list.extend(narrow(start).to_le_bytes());
        self.list.extend(name.as_bytes());
        self.list.extend(extra);
        self.count += 1;
        Ok(())
    }

    /// The list of entries, and the end.
    pub fn finish(mut self) -> io::Result<()> {
        let (start, size, count) = (self.at, self.list.len() as u64, self.count);
        let list = std::mem::take(&mut self.list);
        self.put(&list)?;
        if start >= FULL || size >= FULL || count >= u16::MAX as u64 {
            let end = self.at;
            let mut e = Vec::new();
            e.extend(END64.to_le_bytes());
            e.extend(44u64.to_le_bytes());
            e.extend([45, 0, 45, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
            for n in [count, count, size, start] {
                e.extend(n.to_le_bytes());
            }
            e.extend(LOCATOR64.to_le_bytes());
            e.extend(0u32.to_le_bytes());
            e.extend(end.to_le_bytes());
            e.extend(1u32.to_le_bytes());
            self.put(&e)?;
        }
        let few = count.min(u16::MAX as u64) as u16;
        let mut e = Vec::new();
        e.extend(END.to_le_bytes());
        e.extend([0; 4]);
        e.extend(few.to_le_bytes());
        e.extend(few.to_le_bytes());
        e.extend((size.min(FULL) as u32).to_le_bytes());
        e.extend((start.min(FULL) as u32).to_le_bytes());
        e.extend([0; 2]);
        self.put(&e)
    }
}

/// Writes an archive atomically: the entries that `content` adds.
pub(super) fn write(
    op: &str,
    path: &Path,
    content: impl FnOnce(&mut Writer) -> Result<(), Error>,
) -> Result<(), Error> {
    // Errors of the content are ours, those of the writer the system's; the first of ours goes out
    // as it is.
    let mut inner = None;
    let written = super::atomic::write(op, path, |to| {
        let mut archive = Writer::new(to);
        if let Err(e) = content(&mut archive) {
            inner = Some(e);
            return Err(io::Error::other("given up"));
        }
        archive.finish()
    });
    inner.map_or(written, Err)
}

/// An error while an entry is written.
pub(super) fn entry_failed(op: &str, path: &Path, e: io::Error) -> Error {
    failed(op, path, e)
}
