//! The driver itself, and its devices.

use super::call::{enter, functions};
use crate::code::Code;
use crate::driver::{Settings, lock};
use crate::pointer::Out;
use std::ffi::{CStr, c_char};

/// The name of every device.
const NAME: &[u8] = b"cotangent stub\0";

/// The attributes that an emulated device has, as the driver numbers them.
fn attribute(number: u32, ordinal: i32, settings: &Settings) -> Option<i32> {
    Some(match number {
        1..=3 => 1024,
        4 => 64,
        5 => i32::MAX,
        6 | 7 => 65_535,
        8 => 48 << 10,
        9 => 64 << 10,
        10 => 32,
        11 => i32::MAX,
        12 | 82 => 65_536,
        // Clocks in kHz, and the width of the bus in bits.
        13 => 1_980_000,
        36 => 2_619_000,
        37 => 6_144,
        14 => 512,
        15 | 31 | 41 | 78 | 79 | 80 | 95 | 99 | 115 => 1,
        16 => 132,
        // Overlaps, timeouts, integration, modes, managed memory: none.
        17 | 18 | 19 | 20 | 32 | 35 | 83 | 84 | 86 | 88 | 89 | 96 | 100 | 101 | 116 | 120 => 0,
        33 => 1 + ordinal,
        34 | 50 => 0,
        38 => 50 << 20,
        39 => 2048,
        40 => 3,
        75 => settings.compute.0,
        76 => settings.compute.1,
        81 => 228 << 10,
        85 => ordinal,
        87 => 2,
        90 => 1,
        97 => 227 << 10,
        106 => 32,
        111 => 1 << 10,
        _ => return None,
    })
}

fn text(number: u32, out: &Out<*const c_char>, name: bool) -> Result<(), Code> {
    let found = Code::describe(number);
    let text = found.map(|(short, long): (&CStr, &CStr)| if name { short } else { long });
    out.put(text.map_or(std::ptr::null(), CStr::as_ptr))?;
    text.map(drop).ok_or(Code::INVALID_VALUE)
}

functions! {
    fn cuInit(flags: u32) {
        if flags != 0 {
            return Err(Code::INVALID_VALUE);
        }
        lock().initialise()
    }

    fn cuDriverGetVersion(version: Out<i32>) {
        version.put(lock().shared.settings.driver)
    }

    fn cuGetErrorString(error: u32, out: Out<*const c_char>) {
        text(error, &out, false)
    }

    fn cuGetErrorName(error: u32, out: Out<*const c_char>) {
        text(error, &out, true)
    }

    fn cuDeviceGet(device: Out<i32>, ordinal: i32) {
        enter()?.slot(ordinal)?;
        device.put(ordinal)
    }

    fn cuDeviceGetCount(count: Out<i32>) {
        count.put(enter()?.slots.len() as i32)
    }

    fn cuDeviceGetName(name: Out<u8>, room: i32, device: i32) {
        enter()?.slot(device)?;
        let room = usize::try_from(room).ok().filter(|r| *r > 0).ok_or(Code::INVALID_VALUE)?;
        let most = NAME.len().min(room);
        let cut = NAME[..most - 1].iter().chain(&[0]);
        cut.enumerate().try_for_each(|(n, byte)| name.put_at(n, *byte))
    }

    fn cuDeviceGetAttribute(value: Out<i32>, number: u32, device: i32) {
        let mut driver = enter()?;
        driver.slot(device)?;
        let found = attribute(number, device, &driver.shared.settings);
        value.put(found.ok_or(Code::INVALID_VALUE)?)
    }

    fn cuDeviceTotalMem_v2(bytes: Out<usize>, device: i32) {
        let mut driver = enter()?;
        driver.slot(device)?;
        bytes.put(driver.shared.settings.capacity as usize)
    }

    fn cuDeviceGetUuid_v2(uuid: Out<[u8; 16]>, device: i32) {
        enter()?.slot(device)?;
        let mut bytes = *b"cotangent stub\0\0";
        bytes[15] = device as u8;
        uuid.put(bytes)
    }

    fn cuDeviceGetUuid(uuid: Out<[u8; 16]>, device: i32) {
        match cuDeviceGetUuid_v2(uuid, device) {
            0 => Ok(()),
            code => Err(Code(code)),
        }
    }

    fn cuDeviceGetDefaultMemPool(pool: Out<u64>, device: i32) {
        pool.put(enter()?.slot(device)?.pool)
    }

    fn cuDeviceGetMemPool(pool: Out<u64>, device: i32) {
        pool.put(enter()?.slot(device)?.pool)
    }

    fn cuProfilerStart() {
        enter().map(drop)
    }

    fn cuProfilerStop() {
        enter().map(drop)
    }
}
