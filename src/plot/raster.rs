//! Drawings as pixels, by resvg.
//!
//! Texts are drawn in the font beside this file, so that a picture is the same on every machine.
//! The fonts of the system are read only if a text has a character that this font lacks.

use cotangent_jit::{Error, err};
use resvg::tiny_skia::{Color, Pixmap, Transform};
use resvg::usvg::fontdb::{Database, ID, Source};
use resvg::usvg::{FontResolver, Options, Tree};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

static FONT: &[u8] = include_bytes!("font/DejaVuSans.ttf");

/// The most pixels of a picture. Four bytes each and the layers of panels within panels stay below
/// a gigabyte.
const MOST: f64 = (1 << 25) as f64;

/// Rows of pixels from the top, three bytes each.
#[derive(PartialEq, Debug)]
pub struct Pixels {
    pub width: usize,
    pub rgb: Vec<u8>,
}

/// Reads the fonts of a system into a database.
type System = fn(&mut Database);

/// Draws an SVG with so many pixels per point.
pub(super) fn raster(svg: &str, scale: f64) -> Result<Pixels, Error> {
    raster_with(svg, scale, Database::load_system_fonts)
}

fn raster_with(svg: &str, scale: f64, system: System) -> Result<Pixels, Error> {
    if !scale.is_finite() || scale <= 0.0 {
        return Err(err!(Value, "expected a positive number of pixels per point, got {scale}"));
    }
    let tree = Tree::from_str(svg, &options(system))
        .map_err(|e| err!(Value, "resvg cannot draw the SVG ({e}); save it as .svg"))?;
    let size = (f64::from(tree.size().width()), f64::from(tree.size().height()));
    let pixels = |length: f64| (length * scale).round().max(1.0);
    let (width, height) = (pixels(size.0), pixels(size.1));
    if width * height > MOST {
        return Err(err!(
            Value,
            "expected at most {MOST} pixels, got {width} x {height}; ask for fewer per point, or \
             save the picture as .svg"
        ));
    }
    let pixmap = Pixmap::new(width as u32, height as u32);
    let mut pixmap =
        pixmap.ok_or_else(|| err!(Value, "expected fewer pixels, got {width} x {height}"))?;
    pixmap.fill(Color::WHITE);
    let scales = (width / size.0, height / size.1);
    let transform = Transform::from_scale(scales.0 as f32, scales.1 as f32);
    resvg::render(&tree, transform, &mut pixmap.as_mut());
    // Nothing shines through the white ground.
    let rgb = pixmap.data().chunks_exact(4).flat_map(|p| [p[0], p[1], p[2]]).collect();
    Ok(Pixels { width: width as usize, rgb })
}

fn options(system: System) -> Options<'static> {
    let mut fonts = Database::new();
    let own = fonts.load_font_source(Source::Binary(Arc::new(FONT))).first().copied();
    let font_resolver = FontResolver {
        select_font: Box::new(move |_, _| own),
        select_fallback: with_system(system),
    };
    Options { font_resolver, fontdb: Arc::new(fonts), ..Options::default() }
}

type Fallback = Box<dyn Fn(char, &[ID], &mut Arc<Database>) -> Option<ID> + Send + Sync>;

/// Finds a font that has a character, and reads the fonts of the system for the first such
/// character.
fn with_system(system: System) -> Fallback {
    let read = AtomicBool::new(false);
    let find = FontResolver::default_fallback_selector();
    Box::new(move |character, used, fonts| {
        if !read.swap(true, Ordering::Relaxed) {
            system(Arc::make_mut(fonts));
        }
        find(character, used, fonts)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plot::Plot;

    fn titled(title: &str) -> String {
        Plot::new(title).pixels(200, 100).line("l", [0, 1], [0, 1]).to_svg()
    }

    fn dark(Pixels { rgb, .. }: &Pixels) -> usize {
        rgb.chunks_exact(3).filter(|p| p.iter().all(|b| *b < 100)).count()
    }

    #[test]
    fn plots_need_no_fonts_of_the_system() {
        let none = |_: &mut Database| panic!("the fonts of the system are read");
        let with = raster_with(&titled("Größe λ² → ∇f ≤ 10⁻³"), 2.0, none).expect("a picture");
        let without = raster_with(&titled(""), 2.0, none).expect("a picture");
        assert!(dark(&with) > dark(&without) + 200, "{} {}", dark(&with), dark(&without));
    }

    #[test]
    fn other_characters_ask_the_system() {
        // As if the fonts of the system were this one: found again, it lacks the character.
        let same = |fonts: &mut Database| fonts.load_font_data(FONT.to_vec());
        raster_with(&titled("図"), 1.0, same).expect("a box in place of the character");
        let asked = |_: &mut Database| panic!("asked");
        let panic = std::panic::catch_unwind(|| raster_with(&titled("図"), 1.0, asked));
        assert_eq!(panic.expect_err("a question").downcast_ref(), Some(&"asked"));
    }

    #[test]
    fn huge_and_odd_scales_are_errors() {
        let refused = |scale| raster(&titled("a"), scale).expect_err("no picture").to_string();
        for scale in [0.0, -1.0, f64::NAN, f64::INFINITY] {
            assert!(refused(scale).starts_with("expected a positive number"), "{scale}");
        }
        assert!(refused(1e300).starts_with("expected at most 33554432 pixels, got"));
        assert!(refused(1000.0).ends_with(
            "got 200000 x 100000; ask for fewer per point, or save \
             the picture as .svg"
        ));
        let least = raster(&titled("a"), 1e-300).expect("a pixel");
        assert_eq!((least.width, least.rgb.len()), (1, 3));
    }
}
