//! Why a published figure would be said otherwise now: which readings changed since, what reviewers decided about
//! them, which days are left out, who counted then and does not now, or that the same readings give another figure
//! because rules or programs changed.

use chrono::NaiveDate;

use crate::domain::calendar::Instant;
use crate::domain::calendar::Span;
use crate::domain::calendar::Zone;
use crate::domain::exclusion::Exclusion;
use crate::domain::names::SourceId;
use crate::domain::pollutant::Pollutant;
use crate::domain::publication::Stretch;
use crate::domain::reading::Reading;
use crate::domain::review::Decision;

/// What happened to readings since.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// The first reading of that time arrived after.
    Late,
    /// Another value took the place of one, or of none.
    Corrected,
    /// The sender took the value back.
    NoValue,
    /// The value stands, but is flagged and does not enter means any more.
    Flagged,
    /// A reviewer decided about it.
    Reviewed,
}

impl Turn {
    /// Every turn.
    pub const ALL: [Self; 5] = [
        Self::Late,
        Self::Corrected,
        Self::NoValue,
        Self::Flagged,
        Self::Reviewed,
    ];

    /// The word used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Corrected => "corrected",
            Self::NoValue => "no_value",
            Self::Flagged => "flagged",
            Self::Reviewed => "reviewed",
        }
    }

    /// What became of one reading; `None` when it enters means as it did before.
    pub fn of(before: Option<&Reading>, now: &Reading) -> Option<Self> {
        if before.and_then(Reading::usable) == now.usable() {
            return None;
        }
        Some(match (before, now.usable()) {
            (None, Some(_)) => Self::Late,
            (_, Some(_)) => Self::Corrected,
            (_, None) if now.value.is_none() => Self::NoValue,
            (_, None) => Self::Flagged,
        })
    }
}

/// Who decided what about readings, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decided {
    /// `confirm`, `void` or `correct`.
    pub verdict: &'static str,
    /// Who.
    pub reviewer: String,
    /// Why; may be empty for a confirmation.
    pub reason: String,
}

impl Decided {
    fn of(decision: &Decision) -> Self {
        Self {
            verdict: decision.verdict.key(),
            reviewer: decision.reviewer.clone(),
            reason: decision.reason.clone(),
        }
    }
}

/// Readings of one station's pollutant that took the same turn, by the same decision if one was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReadingCause {
    /// What happened.
    pub turn: Turn,
    /// Where.
    pub station: SourceId,
    /// To what.
    pub pollutant: Pollutant,
    /// How many readings.
    pub readings: u32,
    /// Hours they lie in.
    pub hours: u32,
    /// First and last of their times.
    pub times: (Instant, Instant),
    /// When the first and the last of them was received, or decided about.
    pub received: (Instant, Instant),
    /// What a reviewer decided.
    pub decided: Option<Decided>,
}

/// What happened to an exclusion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ExclusionTurn {
    /// It came to be known after.
    Entered,
    /// It does not stand any more.
    Revoked,
    /// It takes something else out.
    Changed,
}

impl ExclusionTurn {
    /// The word used on every interface.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Entered => "entered",
            Self::Revoked => "revoked",
            Self::Changed => "changed",
        }
    }
}

/// An exclusion that came, went or changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExclusionCause {
    /// What happened.
    pub turn: ExclusionTurn,
    /// The exclusion as it is listed now.
    pub exclusion: Exclusion,
    /// As it stood at the issue; `None` when it did not.
    pub before: Option<Exclusion>,
}

/// One reason for a difference.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Readings changed.
    Readings(ReadingCause),
    /// A station counts on days on which it did not.
    Joined {
        /// Which.
        station: SourceId,
        /// How many days.
        days: u32,
        /// First and last of them.
        span: Span,
    },
    /// A station does not count on days on which it did.
    Left {
        /// Which.
        station: SourceId,
        /// How many days.
        days: u32,
        /// First and last of them.
        span: Span,
    },
    /// A decision to leave days out came, went or changed.
    Exclusion(ExclusionCause),
    /// Days are those of another zone.
    Zone {
        /// At the issue.
        then: Zone,
        /// As asked.
        now: Zone,
    },
    /// The readings as known then give another figure now.
    Rules,
}

