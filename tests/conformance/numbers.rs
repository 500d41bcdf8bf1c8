//! Functions of floats beside the elementary ones.

use crate::Operation;
use cotangent::lax;

pub fn operation(name: &str) -> Operation {
    match name {
        "lgamma" => |_, x| vec![lax::lgamma(&x[0])],
        "digamma" => |_, x| vec![lax::digamma(&x[0])],
        "polygamma" => |p, x| vec![lax::polygamma(p.int("n") as u32, &x[0])],
        "zeta" => |_, x| vec![lax::zeta(&x[0], &x[1])],
        "reduce_precision" => |p, x| {
            let bits = p.sizes("bits");
            vec![lax::reduce_precision(&x[0], bits[0] as u32, bits[1] as u32)]
        },
        "nextafter" => |_, x| vec![x[0].nextafter(&x[1])],
        "logaddexp" => |_, x| vec![x[0].logaddexp(&x[1])],
        "logaddexp2" => |_, x| vec![x[0].logaddexp2(&x[1])],
        "hypot" => |_, x| vec![x[0].hypot(&x[1])],
        "copysign" => |_, x| vec![x[0].copysign(&x[1])],
        "fmod" => |_, x| vec![x[0].fmod(&x[1])],
        "fmax" => |_, x| vec![x[0].fmax(&x[1])],
        "fmin" => |_, x| vec![x[0].fmin(&x[1])],
        "heaviside" => |_, x| vec![x[0].heaviside(&x[1])],
        "signbit" => |_, x| vec![x[0].signbit()],
        "trunc" => |_, x| vec![x[0].trunc()],
        "sinc" => |_, x| vec![x[0].sinc()],
        "nan_to_num" => |_, x| vec![x[0].nan_to_num()],
        "degrees" => |_, x| vec![x[0].degrees()],
        "radians" => |_, x| vec![x[0].radians()],
        "is_inf" => |_, x| vec![x[0].is_inf()],
        "modf" => |_, x| {
            let (part, whole) = x[0].modf();
            vec![part, whole]
        },
        "frexp" => |_, x| {
            let (m, n) = x[0].frexp();
            vec![m, n]
        },
        "ldexp" => |_, x| vec![x[0].ldexp(&x[1])],
        "mulhi" => |_, x| vec![lax::mulhi(&x[0], &x[1])],
        _ => panic!("no operation {name}"),
    }
}
