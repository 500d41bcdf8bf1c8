//! The global memory of a device: blocks far apart, the bytes that were written, and shadows.

use crate::shadow::Cell;

/// Blocks begin at multiples of this.
const ALIGN: u64 = 256;
/// The first address.
const START: u64 = 0x7f00_0000_0000;
/// The unmapped bytes between two blocks.
const GAP: u64 = 1 << 20;
/// The bytes that share one page of shadows.
const PAGE: usize = 256;

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
    freed: bool,
}

impl Allocation {
    /// The shadows of an access, which must not cross a page.
    pub fn cells(&mut self, at: usize, bytes: usize, launch: u32) -> &mut [Cell] {
        let number = &mut self.pages[at / PAGE];
        if *number == 0 {
            self.shadows.push(Page { launch, cells: [Cell::default(); PAGE] });
            *number = self.shadows.len() as u32;
        }
        let page = &mut self.shadows[*number as usize - 1];
        if page.launch != launch {
            page.launch = launch;
            page.cells.fill(Cell::default());
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
    pub fn new(capacity: u64) -> Memory {
        Memory { blocks: Vec::new(), next: 0, last: 0, capacity, allocated: 0, live: 0 }
    }

    pub fn allocate(&mut self, bytes: u64, skew: u64) -> Option<u64> {
        let left = self.capacity - self.allocated;
        let size = usize::try_from(bytes).ok().filter(|b| *b > 0 && bytes <= left)?;
        let base = START + self.next;
        self.next += bytes.next_multiple_of(ALIGN) + GAP + skew * ALIGN;
        let (data, written, shadows) = (vec![0; size], vec![false; size], Vec::new());
        let pages = vec![0; size.div_ceil(PAGE)];
        let freed = false;
        self.blocks.push(Allocation { base, bytes, data, written, pages, shadows, freed });
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
