//! Each instruction against a plain definition, on ordinary and special values.
//!
//! A row holds the text of an instruction with `D` for its result and `A`, `B`, `C` for its
//! operands, the widths of operands and result, and the definition, on bits.

use crate::support::{Gpu, bytes, entry, module};

mod floats;
mod integers;
mod narrow;

/// A definition: of the bits of the operands, in the order of the row.
type Definition = fn(&[u64]) -> u64;

struct Row {
    text: &'static str,
    /// The bits of the operands, and of the result.
    widths: &'static [u32],
    result: u32,
    defined: Definition,
}

const fn row(text: &'static str, widths: &'static [u32], result: u32, defined: Definition) -> Row {
    Row { text, widths, result, defined }
}

/// Bits that are special as integers and as floats of a width.
fn special(width: u32) -> Vec<u64> {
    match width {
        8 => vec![0, 1, 2, 5, 0x7f, 0x80, 0x81, 0xff],
        16 => vec![
            0, 1, 2, 3, 15, 16, 0x3c00, 0x3c01, 0x7bff, 0x7c00, 0x7e01, 0x7fff, 0x8000, 0x8001,
            0xbc00, 0xfc00, 0xffff, 0x3f80, 0x0400, 0x03ff, 0x7f80, 0x0080,
        ],
        32 => {
            let floats = [
                0.0f32,
                -0.0,
                1.0,
                -1.0,
                0.5,
                1.5,
                2.5,
                -2.5,
                3.7,
                -3.7,
                1e-45,
                -1e-39,
                1e38,
                -3.4e38,
                f32::INFINITY,
                f32::NEG_INFINITY,
                f32::NAN,
                -f32::NAN,
                2147483648.0,
                300.0,
                f32::MIN_POSITIVE,
                0.1,
                65519.996,
                65520.0,
                1e-8,
                9.3e18,
            ];
            let ints = [1, 2, 3, 7, 31, 32, 33, 64, 255, 0x7fff_ffff, 0x8000_0000, 0xffff_ffff];
            let ints = ints.into_iter().chain([0xffff_fff9, 0x0102_0304, 0x0000_3210, 0x9abc_def0]);
            floats.iter().map(|x| x.to_bits().into()).chain(ints).collect()
        }
        _ => {
            let floats = [
                0.0f64,
                -0.0,
                1.0,
                -1.0,
                0.5,
                1.5,
                -2.5,
                3.7,
                5e-324,
                -1e-310,
                1e308,
                -1.7e308,
                f64::INFINITY,
                f64::NEG_INFINITY,
                f64::NAN,
                -f64::NAN,
                2147483647.5,
                4294967296.5,
                9.3e18,
                1.9e19,
                1e-40,
                1.4e-45,
                7e-46,
                3.4028235677973366e38,
                65519.99999999999,
                65520.0,
                1.00048828125,
                1.000488281250001,
                6e-8,
                2.98e-8,
                1.0000000596046448,
            ];
            let ints = [1, 2, 3, 63, 64, 65, 1 << 31, 1 << 32, i64::MAX as u64, 1 << 63, u64::MAX];
            floats.iter().map(|x| x.to_bits()).chain(ints).collect()
        }
    }
}

/// All combinations of special values; of three operands, pseudorandom choices of them too many.
fn operands(widths: &[u32]) -> Vec<Vec<u64>> {
    let mut all = vec![Vec::new()];
    for width in widths {
        let longer = |found: &Vec<u64>| {
            let found = found.clone();
            special(*width).into_iter().map(move |v| [&found[..], &[v]].concat())
        };
        all = all.iter().flat_map(longer).collect();
    }
    let keep = all.len().div_ceil(20_000);
    all.into_iter().enumerate().filter(|(n, _)| n * 7919 % keep == 0).map(|(_, v)| v).collect()
}

/// Loads of a width into a register of at least 16 bits.
fn load(width: u32, n: usize) -> String {
    let (letter, register) = match width {
        8 => ("u8", format!("%r{}", 10 + n)),
        16 => ("b16", format!("%h{}", 10 + n)),
        32 => ("b32", format!("%r{}", 10 + n)),
        _ => ("b64", format!("%a{}", 10 + n)),
    };
    format!("ld.global.{letter} {register}, [%a{}];", 20 + n)
}

fn program(row: &Row) -> String {
    let name = |width: u32, n: usize| match width {
        16 => format!("%h{}", 10 + n),
        8 | 32 => format!("%r{}", 10 + n),
        _ => format!("%a{}", 10 + n),
    };
    let mut body = String::from(
        "
        mov.u32 %r0, %ctaid.x;
        mov.u32 %r1, %ntid.x;
        mov.u32 %r2, %tid.x;
        mad.lo.u32 %r0, %r0, %r1, %r2;
        ld.param.u32 %r3, [p0];
        setp.ge.u32 %p7, %r0, %r3;
        @%p7 ret;\n",
    );
    let mut text = row.text.to_owned();
    for (n, width) in row.widths.iter().enumerate() {
        let (buffer, place) = (n + 1, 20 + n);
        body += &format!("ld.param.u64 %a{place}, [p{buffer}];\n");
        body += &format!("mad.wide.u32 %a{place}, %r0, {}, %a{place};\n", width / 8);
        body += &format!("{}\n", load(*width, n));
        text = text.replace(["A", "B", "C"][n], &name(*width, n));
    }
    let result = name(row.result, 5);
    let buffer = row.widths.len() + 1;
    body += &format!("{}\nld.param.u64 %a30, [p{buffer}];\n", text.replace('D', &result));
    body += &format!("mad.wide.u32 %a30, %r0, {}, %a30;\n", row.result / 8);
    let letter = if row.result == 8 { "u8".into() } else { format!("b{}", row.result) };
    body += &format!("st.global.{letter} [%a30], {result};");
    entry(row.widths.len() + 2, "", &body)
}

fn check(rows: &[Row]) {
    for row in rows {
        let operands = operands(row.widths);
        let mut gpu = Gpu::new(0).number(operands.len() as u64);
        for (n, width) in row.widths.iter().enumerate() {
            let column: Vec<u64> = operands.iter().map(|o| o[n]).collect();
            let all = bytes(&column, u64::to_le_bytes);
            let cut = all.chunks(8).flat_map(|b| &b[..*width as usize / 8]).copied();
            gpu = gpu.holds(&cut.collect::<Vec<u8>>());
        }
        let size = row.result as usize / 8;
        gpu = gpu.room((operands.len() * size) as u64);
        let text = program(row);
        let module = module(&text);
        if let Err(fault) = gpu.launch(&module, operands.len().div_ceil(128) as u32, 128) {
            panic!("{}: {fault}", row.text);
        }
        let found = gpu.read(row.widths.len() + 1, (operands.len() * size) as u64);
        for (operands, found) in operands.iter().zip(found.chunks(size)) {
            let mut wide = [0; 8];
            wide[..size].copy_from_slice(found);
            let (found, wanted) = (u64::from_le_bytes(wide), (row.defined)(operands));
            let text = row.text;
            assert_eq!(found, wanted, "{text} of {operands:x?}: {found:x}, not {wanted:x}");
        }
    }
}
