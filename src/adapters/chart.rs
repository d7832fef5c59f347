//! Figures to pictures: plain structs in, SVG text out.
//!
//! Pure functions: the same input gives the same bytes. Nothing here computes a figure, reads a store or knows
//! the web. Every picture has a name and a description for those who cannot see it, says nothing by colour
//! alone, and carries a slanted watermark where its figures are simulated.
//!
//! Role colours (ink, grid, series, limit, target and so on) are drawn under classes `f-ROLE` (fill) and
//! `s-ROLE` (stroke), so that a page can recolour them for its dark mode; a picture alone is light.

pub mod calendar;
pub mod font;
pub mod heat;
pub mod map;
pub mod palette;
mod png;
pub mod progress;
pub mod rose;
mod sheet;
pub mod tiers;
pub mod timeline;
pub mod trend;
pub mod years;

pub use self::png::png;
pub use font::missing_glyphs;

use crate::adapters::chart::palette::Paint;
use crate::adapters::chart::sheet::Anchor;
use crate::adapters::chart::sheet::Caption;
use crate::adapters::chart::sheet::Frame;
use crate::adapters::chart::sheet::Type;
use crate::adapters::lang::Lang;

/// How wide a picture is drawn; its height follows from what it shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Size {
    /// For desks: 960 px.
    Wide,
    /// For telephones and cards: 360 px.
    Narrow,
}

impl Size {
    /// Width in pixels.
    pub const fn width_px(self) -> i32 {
        match self {
            Self::Wide => 960,
            Self::Narrow => 360,
        }
    }

    const fn pick(self, wide: i32, narrow: i32) -> i32 {
        match self {
            Self::Wide => wide,
            Self::Narrow => narrow,
        }
    }
}

/// What a rule across a chart, or a mark on a scale, stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RuleKind {
    /// What a standard or permit forbids to pass: a solid line.
    Limit,
    /// What a plan aims at: a dashed line.
    Target,
}

impl RuleKind {
    const fn paint(self) -> Paint {
        match self {
            Self::Limit => Paint::Limit,
            Self::Target => Paint::Target,
        }
    }
}

/// The picture shown when there is nothing to draw: its title and a sentence saying what is missing.
pub fn empty(size: Size, title: &str, note: &str, lang: Lang) -> String {
    let (width, height) = (size.width_px(), 140);
    let caption = Caption {
        title,
        summary: note,
        watermark: None,
    };
    sheet::draw((width, height), caption, |pen| {
        let frame = Frame {
            x: 8,
            y: 8,
            width: width - 16,
            height: height - 16,
        };
        pen.fill(frame, Paint::Faint);
        pen.outline(frame, Paint::Grid);
        let (x, y) = frame.centre();
        let said = if note.is_empty() {
            lang.pick("暂无数据", "No data yet")
        } else {
            note
        };
        let text = sheet::fitted(said, 13, frame.width - 24);
        pen.text((x, y), &text, Type::new(13, Anchor::Middle, Paint::Muted));
    })
}

/// The name a picture has in an address that asks for it as part of a page: behind `#`.
pub const ON_PAGE: &str = "page";

/// A picture that stands by itself: with a style rule of its own, and, where it is asked for as part of a page, in the
/// colours of a dark page when that is dark. By itself it stays light, for paper is.
pub fn standing(svg: &str, rule: &str) -> String {
    let Some((head, rest)) = svg.split_once(">\n") else {
        return svg.to_owned();
    };
    let dark = palette::dark_rules(&format!("#{ON_PAGE}:target"));
    format!(
        "{head} id=\"{ON_PAGE}\">\n<style>{rule}@media(prefers-color-scheme:dark){{{dark}}}</style>\n{rest}"
    )
}

/// Round steps of a scale from zero that reaches at least `highest`, about `wanted` of them.
fn steps(highest: f64, wanted: i32) -> Vec<f64> {
    let span = if highest.is_finite() && highest > 0.0 {
        highest
    } else {
        1.0
    };
    let rough = span / f64::from(wanted.max(1));
    let power = 10f64.powf(rough.log10().floor());
    let step = [1.0, 2.0, 2.5, 5.0, 10.0]
        .into_iter()
        .map(|factor| factor * power)
        .find(|step| *step >= rough)
        .unwrap_or(10.0 * power);
    let count = (span / step).ceil().max(1.0) as i32;
    (0..=count).map(|n| f64::from(n) * step).collect()
}

/// A step as written on a scale: no more decimals than it needs.
fn step_text(value: f64) -> String {
    if (value - value.round()).abs() < 1e-9 {
        format!("{value:.0}")
    } else if (value * 10.0 - (value * 10.0).round()).abs() < 1e-9 {
        format!("{value:.1}")
    } else {
        format!("{value:.2}")
    }
}

#[cfg(test)]
mod tests {
    use super::Size;
    use super::empty;
    use super::step_text;
    use super::steps;
    use crate::adapters::lang::Lang;

    #[test]
    fn steps_are_round_and_reach_the_highest() {
        let check = |highest: f64, expected: &str| {
            let texts: Vec<String> = steps(highest, 5).into_iter().map(step_text).collect();
            assert_eq!(texts.join(" "), expected, "{highest}");
        };
        check(0.0, "0 0.2 0.4 0.6 0.8 1");
        check(3.0, "0 1 2 3");
        check(47.0, "0 10 20 30 40 50");
        check(100.0, "0 20 40 60 80 100");
        check(301.5, "0 100 200 300 400");
        check(f64::NAN, "0 0.2 0.4 0.6 0.8 1");
    }

    #[test]
    fn an_empty_chart_says_so_and_survives_hostile_words() {
        let svg = empty(Size::Narrow, "<b>\"&'", "<script>\u{0}", Lang::En);
        assert!(svg.contains("&lt;script&gt;\u{FFFD}"), "{svg}");
        assert!(!svg.contains("<script"), "{svg}");
    }
}
