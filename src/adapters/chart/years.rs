//! Years of AQI days side by side, a column a week. A day above 100 carries a dot beside its prescribed colour, one
//! above 200 a square; a void day is hatched, a day that has not been assessed an empty outline.

use chrono::Datelike;
use chrono::NaiveDate;

use crate::adapters::chart::Size;
use crate::adapters::chart::calendar::DayCell;
use crate::adapters::chart::calendar::DayState;
use crate::adapters::chart::calendar::draw_legend_entry;
use crate::adapters::chart::calendar::hatch;
use crate::adapters::chart::calendar::hint;
use crate::adapters::chart::calendar::legend;
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

/// Most years one picture takes; the first ones given are drawn.
pub const YEARS_MAX: usize = 15;

/// Indices above these carry a dot, and a square.
const MARKED: (u16, u16) = (100, 200);

/// Years to draw.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct YearsChart {
    /// What it shows.
    pub title: String,
    /// The same in a sentence, for those who cannot see it.
    pub summary: String,
    /// Each year with its days in order, in the order they are drawn.
    pub years: Vec<(i32, Vec<DayCell>)>,
    /// What to say when there is no year.
    pub empty_note: String,
    /// Slanted words over it, where the figures are simulated.
    pub watermark: Option<String>,
    /// Language of months and legend.
    pub lang: Lang,
}

/// Measures of one size.
#[derive(Clone, Copy)]
struct Grid {
    left: i32,
    cell: (i32, i32),
    gap: i32,
    label_px: i32,
}

impl Grid {
    const fn of(size: Size) -> Self {
        match size {
            Size::Wide => Self {
                left: 52,
                cell: (17, 11),
                gap: 12,
                label_px: 13,
            },
            Size::Narrow => Self {
                left: 34,
                cell: (6, 8),
                gap: 10,
                label_px: 11,
            },
        }
    }

    /// The box of a day in a year that begins at `top`.
    fn frame(self, top: i32, day: NaiveDate) -> Frame {
        let first = NaiveDate::from_yo_opt(day.year(), 1).map_or(0, |first| {
            i32::try_from(first.weekday().num_days_from_monday()).unwrap_or(0)
        });
        let at = first + i32::try_from(day.ordinal0()).unwrap_or(0);
        Frame {
            x: self.left + at / 7 * self.cell.0,
            y: top + at % 7 * self.cell.1,
            width: self.cell.0 - 1,
            height: self.cell.1 - 1,
        }
    }
}

/// Draws the years, one under the other.
pub fn render(chart: &YearsChart, size: Size) -> String {
    let years = &chart.years[..chart.years.len().min(YEARS_MAX)];
    if years.is_empty() {
        return empty(size, &chart.title, &chart.empty_note, chart.lang);
    }
    let grid = Grid::of(size);
    let width = size.width_px();
    let head = 20;
    let row = 7 * grid.cell.1 + grid.gap;
    let rows = i32::try_from(years.len()).unwrap_or(1);
    let entries = legend(chart.lang, width, 8, head + rows * row);
    let last = entries.last().map_or(head + rows * row, |entry| entry.y);
    let caption = Caption {
        title: &chart.title,
        summary: &chart.summary,
        watermark: chart.watermark.as_deref(),
    };
    sheet::draw((width, last + 40), caption, |pen| {
        draw_months(pen, grid, years[0].0, chart.lang, size);
        for (at, (year, days)) in (0..).zip(years) {
            let top = head + at * row;
            let how = Type::new(grid.label_px, Anchor::Start, Paint::Ink).bold();
            pen.text((4, top + 7 * grid.cell.1 / 2), &year.to_string(), how);
            for cell in days.iter().filter(|cell| cell.day.year() == *year) {
                let frame = grid.frame(top, cell.day);
                draw_day(pen, frame, cell);
                if size == Size::Wide {
                    pen.hint(frame, &hint(cell.day, Some(&cell.state), chart.lang));
                }
            }
        }
        for entry in &entries {
            draw_legend_entry(pen, entry);
        }
        draw_marks(pen, last + 20, chart.lang);
    })
}

fn draw_months(pen: &mut Pen<'_>, grid: Grid, year: i32, lang: Lang, size: Size) {
    for month in 1..=12 {
        let Some(first) = NaiveDate::from_ymd_opt(year, month, 1) else {
            continue;
        };
        let frame = grid.frame(0, first);
        let name = match size {
            Size::Wide => month_name(month, lang),
            Size::Narrow => month.to_string(),
        };
        pen.text(
            (frame.x, 10),
            &name,
            Type::new(11, Anchor::Start, Paint::Muted),
        );
    }
}

fn draw_day(pen: &mut Pen<'_>, frame: Frame, cell: &DayCell) {
    match &cell.state {
        DayState::Void { .. } => hatch(pen, frame),
        DayState::Valid { aqi, level, .. } => {
            pen.fill(frame, Paint::Level(*level));
            let paint = Paint::OnLevel(*level);
            let (x, y) = frame.centre();
            if *aqi > MARKED.1 {
                let square = Frame {
                    x: x - 2,
                    y: y - 2,
                    width: 4,
                    height: 4,
                };
                pen.fill(square, paint);
            } else if *aqi > MARKED.0 {
                pen.dot((x, y), 1, paint);
            }
        }
    }
}

fn draw_marks(pen: &mut Pen<'_>, y: i32, lang: Lang) {
    let (over, heavy) = MARKED;
    let text = match lang {
        Lang::Zh => format!("圆点：AQI 超过 {over}；方块：超过 {heavy}"),
        Lang::En => format!("dot: AQI above {over}; square: above {heavy}"),
    };
    pen.text((8, y), &text, Type::new(11, Anchor::Start, Paint::Muted));
}

#[cfg(test)]
mod tests {
    use super::Grid;
    use super::YearsChart;
    use super::render;
    use crate::adapters::chart::Size;
    use crate::adapters::chart::calendar::DayCell;
    use crate::adapters::chart::calendar::DayState;
    use crate::adapters::lang::Lang;

    #[test]
    fn weeks_are_columns_that_begin_on_monday() {
        let grid = Grid::of(Size::Wide);
        // 2023-01-01 was a Sunday, 2024-01-01 a Monday.
        let place = |day: &str| {
            let frame = grid.frame(0, day.parse().unwrap());
            ((frame.x - grid.left) / grid.cell.0, frame.y / grid.cell.1)
        };
        assert_eq!(place("2023-01-01"), (0, 6));
        assert_eq!(place("2023-01-02"), (1, 0));
        assert_eq!(place("2024-01-01"), (0, 0));
        assert_eq!(place("2024-12-31"), (52, 1));
    }

    #[test]
    fn every_day_given_is_told_and_no_year_says_so() {
        let days = ["2024-02-29", "2024-03-01"].map(|day| DayCell {
            day: day.parse().unwrap(),
            state: DayState::Void {
                reason: "short".to_owned(),
            },
        });
        let chart = |years| YearsChart {
            title: "t".to_owned(),
            summary: String::new(),
            years,
            empty_note: "nothing".to_owned(),
            watermark: None,
            lang: Lang::En,
        };
        let svg = render(&chart(vec![(2024, days.to_vec())]), Size::Wide);
        assert_eq!(svg.matches("Void day: short").count(), 2, "{svg}");
        assert!(render(&chart(Vec::new()), Size::Narrow).contains(">nothing<"));
    }
}
