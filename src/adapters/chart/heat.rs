//! Hours of the day against months: the darker, the higher, and every cell carries its figure. A cell without enough values
//! is left open with a dash.

use std::fmt::Write;

use crate::adapters::chart::Size;
use crate::adapters::chart::calendar::month_name;
use crate::adapters::chart::empty;
use crate::adapters::chart::palette::Paint;
use crate::adapters::chart::sheet;
use crate::adapters::chart::sheet::Anchor;
use crate::adapters::chart::sheet::Caption;
use crate::adapters::chart::sheet::Frame;
use crate::adapters::chart::sheet::Pen;
use crate::adapters::chart::sheet::Type;
use crate::adapters::lang::Lang;

/// Hours of a day.
const HOURS: usize = 24;
/// Opacity of the highest figure; text stays legible on it.
const DARKEST: f64 = 0.62;

/// Means by month and hour.
#[derive(Clone, Debug, PartialEq)]
pub struct HeatChart {
    /// What it shows.
    pub title: String,
    /// The same in a sentence, for those who cannot see it.
    pub summary: String,
    /// Unit of the figures.
    pub unit: String,
    /// By month, January first, and hour ending 01:00 to 24:00: where the figure lies, and its text.
    pub cells: Vec<[Option<(f64, String)>; HOURS]>,
    /// What to say when there is none.
    pub empty_note: String,
    /// Slanted words over it, where the figures are simulated.
    pub watermark: Option<String>,
    /// Language of months.
    pub lang: Lang,
}

/// Draws the figures: months down on a desk, hours down on a telephone.
pub fn render(chart: &HeatChart, size: Size) -> String {
    let values = chart.cells.iter().flatten().flatten();
    let highest = values.map(|(value, _)| *value).reduce(f64::max);
    let Some(highest) = highest.filter(|highest| *highest > 0.0) else {
        return empty(size, &chart.title, &chart.empty_note, chart.lang);
    };
    let width = size.width_px();
    let (left, top) = (size.pick(44, 30), 44);
    let months = chart.cells.len().max(1);
    let (across, down) = match size {
        Size::Wide => (HOURS, months),
        Size::Narrow => (months, HOURS),
    };
    let columns = i32::try_from(across).unwrap_or(24);
    let cell = ((width - left - 8) / columns, size.pick(26, 18));
    let height = top + cell.1 * i32::try_from(down).unwrap_or(24) + 10;
    let caption = Caption {
        title: &chart.title,
        summary: &chart.summary,
        watermark: chart.watermark.as_deref(),
    };
    let frame = |column: usize, row: usize| Frame {
        x: left + cell.0 * i32::try_from(column).unwrap_or(0),
        y: top + cell.1 * i32::try_from(row).unwrap_or(0),
        width: cell.0 - 1,
        height: cell.1 - 1,
    };
    sheet::draw((width, height), caption, |pen| {
        let unit = format!(
            "{} · {}",
            chart.unit,
            chart.lang.pick("时刻为小时末", "hours by their end")
        );
        pen.text((8, 10), &unit, Type::new(11, Anchor::Start, Paint::Muted));
        for (month, hours) in chart.cells.iter().enumerate() {
            for (hour, figure) in hours.iter().enumerate() {
                let place = match size {
                    Size::Wide => frame(hour, month),
                    Size::Narrow => frame(month, hour),
                };
                draw_cell(pen, place, figure.as_ref(), highest, size);
            }
        }
        draw_heads(pen, chart, size, &frame);
    })
}

fn draw_cell(
    pen: &mut Pen<'_>,
    frame: Frame,
    figure: Option<&(f64, String)>,
    highest: f64,
    size: Size,
) {
    let at = frame.centre();
    let px = size.pick(11, 9);
    match figure {
        Some((value, text)) => {
            pen.shade(
                frame,
                Paint::Series,
                DARKEST * (value / highest).clamp(0.0, 1.0),
            );
            pen.over_text(at, text, px);
        }
        None => {
            pen.outline(frame, Paint::Grid);
            pen.text(at, "–", Type::new(px, Anchor::Middle, Paint::Muted));
        }
    }
}

fn draw_heads(
    pen: &mut Pen<'_>,
    chart: &HeatChart,
    size: Size,
    frame: &impl Fn(usize, usize) -> Frame,
) {
    for month in 0..chart.cells.len() {
        let number = u32::try_from(month + 1).unwrap_or(1);
        let how = Type::new(11, Anchor::Middle, Paint::Ink);
        match size {
            Size::Wide => {
                let at = (22, frame(0, month).centre().1);
                pen.text(at, &month_name(number, chart.lang), how);
            }
            Size::Narrow => {
                let (x, _) = frame(month, 0).centre();
                pen.text((x, 34), &number.to_string(), how);
            }
        }
    }
    for hour in 0..HOURS {
        let how = Type::new(10, Anchor::Middle, Paint::Muted);
        let mut text = String::new();
        let told = write!(text, "{:02}", hour + 1);
        told.expect("writing to a string cannot fail");
        match size {
            Size::Wide => pen.text((frame(hour, 0).centre().0, 34), &text, how),
            Size::Narrow => pen.text((16, frame(0, hour).centre().1), &text, how),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::HeatChart;
    use super::render;
    use crate::adapters::chart::Size;
    use crate::adapters::lang::Lang;

    #[test]
    fn every_figure_is_written_and_a_missing_one_is_a_dash() {
        let mut hours = std::array::from_fn(|hour| Some((hour as f64, format!("v{hour}"))));
        hours[5] = None;
        let chart = |cells| HeatChart {
            title: "t".to_owned(),
            summary: String::new(),
            unit: "u".to_owned(),
            cells,
            empty_note: "nothing".to_owned(),
            watermark: None,
            lang: Lang::En,
        };
        for size in [Size::Wide, Size::Narrow] {
            let svg = render(&chart(vec![hours.clone()]), size);
            assert_eq!(svg.matches(">v").count(), 23, "{svg}");
            assert_eq!(svg.matches(">–<").count(), 1);
        }
        assert!(render(&chart(Vec::new()), Size::Wide).contains(">nothing<"));
    }
}
