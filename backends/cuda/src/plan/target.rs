//! The device that a kernel is planned for.

/// What the form of a kernel depends on besides the kernel. Results do not depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The number of threads that fill the device.
    pub threads: usize,
    /// Indices have 64 bits even where 32 suffice, as for tests of the former.
    pub wide: bool,
    /// The kernel is a product of matrices.
    pub product: bool,
}

impl Target {
    /// A device with so many multiprocessors.
    pub fn of(multiprocessors: usize) -> Target {
        Target { threads: 512 * multiprocessors, wide: false, product: false }
    }
}
