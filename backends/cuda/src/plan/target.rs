//! The device that kernels and loops are planned for.

/// What a plan depends on besides the program. Results do not depend on it.
#[derive(Clone, Copy, Debug)]
pub struct Target {
    /// The number of threads that fill the device.
    pub threads: usize,
    /// Indices have 64 bits even where 32 suffice, as for tests of the former.
    pub wide: bool,
    /// The kernel is a product of matrices.
    pub product: bool,
    /// The driver knows conditional nodes of graphs, for loops and branches.
    pub conditions: bool,
}

impl Target {
    /// A device with so many multiprocessors, whose driver does not know conditional nodes.
    pub fn of(multiprocessors: usize) -> Target {
        Target { threads: 512 * multiprocessors, wide: false, product: false, conditions: false }
    }
}
