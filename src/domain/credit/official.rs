//! The authority's own tiers: which of its lists' rows stands for a unit on a day.
//!
//! A list names a unit or its sites. A later row of the same site replaces an earlier one, and a row of the whole unit
//! those of its sites up to its day.

use crate::domain::credit::CreditEvent;
use crate::domain::credit::EventBody;
use crate::domain::credit::OfficialTier;
use crate::domain::credit::Tier;
use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The authority's published tier that was current on the day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Official {
    /// The site, where the list names one.
    pub site: Option<String>,
    /// What was published.
    pub tier: Tier,
    /// The day the list speaks of.
    pub as_of: NaiveDate,
    /// Where it was published.
    pub source: String,
    /// When it was imported.
    pub captured_at: DateTime<FixedOffset>,
}

impl Official {
    fn of(captured_at: DateTime<FixedOffset>, told: &OfficialTier) -> Official {
        Official {
            site: told.site.clone(),
            tier: told.tier,
            as_of: told.as_of,
            source: told.source.clone(),
            captured_at,
        }
    }
}

/// The official tier that stands on a day, as known at an instant; where lists tell its sites apart, the worst of what stands.
#[must_use]
pub fn current(
    events: &[CreditEvent],
    on: NaiveDate,
    known_at: Option<DateTime<FixedOffset>>,
) -> Option<Official> {
    standing_on(published(events, known_at), on)
}

/// Official tiers known at an instant, with when each was captured.
pub(super) fn published(
    events: &[CreditEvent],
    known_at: Option<DateTime<FixedOffset>>,
) -> impl Iterator<Item = (DateTime<FixedOffset>, &OfficialTier)> {
    let known = events
        .iter()
        .filter(move |event| known_at.is_none_or(|known_at| event.captured_at <= known_at));
    known.filter_map(|event| match &event.body {
        EventBody::Official(official) => Some((event.captured_at, official)),
        _ => None,
    })
}

/// In which order official tiers of one unit, site and day stand for each other: the one captured last, then the worse.
fn entered(captured_at: DateTime<FixedOffset>, official: &OfficialTier) -> impl Ord + '_ {
    (captured_at, official.tier, &official.source)
}

/// What was entered last for the same unit, site and day as another: a list may be corrected, and the correction taken
/// back.
#[must_use]
pub fn standing<'e>(events: &'e [CreditEvent], listed: &OfficialTier) -> Option<&'e OfficialTier> {
    let same =
        |official: &OfficialTier| official.site == listed.site && official.as_of == listed.as_of;
    let of_same = published(events, None).filter(|(_, official)| same(official));
    let last = of_same.max_by_key(|(captured_at, official)| entered(*captured_at, official));
    last.map(|(_, official)| official)
}

/// What stands for a unit on a day: its newest official tier, and what later lists say of its sites. The worst of these is
/// the unit's, for no site's good colour covers another's bad one.
pub(super) fn standing_on<'e>(
    published: impl Iterator<Item = (DateTime<FixedOffset>, &'e OfficialTier)>,
    on: NaiveDate,
) -> Option<Official> {
    let mut newest: BTreeMap<Option<&str>, (DateTime<FixedOffset>, &OfficialTier)> =
        BTreeMap::new();
    for (at, told) in published.filter(|(_, told)| told.as_of <= on) {
        let of_site = newest.entry(told.site.as_deref()).or_insert((at, told));
        if by_age(&(at, told)) > by_age(of_site) {
            *of_site = (at, told);
        }
    }
    let whole = newest.get(&None).map(|(_, told)| told.as_of);
    let stands =
        |told: &OfficialTier| told.site.is_none() || whole.is_none_or(|as_of| told.as_of > as_of);
    let standing = newest.into_values().filter(|(_, told)| stands(told));
    let (captured_at, worst) = standing.max_by_key(|(_, told)| {
        let coloured = told.tier != Tier::Unrated;
        (coloured, told.tier, told.as_of, Reverse(&told.site))
    })?;
    Some(Official::of(captured_at, worst))
}

/// The newest of some official tiers that speaks of the day or one before it.
pub(super) fn newest<'e>(
    published: impl Iterator<Item = (DateTime<FixedOffset>, &'e OfficialTier)>,
    on: NaiveDate,
) -> Option<Official> {
    let published = published.filter(|(_, official)| official.as_of <= on);
    let (captured_at, newest) = published.max_by(|one, other| by_age(one).cmp(&by_age(other)))?;
    Some(Official::of(captured_at, newest))
}

/// The order of official tiers of one site: by their day, then as they were entered.
fn by_age<'e>(published: &(DateTime<FixedOffset>, &'e OfficialTier)) -> impl Ord + use<'e> {
    let (captured_at, official) = *published;
    (official.as_of, entered(captured_at, official))
}
