//! Holds that the tables call every public function wrongly, or that a reason stands here why none
//! can be.

use super::TABLES;
use super::items::public;
use std::collections::BTreeSet;

/// Groups of functions without a wrong call, each with its reason. `Type::*` means all methods of
/// the type.
const NONE: &[(&str, &str)] = &[
    (
        "they choose; what they chose is checked where it is used",
        "JitOptions::* DotOptions::* VmapOptions::* Window::* ConvOptions::* \
         ConvAxes::leading Solve::* \
         Triangle::* Mode::fill ScatterMode::unique At::mode At::fill_value At::unique_indices \
         Array::at Index::by s! Policy::nothing Policy::everything Policy::dots \
         Policy::dots_without_batch Policy::only_names Policy::any_names_but \
         Policy::anything_except_names Policy::or Policy::new Mask::* Custom::new \
         Custom::nondiff \
         Custom::captured_by_body Transform::new Transform::named Func::named \
         optim::schedule::constant optim::schedule::linear optim::schedule::polynomial \
         optim::schedule::exponential optim::schedule::staircase optim::schedule::cosine \
         optim::schedule::warmup_cosine optim::schedule::piecewise Schedule::after random::key \
         Device::cpu",
    ),
    (
        "they look at what every value has",
        "Func::name Func::signature Func::evcxr_display Transform::name Array::literal \
         Array::strong_literal Array::aval Array::dtype \
         Array::shape Array::to_shape Array::ndim Array::size Array::is_weak Array::is_tracer \
         Array::is_unique Array::is_empty Array::evcxr_display ClosedJaxpr::evcxr_display Aval::* \
         Tree::of Tree::of_ref Tree::structure Tree::leaves Tree::into_leaves Tree::paths \
         Tree::get Tree::map Tree::keep StaticValue::* Lowered::* MemoryAnalysis::* \
         Compiled::text Compiled::explain Compiled::cost Compiled::memory Compiled::code_size \
         Compiled::compile_time Compiled::lowered Compiled::evcxr_display Batched::* Tangents::* \
         Perturbed::* \
         CheckError::get Unravel::dtype Unravel::len Unravel::is_empty Unravel::structure \
         Key::data OdeStats::status Minimum::status numpy::finfo::finfo numpy::finfo::iinfo \
         numpy::finfo::epsilon NpyMap::aval Schedule::at_step io::leaf_names DType::* \
         jit_cache_stats live_arrays jit_misses devices Device::name \
         Device::memory_stats",
    ),
    (
        "they take every array as it is, or compute nothing",
        "Array::t Array::ravel Array::atleast_1d Array::real Array::imag Array::conj zeros_like \
         ones_like Array::from_vec Array::from_slice Array::scalar array! clone! tree_flatten \
         tree_leaves_with_path tree_leaves tree_structure tree_summary shape_dtypes \
         optim::global_norm Progress::*",
    ),
    (
        "they call a closure of the user's, whose errors they pass on, or speak in its name",
        "Func::lower Compiled::call \
         tree_reduce tree_all tree_any tree_map tree_map_with_path eager disable_jit debug_nans \
         debug_infs api::debug_nans::debug_nothing flush_subnormals \
         with_matmul_precision with_default_device \
         api::subnormals::keep_subnormals track_arrays api::debug::captured api::debug::callback \
         api::debug::callback_ordered jit checkpoint checkpoint_with make_jaxpr eval_shape \
         saved_residuals closure_convert checkify sequential_vmap optim::inject",
    ),
    (
        "they throw the error that a check found, under the name of the operation",
        "CheckError::throw api::checkify::check_error",
    ),
    (
        "they wait, or let go",
        "set_jit_cache_size clear_caches block_until_ready effects_barrier Device::synchronize",
    ),
    (
        "they fail where the machine or its environment does: tests/devices tries that",
        "Device::cuda Device::parse Array::device Array::to default_device memory_stats",
    ),
    (
        "they draw whatever they get",
        "Plot::new Plot::x_label Plot::y_label Plot::log_x Plot::log_y Plot::x_limits \
         Plot::y_limits Plot::equal_units Plot::pixels Plot::vertical Plot::horizontal \
         Plot::to_svg Plot::picture Plot::evcxr_display Panels::* Image::caption \
         Image::picture Image::evcxr_display Picture::to_svg Picture::evcxr_display \
         ClosedJaxpr::picture ColourMap::colour plot::images",
    ),
    (
        "the tables have their like: the same check under the same name",
        "custom_jvps custom_derivatives \
         Custom::jvp Custom::jvp_symbolic Custom::jvps Custom::vjp Custom::vjp_symbolic \
         Custom::derivatives debug_print! Schedule::at Transform::init Transform::update \
         Transform::start Transform::step NpyMap::array NpyMap::rows \
         Array::to_ndarray",
    ),
    (
        "authors of primitives and of the derive macro call them",
        "Key::of Flat::* Rebuild::* TreeDef::* Root::new Error::* err! array",
    ),
];

/// The functions of the feature `linalg`, whose table is compiled with it.
fn of_linalg(path: &str) -> bool {
    path.starts_with("linalg::")
        || ["lax::cholesky", "lax::triangular_solve", "random::multivariate_normal"].contains(&path)
}

#[test]
fn every_public_function_is_called_wrongly() {
    let called = TABLES.iter().flat_map(|(table, _)| table.iter().map(|w| w.path));
    let called: BTreeSet<&str> = called.collect();
    let excused: BTreeSet<&str> = NONE.iter().flat_map(|(_, list)| list.split(' ')).collect();
    let all = public();
    let is_function = |path: &str| {
        let name = path.rsplit("::").next().unwrap_or(path);
        name.starts_with(|c: char| c.is_lowercase())
    };
    let functions: BTreeSet<&str> =
        all.iter().map(|i| i.path.as_str()).filter(|p| is_function(p)).collect();
    assert!(functions.len() > 800, "{} functions", functions.len());
    let of_type = |path: &str| path.rsplit_once("::").map(|(t, _)| format!("{t}::*"));
    let mut wrong = Vec::new();
    for path in &functions {
        let whole = of_type(path).is_some_and(|t| excused.contains(t.as_str()));
        let absent = cfg!(not(feature = "linalg")) && of_linalg(path);
        match (called.contains(path), excused.contains(path) || whole) {
            (false, false) if !absent => wrong.push(format!("{path}: no table calls it wrongly")),
            (true, true) if !whole => wrong.push(format!("{path}: called wrongly, yet excused")),
            _ => {}
        }
    }
    let types: BTreeSet<String> = functions.iter().filter_map(|p| of_type(p)).collect();
    for path in &excused {
        if !functions.contains(path) && !types.contains(*path) {
            wrong.push(format!("{path}: excused, yet no public function"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
