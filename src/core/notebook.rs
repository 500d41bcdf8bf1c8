//! What a value shows in an evcxr notebook: one content in two forms, as text and as HTML.
//!
//! The kernel reads the forms from standard output, between two marks, and shows the richest that
//! the notebook can. It shows one value per cell.

/// One value in both forms.
pub struct Shown {
    plain: String,
    html: String,
}

impl Shown {
    pub fn new(plain: impl Into<String>, html: impl Into<String>) -> Shown {
        Shown { plain: plain.into(), html: html.into() }
    }

    /// Text that is aligned by its author.
    pub fn text(plain: impl Into<String>) -> Shown {
        let plain = plain.into();
        let html = preformatted(&plain);
        Shown { plain, html }
    }

    /// Prints the marks and the forms. Other threads cannot print between them.
    pub fn print(&self) {
        print!("{}", self.marked());
    }

    pub fn marked(&self) -> String {
        let block = |kind, text| format!("EVCXR_BEGIN_CONTENT {kind}\n{text}\nEVCXR_END_CONTENT\n");
        block("text/plain", &self.plain) + &block("text/html", &self.html)
    }
}

/// Text in a fixed font, with its lines kept.
pub fn preformatted(text: &str) -> String {
    format!("<pre>{}</pre>", escape(text))
}

/// A line that opens by a click and then shows what is inside.
pub fn folded(line: &str, inside: &str) -> String {
    format!("<details><summary>{}</summary>{inside}</details>", escape(line))
}

pub fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
