//! The sites of a legal person, as the authority's lists name them: one code, several plants, each with its own tier.

use crate::domain::credit::CreditEvent;
use crate::domain::credit::Tier;
use crate::domain::credit::official::Official;
use crate::domain::credit::official::newest;
use crate::domain::credit::official::published;
use chrono::DateTime;
use chrono::FixedOffset;
use chrono::NaiveDate;
use std::collections::BTreeSet;

/// The newest official tier of each site that speaks of the day or one before it, as known at an instant: the whole unit
/// first, then the sites by name.
#[must_use]
pub fn sites(
    events: &[CreditEvent],
    on: NaiveDate,
    known_at: Option<DateTime<FixedOffset>>,
) -> Vec<Official> {
    let published: Vec<_> = published(events, known_at).collect();
    let names: BTreeSet<Option<&str>> = published
        .iter()
        .map(|(_, official)| official.site.as_deref())
        .collect();
    let of = |name: Option<&str>| {
        let of_site = published.iter().copied();
        newest(
            of_site.filter(|(_, official)| official.site.as_deref() == name),
            on,
        )
    };
    names.into_iter().filter_map(of).collect()
}

/// The worst colour of some sites; unrated only where none has a colour, `None` without any.
#[must_use]
pub fn worst(sites: &[Official]) -> Option<Tier> {
    let tiers = || sites.iter().map(|site| site.tier);
    let coloured = tiers().filter(|tier| *tier != Tier::Unrated).max();
    coloured.or_else(|| tiers().max())
}
