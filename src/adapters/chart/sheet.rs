//! A sheet of paper to draw on, and the finishing of its SVG text: roles become classes, the picture gets a
//! name, a description and its watermark.
//!
//! Drawing goes through `plotters`; what its SVG backend cannot say (dashes, slanted text, hover titles) is laid
//! over the finished picture here.

use std::fmt::Write;

use plotters::backend::SVGBackend;
use plotters::coord::Shift;
use plotters::drawing::DrawingArea;
use plotters::drawing::IntoDrawingArea;
use plotters::element::Circle;
use plotters::element::PathElement;
use plotters::element::Rectangle;
use plotters::element::Text;
use plotters::style::Color;
use plotters::style::FontDesc;
use plotters::style::FontFamily;
use plotters::style::FontStyle;
use plotters::style::RGBColor;
use plotters::style::text_anchor::HPos;
use plotters::style::text_anchor::Pos;
use plotters::style::text_anchor::VPos;

use crate::adapters::chart::font;
use crate::adapters::chart::palette::Paint;

/// The backend divides a text's size by this to get the `font-size` it writes.
const BACKEND_TEXT_SCALE: f64 = 1.24;
/// Drawing into a string has no way to fail.
const INFALLIBLE: &str = "drawing into a string cannot fail";

/// What every picture says about itself.
#[derive(Clone, Copy, Debug)]
pub(super) struct Caption<'a> {
    pub(super) title: &'a str,
    pub(super) summary: &'a str,
    pub(super) watermark: Option<&'a str>,
}

/// Where a text stands relative to its point; vertically it is centred.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

/// A box in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Frame {
    pub(super) x: i32,
    pub(super) y: i32,
    pub(super) width: i32,
    pub(super) height: i32,
}

impl Frame {
    pub(super) const fn right(self) -> i32 {
        self.x + self.width
    }

    pub(super) const fn bottom(self) -> i32 {
        self.y + self.height
    }

    pub(super) const fn centre(self) -> (i32, i32) {
        (self.x + self.width / 2, self.y + self.height / 2)
    }

    const fn corners(self) -> [(i32, i32); 2] {
        [(self.x, self.y), (self.right(), self.bottom())]
    }
}

/// How a text is set.
#[derive(Clone, Copy, Debug)]
pub(super) struct Type {
    pub(super) size_px: i32,
    pub(super) anchor: Anchor,
    pub(super) paint: Paint,
    pub(super) bold: bool,
}

impl Type {
    pub(super) const fn new(size_px: i32, anchor: Anchor, paint: Paint) -> Self {
        Self {
            size_px,
            anchor,
            paint,
            bold: false,
        }
    }

    pub(super) const fn bold(self) -> Self {
        Self { bold: true, ..self }
    }
}

/// What draws.
pub(super) struct Pen<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
    over: String,
    /// Words above all that.
    top: String,
}

impl Pen<'_> {
    pub(super) fn fill(&mut self, frame: Frame, paint: Paint) {
        let shape = Rectangle::new(frame.corners(), colour(paint).filled());
        self.area.draw(&shape).expect(INFALLIBLE);
    }

    pub(super) fn outline(&mut self, frame: Frame, paint: Paint) {
        let shape = Rectangle::new(frame.corners(), colour(paint).stroke_width(1));
        self.area.draw(&shape).expect(INFALLIBLE);
    }

    pub(super) fn line(&mut self, points: Vec<(i32, i32)>, paint: Paint, width_px: u32) {
        let shape = PathElement::new(points, colour(paint).stroke_width(width_px));
        self.area.draw(&shape).expect(INFALLIBLE);
    }

    pub(super) fn dot(&mut self, centre: (i32, i32), radius_px: i32, paint: Paint) {
        let shape = Circle::new(centre, radius_px, colour(paint).filled());
        self.area.draw(&shape).expect(INFALLIBLE);
    }

    pub(super) fn text(&mut self, at: (i32, i32), text: &str, how: Type) {
        let horizontal = match how.anchor {
            Anchor::Start => HPos::Left,
            Anchor::Middle => HPos::Center,
            Anchor::End => HPos::Right,
        };
        let weight = if how.bold {
            FontStyle::Bold
        } else {
            FontStyle::Normal
        };
        let style = FontDesc::new(FontFamily::SansSerif, backend_size(how.size_px), weight)
            .color(&colour(how.paint))
            .pos(Pos::new(horizontal, VPos::Center));
        self.area
            .draw(&Text::new(printable(text), at, style))
            .expect(INFALLIBLE);
    }

    /// A level dashed line.
    pub(super) fn dashed(&mut self, from: (i32, i32), to: (i32, i32), paint: Paint) {
        let role = role_class(paint);
        writeln!(
            self.over,
            "<line class=\"s-{role}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\" stroke=\"{}\" \
             stroke-width=\"2\" stroke-dasharray=\"6 4\"/>",
            from.0,
            from.1,
            to.0,
            to.1,
            hex(paint)
        )
        .expect(INFALLIBLE);
    }

    /// A centred text that stays legible over lines: it stands above everything, with a rim of paper, and lets the pointer
    /// through to what lies below.
    pub(super) fn rimmed(&mut self, (x, y): (i32, i32), text: &str, size_px: i32) {
        writeln!(
            self.top,
            "<text class=\"rim f-ink\" x=\"{x}\" y=\"{y}\" dy=\"0.5ex\" text-anchor=\"middle\" \
             font-size=\"{size_px}\" fill=\"{}\" stroke=\"{}\" stroke-width=\"3\" \
             stroke-linejoin=\"round\" paint-order=\"stroke\" pointer-events=\"none\">{}</text>",
            hex(Paint::Ink),
            hex(Paint::Surface),
            escape(text)
        )
        .expect(INFALLIBLE);
    }

    /// A text shown while the pointer rests on the box.
    pub(super) fn hint(&mut self, frame: Frame, text: &str) {
        writeln!(
            self.over,
            "<rect class=\"hint\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill-opacity=\"0\">\
             <title>{}</title></rect>",
            frame.x,
            frame.y,
            frame.width,
            frame.height,
            escape(text)
        )
        .expect(INFALLIBLE);
    }
}

