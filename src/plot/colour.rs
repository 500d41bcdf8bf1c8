//! Colours of series, and colour maps.

use super::scene::Paint;

/// Colours that differ for most eyes, in this order.
const SERIES: [[u8; 3]; 8] = [
    [37, 99, 235],
    [220, 38, 38],
    [5, 150, 105],
    [217, 119, 6],
    [124, 58, 237],
    [14, 116, 144],
    [190, 24, 93],
    [71, 85, 105],
];

/// The colour of the `n`th series.
pub(super) fn series(n: usize) -> Paint {
    Paint::solid(SERIES[n % SERIES.len()])
}

/// The colours of a range of numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum ColourMap {
    /// From dark violet over green to yellow, evenly brighter; read in grey, too.
    #[default]
    Viridis,
    /// From blue over white to red: for numbers around zero, which stays in the middle.
    Diverging,
    /// From white to black.
    Grey,
}

/// Colours of equal distance along a map, which are mixed between.
type Stops = &'static [[u8; 3]];

const VIRIDIS: Stops = &[
    [68, 1, 84],
    [72, 40, 120],
    [62, 74, 137],
    [49, 104, 142],
    [38, 130, 142],
    [31, 158, 137],
    [53, 183, 121],
    [109, 205, 89],
    [180, 222, 44],
    [253, 231, 37],
];
const DIVERGING: Stops = &[
    [33, 102, 172],
    [103, 169, 207],
    [209, 229, 240],
    [247, 247, 247],
    [253, 219, 199],
    [239, 138, 98],
    [178, 24, 43],
];
const GREY: Stops = &[[255, 255, 255], [0, 0, 0]];

impl ColourMap {
    /// The colour of a number from 0 to 1; others get the colour of the nearest.
    pub fn colour(self, x: f64) -> [u8; 3] {
        let stops = match self {
            ColourMap::Viridis => VIRIDIS,
            ColourMap::Diverging => DIVERGING,
            ColourMap::Grey => GREY,
        };
        let place = x.clamp(0.0, 1.0) * (stops.len() - 1) as f64;
        // A NaN is at 0.
        let before = (place as usize).min(stops.len() - 2);
        let rest = if place.is_nan() { 0.0 } else { place - before as f64 };
        std::array::from_fn(|n| {
            let (a, b) = (f64::from(stops[before][n]), f64::from(stops[before + 1][n]));
            (a + (b - a) * rest).round() as u8
        })
    }

    /// The numbers that get the first and the last colour, for data between these.
    pub(super) fn range(self, (low, high): (f64, f64)) -> (f64, f64) {
        let most = low.abs().max(high.abs());
        if self == ColourMap::Diverging { (-most, most) } else { (low, high) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ends_and_beyond() {
        assert_eq!(ColourMap::Viridis.colour(0.0), [68, 1, 84]);
        assert_eq!(ColourMap::Viridis.colour(7.0), [253, 231, 37]);
        assert_eq!(ColourMap::Grey.colour(0.5), [128, 128, 128]);
        assert_eq!(ColourMap::Diverging.colour(0.5), [247, 247, 247]);
        assert_eq!(ColourMap::Grey.colour(f64::NAN), [255, 255, 255]);
        assert_eq!(ColourMap::Diverging.range((-1.0, 3.0)), (-3.0, 3.0));
    }
}
