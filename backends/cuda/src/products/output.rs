//! Tiles of sums to memory: to the results, or to the part of the scratch memory of a part of the
//! sum.

use super::choice::Choice;
use super::frame::{Frame, advanced};
use super::product::Product;
use crate::ptx::{Class, Code, Value};
use cotangent_jit::DType;

/// Where the sums of a thread go.
pub struct Output {
    /// The type in memory, and that of sums.
    dtype: DType,
    sum: DType,
    columns: usize,
    /// The address of the thread's first sum.
    address: Value,
    /// Rows and columns from the thread's first to the last, where some may lie beyond.
    limits: [Option<Value>; 2],
    /// The address of a row is a multiple of this number of bytes.
    alignment: usize,
}

impl Output {
    /// `place` is the row and the column of the thread's first sum in the tile. The results, or the
    /// scratch memory of parts, is the third parameter.
    pub fn new(c: &mut Code, p: &Product, choice: &Choice, f: &Frame, place: [Value; 2]) -> Output {
        let t = &choice.tiling;
        let parts = choice.parts > 1;
        let (dtype, base) = match parts {
            true => (p.sum(), 256),
            false => (p.dtype, p.alignment),
        };
        let size = dtype.size() as i64;
        let address = c.get(Class::B64, "ld.param.u64", format_args!("[a2]"));
        let address = match parts {
            true => advanced(c, address, f.part, p.results() as i64 * size),
            false => address,
        };
        let address = advanced(c, address, f.batch, (p.m * p.n) as i64 * size);
        let at: [Value; 2] = std::array::from_fn(|n| {
            c.get(Class::B32, "add.s32", format_args!("{}, {}", f.first[n], place[n]))
        });
        let address = advanced(c, address, at[0], p.n as i64 * size);
        let address = advanced(c, address, at[1], size);
        let all = [(p.m, t.rows, at[0]), (p.n, t.columns, at[1])];
        let limits = all.map(|(extent, tile, at)| {
            (!extent.is_multiple_of(tile)).then(|| {
                let extent = c.copy(Value::int(extent as i32));
                c.get(Class::B32, "sub.s32", format_args!("{extent}, {at}"))
            })
        });
        let row = p.n * dtype.size();
        let alignment =
            [16, 8, 4].into_iter().find(|a| base.is_multiple_of(*a) && row.is_multiple_of(*a));
        let alignment = alignment.unwrap_or(dtype.size());
        Output { dtype, sum: p.sum(), columns: p.n, address, limits, alignment }
    }

    /// Stores neighbours of a row. Row and column are those from the thread's first; the column
    /// from the tile's first is a multiple of the number of neighbours.
    pub fn store(&self, c: &mut Code, row: usize, column: usize, values: &[Value]) {
        let size = self.dtype.size();
        let here =
            self.limits[0].map(|l| c.get(Class::Pred, "setp.gt.s32", format_args!("{l}, {row}")));
        let units = self.units(c, values);
        let bytes = size * values.len() / units.len();
        let most = (self.alignment / bytes).clamp(1, units.len());
        let address =
            advanced(c, self.address, Value::int(row as i32), (self.columns * size) as i64);
        for (n, units) in units.chunks(most).enumerate() {
            let at = column + n * most * bytes / size;
            let p = match self.limits[1] {
                None => here,
                Some(l) => Some(match here {
                    None => c.get(Class::Pred, "setp.gt.s32", format_args!("{l}, {at}")),
                    Some(p) => {
                        c.get(Class::Pred, "setp.gt.and.s32", format_args!("{l}, {at}, {p}"))
                    }
                }),
            };
            let only = p.map_or_else(String::new, |p| format!("@{p} "));
            let (bits, offset) = (8 * bytes, at * size);
            match units {
                [x] => c.put(format_args!("{only}st.global.b{bits} [{address}+{offset}], {x}")),
                _ => {
                    let list: Vec<String> = units.iter().map(Value::to_string).collect();
                    let (count, list) = (list.len(), list.join(", "));
                    c.put(format_args!(
                        "{only}st.global.v{count}.b{bits} [{address}+{offset}], {{{list}}}"
                    ));
                }
            }
        }
    }

    /// Sums in the registers that stores take: rounded, and two to a register where both go to
    /// memory at once.
    fn units(&self, c: &mut Code, values: &[Value]) -> Vec<Value> {
        if self.dtype == self.sum {
            return values.to_vec();
        }
        let t = if self.dtype == DType::F16 { "f16" } else { "bf16" };
        if self.alignment < 4 {
            let one =
                |v: &Value| c.get(Class::B16, &format!("cvt.rn.{t}.f32"), format_args!("{v}"));
            return values.iter().map(one).collect();
        }
        let two = |v: &[Value]| {
            c.get(Class::B32, &format!("cvt.rn.{t}x2.f32"), format_args!("{}, {}", v[1], v[0]))
        };
        values.chunks_exact(2).map(two).collect()
    }
}
