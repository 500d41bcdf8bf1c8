//! Kernels: their attributes, occupancy, launches.

use super::call::{enter, functions, with_stream};
use crate::code::{Answer, Code};
use crate::driver::{Counter, Driver, Function, Launch, MOST_SHARED, Work};
use crate::pointer::{Call, Host, In, Out};
use std::sync::Arc;

/// The multiprocessors of a device, and what each of them has.
const MULTIPROCESSORS: u64 = 132;
const THREADS: u32 = 2048;
const BLOCKS: u32 = 32;
const SHARED: u32 = 228 << 10;
/// Shared memory of each block that the driver takes.
const RESERVED: u32 = 1 << 10;
const REGISTERS: u32 = 65_536;

/// What launches and nodes of graphs say alike.
#[derive(Clone, Copy)]
pub struct Geometry {
    pub grid: [u32; 3],
    pub block: [u32; 3],
    pub shared: u32,
    pub cooperative: bool,
}

/// The registers of a thread. The text names more than an assembler needs.
fn registers(function: &Function) -> Answer<u32> {
    let entry = function.code.entry(&function.entry).map_err(|_| Code::INVALID_HANDLE)?;
    Ok((entry.registers() as u32).clamp(16, 64).next_multiple_of(8))
}

/// The blocks of a kernel that a multiprocessor holds at once.
fn resident(function: &Function, threads: u32, dynamic: u32) -> Answer<u32> {
    let entry = function.code.entry(&function.entry).map_err(|_| Code::INVALID_HANDLE)?;
    let rounded = threads.next_multiple_of(32).max(32);
    let shared = entry.shared_bytes().saturating_add(dynamic);
    if shared > MOST_SHARED || threads > entry.max_threads() {
        return Ok(0);
    }
    let by_registers = REGISTERS / (registers(function)? * rounded);
    Ok(BLOCKS.min(THREADS / rounded).min(by_registers).min(SHARED / (shared + RESERVED)))
}

/// The parameters of a launch: an address for each of them, or a buffer of all.
fn parameters(function: &Function, params: In<Host>, extra: In<Host>) -> Answer<Vec<u8>> {
    let entry = function.code.entry(&function.entry).map_err(|_| Code::INVALID_HANDLE)?;
    let mut bytes = vec![0; entry.parameter_bytes() as usize];
    if !extra.is_null() {
        if !params.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        // A list of names and values: 1 is the address of the buffer, 2 that of its size.
        let [first, buffer, second, size, end] = extra.array(5)?[..] else {
            return Err(Code::INVALID_VALUE);
        };
        let names = (first.address(), second.address(), end.address());
        if names != (1, 2, 0) || buffer.is_null() || size.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        let size = size.read(8).iter().rev().fold(0, |n, b| n << 8 | usize::from(*b));
        if size != bytes.len() {
            return Err(Code::INVALID_VALUE);
        }
        return Ok(buffer.read(size));
    }
    let addresses = params.array(entry.parameters().len())?;
    for (address, (offset, size)) in addresses.into_iter().zip(entry.parameters()) {
        if address.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        let (start, size) = (*offset as usize, *size as usize);
        bytes[start..start + size].copy_from_slice(&address.read(size));
    }
    Ok(bytes)
}

/// Checks a launch as the driver does when it is enqueued.
pub fn launch(
    driver: &mut Driver,
    handle: u64,
    geometry: Geometry,
    params: In<Host>,
    extra: In<Host>,
) -> Answer<Launch> {
    let context = driver.context_of_function(handle)?;
    let function = driver.context(context)?.1.function(handle)?.clone();
    let entry = function.code.entry(&function.entry).map_err(|_| Code::INVALID_HANDLE)?;
    let Geometry { grid, block, shared, cooperative } = geometry;
    let outside = |e: &[u32; 3], most: [u32; 3]| e.iter().zip(most).any(|(n, m)| *n == 0 || *n > m);
    let threads = block.iter().fold(1u32, |n, t| n.saturating_mul(*t));
    if outside(&grid, [i32::MAX as u32, 65_535, 65_535]) || outside(&block, [1024, 1024, 64]) {
        return Err(Code::INVALID_VALUE);
    }
    if threads > 1024 || shared > function.most_dynamic {
        return Err(Code::INVALID_VALUE);
    }
    if threads > entry.max_threads() {
        return Err(Code::LAUNCH_OUT_OF_RESOURCES);
    }
    let blocks = grid.iter().map(|n| u64::from(*n)).product::<u64>();
    let room = MULTIPROCESSORS * u64::from(resident(&function, threads, shared)?);
    if cooperative && blocks > room {
        return Err(Code::COOPERATIVE_TOO_LARGE);
    }
    let params = parameters(&function, params, extra)?;
    let dynamic_shared = shared;
    let shape = cotangent_cuda_emulator::Launch { grid, block, dynamic_shared, cooperative };
    let Function { code, entry, .. } = function;
    Ok(Launch { module: code, entry: Arc::clone(&entry), shape, params })
}

fn submit(
    function: u64,
    geometry: Geometry,
    stream: u64,
    params: In<Host>,
    extra: In<Host>,
) -> Answer {
    with_stream(stream, |driver, context, stream| {
        let launch = launch(driver, function, geometry, params, extra)?;
        if driver.context_of_function(function)? != context {
            return Err(Code::INVALID_HANDLE);
        }
        driver.shared.counters.one(Counter::LaunchCalls);
        if let Some(code) = driver.shared.fails_launch() {
            return driver.fail_launch(context, code);
        }
        driver.submit(context, stream, Work::Kernel(launch))
    })
}

