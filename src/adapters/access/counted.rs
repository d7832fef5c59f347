//! Acts that come in floods, such as refused tokens and look-ups, counted together: a row in the audit log for who, what,
//! from where and a minute, so that no flood fills the disk.

use std::collections::BTreeMap;

use crate::adapters::access::Access;
use crate::adapters::access::AccessFault;
use crate::domain::access::Act;
use crate::flow::locked::locked;

/// Rows of those who showed who they are that are counted at once, and rows of all others, who may be any number;
/// whatever else comes is counted in one more of its kind.
const NAMED_MAX: usize = 1_000;
const NAMELESS_MAX: usize = 60;
/// What the row of all else says in place of what differs.
const OTHERS: &str = "others";

/// Who, what and from where.
type Key = (String, Option<String>, Option<String>, String);

/// What was counted since the last rows.
#[derive(Default)]
pub(super) struct Counted {
    rows: BTreeMap<Key, (Act, String)>,
    nameless: usize,
}

impl Counted {
    fn add(&mut self, act: Act) {
        let key = |act: &Act| {
            let (who, address) = (act.who.clone(), act.address.clone());
            (act.what.clone(), who, address, act.about.clone())
        };
        let mut own = key(&act);
        let mut act = act;
        let nameless = act.who.is_none();
        if !self.rows.contains_key(&own) {
            let full = match nameless {
                true => self.nameless >= NAMELESS_MAX,
                false => self.rows.len() - self.nameless >= NAMED_MAX,
            };
            if full {
                (act.who, act.address) = (None, None);
                (act.about, act.detail) = (OTHERS.to_owned(), String::new());
                own = key(&act);
            } else if nameless {
                self.nameless += 1;
            }
        }
        let last = act.detail.clone();
        let count = act.count;
        let row = self.rows.entry(own).or_insert_with(|| {
            let empty = Act { count: 0, ..act };
            (empty, String::new())
        });
        row.0.count += count;
        row.1 = last;
    }

    /// The rows so far: the first detail and the last of each.
    fn take(&mut self) -> Vec<Act> {
        let rows = std::mem::take(self).rows.into_values();
        let told = rows.map(|(act, last)| match act.count > 1 && act.detail != last {
            true => {
                let both = format!("{} .. {last}", act.detail);
                act.with(both)
            }
            false => act,
        });
        told.collect()
    }
}

impl Access {
    /// Counts an act towards its row.
    pub fn count(&self, act: Act) {
        locked(&self.counted).add(act);
    }

    /// Writes what was counted into the audit log.
    ///
    /// # Errors
    /// Those of the file; what was counted goes on being counted then.
    pub fn keep_counts(&self) -> Result<(), AccessFault> {
        let rows = locked(&self.counted).take();
        let kept = self.record(rows.clone());
        if kept.is_err() {
            let mut counted = locked(&self.counted);
            rows.into_iter().for_each(|act| counted.add(act));
        }
        kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::calendar::Instant;

    fn refused(address: usize, detail: &str) -> Act {
        let at = Instant::from_unix(0);
        let mut act = Act::at_machine(None, at, "token.refused", "").with(detail);
        act.address = Some(format!("10.0.0.{address}"));
        act
    }

    #[test]
    fn one_row_for_who_what_and_where_with_its_first_and_last_detail() {
        let mut counted = Counted::default();
        for (address, detail) in [(1, "a"), (2, "x"), (1, "b"), (1, "c")] {
            counted.add(refused(address, detail));
        }
        let rows = counted.take();
        let told: Vec<_> = rows
            .iter()
            .map(|act| (act.count, act.detail.as_str()))
            .collect();
        assert_eq!(told, [(3, "a .. c"), (1, "x")]);
        assert!(counted.take().is_empty());
    }

    #[test]
    fn a_flood_from_everywhere_takes_a_bounded_number_of_rows_and_loses_no_count() {
        let mut counted = Counted::default();
        let all = 3 * NAMELESS_MAX;
        (0..all).for_each(|address| counted.add(refused(address, "unknown")));
        // Who showed who that is keeps a row of its own.
        let mut bank = refused(1, "a look-up");
        bank.who = Some("icbc".to_owned());
        counted.add(bank);
        let rows = counted.take();
        assert_eq!(rows.len(), NAMELESS_MAX + 2);
        assert_eq!(
            rows.iter().map(|act| act.count).sum::<u64>(),
            all as u64 + 1
        );
        assert_eq!(counted.nameless, 0, "counted anew");
        let named = |one: usize| {
            let mut act = refused(1, "a look-up");
            act.who = Some(format!("n{one}"));
            act
        };
        (0..2 * NAMED_MAX).for_each(|one| counted.add(named(one)));
        assert_eq!(counted.take().len(), NAMED_MAX + 1);
    }
}