impl Pen<'_> {
    /// A line in strokes of its own kind, so that it is told from others without its colour.
    pub(super) fn stroked(&mut self, points: &[(i32, i32)], paint: Paint, dashes: &str) {
        let role = role_class(paint);
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
        writeln!(
            self.over,
            "<polyline class=\"s-{role}\" points=\"{}\" fill=\"none\" stroke=\"{}\" stroke-width=\"2\" \
             stroke-dasharray=\"{dashes}\"/>",
            points.join(" "),
            hex(paint)
        )
        .expect(INFALLIBLE);
    }

    /// A box filled the darker, the greater the share.
    pub(super) fn shade(&mut self, frame: Frame, paint: Paint, share: f64) {
        let role = role_class(paint);
        writeln!(
            self.over,
            "<rect class=\"f-{role}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\" fill=\"{}\" \
             fill-opacity=\"{share:.2}\"/>",
            frame.x,
            frame.y,
            frame.width,
            frame.height,
            hex(paint)
        )
        .expect(INFALLIBLE);
    }

    /// A field with an edge, the darker the greater the share and open without one, that tells a text while the pointer
    /// rests on it.
    pub(super) fn patch(
        &mut self,
        points: &[(i32, i32)],
        paint: Paint,
        share: Option<f64>,
        text: &str,
    ) {
        let role = role_class(paint);
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
        let share = share.unwrap_or(0.0).clamp(0.0, 1.0);
        writeln!(
            self.over,
            "<polygon class=\"f-{role} s-grid\" points=\"{}\" fill=\"{}\" fill-opacity=\"{share:.2}\" \
             stroke=\"{}\"><title>{}</title></polygon>",
            points.join(" "),
            hex(paint),
            hex(Paint::Grid),
            escape(text)
        )
        .expect(INFALLIBLE);
    }

    /// A centred text over what was laid over the picture.
    pub(super) fn over_text(&mut self, (x, y): (i32, i32), text: &str, size_px: i32) {
        writeln!(
            self.over,
            "<text class=\"f-ink\" x=\"{x}\" y=\"{y}\" dy=\"0.7ex\" text-anchor=\"middle\" \
             font-size=\"{size_px}\" fill=\"{}\">{}</text>",
            hex(Paint::Ink),
            escape(text)
        )
        .expect(INFALLIBLE);
    }

    /// A light area.
    pub(super) fn area(&mut self, points: &[(i32, i32)], paint: Paint) {
        let role = role_class(paint);
        let points: Vec<String> = points.iter().map(|(x, y)| format!("{x},{y}")).collect();
        writeln!(
            self.over,
            "<polygon class=\"f-{role}\" points=\"{}\" fill=\"{}\" fill-opacity=\"0.2\"/>",
            points.join(" "),
            hex(paint)
        )
        .expect(INFALLIBLE);
    }

    /// A box that leads to an address and tells a text while the pointer rests on it. Keyboards reach the same
    /// addresses by the table behind the picture.
    pub(super) fn link(&mut self, frame: Frame, href: &str, text: &str) {
        write!(
            self.over,
            "<a href=\"{}\" tabindex=\"-1\" aria-label=\"{}\">",
            escape(href),
            escape(text)
        )
        .expect(INFALLIBLE);
        self.hint(frame, text);
        self.over.truncate(self.over.trim_end().len());
        self.over.push_str("</a>\n");
    }
}

