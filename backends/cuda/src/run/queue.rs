//! A run: items, one after the other, into the device's queue.

use super::blas::Product;
use super::device::Device;
use super::graph::Graph;
use super::host;
use super::module::{Module, Parameters};
use crate::plan::{self, Address, Argument, Base, Item};
use cotangent_jit::Error;
use smallvec::SmallVec;
use std::sync::{Arc, Mutex, PoisonError};

/// The addresses of one run.
pub struct Queue<'a> {
    pub device: &'a Device,
    pub module: &'a Module,
    /// The graphs of the plan, each made when it first runs.
    pub graphs: &'a [Mutex<Option<Graph>>],
    /// The products of the plan that a library computes.
    pub products: &'a [Arc<Product>],
    pub inputs: &'a [u64],
    pub outputs: &'a [u64],
    /// The memory of the run.
    pub arena: u64,
    /// Those of the enclosing loops, outermost first.
    pub counters: SmallVec<[i64; 4]>,
}

impl Queue<'_> {
    /// Enqueues these items. Some make the host wait for the device.
    ///
    /// # Safety
    /// Behind each input, output and the arena are the bytes that the plan of the items names.
    pub unsafe fn run(&mut self, items: &[Item]) -> Result<(), Error> {
        for item in items {
            // SAFETY: the caller's promise.
            unsafe { self.item(item)? };
        }
        Ok(())
    }

    fn address(&self, at: &Address) -> u64 {
        let base = match at.base {
            Base::Input(n) => self.inputs[n],
            Base::Output(n) => self.outputs[n],
            Base::Arena => self.arena,
        };
        base.wrapping_add_signed(at.bytes.at(&self.counters))
    }

    fn value(&self, arg: &Argument) -> u64 {
        match arg {
            Argument::Address(at) => self.address(at),
            Argument::Counter { of, .. } => self.counters[*of] as u64,
            Argument::Value(n) => *n as u64,
        }
    }

    /// # Safety
    /// As for `run`.
    unsafe fn graph(&mut self, number: usize, plan: &plan::Graph) -> Result<(), Error> {
        let mut slot = self.graphs[number].lock().unwrap_or_else(PoisonError::into_inner);
        let value = |arg: &Argument| self.value(arg);
        let graph = match &mut *slot {
            Some(graph) => graph,
            empty => empty.insert(Graph::new(self.device, self.module, plan, &value)?),
        };
        // SAFETY: the caller's promise.
        unsafe { graph.launch(self.device, self.module, plan, &value) }
    }

    fn addresses(&self, all: &[Address]) -> SmallVec<[u64; 8]> {
        all.iter().map(|a| self.address(a)).collect()
    }

    /// # Safety
    /// As for `run`.
    unsafe fn item(&mut self, item: &Item) -> Result<(), Error> {
        match item {
            Item::Launch { entry, blocks, args } => {
                let values: Parameters = args.iter().map(|a| self.value(a)).collect();
                // SAFETY: the caller's promise.
                unsafe { self.module.launch(*entry, *blocks, &values) }
            }
            // SAFETY: the caller's promise.
            Item::Graph { number, graph } => unsafe { self.graph(*number, graph) },
            // SAFETY: the caller's promise.
            Item::Product { number, args } => unsafe {
                self.products[*number].enqueue(args.each_ref().map(|a| self.address(a)))
            },
            // SAFETY: the caller's promise.
            Item::Host { call, args } => unsafe {
                host::call(self.device, call, &self.addresses(args))
            },
            // SAFETY: the caller's promise.
            Item::Routine { routine, args } => unsafe {
                host::routine(self.device, routine, &self.addresses(args))
            },
            Item::Loop { trips, body } => {
                self.counters.push(0);
                for n in 0..*trips {
                    self.count(n);
                    // SAFETY: the caller's promise.
                    unsafe { self.run(body)? };
                }
                self.counters.pop();
                Ok(())
            }
            Item::While { test, holds, body, limit } => {
                self.counters.push(0);
                for n in 0.. {
                    self.count(n);
                    // SAFETY: the caller's promise; the test has written the bool.
                    let holds = unsafe {
                        self.run(test)?;
                        self.element::<1>(holds)?
                    };
                    if holds == [0] || limit.is_some_and(|limit| n >= limit) {
                        break;
                    }
                    // SAFETY: the caller's promise.
                    unsafe { self.run(body)? };
                }
                self.counters.pop();
                Ok(())
            }
            Item::Branch { index, arms } => {
                // SAFETY: the caller's promise.
                let index = i32::from_le_bytes(unsafe { self.element::<4>(index)? });
                let last = arms.len().saturating_sub(1);
                let Some(arm) = arms.get((index.max(0) as usize).min(last)) else { return Ok(()) };
                // SAFETY: the caller's promise.
                unsafe { self.run(arm) }
            }
        }
    }

    fn count(&mut self, n: usize) {
        if let Some(counter) = self.counters.last_mut() {
            *counter = n as i64;
        }
    }

    /// Waits for the device and reads bytes.
    ///
    /// # Safety
    /// As for `run`; the bytes are written.
    unsafe fn element<const N: usize>(&self, at: &Address) -> Result<[u8; N], Error> {
        let mut bytes = [0; N];
        // SAFETY: the caller's promise.
        unsafe { self.device.read(self.address(at), &mut bytes)? };
        Ok(bytes)
    }
}
