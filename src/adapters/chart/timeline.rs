//! Two bands over the same days: what the authority said of a unit, and what the rulebook makes of its entries, past and ahead.
//! They never share a band.

use chrono::Datelike;
use chrono::Months;
use chrono::NaiveDate;

use crate::adapters::chart::Size;
use crate::adapters::chart::font;
use crate::adapters::chart::palette::CreditTier;
use crate::adapters::chart::palette::Paint;
use crate::adapters::chart::sheet;
use crate::adapters::chart::sheet::Anchor;
use crate::adapters::chart::sheet::Caption;
use crate::adapters::chart::sheet::Frame;
use crate::adapters::chart::sheet::Pen;
use crate::adapters::chart::sheet::Type;
use crate::adapters::lang::Lang;

/// Days on end in one tier, both ends included.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stretch {
    /// First day.
    pub from: NaiveDate,
    /// Last day.
    pub to: NaiveDate,
    /// The tier.
    pub tier: CreditTier,
    /// What is told of it while the pointer rests on it.
    pub note: String,
}

/// A unit's tiers over some years.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimelineChart {
    /// What it shows.
    pub title: String,
    /// The same in a sentence, for those who cannot see it.
    pub summary: String,
    /// First day drawn.
    pub from: NaiveDate,
    /// Last day drawn.
    pub to: NaiveDate,
    /// Where what was ends and what will be begins.
    pub today: NaiveDate,
    /// What the authority said, from its lists alone.
    pub official: Vec<Stretch>,
    /// What the rulebook makes of the entries.
    pub computed: Vec<Stretch>,
    /// Slanted words over it, where the unit is an example.
    pub watermark: Option<String>,
    /// Language of the names.
    pub lang: Lang,
}

const EDGE_PX: i32 = 8;
const BAND_PX: i32 = 28;
/// Top of the bands' names, and from there to their bands.
const NAMES_PX: [i32; 2] = [12, 70];
const NAME_GAP_PX: i32 = 12;
const HEIGHT_PX: i32 = 158;
/// Half of what the name of a day takes.
const DAY_HALF_PX: i32 = 24;

/// Where a day begins on the paper.
struct Scale {
    from: NaiveDate,
    days: i64,
    width: i32,
}

impl Scale {
    fn x(&self, day: NaiveDate) -> i32 {
        let behind = day.signed_duration_since(self.from).num_days();
        let behind = behind.clamp(0, self.days);
        let offset = behind * i64::from(self.width) / self.days;
        EDGE_PX + i32::try_from(offset).unwrap_or(0)
    }
}

/// Draws both bands.
pub fn render(chart: &TimelineChart, size: Size) -> String {
    let width = size.width_px() - 2 * EDGE_PX;
    let days = chart.to.signed_duration_since(chart.from).num_days() + 1;
    let scale = Scale {
        from: chart.from,
        days: days.max(1),
        width,
    };
    let caption = Caption {
        title: &chart.title,
        summary: &chart.summary,
        watermark: chart.watermark.as_deref(),
    };
    let lang = chart.lang;
    sheet::draw((size.width_px(), HEIGHT_PX), caption, |pen| {
        let bands = [
            (
                lang.pick("官方等级（省名单）", "Official, by the province's lists"),
                &chart.official,
            ),
            (
                lang.pick("推算等级（本系统）", "Computed by us"),
                &chart.computed,
            ),
        ];
        for ((name, stretches), top) in bands.into_iter().zip(NAMES_PX) {
            pen.text(
                (EDGE_PX, top),
                name,
                Type::new(13, Anchor::Start, Paint::Ink),
            );
            let band = Frame {
                x: EDGE_PX,
                y: top + NAME_GAP_PX,
                width,
                height: BAND_PX,
            };
            draw_band(pen, band, stretches, &scale, chart);
        }
        draw_days(pen, &scale, chart);
    })
}

