//! A series over time as a line or as bars, with limit and target rules across it. A gap stays a gap: a line
//! stops and starts again, a bar is missing and its place is marked.

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

/// Most points one chart takes; further ones are left out of the picture.
pub const POINTS_MAX: usize = 4_000;

/// Most further series; more are left out of the picture.
pub const LINES_MAX: usize = 4;
/// The strokes of further series.
const DASHES: [&str; LINES_MAX] = ["7 4", "2 3", "9 3 2 3", "5 2"];

/// How the series is drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TrendStyle {
    /// A line, for days.
    Line,
    /// Bars with their values, for months.
    Bars,
}

/// One place of the series.
#[derive(Clone, Debug, PartialEq)]
pub struct TrendPoint {
    /// What it is called when pointed at, such as `2025-03` or `2025-03-07`.
    pub name: String,
    /// The word under the axis at this place, if one stands here.
    pub tick: Option<String>,
    /// The value, or a gap.
    pub value: Option<f64>,
    /// The value as published.
    pub text: String,
}

/// A level line across the chart.
#[derive(Clone, Debug, PartialEq)]
pub struct TrendRule {
    /// What it stands for.
    pub kind: RuleKind,
    /// Where.
    pub value: f64,
    /// Its name with the value, such as `Class II annual limit 35`.
    pub label: String,
}

/// A further series beside the first.
#[derive(Clone, Debug, PartialEq)]
pub struct TrendLine {
    /// Its name.
    pub name: String,
    /// Its values by place, each with its text.
    pub values: Vec<Option<(f64, String)>>,
}

/// Where the last place may end up: a wedge from the last value to the right edge. Its width between is drawn only.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TrendFan {
    /// A tenth ends below this.
    pub p10: f64,
    /// Half.
    pub p50: f64,
    /// Nine tenths.
    pub p90: f64,
}

/// A series to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct TrendChart {
    /// What it shows.
    pub title: String,
    /// The same in a sentence, for those who cannot see it.
    pub summary: String,
    /// What the first series is called in the legend, such as `PM2.5`.
    pub name: String,
    /// Unit of the values.
    pub unit: String,
    /// Line or bars.
    pub style: TrendStyle,
    /// The series in order of time, gaps included.
    pub points: Vec<TrendPoint>,
    /// Further series in the same unit, at most [`LINES_MAX`].
    pub more: Vec<TrendLine>,
    /// Where the series may end.
    pub fan: Option<TrendFan>,
    /// Rules across it.
    pub rules: Vec<TrendRule>,
    /// What to say when there is no value at all.
    pub empty_note: String,
    /// Slanted words over it, where the figures are simulated.
    pub watermark: Option<String>,
    /// Language of the words the chart adds itself.
    pub lang: Lang,
}

const TEXT_PX: i32 = 12;
const AXIS_LEFT_PX: i32 = 36;
const LEGEND_ROW_PX: i32 = 18;

/// Where values fall on the paper.
struct Plot {
    frame: Frame,
    highest: f64,
    slots: i32,
}

impl Plot {
    fn y(&self, value: f64) -> i32 {
        let share = (value / self.highest).clamp(0.0, 1.0);
        self.frame.bottom() - (share * f64::from(self.frame.height)).round() as i32
    }

    /// Left and right edge of a place.
    fn slot(&self, index: usize) -> (i32, i32) {
        let edge = |n: i32| self.frame.x + self.frame.width * n / self.slots;
        let index = i32::try_from(index).unwrap_or(self.slots - 1);
        (edge(index), edge(index + 1))
    }

    fn middle(&self, index: usize) -> i32 {
        let (left, right) = self.slot(index);
        (left + right) / 2
    }
}