/// Readings that changed, gathered by what happened to them. `before` and `now` are in time order; `decided` names,
/// in the order of `now`, decisions taken since that stand; only days that `counts` takes are looked at.
pub fn turns(
    zone: Zone,
    station: &SourceId,
    pollutant: Pollutant,
    before: &[Reading],
    now: &[(Instant, Reading)],
    decided: &[Option<&Decision>],
    counts: impl Fn(NaiveDate) -> bool,
) -> Vec<ReadingCause> {
    let known = |time: Instant| {
        let at = before.binary_search_by_key(&time, |reading| reading.time);
        at.ok().map(|at| &before[at])
    };
    let mut causes: Vec<ReadingCause> = Vec::new();
    for (place, (received, reading)) in now.iter().enumerate() {
        let time = reading.time;
        let Some(turn) = Turn::of(known(time), reading) else {
            continue;
        };
        if !counts(zone.day_of_ending(time)) {
            continue;
        }
        let decision = decided.get(place).copied().flatten();
        let turn = decision.map_or(turn, |_| Turn::Reviewed);
        let received = decision.map_or(*received, |decision| decision.decided_at);
        let decided = decision.map(Decided::of);
        let hour = |time| (zone.day_of_ending(time), zone.hour_of_ending(time));
        let same = |own: &&mut ReadingCause| own.turn == turn && own.decided == decided;
        match causes.iter_mut().find(same) {
            Some(own) => {
                own.readings += 1;
                own.hours += u32::from(hour(own.times.1) != hour(time));
                own.times.1 = time;
                own.received.0 = own.received.0.min(received);
                own.received.1 = own.received.1.max(received);
            }
            None => causes.push(ReadingCause {
                turn,
                station: station.clone(),
                pollutant,
                readings: 1,
                hours: 1,
                times: (time, time),
                received: (received, received),
                decided,
            }),
        }
    }
    causes.sort_by_key(|own| own.turn);
    causes
}

/// Whether a station counts on a day.
pub fn counted(stretches: &[Stretch], station: &SourceId, day: NaiveDate) -> bool {
    stretches
        .iter()
        .any(|own| own.station == *station && own.days.contains(day))
}

/// Exclusions that came, went or changed since. `then` and `now` are those in force; `known` finds an exclusion as
/// it stands in the list now, in force or not.
pub fn exclusions(
    then: &[Exclusion],
    now: &[Exclusion],
    known: impl Fn(&str) -> Option<Exclusion>,
) -> Vec<Cause> {
    let takes = |own: &Exclusion| {
        let place = (own.place.clone(), own.span);
        (place, own.pollutants.clone(), own.statistics.clone())
    };
    let cause = |turn, exclusion: Exclusion, before: Option<&Exclusion>| {
        Cause::Exclusion(ExclusionCause {
            turn,
            exclusion,
            before: before.cloned(),
        })
    };
    let mut causes = Vec::new();
    for before in then {
        match now.iter().find(|own| own.id == before.id) {
            Some(own) if takes(own) == takes(before) => {}
            Some(own) => causes.push(cause(ExclusionTurn::Changed, own.clone(), Some(before))),
            None => {
                let own = known(&before.id).unwrap_or_else(|| before.clone());
                let turn = match own.revoked_on {
                    Some(_) => ExclusionTurn::Revoked,
                    None => ExclusionTurn::Changed,
                };
                causes.push(cause(turn, own, Some(before)));
            }
        }
    }
    let fresh = now
        .iter()
        .filter(|own| then.iter().all(|before| before.id != own.id));
    causes.extend(fresh.map(|own| cause(ExclusionTurn::Entered, own.clone(), None)));
    causes
}

