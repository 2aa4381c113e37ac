//! The few elements that the plot is made of.

use std::fmt::{Display, Write};

/// An SVG document in the making.
pub(super) struct Svg {
    body: String,
    width: f64,
}

impl Svg {
    pub(super) fn new(width: f64) -> Svg {
        let body = String::new();
        Svg { body, width }
    }

    /// A filled rectangle; with a text that is shown where the pointer rests.
    pub(super) fn bar(&mut self, at: (f64, f64), size: (f64, f64), fill: &str, title: &str) {
        let ((x, y), (width, height)) = (at, size);
        self.push(format_args!(
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" fill="{fill}">"#
        ));
        self.titled(title, "rect");
    }

    /// A small dot.
    pub(super) fn dot(&mut self, at: (f64, f64), radius: f64, fill: &str, title: &str) {
        let (x, y) = at;
        self.push(format_args!(
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="{radius}" fill="{fill}">"#
        ));
        self.titled(title, "circle");
    }

    /// A thin straight line.
    pub(super) fn line(&mut self, from: (f64, f64), to: (f64, f64), stroke: &str) {
        let ((x1, y1), (x2, y2)) = (from, to);
        self.push(format_args!(
            r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" stroke="{stroke}"/>"#
        ));
    }

    /// A line through points.
    pub(super) fn path(&mut self, points: &[(f64, f64)], stroke: &str) {
        let mut all = String::new();
        for (x, y) in points {
            let _ = write!(all, "{x:.1},{y:.1} ");
        }
        self.push(format_args!(
            r#"<polyline points="{all}" fill="none" stroke="{stroke}" stroke-width="1.3"/>"#
        ));
    }

    /// Text from `x` on, or up to it for `anchor` `end`.
    pub(super) fn text(&mut self, at: (f64, f64), size: u32, anchor: &str, fill: &str, text: &str) {
        let ((x, y), text) = (at, escape(text));
        self.push(format_args!(
            r#"<text x="{x:.1}" y="{y:.1}" font-size="{size}" text-anchor="{anchor}" fill="{fill}">{text}</text>"#
        ));
    }

    /// Puts another one on top of it.
    pub(super) fn append(&mut self, other: Svg) {
        self.body.push_str(&other.body);
    }

    fn titled(&mut self, title: &str, element: &str) {
        if !title.is_empty() {
            let title = escape(title);
            self.push(format_args!("<title>{title}</title>"));
        }
        self.push(format_args!("</{element}>\n"));
    }

    fn push(&mut self, what: impl Display) {
        // Writing to a string can't fail.
        let _ = write!(self.body, "{what}");
    }

    /// The document, so high.
    pub(super) fn done(self, height: f64) -> String {
        let Svg { body, width } = self;
        format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height:.0}\" \
             viewBox=\"0 0 {width} {height:.0}\" font-family=\"Helvetica, Arial, sans-serif\">\n\
             <rect width=\"100%\" height=\"100%\" fill=\"#ffffff\"/>\n{body}</svg>\n"
        )
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}
