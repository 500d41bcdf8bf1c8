//! Several panels in one picture.

use super::picture::Picture;
use super::plot::Plot;
use super::scene::{Anchor, Scene};

const TITLE: f64 = 30.0;
/// The least width and height.
const LEAST: f64 = 100.0;

/// Plots in a table, row by row.
///
/// ```
/// use cotangent::plot::{Panels, Plot};
/// let one = |name: &str| Plot::new(name).pixels(320, 240);
/// let svg = Panels::new(2).title("both").panel(one("left")).panel(one("right")).to_svg();
/// assert!(svg.contains("left") && svg.contains("right"));
/// ```
#[derive(Clone, Debug)]
pub struct Panels {
    title: String,
    columns: usize,
    plots: Vec<Plot>,
}

impl Panels {
    /// So many panels in a row.
    pub fn new(columns: usize) -> Panels {
        Panels { title: String::new(), columns: columns.max(1), plots: Vec::new() }
    }

    pub fn title(mut self, text: &str) -> Panels {
        self.title = text.to_owned();
        self
    }

    pub fn panel(mut self, plot: Plot) -> Panels {
        self.plots.push(plot);
        self
    }

    pub fn to_svg(&self) -> String {
        self.scene().to_svg()
    }

    /// The picture, for files and notebooks.
    pub fn picture(&self) -> Picture {
        Picture::of(self.scene(), &self.title)
    }

    /// Shows the panels in an evcxr notebook.
    pub fn evcxr_display(&self) {
        self.picture().evcxr_display();
    }

    fn scene(&self) -> Scene {
        let scenes: Vec<Scene> = self.plots.iter().map(Plot::scene).collect();
        let mut widths = vec![0.0f64; self.columns.min(scenes.len().max(1))];
        let mut heights = vec![0.0f64; scenes.len().div_ceil(self.columns)];
        for (n, scene) in scenes.iter().enumerate() {
            let (row, column) = (n / self.columns, n % self.columns);
            widths[column] = widths[column].max(scene.size.0);
            heights[row] = heights[row].max(scene.size.1);
        }
        let top = if self.title.is_empty() { 0.0 } else { TITLE };
        // Without panels there is a picture still.
        let (width, height) = (widths.iter().sum::<f64>(), heights.iter().sum::<f64>());
        let size = (width.max(LEAST), top + height.max(LEAST));
        let mut all = Scene::new(size);
        all.text_within((size.0 / 2.0, 22.0), Anchor::Middle, 17.0, &self.title, size.0 - 8.0);
        for (n, scene) in scenes.into_iter().enumerate() {
            let (row, column) = (n / self.columns, n % self.columns);
            let x = widths[..column].iter().sum();
            let y = top + heights[..row].iter().sum::<f64>();
            all.place(scene, (x, y));
        }
        all
    }
}
