//! One link: since when it is open or closed, and for how long it has been open in all.
//!
//! A state that lasts less than a beat is not kept: a link that is away for so short counts as open, one that is open
//! for so short as away. So a link that comes and goes all the time writes one row a beat at most.

use crate::domain::calendar::Instant;
use crate::domain::presence::Party;
use crate::domain::presence::Spell;

/// A link that is configured or was open in this run.
pub(super) struct Line {
    /// The present spell.
    spell: Spell,
    /// The one before, while the present one may yet turn out too short to count.
    before: Option<Spell>,
    /// Whether the present one is kept for certain.
    sure: bool,
    /// Seconds it was open until it last closed.
    open_s: i64,
    /// Since when it is open.
    since: Option<Instant>,
}

impl Line {
    /// A link of this name that is open, or not yet.
    pub(super) fn begin(name: &str, open: bool, now: Instant) -> Self {
        Self {
            spell: Spell {
                party: Party::Link(name.to_owned()),
                online: open,
                from: now,
                upto: now,
                open: true,
            },
            before: None,
            sure: open,
            open_s: 0,
            since: open.then_some(now),
        }
    }

    /// It opens or closes; what is to be kept of it.
    pub(super) fn turn(&mut self, open: bool, now: Instant, beat_s: i64) -> Vec<Spell> {
        if self.since.is_some() == open {
            return self.kept();
        }
        self.open_s = self.open_upto(now);
        self.since = open.then_some(now);
        self.settle(now, beat_s);
        let mut kept = self.kept();
        let next = Spell {
            online: open,
            from: now,
            upto: now,
            open: true,
            ..self.spell.clone()
        };
        if self.sure {
            let ended = Spell {
                upto: now.max(self.spell.upto),
                ..std::mem::replace(&mut self.spell, next)
            };
            self.before = Some(ended);
            self.sure = false;
        } else if let Some(before) = self.before.take() {
            self.spell = Spell {
                upto: now.max(before.upto),
                ..before
            };
            self.sure = true;
        } else {
            // Not open yet at the start, and now it is.
            self.sure = open;
            self.spell = next;
        }
        kept.extend(self.kept());
        kept
    }

    fn settle(&mut self, now: Instant, beat_s: i64) {
        self.sure = self.sure || now.unix() - self.spell.from.unix() >= beat_s;
    }

    /// It is still as it was: what is to be kept of it.
    pub(super) fn beat(&mut self, now: Instant, beat_s: i64) -> Vec<Spell> {
        self.spell.upto = self.spell.upto.max(now);
        self.settle(now, beat_s);
        self.kept()
    }

    /// What is to be kept of it just now.
    fn kept(&mut self) -> Vec<Spell> {
        match (self.sure, self.before.clone()) {
            (true, before) => {
                self.before = None;
                let before = before.map(|before| Spell {
                    open: false,
                    ..before
                });
                before
                    .into_iter()
                    .chain(std::iter::once(self.spell.clone()))
                    .collect()
            }
            (false, before) => before.into_iter().collect(),
        }
    }

    /// The daemon stops: what is to be kept at last.
    pub(super) fn end(mut self, now: Instant, beat_s: i64) -> Vec<Spell> {
        let mut kept = self.beat(now, beat_s);
        if let Some(last) = kept.last_mut() {
            last.open = false;
        }
        kept
    }

    /// Seconds it was open in this run, up to a moment that is not before its last change.
    pub(super) fn open_upto(&self, at: Instant) -> i64 {
        let since = self.since.map_or(0, |since| at.unix() - since.unix());
        self.open_s + since.max(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is kept after steps `second on|off|beat`, and the seconds it was open, with beats of ten seconds.
    fn check(first: bool, steps: &str, expected: &[&str], open_s: i64) {
        let mut line = Line::begin("l", first, Instant::from_unix(0));
        let mut rows = std::collections::BTreeMap::new();
        let mut last = 0;
        for step in steps.split(", ") {
            let (second, what) = step.split_once(' ').expect(step);
            last = second.parse().expect(step);
            let now = Instant::from_unix(last);
            let kept = match what {
                "beat" => line.beat(now, 10),
                _ => line.turn(what == "on", now, 10),
            };
            for spell in kept {
                rows.insert(spell.from, spell);
            }
        }
        assert_eq!(line.open_upto(Instant::from_unix(last)), open_s, "{steps}");
        for spell in line.end(Instant::from_unix(last), 10) {
            rows.insert(spell.from, spell);
        }
        let told = rows.values().map(|spell| {
            assert!(!spell.open, "{steps}: every spell ends");
            let state = if spell.online { "on" } else { "off" };
            format!("{state} {}-{}", spell.from.unix(), spell.upto.unix())
        });
        assert_eq!(told.collect::<Vec<_>>(), expected, "{steps}");
    }

    #[test]
    fn a_state_shorter_than_a_beat_is_not_kept() {
        check(
            true,
            "30 off, 60 on, 90 beat",
            &["on 0-30", "off 30-60", "on 60-90"],
            60,
        );
        // Away for less than a beat, again and again.
        check(
            true,
            "20 off, 21 on, 25 off, 30 beat, 31 on, 38 off, 40 beat, 41 on, 60 beat",
            &["on 0-60"],
            20 + 4 + 7 + 19,
        );
        // Open for less than a beat, again and again.
        check(
            false,
            "30 on, 31 off, 60 on, 61 off, 90 on, 91 off, 120 beat",
            &["off 0-120"],
            3,
        );
        // Connected as soon as it could be; closed for good.
        check(false, "1 on, 5 beat, 15 beat", &["on 1-15"], 14);
        check(
            true,
            "50 off, 55 beat, 65 beat",
            &["on 0-50", "off 50-65"],
            50,
        );
        // The end comes before anything is certain.
        check(true, "50 off, 51 beat", &["on 0-50"], 50);
        check(false, "3 beat", &[], 0);
    }
}
