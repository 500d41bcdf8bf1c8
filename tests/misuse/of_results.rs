//! Wrong calls of functions that return a `Result` and have no panicking form, and of `try_` twins
//! that are not made by a macro.

use super::harness::refused;
use super::values::{b, ended, s, u, v};
use cotangent::api::pytree::Tree;
use cotangent::io;
use cotangent::lax::ConvAxes;
use cotangent::plot::{ColourMap, Image, Picture, Plot};
use cotangent::prelude::*;
use std::collections::BTreeMap;

fn picture() -> Picture {
    Plot::new("a").picture()
}

fn image_of_nothing() -> Picture {
    Image::new(zeros([0, 2]), ColourMap::Grey).picture()
}

refused! {
    "Picture::to_png" => image_of_nothing().to_png();
    "Picture::to_png_at" => picture().to_png_at(0.0);
    "Picture::save" => picture().save("no_end");
    "Picture::save" => image_of_nothing().save("nothing.png");
    "Picture::save" => picture().save("/no/such/folder/a.svg");
    "io::read_npy" => io::read_npy("/no/such/file.npy");
    "io::npy_from_bytes" => io::npy_from_bytes(b"no npy");
    "io::npy_from_bytes" => io::npy_from_bytes(b"");
    "io::write_npy" => io::write_npy("/no/such/file.npy", &v());
    "io::write_npy" => io::write_npy("/no/such/file.npy", &ended());
    "io::npy_to_bytes" => io::npy_to_bytes(&ended());
    "io::read_npz" => io::read_npz("/no/such/file.npz");
    "io::read_npz_up_to" => io::read_npz_up_to("/no/such/file.npz", 10);
    "io::npz_from_bytes" => io::npz_from_bytes(b"no zip");
    "io::npz_from_bytes_up_to" => io::npz_from_bytes_up_to(b"no zip", 10);
    "io::write_npz" => io::write_npz("/no/such/file.npz", [("a", v())]);
    "io::save_pytree" => io::save_pytree("/no/such/file.safetensors", &v());
    "io::load_pytree" => io::load_pytree("/no/such/file.safetensors", &v());
    "io::read_safetensors" => io::read_safetensors("/no/such/file");
    "io::read_safetensors_up_to" => io::read_safetensors_up_to("/no/such/file", 10);
    "io::safetensors_from_bytes" => io::safetensors_from_bytes(b"none");
    "io::safetensors_from_bytes_up_to" => io::safetensors_from_bytes_up_to(b"none", 10);
    "io::write_safetensors" =>
        io::write_safetensors("/no/such/file", [("a", v())], &BTreeMap::new());
    "io::safetensors_to_bytes" => io::safetensors_to_bytes([("a", ended())], &BTreeMap::new());
    "io::safetensors_to_bytes" =>
        io::safetensors_to_bytes([("a", v()), ("a", v())], &BTreeMap::new());
    "NpyMap::open" => unsafe { io::NpyMap::open("/no/such/file.npy") };
    "Array::try_from_bytes" => Array::try_from_bytes(&[0, 1, 2], [1], DType::F32);
    "Array::to_bytes" => ended().to_bytes();
    "Tree::typed" => Tree::of(v()).typed::<Vec<Array>>();
    "Tree::new" => Tree::new(tree_structure(&v()), vec![]);
    "Tree::set" => Tree::of((v(), v())).set(".2", v());
    "Tree::zip" => Tree::of((v(), v())).zip("zip", &Tree::of(v()), |a, _| a);
    "ConvAxes::of" => ConvAxes::of("NCX", "OI", "NC");
    "Policy::parse" => Policy::parse("no");
    "ShapeTree::typed" => eval_shape(|x: Array| x)(v()).typed::<Vec<Array>>();

    // Twins.
    "Array::item" => v().try_item::<f32>();
    "Array::to_vec" => v().try_to_vec::<f64>();
    "Array::new" => Array::try_new(&[1f32], [2]);
    "lax::sort_by" => cotangent::lax::try_sort_by(&[v(), u()], 0, 1);
    "lax::select_n" => cotangent::lax::try_select_n(&b(), &[]);
    "lax::integer_pow" => cotangent::lax::try_integer_pow(&b(), 2);
    "jvp" => try_jvp(|x: Array| x, (v(),), (u(),));
    "tree_unflatten" =>
        cotangent::api::pytree::try_tree_unflatten::<Array>(&tree_structure(&()), vec![]);
    "cond" => cotangent::api::control::try_cond(v(), |x: Array| x, |x: Array| x, v());
    "scan" =>
        cotangent::api::control::try_scan(
            |c: Array, x: Array| (c + x, ()), s(), s(), ScanOptions::default());
    "grad" => grad(|x: Array| x).try_call((v(),));
    "vmap" => vmap(|x: Array| x).try_call((s(),));
}
