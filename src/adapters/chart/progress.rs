//! A value so far against what it should reach or stay below: a bar, a mark, a verdict in words.

use crate::adapters::chart::RuleKind;
use crate::adapters::chart::Size;
use crate::adapters::chart::empty;
use crate::adapters::chart::font;
use crate::adapters::chart::palette::Paint;
use crate::adapters::chart::sheet;
use crate::adapters::chart::sheet::Anchor;
use crate::adapters::chart::sheet::Caption;
use crate::adapters::chart::sheet::Frame;
use crate::adapters::chart::sheet::Pen;
use crate::adapters::chart::sheet::Type;
use crate::adapters::chart::step_text;
use crate::adapters::chart::steps;
use crate::adapters::lang::Lang;

/// A mark on the scale.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgressMark {
    /// What it stands for.
    pub kind: RuleKind,
    /// Where.
    pub value: f64,
    /// Its name with the value, such as `target 29`.
    pub label: String,
}

/// A value against its marks.
#[derive(Clone, Debug, PartialEq)]
pub struct ProgressChart {
    /// What it shows.
    pub title: String,
    /// The same in a sentence, for those who cannot see it.
    pub summary: String,
    /// The value so far; none when it is void.
    pub value: Option<f64>,
    /// The value as published, with its unit.
    pub text: String,
    /// Least and greatest value the void days leave possible.
    pub bounds: Option<(f64, f64)>,
    /// End of the scale where it is given, as 100 for a percentage.
    pub highest: Option<f64>,
    /// What it is measured against.
    pub marks: Vec<ProgressMark>,
    /// What to say when there is no value.
    pub empty_note: String,
    /// Slanted words over it, where the figures are simulated.
    pub watermark: Option<String>,
    /// Language of the words the chart adds itself.
    pub lang: Lang,
}

const EDGE_PX: i32 = 14;
const BAR_PX: i32 = 22;

/// Draws the value against its marks.
pub fn render(chart: &ProgressChart, size: Size) -> String {
    let Some(value) = chart.value.filter(|value| value.is_finite()) else {
        return empty(size, &chart.title, &chart.empty_note, chart.lang);
    };
    let most = chart
        .marks
        .iter()
        .map(|mark| mark.value)
        .chain(chart.bounds.map(|(_, high)| high))
        .fold(value, f64::max);
    let scale = match chart.highest {
        Some(highest) => steps(highest, 5),
        None => steps(most * 1.15, 5),
    };
    let width = size.width_px();
    let top = 10 + 18 * i32::try_from(chart.marks.len().min(4)).unwrap_or(4);
    let track = Frame {
        x: EDGE_PX,
        y: top,
        width: width - 2 * EDGE_PX,
        height: BAR_PX,
    };
    let caption = Caption {
        title: &chart.title,
        summary: &chart.summary,
        watermark: chart.watermark.as_deref(),
    };
    let end = scale.last().copied().unwrap_or(1.0);
    sheet::draw((width, track.bottom() + 28), caption, |pen| {
        pen.fill(track, Paint::Faint);
        let x = |at: f64| {
            track.x + ((at / end).clamp(0.0, 1.0) * f64::from(track.width)).round() as i32
        };
        draw_value(pen, track, x(value), &chart.text);
        if let Some((low, high)) = chart.bounds {
            draw_bounds(pen, track, x(low), x(high));
        }
        for step in &scale {
            let at = (x(*step), track.bottom() + 16);
            pen.line(
                vec![(at.0, track.bottom()), (at.0, track.bottom() + 4)],
                Paint::Muted,
                1,
            );
            pen.text(
                at,
                &step_text(*step),
                Type::new(11, Anchor::Middle, Paint::Muted),
            );
        }
        for (row, mark) in (0..4).zip(&chart.marks) {
            draw_mark(pen, track, x(mark.value), row, mark);
        }
    })
}

fn draw_value(pen: &mut Pen<'_>, track: Frame, end: i32, text: &str) {
    let bar = Frame {
        y: track.y + 4,
        width: (end - track.x).max(1),
        height: track.height - 8,
        ..track
    };
    pen.fill(bar, Paint::Series);
    let needed = font::width_px(text, 12).ceil() as i32 + 12;
    let (_, y) = bar.centre();
    if bar.width >= needed {
        let how = Type::new(12, Anchor::End, Paint::Surface).bold();
        pen.text((end - 6, y), text, how);
    } else {
        let how = Type::new(12, Anchor::Start, Paint::Ink).bold();
        pen.text((end + 6, y), text, how);
    }
}

/// A bracket under the bar's end: where the value may lie, were the void days known.
fn draw_bounds(pen: &mut Pen<'_>, track: Frame, low: i32, high: i32) {
    let y = track.bottom() - 2;
    pen.line(vec![(low, y), (high.max(low + 1), y)], Paint::Ink, 1);
    for x in [low, high] {
        pen.line(vec![(x, y - 4), (x, y + 2)], Paint::Ink, 1);
    }
}

fn draw_mark(pen: &mut Pen<'_>, track: Frame, x: i32, row: i32, mark: &ProgressMark) {
    let paint = mark.kind.paint();
    let label_y = 10 + 18 * row;
    let from = (x, label_y + 8);
    let to = (x, track.bottom() + 2);
    match mark.kind {
        RuleKind::Limit => pen.line(vec![from, to], paint, 2),
        RuleKind::Target => pen.dashed(from, to, paint),
    }
    let room_right = track.right() - x;
    let label = sheet::fitted(&mark.label, 12, track.width);
    let wide = font::width_px(&label, 12).ceil() as i32;
    let (anchor, at) = if wide / 2 <= room_right && wide / 2 <= x - track.x {
        (Anchor::Middle, x)
    } else if room_right < wide / 2 {
        (Anchor::End, track.right())
    } else {
        (Anchor::Start, track.x)
    };
    pen.text((at, label_y), &label, Type::new(12, anchor, paint));
}

#[cfg(test)]
mod tests {
    use super::ProgressChart;
    use super::ProgressMark;
    use super::render;
    use crate::adapters::chart::RuleKind;
    use crate::adapters::chart::Size;
    use crate::adapters::lang::Lang;

    fn chart(value: Option<f64>) -> ProgressChart {
        ProgressChart {
            title: "PM2.5".to_owned(),
            summary: String::new(),
            value,
            text: "27.4 µg/m³".to_owned(),
            bounds: None,
            highest: None,
            marks: vec![ProgressMark {
                kind: RuleKind::Target,
                value: 29.0,
                label: "target 29".to_owned(),
            }],
            empty_note: "void".to_owned(),
            watermark: Some("SIMULATED".to_owned()),
            lang: Lang::En,
        }
    }

    #[test]
    fn value_mark_and_watermark_are_in_words() {
        let svg = render(&chart(Some(27.4)), Size::Narrow);
        for word in ["27.4 µg/m³", "target 29", "SIMULATED"] {
            assert!(svg.contains(word), "{word} in {svg}");
        }
    }

    #[test]
    fn a_void_or_senseless_value_is_no_bar() {
        for value in [None, Some(f64::NAN), Some(f64::INFINITY)] {
            assert!(render(&chart(value), Size::Narrow).contains(">void<"));
        }
    }
}
