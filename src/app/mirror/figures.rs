//! Figures for the mirror: hours and days of stations and groups, computed anew where readings were sent, and tiers of
//! every unit of the ledger, each day once and again when an entry was made.

use std::collections::BTreeSet;
use std::sync::Arc;

use chrono::NaiveDate;

use crate::adapters::store::influxdb2::mirror::Lines;
use crate::adapters::store::influxdb2::mirror::Whose;
use crate::app::mirror::Mirroring;
use crate::app::mirror::Touched;
use crate::domain::calendar::Span;
use crate::domain::credit::uscc::Uscc;
use crate::domain::reading::SeriesKey;
use crate::domain::registry::Group;
use crate::domain::registry::Membership;
use crate::flow::area::Area;
use crate::flow::assess::Assessor;
use crate::flow::assess::Choices;
use crate::flow::assess::EditionChoice;
use crate::flow::hours::HoursOf;
use crate::ports::StoreError;

/// The mark of tiers, followed by which server it is.
const TIERS_MARK: &str = "mirror tiers";
/// Days of tiers that are made up for after an absence; older ones stay out.
const TIER_DAYS_MAX: u64 = 31;
/// Units rated in one go.
const SUBJECTS_AT_ONCE: usize = 2_000;
/// Days computed in one go.
const DAYS_AT_ONCE: u32 = 366;

/// Spans of days that follow one another, none too long to be computed in one go.
fn spans(days: &BTreeSet<NaiveDate>) -> impl Iterator<Item = Span> {
    let runs = Span::runs(days.iter().copied());
    runs.into_iter().flat_map(|run| run.chunks(DAYS_AT_ONCE))
}

/// The days whose tiers are due, by the mark of those sent last. Entries may have been made on that day after it was
/// sent, so it is sent again.
fn due(mark: Option<&str>, today: NaiveDate) -> Span {
    let day = mark.and_then(|mark| mark.split(' ').next());
    let sent: Option<NaiveDate> = day.and_then(|day| day.parse().ok());
    let first = today - chrono::Days::new(TIER_DAYS_MAX);
    let from = sent.map_or(today, |day| day.clamp(first, today));
    Span { from, to: today }
}

/// The areas that readings of these days are part of, with the days.
fn areas(groups: &[Group], touched: Touched) -> Vec<(Area, BTreeSet<NaiveDate>)> {
    let mut areas = Vec::new();
    for group in groups {
        let of_member = |member: &Membership| {
            let last = member.to.unwrap_or(NaiveDate::MAX);
            let days = touched.get(&member.station).into_iter();
            let within = days.flat_map(move |days| days.range(member.from..));
            let within = within.take_while(move |day| **day <= last);
            within.copied().collect::<Vec<_>>()
        };
        let days: BTreeSet<NaiveDate> = group.members.iter().flat_map(of_member).collect();
        areas.push((Area::Group(group.id.clone()), days));
    }
    let stations = touched
        .into_iter()
        .map(|(source, days)| (Area::Station(source), days));
    areas.extend(stations);
    areas
}

impl Mirroring {
    /// Adds every day there are readings of.
    pub(super) fn everything(&self, touched: &mut Touched) {
        for (source, days) in self.rollup.now().iter() {
            let all = touched.entry(source.clone()).or_default();
            all.extend(days.keys().copied());
        }
    }

    /// Sends hours and days, once they are computed from what was sent.
    pub(super) async fn figures(&self, touched: Touched) -> Result<(), StoreError> {
        if touched.is_empty() {
            return Ok(());
        }
        self.rollup.settle().await?;
        let assessor = Assessor {
            editions: Arc::clone(&self.editions),
            publication: self.publication,
            registry: self.directory.now(),
            days: self.rollup.now(),
        };
        let keys = self.series.keys().await?;
        let mut lines = Lines::default();
        for (area, days) in areas(&assessor.registry.groups, touched) {
            for span in spans(&days) {
                self.days(&assessor, &area, span, &mut lines).await?;
            }
            // Moving means of the day after take in hours of this one.
            let after = days.iter().filter_map(|day| day.succ_opt());
            let reached: BTreeSet<NaiveDate> = days.iter().copied().chain(after).collect();
            for span in spans(&reached) {
                self.hours(&assessor, &keys, (&area, span), &mut lines)
                    .await?;
            }
        }
        self.send(&mut lines).await
    }

