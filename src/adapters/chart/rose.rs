//! A pollution rose: sixteen directions, four rings of speed with calm in the middle, the darker the higher. Every direction
//! carries its mean and share in figures, so that nothing rests on shades, and every field tells its own when pointed at.

use std::f64::consts::TAU;

use crate::adapters::chart::Size;
use crate::adapters::chart::empty;
use crate::adapters::chart::palette::Paint;
use crate::adapters::chart::sheet;
use crate::adapters::chart::sheet::Anchor;
use crate::adapters::chart::sheet::Caption;
use crate::adapters::chart::sheet::Frame;
use crate::adapters::chart::sheet::Pen;
use crate::adapters::chart::sheet::Type;
use crate::adapters::lang::Lang;

/// Directions.
pub const SECTORS: usize = 16;
/// Rings of speed.
pub const CLASSES: usize = 4;
/// Opacity of the highest mean.
const DARKEST: f64 = 0.78;
/// Points along the outer edge of a field.
const ARC_POINTS: usize = 6;

/// A field of the rose, or all fields of a direction.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RoseField {
    /// Mean concentration: where it lies, and its text; `None` of too few hours.
    pub mean: Option<(f64, String)>,
    /// Share of all hours with both, such as `6.3`, in percent.
    pub share: String,
}

