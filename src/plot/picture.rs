//! What came out: files and notebooks.

use super::png::png;
use super::scene::{Scene, base64};
use crate::core::notebook::Shown;
use crate::io::atomic;
use cotangent_jit::{Error, err};
use std::path::Path;

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

    /// The pixels as PNG. An error unless this is an image: drawings are SVG.
    pub fn to_png(&self) -> Result<Vec<u8>, Error> {
        match &self.pixels {
            Some((width, rgb)) => Ok(png(*width, rgb)),
            None => Err(err!(
                Value,
                "to_png: only images become PNG, and this is a drawing; save it as .svg"
            )),
        }
    }

    /// Writes the picture whole or not at all, as SVG or PNG by the end of the file's name.
    ///
    /// It is an error if the name ends otherwise, if a drawing should become a PNG, or if the
    /// system refuses the file.
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
