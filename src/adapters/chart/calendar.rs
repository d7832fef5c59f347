//! A year of AQI days, month by month, weeks beginning on Monday. Each day carries its date and its AQI beside
//! the prescribed colour. A void day is hatched: it is no good day. A day that has not been assessed at all is
//! an empty outline.

use chrono::Datelike;
use chrono::NaiveDate;

use crate::adapters::chart::Size;
use crate::adapters::chart::font;
use crate::adapters::chart::palette::AqiLevel;
use crate::adapters::chart::palette::Paint;
use crate::adapters::chart::sheet;
use crate::adapters::chart::sheet::Anchor;
use crate::adapters::chart::sheet::Caption;
use crate::adapters::chart::sheet::Frame;
use crate::adapters::chart::sheet::Pen;
use crate::adapters::chart::sheet::Type;
use crate::adapters::lang::Lang;

/// One day of the year.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayCell {
    /// The day.
    pub day: NaiveDate,
    /// What is known of it.
    pub state: DayState,
}

/// What is known of a day.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum DayState {
    /// Assessed.
    Valid {
        /// The index.
        aqi: u16,
        /// Its level.
        level: AqiLevel,
        /// What set it, such as `PM2.5`; empty up to 50.
        primary: String,
    },
    /// Too little data for a verdict.
    Void {
        /// Why, in words.
        reason: String,
    },
}

/// A year to draw. Days of other years are left out; days not listed are drawn as not assessed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CalendarChart {
    /// The calendar year.
    pub year: i32,
    /// What it shows.
    pub title: String,
    /// The same in a sentence, for those who cannot see it.
    pub summary: String,
    /// The days, in any order; the last of equal days counts.
    pub days: Vec<DayCell>,
    /// Where a day leads to; nowhere in a picture by itself.
    pub link: Option<DayLink>,
    /// Slanted words over it, where the figures are simulated.
    pub watermark: Option<String>,
    /// Language of months, weekdays and legend.
    pub lang: Lang,
}

/// The address of a day's page: what stands before the date and what after it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DayLink {
    /// Before the date.
    pub before: String,
    /// After it.
    pub after: String,
}

const WEEKDAYS_ZH: [&str; 7] = ["一", "二", "三", "四", "五", "六", "日"];
const WEEKDAYS_EN: [&str; 7] = ["M", "T", "W", "T", "F", "S", "S"];
const MONTHS_EN: [&str; 12] = [
    "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
];

/// The short name of a month, 1 to 12.
pub(crate) fn month_name(month: u32, lang: Lang) -> String {
    let index = usize::try_from(month.clamp(1, 12) - 1).unwrap_or(0);
    match lang {
        Lang::Zh => format!("{}月", index + 1),
        Lang::En => MONTHS_EN[index].to_owned(),
    }
}

/// Measures of one size.
#[derive(Clone, Copy)]
struct Grid {
    columns: i32,
    cell_width: i32,
    cell_height: i32,
    gap: i32,
    day_px: i32,
    aqi_px: i32,
    head_px: i32,
}

impl Grid {
    const fn of(size: Size) -> Self {
        match size {
            Size::Wide => Self {
                columns: 4,
                cell_width: 31,
                cell_height: 29,
                gap: 22,
                day_px: 8,
                aqi_px: 12,
                head_px: 38,
            },
            Size::Narrow => Self {
                columns: 2,
                cell_width: 24,
                cell_height: 29,
                gap: 12,
                day_px: 8,
                aqi_px: 10,
                head_px: 34,
            },
        }
    }

    const fn month_width(self) -> i32 {
        7 * self.cell_width
    }
}

/// Draws the year.
pub fn render(chart: &CalendarChart, size: Size) -> String {
    let grid = Grid::of(size);
    let width = size.width_px();
    let used = grid.columns * grid.month_width() + (grid.columns - 1) * grid.gap;
    let left = (width - used) / 2;
    let mut frames = Vec::new();
    let mut top = 4;
    for row in (1..=12)
        .collect::<Vec<u32>>()
        .chunks(grid.columns.unsigned_abs() as usize)
    {
        let weeks = row
            .iter()
            .map(|month| weeks_of(chart.year, *month))
            .max()
            .unwrap_or(6);
        for (column, month) in (0..).zip(row) {
            let x = left + column * (grid.month_width() + grid.gap);
            frames.push((*month, (x, top)));
        }
        top += grid.head_px + weeks * grid.cell_height + 14;
    }
    let legend = legend(chart.lang, width, left, top);
    let height = legend.last().map_or(top, |entry| entry.y) + 20;
    let caption = Caption {
        title: &chart.title,
        summary: &chart.summary,
        watermark: chart.watermark.as_deref(),
    };
    sheet::draw((width, height), caption, |pen| {
        for (month, at) in frames {
            draw_month(pen, chart, grid, month, at, size);
        }
        for entry in &legend {
            draw_legend_entry(pen, entry);
        }
    })
}

