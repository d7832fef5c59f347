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
const ROW_PX: i32 = 18;
/// Most marks drawn; further ones are left to the words beside the picture.
const MARKS_MAX: usize = 4;

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
    let rows = chart.marks.len().min(MARKS_MAX);
    let top = 10 + ROW_PX * i32::try_from(rows).unwrap_or(0);
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
        // The greatest first: the labels of the others then end before its line, close to their own.
        let mut marks: Vec<&ProgressMark> = chart.marks.iter().take(MARKS_MAX).collect();
        marks.sort_by(|a, b| b.value.total_cmp(&a.value));
        let places: Vec<i32> = marks.iter().map(|mark| x(mark.value)).collect();
        for (row, mark) in marks.into_iter().enumerate() {
            draw_mark(pen, track, &places[..=row], mark);
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
    let needed = font::room_px(text, 12) + 12;
    let (_, y) = bar.centre();
    if bar.width >= needed {
        let how = Type::new(12, Anchor::Start, Paint::Surface).bold();
        pen.text((bar.x + 6, y), text, how);
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

/// Draws the mark at the last of the places; lines of the marks before it run through its label's row.
fn draw_mark(pen: &mut Pen<'_>, track: Frame, places: &[i32], mark: &ProgressMark) {
    let (Some((x, before)), paint) = (places.split_last(), mark.kind.paint()) else {
        return;
    };
    let label_y = 10 + ROW_PX * i32::try_from(before.len()).unwrap_or(0);
    let from = (*x, label_y + 8);
    let to = (*x, track.bottom() + 2);
    match mark.kind {
        RuleKind::Limit => pen.line(vec![from, to], paint, 2),
        RuleKind::Target => pen.dashed(from, to, paint),
    }
    let label = sheet::fitted(&mark.label, 12, track.width);
    let wide = font::room_px(&label, 12);
    let left = label_left(track, *x, wide, before);
    pen.text((left, label_y), &label, Type::new(12, Anchor::Start, paint));
}

/// Where a label of that width begins: about its mark, inside the track, and beside the lines before it.
fn label_left(track: Frame, x: i32, wide: i32, before: &[i32]) -> i32 {
    let last = track.right() - wide;
    let about = (x - wide / 2).min(last).max(track.x);
    let beside_right = before.iter().copied().max().map(|line| line + 6);
    let beside_left = before.iter().copied().min().map(|line| line - 6 - wide);
    let free = |left: &i32| {
        let crossed = |line: &i32| (*left - 3..=*left + wide + 3).contains(line);
        (track.x..=last).contains(left) && !before.iter().any(crossed)
    };
    [Some(about), beside_left, beside_right]
        .into_iter()
        .flatten()
        .find(free)
        .unwrap_or(about)
}

#[cfg(test)]
mod tests {
    use super::ProgressChart;
    use super::ProgressMark;
    use super::label_left;
    use super::render;
    use crate::adapters::chart::RuleKind;
    use crate::adapters::chart::Size;
    use crate::adapters::chart::sheet::Frame;
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
    fn a_label_keeps_off_the_lines_that_run_through_its_row() {
        let track = Frame {
            x: 0,
            y: 0,
            width: 300,
            height: 20,
        };
        // About its mark, then left of the other line, then right of it, then about its mark for want of room.
        assert_eq!(label_left(track, 100, 60, &[]), 70);
        assert_eq!(label_left(track, 100, 60, &[120]), 54);
        assert_eq!(label_left(track, 20, 60, &[40]), 46);
        assert_eq!(label_left(track, 150, 290, &[150]), 5);
    }

    #[test]
    fn a_void_or_senseless_value_is_no_bar() {
        for value in [None, Some(f64::NAN), Some(f64::INFINITY)] {
            assert!(render(&chart(value), Size::Narrow).contains(">void<"));
        }
    }
}