/// Draws the series.
pub fn render(chart: &TrendChart, size: Size) -> String {
    let points = &chart.points[..chart.points.len().min(POINTS_MAX)];
    let values = points.iter().filter_map(|point| point.value);
    let further = chart.more.iter().flat_map(|line| line.values.iter());
    let further = further.filter_map(|value| value.as_ref().map(|(value, _)| *value));
    let Some(most) = values.chain(further).reduce(f64::max) else {
        return empty(size, &chart.title, &chart.empty_note, chart.lang);
    };
    let most = chart
        .rules
        .iter()
        .map(|rule| rule.value)
        .chain(chart.fan.map(|fan| fan.p90))
        .fold(most, f64::max);
    let scale = steps(most * 1.05, size.pick(5, 4));
    let width = size.width_px();
    let legend = legend_rows(chart, width);
    let top = 8 + LEGEND_ROW_PX * (1 + legend.last().map_or(0, |entry| entry.row)) + 12;
    let frame = Frame {
        x: AXIS_LEFT_PX,
        y: top,
        width: width - AXIS_LEFT_PX - 10,
        height: size.pick(230, 190),
    };
    let plot = Plot {
        frame,
        highest: scale.last().copied().unwrap_or(1.0),
        slots: i32::try_from(points.len()).unwrap_or(1).max(1),
    };
    let caption = Caption {
        title: &chart.title,
        summary: &chart.summary,
        watermark: chart.watermark.as_deref(),
    };
    sheet::draw((width, frame.bottom() + 26), caption, |pen| {
        draw_legend(pen, &legend);
        draw_scale(pen, &plot, &scale);
        draw_ticks(pen, &plot, points);
        match chart.style {
            TrendStyle::Line => draw_line(pen, &plot, points),
            TrendStyle::Bars => draw_bars(pen, &plot, points, size),
        }
        for (number, line) in (0..).zip(chart.more.iter().take(LINES_MAX)) {
            draw_further(pen, &plot, number, line);
        }
        if let Some(fan) = &chart.fan {
            draw_fan(pen, &plot, points, fan);
        }
        draw_rules(pen, &plot, &chart.rules);
        for (index, point) in points.iter().enumerate() {
            let (left, right) = plot.slot(index);
            let column = Frame {
                x: left,
                y: frame.y,
                width: (right - left).max(1),
                height: frame.height,
            };
            if size == Size::Wide {
                pen.hint(column, &hint(index, point, chart));
            }
        }
    })
}

fn hint(index: usize, point: &TrendPoint, chart: &TrendChart) -> String {
    let none = chart.lang.pick("无有效值", "no valid value");
    let first = match point.value {
        Some(_) => format!("{} {}", point.text, chart.unit),
        None => none.to_owned(),
    };
    if chart.more.is_empty() {
        return format!("{}  {first}", point.name);
    }
    let mut said = format!("{}\n{}: {first}", point.name, chart.name);
    for line in chart.more.iter().take(LINES_MAX) {
        let value = line.values.get(index).and_then(Option::as_ref);
        let value = value.map(|(_, text)| format!("{text} {}", chart.unit));
        let value = value.unwrap_or_else(|| none.to_owned());
        said.push_str(&format!("\n{}: {value}", line.name));
    }
    said
}

/// One entry of the legend and its place.
struct LegendEntry {
    x: i32,
    row: i32,
    rule: Option<RuleKind>,
    bars: bool,
    line: Option<u8>,
    label: String,
}

fn legend_rows(chart: &TrendChart, width: i32) -> Vec<LegendEntry> {
    let own = format!("{} ({})", chart.name, chart.unit);
    let further = (0..).zip(chart.more.iter().take(LINES_MAX));
    let further = further.map(|(number, line)| (None, Some(number), line.name.clone()));
    let rules = chart.rules.iter();
    let rules = rules.map(|rule| (Some(rule.kind), None, rule.label.clone()));
    let labels = std::iter::once((None, None, own))
        .chain(further)
        .chain(rules);
    let (mut x, mut row) = (8, 0);
    let mut entries = Vec::new();
    for (rule, line, label) in labels {
        let label = sheet::fitted(&label, TEXT_PX, width - 52);
        let needed = 28 + font::room_px(&label, TEXT_PX) + 18;
        if x > 8 && x + needed > width {
            x = 8;
            row += 1;
        }
        entries.push(LegendEntry {
            x,
            row,
            rule,
            bars: chart.style == TrendStyle::Bars,
            line,
            label,
        });
        x += needed;
    }
    entries
}

