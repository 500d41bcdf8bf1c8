//! What came out: files and notebooks.

use super::png::png;
#[cfg(feature = "png-drawings")]
use super::raster::raster;
use super::scene::{Scene, base64};
use crate::core::notebook::Shown;
use crate::io::atomic;
use cotangent_jit::{Error, err};
use std::path::Path;

/// Pixels per point of drawings as PNG: sharp on screens of high density, and in print at half the
/// size.
const SCALE: f64 = 2.0;

/// A picture that can be saved and shown.
///
/// ```
/// use cotangent::plot::Plot;
/// # let file = std::env::temp_dir().join("cotangent_doc_picture.svg");
/// # let file = file.to_str().unwrap();
/// let picture = Plot::new("squares").points("x", [0, 1, 2], [0, 1, 4]).picture();
/// picture.save(file)?;
/// # std::fs::remove_file(file).unwrap();
/// # Ok::<(), cotangent::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Picture {
    svg: String,
    title: String,
    /// The width and the pixels of an image.
    pixels: Option<(usize, Vec<u8>)>,
}

impl Picture {
    pub(super) fn of(scene: Scene, title: &str) -> Picture {
        Picture { svg: scene.to_svg(), title: title.to_owned(), pixels: None }
    }

    pub(super) fn with_pixels(mut self, width: usize, rgb: Vec<u8>) -> Picture {
        self.pixels = Some((width, rgb));
        self
    }

    pub fn to_svg(&self) -> String {
        self.svg.clone()
    }

    /// The picture as PNG: an image with one pixel per element, a drawing with two pixels per
    /// point. Drawings need the feature `png-drawings`.
    ///
    /// It is an error if an image has no elements, and for drawings where
    /// [`to_png_at`](Picture::to_png_at) gives one.
    ///
    /// ```
    /// use cotangent::plot::{ColourMap, Image};
    /// use cotangent::prelude::*;
    /// let image = Image::new(array![[0.0, 1.0], [1.0, 0.0]], ColourMap::Grey);
    /// assert!(image.picture().to_png()?.starts_with(b"\x89PNG"));
    /// # Ok::<(), cotangent::Error>(())
    /// ```
    pub fn to_png(&self) -> Result<Vec<u8>, Error> {
        match &self.pixels {
            Some((_, rgb)) if rgb.is_empty() => {
                Err(err!(Value, "to_png: expected an image of at least one element, got none"))
            }
            Some((width, rgb)) => Ok(png(*width, rgb)),
            None => self.drawn("to_png", SCALE),
        }
    }

    /// The drawing as PNG with so many pixels per point, of images with their caption, too. It
    /// needs the feature `png-drawings`.
    ///
    /// It is an error without that feature, if the scale is not positive, or if there would be
    /// more than 2²⁵ pixels.
    ///
    /// ```
    /// use cotangent::plot::Plot;
    /// let picture = Plot::new("squares").points("x", [0, 1, 2], [0, 1, 4]).picture();
    /// let png = picture.to_png_at(3.0); // 1920 x 1200 pixels
    /// assert_eq!(png.is_ok(), cfg!(feature = "png-drawings"));
    /// ```
    pub fn to_png_at(&self, scale: f64) -> Result<Vec<u8>, Error> {
        self.drawn("to_png_at", scale)
    }

    #[cfg(feature = "png-drawings")]
    fn drawn(&self, op: &str, scale: f64) -> Result<Vec<u8>, Error> {
        let pixels = raster(&self.svg, scale).map_err(|e| e.context(op))?;
        Ok(png(pixels.width, &pixels.rgb))
    }

    #[cfg(not(feature = "png-drawings"))]
    fn drawn(&self, op: &str, _: f64) -> Result<Vec<u8>, Error> {
        Err(err!(
            Value,
            "{op}: expected .svg, or the feature png-drawings, which makes PNG of drawings; in \
             Cargo.toml: cotangent = {{ version = \"{}\", features = [\"png-drawings\"] }}",
            env!("CARGO_PKG_VERSION")
        ))
    }

    /// Writes the picture whole or not at all, as SVG or PNG by the end of the file's name.
    ///
    /// It is an error if the name ends otherwise, where [`to_png`](Picture::to_png) gives one, or
    /// if the system refuses the file.
    pub fn save(&self, file: impl AsRef<Path>) -> Result<(), Error> {
        let path = file.as_ref();
        let end = path.extension().and_then(|e| e.to_str()).map(str::to_ascii_lowercase);
        let bytes = match end.as_deref() {
            Some("svg") => self.svg.clone().into_bytes(),
            Some("png") => self.to_png().map_err(|e| e.context("save"))?,
            _ => {
                let name = path.display();
                return Err(err!(File, "save: {name}: expected a name that ends in .svg or .png"));
            }
        };
        atomic::write("save", path, |to| to.write_all(&bytes))
    }

    /// Shows the picture in an evcxr notebook.
    pub fn evcxr_display(&self) {
        self.shown().print();
    }

    fn shown(&self) -> Shown {
        let plain = format!("picture: {}", self.title);
        // As an image of its own, since pages share styles and names with what stands in them.
        let source = base64(self.svg.as_bytes());
        let html = format!("<img src=\"data:image/svg+xml;base64,{source}\"/>");
        Shown::new(plain, html)
    }
}