/// Days of a month, in order; none when the calendar does not know the month.
fn days_of(year: i32, month: u32) -> Vec<NaiveDate> {
    (1..=31)
        .filter_map(|day| NaiveDate::from_ymd_opt(year, month, day))
        .collect()
}

/// Column (Monday first) and row of a day in its month.
fn place(day: NaiveDate) -> (i32, i32) {
    let first = day
        .with_day(1)
        .map_or(0, |d| d.weekday().num_days_from_monday());
    let offset = first + day.day0();
    ((offset % 7) as i32, (offset / 7) as i32)
}

fn weeks_of(year: i32, month: u32) -> i32 {
    days_of(year, month)
        .last()
        .map_or(6, |last| place(*last).1 + 1)
}

fn draw_month(
    pen: &mut Pen<'_>,
    chart: &CalendarChart,
    grid: Grid,
    month: u32,
    (x, y): (i32, i32),
    size: Size,
) {
    let name = Type::new(13, Anchor::Start, Paint::Ink).bold();
    pen.text((x + 2, y + 10), &month_name(month, chart.lang), name);
    let weekdays = match chart.lang {
        Lang::Zh => WEEKDAYS_ZH,
        Lang::En => WEEKDAYS_EN,
    };
    for (column, weekday) in (0..).zip(weekdays) {
        let at = (
            x + column * grid.cell_width + grid.cell_width / 2,
            y + grid.head_px - 9,
        );
        pen.text(at, weekday, Type::new(10, Anchor::Middle, Paint::Muted));
    }
    for day in days_of(chart.year, month) {
        let (column, row) = place(day);
        let frame = Frame {
            x: x + column * grid.cell_width,
            y: y + grid.head_px + row * grid.cell_height,
            width: grid.cell_width - 2,
            height: grid.cell_height - 2,
        };
        let cell = chart.days.iter().rev().find(|cell| cell.day == day);
        draw_day(pen, frame, day, cell.map(|cell| &cell.state), grid);
        let text = hint(day, cell.map(|cell| &cell.state), chart.lang);
        match chart.link.as_ref().filter(|_| cell.is_some()) {
            Some(link) => {
                let href = format!("{}{day}{}", link.before, link.after);
                pen.link(frame, &href, &text);
            }
            None if size == Size::Wide => pen.hint(frame, &text),
            None => {}
        }
    }
}

fn draw_day(pen: &mut Pen<'_>, frame: Frame, day: NaiveDate, state: Option<&DayState>, grid: Grid) {
    let number = day.day().to_string();
    let at = (frame.x + 2, frame.y + 6);
    match state {
        Some(DayState::Valid { aqi, level, .. }) => {
            pen.fill(frame, Paint::Level(*level));
            let paint = Paint::OnLevel(*level);
            pen.text(at, &number, Type::new(grid.day_px, Anchor::Start, paint));
            let (x, _) = frame.centre();
            let figure = Type::new(grid.aqi_px, Anchor::Middle, paint).bold();
            pen.text((x, frame.bottom() - 9), &aqi.to_string(), figure);
        }
        Some(DayState::Void { .. }) => {
            hatch(pen, frame);
            let behind = Frame {
                x: frame.x + 1,
                y: frame.y + 1,
                width: 12,
                height: 10,
            };
            pen.fill(behind, Paint::Faint);
            pen.text(
                at,
                &number,
                Type::new(grid.day_px, Anchor::Start, Paint::Ink),
            );
        }
        None => {
            pen.outline(frame, Paint::Grid);
            pen.text(
                at,
                &number,
                Type::new(grid.day_px, Anchor::Start, Paint::Muted),
            );
        }
    }
}

/// Slanted strokes inside an outline.
pub(super) fn hatch(pen: &mut Pen<'_>, frame: Frame) {
    pen.fill(frame, Paint::Faint);
    let mut offset = 6;
    while offset < frame.width + frame.height {
        let from = if offset <= frame.height {
            (frame.x, frame.y + offset)
        } else {
            (frame.x + offset - frame.height, frame.bottom())
        };
        let to = if offset <= frame.width {
            (frame.x + offset, frame.y)
        } else {
            (frame.right(), frame.y + offset - frame.width)
        };
        pen.line(vec![from, to], Paint::Muted, 1);
        offset += 6;
    }
    pen.outline(frame, Paint::Muted);
}