fn draw_legend(pen: &mut Pen<'_>, entries: &[LegendEntry]) {
    for entry in entries {
        let y = 8 + LEGEND_ROW_PX * entry.row + LEGEND_ROW_PX / 2;
        let ends = ((entry.x, y), (entry.x + 22, y));
        if let Some(number) = entry.line {
            let dashes = DASHES[usize::from(number)];
            pen.stroked(&[ends.0, ends.1], Paint::Line(number), dashes);
            let how = Type::new(TEXT_PX, Anchor::Start, Paint::Ink);
            pen.text((entry.x + 28, y), &entry.label, how);
            continue;
        }
        match entry.rule {
            Some(RuleKind::Limit) => pen.line(vec![ends.0, ends.1], Paint::Limit, 2),
            Some(RuleKind::Target) => pen.dashed(ends.0, ends.1, Paint::Target),
            None if entry.bars => pen.fill(
                Frame {
                    x: entry.x + 4,
                    y: y - 5,
                    width: 14,
                    height: 10,
                },
                Paint::Series,
            ),
            None => pen.line(vec![ends.0, ends.1], Paint::Series, 2),
        }
        let how = Type::new(TEXT_PX, Anchor::Start, Paint::Ink);
        pen.text((entry.x + 28, y), &entry.label, how);
    }
}

fn draw_scale(pen: &mut Pen<'_>, plot: &Plot, scale: &[f64]) {
    let frame = plot.frame;
    for step in scale {
        let y = plot.y(*step);
        let paint = if *step == 0.0 {
            Paint::Muted
        } else {
            Paint::Grid
        };
        pen.line(vec![(frame.x, y), (frame.right(), y)], paint, 1);
        let how = Type::new(11, Anchor::End, Paint::Muted);
        pen.text((frame.x - 6, y), &step_text(*step), how);
    }
}

fn draw_ticks(pen: &mut Pen<'_>, plot: &Plot, points: &[TrendPoint]) {
    let y = plot.frame.bottom();
    let by_place = plot.slots > 31;
    for (index, point) in points.iter().enumerate() {
        let Some(tick) = &point.tick else { continue };
        let how = Type::new(11, Anchor::Start, Paint::Muted);
        if by_place {
            let (x, _) = plot.slot(index);
            pen.line(vec![(x, y), (x, y + 5)], Paint::Muted, 1);
            pen.text((x + 2, y + 14), tick, how);
        } else {
            let how = Type {
                anchor: Anchor::Middle,
                ..how
            };
            pen.text((plot.middle(index), y + 14), tick, how);
        }
    }
}

fn draw_line(pen: &mut Pen<'_>, plot: &Plot, points: &[TrendPoint]) {
    let mut run: Vec<(i32, i32)> = Vec::new();
    for (index, point) in points.iter().enumerate() {
        match point.value {
            Some(value) => run.push((plot.middle(index), plot.y(value))),
            None => draw_run(pen, std::mem::take(&mut run)),
        }
    }
    draw_run(pen, run);
}

/// A stretch without gaps; a lone value is a dot.
fn draw_run(pen: &mut Pen<'_>, run: Vec<(i32, i32)>) {
    match run.as_slice() {
        [] => {}
        [alone] => pen.dot(*alone, 2, Paint::Series),
        _ => pen.line(run, Paint::Series, 2),
    }
}

fn draw_further(pen: &mut Pen<'_>, plot: &Plot, number: u8, line: &TrendLine) {
    let paint = Paint::Line(number);
    let dashes = DASHES[usize::from(number)];
    let mut run: Vec<(i32, i32)> = Vec::new();
    let places = i32::try_from(line.values.len())
        .unwrap_or(i32::MAX)
        .min(plot.slots);
    let places = usize::try_from(places).unwrap_or(0);
    for (index, value) in line.values.iter().enumerate().take(places) {
        match value {
            Some((value, _)) => run.push((plot.middle(index), plot.y(*value))),
            None => further_run(pen, &std::mem::take(&mut run), paint, dashes),
        }
    }
    further_run(pen, &run, paint, dashes);
}

/// A stretch of a further series without gaps; a lone value is a dot.
fn further_run(pen: &mut Pen<'_>, run: &[(i32, i32)], paint: Paint, dashes: &str) {
    match run {
        [] => {}
        [alone] => pen.dot(*alone, 2, paint),
        _ => pen.stroked(run, paint, dashes),
    }
}

