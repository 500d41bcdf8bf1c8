//! The functions as C sees them: arguments are checked, the driver is asked, results are written.
//!
//! No panic crosses the boundary, and no function of the host is called under the lock.
//!
//! | file | contents |
//! | --- | --- |
//! | `call` | what all functions have in common |
//! | `device`, `context`, `module`, `launch` | devices, contexts, code, kernels |
//! | `memory`, `copy` | blocks of memory; copies and fills |
//! | `stream`, `event`, `capture` | order |
//! | `graph`, `node`, `exec` | graphs, their nodes, their instances |
//! | `blas` | products of matrices, as cuBLASLt has them |
//! | `stub` | the stub's own functions |

mod blas;
mod call;
mod capture;
mod context;
mod copy;
mod device;
mod event;
mod exec;
mod graph;
mod launch;
mod memory;
mod module;
mod node;
mod stream;
mod stub;
