//! Months of areas' days, kept beside the station days they were worked out from: a past month is worked out once, not for each
//! figure of each page. Whatever changes the days of a month, or what is registered, makes that be forgotten.
//!
//! A month of fifty stations is some 1,500 station days to be judged and averaged, and one page of trends asks for that of
//! each month of ten years several times.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::MutexGuard;
use std::sync::PoisonError;
use std::sync::Weak;

use chrono::NaiveDate;

use crate::domain::area::AreaDay;
use crate::domain::area::AreaOptions;
use crate::domain::calendar::Span;
use crate::domain::registry::Registry;
use crate::domain::standards::Editions;
use crate::flow::locked::locked;

/// Most months kept, some 20 kB each; when there would be more, all are forgotten.
const MONTHS_MAX: usize = 1_000;

/// Which month of which area, how judged.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) struct Month {
    /// Its first day.
    pub(super) first: NaiveDate,
    /// The area, in its words.
    pub(super) area: String,
    /// The edition's id.
    pub(super) edition: String,
    /// What is left open by it.
    pub(super) options: AreaOptions,
}

/// What else the days depend on: stations and groups, and the texts of the editions.
#[derive(Clone)]
pub(super) struct Origin {
    /// Stations and groups.
    pub(super) registry: Arc<Registry>,
    /// The editions; they last as long as the program.
    pub(super) editions: Weak<Editions>,
}

impl Origin {
    fn is(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.registry, &other.registry)
            && Weak::ptr_eq(&self.editions, &other.editions)
    }
}

#[derive(Clone, Default)]
struct Kept {
    origin: Option<Origin>,
    months: HashMap<Month, Arc<[AreaDay]>>,
}

/// The months.
#[derive(Default)]
pub(super) struct KeptMonths(Mutex<Kept>);

impl Clone for KeptMonths {
    fn clone(&self) -> Self {
        Self(Mutex::new(self.kept().clone()))
    }
}

impl KeptMonths {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        locked(&self.0)
    }

    /// The days of a month as kept, or as made now.
    pub(super) fn month(
        &self,
        month: Month,
        origin: &Origin,
        make: impl FnOnce() -> Vec<AreaDay>,
    ) -> Arc<[AreaDay]> {
        {
            let mut kept = self.kept();
            if !kept.origin.as_ref().is_some_and(|known| known.is(origin)) {
                kept.months.clear();
                kept.origin = Some(origin.clone());
            }
            if let Some(days) = kept.months.get(&month) {
                return Arc::clone(days);
            }
        }
        let days: Arc<[AreaDay]> = make().into();
        let mut kept = self.kept();
        if kept.origin.as_ref().is_some_and(|known| known.is(origin)) {
            if kept.months.len() >= MONTHS_MAX {
                kept.months.clear();
            }
            kept.months.insert(month, Arc::clone(&days));
        }
        days
    }

    /// Forgets the months of some days.
    pub(super) fn forget(&mut self, days: Span) {
        let kept = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        let ends = |own: &[AreaDay]| own.last().map(|last| last.day);
        kept.months.retain(|month, own| {
            month.first > days.to || ends(own).is_some_and(|last| last < days.from)
        });
    }

    /// Forgets everything.
    pub(super) fn forget_all(&mut self) {
        let kept = self.0.get_mut().unwrap_or_else(PoisonError::into_inner);
        kept.months.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::aqi::DayValues;
    use crate::domain::aqi::Index;
    use crate::domain::aqi::IndexOptions;
    use crate::domain::area::MinStations;
    use crate::domain::standards::AreaClass;

    const OPTIONS: AreaOptions = AreaOptions {
        index: IndexOptions {
            round_first: true,
            o3_1h_item: false,
            lift_zero: false,
        },
        o3_exception: false,
        area_class: AreaClass::Two,
        min_stations: MinStations::Standard,
    };

    fn first(month: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, month, 1).expect("a day")
    }

    fn day(day: NaiveDate, stations: u32) -> AreaDay {
        AreaDay {
            day,
            edition: String::new(),
            values: DayValues::default(),
            highest: None,
            index: Index::default(),
            void_reason: String::new(),
            stations,
        }
    }

    fn origin() -> Origin {
        Origin {
            registry: Arc::default(),
            editions: Weak::new(),
        }
    }

    /// What is answered for a month of which so many stations would be found now.
    fn ask(kept: &KeptMonths, month: u32, origin: &Origin, stations: u32) -> u32 {
        let days = || {
            vec![
                day(first(month), stations),
                day(first(month) + chrono::Days::new(27), stations),
            ]
        };
        let of = Month {
            first: first(month),
            area: "mean".to_owned(),
            edition: String::new(),
            options: OPTIONS,
        };
        kept.month(of, origin, days)[0].stations
    }

    #[test]
    fn a_month_is_made_again_when_its_days_or_the_registry_changed() {
        let (mut kept, then) = (KeptMonths::default(), origin());
        assert_eq!(ask(&kept, 3, &then, 1), 1);
        assert_eq!(ask(&kept, 4, &then, 1), 1);
        assert_eq!(ask(&kept, 3, &then, 2), 1);
        let touched = first(3) + chrono::Days::new(27);
        let copied = kept.clone();
        kept.forget(Span {
            from: touched,
            to: touched,
        });
        assert_eq!(ask(&kept, 3, &then, 2), 2, "a day of it changed");
        assert_eq!(ask(&kept, 4, &then, 2), 1, "none of its days changed");
        assert_eq!(
            ask(&copied, 3, &then, 2),
            1,
            "whoever holds the days of before"
        );
        assert_eq!(ask(&kept, 4, &origin(), 3), 3, "another registry");
        kept.forget_all();
        assert_eq!(ask(&kept, 3, &then, 4), 4);
    }

    #[test]
    fn no_more_than_so_many_are_kept() {
        let (kept, origin) = (KeptMonths::default(), origin());
        for at in 0..=MONTHS_MAX {
            let of = Month {
                first: first(1),
                area: at.to_string(),
                edition: String::new(),
                options: OPTIONS,
            };
            let days = kept.month(of, &origin, || vec![day(first(1), 1)]);
            assert_eq!(days.len(), 1);
        }
        assert_eq!(kept.kept().months.len(), 1);
    }
}
