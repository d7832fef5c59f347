//! What a source sent last, as it came, and what a frame of HJ 212 says of itself: its check, its edition, when it was sent and which end of
//! its period it names.

use crate::adapters::http::desk::Desk;
use crate::adapters::http::page::frame::spaced;
use crate::adapters::http::page::sheet::Block;
use crate::adapters::http::page::sheet::Cell;
use crate::adapters::http::page::sheet::Part;
use crate::adapters::http::phrases::fill;
use crate::adapters::http::phrases::phrases;
use crate::adapters::inbound::recent::BYTES_MAX;
use crate::adapters::inbound::recent::Came;
use crate::adapters::inbound::recent::KEPT;
use crate::adapters::inbound::recent::Outcome;
use crate::adapters::report::letters;
use crate::domain::calendar::HOUR_S;

/// An hour's record that comes so long after its DataTime at the latest was sent at once.
const LIVE_S: i64 = HOUR_S / 2;
/// How far a logger's clock may be ahead for that.
const AHEAD_S: i64 = 600;

/// Which end of their hours the frames name that came at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Side {
    Start,
    End,
}

/// That side, where there are such frames, and whether it is the one that is set.
fn side(came: &[Came]) -> Option<(Side, bool)> {
    let behind = came.iter().filter_map(|own| {
        let said = own.said.as_ref()?;
        Some((own.at.unix() - said.hour?.unix(), said.label_end))
    });
    let behind: Vec<(i64, bool)> = behind.collect();
    let find = |least: i64, beyond: i64| {
        let mut all = behind.iter();
        all.find(|(seconds, _)| (least..beyond).contains(seconds))
    };
    match find(-AHEAD_S, LIVE_S) {
        Some((_, label_end)) => Some((Side::End, *label_end)),
        None => {
            let starts = find(HOUR_S - AHEAD_S, HOUR_S + LIVE_S);
            starts.map(|(_, label_end)| (Side::Start, !label_end))
        }
    }
}

impl Desk<'_> {
    /// The checks of the frames, by name.
    pub(super) fn checks(&self, came: &[Came]) -> Cell {
        let mut found: Vec<&str> = came
            .iter()
            .filter_map(|own| Some(own.said.as_ref()?.check))
            .collect();
        found.sort_unstable();
        found.dedup();
        match found.is_empty() {
            true => Cell::text(phrases(self.lang).crc_none),
            false => Cell::text(found.join(" ")),
        }
    }

    /// Which end of their hours the frames name, where they came at once.
    pub(super) fn label_side(&self, came: &[Came]) -> Cell {
        let words_of = phrases(self.lang);
        match side(came) {
            Some((Side::End, false)) => Cell::verdict(false, words_of.label_ends),
            Some((Side::End, true)) => Cell::verdict(true, words_of.label_ends_set),
            Some((Side::Start, true)) => Cell::verdict(true, words_of.label_starts),
            Some((Side::Start, false)) => Cell::verdict(false, words_of.label_starts_unset),
            None => Cell::text(words_of.label_side_note),
        }
    }

    /// The messages as they came.
    pub(super) fn last_block(&self, came: &[Came]) -> Block {
        let words_of = phrases(self.lang);
        let mut parts = Vec::new();
        for own in came {
            parts.push(Part::Facts(self.facts_of(own)));
            let bytes = letters::without_password(&own.topic, &own.bytes);
            let mut text = String::from_utf8_lossy(&bytes).into_owned();
            if own.size_bytes > own.bytes.len() {
                text.push('…');
            }
            parts.push(Part::Verbatim(text));
        }
        let (kept, bytes) = (KEPT.to_string(), BYTES_MAX.to_string());
        Block {
            anchor: "last",
            title: words_of.last_title.to_owned(),
            notes: vec![match came.is_empty() {
                true => words_of.last_none.to_owned(),
                false => fill(words_of.last_note, &[("kept", &kept), ("bytes", &bytes)]),
            }],
            parts,
        }
    }

    fn facts_of(&self, own: &Came) -> Vec<(String, Cell)> {
        let words_of = phrases(self.lang);
        let mut facts = vec![
            (
                words_of.col_received,
                Cell::text(spaced(&self.state.zone.text(own.at))),
            ),
            (words_of.col_topic, Cell::text(own.topic.as_str())),
            (
                words_of.col_way,
                Cell::text(format!("{} {}", own.link, own.origin)),
            ),
            (words_of.col_standing, self.outcome(&own.outcome)),
        ];
        if let Some(said) = &own.said {
            facts.push((words_of.crc, Cell::verdict(said.standard, said.check)));
            facts.push((words_of.col_command, Cell::text(said.command.as_str())));
            let offset = said.sent.map(|sent| own.at.unix() - sent.unix());
            let offset = offset.map_or("–".to_owned(), |offset| offset.to_string());
            facts.push((words_of.col_sent_offset, Cell::text(offset)));
        }
        facts
            .into_iter()
            .map(|(name, cell)| (name.to_owned(), cell))
            .collect()
    }

    fn outcome(&self, outcome: &Outcome) -> Cell {
        let words_of = phrases(self.lang);
        let count = |count: &usize| fill(words_of.readings_read, &[("count", &count.to_string())]);
        match outcome {
            Outcome::Read(all) => Cell::verdict(true, count(all)),
            Outcome::Partly(all, left) => Cell::verdict(false, format!("{}; {left}", count(all))),
            Outcome::Life => Cell::text(words_of.sign_of_life),
            Outcome::Unusable(why) => Cell::verdict(false, why.as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::adapters::inbound::recent::Said;
    use crate::domain::calendar::Instant;

    /// A frame that came so many seconds behind its DataTime.
    fn came(behind_s: i64, label_end: bool) -> Came {
        let hour = Instant::from_unix(1_773_284_400);
        Came {
            at: hour.plus_s(behind_s),
            link: Arc::from("hj212"),
            origin: String::new(),
            topic: String::new(),
            bytes: Vec::new(),
            size_bytes: 0,
            said: Some(Said {
                check: "hj",
                standard: true,
                command: String::new(),
                sent: None,
                hour: Some(hour),
                label_end,
            }),
            outcome: Outcome::Read(1),
        }
    }

    #[test]
    fn the_side_is_compared_with_the_setting() {
        for (behind_s, label_end, expected) in [
            (30, false, Some((Side::End, false))),
            (30, true, Some((Side::End, true))),
            (3_630, false, Some((Side::Start, true))),
            (3_630, true, Some((Side::Start, false))),
            (40_000, true, None),
        ] {
            let all = [came(90_000, label_end), came(behind_s, label_end)];
            assert_eq!(side(&all), expected, "{behind_s} {label_end}");
        }
    }
}
