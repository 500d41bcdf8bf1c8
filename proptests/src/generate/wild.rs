//! Functions as they are, on whatever numbers there are: nothing keeps operands inside domains or
//! results small.

use super::bench::{Bench, literal};
use super::recipe::Step;
use cotangent::core::array::Array;
use cotangent::prims::lax;
use cotangent::{DType, Error, nn};

type One = fn(&Array) -> Result<Array, Error>;
type Along = fn(&Array, usize) -> Result<Array, Error>;
type Two = fn(&Array, &Array) -> Result<Array, Error>;

const ONE: &[One] = &[
    lax::try_sqrt,
    lax::try_rsqrt,
    lax::try_cbrt,
    lax::try_exp,
    lax::try_exp2,
    lax::try_expm1,
    lax::try_log,
    lax::try_log2,
    lax::try_log1p,
    lax::try_sin,
    lax::try_cos,
    lax::try_tan,
    lax::try_asin,
    lax::try_acos,
    lax::try_atan,
    lax::try_sinh,
    lax::try_cosh,
    lax::try_tanh,
    lax::try_asinh,
    lax::try_acosh,
    lax::try_atanh,
    lax::try_logistic,
    lax::try_erf,
    lax::try_erfc,
    lax::try_erf_inv,
    lax::try_lgamma,
    lax::try_digamma,
    lax::try_abs,
    lax::try_sign,
    lax::try_floor,
    lax::try_round_even,
    lax::try_square,
    lax::try_neg,
    |x| lax::try_integer_pow(x, 3),
    |x| lax::try_integer_pow(x, -1),
    |x| lax::try_integer_pow(x, -2),
    |x| lax::try_reduce_precision(x, 5, 10),
    |x| x.try_reciprocal(),
    |x| x.try_sinc(),
    |x| x.try_nan_to_num(),
    |x| x.try_trunc(),
    |x| Ok(x.try_frexp()?.0),
    |x| Ok(x.try_modf()?.0),
    |x| nn::try_relu(x),
    |x| nn::try_elu(x),
    |x| nn::try_silu(x),
    |x| nn::try_gelu(x),
    |x| nn::try_gelu_tanh(x),
    |x| nn::try_softplus(x),
];

const TWO: &[Two] = &[
    lax::try_add,
    lax::try_sub,
    lax::try_mul,
    lax::try_div,
    lax::try_rem,
    lax::try_pow,
    lax::try_max,
    lax::try_min,
    lax::try_atan2,
    lax::try_nextafter,
    |x, y| x.try_logaddexp(y),
    |x, y| x.try_logaddexp2(y),
    |x, y| x.try_hypot(y),
    |x, y| x.try_copysign(y),
    |x, y| x.try_remainder(y),
    |x, y| x.try_floor_divide(y),
    |x, y| x.try_fmax(y),
    |x, y| x.try_fmin(y),
    |x, y| x.try_heaviside(y),
    |x, y| lax::try_clamp(x, y, &literal(y.dtype(), 1.0)),
    |x, y| lax::try_select_n(&lax::try_is_finite(x)?, &[x, y]),
];

/// Of the last axis.
const ALONG: &[Along] = &[
    |x, a| lax::try_reduce_max(x, &[a]),
    |x, a| lax::try_reduce_min(x, &[a]),
    |x, a| lax::try_reduce_prod(x, &[a]),
    |x, a| lax::try_reduce_sum(x, &[a]),
    |x, a| lax::try_softmax(x, &[a]),
    |x, a| lax::try_log_softmax(x, &[a]),
    |x, a| lax::try_logsumexp(x, &[a]),
    |x, a| lax::try_cumlogsumexp(x, a, false),
    |x, a| lax::try_cumprod(x, a, true),
    |x, a| lax::try_cummax(x, a, false),
    |x, a| x.try_nanmax_axis(a as isize),
    |x, a| x.try_nanvar_axis(a as isize),
    |x, a| x.try_var_axis(a as isize),
    |x, a| x.try_median_axis(a as isize),
];

impl Bench {
    /// Does nothing where the function does not take the dtype.
    pub fn wild(&mut self, s: &Step) {
        let (x, _) = self.float(s.a);
        let (y, _) = match s.b & 3 {
            0 => (literal(self.dtype, f64::from(s.b >> 2) / 4.0 - 4.0), 4.0),
            _ => self.float_of(s.b, x.shape()),
        };
        let pick = s.c as usize;
        let made = match pick % 4 {
            0 | 1 => ONE[(pick / 4 + 7 * s.b as usize) % ONE.len()](&x),
            2 => TWO[pick / 4 % TWO.len()](&x, &y),
            _ if x.ndim() > 0 => ALONG[pick / 4 % ALONG.len()](&x, x.ndim() - 1),
            _ => return,
        };
        let Ok(z) = made else { return };
        if z.dtype().is_bool() || z.dtype() == DType::I32 {
            return;
        }
        self.keep(z, 1.0);
    }
}
