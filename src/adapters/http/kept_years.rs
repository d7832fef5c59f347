//! Years of AQI days as pages show them, kept until a day of theirs changes: a past year is worked out once, not at every look.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;

use chrono::NaiveDate;

use crate::adapters::http::page::calendar::YearOfDays;
use crate::adapters::lang::Lang;
use crate::domain::registry::Registry;

/// Most years kept; when there would be more, all are forgotten.
const YEARS_MAX: usize = 512;

/// Area, year and language.
type Key = (String, i32, Lang);

/// What a year was made of.
#[derive(Clone)]
pub struct Origin {
    /// How often days of the year had been replaced.
    pub changes: u64,
    /// Its last day that is shown.
    pub upto: NaiveDate,
    /// The registry.
    pub registry: Arc<Registry>,
}

impl Origin {
    fn is(&self, other: &Self) -> bool {
        self.changes == other.changes
            && self.upto == other.upto
            && Arc::ptr_eq(&self.registry, &other.registry)
    }
}

/// The years.
#[derive(Default)]
pub struct KeptYears(Mutex<HashMap<Key, (Origin, YearOfDays)>>);

impl KeptYears {
    /// The year as kept, or as made now.
    pub fn year(&self, key: Key, origin: Origin, make: impl FnOnce() -> YearOfDays) -> YearOfDays {
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((of, year)) = kept().get(&key)
            && of.is(&origin)
        {
            return year.clone();
        }
        let year = make();
        let mut all = kept();
        if all.len() >= YEARS_MAX {
            all.clear();
        }
        all.insert(key, (origin, year.clone()));
        year
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use chrono::NaiveDate;

    use super::KeptYears;
    use super::Origin;
    use super::YEARS_MAX;
    use crate::adapters::http::page::calendar::YearOfDays;
    use crate::adapters::lang::Lang;
    use crate::domain::registry::Registry;

    fn year(good: u32) -> YearOfDays {
        YearOfDays {
            year: 2024,
            days: Vec::new(),
            good,
            heavy: 0,
            valid: good,
            calendar: 366,
            ratio: None,
            editions: String::new(),
        }
    }

    #[test]
    fn a_year_is_made_again_when_its_days_or_the_registry_changed() {
        let kept = KeptYears::default();
        let registry = Arc::new(Registry::default());
        let ask = |changes: u64, registry: &Arc<Registry>, good: u32| {
            let origin = Origin {
                changes,
                upto: NaiveDate::MAX,
                registry: Arc::clone(registry),
            };
            let key = ("mean".to_owned(), 2024, Lang::Zh);
            kept.year(key, origin, || year(good)).good
        };
        assert_eq!(ask(0, &registry, 1), 1);
        assert_eq!(ask(0, &registry, 2), 1);
        assert_eq!(ask(1, &registry, 3), 3);
        assert_eq!(ask(1, &Arc::new(Registry::default()), 4), 4);
    }

    #[test]
    fn no_more_than_so_many_are_kept() {
        let kept = KeptYears::default();
        let registry = Arc::new(Registry::default());
        for at in 0..=YEARS_MAX {
            let origin = Origin {
                changes: 0,
                upto: NaiveDate::MAX,
                registry: Arc::clone(&registry),
            };
            let key = (format!("station:{at}"), 2024, Lang::Zh);
            kept.year(key, origin, || year(1));
        }
        let all = kept.0.lock().unwrap();
        assert_eq!(all.len(), 1);
    }
}
