//! Images of arrays, and tables of images.

use super::colour::ColourMap;
use super::data::{Numbers, Values};
use super::picture::Picture;
use super::scene::{Anchor, Scene, Shape};
use super::surface::{pixel, range};
use crate::core::source::raise;
use cotangent_jit::{Error, err};

/// Pixels with a caption.
///
/// ```
/// use cotangent::plot::{ColourMap, Image};
/// use cotangent::prelude::*;
/// let image = Image::new(array![[0.0, 1.0], [1.0, 0.0]], ColourMap::Grey).caption("a board");
/// assert!(image.picture().to_svg().contains("a board"));
/// ```
#[derive(Clone, Debug)]
pub struct Image {
    width: usize,
    rgb: Vec<u8>,
    caption: String,
}

/// The place of an image in a table, and the side of the pixels of one that stands alone.
const SIDE: f64 = 72.0;
const CELL: f64 = 96.0;
const ALONE: f64 = 320.0;
/// The least width and height of a picture of one image.
const LEAST: f64 = 100.0;

impl Image {
    /// A matrix, its first row above: its least element gets the first colour of the map, its
    /// greatest the last. Elements that are not finite are light grey.
    ///
    /// Panics if the values are no matrix of real numbers.
    #[track_caller]
    pub fn new(values: impl Values, map: ColourMap) -> Image {
        raise(Image::mapped("new", values, |data| map.range(range(data)), map))
    }

    /// The same, with the numbers that get the first and the last colour.
    #[track_caller]
    pub fn within(values: impl Values, low: f64, high: f64, map: ColourMap) -> Image {
        raise(Image::mapped("within", values, |_| (low, high), map))
    }

    fn mapped(
        op: &str,
        values: impl Values,
        range: impl FnOnce(&[f64]) -> (f64, f64),
        map: ColourMap,
    ) -> Result<Image, Error> {
        let Numbers { shape, data } = values.numbers().map_err(|e| e.context(op))?;
        let [_, width] = shape[..] else {
            return Err(err!(Shape, "{op}: expected a matrix, got the shape {shape:?}"));
        };
        let range = range(&data);
        let rgb = data.iter().flat_map(|v| pixel(map, range, *v)).collect();
        Ok(Image { width, rgb, caption: String::new() })
    }

    /// Red, green and blue of each pixel, from 0 to 1, as the last axis of an array `[height,
    /// width, 3]`.
    ///
    /// Panics if the values have another shape.
    #[track_caller]
    pub fn coloured(values: impl Values) -> Image {
        let read = || {
            let Numbers { shape, data } = values.numbers().map_err(|e| e.context("coloured"))?;
            let [_, width, 3] = shape[..] else {
                let text = "coloured: expected the shape [height, width, 3]";
                return Err(err!(Shape, "{text}, got {shape:?}"));
            };
            let byte = |v: &f64| (255.0 * v.clamp(0.0, 1.0)).round() as u8;
            Ok(Image { width, rgb: data.iter().map(byte).collect(), caption: String::new() })
        };
        raise(read())
    }

    pub fn caption(mut self, text: &str) -> Image {
        self.caption = text.to_owned();
        self
    }

    fn height(&self) -> usize {
        self.rgb.len() / (3 * self.width.max(1))
    }

    /// The image in a square of this side, in the middle of it.
    fn shape(&self, (x, y): (f64, f64), side: f64) -> Shape {
        let (w, h) = (self.width.max(1) as f64, self.height().max(1) as f64);
        let scale = side / w.max(h);
        let size = (w * scale, h * scale);
        let at = (x + (side - size.0) / 2.0, y + (side - size.1) / 2.0);
        Shape::Pixels { at, size, width: self.width, rgb: self.rgb.clone() }
    }

    /// The picture, for files and notebooks. As PNG it has one pixel per element.
    pub fn picture(&self) -> Picture {
        let below = if self.caption.is_empty() { 0.0 } else { 28.0 };
        let (w, h) = (self.width.max(1) as f64, self.height().max(1) as f64);
        let (w, h) = (ALONE * w / w.max(h), ALONE * h / w.max(h));
        let size = (w.max(LEAST), h.max(LEAST));
        let mut scene = Scene::new((size.0, size.1 + below));
        let at = ((size.0 - ALONE) / 2.0, (size.1 - ALONE) / 2.0);
        scene.shapes.push(self.shape(at, ALONE));
        let at = (size.0 / 2.0, size.1 + 19.0);
        scene.text_within(at, Anchor::Middle, 12.0, &self.caption, size.0 - 8.0);
        Picture::of(scene, &self.caption).with_pixels(self.width, self.rgb.clone())
    }

    /// Shows the image in an evcxr notebook.
    pub fn evcxr_display(&self) {
        self.picture().evcxr_display();
    }
}

/// Images in a table of so many columns.
///
/// ```
/// use cotangent::plot::{ColourMap, Image, images};
/// use cotangent::prelude::*;
/// let dot = Image::new(array![[1.0]], ColourMap::Grey).caption("a dot");
/// assert!(images("dots", &[dot], 4).to_svg().contains("a dot"));
/// ```
pub fn images(title: &str, images: &[Image], columns: usize) -> Picture {
    let columns = columns.max(1);
    let rows = images.len().div_ceil(columns);
    let size = (CELL * columns as f64 + 24.0, CELL * rows as f64 + 56.0);
    let mut scene = Scene::new(size);
    scene.text_within((size.0 / 2.0, 24.0), Anchor::Middle, 15.0, title, size.0 - 8.0);
    for (i, image) in images.iter().enumerate() {
        let at = (24.0 + CELL * (i % columns) as f64, 40.0 + CELL * (i / columns) as f64);
        scene.shapes.push(image.shape(at, SIDE));
        let below = (at.0 + SIDE / 2.0, at.1 + SIDE + 14.0);
        scene.text_within(below, Anchor::Middle, 11.0, &image.caption, CELL - 4.0);
    }
    Picture::of(scene, title)
}
