//! How wide a text is, before the program that shows it chooses a font.

/// Hundredths of the size of the font that the characters from the blank to `~` take in DejaVu
/// Sans. It is the font of pictures as PNG, and among the widest that programs choose.
const WIDTHS: [u8; 95] = [
    32, 40, 46, 84, 64, 95, 78, 27, 39, 39, 50, 84, 32, 36, 32, 34, 64, 64, 64, 64, 64, 64, 64, 64,
    64, 64, 34, 34, 84, 84, 84, 53, 100, 68, 69, 70, 77, 63, 58, 77, 75, 29, 29, 66, 56, 86, 75,
    79, 60, 79, 69, 63, 61, 73, 68, 99, 69, 61, 69, 39, 34, 39, 84, 50, 50, 61, 63, 55, 63, 62, 35,
    63, 63, 28, 28, 58, 28, 97, 63, 61, 63, 63, 41, 52, 39, 63, 59, 82, 59, 59, 52, 64, 34, 64, 84,
];
/// Letters with accents, Greek letters and most signs; and the characters of East Asia.
const OTHER: u8 = 66;
const SQUARE: u8 = 100;

/// The width of a text in a font of this size, both in points.
pub(super) fn width(text: &str, size: f64) -> f64 {
    let one = |c: char| match c {
        ' '..='~' => WIDTHS[c as usize - ' ' as usize],
        '\u{2e80}'.. => SQUARE,
        _ => OTHER,
    };
    size / 100.0 * text.chars().map(|c| f64::from(one(c))).sum::<f64>()
}

/// The size at which a text fits into this room, at least three quarters of what was asked; and the
/// text, which ends in an ellipsis if it is too long even so.
pub(super) fn fitted(text: &str, size: f64, room: f64) -> (f64, String) {
    let wide = width(text, size);
    let size = if wide > room { size * (room / wide).max(0.75) } else { size };
    if width(text, size) <= room + 1e-6 {
        return (size, text.to_owned());
    }
    let mut kept: Vec<char> = text.chars().collect();
    loop {
        let short = kept.iter().chain(&['…']).collect::<String>();
        if kept.pop().is_none() || width(&short, size) <= room {
            return (size, short);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn widths_of_texts() {
        assert_eq!(width("", 10.0), 0.0);
        assert_eq!(width(" ~", 100.0), 116.0);
        assert_eq!(width("i", 50.0), 14.0);
        assert_eq!(width("λ図", 100.0), 166.0);
    }

    #[test]
    fn long_texts_shrink_then_end_early() {
        assert_eq!(fitted("abc", 10.0, 100.0), (10.0, "abc".to_owned()));
        let (size, text) = fitted("abcdefgh", 10.0, 45.0);
        assert!(text == "abcdefgh" && (7.5..10.0).contains(&size), "{size} {text}");
        let (size, text) = fitted("a title that is far too long", 12.0, 60.0);
        assert!(text.starts_with("a t") && text.ends_with('…'), "{text}");
        assert!(width(&text, size) <= 60.0 && size == 9.0, "{size} {text}");
        assert_eq!(fitted("abc", 10.0, 0.0).1, "…");
    }
}