/// Stations that joined or left since, on days of `span`.
pub fn memberships(then: &[Stretch], now: &[Stretch], span: Span) -> Vec<Cause> {
    let mut stations: Vec<&SourceId> = then.iter().chain(now).map(|own| &own.station).collect();
    stations.sort();
    stations.dedup();
    let mut causes = Vec::new();
    for station in stations {
        let only = |here: &[Stretch], there: &[Stretch]| {
            let own = |day: &NaiveDate| counted(here, station, *day);
            let other = |day: &NaiveDate| counted(there, station, *day);
            let days: Vec<NaiveDate> = span.days().filter(own).filter(|day| !other(day)).collect();
            let (from, to) = days.first().copied().zip(days.last().copied())?;
            let count = u32::try_from(days.len()).expect("days of a span");
            Some((count, Span { from, to }))
        };
        let joined = only(now, then).map(|(days, span)| Cause::Joined {
            station: station.clone(),
            days,
            span,
        });
        let left = only(then, now).map(|(days, span)| Cause::Left {
            station: station.clone(),
            days,
            span,
        });
        causes.extend(joined.into_iter().chain(left));
    }
    causes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::names::Flag;
    use crate::domain::reading::Qc;
    use crate::domain::reading::Review;
    use crate::domain::units::Amount;

    fn station(id: &str) -> SourceId {
        SourceId::new(id).expect("a test's station")
    }

    /// `12`, `-` (no value) or `12M` (flagged).
    fn reading(hour: i64, text: &str) -> Reading {
        let value = text.trim_end_matches('M');
        Reading {
            time: Instant::from_unix(hour * 3_600),
            value: (value != "-").then(|| Amount::parse(value).expect("a test's value")),
            flag: Flag::new(if text.ends_with('M') { "M" } else { "N" }).expect("a flag"),
            qc: Qc::Passed,
            review: Review::Raw,
        }
    }

    #[test]
    fn a_reading_turns_when_it_enters_means_otherwise() {
        for (before, now, expected) in [
            (None, "5", Some(Turn::Late)),
            (None, "-", None),
            (None, "5M", None),
            (Some("5"), "5", None),
            (Some("5"), "6", Some(Turn::Corrected)),
            (Some("-"), "6", Some(Turn::Corrected)),
            (Some("5M"), "5", Some(Turn::Corrected)),
            (Some("5"), "-", Some(Turn::NoValue)),
            (Some("5"), "5M", Some(Turn::Flagged)),
            (Some("-"), "5M", None),
        ] {
            let before = before.map(|text| reading(1, text));
            let found = Turn::of(before.as_ref(), &reading(1, now));
            assert_eq!(found, expected, "{before:?} {now}");
        }
    }

    #[test]
    fn turns_are_counted_by_kind_with_their_first_and_last() {
        let before = [reading(1, "5"), reading(2, "5"), reading(4, "5")];
        let at = Instant::from_unix;
        let now = [
            (at(10), reading(1, "5")),
            (at(90), reading(2, "6")),
            (at(70), reading(3, "7")),
            (at(60), reading(4, "8")),
            (at(80), reading(40, "9")),
        ];
        let first = Zone::beijing().day_of_ending(at(3_600));
        let causes = turns(
            Zone::beijing(),
            &station("A"),
            Pollutant::So2,
            &before,
            &now,
            &[],
            |day| day == first,
        );
        let text = |own: &ReadingCause| {
            let hours = |time: Instant| time.unix() / 3_600;
            let (key, count, hour) = (own.turn.key(), own.readings, own.hours);
            let (first, last) = (hours(own.times.0), hours(own.times.1));
            let received = (own.received.0.unix(), own.received.1.unix());
            format!("{key} {count}/{hour} {first}..{last} {received:?}")
        };
        let found: Vec<String> = causes.iter().map(text).collect();
        assert_eq!(
            found,
            ["late 1/1 3..3 (70, 70)", "corrected 2/2 2..4 (60, 90)"]
        );
    }

    #[test]
    fn who_joined_and_left_is_told_by_days() {
        let day = |text: &str| text.parse().expect("a test's date");
        let span = |from: &str, to: &str| Span {
            from: day(from),
            to: day(to),
        };
        let stretch = |id: &str, from: &str, to: &str| Stretch {
            station: station(id),
            days: span(from, to),
        };
        let then = [
            stretch("A", "2020-01-01", "2020-01-31"),
            stretch("B", "2020-01-01", "2020-01-10"),
        ];
        let now = [
            stretch("A", "2020-01-03", "2020-01-31"),
            stretch("C", "2020-01-30", "2020-02-28"),
        ];
        let found = memberships(&then, &now, span("2020-01-02", "2020-01-31"));
        let expected = [
            Cause::Left {
                station: station("A"),
                days: 1,
                span: span("2020-01-02", "2020-01-02"),
            },
            Cause::Left {
                station: station("B"),
                days: 9,
                span: span("2020-01-02", "2020-01-10"),
            },
            Cause::Joined {
                station: station("C"),
                days: 2,
                span: span("2020-01-30", "2020-01-31"),
            },
        ];
        assert_eq!(found, expected);
        assert!(memberships(&then, &then, span("2019-01-01", "2020-12-31")).is_empty());
    }
}
