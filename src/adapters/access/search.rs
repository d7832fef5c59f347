//! Searching the audit log, row by row, and its rows as interfaces print them.

use serde_json::Value;

use crate::adapters::access::Access;
use crate::adapters::access::line::from_line;
use crate::adapters::access::line::to_line;
use crate::adapters::store::embedded::Fault;
use crate::domain::access::Act;
use crate::domain::calendar::Instant;
use crate::ports::StoreError;

/// Which rows are asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Search {
    /// Those with greater numbers.
    pub after: u64,
    /// Those with lesser numbers, newest first; `None`: oldest first.
    pub below: Option<u64>,
    /// At most this many; 0: all.
    pub limit: usize,
    /// At this time or later.
    pub from: Option<Instant>,
    /// Before this time.
    pub before: Option<Instant>,
    /// By this name.
    pub who: Option<String>,
    /// Those whose kind or object holds this text.
    pub what: Option<String>,
}

impl Search {
    fn takes(&self, act: &Act) -> bool {
        let who = self.who.is_none() || self.who == act.who;
        let holds = |what: &String| act.what.contains(what) || act.about.contains(what);
        let what = self.what.as_ref().is_none_or(holds);
        let from = self.from.is_none_or(|from| act.at >= from);
        let before = self.before.is_none_or(|before| act.at < before);
        who && what && from && before
    }
}

/// A row of the log as JSON, with its number.
#[must_use]
pub fn act_json(seq: u64, act: &Act) -> Value {
    let mut row = serde_json::json!({ "seq": seq });
    let line: Value = serde_json::from_str(&to_line(act)).expect("a line is JSON");
    if let (Some(row), Value::Object(line)) = (row.as_object_mut(), line) {
        row.extend(line);
    }
    row
}

impl Access {
    /// Hands on the rows that are asked for, in order; whether there are more of them.
    ///
    /// # Errors
    /// Those of the file, naming a row that cannot be read.
    pub fn search(
        &self,
        search: &Search,
        mut visit: impl FnMut(u64, Act),
    ) -> Result<bool, StoreError> {
        self.read(|connection| {
            let order = match search.below {
                Some(_) => "DESC",
                None => "ASC",
            };
            let select = format!(
                "SELECT seq, line FROM audit WHERE seq > ?1 AND seq < ?2 ORDER BY seq {order}"
            );
            let mut statement = connection.prepare_cached(&select)?;
            let number = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
            let below = search.below.map_or(i64::MAX, number);
            let mut rows = statement.query([number(search.after), below])?;
            let mut count = 0;
            while let Some(row) = rows.next()? {
                let (seq, line): (i64, String) = (row.get(0)?, row.get(1)?);
                let act = from_line(&line);
                let act =
                    act.map_err(|fault| Fault::Row(format!("table audit, row {seq}: {fault}")))?;
                if !search.takes(&act) {
                    continue;
                }
                if search.limit > 0 && count == search.limit {
                    return Ok(true);
                }
                count += 1;
                visit(seq.cast_unsigned(), act);
            }
            Ok(false)
        })
    }
}