/// What a day says when pointed at.
pub(super) fn hint(day: NaiveDate, state: Option<&DayState>, lang: Lang) -> String {
    match state {
        Some(DayState::Valid {
            aqi,
            level,
            primary,
        }) => {
            let name = level.name(lang);
            let set_by = if primary.is_empty() {
                String::new()
            } else {
                format!(" · {primary}")
            };
            format!("{day}  AQI {aqi}  {name}{set_by}")
        }
        Some(DayState::Void { reason }) => {
            format!("{day}  {}: {reason}", lang.pick("无效日", "Void day"))
        }
        None => format!("{day}  {}", lang.pick("未评价", "Not assessed")),
    }
}

/// What a legend entry shows.
enum Swatch {
    Level(AqiLevel),
    Void,
    None,
}

pub(super) struct LegendEntry {
    x: i32,
    pub(super) y: i32,
    swatch: Swatch,
    label: String,
}

/// The legend under days, in rows as wide as there is room.
pub(super) fn legend(lang: Lang, width: i32, left: i32, top: i32) -> Vec<LegendEntry> {
    let levels = AqiLevel::ALL.into_iter().map(|level| {
        let label = format!("{} {}", level.short_name(lang), level.range());
        (Swatch::Level(level), label)
    });
    let others = [
        (Swatch::Void, lang.pick("无效日", "Void day").to_owned()),
        (Swatch::None, lang.pick("未评价", "Not assessed").to_owned()),
    ];
    let (mut x, mut y) = (left, top + 10);
    let mut entries = Vec::new();
    for (swatch, label) in levels.chain(others) {
        let needed = 20 + font::room_px(&label, 11) + 14;
        if x > left && x + needed - 14 > width - left {
            x = left;
            y += 20;
        }
        entries.push(LegendEntry {
            x,
            y,
            swatch,
            label,
        });
        x += needed;
    }
    entries
}

/// Draws an entry of the legend.
pub(super) fn draw_legend_entry(pen: &mut Pen<'_>, entry: &LegendEntry) {
    let frame = Frame {
        x: entry.x,
        y: entry.y - 7,
        width: 14,
        height: 14,
    };
    match entry.swatch {
        Swatch::Level(level) => pen.fill(frame, Paint::Level(level)),
        Swatch::Void => hatch(pen, frame),
        Swatch::None => pen.outline(frame, Paint::Grid),
    }
    let how = Type::new(11, Anchor::Start, Paint::Ink);
    pen.text((entry.x + 20, entry.y), &entry.label, how);
}

#[cfg(test)]
mod tests {
    use chrono::NaiveDate;

    use super::CalendarChart;
    use super::DayCell;
    use super::DayState;
    use super::place;
    use super::render;
    use super::weeks_of;
    use crate::adapters::chart::Size;
    use crate::adapters::chart::palette::AqiLevel;
    use crate::adapters::lang::Lang;

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn year_with(days: Vec<DayCell>) -> CalendarChart {
        CalendarChart {
            year: 2024,
            title: "2024".to_owned(),
            summary: String::new(),
            days,
            link: None,
            watermark: None,
            lang: Lang::En,
        }
    }

    #[test]
    fn weeks_begin_on_monday() {
        // 2024-01-01 was a Monday, 2024-09-01 a Sunday.
        assert_eq!(place(day("2024-01-01")), (0, 0));
        assert_eq!(place(day("2024-01-08")), (0, 1));
        assert_eq!(place(day("2024-09-01")), (6, 0));
        assert_eq!(weeks_of(2024, 9), 6);
        assert_eq!(weeks_of(2021, 2), 4);
    }

    #[test]
    fn a_leap_year_has_a_cell_for_every_day() {
        let svg = render(&year_with(Vec::new()), Size::Wide);
        assert_eq!(svg.matches("class=\"hint\"").count(), 366);
        assert!(svg.contains("2024-02-29  Not assessed"));
    }

    #[test]
    fn a_void_day_is_told_apart_from_a_good_one() {
        let void = DayCell {
            day: day("2024-03-01"),
            state: DayState::Void {
                reason: "17 hours".to_owned(),
            },
        };
        let svg = render(&year_with(vec![void]), Size::Wide);
        assert!(svg.contains("2024-03-01  Void day: 17 hours"));
        // Only the legend shows the colour.
        assert_eq!(svg.matches("#00E400").count(), 1);
    }

    #[test]
    fn the_last_of_equal_days_counts_and_other_years_do_not() {
        let cell = |text: &str, aqi: u16| DayCell {
            day: day(text),
            state: DayState::Valid {
                aqi,
                level: AqiLevel::Good,
                primary: "O3".to_owned(),
            },
        };
        let days = vec![
            cell("2024-05-01", 61),
            cell("2024-05-01", 62),
            cell("2023-05-01", 63),
        ];
        let svg = render(&year_with(days), Size::Wide);
        assert!(svg.contains("2024-05-01  AQI 62  Good · O3"));
        assert!(!svg.contains("AQI 61") && !svg.contains("AQI 63"));
    }
}
