//! What the driver has done, in numbers.

use std::collections::BTreeMap;

macro_rules! counters {
    ($($name:ident = $number:literal, $what:literal;)*) => {
        /// A number that the driver counts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u32)]
        pub enum Counter {
            $(#[doc = $what] $name = $number,)*
        }

        impl Counter {
            pub fn of(number: u32) -> Option<Counter> {
                match number {
                    $($number => Some(Counter::$name),)*
                    _ => None,
                }
            }
        }
    };
}

counters! {
    LaunchCalls = 0, "Kernels that the host enqueued one by one.";
    Kernels = 1, "Kernels that ran, those of graphs included.";
    GraphLaunches = 2, "Graphs that the host enqueued.";
    GraphNodes = 3, "Nodes of graphs that ran, those of bodies in each round.";
    UploadCalls = 4, "Copies from the host to a device that ran.";
    UploadBytes = 5, "The bytes of these copies.";
    DownloadCalls = 6, "Copies from a device to the host that ran.";
    DownloadBytes = 7, "The bytes of these copies.";
    DeviceCopyCalls = 8, "Copies within a device that ran.";
    DeviceCopyBytes = 9, "The bytes of these copies.";
    FillCalls = 10, "Fills that ran.";
    FillBytes = 11, "The bytes of these fills.";
    Allocations = 12, "Blocks of device memory that were allocated.";
    Frees = 13, "Blocks of device memory that were freed.";
    Synchronisations = 14, "Calls that wait for a stream, an event or a context.";
    Modules = 15, "Modules that were loaded.";
    HostCalls = 16, "Functions of the host that streams called.";
    Instantiations = 17, "Graphs that were instantiated.";
    Updates = 18, "Changes of the parameters of instantiated graphs.";
    Instructions = 19, "Instructions that warps executed.";
    PinnedAllocations = 20, "Blocks of pinned memory that were allocated.";
    AllocatedBytes = 21, "The bytes of device memory that are allocated now.";
    LiveBlocks = 22, "The blocks of device memory that are allocated now.";
    Products = 23, "Products of matrices that ran.";
}

#[derive(Clone, Debug, Default)]
pub struct Counters {
    numbers: BTreeMap<Counter, u64>,
    kernels: BTreeMap<String, u64>,
}

impl Counters {
    pub fn add(&mut self, counter: Counter, count: u64) {
        *self.numbers.entry(counter).or_default() += count;
    }

    pub fn one(&mut self, counter: Counter) {
        self.add(counter, 1);
    }

    pub fn kernel(&mut self, entry: &str) {
        self.one(Counter::Kernels);
        match self.kernels.get_mut(entry) {
            Some(count) => *count += 1,
            None => drop(self.kernels.insert(entry.to_owned(), 1)),
        }
    }

    pub fn get(&self, counter: Counter) -> u64 {
        self.numbers.get(&counter).copied().unwrap_or_default()
    }

    /// How often the entries of a name ran.
    pub fn runs(&self, entry: &str) -> u64 {
        self.kernels.get(entry).copied().unwrap_or_default()
    }

    /// The entries that ran, a line for each: the count, a space, the name.
    pub fn listing(&self) -> String {
        self.kernels.iter().map(|(name, count)| format!("{count} {name}\n")).collect()
    }
}
