//! Modules: PTX in, functions and variables out.

use super::call::{current, enter, functions, wait_for_all, with};
use crate::code::{Answer, Code};
use crate::driver::{Counter, Function, PLAIN_SHARED, lock};
use crate::pointer::{Host, In, Out, Text};
use cotangent_cuda_emulator::Module;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

/// The options of the assembler that take or give something here, as the driver numbers them.
const INFO_LOG: u32 = 3;
const INFO_LOG_BYTES: u32 = 4;
const ERROR_LOG: u32 = 5;
const ERROR_LOG_BYTES: u32 = 6;
const OPTIONS: u32 = 35;

/// The logs of an assembler.
#[derive(Default)]
struct Logs {
    info: String,
    error: String,
}

/// A word of the header, such as the version behind `.version`.
fn header(text: &str, directive: &str) -> Option<String> {
    let lines = text.lines().map(|l| l.split("//").next().unwrap_or_default());
    let mut words = lines.flat_map(str::split_whitespace).skip_while(|w| *w != directive);
    words.nth(1).map(|w| w.trim_end_matches(',').to_owned())
}

/// The last version of PTX that a driver knows, times ten.
fn newest(driver: i32) -> u32 {
    match driver {
        13_000.. => 90 + (driver as u32 - 13_000) / 10,
        12_090.. => 88,
        12_070.. => 87,
        12_060.. => 85,
        12_000.. => 80 + (driver as u32 - 12_000) / 10,
        _ => 78,
    }
}

/// Whether a device runs the code of a target such as `sm_80` or `sm_90a`.
fn runs(target: &str, (major, minor): (i32, i32)) -> bool {
    let Some(digits) = target.strip_prefix("sm_") else { return true };
    let plain = digits.trim_end_matches(['a', 'f']);
    let (Ok(number), own) = (plain.parse::<i32>(), 10 * major + minor) else { return true };
    if plain.len() == digits.len() { number <= own } else { number == own }
}

/// Writes the text to the folder that `COTANGENT_STUB_TEXTS` names, if it does, for an assembler.
/// Equal texts have one file.
fn keep(text: &str) {
    let Some(folder) = std::env::var_os("COTANGENT_STUB_TEXTS") else { return };
    let mut hasher = DefaultHasher::new();
    text.hash(&mut hasher);
    let file = Path::new(&folder).join(format!("{:016x}.ptx", hasher.finish()));
    if let Err(e) = std::fs::write(&file, text) {
        eprintln!("cotangent stub: {}: {e}", file.display());
    }
}

fn assemble(bytes: &[u8], driver: i32, compute: (i32, i32), logs: &mut Logs) -> Answer<Module> {
    // Binaries for a device.
    if bytes.starts_with(b"\x7fELF") || bytes.starts_with(&[0x50, 0xed, 0x55, 0xba]) {
        return Err(Code::NO_BINARY_FOR_GPU);
    }
    let text = std::str::from_utf8(bytes).map_err(|_| Code::INVALID_IMAGE)?;
    keep(text);
    let mut refuse = |line: Option<u32>, message: &str, code| {
        let line = line.map_or(String::new(), |l| format!(", line {l}"));
        logs.error = format!("ptxas application ptx input{line}; error   : {message}\n");
        logs.error.push_str("ptxas fatal   : Ptx assembly aborted due to errors\n");
        Err(code)
    };
    if let Some(version) = header(text, ".version") {
        let parts = version.split_once('.').map(|(a, b)| (a.parse::<u32>(), b.parse::<u32>()));
        if let Some((Ok(major), Ok(minor))) = parts
            && major.saturating_mul(10).saturating_add(minor) > newest(driver)
        {
            let message = format!("Unsupported .version {version}; the driver is {driver}");
            return refuse(None, &message, Code::UNSUPPORTED_PTX_VERSION);
        }
    }
    if let Some(target) = header(text, ".target").filter(|t| !runs(t, compute)) {
        let (major, minor) = compute;
        let message = format!("{target} does not run on compute capability {major}.{minor}");
        return refuse(None, &message, Code::NO_BINARY_FOR_GPU);
    }
    let module = Module::parse(text);
    let module = match module {
        Ok(module) => module,
        Err(fault) => return refuse(fault.line, &fault.message, Code::INVALID_PTX),
    };
    for entry in module.entries() {
        let (name, registers, shared) = (entry.name(), entry.registers(), entry.shared_bytes());
        let line =
            format!("ptxas info    : '{name}': {registers} registers, {shared} bytes smem\n");
        logs.info.push_str(&line);
    }
    Ok(module)
}

