//! The device that kernels and loops are planned for.

/// What a plan depends on besides the program. Results do not depend on it, but for the bits of
/// products that a library computes.
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
    /// The multiplications from which a library computes a product of matrices.
    pub library: usize,
}

/// Below, a call of a library takes longer than the product: it is the host's, and ends the graph
/// that our own launches are nodes of. It was reckoned from launches of 5 us and 30 TFLOP/s.
pub const LIBRARY: usize = 1 << 26;

impl Target {
    /// A device with so many multiprocessors, whose driver does not know conditional nodes.
    pub fn of(multiprocessors: usize) -> Target {
        Target {
            threads: 512 * multiprocessors,
            wide: false,
            product: false,
            conditions: false,
            library: LIBRARY,
        }
    }
}
