//! Stations where they lie, from their coordinates alone: no border, no street, nothing of anybody else's. Each carries its
//! number in the list beside the picture, and the prescribed colour of its index with that index in words when pointed at.
//! Stations too close to be told apart share a mark.

use crate::adapters::chart::Size;
use crate::adapters::chart::empty;
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

/// A station.
#[derive(Clone, Debug, PartialEq)]
pub struct MapPoint {
    /// East longitude in degrees.
    pub longitude: f64,
    /// North latitude in degrees.
    pub latitude: f64,
    /// Its number in the list.
    pub number: usize,
    /// Index and level; `None` when there is none.
    pub aqi: Option<(u16, AqiLevel)>,
    /// What it says when pointed at.
    pub text: String,
}

/// Stations to draw.
#[derive(Clone, Debug, PartialEq)]
pub struct MapChart {
    /// What it shows.
    pub title: String,
    /// The same in a sentence, for those who cannot see it.
    pub summary: String,
    /// The stations.
    pub points: Vec<MapPoint>,
    /// What to say when there is none.
    pub empty_note: String,
    /// Slanted words over it, where the figures are simulated.
    pub watermark: Option<String>,
    /// Language of the words the chart adds itself.
    pub lang: Lang,
}

const EDGE_PX: i32 = 48;
const MARK_PX: i32 = 13;
/// Least extent shown, in degrees of latitude: some two kilometres.
const EXTENT_MIN: f64 = 0.02;
/// Kilometres of a degree of latitude.
const DEGREE_KM: f64 = 111.2;

/// Stations that share a mark.
struct Mark<'a> {
    at: (i32, i32),
    points: Vec<&'a MapPoint>,
}

/// Where degrees lie on the paper: north is up, and a kilometre is as long to the east as to the north.
struct Projection {
    middle: (f64, f64),
    px_per_degree: f64,
    shrink: f64,
    centre: (i32, i32),
}

impl Projection {
    fn of(points: &[MapPoint], (width, height): (i32, i32)) -> Self {
        let range = |of: fn(&MapPoint) -> f64| {
            let values = points.iter().map(of);
            values.fold((f64::MAX, f64::MIN), |(low, high), value| {
                (low.min(value), high.max(value))
            })
        };
        let (west, east) = range(|point| point.longitude);
        let (south, north) = range(|point| point.latitude);
        let middle = ((west + east) / 2.0, (south + north) / 2.0);
        let shrink = middle.1.to_radians().cos().max(0.05);
        let across = ((east - west) * shrink).max(EXTENT_MIN);
        let up = (north - south).max(EXTENT_MIN);
        let (inner_x, inner_y) = (width - 2 * EDGE_PX, height - 2 * EDGE_PX);
        Self {
            middle,
            px_per_degree: (f64::from(inner_x) / across).min(f64::from(inner_y) / up),
            shrink,
            centre: (width / 2, height / 2),
        }
    }

    fn at(&self, point: &MapPoint) -> (i32, i32) {
        let east = (point.longitude - self.middle.0) * self.shrink * self.px_per_degree;
        let north = (point.latitude - self.middle.1) * self.px_per_degree;
        (
            self.centre.0 + east.round() as i32,
            self.centre.1 - north.round() as i32,
        )
    }
}

/// Draws the stations.
pub fn render(chart: &MapChart, size: Size) -> String {
    let known = |point: &&MapPoint| point.longitude.is_finite() && point.latitude.is_finite();
    let points: Vec<MapPoint> = chart.points.iter().filter(known).cloned().collect();
    if points.is_empty() {
        return empty(size, &chart.title, &chart.empty_note, chart.lang);
    }
    let width = size.width_px();
    let height = size.pick(460, 320);
    let projection = Projection::of(&points, (width, height));
    let caption = Caption {
        title: &chart.title,
        summary: &chart.summary,
        watermark: chart.watermark.as_deref(),
    };
    sheet::draw((width, height), caption, |pen| {
        let frame = Frame {
            x: 1,
            y: 1,
            width: width - 2,
            height: height - 2,
        };
        pen.fill(frame, Paint::Faint);
        pen.outline(frame, Paint::Grid);
        for mark in marks(&points, &projection) {
            draw_mark(pen, &mark);
        }
        draw_scale(pen, &projection, height, chart.lang);
    })
}

