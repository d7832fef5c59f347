//! The table of who answers for a station (点位长). It holds names of persons, so it asks for a name and a unit and has no
//! place for telephone numbers or addresses; a row without the name takes the name out again.

use crate::adapters::tables::kinds::or_empty;
use crate::adapters::tables::sheet::Entry;
use crate::adapters::tables::sheet::Line;
use crate::adapters::tables::sheet::if_filled;
use crate::domain::registry::Chief;
use crate::domain::registry::Registry;

/// Its columns.
pub(super) const COLUMNS: [&str; 3] = ["station", "name", "unit"];
/// Longest name, in characters.
const NAME_CHARS_MAX: usize = 40;

/// Reads a row.
pub(super) fn chief(line: &mut Line<'_>) -> Option<Chief> {
    let station = line.source_id("station");
    let expected = "a person's name of at most 40 characters without digits, or empty";
    let name = line.field("name", expected, |text| {
        // A number beside the name would be a telephone's.
        let fits = text.chars().count() <= NAME_CHARS_MAX && !text.contains(char::is_numeric);
        fits.then(|| if_filled(text, |text| Some(text.to_owned())))?
    });
    let unit = line.text("unit");
    Some(Chief {
        station: station?,
        name: name?,
        unit: unit?,
    })
}

/// Known stations, each once.
pub(super) fn check(entries: &[Entry<Chief>], known: &Registry, faults: &mut Vec<String>) {
    for (at, Entry { place, value }) in entries.iter().enumerate() {
        let station = &value.station;
        if known.station(station).is_none() {
            faults.push(format!("{place}: station: {station} is not registered"));
        }
        let earlier = &entries[..at];
        if let Some(first) = earlier.iter().find(|own| own.value.station == *station) {
            let first = &first.place;
            faults.push(format!("{place}: station: stands already at {first}"));
        }
    }
}

/// A row as it is read.
pub(super) fn row(chief: &Chief) -> Vec<String> {
    vec![
        chief.station.to_string(),
        or_empty(chief.name.as_ref()),
        chief.unit.clone(),
    ]
}