/// The structure of `cuLaunchKernelEx`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct Config {
    grid: [u32; 3],
    block: [u32; 3],
    shared: u32,
    stream: u64,
    attributes: In<Attribute>,
    count: u32,
}

#[repr(C)]
#[derive(Clone, Copy)]
pub struct Attribute {
    number: u32,
    _pad: u32,
    value: [u32; 16],
}

/// The attributes of a launch that are known, as the driver numbers them.
const IGNORE: u32 = 0;
pub const COOPERATIVE: u32 = 2;
const SERIALIZATION: u32 = 6;

functions! {
    fn cuLaunchKernel(
        function: u64,
        grid_x: u32,
        grid_y: u32,
        grid_z: u32,
        block_x: u32,
        block_y: u32,
        block_z: u32,
        shared: u32,
        stream: u64,
        params: In<Host>,
        extra: In<Host>,
    ) {
        let (grid, block) = ([grid_x, grid_y, grid_z], [block_x, block_y, block_z]);
        let geometry = Geometry { grid, block, shared, cooperative: false };
        submit(function, geometry, stream, params, extra)
    }

    fn cuLaunchCooperativeKernel(
        function: u64,
        grid_x: u32,
        grid_y: u32,
        grid_z: u32,
        block_x: u32,
        block_y: u32,
        block_z: u32,
        shared: u32,
        stream: u64,
        params: In<Host>,
    ) {
        let (grid, block) = ([grid_x, grid_y, grid_z], [block_x, block_y, block_z]);
        let geometry = Geometry { grid, block, shared, cooperative: true };
        submit(function, geometry, stream, params, In::none())
    }

    fn cuLaunchKernelEx(
        config: In<Config>,
        function: u64,
        params: In<Host>,
        extra: In<Host>,
    ) {
        let Config { grid, block, shared, stream, attributes, count } = config.get()?;
        let mut cooperative = false;
        for attribute in attributes.array(count as usize)? {
            match attribute.number {
                // A kernel that may begin before the one ahead of it has ended may also wait.
                IGNORE | SERIALIZATION => {}
                COOPERATIVE => cooperative = attribute.value[0] != 0,
                _ => return Err(Code::NOT_SUPPORTED),
            }
        }
        let geometry = Geometry { grid, block, shared, cooperative };
        submit(function, geometry, stream, params, extra)
    }

    fn cuLaunchHostFunc(stream: u64, function: crate::pointer::Function, data: Host) {
        let call = Call::new(function, data)?;
        with_stream(stream, |driver, context, stream| {
            driver.submit(context, stream, Work::Call(call))
        })
    }

    fn cuFuncGetAttribute(value: Out<i32>, attribute: u32, function: u64) {
        let mut driver = enter()?;
        let context = driver.context_of_function(function)?;
        let compute = driver.shared.settings.compute;
        let function = driver.context(context)?.1.function(function)?.clone();
        let entry = function.code.entry(&function.entry).map_err(|_| Code::INVALID_HANDLE)?;
        value.put(match attribute {
            0 => entry.max_threads() as i32,
            1 => entry.shared_bytes() as i32,
            2 => 0,
            3 => entry.local_bytes() as i32,
            4 => registers(&function)? as i32,
            6 => 10 * compute.0 + compute.1,
            8 => function.most_dynamic as i32,
            _ => return Err(Code::INVALID_VALUE),
        })
    }

    fn cuFuncSetAttribute(function: u64, attribute: u32, value: i32) {
        let mut driver = enter()?;
        let context = driver.context_of_function(function)?;
        let function = driver.context(context)?.1.function(function)?;
        match attribute {
            8 => {
                let entry = function.code.entry(&function.entry);
                let used = entry.map_err(|_| Code::INVALID_HANDLE)?.shared_bytes();
                let value = u32::try_from(value).map_err(|_| Code::INVALID_VALUE)?;
                if value > MOST_SHARED.saturating_sub(used) {
                    return Err(Code::INVALID_VALUE);
                }
                function.most_dynamic = value;
                Ok(())
            }
            // A wish about how much of the cache becomes shared memory.
            9 if (-1..=100).contains(&value) => Ok(()),
            _ => Err(Code::INVALID_VALUE),
        }
    }

    fn cuOccupancyMaxActiveBlocksPerMultiprocessor(
        blocks: Out<i32>,
        function: u64,
        threads: i32,
        shared: usize,
    ) {
        let threads = u32::try_from(threads).ok().filter(|t| *t > 0 && *t <= 1024);
        let threads = threads.ok_or(Code::INVALID_VALUE)?;
        let mut driver = enter()?;
        let context = driver.context_of_function(function)?;
        let function = driver.context(context)?.1.function(function)?.clone();
        let shared = u32::try_from(shared).unwrap_or(u32::MAX);
        blocks.put(resident(&function, threads, shared)? as i32)
    }

    fn cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(
        blocks: Out<i32>,
        function: u64,
        threads: i32,
        shared: usize,
        flags: u32,
    ) {
        if flags > 1 {
            return Err(Code::INVALID_VALUE);
        }
        match cuOccupancyMaxActiveBlocksPerMultiprocessor(blocks, function, threads, shared) {
            0 => Ok(()),
            code => Err(Code(code)),
        }
    }
}
