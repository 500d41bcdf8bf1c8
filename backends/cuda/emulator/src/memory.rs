//! The global memory of a device: blocks far apart, the bytes that were written, and shadows.

use crate::shadow::{Cell, Kind};
use std::ops::Range;

/// Blocks begin at multiples of this.
const ALIGN: u64 = 256;
/// The first address.
const START: u64 = 0x7f00_0000_0000;
/// The unmapped bytes between two blocks.
const GAP: u64 = 1 << 20;
/// The distance between the first addresses of two devices.
const DISTANCE: u64 = 1 << 44;
/// The bytes that share one page of shadows.
const PAGE: usize = 256;

/// The bytes of global memory that a launch has touched: ranges, not in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Read and not written.
    pub reads: Vec<Range<u64>>,
    pub writes: Vec<Range<u64>>,
    /// Written, and touched last by atomic or other strong accesses alone.
    pub updates: Vec<Range<u64>>,
}

struct Page {
    launch: u32,
    cells: [Cell; PAGE],
}

pub struct Allocation {
    pub base: u64,
    pub bytes: u64,
    pub data: Vec<u8>,
    /// One byte per byte: whether it was ever written.
    pub written: Vec<bool>,
    /// By page: one more than the place of its shadows, or zero.
    pages: Vec<u32>,
    shadows: Vec<Page>,
    /// The pages that the last launch which touched this block has touched, and that launch.
    touched: (u32, Vec<u32>),
    freed: bool,
}

impl Allocation {
    /// The shadows of an access, which must not cross a page.
    pub fn cells(&mut self, at: usize, bytes: usize, launch: u32) -> &mut [Cell] {
        let number = &mut self.pages[at / PAGE];
        if *number == 0 {
            // No launch has the number zero.
            self.shadows.push(Page { launch: 0, cells: [Cell::default(); PAGE] });
            *number = self.shadows.len() as u32;
        }
        let page = &mut self.shadows[*number as usize - 1];
        if page.launch != launch {
            page.launch = launch;
            page.cells.fill(Cell::default());
            if self.touched.0 != launch {
                self.touched.0 = launch;
                self.touched.1.clear();
            }
            self.touched.1.push((at / PAGE) as u32);
        }
        &mut page.cells[at % PAGE..][..bytes]
    }
}

pub struct Memory {
    /// In order of addresses. Freed blocks stay, so that stale addresses are known.
    blocks: Vec<Allocation>,
    next: u64,
    last: usize,
    pub capacity: u64,
    pub allocated: u64,
    pub live: usize,
}

impl Memory {
    /// Memory whose addresses are those of the device of a number.
    pub fn new(capacity: u64, device: u32) -> Memory {
        let next = DISTANCE * u64::from(device % (1 << 18));
        Memory { blocks: Vec::new(), next, last: 0, capacity, allocated: 0, live: 0 }
    }

    /// The bytes that a launch has touched.
    pub fn touched(&self, launch: u32) -> Touched {
        let mut touched = Touched::default();
        for block in self.blocks.iter().filter(|b| b.touched.0 == launch && !b.freed) {
            for page in &block.touched.1 {
                let at = block.base + u64::from(*page) * PAGE as u64;
                let Some(place) = (block.pages[*page as usize] as usize).checked_sub(1) else {
                    continue;
                };
                for (address, cell) in (at..).zip(&block.shadows[place].cells) {
                    let ranges = match cell.kind() {
                        Some(Kind::Read) => &mut touched.reads,
                        Some(Kind::Write) => &mut touched.writes,
                        Some(Kind::Update) => &mut touched.updates,
                        None => continue,
                    };
                    match ranges.last_mut() {
                        Some(last) if last.end == address => last.end += 1,
                        _ => ranges.push(address..address + 1),
                    }
                }
            }
        }
        touched
    }

