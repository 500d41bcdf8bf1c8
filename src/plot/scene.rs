//! Shapes on a canvas, and their SVG. Positions are pixels from the upper left corner.

use super::png::png;
use super::text::fitted;
use std::fmt::Write;

pub type Point = (f64, f64);

/// A colour, and how much of it covers what lies below.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Paint {
    pub colour: [u8; 3],
    pub cover: f64,
}

impl Paint {
    pub(super) const fn solid(colour: [u8; 3]) -> Paint {
        Paint { colour, cover: 1.0 }
    }

    pub(super) const fn cover(self, cover: f64) -> Paint {
        Paint { cover, ..self }
    }
}

pub const WHITE: Paint = Paint::solid([255, 255, 255]);
pub const INK: Paint = Paint::solid([15, 23, 42]);
pub const FAINT: Paint = Paint::solid([226, 232, 240]);

#[derive(Clone, Copy, PartialEq, Debug)]
pub enum Anchor {
    Start,
    Middle,
    End,
}

#[derive(Clone, Debug)]
pub enum Shape {
    Line {
        points: Vec<Point>,
        paint: Paint,
        width: f64,
    },
    Area {
        points: Vec<Point>,
        paint: Paint,
    },
    Circle {
        centre: Point,
        radius: f64,
        paint: Paint,
    },
    Text {
        at: Point,
        anchor: Anchor,
        size: f64,
        /// Read from below upwards.
        turned: bool,
        text: String,
    },
    /// Rows of pixels from the top, three bytes each.
    Pixels {
        at: Point,
        size: Point,
        width: usize,
        rgb: Vec<u8>,
    },
    /// Shapes of which only the part in this rectangle is seen.
    Window {
        at: Point,
        size: Point,
        shapes: Vec<Shape>,
    },
}

/// Shapes, of which later ones cover earlier ones.
#[derive(Clone, Debug)]
pub struct Scene {
    pub size: Point,
    pub shapes: Vec<Shape>,
}

impl Scene {
    pub(super) fn new(size: Point) -> Scene {
        Scene { size, shapes: Vec::new() }
    }

    pub(super) fn rectangle(&mut self, (x, y): Point, (w, h): Point, paint: Paint) {
        let points = vec![(x, y), (x + w, y), (x + w, y + h), (x, y + h)];
        self.shapes.push(Shape::Area { points, paint });
    }

    pub(super) fn line(&mut self, points: Vec<Point>, paint: Paint, width: f64) {
        self.shapes.push(Shape::Line { points, paint, width });
    }

    pub(super) fn text(&mut self, at: Point, anchor: Anchor, size: f64, text: &str) {
        if !text.is_empty() {
            let text = text.to_owned();
            self.shapes.push(Shape::Text { at, anchor, size, turned: false, text });
        }
    }

    /// A text that is made smaller, and at last shorter, to fit into this room.
    pub(super) fn text_within(
        &mut self,
        at: Point,
        anchor: Anchor,
        size: f64,
        text: &str,
        room: f64,
    ) {
        let (size, text) = fitted(text, size, room);
        let size = (10.0 * size).floor() / 10.0;
        self.text(at, anchor, size, &text);
    }

    /// The shapes of another scene, so far to the right and down.
    pub(super) fn place(&mut self, other: Scene, at: Point) {
        self.shapes.push(Shape::Window { at, size: other.size, shapes: other.shapes });
    }

    pub(super) fn to_svg(&self) -> String {
        let (w, h) = self.size;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{w}\" height=\"{h}\" \
             viewBox=\"0 0 {w} {h}\" font-family=\"sans-serif\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
        );
        self.shapes.iter().for_each(|s| s.write(&mut svg));
        svg + "</svg>\n"
    }
}

/// Places on the way from `a` to before `b`.
fn between(a: Point, b: Point) -> impl Iterator<Item = Point> {
    let parts = ((b.0 - a.0).hypot(b.1 - a.1) / 8.0).ceil().clamp(1.0, 200.0);
    let part = move |n: i32| {
        let t = f64::from(n) / parts;
        (a.0 + t * (b.0 - a.0), a.1 + t * (b.1 - a.1))
    };
    (0..parts as i32).map(part)
}

