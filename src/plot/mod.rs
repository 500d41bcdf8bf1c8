//! Pictures of arrays, as SVG or PNG: lines, points, bands, histograms, heat maps, contours, vector
//! fields, images, in one panel or several. They show themselves in evcxr notebooks. Drawings
//! become PNG with the feature `png-drawings`; images do without.
//!
//! ```
//! use cotangent::plot::Plot;
//! use cotangent::prelude::*;
//! let x = linspace(0.0, 6.0, 100);
//! let plot = Plot::new("two waves").line("sine", &x, x.sin()).line("cosine", &x, x.cos());
//! assert!(plot.to_svg().starts_with("<svg"));
//! ```
//!
//! Whatever holds numbers can be drawn: arrays of any real dtype, slices, vectors. Elements that
//! are not finite are left out.
//!
//! | file | contents |
//! | --- | --- |
//! | `plot.rs` | `Plot`: what is drawn in one panel |
//! | `panels.rs` | `Panels`: several of them |
//! | `picture.rs` | `Picture`: what came out; files, notebooks |
//! | `image.rs` | images of arrays, and tables of images |
//! | `lines.rs` | places in a panel, lines through them |
//! | `marks.rs` | lines, points, bands, bars, arrows: how each is drawn |
//! | `surface.rs` | heat maps and contours of a matrix |
//! | `contour.rs` | the lines on which a surface has a value |
//! | `axes.rs` | scales, ticks, the frame, the legend |
//! | `colour.rs` | colours of series and colour maps |
//! | `data.rs` | numbers from arrays and slices |
//! | `graph.rs` | a jaxpr as a drawing |
//! | `text.rs` | how wide a text is |
//! | `scene.rs` | shapes on a canvas, and their SVG |
//! | `png.rs` | pixels as PNG |
//! | `raster.rs` | drawings as pixels, by resvg (feature `png-drawings`) |

mod axes;
mod colour;
mod contour;
mod data;
mod graph;
mod image;
mod lines;
mod marks;
mod panels;
mod picture;
#[allow(clippy::module_inception)]
mod plot;
mod png;
#[cfg(feature = "png-drawings")]
mod raster;
mod scene;
mod surface;
mod text;

pub use colour::ColourMap;
pub use data::Values;
pub use image::{Image, images};
pub use panels::Panels;
pub use picture::Picture;
pub use plot::Plot;
