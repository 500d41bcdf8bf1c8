//! Pictures as files: images are PNG, drawings are PNG with the feature `png-drawings`, and what
//! cannot be drawn is an error that says so.

use cotangent::plot::{ColourMap, Image};
use cotangent::prelude::*;

/// Width, height and rows of a PNG of 8 bits for red, green and blue.
struct Decoded {
    width: usize,
    rows: Vec<Vec<u8>>,
}

fn decoded(file: &[u8]) -> Decoded {
    assert_eq!(&file[..8], b"\x89PNG\r\n\x1a\n");
    let word = |at: usize| u32::from_be_bytes(file[at..at + 4].try_into().unwrap()) as usize;
    let (width, height) = (word(16), word(20));
    assert_eq!(file[24..29], [8, 2, 0, 0, 0]);
    let (mut at, mut data) = (8, Vec::new());
    while at < file.len() {
        let body = &file[at + 8..at + 8 + word(at)];
        let mut sum = flate2::Crc::new();
        sum.update(&file[at + 4..at + 8 + body.len()]);
        assert_eq!(sum.sum() as usize, word(at + 8 + body.len()), "a checksum");
        if &file[at + 4..at + 8] == b"IDAT" {
            data.extend(body);
        }
        at += 12 + body.len();
    }
    let mut bytes = Vec::new();
    std::io::Read::read_to_end(&mut flate2::read::ZlibDecoder::new(&data[..]), &mut bytes).unwrap();
    assert_eq!(bytes.len(), height * (1 + 3 * width));
    let row = |filtered: &[u8]| {
        // Each byte is the difference to that of the pixel before.
        assert_eq!(filtered[0], 1);
        let mut row = filtered[1..].to_vec();
        (3..row.len()).for_each(|n| row[n] = row[n].wrapping_add(row[n - 3]));
        row
    };
    Decoded { width, rows: bytes.chunks(1 + 3 * width).map(row).collect() }
}

#[test]
fn an_image_has_a_pixel_per_element() {
    let image = Image::new(array![[0.0, 1.0, 0.5], [1.0, 0.0, 1.0]], ColourMap::Grey);
    let Decoded { width, rows } = decoded(&image.picture().to_png().unwrap());
    assert_eq!((width, rows.len()), (3, 2));
    assert_eq!(rows[0], [255, 255, 255, 0, 0, 0, 128, 128, 128]);
    assert_eq!(rows[1], [0, 0, 0, 255, 255, 255, 0, 0, 0]);
}

#[test]
fn an_image_of_nothing_is_no_png() {
    let refused = Image::new(zeros([0, 3]), ColourMap::Grey).picture().to_png();
    let text = refused.expect_err("no pixels").to_string();
    assert_eq!(text, "to_png: expected an image of at least one element, got none");
}

#[cfg(not(feature = "png-drawings"))]
#[test]
fn drawings_need_the_feature() {
    let picture = cotangent::plot::Plot::new("a").picture();
    let refused = picture.save("never.png").expect_err("no feature");
    let line = format!(
        "cotangent = {{ version = \"{}\", features = [\"png-drawings\"] }}",
        env!("CARGO_PKG_VERSION")
    );
    assert!(refused.to_string().starts_with("save: to_png: expected .svg, or the feature"));
    assert!(refused.to_string().ends_with(&line), "{refused}");
    assert!(!std::path::Path::new("never.png").exists());
}

#[cfg(feature = "png-drawings")]
mod drawings {
    use super::{Decoded, decoded};
    use cotangent::plot::{ColourMap, Image, Panels, Picture, Plot};
    use cotangent::prelude::*;

    fn drawn(picture: &Picture) -> Decoded {
        decoded(&picture.to_png().unwrap())
    }

    /// How many pixels of a rectangle are not white.
    fn inked(png: &Decoded, x: std::ops::Range<usize>, y: std::ops::Range<usize>) -> usize {
        let row = |row: &Vec<u8>| {
            row[3 * x.start..3 * x.end].chunks(3).filter(|p| **p != [255, 255, 255]).count()
        };
        png.rows[y].iter().map(row).sum()
    }

    #[test]
    fn a_drawing_has_two_pixels_per_point() {
        let picture = Plot::new("a").line("l", [0, 1], [0, 1]).pixels(300, 200).picture();
        for (scale, size) in [(None, (600, 400)), (Some(1.0), (300, 200)), (Some(0.5), (150, 100))]
        {
            let png = match scale {
                None => picture.to_png(),
                Some(scale) => picture.to_png_at(scale),
            };
            let png = decoded(&png.unwrap());
            assert_eq!((png.width, png.rows.len()), size);
        }
    }

