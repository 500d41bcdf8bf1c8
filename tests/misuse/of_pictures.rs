//! Wrong calls of pictures.

use super::harness::wrong;
use super::values::{s, u, v, z};
use cotangent::plot::{ColourMap, Image, Plot};
use cotangent::prelude::*;

fn plot() -> Plot {
    Plot::new("a")
}

fn square() -> Array {
    zeros([2, 2])
}

wrong! {
    "Plot::line" => plot().line("b", [1.0], [1.0, 2.0]);
    "Plot::line" => plot().line("b", v(), u());
    "Plot::line" => plot().line("b", z(), z());
    "Plot::line" => plot().line("b", square(), square());
    "Plot::points" => plot().points("b", v(), u());
    "Plot::points" => plot().points("b", square(), v());
    "Plot::band" => plot().band("b", v(), v(), u());
    "Plot::band" => plot().band("b", v(), square(), v());
    "Plot::histogram" => plot().histogram("b", v(), 0);
    "Plot::histogram" => plot().histogram("b", z(), 3);
    "Plot::bars" => plot().bars("b", square());
    "Plot::arrows" => plot().arrows("b", (v(), v()), (v(), u()));
    "Plot::heat_map" => plot().heat_map(v(), ColourMap::Viridis);
    "Plot::heat_map_over" =>
        plot().heat_map_over((0.0, 1.0), (0.0, 1.0), s(), ColourMap::Grey);
    "Plot::contours" => plot().contours(v(), v(), v(), 3);
    "Plot::contours" => plot().contours([1.0], [1.0, 2.0], square(), 3);
    "Image::new" => Image::new(v(), ColourMap::Grey);
    "Image::within" => Image::within(s(), 0.0, 1.0, ColourMap::Grey);
    "Image::coloured" => Image::coloured(square());
}