/// From the last value to the spread at the right edge, with its three figures as marks there.
fn draw_fan(pen: &mut Pen<'_>, plot: &Plot, points: &[TrendPoint], fan: &TrendFan) {
    let last = points.iter().rposition(|point| point.value.is_some());
    let Some((index, value)) = last.and_then(|at| Some((at, points[at].value?))) else {
        return;
    };
    let from = (plot.middle(index), plot.y(value));
    let right = plot.frame.right();
    let (low, middle, high) = (plot.y(fan.p10), plot.y(fan.p50), plot.y(fan.p90));
    pen.area(&[from, (right, high), (right, low)], Paint::Series);
    pen.stroked(&[from, (right, middle)], Paint::Series, "3 3");
    pen.line(vec![(right, high), (right, low)], Paint::Series, 2);
}

fn draw_bars(pen: &mut Pen<'_>, plot: &Plot, points: &[TrendPoint], size: Size) {
    let bottom = plot.frame.bottom();
    for (index, point) in points.iter().enumerate() {
        let (left, right) = plot.slot(index);
        let gap = ((right - left) / 6).max(1);
        match point.value {
            Some(value) => {
                let top = plot.y(value);
                let bar = Frame {
                    x: left + gap,
                    y: top,
                    width: (right - left - 2 * gap).max(1),
                    height: bottom - top,
                };
                pen.fill(bar, Paint::Series);
                let text = size.pick(12, 10);
                pen.rimmed((plot.middle(index), top - 8), &point.text, text);
            }
            None => {
                let at = (plot.middle(index), bottom - 10);
                pen.text(at, "–", Type::new(12, Anchor::Middle, Paint::Muted));
            }
        }
    }
}

fn draw_rules(pen: &mut Pen<'_>, plot: &Plot, rules: &[TrendRule]) {
    for rule in rules {
        let y = plot.y(rule.value);
        let ends = ((plot.frame.x, y), (plot.frame.right(), y));
        match rule.kind {
            RuleKind::Limit => pen.line(vec![ends.0, ends.1], rule.kind.paint(), 2),
            RuleKind::Target => pen.dashed(ends.0, ends.1, rule.kind.paint()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::TrendChart;
    use super::TrendPoint;
    use super::TrendStyle;
    use super::render;
    use crate::adapters::chart::Size;
    use crate::adapters::lang::Lang;

    fn chart(values: &[Option<f64>]) -> TrendChart {
        let point = |(index, value): (usize, &Option<f64>)| TrendPoint {
            name: format!("2025-01-{:02}", index + 1),
            tick: None,
            value: *value,
            text: value.map(|v| format!("{v:.1}")).unwrap_or_default(),
        };
        TrendChart {
            name: "PM2.5".to_owned(),
            more: Vec::new(),
            fan: None,
            title: "PM2.5".to_owned(),
            summary: "daily means".to_owned(),
            unit: "µg/m³".to_owned(),
            style: TrendStyle::Line,
            points: values.iter().enumerate().map(point).collect(),
            rules: Vec::new(),
            empty_note: "nothing came in".to_owned(),
            watermark: None,
            lang: Lang::En,
        }
    }

    /// Strokes of the series: the legend's sample, then one for each stretch.
    fn stretches(svg: &str) -> usize {
        svg.matches("class=\"s-series\"").count() - 1
    }

    #[test]
    fn a_gap_breaks_the_line() {
        let whole = chart(&[Some(1.0), Some(2.0), Some(3.0), Some(4.0)]);
        assert_eq!(stretches(&render(&whole, Size::Narrow)), 1);
        let broken = chart(&[Some(1.0), Some(2.0), None, Some(3.0), Some(4.0)]);
        assert_eq!(stretches(&render(&broken, Size::Narrow)), 2);
    }

    #[test]
    fn a_lone_value_between_gaps_is_still_seen() {
        let svg = render(&chart(&[None, Some(2.0), None]), Size::Narrow);
        assert!(svg.contains("<circle"), "{svg}");
    }

    #[test]
    fn without_any_value_the_note_stands_there() {
        for values in [&[][..], &[None, None][..]] {
            assert!(render(&chart(values), Size::Wide).contains("nothing came in"));
        }
    }
}