    #[test]
    fn texts_are_drawn_where_they_stand() {
        let plot = |title: &str, x: &str, y: &str| {
            drawn(&Plot::new(title).x_label(x).y_label(y).pixels(300, 200).picture())
        };
        let png = plot("title", "across", "up");
        // The title above, the label of the horizontal axis below, that of the vertical at the
        // left, and the numbers of its ticks.
        assert!(inked(&png, 200..450, 10..60) > 100);
        assert!(inked(&png, 200..450, 365..398) > 100);
        assert!(inked(&png, 10..45, 100..300) > 50);
        assert!(inked(&png, 45..85, 40..340) > 100);
        let bare = plot(" ", " ", " ");
        assert_eq!(inked(&bare, 200..450, 10..60), 0);
        assert_eq!(inked(&bare, 200..450, 365..398), 0);
    }

    #[test]
    fn colours_of_a_heat_map_and_of_an_image_are_their_own() {
        let matrix = array![[0.0, 1.0], [1.0, 0.0]];
        let png = drawn(&Plot::new("").heat_map(&matrix, ColourMap::Viridis).picture());
        let count = |png: &Decoded, colour: [u8; 3]| {
            png.rows.iter().flat_map(|row| row.chunks(3)).filter(|p| **p == colour).count()
        };
        // Two quarters each of most of 1280 x 800 pixels.
        assert!(count(&png, [68, 1, 84]) > 300_000, "{}", count(&png, [68, 1, 84]));
        assert!(count(&png, [253, 231, 37]) > 300_000);
        let image = Image::new(&matrix, ColourMap::Grey).caption("a board").picture();
        let png = decoded(&image.to_png_at(1.0).unwrap());
        assert_eq!((png.width, png.rows.len()), (320, 348));
        assert!(inked(&png, 100..220, 322..346) > 50, "the caption");
        assert!(count(&png, [0, 0, 0]) >= 2 * 159 * 159);
    }

    #[test]
    fn the_panels_of_a_picture_stand_side_by_side() {
        let one = |x: [f32; 2]| Plot::new("").line("", [0, 1], x).pixels(200, 150);
        let png = drawn(&Panels::new(2).panel(one([0.0, 1.0])).panel(one([1.0, 0.0])).picture());
        assert_eq!((png.width, png.rows.len()), (800, 300));
        assert!(inked(&png, 0..400, 0..300) > 500 && inked(&png, 400..800, 0..300) > 500);
        // No panel at all is a white picture.
        let png = drawn(&Panels::new(2).picture());
        assert_eq!(inked(&png, 0..png.width, 0..png.rows.len()), 0);
    }

    #[test]
    fn whatever_has_a_drawing_has_a_png() {
        let nothing: [f64; 0] = [];
        let jaxpr = make_jaxpr(grad(|x: Array| x.sin().sum()))(array![1.0, 2.0]);
        for picture in [
            Plot::new("a < b \u{1b}[1m\0\n & 図").line("l\n", nothing, nothing).picture(),
            Plot::new("").line("l", [0.0, 1e300], [f64::NAN, 5e-324]).picture(),
            Plot::new("far").line("l", [0.0, 1e6], [-1e6, 1e6]).x_limits(0.0, 1.0).picture(),
            Plot::new("a title of many words").x_label(&"long ".repeat(99)).pixels(1, 1).picture(),
            Image::new(zeros([1, 1000]), ColourMap::Viridis).picture(),
            jaxpr.picture(),
        ] {
            let png = decoded(&picture.to_png_at(1.0).unwrap());
            assert!(png.width > 0 && !png.rows.is_empty());
        }
    }

    #[test]
    fn a_file_holds_the_png() {
        let name = format!("cotangent_drawing_{}.PNG", std::process::id());
        let file = std::env::temp_dir().join(name);
        let picture = Plot::new("a").picture();
        picture.save(&file).unwrap();
        let read = std::fs::read(&file).unwrap();
        std::fs::remove_file(&file).unwrap();
        assert_eq!(read, picture.to_png().unwrap());
    }

    #[test]
    fn odd_scales_are_errors() {
        let refused =
            |scale| Plot::new("a").picture().to_png_at(scale).expect_err("no PNG").to_string();
        assert!(refused(0.0).starts_with("to_png_at: expected a positive number"));
        assert!(refused(1e9).starts_with("to_png_at: expected at most 33554432 pixels, got"));
    }
}