/// The values of options, with the places to which sizes are written back.
struct Options {
    numbers: Vec<u32>,
    values: Vec<Host>,
    places: Option<Out<Host>>,
}

impl Options {
    fn none() -> Options {
        Options { numbers: Vec::new(), values: Vec::new(), places: None }
    }

    fn new(count: u32, options: In<u32>, values: Out<Host>) -> Answer<Options> {
        let count = count as usize;
        let (numbers, read) = (options.array(count)?, values.input().array(count)?);
        Ok(Options { numbers, values: read, places: Some(values) })
    }

    fn value(&self, option: u32) -> Option<Host> {
        self.numbers.iter().position(|n| *n == option).map(|n| self.values[n])
    }

    fn write(&self, log: &str, buffer: u32, bytes: u32) -> Answer {
        let (Some(target), Some(room)) = (self.value(buffer), self.value(bytes)) else {
            return Ok(());
        };
        let written = target.write_text(log, room.address());
        match (&self.places, self.numbers.iter().position(|n| *n == bytes)) {
            (Some(places), Some(n)) => places.put_number_at(n, written),
            _ => Ok(()),
        }
    }
}

fn load(module: &Out<u64>, image: &Text, options: &Options) -> Answer {
    let bytes = image.bytes()?;
    if module.is_null() || options.numbers.iter().any(|n| *n >= OPTIONS) {
        return Err(Code::INVALID_VALUE);
    }
    let (driver, compute) = {
        let (mut driver, context) = (enter()?, current()?);
        driver.context(context)?.1.check()?;
        driver.refuse_unsafe()?;
        (driver.shared.settings.driver, driver.shared.settings.compute)
    };
    let mut logs = Logs::default();
    let loaded = assemble(&bytes, driver, compute, &mut logs);
    options.write(&logs.info, INFO_LOG, INFO_LOG_BYTES)?;
    options.write(&logs.error, ERROR_LOG, ERROR_LOG_BYTES)?;
    if !logs.error.is_empty() {
        lock().shared.fault = logs.error;
    }
    let loaded = Arc::new(loaded?);
    let handle = with(|shared, context| {
        shared.counters.one(Counter::Modules);
        let handle = shared.handle();
        context.modules.insert(handle, loaded);
        Ok(handle)
    })?;
    module.put(handle)
}

functions! {
    fn cuModuleLoadData(module: Out<u64>, image: Text) {
        load(&module, &image, &Options::none())
    }

    fn cuModuleLoadDataEx(
        module: Out<u64>,
        image: Text,
        count: u32,
        options: In<u32>,
        values: Out<Host>,
    ) {
        let options = Options::new(count, options, values)?;
        load(&module, &image, &options)
    }

    fn cuModuleUnload(module: u64) {
        let context = current()?;
        with(|_, c| c.modules.get(&module).map(drop).ok_or(Code::INVALID_HANDLE))?;
        // What is enqueued may use the module.
        wait_for_all(context)?;
        with(|_, c| {
            let code = c.modules.remove(&module).ok_or(Code::INVALID_HANDLE)?;
            c.functions.retain(|_, f| f.module != module);
            c.device.unload(&code).map_err(|_| Code::UNKNOWN)
        })
    }

    fn cuModuleGetFunction(function: Out<u64>, module: u64, name: Text) {
        let name = name.string()?;
        if function.is_null() {
            return Err(Code::INVALID_VALUE);
        }
        let handle = with(|shared, c| {
            let code = c.modules.get(&module).ok_or(Code::INVALID_HANDLE)?.clone();
            let known = c.functions.iter().find(|(_, f)| f.module == module && *f.entry == *name);
            if let Some((handle, _)) = known {
                return Ok(*handle);
            }
            let entry = code.entry(&name).map_err(|_| Code::NOT_FOUND)?;
            let most_dynamic = PLAIN_SHARED.saturating_sub(entry.shared_bytes());
            let (handle, entry) = (shared.handle(), Arc::from(name));
            c.functions.insert(handle, Function { module, code, entry, most_dynamic });
            Ok(handle)
        })?;
        function.put(handle)
    }

    fn cuModuleGetGlobal_v2(address: Out<u64>, bytes: Out<usize>, module: u64, name: Text) {
        let name = name.string()?;
        let (start, size) = with(|_, c| {
            let code = c.modules.get(&module).ok_or(Code::INVALID_HANDLE)?.clone();
            c.device.global(&code, &name).map_err(|_| Code::NOT_FOUND)
        })?;
        address.offer(start);
        bytes.offer(size as usize);
        Ok(())
    }
}