fn draw_band(
    pen: &mut Pen<'_>,
    band: Frame,
    stretches: &[Stretch],
    scale: &Scale,
    chart: &TimelineChart,
) {
    pen.fill(band, Paint::Faint);
    if stretches.is_empty() {
        let how = Type::new(12, Anchor::Middle, Paint::Muted);
        let said = chart.lang.pick("名单上没有", "Not on a list");
        pen.text(band.centre(), said, how);
    }
    for stretch in stretches {
        let after = stretch.to.succ_opt().unwrap_or(stretch.to);
        let from = scale.x(stretch.from);
        let ahead = stretch.from > chart.today;
        // What is still to come is drawn low.
        let low = if ahead { BAND_PX / 2 } else { 0 };
        let part = Frame {
            x: from,
            y: band.y + low,
            width: (scale.x(after) - from).max(1),
            height: band.height - low,
        };
        pen.fill(part, Paint::Tier(stretch.tier));
        let name = stretch.tier.name(chart.lang);
        let word = [name, stretch.tier.letter(chart.lang)];
        let fits = |word: &&str| font::room_px(word, 12) + 6 <= part.width && !ahead;
        if let Some(word) = word.into_iter().find(|word| fits(word)) {
            let how = Type::new(12, Anchor::Middle, Paint::OnTier(stretch.tier)).bold();
            pen.text(part.centre(), word, how);
        }
        let seam = vec![(part.x, part.y), (part.x, part.bottom())];
        pen.line(seam, Paint::Surface, 1);
        pen.hint(part, &stretch.note);
    }
    pen.outline(band, Paint::Grid);
}

/// Half-years under the bands, and today across them.
fn draw_days(pen: &mut Pen<'_>, scale: &Scale, chart: &TimelineChart) {
    let bottom = NAMES_PX[1] + NAME_GAP_PX + BAND_PX;
    let named = Type::new(11, Anchor::Middle, Paint::Muted);
    let first = NaiveDate::from_ymd_opt(chart.from.year(), 1, 1);
    let halves = (0..).map_while(|half| first?.checked_add_months(Months::new(6 * half)));
    for day in halves.take_while(|day| *day <= chart.to) {
        let x = scale.x(day);
        let inside = x - DAY_HALF_PX >= 0 && x + DAY_HALF_PX <= scale.width + 2 * EDGE_PX;
        if day >= chart.from && inside {
            pen.line(vec![(x, bottom), (x, bottom + 5)], Paint::Muted, 1);
            pen.text((x, bottom + 14), &day.format("%Y-%m").to_string(), named);
        }
    }
    let x = scale.x(chart.today);
    let top = NAMES_PX[0] + NAME_GAP_PX;
    pen.line(vec![(x, top - 2), (x, bottom + 22)], Paint::Ink, 1);
    let said = format!("{} {}", chart.lang.pick("今天", "today"), chart.today);
    let half = font::room_px(&said, 11) / 2 + 2;
    let x = x.clamp(half, (scale.width + 2 * EDGE_PX - half).max(half));
    pen.text(
        (x, bottom + 32),
        &said,
        Type::new(11, Anchor::Middle, Paint::Ink),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a day")
    }

    fn chart(official: Vec<Stretch>) -> TimelineChart {
        TimelineChart {
            title: "tiers".to_owned(),
            summary: String::new(),
            from: day("2024-07-01"),
            to: day("2027-06-30"),
            today: day("2026-07-01"),
            official,
            computed: vec![Stretch {
                from: day("2024-07-01"),
                to: day("2027-06-30"),
                tier: CreditTier::Blue,
                note: "9 <all>".to_owned(),
            }],
            watermark: None,
            lang: Lang::En,
        }
    }

    #[test]
    fn the_bands_stay_apart_and_a_missing_list_is_said() {
        for size in [Size::Wide, Size::Narrow] {
            let svg = render(&chart(Vec::new()), size);
            assert!(svg.contains("Not on a list") && svg.contains("today 2026-07-01"));
            assert_eq!(svg.matches(">Blue<").count(), 1, "{svg}");
            assert!(svg.contains("9 &lt;all&gt;"));
        }
    }

    #[test]
    fn a_stretch_beyond_the_paper_is_drawn_to_its_edge() {
        let beyond = Stretch {
            from: day("2000-01-01"),
            to: day("2090-01-01"),
            tier: CreditTier::Green,
            note: String::new(),
        };
        let svg = render(&chart(vec![beyond]), Size::Narrow);
        assert!(svg.contains(">Green<"), "{svg}");
    }
}