    pub fn allocate(&mut self, bytes: u64, skew: u64) -> Option<u64> {
        let left = self.capacity - self.allocated;
        let size = usize::try_from(bytes).ok().filter(|b| *b > 0 && bytes <= left)?;
        let base = START + self.next;
        self.next += bytes.next_multiple_of(ALIGN) + GAP + skew * ALIGN;
        let (data, written, shadows) = (vec![0; size], vec![false; size], Vec::new());
        let pages = vec![0; size.div_ceil(PAGE)];
        let (touched, freed) = ((0, Vec::new()), false);
        let block = Allocation { base, bytes, data, written, pages, shadows, touched, freed };
        self.blocks.push(block);
        self.allocated += bytes;
        self.live += 1;
        Some(base)
    }

    pub fn free(&mut self, address: u64) -> Result<u64, String> {
        let found = self.blocks.binary_search_by_key(&address, |b| b.base);
        let Some(block) = found.ok().map(|n| &mut self.blocks[n]).filter(|b| !b.freed) else {
            return Err(format!("{}, so it cannot be freed", self.describe(address)));
        };
        block.freed = true;
        (block.data, block.written) = (Vec::new(), Vec::new());
        (block.pages, block.shadows) = (Vec::new(), Vec::new());
        block.touched = (0, Vec::new());
        self.allocated -= block.bytes;
        self.live -= 1;
        Ok(block.bytes)
    }

    /// The block that holds these bytes, and where in it they begin.
    pub fn find(&mut self, address: u64, bytes: u64) -> Result<(usize, usize), String> {
        let fits = |b: &Allocation| {
            let at = address.wrapping_sub(b.base);
            at < b.bytes && b.bytes - at >= bytes && !b.freed
        };
        if let Some(block) = self.blocks.get(self.last).filter(|b| fits(b)) {
            return Ok((self.last, (address - block.base) as usize));
        }
        let after = self.blocks.partition_point(|b| b.base <= address);
        match after.checked_sub(1).filter(|n| fits(&self.blocks[*n])) {
            Some(n) => {
                self.last = n;
                Ok((n, (address - self.blocks[n].base) as usize))
            }
            None => Err(format!("{bytes} bytes at {}", self.describe(address))),
        }
    }

    pub fn block(&mut self, n: usize) -> &mut Allocation {
        &mut self.blocks[n]
    }

    /// An address beside its nearest block.
    fn describe(&self, address: u64) -> String {
        let after = self.blocks.partition_point(|b| b.base <= address);
        let distance = |b: &Allocation| match address < b.base {
            true => b.base - address,
            false => address - b.base - (address - b.base).min(b.bytes),
        };
        let near = [after.checked_sub(1), Some(after)].into_iter().flatten();
        let near = near.filter_map(|n| self.blocks.get(n)).min_by_key(|b| distance(b));
        let Some(block) = near else { return format!("{address:#x}: no memory is allocated") };
        let (base, bytes) = (block.base, block.bytes);
        let freed = if block.freed { ", which was freed" } else { "" };
        let place = match address.checked_sub(base) {
            Some(at) => format!("{at} bytes behind the beginning of"),
            None => format!("{} bytes before", base - address),
        };
        format!("{address:#x}: {place} the nearest block, {bytes} bytes at {base:#x}{freed}")
    }

    /// The bytes of a host copy.
    pub fn read(&mut self, address: u64, bytes: u64) -> Result<&[u8], (bool, String)> {
        let (n, at) = self.find(address, bytes).map_err(|text| (false, text))?;
        let (block, end) = (&self.blocks[n], at + bytes as usize);
        if let Some(gap) = block.written[at..end].iter().position(|w| !w) {
            return Err((
                true,
                format!("byte {} at {:#x} was never written", at + gap, block.base),
            ));
        }
        Ok(&block.data[at..end])
    }

    pub fn write(&mut self, address: u64, bytes: &[u8]) -> Result<(), String> {
        let (n, at) = self.find(address, bytes.len() as u64)?;
        let block = &mut self.blocks[n];
        block.data[at..at + bytes.len()].copy_from_slice(bytes);
        block.written[at..at + bytes.len()].fill(true);
        Ok(())
    }
}