/// Draws a picture of that size and finishes it.
pub(super) fn draw(
    (width, height): (i32, i32),
    caption: Caption<'_>,
    picture: impl FnOnce(&mut Pen<'_>),
) -> String {
    assert!(width > 0 && height > 0, "a picture has a size");
    font::ready();
    let mut svg = String::new();
    let over = draw_into(&mut svg, (width, height), picture);
    finish(&svg, &over, (width, height), caption)
}

/// Draws into the text and returns what is to be laid over.
fn draw_into(
    svg: &mut String,
    (width, height): (i32, i32),
    picture: impl FnOnce(&mut Pen<'_>),
) -> String {
    let size = (width.unsigned_abs(), height.unsigned_abs());
    let mut pen = Pen {
        area: SVGBackend::with_string(svg, size).into_drawing_area(),
        over: String::new(),
        top: String::new(),
    };
    let paper = Frame {
        x: 0,
        y: 0,
        width,
        height,
    };
    pen.fill(paper, Paint::Surface);
    picture(&mut pen);
    pen.area.present().expect(INFALLIBLE);
    pen.over + &pen.top
}

fn finish(svg: &str, over: &str, (width, height): (i32, i32), caption: Caption<'_>) -> String {
    let start = svg.find('\n').expect("the root element has its own line") + 1;
    let end = svg.rfind("</svg>").expect("the root element is closed");
    let mut body = svg[start..end]
        .replace(" opacity=\"1\"", "")
        .replace(" stroke=\"none\"", "")
        .replace(" font-family=\"sans-serif\"", "")
        .replace(" \"/>", "\"/>")
        .replace("\n</text>", "</text>")
        .replace(" text-anchor=\"start\"", "")
        .replace("\">\n", "\">");
    for (paint, class) in Paint::ROLES {
        for (attribute, prefix) in [("fill", "f"), ("stroke", "s")] {
            let plain = format!(" {attribute}=\"{}\"", hex(paint));
            let classed = format!(" class=\"{prefix}-{class}\"{plain}");
            body = body.replace(&plain, &classed);
        }
    }
    body.push_str(over);
    let title = escape(caption.title);
    // What leads somewhere is no mere picture.
    let role = if over.contains("<a href") {
        "group"
    } else {
        "img"
    };
    let mark = caption
        .watermark
        .map(|text| watermark(text, (width, height)))
        .unwrap_or_default();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {width} {height}\" width=\"100%\" \
         font-family=\"{family}\" role=\"{role}\" aria-label=\"{title}\">\n\
         <title>{title}</title>\n<desc>{summary}</desc>\n{body}{mark}</svg>\n",
        family = font::FAMILY,
        summary = escape(caption.summary),
    )
}

/// The slanted words that say a picture does not show measured air, repeated down a tall picture.
fn watermark(text: &str, (width, height): (i32, i32)) -> String {
    let size = (width / 11).clamp(30, 72);
    let copies = (height / 300).max(1);
    let mut marks = String::new();
    for copy in 0..copies {
        let x = width / 2;
        let y = height * (2 * copy + 1) / (2 * copies);
        writeln!(
            marks,
            "<text class=\"watermark\" x=\"{x}\" y=\"{y}\" text-anchor=\"middle\" font-size=\"{size}\" \
             fill=\"#26323D\" fill-opacity=\"0.3\" stroke=\"#F4F7F9\" stroke-opacity=\"0.45\" \
             letter-spacing=\"6\" pointer-events=\"none\" \
             transform=\"rotate(-16 {x} {y})\">{}</text>",
            escape(text)
        )
        .expect(INFALLIBLE);
    }
    marks
}

/// The class suffix of a paint that a page may recolour.
fn role_class(paint: Paint) -> &'static str {
    Paint::ROLES
        .into_iter()
        .find(|(role, _)| *role == paint)
        .map_or("fixed", |(_, class)| class)
}

fn hex(paint: Paint) -> String {
    let (r, g, b) = paint.rgb();
    format!("#{r:02X}{g:02X}{b:02X}")
}

fn colour(paint: Paint) -> RGBColor {
    let (r, g, b) = paint.rgb();
    RGBColor(r, g, b)
}

/// The size that comes out of the backend as exactly `size_px`.
fn backend_size(size_px: i32) -> f64 {
    let wanted = f64::from(size_px);
    let near = wanted * BACKEND_TEXT_SCALE;
    [near, near.next_up(), near.next_down()]
        .into_iter()
        .find(|size| size / BACKEND_TEXT_SCALE == wanted)
        .unwrap_or(near)
}

/// Text safe inside an element or a quoted attribute.
pub(super) fn escape(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '&' => safe.push_str("&amp;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            other => safe.push(in_xml(other)),
        }
    }
    safe
}

/// The character, or what stands for one that XML forbids or that prints nothing: it would make the whole picture unreadable.
fn in_xml(c: char) -> char {
    let foreign = c.is_control() && !matches!(c, '\n' | '\t');
    if foreign || matches!(c, '\u{FFFE}' | '\u{FFFF}') {
        return '\u{FFFD}';
    }
    c
}

/// A text for the backend, which makes it safe in all but its characters.
fn printable(text: &str) -> String {
    text.chars().map(in_xml).collect()
}

/// The text, cut with an ellipsis where it is wider than `width_px`.
pub(super) fn fitted(text: &str, size_px: i32, width_px: i32) -> String {
    let limit = width_px as f32;
    if font::width_px(text, size_px) <= limit {
        return text.to_owned();
    }
    let mut kept = String::new();
    for c in text.chars() {
        kept.push(c);
        if font::width_px(&kept, size_px) + font::width_px("…", size_px) > limit {
            kept.pop();
            break;
        }
    }
    kept.push('…');
    kept
}
