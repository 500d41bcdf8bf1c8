//! Carries: elements that each iteration of a loop in order reads and writes at one place. A thread
//! has them to itself, so they stay in registers while the loop runs.

use super::emitter::Emitter;
use crate::ptx::Value;
use cotangent_jit::affine::Affine;
use cotangent_jit::kernel::{BufferId, Node};

/// An element that a loop carries.
pub struct Carry {
    buffer: BufferId,
    at: Affine,
    /// Whether an iteration reads what was there before.
    read: bool,
}

impl Emitter<'_> {
    /// The carries of the innermost loop, which is this one.
    pub fn carries(&self, of: usize) -> Vec<Carry> {
        let buffers = 0..self.k.buffers.len() as u32;
        buffers.filter_map(|n| self.carry(BufferId(n), of)).collect()
    }

    fn carry(&self, buffer: BufferId, of: usize) -> Option<Carry> {
        let k = self.k;
        let mut stores = k.stores.iter().filter(|s| s.buffer == buffer);
        let at = &stores.next()?.at;
        let plain = |s: &cotangent_jit::kernel::Store| {
            s.at == *at && s.offset.is_none() && s.combine.is_none()
        };
        let mut read = false;
        for (node, _) in k.nodes.iter().zip(&self.live).filter(|(_, live)| **live) {
            match node {
                Node::Load { buffer: b, at: place, guard, .. } if *b == buffer => {
                    if place != at || !guard.is_empty() {
                        return None;
                    }
                    read = true;
                }
                Node::Gather { buffer: b, .. } if *b == buffer => return None,
                _ => {}
            }
        }
        let all = k.stores.iter().filter(|s| s.buffer == buffer).all(plain);
        let stays = at.stride(of) == 0 && !self.aliased;
        (all && stays).then(|| Carry { buffer, at: at.clone(), read })
    }

    /// Loads the carries before the loop.
    pub fn take_up(&mut self, carries: &[Carry]) {
        for Carry { buffer, at, read } in carries {
            let n = buffer.0 as usize;
            let d = self.k.buffers[n].dtype;
            let register = if *read {
                let address = self.address(buffer.0, at);
                let place = self.place(buffer.0, address, at.offset * d.size() as i64);
                let x = self.load(d, place, 1, false)[0];
                self.c.copy(x)
            } else {
                self.c.register(crate::ptx::Class::of(d))
            };
            self.carried[n] = Some(register);
        }
    }

    /// Stores the carries behind the loop.
    pub fn put_down(&mut self, carries: Vec<Carry>) {
        for Carry { buffer, at, .. } in carries {
            let n = buffer.0 as usize;
            let d = self.k.buffers[n].dtype;
            let Some(register) = self.carried[n].take() else { continue };
            let address = self.address(buffer.0, &at);
            let place = self.place(buffer.0, address, at.offset * d.size() as i64);
            self.store(d, place, &[register], None);
        }
    }

    /// The register of a buffer's element, if a loop carries it.
    pub fn carried(&self, buffer: BufferId) -> Option<Value> {
        self.carried[buffer.0 as usize]
    }
}