/// Joins stations whose marks would lie on one another.
fn marks<'a>(points: &'a [MapPoint], projection: &Projection) -> Vec<Mark<'a>> {
    let mut marks: Vec<Mark<'a>> = Vec::new();
    for point in points {
        let at = projection.at(point);
        let near = |mark: &&mut Mark<'_>| {
            let (x, y) = (mark.at.0 - at.0, mark.at.1 - at.1);
            x.abs() < 3 * MARK_PX && y.abs() < 2 * MARK_PX + 2
        };
        match marks.iter_mut().find(near) {
            Some(mark) => mark.points.push(point),
            None => marks.push(Mark {
                at,
                points: vec![point],
            }),
        }
    }
    marks
}

/// The numbers of a mark: up to three, then the first and how many more.
fn label(numbers: &[usize]) -> String {
    match numbers {
        [first, rest @ ..] if rest.len() > 2 => format!("{first}+{}", rest.len()),
        some => {
            let texts: Vec<String> = some.iter().map(usize::to_string).collect();
            texts.join("·")
        }
    }
}

fn draw_mark(pen: &mut Pen<'_>, mark: &Mark<'_>) {
    let worst = mark.points.iter().filter_map(|point| point.aqi);
    let worst = worst.max_by_key(|(aqi, _)| *aqi).map(|(_, level)| level);
    let numbers: Vec<usize> = mark.points.iter().map(|point| point.number).collect();
    let text = label(&numbers);
    let wide = (font::room_px(&text, 12) + 10).max(2 * MARK_PX);
    let frame = Frame {
        x: mark.at.0 - wide / 2,
        y: mark.at.1 - MARK_PX,
        width: wide,
        height: 2 * MARK_PX,
    };
    let paint = match worst {
        Some(level) => {
            pen.fill(frame, Paint::Level(level));
            Paint::OnLevel(level)
        }
        None => {
            pen.fill(frame, Paint::Surface);
            Paint::Ink
        }
    };
    pen.outline(frame, Paint::Muted);
    pen.text(mark.at, &text, Type::new(12, Anchor::Middle, paint).bold());
    let texts: Vec<&str> = mark
        .points
        .iter()
        .map(|point| point.text.as_str())
        .collect();
    pen.hint(frame, &texts.join("\n"));
}

/// A length in whole kilometres, or tenths of them, and where north is.
fn draw_scale(pen: &mut Pen<'_>, projection: &Projection, height: i32, lang: Lang) {
    let px_per_km = projection.px_per_degree / DEGREE_KM;
    let lengths = [
        0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0,
    ];
    let fits = |km: &&f64| **km * px_per_km <= 140.0;
    let km = lengths.iter().rev().find(fits).copied().unwrap_or(0.1);
    let (x, y) = (14, height - 14);
    let end = x + (km * px_per_km).round() as i32;
    pen.line(
        vec![(x, y - 4), (x, y), (end, y), (end, y - 4)],
        Paint::Muted,
        1,
    );
    let text = format!("{km} km · {}", lang.pick("上北", "north is up"));
    pen.text(
        (x, y - 13),
        &text,
        Type::new(11, Anchor::Start, Paint::Muted),
    );
}

#[cfg(test)]
mod tests {
    use super::MapPoint;
    use super::Projection;
    use super::label;
    use super::marks;

    fn point(longitude: f64, latitude: f64) -> MapPoint {
        MapPoint {
            longitude,
            latitude,
            number: 1,
            aqi: None,
            text: String::new(),
        }
    }

    #[test]
    fn north_is_up_and_a_kilometre_is_one_length() {
        let points = [point(120.0, 31.0), point(120.5, 31.0), point(120.25, 31.2)];
        let projection = Projection::of(&points, (960, 460));
        let [west, east, north] = [0, 1, 2].map(|at| projection.at(&points[at]));
        assert!(west.0 < east.0 && west.1 == east.1 && north.1 < west.1);
        // 0.5 degrees of longitude at 31 north are 0.4285 degrees of latitude long.
        let (across, up) = (f64::from(east.0 - west.0), f64::from(west.1 - north.1));
        assert!((across / up - 0.5 * 31.1_f64.to_radians().cos() / 0.2).abs() < 0.05);
    }

    #[test]
    fn stations_of_one_place_share_a_mark() {
        let points = [point(120.0, 31.0), point(120.0, 31.0), point(121.0, 31.0)];
        let projection = Projection::of(&points, (360, 320));
        assert_eq!(marks(&points, &projection).len(), 2);
        assert_eq!(label(&[1]), "1");
        assert_eq!(label(&[1, 4, 7]), "1·4·7");
        assert_eq!(label(&[1, 4, 7, 9]), "1+3");
    }
}
