//! The numbers of the elementary functions that the kernels of a program call. Which kernels call
//! functions is decided in `calls`.

use crate::plan::calls::called;
use crate::plan::launch::FunctionId;
use crate::plan::nest::Nest;
use cotangent_jit::DType;
use cotangent_jit::op::ScalarOp;
use rustc_hash::FxHashMap;

/// A function of the program: the op, its type, and whether it takes vector registers.
pub type Key = (ScalarOp, DType, bool);

/// The functions that the kernels of a program call, with their numbers.
#[derive(Default)]
pub struct Outlines {
    ids: FxHashMap<Key, FunctionId>,
}

impl Outlines {
    /// Numbers the functions that these nests call, from `next` on; returns the next free number.
    pub fn collect<'a>(nests: impl Iterator<Item = &'a Nest>, next: u32) -> (Outlines, u32) {
        let mut all = Outlines::default();
        let mut next = next;
        for nest in nests.filter(|nest| nest.calls) {
            for (n, node) in nest.kernel.nodes.iter().enumerate() {
                let Some(op) = called(node).filter(|_| nest.live[n]) else { continue };
                for vector in [false, true] {
                    if !vector || nest.varies[n] {
                        all.ids.entry((op, nest.types[n], vector)).or_insert_with(|| {
                            next += 1;
                            FunctionId(next - 1)
                        });
                    }
                }
            }
        }
        (all, next)
    }

    /// All functions, in the order of their numbers.
    pub fn functions(&self) -> Vec<(Key, FunctionId)> {
        let mut all: Vec<_> = self.ids.iter().map(|(k, id)| (*k, *id)).collect();
        all.sort_by_key(|(_, id)| *id);
        all
    }

    /// The number of a function, if a kernel calls it.
    pub fn id(&self, key: Key) -> Option<FunctionId> {
        self.ids.get(&key).copied()
    }
}
