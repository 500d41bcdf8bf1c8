//! Wrong calls of the functions of `lax`.

use super::harness::wrong;
use super::values::{b, ended, i, m, n, none, s, u, v};
use cotangent::lax::{
    self, Borders, ConvOptions, DotDims, GatherDims, Mode, ScatterMode, Select, Window,
};
use cotangent::prelude::*;

wrong! {
    // Folds.
    "lax::argmax" => lax::argmax(&v(), 1);
    "lax::argmax" => lax::argmax(&none(), 0);
    "lax::argmax_as" => lax::argmax_as(&v(), 1, DType::I32);
    "lax::argmax_as" => lax::argmax_as(&v(), 0, DType::F32);
    "lax::argmin" => lax::argmin(&v(), 1);
    "lax::argmin_as" => lax::argmin_as(&v(), 0, DType::F32);
    "lax::cumsum" => lax::cumsum(&v(), 1, false);
    "lax::cumprod" => lax::cumprod(&v(), 1, false);
    "lax::cummax" => lax::cummax(&v(), 1, false);
    "lax::cummin" => lax::cummin(&v(), 1, false);
    "lax::cumlogsumexp" => lax::cumlogsumexp(&v(), 1, false);
    "lax::cumlogsumexp" => lax::cumlogsumexp(&i(), 0, false);
    "lax::reduce_sum" => lax::reduce_sum(&v(), &[1]);
    "lax::reduce_sum" => lax::reduce_sum(&v(), &[0, 0]);
    "lax::reduce_prod" => lax::reduce_prod(&v(), &[1]);
    "lax::reduce_max" => lax::reduce_max(&v(), &[1]);
    "lax::reduce_min" => lax::reduce_min(&v(), &[1]);
    "lax::reduce_and" => lax::reduce_and(&v(), &[0]);
    "lax::reduce_or" => lax::reduce_or(&b(), &[1]);
    "lax::reduce_xor" => lax::reduce_xor(&v(), &[0]);
    "lax::reduce" => lax::reduce(&[v()], &[s()], &[1], |a, _| a.to_vec());
    "lax::reduce" => lax::reduce(&[v()], &[], &[0], |a, _| a.to_vec());
    "lax::reduce" => lax::reduce(&[v()], &[n()], &[0], |a, _| a.to_vec());
    "lax::reduce" => lax::reduce(&[v()], &[s()], &[0], |_, _| vec![]);
    "lax::reduce_window_sum" => lax::reduce_window_sum(&v(), &Window::new([2, 2]));
    "lax::reduce_window_sum" => lax::reduce_window_sum(&v(), &Window::new([0]));
    "lax::reduce_window_sum" => lax::reduce_window_sum(&v(), &Window::new([1]).strides([0]));
    "lax::reduce_window_max" => lax::reduce_window_max(&v(), &Window::new([2, 2]));
    "lax::reduce_window_min" => lax::reduce_window_min(&v(), &Window::new([2, 2]));
    "lax::reduce_window" => lax::reduce_window(&[v()], &[], &Window::new([2]), |a, _| a.to_vec());
    "lax::select_and_gather_add" =>
        lax::select_and_gather_add(&v(), &u(), Select::Greatest, &Window::new([2]));
    "lax::select_and_scatter_add" =>
        lax::select_and_scatter_add(&v(), &u(), Select::Least, &Window::new([3]));
    "lax::softmax" => lax::softmax(&v(), &[1]);
    "lax::softmax" => lax::softmax(&i(), &[0]);
    "lax::log_softmax" => lax::log_softmax(&v(), &[1]);
    "lax::logsumexp" => lax::logsumexp(&v(), &[1]);
    "lax::sort_by" => lax::sort_by(&[v(), u()], 0, 1);
    "lax::sort_by" => lax::sort_by(&[v()], 0, 2);
    "lax::sort_by" => lax::sort_by(&[], 0, 1);
    "lax::sort" => lax::sort(&v(), 1);
    "lax::argsort" => lax::argsort(&v(), 1);
    "lax::top_k" => lax::top_k(&v(), 3, 0);
    "lax::top_k" => lax::top_k(&v(), 1, 1);

    // Places.
    "lax::dynamic_slice" => lax::dynamic_slice(&v(), &[], &[1]);
    "lax::dynamic_slice" => lax::dynamic_slice(&v(), &[n()], &[3]);
    "lax::dynamic_slice" => lax::dynamic_slice(&v(), &[s()], &[1]);
    "lax::dynamic_slice_in_dim" => lax::dynamic_slice_in_dim(&v(), &n(), 1, 1);
    "lax::dynamic_slice_in_dim" => lax::dynamic_slice_in_dim(&v(), &n(), 3, 0);
    "lax::dynamic_update_slice" => lax::dynamic_update_slice(&v(), &u(), &[n()]);
    "lax::dynamic_update_slice" => lax::dynamic_update_slice(&v(), &i(), &[n()]);
    "lax::dynamic_update_slice_in_dim" => lax::dynamic_update_slice_in_dim(&v(), &v(), &n(), 1);
    "lax::gather" => lax::gather(&v(), &v(), &GatherDims::default(), &[1], Mode::Clip);
    "lax::gather" => lax::gather(&v(), &array![[0]], &GatherDims::default(), &[], Mode::Clip);
    "lax::take_along_axis" => lax::take_along_axis(&v(), &i(), 1, Mode::Clip);
    "lax::take_along_axis" => lax::take_along_axis(&v(), &v(), 0, Mode::Clip);
    "lax::scatter" =>
        lax::scatter(&v(), &v(), &v(), &GatherDims::default(), ScatterMode::Clip);
    "lax::scatter_add" =>
        lax::scatter_add(&v(), &array![[0]], &i(), &GatherDims::default(), ScatterMode::Clip);
    "lax::scatter_mul" =>
        lax::scatter_mul(&v(), &array![[0]], &i(), &GatherDims::default(), ScatterMode::Clip);
    "lax::scatter_min" =>
        lax::scatter_min(&v(), &array![[0]], &i(), &GatherDims::default(), ScatterMode::Clip);
    "lax::scatter_max" =>
        lax::scatter_max(&v(), &array![[0]], &i(), &GatherDims::default(), ScatterMode::Clip);

    // Two operands.
    "lax::add" => lax::add(&v(), &u());
    "lax::add" => lax::add(&v(), &i());
    "lax::sub" => lax::sub(&v(), &u());
    "lax::sub" => lax::sub(&v(), &i());
    "lax::mul" => lax::mul(&v(), &u());
    "lax::mul" => lax::mul(&v(), &i());
    "lax::div" => lax::div(&v(), &u());
    "lax::div" => lax::div(&v(), &i());
    "lax::rem" => lax::rem(&v(), &u());
    "lax::rem" => lax::rem(&v(), &i());
    "lax::pow" => lax::pow(&v(), &u());
    "lax::pow" => lax::pow(&v(), &i());
    "lax::max" => lax::max(&v(), &u());
    "lax::max" => lax::max(&v(), &i());
    "lax::min" => lax::min(&v(), &u());
    "lax::min" => lax::min(&v(), &i());
    "lax::atan2" => lax::atan2(&v(), &u());
    "lax::atan2" => lax::atan2(&v(), &i());
    "lax::and" => lax::and(&v(), &u());
    "lax::and" => lax::and(&v(), &i());
    "lax::and" => lax::and(&v(), &v());
    "lax::or" => lax::or(&v(), &u());
    "lax::or" => lax::or(&v(), &i());
    "lax::or" => lax::or(&v(), &v());
    "lax::xor" => lax::xor(&v(), &u());
    "lax::xor" => lax::xor(&v(), &i());
    "lax::xor" => lax::xor(&v(), &v());
    "lax::shift_left" => lax::shift_left(&v(), &u());
    "lax::shift_left" => lax::shift_left(&v(), &i());
    "lax::shift_left" => lax::shift_left(&v(), &v());
    "lax::shift_right_logical" => lax::shift_right_logical(&v(), &u());
    "lax::shift_right_logical" => lax::shift_right_logical(&v(), &i());
    "lax::shift_right_logical" => lax::shift_right_logical(&v(), &v());
    "lax::shift_right_arithmetic" => lax::shift_right_arithmetic(&v(), &u());
    "lax::shift_right_arithmetic" => lax::shift_right_arithmetic(&v(), &i());
    "lax::shift_right_arithmetic" => lax::shift_right_arithmetic(&v(), &v());
    "lax::mulhi" => lax::mulhi(&v(), &u());
    "lax::mulhi" => lax::mulhi(&v(), &i());
    "lax::mulhi" => lax::mulhi(&v(), &v());
    "lax::add_any" => lax::add_any(&v(), &u());
    "lax::add_any" => lax::add_any(&v(), &i());
    "lax::eq" => lax::eq(&v(), &u());
    "lax::eq" => lax::eq(&v(), &i());
    "lax::ne" => lax::ne(&v(), &u());
    "lax::ne" => lax::ne(&v(), &i());
    "lax::lt" => lax::lt(&v(), &u());
    "lax::lt" => lax::lt(&v(), &i());
    "lax::le" => lax::le(&v(), &u());
    "lax::le" => lax::le(&v(), &i());
    "lax::gt" => lax::gt(&v(), &u());
    "lax::gt" => lax::gt(&v(), &i());
    "lax::ge" => lax::ge(&v(), &u());
    "lax::ge" => lax::ge(&v(), &i());
    "lax::complex" => lax::complex(&v(), &u());
    "lax::complex" => lax::complex(&i(), &i());
    "lax::nextafter" => lax::nextafter(&v(), &u());
    "lax::nextafter" => lax::nextafter(&i(), &i());
    "lax::zeta" => lax::zeta(&v(), &u());
    "lax::zeta" => lax::zeta(&i(), &i());
    "lax::polygamma" => lax::polygamma(1, &i());
    "lax::select_n" => lax::select_n(&b(), &[&v(), &u()]);
    "lax::select_n" => lax::select_n(&v(), &[&v(), &v()]);
    "lax::select_n" => lax::select_n(&b(), &[&v(), &v(), &v()]);
    "lax::select_n" => lax::select_n(&b(), &[]);
    "lax::clamp" => lax::clamp(&s(), &v(), &u());
    "lax::clamp" => lax::clamp(&n(), &v(), &s());
    "lax::threefry2x32" => lax::threefry2x32(&n(), &n(), &n(), &n());

    // One operand.
    "lax::neg" => lax::neg(&ended());
    "lax::neg" => lax::neg(&b());
    "lax::abs" => lax::abs(&ended());
    "lax::abs" => lax::abs(&b());
    "lax::sign" => lax::sign(&ended());
    "lax::sign" => lax::sign(&b());
    "lax::floor" => lax::floor(&ended());
    "lax::floor" => lax::floor(&i());
    "lax::ceil" => lax::ceil(&ended());
    "lax::ceil" => lax::ceil(&i());
    "lax::round_away" => lax::round_away(&ended());
    "lax::round_away" => lax::round_away(&i());
    "lax::round_even" => lax::round_even(&ended());
    "lax::round_even" => lax::round_even(&i());
    "lax::is_finite" => lax::is_finite(&ended());
    "lax::not" => lax::not(&ended());
    "lax::not" => lax::not(&v());
    "lax::population_count" => lax::population_count(&ended());
    "lax::population_count" => lax::population_count(&v());
    "lax::clz" => lax::clz(&ended());
    "lax::clz" => lax::clz(&v());
    "lax::sqrt" => lax::sqrt(&ended());
    "lax::sqrt" => lax::sqrt(&i());
    "lax::rsqrt" => lax::rsqrt(&ended());
    "lax::rsqrt" => lax::rsqrt(&i());
    "lax::cbrt" => lax::cbrt(&ended());
    "lax::cbrt" => lax::cbrt(&i());
    "lax::exp" => lax::exp(&ended());
    "lax::exp" => lax::exp(&i());
    "lax::exp2" => lax::exp2(&ended());
    "lax::exp2" => lax::exp2(&i());
    "lax::expm1" => lax::expm1(&ended());
    "lax::expm1" => lax::expm1(&i());
    "lax::log" => lax::log(&ended());
    "lax::log" => lax::log(&i());
    "lax::log2" => lax::log2(&ended());
    "lax::log2" => lax::log2(&i());
    "lax::log1p" => lax::log1p(&ended());
    "lax::log1p" => lax::log1p(&i());
    "lax::sin" => lax::sin(&ended());
    "lax::sin" => lax::sin(&i());
    "lax::cos" => lax::cos(&ended());
    "lax::cos" => lax::cos(&i());
    "lax::tan" => lax::tan(&ended());
    "lax::tan" => lax::tan(&i());
    "lax::asin" => lax::asin(&ended());
    "lax::asin" => lax::asin(&i());
    "lax::acos" => lax::acos(&ended());
    "lax::acos" => lax::acos(&i());
    "lax::atan" => lax::atan(&ended());
    "lax::atan" => lax::atan(&i());
    "lax::sinh" => lax::sinh(&ended());
    "lax::sinh" => lax::sinh(&i());
    "lax::cosh" => lax::cosh(&ended());
    "lax::cosh" => lax::cosh(&i());
    "lax::tanh" => lax::tanh(&ended());
    "lax::tanh" => lax::tanh(&i());
    "lax::asinh" => lax::asinh(&ended());
    "lax::asinh" => lax::asinh(&i());
    "lax::acosh" => lax::acosh(&ended());
    "lax::acosh" => lax::acosh(&i());
    "lax::atanh" => lax::atanh(&ended());
    "lax::atanh" => lax::atanh(&i());
    "lax::logistic" => lax::logistic(&ended());
    "lax::logistic" => lax::logistic(&i());
    "lax::erf" => lax::erf(&ended());
    "lax::erf" => lax::erf(&i());
    "lax::erfc" => lax::erfc(&ended());
    "lax::erfc" => lax::erfc(&i());
    "lax::erf_inv" => lax::erf_inv(&ended());
    "lax::erf_inv" => lax::erf_inv(&i());
    "lax::lgamma" => lax::lgamma(&ended());
    "lax::lgamma" => lax::lgamma(&i());
    "lax::digamma" => lax::digamma(&ended());
    "lax::digamma" => lax::digamma(&i());
    "lax::real" => lax::real(&v());
    "lax::imag" => lax::imag(&v());
    "lax::conj" => lax::conj(&v());
    "lax::convert_element_type" => lax::convert_element_type(&ended(), DType::F64);
    "lax::bitcast_convert_type" => lax::bitcast_convert_type(&v(), DType::Bool);
    "lax::bitcast_convert_type" => lax::bitcast_convert_type(&b(), DType::F32);
    "lax::stop_gradient" => lax::stop_gradient(&ended());
    "lax::optimization_barrier" => lax::optimization_barrier(&[ended()]);
    "checkpoint_name" => checkpoint_name(&v(), "");
    "checkpoint_name" => checkpoint_name(&ended(), "a");
    "lax::integer_pow" => lax::integer_pow(&i(), -1);
    "lax::integer_pow" => lax::integer_pow(&b(), 2);
    "lax::square" => lax::square(&b());
    "lax::reduce_precision" => lax::reduce_precision(&v(), 0, 3);
    "lax::reduce_precision" => lax::reduce_precision(&i(), 5, 3);

    // Products.
    "lax::conv" => lax::conv(&ones([1, 1, 4]), &ones([1, 2, 2]), &[1], Borders::Valid);
    "lax::conv" => lax::conv(&ones([1, 1, 4]), &ones([1, 1, 2]), &[0], Borders::Valid);
    "lax::conv" => lax::conv(&ones([1, 1, 4]), &ones([1, 1, 2]), &[1, 1], Borders::Valid);
    "lax::conv_general_dilated" => lax::conv_general_dilated(&v(), &v(), &ConvOptions::new());
    "lax::conv_general_dilated" =>
        lax::conv_general_dilated(&ones([1, 1, 4]), &ones([1, 1]), &ConvOptions::new());
    "lax::dot_general" => lax::dot_general(&v(), &u(), &dims(&[0], &[0]));
    "lax::dot_general" => lax::dot_general(&v(), &v(), &dims(&[1], &[0]));
    "lax::dot_general" => lax::dot_general(&v(), &v(), &dims(&[0], &[]));
    "lax::dot_general" => lax::dot_general(&v(), &i(), &dims(&[0], &[0]));
    "lax::dot_general_with" =>
        lax::dot_general_with(&v(), &i(), &dims(&[0], &[0]), &lax::DotOptions::new());
    "lax::dot_general_as" => lax::dot_general_as(&v(), &u(), &dims(&[0], &[0]), DType::F32);

    // Shapes.
    "lax::broadcast_in_dim" => lax::broadcast_in_dim(&v(), &[3], &[0]);
    "lax::broadcast_in_dim" => lax::broadcast_in_dim(&v(), &[2], &[1]);
    "lax::broadcast_in_dim" => lax::broadcast_in_dim(&v(), &[2], &[]);
    "lax::iota" => lax::iota(DType::I32, &[2], 1);
    "lax::iota" => lax::iota(DType::Bool, &[2], 0);
    "lax::pad" => lax::pad(&v(), &s(), &[]);
    "lax::pad" => lax::pad(&v(), &s(), &[(0, 0, -1)]);
    "lax::split" => lax::split(&v(), &[1], 0);
    "lax::split" => lax::split(&v(), &[2], 1);
    "lax::unstack" => lax::unstack(&v(), 1);
    "lax::tile" => lax::tile(&v(), &[1, 2]);
    "lax::tile" => lax::tile(&v(), &[usize::MAX]);
    "lax::reshape" => lax::reshape(&v(), &[3]);
    "lax::squeeze" => lax::squeeze(&v(), &[0]);
    "lax::squeeze" => lax::squeeze(&v(), &[1]);
    "lax::expand_dims" => lax::expand_dims(&v(), &[3]);
    "lax::expand_dims" => lax::expand_dims(&v(), &[0, 0]);
    "lax::rev" => lax::rev(&v(), &[1]);
    "lax::rev" => lax::rev(&v(), &[0, 0]);
    "lax::slice" => lax::slice(&v(), &[1], &[3], &[1]);
    "lax::slice" => lax::slice(&v(), &[1], &[0], &[1]);
    "lax::slice" => lax::slice(&v(), &[0], &[2], &[0]);
    "lax::slice" => lax::slice(&v(), &[], &[2], &[1]);
    "lax::slice_in_dim" => lax::slice_in_dim(&v(), 0, 3, 0);
    "lax::slice_in_dim" => lax::slice_in_dim(&v(), 0, 1, 1);
    "lax::sliding_windows" => lax::sliding_windows(&v(), &[3, 1], &[1], &[1]);
    "lax::sliding_windows" => lax::sliding_windows(&v(), &[1], &[0], &[1]);
    "lax::transpose" => lax::transpose(&m(), &[0]);
    "lax::transpose" => lax::transpose(&m(), &[0, 0]);
    "lax::transpose" => lax::transpose(&m(), &[0, 2]);
}

fn dims(lhs: &[usize], rhs: &[usize]) -> DotDims {
    DotDims {
        lhs_contract: lhs.iter().copied().collect(),
        rhs_contract: rhs.iter().copied().collect(),
        ..Default::default()
    }
}
