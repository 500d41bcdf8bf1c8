//! Reads the lines of `encodings.txt`.

use crate::wide::asm::{Base, Gpr, Kr, Label, Mem, Size, Vr, Vsib, Width};

/// An operand.
#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Arg {
    V(Vr),
    K(Kr),
    G(Size, Gpr),
    Mem(Mem),
    /// One element for all lanes.
    Each(Mem),
    /// An address relative to the code, which lies behind the instruction.
    Rip,
    Sparse(Vsib),
    Imm(i64),
}

/// A case of an instruction.
#[derive(Clone, Debug)]
pub struct Line {
    pub text: String,
    pub mnemonic: &'static str,
    /// The width, of vector instructions.
    pub width: Option<Width>,
    /// The size, of others.
    pub size: Size,
    pub args: Vec<Arg>,
    pub masked: Option<(Kr, bool)>,
    pub bytes: &'static str,
}

impl Line {
    /// Tells whether the instruction works on mask registers alone, or moves them.
    pub fn on_masks(&self) -> bool {
        self.args.iter().any(|a| matches!(a, Arg::K(_)))
    }

    /// The line with a label in the place of the address relative to the code. Its 64 bytes stand
    /// in the displacement, for the label is bound where the instruction ends.
    pub fn with_label(&self, label: Label) -> Line {
        let mem = Mem { base: Base::Code(label), index: None, disp: 64 };
        let place = |a: &Arg| if *a == Arg::Rip { Arg::Mem(mem) } else { *a };
        Line { args: self.args.iter().map(place).collect(), ..self.clone() }
    }
}

/// All cases of a file.
pub fn lines(file: &'static str) -> impl Iterator<Item = Line> {
    let mut mnemonic = "";
    file.lines().filter_map(move |l| {
        let words: Vec<&str> = l.split(' ').collect();
        match words[..] {
            [name] => {
                mnemonic = name;
                None
            }
            [size, bytes] => Some(line(mnemonic, size, "", bytes)),
            [size, args, bytes] => Some(line(mnemonic, size, args, bytes)),
            _ => panic!("{l}"),
        }
    })
}

fn line(mnemonic: &'static str, size: &str, args: &str, bytes: &'static str) -> Line {
    let text = format!("{mnemonic} {args}");
    let (width, size) = match size {
        "x" => (Some(Width::X128), Size::Q64),
        "y" => (Some(Width::Y256), Size::Q64),
        "z" => (Some(Width::Z512), Size::Q64),
        "b" => (None, Size::B8),
        "w" => (None, Size::W16),
        "d" => (None, Size::D32),
        "q" => (None, Size::Q64),
        _ => panic!("{text}: width {size}"),
    };
    let mut masked = None;
    let mut read = |arg: &str| {
        if let Some((_, mask)) = arg.split_once("{k") {
            masked = Some((Kr(number(&mask[..1])), mask.ends_with("{z}")));
        }
        parsed(arg.split_once("{k").map_or(arg, |(a, _)| a))
            .unwrap_or_else(|| panic!("{text}: operand {arg}"))
    };
    let args = args.split(',').filter(|a| !a.is_empty()).map(&mut read).collect();
    Line { text, mnemonic, width, size, args, masked, bytes }
}

fn number(text: &str) -> u8 {
    text.parse().unwrap_or_else(|e| panic!("{text}: {e}"))
}

fn parsed(arg: &str) -> Option<Arg> {
    if let Some(rest) = arg.strip_prefix('[') {
        let (address, rest) = rest.split_once(']')?;
        let place = address_of(address)?;
        return match (place, rest) {
            (Arg::Mem(m), rest) if rest.starts_with("{1to") => Some(Arg::Each(m)),
            (place, "") => Some(place),
            _ => None,
        };
    }
    if let Ok(imm) = arg.parse() {
        return Some(Arg::Imm(imm));
    }
    let (class, rest) = arg.split_at(1);
    match class {
        "x" | "y" | "z" if rest.starts_with("mm") => Some(Arg::V(Vr(number(&rest[2..])))),
        "k" => Some(Arg::K(Kr(number(rest)))),
        _ => gpr(arg).map(|(s, g)| Arg::G(s, g)),
    }
}

fn gpr(name: &str) -> Option<(Size, Gpr)> {
    const OLD: [&str; 8] = ["ax", "cx", "dx", "bx", "sp", "bp", "si", "di"];
    let old = |n: &str| OLD.iter().position(|o| *o == n).map(|p| Gpr(p as u8));
    if let Some(rest) = name.strip_prefix('r') {
        if let Some(r) = old(rest) {
            return Some((Size::Q64, r));
        }
        let end = rest.trim_start_matches(|c: char| c.is_ascii_digit());
        let r = Gpr(rest[..rest.len() - end.len()].parse().ok()?);
        let size = match end {
            "" => Size::Q64,
            "d" => Size::D32,
            "w" => Size::W16,
            "b" => Size::B8,
            _ => return None,
        };
        return Some((size, r));
    }
    if let Some(rest) = name.strip_prefix('e') {
        return old(rest).map(|r| (Size::D32, r));
    }
    if let Some(r) = old(name) {
        return Some((Size::W16, r));
    }
    let low = name.strip_suffix('l')?;
    let r = old(low).or_else(|| old(&format!("{low}x")))?;
    Some((Size::B8, r))
}

/// `rsp+r12*8+64`, or with a vector as the index.
fn address_of(text: &str) -> Option<Arg> {
    let text = text.replace('-', "+-");
    let mut parts = text.split('+');
    let base = parts.next()?;
    let (mut index, mut disp) = (None, 0);
    for part in parts {
        match part.split_once('*') {
            Some((register, scale)) => index = Some((parsed(register)?, number(scale))),
            None => disp = part.parse().ok()?,
        }
    }
    if base == "rip" {
        assert_eq!((index, disp), (None, 64), "{text}");
        return Some(Arg::Rip);
    }
    let (_, base) = gpr(base)?;
    match index {
        None => Some(Arg::Mem(Mem::new(base, disp))),
        Some((Arg::G(_, index), scale)) => Some(Arg::Mem(Mem::indexed(base, index, scale, disp))),
        Some((Arg::V(index), scale)) => Some(Arg::Sparse(Vsib { base, index, scale, disp })),
        Some(_) => None,
    }
}