/// A rose to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct RoseChart {
    /// What it shows.
    pub title: String,
    /// The same in a sentence, for those who cannot see it.
    pub summary: String,
    /// Unit of the means.
    pub unit: String,
    /// Names of the directions, north first.
    pub names: [&'static str; SECTORS],
    /// Bounds of the rings in metres a second, innermost first.
    pub rings: [&'static str; CLASSES],
    /// Calm hours.
    pub calm: RoseField,
    /// By direction.
    pub sectors: Vec<RoseField>,
    /// By direction and ring.
    pub fields: Vec<[RoseField; CLASSES]>,
    /// What to say when there is none.
    pub empty_note: String,
    /// Slanted words over it, where the figures are simulated.
    pub watermark: Option<String>,
    /// Language of the words the chart adds itself.
    pub lang: Lang,
}

/// Where things lie.
struct Plan {
    centre: (f64, f64),
    hole: f64,
    ring: f64,
    rim: f64,
}

impl Plan {
    fn at(&self, radius: f64, turn: f64) -> (i32, i32) {
        let angle = turn / SECTORS as f64 * TAU;
        (
            (self.centre.0 + radius * angle.sin()).round() as i32,
            (self.centre.1 - radius * angle.cos()).round() as i32,
        )
    }

    /// The outline of a field, clockwise.
    fn outline(&self, sector: usize, class: usize) -> Vec<(i32, i32)> {
        let inner = self.hole + self.ring * class as f64;
        let outer = inner + self.ring;
        let turn = |step: usize| sector as f64 - 0.5 + step as f64 / ARC_POINTS as f64;
        let out = (0..=ARC_POINTS).map(|step| self.at(outer, turn(step)));
        let back = (0..=ARC_POINTS)
            .rev()
            .map(|step| self.at(inner, turn(step)));
        out.chain(back).collect()
    }
}

/// Draws the rose.
pub fn render(chart: &RoseChart, size: Size) -> String {
    let means = chart.fields.iter().flatten().chain([&chart.calm]);
    let highest = means.filter_map(|field| field.mean.as_ref().map(|(at, _)| *at));
    let highest = highest.reduce(f64::max).filter(|highest| *highest > 0.0);
    let Some(highest) = highest else {
        return empty(size, &chart.title, &chart.empty_note, chart.lang);
    };
    let width = size.width_px();
    let height = size.pick(460, 400);
    let radius = f64::from(size.pick(168, 124));
    let hole = f64::from(size.pick(40, 32));
    let plan = Plan {
        centre: (
            f64::from(size.pick(300, width / 2)),
            f64::from(size.pick(236, 186)),
        ),
        hole,
        ring: (radius - hole) / CLASSES as f64,
        rim: radius + f64::from(size.pick(30, 27)),
    };
    let caption = Caption {
        title: &chart.title,
        summary: &chart.summary,
        watermark: chart.watermark.as_deref(),
    };
    sheet::draw((width, height), caption, |pen| {
        draw_fields(pen, chart, &plan, highest);
        draw_rim(pen, chart, &plan, size);
        draw_middle(pen, chart, &plan, highest, size);
        draw_legend(pen, chart, highest, size);
    })
}

fn told(chart: &RoseChart, place: &str, field: &RoseField) -> String {
    let mean = match &field.mean {
        Some((_, text)) => format!("{text} {}", chart.unit),
        None => chart.lang.pick("小时数不足", "too few hours").to_owned(),
    };
    format!("{place}: {mean} · {}%", field.share)
}

fn draw_fields(pen: &mut Pen<'_>, chart: &RoseChart, plan: &Plan, highest: f64) {
    for (sector, (fields, name)) in chart.fields.iter().zip(chart.names).enumerate() {
        for (class, (field, ring)) in fields.iter().zip(chart.rings).enumerate() {
            let share = field.mean.as_ref().map(|(at, _)| DARKEST * (at / highest));
            let text = told(chart, &format!("{name} {ring} m/s"), field);
            pen.patch(&plan.outline(sector, class), Paint::Series, share, &text);
        }
    }
}

/// Directions with their means and shares, around the rose.
fn draw_rim(pen: &mut Pen<'_>, chart: &RoseChart, plan: &Plan, size: Size) {
    let px = size.pick(12, 10);
    for (sector, (field, name)) in chart.sectors.iter().zip(chart.names).enumerate() {
        let (x, y) = plan.at(plan.rim, sector as f64);
        let mean = field.mean.as_ref().map_or("–", |(_, text)| text.as_str());
        let head = Type::new(px, Anchor::Middle, Paint::Muted);
        pen.text((x, y - px / 2 - 1), name, head);
        pen.text(
            (x, y + px / 2 + 1),
            mean,
            Type::new(px, Anchor::Middle, Paint::Ink).bold(),
        );
    }
}

fn draw_middle(pen: &mut Pen<'_>, chart: &RoseChart, plan: &Plan, highest: f64, size: Size) {
    let ring: Vec<(i32, i32)> = (0..48)
        .map(|step| plan.at(plan.hole - 2.0, f64::from(step) / 3.0))
        .collect();
    let share = chart
        .calm
        .mean
        .as_ref()
        .map(|(at, _)| DARKEST * (at / highest));
    let calm = chart.lang.pick("静风", "Calm");
    pen.patch(&ring, Paint::Series, share, &told(chart, calm, &chart.calm));
    let (x, y) = plan.at(0.0, 0.0);
    let px = size.pick(12, 10);
    pen.rimmed((x, y - px), calm, px);
    let mean = chart
        .calm
        .mean
        .as_ref()
        .map_or("–", |(_, text)| text.as_str());
    pen.rimmed((x, y + 1), mean, px);
    pen.rimmed((x, y + px + 2), &format!("{}%", chart.calm.share), px - 1);
}

/// The scale of shades, the rings, and what the figures are.
fn draw_legend(pen: &mut Pen<'_>, chart: &RoseChart, highest: f64, size: Size) {
    let (x, mut y) = match size {
        Size::Wide => (580, 70),
        Size::Narrow => (10, 356),
    };
    let words = |paint| Type::new(12, Anchor::Start, paint);
    let shades = 5;
    for step in 0..shades {
        let share = f64::from(step + 1) / f64::from(shades);
        let frame = Frame {
            x: x + step * 34,
            y,
            width: 34,
            height: 14,
        };
        pen.shade(frame, Paint::Series, DARKEST * share);
        pen.outline(frame, Paint::Grid);
    }
    let scale = format!("0 – {highest:.0} {}", chart.unit);
    pen.text((x + shades * 34 + 8, y + 7), &scale, words(Paint::Ink));
    y += 32;
    let rings = format!(
        "{} {} m/s",
        chart.lang.pick("由内到外风速", "Speed from inside out"),
        chart.rings.join(", ")
    );
    pen.text(
        (x, y),
        &sheet::fitted(&rings, 12, pen_room(size, x)),
        words(Paint::Muted),
    );
    if size == Size::Wide {
        let names = chart.lang.pick(
            "外圈为各风向的平均浓度，风向为来向，– 为小时数不足",
            "Figures: mean of each direction the wind comes from; – too few hours",
        );
        pen.text((x, y + 22), names, words(Paint::Muted));
        let mut line = y + 56;
        let mut by_mean: Vec<(&RoseField, &str)> = chart.sectors.iter().zip(chart.names).collect();
        by_mean.retain(|(field, _)| field.mean.is_some());
        let at = |field: &RoseField| field.mean.as_ref().map_or(0.0, |(at, _)| *at);
        by_mean.sort_by(|(a, _), (b, _)| at(b).total_cmp(&at(a)));
        for (field, name) in by_mean.into_iter().take(3) {
            pen.text((x, line), &told(chart, name, field), words(Paint::Ink));
            line += 20;
        }
    }
}

fn pen_room(size: Size, x: i32) -> i32 {
    size.width_px() - x - 8
}

#[cfg(test)]
mod tests {
    use super::RoseChart;
    use super::RoseField;
    use super::render;
    use crate::adapters::chart::Size;
    use crate::adapters::lang::Lang;

    fn chart(mean: Option<(f64, String)>) -> RoseChart {
        let field = RoseField {
            mean,
            share: "1.5".to_owned(),
        };
        RoseChart {
            title: "t".to_owned(),
            summary: String::new(),
            unit: "u".to_owned(),
            names: ["d"; 16],
            rings: ["r"; 4],
            calm: field.clone(),
            sectors: vec![field.clone(); 16],
            fields: vec![std::array::from_fn(|_| field.clone()); 16],
            empty_note: "nothing".to_owned(),
            watermark: None,
            lang: Lang::En,
        }
    }

    #[test]
    fn every_field_tells_its_figure_and_too_few_hours_are_no_figure() {
        for size in [Size::Wide, Size::Narrow] {
            let svg = render(&chart(Some((5.0, "v5".to_owned()))), size);
            assert_eq!(
                svg.matches("<title>d r m/s: v5 u · 1.5%</title>").count(),
                64,
                "{svg}"
            );
            assert_eq!(svg.matches(">v5</text>").count(), 17, "{svg}");
        }
        let mut few = chart(Some((5.0, "v5".to_owned())));
        few.sectors[3].mean = None;
        few.fields[3][0].mean = None;
        let svg = render(&few, Size::Wide);
        assert_eq!(svg.matches("too few hours · ").count(), 1, "{svg}");
        assert!(svg.contains(">–</text>"), "{svg}");
        assert!(render(&chart(None), Size::Wide).contains(">nothing<"));
    }
}
