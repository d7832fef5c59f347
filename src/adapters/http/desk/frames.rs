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
use crate::adapters::payload::hj212;
use crate::adapters::payload::hj212::crc::Variant;
use crate::adapters::payload::hj212::frame::Frame;
use crate::adapters::payload::hj212::head::Head;
use crate::adapters::report::letters;
use crate::domain::calendar::HOUR_S;

/// An hour's record that comes so long after its DataTime at the latest was sent at once.
const LIVE_S: i64 = HOUR_S / 2;
/// How far a logger's clock may be ahead for that.
const AHEAD_S: i64 = 600;

/// A frame that could be read as far as its head.
struct Seen {
    crc: Option<Variant>,
    head: Head,
}

fn seen(came: &Came) -> Option<Seen> {
    let all = [Variant::Hj, Variant::ModbusHigh, Variant::ModbusLow];
    let frame = Frame::whole(&came.bytes, BYTES_MAX, &all).ok()?;
    let head = Head::read(frame.segment).ok()?;
    Some(Seen {
        crc: frame.crc,
        head,
    })
}

impl Desk<'_> {
    /// The checks of the frames, by name.
    pub(super) fn checks(&self, came: &[Came]) -> Cell {
        let mut found: Vec<&str> = came
            .iter()
            .filter_map(seen)
            .map(|seen| seen.crc.map_or("SM4", Variant::key))
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
        let behind = came.iter().filter_map(|own| {
            let seen = seen(own).filter(|seen| seen.head.cn == 2061)?;
            let time = hj212::data_time(&seen.head.region, self.state.zone)?;
            Some(own.at.unix() - time.unix())
        });
        let behind: Vec<i64> = behind.collect();
        let ends = behind.iter().any(|s| (-AHEAD_S..LIVE_S).contains(s));
        let starts = behind
            .iter()
            .any(|s| (HOUR_S - AHEAD_S..HOUR_S + LIVE_S).contains(s));
        match (starts, ends) {
            (_, true) => Cell::verdict(false, words_of.label_ends),
            (true, false) => Cell::verdict(true, words_of.label_starts),
            (false, false) => Cell::text(words_of.label_side_note),
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
        if let Some(seen) = seen(own) {
            let head = &seen.head;
            let crc = seen.crc.map_or("SM4", Variant::key);
            facts.push((
                words_of.crc,
                Cell::verdict(seen.crc == Some(Variant::Hj), crc),
            ));
            let edition = head
                .edition()
                .map_or("–".to_owned(), |year| year.to_string());
            let packet = head
                .packet
                .map_or(String::new(), |(all, own)| format!(" {own}/{all}"));
            let answer = if head.wants_answer() { " A" } else { "" };
            let said = format!(
                "CN={} ST={} Flag={} ({edition}{answer}){packet}",
                head.cn, head.st, head.flag
            );
            facts.push((words_of.col_command, Cell::text(said)));
            let sent = hj212::sent(head, self.state.zone);
            let offset = sent.map(|sent| own.at.unix() - sent.unix());
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