    /// Whose a day and its hours are. What it says is part of a point's identity, so each day is judged by itself and
    /// not by what it is sent with.
    fn whose<'a>(
        &self,
        assessor: &Assessor,
        (area, text): (&Area, &'a str),
        day: NaiveDate,
    ) -> Whose<'a> {
        let day = Span { from: day, to: day };
        Whose {
            area: text,
            simulated: assessor.simulated(area, day),
        }
    }

    async fn days(
        &self,
        assessor: &Assessor,
        area: &Area,
        span: Span,
        lines: &mut Lines,
    ) -> Result<(), StoreError> {
        let (own, asked) = (assessor.clone(), area.clone());
        let compute = move || own.days(&asked, span, &EditionChoice::Auto, Choices::default());
        // Off the threads that serve connections.
        let computed = tokio::task::spawn_blocking(compute).await;
        let text = area.text();
        for day in &computed.expect("figures of stored readings can be computed") {
            let whose = self.whose(assessor, (area, &text), day.day);
            lines.day(whose, self.zone, day);
            self.full(lines).await?;
        }
        Ok(())
    }

    async fn hours(
        &self,
        assessor: &Assessor,
        keys: &[SeriesKey],
        (area, span): (&Area, Span),
        lines: &mut Lines,
    ) -> Result<(), StoreError> {
        let of = HoursOf {
            recipe: self.rollup.recipe(),
            assessor,
            keys,
            edition: &EditionChoice::Auto,
            choices: Choices::default(),
            any_station: false,
            known_at: None,
        };
        let text = area.text();
        for hour in of.hours(area, span).await? {
            if hour.reporting > 0 {
                let whose = self.whose(assessor, (area, &text), self.zone.day_of_ending(hour.time));
                lines.hour(whose, hour.time, &hour.values, &hour.index);
                self.full(lines).await?;
            }
        }
        Ok(())
    }

    /// Sends the tiers of the day they were sent last and of those since, when a day began or entries were made.
    pub(super) async fn tiers(&self) -> Result<(), StoreError> {
        let name = format!("{TIERS_MARK} {}", self.mirror.place());
        let today = self.zone.local((self.clock)()).date_naive();
        let book = self.tiering.now();
        let (head, _) = book.head();
        let mark = self.registrar.mark(&name).await?;
        let now = format!("{today} {head}");
        if head == 0 || mark.as_ref() == Some(&now) {
            return Ok(());
        }
        let subjects: Vec<Uscc> = book
            .ledger()
            .subjects()
            .map(|(subject, _)| *subject)
            .collect();
        for day in due(mark.as_deref(), today).days() {
            for some in subjects.chunks(SUBJECTS_AT_ONCE) {
                let mut lines = self.rated(some.to_vec(), day, day < today).await;
                self.send(&mut lines).await?;
            }
        }
        self.arrive().await?;
        self.registrar.set_mark(&name, &now).await
    }

    /// The tiers of some units at the end of a day; `then`: as known then.
    async fn rated(&self, subjects: Vec<Uscc>, day: NaiveDate, then: bool) -> Lines {
        let (tiering, book, zone) = (Arc::clone(&self.tiering), self.tiering.now(), self.zone);
        let known_at = then.then(|| zone.local(zone.day_end(day)));
        let compute = move || {
            let mut lines = Lines::default();
            for subject in subjects {
                match tiering.rate(book.ledger(), &subject, day, known_at) {
                    Ok(rating) => lines.tier(&subject, zone, &rating),
                    Err(fault) => lines.refused.push(format!("tier of {subject}: {fault}")),
                }
            }
            lines
        };
        let computed = tokio::task::spawn_blocking(compute).await;
        computed.expect("the entries of the ledger were checked")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::names::SourceId;
    use crate::domain::registry::Names;

    fn day(text: &str) -> NaiveDate {
        text.parse().expect("a date")
    }

    #[test]
    fn a_marked_day_is_due_again() {
        let check = |mark: Option<&str>, expected: &str| {
            let span = due(mark, day("2026-03-01"));
            assert_eq!(format!("{} {}", span.from, span.to), expected, "{mark:?}");
        };
        check(None, "2026-03-01 2026-03-01");
        check(Some("2026-03-01 7"), "2026-03-01 2026-03-01");
        // What was entered on the 28th after it was sent belongs to the 28th.
        check(Some("2026-02-28 7"), "2026-02-28 2026-03-01");
        check(Some("2025-06-30 7"), "2026-01-29 2026-03-01");
        check(Some("2026-03-02 7"), "2026-03-01 2026-03-01");
        check(Some("not a day"), "2026-03-01 2026-03-01");
    }

    #[test]
    fn a_group_takes_the_days_on_which_the_station_is_a_member() {
        let station = |id: &str| SourceId::new(id).expect("an id");
        let member = |id: &str, from: &str, to: Option<&str>| Membership {
            station: station(id),
            from: day(from),
            to: to.map(day),
            document: None,
        };
        let group = Group {
            id: "city".to_owned(),
            names: Names {
                zh: String::new(),
                en: String::new(),
            },
            document: String::new(),
            division_code: None,
            members: vec![
                member("A", "2026-01-02", Some("2026-01-03")),
                member("B", "2026-01-04", None),
            ],
        };
        let days = ["2026-01-01", "2026-01-02", "2026-01-03", "2026-01-04"].map(day);
        let touched = Touched::from([(station("A"), days.into()), (station("C"), days.into())]);
        let found: Vec<String> = areas(&[group], touched)
            .into_iter()
            .map(|(area, days)| format!("{} {}", area.text(), days.len()))
            .collect();
        assert_eq!(found, ["group:city 2", "station:A 4", "station:C 4"]);
    }
}