impl Shape {
    /// Places along its outline, near enough to each other that nothing as large as a legend fits
    /// between them. Texts have none.
    pub(super) fn places(&self) -> Vec<Point> {
        match self {
            Shape::Line { points, .. } | Shape::Area { points, .. } => {
                let ends = points.iter().zip(points.iter().skip(1));
                ends.flat_map(|(a, b)| between(*a, *b)).chain(points.last().copied()).collect()
            }
            Shape::Circle { centre, .. } => vec![*centre],
            Shape::Text { .. } => Vec::new(),
            Shape::Pixels { at, size, .. } => {
                between(*at, (at.0 + size.0, at.1 + size.1)).collect()
            }
            Shape::Window { shapes, .. } => shapes.iter().flat_map(Shape::places).collect(),
        }
    }

    fn write(&self, svg: &mut String) {
        // Writing to a string does not fail.
        let _ = match self {
            Shape::Line { points, paint, width } => {
                let style = style("stroke", *paint);
                writeln!(
                    svg,
                    "<polyline points=\"{}\" fill=\"none\" {style} stroke-width=\"{width}\" \
                     stroke-linejoin=\"round\"/>",
                    list(points)
                )
            }
            Shape::Area { points, paint } => {
                writeln!(svg, "<polygon points=\"{}\" {}/>", list(points), style("fill", *paint))
            }
            Shape::Circle { centre: (x, y), radius, paint } => {
                let style = style("fill", *paint);
                writeln!(svg, "<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"{radius}\" {style}/>")
            }
            Shape::Text { at: (x, y), anchor, size, turned, text } => {
                let anchor = match anchor {
                    Anchor::Start => "start",
                    Anchor::Middle => "middle",
                    Anchor::End => "end",
                };
                let turn = match turned {
                    true => format!(" transform=\"rotate(-90 {x:.1} {y:.1})\""),
                    false => String::new(),
                };
                writeln!(
                    svg,
                    "<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\" font-size=\"{size}\" \
                     {}{turn}>{}</text>",
                    style("fill", INK),
                    escape(text)
                )
            }
            Shape::Pixels { at: (x, y), size: (w, h), width, rgb } => writeln!(
                svg,
                "<image x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\" \
                 preserveAspectRatio=\"none\" style=\"image-rendering:pixelated\" \
                 href=\"data:image/png;base64,{}\"/>",
                base64(&png(*width, rgb))
            ),
            Shape::Window { at: (x, y), size: (w, h), shapes } => {
                // A nested picture shows nothing outside of itself, and needs no names, which must
                // differ between the pictures of a page.
                let _ = writeln!(
                    svg,
                    "<svg x=\"{x:.1}\" y=\"{y:.1}\" width=\"{w:.1}\" height=\"{h:.1}\">"
                );
                shapes.iter().for_each(|s| s.write(svg));
                writeln!(svg, "</svg>")
            }
        };
    }
}

fn style(name: &str, Paint { colour: [r, g, b], cover }: Paint) -> String {
    let opacity = if cover < 1.0 { format!(" {name}-opacity=\"{cover}\"") } else { String::new() };
    format!("{name}=\"#{r:02x}{g:02x}{b:02x}\"{opacity}")
}

fn list(points: &[Point]) -> String {
    let texts: Vec<String> = points.iter().map(|(x, y)| format!("{x:.1},{y:.1}")).collect();
    texts.join(" ")
}

/// A text as XML, which knows no control characters.
fn escape(text: &str) -> String {
    let known = |c: &char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
    let text: String =
        text.chars().map(|c| if c == '\n' { ' ' } else { c }).filter(known).collect();
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

pub(super) fn base64(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::with_capacity(bytes.len().div_ceil(3) * 4);
    for some in bytes.chunks(3) {
        let word =
            some.iter().enumerate().fold(0u32, |w, (n, b)| w | u32::from(*b) << (16 - 8 * n));
        for n in 0..4 {
            let digit = DIGITS[(word >> (18 - 6 * n) & 63) as usize] as char;
            text.push(if n <= some.len() { digit } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_line_covers_places_between_its_ends() {
        let line = Shape::Line { points: vec![(0.0, 0.0), (80.0, 0.0)], paint: INK, width: 1.0 };
        assert_eq!(line.places().len(), 11);
        assert!(line.places().contains(&(40.0, 0.0)));
    }

    #[test]
    fn texts_as_xml() {
        assert_eq!(escape("a < b & c > d"), "a &lt; b &amp; c &gt; d");
        assert_eq!(escape("one\ntwo \u{1b}[0m\0\u{ffff}λ"), "one two [0mλ");
    }

    #[test]
    fn base64_of_every_length() {
        let all =
            [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foobar", "Zm9vYmFy")];
        for (text, expected) in all {
            assert_eq!(base64(text.as_bytes()), expected);
        }
    }
}
