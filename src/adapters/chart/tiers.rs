//! How enterprises spread over the credit tiers: one bar, and under it every tier by name, count and share.

use crate::adapters::chart::Size;
use crate::adapters::chart::empty;
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

/// Counts by tier.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TiersChart {
    /// What it shows.
    pub title: String,
    /// The same in a sentence, for those who cannot see it.
    pub summary: String,
    /// Enterprises of each tier; tiers not listed have none, counts of one tier listed twice add up.
    pub counts: Vec<(CreditTier, u32)>,
    /// What to say when there is no enterprise.
    pub empty_note: String,
    /// Slanted words over it, where the enterprises are examples.
    pub watermark: Option<String>,
    /// Language of the tier names.
    pub lang: Lang,
}

const EDGE_PX: i32 = 8;
const BAR_PX: i32 = 40;

/// Draws the distribution.
pub fn render(chart: &TiersChart, size: Size) -> String {
    let counts: Vec<(CreditTier, u64)> = CreditTier::ALL
        .into_iter()
        .map(|tier| {
            let of_tier = chart.counts.iter().filter(|(listed, _)| *listed == tier);
            (tier, of_tier.map(|(_, count)| u64::from(*count)).sum())
        })
        .collect();
    let total: u64 = counts.iter().map(|(_, count)| count).sum();
    if total == 0 {
        return empty(size, &chart.title, &chart.empty_note, chart.lang);
    }
    let width = size.width_px();
    let bar = Frame {
        x: EDGE_PX,
        y: 6,
        width: width - 2 * EDGE_PX,
        height: BAR_PX,
    };
    let columns = size.pick(6, 2);
    let rows = 6 / columns;
    let caption = Caption {
        title: &chart.title,
        summary: &chart.summary,
        watermark: chart.watermark.as_deref(),
    };
    sheet::draw((width, bar.bottom() + 14 + rows * 40), caption, |pen| {
        draw_bar(pen, bar, &counts, total, chart.lang);
        for (index, (tier, count)) in (0..).zip(&counts) {
            let at = (
                bar.x + bar.width * (index % columns) / columns,
                bar.bottom() + 18 + 40 * (index / columns),
            );
            draw_entry(pen, at, *tier, (*count, total), chart.lang);
        }
    })
}

fn draw_bar(pen: &mut Pen<'_>, bar: Frame, counts: &[(CreditTier, u64)], total: u64, lang: Lang) {
    let edge = |sum: u64| {
        let offset = u128::from(sum) * u128::from(bar.width.unsigned_abs()) / u128::from(total);
        bar.x + i32::try_from(offset).unwrap_or(bar.width)
    };
    let mut sum = 0;
    for (tier, count) in counts.iter().filter(|(_, count)| *count > 0) {
        let from = edge(sum);
        sum += count;
        let part = Frame {
            x: from,
            width: (edge(sum) - from).max(1),
            ..bar
        };
        pen.fill(part, Paint::Tier(*tier));
        if sum < total {
            let seam = vec![(part.right(), bar.y), (part.right(), bar.bottom())];
            pen.line(seam, Paint::Surface, 2);
        }
        let long = format!("{} {count}", tier.name(lang));
        let word = [long.as_str(), tier.letter(lang)]
            .into_iter()
            .find(|word| font::room_px(word, 13) + 8 <= part.width);
        if let Some(word) = word {
            let how = Type::new(13, Anchor::Middle, Paint::OnTier(*tier)).bold();
            pen.text(part.centre(), word, how);
        }
    }
    pen.outline(bar, Paint::Grid);
}

fn draw_entry(
    pen: &mut Pen<'_>,
    (x, y): (i32, i32),
    tier: CreditTier,
    (count, total): (u64, u64),
    lang: Lang,
) {
    let swatch = Frame {
        x,
        y: y - 7,
        width: 14,
        height: 14,
    };
    pen.fill(swatch, Paint::Tier(tier));
    pen.outline(swatch, Paint::Muted);
    let name = Type::new(13, Anchor::Start, Paint::Ink);
    pen.text((x + 20, y), tier.name(lang), name);
    let share = count as f64 * 100.0 / total as f64;
    let figure = Type::new(12, Anchor::Start, Paint::Muted);
    let text = match lang {
        Lang::Zh => format!("{count} 家 · {share:.1}%"),
        Lang::En => format!("{count} · {share:.1}%"),
    };
    pen.text((x + 20, y + 17), &text, figure);
}

#[cfg(test)]
mod tests {
    use super::TiersChart;
    use super::render;
    use crate::adapters::chart::Size;
    use crate::adapters::chart::palette::CreditTier;
    use crate::adapters::lang::Lang;

    fn chart(counts: Vec<(CreditTier, u32)>) -> TiersChart {
        TiersChart {
            title: "tiers".to_owned(),
            summary: String::new(),
            counts,
            empty_note: "none registered".to_owned(),
            watermark: None,
            lang: Lang::En,
        }
    }

    #[test]
    fn every_tier_is_named_even_with_none_in_it() {
        let svg = render(&chart(vec![(CreditTier::Blue, 7)]), Size::Narrow);
        for tier in CreditTier::ALL {
            assert!(svg.contains(tier.name(Lang::En)), "{tier:?}");
        }
        assert!(svg.contains("7 · 100.0%") && svg.contains("0 · 0.0%"));
    }

    #[test]
    fn nobody_registered_is_said() {
        for counts in [Vec::new(), vec![(CreditTier::Red, 0)]] {
            assert!(render(&chart(counts), Size::Wide).contains("none registered"));
        }
    }

    #[test]
    fn the_greatest_counts_do_not_overflow() {
        let all = CreditTier::ALL.into_iter().map(|tier| (tier, u32::MAX));
        assert!(render(&chart(all.collect()), Size::Wide).contains("16.7%"));
    }
}
