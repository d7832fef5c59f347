//! The table of other areas' figures, to be ranked with.

use std::collections::BTreeMap;

use crate::adapters::tables::checks::known_edition;
use crate::adapters::tables::sheet::Entry;
use crate::adapters::tables::sheet::Line;
use crate::domain::calendar::Period;
use crate::domain::registry::peer::Peer;
use crate::domain::registry::peer::RankItem;
use crate::domain::registry::peer::is_division_code;
use crate::domain::standards::Editions;
use crate::domain::units::Amount;

/// Its columns.
pub(super) const COLUMNS: [&str; 8] = [
    "division_code",
    "name_zh",
    "name_en",
    "period",
    "item",
    "value",
    "edition",
    "source",
];

/// Reads a row.
pub(super) fn peer(line: &mut Line<'_>) -> Option<Peer> {
    let division_code = line.field("division_code", "six to twelve digits", |text| {
        is_division_code(text).then(|| text.to_owned())
    });
    let names = line.names();
    let expected = "a period such as 2020, 2020-H1, 2020-Q2 or 2020-07";
    let period = line.field("period", expected, Period::parse);
    let items = RankItem::ALL.map(RankItem::key).join(", ");
    let item = line.field("item", &format!("one of {items}"), |text| {
        RankItem::parse(text).ok()
    });
    let value = line.field("value", "a number", |text| Amount::parse(text).ok());
    let edition = line.text("edition");
    let source = line.text("source");
    Some(Peer {
        division_code: division_code?,
        names: names?,
        period: period?.label,
        item: item?,
        value: value?,
        edition: edition?,
        source: source?,
    })
}

/// One figure an area, period, item and edition, under editions that exist.
pub(super) fn check(entries: &[Entry<Peer>], editions: &Editions, faults: &mut Vec<String>) {
    let mut seen = BTreeMap::new();
    for Entry { place, value } in entries {
        known_edition(place, &value.edition, editions, faults);
        if let Some(first) = seen.insert(value.identity(), place) {
            faults.push(format!("{place}: item: stands already at {first}"));
        }
    }
}

/// Writes a row.
pub(super) fn row(peer: &Peer) -> Vec<String> {
    vec![
        peer.division_code.clone(),
        peer.names.zh.clone(),
        peer.names.en.clone(),
        peer.period.clone(),
        peer.item.key().to_owned(),
        peer.value.to_string(),
        peer.edition.clone(),
        peer.source.clone(),
    ]
}
