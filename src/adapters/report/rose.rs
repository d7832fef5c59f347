//! A pollution rose as JSON and as rows.

use serde_json::Value;
use serde_json::json;

use crate::adapters::report::unrounded;
use crate::domain::rose::CLASS_NAMES;
use crate::domain::rose::Cell;
use crate::domain::rose::Rose;
use crate::domain::rose::SECTOR_NAMES;
use crate::domain::units::Exact;

/// Header of the rows: one a direction and class of speed, `calm` and `all` among the directions, `all` among the classes.
pub const ROSE_COLUMNS: [&str; 5] = ["direction", "speed_ms", "hours", "share_pct", "mean"];
/// What stands for every direction or speed.
const ALL: &str = "all";
const CALM: &str = "calm";

/// Decimals of shares.
const SHARE_DECIMALS: u32 = 1;

/// The share of so many hours, as printed.
pub fn share(cell: &Cell, of: u32) -> String {
    let share = cell.share(of).unwrap_or_else(Exact::zero);
    share.round(SHARE_DECIMALS).to_string()
}

/// Lines of a rose: direction, class of speed, hours.
fn lines(rose: &Rose) -> Vec<(&'static str, &'static str, &Cell)> {
    let mut lines = vec![(ALL, ALL, &rose.both), (CALM, "0.0-0.2", &rose.calm)];
    for (sector, name) in SECTOR_NAMES.into_iter().enumerate() {
        lines.push((name, ALL, &rose.sectors[sector]));
        let classes = CLASS_NAMES.into_iter().zip(&rose.classes[sector]);
        lines.extend(classes.map(|(speed, cell)| (name, speed, cell)));
    }
    lines
}

/// The rows under [`ROSE_COLUMNS`].
pub fn rose_rows(rose: &Rose) -> impl Iterator<Item = [String; 5]> + '_ {
    lines(rose).into_iter().map(|(direction, speed, cell)| {
        let mean = cell.mean().map(|mean| unrounded(&mean).to_string());
        [
            direction.to_owned(),
            speed.to_owned(),
            cell.hours.to_string(),
            share(cell, rose.both.hours),
            mean.unwrap_or_default(),
        ]
    })
}

/// The figures of a rose, or null ones with the reason.
pub fn rose_json(rose: Result<&Rose, &str>) -> Value {
    let number = |text: String| {
        text.parse::<serde_json::Number>()
            .map_or(Value::Null, Value::Number)
    };
    match rose {
        Err(reason) => json!({
            "possible_hours": null, "hours": null, "coverage_pct": null, "rows": null, "void_reason": reason,
        }),
        Ok(rose) => json!({
            "possible_hours": rose.possible,
            "hours": rose.both.hours,
            "coverage_pct": number(share(&rose.both, rose.possible)),
            "rows": lines(rose).into_iter().map(|(direction, speed, cell)| json!({
                "direction": direction,
                "speed_ms": speed,
                "hours": cell.hours,
                "share_pct": number(share(cell, rose.both.hours)),
                "mean": cell.mean().map(|mean| unrounded(&mean)),
            })).collect::<Vec<_>>(),
            "void_reason": null,
        }),
    }
}
